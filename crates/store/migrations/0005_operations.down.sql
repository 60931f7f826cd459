DROP TABLE idempotency_key, seen_nonce, job_run;
