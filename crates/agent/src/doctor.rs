//! `doctor`: looks at everything that an appliance needs and says in plain words what is missing.
//!
//! It changes nothing and never opens the queue, which belongs to the running agent.

use std::path::Path;

use proofline_core::{Clock, Timestamp};
use serde::Serialize;

use crate::client::Client;
use crate::identity::{Identity, StateDir};
use crate::local_override::{self, Found};
use crate::status::Status;

/// Below this much free space the queue soon cannot grow: 100 MiB.
const LITTLE_SPACE: u64 = 100 << 20;

/// A status older than this was not written by a working agent: its check-ins come every minute.
const SILENT_S: i64 = 300;

/// A clock further off than this makes evidence hard to date, in milliseconds.
const OFF_MS: u64 = 1_000;

/// How grave a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Gravity {
    /// As it should be.
    Ok,
    /// Works, and somebody should know.
    Note,
    /// Does not work.
    Wrong,
}

/// One thing that was looked at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// What.
    pub subject: &'static str,
    /// How grave.
    pub gravity: Gravity,
    /// What was found, and what to do.
    pub detail: String,
}

impl Finding {
    fn ok(subject: &'static str, detail: impl Into<String>) -> Self {
        Self { subject, gravity: Gravity::Ok, detail: detail.into() }
    }

    fn note(subject: &'static str, detail: impl Into<String>) -> Self {
        Self { subject, gravity: Gravity::Note, detail: detail.into() }
    }

    fn wrong(subject: &'static str, detail: impl Into<String>) -> Self {
        Self { subject, gravity: Gravity::Wrong, detail: detail.into() }
    }
}

/// Looks at everything. `connect` makes the client for an identity.
pub fn examine(
    state: &StateDir,
    override_file: &Path,
    clock: &dyn Clock,
    connect: impl FnOnce(&Identity) -> Result<Client, String>,
) -> Vec<Finding> {
    let mut findings = vec![privileges(), folder(state)];
    match Identity::load(state) {
        Ok((identity, _)) => {
            findings.push(Finding::ok("identity", format!("{} at {}", identity.appliance, identity.site)));
            findings.push(server(&identity, connect));
        }
        Err(error) => findings.push(Finding::wrong("identity", error.to_string())),
    }
    findings.push(clinic(override_file, clock.now()));
    match Status::read(state) {
        Some(status) => findings.extend(running(&status, clock.now())),
        None => findings.push(Finding::wrong(
            "agent",
            "it never ran with this state folder: start `proofline-agent run`",
        )),
    }
    findings
}

fn privileges() -> Finding {
    if rustix::process::geteuid().is_root() {
        Finding::ok("privileges", "root: every check can read what it needs")
    } else {
        Finding::note("privileges", "not root: checks that need more will report an error, never a pass")
    }
}

fn folder(state: &StateDir) -> Finding {
    let path = state.path().display();
    match rustix::fs::statvfs(state.path()) {
        Err(error) => Finding::wrong("state folder", format!("{path} cannot be used: {error}")),
        Ok(space) => {
            let free = space.f_bavail.saturating_mul(space.f_frsize);
            let mib = free >> 20;
            if free < LITTLE_SPACE {
                Finding::wrong(
                    "state folder",
                    format!("{path} has only {mib} MiB left: evidence will not fit"),
                )
            } else {
                Finding::ok("state folder", format!("{path}, {mib} MiB free"))
            }
        }
    }
}

fn server(identity: &Identity, connect: impl FnOnce(&Identity) -> Result<Client, String>) -> Finding {
    let url = &identity.route.server;
    match connect(identity).and_then(|client| client.get("/health").map_err(|error| error.to_string())) {
        Ok(_) => Finding::ok("server", format!("{url} answers")),
        Err(error) => Finding::wrong("server", format!("{url}: {error}")),
    }
}

fn clinic(path: &Path, now: Timestamp) -> Finding {
    let shown = path.display();
    match local_override::read(path) {
        Found::Nothing => Finding::ok("local override", format!("none ({shown})")),
        Found::Decision(decision) => {
            let over = decision.paused_until.is_some_and(|until| until <= now);
            let tail = if over { "; the pause is over" } else { "" };
            Finding::note("local override", format!("{decision}{tail} ({shown})"))
        }
        Found::NotUnderstood(problem) => Finding::wrong(
            "local override",
            format!("{shown}: {problem}. Until it is mended, nothing is healed"),
        ),
    }
}

fn running(status: &Status, now: Timestamp) -> Vec<Finding> {
    let silent = (now - status.updated).num_seconds();
    let mut findings = vec![if !status.is_running() {
        Finding::wrong("agent", "it is not running: start `proofline-agent run`")
    } else if silent > SILENT_S {
        Finding::wrong("agent", format!("process {} has been silent for {silent} seconds", status.pid))
    } else {
        Finding::ok("agent", format!("version {}, process {}", status.version, status.pid))
    }];
    findings.push(match (status.last_check_in, status.failed_check_ins) {
        (Some(at), 0) => Finding::ok("check-in", format!("last answered at {at}")),
        (Some(at), failed) => Finding::wrong("check-in", format!("{failed} failed since {at}")),
        (None, failed) => Finding::wrong("check-in", format!("none was answered yet, {failed} failed")),
    });
    findings.push(match status.clock_offset_ms {
        None => Finding::note("clock", "not compared with the server's yet"),
        Some(off) if off.unsigned_abs() > OFF_MS => {
            Finding::wrong("clock", format!("{off} ms away from the server's: set up time synchronisation"))
        }
        Some(off) => Finding::ok("clock", format!("{off} ms away from the server's")),
    });
    findings.push(match (status.suspended, status.outbox_oldest) {
        (true, _) => Finding::wrong("evidence", "no statements can be made: make room on the disk"),
        (false, None) => {
            Finding::ok("evidence", format!("all of it is in the log of {} entries", status.log_size))
        }
        (false, Some(oldest)) => {
            Finding::note("evidence", format!("{} statements wait since {oldest}", status.outbox_depth))
        }
    });
    findings.extend(status.rules_problem.iter().map(|problem| {
        Finding::wrong("rules", format!("nothing is healed: {problem}; update the agent or Central Command"))
    }));
    findings.extend(status.alarms.iter().map(|alarm| {
        let healing = if alarm.kind.holds_healing().is_some() { "; nothing is healed" } else { "" };
        Finding::wrong("alarm", format!("{} (since {}){healing}", alarm.detail, alarm.since))
    }));
    findings
}
