//! What a check found, and whether that is still fresh enough to say so.

use serde::{Deserialize, Serialize};

use crate::Timestamp;

/// The outcome of one check on one asset. There is no "warning": a check has a severity instead.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// Measured, and as expected.
    Pass,
    /// Measured, and not as expected.
    Fail,
    /// It could not be decided: a tool is missing, an answer was not understood.
    Unknown,
    /// The measurement itself broke: permission denied, time-out.
    Error,
    /// The platform or the asset's role says that this check has no meaning here.
    NotApplicable,
}

/// The text names no verdict.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("unknown verdict {0:?}")]
pub struct UnknownVerdict(pub String);

impl Verdict {
    /// Every verdict, in the order of declaration.
    pub const ALL: [Self; 5] = [Self::Pass, Self::Fail, Self::Unknown, Self::Error, Self::NotApplicable];

    /// The spelling used in storage, on the wire and in statements.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pass => "pass",
            Self::Fail => "fail",
            Self::Unknown => "unknown",
            Self::Error => "error",
            Self::NotApplicable => "not_applicable",
        }
    }

    /// Whether something was measured: only `pass` and `fail` are.
    pub const fn is_assessed(self) -> bool {
        matches!(self, Self::Pass | Self::Fail)
    }
}

impl std::fmt::Display for Verdict {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

impl std::str::FromStr for Verdict {
    type Err = UnknownVerdict;

    fn from_str(text: &str) -> Result<Self, UnknownVerdict> {
        Self::ALL.into_iter().find(|v| v.as_str() == text).ok_or_else(|| UnknownVerdict(text.to_owned()))
    }
}

/// Whether a verdict is recent enough to stand on its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Freshness {
    /// Confirmed within the time that the check allows.
    Fresh,
    /// Last confirmed too long ago: shown as stale, counted as not assessed.
    Stale,
}

impl Freshness {
    /// Judges a confirmation at `confirmed` as of `now`; `fresh_for` is how long a confirmation holds.
    pub fn judge(confirmed: Timestamp, now: Timestamp, fresh_for: chrono::TimeDelta) -> Self {
        if now.signed_duration_since(confirmed) <= fresh_for { Self::Fresh } else { Self::Stale }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_spelling_round_trips_and_matches_serde() {
        for verdict in Verdict::ALL {
            assert_eq!(verdict.as_str().parse(), Ok(verdict));
            assert_eq!(serde_json::to_string(&verdict).expect("serialises"), format!("\"{verdict}\""));
        }
        assert!("warning".parse::<Verdict>().is_err());
    }

    #[test]
    fn only_pass_and_fail_are_assessed() {
        let assessed: Vec<_> = Verdict::ALL.into_iter().filter(|v| v.is_assessed()).collect();
        assert_eq!(assessed, [Verdict::Pass, Verdict::Fail]);
    }

    #[test]
    fn stale_begins_after_the_allowed_age() {
        let confirmed = chrono::DateTime::from_timestamp(1_000, 0).expect("in range");
        let hour = chrono::TimeDelta::hours(1);
        assert_eq!(Freshness::judge(confirmed, confirmed + hour, hour), Freshness::Fresh);
        let later = confirmed + hour + chrono::TimeDelta::seconds(1);
        assert_eq!(Freshness::judge(confirmed, later, hour), Freshness::Stale);
    }
}
