//! One connection, its appliances, and the wheel of what is due when.
//!
//! Invariants: an appliance has at most one event of each kind on the wheel; an entry that was sent keeps its bytes until
//! it is acknowledged; every request is signed anew when it is sent. Memory: one wheel entry per appliance and kind.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::time::Duration;

use http::Method;
use hyper::body::Bytes;
use proofline_core::{Mode as HealingMode, Timestamp};
use proofline_protocol::signature::{Request, sign};
use proofline_protocol::{
    CheckInRequest, LastCycle, Problem, RejectCode, SubmitRequest, SubmitResponse, Text, paths,
};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use serde::Serialize;
use tokio::time::Instant;

use super::{Context, Mode, Tally};
use crate::fleet::Appliance;
use crate::measure::Calls;
use crate::wire::{Connection, Failure, Outgoing, Reply};

/// After so many answers that leave it without a way on, an appliance stops delivering.
const MAX_RESUMES: u32 = 5;

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    CheckIn,
    Evidence,
}

struct Worker {
    appliance: Appliance,
    /// Where it stands must be asked before anything is delivered.
    must_resume: bool,
    resumes: u32,
    /// Failures in a row, for the backoff.
    failures: u32,
    /// Entries still to be made.
    owed: u32,
}

impl Worker {
    /// Whether it still tries to deliver.
    fn is_going_on(&self) -> bool {
        self.resumes < MAX_RESUMES
    }
}

/// What came of a request.
enum Answer {
    Ok(Bytes),
    /// Try again after this long.
    Later(Duration),
}

/// One connection's share of the fleet.
pub(super) struct Shard {
    context: Context,
    mode: Mode,
    workers: Vec<Worker>,
    wheel: BinaryHeap<Reverse<(Instant, Kind, usize)>>,
    connection: Connection,
    random: StdRng,
    tally: Tally,
}

impl Shard {
    /// Makes what must be ready before the clock starts: for a burst, the backlog.
    pub(super) async fn prepare(
        context: Context,
        appliances: Vec<Appliance>,
        mode: Mode,
        must_resume: bool,
    ) -> anyhow::Result<Self> {
        let connection = Connection::new(context.server.clone(), context.sources.clone(), context.patience);
        let random = StdRng::from_seed(context.entropy.bytes::<32>());
        let owed = match mode {
            Mode::Storm { queued, .. } | Mode::Burst { queued, .. } => queued,
            Mode::Steady { .. } | Mode::Flood { .. } => 0,
        };
        let worker = |appliance| Worker { appliance, must_resume, resumes: 0, failures: 0, owed };
        let workers = appliances.into_iter().map(worker).collect();
        let (wheel, tally) = (BinaryHeap::new(), Tally::default());
        let mut shard = Self { context, mode, workers, wheel, connection, random, tally };
        if let Mode::Burst { .. } = mode {
            for place in 0..shard.workers.len() {
                while shard.workers[place].is_going_on() && shard.workers[place].must_resume {
                    match shard.ask(place).await? {
                        Some(wait) => tokio::time::sleep(wait).await,
                        None => break,
                    }
                }
                shard.make_owed(place)?;
                tokio::task::yield_now().await;
            }
            shard.tally.submissions = Calls::default();
        }
        Ok(shard)
    }

    /// Works until the mode's end, or until there is nothing left to do.
    pub(super) async fn work(mut self, begin: Instant) -> anyhow::Result<Tally> {
        self.schedule(begin);
        let end = begin + self.mode.ends_after();
        let last = end + self.mode.grace();
        while let Some(Reverse((due, kind, place))) = self.wheel.pop() {
            let delivering = kind == Kind::Evidence && self.workers[place].appliance.depth() > 0;
            if due >= last || (due >= end && !delivering) {
                continue;
            }
            if due > Instant::now() {
                tokio::select! {
                    () = tokio::time::sleep_until(due) => {}
                    _ = self.context.stop.wait_for(|stop| *stop) => break,
                }
            } else if *self.context.stop.borrow() {
                break;
            }
            match kind {
                Kind::CheckIn => self.check_in(due, place).await?,
                Kind::Evidence => self.evidence(due, place).await?,
            }
        }
        self.tally.waiting =
            self.workers.iter().map(|worker| u64::try_from(worker.appliance.depth()).unwrap_or(0)).sum();
        Ok(self.tally)
    }

    fn schedule(&mut self, begin: Instant) {
        for place in 0..self.workers.len() {
            match self.mode {
                Mode::Steady { interval, evidence_every, .. } => {
                    let (check_in, evidence) = (self.within(interval), self.within(evidence_every));
                    self.plan(begin + check_in, Kind::CheckIn, place);
                    self.plan(begin + evidence, Kind::Evidence, place);
                }
                Mode::Storm { window, .. } => {
                    let back = self.within(window);
                    self.plan(begin + back, Kind::CheckIn, place);
                }
                Mode::Burst { .. } => self.plan(begin, Kind::Evidence, place),
                Mode::Flood { .. } => self.plan(begin, Kind::CheckIn, place),
            }
        }
    }

    fn plan(&mut self, due: Instant, kind: Kind, place: usize) {
        self.wheel.push(Reverse((due, kind, place)));
    }

    fn within(&mut self, span: Duration) -> Duration {
        span.mul_f64(self.random.random_range(0.0..1.0))
    }

    fn about(&mut self, span: Duration) -> Duration {
        span.mul_f64(self.random.random_range(0.9..1.1))
    }

    async fn check_in(&mut self, due: Instant, place: usize) -> anyhow::Result<()> {
        let now = self.context.clock.now();
        let appliance = &self.workers[place].appliance;
        let request = CheckInRequest {
            agent_version: Text::new(crate::AGENT_VERSION)?,
            catalogue: self.context.trust.catalogue(),
            mode: HealingMode::Audit,
            local_override: None,
            outbox_depth: u64::try_from(appliance.depth())?,
            outbox_oldest: None,
            last_cycle: Some(LastCycle { started: now, duration_ms: 700, checks: 60, errors: 0 }),
            rules_version: 0,
            orders_done: Vec::new(),
            checkpoint_size: appliance.checkpoint_size(),
            uptime_s: 3_600,
        };
        match self.call(due, Kind::CheckIn, place, &request).await? {
            Answer::Ok(_) => match self.mode {
                Mode::Steady { interval, .. } => {
                    let next = due + self.about(interval);
                    self.plan(next, Kind::CheckIn, place);
                }
                Mode::Flood { .. } => self.plan(Instant::now(), Kind::CheckIn, place),
                Mode::Storm { .. } | Mode::Burst { .. } => self.plan(Instant::now(), Kind::Evidence, place),
            },
            Answer::Later(wait) => self.plan(Instant::now() + wait, Kind::CheckIn, place),
        }
        Ok(())
    }

    async fn evidence(&mut self, due: Instant, place: usize) -> anyhow::Result<()> {
        if !self.workers[place].is_going_on() {
            return Ok(());
        }
        if self.workers[place].must_resume
            && let Some(wait) = self.ask(place).await?
        {
            self.plan(Instant::now() + wait, Kind::Evidence, place);
            return Ok(());
        }
        let worker = &mut self.workers[place];
        if worker.appliance.depth() == 0 && matches!(self.mode, Mode::Steady { .. }) {
            worker.owed = 1;
        }
        self.make_owed(place)?;
        if self.workers[place].appliance.depth() == 0 {
            return Ok(());
        }
        let submission = self.workers[place].appliance.submission();
        match self.call(due, Kind::Evidence, place, &submission).await? {
            Answer::Ok(body) => self.delivered(due, place, &body)?,
            Answer::Later(wait) => self.plan(Instant::now() + wait, Kind::Evidence, place),
        }
        Ok(())
    }

    fn delivered(&mut self, due: Instant, place: usize, body: &[u8]) -> anyhow::Result<()> {
        let answer: SubmitResponse = serde_json::from_slice(body)?;
        let worker = &mut self.workers[place];
        match worker.appliance.absorb(&self.context.trust, &answer) {
            Ok(delivery) => {
                self.context.journal.record(&delivery.acknowledged)?;
                self.tally.acknowledged += u64::try_from(delivery.acknowledged.len())?;
                delivery.rejected.iter().for_each(|code| self.tally.reject(*code));
                let lost_its_place = delivery.rejected.iter().any(|code| {
                    matches!(code, RejectCode::SeqGap | RejectCode::SeqConflict | RejectCode::PrevMismatch)
                });
                if lost_its_place {
                    worker.must_resume = true;
                    worker.resumes += 1;
                } else if !delivery.rejected.is_empty() {
                    worker.resumes += 1;
                }
                let going_on = worker.is_going_on();
                if going_on && worker.appliance.depth() > 0 {
                    self.plan(Instant::now(), Kind::Evidence, place);
                } else if going_on && let Mode::Steady { evidence_every, .. } = self.mode {
                    let next = due + self.about(evidence_every);
                    self.plan(next, Kind::Evidence, place);
                }
            }
            Err(contradiction) => {
                worker.resumes = MAX_RESUMES;
                self.tally.contradiction(worker.appliance.ordinal(), &contradiction);
            }
        }
        Ok(())
    }

    /// Asks where this signer stands. Some: not answered, or not believed; try again after that long.
    async fn ask(&mut self, place: usize) -> anyhow::Result<Option<Duration>> {
        let from_size = self.workers[place].appliance.checkpoint_size();
        let question = SubmitRequest { from_size, envelopes: Vec::new() };
        match self.call(Instant::now(), Kind::Evidence, place, &question).await? {
            Answer::Later(wait) => Ok(Some(wait)),
            Answer::Ok(body) => {
                let answer: SubmitResponse = serde_json::from_slice(&body)?;
                let worker = &mut self.workers[place];
                let dropped = u32::try_from(worker.appliance.depth())?;
                match worker.appliance.resume(&self.context.trust, &answer) {
                    Ok(()) => {
                        self.tally.made -= u64::from(dropped);
                        worker.owed += dropped;
                        worker.must_resume = false;
                        Ok(None)
                    }
                    Err(contradiction) => {
                        worker.resumes = MAX_RESUMES;
                        self.tally.contradiction(worker.appliance.ordinal(), &contradiction);
                        Ok(Some(Duration::ZERO))
                    }
                }
            }
        }
    }

    fn make_owed(&mut self, place: usize) -> anyhow::Result<()> {
        let now: Timestamp = self.context.clock.now();
        let worker = &mut self.workers[place];
        if !worker.is_going_on() {
            return Ok(());
        }
        for _ in 0..std::mem::take(&mut worker.owed) {
            worker.appliance.observe(&self.context.trust, now)?;
            self.tally.made += 1;
        }
        Ok(())
    }

    /// Signs, sends and counts one request.
    async fn call(
        &mut self,
        due: Instant,
        kind: Kind,
        place: usize,
        body: &impl Serialize,
    ) -> anyhow::Result<Answer> {
        let body: Bytes = serde_json::to_vec(body)?.into();
        let target = match kind {
            Kind::CheckIn => paths::CHECK_IN,
            Kind::Evidence => paths::EVIDENCE,
        };
        let reused = self.connection.is_open();
        let begun = Instant::now();
        let mut outcome = self.exchange(target, place, body.clone()).await?;
        let mut reconnected = 0;
        if reused && outcome.as_ref().is_err_and(|failure| *failure == Failure::Broken) {
            // The server may close a kept connection at any time; only a second failure says something.
            outcome = self.exchange(target, place, body).await?;
            reconnected = 1;
        }
        let ended = Instant::now();
        let took = ended.saturating_duration_since(begun);
        let calls = match kind {
            Kind::CheckIn => &mut self.tally.check_ins,
            Kind::Evidence => &mut self.tally.submissions,
        };
        calls.reconnected += reconnected;
        calls.lag.record(begun.saturating_duration_since(due));
        let worker = &mut self.workers[place];
        let retry_after = match outcome {
            Ok(reply) if (200..300).contains(&reply.status) => {
                calls.ok += 1;
                calls.service.record(took);
                if self.mode.has_plan() {
                    calls.latency.record(ended.saturating_duration_since(due));
                }
                worker.failures = 0;
                return Ok(Answer::Ok(reply.body));
            }
            Ok(reply) if matches!(reply.status, 429 | 503) => {
                calls.deferred += 1;
                Some(Duration::from_secs(reply.retry_after.unwrap_or(1).min(300)))
            }
            Ok(reply) => {
                *calls.failed.entry(describe(&reply)).or_default() += 1;
                None
            }
            Err(failure) => {
                *calls.failed.entry(failure.to_string()).or_default() += 1;
                None
            }
        };
        worker.failures += 1;
        let backoff = Duration::from_millis(250 << worker.failures.min(3));
        let spread = self.within(backoff);
        Ok(Answer::Later(retry_after.map_or(backoff / 2 + spread, |wait| wait + spread)))
    }

    async fn exchange(
        &mut self,
        target: &str,
        place: usize,
        body: Bytes,
    ) -> anyhow::Result<Result<Reply, Failure>> {
        let to_sign = Request { method: "POST", path: target, query: "", body: &body };
        let key = self.workers[place].appliance.key();
        let signed = sign(&to_sign, key, self.context.clock.now(), self.random.random())?;
        let headers = signed.iter().map(|(name, value)| (name, value.to_owned())).collect();
        Ok(self.connection.send(&Outgoing { method: Method::POST, target, headers, body }).await)
    }
}

fn describe(reply: &Reply) -> String {
    let code = serde_json::from_slice::<Problem>(&reply.body)
        .map_or_else(|_| "no problem document".into(), |p| p.code);
    format!("{} {code}", reply.status)
}
