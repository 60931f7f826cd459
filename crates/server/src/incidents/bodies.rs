//! How an incident looks on the wire.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use proofline_catalog::Catalog;
use proofline_core::{Timestamp, UserId};
use proofline_evidence::dsse::Envelope;
use proofline_evidence::statement::{Body, CheckResult, Heal, Statement};
use proofline_healing::incident::{State, Transition};
use proofline_store::{Entry, IncidentRow, Span, TransitionRow};
use serde::Serialize;
use utoipa::ToSchema;

use super::explain;
use super::plan::RunbookBody;

/// An incident as listed.
#[derive(Serialize, ToSchema)]
pub(crate) struct IncidentBody {
    /// Prefixed id.
    id: String,
    site_id: String,
    site_name: String,
    org_name: String,
    asset_id: String,
    asset_name: String,
    check_id: String,
    /// What should hold, in plain English.
    title: String,
    /// `low`, `medium`, `high` or `critical`.
    severity: &'static str,
    /// `open`, `healing`, `verifying`, `resolved`, `awaiting_approval`, `escalated`, `suppressed` or `closed`.
    state: &'static str,
    /// When it was opened, or opened again.
    opened_at: DateTime<Utc>,
    /// Its last step.
    updated_at: DateTime<Utc>,
    resolved_at: Option<DateTime<Utc>>,
    /// How often it came back after being resolved.
    recurrences: u32,
    /// Why it stands where it stands, and why nothing more happens.
    why: String,
}

impl IncidentBody {
    pub(super) fn of(row: &IncidentRow, catalog: &Catalog, now: Timestamp) -> Self {
        Self {
            id: row.id.to_string(),
            site_id: row.site.to_string(),
            site_name: row.site_name.clone(),
            org_name: row.org_name.clone(),
            asset_id: row.asset.to_string(),
            asset_name: row.asset_name.clone(),
            check_id: row.check.clone(),
            title: catalog.check(&row.check).map_or_else(|| row.check.clone(), |check| check.title.clone()),
            severity: row.severity.as_str(),
            state: row.state.as_str(),
            opened_at: row.opened_at,
            updated_at: row.updated_at,
            resolved_at: row.resolved_at,
            recurrences: row.recurrences,
            why: explain(catalog, row, now),
        }
    }
}

/// The failing check, for people.
#[derive(Serialize, ToSchema)]
pub(super) struct FailingCheckBody {
    title: String,
    why_it_matters: String,
    consequence: String,
    /// Controls that it speaks for.
    controls: Vec<String>,
}

/// A step of an incident.
#[derive(Serialize, ToSchema)]
pub(super) struct TransitionBody {
    at: DateTime<Utc>,
    /// Null where the incident begins.
    from: Option<&'static str>,
    to: &'static str,
    /// `agent`, `server`, `l1`, `l2`, `order:ord_…` or `user:user_…`.
    actor: String,
    /// The name of a person, as far as you see people.
    actor_name: Option<String>,
    cause: String,
    /// The log entry that brought it.
    entry_index: Option<u64>,
}

impl TransitionBody {
    fn of(row: TransitionRow, names: &HashMap<UserId, String>) -> Self {
        let Transition { actor, .. } = row.transition;
        Self {
            actor_name: actor.person().and_then(|person| names.get(&person).cloned()),
            at: row.transition.at,
            from: row.transition.from.map(State::as_str),
            to: row.transition.to.as_str(),
            actor: actor.to_string(),
            cause: row.transition.cause,
            entry_index: row.entry_index,
        }
    }
}

/// What a check read.
#[derive(Serialize, ToSchema)]
pub(super) struct ObservedBody {
    /// `pass`, `fail`, `unknown`, `error` or `not_applicable`.
    verdict: &'static str,
    expected: String,
    observed: String,
    reason: String,
    location: String,
}

impl From<CheckResult> for ObservedBody {
    fn from(result: CheckResult) -> Self {
        Self {
            verdict: result.verdict.as_str(),
            expected: result.expected,
            observed: result.observed,
            reason: result.reason,
            location: result.location,
        }
    }
}

/// The observation that counts now.
#[derive(Serialize, ToSchema)]
pub(super) struct LastObservationBody {
    #[serde(flatten)]
    observed: ObservedBody,
    at: DateTime<Utc>,
    /// The log entry that says so.
    entry_index: Option<u64>,
}

impl From<Span> for LastObservationBody {
    fn from(span: Span) -> Self {
        Self {
            observed: ObservedBody {
                verdict: span.verdict.as_str(),
                expected: span.expected,
                observed: span.observed,
                reason: span.reason,
                location: span.location,
            },
            at: span.last_confirmed_at,
            entry_index: Some(span.last_index),
        }
    }
}

/// A step of a runbook as it went.
#[derive(Serialize, ToSchema)]
pub(super) struct HealStepBody {
    step: String,
    /// `ok`, `failed` or `skipped`.
    outcome: &'static str,
    detail: String,
}

/// One closed healing loop, as its signed statement tells it.
#[derive(Serialize, ToSchema)]
pub(super) struct HealBody {
    at: DateTime<Utc>,
    runbook: String,
    /// `id@version#hash`, or null where an order said so.
    rule: Option<String>,
    /// `l1` or `order:ord_…`.
    actor: String,
    before: ObservedBody,
    after: ObservedBody,
    /// `resolved`, `not_effective`, `failed` or `rolled_back`.
    outcome: &'static str,
    steps: Vec<HealStepBody>,
    /// The log entry.
    entry_index: u64,
}

/// The heal that an entry states; none where it cannot be read any more.
pub(super) fn heal(entry: &Entry) -> Option<HealBody> {
    let envelope = Envelope::parse(&entry.envelope).ok()?;
    let statement = Statement::parse(envelope.unverified_payload()).ok()?;
    let at = statement.header.ended;
    let Body::Heal(heal) = statement.body else { return None };
    let Heal { rule, runbook, actor, before, steps, after, outcome, .. } = heal;
    let steps = steps.into_iter().map(|step| HealStepBody {
        step: step.step,
        outcome: step.outcome.as_str(),
        detail: step.detail,
    });
    Some(HealBody {
        at,
        runbook,
        rule,
        actor,
        before: before.into(),
        after: after.into(),
        outcome: outcome.as_str(),
        steps: steps.collect(),
        entry_index: entry.index,
    })
}

/// One incident with its history.
#[derive(Serialize, ToSchema)]
pub(crate) struct IncidentDetailBody {
    #[serde(flatten)]
    incident: IncidentBody,
    check: FailingCheckBody,
    /// Oldest first, the newest 200 of them.
    transitions: Vec<TransitionBody>,
    /// Newest first, at most 50.
    heals: Vec<HealBody>,
    last_observation: Option<LastObservationBody>,
    /// The mode of the appliance: `audit`, `ask` or `enforce`.
    mode: String,
    /// The plan that waits for a person, in hex.
    plan_digest: Option<String>,
    runbook: Option<RunbookBody>,
}

impl IncidentDetailBody {
    pub(super) fn of(
        row: &IncidentRow,
        catalog: &Catalog,
        now: Timestamp,
        (transitions, names): (Vec<TransitionRow>, &HashMap<UserId, String>),
        heals: &[Entry],
        last: Option<Span>,
    ) -> Self {
        let check = catalog.check(&row.check);
        Self {
            incident: IncidentBody::of(row, catalog, now),
            check: FailingCheckBody {
                title: check.map_or_else(|| row.check.clone(), |check| check.title.clone()),
                why_it_matters: check.map(|check| check.why_it_matters.clone()).unwrap_or_default(),
                consequence: check.map(|check| check.consequence.clone()).unwrap_or_default(),
                controls: check
                    .map(|check| check.controls.iter().map(|link| link.control.clone()).collect())
                    .unwrap_or_default(),
            },
            transitions: transitions.into_iter().map(|row| TransitionBody::of(row, names)).collect(),
            heals: heals.iter().filter_map(heal).collect(),
            last_observation: last.map(LastObservationBody::from),
            mode: row.appliance_mode.clone(),
            plan_digest: row.plan_digest.clone(),
            runbook: check.and_then(|check| RunbookBody::answering(catalog, check)),
        }
    }
}
