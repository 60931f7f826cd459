DO $$ DECLARE found record; BEGIN
    FOR found IN
        SELECT p.polname, p.polrelid::regclass AS target FROM pg_policy p JOIN pg_class c ON c.oid = p.polrelid
        WHERE c.relnamespace = current_schema()::regnamespace
            AND p.polname IN ('restricted_read', 'restricted_insert', 'restricted_update', 'restricted_delete')
    LOOP
        EXECUTE format('DROP POLICY %I ON %s', found.polname, found.target);
    END LOOP;
END $$;
DROP FUNCTION proofline_hidden(boolean);
DROP FUNCTION proofline_person_above(uuid, uuid);
DROP TABLE break_glass, access_grant;
DROP INDEX organisation_restricted;
ALTER TABLE organisation DROP COLUMN restricted;
