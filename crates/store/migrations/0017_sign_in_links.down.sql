-- Links that sign in stop working; who needs one asks for a new password.
ALTER TABLE person_link NO FORCE ROW LEVEL SECURITY;
DELETE FROM person_link WHERE purpose = 'sign_in';
ALTER TABLE person_link FORCE ROW LEVEL SECURITY;
ALTER TABLE person_link
    DROP CONSTRAINT person_link_purpose_check,
    ADD CONSTRAINT person_link_purpose_check CHECK (purpose IN ('password_reset', 'email_change'));

ALTER TABLE link_request NO FORCE ROW LEVEL SECURITY;
DELETE FROM link_request WHERE purpose = 'sign_in';
ALTER TABLE link_request FORCE ROW LEVEL SECURITY;
ALTER TABLE link_request
    DROP CONSTRAINT link_request_pkey,
    DROP COLUMN purpose,
    ADD CONSTRAINT reset_request_pkey PRIMARY KEY (account);
ALTER TABLE link_request RENAME TO reset_request;
