//! What statements mean for incidents: each one is replayed through the state machine that the agent runs.
//!
//! The machine decides; a step that it refuses is not taken, and the statement stays in the log all the same.

use std::collections::{BTreeMap, BTreeSet};

use proofline_catalog::Catalog;
use proofline_catalog::canonical::Digest as PlanDigest;
use proofline_core::{AssetId, Entropy, IncidentId, Severity, SiteId, Timestamp, Verdict};
use proofline_evidence::statement::{CheckResult, Heal, HealOutcome, IncidentChange};
use proofline_healing::Observation;
use proofline_healing::incident::{
    Actor, Event, Incident, Place, State, Transition, observe, plan_in_cause, transition,
};
use proofline_store::{IncidentRecord, TransitionRow};

/// What incidents are judged with.
#[derive(Clone, Copy)]
pub(super) struct Context<'a> {
    /// Where.
    pub(super) site: SiteId,
    /// Severities of checks.
    pub(super) catalog: &'a Catalog,
    /// Makes ids.
    pub(super) entropy: &'a dyn Entropy,
    /// When the statements came in.
    pub(super) now: Timestamp,
}

/// The incidents of the (asset, check) pairs at hand, and what changed about them.
pub(super) struct Incidents<'a> {
    context: Context<'a>,
    known: BTreeMap<(AssetId, String), IncidentRecord>,
    touched: BTreeSet<(AssetId, String)>,
    transitions: Vec<TransitionRow>,
}

impl<'a> Incidents<'a> {
    pub(super) fn new(context: Context<'a>, records: Vec<IncidentRecord>) -> Self {
        let known = records.into_iter().map(|r| ((r.incident.asset, r.incident.check.clone()), r)).collect();
        Self { context, known, touched: BTreeSet::new(), transitions: Vec::new() }
    }

    /// Incidents as they now are, and the steps that they took.
    pub(super) fn finish(mut self) -> (Vec<IncidentRecord>, Vec<TransitionRow>) {
        let records = self.touched.iter().filter_map(|key| self.known.remove(key)).collect();
        (records, self.transitions)
    }

    /// A result of a check run.
    pub(super) fn observe(&mut self, asset: AssetId, result: &CheckResult, at: Timestamp, index: u64) {
        self.observed(asset, &observation(result, at), &Actor::Agent, index);
    }

    fn observed(&mut self, asset: AssetId, observation: &Observation, actor: &Actor, index: u64) {
        let Context { site, catalog, entropy, now } = self.context;
        let key = (asset, observation.check.clone());
        let known = self.known.get(&key);
        let new_id = || IncidentId::new(now, entropy);
        let existing = known.map(|record| &record.incident);
        let Some((incident, step)) =
            observe(existing, Place { site, asset }, observation, new_id, actor, observation.at)
        else {
            return;
        };
        if existing == Some(&incident) {
            return;
        }
        let severity = catalog.check(&observation.check).map_or(Severity::Medium, |check| check.severity);
        let record = IncidentRecord { severity, ..self.record_or_new(&key, incident.clone(), index) };
        self.put(key, record, incident, step, index);
    }

    /// A closed healing loop.
    pub(super) fn heal(
        &mut self,
        asset: AssetId,
        heal: &Heal,
        started: Timestamp,
        ended: Timestamp,
        index: u64,
    ) {
        let actor = machine(&heal.actor);
        self.observed(asset, &observation(&heal.before, started), &Actor::Agent, index);
        let key = (asset, heal.check.clone());
        if !self.known.contains_key(&key) {
            return; // it did not fail before: nothing to heal
        }
        self.name(&key, heal.incident);
        self.begin(&key, heal, &actor, started, index);
        let after = observation(&heal.after, ended);
        match heal.outcome {
            HealOutcome::Resolved | HealOutcome::NotEffective => {
                self.step(&key, &Event::RemediationDone, &actor, ended, index);
                let passes = after.verdict == Verdict::Pass;
                let verified = if passes { Event::VerifiedPass(after) } else { Event::VerifiedFail(after) };
                self.step(&key, &verified, &actor, ended, index);
            }
            HealOutcome::Failed | HealOutcome::RolledBack => {
                let what = if heal.outcome == HealOutcome::Failed { "failed" } else { "was rolled back" };
                let cause = format!("runbook {} {what}", heal.runbook);
                self.step(&key, &Event::Interrupted { cause }, &actor, ended, index);
                self.observed(asset, &after, &actor, index);
            }
        }
    }

    /// From wherever the incident stands to `healing`.
    fn begin(&mut self, key: &(AssetId, String), heal: &Heal, actor: &Actor, at: Timestamp, index: u64) {
        let Some(record) = self.known.get(key) else { return };
        let runbook = heal.runbook.clone();
        match record.incident.state {
            State::AwaitingApproval => {
                if let Some(plan) = plan(heal.plan_digest)
                    && self.step(key, &Event::Approved { plan }, actor, at, index)
                {
                    return;
                }
                let reason = "another plan was carried out".to_owned();
                self.step(key, &Event::ApprovalLapsed { reason }, actor, at, index);
            }
            State::Suppressed => {
                let reason = "the agent acted on it".to_owned();
                self.step(key, &Event::Unsuppress { reason }, actor, at, index);
            }
            State::Healing | State::Verifying => {
                let cause = "the earlier attempt was not reported".to_owned();
                self.step(key, &Event::Interrupted { cause }, actor, at, index);
            }
            State::Open | State::Escalated | State::Resolved | State::Closed => {}
        }
        self.step(key, &Event::HealStarted { runbook }, actor, at, index);
    }

    /// A transition that the agent decided without healing. The agent states it before the results that led to it.
    pub(super) fn change(&mut self, asset: AssetId, change: &IncidentChange, at: Timestamp, index: u64) {
        let key = (asset, change.check.clone());
        let Ok(to) = change.to.parse::<State>() else { return };
        let live = self.known.get(&key).is_some_and(|record| record.incident.state.is_live());
        if !live && to.is_live() {
            // Opened, or opened again: the failing result follows in the log.
            self.observed(asset, &failing(change, at), &Actor::Agent, index);
        }
        self.name(&key, change.incident);
        let Some(state) = self.known.get(&key).map(|record| record.incident.state) else { return };
        let actor = machine(&change.actor);
        let reason = change.cause.clone();
        let event = match to {
            State::AwaitingApproval => match plan_in_cause(&change.cause) {
                Some(plan) => Event::NeedsApproval { plan, reason: without_plan(&change.cause) },
                None => return,
            },
            State::Escalated => Event::Escalate { reason },
            State::Suppressed => Event::Suppress { reason },
            State::Closed => Event::OutOfScope { reason },
            State::Open => match state {
                State::AwaitingApproval => Event::ApprovalLapsed { reason },
                State::Suppressed => Event::Unsuppress { reason },
                State::Healing | State::Verifying => Event::Interrupted { cause: reason },
                State::Open if change.from.as_deref() == Some(State::Open.as_str()) => Event::Note { reason },
                State::Open | State::Escalated | State::Resolved | State::Closed => return,
            },
            // Heals and observations say these themselves.
            State::Healing | State::Verifying | State::Resolved => return,
        };
        self.step(&key, &event, &actor, at, index);
    }

    /// The check is no longer measured on the asset.
    pub(super) fn out_of_scope(&mut self, asset: AssetId, check: &str, at: Timestamp, index: u64) {
        let reason = "the check is no longer measured here".to_owned();
        self.step(&(asset, check.to_owned()), &Event::OutOfScope { reason }, &Actor::Agent, at, index);
    }

    /// Remembers the id by which the agent knows the incident.
    fn name(&mut self, key: &(AssetId, String), id: IncidentId) {
        if let Some(record) = self.known.get_mut(key)
            && record.agent_ref != Some(id)
        {
            record.agent_ref = Some(id);
            self.touched.insert(key.clone());
        }
    }

    /// Takes one step of the machine; `false` where it refuses.
    fn step(
        &mut self,
        key: &(AssetId, String),
        event: &Event,
        actor: &Actor,
        at: Timestamp,
        index: u64,
    ) -> bool {
        let Some(record) = self.known.get(key).cloned() else { return false };
        match transition(&record.incident, event, actor, at) {
            Ok((incident, step)) => {
                self.put(key.clone(), record, incident, step, index);
                true
            }
            Err(refused) => {
                tracing::debug!(event = event.name(), %refused, "an incident did not take a step");
                false
            }
        }
    }

    fn record_or_new(&self, key: &(AssetId, String), incident: Incident, index: u64) -> IncidentRecord {
        self.known.get(key).cloned().unwrap_or(IncidentRecord {
            incident,
            severity: Severity::Medium,
            agent_ref: None,
            resolved_at: None,
            opened_index: index,
            resolved_index: None,
            steps: 0,
        })
    }

    fn put(
        &mut self,
        key: (AssetId, String),
        record: IncidentRecord,
        incident: Incident,
        step: Option<Transition>,
        index: u64,
    ) {
        let record = advance(record, incident, step.as_ref(), Some(index));
        if let Some(transition) = step {
            let step = record.steps - 1;
            self.transitions.push(TransitionRow {
                incident: record.incident.id,
                step,
                transition,
                entry_index: Some(index),
            });
        }
        self.known.insert(key.clone(), record);
        self.touched.insert(key);
    }
}

/// The record after a step that the entry at `index` brought: its bookkeeping beside the machine's own.
#[expect(clippy::needless_pass_by_value, reason = "takes the record's place")]
pub(crate) fn advance(
    record: IncidentRecord,
    incident: Incident,
    step: Option<&Transition>,
    index: Option<u64>,
) -> IncidentRecord {
    let mut record = IncidentRecord { incident, ..record };
    let Some(step) = step else { return record };
    record.steps += 1;
    if step.to.is_live() {
        record.resolved_at = None;
        record.resolved_index = None;
        if step.from.is_none_or(|from| !from.is_live())
            && let Some(index) = index
        {
            record.opened_index = index;
        }
    } else {
        record.resolved_at = Some(step.at);
        record.resolved_index = index;
    }
    record
}

fn plan(digest: proofline_evidence::Digest) -> Option<PlanDigest> {
    digest.to_string().parse().ok()
}

fn observation(result: &CheckResult, at: Timestamp) -> Observation {
    Observation {
        check: result.check.clone(),
        at,
        verdict: result.verdict,
        expected: result.expected.clone(),
        observed: result.observed.clone(),
        reason: result.reason.clone(),
        location: result.location.clone(),
    }
}

/// Who on the machine acted. A person or the server acts here, under their own statements: an appliance cannot speak for them.
fn machine(actor: &str) -> Actor {
    match actor.parse() {
        Ok(actor @ (Actor::Agent | Actor::L1 | Actor::L2 | Actor::Order(_))) => actor,
        Ok(Actor::Server | Actor::User(_)) | Err(_) => Actor::Agent,
    }
}

/// The failing observation that a statement about an opened incident stands for. Its cause is the observation's summary.
fn failing(change: &IncidentChange, at: Timestamp) -> Observation {
    let reason = change.cause.strip_prefix("fail: ").unwrap_or(&change.cause).to_owned();
    Observation {
        check: change.check.clone(),
        at,
        verdict: Verdict::Fail,
        expected: String::new(),
        observed: String::new(),
        reason,
        location: String::new(),
    }
}

/// What stands behind the plan in a cause.
fn without_plan(cause: &str) -> String {
    cause.split_once(": ").map_or(cause, |(_, reason)| reason).to_owned()
}
