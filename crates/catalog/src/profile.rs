//! Framework profiles: the rule in force, and stricter readings of the same checks.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// Whether a profile is law.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ProfileStatus {
    /// Binding today.
    InForce,
    /// Proposed: shown as readiness, never mixed into the current score.
    Proposed,
}

/// One check measured against a stricter value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Threshold {
    /// The check.
    pub check: String,
    /// Probe parameters that replace those of the check.
    pub params: BTreeMap<String, serde_json::Value>,
    /// What the probe must observe under this profile, for people.
    pub expected: String,
    /// Where the stricter value comes from.
    pub rationale: String,
}

/// A named set of thresholds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Profile {
    /// Stable: `hipaa-current`, `hipaa-nprm-2025`.
    pub id: String,
    /// For people.
    pub title: String,
    /// Law or proposal.
    pub status: ProfileStatus,
    /// Where the text is published: an https address.
    pub source: String,
    /// `YYYY-MM-DD`: when somebody last compared the thresholds with the text.
    pub reviewed: String,
    /// The stricter values; empty where the checks' own values hold.
    #[serde(default)]
    pub thresholds: Vec<Threshold>,
}
