//! One measurement definition: what is measured, why, on what, and which controls it speaks for.

use chrono::TimeDelta;
use proofline_core::Severity;
use serde::{Deserialize, Serialize};

use crate::probe::ProbeSpec;

/// What kind of system a check can measure.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Platform {
    /// A Linux machine of any distribution.
    Linux,
    /// A Windows machine.
    Windows,
    /// A switch, router, firewall or printer.
    Network,
    /// A cloud account.
    Cloud,
}

impl Platform {
    /// The spelling used in ids, storage and on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Linux => "linux",
            Self::Windows => "windows",
            Self::Network => "network",
            Self::Cloud => "cloud",
        }
    }
}

/// What an asset is for. An asset can have several roles.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AssetRole {
    /// The box that runs the agent for a site.
    Appliance,
    /// A server without a nearer description.
    Server,
    /// A machine that people sit at.
    Workstation,
    /// Holds or serves the electronic health record.
    Ehr,
    /// Imaging: PACS, modality, viewer.
    Imaging,
    /// A database server.
    Database,
    /// A file server.
    FileServer,
    /// A mail server.
    MailServer,
    /// A web server.
    WebServer,
    /// A directory or domain controller.
    Directory,
    /// Holds backups.
    BackupServer,
}

impl AssetRole {
    /// Every role.
    pub const ALL: [Self; 11] = [
        Self::Appliance,
        Self::Server,
        Self::Workstation,
        Self::Ehr,
        Self::Imaging,
        Self::Database,
        Self::FileServer,
        Self::MailServer,
        Self::WebServer,
        Self::Directory,
        Self::BackupServer,
    ];

    /// The spelling used in storage and on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Appliance => "appliance",
            Self::Server => "server",
            Self::Workstation => "workstation",
            Self::Ehr => "ehr",
            Self::Imaging => "imaging",
            Self::Database => "database",
            Self::FileServer => "file_server",
            Self::MailServer => "mail_server",
            Self::WebServer => "web_server",
            Self::Directory => "directory",
            Self::BackupServer => "backup_server",
        }
    }
}

/// The text names no asset role.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("unknown asset role {0:?}")]
pub struct UnknownAssetRole(pub String);

impl std::str::FromStr for AssetRole {
    type Err = UnknownAssetRole;

    fn from_str(text: &str) -> Result<Self, UnknownAssetRole> {
        Self::ALL.into_iter().find(|r| r.as_str() == text).ok_or_else(|| UnknownAssetRole(text.to_owned()))
    }
}

impl std::fmt::Display for AssetRole {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Which roles a check has a meaning for.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Roles {
    /// Every asset of the platform.
    #[default]
    Any,
    /// Only assets that have one of these roles.
    Only(Vec<AssetRole>),
    /// Assets that have none of these roles.
    Except(Vec<AssetRole>),
}

impl Roles {
    /// Whether an asset with `roles` is meant. An asset without a known role is meant by everything but `only`.
    pub fn admit(&self, roles: &[AssetRole]) -> bool {
        match self {
            Self::Any => true,
            Self::Only(only) => roles.iter().any(|role| only.contains(role)),
            Self::Except(except) => !roles.iter().any(|role| except.contains(role)),
        }
    }
}

/// How much a passing check says about a control.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Strength {
    /// Helps, but proves nothing of the control by itself.
    Supporting,
    /// Proves a named part of the control.
    Partial,
    /// Proves the control on this asset.
    Full,
}

impl Strength {
    /// The spelling used in storage and on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Supporting => "supporting",
            Self::Partial => "partial",
            Self::Full => "full",
        }
    }
}

/// One check speaking for one control.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ControlLink {
    /// The control's id, such as `164.312(b)`.
    pub control: String,
    /// How much it proves.
    pub strength: Strength,
    /// Why this measurement speaks for this control, in a sentence that can be defended to an auditor.
    pub rationale: String,
}

/// One check.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Check {
    /// Stable: `platform.family.name`.
    pub id: String,
    /// What holds when the check passes, in plain English.
    pub title: String,
    /// Why anyone should care.
    pub why_it_matters: String,
    /// What can happen while it fails.
    pub consequence: String,
    /// The platforms that it can measure.
    pub platforms: Vec<Platform>,
    /// The roles that it has a meaning for.
    #[serde(default)]
    pub roles: Roles,
    /// How it measures.
    pub probe: ProbeSpec,
    /// What the probe must observe for a pass, for people.
    pub expected: String,
    /// How much a fail matters.
    pub severity: Severity,
    /// Seconds between two runs: 60 to 86 400.
    pub interval_s: u32,
    /// The controls that it speaks for, at least one.
    pub controls: Vec<ControlLink>,
    /// The runbook that repairs a fail, where there is one.
    #[serde(default)]
    pub runbook: Option<String>,
    /// Where the expected value comes from.
    pub source: String,
}

impl Check {
    /// The second word of the id: `ssh` of `linux.ssh.root_login`.
    pub fn family(&self) -> &str {
        self.id.split('.').nth(1).unwrap_or_default()
    }

    /// How long a confirmation holds: two intervals, and at least two hours.
    pub fn fresh_for(&self) -> TimeDelta {
        fresh_for_interval(self.interval_s)
    }
}

pub(crate) fn fresh_for_interval(interval_s: u32) -> TimeDelta {
    TimeDelta::seconds(2 * i64::from(interval_s)).max(TimeDelta::hours(2))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn roles_admit_by_membership() {
        let sensitive = Roles::Except(vec![AssetRole::Ehr]);
        assert!(sensitive.admit(&[]) && sensitive.admit(&[AssetRole::Server]));
        assert!(!sensitive.admit(&[AssetRole::Server, AssetRole::Ehr]));
        let only = Roles::Only(vec![AssetRole::Workstation]);
        assert!(!only.admit(&[]) && only.admit(&[AssetRole::Workstation]));
        for role in AssetRole::ALL {
            assert_eq!(role.as_str().parse(), Ok(role));
        }
    }

    #[test]
    fn freshness_is_two_intervals_but_never_under_two_hours() {
        assert_eq!(fresh_for_interval(300), TimeDelta::hours(2));
        assert_eq!(fresh_for_interval(86_400), TimeDelta::hours(48));
    }
}
