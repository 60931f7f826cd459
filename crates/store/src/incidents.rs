//! Incidents: where each one stands, and every step that it took.

mod list;
mod record;

pub use list::{IncidentFilter, IncidentKey, IncidentOrder, IncidentRow, IncidentStates};
pub use record::{IncidentRecord, TransitionRow};
