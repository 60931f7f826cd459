DROP TABLE audit_entry, bootstrap_token, session, person, server_key, installation;
