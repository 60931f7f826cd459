//! What was last stated about one asset: enough to know what changed, and to confirm that nothing did.

use std::collections::BTreeMap;

use proofline_core::{Timestamp, Verdict};
use proofline_evidence::Digest;
use proofline_evidence::statement::{Body, CheckResult, StateLine, state_digest};
use serde::{Deserialize, Serialize};

use super::{Observed, fit};

/// The longest time without a statement about an asset that is being observed, in seconds.
pub const HEARTBEAT_S: i64 = 3600;

/// A cycle that comes this many seconds early still makes the hourly statement: the next one may be minutes late.
const HEARTBEAT_SLACK_S: i64 = 300;

/// Kept as a note in the queue, changed only together with a statement.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct AssetState {
    /// Catalogue of the last run; another one is a reason to state everything.
    catalogue: Option<Digest>,
    /// Every check that was ever stated. None leaves: one that is measured no more is stated as not applicable.
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

    /// Takes over what differs in `observed` and returns the check runs that say it; none where nothing does.
    pub(super) fn changes(&mut self, observed: &Observed, catalogue: Digest) -> Vec<Body> {
        if observed.results.is_empty() {
            return Vec::new();
        }
        let all = self.catalogue != Some(catalogue);
        if all && !observed.complete {
            // A partial cycle cannot state everything; the next complete one will.
            return Vec::new();
        }
        let mut results: Vec<CheckResult> = observed.results.iter().map(fit::result).collect();
        if all {
            results.extend(self.departed(&results));
        }
        results.retain(|result| {
            let line = Line { verdict: result.verdict, observed: result.observed_digest() };
            self.checks.insert(result.check.clone(), line) != Some(line) || all
        });
        self.catalogue = Some(catalogue);
        if results.is_empty() {
            return Vec::new();
        }
        fit::runs(results, self.digest()).into_iter().map(Body::CheckRun).collect()
    }

    /// Results for checks that were stated and are measured no more.
    fn departed(&self, results: &[CheckResult]) -> Vec<CheckResult> {
        let measured = |check: &String| results.iter().any(|result| result.check == *check);
        let departed = self.checks.keys().filter(|check| !measured(check));
        departed
            .map(|check| CheckResult {
                check: check.clone(),
                verdict: Verdict::NotApplicable,
                expected: String::new(),
                observed: String::new(),
                reason: "this check is not part of the catalogue any more".into(),
                location: String::new(),
            })
            .collect()
    }

    /// Remembers the statement `seq` that confirmed the whole state.
    pub(super) fn stated(&mut self, seq: u64, changed: bool, at: Timestamp) {
        if changed {
            self.changed_seq = seq;
        }
        self.stated_at = Some(at);
    }
}
