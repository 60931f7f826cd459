//! The incident state machine, walked at random and held to its promises.

use proofline_catalog::canonical::Digest;
use proofline_core::{AssetId, IncidentId, SeededEntropy, SiteId, Timestamp, Verdict};
use proofline_healing::Observation;
use proofline_healing::incident::{
    Actor, Event, Incident, Place, Refused, State, observe, plan_in_cause, transition,
};
use proptest::prelude::*;

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_timestamp(1_780_000_000 + seconds, 0).expect("in range")
}

fn place() -> Place {
    let entropy = SeededEntropy::new(1);
    Place { site: SiteId::new(at(0), &entropy), asset: AssetId::new(at(0), &entropy) }
}

fn seen(verdict: Verdict, seconds: i64) -> Observation {
    Observation {
        check: "linux.ssh.root_login".to_owned(),
        at: at(seconds),
        verdict,
        expected: "no".to_owned(),
        observed: "yes".to_owned(),
        reason: String::new(),
        location: "sshd -T".to_owned(),
    }
}

fn opened() -> Incident {
    let id = IncidentId::new(at(0), &SeededEntropy::new(2));
    Incident::open(id, place(), &seen(Verdict::Fail, 0), &Actor::Agent, at(0)).expect("it fails").0
}

fn plan(number: u8) -> Digest {
    Digest::of_bytes(&[number])
}

fn any_verdict() -> impl Strategy<Value = Verdict> {
    prop::sample::select(Verdict::ALL.to_vec())
}

/// A clock that somebody keeps setting: hours, months, in both directions.
fn any_clock() -> impl Strategy<Value = i64> {
    prop_oneof![0..60_i64, -7_200..7_200_i64, -20_000_000..20_000_000_i64]
}

fn step(incident: &Incident, event: &Event, second: i64) -> Result<Incident, TestCaseError> {
    transition(incident, event, &Actor::L1, at(second))
        .map(|(after, _)| after)
        .map_err(|refused| TestCaseError::fail(refused.to_string()))
}

/// Any event, sensible or not, with observations that may be older than the last failure.
fn any_event() -> impl Strategy<Value = Event> {
    let observation = || (any_verdict(), -20..400_i64).prop_map(|(verdict, seconds)| seen(verdict, seconds));
    let reason = || prop::sample::select(vec!["", "because", "x"]).prop_map(str::to_owned);
    prop_oneof![
        observation().prop_map(Event::Failed),
        observation().prop_map(Event::Passed),
        reason().prop_map(|runbook| Event::HealStarted { runbook }),
        Just(Event::RemediationDone),
        observation().prop_map(Event::VerifiedPass),
        observation().prop_map(Event::VerifiedFail),
        reason().prop_map(|cause| Event::Interrupted { cause }),
        (0..3_u8, reason()).prop_map(|(n, reason)| Event::NeedsApproval { plan: plan(n), reason }),
        (0..3_u8).prop_map(|n| Event::Approved { plan: plan(n) }),
        reason().prop_map(|reason| Event::ApprovalLapsed { reason }),
        reason().prop_map(|reason| Event::Note { reason }),
        reason().prop_map(|reason| Event::Escalate { reason }),
        reason().prop_map(|reason| Event::Suppress { reason }),
        reason().prop_map(|reason| Event::Unsuppress { reason }),
        reason().prop_map(|reason| Event::OutOfScope { reason }),
    ]
}

/// Written a second time, as a table, so that the machine and the table check each other.
fn legal(from: State, to: State) -> bool {
    use State::{AwaitingApproval, Closed, Escalated, Healing, Open, Resolved, Suppressed, Verifying};
    match from {
        Open => matches!(to, Open | Healing | Resolved | AwaitingApproval | Escalated | Suppressed | Closed),
        Healing => matches!(to, Verifying | Open | Closed),
        Verifying => matches!(to, Resolved | Open | Closed),
        Resolved | Closed => to == Open,
        AwaitingApproval => {
            matches!(to, AwaitingApproval | Healing | Open | Resolved | Escalated | Suppressed | Closed)
        }
        Escalated => matches!(to, Healing | AwaitingApproval | Resolved | Suppressed | Closed),
        Suppressed => matches!(to, Open | Resolved | Closed),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn no_walk_breaks_a_promise(walk in prop::collection::vec((any_event(), 0..400_i64), 1..40)) {
        let mut incident = opened();
        for (event, seconds) in walk {
            let before = incident.clone();
            let Ok((after, step)) = transition(&before, &event, &Actor::Server, at(seconds)) else { continue };
            prop_assert!(after.recurrences >= before.recurrences, "recurrences are monotone");
            prop_assert_eq!((after.id, after.site, after.asset, &after.check), (before.id, before.site, before.asset, &before.check));
            prop_assert_eq!(after.pending_plan.is_some(), after.state == State::AwaitingApproval);
            let Some(step) = step else {
                prop_assert_eq!(after.state, before.state);
                prop_assert_eq!(after.changed_at, before.changed_at);
                incident = after;
                continue;
            };
            prop_assert!(legal(before.state, after.state), "{} to {}", before.state, after.state);
            prop_assert_eq!((step.from, step.to, step.actor), (Some(before.state), after.state, Actor::Server));
            prop_assert!(!step.cause.is_empty(), "every transition says why");
            prop_assert!(step.at >= before.changed_at && step.at == after.changed_at, "time does not run backwards");
            let reopened = before.state == State::Resolved;
            prop_assert_eq!(after.recurrences, before.recurrences + u32::from(reopened));
            if after.state == State::Resolved {
                let (Event::Passed(second) | Event::VerifiedPass(second)) = &event else {
                    return Err(TestCaseError::fail(format!("resolved by {}", event.name())));
                };
                prop_assert_eq!(second.verdict, Verdict::Pass);
            }
            incident = after;
        }
    }

    #[test]
    fn observing_keeps_one_incident_and_only_a_pass_resolves_it(
        seen_at in prop::collection::vec((any_verdict(), any_clock()), 1..40)
    ) {
        let entropy = SeededEntropy::new(3);
        let mut incident: Option<Incident> = None;
        let (mut opened, mut transitions, mut failing) = (0, 0, false);
        for (verdict, second) in seen_at {
            let new_id = || { opened += 1; IncidentId::new(at(second), &entropy) };
            let answer = observe(incident.as_ref(), place(), &seen(verdict, second), new_id, &Actor::Agent, at(second));
            if let Some((after, step)) = answer {
                transitions += usize::from(step.is_some());
                incident = Some(after);
            }
            match verdict {
                Verdict::Fail => failing = true,
                Verdict::Pass | Verdict::NotApplicable => failing = false,
                Verdict::Unknown | Verdict::Error => {}
            }
            prop_assert_eq!(incident.as_ref().is_some_and(|i| i.state.is_live()), failing);
        }
        prop_assert!(opened <= 1, "reopened, never opened twice");
        prop_assert!(transitions <= 40);
    }

    #[test]
    fn no_clock_keeps_a_heal_from_ending(
        failures in prop::collection::vec(any_clock(), 0..5),
        clocks in prop::array::uniform4(any_clock()),
        passes in any::<bool>(),
    ) {
        let mut incident = opened();
        for second in failures {
            incident = step(&incident, &Event::Failed(seen(Verdict::Fail, second)), second)?;
            prop_assert_eq!(incident.last_failed_at, at(second));
        }
        let verified = if passes {
            Event::VerifiedPass(seen(Verdict::Pass, clocks[3]))
        } else {
            Event::VerifiedFail(seen(Verdict::Fail, clocks[3]))
        };
        let start = Event::HealStarted { runbook: "r.b".to_owned() };
        for (event, second) in [start, Event::RemediationDone, verified].iter().zip(clocks) {
            incident = step(&incident, event, second)?;
        }
        prop_assert_eq!(incident.state, if passes { State::Resolved } else { State::Open });
    }
}

#[test]
fn a_heal_walks_open_healing_verifying_resolved() {
    let start = Event::HealStarted { runbook: "linux.ssh.disable_root_login".to_owned() };
    let events = [start, Event::RemediationDone, Event::VerifiedPass(seen(Verdict::Pass, 9))];
    let mut incident = opened();
    let mut states = vec![incident.state];
    for (event, second) in events.iter().zip(5..) {
        incident = transition(&incident, event, &Actor::L1, at(second)).expect("a legal step").0;
        states.push(incident.state);
    }
    assert_eq!(states, [State::Open, State::Healing, State::Verifying, State::Resolved]);
    let again = transition(&incident, &Event::Failed(seen(Verdict::Fail, 60)), &Actor::Agent, at(60))
        .expect("reopens")
        .0;
    assert_eq!(
        (again.state, again.recurrences, again.opened_at, again.id),
        (State::Open, 1, at(60), incident.id)
    );
}

#[test]
fn a_claim_without_a_pass_resolves_nothing() {
    let mut incident = opened();
    for event in [Event::HealStarted { runbook: "r.b".to_owned() }, Event::RemediationDone] {
        incident = transition(&incident, &event, &Actor::L1, at(1)).expect("a legal step").0;
    }
    for verdict in [Verdict::Fail, Verdict::Unknown, Verdict::Error, Verdict::NotApplicable] {
        let claimed = transition(&incident, &Event::VerifiedPass(seen(verdict, 2)), &Actor::L1, at(2));
        assert_eq!(claimed, Err(Refused::WrongVerdict { event: "verified_pass", verdict }));
        let honest = transition(&incident, &Event::VerifiedFail(seen(verdict, 2)), &Actor::L1, at(2))
            .expect("a legal step");
        assert_eq!(honest.0.state, State::Open);
    }
}

#[test]
fn an_approval_counts_for_the_plan_that_waits_and_no_other() {
    let ask = |n| Event::NeedsApproval { plan: plan(n), reason: "the rule asks".to_owned() };
    let (waiting, step) = transition(&opened(), &ask(1), &Actor::Agent, at(1)).expect("a legal step");
    assert_eq!(
        plan_in_cause(&step.expect("a step").cause),
        Some(plan(1)),
        "a replay learns which plan waits"
    );
    assert_eq!(plan_in_cause("plan b: no digest"), None);
    assert_eq!(transition(&waiting, &ask(1), &Actor::Agent, at(2)).expect("confirmed").1, None);
    let order = Actor::Order("ord_01h455vb4pex5vsknk084sn02q".parse().expect("an id"));
    assert_eq!(
        transition(&waiting, &Event::Approved { plan: plan(2) }, &order, at(2)),
        Err(Refused::AnotherPlan)
    );
    let (healing, step) =
        transition(&waiting, &Event::Approved { plan: plan(1) }, &order, at(2)).expect("a legal step");
    assert_eq!(
        (healing.state, healing.pending_plan, step.expect("a step").actor),
        (State::Healing, None, order)
    );
    let (changed, step) =
        transition(&waiting, &ask(2), &Actor::Agent, at(3)).expect("a changed plan waits anew");
    assert_eq!((changed.pending_plan, step.is_some()), (Some(plan(2)), true));
}
