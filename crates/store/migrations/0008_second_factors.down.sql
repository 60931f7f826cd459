DROP TABLE factor_policy, passkey_ceremony, passkey, recovery_code, totp_factor;
ALTER TABLE session DROP COLUMN proved_at, DROP COLUMN assurance;
