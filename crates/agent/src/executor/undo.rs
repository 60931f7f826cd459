//! What brings a previous state back. Absolute states, not inverse steps: undoing twice is undoing once.

use std::path::{Path, PathBuf};

use proofline_catalog::canonical::Digest;
use serde::{Deserialize, Serialize};

use super::StepError;
use super::accounts;
use super::files::{Attributes, Files, Inode, Snapshot};
use super::firewall;
use super::systemd::{self, UnitState};
use super::tools::{PackageManager, Tools};

/// A previous state.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "restore", rename_all = "snake_case", deny_unknown_fields)]
pub enum Undo {
    /// A file and its content, or its absence.
    File {
        /// Absolute path.
        path: PathBuf,
        /// What was there.
        was: Snapshot,
    },
    /// A directory that was not there.
    NoDirectory {
        /// Absolute path.
        path: PathBuf,
    },
    /// Mode and ownership. No runbook changes them and replaces the same file as well: that would make another file of it.
    Attributes {
        /// Absolute path.
        path: PathBuf,
        /// Which file or directory.
        file: Inode,
        /// What they were.
        was: Attributes,
    },
    /// A value of the running kernel.
    Kernel {
        /// Absolute path below `/proc/sys`.
        path: PathBuf,
        /// The value.
        was: String,
    },
    /// A systemd unit.
    Unit {
        /// Its name.
        unit: String,
        /// Enablement and activity.
        was: UnitState,
    },
    /// A package.
    Package {
        /// Who manages packages here.
        manager: PackageManager,
        /// Its name.
        name: String,
        /// Whether it was installed.
        was_installed: bool,
    },
    /// The agent's own firewall table.
    FirewallTable {
        /// Its rules; none where there was no table.
        was: Option<String>,
    },
    /// Accounts that had no password.
    EmptyPasswords {
        /// Their names.
        accounts: Vec<String>,
    },
}

/// One change that was to be undone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Undone {
    /// What was to be restored.
    pub what: String,
    /// How that ended.
    pub end: UndoneEnd,
}

/// How undoing one change ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum UndoneEnd {
    /// The previous state is back.
    Restored,
    /// Somebody changed it since: nothing of ours is left to be taken back.
    LeftAlone,
    /// It could not be restored, and why.
    Failed(String),
}

/// What became of them, in a line.
pub fn summary(undone: &[Undone]) -> String {
    let left = undone.iter().filter(|one| one.end == UndoneEnd::LeftAlone);
    let left: Vec<&str> = left.map(|one| one.what.as_str()).collect();
    let restored = format!("{} restored", undone.len() - left.len());
    if left.is_empty() {
        restored
    } else {
        format!("{restored}; changed since, left alone: {}", left.join(", "))
    }
}

impl Undo {
    /// What is restored, in a few words and without content.
    pub fn describe(&self) -> String {
        match self {
            Self::File { path, was: Snapshot::Absent } => format!("remove {}", path.display()),
            Self::File { path, was: Snapshot::File { .. } } => format!("restore {}", path.display()),
            Self::NoDirectory { path } => format!("remove the directory {}", path.display()),
            Self::Attributes { path, was, .. } => {
                format!("set the mode of {} back to {:04o}", path.display(), was.mode)
            }
            Self::Kernel { path, .. } => format!("set {} back", path.display()),
            Self::Unit { unit, .. } => format!("set the unit {unit} back"),
            Self::Package { name, was_installed: true, .. } => format!("install {name} again"),
            Self::Package { name, was_installed: false, .. } => format!("remove {name} again"),
            Self::FirewallTable { .. } => "set the firewall table back".to_owned(),
            Self::EmptyPasswords { .. } => "unlock the accounts again".to_owned(),
        }
    }

    /// Brings the state back. Where that fails although the state is what it was, because the change was refused in the
    /// first place, there is nothing to bring back.
    fn apply(&self, files: &dyn Files, tools: Tools<'_>) -> Result<(), StepError> {
        self.restore(files, tools).or_else(|error| if self.is_so(files) { Ok(()) } else { Err(error) })
    }

    fn restore(&self, files: &dyn Files, tools: Tools<'_>) -> Result<(), StepError> {
        match self {
            Self::File { path, was: Snapshot::Absent } => files.remove(path),
            Self::File { path, was: Snapshot::File { content, attributes } } => {
                files.write(path, content, *attributes)
            }
            Self::NoDirectory { path } => files.remove_directory(path),
            Self::Attributes { path, file, was } => {
                let held = files.hold(path)?;
                if held.inode != *file {
                    return Err(StepError::Replaced(path.display().to_string()));
                }
                files.set_attributes(&held, *was)
            }
            Self::Kernel { path, was } => files.write_in_place(path, was.as_bytes()),
            Self::Unit { unit, was } => systemd::restore(tools, unit, *was),
            Self::Package { manager, name, was_installed } => {
                if *was_installed {
                    manager.install(tools, name)
                } else {
                    manager.remove(tools, name)
                }
            }
            Self::FirewallTable { was } => firewall::restore(files, tools, was.as_deref()),
            Self::EmptyPasswords { accounts } => accounts::unlock(files, accounts),
        }
    }

    /// Undoes a change that left `left` behind, where it got that far. What is neither that nor the previous state is
    /// somebody else's.
    pub(super) fn undo(&self, left: Option<Digest>, files: &dyn Files, tools: Tools<'_>) -> UndoneEnd {
        let theirs = left.is_some_and(|left| self.present(files).is_some_and(|now| now != left));
        if theirs && !self.is_so(files) {
            return UndoneEnd::LeftAlone;
        }
        self.apply(files, tools)
            .map_or_else(|error| UndoneEnd::Failed(error.to_string()), |()| UndoneEnd::Restored)
    }

    /// Whether the previous state is the present one, as far as files tell.
    fn is_so(&self, files: &dyn Files) -> bool {
        match self {
            Self::File { path, was } => files.snapshot(path).is_ok_and(|now| now == *was),
            Self::NoDirectory { path } => matches!(files.hold(path), Err(StepError::Missing(_))),
            Self::Attributes { path, file, was } => held(files, path, *file) == Some(*was),
            Self::Kernel { path, was } => match files.snapshot(path) {
                Ok(Snapshot::File { content, .. }) => content == was.as_bytes(),
                Ok(Snapshot::Absent) | Err(_) => false,
            },
            Self::EmptyPasswords { accounts } => accounts::without_password(files)
                .is_ok_and(|open| accounts.iter().all(|account| open.contains(account))),
            Self::Unit { .. } | Self::Package { .. } | Self::FirewallTable { .. } => false,
        }
    }

    /// A digest of what is there now, for those states that someone else may have changed since; none where it cannot be
    /// read.
    pub(super) fn present(&self, files: &dyn Files) -> Option<Digest> {
        match self {
            Self::File { path, .. } | Self::Kernel { path, .. } => file_digest(files, path),
            Self::Attributes { path, file, .. } => match files.hold(path) {
                Ok(held) if held.inode == *file => Some(Digest::of(&held.attributes)),
                Ok(_) | Err(StepError::Missing(_) | StepError::NotARegularFile { .. }) => Some(gone()),
                Err(_) => None,
            },
            Self::NoDirectory { .. }
            | Self::Unit { .. }
            | Self::Package { .. }
            | Self::FirewallTable { .. }
            | Self::EmptyPasswords { .. } => None,
        }
    }
}

/// Mode and ownership, where this very file or directory is still there.
fn held(files: &dyn Files, path: &Path, file: Inode) -> Option<Attributes> {
    files.hold(path).ok().filter(|held| held.inode == file).map(|held| held.attributes)
}

fn file_digest(files: &dyn Files, path: &Path) -> Option<Digest> {
    match files.snapshot(path) {
        Ok(Snapshot::Absent) => Some(Digest::of_bytes(b"")),
        Ok(Snapshot::File { content, attributes }) => {
            Some(Digest::of(&(Digest::of_bytes(&content), attributes)))
        }
        Err(StepError::NotARegularFile { .. }) => Some(gone()),
        Err(_) => None,
    }
}

/// Stands for whatever took the place of what was changed.
fn gone() -> Digest {
    Digest::of_bytes(b"something else")
}
