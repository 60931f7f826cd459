DROP TABLE appliance_credential;
ALTER TABLE appliance DROP COLUMN credentials_version;
DROP FUNCTION proofline_reseal(text, text, text, uuid[], text[], text[], text);
DROP FUNCTION proofline_sealed_rows(text, text, text, text, text, uuid, bigint);
DROP FUNCTION proofline_sealed_counts(text, text);
DROP TABLE known_secret;
