//! Why nothing runs: every reason, in the order in which they are asked.

use std::fmt;

use proofline_core::{Mode, Timestamp, Verdict, format_rfc3339};
use serde::{Deserialize, Serialize};

/// Who set the mode that restricts most.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ModeSource {
    /// The rule itself.
    Rule,
    /// The site.
    Site,
    /// The asset.
    Asset,
}

impl ModeSource {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Rule => "rule",
            Self::Site => "site",
            Self::Asset => "asset",
        }
    }
}

/// Who or what most likely undoes a heal.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(tag = "kind", content = "names", rename_all = "snake_case")]
pub enum Opponent {
    /// A configuration manager that was seen on the asset sets the value back.
    Managers(Vec<String>),
    /// The check passed after each heal and failed again: something unknown sets it back.
    UnknownWriter,
    /// The check never passed: the runbook does not change what the check reads.
    RunbookInsufficient,
}

impl fmt::Display for Opponent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Managers(names) => write!(f, "probably {} sets it back", names.join(" or ")),
            Self::UnknownWriter => f.write_str("something on the machine sets it back"),
            Self::RunbookInsufficient => f.write_str("the runbook does not change what the check reads"),
        }
    }
}

/// The answer to "why did nothing run?".
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "why", rename_all = "snake_case")]
pub enum WhyNot {
    /// The check does not fail: there is nothing to heal, or nothing is known.
    NotFailing {
        /// What it says instead.
        verdict: Verdict,
    },
    /// The incident is resolved or closed.
    NoOpenIncident,
    /// A runbook runs for it already.
    AlreadyHealing,
    /// It is accepted for a while.
    Suppressed,
    /// No rule answers this check here.
    NoRule,
    /// Rules answer this check here, but none has its conditions met.
    ConditionsNotMet {
        /// The nearest of them.
        rule: String,
    },
    /// The governing rule cannot be used by this agent.
    RuleRefused {
        /// Which rule.
        rule: String,
        /// What is wrong with it.
        problem: String,
    },
    /// People have it, and this rule has tried.
    Escalated,
    /// Healing goes round in circles.
    FutileLoop {
        /// How many times in a row.
        cycles: u8,
        /// What probably undoes it.
        opponent: Opponent,
    },
    /// The rule tries once for an incident, and has.
    OncePerIncident,
    /// The rule has tried as often as it may.
    AttemptsExhausted {
        /// How often that is.
        attempts: u8,
    },
    /// The clinic switched healing off on the machine itself.
    LocalOverride,
    /// The asset's role is sensitive and nobody set a mode for it.
    SensitiveRole {
        /// The role.
        role: String,
    },
    /// Only observing.
    ModeAudit {
        /// Who says so.
        source: ModeSource,
    },
    /// Healing is paused, or patients are in the house.
    Paused {
        /// Until then.
        until: Timestamp,
    },
    /// The last attempt is too recent.
    Cooldown {
        /// Until then.
        until: Timestamp,
    },
    /// Too many heals in the last hour. Every agent counts its own: a site with several agents may see as many from each.
    SiteCap {
        /// The rule's limit.
        per_hour: u16,
    },
    /// Too many heals on assets of this role in the last hour, counted likewise.
    RoleCap {
        /// The rule's limit.
        per_hour: u16,
    },
    /// The rule acts only in maintenance windows.
    OutsideMaintenanceWindow {
        /// When the next one begins, where there is one.
        next: Option<Timestamp>,
    },
}

impl WhyNot {
    /// Whether people must take over: the agent will not try again by itself.
    pub const fn escalates(&self) -> bool {
        matches!(self, Self::FutileLoop { .. } | Self::OncePerIncident | Self::AttemptsExhausted { .. })
    }
}

impl fmt::Display for WhyNot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotFailing { verdict } => write!(f, "the check does not fail, it says {verdict}"),
            Self::NoOpenIncident => f.write_str("the incident is not open"),
            Self::AlreadyHealing => f.write_str("a runbook is already running for it"),
            Self::Suppressed => f.write_str("the incident is suppressed"),
            Self::NoRule => f.write_str("no rule answers this check here"),
            Self::ConditionsNotMet { rule } => write!(f, "the conditions of {rule} are not met"),
            Self::RuleRefused { rule, problem } => write!(f, "the rule {rule} cannot be used: {problem}"),
            Self::Escalated => f.write_str("it is with people, and this rule has already tried"),
            Self::FutileLoop { cycles, opponent } => write!(f, "healed {cycles} times in vain: {opponent}"),
            Self::OncePerIncident => f.write_str("the rule tries once for an incident, and has"),
            Self::AttemptsExhausted { attempts } => write!(f, "all {attempts} attempts are used"),
            Self::LocalOverride => write!(f, "the clinic set this machine to {}", Mode::Audit),
            Self::SensitiveRole { role } => {
                write!(f, "the asset is {role}, which is only observed by default")
            }
            Self::ModeAudit { source } => write!(f, "the {} is set to {}", source.as_str(), Mode::Audit),
            Self::Paused { until } => write!(f, "healing is paused until {}", format_rfc3339(*until)),
            Self::Cooldown { until } => {
                write!(f, "the last attempt is too recent, next at {}", format_rfc3339(*until))
            }
            Self::SiteCap { per_hour } => write!(f, "{per_hour} heals in the last hour by this agent"),
            Self::RoleCap { per_hour } => {
                write!(f, "{per_hour} heals in the last hour by this agent on assets of this role")
            }
            Self::OutsideMaintenanceWindow { next: Some(next) } => {
                write!(f, "waits for the maintenance window at {}", format_rfc3339(*next))
            }
            Self::OutsideMaintenanceWindow { next: None } => {
                f.write_str("the site has no maintenance window")
            }
        }
    }
}
