-- The rates of a site are made of these counts; a negative one would put a rate outside of 0 to 1.
ALTER TABLE site_posture
    ADD CONSTRAINT site_posture_counts
        CHECK (pass >= 0 AND fail >= 0 AND not_assessed >= 0 AND stale >= 0 AND not_applicable >= 0),
    ADD CONSTRAINT site_posture_sizes CHECK (risk >= 0 AND assets >= 0 AND open_incidents >= 0);
