//! What holds healing back, each on a machine that could be healed.

use proofline_catalog::AssetRole;
use proofline_catalog::rule::When;
use proofline_core::{Mode, Verdict};
use proofline_evidence::statement::HealOutcome;
use proofline_healing::{Day, Window};
use proofline_protocol::OrderOutcome;

use super::scratch::Scratch;
use super::world::{World, enforce, start};

const CHECK: &str = "linux.kernel.syn_cookies";
const KEY: &str = "proc/sys/net/ipv4/tcp_syncookies";

/// A machine with one wrong kernel parameter.
fn broken() -> World {
    let world = World::new(Scratch::new());
    world.scratch.write(KEY, "0\n", 0o644);
    world
}

/// Something on the machine keeps the value from being set: the file cannot be written.
fn stuck() -> World {
    let world = broken();
    std::fs::remove_file(world.scratch.path(KEY)).expect("removes");
    world.scratch.write("proc/sys/net/ipv4/elsewhere", "0\n", 0o644);
    world.scratch.link("elsewhere", KEY);
    world
}

#[test]
fn one_record_holds_both_observations() {
    needs_root!();
    let mut world = broken();
    let answer = world.cycle(&[CHECK]);
    assert_eq!(answer.moves(), ["open"]);
    let heal = answer.heal();
    assert_eq!(
        (heal.outcome, heal.actor.as_str(), heal.mode.as_str()),
        (HealOutcome::Resolved, "l1", "enforce")
    );
    assert_eq!((heal.before.observed.as_str(), heal.after.observed.as_str()), ("0", "1"));
    assert!(heal.rule.as_deref().is_some_and(|rule| rule.starts_with("platform.kernel.syn_cookies@1#")));
    assert_eq!(heal.incident, answer.changes()[0].incident);
    assert_eq!(
        answer.0.observations.last().map(|seen| seen.verdict),
        Some(Verdict::Pass),
        "the second one counts"
    );
    assert!(answer.0.open.is_empty());
}

#[test]
fn an_audited_machine_is_watched_and_told_what_would_run() {
    needs_root!();
    let mut world = broken();
    world.mode = Mode::Audit;
    let answer = world.cycle(&[CHECK]);
    assert_eq!(answer.moves(), ["open", "open"]);
    assert_eq!(answer.cause(), "the site is set to audit (linux.kernel.syn_cookies would run)");
    assert!(answer.0.open.contains(CHECK));
    assert_eq!(world.scratch.text(KEY), "0\n");
    assert!(world.cycle(&[CHECK]).0.events.is_empty(), "said once");
}

#[test]
fn a_machine_that_asks_waits_for_exactly_this_plan() {
    needs_root!();
    let mut world = broken();
    world.mode = Mode::Ask;
    let answer = world.cycle(&[CHECK]);
    let (incident, plan) = answer.plan();
    assert!(world.cycle(&[CHECK]).0.events.is_empty(), "the same plan is not asked for twice");
    let other = proofline_evidence::Digest::of("another plan");
    let (_, outcome, detail) = world.approve(incident, other);
    assert_eq!(
        (outcome, detail.as_str()),
        (OrderOutcome::Refused, "the plan is not the one that was approved")
    );
    assert_eq!(world.scratch.text(KEY), "0\n");
    let (answer, outcome, _) = world.approve(incident, plan);
    assert_eq!((outcome, answer.heal().outcome), (OrderOutcome::Done, HealOutcome::Resolved));
    assert_eq!(answer.heal().mode, "ask");
    let (_, outcome, _) = world.approve(incident, plan);
    assert_eq!(outcome, OrderOutcome::Refused, "an approval is not a licence");
}

#[test]
fn a_rule_that_no_longer_asks_acts_without_claiming_an_approval() {
    needs_root!();
    let mut world = broken();
    world.mode = Mode::Ask;
    world.cycle(&[CHECK]).plan();
    world.mode = Mode::Enforce;
    world.rules_version += 1;
    let answer = world.cycle(&[CHECK]);
    let lapsed = answer.changes()[0];
    assert_eq!(lapsed.from.as_deref(), Some("awaiting_approval"));
    assert_eq!((lapsed.to.as_str(), lapsed.cause.as_str()), ("open", "the rule no longer asks"));
    assert_eq!((answer.heal().outcome, answer.heal().actor.as_str()), (HealOutcome::Resolved, "l1"));
}

#[test]
fn an_approval_of_a_plan_that_does_not_wait_runs_nothing() {
    needs_root!();
    let mut world = broken();
    world.mode = Mode::Ask;
    let (incident, waiting) = world.cycle(&[CHECK]).plan();
    // Another plan waits by now, and this one would be right again.
    let mut state = world.state();
    let memory = state.checks.get_mut(CHECK).expect("is known");
    memory.incident.pending_plan = Some(proofline_catalog::canonical::Digest::of_bytes(b"another"));
    world.note = Some(state.to_bytes());
    world.restart();
    let (answer, outcome, detail) = world.approve(incident, waiting);
    assert_eq!((outcome, detail.as_str()), (OrderOutcome::Refused, "another plan waits for approval"));
    assert!(answer.heals().is_empty());
    assert_eq!(world.scratch.text(KEY), "0\n");
}

#[test]
fn an_edited_rule_makes_an_approval_void() {
    needs_root!();
    let mut world = broken();
    world.mode = Mode::Ask;
    let (incident, plan) = world.cycle(&[CHECK]).plan();
    world.local_rule(CHECK, |rule| rule.title = "edited".to_owned());
    let (_, outcome, detail) = world.approve(incident, plan);
    assert_eq!(
        (outcome, detail.as_str()),
        (OrderOutcome::Refused, "the plan is not the one that was approved")
    );
    assert_ne!(world.cycle(&[CHECK]).plan().1, plan, "the new plan is asked for");
}

#[test]
fn what_passes_by_itself_resolves_and_needs_no_approval() {
    needs_root!();
    let mut world = broken();
    world.mode = Mode::Ask;
    let (incident, plan) = world.cycle(&[CHECK]).plan();
    world.scratch.write(KEY, "1\n", 0o644);
    let (answer, outcome, _) = world.approve(incident, plan);
    assert_eq!((outcome, answer.moves()), (OrderOutcome::Refused, vec!["resolved"]));
}

#[test]
fn the_clinics_own_word_wins_over_rules_and_orders() {
    needs_root!();
    let mut world = broken();
    world.mode = Mode::Ask;
    let (incident, plan) = world.cycle(&[CHECK]).plan();
    world.local = Some(Mode::Audit);
    let (_, outcome, detail) = world.approve(incident, plan);
    assert_eq!((outcome, detail.as_str()), (OrderOutcome::Refused, "the clinic set this machine to audit"));
    let answer = world.cycle(&[CHECK]);
    assert_eq!(answer.moves(), ["open"], "it no longer waits: {}", answer.cause());
    assert_eq!(world.scratch.text(KEY), "0\n");
}

#[test]
fn sensitive_roles_are_only_watched() {
    needs_root!();
    let mut world = broken();
    world.roles = vec![AssetRole::Ehr];
    assert!(world.cycle(&[CHECK]).cause().starts_with("the asset is ehr"));
    assert_eq!(world.scratch.text(KEY), "0\n");
}

#[test]
fn a_paused_machine_waits() {
    needs_root!();
    let mut world = broken();
    world.paused_until = Some(start() + chrono::TimeDelta::hours(1));
    assert!(world.cycle(&[CHECK]).cause().starts_with("healing is paused until 2026-03-01T13:00:00Z"));
    world.minutes(61);
    assert_eq!(world.cycle(&[CHECK]).heal().outcome, HealOutcome::Resolved);
}

#[test]
fn nothing_is_healed_while_nothing_can_be_stated() {
    needs_root!();
    let mut world = broken();
    world.held_back = Some("no evidence can be written at the moment");
    assert!(world.cycle(&[CHECK]).heals().is_empty());
    assert_eq!(world.scratch.text(KEY), "0\n");
    world.held_back = None;
    assert_eq!(world.cycle(&[CHECK]).heal().outcome, HealOutcome::Resolved);
}

#[test]
fn rules_for_another_catalogue_heal_nothing() {
    needs_root!();
    let mut world = broken();
    let ours = world.catalogue;
    world.catalogue = proofline_evidence::Digest::of("another catalogue");
    let answer = world.cycle(&[CHECK]);
    assert!(answer.heals().is_empty());
    assert_eq!(answer.cause(), "the rules were made for another catalogue than the one of this version");
    assert_eq!(world.scratch.text(KEY), "0\n");
    world.catalogue = ours;
    world.rules_version += 1;
    assert_eq!(world.cycle(&[CHECK]).heal().outcome, HealOutcome::Resolved);
}

#[test]
fn without_a_signed_rule_nothing_runs() {
    needs_root!();
    let mut world = broken();
    world.rules.clear();
    world.rules_version += 1;
    assert_eq!(world.cycle(&[CHECK]).cause(), "no rule answers this check here");
}

#[test]
fn disruptive_work_waits_for_its_window() {
    needs_root!();
    let check = "linux.kernel.ip_forwarding";
    let mut world = World::new(Scratch::new());
    world.scratch.write("proc/sys/net/ipv4/ip_forward", "1\n", 0o644);
    world.local_rule(check, |rule| {
        enforce(rule);
        rule.when = When::MaintenanceWindow;
    });
    assert!(world.cycle(&[check]).cause().starts_with("the site has no maintenance window"));
    world.windows =
        vec![Window { days: vec![Day::Sunday], start_minute: 22 * 60, minutes: 60, utc_offset_minutes: 0 }];
    world.rules_version += 1;
    assert!(
        world.cycle(&[check]).cause().starts_with("waits for the maintenance window at 2026-03-01T22:00:00Z")
    );
    assert_eq!(world.scratch.text("proc/sys/net/ipv4/ip_forward"), "1\n");
    world.minutes(10 * 60 + 5);
    assert_eq!(world.cycle(&[check]).heal().outcome, HealOutcome::Resolved);
}

#[test]
fn a_disruptive_rule_that_would_not_wait_is_refused() {
    needs_root!();
    let check = "linux.kernel.ip_forwarding";
    let mut world = World::new(Scratch::new());
    world.scratch.write("proc/sys/net/ipv4/ip_forward", "1\n", 0o644);
    world.local_rule(check, enforce);
    assert!(world.cycle(&[check]).cause().contains("cannot be used"));
}

#[test]
fn failed_attempts_back_off_run_out_and_escalate() {
    needs_root!();
    let mut world = stuck();
    let first = world.cycle(&[CHECK]);
    assert_eq!(first.heal().outcome, HealOutcome::RolledBack, "{:#?}", first.heal());
    assert!(first.heal().rollback.is_none());
    assert!(
        world
            .cycle(&[CHECK])
            .cause()
            .starts_with("the last attempt is too recent, next at 2026-03-01T12:10:00Z")
    );
    world.minutes(10);
    assert_eq!(world.cycle(&[CHECK]).heals().len(), 1);
    world.minutes(10);
    assert!(world.cycle(&[CHECK]).heals().is_empty(), "the wait has doubled");
    world.minutes(10);
    assert_eq!(world.cycle(&[CHECK]).heals().len(), 1);
    world.minutes(24 * 60);
    let last = world.cycle(&[CHECK]);
    assert_eq!((last.moves(), last.cause()), (vec!["escalated"], "all 3 attempts are used"));
    assert!(world.cycle(&[CHECK]).0.events.is_empty());
    assert!(
        world.scratch.snapshot().keys().all(|path| !path.contains("99-zz-proofline")),
        "nothing is left behind"
    );
}

#[test]
fn attempts_and_cooldowns_survive_a_restart() {
    needs_root!();
    let mut world = stuck();
    world.cycle(&[CHECK]);
    world.restart();
    assert!(world.cycle(&[CHECK]).cause().starts_with("the last attempt is too recent"));
    world.minutes(10);
    world.restart();
    assert_eq!(world.cycle(&[CHECK]).heals().len(), 1);
    assert_eq!(world.state().checks[CHECK].history.attempts().len(), 2);
}

#[test]
fn the_blast_radius_is_kept_and_ages() {
    needs_root!();
    let mut world = World::new(Scratch::new());
    let checks = ["linux.kernel.syn_cookies", "linux.kernel.log_martians", "linux.kernel.link_protection"];
    for key in ["net/ipv4/tcp_syncookies", "net/ipv4/conf/all/log_martians", "fs/protected_symlinks"] {
        world.scratch.write(&format!("proc/sys/{key}"), "0\n", 0o644);
    }
    for check in checks {
        world.local_rule(check, |rule| rule.blast_radius.site_per_hour = 2);
    }
    let answer = world.cycle(&checks);
    assert_eq!(answer.heals().len(), 2);
    assert!(answer.cause().starts_with("2 heals in the last hour by this agent"), "{}", answer.cause());
    world.minutes(61);
    assert_eq!(world.cycle(&checks).heals().len(), 1);
}

#[test]
fn a_value_that_is_always_set_back_is_given_to_people_with_a_name() {
    needs_root!();
    let mut world = broken();
    world.scratch.write("etc/puppetlabs/puppet/puppet.conf", "", 0o644);
    for _ in 0..3 {
        assert_eq!(world.cycle(&[CHECK]).heal().outcome, HealOutcome::Resolved);
        world.minutes(30);
        world.scratch.write(KEY, "0\n", 0o644);
    }
    let answer = world.cycle(&[CHECK]);
    assert_eq!(answer.moves(), ["open", "escalated"]);
    assert_eq!(answer.cause(), "healed 3 times in vain: probably Puppet sets it back");
    assert_eq!(world.state().checks[CHECK].incident.recurrences, 3);
}

#[test]
fn unknown_is_not_a_pass() {
    needs_root!();
    let mut world = broken();
    world.mode = Mode::Audit;
    world.scratch.append("etc/ssh/sshd_config", "PermitRootLogin yes\n");
    let answer = world.cycle(&["linux.ssh.root_login"]);
    assert_eq!(answer.moves()[0], "open");
    std::fs::remove_file(world.scratch.path("usr/sbin/sshd")).expect("removes");
    assert_eq!(world.verdict("linux.ssh.root_login"), Verdict::Unknown);
    let answer = world.cycle(&["linux.ssh.root_login"]);
    assert!(answer.0.events.is_empty() && answer.0.open.contains("linux.ssh.root_login"));
}
