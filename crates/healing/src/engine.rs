//! The L1 engine: which runbook answers this failing check now, and if none, exactly why.
//!
//! [`RuleSet::compile`] binds every rule to its runbook once; [`decide`] then looks up the rules of one check by scope.
//! The nearest scope that has a rule whose conditions hold governs, alone: when it says no, no farther rule is asked, so
//! a site can switch a platform rule off. Guards are evaluated in the order of [`WhyNot`] and the first that says no is
//! the answer. A decision is a function of the rule set and the situation, and of nothing else.

mod decide;
mod guard;
mod rule_set;
mod situation;
mod why;

pub use decide::{Ask, Decision, Plan, decide};
pub use rule_set::{Problem, RefusedRule, RuleRef, RuleSet};
pub use situation::{Posture, SENSITIVE_ROLES, Situation, Whereabouts};
pub use why::{ModeSource, Opponent, WhyNot};
