//! Answers failing checks: opens incidents, asks the rules, heals, measures again, remembers.
//!
//! Promises:
//! - at most one heal for each check in a turn, the most severe check first;
//! - a heal is judged by the second observation of the same probe; what did not help is taken back in the same turn;
//! - while a change that was to be taken back is still there, nothing else is changed: it is tried again first;
//! - what it remembers is stored together with the statements that tell of it. A heal is final only once both are stored;
//!   one that was cut short, or whose record was lost, is taken back at the next start and stated as such;
//! - nothing is healed while no evidence can be written, without a signed rule set, or against the clinic's own word;
//! - for every open incident the reason why nothing runs is stated, once for each change of the reason.
//!
//! It knows nothing of the network, of signatures or of the queue. Time and randomness are handed in.

mod heal;
mod records;
mod rule_book;
mod state;
mod surroundings;

use std::collections::BTreeSet;
use std::io;
use std::sync::Arc;

use chrono::TimeDelta;
use proofline_catalog::Catalog;
use proofline_catalog::canonical::Digest;
use proofline_core::{AssetId, Clock, Entropy, IncidentId, Mode, OrderId, OrgId, Severity, SiteId, Verdict};
use proofline_evidence::statement::{Body, HealOutcome};
use proofline_healing::Observation;
use proofline_healing::engine::{Ask, Decision, Plan, Posture, Situation, Whereabouts, WhyNot, decide};
use proofline_healing::history::{AttemptOutcome, History};
use proofline_healing::incident::{Actor, Event, Incident, Place, State, observe, transition};
use proofline_protocol::OrderOutcome;

use crate::cycle::{Responder, Response, Turn};
use crate::executor::{Executor, Files, Journals, Lifeline, Recovered, StepOutcome, StepReport, summary};
use crate::host::Host;
use heal::{Hands, Healed};
use rule_book::RuleBook;

pub use state::{CheckMemory, HealingState, NOTE};

/// The step of a change that was not taken back when it was made.
const LATE: &str = "bring the previous state back: the agent was interrupted, or could not before";

/// Why nothing is healed under a rule set that names checks and runbooks of another catalogue.
pub const FOREIGN_RULES: &str = "the rules were made for another catalogue than the one of this version";

/// Why nothing is healed while an open journal is left.
const STUCK: &str = "an earlier change could not be taken back yet";

/// How long a heal can be taken back through its handle.
const REVOCABLE: TimeDelta = TimeDelta::days(30);

/// The machine and the asset that it is.
#[derive(Clone)]
pub struct Machine {
    /// To look at it.
    pub host: Arc<dyn Host>,
    /// To change its files.
    pub files: Arc<dyn Files>,
    /// Where previous states are kept.
    pub journals: Journals,
    /// What must stay in reach.
    pub lifeline: Arc<dyn Lifeline>,
    /// Whose clinic.
    pub org: OrgId,
    /// Where.
    pub site: SiteId,
    /// Which asset.
    pub asset: AssetId,
}

impl Machine {
    fn executor(&self) -> Executor<'_> {
        Executor::new(&*self.host, &*self.files, self.journals.clone(), &*self.lifeline)
    }
}

/// Answers failing checks on one asset.
pub struct Healer {
    machine: Machine,
    catalog: &'static Catalog,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
    state: HealingState,
    /// What was handed out to be stored last; `None` where it is not known to have arrived.
    stored: Option<HealingState>,
    book: Option<RuleBook>,
    /// Executions that were taken back late, until they are stated.
    recovered: Vec<Recovered>,
    /// An execution is left that could not be taken back.
    stuck: bool,
    /// Incidents that were being healed when the agent ended are open again: until it is stated.
    interrupted: Vec<Body>,
}

impl Healer {
    /// Takes up where the stored state (the note [`NOTE`]) ends: closes the journals of heals that it tells of, and takes
    /// back every other unfinished one. A state that cannot be read counts as none.
    pub fn open(
        machine: Machine,
        catalog: &'static Catalog,
        clock: Arc<dyn Clock>,
        entropy: Arc<dyn Entropy>,
        stored: Option<&[u8]>,
    ) -> io::Result<Self> {
        let state = stored.map(HealingState::read).transpose().unwrap_or_else(|error| {
            tracing::error!(%error, "the healing state cannot be read and begins anew");
            None
        });
        let mut healer = Self {
            machine,
            catalog,
            clock,
            entropy,
            state: state.unwrap_or_default(),
            stored: None,
            book: None,
            recovered: Vec::new(),
            stuck: false,
            interrupted: Vec::new(),
        };
        healer.settle()?;
        healer.recovered = healer.machine.executor().recover()?;
        healer.stuck = healer.recovered.iter().any(|one| one.result.is_err());
        healer.interrupt();
        Ok(healer)
    }

    /// What is remembered now.
    pub const fn state(&self) -> &HealingState {
        &self.state
    }

    /// Closes the journals of heals whose record is stored.
    fn settle(&mut self) -> io::Result<()> {
        let executor = self.machine.executor();
        while let Some(handle) = self.state.unsettled.last() {
            match executor.commit(handle) {
                Ok(()) => {}
                // Closed before the agent was stopped, and forgotten meanwhile.
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(error),
            }
            self.state.unsettled.pop();
        }
        executor.prune(self.clock.now() - REVOCABLE)?;
        Ok(())
    }

    /// Nothing is being healed when the agent starts.
    fn interrupt(&mut self) {
        let now = self.clock.now();
        let event = Event::Interrupted { cause: "the agent was interrupted".to_owned() };
        for memory in self.state.checks.values_mut() {
            // No other state knows this event.
            if let Ok((incident, Some(step))) = transition(&memory.incident, &event, &Actor::Agent, now) {
                self.interrupted.push(records::change(&incident, &step));
                memory.incident = incident;
            }
        }
    }

    /// What has to be done before anything else: the last turn's answer was stored, unless writing is suspended.
    fn begin(&mut self, turn: &Turn<'_>) {
        if turn.held_back.is_some() {
            self.stored = None;
        } else if !self.state.unsettled.is_empty()
            && let Err(error) = self.settle()
        {
            tracing::error!(%error, "a journal could not be closed; its heal is taken back at the next start");
        }
        if turn.held_back.is_none() && self.stuck && self.state.unsettled.is_empty() {
            self.retry();
        }
        if let Some(rules) = &turn.rules
            && self.book.as_ref().is_none_or(|book| book.version != rules.version)
        {
            self.book = Some(RuleBook::compile(rules, self.machine.asset, self.catalog));
        }
    }

    /// Tries again to take back what could not be taken back.
    fn retry(&mut self) {
        match self.machine.executor().recover() {
            Ok(recovered) => {
                self.stuck = recovered.iter().any(|one| one.result.is_err());
                // That it failed was stated when it did.
                self.recovered.extend(recovered.into_iter().filter(|one| one.result.is_ok()));
            }
            Err(error) => tracing::error!(%error, "the journals cannot be read"),
        }
    }

    /// Completes an answer: what is open, and what to store.
    fn finish(&mut self, mut response: Response) -> Response {
        let live = self.state.checks.iter().filter(|(_, memory)| memory.incident.state.is_live());
        response.open = live.map(|(check, _)| check.clone()).collect::<BTreeSet<_>>();
        if self.stored.as_ref() != Some(&self.state) {
            response.notes.push((NOTE.to_owned(), self.state.to_bytes()));
            self.stored = Some(self.state.clone());
        }
        response
    }

    fn place(&self) -> Place {
        Place { site: self.machine.site, asset: self.machine.asset }
    }

    fn severity(&self, check: &str) -> Severity {
        self.catalog.check(check).map_or(Severity::Low, |check| check.severity)
    }

    /// Lets an observation open, resolve or confirm the incident of its check.
    fn take_note(&mut self, observation: &Observation, response: &mut Response) {
        let now = self.clock.now();
        let existing = self.state.checks.get(&observation.check).map(|memory| &memory.incident);
        let new_id = || IncidentId::new(now, &*self.entropy);
        let Some((incident, step)) = observe(existing, self.place(), observation, new_id, &Actor::Agent, now)
        else {
            return;
        };
        if let Some(step) = step {
            response.events.push(records::change(&incident, &step));
        }
        self.put(incident);
    }

    fn put(&mut self, incident: Incident) {
        if let Some(memory) = self.state.checks.get_mut(&incident.check) {
            memory.incident = incident;
        } else {
            let check = incident.check.clone();
            self.state.checks.insert(check, CheckMemory { incident, history: History::default() });
        }
    }

    /// Moves an incident outside a heal and records the step.
    fn step(&mut self, check: &str, event: &Event, response: &mut Response) {
        let now = self.clock.now();
        let Some(memory) = self.state.checks.get_mut(check) else { return };
        if let Ok((incident, Some(step))) = transition(&memory.incident, event, &Actor::Agent, now) {
            response.events.push(records::change(&incident, &step));
            memory.incident = incident;
        } else if let Err(refused) = transition(&memory.incident, event, &Actor::Agent, now) {
            tracing::debug!(check, %refused, "the incident does not move");
        }
    }

    /// States heals that the last run of the agent did not live to state. Their changes are taken back by now.
    fn state_recovered(&mut self, turn: &Turn<'_>, response: &mut Response) {
        for Recovered { handle, header, result } in std::mem::take(&mut self.recovered) {
            tracing::warn!(%handle, check = header.before.check, "a heal was cut short and taken back");
            let memory = self.state.checks.get(&header.before.check);
            if memory.is_none_or(|memory| memory.incident.id != header.incident) {
                let opened = Incident::open(
                    header.incident,
                    self.place(),
                    &header.before,
                    &Actor::Agent,
                    header.started,
                );
                let Some((incident, step)) = opened else { continue };
                response.events.push(records::change(&incident, &step));
                self.put(incident);
            }
            let (outcome, report) = match result {
                Ok(undone) => (HealOutcome::RolledBack, (StepOutcome::Ok, summary(&undone))),
                Err(error) => (HealOutcome::Failed, (StepOutcome::Failed, error.to_string())),
            };
            let steps = [StepReport { step: LATE.to_owned(), outcome: report.0, detail: report.1 }];
            let after = self.hands(turn, |hands| hands.look(&header.before));
            response.events.push(records::heal(&header, &steps, &after, outcome, None));
            // One that failed and could not be taken back at once is remembered as a failure already.
            if let Some(memory) = self.state.checks.get_mut(&header.before.check)
                && memory.history.attempts().iter().all(|known| known.at != header.started)
            {
                heal::remember(memory, &header, AttemptOutcome::Interrupted);
            }
            self.take_note(&after, response);
            response.observations.push(after);
        }
    }

    fn hands<T>(&self, turn: &Turn<'_>, work: impl FnOnce(&Hands<'_>) -> T) -> T {
        let executor = self.machine.executor();
        work(&Hands {
            executor: &executor,
            observer: turn.observer,
            roles: turn.roles,
            now: &|| self.clock.now(),
        })
    }

    fn decide(
        &self,
        turn: &Turn<'_>,
        observation: &Observation,
        consent: Option<Digest>,
    ) -> Option<Decision> {
        let memory = self.state.checks.get(&observation.check)?;
        let none = RuleBook::default();
        let book = self.book.as_ref().filter(|_| turn.rules.is_some()).unwrap_or(&none);
        let host = &*self.machine.host;
        let signed_mode = turn.rules.as_ref().map_or(turn.mode, |rules| rules.mode);
        let posture = Posture {
            site_mode: signed_mode,
            asset_mode: book.unknown_role.then_some(Mode::Audit),
            local_override: (turn.mode < signed_mode).then_some(turn.mode),
            paused_until: turn.paused_until,
            patient_hours: Vec::new(),
            maintenance_windows: turn
                .rules
                .as_ref()
                .map(|rules| rules.maintenance_windows.clone())
                .unwrap_or_default(),
        };
        let whereabouts = Whereabouts {
            partner: book.partner,
            organisation: Some(self.machine.org),
            site: self.machine.site,
            asset: self.machine.asset,
        };
        Some(decide(
            &book.rules,
            &Situation {
                now: self.clock.now(),
                whereabouts: &whereabouts,
                observation,
                severity: self.severity(&observation.check),
                platform: "linux",
                roles: turn.roles,
                facts: &surroundings::facts(host),
                managers: &surroundings::managers(host),
                incident: &memory.incident,
                history: &memory.history,
                heals: &self.state.heals,
                posture: &posture,
                consent,
            },
        ))
    }

    /// Why nothing runs, whatever the rules say.
    fn obstacle(&self) -> Option<&'static str> {
        if self.stuck {
            Some(STUCK)
        } else {
            self.book.as_ref().filter(|book| book.foreign).map(|_| FOREIGN_RULES)
        }
    }

    /// Does what the rules say about one failing check.
    fn answer(&mut self, turn: &Turn<'_>, observation: &Observation, response: &mut Response) {
        // Until the first signed rules are here there is nothing to say: they come with the first check-in.
        if turn.rules.is_none() && self.book.is_none() {
            return;
        }
        let check = observation.check.as_str();
        if let Some(reason) = self.obstacle() {
            let event = match self.state.checks.get(check).map(|memory| memory.incident.state) {
                Some(State::AwaitingApproval) => Event::ApprovalLapsed { reason: reason.to_owned() },
                _ => Event::Note { reason: reason.to_owned() },
            };
            return self.step(check, &event, response);
        }
        match self.decide(turn, observation, None) {
            None => {}
            Some(Decision::Run(plan)) => {
                self.heal(turn, &plan, observation, (Actor::L1, Mode::Enforce), response);
            }
            Some(Decision::Ask(Ask { plan, reason })) => {
                let reason = format!("{} would run; {reason}", plan.runbook.id);
                self.step(check, &Event::NeedsApproval { plan: plan.digest, reason }, response);
            }
            Some(Decision::Nothing { why, plan }) => self.leave(check, &why, plan.as_ref(), response),
        }
    }

    /// Nothing runs: says why, once.
    fn leave(&mut self, check: &str, why: &WhyNot, plan: Option<&Plan>, response: &mut Response) {
        let would = plan.filter(|_| !why.escalates()).map(|plan| format!(" ({} would run)", plan.runbook.id));
        let reason = format!("{why}{}", would.unwrap_or_default());
        let Some(state) = self.state.checks.get(check).map(|memory| memory.incident.state) else { return };
        if why.escalates() {
            return self.step(check, &Event::Escalate { reason }, response);
        }
        match state {
            State::AwaitingApproval => self.step(check, &Event::ApprovalLapsed { reason }, response),
            State::Open => self.step(check, &Event::Note { reason }, response),
            State::Healing
            | State::Verifying
            | State::Resolved
            | State::Escalated
            | State::Suppressed
            | State::Closed => {}
        }
    }

    /// Carries out a plan and records the loop. Answers whether the check passes now; nothing where it was not begun.
    fn heal(
        &mut self,
        turn: &Turn<'_>,
        plan: &Plan,
        before: &Observation,
        by: (Actor, Mode),
        response: &mut Response,
    ) -> Option<bool> {
        let waits = |memory: &CheckMemory| memory.incident.state == State::AwaitingApproval;
        if by.0 == Actor::L1 && self.state.checks.get(&before.check).is_some_and(waits) {
            // Nobody approved what waits: the rule acts by itself now.
            let reason = "the rule no longer asks".to_owned();
            self.step(&before.check, &Event::ApprovalLapsed { reason }, response);
        }
        let mut memory = self.state.checks.get(&before.check).cloned()?;
        let mut heals = self.state.heals.clone();
        let Healed { body, last, unsettled, stuck } =
            self.hands(turn, |hands| hands.heal(&mut memory, &mut heals, plan, before, by))?;
        self.state.checks.insert(before.check.clone(), memory);
        self.state.heals = heals;
        self.state.unsettled.extend(unsettled);
        self.stuck |= stuck;
        response.events.push(body);
        response.observations.push(last.clone());
        Some(last.verdict == Verdict::Pass)
    }

    fn approve_plan(
        &mut self,
        turn: &Turn<'_>,
        order: OrderId,
        incident: IncidentId,
        digest: Digest,
        response: &mut Response,
    ) -> Result<String, Refusal> {
        if let Some(reason) = turn.held_back {
            return Err(Refusal::NotBegun(reason.to_owned()));
        }
        if let Some(reason) = self.obstacle() {
            return Err(Refusal::NotBegun(reason.to_owned()));
        }
        let memory = self.state.check_of(incident).and_then(|check| self.state.checks.get(check));
        let memory = memory.ok_or_else(|| Refusal::NotBegun("the incident is not known here".to_owned()))?;
        let known = Observation {
            check: memory.incident.check.clone(),
            at: memory.incident.last_failed_at,
            verdict: Verdict::Unknown,
            expected: String::new(),
            observed: String::new(),
            reason: String::new(),
            location: String::new(),
        };
        let before = self.hands(turn, |hands| hands.look(&known));
        self.take_note(&before, response);
        response.observations.push(before.clone());
        match self.decide(turn, &before, Some(digest)) {
            Some(Decision::Run(plan)) if plan.digest == digest => {
                let by = (Actor::Order(order), Mode::Ask);
                let runbook = plan.runbook.id.clone();
                match self.heal(turn, &plan, &before, by, response) {
                    Some(true) => Ok(format!("{runbook} ran and the check passes")),
                    Some(false) => {
                        Err(Refusal::NotSuccessful(format!("{runbook} ran and the check does not pass")))
                    }
                    None => Err(Refusal::NotBegun("another plan waits for approval".to_owned())),
                }
            }
            Some(Decision::Run(_) | Decision::Ask(_)) => {
                Err(Refusal::NotBegun("the plan is not the one that was approved".to_owned()))
            }
            Some(Decision::Nothing { why, .. }) => Err(Refusal::NotBegun(why.to_string())),
            None => Err(Refusal::NotBegun("the incident is not known here".to_owned())),
        }
    }
}

/// Why an approved plan did not heal.
enum Refusal {
    NotBegun(String),
    NotSuccessful(String),
}

impl Responder for Healer {
    fn respond(&mut self, turn: &Turn<'_>) -> Response {
        self.begin(turn);
        let mut response = Response::default();
        if turn.held_back.is_none() {
            response.events.append(&mut self.interrupted);
            self.state_recovered(turn, &mut response);
        }
        // What was just measured again after a recovery is newer than this turn's observation.
        let seen: Vec<Observation> = turn
            .observations
            .iter()
            .filter(|seen| !response.observations.iter().any(|newer| newer.check == seen.check))
            .cloned()
            .collect();
        let mut failing: Vec<Observation> = Vec::new();
        for observation in seen {
            self.take_note(&observation, &mut response);
            if observation.verdict == Verdict::Fail {
                failing.push(observation);
            }
        }
        failing.sort_by_key(|seen| (std::cmp::Reverse(self.severity(&seen.check)), seen.check.clone()));
        if turn.held_back.is_none() {
            for observation in &failing {
                self.answer(turn, observation, &mut response);
            }
        }
        self.finish(response)
    }

    fn approve(
        &mut self,
        turn: &Turn<'_>,
        order: OrderId,
        incident: IncidentId,
        plan_digest: proofline_evidence::Digest,
    ) -> (Response, OrderOutcome, String) {
        self.begin(turn);
        let mut response = Response::default();
        let digest = Digest::from_bytes(*plan_digest.as_bytes());
        let (outcome, detail) = match self.approve_plan(turn, order, incident, digest, &mut response) {
            Ok(detail) => (OrderOutcome::Done, detail),
            Err(Refusal::NotBegun(detail)) => (OrderOutcome::Refused, detail),
            Err(Refusal::NotSuccessful(detail)) => (OrderOutcome::Failed, detail),
        };
        (self.finish(response), outcome, detail)
    }
}
