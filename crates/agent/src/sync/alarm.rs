//! What somebody must look at: kept until it is settled, shown by `status` and `doctor`, logged as an error.

use proofline_core::Timestamp;
use proofline_outbox::{Outbox, OutboxError};
use serde::{Deserialize, Serialize};

const NOTE: &str = "alarm";

/// What is wrong between this appliance and the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AlarmKind {
    /// The server showed a head of the log that contradicts an earlier one, or a proof that leads elsewhere.
    LogInconsistent,
    /// The server has other bytes under a number of ours, or numbers that this machine never used: the state folder
    /// was copied or restored. Nothing is sent any more.
    SeqConflict,
    /// The server misses entries that it had acknowledged.
    LogForgot,
    /// The server will not take an entry.
    EntryRefused,
    /// The server says that this appliance was revoked or is unknown.
    Revoked,
    /// Something that happened here cannot be put into a statement. A defect of this program.
    Unstatable,
}

impl AlarmKind {
    /// Whether sending evidence stops for good.
    pub const fn stops_sending(self) -> bool {
        match self {
            Self::SeqConflict => true,
            Self::LogInconsistent
            | Self::LogForgot
            | Self::EntryRefused
            | Self::Revoked
            | Self::Unstatable => false,
        }
    }
}

/// One alarm.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Alarm {
    /// What is wrong.
    pub kind: AlarmKind,
    /// One sentence, with what was seen.
    pub detail: String,
    /// Since when.
    pub since: Timestamp,
}

/// The alarm that is raised, if one is.
pub fn raised(outbox: &Outbox) -> Result<Option<Alarm>, OutboxError> {
    Ok(outbox.note(NOTE)?.and_then(|bytes| serde_json::from_slice(&bytes).ok()))
}

/// Raises an alarm. One that stops sending stays as it is; another gives way to the newer.
pub fn raise(outbox: &Outbox, alarm: &Alarm) -> Result<(), OutboxError> {
    tracing::error!(kind = ?alarm.kind, detail = alarm.detail, "alarm");
    match raised(outbox)? {
        Some(held) if held.kind.stops_sending() => Ok(()),
        Some(held) if held.kind == alarm.kind && held.detail == alarm.detail => Ok(()),
        _ => {
            let note = serde_json::to_vec(alarm).unwrap_or_default();
            outbox.write(|batch| batch.set_note(NOTE, &note))
        }
    }
}

/// Takes the alarm back, unless it is one that stops sending.
pub fn settle(outbox: &Outbox, kinds: &[AlarmKind]) -> Result<(), OutboxError> {
    match raised(outbox)? {
        Some(held) if kinds.contains(&held.kind) && !held.kind.stops_sending() => {
            tracing::info!(kind = ?held.kind, "alarm settled");
            outbox.write(|batch| batch.remove_note(NOTE))
        }
        _ => Ok(()),
    }
}
