//! The high-water mark: what survives when the database does not.
//!
//! Two slots, a page apart, each with a generation and a checksum; a write replaces the older one in place. A torn
//! write therefore costs at most the write that was under way, and a full disk cannot stop it: the blocks are there.

use std::fs::{File, OpenOptions, TryLockError};
use std::os::unix::fs::{FileExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use crate::{Digest, OutboxError, digest_of};

const MAGIC: &[u8; 8] = b"PLMARK01";
const SLOT_STRIDE: u64 = 4096;
const BODY: usize = 8 + 8 + 8 + 32 + 8 + 32 + 8;
const SLOT: usize = BODY + 32;

/// The numbers that must never be forgotten.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Mark {
    /// The last number known to be committed when this was written, and its digest.
    pub committed: (u64, Digest),
    /// The last number of the write that was about to commit, and its digest. Nothing beyond it was ever committed.
    pub intended: (u64, Digest),
    /// Every number up to here was acknowledged.
    pub acknowledged: u64,
}

impl Mark {
    fn encode(&self, generation: u64) -> [u8; SLOT] {
        let mut body = Vec::with_capacity(SLOT);
        body.extend_from_slice(MAGIC);
        body.extend_from_slice(&generation.to_le_bytes());
        body.extend_from_slice(&self.committed.0.to_le_bytes());
        body.extend_from_slice(&self.committed.1);
        body.extend_from_slice(&self.intended.0.to_le_bytes());
        body.extend_from_slice(&self.intended.1);
        body.extend_from_slice(&self.acknowledged.to_le_bytes());
        let checksum = digest_of(&body);
        body.extend_from_slice(&checksum);
        body.try_into().expect("the fields add up to a slot")
    }

    fn decode(slot: &[u8; SLOT]) -> Option<(u64, Self)> {
        let (body, checksum) = slot.split_at(BODY);
        if digest_of(body) != checksum || !body.starts_with(MAGIC) {
            return None;
        }
        let number = |at: usize| body.get(at..at + 8)?.try_into().ok().map(u64::from_le_bytes);
        let digest = |at: usize| body.get(at..at + 32)?.try_into().ok();
        let mark = Self {
            committed: (number(16)?, digest(24)?),
            intended: (number(56)?, digest(64)?),
            acknowledged: number(96)?,
        };
        Some((number(8)?, mark))
    }
}

/// The open file, which is also the owner's lock.
pub(crate) struct MarkFile {
    file: File,
    generation: u64,
    /// Whether the newest slot is known to be on the disk. The other slot always is.
    synced: bool,
}

/// What the file held when it was opened.
pub(crate) enum Found {
    /// There was no file, or an empty one.
    Nothing,
    /// There was a file, and neither slot can be read.
    Unreadable,
    /// The newest slot that can be read.
    Mark(Mark),
}

impl MarkFile {
    /// Opens or creates the file, takes its lock, and reads the newest readable slot.
    pub(crate) fn open(path: &Path) -> Result<(Self, Found), OutboxError> {
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(path)
            .map_err(OutboxError::io("opening the high-water mark"))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(OutboxError::InUse),
            Err(TryLockError::Error(source)) => {
                return Err(OutboxError::io("locking the high-water mark")(source));
            }
        }
        let io = || OutboxError::io("reading the high-water mark");
        file.set_permissions(std::fs::Permissions::from_mode(0o600)).map_err(io())?;
        let empty = file.metadata().map_err(io())?.len() == 0;
        let slots: Vec<_> = [0, SLOT_STRIDE]
            .into_iter()
            .filter_map(|offset| {
                let mut slot = [0; SLOT];
                file.read_exact_at(&mut slot, offset).ok()?;
                Mark::decode(&slot)
            })
            .collect();
        let newest = slots.into_iter().max_by_key(|(generation, _)| *generation);
        let found = match newest {
            Some((_, mark)) => Found::Mark(mark),
            None if empty => Found::Nothing,
            None => Found::Unreadable,
        };
        let generation = newest.map_or(0, |(generation, _)| generation);
        Ok((Self { file, generation, synced: true }, found))
    }

    /// Writes and waits for the disk. Must return before the write that it announces commits.
    pub(crate) fn write_durably(&mut self, mark: &Mark) -> Result<(), OutboxError> {
        self.write(mark)
            .and_then(|()| self.file.sync_data())
            .map_err(OutboxError::io("writing the high-water mark"))?;
        self.synced = true;
        Ok(())
    }

    /// Writes without waiting. Good enough for news that only make a later loss report smaller.
    pub(crate) fn write_lazily(&mut self, mark: &Mark) {
        // A failure is harmless: the slot that is left says the same with an older acknowledgement.
        let _ = self.write(mark);
    }

    fn write(&mut self, mark: &Mark) -> std::io::Result<()> {
        // The slot that is surely on the disk is left alone: a power cut may tear only the other one.
        let generation = self.generation + if self.synced { 1 } else { 2 };
        self.synced = false;
        self.file.write_all_at(&mark.encode(generation), (generation % 2) * SLOT_STRIDE)?;
        self.generation = generation;
        Ok(())
    }

    /// Fills both slots, so that their blocks exist from now on.
    pub(crate) fn initialise(&mut self, mark: &Mark) -> Result<(), OutboxError> {
        self.write_durably(mark)?;
        self.write_durably(mark)
    }
}

/// `queue.db` → `queue.db-mark`.
pub(crate) fn path_beside(database: &Path) -> PathBuf {
    let mut name = database.as_os_str().to_owned();
    name.push("-mark");
    PathBuf::from(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mark(seq: u64) -> Mark {
        Mark { committed: (seq, [1; 32]), intended: (seq + 1, [2; 32]), acknowledged: seq / 2 }
    }

    fn reopen(path: &Path) -> Found {
        MarkFile::open(path).expect("opens").1
    }

    #[test]
    fn the_newest_slot_wins_and_a_torn_one_falls_back() {
        let dir = tempfile::tempdir().expect("temporary directory");
        let path = dir.path().join("m");
        let (mut file, found) = MarkFile::open(&path).expect("opens");
        assert!(matches!(found, Found::Nothing));
        file.initialise(&mark(1)).expect("writes");
        file.write_durably(&mark(2)).expect("writes");
        file.write_durably(&mark(3)).expect("writes");
        let torn_slot = (file.generation % 2) * SLOT_STRIDE;
        drop(file);
        assert!(matches!(reopen(&path), Found::Mark(found) if found == mark(3)));

        let raw = OpenOptions::new().write(true).open(&path).expect("opens");
        raw.write_all_at(b"torn", torn_slot + 20).expect("writes");
        assert!(matches!(reopen(&path), Found::Mark(found) if found == mark(2)));

        raw.write_all_at(b"torn", SLOT_STRIDE - torn_slot + 20).expect("writes");
        assert!(matches!(reopen(&path), Found::Unreadable));
    }

    #[test]
    fn only_one_owner() {
        let dir = tempfile::tempdir().expect("temporary directory");
        let path = dir.path().join("m");
        let first = MarkFile::open(&path).expect("opens");
        assert!(matches!(MarkFile::open(&path), Err(OutboxError::InUse)));
        drop(first);
        assert!(MarkFile::open(&path).is_ok());
    }
}
