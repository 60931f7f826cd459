//! One closed loop: observe (done), act, observe again with the same probe. The second observation is the verdict.

use proofline_catalog::AssetRole;
use proofline_core::{Mode, Timestamp, Verdict};
use proofline_evidence::statement::{Body, HealOutcome};
use proofline_healing::Observation;
use proofline_healing::engine::Plan;
use proofline_healing::history::{Attempt, AttemptOutcome, HealLog};
use proofline_healing::incident::{Actor, Event, State, transition};

use super::records;
use super::state::CheckMemory;
use crate::cycle::Observer;
use crate::executor::{Executor, Handle, Header, Outcome, StepOutcome, StepReport, summary};

/// What one loop came to.
pub(super) struct Healed {
    /// The record.
    pub(super) body: Body,
    /// The state of the check after everything, rollback included.
    pub(super) last: Observation,
    /// The journal to close once the record is stored.
    pub(super) unsettled: Option<Handle>,
    /// The change could not be taken back.
    pub(super) stuck: bool,
}

/// Who heals, and how.
pub(super) struct Hands<'a> {
    pub(super) executor: &'a Executor<'a>,
    pub(super) observer: &'a dyn Observer,
    pub(super) roles: &'a [AssetRole],
    pub(super) now: &'a dyn Fn() -> Timestamp,
}

impl Hands<'_> {
    /// Measures one check again. A probe that gives no answer is an `unknown`, which never resolves anything; a clock that
    /// was set back meanwhile does not make the second observation older than the first.
    pub(super) fn look(&self, before: &Observation) -> Observation {
        let results = self.observer.observe(std::slice::from_ref(&before.check), self.roles);
        match results.into_iter().find(|seen| seen.check == before.check) {
            Some(seen) => Observation { at: seen.at.max(before.at), ..seen },
            None => Observation {
                at: (self.now)().max(before.at),
                verdict: Verdict::Unknown,
                observed: String::new(),
                reason: "the check was not measured again".to_owned(),
                ..before.clone()
            },
        }
    }

    /// Runs `plan` for an incident that may be healed now, and judges it by measuring again. What did not help is taken
    /// back. Nothing happens where the incident cannot take the first step: that is so for a plan that nobody approved
    /// while another one waits.
    pub(super) fn heal(
        &self,
        memory: &mut CheckMemory,
        heals: &mut HealLog,
        plan: &Plan,
        before: &Observation,
        (actor, mode): (Actor, Mode),
    ) -> Option<Healed> {
        let started = (self.now)();
        let header = Header {
            incident: memory.incident.id,
            recurrence: memory.incident.recurrences,
            before: before.clone(),
            rule: (*plan.rule).clone(),
            actor,
            mode,
            plan_digest: plan.digest,
            runbook: plan.runbook.id.clone(),
            after_rollback: plan.runbook.rollback.clone(),
            started,
        };
        let begin = if memory.incident.state == State::AwaitingApproval {
            Event::Approved { plan: plan.digest }
        } else {
            Event::HealStarted { runbook: plan.runbook.id.clone() }
        };
        if !step(memory, &begin, actor, started) {
            return None;
        }
        heals.note(started, self.roles);
        tracing::info!(check = before.check, runbook = plan.runbook.id, %actor, "healing");

        let execution = self.executor.execute(&header, &plan.runbook);
        let mut steps = execution.steps;
        step(memory, &Event::RemediationDone, actor, (self.now)());
        let after = self.look(before);
        let passed = after.verdict == Verdict::Pass;
        let verified =
            if passed { Event::VerifiedPass(after.clone()) } else { Event::VerifiedFail(after.clone()) };
        step(memory, &verified, actor, after.at);

        let mut last = after.clone();
        let mut stuck = execution.outcome == Outcome::Stuck;
        let (outcome, attempt, unsettled) = match (execution.outcome, passed, execution.handle) {
            (Outcome::Done, true, handle) => (HealOutcome::Resolved, AttemptOutcome::Resolved, handle),
            (Outcome::Done, false, handle) => {
                if let Some(handle) = handle {
                    let report = self.take_back(&handle);
                    stuck = report.outcome != StepOutcome::Ok;
                    steps.push(report);
                    last = self.look(&after);
                }
                (HealOutcome::NotEffective, AttemptOutcome::NotEffective, None)
            }
            (Outcome::DoesNotFit | Outcome::Stuck, _, _) => {
                (HealOutcome::Failed, AttemptOutcome::Failed, None)
            }
            (Outcome::RolledBack, _, _) => (HealOutcome::RolledBack, AttemptOutcome::Failed, None),
        };
        tracing::info!(check = before.check, outcome = outcome.as_str(), "healed");
        remember(memory, &header, attempt);
        let body = records::heal(&header, &steps, &after, outcome, unsettled.as_ref());
        Some(Healed { body, last, unsettled, stuck })
    }

    fn take_back(&self, handle: &Handle) -> StepReport {
        let step = "take the change back: the check does not pass".to_owned();
        match self.executor.roll_back(handle) {
            Ok(undone) => StepReport { step, outcome: StepOutcome::Ok, detail: summary(&undone) },
            Err(error) => {
                tracing::error!(%handle, %error, "a change that did not help could not be taken back");
                StepReport { step, outcome: StepOutcome::Failed, detail: error.to_string() }
            }
        }
    }
}

/// Adds the attempt that `header` describes.
pub(super) fn remember(memory: &mut CheckMemory, header: &Header, outcome: AttemptOutcome) {
    let rule = header.rule.hash;
    let (at, incident, recurrence) = (header.started, header.incident, header.recurrence);
    memory.history.push(Attempt { at, rule, incident, recurrence, outcome });
}

/// Moves the incident. The engine only lets a heal begin where the machine does, so a refusal is a defect of ours; the
/// incident then stays as it is, which is never better than the truth.
fn step(memory: &mut CheckMemory, event: &Event, actor: Actor, at: Timestamp) -> bool {
    match transition(&memory.incident, event, &actor, at) {
        Ok((incident, _)) => {
            memory.incident = incident;
            true
        }
        Err(refused) => {
            tracing::error!(check = memory.incident.check, %refused, "the incident did not move");
            false
        }
    }
}
