//! How far healing may go on its own.

use serde::{Deserialize, Serialize};

/// Ordered from most careful to least: where several apply, the smallest wins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// Observe and record; change nothing.
    Audit,
    /// Propose, and change what a person approved.
    Ask,
    /// Change what a signed rule allows.
    Enforce,
}

/// The text names no mode.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("unknown mode {0:?}")]
pub struct UnknownMode(pub String);

impl Mode {
    /// Every mode, most careful first.
    pub const ALL: [Self; 3] = [Self::Audit, Self::Ask, Self::Enforce];

    /// The spelling used in storage and on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Audit => "audit",
            Self::Ask => "ask",
            Self::Enforce => "enforce",
        }
    }
}

impl std::fmt::Display for Mode {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

impl std::str::FromStr for Mode {
    type Err = UnknownMode;

    fn from_str(text: &str) -> Result<Self, UnknownMode> {
        Self::ALL.into_iter().find(|m| m.as_str() == text).ok_or_else(|| UnknownMode(text.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_most_careful_mode_is_the_smallest() {
        assert_eq!(Mode::ALL.into_iter().min(), Some(Mode::Audit));
        for mode in Mode::ALL {
            assert_eq!(mode.as_str().parse(), Ok(mode));
        }
        assert!("auto".parse::<Mode>().is_err());
    }
}
