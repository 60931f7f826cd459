//! Since when something has been so, for the few measurements where the machine itself does not say.
//!
//! A memory belongs to the agent, not to the machine: it is one small file in the state folder. Losing it loses time,
//! never a verdict in our favour that was not earned: what is already there at the first look is marked as such.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use proofline_core::Timestamp;
use serde::{Deserialize, Serialize};

use crate::files;

const LIMIT: u64 = 1024 * 1024;

/// Since when one thing has been seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sighting {
    /// The first look that found it.
    pub since: Timestamp,
    /// Whether that was the first look at all: it may have been there long before.
    pub from_the_start: bool,
}

/// Remembers what was seen when.
pub trait Memory: Send + Sync {
    /// Notes what there is now and says since when each of it has been seen. What is gone is forgotten.
    fn note(&self, subject: &str, present: &BTreeSet<String>, now: Timestamp) -> BTreeMap<String, Sighting>;
}

/// Remembers nothing: every look is the first.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoMemory;

impl Memory for NoMemory {
    fn note(&self, _: &str, present: &BTreeSet<String>, now: Timestamp) -> BTreeMap<String, Sighting> {
        let first = Sighting { since: now, from_the_start: true };
        present.iter().map(|item| (item.clone(), first)).collect()
    }
}

/// What is kept of one subject.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Record {
    began: Timestamp,
    since: BTreeMap<String, Timestamp>,
}

/// A memory in a file. A file that cannot be read or written makes it [`NoMemory`] for that look.
pub struct FileMemory {
    path: PathBuf,
    lock: Mutex<()>,
}

impl FileMemory {
    /// The name of the file in the state folder.
    pub const FILE: &'static str = "seen.json";

    /// Remembers in this file, which is made when there is something to remember.
    pub fn new(path: PathBuf) -> Self {
        Self { path, lock: Mutex::new(()) }
    }

    fn load(&self) -> BTreeMap<String, Record> {
        let bytes = files::read(&self.path, LIMIT).ok().flatten().unwrap_or_default();
        serde_json::from_slice(&bytes).unwrap_or_default()
    }
}

impl Memory for FileMemory {
    fn note(&self, subject: &str, present: &BTreeSet<String>, now: Timestamp) -> BTreeMap<String, Sighting> {
        let _one_at_a_time = self.lock.lock().unwrap_or_else(PoisonError::into_inner);
        let mut records = self.load();
        let known = records.get(subject).cloned().unwrap_or(Record { began: now, since: BTreeMap::new() });
        let since_when = |item: &String| known.since.get(item).copied().unwrap_or(now);
        let since: BTreeMap<String, Timestamp> =
            present.iter().map(|item| (item.clone(), since_when(item))).collect();
        if since != known.since || !records.contains_key(subject) {
            records.insert(subject.to_owned(), Record { began: known.began, since: since.clone() });
            if let Ok(bytes) = serde_json::to_vec(&records) {
                // Unwritten, the next look starts from what was remembered before.
                let _ = files::replace(&self.path, &bytes);
            }
        }
        let sighting = |at: Timestamp| Sighting { since: at, from_the_start: at <= known.began };
        since.into_iter().map(|(item, at)| (item, sighting(at))).collect()
    }
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;

    use super::*;

    #[test]
    fn what_stays_keeps_its_date_and_what_goes_is_forgotten() {
        let folder = tempfile::TempDir::new().expect("a folder");
        let path = folder.path().join(FileMemory::FILE);
        let start = Timestamp::from_timestamp(1_772_366_400, 0).expect("in range");
        let present = |items: &[&str]| items.iter().map(|&item| item.to_owned()).collect::<BTreeSet<_>>();
        let day = TimeDelta::days(1);

        let first = FileMemory::new(path.clone()).note("updates", &present(&["a", "b"]), start);
        assert_eq!(first["a"], Sighting { since: start, from_the_start: true });

        let second = FileMemory::new(path.clone()).note("updates", &present(&["a", "c"]), start + day);
        assert_eq!(second["a"], Sighting { since: start, from_the_start: true });
        assert_eq!(second["c"], Sighting { since: start + day, from_the_start: false });

        let third = FileMemory::new(path).note("updates", &present(&["b"]), start + day * 2);
        assert_eq!(third["b"], Sighting { since: start + day * 2, from_the_start: false });
        assert_eq!(third.len(), 1);
    }

    #[test]
    fn a_broken_or_unwritable_file_is_no_memory() {
        let folder = tempfile::TempDir::new().expect("a folder");
        let path = folder.path().join(FileMemory::FILE);
        std::fs::write(&path, "{").expect("written");
        let now = Timestamp::from_timestamp(1_772_366_400, 0).expect("in range");
        let present = BTreeSet::from(["a".to_owned()]);
        for path in [path, folder.path().join("missing/folder")] {
            let seen = FileMemory::new(path).note("updates", &present, now);
            assert_eq!(seen["a"], Sighting { since: now, from_the_start: true });
        }
    }
}
