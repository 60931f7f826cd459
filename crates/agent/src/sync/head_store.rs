//! Where the last accepted head is kept: as a note in the queue, written together with the acknowledgements that it
//! proves, and as a file of its own, so that a lost queue does not let an older log pass.

use proofline_outbox::{Batch, Outbox, OutboxError};

use super::proof::Head;
use crate::files;
use crate::identity::StateDir;

const NOTE: &str = "head";
const LIMIT: u64 = 128 * 1024;

/// The last accepted head. Of the two copies the larger counts.
pub fn last(outbox: &Outbox, state: &StateDir) -> Result<Option<Head>, OutboxError> {
    let note = outbox.note(NOTE)?.and_then(|bytes| serde_json::from_slice::<Head>(&bytes).ok());
    let file = files::read(&state.checkpoint(), LIMIT).ok().flatten();
    let file = file.and_then(|bytes| serde_json::from_slice::<Head>(&bytes).ok());
    Ok(note.into_iter().chain(file).max_by_key(|head| head.size))
}

/// Puts the head into a write of the queue.
pub fn note(batch: &mut Batch<'_>, head: &Head) -> Result<(), OutboxError> {
    batch.set_note(NOTE, &serde_json::to_vec(head).unwrap_or_default())
}

/// Writes the second copy. Only ever behind the first, so that failing here costs nothing now.
pub fn copy(state: &StateDir, head: &Head) {
    let bytes = serde_json::to_vec(head).unwrap_or_default();
    if let Err(error) = files::replace(&state.checkpoint(), &bytes) {
        tracing::warn!(%error, "the second copy of the checkpoint cannot be written");
    }
}
