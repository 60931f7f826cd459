//! The machine as a probe sees it.
//!
//! Promises that every implementation keeps:
//! - a call ends: files are read up to a limit, commands up to a time and an output limit, and a command that is
//!   given up is killed together with everything in its process group. What no program can bound is a file system that
//!   does not answer (a dead network disk): whoever calls has to be ready to leave the call behind;
//! - commands are argv arrays with an empty standard input, a clean environment and `LC_ALL=C`; there is no shell;
//! - a failure says which kind it is ([`HostError`]), because "not there", "not allowed" and "took too long" lead to
//!   different verdicts.
//!
//! This module does not know checks, verdicts or what any file means.

mod cycle;
mod local;
mod process;
mod recorded;
pub(crate) mod sysctl;

use std::path::Path;
use std::time::Duration;

use proofline_core::Timestamp;

pub use cycle::CycleHost;
pub use local::LocalHost;
pub use recorded::{
    RecordedAnswer, RecordedEntry, RecordedError, RecordedFile, RecordedHost, RecordedOutput, Recording,
};

/// The most entries that one directory listing may hold.
pub const MAX_DIRECTORY_ENTRIES: usize = 20_000;

/// Why the machine did not answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum HostError {
    /// No such file, directory or program.
    #[error("not found")]
    NotFound,
    /// The agent's user may not do this.
    #[error("permission denied")]
    Denied,
    /// The command was still running at its limit and was killed.
    #[error("timed out")]
    TimedOut,
    /// The file, the listing or the output exceeded its limit.
    #[error("larger than the limit")]
    TooLarge,
    /// Anything else, in the operating system's words.
    #[error("{0}")]
    Failed(String),
}

impl From<std::io::Error> for HostError {
    fn from(error: std::io::Error) -> Self {
        match error.kind() {
            std::io::ErrorKind::NotFound | std::io::ErrorKind::NotADirectory => Self::NotFound,
            std::io::ErrorKind::PermissionDenied => Self::Denied,
            std::io::ErrorKind::TimedOut => Self::TimedOut,
            // Only the kind: the full text may carry an operand.
            kind => Self::Failed(kind.to_string()),
        }
    }
}

/// What a path names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum FileKind {
    /// A regular file.
    File,
    /// A directory.
    Directory,
    /// A symbolic link.
    Symlink,
    /// A device, socket or pipe.
    Other,
}

/// What the file system says about a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Metadata {
    /// File, directory, link or other.
    pub kind: FileKind,
    /// Permission bits including set-uid, set-gid and sticky: `0o0000..=0o7777`.
    pub mode: u32,
    /// Numeric owner.
    pub uid: u32,
    /// Numeric group.
    pub gid: u32,
    /// Size in bytes; 0 for most of `/proc`.
    pub size: u64,
    /// Last change of the content.
    pub modified: Timestamp,
}

/// One name in a directory.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct DirEntry {
    /// The name without its directory; bytes that are not UTF-8 are replaced.
    pub name: String,
    /// Whether it is a directory itself (links are not followed).
    pub is_directory: bool,
}

/// What a command may use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RunLimits {
    /// Wall-clock time until the process group is killed.
    pub timeout: Duration,
    /// The most bytes of standard output; more ends the command with [`HostError::TooLarge`].
    pub output_limit: usize,
}

impl RunLimits {
    /// For tools that answer from memory or one small file: 5 s and 256 KiB.
    pub const QUICK: Self = Self { timeout: Duration::from_secs(5), output_limit: 256 * 1024 };
    /// For tools that read much: 20 s and 1 MiB.
    pub const SLOW: Self = Self { timeout: Duration::from_secs(20), output_limit: 1024 * 1024 };
}

/// How a command ended. A status other than zero is not a [`HostError`]: the tool did answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Output {
    /// The exit status; `None` when a signal ended it.
    pub status: Option<i32>,
    /// Standard output, complete.
    pub stdout: Vec<u8>,
    /// The first 4 KiB of standard error.
    pub stderr: Vec<u8>,
}

impl Output {
    /// Whether the status is zero.
    pub fn success(&self) -> bool {
        self.status == Some(0)
    }

    /// Standard output as text, foreign bytes replaced.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.stdout).into_owned()
    }

    /// The first line of standard error that says something, at most 200 characters.
    pub fn complaint(&self) -> String {
        let text = String::from_utf8_lossy(&self.stderr);
        let line = text.lines().map(str::trim).find(|line| !line.is_empty()).unwrap_or_default();
        line.chars().filter(|c| !c.is_control()).take(200).collect()
    }
}

/// The only way to the machine for everything that observes it.
pub trait Host: Send + Sync {
    /// The content of a regular file of at most `limit` bytes, links followed.
    fn read(&self, path: &Path, limit: usize) -> Result<Vec<u8>, HostError>;

    /// The SHA-256 of a regular file of at most `limit` bytes, read in pieces.
    fn sha256(&self, path: &Path, limit: u64) -> Result<[u8; 32], HostError>;

    /// The names in a directory, sorted, at most [`MAX_DIRECTORY_ENTRIES`].
    fn list(&self, directory: &Path) -> Result<Vec<DirEntry>, HostError>;

    /// What the path leads to, links followed.
    fn metadata(&self, path: &Path) -> Result<Metadata, HostError>;

    /// What the path itself is, the last link not followed.
    fn link_metadata(&self, path: &Path) -> Result<Metadata, HostError>;

    /// Where a symbolic link points, as written in it.
    fn read_link(&self, path: &Path) -> Result<String, HostError>;

    /// Runs a program by name (looked up in the system's directories) or by absolute path.
    fn run(&self, argv: &[&str], limits: RunLimits) -> Result<Output, HostError>;

    /// The current time.
    fn now(&self) -> Timestamp;
}

/// What is behind a pointer is the same machine.
macro_rules! behind_a_pointer {
    ($($pointer:ty),*) => {$(
        impl<H: Host + ?Sized> Host for $pointer {
            fn read(&self, path: &Path, limit: usize) -> Result<Vec<u8>, HostError> {
                (**self).read(path, limit)
            }
            fn sha256(&self, path: &Path, limit: u64) -> Result<[u8; 32], HostError> {
                (**self).sha256(path, limit)
            }
            fn list(&self, directory: &Path) -> Result<Vec<DirEntry>, HostError> {
                (**self).list(directory)
            }
            fn metadata(&self, path: &Path) -> Result<Metadata, HostError> {
                (**self).metadata(path)
            }
            fn link_metadata(&self, path: &Path) -> Result<Metadata, HostError> {
                (**self).link_metadata(path)
            }
            fn read_link(&self, path: &Path) -> Result<String, HostError> {
                (**self).read_link(path)
            }
            fn run(&self, argv: &[&str], limits: RunLimits) -> Result<Output, HostError> {
                (**self).run(argv, limits)
            }
            fn now(&self) -> Timestamp {
                (**self).now()
            }
        }
    )*};
}

behind_a_pointer!(&H, std::sync::Arc<H>);

impl dyn Host + '_ {
    /// A small text file (at most 1 MiB), foreign bytes replaced.
    pub fn text(&self, path: &str) -> Result<String, HostError> {
        let bytes = self.read(Path::new(path), 1024 * 1024)?;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }

    /// Whether the path leads somewhere. Only a clear "not there" is `false`.
    pub fn exists(&self, path: &str) -> Result<bool, HostError> {
        match self.metadata(Path::new(path)) {
            Ok(_) => Ok(true),
            Err(HostError::NotFound) => Ok(false),
            Err(other) => Err(other),
        }
    }
}
