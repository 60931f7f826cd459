//! Which entries the server acknowledged, on disk, 52 bytes each: what must be found again after any number of kills.

use std::fs::{File, OpenOptions};
use std::io::{BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use anyhow::Context;
use proofline_evidence::Digest;

/// One acknowledged entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Acknowledged {
    /// The appliance's number in the fleet.
    pub ordinal: u32,
    /// Its sequence number.
    pub seq: u64,
    /// The place in the site's log that the server named.
    pub index: u64,
    /// SHA-256 of the envelope's bytes.
    pub digest: Digest,
}

const RECORD: usize = 4 + 8 + 8 + 32;

impl Acknowledged {
    fn encode(&self, into: &mut Vec<u8>) {
        into.extend_from_slice(&self.ordinal.to_le_bytes());
        into.extend_from_slice(&self.seq.to_le_bytes());
        into.extend_from_slice(&self.index.to_le_bytes());
        into.extend_from_slice(self.digest.as_bytes());
    }

    fn decode(record: &[u8; RECORD]) -> Option<Self> {
        let (ordinal, rest) = record.split_first_chunk::<4>()?;
        let (seq, rest) = rest.split_first_chunk::<8>()?;
        let (index, digest) = rest.split_first_chunk::<8>()?;
        Some(Self {
            ordinal: u32::from_le_bytes(*ordinal),
            seq: u64::from_le_bytes(*seq),
            index: u64::from_le_bytes(*index),
            digest: Digest::from_slice(digest)?,
        })
    }
}

/// The file, open for appending.
pub struct Journal {
    file: Mutex<File>,
    folder: PathBuf,
}

impl Journal {
    /// Opens or creates `acknowledged.bin` in `folder`. A record that a kill cut short is dropped.
    pub fn open(folder: &Path) -> anyhow::Result<Self> {
        let path = folder.join("acknowledged.bin");
        let file = OpenOptions::new()
            .append(true)
            .create(true)
            .open(&path)
            .with_context(|| format!("opening {}", path.display()))?;
        let length = file.metadata()?.len();
        file.set_len(length - length % u64::try_from(RECORD)?)?;
        Ok(Self { file: Mutex::new(file), folder: folder.to_owned() })
    }

    /// Writes records, in one call of the system.
    pub fn record(&self, records: &[Acknowledged]) -> std::io::Result<()> {
        let mut bytes = Vec::with_capacity(records.len() * RECORD);
        for record in records {
            record.encode(&mut bytes);
        }
        self.file.lock().unwrap_or_else(PoisonError::into_inner).write_all(&bytes)
    }

    /// Hands every record to `each`, in the order of writing, in constant memory.
    pub fn read(&self, mut each: impl FnMut(Acknowledged)) -> anyhow::Result<()> {
        let mut reader = BufReader::new(File::open(self.folder.join("acknowledged.bin"))?);
        let mut record = [0; RECORD];
        loop {
            match reader.read_exact(&mut record) {
                Ok(()) => each(Acknowledged::decode(&record).context("a record has its fixed size")?),
                Err(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => return Ok(()),
                Err(error) => return Err(error).context("reading the journal"),
            }
        }
    }

    /// Says that nothing is under way: every entry that was ever sent is in the journal.
    pub fn set_clean(&self, clean: bool) -> std::io::Result<()> {
        let marker = self.folder.join("clean");
        if clean {
            return std::fs::write(marker, b"");
        }
        match std::fs::remove_file(marker) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error),
            Ok(()) | Err(_) => Ok(()),
        }
    }

    /// Whether the last run ended with nothing under way.
    pub fn is_clean(&self) -> bool {
        self.folder.join("clean").exists()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_survive_a_torn_end() {
        let folder = tempfile::tempdir().expect("temporary directory");
        let record =
            |n: u32| Acknowledged { ordinal: n, seq: 7, index: u64::from(n) << 40, digest: Digest::of([1]) };
        let journal = Journal::open(folder.path()).expect("opens");
        journal.record(&[record(1), record(2)]).expect("writes");
        let path = folder.path().join("acknowledged.bin");
        OpenOptions::new().append(true).open(&path).expect("opens").write_all(b"torn").expect("writes");
        let journal = Journal::open(folder.path()).expect("opens again");
        journal.record(&[record(3)]).expect("writes");
        let mut read = Vec::new();
        journal.read(|record| read.push(record)).expect("reads");
        assert_eq!(read, [record(1), record(2), record(3)]);
    }

    #[test]
    fn the_marker_comes_and_goes() {
        let folder = tempfile::tempdir().expect("temporary directory");
        let journal = Journal::open(folder.path()).expect("opens");
        assert!(!journal.is_clean());
        journal.set_clean(true).expect("sets");
        assert!(journal.is_clean());
        journal.set_clean(false).and_then(|()| journal.set_clean(false)).expect("removes");
        assert!(!journal.is_clean());
    }
}
