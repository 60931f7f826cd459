-- Background work that a person can look at, and creates that may be sent twice.

CREATE TABLE job_run (
    name text PRIMARY KEY,
    last_started_at timestamptz NOT NULL,
    last_result text NOT NULL CHECK (last_result IN ('ok', 'error')),
    last_error text,
    last_detail text NOT NULL,
    duration_ms bigint NOT NULL,
    next_run_at timestamptz NOT NULL
);

CREATE TABLE idempotency_key (
    user_id uuid NOT NULL REFERENCES person (id),
    key text NOT NULL CHECK (length(key) BETWEEN 8 AND 120),
    request_digest bytea NOT NULL CHECK (octet_length(request_digest) = 32),
    -- The answer, once it was given; a repeated request gets it again. Of an answer that holds a secret only the status is
    -- kept, which says that there is nothing to wait for.
    status smallint,
    body jsonb,
    created_at timestamptz NOT NULL,
    PRIMARY KEY (user_id, key)
);
CREATE INDEX idempotency_key_by_age ON idempotency_key (created_at);

-- Signed requests that were dated ahead of the server's clock. Every other one is too old for a process that starts later;
-- these are not, so a restart must not forget that they were seen.
CREATE TABLE seen_nonce (
    key_id bytea NOT NULL CHECK (octet_length(key_id) = 32),
    nonce bytea NOT NULL CHECK (octet_length(nonce) = 16),
    until timestamptz NOT NULL,
    PRIMARY KEY (key_id, nonce)
);
CREATE INDEX seen_nonce_by_age ON seen_nonce (until);

GRANT SELECT, INSERT, UPDATE ON job_run TO proofline_app;
GRANT SELECT, INSERT, UPDATE, DELETE ON idempotency_key TO proofline_app;
GRANT SELECT, INSERT, DELETE ON seen_nonce TO proofline_app;
