//! Why a step could not be carried out.

use std::io;

use crate::host::HostError;

/// Why a step could not be carried out. The text is evidence: it names paths and programs, never file content.
#[derive(Debug, thiserror::Error)]
pub enum StepError {
    /// A file could not be read or written.
    #[error("{path}: {source}")]
    File {
        /// The path as the runbook names it.
        path: String,
        /// What the operating system said.
        #[source]
        source: io::Error,
    },
    /// What stands there may not be changed: a link, a directory, a device, or a file that is too large.
    #[error("{path} is {what}, which is not changed")]
    NotARegularFile {
        /// The path.
        path: String,
        /// What it is.
        what: &'static str,
    },
    /// The file is not there.
    #[error("{0} is not there")]
    Missing(String),
    /// Another file or directory stands there than the one that was changed.
    #[error("{0} was replaced since")]
    Replaced(String),
    /// The machine could not be asked.
    #[error("{what}: {source}")]
    Host {
        /// What was asked.
        what: String,
        /// Why there is no answer.
        #[source]
        source: HostError,
    },
    /// The program is not on the executor's list.
    #[error("{0} may not be run")]
    NotAllowed(String),
    /// A program ended with a failure.
    #[error("{program} failed: {complaint}")]
    Failed {
        /// The program.
        program: String,
        /// What it said first.
        complaint: String,
    },
    /// None of the units is known to the machine.
    #[error("the machine has none of {0}")]
    NoSuchUnit(String),
    /// No owner or group of that name.
    #[error("there is no {kind} {name}")]
    NoSuchName {
        /// `user` or `group`.
        kind: &'static str,
        /// The name.
        name: String,
    },
    /// A condition of the runbook does not hold.
    #[error("{0}")]
    NotSo(String),
    /// The change would have cut, or did cut, the way to the machine.
    #[error("the machine would be cut off: {0}")]
    CutOff(String),
    /// The journal could not be written, so nothing was changed.
    #[error("the previous state could not be saved: {0}")]
    Journal(#[source] io::Error),
}

impl StepError {
    pub(super) fn file(path: &std::path::Path, source: io::Error) -> Self {
        Self::File { path: path.display().to_string(), source }
    }
}
