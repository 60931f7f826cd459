//! One look at the machine, shared by all checks of a cycle.
//!
//! The first request for a command or a small file is answered by the machine, later ones from memory, failures
//! included: `sshd -T` runs once, however many checks ask. Large files and answers are not held, to stay small. A cycle
//! is dropped at its end, so nothing goes stale.

use std::collections::HashMap;
use std::hash::Hash;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use proofline_core::Timestamp;

use super::{DirEntry, Host, HostError, Metadata, Output, RunLimits};

/// Files above this size are read again each time instead of being held.
const HELD_FILE: usize = 64 * 1024;
/// Commands that may answer more than this are run again each time instead of being held.
const HELD_OUTPUT: usize = 1024 * 1024;

type Shared<K, V> = Mutex<HashMap<K, Arc<OnceLock<Result<V, HostError>>>>>;

/// A [`Host`] that asks `inner` for each thing once. Threads that ask for the same thing wait for one answer.
pub struct CycleHost<H> {
    inner: H,
    started: Timestamp,
    outputs: Shared<Vec<String>, Output>,
    files: Shared<PathBuf, Vec<u8>>,
}

impl<H: Host> CycleHost<H> {
    /// Starts a cycle: nothing is known yet, and the time stands still at this moment.
    pub fn new(inner: H) -> Self {
        let started = inner.now();
        Self { inner, started, outputs: Mutex::default(), files: Mutex::default() }
    }
}

fn once<K: Eq + Hash, V: Clone>(
    shared: &Shared<K, V>,
    key: K,
    ask: impl FnOnce() -> Result<V, HostError>,
) -> Result<V, HostError> {
    let cell = Arc::clone(shared.lock().unwrap_or_else(PoisonError::into_inner).entry(key).or_default());
    cell.get_or_init(ask).clone()
}

impl<H: Host> Host for CycleHost<H> {
    fn read(&self, path: &Path, limit: usize) -> Result<Vec<u8>, HostError> {
        let held = once(&self.files, path.to_path_buf(), || self.inner.read(path, HELD_FILE));
        match held {
            Ok(content) if content.len() > limit => Err(HostError::TooLarge),
            Err(HostError::TooLarge) if limit > HELD_FILE => self.inner.read(path, limit),
            other => other,
        }
    }

    fn sha256(&self, path: &Path, limit: u64) -> Result<[u8; 32], HostError> {
        self.inner.sha256(path, limit)
    }

    fn list(&self, directory: &Path) -> Result<Vec<DirEntry>, HostError> {
        self.inner.list(directory)
    }

    fn metadata(&self, path: &Path) -> Result<Metadata, HostError> {
        self.inner.metadata(path)
    }

    fn link_metadata(&self, path: &Path) -> Result<Metadata, HostError> {
        self.inner.link_metadata(path)
    }

    fn read_link(&self, path: &Path) -> Result<String, HostError> {
        self.inner.read_link(path)
    }

    /// The limits of whoever asks first apply.
    fn run(&self, argv: &[&str], limits: RunLimits) -> Result<Output, HostError> {
        if limits.output_limit > HELD_OUTPUT {
            return self.inner.run(argv, limits);
        }
        let key = argv.iter().map(|&word| word.to_owned()).collect();
        once(&self.outputs, key, || self.inner.run(argv, limits))
    }

    fn now(&self) -> Timestamp {
        self.started
    }
}
