-- As in 0013.
DO $$ DECLARE
    found record;
    shown text := '(org_id IS NULL OR org_id <> ALL ((SELECT proofline_hidden(false))::uuid[]))';
    changeable text := '(org_id IS NULL OR org_id <> ALL ((SELECT proofline_hidden(true))::uuid[]))';
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
