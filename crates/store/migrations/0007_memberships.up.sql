-- People of partners and practices, and row-level security for what belongs to people.

ALTER TABLE person
    ADD COLUMN partner_id uuid REFERENCES partner (id),
    ADD COLUMN org_id uuid REFERENCES organisation (org_id),
    DROP CONSTRAINT person_role_check,
    ADD CONSTRAINT person_membership CHECK (CASE
        WHEN role IN ('staff_admin', 'staff_operator', 'staff_readonly')
            THEN partner_id IS NULL AND org_id IS NULL
        WHEN role IN ('partner_admin', 'partner_technician', 'partner_billing')
            THEN partner_id IS NOT NULL AND org_id IS NULL
        WHEN role IN ('practice_owner', 'practice_manager', 'practice_viewer')
            THEN partner_id IS NULL AND org_id IS NOT NULL
        ELSE false END);
CREATE INDEX person_by_partner ON person (partner_id, id) WHERE partner_id IS NOT NULL;
CREATE INDEX person_by_org ON person (org_id, id) WHERE org_id IS NOT NULL;

-- The partner whose people did it or whom it concerns; they see it beside what happened in their organisations.
ALTER TABLE audit_entry ADD COLUMN partner_id uuid;
CREATE INDEX audit_entry_by_org ON audit_entry (org_id, at DESC, id DESC) WHERE org_id IS NOT NULL;
CREATE INDEX audit_entry_by_partner ON audit_entry (partner_id, at DESC, id DESC) WHERE partner_id IS NOT NULL;

-- app.sign_in = 'on' is set where somebody signs in, or is found by a credential: before it is known whose tenant it is.
CREATE POLICY tenant ON person USING (CASE
    WHEN (SELECT current_setting('app.sign_in', true)) = 'on' THEN true
    WHEN (SELECT current_setting('app.platform', true)) = 'on' THEN true
    WHEN (SELECT nullif(current_setting('app.site', true), '')) IS NOT NULL THEN false
    WHEN (SELECT nullif(current_setting('app.org', true), '')) IS NOT NULL
        THEN org_id = (SELECT nullif(current_setting('app.org', true), '')::uuid)
    ELSE partner_id = (SELECT nullif(current_setting('app.partner', true), '')::uuid)
        OR org_id IN (SELECT o.org_id FROM organisation o WHERE o.partner_id =
            (SELECT nullif(current_setting('app.partner', true), '')::uuid)) END);
ALTER TABLE person ENABLE ROW LEVEL SECURITY;
ALTER TABLE person FORCE ROW LEVEL SECURITY;

-- What belongs to a person is seen by whoever sees the person.
CREATE FUNCTION proofline_protect_by_person(target regclass) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE format('CREATE POLICY tenant ON %s USING (CASE
        WHEN (SELECT current_setting(''app.sign_in'', true)) = ''on'' THEN true
        ELSE user_id IN (SELECT p.id FROM person p) END)', target);
    EXECUTE format('ALTER TABLE %s ENABLE ROW LEVEL SECURITY', target);
    EXECUTE format('ALTER TABLE %s FORCE ROW LEVEL SECURITY', target);
END $$;
SELECT proofline_protect_by_person('session');
SELECT proofline_protect_by_person('idempotency_key');

DROP POLICY audit_read ON audit_entry;
CREATE POLICY audit_read ON audit_entry FOR SELECT USING (CASE
    WHEN (SELECT current_setting('app.platform', true)) = 'on' THEN true
    WHEN (SELECT nullif(current_setting('app.org', true), '')) IS NOT NULL
        THEN org_id = (SELECT nullif(current_setting('app.org', true), '')::uuid)
    ELSE partner_id = (SELECT nullif(current_setting('app.partner', true), '')::uuid)
        OR org_id IN (SELECT o.org_id FROM organisation o WHERE o.partner_id =
            (SELECT nullif(current_setting('app.partner', true), '')::uuid)) END);

-- An appliance sees its own site's rows alone, in these two tables, too: by way of the thing they belong to.
CREATE POLICY one_site ON appliance_presence AS RESTRICTIVE USING (CASE
    WHEN (SELECT nullif(current_setting('app.site', true), '')) IS NULL THEN true
    ELSE EXISTS (SELECT FROM appliance a
        WHERE a.org_id = appliance_presence.org_id AND a.id = appliance_presence.appliance_id) END);
CREATE POLICY one_site ON incident_transition AS RESTRICTIVE USING (CASE
    WHEN (SELECT nullif(current_setting('app.site', true), '')) IS NULL THEN true
    ELSE EXISTS (SELECT FROM incident i
        WHERE i.org_id = incident_transition.org_id AND i.id = incident_transition.incident_id) END);
