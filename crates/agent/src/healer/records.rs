//! From what happened to the bodies of statements.

use proofline_evidence::Digest;
use proofline_evidence::statement::{
    Body, Heal, HealOutcome, HealStep, IncidentChange, StepOutcome as StatedOutcome,
};
use proofline_healing::Observation;
use proofline_healing::incident::{Incident, State, Transition};

use crate::cycle::result;
use crate::executor::{Handle, Header, StepOutcome, StepReport};

pub(super) fn digest(digest: proofline_catalog::canonical::Digest) -> Digest {
    Digest::from_bytes(*digest.bytes())
}

/// A transition that no heal tells of.
pub(super) fn change(incident: &Incident, transition: &Transition) -> Body {
    Body::Incident(IncidentChange {
        incident: incident.id,
        check: incident.check.clone(),
        from: transition.from.map(|state: State| state.as_str().to_owned()),
        to: transition.to.as_str().to_owned(),
        actor: transition.actor.to_string(),
        cause: transition.cause.clone(),
    })
}

/// One closed loop: both observations, and everything in between.
pub(super) fn heal(
    header: &Header,
    steps: &[StepReport],
    after: &Observation,
    outcome: HealOutcome,
    rollback: Option<&Handle>,
) -> Body {
    let step = |report: &StepReport| HealStep {
        step: report.step.clone(),
        outcome: match report.outcome {
            StepOutcome::Ok => StatedOutcome::Ok,
            StepOutcome::Failed => StatedOutcome::Failed,
            StepOutcome::Skipped => StatedOutcome::Skipped,
        },
        detail: report.detail.clone(),
    };
    Body::Heal(Heal {
        incident: header.incident,
        check: header.before.check.clone(),
        rule: Some(header.rule.to_string()),
        runbook: header.runbook.clone(),
        plan_digest: digest(header.plan_digest),
        actor: header.actor.to_string(),
        mode: header.mode.as_str().to_owned(),
        before: result(&header.before),
        steps: steps.iter().map(step).collect(),
        after: result(after),
        outcome,
        rollback: rollback.map(Handle::to_string),
    })
}
