-- Another signing key takes two: whoever runs the server asks on its machine, an administrator decides in the console, and
-- only then the command on the machine carries it out.
CREATE TABLE key_rotation (
    id uuid PRIMARY KEY,
    -- What the key signs.
    role text NOT NULL CHECK (role IN ('server_facts', 'checkpoint', 'orders', 'rules')),
    -- The key that is to have a successor.
    key_id text NOT NULL REFERENCES server_key (key_id),
    reason text NOT NULL CHECK (length(reason) BETWEEN 10 AND 500),
    overlap_hours integer NOT NULL CHECK (overlap_hours BETWEEN 1 AND 720),
    asked_at timestamptz NOT NULL,
    -- By name, too: it stays when the person is deleted.
    decided_by uuid,
    decided_by_name text CHECK (length(decided_by_name) <= 120),
    decided_at timestamptz CHECK (decided_at >= asked_at),
    approved boolean,
    carried_out_at timestamptz,
    CHECK (num_nulls(decided_by, decided_by_name, decided_at, approved) IN (0, 4)),
    CONSTRAINT key_rotation_approved CHECK (carried_out_at IS NULL OR (approved IS NOT NULL AND approved))
);
CREATE INDEX key_rotation_of_key ON key_rotation (key_id, id);
CREATE POLICY platform ON key_rotation USING ((SELECT current_setting('app.platform', true)) = 'on');
ALTER TABLE key_rotation ENABLE ROW LEVEL SECURITY;
ALTER TABLE key_rotation FORCE ROW LEVEL SECURITY;
GRANT SELECT, INSERT ON key_rotation TO proofline_app;
GRANT UPDATE (decided_by, decided_by_name, decided_at, approved, carried_out_at) ON key_rotation TO proofline_app;
