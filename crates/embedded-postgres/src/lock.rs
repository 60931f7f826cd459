//! One supervisor per data directory, held with `flock` for as long as it lives.
//!
//! The lock file lies beside the directory, because the directory itself appears only when it is complete. The kernel
//! drops the lock with the process, however it ends; child processes do not inherit it, but have it until they execute
//! their program. The file is never removed: a waiter would be left with a lock on a file that nobody else can see.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Seek, SeekFrom, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::thread::sleep;
use std::time::{Duration, Instant};

use crate::error::{Error, IoContext, Result};
use crate::files::read_bounded;

/// How long a lock without a living supervisor may take to go.
const PASSING: Duration = Duration::from_secs(2);
const LOOK_AGAIN: Duration = Duration::from_millis(5);

#[derive(Debug)]
pub(crate) struct DirectoryLock {
    file: File,
}

impl Drop for DirectoryLock {
    /// Closing is not enough: a child that another thread is just starting has a copy until it executes its program.
    fn drop(&mut self) {
        let _ = self.file.unlock();
    }
}

/// `postgres` → `postgres.lock`.
pub(crate) fn beside(data_dir: &Path, suffix: &str) -> PathBuf {
    let mut name = data_dir.file_name().unwrap_or_default().to_owned();
    name.push(suffix);
    data_dir.with_file_name(name)
}

impl DirectoryLock {
    /// Takes the lock, or says who has it.
    pub(crate) fn take(data_dir: &Path) -> Result<Self> {
        let path = beside(data_dir, ".lock");
        let mut file = open(&path)?;
        let began = Instant::now();
        while let Err(refused) = file.try_lock() {
            match refused {
                // What a supervisor that was killed was just starting.
                TryLockError::WouldBlock if holder(data_dir).is_none() && began.elapsed() < PASSING => {
                    sleep(LOOK_AGAIN);
                }
                TryLockError::WouldBlock => {
                    let holder = read_bounded(&path, 32).unwrap_or_default().trim().to_owned();
                    return Err(Error::AlreadySupervised {
                        data_dir: data_dir.to_owned(),
                        holder: if holder.is_empty() { "unknown".to_owned() } else { holder },
                    });
                }
                TryLockError::Error(reason) => return Err(Error::Io { action: "lock", path, reason }),
            }
        }
        // Best effort: the text is for people, the lock is the truth.
        let _ = file
            .set_len(0)
            .and_then(|()| file.seek(SeekFrom::Start(0)))
            .and_then(|_| writeln!(file, "{}", std::process::id()));
        Ok(Self { file })
    }
}

/// The process that holds the directory's lock, without trying for it: a try that succeeds would keep out a supervisor
/// that starts at this very moment. It is the one whose id the file holds, as long as it has the file open.
pub(crate) fn holder(data_dir: &Path) -> Option<i32> {
    let path = beside(data_dir, ".lock");
    let lock = std::fs::metadata(&path).ok()?;
    let pid = read_bounded(&path, 32).ok()?.trim().parse().ok()?;
    match std::fs::read_dir(format!("/proc/{pid}/fd")) {
        Ok(files) => {
            let is_lock = |file: std::fs::DirEntry| {
                std::fs::metadata(file.path())
                    .is_ok_and(|open| (open.dev(), open.ino()) == (lock.dev(), lock.ino()))
            };
            files.flatten().any(is_lock).then_some(pid)
        }
        // Somebody else's process, which shows its files to nobody but root.
        Err(error) if error.kind() == std::io::ErrorKind::PermissionDenied => Some(pid),
        Err(_) => None,
    }
}

pub(crate) fn open(path: &Path) -> Result<File> {
    OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path).on("open", path)
}
