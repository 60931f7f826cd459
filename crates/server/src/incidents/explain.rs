//! "Why did nothing run?", answered in one sentence for every incident.
//!
//! The agent decides on the spot and says why it leaves something alone: that is the incident's cause. Where it has not
//! said so yet, the reason is in what people set, and is read from there at the moment of asking.

use proofline_catalog::Catalog;
use proofline_core::{Timestamp, Verdict};
use proofline_healing::incident::State;
use proofline_store::IncidentRow;

use crate::appliances::STALE_FOR;

/// Why the incident stands where it stands, and why nothing more happens.
pub(crate) fn explain(catalog: &Catalog, incident: &IncidentRow, now: Timestamp) -> String {
    let cause = incident.cause.trim().trim_end_matches('.');
    match incident.state {
        State::Open => idle(catalog, incident, now),
        State::Healing => format!("A runbook is at work: {cause}."),
        State::Verifying => "A runbook has ended and the check is measured again.".to_owned(),
        State::Resolved => format!("Measured again and passing ({cause})."),
        State::AwaitingApproval => format!("A plan is ready and waits for a person: {cause}."),
        State::Escalated => format!("Handed to people: {cause}."),
        State::Suppressed => format!("Accepted for now: {cause}."),
        State::Closed => format!("The check has no meaning here any more: {cause}."),
    }
}

/// What stands in the way of an open incident: that nothing could repair it, else the agent's own words where it gave some,
/// else the first thing that is known.
fn idle(catalog: &Catalog, incident: &IncidentRow, now: Timestamp) -> String {
    let repairable = catalog.check(&incident.check).is_some_and(|check| check.runbook.is_some());
    if !repairable {
        return "No runbook repairs this: a person has to.".to_owned();
    }
    let observation = format!("{}: ", Verdict::Fail);
    let said = incident.cause.trim().trim_end_matches('.');
    if !said.starts_with(&observation) {
        return format!("Nothing runs: {said}.");
    }
    let unseen = incident.last_seen_at.is_none_or(|seen| now - seen >= STALE_FOR);
    if let Some(set) = &incident.local_override {
        format!("The clinic set this machine to {set}: nothing runs by itself.")
    } else if incident.appliance_mode == "audit" {
        "The appliance only observes (mode audit): nothing runs by itself.".to_owned()
    } else if unseen {
        "The appliance is out of reach: what it does about this is known when it reports again.".to_owned()
    } else if incident.appliance_mode == "ask" {
        "No plan has been proposed yet: the appliance decides with its next measurement.".to_owned()
    } else {
        "No rule is acting right now: the appliance decides with its next measurement.".to_owned()
    }
}
