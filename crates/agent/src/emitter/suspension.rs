//! The time in which nothing can be stated: the queue holds all that it may, or the disk is full.
//!
//! Nothing is dropped for newer statements; the old ones are the evidence. Instead no statement is made until there is
//! room again, the agent heals nothing meanwhile, and the first statement afterwards is a *gap* with the time and the
//! reason. The beginning is kept as a note. On a full disk not even that can be written: killed in that time, the
//! agent forgets the beginning, and only the missing confirmations show it.

use proofline_core::Timestamp;
use proofline_outbox::{Batch, Depth, Outbox, OutboxError};
use serde::{Deserialize, Serialize};

const NOTE: &str = "suspension";

/// When it began and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Suspension {
    /// When the first statement could not be made.
    pub from: Timestamp,
    /// Why.
    pub reason: String,
    /// What the queue held then; room means a tenth less. Absent for a full disk, where trying is the only way.
    held: Option<(u64, u64)>,
}

impl Suspension {
    pub(super) fn begin(from: Timestamp, error: &OutboxError) -> Self {
        let held = match error {
            OutboxError::QueueFull { items, bytes } => Some((*items, *bytes)),
            _ => None,
        };
        Self { from, reason: format!("no statements could be made: {error}"), held }
    }

    pub(super) fn read(outbox: &Outbox) -> Result<Option<Self>, OutboxError> {
        Ok(outbox.note(NOTE)?.and_then(|bytes| serde_json::from_slice(&bytes).ok()))
    }

    /// Whether there may be room again.
    pub(super) fn may_end(&self, depth: Depth) -> bool {
        self.held.is_none_or(|(items, bytes)| {
            depth.items <= items - items / 10 && depth.bytes <= bytes - bytes / 10
        })
    }

    /// Writes it down, if the disk allows.
    pub(super) fn remember(&self, outbox: &Outbox) {
        let note = serde_json::to_vec(self).unwrap_or_default();
        let written = outbox.write(|batch| match batch.note(NOTE)? {
            Some(_) => Ok::<_, OutboxError>(()),
            None => batch.set_note(NOTE, &note),
        });
        if let Err(error) = written {
            tracing::warn!(%error, "the beginning of the suspension cannot be written down");
        }
    }

    pub(super) fn forget(batch: &mut Batch<'_>) -> Result<(), OutboxError> {
        batch.remove_note(NOTE)
    }
}
