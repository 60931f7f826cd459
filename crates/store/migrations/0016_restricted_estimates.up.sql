-- Which clients are hidden is said so that the planner takes it for a coin toss. "Not in a list" it works out by how many
-- organisations there are: with a few of them it expects that next to nothing is shown, and sorts whole tables for a page.
-- The audit trail is left as it is: most of its rows are of no organisation, and its estimates hold.
DO $$ DECLARE
    found record;
    shown text := '(CASE WHEN org_id IS NULL THEN true WHEN org_id = ANY ((SELECT proofline_hidden(false))::uuid[]) THEN false ELSE true END)';
    changeable text := '(CASE WHEN org_id IS NULL THEN true WHEN org_id = ANY ((SELECT proofline_hidden(true))::uuid[]) THEN false ELSE true END)';
BEGIN
    FOR found IN
        SELECT p.polname AS name, p.polrelid::regclass AS target FROM pg_policy p JOIN pg_class c ON c.oid = p.polrelid
        WHERE c.relnamespace = current_schema()::regnamespace
            AND p.polname IN ('restricted_read', 'restricted_insert', 'restricted_update', 'restricted_delete')
            AND c.relname <> 'audit_entry'
        ORDER BY c.relname, p.polname
    LOOP
        IF found.name = 'restricted_insert' THEN
            EXECUTE format('ALTER POLICY %I ON %s WITH CHECK (%s)', found.name, found.target, changeable);
        ELSE
            EXECUTE format('ALTER POLICY %I ON %s USING (%s)', found.name, found.target,
                CASE found.name WHEN 'restricted_read' THEN shown ELSE changeable END);
        END IF;
    END LOOP;
END $$;
