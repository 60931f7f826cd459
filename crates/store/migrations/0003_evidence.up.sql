-- One append-only Merkle log per site, and the verdict spans that it implies.
-- What hangs on a log by the thousand (entries, mentions, tiles, spans) has no foreign key of its own: its writer holds the
-- lock of the log's row, and that row's key says that the site is there. The checks cost a quarter of an ingest.

CREATE TABLE evidence_log (
    org_id uuid NOT NULL,
    site_id uuid NOT NULL,
    size bigint NOT NULL CHECK (size >= 0),
    root bytea NOT NULL CHECK (octet_length(root) = 32),
    -- Roots of the complete subtrees that the tree consists of, largest first: appending reads nothing else.
    peaks bytea NOT NULL CHECK (octet_length(peaks) % 32 = 0 AND octet_length(peaks) <= 2048),
    -- The signed checkpoint of exactly this size.
    checkpoint text NOT NULL,
    signed_at timestamptz NOT NULL,
    last_entry_at timestamptz NOT NULL,
    published_size bigint NOT NULL DEFAULT 0,
    published_checkpoint text,
    published_at timestamptz,
    PRIMARY KEY (org_id, site_id),
    FOREIGN KEY (org_id, site_id) REFERENCES site (org_id, id),
    CHECK (published_size <= size)
);
CREATE INDEX evidence_log_by_publication ON evidence_log (published_at NULLS FIRST);

-- Where each signer of a site stands: an appliance's key or the server's own.
CREATE TABLE evidence_signer (
    org_id uuid NOT NULL,
    site_id uuid NOT NULL,
    key_id text NOT NULL CHECK (key_id ~ '^[0-9a-f]{64}$'),
    next_seq bigint NOT NULL CHECK (next_seq >= 1),
    last_digest bytea NOT NULL CHECK (octet_length(last_digest) = 32),
    -- The signer's whole state is wanted: what it confirmed and what the spans say differ, or entries were lost.
    resync boolean NOT NULL DEFAULT false,
    -- The latest time that its statements have given to a span: what follows is never dated before it.
    latest_at timestamptz,
    PRIMARY KEY (org_id, site_id, key_id),
    FOREIGN KEY (org_id, site_id) REFERENCES site (org_id, id)
);
CREATE INDEX evidence_signer_resync ON evidence_signer (key_id) WHERE resync;

CREATE TABLE evidence_entry (
    org_id uuid NOT NULL,
    site_id uuid NOT NULL,
    leaf_index bigint NOT NULL CHECK (leaf_index >= 0),
    key_id text NOT NULL,
    seq bigint NOT NULL CHECK (seq >= 1),
    kind text NOT NULL CHECK (kind IN
        ('check_run', 'heal', 'heartbeat', 'gap', 'attestation', 'incident', 'key', 'server_fact')),
    appliance_id uuid,
    asset_id uuid,
    started_at timestamptz NOT NULL,
    ended_at timestamptz NOT NULL,
    received_at timestamptz NOT NULL,
    summary text NOT NULL CHECK (length(summary) <= 300),
    -- Whether it confirmed the whole state of its asset, as the spans had it.
    confirms boolean NOT NULL,
    leaf_hash bytea NOT NULL CHECK (octet_length(leaf_hash) = 32),
    envelope_digest bytea NOT NULL CHECK (octet_length(envelope_digest) = 32),
    -- Byte for byte as received: what the signature and the leaf hash are computed over.
    envelope bytea NOT NULL CHECK (octet_length(envelope) <= 32768),
    PRIMARY KEY (org_id, site_id, leaf_index),
    UNIQUE (org_id, site_id, key_id, seq)
);
CREATE INDEX evidence_entry_by_kind ON evidence_entry (org_id, site_id, kind, leaf_index DESC);
-- "When was this asset last confirmed, as of then?"
CREATE INDEX evidence_entry_confirming ON evidence_entry (org_id, site_id, asset_id, ended_at DESC) WHERE confirms;

-- Which entries speak of which check.
CREATE TABLE evidence_mention (
    org_id uuid NOT NULL,
    site_id uuid NOT NULL,
    check_id text NOT NULL CHECK (length(check_id) BETWEEN 1 AND 256),
    leaf_index bigint NOT NULL,
    asset_id uuid NOT NULL,
    PRIMARY KEY (org_id, site_id, check_id, leaf_index)
);

-- Complete 256-wide tiles only; the ragged right edge is computed from the entries.
CREATE TABLE evidence_tile (
    org_id uuid NOT NULL,
    site_id uuid NOT NULL,
    level smallint NOT NULL CHECK (level BETWEEN 0 AND 7),
    position bigint NOT NULL CHECK (position >= 0),
    hashes bytea NOT NULL CHECK (octet_length(hashes) = 8192),
    root bytea NOT NULL CHECK (octet_length(root) = 32),
    PRIMARY KEY (org_id, site_id, level, position)
);

-- A verdict is a span: extended while nothing changes, closed when it does.
CREATE TABLE verdict_span (
    org_id uuid NOT NULL,
    site_id uuid NOT NULL,
    asset_id uuid NOT NULL,
    check_id text NOT NULL CHECK (length(check_id) BETWEEN 1 AND 256),
    from_at timestamptz NOT NULL,
    ended_at timestamptz,
    last_confirmed_at timestamptz NOT NULL,
    verdict text NOT NULL CHECK (verdict IN ('pass', 'fail', 'unknown', 'error', 'not_applicable')),
    expected text NOT NULL,
    observed text NOT NULL,
    observed_digest bytea NOT NULL CHECK (octet_length(observed_digest) = 32),
    reason text NOT NULL,
    location text NOT NULL,
    -- The signed statement that opened the span, and the last one that named this check.
    from_index bigint NOT NULL,
    last_index bigint NOT NULL,
    PRIMARY KEY (org_id, site_id, asset_id, check_id, from_at),
    CHECK (ended_at IS NULL OR ended_at >= from_at),
    CHECK (last_confirmed_at >= from_at)
);
CREATE UNIQUE INDEX verdict_span_current ON verdict_span (org_id, site_id, asset_id, check_id) WHERE ended_at IS NULL;
CREATE INDEX verdict_span_by_end ON verdict_span (org_id, site_id, ended_at, from_at);

-- One row per site, made by the resolver whenever evidence changes it: what lists and overviews read.
CREATE TABLE site_posture (
    org_id uuid NOT NULL,
    site_id uuid NOT NULL,
    computed_at timestamptz NOT NULL,
    -- After this instant something in the row has gone stale and the row must be resolved anew.
    valid_until timestamptz NOT NULL,
    -- Controls in each state, and the two sums that the score is the ratio of.
    pass integer NOT NULL,
    fail integer NOT NULL,
    not_assessed integer NOT NULL,
    stale integer NOT NULL,
    not_applicable integer NOT NULL,
    passing_weight integer NOT NULL CHECK (passing_weight >= 0),
    applicable_weight integer NOT NULL CHECK (applicable_weight >= passing_weight),
    -- One letter per control in catalogue order: p f u s n, and c where nothing measures it
    strip text NOT NULL,
    risk integer NOT NULL,
    assets integer NOT NULL,
    open_incidents integer NOT NULL,
    PRIMARY KEY (org_id, site_id),
    FOREIGN KEY (org_id, site_id) REFERENCES site (org_id, id)
);
CREATE INDEX site_posture_by_risk ON site_posture (risk DESC, site_id DESC);
CREATE INDEX site_posture_by_validity ON site_posture (valid_until);

-- Something is wrong with evidence itself: a conflict, a failed sample, an inconsistent head.
CREATE TABLE alarm (
    org_id uuid NOT NULL,
    id uuid NOT NULL,
    site_id uuid NOT NULL,
    kind text NOT NULL CHECK (kind IN ('seq_conflict', 'sample_failed', 'state_mismatch', 'publication_failed')),
    detail text NOT NULL,
    raised_at timestamptz NOT NULL,
    cleared_at timestamptz,
    PRIMARY KEY (org_id, id),
    FOREIGN KEY (org_id, site_id) REFERENCES site (org_id, id)
);
CREATE INDEX alarm_open ON alarm (raised_at DESC) WHERE cleared_at IS NULL;
CREATE INDEX alarm_open_by_site ON alarm (org_id, site_id, kind) WHERE cleared_at IS NULL;

GRANT SELECT, INSERT ON evidence_entry, evidence_mention, evidence_tile TO proofline_app;
GRANT SELECT, INSERT, UPDATE ON evidence_log, evidence_signer, verdict_span, site_posture, alarm TO proofline_app;
