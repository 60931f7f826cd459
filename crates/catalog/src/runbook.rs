//! Runbooks as data: typed, reversible steps that answer a failing check.
//!
//! A runbook detects whether it fits, remediates, verifies and rolls back. Rolling back restores the state that the
//! executor captured before each step and then makes it effective again ([`Runbook::rollback`]). [`Runbook::bind`] is the
//! only way from data to something that may run: it fills in parameters and refuses what breaks a grammar. This module
//! knows nothing of files or processes.

mod action;
mod grammar;
mod parameter;

use std::collections::BTreeMap;

use proofline_core::Severity;
use serde::{Deserialize, Serialize};

pub use action::{
    Action, AllowedCommand, Detect, LOGIN_DEFS_KEYS, PackageOperation, Reload, SSHD_KEYWORDS,
    ServiceOperation, Verify,
};
pub use parameter::{BindError, ParamValue, Parameter};

use crate::canonical::Digest;
use crate::check::Platform;
use crate::rule::is_dotted_name;

/// One runbook as written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Runbook {
    /// Stable name, lower-case words joined by dots.
    pub id: String,
    /// Raised with every change. At least 1.
    pub version: u32,
    /// One line in plain English.
    pub title: String,
    /// What it changes and what people will notice, in plain English.
    pub description: String,
    /// The platforms that it is for.
    pub platforms: Vec<Platform>,
    /// How much the failing check matters, as in the catalogue of checks.
    pub severity: Severity,
    /// Whether people at the clinic may notice an interruption.
    pub disruptive: bool,
    /// The checks that it answers.
    pub checks: Vec<String>,
    /// What may be varied.
    #[serde(default)]
    pub parameters: BTreeMap<String, Parameter>,
    /// What must be so before anything is changed.
    #[serde(default)]
    pub detect: Vec<Detect>,
    /// Why nothing has to be so before, where `detect` is empty.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub no_detect: Option<String>,
    /// The changes, in order.
    pub remediate: Vec<Action>,
    /// What must be so afterwards, besides the check itself.
    pub verify: Vec<Verify>,
    /// What reads its settings again once the captured state is back.
    #[serde(default)]
    pub rollback: Vec<Reload>,
}

/// A runbook with its parameters filled in: exactly what would run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BoundRunbook {
    /// The runbook's id.
    pub id: String,
    /// The runbook's version.
    pub version: u32,
    /// Whether people may notice.
    pub disruptive: bool,
    /// Preconditions.
    pub detect: Vec<Detect>,
    /// Changes, in order.
    pub remediate: Vec<Action>,
    /// Postconditions.
    pub verify: Vec<Verify>,
    /// What reads its settings again after a rollback.
    pub rollback: Vec<Reload>,
}

/// A runbook is malformed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RunbookError {
    /// Not lower-case words joined by dots.
    #[error("{0:?} is not lower-case words joined by dots")]
    Name(String),
    /// A field that must say something says nothing.
    #[error("{0} is empty")]
    Empty(&'static str),
    /// A parameter's default is out of its own bounds.
    #[error("the default of {0:?} is out of its bounds")]
    Default(String),
    /// A step reloads something that a rollback would leave with the new settings.
    #[error("{0:?} is reloaded by a step and not by the rollback")]
    NotReloadedOnRollback(Reload),
    /// Its steps do not bind with the defaults.
    #[error(transparent)]
    Bind(#[from] BindError),
}

impl Runbook {
    /// SHA-256 of the canonical JSON of the whole runbook.
    pub fn digest(&self) -> Digest {
        Digest::of(self)
    }

    /// Fills in `given` parameters and defaults, and checks the grammar of every step.
    pub fn bind(&self, given: &BTreeMap<String, ParamValue>) -> Result<BoundRunbook, BindError> {
        let values = parameter::resolve(&self.parameters, given)?;
        let bound = BoundRunbook {
            id: self.id.clone(),
            version: self.version,
            disruptive: self.disruptive,
            detect: self.detect.clone(),
            remediate: bind_all(&self.remediate, &values)?,
            verify: bind_all(&self.verify, &values)?,
            rollback: self.rollback.clone(),
        };
        let problems = (bound.detect.iter().map(Detect::problem))
            .chain(bound.remediate.iter().map(Action::problem))
            .chain(bound.verify.iter().map(Verify::problem));
        match problems.enumerate().find_map(|(place, problem)| Some((place + 1, problem?))) {
            Some((step, problem)) => Err(BindError::Step { step, problem }),
            None => Ok(bound),
        }
    }

    /// Checks what the types cannot. A runbook that passes binds with its defaults.
    pub fn check(&self) -> Result<(), RunbookError> {
        for name in self.checks.iter().chain([&self.id]) {
            if !is_dotted_name(name) {
                return Err(RunbookError::Name(name.clone()));
            }
        }
        let filled = [
            ("version", self.version > 0),
            ("title", !self.title.is_empty()),
            ("description", !self.description.is_empty()),
            ("platforms", !self.platforms.is_empty()),
            ("checks", !self.checks.is_empty()),
            ("remediate", !self.remediate.is_empty()),
            ("verify", !self.verify.is_empty()),
        ];
        if let Some((field, _)) = filled.into_iter().find(|(_, holds)| !holds) {
            return Err(RunbookError::Empty(field));
        }
        if let Some((name, _)) = self.parameters.iter().find(|(_, p)| !p.accepts(&p.default_value())) {
            return Err(RunbookError::Default(name.clone()));
        }
        let unmatched = self.remediate.iter().find_map(|action| match action {
            Action::Reload { what } if !self.rollback.contains(what) => Some(*what),
            _ => None,
        });
        if let Some(what) = unmatched {
            return Err(RunbookError::NotReloadedOnRollback(what));
        }
        self.bind(&BTreeMap::new())?;
        Ok(())
    }
}

fn bind_all<T: Serialize + serde::de::DeserializeOwned>(
    steps: &[T],
    values: &BTreeMap<String, String>,
) -> Result<Vec<T>, BindError> {
    let mut json = serde_json::to_value(steps).expect("steps are plain data");
    parameter::substitute(&mut json, values)?;
    Ok(serde_json::from_value(json).expect("only texts were replaced by texts"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn runbook() -> Runbook {
        serde_json::from_value(json!({
            "id": "linux.ssh.limit_tries", "version": 1, "title": "Limit tries", "description": "Fewer guesses.",
            "platforms": ["linux"], "severity": "medium", "disruptive": false, "checks": ["linux.ssh.max_auth_tries"],
            "parameters": {"tries": {"type": "int", "description": "Tries", "min": 1, "max": 4, "default": 3}},
            "detect": [{"detect": "file_exists", "path": "/etc/ssh/sshd_config"}],
            "remediate": [{"action": "sshd_drop_in", "keyword": "MaxAuthTries", "value": "{tries}"},
                          {"action": "reload", "what": "sshd"}],
            "verify": [{"verify": "sshd_config_valid"}, {"verify": "sshd_effective", "keyword": "MaxAuthTries", "value": "{tries}"}],
            "rollback": ["sshd"]
        }))
        .expect("a runbook")
    }

    #[test]
    fn binding_fills_in_defaults_and_refuses_the_rest() {
        assert_eq!(runbook().check(), Ok(()));
        let given = |value| BTreeMap::from([("tries".to_owned(), value)]);
        let bound = runbook().bind(&given(ParamValue::Int(2))).expect("in bounds");
        assert_eq!(
            bound.remediate[0],
            Action::SshdDropIn { keyword: "MaxAuthTries".into(), value: "2".into() }
        );
        assert_eq!(
            bound.verify[1],
            Verify::SshdEffective { keyword: "MaxAuthTries".into(), value: "2".into() }
        );
        assert_eq!(runbook().bind(&given(ParamValue::Int(9))), Err(BindError::OutOfBounds("tries".into())));
        let unknown = BTreeMap::from([("other".to_owned(), ParamValue::Int(1))]);
        assert_eq!(runbook().bind(&unknown), Err(BindError::UnknownParameter("other".into())));
    }

    #[test]
    fn a_reload_that_a_rollback_forgets_is_refused() {
        let forgetful = Runbook { rollback: Vec::new(), ..runbook() };
        assert_eq!(forgetful.check(), Err(RunbookError::NotReloadedOnRollback(Reload::Sshd)));
    }

    #[test]
    fn actions_outside_the_set_do_not_parse() {
        for step in
            [json!({"action": "shell", "run": "id"}), json!({"action": "reload", "what": "sshd", "also": 1})]
        {
            assert!(serde_json::from_value::<Action>(step.clone()).is_err(), "{step}");
        }
    }
}
