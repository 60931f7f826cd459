DROP INDEX audit_entry_not_done, audit_entry_by_resource, audit_entry_by_actor, audit_entry_under_partner;
CREATE INDEX audit_entry_by_partner ON audit_entry (partner_id, at DESC, id DESC) WHERE partner_id IS NOT NULL;
DROP TRIGGER audit_entry_under_partner ON audit_entry;
DROP FUNCTION proofline_audit_under_partner();
-- What programs did stays in the log, as their makers' acts: the names of both stand in the row.
ALTER TABLE audit_entry NO FORCE ROW LEVEL SECURITY;
UPDATE audit_entry SET actor_kind = 'person' WHERE actor_kind = 'token';
ALTER TABLE audit_entry FORCE ROW LEVEL SECURITY;
ALTER TABLE audit_entry
    DROP COLUMN under_partner,
    DROP CONSTRAINT audit_entry_actor_kind_check,
    ADD CONSTRAINT audit_entry_actor_kind_check
        CHECK (actor_kind IN ('person', 'appliance', 'system', 'anonymous'));
DROP TABLE api_token;
