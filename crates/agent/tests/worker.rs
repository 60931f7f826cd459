//! The worker: what it observes it states, what it may not heal it does not, and what it is ordered it reports.

mod support;

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use proofline_agent::courier::Errand;
use proofline_agent::cycle::{Observer, Planned, Responder, Response, Turn};
use proofline_agent::settings::RunSettings;
use proofline_agent::status::{Board, Status};
use proofline_agent::sync::Drained;
use proofline_agent::sync::alarm::{Alarm, AlarmKind, raise};
use proofline_agent::worker::{Memory, Task, Worker};
use proofline_catalog::AssetRole;
use proofline_core::{Clock, FixedClock, IncidentId, Mode, OrderId, Timestamp, Verdict};
use proofline_evidence::Digest;
use proofline_evidence::statement::{Body, IncidentChange};
use proofline_healing::Observation;
use proofline_outbox::Limits;
use proofline_protocol::{Instruction, KeyRole, OrderOutcome};
use support::central::server_key;
use support::rig::{Rig, result};

/// Looks at a machine on which one value changes with every look.
struct Restless {
    looks: AtomicU32,
    clock: FixedClock,
}

impl Observer for Restless {
    fn checks(&self) -> Vec<Planned> {
        let plan = |check: &str| Planned { check: check.into(), interval: Duration::from_mins(5) };
        vec![plan("linux.calm"), plan("linux.restless")]
    }

    fn observe(&self, checks: &[String], _: &[AssetRole]) -> Vec<Observation> {
        let look = self.looks.fetch_add(1, Ordering::Relaxed);
        let observe = |check: &String| Observation {
            check: check.clone(),
            at: self.clock.now(),
            verdict: Verdict::Fail,
            expected: "still".into(),
            observed: if check == "linux.calm" { "calm".into() } else { format!("look {look}") },
            reason: String::new(),
            location: String::new(),
        };
        checks.iter().map(observe).collect()
    }
}

/// The note in which the responder remembers.
const MEMORY: &str = "memory";

/// What a responder was told.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Told {
    checks: usize,
    mode: Mode,
    paused_until: Option<Timestamp>,
    held_back: Option<&'static str>,
}

/// Remembers what it is told; opens an incident each time.
#[derive(Clone)]
struct Listener {
    told: Arc<Mutex<Vec<Told>>>,
    incident: IncidentId,
    /// Whether it says something that does not fit a statement.
    garbled: Arc<AtomicBool>,
}

impl Listener {
    fn note(&self, turn: &Turn<'_>) -> Response {
        self.told.lock().expect("no panic").push(Told {
            checks: turn.observations.len(),
            mode: turn.mode,
            paused_until: turn.paused_until,
            held_back: turn.held_back,
        });
        let event = Body::Incident(IncidentChange {
            incident: self.incident,
            check: "linux.calm".into(),
            from: None,
            to: "open".into(),
            actor: "agent".into(),
            cause: "it fails".into(),
        });
        let event = match (event, self.garbled.load(Ordering::Relaxed)) {
            // A name with a space: no statement can hold it.
            (Body::Incident(change), true) => {
                Body::Incident(IncidentChange { check: "linux calm".into(), ..change })
            }
            (event, _) => event,
        };
        Response {
            events: vec![event],
            open: BTreeSet::from(["linux.calm".into()]),
            notes: vec![(MEMORY.into(), b"of what happened".to_vec())],
            ..Response::default()
        }
    }
}

impl Responder for Listener {
    fn respond(&mut self, turn: &Turn<'_>) -> Response {
        self.note(turn)
    }

    fn approve(
        &mut self,
        turn: &Turn<'_>,
        _: OrderId,
        incident: IncidentId,
        plan_digest: Digest,
    ) -> (Response, OrderOutcome, String) {
        let known = incident == self.incident && plan_digest == Digest::of("plan");
        let outcome = if known { OrderOutcome::Done } else { OrderOutcome::Refused };
        (self.note(turn), outcome, "as asked".into())
    }
}

struct Bench {
    rig: Rig,
    listener: Listener,
    board: Arc<Board>,
    errands: Receiver<Errand>,
    courier: Sender<Errand>,
}

impl Bench {
    fn new(limits: Limits) -> Self {
        let mut rig = Rig::new();
        rig.parts = None;
        rig.limits = limits;
        rig.start();
        let (identity, _) = proofline_agent::identity::Identity::load(&rig.state()).expect("is enrolled");
        let incident = rig.central.new_incident();
        let listener = Listener { told: Arc::default(), incident, garbled: Arc::default() };
        let (courier, errands) = mpsc::channel();
        let board = Arc::new(Board::new(&rig.state(), Status::starting(&identity, rig.clock.now())));
        Self { rig, listener, board, errands, courier }
    }

    /// A worker that was just started.
    fn worker(&self) -> Worker {
        let parts = self.rig.parts();
        Worker {
            asset: self.rig.central.lock().ids.asset,
            mode: Mode::Enforce,
            settings: RunSettings { cycle_s: 300, incident_cycle_s: 30, outbox_mib: 1 },
            override_file: self.rig.state().local_override(),
            observer: Arc::new(Restless { looks: AtomicU32::new(0), clock: self.rig.clock.clone() }),
            responder: Box::new(self.listener.clone()),
            emitter: Arc::clone(&parts.emitter),
            rules: Arc::clone(&parts.rules),
            orders: Arc::clone(&parts.orders),
            board: Arc::clone(&self.board),
            courier: self.courier.clone(),
            clock: Arc::new(self.rig.clock.clone()),
            memory: Memory::default(),
        }
    }

    /// Runs the first cycle and these tasks, then stops.
    fn work(&self, tasks: Vec<Task>) -> Vec<Told> {
        let (tell, told) = mpsc::channel();
        for task in tasks.into_iter().chain([Task::Stop]) {
            tell.send(task).expect("is listening");
        }
        self.worker().run(&told).expect("the queue works");
        std::mem::take(&mut *self.listener.told.lock().expect("no panic"))
    }

    fn write_override(&self, text: &str) {
        std::fs::write(self.rig.state().local_override(), text).expect("writes");
    }
}

fn kinds(rig: &Rig) -> Vec<&'static str> {
    rig.central.statements().iter().map(|statement| statement.body.kind()).collect()
}

#[test]
fn a_cycle_is_stated_carried_and_shown() {
    let bench = Bench::new(Limits::default());
    let told = bench.work(vec![Task::RunChecks]);
    assert_eq!(told.iter().map(|told| told.checks).collect::<Vec<_>>(), [2, 2]);
    assert_eq!(bench.errands.try_iter().collect::<Vec<_>>(), [Errand::Drain, Errand::Drain]);
    assert_eq!(bench.rig.drain(), Drained::Empty);
    assert_eq!(kinds(&bench.rig), ["key", "incident", "check_run", "incident", "check_run"]);
    let status = Status::read(&bench.rig.state()).expect("is written");
    assert_eq!(status, bench.board.read());
    assert_eq!(status.last_cycle.map(|cycle| cycle.checks), Some(2));
    assert!(status.verdicts.contains(&(Verdict::Fail, 2)));
    assert_eq!(status.incidents, ["linux.calm"]);
    bench.rig.assert_sound_log();
}

#[test]
fn the_clinics_own_word_wins() {
    let bench = Bench::new(Limits::default());
    bench.write_override("mode = audit\npaused_until = 2026-11-22T18:00:00Z\n");
    let told = bench.work(vec![]);
    assert_eq!((told[0].mode, told[0].held_back), (Mode::Audit, None));
    assert_eq!(told[0].paused_until, Some("2026-11-22T18:00:00Z".parse().expect("a time")));
    assert_eq!(bench.board.read().mode, Mode::Audit);
}

#[test]
fn a_file_that_is_not_understood_is_audit() {
    let bench = Bench::new(Limits::default());
    bench.write_override("mode = whatever\n");
    assert_eq!(bench.work(vec![])[0].mode, Mode::Audit);
    assert!(bench.board.read().override_problem.is_some());
}

#[test]
fn rules_limit_the_mode() {
    let bench = Bench::new(Limits::default());
    bench.rig.central.offer_rules(1, None, &server_key(KeyRole::Rules));
    bench.rig.check_in().expect("checks in");
    assert_eq!(bench.work(vec![])[0].mode, Mode::Ask);
}

#[test]
fn rules_for_another_catalogue_are_only_watched_and_the_status_says_why() {
    let bench = Bench::new(Limits::default());
    let (key, other) = (server_key(KeyRole::Rules), Digest::of("another catalogue"));
    bench.rig.central.offer_rules_for(1, None, other, &key);
    bench.rig.check_in().expect("checks in");
    assert_eq!(bench.work(vec![])[0].mode, Mode::Audit);
    let problem = bench.board.read().rules_problem.expect("it is said");
    assert!(problem.contains("another catalogue"), "{problem}");
    bench.rig.central.offer_rules_for(2, None, Digest::ZERO, &key);
    bench.rig.check_in().expect("checks in");
    assert_eq!(bench.work(vec![])[0].mode, Mode::Ask);
    assert_eq!(bench.board.read().rules_problem, None);
}

#[test]
fn whatever_else_is_wrong_an_alarm_that_holds_healing_holds_it() {
    for (kind, reason) in [
        (AlarmKind::Revoked, "this appliance was revoked"),
        (AlarmKind::SeqConflict, "another machine speaks as this appliance"),
    ] {
        let bench = Bench::new(Limits::default());
        for kind in [kind, AlarmKind::EntryRefused, AlarmKind::LogInconsistent] {
            let alarm = Alarm { kind, detail: String::new(), since: bench.rig.clock.now() };
            raise(&bench.rig.parts().outbox, &alarm).expect("is written");
        }
        assert_eq!(bench.work(vec![])[0].held_back, Some(reason));
    }
}

#[test]
fn what_cannot_be_stated_is_not_healed_and_is_stated_later() {
    let bench = Bench::new(Limits { max_items: 4, ..Limits::default() });
    // Two cycles fill the queue, the third finds no room, the fourth knows.
    let told = bench.work(vec![Task::RunChecks, Task::RunChecks, Task::RunChecks]);
    let held_back: Vec<_> = told.iter().map(|told| told.held_back.is_some()).collect();
    assert_eq!(held_back, [false, false, false, true]);
    assert!(bench.board.read().suspended);
    assert_eq!(bench.rig.drain(), Drained::Empty);
    assert_eq!(bench.rig.observe(&[result("linux.calm", Verdict::Pass, "calm")]).len(), 1);
    assert_eq!(bench.rig.drain(), Drained::Empty);
    assert_eq!(&kinds(&bench.rig)[5..], ["gap", "check_run"]);
}

#[test]
fn what_no_statement_can_hold_is_a_gap_and_nothing_is_healed_until_the_next_start() {
    let bench = Bench::new(Limits::default());
    bench.listener.garbled.store(true, Ordering::Relaxed);
    let told = bench.work(vec![Task::RunChecks, Task::RunChecks, Task::RunChecks]);
    let held_back: Vec<_> = told.iter().map(|told| told.held_back).collect();
    let held = Some("what was done last cannot be stated");
    assert_eq!(held_back, [None, held, held, held], "what is stated later does not make it good");
    assert_eq!(bench.rig.alarms(), [AlarmKind::Unstatable]);
    assert_eq!(
        bench.rig.parts().outbox.note(MEMORY).expect("reads"),
        None,
        "nobody remembers what is not stated"
    );
    bench.rig.drain();
    assert_eq!(kinds(&bench.rig), ["key", "gap", "check_run", "check_run", "check_run", "check_run"]);
    bench.rig.assert_sound_log();

    bench.listener.garbled.store(false, Ordering::Relaxed);
    assert_eq!(bench.work(vec![])[0].held_back, None);
    assert_eq!(bench.rig.alarms(), []);
    assert!(bench.rig.parts().outbox.note(MEMORY).expect("reads").is_some());
    bench.rig.drain();
    assert_eq!(&kinds(&bench.rig)[6..], ["incident", "check_run"]);
    bench.rig.assert_sound_log();
}

#[test]
fn what_waits_to_be_stated_is_limited_and_the_rest_is_a_gap() {
    const ROOM: u64 = 300;
    let bench = Bench::new(Limits { max_items: ROOM, ..Limits::default() });
    let (tell, told) = mpsc::channel();
    let worker = bench.worker();
    let worker = std::thread::spawn(move || worker.run(&told).map_err(|error| error.to_string()));
    // The incident and the run of every cycle fill the queue; then 260 incidents find no room.
    let cycles = usize::try_from(ROOM / 2 + 260).expect("small");
    for _ in 1..cycles {
        tell.send(Task::RunChecks).expect("is listening");
    }
    while bench.listener.told.lock().expect("no panic").len() < cycles {
        std::thread::yield_now();
    }
    assert_eq!(bench.rig.drain(), Drained::Empty);
    for task in [Task::RunChecks, Task::Stop] {
        tell.send(task).expect("is listening");
    }
    worker.join().expect("no panic").expect("the queue works");
    assert_eq!(bench.rig.drain(), Drained::Empty);
    let statements = bench.rig.central.statements();
    let after: Vec<_> = statements[1 + usize::try_from(ROOM).expect("small")..].iter().collect();
    let incidents = after.iter().filter(|statement| statement.body.kind() == "incident").count();
    assert_eq!(incidents, 256);
    let reasons: Vec<_> = after
        .iter()
        .filter_map(|statement| match &statement.body {
            Body::Gap(gap) => Some(gap.reason.as_str()),
            _ => None,
        })
        .collect();
    assert!(reasons[0].contains("full"), "{reasons:?}");
    assert!(reasons[1].starts_with("5 more events"), "{reasons:?}");
    bench.rig.assert_sound_log();
}

#[test]
fn an_order_is_carried_out_and_its_end_reported() {
    let bench = Bench::new(Limits::default());
    let key = server_key(KeyRole::Orders);
    let approve = |incident| Instruction::ApprovePlan { incident, plan_digest: Digest::of("plan") };
    let (incident, stranger) = (bench.listener.incident, bench.rig.central.new_incident());
    let (run, approved, unknown) = {
        let central = &bench.rig.central;
        let make = |instruction| central.make_order(&key, |order| order.instruction = instruction);
        let orders = [make(Instruction::RunChecks), make(approve(incident)), make(approve(stranger))];
        central.lock().orders = orders.iter().map(|(_, envelope)| envelope.clone()).collect();
        (orders[0].0, orders[1].0, orders[2].0)
    };
    let begun = bench.rig.check_in().expect("checks in").orders;
    bench.work(begun.into_iter().map(Task::Order).collect());
    assert!(bench.errands.try_iter().any(|errand| errand == Errand::CheckIn));
    bench.rig.check_in().expect("checks in");
    let central = bench.rig.central.lock();
    let reports = &central.check_ins.last().expect("there was one").orders_done;
    let ends: Vec<_> =
        reports.iter().map(|report| (report.order, report.outcome, report.detail.as_str())).collect();
    assert_eq!(
        ends,
        [
            (run, OrderOutcome::Done, "2 checks, 2 fail"),
            (approved, OrderOutcome::Done, "as asked"),
            (unknown, OrderOutcome::Refused, "as asked"),
        ]
    );
}
