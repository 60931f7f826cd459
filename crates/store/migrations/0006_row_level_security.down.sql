REVOKE SELECT ON _sqlx_migrations FROM proofline_app;
DO $$ DECLARE protected record; BEGIN
    FOR protected IN SELECT schemaname, tablename, policyname FROM pg_policies
        WHERE schemaname = current_schema() AND policyname IN ('tenant', 'one_site')
    LOOP
        EXECUTE format('DROP POLICY %I ON %I', protected.policyname, protected.tablename);
        EXECUTE format('ALTER TABLE %I DISABLE ROW LEVEL SECURITY', protected.tablename);
        EXECUTE format('ALTER TABLE %I NO FORCE ROW LEVEL SECURITY', protected.tablename);
    END LOOP;
END $$;
DROP FUNCTION proofline_protect(regclass, text);
