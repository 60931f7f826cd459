//! Checkpoints: a log's size and root as the text of a note (C2SP tlog-checkpoint).
//!
//! Proofline signs a checkpoint twice with its checkpoint key: plainly, as every tlog client expects, and as a
//! cosignature/v1, whose time says until when the entries can be dated. Extension lines are refused: nobody could audit them.

use proofline_core::{InstallationId, SiteId, Timestamp};

use super::{Note, NoteKey, SignatureKind};
use crate::json::MAX_INTEGER;
use crate::{Defect, Digest, Reason, SigningKey, encoding};

/// The end of the year 9999, in seconds since 1970: a time that statements can be compared with.
const MAX_SECONDS: u64 = 253_402_300_799;

/// What a checkpoint commits to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checkpoint {
    /// Which log: `<installation>/evidence/<site>`.
    pub origin: String,
    /// How many entries.
    pub size: u64,
    /// The root over them.
    pub root: Digest,
}

/// A checkpoint whose signatures were verified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenedCheckpoint {
    /// What it commits to.
    pub checkpoint: Checkpoint,
    /// When the log signed it, by the server's clock.
    pub signed_at: Timestamp,
}

impl Checkpoint {
    /// The origin of a site's log.
    pub fn origin_of(installation: InstallationId, site: SiteId) -> String {
        format!("{installation}/evidence/{site}")
    }

    /// The name of the key that signs the checkpoints of an installation.
    pub fn key_name(installation: InstallationId) -> String {
        installation.to_string()
    }

    /// The three lines that are signed.
    pub fn to_text(&self) -> String {
        format!("{}\n{}\n{}\n", self.origin, self.size, encoding::encode(self.root))
    }

    /// Reads the three lines.
    pub fn parse_text(text: &str) -> Result<Self, Defect> {
        let refused = |detail: &str| Defect::new(Reason::CheckpointMalformed, detail);
        let mut lines =
            text.strip_suffix('\n').ok_or_else(|| refused("the last line does not end"))?.split('\n');
        let (Some(origin), Some(size), Some(root), None) =
            (lines.next(), lines.next(), lines.next(), lines.next())
        else {
            return Err(refused("expected three lines"));
        };
        if origin.is_empty() {
            return Err(refused("the origin is empty"));
        }
        let size = parse_size(size).ok_or_else(|| refused("the size is not a plain number"))?;
        let root = encoding::decode_array(root, Reason::CheckpointMalformed)?;
        Ok(Self { origin: origin.to_owned(), size, root: Digest::from_bytes(root) })
    }

    /// Reads a note, verifies it with the log's key and compares the origin. `log_key` is of kind
    /// [`SignatureKind::Plain`]; the same key's timestamped signature must be there too, it gives the time.
    pub fn open(note: &[u8], log_key: &NoteKey, origin: &str) -> Result<OpenedCheckpoint, Defect> {
        let note = Note::parse(note)?;
        note.verify(&log_key.as_kind(SignatureKind::Plain))?;
        let checkpoint = Self::parse_text(note.text())?;
        if checkpoint.origin != origin {
            return Err(Defect::new(Reason::CheckpointOrigin, format!("expected {origin}")));
        }
        let timeless = || Defect::new(Reason::CheckpointTime, "no timestamped signature of the log's key");
        let seconds = note
            .verify(&log_key.as_kind(SignatureKind::Timestamped))
            .map_err(|defect| if defect.reason == Reason::NoteUnsigned { timeless() } else { defect })?;
        let signed_at = seconds
            .filter(|seconds| *seconds <= MAX_SECONDS)
            .and_then(|seconds| i64::try_from(seconds).ok())
            .and_then(|seconds| Timestamp::from_timestamp(seconds, 0))
            .ok_or_else(timeless)?;
        Ok(OpenedCheckpoint { checkpoint, signed_at })
    }
}

/// ASCII decimal without leading zeros, at most 2^53 − 1.
fn parse_size(text: &str) -> Option<u64> {
    let plain = text == "0" || (text.starts_with(|c: char| c.is_ascii_digit()) && !text.starts_with('0'));
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    let size: u64 = (plain && digits).then(|| text.parse().ok())??;
    (size <= MAX_INTEGER.unsigned_abs()).then_some(size)
}

/// Signs a checkpoint with the checkpoint key, plainly and with the time `at` (cut to seconds), and gives the note's text.
pub fn sign_checkpoint(
    checkpoint: &Checkpoint,
    key_name: &str,
    key: &SigningKey,
    at: Timestamp,
) -> Result<String, Defect> {
    let mut note = Note::unsigned(checkpoint.to_text())?;
    note.sign(key_name, key)?;
    note.sign_timestamped(key_name, key, seconds_of(at))?;
    Ok(note.to_string())
}

/// Adds a cosignature/v1 of another key, the site's agent or a witness, to a checkpoint note. The cosigner has verified
/// the note and its consistency with the last one it saw.
pub fn cosign(note: &[u8], name: &str, key: &SigningKey, at: Timestamp) -> Result<String, Defect> {
    let mut note = Note::parse(note)?;
    note.sign_timestamped(name, key, seconds_of(at))?;
    Ok(note.to_string())
}

fn seconds_of(at: Timestamp) -> u64 {
    u64::try_from(at.timestamp()).unwrap_or(0)
}
