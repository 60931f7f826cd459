-- Evidence is never lost on the way down: with entries in the log this migration refuses. The lock keeps out what would
-- come in between the look and the drop.
LOCK TABLE evidence_entry IN ACCESS EXCLUSIVE MODE;
DO $$ BEGIN
    IF EXISTS (SELECT FROM evidence_entry) THEN
        RAISE EXCEPTION 'the evidence log holds entries; export them before going below migration 3';
    END IF;
END $$;
DROP TABLE alarm, site_posture, verdict_span, evidence_tile, evidence_mention, evidence_entry, evidence_signer, evidence_log;
