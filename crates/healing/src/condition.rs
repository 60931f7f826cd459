//! Compiled conditions: what a rule's `field op value` comes to on one failing check.
//!
//! Semantics, exact because rules are signed and must mean the same everywhere:
//! - a field that is absent fails every test except `exists: false`;
//! - text equals a whole number when it reads as that number; ordering tests hold only between whole numbers;
//! - a list (roles, list-valued facts) satisfies `eq`, `in` and `matches` when one member does, `ne` and `not_in` when
//!   no member is equal, `contains` when a member is equal;
//! - regular expressions run in linear time, are at most 256 bytes long, compile to at most 256 KiB and see the first
//!   2 KiB of a text.

use std::collections::BTreeMap;

use proofline_catalog::AssetRole;
use proofline_catalog::rule::{Condition, Op, Operand, Scalar, Test};
use proofline_core::Severity;
use regex::{Regex, RegexBuilder};
use serde::{Deserialize, Serialize};

use crate::Observation;

const DEPTH_MAX: usize = 8;
const TESTS_MAX: usize = 64;
const PATTERN_MAX: usize = 256;
const COMPILED_MAX: usize = 256 * 1024;
const TEXT_SEEN: usize = 2048;

/// Something that the agent knows of an asset besides its checks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Fact {
    /// Yes or no.
    Bool(bool),
    /// A whole number.
    Int(i64),
    /// Text.
    Text(String),
    /// Several texts.
    List(Vec<String>),
}

/// What conditions can look at.
#[derive(Debug, Clone, Copy)]
pub struct Subject<'a> {
    /// The failing observation.
    pub observation: &'a Observation,
    /// The check's severity.
    pub severity: Severity,
    /// The asset's platform, as the catalogue spells it.
    pub platform: &'a str,
    /// What the asset is for.
    pub roles: &'a [AssetRole],
    /// How often the incident came back.
    pub recurrence: u32,
    /// Whole minutes since it was opened.
    pub failing_minutes: i64,
    /// Further facts by name.
    pub facts: &'a BTreeMap<String, Fact>,
}

/// A condition cannot be compiled.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ConditionError {
    /// Nested deeper than 8, or more than 64 tests.
    #[error("a condition is nested at most 8 deep and has at most 64 tests")]
    TooLarge,
    /// No such field.
    #[error("there is no field {0:?}")]
    UnknownField(String),
    /// The operator does not take this operand.
    #[error("{field} {op:?} does not take this value")]
    Operand {
        /// The field's name.
        field: String,
        /// The operator.
        op: Op,
    },
    /// Not a regular expression, or one that is too large.
    #[error("{0:?} is not a bounded regular expression")]
    Pattern(String),
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Field {
    Observed,
    Expected,
    Reason,
    Location,
    Severity,
    Platform,
    Role,
    Recurrence,
    FailingMinutes,
    Fact(String),
}

#[derive(Debug, Clone)]
enum Comparison {
    Equal(Vec<Scalar>),
    Unequal(Vec<Scalar>),
    Order(Op, i64),
    Contains(String),
    Matches(Regex),
    Exists(bool),
}

/// A condition ready to be evaluated.
#[derive(Debug, Clone)]
pub struct Compiled(Node);

#[derive(Debug, Clone)]
enum Node {
    All(Vec<Node>),
    Any(Vec<Node>),
    Not(Box<Node>),
    Test(Field, Comparison),
}

enum Value<'a> {
    Bool(bool),
    Int(i64),
    Text(&'a str),
    Texts(&'a [String]),
    Roles(&'a [AssetRole]),
}

impl Compiled {
    /// Compiles `condition`.
    pub fn new(condition: &Condition) -> Result<Self, ConditionError> {
        let mut tests = 0;
        compile(condition, DEPTH_MAX, &mut tests).map(Self)
    }

    /// A condition that always holds.
    pub fn always() -> Self {
        Self(Node::All(Vec::new()))
    }

    /// Whether it holds for `subject`.
    pub fn holds(&self, subject: &Subject<'_>) -> bool {
        evaluate(&self.0, subject)
    }
}

fn compile(condition: &Condition, depth: usize, tests: &mut usize) -> Result<Node, ConditionError> {
    let depth = depth.checked_sub(1).ok_or(ConditionError::TooLarge)?;
    let mut parts =
        |parts: &[Condition]| parts.iter().map(|part| compile(part, depth, tests)).collect::<Result<_, _>>();
    match condition {
        Condition::All(all) => Ok(Node::All(parts(&all.all)?)),
        Condition::Any(any) => Ok(Node::Any(parts(&any.any)?)),
        Condition::Not(not) => Ok(Node::Not(Box::new(compile(&not.not, depth, tests)?))),
        Condition::Test(test) => {
            *tests += 1;
            if *tests > TESTS_MAX {
                return Err(ConditionError::TooLarge);
            }
            Ok(Node::Test(field(&test.field)?, comparison(test)?))
        }
    }
}

fn field(name: &str) -> Result<Field, ConditionError> {
    Ok(match name {
        "observed" => Field::Observed,
        "expected" => Field::Expected,
        "reason" => Field::Reason,
        "location" => Field::Location,
        "severity" => Field::Severity,
        "platform" => Field::Platform,
        "role" => Field::Role,
        "recurrence" => Field::Recurrence,
        "failing_minutes" => Field::FailingMinutes,
        _ => match name.strip_prefix("fact.") {
            Some(fact) if !fact.is_empty() => Field::Fact(fact.to_owned()),
            _ => return Err(ConditionError::UnknownField(name.to_owned())),
        },
    })
}

fn comparison(test: &Test) -> Result<Comparison, ConditionError> {
    let wrong = || ConditionError::Operand { field: test.field.clone(), op: test.op };
    match (test.op, &test.value) {
        (Op::Eq, Operand::One(value)) => Ok(Comparison::Equal(vec![value.clone()])),
        (Op::Ne, Operand::One(value)) => Ok(Comparison::Unequal(vec![value.clone()])),
        (Op::In, Operand::Many(values)) => Ok(Comparison::Equal(values.clone())),
        (Op::NotIn, Operand::Many(values)) => Ok(Comparison::Unequal(values.clone())),
        (Op::Lt | Op::Le | Op::Gt | Op::Ge, Operand::One(Scalar::Int(value))) => {
            Ok(Comparison::Order(test.op, *value))
        }
        (Op::Contains, Operand::One(Scalar::Text(value))) => Ok(Comparison::Contains(value.clone())),
        (Op::Matches, Operand::One(Scalar::Text(pattern))) => {
            let refused = || ConditionError::Pattern(pattern.clone());
            if pattern.len() > PATTERN_MAX {
                return Err(refused());
            }
            let built =
                RegexBuilder::new(pattern).size_limit(COMPILED_MAX).dfa_size_limit(COMPILED_MAX).build();
            built.map(Comparison::Matches).map_err(|_| refused())
        }
        (Op::Exists, Operand::One(Scalar::Bool(value))) => Ok(Comparison::Exists(*value)),
        (
            Op::Eq
            | Op::Ne
            | Op::Lt
            | Op::Le
            | Op::Gt
            | Op::Ge
            | Op::In
            | Op::NotIn
            | Op::Contains
            | Op::Matches
            | Op::Exists,
            _,
        ) => Err(wrong()),
    }
}

fn evaluate(node: &Node, subject: &Subject<'_>) -> bool {
    match node {
        Node::All(parts) => parts.iter().all(|part| evaluate(part, subject)),
        Node::Any(parts) => parts.iter().any(|part| evaluate(part, subject)),
        Node::Not(part) => !evaluate(part, subject),
        Node::Test(field, comparison) => test(lookup(field, subject), comparison),
    }
}

fn lookup<'a>(field: &Field, subject: &Subject<'a>) -> Option<Value<'a>> {
    let observation = subject.observation;
    Some(match field {
        Field::Observed => Value::Text(&observation.observed),
        Field::Expected => Value::Text(&observation.expected),
        Field::Reason => Value::Text(&observation.reason),
        Field::Location => Value::Text(&observation.location),
        Field::Severity => Value::Text(subject.severity.as_str()),
        Field::Platform => Value::Text(subject.platform),
        Field::Role => Value::Roles(subject.roles),
        Field::Recurrence => Value::Int(subject.recurrence.into()),
        Field::FailingMinutes => Value::Int(subject.failing_minutes),
        Field::Fact(name) => match subject.facts.get(name)? {
            Fact::Bool(value) => Value::Bool(*value),
            Fact::Int(value) => Value::Int(*value),
            Fact::Text(value) => Value::Text(value),
            Fact::List(values) => Value::Texts(values),
        },
    })
}

fn test(value: Option<Value<'_>>, comparison: &Comparison) -> bool {
    if let Comparison::Exists(expected) = comparison {
        return value.is_some() == *expected;
    }
    let Some(value) = value else { return false };
    match comparison {
        Comparison::Equal(wanted) => {
            wanted.iter().any(|scalar| any_member(&value, |member| equals(member, scalar)))
        }
        Comparison::Unequal(wanted) => {
            !wanted.iter().any(|scalar| any_member(&value, |member| equals(member, scalar)))
        }
        Comparison::Order(op, bound) => number(&value).is_some_and(|number| match op {
            Op::Lt => number < *bound,
            Op::Le => number <= *bound,
            Op::Gt => number > *bound,
            _ => number >= *bound,
        }),
        Comparison::Contains(part) => match &value {
            Value::Text(text) => text.contains(part.as_str()),
            Value::Texts(_) | Value::Roles(_) => {
                any_member(&value, |member| equals(member, &Scalar::Text(part.clone())))
            }
            Value::Bool(_) | Value::Int(_) => false,
        },
        Comparison::Matches(pattern) => any_member(&value, |member| match member {
            Value::Text(text) => pattern.is_match(&text[..text.floor_char_boundary(TEXT_SEEN)]),
            _ => false,
        }),
        Comparison::Exists(_) => false,
    }
}

fn any_member(value: &Value<'_>, holds: impl Fn(&Value<'_>) -> bool) -> bool {
    match value {
        Value::Texts(members) => members.iter().any(|member| holds(&Value::Text(member))),
        Value::Roles(members) => members.iter().any(|member| holds(&Value::Text(member.as_str()))),
        Value::Bool(_) | Value::Int(_) | Value::Text(_) => holds(value),
    }
}

fn equals(value: &Value<'_>, scalar: &Scalar) -> bool {
    match (value, scalar) {
        (Value::Bool(value), Scalar::Bool(wanted)) => value == wanted,
        (Value::Text(value), Scalar::Text(wanted)) => value == wanted,
        (_, Scalar::Int(wanted)) => number(value) == Some(*wanted),
        (_, Scalar::Bool(_) | Scalar::Text(_)) => false,
    }
}

fn number(value: &Value<'_>) -> Option<i64> {
    match value {
        Value::Int(value) => Some(*value),
        Value::Text(text) => text.trim().parse().ok(),
        Value::Bool(_) | Value::Texts(_) | Value::Roles(_) => None,
    }
}
