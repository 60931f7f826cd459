//! Every reason for which a verifier says no, under a name that never changes.
//!
//! The names are part of the evidence format: the TypeScript verifier, the auditor's tool and the server's answers use
//! the same ones, and `spec/evidence/README.md` lists them. A name may be added; none is renamed or given another sense.

use std::fmt;

macro_rules! reasons {
    ($($(#[$meta:meta])* $name:ident = $code:literal, $sentence:literal;)*) => {
        /// Why something was refused.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Reason {
            $(#[doc = $sentence] $(#[$meta])* $name,)*
        }

        impl Reason {
            /// Every reason, in the order of the specification.
            pub const ALL: &'static [Self] = &[$(Self::$name,)*];

            /// The stable name, for machines.
            pub const fn code(self) -> &'static str {
                match self { $(Self::$name => $code,)* }
            }

            /// One plain sentence, for people.
            pub const fn sentence(self) -> &'static str {
                match self { $(Self::$name => $sentence,)* }
            }
        }
    };
}

reasons! {
    JsonTooLarge = "json_too_large", "The JSON text is larger than this format allows.";
    JsonNotUtf8 = "json_not_utf8", "The JSON text is not valid UTF-8.";
    JsonSyntax = "json_syntax", "The text is not JSON.";
    JsonTooDeep = "json_too_deep", "The JSON text is nested deeper than this format allows.";
    JsonDuplicateKey = "json_duplicate_key", "A JSON object names the same key twice.";
    JsonNumber = "json_number", "A JSON number is not a whole number within ±(2^53 − 1).";
    JsonTrailingBytes = "json_trailing_bytes", "Something follows the JSON value.";
    FieldMissing = "field_missing", "A required field is missing.";
    FieldUnknown = "field_unknown", "A field is not part of this format.";
    FieldType = "field_type", "A field holds another kind of value than this format says.";
    FieldValue = "field_value", "A field holds a value that this format does not allow.";
    Base64 = "base64_not_canonical", "A base64 text is not in its one canonical spelling.";
    KeyMalformed = "key_malformed", "A public key is not the canonical encoding of a point on the curve.";
    KeyWeak = "key_weak", "A public key is of small or mixed order: signatures under it prove nothing.";
    PayloadType = "payload_type", "The envelope announces another kind of content.";
    SignatureCount = "signature_count", "The envelope does not carry exactly one signature.";
    SignatureInvalid = "signature_invalid", "The signature was not made by this key over these bytes.";
    KeyMismatch = "key_mismatch", "The envelope names another key than the one it is verified with.";
    ProofIndex = "proof_index", "The proof is about a position outside the tree.";
    ProofLength = "proof_length", "The proof has too few or too many hashes.";
    ProofRoot = "proof_root", "The proof leads to another root hash.";
    NoteMalformed = "note_malformed", "The text is not a signed note.";
    NoteKeyMalformed = "note_key_malformed", "The text is not a note verifier key.";
    NoteUnsigned = "note_unsigned", "The note carries no signature of the expected key.";
    NoteSignature = "note_signature_invalid", "A signature under the note does not verify with the key it names.";
    CheckpointMalformed = "checkpoint_malformed", "The note's text is not a checkpoint.";
    CheckpointOrigin = "checkpoint_origin", "The checkpoint belongs to another log.";
    CheckpointTime = "checkpoint_time_missing", "The checkpoint does not say when it was signed.";
    CheckpointFuture = "checkpoint_in_future", "The checkpoint is dated later than the clock of whoever verifies it.";
    SuccessorInvalid = "successor_invalid", "A successor statement was not made by the key before it, or is about something else.";
    SuccessorOrder = "successor_order", "The successor statements do not lead from one key to the next.";
    SuccessorMissing = "successor_missing", "No successor statement leads to a key that signs in the log's name.";
    CheckpointKeyTime = "checkpoint_key_time", "The checkpoint is signed by a key before its time or after its end.";
    ArchiveMalformed = "archive_malformed", "The file is not an export archive, or it is cut short.";
    ArchiveName = "archive_name", "The archive holds a file name that an export never has.";
    ArchiveKind = "archive_kind", "The archive holds something other than plain files.";
    ArchiveSize = "archive_size", "The archive holds a file larger than this format allows.";
    MemberOrder = "member_order", "A file of the export is missing, doubled or out of order.";
    PolicyMismatch = "policy_mismatch", "The policy contradicts itself or the checkpoint.";
    CheckpointKey = "checkpoint_key_mismatch", "The export names another checkpoint key than the one you gave.";
    EntryMissing = "entry_missing", "The export holds fewer or more entries than its checkpoint commits to.";
    TileMismatch = "tile_mismatch", "An entry or a tile does not hash to what the tile says.";
    RootMismatch = "root_mismatch", "The entries do not hash to the root of the checkpoint.";
    WrongInstallation = "wrong_installation", "The statement belongs to another installation.";
    WrongSite = "wrong_site", "The statement belongs to another site.";
    KeyNotEnrolled = "key_not_enrolled", "The log had not enrolled the signing key before this entry.";
    KeyRevoked = "key_revoked", "The log had ended the signing key's validity before this entry.";
    WrongSigner = "wrong_signer", "The signing key does not belong to the signer that the statement names.";
    KindNotAllowed = "kind_not_allowed", "This signer may not make this kind of statement.";
    KeyEvent = "key_event_invalid", "A key statement contradicts the earlier key statements of the log.";
    SeqHole = "seq_hole", "Statements are missing before this one, and no gap statement says why.";
    SeqRepeated = "seq_repeated", "A sequence number of this signer occurs a second time.";
    PrevMismatch = "prev_mismatch", "The statement does not follow on the signer's previous statement.";
    GapInvalid = "gap_invalid", "A gap statement does not cover exactly the missing numbers.";
    TimeReversed = "time_reversed", "The statement ends before it starts.";
    TimeAfterCheckpoint = "time_after_checkpoint", "The statement is dated later than the checkpoint that holds it.";
    HealUnproven = "heal_unproven", "A heal claims success without a second observation that passes.";
    HealOtherCheck = "heal_other_check", "A heal's observations are about another check.";
    HeartbeatInvalid = "heartbeat_invalid", "A heartbeat refers to no earlier statement.";
    StateMismatch = "state_mismatch", "The stated overall state is not what the logged results add up to.";
    SinceOtherLog = "since_other_log", "The older checkpoint belongs to another log.";
    SinceNewer = "since_newer", "The older checkpoint commits to more entries than this export holds.";
    SinceRewritten = "since_rewritten", "The entries of the older checkpoint were changed afterwards.";
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

/// One thing that is wrong with one input: the stable reason, and where or what exactly.
///
/// `detail` never quotes more than a field name or a number: it is safe in a log line and on a terminal.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{} ({reason}: {detail})", reason.sentence())]
pub struct Defect {
    /// The stable reason.
    pub reason: Reason,
    /// Where or what exactly.
    pub detail: String,
}

impl Defect {
    /// A defect with its reason and detail.
    pub fn new(reason: Reason, detail: impl Into<String>) -> Self {
        Self { reason, detail: detail.into() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_unique_and_plain() {
        let mut codes: Vec<_> = Reason::ALL.iter().map(|reason| reason.code()).collect();
        assert!(
            codes
                .iter()
                .all(|code| code.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_'))
        );
        codes.sort_unstable();
        codes.dedup();
        assert_eq!(codes.len(), Reason::ALL.len());
    }
}
