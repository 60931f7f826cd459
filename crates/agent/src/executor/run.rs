//! One execution of a runbook, from its preconditions to its own verification.

use std::path::{Path, PathBuf};

use proofline_catalog::canonical::Digest;
use proofline_catalog::runbook::{Action, BoundRunbook, Reload};
use serde::{Deserialize, Serialize};

use super::access::Lifeline;
use super::files::{Attributes, Files};
use super::journal::{End, Handle, Header, Journal, Journals};
use super::tools::Tools;
use super::undo::{Undo, summary};
use super::{StepError, apply, conditions};
use crate::host::Host;

/// How one step went.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StepOutcome {
    /// It was done.
    Ok,
    /// It was tried, and failed.
    Failed,
    /// It was not tried.
    Skipped,
}

/// One step, for the record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StepReport {
    /// What was to be done.
    pub step: String,
    /// How it went.
    pub outcome: StepOutcome,
    /// More about it.
    pub detail: String,
}

/// What came of an execution.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// Every step and its own verification succeeded. Whether it helped is for the check to say; until then the journal
    /// is open, and [`Executor::commit`] or [`Executor::roll_back`] closes it.
    Done,
    /// A precondition does not hold: nothing was changed.
    DoesNotFit,
    /// A step or its verification failed, and the previous state is back.
    RolledBack,
    /// A step or its verification failed, and the previous state could not be brought back entirely. It is tried again
    /// by [`Executor::recover`].
    Stuck,
}

/// What an execution did.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Execution {
    /// What came of it.
    pub outcome: Outcome,
    /// Each step, in order.
    pub steps: Vec<StepReport>,
    /// For taking it back; none where nothing was changed.
    pub handle: Option<Handle>,
}

/// Carries out runbooks on one machine.
pub struct Executor<'a> {
    pub(super) host: &'a dyn Host,
    pub(super) files: &'a dyn Files,
    pub(super) journals: Journals,
    pub(super) lifeline: &'a dyn Lifeline,
}

/// The machine as a step may change it: every change goes through [`Changes::make`].
pub(super) struct Changes<'a> {
    pub(super) files: &'a dyn Files,
    pub(super) tools: Tools<'a>,
    journal: &'a mut Journal,
}

impl Changes<'_> {
    /// Saves `undo`, then makes the change.
    pub(super) fn make(
        &mut self,
        undo: &Undo,
        change: impl FnOnce(&dyn Files) -> Result<(), StepError>,
    ) -> Result<(), StepError> {
        self.journal.undo(undo).map_err(StepError::Journal)?;
        change(self.files)?;
        if let Some(left) = undo.present(self.files) {
            self.journal.did(left).map_err(StepError::Journal)?;
        }
        Ok(())
    }

    /// Writes a whole file, creating the directories above it. One that is as it should be is left alone.
    pub(super) fn write(
        &mut self,
        path: &Path,
        content: &[u8],
        attributes: Attributes,
    ) -> Result<(), StepError> {
        let wanted = super::Snapshot::File { content: content.to_vec(), attributes };
        let was = self.files.snapshot(path)?;
        if was == wanted {
            return Ok(());
        }
        self.make_parents(path)?;
        let undo = Undo::File { path: path.to_owned(), was };
        self.make(&undo, |files| files.write(path, content, attributes))
    }

    fn make_parents(&mut self, path: &Path) -> Result<(), StepError> {
        let mut missing: Vec<PathBuf> = Vec::new();
        for parent in path.ancestors().skip(1) {
            match self.tools.host().metadata(parent) {
                Ok(_) => break,
                Err(crate::host::HostError::NotFound) => missing.push(parent.to_owned()),
                Err(source) => return Err(StepError::Host { what: parent.display().to_string(), source }),
            }
        }
        for directory in missing.into_iter().rev() {
            let undo = Undo::NoDirectory { path: directory.clone() };
            self.make(&undo, |files| files.make_directory(&directory).map(|_| ()))?;
        }
        Ok(())
    }
}

impl<'a> Executor<'a> {
    /// An executor on the machine behind `host` and `files`, which must be the same one.
    pub const fn new(
        host: &'a dyn Host,
        files: &'a dyn Files,
        journals: Journals,
        lifeline: &'a dyn Lifeline,
    ) -> Self {
        Self { host, files, journals, lifeline }
    }

    pub(super) const fn tools(&self) -> Tools<'a> {
        Tools::new(self.host)
    }

    /// What `runbook` would do here, in lines for people. Changes nothing; a precondition that does not hold is said.
    pub fn plan(&self, runbook: &BoundRunbook) -> Vec<String> {
        let unmet =
            runbook.detect.iter().filter_map(|condition| conditions::detect(condition, self.tools()).err());
        let unmet = unmet.map(|error| format!("would not run: {error}"));
        unmet.chain(runbook.remediate.iter().map(Action::describe)).collect()
    }

    /// Carries it out. Never leaves half of it behind: see [`Outcome`].
    pub fn execute(&self, header: &Header, runbook: &BoundRunbook) -> Execution {
        let mut steps = Vec::new();
        for condition in &runbook.detect {
            if let Err(error) = conditions::detect(condition, self.tools()) {
                steps.push(report("precondition", StepOutcome::Failed, error.to_string()));
                steps.extend(runbook.remediate.iter().map(skipped));
                return Execution { outcome: Outcome::DoesNotFit, steps, handle: None };
            }
        }
        let mut journal = match self.journals.begin(header) {
            Ok(journal) => journal,
            Err(error) => {
                steps.push(report("save the previous state", StepOutcome::Failed, error.to_string()));
                steps.extend(runbook.remediate.iter().map(skipped));
                return Execution { outcome: Outcome::DoesNotFit, steps, handle: None };
            }
        };
        let worked = self.remediate(&mut journal, runbook, &mut steps) && self.verify(runbook, &mut steps);
        let handle = journal.handle.clone();
        if worked {
            return Execution { outcome: Outcome::Done, steps, handle: Some(handle) };
        }
        let outcome = match self.roll_back(&handle) {
            Ok(undone) => {
                steps.push(report("bring the previous state back", StepOutcome::Ok, summary(&undone)));
                Outcome::RolledBack
            }
            Err(error) => {
                steps.push(report("bring the previous state back", StepOutcome::Failed, error.to_string()));
                Outcome::Stuck
            }
        };
        Execution { outcome, steps, handle: Some(handle) }
    }

    fn remediate(&self, journal: &mut Journal, runbook: &BoundRunbook, steps: &mut Vec<StepReport>) -> bool {
        let mut changes = Changes { files: self.files, tools: self.tools(), journal };
        let mut worked = true;
        for action in &runbook.remediate {
            if !worked {
                steps.push(skipped(action));
                continue;
            }
            match apply::action(action, &mut changes, self.lifeline) {
                Ok(detail) => steps.push(report(&action.describe(), StepOutcome::Ok, detail)),
                Err(error) => {
                    steps.push(report(&action.describe(), StepOutcome::Failed, error.to_string()));
                    worked = false;
                }
            }
        }
        worked
    }

    fn verify(&self, runbook: &BoundRunbook, steps: &mut Vec<StepReport>) -> bool {
        for condition in &runbook.verify {
            if let Err(error) = conditions::verify(condition, self.files, self.tools()) {
                steps.push(report("verify", StepOutcome::Failed, error.to_string()));
                return false;
            }
        }
        true
    }

    /// The change stays: the check passed. It can still be taken back later.
    pub fn commit(&self, handle: &Handle) -> std::io::Result<()> {
        self.journals.resume(handle)?.end(End::Committed)
    }

    pub(super) fn reload(&self, what: Reload) -> Result<(), StepError> {
        apply::reload(what, self.tools(), self.lifeline)
    }

    pub(super) fn present(&self, undo: &Undo) -> Option<Digest> {
        undo.present(self.files)
    }
}

fn report(step: &str, outcome: StepOutcome, detail: String) -> StepReport {
    StepReport { step: step.to_owned(), outcome, detail }
}

fn skipped(action: &Action) -> StepReport {
    report(&action.describe(), StepOutcome::Skipped, String::new())
}
