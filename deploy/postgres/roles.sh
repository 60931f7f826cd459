#!/bin/sh
# Makes the database and its two roles in a PostgreSQL server of yours; idempotent. Run by the container of compose.yaml
# at its first start, or by hand as a superuser: OWNER_PASSWORD=… APP_PASSWORD=… deploy/postgres/roles.sh [psql options]
set -eu
: "${OWNER_PASSWORD:?the password for proofline_owner}" "${APP_PASSWORD:?the password for proofline_app}"

# The passwords go through the environment, not the command line, which every process could read.
export OWNER_PASSWORD APP_PASSWORD
exec psql -Xq -v ON_ERROR_STOP=1 -d postgres "$@" <<'SQL'
\getenv owner_password OWNER_PASSWORD
\getenv app_password APP_PASSWORD
SET log_statement = 'none';

-- Owns the schema and runs migrations; nothing else connects as it.
SELECT 'CREATE ROLE proofline_owner LOGIN' WHERE to_regrole('proofline_owner') IS NULL \gexec
ALTER ROLE proofline_owner LOGIN NOSUPERUSER NOBYPASSRLS NOCREATEDB NOCREATEROLE PASSWORD :'owner_password';

-- What the server works as: owns nothing, so row-level security always applies to it.
SELECT 'CREATE ROLE proofline_app LOGIN' WHERE to_regrole('proofline_app') IS NULL \gexec
ALTER ROLE proofline_app LOGIN NOSUPERUSER NOBYPASSRLS NOCREATEDB NOCREATEROLE PASSWORD :'app_password';

SELECT 'CREATE DATABASE proofline OWNER proofline_owner' WHERE NOT EXISTS (
    SELECT FROM pg_database WHERE datname = 'proofline'
) \gexec
REVOKE ALL ON DATABASE proofline FROM PUBLIC;
GRANT CONNECT ON DATABASE proofline TO proofline_app;
SQL
