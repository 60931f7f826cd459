DROP TABLE idempotency_key, job_run;
