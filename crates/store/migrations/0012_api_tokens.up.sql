-- API tokens, and an audit log that is found by an index whoever asks.

CREATE TABLE api_token (
    id uuid PRIMARY KEY,
    user_id uuid NOT NULL REFERENCES person (id) ON DELETE CASCADE,
    token_digest bytea NOT NULL UNIQUE CHECK (octet_length(token_digest) = 32),
    -- The first characters of the token, by which its maker tells it from others.
    prefix text NOT NULL CHECK (length(prefix) = 8),
    name text NOT NULL CHECK (length(name) BETWEEN 1 AND 120),
    actions text[] NOT NULL CHECK (cardinality(actions) >= 1),
    created_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    last_used_at timestamptz,
    revoked_at timestamptz,
    CHECK (expires_at > created_at AND expires_at <= created_at + interval '365 days')
);
CREATE INDEX api_token_by_user ON api_token (user_id, id DESC);
SELECT proofline_protect_by_person('api_token');
GRANT SELECT, INSERT ON api_token TO proofline_app;
GRANT UPDATE (last_used_at, revoked_at) ON api_token TO proofline_app;

ALTER TABLE audit_entry
    DROP CONSTRAINT audit_entry_actor_kind_check,
    ADD CONSTRAINT audit_entry_actor_kind_check
        CHECK (actor_kind IN ('person', 'token', 'appliance', 'system', 'anonymous')),
    -- The partner under whom it happened: by it, the rows that a partner's people may see are found without looking at
    -- everybody's. Whether they may see them is the policy's to say.
    ADD COLUMN under_partner uuid;

-- A row may be written where no tenant is set, at sign-in for example: this reads one organisation's partner whatever is.
CREATE FUNCTION proofline_audit_under_partner() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    platform text := coalesce(current_setting('app.platform', true), '');
BEGIN
    NEW.under_partner := NEW.partner_id;
    IF NEW.under_partner IS NULL AND NEW.org_id IS NOT NULL THEN
        PERFORM set_config('app.platform', 'on', true);
        SELECT o.partner_id INTO NEW.under_partner FROM organisation o WHERE o.org_id = NEW.org_id;
        PERFORM set_config('app.platform', platform, true);
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER audit_entry_under_partner BEFORE INSERT ON audit_entry
    FOR EACH ROW EXECUTE FUNCTION proofline_audit_under_partner();

-- Rows that are there already. No policy lets anybody change one, the owner included.
ALTER TABLE audit_entry NO FORCE ROW LEVEL SECURITY;
ALTER TABLE organisation NO FORCE ROW LEVEL SECURITY;
UPDATE audit_entry SET under_partner = coalesce(partner_id,
    (SELECT o.partner_id FROM organisation o WHERE o.org_id = audit_entry.org_id))
    WHERE partner_id IS NOT NULL OR org_id IS NOT NULL;
ALTER TABLE organisation FORCE ROW LEVEL SECURITY;
ALTER TABLE audit_entry FORCE ROW LEVEL SECURITY;

DROP INDEX audit_entry_by_partner;
CREATE INDEX audit_entry_under_partner ON audit_entry (under_partner, at DESC, id DESC)
    WHERE under_partner IS NOT NULL;
CREATE INDEX audit_entry_by_actor ON audit_entry (actor_id, at DESC, id DESC);
-- Compared byte by byte, which is what makes a prefix a range; and all of it leakproof, without which row-level security
-- keeps an index from being used.
CREATE INDEX audit_entry_by_resource ON audit_entry (resource COLLATE "C", at DESC, id DESC);
CREATE INDEX audit_entry_not_done ON audit_entry (outcome, at DESC, id DESC) WHERE outcome <> 'done';
