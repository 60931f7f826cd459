//! What the healer must remember: incidents, attempts, recent heals. One value, stored as one note with the statements
//! that tell of it, so that neither can be there without the other.

use std::collections::BTreeMap;

use proofline_core::IncidentId;
use proofline_healing::history::{HealLog, History};
use proofline_healing::incident::Incident;
use serde::{Deserialize, Serialize};

use crate::executor::Handle;

/// The note that holds it.
pub const NOTE: &str = "healing";

/// One check that failed at least once.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CheckMemory {
    /// Its incident, kept after it is resolved: it may come back.
    pub incident: Incident,
    /// What was tried.
    pub history: History,
}

/// Everything.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HealingState {
    /// By check.
    pub checks: BTreeMap<String, CheckMemory>,
    /// Heals of the last hour.
    pub heals: HealLog,
    /// Heals that worked and whose journals stay open until this very state is known to be stored: a heal that nobody
    /// recorded is taken back.
    pub unsettled: Vec<Handle>,
}

impl HealingState {
    /// Reads a stored state.
    pub fn read(bytes: &[u8]) -> Result<Self, serde_json::Error> {
        serde_json::from_slice(bytes)
    }

    /// The state as it is stored.
    ///
    /// # Panics
    /// Never: it is plain data with text keys.
    pub fn to_bytes(&self) -> Vec<u8> {
        serde_json::to_vec(self).expect("plain data with text keys serialises")
    }

    /// The check whose incident this is.
    pub fn check_of(&self, incident: IncidentId) -> Option<&str> {
        self.checks.iter().find(|(_, memory)| memory.incident.id == incident).map(|(check, _)| check.as_str())
    }
}
