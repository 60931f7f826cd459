//! The installation itself: its name and keys, its background work, its database.

use proofline_core::{InstallationId, Timestamp};

use crate::error::During;
use crate::{Scope, StoreResult};

/// One deployment.
#[derive(Debug, Clone)]
pub struct Installation {
    /// Which.
    pub id: InstallationId,
    /// What people call it.
    pub name: String,
    /// When it was first started.
    pub created_at: Timestamp,
    /// Digest of the catalogue in use.
    pub catalogue: String,
    /// Since when.
    pub catalogue_since: Timestamp,
    /// Grows with every change that a person makes.
    pub version: i64,
}

/// The public half of a server key.
#[derive(Debug, Clone)]
pub struct ServerKeyRow {
    /// Hex SHA-256 of the public key.
    pub key_id: String,
    /// `server_facts`, `checkpoint`, `orders` or `rules`.
    pub role: String,
    /// 32 bytes.
    pub public_key: Vec<u8>,
    /// When it was first used; of a successor that is announced, when it will be.
    pub created_at: Timestamp,
    /// From when on it is refused: absent while it has no successor, and later than now while that is new.
    pub retired_at: Option<Timestamp>,
}

/// The last run of a periodic job.
#[derive(Debug, Clone)]
pub struct JobRun {
    /// Its name.
    pub name: String,
    /// When it last began.
    pub last_started_at: Timestamp,
    /// `ok` or `error`.
    pub last_result: String,
    /// What went wrong.
    pub last_error: Option<String>,
    /// What it did, in a few words.
    pub last_detail: String,
    /// How long it took, in milliseconds.
    pub duration_ms: i64,
    /// When it is due again.
    pub next_run_at: Timestamp,
}

/// What the database says of itself.
#[derive(Debug, Clone)]
pub struct DatabaseFacts {
    /// Server version.
    pub version: String,
    /// Bytes on disk.
    pub size_bytes: i64,
}

impl Scope {
    /// The installation, once it was first started.
    pub async fn installation(&mut self) -> StoreResult<Option<Installation>> {
        sqlx::query!("SELECT id, name, created_at, catalogue, catalogue_since, version FROM installation")
            .map(|row| Installation {
                id: InstallationId::from_uuid(row.id),
                name: row.name,
                created_at: row.created_at,
                catalogue: row.catalogue,
                catalogue_since: row.catalogue_since,
                version: row.version,
            })
            .fetch_optional(self.query())
            .await
            .during("read installation")
    }

    /// Names the installation at its first start; of two concurrent starts one wins and both read the same row.
    pub async fn create_installation(&mut self, installation: &Installation) -> StoreResult<()> {
        sqlx::query!(
            "INSERT INTO installation (id, name, created_at, catalogue, catalogue_since) VALUES ($1, $2, $3, $4, $5)
             ON CONFLICT DO NOTHING",
            installation.id.uuid(),
            installation.name,
            installation.created_at,
            installation.catalogue,
            installation.catalogue_since
        )
        .execute(self.query())
        .await
        .during("create installation")
        .map(drop)
    }

    /// Notes that another catalogue is in use from `since` on, and that no posture resolved under the one before still
    /// holds; the same one again changes nothing.
    pub async fn put_catalogue(&mut self, digest: &str, since: Timestamp) -> StoreResult<()> {
        let changed = sqlx::query!(
            "UPDATE installation SET catalogue = $1, catalogue_since = $2 WHERE catalogue <> $1",
            digest,
            since
        )
        .execute(self.query())
        .await
        .during("note catalogue")?;
        if changed.rows_affected() == 0 {
            return Ok(());
        }
        sqlx::query!("UPDATE site_posture SET valid_until = $1 WHERE valid_until > $1", since)
            .execute(self.query())
            .await
            .during("expire postures")
            .map(drop)
    }

    /// Renames the installation, whose version may have to be a certain one. `false` when it is another by now.
    pub async fn rename_installation(&mut self, name: &str, version: Option<i64>) -> StoreResult<bool> {
        let renamed = sqlx::query!(
            "UPDATE installation SET name = $1, version = version + 1 WHERE $2::bigint IS NULL OR version = $2",
            name,
            version
        )
        .execute(self.query())
        .await
        .during("rename installation")?;
        Ok(renamed.rows_affected() == 1)
    }

    /// Every server key, newest first.
    pub async fn server_keys(&mut self) -> StoreResult<Vec<ServerKeyRow>> {
        sqlx::query_as!(
            ServerKeyRow,
            "SELECT key_id, role, public_key, created_at, retired_at FROM server_key ORDER BY created_at DESC, key_id"
        )
        .fetch_all(self.query())
        .await
        .during("list server keys")
    }

    /// Registers a server key; registering it again changes nothing. A second current key of a role is a conflict.
    pub async fn put_server_key(&mut self, key: &ServerKeyRow) -> StoreResult<()> {
        sqlx::query!(
            "INSERT INTO server_key (key_id, role, public_key, created_at) VALUES ($1, $2, $3, $4)
             ON CONFLICT (key_id) DO NOTHING",
            key.key_id,
            key.role,
            key.public_key,
            key.created_at
        )
        .execute(self.query())
        .await
        .during("register server key")
        .map(drop)
    }

    /// Says from when on a server key is refused, which makes room for its successor. Answers whether it was there and had
    /// none; whoever asks meanwhile waits until this scope ends.
    pub async fn retire_server_key(&mut self, key_id: &str, until: Timestamp) -> StoreResult<bool> {
        let retired = sqlx::query!(
            "UPDATE server_key SET retired_at = $2 WHERE key_id = $1 AND retired_at IS NULL",
            key_id,
            until
        )
        .execute(self.query())
        .await
        .during("retire server key")?;
        Ok(retired.rows_affected() == 1)
    }

    /// The last run of every periodic job.
    pub async fn job_runs(&mut self) -> StoreResult<Vec<JobRun>> {
        sqlx::query_as!(
            JobRun,
            "SELECT name, last_started_at, last_result, last_error, last_detail, duration_ms, next_run_at
             FROM job_run ORDER BY name"
        )
        .fetch_all(self.query())
        .await
        .during("list job runs")
    }

    /// Records a run.
    pub async fn put_job_run(&mut self, run: &JobRun) -> StoreResult<()> {
        sqlx::query!(
            "INSERT INTO job_run (name, last_started_at, last_result, last_error, last_detail, duration_ms, next_run_at)
             VALUES ($1, $2, $3, $4, $5, $6, $7)
             ON CONFLICT (name) DO UPDATE SET last_started_at = EXCLUDED.last_started_at,
                last_result = EXCLUDED.last_result, last_error = EXCLUDED.last_error,
                last_detail = EXCLUDED.last_detail, duration_ms = EXCLUDED.duration_ms,
                next_run_at = EXCLUDED.next_run_at",
            run.name,
            run.last_started_at,
            run.last_result,
            run.last_error,
            run.last_detail,
            run.duration_ms,
            run.next_run_at
        )
        .execute(self.query())
        .await
        .during("record job run")
        .map(drop)
    }

    /// Version and size of the database.
    pub async fn database_facts(&mut self) -> StoreResult<DatabaseFacts> {
        sqlx::query_as!(
            DatabaseFacts,
            r#"SELECT current_setting('server_version') AS "version!",
                pg_database_size(current_database()) AS "size_bytes!""#
        )
        .fetch_one(self.query())
        .await
        .during("inspect database")
    }
}
