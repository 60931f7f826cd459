//! Typed, bounded parameters of runbooks and how they are put into steps.
//!
//! A step's text may be exactly `{name}`; binding replaces the whole text. There is no interpolation inside a text, so a
//! value cannot change the meaning of what stands around it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// A value for a parameter.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum ParamValue {
    /// `true` or `false`.
    Bool(bool),
    /// A whole number.
    Int(i64),
    /// A choice, or a list joined by commas.
    Text(String),
}

impl ParamValue {
    fn as_text(&self) -> String {
        match self {
            Self::Bool(value) => (if *value { "yes" } else { "no" }).to_owned(),
            Self::Int(value) => value.to_string(),
            Self::Text(value) => value.clone(),
        }
    }
}

/// What a parameter may be, and what it is when nobody says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case", deny_unknown_fields)]
pub enum Parameter {
    /// A whole number in `min..=max`.
    Int {
        /// What it means, in plain English.
        description: String,
        /// Least value.
        min: i64,
        /// Greatest value.
        max: i64,
        /// Value when left out.
        default: i64,
    },
    /// One of `values`.
    Choice {
        /// What it means, in plain English.
        description: String,
        /// The values to choose from.
        values: Vec<String>,
        /// Value when left out.
        default: String,
    },
    /// Port numbers joined by commas, possibly none.
    Ports {
        /// What it means, in plain English.
        description: String,
        /// Most entries.
        max: u8,
        /// Value when left out.
        default: String,
    },
    /// Host names or addresses joined by commas, possibly none.
    Hosts {
        /// What it means, in plain English.
        description: String,
        /// Most entries.
        max: u8,
        /// Value when left out.
        default: String,
    },
}

/// Parameters do not fit a runbook.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BindError {
    /// The runbook has no such parameter.
    #[error("the runbook has no parameter {0:?}")]
    UnknownParameter(String),
    /// The value is of the wrong type or out of bounds.
    #[error("parameter {0:?} is out of its bounds")]
    OutOfBounds(String),
    /// A step refers to a parameter that is not declared.
    #[error("a step refers to {0:?}, which is no parameter")]
    UnknownPlaceholder(String),
    /// A bound step breaks the grammar of its action.
    #[error("step {step}: {problem}")]
    Step {
        /// Place of the step, from 1.
        step: usize,
        /// What is wrong with it.
        problem: String,
    },
}

impl Parameter {
    /// The value when nobody says.
    pub fn default_value(&self) -> ParamValue {
        match self {
            Self::Int { default, .. } => ParamValue::Int(*default),
            Self::Choice { default, .. } | Self::Ports { default, .. } | Self::Hosts { default, .. } => {
                ParamValue::Text(default.clone())
            }
        }
    }

    /// Whether `value` is of this type and in bounds.
    pub fn accepts(&self, value: &ParamValue) -> bool {
        match (self, value) {
            (Self::Int { min, max, .. }, ParamValue::Int(value)) => (min..=max).contains(&value),
            (Self::Choice { values, .. }, ParamValue::Text(value)) => values.contains(value),
            (Self::Ports { max, .. }, ParamValue::Text(value)) => {
                list(value, *max, |port| port.parse::<u16>().is_ok_and(|n| n > 0 && n.to_string() == port))
            }
            (Self::Hosts { max, .. }, ParamValue::Text(value)) => list(value, *max, is_host),
            (
                Self::Int { .. } | Self::Choice { .. } | Self::Ports { .. } | Self::Hosts { .. },
                ParamValue::Bool(_) | ParamValue::Int(_) | ParamValue::Text(_),
            ) => false,
        }
    }
}

fn list(text: &str, max: u8, accepts: impl Fn(&str) -> bool) -> bool {
    text.is_empty() || (text.split(',').count() <= usize::from(max) && text.split(',').all(accepts))
}

fn is_host(text: &str) -> bool {
    (1..=253).contains(&text.len())
        && text.starts_with(|c: char| c.is_ascii_alphanumeric())
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b':'))
}

/// Every parameter with its given or default value, as text.
pub(super) fn resolve(
    declared: &BTreeMap<String, Parameter>,
    given: &BTreeMap<String, ParamValue>,
) -> Result<BTreeMap<String, String>, BindError> {
    if let Some(unknown) = given.keys().find(|name| !declared.contains_key(*name)) {
        return Err(BindError::UnknownParameter(unknown.clone()));
    }
    declared
        .iter()
        .map(|(name, parameter)| {
            let value = given.get(name).cloned().unwrap_or_else(|| parameter.default_value());
            if parameter.accepts(&value) {
                Ok((name.clone(), value.as_text()))
            } else {
                Err(BindError::OutOfBounds(name.clone()))
            }
        })
        .collect()
}

/// The name in `{name}`, where the whole text is one placeholder.
pub(super) fn placeholder(text: &str) -> Option<&str> {
    let name = text.strip_prefix('{')?.strip_suffix('}')?;
    name.bytes().all(|b| b.is_ascii_lowercase() || b == b'_').then_some(name).filter(|name| !name.is_empty())
}

/// Replaces every placeholder in `value`, which is the JSON of a step.
pub(super) fn substitute(value: &mut Value, values: &BTreeMap<String, String>) -> Result<(), BindError> {
    match value {
        Value::String(text) => {
            if let Some(name) = placeholder(text) {
                let bound = values.get(name).ok_or_else(|| BindError::UnknownPlaceholder(name.to_owned()))?;
                text.clone_from(bound);
            }
            Ok(())
        }
        Value::Array(items) => items.iter_mut().try_for_each(|item| substitute(item, values)),
        Value::Object(members) => members.values_mut().try_for_each(|member| substitute(member, values)),
        Value::Null | Value::Bool(_) | Value::Number(_) => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_stay_in_their_bounds() {
        let tries = Parameter::Int { description: String::new(), min: 1, max: 6, default: 3 };
        assert!(tries.accepts(&ParamValue::Int(6)) && !tries.accepts(&ParamValue::Int(7)));
        assert!(!tries.accepts(&ParamValue::Text("3".into())));
        let ports = Parameter::Ports { description: String::new(), max: 2, default: String::new() };
        for (text, holds) in
            [("", true), ("22,443", true), ("22,443,1", false), ("0", false), ("022", false), ("22;", false)]
        {
            assert_eq!(ports.accepts(&ParamValue::Text(text.into())), holds, "{text:?}");
        }
        let hosts = Parameter::Hosts { description: String::new(), max: 2, default: String::new() };
        for (text, holds) in
            [("time.example,10.0.0.1", true), ("a b", false), ("-x", false), ("a\niburst", false)]
        {
            assert_eq!(hosts.accepts(&ParamValue::Text(text.into())), holds, "{text:?}");
        }
    }

    #[test]
    fn only_a_whole_text_is_a_placeholder() {
        assert_eq!(placeholder("{tries}"), Some("tries"));
        for text in ["x{tries}", "{}", "{Tries}", "{tries} ", "tries"] {
            assert_eq!(placeholder(text), None, "{text:?}");
        }
    }
}
