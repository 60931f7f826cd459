-- Restricted clients: of such an organisation, people above it see its row in `organisation` and nothing else, unless a grant
-- or a break-glass access that has not ended lets them. Its own people and appliances, and background work, go on.
--   app.person       = uuid   who acts; a token acts as its maker
--   app.at           = time   the instant that grants and accesses are held against
--   app.unrestricted = 'on'   background work, which acts for nobody
-- Without them, every restricted client is hidden.

ALTER TABLE organisation ADD COLUMN restricted boolean NOT NULL DEFAULT false;
CREATE INDEX organisation_restricted ON organisation (org_id) WHERE restricted;

CREATE TABLE access_grant (
    org_id uuid NOT NULL REFERENCES organisation (org_id),
    -- Nobody holds a grant who is deleted; that they held it stays in the audit log and in the sites' logs.
    user_id uuid NOT NULL REFERENCES person (id) ON DELETE CASCADE,
    user_name text NOT NULL CHECK (length(user_name) <= 120),
    reason text NOT NULL CHECK (length(reason) BETWEEN 10 AND 500),
    granted_by uuid NOT NULL,
    granted_by_name text NOT NULL CHECK (length(granted_by_name) <= 120),
    granted_at timestamptz NOT NULL,
    expires_at timestamptz CHECK (expires_at > granted_at),
    PRIMARY KEY (org_id, user_id),
    -- Whoever may grant lets somebody else in, never themselves.
    CONSTRAINT access_grant_by_another CHECK (granted_by <> user_id)
);
CREATE INDEX access_grant_by_user ON access_grant (user_id, org_id);

-- Kept for good, whoever is deleted: by name, and without a reference to the person.
CREATE TABLE break_glass (
    org_id uuid NOT NULL REFERENCES organisation (org_id),
    id uuid NOT NULL UNIQUE,
    user_id uuid NOT NULL,
    user_name text NOT NULL CHECK (length(user_name) <= 120),
    reason text NOT NULL CHECK (length(reason) BETWEEN 10 AND 500),
    ticket text NOT NULL CHECK (length(ticket) BETWEEN 1 AND 100),
    hours integer NOT NULL CHECK (hours BETWEEN 1 AND 4),
    requested_at timestamptz NOT NULL,
    approved_by uuid,
    approved_by_name text CHECK (length(approved_by_name) <= 120),
    approved_at timestamptz CHECK (approved_at >= requested_at),
    expires_at timestamptz,
    ended_at timestamptz,
    PRIMARY KEY (org_id, id),
    CHECK ((approved_by IS NULL) = (approved_at IS NULL) AND (approved_by IS NULL) = (approved_by_name IS NULL)),
    CONSTRAINT break_glass_hours CHECK ((approved_at IS NULL AND expires_at IS NULL)
        OR (approved_at IS NOT NULL AND expires_at = approved_at + hours * interval '1 hour')),
    CONSTRAINT break_glass_two_people CHECK (approved_by <> user_id)
);
CREATE INDEX break_glass_by_user ON break_glass (user_id, org_id) WHERE ended_at IS NULL;

SELECT proofline_protect('access_grant', NULL);
SELECT proofline_protect('break_glass', NULL);
GRANT SELECT, INSERT, UPDATE, DELETE ON access_grant TO proofline_app;
GRANT SELECT, INSERT ON break_glass TO proofline_app;
GRANT UPDATE (approved_by, approved_by_name, approved_at, expires_at, ended_at) ON break_glass TO proofline_app;

-- The name of a person above a client, for whoever lets them in: an owner of the practice does not see them. It looks as
-- signing in does, and sees what the transaction saw before as soon as it is done. NULL where there is nobody such.
CREATE FUNCTION proofline_person_above(client uuid, who uuid) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    before text := coalesce(current_setting('app.sign_in', true), '');
    found text;
BEGIN
    PERFORM set_config('app.sign_in', 'on', true);
    SELECT p.name INTO found FROM person p WHERE p.id = who AND p.disabled_at IS NULL AND p.org_id IS NULL
        AND (p.partner_id IS NULL
            OR p.partner_id = (SELECT o.partner_id FROM organisation o WHERE o.org_id = client));
    PERFORM set_config('app.sign_in', before, true);
    RETURN found;
END $$;

-- The restricted clients that this transaction may not read, or may not change: a break-glass access is for reading. Never
-- NULL. It runs as whoever calls it, so among the organisations of the transaction's tenant.
CREATE FUNCTION proofline_hidden(changing boolean) RETURNS uuid[] LANGUAGE plpgsql STABLE PARALLEL SAFE AS $$
DECLARE
    me uuid := nullif(current_setting('app.person', true), '')::uuid;
    instant timestamptz := nullif(current_setting('app.at', true), '')::timestamptz;
BEGIN
    IF current_setting('app.unrestricted', true) = 'on' OR (
        current_setting('app.platform', true) IS DISTINCT FROM 'on'
        AND nullif(current_setting('app.org', true), '') IS NOT NULL)
    THEN
        RETURN '{}';
    END IF;
    RETURN ARRAY(SELECT o.org_id FROM organisation o WHERE o.restricted
        AND NOT EXISTS (SELECT FROM access_grant g WHERE g.org_id = o.org_id AND g.user_id = me
            AND g.granted_at <= instant AND (g.expires_at IS NULL OR g.expires_at > instant))
        AND (changing OR NOT EXISTS (SELECT FROM break_glass b WHERE b.org_id = o.org_id AND b.user_id = me
            AND b.approved_at <= instant AND b.ended_at IS NULL AND b.expires_at > instant)));
END $$;

-- Beside each table's own policy, which says whose tenant a row is: this one takes away. A sub-select is worked out once a
-- query; "not in a list" leaves the planner its estimates, and the indexes.
DO $$ DECLARE
    target regclass;
    shown text := '(org_id IS NULL OR org_id <> ALL ((SELECT proofline_hidden(false))::uuid[]))';
    changeable text := '(org_id IS NULL OR org_id <> ALL ((SELECT proofline_hidden(true))::uuid[]))';
BEGIN
    FOR target IN
        SELECT c.oid::regclass FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = 'org_id'
        WHERE c.relnamespace = current_schema()::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition
            AND c.relrowsecurity
            AND c.relname NOT IN ('organisation', 'access_grant', 'break_glass', 'oidc_flow')
        ORDER BY c.relname
    LOOP
        IF target = 'audit_entry'::regclass THEN
            -- Who let whom in is told in both places: to the client, and to the people above it. And a note of what
            -- somebody did, or was refused, is written whether or not they may read it.
            EXECUTE format('CREATE POLICY restricted_read ON %s AS RESTRICTIVE FOR SELECT USING (%s OR action = ANY (%L))',
                target, shown, ARRAY['access.restrict', 'access.grant', 'access.revoke', 'break_glass.request',
                    'break_glass.approve', 'break_glass.end']);
        ELSIF target = 'site_posture'::regclass THEN
            -- Worked out from what is read, and renewed by whoever reads it.
            EXECUTE format('CREATE POLICY restricted_read ON %s AS RESTRICTIVE USING (%s)', target, shown);
        ELSE
            EXECUTE format('CREATE POLICY restricted_read ON %s AS RESTRICTIVE FOR SELECT USING (%s)', target, shown);
            EXECUTE format('CREATE POLICY restricted_insert ON %s AS RESTRICTIVE FOR INSERT WITH CHECK (%s)',
                target, changeable);
            EXECUTE format('CREATE POLICY restricted_update ON %s AS RESTRICTIVE FOR UPDATE USING (%s)',
                target, changeable);
            EXECUTE format('CREATE POLICY restricted_delete ON %s AS RESTRICTIVE FOR DELETE USING (%s)',
                target, changeable);
        END IF;
    END LOOP;
END $$;
