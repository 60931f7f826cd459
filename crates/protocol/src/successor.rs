//! The statement by which a key of the server names the key that takes its place.
//!
//! The key before signs it: who trusts that key trusts the next one, and nobody has to be told twice. A chain of such
//! statements leads from any key that was ever pinned to the one that signs today.

use proofline_core::{InstallationId, Timestamp};
pub use proofline_evidence::note::{MAX_SUCCESSOR_BYTES, MAX_SUCCESSORS, SUCCESSOR_PAYLOAD_TYPE};
use serde::{Deserialize, Serialize};

use crate::{Digest, KeyRole};

/// What the key before signs about the key after it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KeySuccessor {
    /// Which Central Command.
    pub installation: InstallationId,
    /// What both keys sign.
    pub role: KeyRole,
    /// The key before, which signs this.
    pub predecessor: Digest,
    /// The key after: its Ed25519 public key.
    #[serde(with = "crate::field::public_key")]
    pub successor: [u8; 32],
    /// The successor signs nothing before.
    #[serde(deserialize_with = "crate::field::time")]
    pub not_before: Timestamp,
    /// From then on nothing new that the predecessor signed is taken. Later than `not_before`: what was on its way when
    /// the server changed over still arrives.
    #[serde(deserialize_with = "crate::field::time")]
    pub predecessor_until: Timestamp,
}
