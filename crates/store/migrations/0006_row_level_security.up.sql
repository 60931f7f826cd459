-- One policy for every tenant table. The tenant of a transaction is set when its scope opens:
--   app.platform = 'on'   staff and background work
--   app.partner  = uuid   everything under one partner
--   app.org      = uuid   one organisation
--   app.site     = uuid   narrows an organisation to one of its sites (appliances)
-- A setting that was never made is NULL; one that ended with its transaction is '': both admit nothing.

--
-- CASE and not OR: the planner takes a CASE for an even chance, and an OR of comparisons with unknown settings for a chance
-- in a hundred. Two of those on each of five tables made it believe in one row and join 10^5 of them crosswise.

CREATE FUNCTION proofline_protect(target regclass, site_column text) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    via_partner text := 'org_id IN (SELECT o.org_id FROM organisation o WHERE o.partner_id =
        (SELECT nullif(current_setting(''app.partner'', true), '''')::uuid))';
    tenant text := 'CASE
        WHEN (SELECT current_setting(''app.platform'', true)) = ''on'' THEN true
        WHEN (SELECT nullif(current_setting(''app.org'', true), '''')) IS NOT NULL
            THEN org_id = (SELECT nullif(current_setting(''app.org'', true), '''')::uuid)
        ELSE %s END';
    one_site text := format('CASE
        WHEN (SELECT nullif(current_setting(''app.site'', true), '''')) IS NULL THEN true
        ELSE %I = (SELECT nullif(current_setting(''app.site'', true), '''')::uuid) END',
        coalesce(site_column, 'site_id'));
BEGIN
    EXECUTE format('ALTER TABLE %s ENABLE ROW LEVEL SECURITY', target);
    EXECUTE format('ALTER TABLE %s FORCE ROW LEVEL SECURITY', target);
    IF target = 'organisation'::regclass THEN
        via_partner := 'partner_id = (SELECT nullif(current_setting(''app.partner'', true), '''')::uuid)';
    END IF;
    EXECUTE format('CREATE POLICY tenant ON %s USING (%s)', target, format(tenant, via_partner));
    IF site_column IS NOT NULL THEN
        EXECUTE format('CREATE POLICY one_site ON %s AS RESTRICTIVE USING (%s)', target, one_site);
    END IF;
END $$;

SELECT proofline_protect('organisation', NULL);
SELECT proofline_protect('site', 'id');
SELECT proofline_protect('provisioning_code', 'site_id');
SELECT proofline_protect('appliance', 'site_id');
SELECT proofline_protect('appliance_presence', NULL);
SELECT proofline_protect('asset', 'site_id');
SELECT proofline_protect('appliance_order', 'site_id');
SELECT proofline_protect('evidence_log', 'site_id');
SELECT proofline_protect('evidence_signer', 'site_id');
SELECT proofline_protect('evidence_entry', 'site_id');
SELECT proofline_protect('evidence_mention', 'site_id');
SELECT proofline_protect('evidence_tile', 'site_id');
SELECT proofline_protect('verdict_span', 'site_id');
SELECT proofline_protect('site_posture', 'site_id');
SELECT proofline_protect('alarm', 'site_id');
SELECT proofline_protect('incident', 'site_id');
SELECT proofline_protect('incident_transition', NULL);

ALTER TABLE partner ENABLE ROW LEVEL SECURITY;
ALTER TABLE partner FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON partner USING (
    (SELECT current_setting('app.platform', true)) = 'on'
    OR id = (SELECT nullif(current_setting('app.partner', true), '')::uuid)
    OR id IN (SELECT o.partner_id FROM organisation o
              WHERE o.org_id = (SELECT nullif(current_setting('app.org', true), '')::uuid)));

-- The runtime role compares the recorded checksums with its own before it serves. The record is the migration runner's:
-- where these files are applied without one, to check queries against, there is none.
DO $$ BEGIN
    IF to_regclass('_sqlx_migrations') IS NOT NULL THEN
        GRANT SELECT ON _sqlx_migrations TO proofline_app;
    END IF;
END $$;
