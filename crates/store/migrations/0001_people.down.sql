DROP TABLE audit_entry, bootstrap_token, session, sign_in_attempt, person, server_key, installation;
