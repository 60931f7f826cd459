//! The condition language of rules as written: `field op value`, joined by `all`, `any` and `not`.
//!
//! This is the data only; `proofline-healing` compiles and evaluates it.

use serde::{Deserialize, Serialize};

/// A single value to compare with. There are no floats.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Scalar {
    /// `true` or `false`.
    Bool(bool),
    /// A whole number.
    Int(i64),
    /// Text.
    Text(String),
}

/// What stands on the right of the operator.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Operand {
    /// One value.
    One(Scalar),
    /// Several, for `in` and `not_in`.
    Many(Vec<Scalar>),
}

/// How a field is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Op {
    /// Equal. Text that is a whole number equals that number.
    Eq,
    /// Present and not equal.
    Ne,
    /// A number less than the operand.
    Lt,
    /// A number not greater than the operand.
    Le,
    /// A number greater than the operand.
    Gt,
    /// A number not less than the operand.
    Ge,
    /// Equal to one of the operands.
    In,
    /// Present and equal to none of the operands.
    NotIn,
    /// Text that contains the operand, or a list with a member equal to it.
    Contains,
    /// Text in which the operand, a bounded regular expression, matches.
    Matches,
    /// Whether the field is present; the operand is `true` or `false`.
    Exists,
}

/// A condition. The empty `all` always holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Condition {
    /// Every part holds.
    All(All),
    /// At least one part holds.
    Any(Any),
    /// The part does not hold.
    Not(Not),
    /// One comparison.
    Test(Test),
}

/// See [`Condition::All`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct All {
    /// The parts.
    pub all: Vec<Condition>,
}

/// See [`Condition::Any`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Any {
    /// The parts.
    pub any: Vec<Condition>,
}

/// See [`Condition::Not`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Not {
    /// The part.
    pub not: Box<Condition>,
}

/// `field op value`. Fields: `observed`, `expected`, `reason`, `location`, `severity`, `platform`, `role`, `recurrence`
/// (how often the incident came back), `failing_minutes`, and `fact.<name>` for what the agent knows of the asset.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Test {
    /// What is compared.
    pub field: String,
    /// How.
    pub op: Op,
    /// With what.
    pub value: Operand,
}

impl Default for Condition {
    fn default() -> Self {
        Self::All(All { all: Vec::new() })
    }
}
