//! What a check read, as healing sees it.

use proofline_core::{Timestamp, Verdict};
use serde::{Deserialize, Serialize};

/// One measurement of one check on one asset.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Observation {
    /// The check's id.
    pub check: String,
    /// When it was read.
    pub at: Timestamp,
    /// The outcome.
    pub verdict: Verdict,
    /// What a pass would have shown.
    pub expected: String,
    /// What was there.
    pub observed: String,
    /// Why the verdict is what it is, where that is not plain.
    pub reason: String,
    /// Where it was read.
    pub location: String,
}

impl Observation {
    /// In one line, for a cause that a person reads; at most 300 characters.
    pub fn summary(&self) -> String {
        let text = if self.reason.is_empty() {
            format!("{}: observed {:?}, expected {:?}", self.verdict, self.observed, self.expected)
        } else {
            format!("{}: {}", self.verdict, self.reason)
        };
        text.chars().take(300).collect()
    }
}
