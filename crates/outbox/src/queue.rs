//! The queue itself.

use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rusqlite::{Connection, OptionalExtension, TransactionBehavior};

use crate::batch::{self, Batch, Head, Next};
use crate::mark::MarkFile;
use crate::schema::{self, blob, from_sql, to_sql};
use crate::{Digest, OutboxError, digest_of};

/// How much the queue may hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of all payloads that wait.
    pub max_bytes: u64,
    /// Payloads that wait.
    pub max_items: u64,
    /// Receipts kept; the oldest go first.
    pub max_receipts: u64,
    /// Size of the database file without its log, in bytes; beyond it writes fail as on a full disk.
    pub max_file_bytes: u64,
}

impl Default for Limits {
    /// 256 MiB in a million payloads, a thousand receipts, half a GiB of file.
    fn default() -> Self {
        Self { max_bytes: 256 << 20, max_items: 1_000_000, max_receipts: 1_000, max_file_bytes: 512 << 20 }
    }
}

/// A payload that waits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Item {
    /// Its number.
    pub seq: u64,
    /// SHA-256 of the payload.
    pub digest: Digest,
    /// When it was appended, by the caller's clock.
    pub enqueued_at: SystemTime,
    /// The bytes, verified against the digest.
    pub payload: Vec<u8>,
}

/// How much waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Depth {
    /// Payloads.
    pub items: u64,
    /// Their bytes.
    pub bytes: u64,
}

/// What an acknowledgement left.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Receipt {
    /// The number acknowledged.
    pub seq: u64,
    /// SHA-256 of the payload it stood for.
    pub digest: Digest,
    /// The caller's bytes.
    pub receipt: Vec<u8>,
}

/// Numbers whose payloads are gone before they were acknowledged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Loss {
    /// First number of the range.
    pub first_seq: u64,
    /// Last number of the range, at least `first_seq`.
    pub last_seq: u64,
    /// What was found.
    pub cause: String,
}

/// What SQLite was told about durability: for a self-check, and for tests.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// `wal`: a commit is appended to the log before the database is touched.
    pub journal_mode: String,
    /// 2, `FULL`: a commit returns after the log is synced. At 1 a power cut could undo a commit.
    pub synchronous: i64,
}

/// A durable queue. All methods take `&self`; threads share it behind an `Arc`.
pub struct Outbox {
    inner: Mutex<Inner>,
    path: PathBuf,
    limits: Limits,
}

struct Inner {
    db: Connection,
    mark: MarkFile,
    head: Head,
}

impl Outbox {
    /// Opens the queue at `path`, or creates it; the folder must exist. Damage is repaired as the crate's
    /// documentation says: look at [`losses`](Self::losses) afterwards.
    pub fn open(path: impl AsRef<Path>, limits: Limits) -> Result<Self, OutboxError> {
        let path = path.as_ref();
        let (db, mark) = crate::open::open(path)?;
        let page_size: i64 = db.pragma_query_value(None, "page_size", |row| row.get(0))?;
        let max_pages = to_sql(limits.max_file_bytes / from_sql(page_size).max(1)).max(1);
        db.pragma_update_and_check(None, "max_page_count", max_pages, |_| Ok(()))?;
        let last = schema::head(&db)?;
        let (items, bytes) =
            db.query_row("SELECT count(*), coalesce(sum(length(payload)), 0) FROM item", [], |row| {
                Ok((from_sql(row.get(0)?), from_sql(row.get(1)?)))
            })?;
        let head = Head { last, items, bytes, floor: batch::floor(&db, last.0)? };
        Ok(Self { inner: Mutex::new(Inner { db, mark, head }), path: path.to_owned(), limits })
    }

    /// Where the queue lives.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The settings that durability stands on, as the open connection has them.
    pub fn settings(&self) -> Result<Settings, OutboxError> {
        let db = &self.lock().db;
        Ok(Settings {
            journal_mode: db.pragma_query_value(None, "journal_mode", |row| row.get(0))?,
            synchronous: db.pragma_query_value(None, "synchronous", |row| row.get(0))?,
        })
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        // A panic inside a write has rolled the transaction back; what is in memory changes only after a commit.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Runs `work` in one transaction. If it returns an error, nothing of it was written. Otherwise all of it is on
    /// the disk when this returns. `work` must not use this outbox except through its [`Batch`].
    pub fn write<T, E: From<OutboxError>>(
        &self,
        work: impl FnOnce(&mut Batch<'_>) -> Result<T, E>,
    ) -> Result<T, E> {
        let Inner { db, mark, head } = &mut *self.lock();
        let tx = db.transaction_with_behavior(TransactionBehavior::Immediate).map_err(OutboxError::from)?;
        let mut batch = Batch::new(tx, *head, self.limits);
        let value = work(&mut batch)?;
        let emptied = std::mem::replace(head, batch.commit(mark)?).items > 0 && head.items == 0;
        if emptied {
            // Gives the pages of a long outage back. The next emptying tries again.
            let _ = db.pragma_query(None, "incremental_vacuum", |_| Ok(()));
        }
        Ok(value)
    }

    /// Appends one payload, built by `build` for the place where it will stand, and sets `notes` with it.
    pub fn append<E: From<OutboxError>>(
        &self,
        enqueued_at: SystemTime,
        notes: &[(&str, &[u8])],
        build: impl FnOnce(Next) -> Result<Vec<u8>, E>,
    ) -> Result<u64, E> {
        self.write(|batch| {
            let payload = build(batch.next())?;
            for (key, value) in notes {
                batch.set_note(key, value)?;
            }
            Ok(batch.append(enqueued_at, &payload)?)
        })
    }

    /// Acknowledges numbers, each with the receipt that came for it. Returns how many were waiting until now.
    pub fn acknowledge<'a>(
        &self,
        receipts: impl IntoIterator<Item = (u64, &'a [u8])>,
    ) -> Result<u64, OutboxError> {
        self.write(|batch| {
            let mut removed = 0;
            for (seq, receipt) in receipts {
                removed += u64::from(batch.acknowledge(seq, receipt)?);
            }
            Ok(removed)
        })
    }

    /// The oldest payloads, at most `max_items` and at most `max_bytes` together, but at least one where any waits.
    pub fn peek(&self, max_items: usize, max_bytes: usize) -> Result<Vec<Item>, OutboxError> {
        page(&self.lock().db, 0, max_items, max_bytes)
    }

    /// How much waits.
    pub fn depth(&self) -> Depth {
        let head = self.lock().head;
        Depth { items: head.items, bytes: head.bytes }
    }

    /// When the payload that waits longest was appended.
    pub fn oldest(&self) -> Result<Option<SystemTime>, OutboxError> {
        let inner = self.lock();
        let mut statement = inner.db.prepare_cached("SELECT enqueued_us FROM item ORDER BY seq LIMIT 1")?;
        Ok(statement.query_row([], |row| row.get(0)).optional()?.map(time))
    }

    /// The last number appended and its digest, if any was.
    pub fn last(&self) -> Option<(u64, Digest)> {
        let last = self.lock().head.last;
        (last.0 > 0).then_some(last)
    }

    /// The note `key`.
    pub fn note(&self, key: &str) -> Result<Option<Vec<u8>>, OutboxError> {
        batch::read_note(&self.lock().db, key)
    }

    /// All notes whose key starts with `prefix`, by key.
    pub fn notes(&self, prefix: &str) -> Result<Vec<(String, Vec<u8>)>, OutboxError> {
        let inner = self.lock();
        let mut statement = inner.db.prepare_cached(
            "SELECT key, value FROM note WHERE substr(key, 1, length(?1)) = ?1 ORDER BY key",
        )?;
        let rows = statement.query_map([prefix], |row| Ok((row.get(0)?, row.get(1)?)))?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// The newest receipts, newest first.
    pub fn receipts(&self, max: usize) -> Result<Vec<Receipt>, OutboxError> {
        let inner = self.lock();
        let mut statement =
            inner.db.prepare_cached("SELECT seq, digest, receipt FROM receipt ORDER BY seq DESC LIMIT ?1")?;
        let rows = statement.query_map([i64::try_from(max).unwrap_or(i64::MAX)], |row| {
            Ok(Receipt { seq: from_sql(row.get(0)?), digest: row.get(1)?, receipt: row.get(2)? })
        })?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// Losses that no payload accounts for yet, oldest first. See [`Batch::settle`].
    pub fn losses(&self) -> Result<Vec<Loss>, OutboxError> {
        let inner = self.lock();
        let mut statement = inner.db.prepare_cached(
            "SELECT first_seq, last_seq, cause FROM loss WHERE settled_by IS NULL ORDER BY first_seq",
        )?;
        let rows = statement.query_map([], |row| {
            Ok(Loss { first_seq: from_sql(row.get(0)?), last_seq: from_sql(row.get(1)?), cause: row.get(2)? })
        })?;
        Ok(rows.collect::<Result<_, _>>()?)
    }
}

/// Payloads from number `first` on, oldest first, within the limits but at least one where there is one.
pub(crate) fn page(
    db: &Connection,
    first: u64,
    max_items: usize,
    max_bytes: usize,
) -> Result<Vec<Item>, OutboxError> {
    let mut statement = db.prepare_cached(
        "SELECT seq, digest, enqueued_us, payload FROM item WHERE seq >= ?1 ORDER BY seq LIMIT ?2",
    )?;
    let mut rows = statement.query([to_sql(first), i64::try_from(max_items).unwrap_or(i64::MAX)])?;
    let (mut items, mut bytes) = (Vec::new(), 0_usize);
    while let Some(row) = rows.next()? {
        let payload = blob(row, 3)?;
        bytes = bytes.saturating_add(payload.len());
        if bytes > max_bytes && !items.is_empty() {
            break;
        }
        let (seq, digest) = (from_sql(row.get(0)?), row.get(1)?);
        if digest_of(payload) != digest {
            return Err(OutboxError::Damaged(format!("payload {seq} has not the digest it was stored with")));
        }
        items.push(Item { seq, digest, enqueued_at: time(row.get(2)?), payload: payload.to_vec() });
    }
    Ok(items)
}

fn time(micros: i64) -> SystemTime {
    UNIX_EPOCH + Duration::from_micros(from_sql(micros))
}
