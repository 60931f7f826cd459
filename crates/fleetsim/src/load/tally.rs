//! What happened, counted, and the report.

use std::collections::BTreeMap;
use std::time::Duration;

use proofline_protocol::RejectCode;
use serde::Serialize;

use super::Mode;
use crate::fleet::Contradiction;
use crate::measure::{CallSummary, Calls, add, per_second};

const EXAMPLES: usize = 10;

/// The counts of one worker, or of all.
#[derive(Debug, Clone, Default)]
pub struct Tally {
    /// Check-ins.
    pub check_ins: Calls,
    /// Submissions, and questions where a signer stands.
    pub submissions: Calls,
    /// Entries made.
    pub made: u64,
    /// Entries acknowledged with a proof that held.
    pub acknowledged: u64,
    /// Entries refused, by code.
    pub rejected: BTreeMap<String, u64>,
    /// Entries made and not acknowledged at the end.
    pub waiting: u64,
    /// Answers that contradict earlier ones.
    pub contradictions: u64,
    /// A few of them.
    pub examples: Vec<String>,
}

impl Tally {
    /// Adds another worker's.
    pub fn merge(&mut self, other: &Self) {
        self.check_ins.merge(&other.check_ins);
        self.submissions.merge(&other.submissions);
        self.made += other.made;
        self.acknowledged += other.acknowledged;
        add(&mut self.rejected, &other.rejected);
        self.waiting += other.waiting;
        self.contradictions += other.contradictions;
        let room = EXAMPLES.saturating_sub(self.examples.len());
        self.examples.extend(other.examples.iter().take(room).cloned());
    }

    pub(super) fn contradiction(&mut self, ordinal: u32, contradiction: &Contradiction) {
        self.contradictions += 1;
        if self.examples.len() < EXAMPLES {
            self.examples.push(format!("appliance {ordinal}: {contradiction}"));
        }
    }

    pub(super) fn reject(&mut self, code: RejectCode) {
        *self.rejected.entry(code.to_string()).or_default() += 1;
    }
}

/// A run, as shown.
#[derive(Debug, Clone, Serialize)]
pub struct LoadReport {
    /// What was done.
    pub mode: &'static str,
    /// Appliances that took part.
    pub appliances: usize,
    /// Connections that they shared.
    pub connections: usize,
    /// How long it took.
    pub seconds: f64,
    /// Check-ins.
    pub check_ins: CallSummary,
    /// Submissions.
    pub submissions: CallSummary,
    /// Entries made.
    pub entries_made: u64,
    /// Entries acknowledged, each with a proof that held.
    pub entries_acknowledged: u64,
    /// The same per second.
    pub entries_per_second: f64,
    /// Entries made and not acknowledged when the run ended. Not lost: nobody promised to keep them.
    pub entries_waiting: u64,
    /// Entries refused, by code.
    pub rejected: BTreeMap<String, u64>,
    /// Answers that contradict what the server said before. Must be 0.
    pub contradictions: u64,
    /// A few of them.
    pub examples: Vec<String>,
}

impl LoadReport {
    pub(super) fn new(
        mode: Mode,
        appliances: usize,
        connections: usize,
        elapsed: Duration,
        tally: &Tally,
    ) -> Self {
        Self {
            mode: mode.as_str(),
            appliances,
            connections,
            seconds: elapsed.as_secs_f64(),
            check_ins: tally.check_ins.summary(elapsed),
            submissions: tally.submissions.summary(elapsed),
            entries_made: tally.made,
            entries_acknowledged: tally.acknowledged,
            entries_per_second: per_second(tally.acknowledged, elapsed),
            entries_waiting: tally.waiting,
            rejected: tally.rejected.clone(),
            contradictions: tally.contradictions,
            examples: tally.examples.clone(),
        }
    }

    /// Whether the server kept its word. Errors and delays are no breach: see [`Limits`].
    pub fn is_sound(&self) -> bool {
        self.contradictions == 0
    }

    /// Requests that failed and entries that were refused.
    pub fn errors(&self) -> u64 {
        self.check_ins.errors + self.submissions.errors + self.rejected.values().sum::<u64>()
    }

    /// Every limit that the run missed, in a sentence each.
    pub fn misses(&self, limits: &Limits) -> Vec<String> {
        let mut misses = Vec::new();
        let calls = [("check-ins", &self.check_ins), ("submissions", &self.submissions)];
        let asked = calls.iter().filter(|(_, calls)| calls.ok + calls.errors + calls.deferred > 0);
        if let Some(most) = limits.p99_ms {
            if asked.clone().next().is_none() {
                misses.push("nothing was asked, so there is no p99".to_owned());
            }
            for (name, calls) in asked {
                match calls.latency {
                    Some(found) if found.p99_ms <= most => {}
                    Some(found) => misses.push(format!(
                        "{name}: p99 {:.2} ms from the planned time, at most {most} ms",
                        found.p99_ms
                    )),
                    None => misses.push(format!("{name}: nothing succeeded, so there is no p99")),
                }
            }
        }
        if limits.no_errors {
            let deferred = self.check_ins.deferred + self.submissions.deferred;
            for (count, what) in [
                (self.errors(), "errors and refused entries"),
                (deferred, "requests deferred with 429 or 503"),
                (self.entries_waiting, "entries not acknowledged at the end"),
            ] {
                if count > 0 {
                    misses.push(format!("{count} {what}, none allowed"));
                }
            }
        }
        misses
    }
}

/// What a run may be required to keep to.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Limits {
    /// The longest 99th percentile of any kind of request, in milliseconds from the planned time.
    pub p99_ms: Option<f64>,
    /// Neither errors nor deferred requests, and every entry acknowledged.
    pub no_errors: bool,
}

impl std::fmt::Display for LoadReport {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        writeln!(
            f,
            "{}: {} appliances over {} connections, {:.1} s",
            self.mode, self.appliances, self.connections, self.seconds
        )?;
        if self.check_ins.ok + self.check_ins.errors + self.check_ins.deferred > 0 {
            writeln!(f, "  check-ins    {}", self.check_ins)?;
        }
        if self.submissions.ok + self.submissions.errors + self.submissions.deferred > 0 {
            writeln!(f, "  submissions  {}", self.submissions)?;
            writeln!(
                f,
                "  entries      {} made, {} acknowledged, {:.0}/s, {} waiting",
                self.entries_made, self.entries_acknowledged, self.entries_per_second, self.entries_waiting
            )?;
        }
        self.rejected.iter().try_for_each(|(code, count)| writeln!(f, "  rejected     {count} × {code}"))?;
        writeln!(f, "  contradictions {}", self.contradictions)?;
        self.examples.iter().try_for_each(|example| writeln!(f, "    {example}"))
    }
}
