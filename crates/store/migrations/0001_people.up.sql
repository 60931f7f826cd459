-- The installation, its keys, the people who sign in, and the audit log.
-- Tables without org_id belong to the platform; the runtime role reaches them only through the sign-in and platform scopes.

CREATE TABLE installation (
    id uuid PRIMARY KEY,
    name text NOT NULL CHECK (length(name) BETWEEN 1 AND 120),
    created_at timestamptz NOT NULL,
    -- The catalogue in use and since when: with it, every appliance's rule set gets a new version.
    catalogue text NOT NULL DEFAULT '',
    catalogue_since timestamptz NOT NULL,
    -- Grows with every change that a person makes: what If-Match compares.
    version bigint NOT NULL DEFAULT 1,
    singleton boolean NOT NULL DEFAULT true UNIQUE CHECK (singleton)
);

-- Public halves only; the private halves never enter the database.
CREATE TABLE server_key (
    key_id text PRIMARY KEY CHECK (key_id ~ '^[0-9a-f]{64}$'),
    role text NOT NULL CHECK (role IN ('server_facts', 'checkpoint', 'orders', 'rules')),
    public_key bytea NOT NULL CHECK (octet_length(public_key) = 32),
    created_at timestamptz NOT NULL,
    retired_at timestamptz
);
CREATE UNIQUE INDEX server_key_current ON server_key (role) WHERE retired_at IS NULL;

CREATE TABLE person (
    id uuid PRIMARY KEY,
    email text NOT NULL UNIQUE CHECK (email = lower(email) AND length(email) <= 254),
    name text NOT NULL CHECK (length(name) BETWEEN 1 AND 120),
    role text NOT NULL CHECK (role IN ('staff_admin', 'staff_operator', 'staff_readonly')),
    password_hash text NOT NULL,
    created_at timestamptz NOT NULL,
    disabled_at timestamptz
);

-- Attempts to sign in that are not followed by a success yet. Keyed by a keyed digest of whatever address was typed, not by
-- a person: an address that nobody has is counted and locked by the very same writes, so that neither the answer nor its
-- time tells which addresses exist.
CREATE TABLE sign_in_attempt (
    account bytea PRIMARY KEY CHECK (octet_length(account) = 32),
    attempts integer NOT NULL CHECK (attempts >= 1),
    last_at timestamptz NOT NULL,
    locked_until timestamptz
);
CREATE INDEX sign_in_attempt_by_age ON sign_in_attempt (last_at);

CREATE TABLE session (
    token_digest bytea PRIMARY KEY CHECK (octet_length(token_digest) = 32),
    id uuid NOT NULL UNIQUE,
    user_id uuid NOT NULL REFERENCES person (id),
    created_at timestamptz NOT NULL,
    last_active_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    ended_at timestamptz
);
CREATE INDEX session_by_user ON session (user_id) WHERE ended_at IS NULL;
CREATE INDEX session_by_expiry ON session (expires_at);

CREATE TABLE bootstrap_token (
    token_digest bytea PRIMARY KEY CHECK (octet_length(token_digest) = 32),
    created_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    used_at timestamptz
);

CREATE TABLE audit_entry (
    id uuid PRIMARY KEY,
    at timestamptz NOT NULL,
    org_id uuid,
    actor_kind text NOT NULL CHECK (actor_kind IN ('person', 'appliance', 'system', 'anonymous')),
    actor_id text NOT NULL,
    actor_name text NOT NULL,
    action text NOT NULL,
    resource text NOT NULL,
    outcome text NOT NULL CHECK (outcome IN ('done', 'denied', 'failed')),
    request_id text NOT NULL,
    detail jsonb NOT NULL
);
CREATE INDEX audit_entry_newest ON audit_entry (at DESC, id DESC);
CREATE INDEX audit_entry_by_action ON audit_entry (action, at DESC, id DESC);

ALTER TABLE audit_entry ENABLE ROW LEVEL SECURITY;
ALTER TABLE audit_entry FORCE ROW LEVEL SECURITY;
CREATE POLICY audit_read ON audit_entry FOR SELECT USING (
    (SELECT current_setting('app.platform', true)) = 'on'
    OR org_id = (SELECT nullif(current_setting('app.org', true), '')::uuid));
-- Whoever acts leaves a row, a denied or anonymous caller included.
CREATE POLICY audit_append ON audit_entry FOR INSERT WITH CHECK (true);

GRANT SELECT ON installation, server_key TO proofline_app;
GRANT INSERT ON installation, server_key TO proofline_app;
GRANT UPDATE (name, catalogue, catalogue_since, version) ON installation TO proofline_app;
GRANT UPDATE (retired_at) ON server_key TO proofline_app;
GRANT SELECT, INSERT, UPDATE ON person, session, bootstrap_token TO proofline_app;
GRANT DELETE ON session TO proofline_app;
GRANT SELECT, INSERT, UPDATE, DELETE ON sign_in_attempt TO proofline_app;
GRANT SELECT, INSERT ON audit_entry TO proofline_app;
