-- The tenancy tree: partner, organisation, site, appliance, asset. org_id leads every tenant key.

CREATE TABLE partner (
    id uuid PRIMARY KEY,
    name text NOT NULL CHECK (length(name) BETWEEN 1 AND 120),
    created_at timestamptz NOT NULL
);
CREATE UNIQUE INDEX partner_name ON partner (lower(name));

CREATE TABLE organisation (
    org_id uuid PRIMARY KEY,
    partner_id uuid NOT NULL REFERENCES partner (id),
    name text NOT NULL CHECK (length(name) BETWEEN 1 AND 120),
    created_at timestamptz NOT NULL
);
CREATE INDEX organisation_by_partner ON organisation (partner_id, org_id);

CREATE TABLE site (
    org_id uuid NOT NULL REFERENCES organisation (org_id),
    id uuid NOT NULL,
    name text NOT NULL CHECK (length(name) BETWEEN 1 AND 120),
    timezone text NOT NULL CHECK (length(timezone) BETWEEN 1 AND 64),
    created_at timestamptz NOT NULL,
    PRIMARY KEY (org_id, id)
);
CREATE INDEX site_by_id ON site (id);
CREATE INDEX site_by_name ON site (name, id);

CREATE TABLE provisioning_code (
    org_id uuid NOT NULL,
    id uuid NOT NULL,
    site_id uuid NOT NULL,
    label text NOT NULL CHECK (length(label) <= 120),
    code_digest bytea NOT NULL CHECK (octet_length(code_digest) = 32),
    created_by text NOT NULL,
    created_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    claimed_at timestamptz,
    claimed_by uuid,
    revoked_at timestamptz,
    PRIMARY KEY (org_id, id),
    FOREIGN KEY (org_id, site_id) REFERENCES site (org_id, id),
    CHECK ((claimed_at IS NULL) = (claimed_by IS NULL))
);
CREATE INDEX provisioning_code_by_digest ON provisioning_code (code_digest);
CREATE INDEX provisioning_code_by_site ON provisioning_code (org_id, site_id, id DESC);

CREATE TABLE appliance (
    org_id uuid NOT NULL,
    id uuid NOT NULL,
    site_id uuid NOT NULL,
    hostname text NOT NULL CHECK (length(hostname) BETWEEN 1 AND 253),
    platform text NOT NULL CHECK (length(platform) <= 120),
    public_key bytea NOT NULL CHECK (octet_length(public_key) = 32),
    key_id text NOT NULL CHECK (key_id ~ '^[0-9a-f]{64}$'),
    mode text NOT NULL CHECK (mode IN ('audit', 'ask', 'enforce')),
    mode_changed_at timestamptz NOT NULL,
    enrolled_at timestamptz NOT NULL,
    revoked_at timestamptz,
    revoked_reason text,
    PRIMARY KEY (org_id, id),
    FOREIGN KEY (org_id, site_id) REFERENCES site (org_id, id)
);
CREATE INDEX appliance_by_id ON appliance (id);
-- Not led by org_id: a key is one appliance in the whole installation, whichever organisation's code it claims. It is also
-- what keeps two codes that are claimed at once with one key from making two appliances of it.
CREATE UNIQUE INDEX appliance_by_key ON appliance (key_id);
CREATE INDEX appliance_by_site ON appliance (org_id, site_id, id);

-- Soft state, written in batches: what the last check-ins said.
CREATE TABLE appliance_presence (
    org_id uuid NOT NULL,
    appliance_id uuid NOT NULL,
    last_seen_at timestamptz NOT NULL,
    agent_version text NOT NULL,
    catalogue text NOT NULL,
    local_override text,
    outbox_depth bigint NOT NULL CHECK (outbox_depth >= 0),
    outbox_oldest_at timestamptz,
    rules_version bigint NOT NULL,
    cycle_started_at timestamptz,
    cycle_duration_ms bigint,
    cycle_checks integer,
    cycle_errors integer,
    PRIMARY KEY (org_id, appliance_id),
    FOREIGN KEY (org_id, appliance_id) REFERENCES appliance (org_id, id)
);

CREATE TABLE asset (
    org_id uuid NOT NULL,
    id uuid NOT NULL,
    site_id uuid NOT NULL,
    appliance_id uuid NOT NULL,
    kind text NOT NULL CHECK (kind IN ('appliance', 'server', 'workstation', 'network_device', 'cloud_account')),
    name text NOT NULL CHECK (length(name) BETWEEN 1 AND 253),
    platform text NOT NULL CHECK (length(platform) <= 120),
    role text NOT NULL CHECK (length(role) <= 60),
    created_at timestamptz NOT NULL,
    retired_at timestamptz,
    -- The last signed statement that confirmed the asset's whole state, and when it was made.
    confirmed_at timestamptz,
    confirmed_index bigint,
    PRIMARY KEY (org_id, id),
    FOREIGN KEY (org_id, site_id) REFERENCES site (org_id, id),
    FOREIGN KEY (org_id, appliance_id) REFERENCES appliance (org_id, id)
);
CREATE INDEX asset_by_site ON asset (org_id, site_id, id);
CREATE INDEX asset_by_appliance ON asset (org_id, appliance_id);

CREATE TABLE appliance_order (
    org_id uuid NOT NULL,
    id uuid NOT NULL,
    site_id uuid NOT NULL,
    appliance_id uuid NOT NULL,
    incident_id uuid,
    kind text NOT NULL CHECK (kind IN ('run_checks', 'approve_plan')),
    envelope text NOT NULL,
    created_by text NOT NULL,
    issued_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    state text NOT NULL CHECK (state IN ('pending', 'done', 'failed', 'refused', 'expired')),
    finished_at timestamptz,
    outcome text,
    PRIMARY KEY (org_id, id),
    FOREIGN KEY (org_id, appliance_id) REFERENCES appliance (org_id, id),
    CHECK ((state = 'pending') = (finished_at IS NULL))
);
CREATE INDEX appliance_order_pending ON appliance_order (org_id, appliance_id, id) WHERE state = 'pending';
CREATE INDEX appliance_order_by_expiry ON appliance_order (expires_at) WHERE state = 'pending';
CREATE INDEX appliance_order_by_site ON appliance_order (org_id, site_id, id DESC);

GRANT SELECT, INSERT, UPDATE ON partner, organisation, site, provisioning_code, appliance, appliance_presence, asset,
    appliance_order TO proofline_app;
