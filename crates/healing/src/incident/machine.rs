//! What can happen to an incident, and what comes of it.
//!
//! Events count in the order in which they arrive. Their times are records: a clock that was set back must not keep an
//! incident from being resolved.

use proofline_catalog::canonical::Digest;
use proofline_core::{Timestamp, Verdict};
use serde::{Deserialize, Serialize};

use super::{Actor, Incident, State, Transition};
use crate::Observation;

const CAUSE_MAX: usize = 500;
/// What the cause of a transition to `awaiting_approval` starts with.
const PLAN: &str = "plan ";

/// Something that happened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Event {
    /// A check run found it failing.
    Failed(Observation),
    /// A check run found it passing.
    Passed(Observation),
    /// A runbook starts.
    HealStarted {
        /// Its id.
        runbook: String,
    },
    /// The runbook ended, well or badly: only the second observation says which.
    RemediationDone,
    /// The second observation passes.
    VerifiedPass(Observation),
    /// The second observation does not pass.
    VerifiedFail(Observation),
    /// The runbook or its verification was cut short and the previous state is back.
    Interrupted {
        /// By what.
        cause: String,
    },
    /// A person must agree to a plan.
    NeedsApproval {
        /// The plan.
        plan: Digest,
        /// Why it does not run by itself.
        reason: String,
    },
    /// A person agreed.
    Approved {
        /// To which plan.
        plan: Digest,
    },
    /// A person declined, or nobody answered in time: nothing was done.
    ApprovalLapsed {
        /// Which of the two.
        reason: String,
    },
    /// It stays open, and this is why nothing runs. The only step from a state to itself besides a changed plan.
    Note {
        /// Why.
        reason: String,
    },
    /// It is handed to people.
    Escalate {
        /// Why.
        reason: String,
    },
    /// It is accepted for a while.
    Suppress {
        /// The exception or window.
        reason: String,
    },
    /// The acceptance ended.
    Unsuppress {
        /// How.
        reason: String,
    },
    /// The check has no meaning here any more.
    OutOfScope {
        /// Why.
        reason: String,
    },
}

impl Event {
    /// A short name, for refusals and logs.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Failed(_) => "failed",
            Self::Passed(_) => "passed",
            Self::HealStarted { .. } => "heal_started",
            Self::RemediationDone => "remediation_done",
            Self::VerifiedPass(_) => "verified_pass",
            Self::VerifiedFail(_) => "verified_fail",
            Self::Interrupted { .. } => "interrupted",
            Self::NeedsApproval { .. } => "needs_approval",
            Self::Approved { .. } => "approved",
            Self::ApprovalLapsed { .. } => "approval_lapsed",
            Self::Note { .. } => "note",
            Self::Escalate { .. } => "escalate",
            Self::Suppress { .. } => "suppress",
            Self::Unsuppress { .. } => "unsuppress",
            Self::OutOfScope { .. } => "out_of_scope",
        }
    }

    fn cause(&self) -> String {
        let text = match self {
            Self::Failed(seen) | Self::Passed(seen) | Self::VerifiedPass(seen) | Self::VerifiedFail(seen) => {
                seen.summary()
            }
            Self::HealStarted { runbook } => format!("runbook {runbook} started"),
            Self::RemediationDone => "runbook ended, measuring again".to_owned(),
            Self::Approved { plan } => format!("plan {plan} approved"),
            Self::NeedsApproval { plan, reason } => format!("{PLAN}{plan}: {reason}"),
            Self::Interrupted { cause: text }
            | Self::ApprovalLapsed { reason: text }
            | Self::Note { reason: text }
            | Self::Escalate { reason: text }
            | Self::Suppress { reason: text }
            | Self::Unsuppress { reason: text }
            | Self::OutOfScope { reason: text } => text.clone(),
        };
        if text.trim().is_empty() { self.name().to_owned() } else { text.chars().take(CAUSE_MAX).collect() }
    }
}

/// The machine has no such step.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// Nothing leads from this state with this event.
    #[error("{event} means nothing to an incident that is {state}")]
    NoSuchStep {
        /// Where it stands.
        state: State,
        /// What happened.
        event: &'static str,
    },
    /// The observation is of another check.
    #[error("the observation is of {0:?}")]
    AnotherCheck(String),
    /// The observation's verdict is not what the event says.
    #[error("{event} with the verdict {verdict}")]
    WrongVerdict {
        /// The event.
        event: &'static str,
        /// The verdict that came with it.
        verdict: Verdict,
    },
    /// The approval is for another plan than the one that waits.
    #[error("the approval is not for the plan that waits")]
    AnotherPlan,
}

/// The plan that a transition to `awaiting_approval` names in its cause. The cause is all that a statement carries, and it
/// is enough: whoever replays it learns which plan waits.
pub fn plan_in_cause(cause: &str) -> Option<Digest> {
    cause.strip_prefix(PLAN)?.split_once(':')?.0.parse().ok()
}

/// The next state, or the reason why there is none. `None` where the event confirms what is already so.
fn next(incident: &Incident, event: &Event) -> Result<Option<State>, Refused> {
    use State::{AwaitingApproval, Closed, Escalated, Healing, Open, Resolved, Suppressed, Verifying};
    let refused = || Refused::NoSuchStep { state: incident.state, event: event.name() };
    match event {
        Event::Failed(_) => Ok(match incident.state {
            Resolved | Closed => Some(Open),
            Open | Healing | Verifying | AwaitingApproval | Escalated | Suppressed => None,
        }),
        Event::Passed(_) => Ok(match incident.state {
            Open | AwaitingApproval | Escalated | Suppressed => Some(Resolved),
            // In the middle of a change only the observation made for it counts.
            Healing | Verifying | Resolved | Closed => None,
        }),
        Event::HealStarted { .. } => match incident.state {
            Open | Escalated => Ok(Some(Healing)),
            _ => Err(refused()),
        },
        Event::RemediationDone => match incident.state {
            Healing => Ok(Some(Verifying)),
            _ => Err(refused()),
        },
        Event::VerifiedPass(_) => match incident.state {
            Verifying => Ok(Some(Resolved)),
            _ => Err(refused()),
        },
        Event::VerifiedFail(_) => match incident.state {
            Verifying => Ok(Some(Open)),
            _ => Err(refused()),
        },
        Event::Interrupted { .. } => match incident.state {
            Healing | Verifying => Ok(Some(Open)),
            _ => Err(refused()),
        },
        Event::NeedsApproval { plan, .. } => match incident.state {
            AwaitingApproval if incident.pending_plan == Some(*plan) => Ok(None),
            Open | AwaitingApproval | Escalated => Ok(Some(AwaitingApproval)),
            _ => Err(refused()),
        },
        Event::Approved { plan } => match incident.state {
            AwaitingApproval if incident.pending_plan == Some(*plan) => Ok(Some(Healing)),
            AwaitingApproval => Err(Refused::AnotherPlan),
            _ => Err(refused()),
        },
        Event::ApprovalLapsed { .. } => match incident.state {
            AwaitingApproval => Ok(Some(Open)),
            _ => Err(refused()),
        },
        Event::Note { reason } => match incident.state {
            Open if incident.cause == *reason => Ok(None),
            Open => Ok(Some(Open)),
            _ => Err(refused()),
        },
        Event::Escalate { .. } => match incident.state {
            Open | AwaitingApproval => Ok(Some(Escalated)),
            Escalated => Ok(None),
            _ => Err(refused()),
        },
        Event::Suppress { .. } => match incident.state {
            Open | AwaitingApproval | Escalated => Ok(Some(Suppressed)),
            Suppressed => Ok(None),
            _ => Err(refused()),
        },
        Event::Unsuppress { .. } => match incident.state {
            Suppressed => Ok(Some(Open)),
            _ => Err(refused()),
        },
        Event::OutOfScope { .. } => match incident.state {
            Open | Healing | Verifying | AwaitingApproval | Escalated | Suppressed => Ok(Some(Closed)),
            Resolved | Closed => Ok(None),
        },
    }
}

fn check_observation(incident: &Incident, event: &Event) -> Result<(), Refused> {
    let (Event::Failed(seen) | Event::Passed(seen) | Event::VerifiedPass(seen) | Event::VerifiedFail(seen)) =
        event
    else {
        return Ok(());
    };
    if seen.check != incident.check {
        return Err(Refused::AnotherCheck(seen.check.clone()));
    }
    let fits = match event {
        Event::Failed(_) => seen.verdict == Verdict::Fail,
        Event::Passed(_) | Event::VerifiedPass(_) => seen.verdict == Verdict::Pass,
        _ => seen.verdict != Verdict::Pass,
    };
    if !fits {
        return Err(Refused::WrongVerdict { event: event.name(), verdict: seen.verdict });
    }
    Ok(())
}

/// Applies `event`. Answers the incident as it now is, and the transition where the event made one: an event that
/// confirms what is already so makes none. A time before the last transition is moved up to it.
pub fn transition(
    incident: &Incident,
    event: &Event,
    actor: &Actor,
    at: Timestamp,
) -> Result<(Incident, Option<Transition>), Refused> {
    check_observation(incident, event)?;
    let to = next(incident, event)?;
    let mut after = incident.clone();
    if let Event::Failed(seen) | Event::VerifiedFail(seen) = event
        && seen.verdict == Verdict::Fail
    {
        after.last_failed_at = seen.at;
    }
    let Some(to) = to else { return Ok((after, None)) };

    let at = at.max(incident.changed_at);
    let cause = event.cause();
    if matches!(event, Event::Failed(_)) {
        after.opened_at = at;
        if incident.state == State::Resolved {
            after.recurrences = incident.recurrences.saturating_add(1);
        }
    }
    after.pending_plan = match event {
        Event::NeedsApproval { plan, .. } => Some(*plan),
        _ => None,
    };
    after.state = to;
    after.changed_at = at;
    after.cause.clone_from(&cause);
    let transition = Transition { from: Some(incident.state), to, actor: *actor, cause, at };
    Ok((after, Some(transition)))
}
