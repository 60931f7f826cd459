-- A practice's people may ask for a link that signs them in, in place of a password. Asking for it is noted as asking for a
-- new password is: one write, whoever has the address.
ALTER TABLE person_link
    DROP CONSTRAINT person_link_purpose_check,
    ADD CONSTRAINT person_link_purpose_check CHECK (purpose IN ('password_reset', 'email_change', 'sign_in'));

ALTER TABLE reset_request RENAME TO link_request;
ALTER TABLE link_request
    ADD COLUMN purpose text NOT NULL DEFAULT 'password_reset' CHECK (purpose IN ('password_reset', 'sign_in')),
    DROP CONSTRAINT reset_request_pkey,
    ADD CONSTRAINT link_request_pkey PRIMARY KEY (account, purpose);
ALTER TABLE link_request ALTER COLUMN purpose DROP DEFAULT;
