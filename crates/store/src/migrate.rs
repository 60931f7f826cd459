//! Migrations: up and down files, recorded checksums, one runner at a time.
//!
//! Run as the owner of the schema, never as the runtime role. Concurrent starts queue on an advisory lock and apply each
//! migration once; a changed file that was applied before refuses to start.

use sqlx::migrate::{Migrate, MigrateError as SqlxMigrateError, Migrator as Files};
use sqlx::postgres::{PgConnectOptions, PgConnection};
use sqlx::{ConnectOptions as _, Connection, Executor};

static FILES: Files = sqlx::migrate!("./migrations");

/// Why the schema could not be brought to the wanted version.
#[derive(Debug, thiserror::Error)]
pub enum MigrateError {
    /// The owner's connection failed.
    #[error("cannot connect as the schema owner")]
    Connect(#[source] sqlx::Error),
    /// A migration failed, was edited after it was applied, or is missing.
    #[error("migration failed")]
    Migrate(#[from] SqlxMigrateError),
    /// The database said no.
    #[error("{0}")]
    Database(&'static str, #[source] sqlx::Error),
}

/// One migration and whether it is applied.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MigrationState {
    /// Its number.
    pub version: i64,
    /// Its name.
    pub description: String,
    /// Whether the database has it.
    pub applied: bool,
    /// Whether the applied text differs from the file.
    pub changed: bool,
}

/// A connection as the schema's owner.
pub struct Migrator {
    connection: PgConnection,
}

impl Migrator {
    /// Differs whenever any migration differs.
    pub fn fingerprint() -> Vec<u8> {
        FILES.iter().flat_map(|migration| migration.checksum.iter().copied()).collect()
    }

    /// Connects as the owner. Waits at most 10 s for a lock, so a stuck neighbour is an error and not a hang.
    pub async fn connect(owner: &PgConnectOptions) -> Result<Self, MigrateError> {
        let mut connection = owner.connect().await.map_err(MigrateError::Connect)?;
        connection
            .execute("SET lock_timeout = '10s'; SET client_min_messages = warning")
            .await
            .map_err(|e| MigrateError::Database("cannot set the lock time-out", e))?;
        Ok(Self { connection })
    }

    /// Applies everything that is missing.
    pub async fn up(&mut self) -> Result<(), MigrateError> {
        Ok(FILES.run(&mut self.connection).await?)
    }

    /// Goes down to `version`, which stays applied; 0 removes everything. Refuses while evidence would be lost.
    pub async fn down(&mut self, version: i64) -> Result<(), MigrateError> {
        Ok(FILES.undo(&mut self.connection, version).await?)
    }

    /// Every known migration and its state.
    pub async fn status(&mut self) -> Result<Vec<MigrationState>, MigrateError> {
        let table = FILES.table_name.as_ref();
        self.connection.ensure_migrations_table(table).await?;
        let applied = self.connection.list_applied_migrations(table).await?;
        Ok(FILES
            .iter()
            .filter(|m| !m.migration_type.is_down_migration())
            .map(|m| {
                let found = applied.iter().find(|a| a.version == m.version);
                MigrationState {
                    version: m.version,
                    description: m.description.to_string(),
                    applied: found.is_some(),
                    changed: found.is_some_and(|a| a.checksum != m.checksum),
                }
            })
            .collect())
    }

    /// Closes the connection.
    pub async fn close(self) -> Result<(), MigrateError> {
        self.connection.close().await.map_err(|e| MigrateError::Database("cannot close", e))
    }
}
