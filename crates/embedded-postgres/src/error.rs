//! Everything that can go wrong, each in one sentence that says what to do.

use std::io;
use std::path::PathBuf;

/// Why a private cluster could not be found, started, attached to or stopped.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No usable PostgreSQL on this machine.
    #[error(
        "PostgreSQL {minimum} or newer was not found on this machine{found}: install it with `apt-get install postgresql` \
         (or `dnf install postgresql-server`, `brew install postgresql@17`), or set PROOFLINE_DATABASE_URL to a server of yours"
    )]
    NoBinaries {
        /// The oldest major version that is accepted.
        minimum: u32,
        /// ` (only 13 in /usr/lib/postgresql/13/bin)`, or empty.
        found: String,
    },

    /// The data directory belongs to a major version that is not installed.
    #[error(
        "{} holds a PostgreSQL {cluster} cluster but only {installed} is installed: install version {cluster} \
         (`apt-get install postgresql-{cluster}`) or move the data with pg_upgrade",
        data_dir.display()
    )]
    OtherMajor {
        /// The cluster.
        data_dir: PathBuf,
        /// Its major version.
        cluster: u32,
        /// What was found, as `16, 17`.
        installed: String,
    },

    /// Another process holds the directory's lock.
    #[error("{} is already supervised by process {holder}: stop that one first, or use another data directory", data_dir.display())]
    AlreadySupervised {
        /// The cluster.
        data_dir: PathBuf,
        /// The other process's id as it wrote it down, or `unknown`.
        holder: String,
    },

    /// The operating-system user for the cluster does not exist.
    #[error(
        "PostgreSQL must not run as root and there is no user {name:?} to run it as: create it (`useradd --system {name}`)"
    )]
    NoSuchUser {
        /// The name that was looked up.
        name: String,
    },

    /// Our own user id has no name, which neither initdb nor peer authentication accepts.
    #[error(
        "user id {uid} has no entry in the user database, which PostgreSQL needs: add one to /etc/passwd"
    )]
    NamelessUser {
        /// The id.
        uid: u32,
    },

    /// A user or role name that cannot be written into the user map.
    #[error(
        "the name {name:?} cannot be written into PostgreSQL's user map: use letters, digits, `-`, `_` and `.`"
    )]
    BadName {
        /// The name.
        name: String,
    },

    /// The unprivileged user cannot enter a folder above the data directory.
    #[error(
        "the user {user:?}, as whom PostgreSQL has to run, cannot enter {}: choose a data directory outside of it, \
         such as /var/lib/proofline, or run as an ordinary user",
        folder.display()
    )]
    Unreachable {
        /// The folder above the data directory.
        folder: PathBuf,
        /// The unprivileged user.
        user: String,
    },

    /// The unprivileged user cannot execute the server binary.
    #[error("the user {user:?} cannot execute {}: install PostgreSQL for all users", binary.display())]
    UnusableBinary {
        /// The binary.
        binary: PathBuf,
        /// The unprivileged user.
        user: String,
    },

    /// The directory exists, is not empty and is not a cluster.
    #[error("{} is not a PostgreSQL cluster and is not empty: move it away or choose another data directory", data_dir.display())]
    NotACluster {
        /// The directory.
        data_dir: PathBuf,
    },

    /// A folder that must be ours alone is not.
    #[error("{} is not a folder that only {owner:?} can use: remove it or choose another run folder", path.display())]
    UnsafeFolder {
        /// The folder.
        path: PathBuf,
        /// Who should own it.
        owner: String,
    },

    /// The socket's path would be longer than the operating system takes.
    #[error("the socket folder {} is too long ({length} bytes, at most {limit}): choose a shorter run folder", path.display())]
    SocketPathTooLong {
        /// The folder.
        path: PathBuf,
        /// Its length in bytes.
        length: usize,
        /// The longest that works.
        limit: usize,
    },

    /// initdb failed.
    #[error("initdb could not make a cluster in {}: {reason}", data_dir.display())]
    Initdb {
        /// The cluster to be.
        data_dir: PathBuf,
        /// The last line that it printed.
        reason: String,
    },

    /// The postmaster ended before it was ready.
    #[error("PostgreSQL ended before it was ready: {reason} (its log is {})", log.display())]
    DiedAtStart {
        /// The last fatal line of its log.
        reason: String,
        /// The log.
        log: PathBuf,
    },

    /// An operating-system call failed.
    #[error("could not {action} {}: {reason}", path.display())]
    Io {
        /// What was tried, as a verb.
        action: &'static str,
        /// On what.
        path: PathBuf,
        /// The system's answer.
        reason: io::Error,
    },
}

impl Error {
    /// Whether trying again says the same until somebody changes the installation or the configuration. The others pass
    /// by themselves or may: a full disk, a lack of memory, a predecessor that is still stopping.
    pub fn is_lasting(&self) -> bool {
        match self {
            Self::NoBinaries { .. }
            | Self::OtherMajor { .. }
            | Self::NoSuchUser { .. }
            | Self::NamelessUser { .. }
            | Self::BadName { .. }
            | Self::Unreachable { .. }
            | Self::UnusableBinary { .. }
            | Self::NotACluster { .. }
            | Self::UnsafeFolder { .. }
            | Self::SocketPathTooLong { .. } => true,
            Self::AlreadySupervised { .. }
            | Self::Initdb { .. }
            | Self::DiedAtStart { .. }
            | Self::Io { .. } => false,
        }
    }
}

/// The result of everything here.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Gives an `io::Error` the verb and the path that make it readable.
pub(crate) trait IoContext<T> {
    fn on(self, action: &'static str, path: impl Into<PathBuf>) -> Result<T>;
}

impl<T, E: Into<io::Error>> IoContext<T> for std::result::Result<T, E> {
    fn on(self, action: &'static str, path: impl Into<PathBuf>) -> Result<T> {
        self.map_err(|reason| Error::Io { action, path: path.into(), reason: reason.into() })
    }
}
