DROP TABLE mail_outbox, reset_request, person_link, invitation;
DROP FUNCTION proofline_address_is_taken(text);
ALTER TABLE idempotency_key
    DROP CONSTRAINT idempotency_key_user_id_fkey,
    ADD CONSTRAINT idempotency_key_user_id_fkey FOREIGN KEY (user_id) REFERENCES person (id);
ALTER TABLE session
    DROP CONSTRAINT session_user_id_fkey,
    ADD CONSTRAINT session_user_id_fkey FOREIGN KEY (user_id) REFERENCES person (id),
    DROP COLUMN client;
REVOKE DELETE ON person FROM proofline_app;
DROP INDEX person_by_name;
ALTER TABLE person DROP COLUMN last_seen_at, DROP COLUMN disabled_reason;
