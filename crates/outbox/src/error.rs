//! What can go wrong, sorted by what the caller can do about it.

use std::path::PathBuf;

use rusqlite::ErrorCode;

/// An operation on the queue failed; nothing of it was written.
#[derive(Debug, thiserror::Error)]
pub enum OutboxError {
    /// No room on the disk. Try again later: the queue works on as soon as there is room.
    #[error("the disk that holds the queue is full")]
    DiskFull,
    /// The queue holds as much as its [`Limits`](crate::Limits) allow. Acknowledging makes room.
    #[error("the queue is full: {items} items, {bytes} bytes")]
    QueueFull {
        /// Payloads that wait.
        items: u64,
        /// Bytes of these payloads.
        bytes: u64,
    },
    /// Another handle or process has this queue open.
    #[error("the queue is in use by another process")]
    InUse,
    /// A stored payload or the file is not what was written. Open the queue again: opening sets the damage aside.
    #[error("the queue is damaged: {0}")]
    Damaged(String),
    /// Neither the database nor the high-water mark can be read, so the next number is unknown.
    #[error("neither the queue nor its high-water mark can be read: {}", .0.display())]
    BeyondRecovery(PathBuf),
    /// The file was written by a later version of this program.
    #[error("the queue has format version {0}, newer than this program knows")]
    NewerFormat(i64),
    /// An acknowledgement names a number that was never handed out.
    #[error("number {seq} was never appended, the last one is {last}")]
    NeverAppended {
        /// The number named.
        seq: u64,
        /// The last number appended.
        last: u64,
    },
    /// A note is larger than [`MAX_NOTE_BYTES`](crate::MAX_NOTE_BYTES).
    #[error("note {key:?} has {bytes} bytes, more than a note may hold")]
    NoteTooLarge {
        /// Its name.
        key: String,
        /// Its size.
        bytes: usize,
    },
    /// Reading or writing a file failed.
    #[error("the queue's files cannot be used ({doing})")]
    Io {
        /// The operation.
        doing: &'static str,
        /// The system's answer.
        source: std::io::Error,
    },
    /// SQLite refused for another reason.
    #[error("the queue's database failed")]
    Database(#[source] rusqlite::Error),
}

impl OutboxError {
    pub(crate) fn io(doing: &'static str) -> impl FnOnce(std::io::Error) -> Self {
        move |source| match source.kind() {
            std::io::ErrorKind::StorageFull | std::io::ErrorKind::QuotaExceeded => Self::DiskFull,
            _ => Self::Io { doing, source },
        }
    }
}

impl From<rusqlite::Error> for OutboxError {
    fn from(error: rusqlite::Error) -> Self {
        match error.sqlite_error_code() {
            Some(ErrorCode::DiskFull) => Self::DiskFull,
            Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => Self::Damaged(error.to_string()),
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => Self::InUse,
            _ => Self::Database(error),
        }
    }
}
