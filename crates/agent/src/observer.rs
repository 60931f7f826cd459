//! The real [`Observer`]: every check of the embedded catalogue, taken on this machine by its probe.
//!
//! The checks of one call share one look at the machine and a few threads: most of a cycle is waiting for tools.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use proofline_catalog::{AssetRole, Catalog, Check, Platform};
use proofline_core::{Clock, Timestamp, Verdict};
use proofline_healing::Observation;

use crate::cycle::{Observer, Planned};
use crate::host::{CycleHost, Host, LocalHost};
use crate::probes::{self, Context, FileMemory, Memory};

/// How many probes run at a time: enough to overlap waiting, too few to be noticed by whoever works on the machine.
const THREADS: usize = 2;

/// Looks at a Linux machine.
pub struct MachineObserver {
    host: LocalHost,
    state_dir: PathBuf,
    memory: Arc<dyn Memory>,
}

impl MachineObserver {
    /// Looks at the machine whose `/` is `root`. `state_dir` is where the agent's own files lie.
    pub fn new(root: &Path, state_dir: PathBuf, clock: Arc<dyn Clock>) -> Self {
        let memory = Arc::new(FileMemory::new(state_dir.join(FileMemory::FILE)));
        Self { host: LocalHost::rooted(root, clock), state_dir, memory }
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
        let checks: Vec<&Check> = Catalog::embedded().checks().iter().filter(wanted).collect();
        let context = Context {
            platform: Platform::Linux,
            roles: roles.to_vec(),
            state_dir: self.state_dir.clone(),
            memory: Arc::clone(&self.memory),
        };
        let host = CycleHost::new(&self.host);
        let next = AtomicUsize::new(0);
        let run = || {
            let mut observations = Vec::new();
            while let Some(check) = checks.get(next.fetch_add(1, Ordering::Relaxed)) {
                let probe = AssertUnwindSafe(|| probes::run_for(check, &host, &context));
                observations.push(catch_unwind(probe).unwrap_or_else(|_| broken(check, host.now())));
            }
            observations
        };
        thread::scope(|scope| {
            let threads: Vec<_> = (1..THREADS).map(|_| scope.spawn(run)).collect();
            let mut observations = run();
            for thread in threads {
                observations.extend(thread.join().expect("every probe's panic is caught"));
            }
            observations
        })
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
