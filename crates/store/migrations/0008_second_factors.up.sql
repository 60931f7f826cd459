-- Second factors: authenticator apps, passkeys, recovery codes, and who must use which.

ALTER TABLE session
    -- 'full' once a factor was proved that satisfies the policy; until then only factors and the session itself are in reach.
    ADD COLUMN assurance text NOT NULL DEFAULT 'password' CHECK (assurance IN ('password', 'full')),
    -- When a second factor was last proved in this session.
    ADD COLUMN proved_at timestamptz;

CREATE TABLE totp_factor (
    user_id uuid PRIMARY KEY REFERENCES person (id) ON DELETE CASCADE,
    secret_sealed text NOT NULL,
    secret_key text NOT NULL CHECK (secret_key ~ '^[0-9a-f]{16}$'),
    created_at timestamptz NOT NULL,
    -- Until a first code was right, it is no factor.
    confirmed_at timestamptz,
    -- The time step of the last code that was taken. No step counts twice.
    last_step bigint NOT NULL DEFAULT 0
);

CREATE TABLE recovery_code (
    user_id uuid NOT NULL REFERENCES person (id) ON DELETE CASCADE,
    code_digest bytea NOT NULL CHECK (octet_length(code_digest) = 32),
    created_at timestamptz NOT NULL,
    used_at timestamptz,
    PRIMARY KEY (user_id, code_digest)
);

CREATE TABLE passkey (
    user_id uuid NOT NULL REFERENCES person (id) ON DELETE CASCADE,
    id uuid NOT NULL,
    credential_id bytea NOT NULL UNIQUE,
    -- The public key, the counter and what the authenticator said of itself.
    credential jsonb NOT NULL,
    name text NOT NULL CHECK (length(name) BETWEEN 1 AND 60),
    created_at timestamptz NOT NULL,
    last_used_at timestamptz,
    PRIMARY KEY (user_id, id)
);

-- What the server remembers between the two halves of a passkey ceremony. Used once.
CREATE TABLE passkey_ceremony (
    id uuid PRIMARY KEY,
    -- Nobody's yet where somebody signs in with a passkey alone.
    user_id uuid REFERENCES person (id) ON DELETE CASCADE,
    purpose text NOT NULL CHECK (purpose IN ('enrol', 'prove', 'sign_in')),
    state jsonb NOT NULL,
    expires_at timestamptz NOT NULL
);
CREATE INDEX passkey_ceremony_by_age ON passkey_ceremony (expires_at);

-- For a role on the whole installation, or for a role as seen from one partner; the stricter one counts.
CREATE TABLE factor_policy (
    role text NOT NULL,
    partner_id uuid REFERENCES partner (id),
    requirement text NOT NULL CHECK (requirement IN ('any', 'passkey')),
    UNIQUE NULLS NOT DISTINCT (role, partner_id)
);

SELECT proofline_protect_by_person('totp_factor');
SELECT proofline_protect_by_person('recovery_code');
SELECT proofline_protect_by_person('passkey');
CREATE POLICY tenant ON passkey_ceremony USING (CASE
    WHEN (SELECT current_setting('app.sign_in', true)) = 'on' THEN true
    ELSE user_id IN (SELECT p.id FROM person p) END);
CREATE POLICY tenant ON factor_policy USING (CASE
    WHEN (SELECT current_setting('app.sign_in', true)) = 'on' THEN true
    WHEN (SELECT current_setting('app.platform', true)) = 'on' THEN true
    ELSE partner_id = (SELECT nullif(current_setting('app.partner', true), '')::uuid) END);
ALTER TABLE passkey_ceremony ENABLE ROW LEVEL SECURITY;
ALTER TABLE passkey_ceremony FORCE ROW LEVEL SECURITY;
ALTER TABLE factor_policy ENABLE ROW LEVEL SECURITY;
ALTER TABLE factor_policy FORCE ROW LEVEL SECURITY;

GRANT SELECT, INSERT, UPDATE, DELETE ON totp_factor, recovery_code, passkey, passkey_ceremony, factor_policy TO proofline_app;
