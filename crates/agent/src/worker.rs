//! The thread that looks at the machine: cycles, answers to failing checks, orders.
//!
//! Everything is stated before anything else happens; what could not be stated is kept and stated next time. Nothing
//! is healed while nothing can be stated.
//!
//! What no statement can hold becomes a gap, and what the responder remembers of it is not stored: until the agent is
//! started again only observations are stated and nothing is healed. The start takes back every heal without a record.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender};
use std::time::Instant;

use proofline_catalog::AssetRole;
use proofline_core::{AssetId, Clock, IncidentId, Mode, OrderId, Timestamp, Verdict};
use proofline_evidence::statement::{Body, CheckResult};
use proofline_evidence::{Defect, Digest};
use proofline_healing::Observation;
use proofline_protocol::{Instruction, LastCycle, Order, OrderOutcome};

use crate::courier::Errand;
use crate::cycle::{self, Observer, Planned, Responder, Response, Schedule, Turn};
use crate::emitter::{EmitError, Emitter, Observed};
use crate::healer::FOREIGN_RULES;
use crate::local_override;
use crate::settings::RunSettings;
use crate::status::{Board, Status};
use crate::sync::SyncError;
use crate::sync::alarm::{self, Alarm, AlarmKind};
use crate::sync::orders::Orders;
use crate::sync::rules::{RuleStore, Rules};

/// How many heals and transitions are kept while nothing can be stated. That many fit the smallest queue.
const UNSTATED_MAX: usize = 256;

/// What the worker is told to do.
#[derive(Debug)]
pub enum Task {
    /// Run every check now.
    RunChecks,
    /// Carry out an order that has begun.
    Order(Order),
    /// Finish.
    Stop,
}

/// Runs cycles until told to stop.
pub struct Worker {
    /// The machine as an asset.
    pub asset: AssetId,
    /// How far healing may go without a rule set.
    pub mode: Mode,
    /// How often.
    pub settings: RunSettings,
    /// The clinic's own file.
    pub override_file: PathBuf,
    /// Who looks.
    pub observer: Arc<dyn Observer>,
    /// Who answers.
    pub responder: Box<dyn Responder>,
    /// Where statements go.
    pub emitter: Arc<Emitter>,
    /// The rules in effect.
    pub rules: Arc<RuleStore>,
    /// Where the ends of orders go.
    pub orders: Arc<Orders>,
    /// Where the status goes.
    pub board: Arc<Board>,
    /// Who carries statements away.
    pub courier: Sender<Errand>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// What the worker remembers between cycles; starts empty.
    pub memory: Memory,
}

/// What the worker remembers between cycles.
#[derive(Debug, Default)]
pub struct Memory {
    schedule: Schedule,
    /// The last observation of every check.
    latest: BTreeMap<String, Observation>,
    open: BTreeSet<String>,
    /// What happened and could not be stated yet, the oldest first.
    unstated: Vec<Body>,
    /// How much more happened, and since when.
    forgotten: Option<(Timestamp, usize)>,
    /// What was observed and could not be stated yet.
    unstated_results: BTreeMap<String, CheckResult>,
}

impl Worker {
    /// Runs cycles and tasks until told to stop, or until the queue has to be opened again.
    pub fn run(mut self, tasks: &Receiver<Task>) -> Result<(), SyncError> {
        // Whoever answers now began with what is stored.
        alarm::settle(self.emitter.outbox(), &[AlarmKind::Unstatable])?;
        self.show(None, &self.guard()?);
        loop {
            let begun = Instant::now();
            self.cycle(Reach::Due)?;
            let next = begun + self.memory.schedule.next(self.clock.now(), self.settings.pace());
            loop {
                match tasks.recv_timeout(next.saturating_duration_since(Instant::now())) {
                    Ok(Task::RunChecks) => self.cycle(Reach::Everything)?,
                    Ok(Task::Order(order)) => self.carry_out(&order)?,
                    Err(RecvTimeoutError::Timeout) => break,
                    Ok(Task::Stop) | Err(RecvTimeoutError::Disconnected) => return Ok(()),
                }
            }
        }
    }

    fn carry_out(&mut self, order: &Order) -> Result<(), SyncError> {
        let (outcome, detail) = match order.instruction {
            Instruction::RunChecks => {
                self.cycle(Reach::Everything)?;
                let fails =
                    self.memory.latest.values().filter(|result| result.verdict == Verdict::Fail).count();
                (OrderOutcome::Done, format!("{} checks, {fails} fail", self.memory.latest.len()))
            }
            Instruction::ApprovePlan { incident, plan_digest } => {
                self.approve(order.order, incident, plan_digest)?
            }
        };
        tracing::info!(order = %order.order, %outcome, detail, "order ended");
        match self.orders.finish(order.order, outcome, &detail).map_err(SyncError::from) {
            // It is remembered in memory and written down with the next order.
            Err(error) if error.is_space() => {
                tracing::error!(%error, "the end of an order cannot be written down");
            }
            finished => finished?,
        }
        self.send(Errand::CheckIn);
        Ok(())
    }

    fn approve(
        &mut self,
        order: OrderId,
        incident: IncidentId,
        plan_digest: Digest,
    ) -> Result<(OrderOutcome, String), SyncError> {
        let started = self.clock.now();
        let observer = Arc::clone(&self.observer);
        let latest: Vec<_> = self.memory.latest.values().cloned().collect();
        let guard = self.guard()?;
        let turn = guard.turn(&latest, &*observer);
        let (response, outcome, detail) = self.responder.approve(&turn, order, incident, plan_digest);
        let planned = self.observer.checks();
        self.state(started, &planned, Vec::new(), response, false)?;
        Ok((outcome, detail))
    }

    /// One cycle.
    fn cycle(&mut self, reach: Reach) -> Result<(), SyncError> {
        let started = self.clock.now();
        let planned = self.observer.checks();
        let checks: Vec<_> = if reach == Reach::Everything || self.emitter.wants_everything(self.asset)? {
            planned.iter().map(|plan| plan.check.clone()).collect()
        } else {
            self.memory.schedule.due(&planned, started, self.settings.pace())
        };
        let observer = Arc::clone(&self.observer);
        let guard = self.guard()?;
        let seen = observer.observe(&checks, &guard.roles);
        self.memory.schedule.ran(&checks, started);
        let response = self.responder.respond(&guard.turn(&seen, &*observer));
        let ran = u32::try_from(seen.len()).unwrap_or(u32::MAX);
        let errors = seen.iter().filter(|seen| matches!(seen.verdict, Verdict::Error | Verdict::Unknown));
        let errors = u32::try_from(errors.count()).unwrap_or(u32::MAX);
        self.state(started, &planned, seen, response, checks.len() == planned.len())?;
        let duration_ms = u64::try_from((self.clock.now() - started).num_milliseconds()).unwrap_or(0);
        let last_cycle = LastCycle { started, duration_ms, checks: ran, errors };
        tracing::debug!(duration_ms, checks = ran, errors, "cycle");
        self.show(Some(last_cycle), &guard);
        Ok(())
    }

    /// States what a cycle or an approval brought.
    fn state(
        &mut self,
        started: Timestamp,
        planned: &[Planned],
        seen: Vec<Observation>,
        response: Response,
        whole: bool,
    ) -> Result<(), SyncError> {
        let seen = seen.into_iter().chain(response.observations);
        let seen: BTreeMap<_, _> = seen.map(|seen| (seen.check.clone(), seen)).collect();
        self.memory.schedule.opened(&response.open, started);
        self.memory.open = response.open;
        let withheld = self.is_withheld()?;
        if !withheld {
            self.remember(response.events, started);
        }
        self.memory
            .unstated_results
            .extend(seen.iter().map(|(check, seen)| (check.clone(), cycle::result(seen))));
        self.memory.latest.extend(seen);
        self.memory.latest.retain(|check, _| planned.iter().any(|plan| plan.check == *check));
        let observed = Observed {
            asset: self.asset,
            started,
            ended: self.clock.now(),
            events: self.memory.unstated.clone(),
            results: self.memory.unstated_results.values().cloned().collect(),
            whole,
            complete: self.memory.schedule.is_complete(planned, started, self.settings.pace().cycle),
        };
        let notes = if withheld { &[][..] } else { &response.notes };
        match self.emitter.observed(&observed, notes) {
            Ok(seqs) => self.stated(&seqs),
            Err(error @ EmitError::Suspended(_)) => {
                tracing::error!(%error, "nothing is stated and nothing is healed until there is room");
                Ok(())
            }
            Err(EmitError::Statement(defect)) => self.without_events(observed, &defect),
            Err(error) => Err(error.into()),
        }
    }

    fn stated(&mut self, seqs: &[u64]) -> Result<(), SyncError> {
        self.memory.unstated.clear();
        self.memory.unstated_results.clear();
        if !seqs.is_empty() {
            tracing::info!(first = seqs.first(), last = seqs.last(), "stated");
            self.send(Errand::Drain);
        }
        if let Some((from, count)) = self.memory.forgotten {
            let reason = format!("{count} more events while no statements could be made were not kept");
            if self.state_missing((from, self.clock.now()), &reason)? {
                self.memory.forgotten = None;
            }
        }
        Ok(())
    }

    /// Keeps what happened until it is stated, as much of it as may be kept.
    fn remember(&mut self, events: Vec<Body>, at: Timestamp) {
        let (room, count) = (UNSTATED_MAX.saturating_sub(self.memory.unstated.len()), events.len());
        self.memory.unstated.extend(events.into_iter().take(room));
        if count > room {
            let (from, more) = self.memory.forgotten.unwrap_or((at, 0));
            self.memory.forgotten = Some((from, more + count - room));
        }
    }

    /// Whether something that happened could not be stated since the agent was started.
    fn is_withheld(&self) -> Result<bool, SyncError> {
        let raised = alarm::raised(self.emitter.outbox())?;
        Ok(raised.iter().any(|alarm| alarm.kind == AlarmKind::Unstatable))
    }

    /// Something does not fit the format. A gap says so where it happened, and observing goes on without it.
    fn without_events(&mut self, observed: Observed, defect: &Defect) -> Result<(), SyncError> {
        self.memory.unstated.clear();
        let lost = observed.events.len();
        let detail = format!("something that happened cannot be stated ({lost} events): {defect}");
        let raised = Alarm { kind: AlarmKind::Unstatable, detail: detail.clone(), since: self.clock.now() };
        alarm::raise(self.emitter.outbox(), &raised)?;
        if lost > 0 {
            self.state_missing((observed.started, observed.ended), &detail)?;
        }
        match self.emitter.observed(&Observed { events: Vec::new(), ..observed }, &[]) {
            Ok(seqs) => self.stated(&seqs),
            Err(error @ (EmitError::Suspended(_) | EmitError::Statement(_))) => {
                tracing::error!(%error, "observations are not stated");
                Ok(())
            }
            Err(error) => Err(error.into()),
        }
    }

    /// States a gap; says whether there was room for it.
    fn state_missing(&self, span: (Timestamp, Timestamp), reason: &str) -> Result<bool, SyncError> {
        match self.emitter.state_missing(span, reason) {
            Ok(_) => {
                self.send(Errand::Drain);
                Ok(true)
            }
            Err(error @ EmitError::Suspended(_)) => {
                tracing::error!(%error, reason, "a gap is not stated yet");
                Ok(false)
            }
            Err(error) => Err(error.into()),
        }
    }

    /// How far healing may go right now.
    fn guard(&self) -> Result<Guard, SyncError> {
        let found = local_override::read(&self.override_file);
        let rules = self.rules.current();
        let foreign = rules.as_ref().is_some_and(|rules| rules.catalogue != self.emitter.signer().catalogue);
        let most = if foreign { Mode::Audit } else { Mode::Enforce };
        let mode = found.cap(rules.as_ref().map_or(self.mode, |rules| rules.mode)).min(most);
        let own_pause = found.paused_until(self.clock.now());
        let paused_until = rules.as_ref().and_then(|rules| rules.paused_until).max(own_pause);
        let held_back = if self.emitter.is_suspended() || !self.memory.unstated.is_empty() {
            Some("no evidence can be written at the moment")
        } else {
            alarm::raised(self.emitter.outbox())?.iter().find_map(|alarm| alarm.kind.holds_healing())
        };
        let roles = rules.as_ref().and_then(|rules| rules.asset_roles.get(&self.asset));
        // A role that this version does not know cannot narrow anything down.
        let roles = roles.into_iter().flatten().filter_map(|role| role.parse().ok()).collect();
        Ok(Guard { mode, paused_until, held_back, roles, rules, foreign, found })
    }

    fn show(&self, last_cycle: Option<LastCycle>, guard: &Guard) {
        let verdicts = Verdict::ALL.map(|verdict| {
            let count = self.memory.latest.values().filter(|result| result.verdict == verdict).count();
            (verdict, u32::try_from(count).unwrap_or(u32::MAX))
        });
        self.board.update(self.clock.now(), |status| {
            status.last_cycle = last_cycle.or(status.last_cycle);
            status.verdicts = verdicts.to_vec();
            status.incidents = self.memory.open.iter().cloned().collect();
            status.suspended = self.emitter.is_suspended();
            guard.show(status);
        });
    }

    fn send(&self, errand: Errand) {
        // The courier is gone only while everything ends.
        let _ = self.courier.send(errand);
    }
}

/// Which checks a cycle runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Reach {
    Due,
    Everything,
}

/// Everything that limits healing, read once per turn.
struct Guard {
    mode: Mode,
    paused_until: Option<Timestamp>,
    held_back: Option<&'static str>,
    roles: Vec<AssetRole>,
    rules: Option<Arc<Rules>>,
    /// The rules were made for another catalogue than this program's: what they name may mean something else here.
    foreign: bool,
    found: local_override::Found,
}

impl Guard {
    fn turn<'a>(&'a self, observations: &'a [Observation], observer: &'a dyn Observer) -> Turn<'a> {
        Turn {
            observations,
            roles: &self.roles,
            mode: self.mode,
            paused_until: self.paused_until,
            held_back: self.held_back,
            rules: self.rules.clone(),
            observer,
        }
    }

    fn show(&self, status: &mut Status) {
        status.mode = self.mode;
        status.rules_problem = self.foreign.then(|| FOREIGN_RULES.to_owned());
        status.local_override = self.found.effective();
        status.override_problem = match &self.found {
            local_override::Found::NotUnderstood(problem) => Some(problem.clone()),
            local_override::Found::Nothing | local_override::Found::Decision(_) => None,
        };
    }
}
