//! Controls, checks, runbooks and rules as data, with their loader and linter. No IO.

pub mod canonical;
pub mod rule;
pub mod runbook;
