//! What can be judged about one statement alone, beyond its form. The server refuses, the verifier reports.

use proofline_core::Verdict;

use super::{Body, HealOutcome, KeyRole, Statement};
use crate::Reason;

/// The rules that the statement breaks, each at most once; empty for a sound one.
pub fn broken(statement: &Statement) -> Vec<Reason> {
    let header = &statement.header;
    let mut broken = Vec::new();
    let mut rule = |holds: bool, reason: Reason| {
        if !holds {
            broken.push(reason);
        }
    };
    rule(header.started <= header.ended, Reason::TimeReversed);
    rule(may_state(header.appliance.is_some(), &statement.body), Reason::KindNotAllowed);
    match &statement.body {
        Body::Heal(heal) => {
            rule(
                heal.outcome != HealOutcome::Resolved || heal.after.verdict == Verdict::Pass,
                Reason::HealUnproven,
            );
            rule(heal.before.check == heal.check && heal.after.check == heal.check, Reason::HealOtherCheck);
        }
        Body::Heartbeat(heartbeat) => rule(heartbeat.unchanged_since < header.seq, Reason::HeartbeatInvalid),
        Body::Gap(gap) => {
            let before_this = gap.first_seq <= gap.last_seq && gap.last_seq + 1 == header.seq;
            rule(before_this && gap.from <= gap.to, Reason::GapInvalid);
        }
        Body::Key(event) => {
            rule((event.role == KeyRole::Appliance) == event.holder.is_some(), Reason::KeyEvent);
        }
        Body::CheckRun(_) | Body::Attestation(_) | Body::Incident(_) | Body::ServerFact(_) => {}
    }
    broken
}

/// Appliances observe and heal; the server states keys and facts; both may attest and admit a gap.
fn may_state(is_appliance: bool, body: &Body) -> bool {
    match body {
        Body::CheckRun(_) | Body::Heal(_) | Body::Heartbeat(_) | Body::Incident(_) => is_appliance,
        Body::Key(_) | Body::ServerFact(_) => !is_appliance,
        Body::Gap(_) | Body::Attestation(_) => true,
    }
}
