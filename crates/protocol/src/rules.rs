//! The rule set that the server signs under its `rules` key and the agent keeps for when it is offline.

use std::collections::BTreeMap;

use proofline_core::{AssetId, InstallationId, Mode, SiteId, Timestamp};
use serde::{Deserialize, Serialize};

use crate::Digest;

/// The DSSE payload type of a rule set.
pub const RULES_PAYLOAD_TYPE: &str = "application/vnd.proofline.rules+json";

/// Everything that decides what may be healed, whole each time. `R` is a rule, `W` a maintenance window.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RuleSet<R, W> {
    /// Grows with every change. An agent refuses a version below the one it has.
    pub version: u64,
    /// Which Central Command signed it.
    pub installation: InstallationId,
    /// Which location it is for; none for all.
    pub site: Option<SiteId>,
    /// When it was signed.
    pub issued: Timestamp,
    /// Digest of the catalogue whose checks and runbooks the rules name.
    pub catalogue: Digest,
    /// How far healing may go at most.
    pub mode: Mode,
    /// What each asset is used for; sensitive roles are only observed.
    pub asset_roles: BTreeMap<AssetId, Vec<String>>,
    /// When disruptive runbooks may run.
    pub maintenance_windows: Vec<W>,
    /// Heal nothing before this time.
    pub paused_until: Option<Timestamp>,
    /// The rules themselves.
    pub rules: Vec<R>,
}
