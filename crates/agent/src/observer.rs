//! The real [`Observer`]: every check of the embedded catalogue, taken on this machine by its probe.
//!
//! The checks of one call share one look at the machine and a few threads: most of a cycle is waiting for tools. The threads
//! live as long as the observer, because the allocator keeps a heap of some megabytes for each that ever read a long list.
//!
//! A probe has a deadline. Commands end by themselves ([`Host`]); a file system that does not answer cannot be made to, so
//! the thread that waits for it is left behind, another takes its place, and its check is an `error`. Such a check is not
//! started again while its thread still waits, and only so many are left behind: a dead disk costs its checks, not the
//! others and not the agent.

use std::collections::{BTreeSet, VecDeque};
use std::io;
use std::mem;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use proofline_catalog::{AssetRole, Catalog, Check, Platform};
use proofline_core::{Clock, Timestamp, Verdict};
use proofline_healing::Observation;

use crate::cycle::{Observer, Planned};
use crate::host::{CycleHost, Host, LocalHost};
use crate::probes::{self, Context, FileMemory, Memory};

/// How much observing may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bounds {
    /// How many probes run at a time: enough to overlap waiting, too few to be noticed by whoever works on the machine.
    pub threads: usize,
    /// How long one probe may take.
    pub deadline: Duration,
    /// How many threads may be left behind; with that many no check is started any more.
    pub left_behind: usize,
}

impl Bounds {
    /// Two at a time. The slowest probe runs two commands of 20 s.
    pub const USUAL: Self = Self { threads: 2, deadline: Duration::from_mins(1), left_behind: 16 };
}

/// The checks that a thread works on, those that were left behind included. The thread itself takes its check out.
type Waiting = Arc<Mutex<BTreeSet<String>>>;

type Work = Box<dyn FnOnce() + Send>;

/// A thread that runs one probe after another, and ends after the one that it is at when this is dropped.
struct Prober(Sender<Work>);

impl Prober {
    fn start() -> io::Result<Self> {
        let (sender, work) = mpsc::channel::<Work>();
        thread::Builder::new()
            .name("probe".to_owned())
            .spawn(move || work.into_iter().for_each(|run| run()))?;
        Ok(Self(sender))
    }
}

/// Looks at a Linux machine.
pub struct MachineObserver {
    host: Arc<dyn Host>,
    state_dir: PathBuf,
    memory: Arc<dyn Memory>,
    bounds: Bounds,
    waiting: Waiting,
    idle: Mutex<Vec<Prober>>,
}

impl MachineObserver {
    /// Looks at the machine whose `/` is `root`. `state_dir` is where the agent's own files lie.
    pub fn new(root: &Path, state_dir: PathBuf, clock: Arc<dyn Clock>) -> Self {
        Self::of(Arc::new(LocalHost::rooted(root, clock)), state_dir, Bounds::USUAL)
    }

    /// Looks at any machine, within these bounds.
    pub fn of(host: Arc<dyn Host>, state_dir: PathBuf, bounds: Bounds) -> Self {
        let memory = Arc::new(FileMemory::new(state_dir.join(FileMemory::FILE)));
        Self { host, state_dir, memory, bounds, waiting: Waiting::default(), idle: Mutex::default() }
    }
}

impl Observer for MachineObserver {
    fn checks(&self) -> Vec<Planned> {
        let checks =
            Catalog::embedded().checks().iter().filter(|check| check.platforms.contains(&Platform::Linux));
        checks
            .map(|check| Planned {
                check: check.id.clone(),
                interval: Duration::from_secs(check.interval_s.into()),
            })
            .collect()
    }

    fn observe(&self, checks: &[String], roles: &[AssetRole]) -> Vec<Observation> {
        let wanted = |check: &&Check| checks.contains(&check.id);
        let context = Context {
            platform: Platform::Linux,
            roles: roles.to_vec(),
            state_dir: self.state_dir.clone(),
            memory: Arc::clone(&self.memory),
        };
        let host = Arc::new(CycleHost::new(Arc::clone(&self.host)));
        let mut cycle = Cycle {
            bounds: self.bounds,
            started: host.now(),
            waiting: &self.waiting,
            idle: mem::take(&mut *self.idle.lock().unwrap_or_else(PoisonError::into_inner)),
            queue: Catalog::embedded().checks().iter().filter(wanted).collect(),
            running: Vec::new(),
            observations: Vec::new(),
        };
        cycle.run(&|check| {
            let (host, context) = (Arc::clone(&host), context.clone());
            Box::new(move || {
                let probe = AssertUnwindSafe(|| probes::run_for(check, &*host, &context));
                catch_unwind(probe).unwrap_or_else(|_| broken(check, host.now()))
            })
        });
        *self.idle.lock().unwrap_or_else(PoisonError::into_inner) = cycle.idle;
        cycle.observations
    }
}

type Probe = Box<dyn FnOnce() -> Observation + Send>;

/// The checks of one call on their way.
struct Cycle<'a> {
    bounds: Bounds,
    started: Timestamp,
    waiting: &'a Waiting,
    idle: Vec<Prober>,
    queue: VecDeque<&'static Check>,
    running: Vec<Running>,
    observations: Vec<Observation>,
}

struct Running {
    check: &'static Check,
    deadline: Instant,
    prober: Prober,
}

impl Cycle<'_> {
    fn run(&mut self, probe_of: &dyn Fn(&'static Check) -> Probe) {
        // Threads that are left behind keep their sender; what they send then is not received.
        let (sender, results) = mpsc::channel::<Observation>();
        loop {
            while self.running.len() < self.bounds.threads {
                let Some(check) = self.queue.pop_front() else { break };
                match self.obstacle(check) {
                    None => self.start(check, probe_of(check), sender.clone()),
                    Some(reason) => self.unmeasured(check, reason),
                }
            }
            let Some(first) = self.running.iter().map(|running| running.deadline).min() else { return };
            match results.recv_timeout(first.saturating_duration_since(Instant::now())) {
                Ok(observation) => {
                    let place = self.running.iter().position(|running| running.check.id == observation.check);
                    // What comes after its deadline was answered already.
                    if let Some(place) = place {
                        self.idle.push(self.running.swap_remove(place).prober);
                        self.observations.push(observation);
                    }
                }
                Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => self.leave_behind(),
            }
        }
    }

    /// Why a check cannot be started now.
    fn obstacle(&self, check: &Check) -> Option<String> {
        let waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        if waiting.contains(&check.id) {
            Some(self.timed_out())
        } else if waiting.len().saturating_sub(self.running.len()) >= self.bounds.left_behind {
            Some("too many other checks wait for a file system that does not answer".to_owned())
        } else {
            None
        }
    }

    fn timed_out(&self) -> String {
        format!("timed out: nothing was known after {} seconds", self.bounds.deadline.as_secs_f32())
    }

    fn start(&mut self, check: &'static Check, probe: Probe, sender: Sender<Observation>) {
        let waiting = Arc::clone(self.waiting);
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner).insert(check.id.clone());
        let run = move || {
            let observation = probe();
            waiting.lock().unwrap_or_else(PoisonError::into_inner).remove(&observation.check);
            // Nobody receives it when the thread was left behind.
            let _ = sender.send(observation);
        };
        let prober = match self.idle.pop() {
            Some(prober) => Ok(prober),
            None => Prober::start(),
        };
        match prober {
            Ok(prober) => {
                prober.0.send(Box::new(run)).expect("it takes work for as long as it is held");
                let deadline = Instant::now() + self.bounds.deadline;
                self.running.push(Running { check, deadline, prober });
            }
            Err(error) => {
                self.waiting.lock().unwrap_or_else(PoisonError::into_inner).remove(&check.id);
                self.unmeasured(check, format!("no thread could be started: {}", error.kind()));
            }
        }
    }

    /// Answers for the checks whose time is over. Their threads get no more work and end when they can.
    fn leave_behind(&mut self) {
        let now = Instant::now();
        let (late, in_time): (Vec<_>, Vec<_>) =
            self.running.drain(..).partition(|running| running.deadline <= now);
        self.running = in_time;
        for Running { check, .. } in late {
            self.unmeasured(check, self.timed_out());
        }
    }

    fn unmeasured(&mut self, check: &Check, reason: String) {
        self.observations.push(Observation { reason, ..broken(check, self.started) });
    }
}

/// One probe that panics is one check without a measurement, not an agent that is gone.
fn broken(check: &Check, at: Timestamp) -> Observation {
    Observation {
        check: check.id.clone(),
        at,
        verdict: Verdict::Error,
        expected: check.expected.clone(),
        observed: String::new(),
        reason: "the probe broke; this is a defect of the agent".into(),
        location: String::new(),
    }
}
