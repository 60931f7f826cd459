//! `postmaster.pid`, PostgreSQL's own lock file in the data directory.
//!
//! It is never deleted here: its seventh line holds the key of a shared-memory block by which PostgreSQL notices that
//! backends of a dead postmaster are still at work. What can be wrong is its first line, a process id that meanwhile
//! belongs to somebody else and would make PostgreSQL refuse to start. Under the supervisor's lock that line is replaced
//! by the supervisor's own id, which PostgreSQL, being its child, does not count as another server.

use std::path::{Path, PathBuf};

use crate::account::Account;
use crate::error::Result;
use crate::files::{read_bounded, replace};

/// The lines that are of use here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PidFile {
    pub(crate) pid: i32,
    pub(crate) socket_folder: PathBuf,
    pub(crate) status: String,
}

pub(crate) fn path(data_dir: &Path) -> PathBuf {
    data_dir.join("postmaster.pid")
}

impl PidFile {
    /// `None` where there is no file or no process id in it.
    pub(crate) fn read(data_dir: &Path) -> Option<Self> {
        let text = read_bounded(&path(data_dir), 4_096).ok()?;
        let line = |number: usize| text.lines().nth(number - 1).unwrap_or("").trim();
        Some(Self {
            pid: line(1).parse().ok().filter(|&pid| pid > 0)?,
            socket_folder: line(5).into(),
            status: line(8).to_owned(),
        })
    }

    /// The eighth line says whether connections are taken; it appears when the socket listens and recovery is over.
    pub(crate) fn is_ready(&self) -> bool {
        self.status == "ready"
    }

    pub(crate) fn is_stopping(&self) -> bool {
        self.status == "stopping"
    }
}

/// Puts our own process id on the first line. The caller holds the lock and knows that no postmaster is alive.
pub(crate) fn take_over(data_dir: &Path, account: &Account) -> Result<()> {
    let Ok(text) = read_bounded(&path(data_dir), 4_096) else { return Ok(()) };
    let rest = text.split_once('\n').map_or("", |(_, rest)| rest);
    replace(&path(data_dir), &format!("{}\n{rest}", std::process::id()), account)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn taking_over_keeps_the_shared_memory_key() {
        let folder = tempfile::tempdir().expect("a folder");
        let text = "4711\n/data\n1700000000\n5432\n/run/x\n\n  5432001    98307\nready   \n";
        std::fs::write(path(folder.path()), text).expect("written");
        let before = PidFile::read(folder.path()).expect("parses");
        assert_eq!((before.pid, before.is_ready(), before.is_stopping()), (4711, true, false));
        assert_eq!(before.socket_folder, Path::new("/run/x"));

        take_over(folder.path(), &Account::current().expect("we have a name")).expect("taken over");
        let after = read_bounded(&path(folder.path()), 4_096).expect("readable");
        assert_eq!(after, text.replacen("4711", &std::process::id().to_string(), 1));
    }

    #[test]
    fn a_file_cut_short_is_no_server() {
        let folder = tempfile::tempdir().expect("a folder");
        for text in ["", "\n", "-1\n", "abc\n/data\n"] {
            std::fs::write(path(folder.path()), text).expect("written");
            assert_eq!(PidFile::read(folder.path()), None, "{text:?}");
        }
        assert_eq!(PidFile::read(Path::new("/nonexistent")), None);
    }
}
