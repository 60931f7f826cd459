//! What holds for every rule set and every situation.

mod common;

use common::{World, at, compile, rule};
use proofline_catalog::AssetRole;
use proofline_catalog::rule::{Condition, Rule, Scope, When};
use proofline_core::{Mode, Verdict};
use proofline_healing::engine::{Decision, SENSITIVE_ROLES};
use proofline_healing::history::{Attempt, AttemptOutcome};
use proofline_healing::incident::State;
use proofline_healing::{Day, Window};
use proptest::prelude::*;

fn scopes() -> [Scope; 6] {
    let place = World::failing().whereabouts;
    [
        Scope::Platform,
        Scope::Partner(place.partner.expect("known")),
        Scope::Organisation(place.organisation.expect("known")),
        Scope::Site(place.site),
        Scope::Asset(place.asset),
        Scope::Site("site_01h455vb4pex5vsknk084sn02q".parse().expect("an id")),
    ]
}

fn any_mode() -> impl Strategy<Value = Mode> {
    prop::sample::select(Mode::ALL.to_vec())
}

fn any_rule() -> impl Strategy<Value = Rule> {
    let condition = prop::sample::select(vec![
        "{\"all\":[]}",
        r#"{"field":"observed","op":"eq","value":"yes"}"#,
        r#"{"field":"observed","op":"eq","value":"maybe"}"#,
    ]);
    (0..6_usize, 0..4_u8, -2..3_i32, any_mode(), condition, any::<[bool; 3]>(), 1..4_u8).prop_map(
        |(scope, id, priority, mode, condition, [once, window, disruptive], max_attempts)| {
            let conditions: Condition = serde_json::from_str(condition).expect("a condition");
            let when = if window { When::MaintenanceWindow } else { When::AnyTime };
            let runbook = if disruptive { "book.disruptive" } else { "book.gentle" }.to_owned();
            let base = rule(&format!("rule.number_{id}"), scopes()[scope]);
            Rule { priority, mode, conditions, once_per_incident: once, when, runbook, max_attempts, ..base }
        },
    )
}

prop_compose! {
    fn any_world(rules: Vec<Rule>)(
        verdict in prop::sample::select(vec![Verdict::Fail, Verdict::Fail, Verdict::Fail, Verdict::Unknown, Verdict::Pass]),
        state in prop::sample::select(State::ALL.to_vec()),
        site_mode in any_mode(),
        asset_mode in prop::option::of(any_mode()),
        local_override in prop::option::of(any_mode()),
        role in prop::sample::select(vec![AssetRole::Server, AssetRole::Workstation, AssetRole::Ehr, AssetRole::Imaging]),
        paused in prop::option::of(-3600..3600_i64),
        window in any::<bool>(),
        tried in prop::collection::vec((0..8_usize, -90_000..0_i64, 0..4_usize), 0..8),
        heals in 0..30_usize,
    ) -> World {
        let mut world = World::failing();
        world.observation.verdict = verdict;
        world.incident.state = state;
        world.roles = vec![role];
        world.posture.site_mode = site_mode;
        world.posture.asset_mode = asset_mode;
        world.posture.local_override = local_override;
        world.posture.paused_until = paused.map(at);
        let day = if window { Day::Sunday } else { Day::Monday };
        world.posture.maintenance_windows = vec![Window { days: vec![day], start_minute: 0, minutes: 60, utc_offset_minutes: 0 }];
        let outcomes = [AttemptOutcome::Resolved, AttemptOutcome::NotEffective, AttemptOutcome::Failed, AttemptOutcome::Interrupted];
        let mut tried = tried;
        tried.sort_by_key(|(_, seconds, _)| *seconds);
        for (rule, seconds, outcome) in tried {
            if let Some(rule) = rules.get(rule) {
                let (incident, hash) = (world.incident.id, rule.digest());
                world.history.push(Attempt { at: at(seconds), rule: hash, incident, recurrence: 0, outcome: outcomes[outcome] });
            }
        }
        for _ in 0..heals {
            world.heals.note(at(-60), &[role]);
        }
        world
    }
}

fn any_case() -> impl Strategy<Value = (Vec<Rule>, World)> {
    prop::collection::vec(any_rule(), 0..8).prop_flat_map(|rules| (Just(rules.clone()), any_world(rules)))
}

/// The rule that must govern, found without the engine's index: nearest scope, then priority, id, version, hash.
fn governing(rules: &[Rule], world: &World) -> Option<Rule> {
    let here = scopes();
    let mut fitting: Vec<&Rule> = rules
        .iter()
        .filter(|rule| here[..5].contains(&rule.scope))
        .filter(|rule| !serde_json::to_string(&rule.conditions).expect("json").contains("maybe"))
        .collect();
    fitting.sort_by(|a, b| {
        let level = |rule: &Rule| here.iter().position(|scope| *scope == rule.scope);
        (level(b), b.priority, &a.id, a.digest()).cmp(&(level(a), a.priority, &b.id, b.digest()))
    });
    assert_eq!(world.observation.observed, "yes");
    fitting.first().map(|rule| (*rule).clone())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn the_order_of_rules_does_not_matter((rules, world) in any_case(), seed in any::<u64>()) {
        let answer = world.decide(&compile(rules.clone()));
        let mut shuffled = rules.clone();
        let length = shuffled.len();
        for place in 0..length {
            let other = usize::try_from(seed >> (place * 3) & 7).expect("small") % length;
            shuffled.swap(place, other);
        }
        prop_assert_eq!(&world.decide(&compile(shuffled)), &answer);
        prop_assert_eq!(world.decide(&compile(rules)), answer, "and the same question has the same answer");
    }

    #[test]
    fn the_nearest_fitting_rule_governs((rules, world) in any_case()) {
        if let Some(plan) = world.decide(&compile(rules.clone())).plan() {
            let expected = governing(&rules, &world).expect("a plan comes from a rule");
            prop_assert_eq!(plan.rule.hash, expected.digest());
        }
    }

    #[test]
    fn nothing_runs_when_any_guard_says_no((rules, world) in any_case()) {
        let Decision::Run(plan) = world.decide(&compile(rules.clone())) else { return Ok(()) };
        let rule = rules.iter().find(|rule| rule.digest() == plan.rule.hash).expect("a plan comes from a rule");
        prop_assert_eq!(world.observation.verdict, Verdict::Fail);
        prop_assert!(matches!(world.incident.state, State::Open | State::AwaitingApproval | State::Escalated));
        let modes = [Some(rule.mode), Some(world.posture.site_mode), world.posture.asset_mode, world.posture.local_override];
        prop_assert!(modes.into_iter().flatten().all(|mode| mode == Mode::Enforce));
        prop_assert!(world.posture.asset_mode.is_some() || !SENSITIVE_ROLES.contains(&world.roles[0]));
        prop_assert!(world.posture.paused_until.is_none_or(|until| until <= world.now));
        if rule.when == When::MaintenanceWindow || rule.runbook == "book.disruptive" {
            prop_assert!(world.posture.maintenance_windows.iter().any(|window| window.end_if_inside(world.now).is_some()));
        }
        let tried: Vec<&Attempt> = world.history.attempts().iter().filter(|attempt| attempt.rule == plan.rule.hash).collect();
        prop_assert!(tried.len() < usize::from(rule.max_attempts));
        prop_assert!(!rule.once_per_incident || tried.is_empty());
        prop_assert!(world.incident.state != State::Escalated || tried.is_empty());
        if let Some(last) = tried.last() {
            prop_assert!((world.now - last.at).num_seconds() >= i64::from(rule.cooldown_s));
        }
    }

    #[test]
    fn adding_consent_never_stops_a_run_and_never_passes_an_audit((rules, mut world) in any_case()) {
        let rules = compile(rules);
        let before = world.decide(&rules);
        world.consent = before.plan().map(|plan| plan.digest);
        let after = world.decide(&rules);
        if matches!(before, Decision::Run(_)) {
            prop_assert_eq!(&after, &before);
        }
        if matches!(after, Decision::Run(_)) {
            prop_assert!(world.posture.site_mode != Mode::Audit && world.posture.local_override != Some(Mode::Audit));
        }
    }
}
