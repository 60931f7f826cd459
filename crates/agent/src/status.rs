//! What the running agent tells `status` and `doctor`: a small file, replaced after every check-in and cycle.
//!
//! The queue belongs to the running agent alone, so nobody else can ask it. The file may be lost at any time.

use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use proofline_core::{ApplianceId, Mode, SiteId, Timestamp, Verdict};
use proofline_protocol::{LastCycle, LocalOverride};
use serde::{Deserialize, Serialize};

use crate::files;
use crate::identity::{Identity, StateDir};
use crate::sync::alarm::Alarm;

const LIMIT: u64 = 256 * 1024;

/// Everything that `status` shows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Status {
    /// The agent's version.
    pub version: String,
    /// Its process.
    pub pid: u32,
    /// When it started.
    pub started: Timestamp,
    /// When this was written.
    pub updated: Timestamp,
    /// Who it is.
    pub appliance: ApplianceId,
    /// Where it stands.
    pub site: SiteId,
    /// With whom it speaks.
    pub server: String,
    /// The mode in effect.
    pub mode: Mode,
    /// The clinic's own decision.
    pub local_override: Option<LocalOverride>,
    /// Why the clinic's file is not understood, if it is not.
    pub override_problem: Option<String>,
    /// The rule set in effect.
    pub rules_version: u64,
    /// Why it may only be watched, if it may.
    pub rules_problem: Option<String>,
    /// The last check-in that the server answered.
    pub last_check_in: Option<Timestamp>,
    /// Check-ins in a row that failed since then.
    pub failed_check_ins: u32,
    /// The machine's clock minus the server's.
    pub clock_offset_ms: Option<i64>,
    /// Statements that wait.
    pub outbox_depth: u64,
    /// Since when the oldest of them waits.
    pub outbox_oldest: Option<Timestamp>,
    /// No statements can be made, and therefore nothing is healed.
    pub suspended: bool,
    /// Entries of the site's log as of the last accepted checkpoint.
    pub log_size: u64,
    /// The names of the credentials that are held.
    #[serde(default)]
    pub credentials: Vec<String>,
    /// The last cycle.
    pub last_cycle: Option<LastCycle>,
    /// How many checks have which verdict.
    pub verdicts: Vec<(Verdict, u32)>,
    /// Checks with an open incident.
    pub incidents: Vec<String>,
    /// What somebody must look at, gravest first.
    pub alarms: Vec<Alarm>,
}

impl Status {
    /// The status of an agent that just started.
    pub fn starting(identity: &Identity, now: Timestamp) -> Self {
        Self {
            version: env!("CARGO_PKG_VERSION").into(),
            pid: std::process::id(),
            started: now,
            updated: now,
            appliance: identity.appliance,
            site: identity.site,
            server: identity.route.server.to_string(),
            mode: identity.mode,
            local_override: None,
            override_problem: None,
            rules_version: 0,
            rules_problem: None,
            last_check_in: None,
            failed_check_ins: 0,
            clock_offset_ms: None,
            outbox_depth: 0,
            outbox_oldest: None,
            suspended: false,
            log_size: 0,
            credentials: Vec::new(),
            last_cycle: None,
            verdicts: Vec::new(),
            incidents: Vec::new(),
            alarms: Vec::new(),
        }
    }

    /// What the last agent that ran here wrote.
    pub fn read(state: &StateDir) -> Option<Self> {
        serde_json::from_slice(&files::read(&state.status(), LIMIT).ok()??).ok()
    }

    /// Whether the process that wrote it is still there.
    pub fn is_running(&self) -> bool {
        let pid = i32::try_from(self.pid).ok().and_then(rustix::process::Pid::from_raw);
        pid.is_some_and(|pid| {
            // Not permitted means that there is such a process.
            !matches!(rustix::process::test_kill_process(pid), Err(rustix::io::Errno::SRCH))
        })
    }
}

/// The status in memory, shared between threads; every update is written out.
#[derive(Debug)]
pub struct Board {
    path: PathBuf,
    status: Mutex<Status>,
}

impl Board {
    /// A board that writes to the state folder.
    pub fn new(state: &StateDir, status: Status) -> Self {
        Self { path: state.status(), status: Mutex::new(status) }
    }

    /// Changes the status at `now` and writes it. A failure to write is only logged: nothing depends on the file.
    pub fn update(&self, now: Timestamp, change: impl FnOnce(&mut Status)) {
        let mut status = self.status.lock().unwrap_or_else(PoisonError::into_inner);
        change(&mut status);
        status.updated = now;
        let bytes = serde_json::to_vec_pretty(&*status).unwrap_or_default();
        if let Err(error) = files::replace(&self.path, &bytes) {
            tracing::debug!(%error, "the status file cannot be written");
        }
    }

    /// The status as it is.
    pub fn read(&self) -> Status {
        self.status.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}
