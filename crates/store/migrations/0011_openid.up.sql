-- Signing in with OpenID providers: who they are, flows under way, people's links to them, and who waits to be let in.

-- Of the installation where both are NULL, else of one partner or of one organisation: only people there can use it.
CREATE TABLE oidc_provider (
    id uuid PRIMARY KEY,
    partner_id uuid REFERENCES partner (id),
    org_id uuid REFERENCES organisation (org_id),
    -- Whose: what the client secret is sealed for.
    tenant_id uuid GENERATED ALWAYS AS (coalesce(partner_id, org_id)) STORED,
    name text NOT NULL CHECK (length(name) BETWEEN 1 AND 120),
    kind text NOT NULL CHECK (kind IN ('google', 'microsoft', 'openid')),
    issuer text NOT NULL CHECK (length(issuer) BETWEEN 8 AND 500),
    client_id text NOT NULL CHECK (length(client_id) BETWEEN 1 AND 255),
    client_secret_sealed text,
    client_secret_key text CHECK (client_secret_key ~ '^[0-9a-f]{16}$'),
    -- Whoever has a verified address there and is not known may ask to be let in. Empty: nobody may.
    allowed_domains text[] NOT NULL,
    enabled boolean NOT NULL,
    created_at timestamptz NOT NULL,
    CHECK (partner_id IS NULL OR org_id IS NULL),
    CHECK ((client_secret_sealed IS NULL) = (client_secret_key IS NULL))
);
CREATE INDEX oidc_provider_by_partner ON oidc_provider (partner_id) WHERE partner_id IS NOT NULL;
CREATE INDEX oidc_provider_by_org ON oidc_provider (org_id) WHERE org_id IS NOT NULL;

-- A browser that is away at a provider. Neither the state nor the browser's cookie can be made from what is here, and the
-- nonce and the PKCE verifier are derived from both.
CREATE TABLE oidc_flow (
    state_digest bytea PRIMARY KEY CHECK (octet_length(state_digest) = 32),
    browser_digest bytea NOT NULL CHECK (octet_length(browser_digest) = 32),
    provider_id uuid NOT NULL REFERENCES oidc_provider (id) ON DELETE CASCADE,
    -- Whom a link is for; NULL where somebody signs in.
    user_id uuid REFERENCES person (id) ON DELETE CASCADE,
    -- The session that began it, if there was one: a link needs it alive, a sign-in ends it.
    session_digest bytea CHECK (octet_length(session_digest) = 32),
    return_to text CHECK (length(return_to) <= 1000),
    expires_at timestamptz NOT NULL,
    CHECK (user_id IS NULL OR session_digest IS NOT NULL)
);
CREATE INDEX oidc_flow_by_age ON oidc_flow (expires_at);
CREATE INDEX oidc_flow_by_provider ON oidc_flow (provider_id);
CREATE INDEX oidc_flow_by_user ON oidc_flow (user_id) WHERE user_id IS NOT NULL;

-- Known by issuer and subject, whatever address the provider says.
CREATE TABLE oidc_identity (
    id uuid PRIMARY KEY,
    user_id uuid NOT NULL REFERENCES person (id) ON DELETE CASCADE,
    provider_id uuid NOT NULL REFERENCES oidc_provider (id) ON DELETE CASCADE,
    issuer text NOT NULL,
    subject text NOT NULL CHECK (length(subject) BETWEEN 1 AND 255),
    email text NOT NULL CHECK (length(email) <= 254),
    linked_at timestamptz NOT NULL,
    UNIQUE (issuer, subject)
);
CREATE INDEX oidc_identity_by_user ON oidc_identity (user_id);
CREATE INDEX oidc_identity_by_provider ON oidc_identity (provider_id);

-- Somebody whom a provider vouches for and nobody here knows. The place is the provider's.
CREATE TABLE oidc_approval (
    id uuid PRIMARY KEY,
    partner_id uuid,
    org_id uuid,
    provider_id uuid NOT NULL REFERENCES oidc_provider (id) ON DELETE CASCADE,
    issuer text NOT NULL,
    subject text NOT NULL CHECK (length(subject) BETWEEN 1 AND 255),
    email text NOT NULL CHECK (length(email) <= 254),
    name text NOT NULL CHECK (length(name) BETWEEN 1 AND 120),
    requested_at timestamptz NOT NULL,
    state text NOT NULL CHECK (state IN ('open', 'approved', 'rejected')),
    decided_at timestamptz,
    CHECK ((state = 'open') = (decided_at IS NULL)),
    -- Issuer and subject are one identity; whoever is let in through one provider asks anew at another.
    UNIQUE (provider_id, subject)
);
CREATE INDEX oidc_approval_by_provider ON oidc_approval (provider_id) WHERE state = 'open';
CREATE INDEX oidc_approval_open ON oidc_approval (id) WHERE state = 'open';

DO $$ DECLARE target text; BEGIN
    FOREACH target IN ARRAY ARRAY['oidc_provider', 'oidc_approval'] LOOP
        EXECUTE format('CREATE POLICY tenant ON %I USING (CASE
            WHEN (SELECT current_setting(''app.sign_in'', true)) = ''on'' THEN true
            WHEN (SELECT current_setting(''app.platform'', true)) = ''on'' THEN true
            WHEN (SELECT nullif(current_setting(''app.site'', true), '''')) IS NOT NULL THEN false
            WHEN (SELECT nullif(current_setting(''app.org'', true), '''')) IS NOT NULL
                THEN org_id = (SELECT nullif(current_setting(''app.org'', true), '''')::uuid)
            ELSE partner_id = (SELECT nullif(current_setting(''app.partner'', true), '''')::uuid)
                OR org_id IN (SELECT o.org_id FROM organisation o WHERE o.partner_id =
                    (SELECT nullif(current_setting(''app.partner'', true), '''')::uuid)) END)', target);
    END LOOP;
    FOREACH target IN ARRAY ARRAY['oidc_provider', 'oidc_approval', 'oidc_flow'] LOOP
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', target);
        EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', target);
    END LOOP;
END $$;
-- Nobody who is signed in has anything to do with a flow.
CREATE POLICY tenant ON oidc_flow USING ((SELECT current_setting('app.sign_in', true)) = 'on');
SELECT proofline_protect_by_person('oidc_identity');

GRANT SELECT, INSERT, UPDATE, DELETE ON oidc_provider, oidc_approval TO proofline_app;
GRANT SELECT, INSERT, DELETE ON oidc_flow, oidc_identity TO proofline_app;
