//! The states and their spelling.

use serde::{Deserialize, Serialize};

/// Where an incident stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// Failing, and nobody acts yet.
    Open,
    /// A runbook runs.
    Healing,
    /// The runbook is done; the check is measured again.
    Verifying,
    /// Measured again, and passing.
    Resolved,
    /// A plan is ready and a person must agree.
    AwaitingApproval,
    /// Handed to people.
    Escalated,
    /// Accepted for a while: an exception or a maintenance window.
    Suppressed,
    /// Out of scope: the check has no meaning here any more.
    Closed,
}

/// The text names no state.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("unknown incident state {0:?}")]
pub struct UnknownState(pub String);

impl State {
    /// Every state, in the order of declaration.
    pub const ALL: [Self; 8] = [
        Self::Open,
        Self::Healing,
        Self::Verifying,
        Self::Resolved,
        Self::AwaitingApproval,
        Self::Escalated,
        Self::Suppressed,
        Self::Closed,
    ];

    /// The spelling used in storage, on the wire and in statements.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Healing => "healing",
            Self::Verifying => "verifying",
            Self::Resolved => "resolved",
            Self::AwaitingApproval => "awaiting_approval",
            Self::Escalated => "escalated",
            Self::Suppressed => "suppressed",
            Self::Closed => "closed",
        }
    }

    /// Whether someone or something still has to act, now or later.
    pub const fn is_live(self) -> bool {
        !matches!(self, Self::Resolved | Self::Closed)
    }
}

impl std::fmt::Display for State {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

impl std::str::FromStr for State {
    type Err = UnknownState;

    fn from_str(text: &str) -> Result<Self, UnknownState> {
        Self::ALL.into_iter().find(|s| s.as_str() == text).ok_or_else(|| UnknownState(text.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_spelling_round_trips_and_matches_serde() {
        for state in State::ALL {
            assert_eq!(state.as_str().parse(), Ok(state));
            assert_eq!(serde_json::to_string(&state).expect("serialises"), format!("\"{state}\""));
        }
        assert!("closed(out_of_scope)".parse::<State>().is_err());
    }
}
