//! What was last stated about one asset: enough to know what changed, and to confirm that nothing did.

use std::collections::BTreeMap;

use proofline_core::{Timestamp, Verdict};
use proofline_evidence::Digest;
use proofline_evidence::statement::{Body, CheckResult, StateLine, state_digest};
use serde::{Deserialize, Serialize};

use super::Observed;
use super::fit::{self, Fitted};

/// The longest time without a statement about an asset that is being observed, in seconds.
pub const HEARTBEAT_S: i64 = 3600;

/// A cycle that comes this many seconds early still makes the hourly statement: the next one may be minutes late.
const HEARTBEAT_SLACK_S: i64 = 300;

/// Kept as a note in the queue, changed only together with a statement.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct AssetState {
    /// Catalogue of the last run; another one is a reason to state everything.
    catalogue: Option<Digest>,
    /// Every check since the last run that stated everything.
    checks: BTreeMap<String, Line>,
    /// Number of the statement that last changed something; 0 before the first.
    pub changed_seq: u64,
    stated_at: Option<Timestamp>,
    epoch: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct Line {
    verdict: Verdict,
    observed: Digest,
}

impl AssetState {
    /// The digest of the whole state.
    pub fn digest(&self) -> Digest {
        state_digest(self.checks.iter().map(|(check, line)| StateLine {
            check,
            verdict: line.verdict,
            observed: line.observed,
        }))
    }

    /// Whether everything was stated under this catalogue.
    pub(super) fn is_of(&self, catalogue: Digest) -> bool {
        self.catalogue == Some(catalogue)
    }

    /// The last stated verdict of `check`.
    pub fn verdict(&self, check: &str) -> Option<Verdict> {
        self.checks.get(check).map(|line| line.verdict)
    }

    /// Whether a statement about this asset is due at `now`.
    pub fn is_due(&self, now: Timestamp) -> bool {
        self.changed_seq > 0
            && self
                .stated_at
                .is_none_or(|at| (now - at).num_seconds() >= HEARTBEAT_S - HEARTBEAT_SLACK_S || at > now)
    }

    /// The same state in `epoch`: if it is of an earlier one, everything has to be stated again.
    pub(super) fn in_epoch(mut self, epoch: u64) -> Self {
        if self.epoch != epoch {
            self.catalogue = None;
            self.epoch = epoch;
        }
        self
    }

    /// Takes over what an event says about the state: the second observation of a heal.
    pub(super) fn follow_event(&mut self, event: &Body) {
        if let Body::Heal(heal) = event {
            self.observe(&heal.after);
        }
    }

    fn observe(&mut self, result: &CheckResult) -> bool {
        let line = Line { verdict: result.verdict, observed: result.observed_digest() };
        self.checks.insert(result.check.clone(), line) != Some(line)
    }

    /// Takes over what differs in `observed` and returns the check runs that say it; none where nothing does.
    pub(super) fn changes(&mut self, observed: &Observed, catalogue: Digest) -> Vec<Fitted> {
        let mut results: Vec<CheckResult> = observed.results.iter().map(fit::result).collect();
        if self.is_of(catalogue) {
            results.retain(|result| self.observe(result));
        } else if observed.whole {
            self.checks.clear();
            results.retain(|result| self.observe(result));
            self.catalogue = Some(catalogue);
        } else {
            // A part cannot state everything; the next whole cycle will.
            return Vec::new();
        }
        if results.is_empty() {
            return Vec::new();
        }
        fit::runs(results, self.digest()).collect()
    }

    /// Remembers the statement `seq`, whether it changed something, and when it vouched for the whole state.
    pub(super) fn stated(&mut self, seq: u64, changed: bool, vouched_at: Option<Timestamp>) {
        if changed {
            self.changed_seq = seq;
        }
        self.stated_at = vouched_at.or(self.stated_at);
    }
}
