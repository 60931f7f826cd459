//! Migrations: up and down files, recorded checksums, one runner at a time.
//!
//! - They run as the owner of the schema, never as the runtime role. Concurrent starts queue on an advisory lock and
//!   apply each migration once.
//! - A migration that was edited after it was applied, or that this program does not know, is refused.
//! - Going down is one transaction: all the way or not at all. It is refused while evidence would be lost.
//! - [`Schema::read`] only looks, as any role that may read the record: the owner, and since migration 6 the runtime role.

use sqlx::migrate::{AppliedMigration, Migrate, MigrateError as SqlxMigrateError, Migrator as Files};
use sqlx::postgres::{PgConnectOptions, PgConnection};
use sqlx::{ConnectOptions as _, Connection, Executor};

static FILES: Files = sqlx::migrate!("./migrations");

/// The migration that makes the evidence log: below it, evidence would be gone.
const EVIDENCE: i64 = 3;

/// The newest migration of this program.
pub(crate) fn newest() -> Option<i64> {
    FILES.iter().map(|migration| migration.version).max()
}

/// Why the schema could not be looked at, or not be brought to the wanted version.
#[derive(Debug, thiserror::Error)]
pub enum MigrateError {
    /// No connection.
    #[error("cannot connect to the database")]
    Connect(#[source] sqlx::Error),
    /// The applied text differs from this program's.
    #[error(
        "migration {0} was changed after it was applied to this database: install the Proofline that applied it"
    )]
    Changed(i64),
    /// Applied by another version of the program.
    #[error("the database has migration {0}, which this Proofline does not know: install the newer one")]
    Unknown(i64),
    /// Not applied yet.
    #[error("migration {0} is not applied: run `proofline migrate up` with PROOFLINE_OWNER_DATABASE_URL")]
    Missing(i64),
    /// The role may not read which migrations are applied.
    #[error(
        "the database role may not read which migrations are applied: \
         run `proofline migrate up` with PROOFLINE_OWNER_DATABASE_URL"
    )]
    Unreadable(#[source] sqlx::Error),
    /// Going down would lose evidence.
    #[error(
        "the evidence log holds entries: export them before going below migration {EVIDENCE}; nothing was changed"
    )]
    EvidenceWouldBeLost,
    /// Neither 0 nor the number of a migration.
    #[error("there is no migration {0} to go down to")]
    NoSuchVersion(i64),
    /// A migration failed.
    #[error("migration failed")]
    Migrate(#[source] SqlxMigrateError),
    /// The database said no.
    #[error("{0}")]
    Database(&'static str, #[source] sqlx::Error),
}

impl From<SqlxMigrateError> for MigrateError {
    fn from(error: SqlxMigrateError) -> Self {
        match error {
            SqlxMigrateError::VersionMismatch(version) => Self::Changed(version),
            SqlxMigrateError::VersionMissing(version) => Self::Unknown(version),
            other => Self::Migrate(other),
        }
    }
}

/// How a migration of this program and the database's record of it compare.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// Applied, and the same.
    Applied,
    /// Not applied.
    Missing,
    /// Applied with another text.
    Changed,
    /// Applied, but not by this version of the program.
    Unknown,
}

/// One migration and how it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MigrationState {
    /// Its number.
    pub version: i64,
    /// Its name; empty where it is not known.
    pub description: String,
    /// How it stands.
    pub standing: Standing,
}

/// What the database's record says of every migration, in order.
#[derive(Debug, Clone)]
pub struct Schema(pub Vec<MigrationState>);

impl Schema {
    /// Reads the record in a read-only session. A database without one has no migration applied.
    pub async fn read(database: &PgConnectOptions) -> Result<Self, MigrateError> {
        let read_only = database.clone().options([("default_transaction_read_only", "on")]);
        let mut connection = read_only.connect().await.map_err(MigrateError::Connect)?;
        let applied = match connection.list_applied_migrations(&FILES.table_name).await {
            Ok(applied) => applied,
            Err(SqlxMigrateError::Execute(error)) => match code(&error).as_deref() {
                Some("42P01") => Vec::new(), // no such table
                Some("42501") => return Err(MigrateError::Unreadable(error)),
                _ => return Err(MigrateError::Database("cannot read which migrations are applied", error)),
            },
            Err(other) => return Err(other.into()),
        };
        let _ = connection.close().await; // what was read stands, however politely we part
        Ok(Self::compare(&applied))
    }

    fn compare(applied: &[AppliedMigration]) -> Self {
        let known = || FILES.iter().filter(|migration| !migration.migration_type.is_down_migration());
        let mut states: Vec<MigrationState> = known()
            .map(|migration| {
                let standing = match applied.iter().find(|found| found.version == migration.version) {
                    None => Standing::Missing,
                    Some(found) if found.checksum == migration.checksum => Standing::Applied,
                    Some(_) => Standing::Changed,
                };
                let (version, description) = (migration.version, migration.description.to_string());
                MigrationState { version, description, standing }
            })
            .collect();
        for found in applied.iter().filter(|found| known().all(|ours| ours.version != found.version)) {
            let (version, standing) = (found.version, Standing::Unknown);
            states.push(MigrationState { version, description: String::new(), standing });
        }
        Self(states)
    }

    /// Whether this program can work with it: every migration applied, unchanged, and no other.
    pub fn check(&self) -> Result<(), MigrateError> {
        let first = |wanted| self.0.iter().find(|state| state.standing == wanted).map(|state| state.version);
        match (first(Standing::Changed), first(Standing::Unknown), first(Standing::Missing)) {
            (Some(version), _, _) => Err(MigrateError::Changed(version)),
            (_, Some(version), _) => Err(MigrateError::Unknown(version)),
            (_, _, Some(version)) => Err(MigrateError::Missing(version)),
            (None, None, None) => Ok(()),
        }
    }
}

fn code(error: &sqlx::Error) -> Option<String> {
    Some(error.as_database_error()?.code()?.into_owned())
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
        let outcome = FILES.run(&mut self.connection).await;
        self.unlocked(outcome).await
    }

    /// Goes down to `version`, which stays applied; 0 removes everything. Refuses while evidence would be lost, and
    /// changes nothing then.
    pub async fn down(&mut self, version: i64) -> Result<(), MigrateError> {
        if version != 0 && !FILES.version_exists(version) {
            return Err(MigrateError::NoSuchVersion(version));
        }
        let database = |what| move |error| MigrateError::Database(what, error);
        // The runner commits each migration by itself; inside of this one its transactions are savepoints.
        let mut whole = self.connection.begin().await.map_err(database("cannot begin"))?;
        refuse_loss(&mut whole, version).await?;
        let outcome = FILES.undo(&mut *whole, version).await;
        if outcome.is_ok() {
            whole.commit().await.map_err(database("cannot commit"))?;
        } else {
            whole.rollback().await.map_err(database("cannot roll back"))?;
        }
        self.unlocked(outcome).await
    }

    /// The runner leaves its advisory lock taken when it fails: others would wait for as long as we stay connected.
    async fn unlocked(&mut self, outcome: Result<(), SqlxMigrateError>) -> Result<(), MigrateError> {
        if outcome.is_err() {
            // Should this fail too, the connection is gone, and the lock with it.
            let _ = self.connection.execute("SELECT pg_advisory_unlock_all()").await;
        }
        Ok(outcome?)
    }

    /// Closes the connection.
    pub async fn close(self) -> Result<(), MigrateError> {
        self.connection.close().await.map_err(|e| MigrateError::Database("cannot close", e))
    }
}

/// Said before the first step. Migration 3 looks again on its way down, under a lock: between the two an entry may come in.
async fn refuse_loss(whole: &mut PgConnection, version: i64) -> Result<(), MigrateError> {
    let table = FILES.table_name.as_ref();
    whole.ensure_migrations_table(table).await?;
    let applied = whole.list_applied_migrations(table).await?;
    if version >= EVIDENCE || applied.iter().all(|migration| migration.version < EVIDENCE) {
        return Ok(());
    }
    // Row-level security is forced on the owner as well: without this, the log looks empty.
    let look = async {
        whole.execute("SET LOCAL app.platform = 'on'").await?;
        sqlx::query_scalar!(r#"SELECT EXISTS (SELECT FROM evidence_entry) AS "found!""#)
            .fetch_one(&mut *whole)
            .await
    };
    match look.await.map_err(|e| MigrateError::Database("cannot look for evidence", e))? {
        true => Err(MigrateError::EvidenceWouldBeLost),
        false => Ok(()),
    }
}
