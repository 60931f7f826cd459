//! The pool, and the refusal of a role that could go around row-level security.

use std::fmt::Write as _;
use std::time::Duration;

use proofline_authz::{Permit, Principal, Reach};
use proofline_core::{Timestamp, format_rfc3339};
use sqlx::postgres::{PgConnectOptions, PgListener, PgPool, PgPoolOptions};
use sqlx::{AssertSqlSafe, Postgres, SqlSafeStr, SqlStr, Transaction};

use crate::error::During;
use crate::migrate::newest;
use crate::{DeniedNote, QueryMeter, Scope, SignIn, StoreError, StoreResult};

/// A BEGIN in a transaction that is open already goes on in it, so each one first takes back every setting that admits
/// somebody: `''` admits nobody. [`Store::begin`] sees to it that there is none; this holds if it fails.
macro_rules! begin_as_nobody {
    () => {
        "BEGIN; SET LOCAL app.platform = ''; SET LOCAL app.partner = ''; SET LOCAL app.org = ''; \
         SET LOCAL app.site = ''; SET LOCAL app.sign_in = ''; SET LOCAL app.person = ''; \
         SET LOCAL app.at = ''; SET LOCAL app.unrestricted = ''"
    };
}
const BEGIN_AS_NOBODY: &str = begin_as_nobody!();

/// How to reach the database as the runtime role.
#[derive(Debug, Clone)]
pub struct ConnectOptions {
    /// Where, and as whom.
    pub database: PgConnectOptions,
    /// Most connections held, at least 1.
    pub max_connections: u32,
    /// How long a request waits for a connection before it is told to come back.
    pub acquire_timeout: Duration,
    /// How long one statement may run.
    pub statement_timeout: Duration,
}

impl ConnectOptions {
    /// 20 connections, 5 s to get one, 15 s a statement.
    pub fn new(database: PgConnectOptions) -> Self {
        Self {
            database,
            max_connections: 20,
            acquire_timeout: Duration::from_secs(5),
            statement_timeout: Duration::from_secs(15),
        }
    }
}

/// The database, seen as the runtime role. Cheap to clone.
#[derive(Clone)]
pub struct Store {
    pool: PgPool,
}

impl Store {
    /// Connects, and refuses a role that owns tables, is a superuser or bypasses row-level security.
    pub async fn connect(options: ConnectOptions) -> StoreResult<Self> {
        const OPERATION: &str = "connect";
        let statement_timeout = options.statement_timeout.as_millis().to_string();
        let database = options.database.application_name("proofline").options([
            ("statement_timeout", statement_timeout.as_str()),
            // What is acknowledged is durable, whatever a server that is not ours has as its default.
            ("synchronous_commit", "on"),
            ("idle_in_transaction_session_timeout", "60000"),
        ]);
        let pool = PgPoolOptions::new()
            .max_connections(options.max_connections)
            .acquire_timeout(options.acquire_timeout)
            .max_lifetime(Duration::from_mins(30))
            .test_before_acquire(true)
            .connect_with(database)
            .await
            .during(OPERATION)?;
        refuse_unsafe_role(&pool).await?;
        Ok(Self { pool })
    }

    /// Opens a transaction that sees what `permit` reaches, and nothing else. Without an instant no grant holds: a person above
    /// a restricted client sees nothing of it.
    pub async fn scope(&self, permit: &Permit) -> StoreResult<Scope> {
        self.open(permit, None, QueryMeter::default()).await
    }

    /// The same at an instant, which grants and break-glass accesses are held against, counting its queries with the caller's
    /// meter.
    pub async fn scope_at(&self, permit: &Permit, at: Timestamp, meter: QueryMeter) -> StoreResult<Scope> {
        self.open(permit, Some(at), meter).await
    }

    async fn open(&self, permit: &Permit, at: Option<Timestamp>, meter: QueryMeter) -> StoreResult<Scope> {
        // Built from typed uuids and an instant alone: the whole text is ours. One round trip opens the transaction and sets
        // the tenant.
        let mut begin = match permit.reach() {
            Reach::Platform => format!("{BEGIN_AS_NOBODY}; SET LOCAL app.platform = 'on'"),
            Reach::Partner(partner) => {
                format!("{BEGIN_AS_NOBODY}; SET LOCAL app.partner = '{}'", partner.uuid())
            }
            Reach::Organisation(org) => format!("{BEGIN_AS_NOBODY}; SET LOCAL app.org = '{}'", org.uuid()),
            Reach::Site(org, site) => {
                let (org, site) = (org.uuid(), site.uuid());
                format!("{BEGIN_AS_NOBODY}; SET LOCAL app.org = '{org}'; SET LOCAL app.site = '{site}'")
            }
        };
        match permit.principal() {
            Principal::System(_) | Principal::Claimant => {
                begin.push_str("; SET LOCAL app.unrestricted = 'on'");
            }
            principal => {
                if let (Some(person), Some(at)) = (principal.person(), at) {
                    let (person, at) = (person.uuid(), format_rfc3339(at));
                    let _ = write!(begin, "; SET LOCAL app.person = '{person}'; SET LOCAL app.at = '{at}'");
                }
            }
        }
        #[expect(
            clippy::disallowed_methods,
            reason = "the one statement that carries the tenant, from typed uuids and an instant"
        )]
        let begin = AssertSqlSafe(begin).into_sql_str();
        let transaction = self.begin(begin).await.during("open scope")?;
        Ok(Scope::new(transaction, permit.clone(), meter))
    }

    /// Opens a transaction that sees people and sessions and no tenant: for signing in.
    pub async fn sign_in(&self) -> StoreResult<SignIn> {
        // Which clients are restricted is nothing to somebody who signs in, and working it out would take time for some
        // accounts alone.
        const BEGIN: &str =
            concat!(begin_as_nobody!(), "; SET LOCAL app.sign_in = 'on'; SET LOCAL app.unrestricted = 'on'");
        let transaction = self.begin(BEGIN.into_sql_str()).await;
        Ok(SignIn::new(transaction.during("open sign-in")?))
    }

    /// Begins a transaction to its end, even if whoever waits for it goes away: given up halfway it would stay open on the
    /// connection, unknown to the driver.
    async fn begin(&self, statement: SqlStr) -> sqlx::Result<Transaction<'static, Postgres>> {
        let pool = self.pool.clone();
        let begun = tokio::spawn(async move { pool.begin_with(statement).await });
        begun.await.unwrap_or(Err(sqlx::Error::WorkerCrashed))
    }

    /// Records a refusal in a transaction of its own, so that what was refused leaves nothing else behind.
    pub async fn record_denied(&self, note: &DeniedNote) -> StoreResult<()> {
        let mut sign_in = self.sign_in().await?;
        sign_in.audit_denied(note).await?;
        sign_in.commit().await
    }

    /// Answers once the database does, with the schema of this program.
    pub async fn ping(&self) -> StoreResult<()> {
        const OPERATION: &str = "ping";
        let applied: Option<i64> =
            sqlx::query_scalar("SELECT max(version) FROM _sqlx_migrations WHERE success")
                .fetch_one(&self.pool)
                .await
                .during(OPERATION)?;
        match applied == newest() {
            true => Ok(()),
            false => Err(StoreError::NotFound(OPERATION)),
        }
    }

    /// Connections: all, idle, and the most there may be.
    pub fn pool_figures(&self) -> (u32, usize, u32) {
        (self.pool.size(), self.pool.num_idle(), self.pool.options().get_max_connections())
    }

    /// What other nodes, and this one, announced with [`Scope::announce`]. The stream reconnects by itself; after a
    /// reconnect it yields an empty text, because something may have been missed.
    pub async fn announcements(&self) -> StoreResult<Announcements> {
        // A connection of its own, held for as long as the stream lives: out of the pool, it would be missing there.
        let own = PgPoolOptions::new()
            .max_connections(1)
            .max_lifetime(None)
            .idle_timeout(None)
            .acquire_timeout(self.pool.options().get_acquire_timeout())
            .connect_lazy_with((*self.pool.connect_options()).clone());
        let mut listener = PgListener::connect_with(&own).await.during("listen")?;
        listener.listen(CHANNEL).await.during("listen")?;
        Ok(Announcements { listener, own })
    }

    /// Closes every connection; later calls answer "unavailable".
    pub async fn close(&self) {
        self.pool.close().await;
    }
}

pub(crate) const CHANNEL: &str = "proofline";

/// Texts announced by any node, in order.
pub struct Announcements {
    listener: PgListener,
    own: PgPool,
}

impl Announcements {
    /// The next text; empty when the connection was lost in between.
    pub async fn next(&mut self) -> StoreResult<String> {
        let next = self.listener.try_recv().await.during("await announcement")?;
        Ok(next.map(|notification| notification.payload().to_owned()).unwrap_or_default())
    }

    /// Ends the connection before it returns. Merely dropped, it is given back by a task that nobody waits for, and which finds
    /// a database that has stopped.
    pub async fn close(self) {
        let Self { listener, own } = self;
        drop(listener);
        own.close().await;
    }
}

async fn refuse_unsafe_role(pool: &PgPool) -> StoreResult<()> {
    let role = sqlx::query!(
        r#"SELECT rolname::text AS "name!", rolsuper AS "superuser!", rolbypassrls AS "bypass!",
            EXISTS (SELECT FROM pg_class WHERE relowner = pg_roles.oid AND relkind IN ('r', 'p')
                AND relnamespace = current_schema()::regnamespace) AS "owner!"
           FROM pg_roles WHERE rolname = current_user"#
    )
    .fetch_one(pool)
    .await
    .during("inspect role")?;
    let why = match (role.superuser, role.bypass, role.owner) {
        (true, _, _) => "is a superuser",
        (_, true, _) => "has BYPASSRLS",
        (_, _, true) => "owns Proofline's tables",
        (false, false, false) => return Ok(()),
    };
    Err(StoreError::UnsafeRole { role: role.name, why })
}
