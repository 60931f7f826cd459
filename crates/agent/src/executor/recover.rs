//! Bringing the previous state back: after a failure, on demand, and after a crash.

use std::collections::BTreeSet;
use std::io;

use proofline_core::Timestamp;

use super::journal::{End, Entry, Handle, Header, Reading};
use super::run::Executor;
use super::undo::{Undo, Undone, UndoneEnd};

/// The previous state cannot be brought back, or only in part.
#[derive(Debug, thiserror::Error)]
pub enum RollbackError {
    /// No journal of that name: it was forgotten, or never was.
    #[error("nothing is known of {0}")]
    Unknown(Handle),
    /// It was taken back before.
    #[error("{0} was taken back before")]
    AlreadyDone(Handle),
    /// Somebody changed it since; restoring would undo their work.
    #[error("it was changed since: {0}")]
    ChangedSince(String),
    /// Some of it could not be restored.
    #[error("not everything could be restored: {}", failures(.0))]
    Incomplete(Vec<Undone>),
    /// The journal cannot be read or written.
    #[error("the journal cannot be read or written: {0}")]
    Journal(#[source] io::Error),
}

fn failures(undone: &[Undone]) -> String {
    let failed = undone.iter().filter_map(|one| match &one.end {
        UndoneEnd::Failed(error) => Some(format!("{} ({error})", one.what)),
        UndoneEnd::Restored | UndoneEnd::LeftAlone => None,
    });
    failed.collect::<Vec<_>>().join(", ")
}

/// An execution that was cut short, after [`Executor::recover`] dealt with it.
#[derive(Debug)]
pub struct Recovered {
    /// Which.
    pub handle: Handle,
    /// What it was for.
    pub header: Header,
    /// What was restored, or why that failed. A failed one is tried again next time.
    pub result: Result<Vec<Undone>, RollbackError>,
}

impl Executor<'_> {
    /// Takes an execution back. A finished one is refused where what it changed was changed again since.
    pub fn roll_back(&self, handle: &Handle) -> Result<Vec<Undone>, RollbackError> {
        let reading = self.journals.read(handle).map_err(RollbackError::Journal)?;
        let reading = reading.ok_or_else(|| RollbackError::Unknown(handle.clone()))?;
        match reading.end {
            Some(End::RolledBack) => return Err(RollbackError::AlreadyDone(handle.clone())),
            Some(End::Committed) => self.unchanged_since(&reading)?,
            None => {}
        }
        let undone = self.undo_all(&reading);
        if undone.iter().any(|one| matches!(one.end, UndoneEnd::Failed(_))) {
            return Err(RollbackError::Incomplete(undone));
        }
        let mut journal = self.journals.resume(handle).map_err(RollbackError::Journal)?;
        journal.end(End::RolledBack).map_err(RollbackError::Journal)?;
        Ok(undone)
    }

    fn unchanged_since(&self, reading: &Reading) -> Result<(), RollbackError> {
        let mut seen = BTreeSet::new();
        for Entry { undo, left } in reading.entries.iter().rev() {
            // Only the last change of a thing left what must be there now.
            if let Some(left) = left
                && seen.insert(subject(undo))
                && self.present(undo) != Some(*left)
            {
                return Err(RollbackError::ChangedSince(undo.describe()));
            }
        }
        Ok(())
    }

    /// Latest change first, then whatever reads its settings again. One failure does not stop the rest.
    fn undo_all(&self, reading: &Reading) -> Vec<Undone> {
        let restored = reading.entries.iter().rev().map(|Entry { undo, left }| Undone {
            what: undo.describe(),
            end: undo.undo(*left, self.files, self.tools()),
        });
        let mut undone: Vec<Undone> = restored.collect();
        if !reading.entries.is_empty() {
            undone.extend(reading.header.after_rollback.iter().map(|what| {
                Undone {
                    what: what.describe().to_owned(),
                    end: self
                        .reload(*what)
                        .map_or_else(|error| UndoneEnd::Failed(error.to_string()), |()| UndoneEnd::Restored),
                }
            }));
        }
        undone
    }

    /// Rolls back every execution that was cut short or could not be rolled back before, the latest first: an earlier
    /// one restores what was there before a later one. To be called before anything is healed.
    pub fn recover(&self) -> io::Result<Vec<Recovered>> {
        let mut open = Vec::new();
        for handle in self.journals.handles()? {
            match self.journals.read(&handle) {
                Ok(None) => self.journals.discard(&handle)?,
                Ok(Some(reading)) if reading.end.is_none() => open.push((handle, reading.header)),
                Ok(Some(_)) => {}
                // Damaged: it stays for a person to look at, and must not stop the others.
                Err(error) => tracing::error!(%handle, %error, "a journal cannot be read"),
            }
        }
        open.sort_by_key(|(_, header)| std::cmp::Reverse(header.started));
        let roll_back = |(handle, header)| Recovered { result: self.roll_back(&handle), handle, header };
        Ok(open.into_iter().map(roll_back).collect())
    }

    /// Forgets finished executions that started before `before`.
    pub fn prune(&self, before: Timestamp) -> io::Result<usize> {
        self.journals.prune(before)
    }
}

/// What a change was made to, where two changes can be to the same thing.
fn subject(undo: &Undo) -> (u8, std::path::PathBuf) {
    match undo {
        Undo::File { path, .. } => (0, path.clone()),
        Undo::Attributes { path, .. } => (1, path.clone()),
        Undo::Kernel { path, .. } => (2, path.clone()),
        Undo::NoDirectory { path } => (3, path.clone()),
        Undo::Unit { .. }
        | Undo::Package { .. }
        | Undo::FirewallTable { .. }
        | Undo::EmptyPasswords { .. } => (4, std::path::PathBuf::new()),
    }
}
