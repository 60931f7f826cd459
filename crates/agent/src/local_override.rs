//! The clinic's own word: a small file on the machine that always wins.
//!
//! ```text
//! # at most this mode: audit, ask or enforce
//! mode = audit
//! # heal nothing before this time
//! paused_until = 2026-11-22T18:00:00Z
//! ```
//!
//! A file that cannot be understood is the most careful one: mode *audit* until somebody mends it. The file can only
//! hold healing back, never extend it.

use std::path::Path;

use chrono::DateTime;
use proofline_core::{Mode, Timestamp};
use proofline_protocol::LocalOverride;

use crate::files;

const LIMIT: u64 = 16 * 1024;

/// What the file says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Found {
    /// There is no file, or it holds only comments.
    Nothing,
    /// A decision.
    Decision(LocalOverride),
    /// Something that is not understood, and what. Counts as mode *audit*.
    NotUnderstood(String),
}

impl Found {
    /// What applies.
    pub fn effective(&self) -> Option<LocalOverride> {
        match self {
            Self::Nothing => None,
            Self::Decision(decision) => Some(*decision),
            Self::NotUnderstood(_) => Some(LocalOverride { mode: Some(Mode::Audit), paused_until: None }),
        }
    }

    /// The mode that is left of `mode`.
    pub fn cap(&self, mode: Mode) -> Mode {
        self.effective().and_then(|decision| decision.mode).map_or(mode, |cap| mode.min(cap))
    }

    /// Until when healing is paused, if it is at `now`.
    pub fn paused_until(&self, now: Timestamp) -> Option<Timestamp> {
        self.effective().and_then(|decision| decision.paused_until).filter(|until| *until > now)
    }
}

/// Reads the file.
pub fn read(path: &Path) -> Found {
    match files::read(path, LIMIT) {
        Ok(None) => Found::Nothing,
        Ok(Some(bytes)) => std::str::from_utf8(&bytes)
            .map_err(|_| "the file is not text".to_owned())
            .and_then(parse)
            .unwrap_or_else(Found::NotUnderstood),
        Err(error) => Found::NotUnderstood(format!("the file cannot be read: {error}")),
    }
}

/// Reads what the file says.
///
/// # Errors
/// With a sentence on the first line that is not understood.
pub fn parse(text: &str) -> Result<Found, String> {
    let mut decision = LocalOverride { mode: None, paused_until: None };
    for (number, line) in (1..).zip(text.lines()) {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let (name, value) =
            line.split_once('=').ok_or_else(|| format!("line {number} is not `name = value`"))?;
        match name.trim() {
            "mode" if decision.mode.is_none() => {
                let mode = value.trim().parse();
                decision.mode =
                    Some(mode.map_err(|_| format!("line {number}: mode is audit, ask or enforce"))?);
            }
            "paused_until" if decision.paused_until.is_none() => {
                let until = DateTime::parse_from_rfc3339(value.trim());
                let until =
                    until.map_err(|_| format!("line {number}: expected a time like 2026-11-22T18:00:00Z"))?;
                decision.paused_until = Some(until.to_utc());
            }
            _ => return Err(format!("line {number}: unknown or repeated name")),
        }
    }
    let empty = decision.mode.is_none() && decision.paused_until.is_none();
    Ok(if empty { Found::Nothing } else { Found::Decision(decision) })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: &str) -> Found {
        parse(text).unwrap_or_else(Found::NotUnderstood)
    }

    #[test]
    fn it_only_holds_back() {
        let ask = found("# careful\nmode = ask\n");
        assert_eq!(ask.cap(Mode::Enforce), Mode::Ask);
        assert_eq!(ask.cap(Mode::Audit), Mode::Audit);
        assert_eq!(found("").cap(Mode::Enforce), Mode::Enforce);
    }

    #[test]
    fn a_pause_ends() {
        let pause = found("paused_until=2026-11-22T18:00:00+01:00");
        let at = |text: &str| DateTime::parse_from_rfc3339(text).expect("a time").to_utc();
        assert_eq!(pause.paused_until(at("2026-11-22T16:59:59Z")), Some(at("2026-11-22T17:00:00Z")));
        assert_eq!(pause.paused_until(at("2026-11-22T17:00:00Z")), None);
    }

    #[test]
    fn what_is_not_understood_is_audit() {
        for text in
            ["mode = off", "mode", "pause = 1", "paused_until = tomorrow", "mode = ask\nmode = enforce"]
        {
            assert!(matches!(found(text), Found::NotUnderstood(_)), "{text}");
            assert_eq!(found(text).cap(Mode::Enforce), Mode::Audit);
        }
    }
}
