//! Evidence on its way to the site's log, and the proofs that acknowledge it.

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::field::Base64;
use crate::{Digest, MAX_ENVELOPE_BYTES, MAX_ENVELOPES};

/// Sent to [`EVIDENCE`](crate::paths::EVIDENCE). Sending an envelope twice is harmless: same bytes, same index.
/// Without envelopes it only asks where the log and the signer stand, which an agent needs to know after a loss.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "description", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct SubmitRequest {
    /// Size of the log in the last checkpoint that the agent accepted, 0 for none: the consistency proof starts there.
    pub from_size: u64,
    /// DSSE envelopes byte for byte, in order of their sequence numbers.
    #[serde(deserialize_with = "crate::field::at_most::<MAX_ENVELOPES, _, _>")]
    #[cfg_attr(feature = "description", schema(value_type = Vec<String>, max_items = 100))]
    pub envelopes: Vec<Base64<MAX_ENVELOPE_BYTES>>,
}

/// Everything that was taken is durable when this answer leaves the server.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "description", derive(utoipa::ToSchema))]
pub struct SubmitResponse {
    /// Signed note of the log's head, which every proof here leads to.
    pub checkpoint: String,
    /// RFC 6962 consistency proof from `from_size` to this head; empty where `from_size` is 0 or is the head.
    #[serde(with = "crate::field::hashes")]
    #[cfg_attr(feature = "description", schema(value_type = Vec<String>))]
    pub consistency: Vec<Digest>,
    /// Entries that are in the log, earlier submissions included.
    pub entries: Vec<Accepted>,
    /// Entries that are not.
    pub rejected: Vec<Rejected>,
    /// The sequence number that the log expects next from this signer; 1 before its first entry.
    pub next_seq: u64,
    /// SHA-256 of the signer's last envelope in the log; 64 zeros before the first. What `prev` of `next_seq` must be.
    #[cfg_attr(feature = "description", schema(value_type = String, format = "digest"))]
    pub last_digest: Digest,
    /// DSSE envelopes as JSON: the successors of the checkpoint key that there ever were, so that the checkpoint is
    /// understood by whoever has not checked in since the key changed.
    #[serde(default)]
    #[cfg_attr(feature = "description", schema(value_type = Vec<Object>))]
    pub successors: Vec<Box<RawValue>>,
}

/// One entry is in the log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "description", derive(utoipa::ToSchema))]
pub struct Accepted {
    /// The sender's sequence number.
    pub seq: u64,
    /// Position in the site's log, from 0.
    pub index: u64,
    /// RFC 6962 inclusion proof, leaf to root.
    #[serde(with = "crate::field::hashes")]
    #[cfg_attr(feature = "description", schema(value_type = Vec<String>))]
    pub proof: Vec<Digest>,
}

/// One entry was not taken.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "description", derive(utoipa::ToSchema))]
pub struct Rejected {
    /// The sequence number, 0 where the envelope could not be read so far.
    pub seq: u64,
    /// Why.
    pub code: RejectCode,
    /// One sentence for a person.
    pub detail: String,
}

/// Why an entry was not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "description", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum RejectCode {
    /// Numbers before it are missing: send them, or a gap statement.
    SeqGap,
    /// The number is taken by other bytes. Alarmed on both sides.
    SeqConflict,
    /// `prev` is not the digest of the entry before it.
    PrevMismatch,
    /// The envelope or the statement breaks the format.
    Malformed,
    /// The signature is not the appliance's.
    SignatureInvalid,
    /// Installation, site, appliance or asset are not the signer's.
    WrongSite,
    /// An entry before it in the same submission was refused, so this one was not looked at.
    NotReached,
    /// A code that this version does not know.
    #[serde(other)]
    Other,
}

impl RejectCode {
    /// The spelling used on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::SeqGap => "seq_gap",
            Self::SeqConflict => "seq_conflict",
            Self::PrevMismatch => "prev_mismatch",
            Self::Malformed => "malformed",
            Self::SignatureInvalid => "signature_invalid",
            Self::WrongSite => "wrong_site",
            Self::NotReached => "not_reached",
            Self::Other => "other",
        }
    }
}

impl std::fmt::Display for RejectCode {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}
