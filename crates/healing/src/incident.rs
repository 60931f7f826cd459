//! Incidents: the one state machine that the agent runs and the server replays.
//!
//! ```text
//! (none) ─ fails ─► open ─► healing ─► verifying ─► resolved
//!                    ▲ ▲      ▲            │            │
//!                    │ └──────┼─ not passing ┘            │
//!                    │        │                          │
//!                    ├─► awaiting_approval ─ approved ─┘ │
//!                    ├─► escalated                       │
//!                    ├─► suppressed                      │
//!                    ├─► closed (out of scope)           │
//!                    └───────── fails again: recurrence ─┘
//! ```
//!
//! Invariants, each held by a property test:
//! - the only way into `resolved` is a passing observation that is not older than the last failing one;
//! - `unknown` and `error` never change anything for the better;
//! - recurrences never decrease, and grow by one with each return from `resolved`;
//! - every transition names its actor, its cause and its time, and times never run backwards;
//! - with [`observe`] as the only opener there is one incident for a (site, asset, check).
//!
//! The machine knows nothing of rules, runbooks, tickets or storage.

mod actor;
mod machine;
mod state;

use proofline_catalog::canonical::Digest;
use proofline_core::{AssetId, IncidentId, SiteId, Timestamp, Verdict};
use serde::{Deserialize, Serialize};

pub use actor::{Actor, UnknownActor};
pub use machine::{Event, Refused, plan_in_cause, transition};
pub use state::{State, UnknownState};

use crate::Observation;

/// A failing verdict that someone or something must act on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Incident {
    /// Its id, kept when it reopens.
    pub id: IncidentId,
    /// Where.
    pub site: SiteId,
    /// On what.
    pub asset: AssetId,
    /// Which check fails.
    pub check: String,
    /// Where it stands.
    pub state: State,
    /// How often it came back after being resolved.
    pub recurrences: u32,
    /// When it was opened, or opened again.
    pub opened_at: Timestamp,
    /// When the last failing observation was made, by the clock of that time.
    pub last_failed_at: Timestamp,
    /// The last transition.
    pub changed_at: Timestamp,
    /// Why it stands where it stands.
    pub cause: String,
    /// The plan that waits for a person, while it waits.
    pub pending_plan: Option<Digest>,
}

/// One step of an incident's life, to be recorded.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Transition {
    /// The state before; none where the incident begins.
    pub from: Option<State>,
    /// The state after.
    pub to: State,
    /// Who made it.
    pub actor: Actor,
    /// Why, in a line that a person reads.
    pub cause: String,
    /// When.
    pub at: Timestamp,
}

/// Which incident an observation belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// The site.
    pub site: SiteId,
    /// The asset.
    pub asset: AssetId,
}

impl Incident {
    /// Opens an incident on a failing observation; nothing on any other.
    pub fn open(
        id: IncidentId,
        place: Place,
        observation: &Observation,
        actor: &Actor,
        at: Timestamp,
    ) -> Option<(Self, Transition)> {
        if observation.verdict != Verdict::Fail {
            return None;
        }
        let cause = observation.summary();
        let incident = Self {
            id,
            site: place.site,
            asset: place.asset,
            check: observation.check.clone(),
            state: State::Open,
            recurrences: 0,
            opened_at: at,
            last_failed_at: observation.at,
            changed_at: at,
            cause: cause.clone(),
            pending_plan: None,
        };
        Some((incident, Transition { from: None, to: State::Open, actor: *actor, cause, at }))
    }
}

/// Takes an observation into account outside a heal: opens, reopens, resolves, closes or confirms.
///
/// `existing` is the incident of the same (site, asset, check), if there ever was one; `new_id` is used only when one is
/// opened. The answer is the incident as it now is and the transition, if there was one. Passing without an incident,
/// `unknown` and `error` answer `None` or the unchanged incident.
pub fn observe(
    existing: Option<&Incident>,
    place: Place,
    observation: &Observation,
    new_id: impl FnOnce() -> IncidentId,
    actor: &Actor,
    at: Timestamp,
) -> Option<(Incident, Option<Transition>)> {
    let Some(incident) = existing else {
        if observation.verdict != Verdict::Fail {
            return None;
        }
        let (incident, transition) = Incident::open(new_id(), place, observation, actor, at)?;
        return Some((incident, Some(transition)));
    };
    let event = match observation.verdict {
        Verdict::Fail => Event::Failed(observation.clone()),
        Verdict::Pass => Event::Passed(observation.clone()),
        Verdict::NotApplicable => Event::OutOfScope { reason: observation.summary() },
        Verdict::Unknown | Verdict::Error => return Some((incident.clone(), None)),
    };
    Some(transition(incident, &event, actor, at).unwrap_or_else(|_refused| (incident.clone(), None)))
}
