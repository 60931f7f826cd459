//! The SQLite file: settings, tables, and the checks that decide whether to trust it.

use std::path::Path;
use std::time::Duration;

use rusqlite::{Connection, OpenFlags, OptionalExtension, Row, Transaction};

use crate::{Digest, OutboxError, digest_of};

pub(crate) const APPLICATION_ID: i64 = 0x504c_4f42;
pub(crate) const FORMAT_VERSION: i64 = 1;

const TABLES: &str = "
CREATE TABLE item (
    seq INTEGER PRIMARY KEY CHECK (seq > 0),
    digest BLOB NOT NULL CHECK (length(digest) = 32),
    enqueued_us INTEGER NOT NULL,
    payload BLOB NOT NULL
) STRICT;
CREATE TABLE receipt (
    seq INTEGER PRIMARY KEY CHECK (seq > 0),
    digest BLOB NOT NULL CHECK (length(digest) = 32),
    receipt BLOB NOT NULL
) STRICT;
CREATE TABLE note (key TEXT PRIMARY KEY, value BLOB NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE head (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    last_seq INTEGER NOT NULL CHECK (last_seq >= 0),
    last_digest BLOB NOT NULL CHECK (length(last_digest) = 32)
) STRICT;
CREATE TABLE loss (
    first_seq INTEGER PRIMARY KEY,
    last_seq INTEGER NOT NULL CHECK (last_seq >= first_seq),
    cause TEXT NOT NULL,
    settled_by INTEGER
) STRICT;
";

/// Opens the file with the settings that the invariants stand on; creates it where it is missing.
pub(crate) fn connect(path: &Path) -> Result<Connection, OutboxError> {
    let flags =
        OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let db = Connection::open_with_flags(path, flags)?;
    db.busy_timeout(Duration::from_secs(5))?;
    // One owner, so no shared memory file is needed: the queue opens on a full disk too. Must precede WAL.
    db.pragma_update(None, "locking_mode", "EXCLUSIVE")?;
    if is_blank(&db)? {
        // Pages freed by acknowledgements can be given back.
        db.pragma_update(None, "auto_vacuum", "INCREMENTAL")?;
    }
    db.pragma_update(None, "journal_mode", "WAL")?;
    db.pragma_update(None, "synchronous", "FULL")?;
    db.pragma_update(None, "journal_size_limit", 4 * 1024 * 1024)?;
    db.pragma_update(None, "trusted_schema", false)?;
    db.pragma_update(None, "cache_size", -1024)?;
    Ok(db)
}

/// Whether the file holds no table yet.
pub(crate) fn is_blank(db: &Connection) -> Result<bool, OutboxError> {
    Ok(db.query_row("SELECT count(*) = 0 FROM sqlite_schema", [], |row| row.get(0))?)
}

/// Creates the tables and the head row, and lets `fill` add to them, in one transaction.
pub(crate) fn create(
    db: &mut Connection,
    last: (u64, Digest),
    fill: impl FnOnce(&Transaction<'_>) -> Result<(), OutboxError>,
) -> Result<(), OutboxError> {
    let tx = db.transaction()?;
    tx.execute_batch(TABLES)?;
    tx.execute("INSERT INTO head (id, last_seq, last_digest) VALUES (1, ?1, ?2)", (to_sql(last.0), last.1))?;
    tx.pragma_update(None, "application_id", APPLICATION_ID)?;
    tx.pragma_update(None, "user_version", FORMAT_VERSION)?;
    fill(&tx)?;
    Ok(tx.commit()?)
}

/// Checks that this is a queue of ours, sound in structure, and that every payload has its digest.
pub(crate) fn check(db: &Connection) -> Result<(), OutboxError> {
    let application: i64 = db.pragma_query_value(None, "application_id", |row| row.get(0))?;
    if application != APPLICATION_ID {
        return Err(OutboxError::Damaged("not a queue of this program".into()));
    }
    let version: i64 = db.pragma_query_value(None, "user_version", |row| row.get(0))?;
    if version > FORMAT_VERSION {
        return Err(OutboxError::NewerFormat(version));
    }
    let verdict: String = db.pragma_query_value(None, "integrity_check", |row| row.get(0))?;
    if verdict != "ok" {
        return Err(OutboxError::Damaged(verdict));
    }
    check_payloads(db).map_err(|error| match error {
        // A missing table or a value of the wrong type: our own statements fit our own tables.
        OutboxError::Database(cause)
            if matches!(cause.sqlite_error_code(), None | Some(rusqlite::ErrorCode::Unknown)) =>
        {
            OutboxError::Damaged(cause.to_string())
        }
        other => other,
    })
}

fn check_payloads(db: &Connection) -> Result<(), OutboxError> {
    let (last, _) = head(db)?;
    db.prepare("SELECT receipt.seq, key, value, first_seq, settled_by FROM receipt, note, loss LIMIT 0")?;
    let mut statement = db.prepare("SELECT seq, digest, enqueued_us, payload FROM item ORDER BY seq")?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let seq = from_sql(row.get(0)?);
        if seq > last {
            return Err(OutboxError::Damaged(format!("payload {seq} lies beyond the head {last}")));
        }
        if digest_of(blob(row, 3)?) != row.get::<_, Digest>(1)? {
            return Err(OutboxError::Damaged(format!("payload {seq} has not the digest it was stored with")));
        }
    }
    Ok(())
}

/// The bytes of a column, borrowed.
pub(crate) fn blob<'row>(row: &'row Row<'_>, column: usize) -> Result<&'row [u8], OutboxError> {
    row.get_ref(column)?.as_blob().map_err(|error| OutboxError::Damaged(error.to_string()))
}

/// The last number and its digest.
pub(crate) fn head(db: &Connection) -> Result<(u64, Digest), OutboxError> {
    db.query_row("SELECT last_seq, last_digest FROM head WHERE id = 1", [], |row| {
        Ok((from_sql(row.get(0)?), row.get(1)?))
    })
    .optional()?
    .ok_or_else(|| OutboxError::Damaged("the head row is missing".into()))
}

/// A number as SQLite holds it. Numbers start at 1 and would need 2^63 appends to leave the range.
pub(crate) fn to_sql(number: u64) -> i64 {
    i64::try_from(number).expect("fewer than 2^63 payloads, bytes or microseconds")
}

/// A number that a CHECK or our own writing keeps from being negative.
pub(crate) fn from_sql(number: i64) -> u64 {
    u64::try_from(number).unwrap_or(0)
}
