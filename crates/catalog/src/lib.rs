//! Controls, checks, runbooks and rules as data.
//!
//! The data is YAML under `data/`. The build reads it, holds it against the [`lint`] and embeds one canonical JSON text;
//! whoever links this crate gets that text and its digest and no YAML parser. A catalogue that breaks a promise of the
//! linter does not compile, so below here nothing is validated again.
//!
//! This crate does not know how a probe measures, how a rule is evaluated or how a runbook acts, and it does no IO.

pub mod canonical;
mod check;
mod contents;
mod control;
mod embedded;
pub mod lint;
mod probe;
mod profile;
pub mod rule;
pub mod runbook;

pub use check::{AssetRole, Check, ControlLink, Platform, Roles, Strength, UnknownAssetRole};
pub use contents::Contents;
pub use control::{Control, ControlKind, Coverage, CoverageKind, Crosswalk, Framework, Mapping};
pub use embedded::Catalog;
pub use probe::{Absent, Accept, AuditSubject, BackupAspect, ProbeSpec};
pub use profile::{Profile, ProfileStatus, Threshold};
pub use rule::Rule;
pub use runbook::Runbook;
