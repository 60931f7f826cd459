-- Which secrets this database was used with, how sealed columns change keys, and credentials for an appliance's targets.

-- By what can be derived from them and does not reveal them. A start with others is refused.
CREATE TABLE known_secret (
    purpose text NOT NULL CHECK (purpose IN ('master', 'password_pepper')),
    id text NOT NULL CHECK (id ~ '^[0-9a-f]{16}$'),
    first_seen_at timestamptz NOT NULL,
    -- When nothing was sealed under it any more.
    retired_at timestamptz,
    PRIMARY KEY (purpose, id)
);
CREATE UNIQUE INDEX known_secret_pepper ON known_secret (purpose) WHERE purpose = 'password_pepper';
GRANT SELECT, INSERT, UPDATE ON known_secret TO proofline_app;

-- What is sealed stands in two columns, <name>_sealed and <name>_key. The three functions below are the one place where the
-- name of a table or a column is not a literal; it comes from the closed list SEALED_COLUMNS of the store crate, and %I
-- quotes it. They run as whoever calls them: row-level security and grants apply.

CREATE FUNCTION proofline_sealed_counts(target text, name text)
RETURNS TABLE (sealed_under text, row_count bigint) LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN QUERY EXECUTE format('SELECT t.%1$I, count(*) FROM %2$I t WHERE t.%3$I <> '''' GROUP BY 1',
        name || '_key', target, name || '_sealed');
END $$;

-- The next rows that are not under this key, locked until the transaction ends.
CREATE FUNCTION proofline_sealed_rows(target text, name text, tenant_column text, row_column text, except_key text,
    after_row uuid, most bigint)
RETURNS TABLE (tenant_id uuid, row_id uuid, token text, sealed_under text) LANGUAGE plpgsql AS $$
BEGIN
    RETURN QUERY EXECUTE format(
        'SELECT %1$s, t.%2$I, t.%3$I, t.%4$I FROM %5$I t
         WHERE t.%4$I <> $1 AND t.%3$I <> '''' AND ($2 IS NULL OR t.%2$I > $2)
         ORDER BY t.%2$I LIMIT $3 FOR NO KEY UPDATE',
        CASE WHEN tenant_column IS NULL THEN 'NULL::uuid' ELSE format('t.%I', tenant_column) END,
        row_column, name || '_sealed', name || '_key', target)
    USING except_key, after_row, most;
END $$;

-- Writes tokens sealed anew, where the one before still stands. Answers how many rows that were.
CREATE FUNCTION proofline_reseal(target text, name text, row_column text, row_ids uuid[], before text[], fresh text[],
    fresh_key text)
RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    written bigint;
BEGIN
    EXECUTE format(
        'UPDATE %1$I t SET %2$I = n.fresh, %3$I = $4 FROM unnest($1, $2, $3) AS n (row_id, before, fresh)
         WHERE t.%4$I = n.row_id AND t.%2$I = n.before',
        target, name || '_sealed', name || '_key', row_column)
    USING row_ids, before, fresh, fresh_key;
    GET DIAGNOSTICS written = ROW_COUNT;
    RETURN written;
END $$;

-- Grows with every change of an appliance's credentials; the check-in tells it.
ALTER TABLE appliance ADD COLUMN credentials_version bigint NOT NULL DEFAULT 0;

-- A credential that an appliance needs for something it looks after. Inside the envelope it is sealed to the appliance's
-- own key: nobody here can open it.
CREATE TABLE appliance_credential (
    org_id uuid NOT NULL,
    id uuid NOT NULL,
    site_id uuid NOT NULL,
    appliance_id uuid NOT NULL,
    name text NOT NULL CHECK (length(name) BETWEEN 1 AND 60),
    version bigint NOT NULL CHECK (version > 0),
    envelope_sealed text NOT NULL,
    envelope_key text NOT NULL CHECK (envelope_key ~ '^[0-9a-f]{16}$'),
    set_by text NOT NULL,
    set_at timestamptz NOT NULL,
    PRIMARY KEY (org_id, id),
    FOREIGN KEY (org_id, site_id) REFERENCES site (org_id, id),
    FOREIGN KEY (org_id, appliance_id) REFERENCES appliance (org_id, id)
);
CREATE UNIQUE INDEX appliance_credential_by_name ON appliance_credential (org_id, appliance_id, name);
CREATE INDEX appliance_credential_by_id ON appliance_credential (id);
GRANT SELECT, INSERT, UPDATE, DELETE ON appliance_credential TO proofline_app;
SELECT proofline_protect('appliance_credential', 'site_id');
