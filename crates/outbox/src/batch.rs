//! What can be done inside one write.

use std::time::{SystemTime, UNIX_EPOCH};

use rusqlite::{Connection, OptionalExtension, Transaction};

use crate::mark::{Mark, MarkFile};
use crate::schema::{from_sql, to_sql};
use crate::{Digest, Item, Limits, Loss, MAX_NOTE_BYTES, OutboxError, digest_of, queue};

/// Where the next payload will stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Next {
    /// Its number.
    pub seq: u64,
    /// SHA-256 of the payload before it; [`NO_PREVIOUS`](crate::NO_PREVIOUS) for the first.
    pub previous: Digest,
}

/// The queue's state in numbers, kept in memory beside the database and replaced only after a commit.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Head {
    pub last: (u64, Digest),
    pub items: u64,
    pub bytes: u64,
    /// Every number up to here is acknowledged, or its loss is accounted for by an acknowledged payload.
    pub floor: u64,
}

/// One open write: see [`Outbox::write`](crate::Outbox::write).
pub struct Batch<'a> {
    tx: Transaction<'a>,
    before: Head,
    now: Head,
    limits: Limits,
    acknowledged: bool,
}

impl<'a> Batch<'a> {
    pub(crate) fn new(tx: Transaction<'a>, head: Head, limits: Limits) -> Self {
        Self { tx, before: head, now: head, limits, acknowledged: false }
    }

    /// Where the next [`append`](Self::append) of this write will stand.
    pub fn next(&self) -> Next {
        Next { seq: self.now.last.0 + 1, previous: self.now.last.1 }
    }

    /// Appends `payload`, which the caller built for [`next`](Self::next), and returns its number. `enqueued_at` is
    /// only remembered, for [`Outbox::oldest`](crate::Outbox::oldest).
    pub fn append(&mut self, enqueued_at: SystemTime, payload: &[u8]) -> Result<u64, OutboxError> {
        let size = u64::try_from(payload.len()).unwrap_or(u64::MAX);
        let (items, bytes) = (self.now.items + 1, self.now.bytes.saturating_add(size));
        if items > self.limits.max_items || bytes > self.limits.max_bytes {
            return Err(OutboxError::QueueFull { items: self.now.items, bytes: self.now.bytes });
        }
        let (seq, digest) = (self.now.last.0 + 1, digest_of(payload));
        let micros = enqueued_at.duration_since(UNIX_EPOCH).unwrap_or_default().as_micros();
        let micros = i64::try_from(micros).unwrap_or(i64::MAX);
        self.tx
            .prepare_cached("INSERT INTO item (seq, digest, enqueued_us, payload) VALUES (?1, ?2, ?3, ?4)")?
            .execute((to_sql(seq), digest, micros, payload))?;
        self.now = Head { last: (seq, digest), items, bytes, ..self.now };
        Ok(seq)
    }

    /// Payloads from number `first` on as this write sees them: see [`Outbox::peek`](crate::Outbox::peek).
    pub fn peek(&self, first: u64, max_items: usize, max_bytes: usize) -> Result<Vec<Item>, OutboxError> {
        queue::page(&self.tx, first, max_items, max_bytes)
    }

    /// Removes payload `seq` and keeps `receipt` in its place. `false` where it was acknowledged before (or lost).
    pub fn acknowledge(&mut self, seq: u64, receipt: &[u8]) -> Result<bool, OutboxError> {
        if seq > self.now.last.0 {
            return Err(OutboxError::NeverAppended { seq, last: self.now.last.0 });
        }
        let removed: Option<(Digest, i64)> = self
            .tx
            .prepare_cached("DELETE FROM item WHERE seq = ?1 RETURNING digest, length(payload)")?
            .query_row([to_sql(seq)], |row| Ok((row.get(0)?, row.get(1)?)))
            .optional()?;
        let Some((digest, size)) = removed else { return Ok(false) };
        self.tx
            .prepare_cached("INSERT OR REPLACE INTO receipt (seq, digest, receipt) VALUES (?1, ?2, ?3)")?
            .execute((to_sql(seq), digest, receipt))?;
        self.tx.prepare_cached("DELETE FROM loss WHERE settled_by = ?1")?.execute([to_sql(seq)])?;
        self.now.items -= 1;
        self.now.bytes -= from_sql(size);
        self.acknowledged = true;
        Ok(true)
    }

    /// Sets the note `key`.
    pub fn set_note(&mut self, key: &str, value: &[u8]) -> Result<(), OutboxError> {
        if value.len() > MAX_NOTE_BYTES {
            return Err(OutboxError::NoteTooLarge { key: key.into(), bytes: value.len() });
        }
        self.tx
            .prepare_cached(
                "INSERT INTO note (key, value) VALUES (?1, ?2) ON CONFLICT (key) DO UPDATE SET value = ?2",
            )?
            .execute((key, value))?;
        Ok(())
    }

    /// Removes the note `key`; nothing happens where there is none.
    pub fn remove_note(&mut self, key: &str) -> Result<(), OutboxError> {
        self.tx.prepare_cached("DELETE FROM note WHERE key = ?1")?.execute([key])?;
        Ok(())
    }

    /// The note `key` as this write sees it.
    pub fn note(&self, key: &str) -> Result<Option<Vec<u8>>, OutboxError> {
        read_note(&self.tx, key)
    }

    /// Says that payload `statement`, appended in this write, accounts for `loss`: it is reported no more. Should that
    /// payload be lost in turn before it is acknowledged, so are the numbers that it accounted for.
    pub fn settle(&mut self, loss: &Loss, statement: u64) -> Result<(), OutboxError> {
        self.tx
            .prepare_cached("UPDATE loss SET settled_by = ?3 WHERE first_seq = ?1 AND last_seq = ?2")?
            .execute((to_sql(loss.first_seq), to_sql(loss.last_seq), to_sql(statement)))?;
        Ok(())
    }

    /// Commits: mark first, then the database.
    pub(crate) fn commit(self, mark: &mut MarkFile) -> Result<Head, OutboxError> {
        let Self { tx, before, mut now, limits, acknowledged } = self;
        let appended = now.last.0 > before.last.0;
        if appended {
            tx.prepare_cached("UPDATE head SET last_seq = ?1, last_digest = ?2 WHERE id = 1")?
                .execute((to_sql(now.last.0), now.last.1))?;
        }
        if acknowledged {
            tx.prepare_cached(
                "DELETE FROM receipt WHERE seq <= (SELECT seq FROM receipt ORDER BY seq DESC LIMIT 1 OFFSET ?1)",
            )?
            .execute([to_sql(limits.max_receipts)])?;
        }
        now.floor = floor(&tx, now.last.0)?;
        if appended {
            // The floor of before: it must not count acknowledgements that may yet fail to commit.
            let mark_now = Mark { committed: before.last, intended: now.last, acknowledged: before.floor };
            mark.write_durably(&mark_now)?;
        }
        tx.commit()?;
        if acknowledged {
            mark.write_lazily(&Mark { committed: now.last, intended: now.last, acknowledged: now.floor });
        }
        Ok(now)
    }
}

/// See [`Head::floor`].
pub(crate) fn floor(db: &Connection, last: u64) -> Result<u64, OutboxError> {
    let waiting: Option<i64> = db
        .prepare_cached("SELECT min(seq) FROM (SELECT min(seq) AS seq FROM item UNION ALL SELECT min(first_seq) FROM loss)")?
        .query_row([], |row| row.get(0))?;
    Ok(waiting.map_or(last, |seq| from_sql(seq) - 1))
}

pub(crate) fn read_note(db: &Connection, key: &str) -> Result<Option<Vec<u8>>, OutboxError> {
    let mut statement = db.prepare_cached("SELECT value FROM note WHERE key = ?1")?;
    Ok(statement.query_row([key], |row| row.get(0)).optional()?)
}
