//! Carries out runbooks on the machine that the agent runs on, and takes them back.
//!
//! Promises:
//! - the state that a change replaces is on disk, synced, in the [`journal`] before the change is made; whatever kills the
//!   agent in the middle, [`Executor::recover`] brings that state back, the latest change first, except where somebody
//!   changed it since;
//! - a runbook that fails, or whose own verification fails, is rolled back before [`Executor::execute`] returns; one that
//!   worked stays revocable through its [`Handle`];
//! - files are replaced whole (temporary file, sync, rename) and keep mode, owner and extended attributes; no symbolic link
//!   is followed, neither in the place of a file nor of a folder above it;
//! - programs are an allow-list of argv arrays, bounded in time and output; there is no shell;
//! - a change that could cut off the machine (SSH, firewall) is validated first and taken back when the [`Lifeline`] or
//!   the SSH server's own port is gone afterwards.
//!
//! It does not know rules, incidents or verdicts: whether a heal worked is decided by whoever measures again.

mod access;
mod accounts;
mod apply;
mod conditions;
mod error;
mod files;
mod firewall;
mod journal;
mod recover;
mod run;
mod settings;
mod sshd;
mod systemd;
mod tools;
mod undo;

pub use access::{Lifeline, NoLifeline};
pub use error::StepError;
pub use files::{Attributes, Disk, Files, Held, Inode, Snapshot};
pub use journal::{End, Handle, Header, Journals, UnknownHandle};
pub use recover::{Recovered, RollbackError};
pub use run::{Execution, Executor, Outcome, StepOutcome, StepReport};
pub use undo::{Undo, Undone, UndoneEnd, summary};
