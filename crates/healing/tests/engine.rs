//! Every answer of the engine, one test each.

mod common;

use common::{World, at, compile, rule};
use proofline_catalog::AssetRole;
use proofline_catalog::rule::{Condition, Rule, Scope, When};
use proofline_core::{Mode, Verdict};
use proofline_healing::engine::{Ask, Decision, ModeSource, Opponent, Plan, Problem, RuleSet, WhyNot};
use proofline_healing::history::AttemptOutcome::{Failed, NotEffective, Resolved};
use proofline_healing::incident::State;
use proofline_healing::{Day, Fact, Window};
use serde_json::json;

const MINUTE: i64 = 60;
const HOUR: i64 = 3600;

fn platform() -> Rule {
    rule("platform.root_login", Scope::Platform)
}

fn why(world: &World, rules: &RuleSet) -> WhyNot {
    match world.decide(rules) {
        Decision::Nothing { why, .. } => why,
        other => panic!("it acts: {other:?}"),
    }
}

fn plan(world: &World, rules: &RuleSet) -> Plan {
    match world.decide(rules) {
        Decision::Run(plan) => plan,
        other => panic!("it does not run: {other:?}"),
    }
}

fn always(windows: &[Day]) -> Window {
    Window { days: windows.to_vec(), start_minute: 0, minutes: 120, utc_offset_minutes: 0 }
}

#[test]
fn a_failing_check_with_a_rule_runs() {
    let plan = plan(&World::failing(), &compile([platform()]));
    assert_eq!((plan.rule.scope, plan.rule.hash), (Scope::Platform, platform().digest()));
    assert_eq!(plan.runbook.id, "book.gentle");
}

#[test]
fn what_does_not_fail_is_left_alone() {
    let mut world = World::failing();
    for verdict in [Verdict::Pass, Verdict::Unknown, Verdict::Error, Verdict::NotApplicable] {
        world.observation.verdict = verdict;
        assert_eq!(why(&world, &compile([platform()])), WhyNot::NotFailing { verdict });
    }
}

#[test]
fn the_incident_decides_whether_anyone_may_act() {
    let mut world = World::failing();
    for (state, expected) in [
        (State::Resolved, WhyNot::NoOpenIncident),
        (State::Closed, WhyNot::NoOpenIncident),
        (State::Healing, WhyNot::AlreadyHealing),
        (State::Verifying, WhyNot::AlreadyHealing),
        (State::Suppressed, WhyNot::Suppressed),
    ] {
        world.incident.state = state;
        assert_eq!(why(&world, &compile([platform()])), expected);
    }
    world.incident.state = State::Escalated;
    plan(&world, &compile([platform()])); // a rule that did not try yet may
    world.attempt(&platform(), -2 * HOUR, Failed);
    assert_eq!(why(&world, &compile([platform()])), WhyNot::Escalated);
}

#[test]
fn no_rule_and_unmet_conditions_are_told_apart() {
    let world = World::failing();
    assert_eq!(why(&world, &compile([])), WhyNot::NoRule);
    let elsewhere =
        rule("site.other", Scope::Site("site_01h455vb4pex5vsknk084sn02q".parse().expect("an id")));
    assert_eq!(why(&world, &compile([elsewhere])), WhyNot::NoRule);
    let conditions: Condition =
        serde_json::from_value(json!({"field": "observed", "op": "eq", "value": "without-password"}))
            .expect("a condition");
    let narrow = Rule { conditions, ..platform() };
    assert_eq!(
        why(&world, &compile([narrow])),
        WhyNot::ConditionsNotMet { rule: "platform.root_login".into() }
    );
}

#[test]
fn conditions_read_what_is_known_of_the_asset() {
    let mut world = World::failing();
    world.facts.insert("distribution".into(), Fact::Text("debian".into()));
    world.facts.insert("cores".into(), Fact::Text("12".into()));
    world.facts.insert("packages".into(), Fact::List(vec!["openssh-server".into(), "sudo".into()]));
    let holds = |condition| {
        let conditions = serde_json::from_value(condition).expect("a condition");
        matches!(world.decide(&compile([Rule { conditions, ..platform() }])), Decision::Run(_))
    };
    let test =
        |field: &str, op: &str, value: serde_json::Value| json!({"field": field, "op": op, "value": value});
    for (condition, expected) in [
        (test("observed", "eq", json!("yes")), true),
        (test("observed", "ne", json!("yes")), false),
        (test("observed", "in", json!(["yes", "prohibit-password"])), true),
        (test("observed", "not_in", json!(["yes"])), false),
        (test("location", "contains", json!("permitrootlogin")), true),
        (test("location", "matches", json!("^sshd -T: [a-z]+$")), true),
        (test("location", "matches", json!("^nothing$")), false),
        (test("fact.cores", "gt", json!(8)), true),
        (test("fact.cores", "ge", json!(13)), false),
        (test("fact.cores", "le", json!(12)), true),
        (test("fact.cores", "lt", json!(12)), false),
        (test("fact.cores", "eq", json!(12)), true),
        (test("fact.distribution", "lt", json!(12)), false),
        (test("fact.packages", "contains", json!("sudo")), true),
        (test("fact.packages", "not_in", json!(["telnetd"])), true),
        (test("fact.absent", "eq", json!("x")), false),
        (test("fact.absent", "ne", json!("x")), false),
        (test("fact.absent", "exists", json!(false)), true),
        (test("fact.cores", "exists", json!(true)), true),
        (test("role", "contains", json!("server")), true),
        (test("severity", "eq", json!("high")), true),
        (test("recurrence", "eq", json!(0)), true),
        (json!({"not": test("platform", "eq", json!("linux"))}), false),
        (json!({"any": [test("role", "eq", json!("ehr")), test("failing_minutes", "lt", json!(1))]}), true),
        (json!({"all": []}), true),
        (json!({"any": []}), false),
    ] {
        assert_eq!(holds(condition.clone()), expected, "{condition}");
    }
}

#[test]
fn a_rule_that_cannot_be_used_still_governs() {
    let broken = |site: Scope, change: fn(&mut Rule)| {
        let mut rule = rule("site.broken", site);
        change(&mut rule);
        rule
    };
    let world = World::failing();
    let site = Scope::Site(world.whereabouts.site);
    let pattern = json!({"field": "observed", "op": "matches", "value": "(("});
    let cases = [
        broken(site, |rule| rule.runbook = "book.missing".into()),
        broken(site, |rule| rule.cooldown_s = 1),
        broken(site, |rule| rule.runbook = "book.disruptive".into()),
        broken(site, |rule| {
            rule.parameters
                .insert("value".into(), proofline_catalog::runbook::ParamValue::Text("yes".into()));
        }),
        Rule {
            conditions: serde_json::from_value(pattern).expect("a condition"),
            ..rule("site.broken", site)
        },
    ];
    for case in cases {
        let rules = compile([platform(), case]);
        assert_eq!(rules.refused().len(), 1);
        assert!(matches!(why(&world, &rules), WhyNot::RuleRefused { rule, .. } if rule == "site.broken"));
    }
    let rules = compile([Rule { runbook: "book.disruptive".into(), ..platform() }]);
    assert_eq!(rules.refused()[0].problem, Problem::DisruptiveAtAnyTime);
}

#[test]
fn a_loop_in_vain_stops_after_three_and_names_the_opponent() {
    let rules = compile([Rule { max_attempts: 10, ..platform() }]);
    let rule = Rule { max_attempts: 10, ..platform() };
    let mut world = World::failing();
    world.now = at(10 * HOUR);
    for hour in [1, 3] {
        world.attempt(&rule, hour * HOUR, NotEffective);
    }
    plan(&world, &rules);
    world.attempt(&rule, 7 * HOUR, NotEffective);
    let futile = |opponent| WhyNot::FutileLoop { cycles: 3, opponent };
    assert_eq!(why(&world, &rules), futile(Opponent::RunbookInsufficient));
    assert!(why(&world, &rules).escalates());

    let mut world = World::failing();
    world.now = at(10 * HOUR);
    for hour in [1, 4, 9] {
        world.attempt(&rule, hour * HOUR, Resolved);
        world.incident.recurrences += 1;
    }
    assert_eq!(why(&world, &rules), futile(Opponent::UnknownWriter));
    world.managers = vec!["puppet".into()];
    assert_eq!(why(&world, &rules), futile(Opponent::Managers(vec!["puppet".into()])));
    assert!(why(&world, &rules).to_string().contains("puppet"));
    world.now = at(40 * HOUR);
    plan(&world, &rules); // it held for more than a day
}

#[test]
fn once_means_once_even_when_it_comes_back() {
    let rule = Rule { once_per_incident: true, ..platform() };
    let mut world = World::failing();
    world.attempt(&rule, -48 * HOUR, Resolved);
    world.incident.recurrences = 1;
    assert_eq!(why(&world, &compile([rule])), WhyNot::OncePerIncident);
}

#[test]
fn attempts_run_out_and_an_edited_rule_qualifies_again() {
    let mut world = World::failing();
    for hour in [1, 2, 3] {
        world.attempt(&platform(), hour * HOUR, Failed);
    }
    world.now = at(20 * HOUR);
    assert_eq!(why(&world, &compile([platform()])), WhyNot::AttemptsExhausted { attempts: 3 });
    plan(&world, &compile([Rule { version: 2, ..platform() }]));
    world.incident.recurrences = 1;
    plan(&world, &compile([platform()])); // a new opening
}

#[test]
fn the_back_off_doubles() {
    let rule = Rule { cooldown_s: 600, max_attempts: 10, ..platform() };
    let rules = compile([rule.clone()]);
    let mut world = World::failing();
    world.attempt(&rule, 0, Failed);
    world.now = at(599);
    assert_eq!(why(&world, &rules), WhyNot::Cooldown { until: at(600) });
    world.now = at(600);
    plan(&world, &rules);
    world.attempt(&rule, 600, Failed);
    world.now = at(600 + 1199);
    assert_eq!(why(&world, &rules), WhyNot::Cooldown { until: at(1800) });
    world.now = at(1800);
    plan(&world, &rules);
}

#[test]
fn the_most_restrictive_mode_wins() {
    let rules = compile([platform()]);
    let mut world = World::failing();
    world.posture.site_mode = Mode::Audit;
    assert_eq!(why(&world, &rules), WhyNot::ModeAudit { source: ModeSource::Site });
    world.posture.site_mode = Mode::Ask;
    assert!(matches!(world.decide(&rules), Decision::Ask(_)));
    world.posture.asset_mode = Some(Mode::Audit);
    assert_eq!(why(&world, &rules), WhyNot::ModeAudit { source: ModeSource::Asset });
    world.posture.asset_mode = Some(Mode::Enforce);
    assert!(matches!(world.decide(&rules), Decision::Ask(_)), "an asset cannot loosen its site");
    let audited = compile([Rule { mode: Mode::Audit, ..platform() }]);
    assert_eq!(why(&world, &audited), WhyNot::ModeAudit { source: ModeSource::Rule });
}

#[test]
fn the_clinic_has_the_last_word() {
    let rules = compile([platform()]);
    let mut world = World::failing();
    world.posture.local_override = Some(Mode::Audit);
    assert_eq!(why(&world, &rules), WhyNot::LocalOverride);
    world.consent = world.decide(&rules).plan().map(|plan| plan.digest);
    assert_eq!(why(&world, &rules), WhyNot::LocalOverride, "an approval from outside does not lift it");
    world.posture.local_override = Some(Mode::Ask);
    world.consent = None;
    assert!(matches!(world.decide(&rules), Decision::Ask(Ask { reason, .. }) if reason.contains("clinic")));
    world.posture.site_mode = Mode::Audit;
    world.posture.local_override = Some(Mode::Enforce);
    assert_eq!(
        why(&world, &rules),
        WhyNot::ModeAudit { source: ModeSource::Site },
        "nor can it loosen anything"
    );
}

#[test]
fn sensitive_roles_are_observed_unless_someone_decided_otherwise() {
    let rules = compile([platform()]);
    let mut world = World::failing();
    world.roles = vec![AssetRole::Server, AssetRole::Ehr];
    assert_eq!(why(&world, &rules), WhyNot::SensitiveRole { role: "ehr".into() });
    world.posture.asset_mode = Some(Mode::Ask);
    assert!(matches!(world.decide(&rules), Decision::Ask(_)));
    world.posture.asset_mode = Some(Mode::Enforce);
    plan(&world, &rules);
}

#[test]
fn pauses_and_patient_hours_hold_back() {
    let rules = compile([platform()]);
    let mut world = World::failing();
    world.posture.paused_until = Some(at(HOUR));
    assert_eq!(why(&world, &rules), WhyNot::Paused { until: at(HOUR) });
    world.now = at(HOUR);
    plan(&world, &rules);
    world.posture.patient_hours = vec![always(&[Day::Sunday])];
    assert_eq!(why(&world, &rules), WhyNot::Paused { until: at(2 * HOUR) });
}

#[test]
fn the_blast_radius_is_capped_per_site_and_per_role() {
    let mut capped = platform();
    capped.blast_radius.site_per_hour = 3;
    capped.blast_radius.role_per_hour = 2;
    let rules = compile([capped]);
    let mut world = World::failing();
    world.heals.note(at(-50 * MINUTE), &[AssetRole::Workstation]);
    world.heals.note(at(-40 * MINUTE), &[AssetRole::Server]);
    plan(&world, &rules);
    world.heals.note(at(-30 * MINUTE), &[AssetRole::Server]);
    assert_eq!(why(&world, &rules), WhyNot::SiteCap { per_hour: 3 });
    world.now = at(11 * MINUTE);
    assert_eq!(why(&world, &rules), WhyNot::RoleCap { per_hour: 2 }, "the workstation's heal has aged out");
    world.now = at(21 * MINUTE);
    plan(&world, &rules);
}

#[test]
fn disruptive_work_waits_for_its_window() {
    let rules =
        compile([Rule { runbook: "book.disruptive".into(), when: When::MaintenanceWindow, ..platform() }]);
    let mut world = World::failing();
    assert_eq!(why(&world, &rules), WhyNot::OutsideMaintenanceWindow { next: None });
    world.posture.maintenance_windows = vec![always(&[Day::Monday])];
    assert_eq!(why(&world, &rules), WhyNot::OutsideMaintenanceWindow { next: Some(at(24 * HOUR)) });
    world.now = at(24 * HOUR + MINUTE);
    plan(&world, &rules);
}

#[test]
fn consent_is_for_one_plan_and_replaces_the_question_only() {
    let rule = Rule { mode: Mode::Ask, ..platform() };
    let rules = compile([rule.clone()]);
    let mut world = World::failing();
    let Decision::Ask(Ask { plan: asked, reason }) = world.decide(&rules) else { panic!("the rule asks") };
    assert_eq!(reason, "the rule is set to ask");
    world.consent = Some(asked.digest);
    assert_eq!(plan(&world, &rules), asked);
    world.attempt(&rule, 0, Failed);
    assert_eq!(plan(&world, &rules), asked, "nor does a person wait for a cooldown");

    let edited = compile([Rule { priority: 1, ..rule.clone() }]);
    assert!(matches!(world.decide(&edited), Decision::Ask(_)), "an edited rule asks again");
    world.incident.recurrences = 1;
    world.now = at(HOUR);
    assert!(matches!(world.decide(&rules), Decision::Ask(_)), "so does an incident that came back");
    world.incident.recurrences = 0;
    world.posture.paused_until = Some(at(2 * HOUR));
    assert_eq!(why(&world, &rules), WhyNot::Paused { until: at(2 * HOUR) });
}

#[test]
fn a_plan_belongs_to_one_asset() {
    let (here, mut there) = (World::failing(), World::failing());
    there.incident.asset = "asset_01h455vb4pex5vsknk084sn02q".parse().expect("an id");
    let rules = compile([platform()]);
    assert_ne!(plan(&here, &rules).digest, plan(&there, &rules).digest);
}

#[test]
fn an_answer_survives_storage() {
    let answer = WhyNot::FutileLoop { cycles: 3, opponent: Opponent::Managers(vec!["puppet".into()]) };
    let text = serde_json::to_string(&answer).expect("serialises");
    assert_eq!(serde_json::from_str::<WhyNot>(&text).expect("reads"), answer);
}
