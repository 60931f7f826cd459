ALTER TABLE site_posture DROP CONSTRAINT site_posture_counts, DROP CONSTRAINT site_posture_sizes;
