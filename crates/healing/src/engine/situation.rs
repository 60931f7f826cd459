//! Everything that a decision depends on besides the rules.

use std::collections::BTreeMap;

use proofline_catalog::AssetRole;
use proofline_catalog::canonical::Digest;
use proofline_catalog::rule::Scope;
use proofline_core::{AssetId, Mode, OrgId, PartnerId, Severity, SiteId, Timestamp};
use serde::{Deserialize, Serialize};

use crate::history::{HealLog, History};
use crate::incident::Incident;
use crate::window::Window;
use crate::{Fact, Observation};

/// Roles on which nothing runs by itself unless someone set the asset's mode.
pub const SENSITIVE_ROLES: [AssetRole; 4] =
    [AssetRole::Ehr, AssetRole::Imaging, AssetRole::Database, AssetRole::Directory];

/// Where an asset belongs. Rules of a level that is not known here do not apply.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Whereabouts {
    /// The partner, where known.
    pub partner: Option<PartnerId>,
    /// The clinic, where known.
    pub organisation: Option<OrgId>,
    /// The site.
    pub site: SiteId,
    /// The asset.
    pub asset: AssetId,
}

impl Whereabouts {
    /// The scopes that contain the asset, nearest first.
    pub(crate) fn scopes(&self) -> impl Iterator<Item = Scope> {
        [
            Some(Scope::Asset(self.asset)),
            Some(Scope::Site(self.site)),
            self.organisation.map(Scope::Organisation),
            self.partner.map(Scope::Partner),
            Some(Scope::Platform),
        ]
        .into_iter()
        .flatten()
    }
}

/// How far healing may go here, whatever a rule says. The most restrictive applies.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Posture {
    /// The mode of the site.
    pub site_mode: Mode,
    /// The mode that someone set for the asset. Without it a sensitive role means audit.
    pub asset_mode: Option<Mode>,
    /// What the clinic set on the machine itself. It can only restrict, and nothing from outside lifts it.
    pub local_override: Option<Mode>,
    /// No healing before this time.
    pub paused_until: Option<Timestamp>,
    /// No healing inside these.
    pub patient_hours: Vec<Window>,
    /// Where rules for maintenance windows may act.
    pub maintenance_windows: Vec<Window>,
}

/// One failing check at one moment.
#[derive(Debug, Clone, Copy)]
pub struct Situation<'a> {
    /// The time.
    pub now: Timestamp,
    /// Where.
    pub whereabouts: &'a Whereabouts,
    /// The latest observation of the check.
    pub observation: &'a Observation,
    /// The check's severity.
    pub severity: Severity,
    /// The asset's platform.
    pub platform: &'a str,
    /// What the asset is for.
    pub roles: &'a [AssetRole],
    /// What else is known of the asset.
    pub facts: &'a BTreeMap<String, Fact>,
    /// Configuration managers that were seen on the asset; named when something sets values back.
    pub managers: &'a [String],
    /// The incident of this check.
    pub incident: &'a Incident,
    /// What was tried for it.
    pub history: &'a History,
    /// Every heal of the last hour.
    pub heals: &'a HealLog,
    /// How far healing may go.
    pub posture: &'a Posture,
    /// The plan that a person approved, if one did. It stands in for `ask` and for waiting, for nothing else.
    pub consent: Option<Digest>,
}
