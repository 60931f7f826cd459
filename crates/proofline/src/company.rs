//! Whether a server has its database to itself. What a node remembers of requests and budgets is shared with the others
//! only where it was told of them, so two that each take themselves for the only one would both let the same thing pass.

use std::time::Duration;

use sqlx::postgres::{PgConnectOptions, PgConnection};
use sqlx::{ConnectOptions as _, Connection as _};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep};

/// The lock of PostgreSQL that a server on its own holds, and that the nodes of a deployment share.
const LOCK: i64 = 0x7072_6f6f_666c_696e;
/// How long PostgreSQL may take to notice that a predecessor was killed.
const PATIENCE: Duration = Duration::from_secs(5);
const EVERY: Duration = Duration::from_secs(10);
/// A machine that vanished gives its lock back within half a minute.
const KEEP_ALIVE: [(&str, &str); 3] =
    [("tcp_keepalives_idle", "10"), ("tcp_keepalives_interval", "5"), ("tcp_keepalives_count", "4")];

/// The lock, held as long as this is.
pub(crate) struct Company(JoinHandle<()>);

/// Another server uses the database and does not count this one in.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Occupied {
    #[error(
        "another server uses this database: stop it, or say on each how many there are with PROOFLINE_NODES"
    )]
    ByAnother,
    #[error(
        "a server that takes itself for the only one uses this database: stop it, or give it the same PROOFLINE_NODES"
    )]
    ByOneAlone,
}

impl Company {
    /// Takes the lock for one of so many nodes.
    ///
    /// # Errors
    /// The database is away. Inside: the lock is not to be had.
    pub(crate) async fn join(
        runtime: &PgConnectOptions,
        nodes: u32,
    ) -> Result<Result<Self, Occupied>, sqlx::Error> {
        let session = Session { options: runtime.clone().options(KEEP_ALIVE), alone: nodes == 1 };
        let until = Instant::now() + PATIENCE;
        loop {
            match session.take().await? {
                Ok(held) => return Ok(Ok(Self(tokio::spawn(session.hold(held))))),
                Err(occupied) if Instant::now() > until => return Ok(Err(occupied)),
                Err(_) => sleep(Duration::from_millis(100)).await,
            }
        }
    }
}

impl Drop for Company {
    fn drop(&mut self) {
        self.0.abort();
    }
}

struct Session {
    options: PgConnectOptions,
    alone: bool,
}

impl Session {
    /// The connection that holds the lock.
    async fn take(&self) -> Result<Result<PgConnection, Occupied>, sqlx::Error> {
        let mut connection = self.options.connect().await?;
        let (sql, occupied) = if self.alone {
            ("SELECT pg_try_advisory_lock($1)", Occupied::ByAnother)
        } else {
            ("SELECT pg_try_advisory_lock_shared($1)", Occupied::ByOneAlone)
        };
        let is_taken: bool = sqlx::query_scalar(sql).bind(LOCK).fetch_one(&mut connection).await?;
        Ok(if is_taken { Ok(connection) } else { Err(occupied) })
    }

    /// Keeps the lock, and takes it again after PostgreSQL was away.
    async fn hold(self, first: PgConnection) {
        let mut held = Some(first);
        loop {
            sleep(EVERY).await;
            if let Some(connection) = &mut held
                && connection.ping().await.is_ok()
            {
                continue;
            }
            held = None;
            match self.take().await {
                Ok(Ok(connection)) => held = Some(connection),
                Ok(Err(occupied)) => tracing::error!("{occupied}"),
                Err(error) => tracing::debug!(%error, "the database is away"),
            }
        }
    }
}
