//! What a refusal looks like to the agent: RFC 9457, reduced to what it acts on.

use serde::{Deserialize, Serialize};

/// The members of `application/problem+json` that an agent reads. It decides by `code` and shows `detail`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Problem {
    /// Stable and machine-readable, for example `replayed`.
    pub code: String,
    /// One sentence for a person.
    #[serde(default)]
    pub detail: String,
    /// The HTTP status.
    #[serde(default)]
    pub status: u16,
    /// Names this request in the server's log.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request_id: Option<String>,
}
