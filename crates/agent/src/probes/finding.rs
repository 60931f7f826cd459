//! What a probe comes back with, and the reasons for coming back with nothing.

use proofline_core::Verdict;

use crate::host::HostError;

/// A probe's answer: a finding, or why there is none. `?` ends a probe with an honest non-verdict.
pub(super) type Outcome = Result<Finding, Unmeasured>;

/// A measurement: only `pass` and `fail` come with a reading.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Finding {
    pub(super) passed: bool,
    pub(super) observed: String,
    pub(super) reason: String,
    pub(super) location: String,
}

impl Finding {
    /// Measured and as expected.
    pub(super) fn pass(observed: impl Into<String>, location: impl Into<String>) -> Self {
        Self { passed: true, observed: observed.into(), reason: String::new(), location: location.into() }
    }

    /// Measured and not as expected.
    pub(super) fn fail(
        observed: impl Into<String>,
        reason: impl Into<String>,
        location: impl Into<String>,
    ) -> Self {
        Self { passed: false, observed: observed.into(), reason: reason.into(), location: location.into() }
    }

    /// Passes when nothing offends; otherwise the offenders are what was observed.
    pub(super) fn offenders(
        offenders: Vec<String>,
        nothing: &str,
        reason: &str,
        location: impl Into<String>,
    ) -> Self {
        if offenders.is_empty() {
            Self::pass(nothing, location)
        } else {
            Self::fail(enumerate(offenders), reason, location)
        }
    }
}

/// Why there is no measurement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Unmeasured {
    why: Why,
    pub(super) reason: String,
    pub(super) location: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Why {
    NotApplicable,
    Unknown,
    Error,
}

impl Unmeasured {
    /// The machine lacks the very thing that the check is about.
    pub(super) fn not_applicable(reason: impl Into<String>) -> Self {
        Self { why: Why::NotApplicable, reason: reason.into(), location: String::new() }
    }

    /// A tool is missing, or its answer was not understood.
    pub(super) fn unknown(reason: impl Into<String>, location: impl Into<String>) -> Self {
        Self { why: Why::Unknown, reason: reason.into(), location: location.into() }
    }

    /// Looking was refused or took too long.
    pub(super) fn error(reason: impl Into<String>, location: impl Into<String>) -> Self {
        Self { why: Why::Error, reason: reason.into(), location: location.into() }
    }

    /// The host's refusal to read `location`. What is not there is unknown, everything else an error.
    pub(super) fn from_host(error: &HostError, location: &str) -> Self {
        match error {
            HostError::NotFound => Self::unknown(format!("{location} was not found"), location),
            HostError::Denied => Self::error(format!("the agent's user may not read {location}"), location),
            HostError::TimedOut => Self::error(format!("{location} took too long"), location),
            HostError::TooLarge => {
                Self::error(format!("{location} is larger than the agent reads"), location)
            }
            HostError::Failed(text) => Self::error(format!("{location} could not be read: {text}"), location),
        }
    }

    pub(super) fn verdict(&self) -> Verdict {
        match self.why {
            Why::NotApplicable => Verdict::NotApplicable,
            Why::Unknown => Verdict::Unknown,
            Why::Error => Verdict::Error,
        }
    }
}

/// At most twelve items in a stable order, the rest counted.
pub(super) fn enumerate(mut items: Vec<String>) -> String {
    const SHOWN: usize = 12;
    items.sort();
    items.dedup();
    let hidden = items.len().saturating_sub(SHOWN);
    items.truncate(SHOWN);
    let mut text = items.join(", ");
    if hidden > 0 {
        text = format!("{text} and {hidden} more");
    }
    text
}

/// The text without control characters and cut to `max` bytes at a character.
pub(super) fn clip(text: &str, max: usize) -> String {
    let mut clean = String::with_capacity(text.len().min(max));
    for letter in text.chars() {
        let letter = if letter.is_control() { ' ' } else { letter };
        if clean.len() + letter.len_utf8() > max {
            break;
        }
        clean.push(letter);
    }
    clean
}
