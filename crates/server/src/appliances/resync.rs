//! Appliances whose heartbeat confirmed a state that the server does not hold.

use std::collections::HashSet;
use std::sync::{Mutex, PoisonError};

use proofline_core::ApplianceId;

/// Asked at the next check-in to send everything again. Soft state: after a restart the next heartbeat asks anew.
#[derive(Default)]
pub struct Resyncs(Mutex<HashSet<ApplianceId>>);

impl Resyncs {
    /// Wants the appliance's whole state.
    pub fn want(&self, appliance: ApplianceId) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(appliance);
    }

    /// Whether it is wanted; asking takes the wish away.
    pub fn take(&self, appliance: ApplianceId) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&appliance)
    }
}
