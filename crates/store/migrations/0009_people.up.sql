-- Managing people: invitations, the links that a mail carries, the mail itself, and who ended whose access.

ALTER TABLE person
    ADD COLUMN disabled_reason text CHECK (length(disabled_reason) <= 500),
    ADD COLUMN last_seen_at timestamptz;
CREATE INDEX person_by_name ON person (name, id);
GRANT DELETE ON person TO proofline_app;

-- What a browser calls itself, in a few words: so that people can tell their own sessions apart.
ALTER TABLE session ADD COLUMN client text NOT NULL DEFAULT '' CHECK (length(client) <= 60);

-- What belongs to a person goes with the person. What they did stays, in the audit log.
ALTER TABLE session
    DROP CONSTRAINT session_user_id_fkey,
    ADD CONSTRAINT session_user_id_fkey FOREIGN KEY (user_id) REFERENCES person (id) ON DELETE CASCADE;
ALTER TABLE idempotency_key
    DROP CONSTRAINT idempotency_key_user_id_fkey,
    ADD CONSTRAINT idempotency_key_user_id_fkey FOREIGN KEY (user_id) REFERENCES person (id) ON DELETE CASCADE;

-- Not unique by address: whether another tenant has invited somebody is nobody's business.
CREATE TABLE invitation (
    id uuid PRIMARY KEY,
    email text NOT NULL CHECK (email = lower(email) AND length(email) <= 254),
    role text NOT NULL,
    partner_id uuid REFERENCES partner (id),
    org_id uuid REFERENCES organisation (org_id),
    -- As it was called then: who opens the link is nobody yet, and sees no tenant.
    place_name text CHECK (length(place_name) <= 120),
    token_digest bytea NOT NULL UNIQUE CHECK (octet_length(token_digest) = 32),
    inviter_id uuid NOT NULL,
    inviter_name text NOT NULL CHECK (length(inviter_name) <= 120),
    created_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    accepted_at timestamptz,
    revoked_at timestamptz,
    CHECK (accepted_at IS NULL OR revoked_at IS NULL),
    CONSTRAINT invitation_membership CHECK (CASE
        WHEN role IN ('staff_admin', 'staff_operator', 'staff_readonly')
            THEN partner_id IS NULL AND org_id IS NULL
        WHEN role IN ('partner_admin', 'partner_technician', 'partner_billing')
            THEN partner_id IS NOT NULL AND org_id IS NULL
        WHEN role IN ('practice_owner', 'practice_manager', 'practice_viewer')
            THEN partner_id IS NULL AND org_id IS NOT NULL
        ELSE false END)
);
CREATE INDEX invitation_by_partner ON invitation (partner_id, id) WHERE partner_id IS NOT NULL;
CREATE INDEX invitation_by_org ON invitation (org_id, id) WHERE org_id IS NOT NULL;
CREATE INDEX invitation_by_inviter ON invitation (inviter_id) WHERE accepted_at IS NULL AND revoked_at IS NULL;
-- As for people: whoever would see the person sees the invitation.
CREATE POLICY tenant ON invitation USING (CASE
    WHEN (SELECT current_setting('app.sign_in', true)) = 'on' THEN true
    WHEN (SELECT current_setting('app.platform', true)) = 'on' THEN true
    WHEN (SELECT nullif(current_setting('app.site', true), '')) IS NOT NULL THEN false
    WHEN (SELECT nullif(current_setting('app.org', true), '')) IS NOT NULL
        THEN org_id = (SELECT nullif(current_setting('app.org', true), '')::uuid)
    ELSE partner_id = (SELECT nullif(current_setting('app.partner', true), '')::uuid)
        OR org_id IN (SELECT o.org_id FROM organisation o WHERE o.partner_id =
            (SELECT nullif(current_setting('app.partner', true), '')::uuid)) END);
ALTER TABLE invitation ENABLE ROW LEVEL SECURITY;
ALTER TABLE invitation FORCE ROW LEVEL SECURITY;

-- Whether anybody has the address, for whoever is about to write to it: what comes of that is told to the address alone.
-- It looks as signing in does, and sees what the transaction saw before as soon as it is done.
CREATE FUNCTION proofline_address_is_taken(address text) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
    before text := coalesce(current_setting('app.sign_in', true), '');
    taken boolean;
BEGIN
    PERFORM set_config('app.sign_in', 'on', true);
    taken := EXISTS (SELECT FROM person WHERE email = address);
    PERFORM set_config('app.sign_in', before, true);
    RETURN taken;
END $$;

-- Links that were mailed to somebody who has an account.
CREATE TABLE person_link (
    token_digest bytea PRIMARY KEY CHECK (octet_length(token_digest) = 32),
    user_id uuid NOT NULL REFERENCES person (id) ON DELETE CASCADE,
    purpose text NOT NULL CHECK (purpose IN ('password_reset', 'email_change')),
    -- The address that the link was mailed to, and that it makes the person's own.
    new_email text CHECK (new_email = lower(new_email) AND length(new_email) <= 254),
    created_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    CHECK ((purpose = 'email_change') = (new_email IS NOT NULL))
);
CREATE INDEX person_link_by_user ON person_link (user_id);
CREATE INDEX person_link_by_expiry ON person_link (expires_at);
SELECT proofline_protect_by_person('person_link');

-- Who asked for a new password. Looked at later, so that asking is the same one write for every address, whether somebody
-- has it or not. One a line for each address, however often it is asked for.
CREATE TABLE reset_request (
    account bytea PRIMARY KEY CHECK (octet_length(account) = 32),
    email text NOT NULL CHECK (email = lower(email) AND length(email) <= 254),
    asked_at timestamptz NOT NULL
);
CREATE POLICY sign_in ON reset_request USING ((SELECT current_setting('app.sign_in', true)) = 'on');
ALTER TABLE reset_request ENABLE ROW LEVEL SECURITY;
ALTER TABLE reset_request FORCE ROW LEVEL SECURITY;

-- Mail that is written together with the change that it tells of, and sent after it. The text may hold a token: it is
-- sealed, and emptied once the mail has left.
CREATE TABLE mail_outbox (
    id uuid PRIMARY KEY,
    recipient text NOT NULL CHECK (length(recipient) <= 254),
    subject text NOT NULL CHECK (length(subject) BETWEEN 1 AND 200),
    body_sealed text NOT NULL,
    body_key text NOT NULL CHECK (body_key ~ '^[0-9a-f]{16}$'),
    state text NOT NULL CHECK (state IN ('queued', 'sent', 'failed')),
    attempts integer NOT NULL DEFAULT 0 CHECK (attempts >= 0),
    last_error text CHECK (length(last_error) <= 300),
    created_at timestamptz NOT NULL,
    next_attempt_at timestamptz NOT NULL,
    finished_at timestamptz,
    CHECK ((state = 'queued') = (finished_at IS NULL)),
    CHECK ((state = 'sent') = (body_sealed = ''))
);
CREATE INDEX mail_outbox_due ON mail_outbox (next_attempt_at, id) WHERE state = 'queued';
CREATE INDEX mail_outbox_by_state ON mail_outbox (state, id);
CREATE POLICY reading ON mail_outbox FOR SELECT USING ((SELECT current_setting('app.platform', true)) = 'on');
CREATE POLICY sending ON mail_outbox FOR UPDATE USING ((SELECT current_setting('app.platform', true)) = 'on');
CREATE POLICY forgetting ON mail_outbox FOR DELETE USING ((SELECT current_setting('app.platform', true)) = 'on');
-- Whoever changes something may have to tell somebody.
CREATE POLICY writing ON mail_outbox FOR INSERT WITH CHECK (true);
ALTER TABLE mail_outbox ENABLE ROW LEVEL SECURITY;
ALTER TABLE mail_outbox FORCE ROW LEVEL SECURITY;

GRANT SELECT, INSERT, UPDATE ON invitation TO proofline_app;
GRANT SELECT, INSERT, DELETE ON person_link TO proofline_app;
GRANT SELECT, INSERT, UPDATE, DELETE ON reset_request, mail_outbox TO proofline_app;
