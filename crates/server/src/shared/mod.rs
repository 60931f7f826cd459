//! What several nodes share beside the database: a Redis server, for what is short-lived and asked on every request.
//!
//! # What it promises
//! Whoever asks has an answer or a "not now" within [`BUDGET`], whatever becomes of Redis: refused, slow, out of memory, or
//! hung in the middle of a word. After a failure it is not asked for [`REST`]; a task beside the requests connects anew, so
//! that no request ever waits for a connection. What a "not now" means is each caller's to say, and never "allowed".
//!
//! # What it does not know
//! Nothing here is durable: Redis may lose all of it at any moment. No address, name or secret is a key or a value there;
//! callers hand in digests. One primary is assumed, without Redis Cluster.

mod ephemeral;

use std::future::Future;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, PoisonError, RwLock, Weak};
use std::time::{Duration, Instant};

use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, Client, RedisError, RedisResult};

/// How long one question may take, its answer included.
const BUDGET: Duration = Duration::from_millis(50);
/// How long Redis is left alone after it failed.
const REST: Duration = Duration::from_secs(5);
/// How long connecting may take. No request waits for it.
const CONNECT: Duration = Duration::from_secs(1);
/// So many answers in a row that were not there in time count as a failure. A broken connection or an error counts at once.
const SLOW_IN_A_ROW: u32 = 3;

/// A Redis server that every node talks to. Cheap to clone.
#[derive(Clone)]
pub struct Shared(Arc<Inner>);

struct Inner {
    client: Client,
    up: RwLock<Option<Arc<Up>>>,
    recovering: AtomicBool,
}

/// A connection that works.
struct Up {
    connection: MultiplexedConnection,
    since: Instant,
    slow: AtomicU32,
}

/// Why a Redis server cannot be used. Says neither the URL nor what it holds.
#[derive(Debug, thiserror::Error)]
pub enum SharedError {
    /// Not a URL of a Redis server.
    #[error("is not a Redis URL; it begins with redis://, rediss:// (TLS) or redis+unix://")]
    Url,
    /// It does not answer.
    #[error("Redis does not answer: {0}")]
    Silent(String),
}

impl Shared {
    /// Reads the URL. Nothing is connected: until [`Shared::connect`] or the first question, Redis counts as down.
    pub fn new(url: &str) -> Result<Self, SharedError> {
        let client = Client::open(url).map_err(|_| SharedError::Url)?;
        Ok(Self(Arc::new(Inner { client, up: RwLock::new(None), recovering: AtomicBool::new(false) })))
    }

    /// Connects now. A failure is not the end: the first question starts the next attempt.
    pub async fn connect(&self) -> Result<(), SharedError> {
        self.0.connect().await.map_err(|error| SharedError::Silent(word(&error)))
    }

    /// Whether Redis answers at this moment.
    pub async fn answers(&self) -> bool {
        self.ask(async |mut connection| redis::cmd("PING").query_async::<()>(&mut connection).await)
            .await
            .is_some()
    }

    /// Whether the connection has held for so long: what was written by other nodes since then is there.
    pub(crate) fn held_for(&self, time: Duration) -> bool {
        self.0.current().is_some_and(|up| up.since.elapsed() >= time)
    }

    /// Asks one thing. `None`: not now.
    pub(crate) async fn ask<T, F>(&self, question: impl FnOnce(MultiplexedConnection) -> F) -> Option<T>
    where
        F: Future<Output = RedisResult<T>>,
    {
        let Some(up) = self.0.current() else {
            self.0.recover();
            return None;
        };
        match tokio::time::timeout(BUDGET, question(up.connection.clone())).await {
            Ok(Ok(answer)) => {
                up.slow.store(0, Ordering::Relaxed);
                Some(answer)
            }
            Ok(Err(error)) => {
                self.0.give_up(&up, &word(&error));
                None
            }
            Err(_) => {
                if up.slow.fetch_add(1, Ordering::Relaxed) + 1 >= SLOW_IN_A_ROW {
                    self.0.give_up(&up, "too slow");
                }
                None
            }
        }
    }
}

impl Inner {
    fn current(&self) -> Option<Arc<Up>> {
        self.up.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    async fn connect(&self) -> RedisResult<()> {
        // Answers are waited for by whoever asks, each for its own time.
        let config =
            AsyncConnectionConfig::new().set_connection_timeout(Some(CONNECT)).set_response_timeout(None);
        let connecting = async {
            let mut connection = self.client.get_multiplexed_async_connection_with_config(&config).await?;
            redis::cmd("PING").query_async::<()>(&mut connection).await?;
            RedisResult::Ok(connection)
        };
        let connection = tokio::time::timeout(CONNECT, connecting)
            .await
            .unwrap_or_else(|_| Err(std::io::Error::from(std::io::ErrorKind::TimedOut).into()))?;
        let up = Up { connection, since: Instant::now(), slow: AtomicU32::new(0) };
        *self.up.write().unwrap_or_else(PoisonError::into_inner) = Some(Arc::new(up));
        metrics::gauge!("redis_up").set(1);
        Ok(())
    }

    /// Leaves it alone for a while, unless somebody else has said so already.
    fn give_up(self: &Arc<Self>, failed: &Arc<Up>, why: &str) {
        let mut up = self.up.write().unwrap_or_else(PoisonError::into_inner);
        if !up.as_ref().is_some_and(|current| Arc::ptr_eq(current, failed)) {
            return;
        }
        *up = None;
        drop(up);
        tracing::warn!(why, "Redis failed; this node counts by itself until it is back");
        metrics::gauge!("redis_up").set(0);
        metrics::counter!("redis_failures_total").increment(1);
        self.recover();
    }

    /// Connects anew beside the requests, after a rest, and again until it works. One task does, however many ask for it.
    fn recover(self: &Arc<Self>) {
        if self.recovering.swap(true, Ordering::AcqRel) {
            return;
        }
        let weak = Arc::downgrade(self);
        tokio::spawn(async move {
            while let Some(inner) = after(REST, &weak).await {
                if inner.connect().await.is_ok() {
                    inner.recovering.store(false, Ordering::Release);
                    tracing::info!("Redis is back");
                    return;
                }
            }
        });
    }
}

/// What is behind `weak` by then, if anybody still has a use for it.
async fn after(rest: Duration, weak: &Weak<Inner>) -> Option<Arc<Inner>> {
    tokio::time::sleep(rest).await;
    weak.upgrade()
}

/// What kind of error, without anything that was sent or that the URL holds.
fn word(error: &RedisError) -> String {
    error.code().map_or_else(|| error.category().to_owned(), str::to_owned)
}
