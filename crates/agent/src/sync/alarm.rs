//! What somebody must look at: kept until it is settled, shown by `status` and `doctor`, logged as an error.
//!
//! One note for each kind, so that no alarm hides or replaces another.

use proofline_core::Timestamp;
use proofline_outbox::{Outbox, OutboxError};
use serde::{Deserialize, Serialize};

const NOTES: &str = "alarm/";

/// What is wrong between this appliance and the log, gravest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AlarmKind {
    /// The server signed a head of the log that contradicts an earlier one, or a proof that leads elsewhere. No later
    /// answer makes that undone: it stays until the machine is enrolled again.
    LogInconsistent,
    /// The server has other bytes under a number of ours, or numbers that this machine never used: the state folder
    /// was copied or restored. Nothing is sent any more.
    SeqConflict,
    /// The server says that this appliance was revoked or is unknown. Only an accepted submission says otherwise.
    Revoked,
    /// Something that happened here cannot be put into a statement. A defect of this program.
    Unstatable,
    /// An answer came with a head of the log that the pinned key did not sign: whoever sent it, it proves nothing.
    HeadForged,
    /// The server misses entries that it had acknowledged.
    LogForgot,
    /// The server will not take an entry.
    EntryRefused,
}

impl AlarmKind {
    /// Whether sending evidence stops for good.
    pub const fn stops_sending(self) -> bool {
        match self {
            Self::SeqConflict => true,
            Self::LogInconsistent
            | Self::Revoked
            | Self::Unstatable
            | Self::HeadForged
            | Self::LogForgot
            | Self::EntryRefused => false,
        }
    }

    /// Whether nothing that happens later takes it back. The first one stays as it is.
    const fn is_final(self) -> bool {
        match self {
            Self::LogInconsistent | Self::SeqConflict => true,
            Self::Revoked | Self::Unstatable | Self::HeadForged | Self::LogForgot | Self::EntryRefused => {
                false
            }
        }
    }

    /// Why nothing is healed while it is raised, if nothing is.
    pub const fn holds_healing(self) -> Option<&'static str> {
        match self {
            Self::SeqConflict => Some("another machine speaks as this appliance"),
            Self::Revoked => Some("this appliance was revoked"),
            Self::Unstatable => Some("what was done last cannot be stated"),
            Self::LogInconsistent | Self::HeadForged | Self::LogForgot | Self::EntryRefused => None,
        }
    }

    fn note(self) -> String {
        let name = match self {
            Self::LogInconsistent => "log_inconsistent",
            Self::SeqConflict => "seq_conflict",
            Self::Revoked => "revoked",
            Self::Unstatable => "unstatable",
            Self::HeadForged => "head_forged",
            Self::LogForgot => "log_forgot",
            Self::EntryRefused => "entry_refused",
        };
        format!("{NOTES}{name}")
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

fn read(bytes: &[u8]) -> Option<Alarm> {
    serde_json::from_slice(bytes).ok()
}

/// Every alarm that is raised, gravest first.
pub fn raised(outbox: &Outbox) -> Result<Vec<Alarm>, OutboxError> {
    let mut raised: Vec<_> = outbox.notes(NOTES)?.iter().filter_map(|(_, bytes)| read(bytes)).collect();
    raised.sort_by_key(|alarm| alarm.kind);
    Ok(raised)
}

/// Raises an alarm. One of the same kind gives way to the newer, unless nothing takes it back.
pub fn raise(outbox: &Outbox, alarm: &Alarm) -> Result<(), OutboxError> {
    tracing::error!(kind = ?alarm.kind, detail = alarm.detail, "alarm");
    let key = alarm.kind.note();
    match outbox.note(&key)?.and_then(|bytes| read(&bytes)) {
        Some(held) if held.kind.is_final() || held.detail == alarm.detail => Ok(()),
        _ => {
            let note = serde_json::to_vec(alarm).unwrap_or_default();
            outbox.write(|batch| batch.set_note(&key, &note))
        }
    }
}

/// Takes alarms back, where they can be.
pub fn settle(outbox: &Outbox, kinds: &[AlarmKind]) -> Result<(), OutboxError> {
    for kind in kinds.iter().filter(|kind| !kind.is_final()) {
        if outbox.note(&kind.note())?.is_some() {
            tracing::info!(?kind, "alarm settled");
            outbox.write(|batch| batch.remove_note(&kind.note()))?;
        }
    }
    Ok(())
}
