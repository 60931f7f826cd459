//! Enrolment: a one-time code and a fresh key make a machine an appliance.

use proofline_core::{ApplianceId, AssetId, InstallationId, Mode, OrgId, Secret, SiteId};
use serde::{Deserialize, Serialize, Serializer};

use crate::{Digest, Text};

/// Sent to [`CLAIM`](crate::paths::CLAIM), signed with the key that it brings: that proves possession.
///
/// Claiming again with the same code and the same key gives the same answer, so a lost answer costs nothing.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "description", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct ClaimRequest {
    /// The provisioning code as a person typed it.
    #[serde(serialize_with = "expose")]
    #[cfg_attr(feature = "description", schema(value_type = String))]
    pub code: Secret,
    /// The machine's new Ed25519 public key, 32 bytes. The server refuses weak ones.
    #[serde(with = "crate::field::public_key")]
    #[cfg_attr(feature = "description", schema(value_type = String, format = "public-key"))]
    pub public_key: [u8; 32],
    /// How the machine calls itself.
    #[cfg_attr(feature = "description", schema(value_type = String, format = "plain", max_length = 253, min_length = 1))]
    pub hostname: Text<1, 253>,
    /// SHA-256 over the machine id: tells a cloned disk from a second machine without revealing the id.
    #[cfg_attr(feature = "description", schema(value_type = String, format = "digest"))]
    pub machine_id_digest: Digest,
    /// Operating system and version.
    #[cfg_attr(feature = "description", schema(value_type = String, format = "plain", max_length = 120))]
    pub platform: Text<0, 120>,
    /// The agent's version.
    #[cfg_attr(feature = "description", schema(value_type = String, format = "plain", max_length = 60, min_length = 1))]
    pub agent_version: Text<1, 60>,
}

fn expose<S: Serializer>(code: &Secret, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(code.expose())
}

/// What an appliance knows about itself from then on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "description", derive(utoipa::ToSchema))]
pub struct ClaimResponse {
    /// Which Central Command.
    #[cfg_attr(feature = "description", schema(value_type = String))]
    pub installation: InstallationId,
    /// Whose clinic.
    #[cfg_attr(feature = "description", schema(value_type = String))]
    pub org: OrgId,
    /// Which location.
    #[cfg_attr(feature = "description", schema(value_type = String))]
    pub site: SiteId,
    /// Itself as a sender.
    #[cfg_attr(feature = "description", schema(value_type = String))]
    pub appliance: ApplianceId,
    /// Itself as a machine that is checked.
    #[cfg_attr(feature = "description", schema(value_type = String))]
    pub asset: AssetId,
    /// How far healing may go until a rule set says otherwise.
    #[cfg_attr(feature = "description", schema(value_type = String, format = "mode"))]
    pub mode: Mode,
    /// One key per role, all of which the agent pins.
    pub server_keys: Vec<ServerKey>,
    /// Seconds between check-ins.
    pub check_in_seconds: u64,
    /// Digest of the server's check catalogue.
    #[cfg_attr(feature = "description", schema(value_type = String, format = "digest"))]
    pub catalogue: Digest,
}

/// One of the server's public keys.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "description", derive(utoipa::ToSchema))]
pub struct ServerKey {
    /// What it signs. A key is never used in another role.
    pub role: KeyRole,
    /// The Ed25519 public key.
    #[serde(with = "crate::field::public_key")]
    #[cfg_attr(feature = "description", schema(value_type = String, format = "public-key"))]
    pub public_key: [u8; 32],
    /// SHA-256 of the public key.
    #[cfg_attr(feature = "description", schema(value_type = String, format = "digest"))]
    pub key_id: Digest,
}

/// What a server key is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "description", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum KeyRole {
    /// Statements that the server itself adds to a log.
    ServerFacts,
    /// Checkpoints of every site's log.
    Checkpoint,
    /// Orders for one appliance.
    Orders,
    /// Rule sets.
    Rules,
}

/// The text names no role of a server key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("unknown key role {0:?}")]
pub struct UnknownKeyRole(pub String);

impl KeyRole {
    /// Every role.
    pub const ALL: [Self; 4] = [Self::ServerFacts, Self::Checkpoint, Self::Orders, Self::Rules];

    /// The spelling used in storage and on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ServerFacts => "server_facts",
            Self::Checkpoint => "checkpoint",
            Self::Orders => "orders",
            Self::Rules => "rules",
        }
    }
}

impl std::fmt::Display for KeyRole {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

impl std::str::FromStr for KeyRole {
    type Err = UnknownKeyRole;

    fn from_str(text: &str) -> Result<Self, UnknownKeyRole> {
        Self::ALL.into_iter().find(|r| r.as_str() == text).ok_or_else(|| UnknownKeyRole(text.to_owned()))
    }
}
