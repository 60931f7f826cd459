//! C2SP signed notes and what Proofline puts into them: checkpoints, cosignatures.
//!
//! Invariants: the note is read strictly (UTF-8, no control characters but line feeds, canonical base64); a signature by a
//! known key that does not verify refuses the whole note; unknown signatures are ignored; the text that is verified is the
//! text as received. This module does not know which key is to be trusted: the caller hands in a [`NoteKey`],
//! or [`CheckpointKeys`].

mod checkpoint;
mod key_chain;
mod note_key;
mod signed;

pub use checkpoint::{Checkpoint, OpenedCheckpoint, cosign, sign_checkpoint};
pub use key_chain::{CheckpointKeys, MAX_SUCCESSOR_BYTES, MAX_SUCCESSORS, SUCCESSOR_PAYLOAD_TYPE};
pub use note_key::{NoteKey, SignatureKind};
pub use signed::{Note, NoteSignature};

/// The largest note in bytes.
pub const MAX_NOTE_BYTES: usize = 64 * 1024;

/// How many signatures a note may carry.
pub const MAX_SIGNATURES: usize = 64;
