//! What was tried before: the memory that cooldowns, attempt limits, futility and blast radius are judged by.
//!
//! Both parts survive restarts; whoever stores them stores them as they are.

use chrono::TimeDelta;
use proofline_catalog::AssetRole;
use proofline_catalog::canonical::Digest;
use proofline_core::{IncidentId, Timestamp};
use serde::{Deserialize, Serialize};

/// More than any rule may attempt for one opening.
const ATTEMPTS_KEPT: usize = 16;
/// As many as the highest limit of a blast radius.
const HEALS_KEPT: usize = 1000;

/// How an attempt ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AttemptOutcome {
    /// Every step reported success and the check passed afterwards.
    Resolved,
    /// Every step reported success and the check did not pass.
    NotEffective,
    /// A step failed.
    Failed,
    /// It was cut short.
    Interrupted,
}

/// One run of a runbook for one incident.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Attempt {
    /// When it started.
    pub at: Timestamp,
    /// The content hash of the rule that asked for it.
    pub rule: Digest,
    /// The incident.
    pub incident: IncidentId,
    /// The incident's recurrences at that time: attempts are counted per opening.
    pub recurrence: u32,
    /// How it ended.
    pub outcome: AttemptOutcome,
}

/// The attempts for one check on one asset, oldest first, the latest 16.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct History(Vec<Attempt>);

impl History {
    /// Adds an attempt.
    pub fn push(&mut self, attempt: Attempt) {
        if self.0.len() >= ATTEMPTS_KEPT {
            self.0.remove(0);
        }
        self.0.push(attempt);
    }

    /// The attempts, oldest first.
    pub fn attempts(&self) -> &[Attempt] {
        &self.0
    }

    /// The attempts of one rule, latest first.
    pub(crate) fn of_rule(&self, rule: Digest) -> impl Iterator<Item = &Attempt> {
        self.0.iter().rev().filter(move |attempt| attempt.rule == rule)
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Heal {
    at: Timestamp,
    roles: Vec<AssetRole>,
}

/// Every heal that this agent started lately, whatever the asset or rule. No agent knows of another's: the limits that a
/// rule calls "per site" hold for each agent of the site.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct HealLog(Vec<Heal>);

impl HealLog {
    /// Notes a heal that starts at `at` on an asset with `roles`, and forgets those that no longer count.
    pub fn note(&mut self, at: Timestamp, roles: &[AssetRole]) {
        self.0.retain(|heal| within_an_hour(heal.at, at));
        if self.0.len() >= HEALS_KEPT {
            self.0.remove(0);
        }
        self.0.push(Heal { at, roles: roles.to_vec() });
    }

    /// Heals in the hour around `now`: all of this agent, and those on assets that share a role with `roles` (or, like them, have
    /// none).
    pub(crate) fn last_hour(&self, now: Timestamp, roles: &[AssetRole]) -> (usize, usize) {
        let recent = || self.0.iter().filter(|heal| within_an_hour(heal.at, now));
        let alike = |heal: &Heal| {
            if roles.is_empty() {
                heal.roles.is_empty()
            } else {
                heal.roles.iter().any(|role| roles.contains(role))
            }
        };
        (recent().count(), recent().filter(|heal| alike(heal)).count())
    }
}

/// Either way round: a clock that was set back must not lift the limit.
fn within_an_hour(at: Timestamp, now: Timestamp) -> bool {
    now.signed_duration_since(at).abs() < TimeDelta::hours(1)
}
