//! Opening: decide what to trust, set the rest aside, and account for what is lost. The table in the crate's
//! documentation says what is done in which case.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::fs::{self, File, OpenOptions};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use rusqlite::{Connection, OpenFlags};

use crate::mark::{self, Found, Mark, MarkFile};
use crate::schema::{self, blob, from_sql, to_sql};
use crate::{Digest, NO_PREVIOUS, OutboxError, digest_of};

/// Opens or creates the two files and brings them to agreement.
pub(crate) fn open(path: &Path) -> Result<(Connection, MarkFile), OutboxError> {
    let (mut mark_file, found) = MarkFile::open(&mark::path_beside(path))?;
    adopt_replacement(path)?;
    let existed = path.try_exists().map_err(OutboxError::io("looking for the queue"))?;
    let db = match (open_sound(path), &found) {
        (Ok(Some(db)), _) => db,
        (Ok(None), Found::Nothing) => fresh(path, (0, NO_PREVIOUS))?,
        (Ok(None), Found::Mark(mark)) if mark.intended.0 == 0 => fresh(path, mark.intended)?,
        (Ok(None), Found::Mark(mark)) => {
            let cause =
                if existed { "the queue's database was empty" } else { "the queue's database was missing" };
            replace(path, mark, cause)?
        }
        (Err(OutboxError::Damaged(detail)), Found::Mark(mark)) => replace(path, mark, &detail)?,
        (Ok(None), Found::Unreadable)
        | (Err(OutboxError::Damaged(_)), Found::Nothing | Found::Unreadable) => {
            return Err(OutboxError::BeyondRecovery(path.to_owned()));
        }
        (Err(other), _) => return Err(other),
    };
    let last = agree(&db, &found)?;
    let acknowledged = crate::batch::floor(&db, last.0)?;
    mark_file.initialise(&Mark { committed: last, intended: last, acknowledged })?;
    sync_folder(path)?;
    Ok((db, mark_file))
}

/// The database if it is there and sound, `None` where it holds nothing at all.
fn open_sound(path: &Path) -> Result<Option<Connection>, OutboxError> {
    if !path.try_exists().map_err(OutboxError::io("looking for the queue"))? {
        return Ok(None);
    }
    keep_private(path)?;
    let db = schema::connect(path)?;
    if schema::is_blank(&db)? {
        return Ok(None);
    }
    schema::check(&db)?;
    Ok(Some(db))
}

fn fresh(path: &Path, last: (u64, Digest)) -> Result<Connection, OutboxError> {
    create_private(path)?;
    let mut db = schema::connect(path)?;
    schema::create(&mut db, last, |_| Ok(()))?;
    Ok(db)
}

/// A database that is older than the mark allows has lost commits: its head moves on and the hole is recorded.
fn agree(db: &Connection, found: &Found) -> Result<(u64, Digest), OutboxError> {
    let last = schema::head(db)?;
    match found {
        Found::Mark(mark) if last.0 < mark.committed.0 => {
            let tx = db.unchecked_transaction()?;
            record_loss(
                &tx,
                last.0 + 1,
                mark.intended.0,
                "the queue's database was older than its high-water mark",
            )?;
            tx.execute(
                "UPDATE head SET last_seq = ?1, last_digest = ?2 WHERE id = 1",
                (to_sql(mark.intended.0), mark.intended.1),
            )?;
            tx.commit()?;
            Ok(mark.intended)
        }
        Found::Mark(_) | Found::Nothing | Found::Unreadable => Ok(last),
    }
}

/// Puts a new database in the place of one that cannot be used. The new one is complete before the old one moves, so
/// that a kill in between is continued by [`adopt_replacement`].
fn replace(path: &Path, mark: &Mark, cause: &str) -> Result<Connection, OutboxError> {
    let replacement = replacement_path(path);
    remove_with_wal(&replacement)?;
    create_private(&replacement)?;
    let mut db = schema::connect(&replacement)?;
    schema::create(&mut db, mark.intended, |tx| {
        let range = mark.acknowledged + 1..=mark.intended.0;
        let mut missing: BTreeSet<u64> = range.clone().collect();
        salvage(path, |item| {
            if missing.remove(&item.seq) {
                tx.execute(
                    "INSERT INTO item (seq, digest, enqueued_us, payload) VALUES (?1, ?2, ?3, ?4)",
                    (to_sql(item.seq), item.digest, item.enqueued_us, item.payload),
                )?;
            }
            Ok(())
        })?;
        for (first, last) in contiguous(&missing) {
            record_loss(tx, first, last, cause)?;
        }
        Ok(())
    })?;
    db.close().map_err(|(_, error)| error)?;
    set_aside(path)?;
    adopt_replacement(path)?;
    schema::connect(path)
}

fn adopt_replacement(path: &Path) -> Result<(), OutboxError> {
    let replacement = replacement_path(path);
    let io = || OutboxError::io("replacing the queue's database");
    if !replacement.try_exists().map_err(io())? {
        return Ok(());
    }
    if path.try_exists().map_err(io())? {
        // Left behind by a kill before it was complete, or before the old file was set aside: it is made again.
        return remove_with_wal(&replacement);
    }
    remove_log(path)?;
    fs::rename(&replacement, path).map_err(io())?;
    sync_folder(path)
}

struct Salvaged<'r> {
    seq: u64,
    digest: Digest,
    enqueued_us: i64,
    payload: &'r [u8],
}

/// Hands out, one by one, whatever can still be read from a damaged file and has its digest. Stops at the first thing that
/// cannot be read, or not be kept.
fn salvage(
    path: &Path,
    mut keep: impl FnMut(&Salvaged<'_>) -> Result<(), OutboxError>,
) -> Result<(), OutboxError> {
    let mut kept = Ok(());
    let _unreadable_rest = (|| -> Result<(), OutboxError> {
        let db = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
        let mut statement = db.prepare("SELECT seq, digest, enqueued_us, payload FROM item ORDER BY seq")?;
        let mut rows = statement.query([])?;
        while kept.is_ok()
            && let Some(row) = rows.next()?
        {
            let (Ok(digest), Ok(payload)) = (row.get::<_, Digest>(1), blob(row, 3)) else { continue };
            if digest_of(payload) == digest {
                let (seq, enqueued_us) = (from_sql(row.get(0)?), row.get(2).unwrap_or(0));
                kept = keep(&Salvaged { seq, digest, enqueued_us, payload });
            }
        }
        Ok(())
    })();
    kept
}

fn record_loss(db: &Connection, first: u64, last: u64, cause: &str) -> Result<(), OutboxError> {
    db.execute(
        "INSERT INTO loss (first_seq, last_seq, cause) VALUES (?1, ?2, ?3)",
        (to_sql(first), to_sql(last), cause),
    )?;
    Ok(())
}

fn contiguous(numbers: &BTreeSet<u64>) -> Vec<(u64, u64)> {
    let mut ranges: Vec<(u64, u64)> = Vec::new();
    for &number in numbers {
        match ranges.last_mut() {
            Some((_, last)) if *last + 1 == number => *last = number,
            _ => ranges.push((number, number)),
        }
    }
    ranges
}

/// Moves the database and its log to the first free `.damaged-N`. The database goes first: what is left in between, a
/// log without its database, is removed before a new database takes its place.
fn set_aside(path: &Path) -> Result<(), OutboxError> {
    let io = || OutboxError::io("setting a damaged queue aside");
    if !path.try_exists().map_err(io())? {
        return Ok(());
    }
    let mut number = 1_u32;
    let target = loop {
        let target = suffixed(path, &format!(".damaged-{number}"));
        if !target.try_exists().map_err(io())? {
            break target;
        }
        number += 1;
    };
    fs::rename(path, &target).map_err(io())?;
    let log = suffixed(path, "-wal");
    if log.try_exists().map_err(io())? {
        fs::rename(&log, suffixed(&target, "-wal")).map_err(io())?;
    }
    remove_if_there(&suffixed(path, "-shm"))?;
    sync_folder(path)
}

fn replacement_path(path: &Path) -> PathBuf {
    suffixed(path, ".replacement")
}

fn suffixed(path: &Path, suffix: &str) -> PathBuf {
    let mut name: OsString = path.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}

fn remove_with_wal(path: &Path) -> Result<(), OutboxError> {
    remove_if_there(path)?;
    remove_log(path)
}

/// A log without its database belongs to a file that was set aside or deleted: it must not be replayed into another.
fn remove_log(path: &Path) -> Result<(), OutboxError> {
    remove_if_there(&suffixed(path, "-wal"))?;
    remove_if_there(&suffixed(path, "-shm"))
}

fn remove_if_there(path: &Path) -> Result<(), OutboxError> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(OutboxError::io("removing an unfinished file")(error))
        }
        Ok(()) | Err(_) => Ok(()),
    }
}

/// SQLite creates its log and shared memory with the permissions of the database.
fn create_private(path: &Path) -> Result<(), OutboxError> {
    remove_log(path)?;
    let io = OutboxError::io("creating the queue");
    OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(path).map_err(io)?;
    keep_private(path)
}

fn keep_private(path: &Path) -> Result<(), OutboxError> {
    fs::set_permissions(path, fs::Permissions::from_mode(0o600))
        .map_err(OutboxError::io("protecting the queue"))
}

/// Makes creations and renames in the folder durable.
fn sync_folder(path: &Path) -> Result<(), OutboxError> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    File::open(folder)
        .and_then(|folder| folder.sync_all())
        .map_err(OutboxError::io("syncing the queue's folder"))
}
