//! The decision itself.

use std::sync::Arc;

use proofline_catalog::canonical::Digest;
use proofline_catalog::runbook::BoundRunbook;
use proofline_core::Verdict;

use super::guard::{self, Allowed};
use super::rule_set::{CompiledRule, Prepared, RuleRef, RuleSet};
use super::situation::Situation;
use super::why::WhyNot;
use crate::condition::Subject;
use crate::incident::{Incident, State};

/// Exactly what would run, and for what. An approval names its digest, so it cannot be carried over to another asset,
/// another opening of the incident, an edited rule or an edited runbook.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// The rule that asks for it; its scope says from where it came.
    pub rule: Arc<RuleRef>,
    /// The runbook with parameters filled in.
    pub runbook: Arc<BoundRunbook>,
    /// SHA-256 over rule, runbook, parameters, asset, check, incident and recurrence.
    pub digest: Digest,
}

/// A plan that waits for a person, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ask {
    /// The plan.
    pub plan: Plan,
    /// Who wants a person to agree, in a line for people.
    pub reason: String,
}

/// What is to be done about a failing check now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decision {
    /// Run it.
    Run(Plan),
    /// Ask for it.
    Ask(Ask),
    /// Nothing.
    Nothing {
        /// Why.
        why: WhyNot,
        /// What would have run, where a usable rule governs.
        plan: Option<Plan>,
    },
}

impl Decision {
    const fn nothing(why: WhyNot) -> Self {
        Self::Nothing { why, plan: None }
    }

    /// The plan that the decision is about, whether it runs or not.
    pub const fn plan(&self) -> Option<&Plan> {
        match self {
            Self::Run(plan) | Self::Ask(Ask { plan, .. }) => Some(plan),
            Self::Nothing { plan, .. } => plan.as_ref(),
        }
    }
}

/// Decides. Never panics, never allocates more than the answer needs, and depends on nothing but its arguments.
pub fn decide(rules: &RuleSet, situation: &Situation<'_>) -> Decision {
    if situation.observation.verdict != Verdict::Fail {
        return Decision::nothing(WhyNot::NotFailing { verdict: situation.observation.verdict });
    }
    match situation.incident.state {
        State::Resolved | State::Closed => return Decision::nothing(WhyNot::NoOpenIncident),
        State::Healing | State::Verifying => return Decision::nothing(WhyNot::AlreadyHealing),
        State::Suppressed => return Decision::nothing(WhyNot::Suppressed),
        State::Open | State::AwaitingApproval | State::Escalated => {}
    }
    let governing = match governing(rules, situation) {
        Ok(compiled) => compiled,
        Err(why) => return Decision::nothing(why),
    };
    let prepared = match &governing.plan {
        Ok(prepared) => prepared,
        Err(problem) => {
            let (rule, problem) = (governing.rule.id.clone(), problem.to_string());
            return Decision::nothing(WhyNot::RuleRefused { rule, problem });
        }
    };
    let plan = Plan {
        rule: Arc::clone(&governing.reference),
        runbook: Arc::clone(&prepared.runbook),
        digest: plan_digest(prepared, situation.incident),
    };
    let consent = situation.consent == Some(plan.digest);
    match guard::check(&governing.rule, plan.rule.hash, situation, consent) {
        Ok(Allowed::Run) => Decision::Run(plan),
        Ok(Allowed::Ask { reason }) => Decision::Ask(Ask { plan, reason }),
        Err(why) => Decision::Nothing { why, plan: Some(plan) },
    }
}

fn governing<'r>(rules: &'r RuleSet, situation: &Situation<'_>) -> Result<&'r CompiledRule, WhyNot> {
    let incident = situation.incident;
    let subject = Subject {
        observation: situation.observation,
        severity: situation.severity,
        platform: situation.platform,
        roles: situation.roles,
        recurrence: incident.recurrences,
        failing_minutes: situation.now.signed_duration_since(incident.opened_at).num_minutes().max(0),
        facts: situation.facts,
    };
    let check = situation.observation.check.as_str();
    let mut nearest: Option<&CompiledRule> = None;
    for compiled in situation.whereabouts.scopes().flat_map(|scope| rules.at(check, scope)) {
        if compiled.conditions.holds(&subject) {
            return Ok(compiled);
        }
        nearest = nearest.or(Some(compiled));
    }
    Err(match nearest {
        Some(compiled) => WhyNot::ConditionsNotMet { rule: compiled.rule.id.clone() },
        None => WhyNot::NoRule,
    })
}

fn plan_digest(prepared: &Prepared, incident: &Incident) -> Digest {
    let mut bytes = Vec::with_capacity(160);
    bytes.extend_from_slice(b"proofline plan v1\0");
    bytes.extend_from_slice(prepared.digest.bytes());
    bytes.extend_from_slice(incident.asset.uuid().as_bytes());
    bytes.extend_from_slice(incident.id.uuid().as_bytes());
    bytes.extend_from_slice(&incident.recurrences.to_be_bytes());
    bytes.extend_from_slice(incident.check.as_bytes());
    Digest::of_bytes(&bytes)
}
