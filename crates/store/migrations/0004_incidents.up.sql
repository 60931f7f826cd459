-- Failing verdicts that someone or something must act on, and every step taken.

CREATE TABLE incident (
    org_id uuid NOT NULL,
    id uuid NOT NULL,
    site_id uuid NOT NULL,
    asset_id uuid NOT NULL,
    check_id text NOT NULL CHECK (length(check_id) BETWEEN 1 AND 256),
    severity text NOT NULL CHECK (severity IN ('low', 'medium', 'high', 'critical')),
    severity_rank smallint NOT NULL CHECK (severity_rank BETWEEN 1 AND 4),
    state text NOT NULL CHECK (state IN
        ('open', 'healing', 'verifying', 'resolved', 'awaiting_approval', 'escalated', 'suppressed', 'closed')),
    -- Why it stands where it stands.
    cause text NOT NULL,
    -- The plan that waits for a person, while it waits.
    plan_digest text CHECK (plan_digest ~ '^[0-9a-f]{64}$'),
    -- The id by which the agent knows the incident, once it named one.
    agent_ref uuid,
    recurrences integer NOT NULL DEFAULT 0 CHECK (recurrences >= 0),
    opened_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    last_failed_at timestamptz NOT NULL,
    resolved_at timestamptz,
    -- The signed statements that opened it, and that ended it.
    opened_index bigint NOT NULL,
    resolved_index bigint,
    -- Transitions so far: the next step's number.
    steps integer NOT NULL CHECK (steps >= 1),
    PRIMARY KEY (org_id, id),
    FOREIGN KEY (org_id, site_id) REFERENCES site (org_id, id),
    CHECK ((state IN ('resolved', 'closed')) = (resolved_at IS NOT NULL))
);
CREATE INDEX incident_by_id ON incident (id);
CREATE INDEX incident_by_agent_ref ON incident (agent_ref) WHERE agent_ref IS NOT NULL;
-- One incident for a (site, asset, check); it reopens when the check fails again.
CREATE UNIQUE INDEX incident_once ON incident (org_id, site_id, asset_id, check_id);
CREATE INDEX incident_live_newest ON incident (opened_at DESC, id DESC) WHERE resolved_at IS NULL;
CREATE INDEX incident_live_worst ON incident (severity_rank DESC, opened_at DESC, id DESC) WHERE resolved_at IS NULL;
CREATE INDEX incident_newest ON incident (opened_at DESC, id DESC);
CREATE INDEX incident_worst ON incident (severity_rank DESC, opened_at DESC, id DESC);
CREATE INDEX incident_state_newest ON incident (state, opened_at DESC, id DESC);
CREATE INDEX incident_state_worst ON incident (state, severity_rank DESC, opened_at DESC, id DESC);
CREATE INDEX incident_by_site ON incident (org_id, site_id, opened_at DESC, id DESC);
CREATE INDEX incident_resolved_newest ON incident (resolved_at DESC) WHERE resolved_at IS NOT NULL;

CREATE TABLE incident_transition (
    org_id uuid NOT NULL,
    incident_id uuid NOT NULL,
    step integer NOT NULL CHECK (step >= 0),
    at timestamptz NOT NULL,
    from_state text,
    to_state text NOT NULL,
    actor text NOT NULL,
    cause text NOT NULL,
    entry_index bigint,
    PRIMARY KEY (org_id, incident_id, step),
    FOREIGN KEY (org_id, incident_id) REFERENCES incident (org_id, id)
);
CREATE INDEX incident_transition_newest ON incident_transition (at DESC);

GRANT SELECT, INSERT, UPDATE ON incident TO proofline_app;
GRANT SELECT, INSERT ON incident_transition TO proofline_app;
