//! What is stated reaches the log once, and what the server says is believed only with proof.

mod support;

use std::collections::BTreeSet;
use std::time::Duration;

use proofline_agent::sync::alarm::{self, Alarm, AlarmKind};
use proofline_agent::sync::{Drained, Pause};
use proofline_core::{Clock, Verdict};
use proofline_evidence::statement::{Body, Heal, HealOutcome, HealStep, StepOutcome};
use proofline_protocol::paths;
use support::central::Fault;
use support::rig::{Rig, result};

fn kinds(rig: &Rig) -> Vec<&'static str> {
    rig.central.statements().iter().map(|statement| statement.body.kind()).collect()
}

#[test]
fn what_changes_is_stated_and_what_does_not_is_confirmed_hourly() {
    let rig = Rig::new();
    let results = [result("linux.a", Verdict::Pass, "no"), result("linux.b", Verdict::Fail, "yes")];
    assert_eq!(rig.observe(&results).len(), 1);
    for _ in 0..11 {
        rig.advance(290);
        assert!(rig.observe(&results).is_empty());
    }
    rig.advance(290);
    assert_eq!(rig.observe(&results).len(), 1);
    rig.advance(290);
    let changed = [result("linux.a", Verdict::Fail, "yes"), result("linux.b", Verdict::Fail, "yes")];
    assert_eq!(rig.observe(&changed).len(), 1);
    assert_eq!(rig.drain(), Drained::Empty);
    assert_eq!(kinds(&rig), ["key", "check_run", "heartbeat", "check_run"]);
    let statements = rig.central.statements();
    let Body::Heartbeat(heartbeat) = &statements[2].body else { panic!("a heartbeat") };
    assert_eq!(heartbeat.unchanged_since, 1);
    let Body::CheckRun(run) = &statements[3].body else { panic!("a run") };
    assert_eq!(run.results.iter().map(|result| &*result.check).collect::<Vec<_>>(), ["linux.a"]);
    rig.assert_sound_log();
}

#[test]
fn a_heal_is_stated_whatever_its_steps_are_called() {
    let rig = Rig::new();
    let step =
        |step: &str| HealStep { step: step.into(), outcome: StepOutcome::Ok, detail: "was\0 5".into() };
    let heal = Heal {
        incident: rig.central.new_incident(),
        check: "linux.a".into(),
        rule: Some("platform.a@1#00".into()),
        runbook: "linux.a.runbook".into(),
        plan_digest: proofline_evidence::Digest::ZERO,
        actor: "l1".into(),
        mode: "enforce".into(),
        before: result("linux.a", Verdict::Fail, "yes"),
        steps: vec![
            step("set deny to 5 in /etc/x"),
            step("wörter\nzwei"),
            step(""),
            step(&"long ".repeat(200)),
        ],
        after: result("linux.a", Verdict::Pass, "no"),
        outcome: HealOutcome::Resolved,
        rollback: None,
    };
    rig.observe_with(vec![Body::Heal(heal)], &[result("linux.a", Verdict::Pass, "no")]);
    assert_eq!(rig.drain(), Drained::Empty);
    let statements = rig.central.statements();
    let stated = statements.iter().find_map(|statement| match &statement.body {
        Body::Heal(heal) => Some(heal),
        _ => None,
    });
    assert_eq!(stated.expect("a heal").steps[0].step, "set_deny_to_5_in_/etc/x");
    rig.assert_sound_log();
}

#[test]
fn a_heartbeat_needs_a_complete_picture() {
    let rig = Rig::new();
    let results = [result("linux.a", Verdict::Pass, "no")];
    rig.observe(&results);
    rig.advance(7_200);
    let mut observed = rig.observed(Vec::new(), &results);
    observed.complete = false;
    assert!(rig.parts().emitter.observed(&observed, &[]).expect("states").is_empty());
}

#[test]
fn acknowledged_entries_leave_with_their_proof() {
    let rig = Rig::new();
    rig.change(250);
    assert_eq!(rig.depth(), 250);
    assert_eq!(rig.drain(), Drained::Empty);
    assert_eq!((rig.depth(), rig.central.lock().log.len()), (0, 251));
    let receipts = rig.parts().outbox.receipts(1_000).expect("reads");
    assert_eq!(receipts.len(), 250);
    rig.assert_sound_log();
}

#[test]
fn a_lost_answer_doubles_nothing() {
    let mut rig = Rig::new();
    rig.change(5);
    for fault in [Fault::Mute, Fault::Deaf, Fault::Mute] {
        rig.central.fail(paths::EVIDENCE, &[fault]);
        assert_eq!(rig.drain(), Drained::Waiting(Pause::BackOff(None)));
        assert_eq!(rig.depth(), 5, "nothing leaves without a proof");
        rig.restart();
    }
    assert_eq!(rig.drain(), Drained::Empty);
    assert_eq!(rig.central.lock().log.len(), 6);
    rig.assert_sound_log();
}

#[test]
fn a_busy_server_is_left_alone_as_long_as_it_asks() {
    let rig = Rig::new();
    rig.change(3);
    rig.central.fail(paths::EVIDENCE, &[Fault::Busy(7), Fault::Busy(90)]);
    rig.central.fail(paths::CHECK_IN, &[Fault::Busy(30)]);
    for seconds in [7, 90] {
        let pause = Pause::BackOff(Some(Duration::from_secs(seconds)));
        assert_eq!(rig.drain(), Drained::Waiting(pause));
    }
    let pause = rig.check_in().expect_err("is busy");
    assert_eq!(pause, Pause::BackOff(Some(Duration::from_secs(30))));
    assert_eq!(rig.drain(), Drained::Empty);
    assert_eq!(rig.alarm(), None);
}

#[test]
fn seven_days_without_a_server_lose_nothing() {
    let mut rig = Rig::new();
    rig.observe(&[result("linux.a", Verdict::Pass, "no")]);
    rig.drain();
    for hour in 0..7 * 24 {
        rig.advance(3_600);
        let observed = if hour % 12 == 0 { hour.to_string() } else { (hour / 12 * 12).to_string() };
        assert_eq!(rig.observe(&[result("linux.a", Verdict::Fail, &observed)]).len(), 1);
        if hour % 40 == 0 {
            rig.restart();
        }
    }
    assert_eq!(rig.depth(), 7 * 24);
    assert_eq!(rig.drain(), Drained::Empty);
    assert_eq!(rig.central.lock().log.len(), 2 + 7 * 24);
    rig.assert_sound_log();
}

#[test]
fn a_log_that_was_changed_behind_is_refused() {
    for fault in [Fault::Fork, Fault::ForgedHead, Fault::WrongProof, Fault::Rewound(2)] {
        let mut rig = Rig::new();
        rig.change(3);
        rig.drain();
        rig.change(2);
        rig.central.fail(paths::EVIDENCE, &[fault]);
        assert_eq!(rig.drain(), Drained::Waiting(Pause::Slow), "{fault:?}");
        assert_eq!(rig.depth(), 2, "everything is kept: {fault:?}");
        // What the pinned key did not sign proves nothing against the log. What it did sign stays proof.
        let (raised, left) = match fault {
            Fault::ForgedHead => (AlarmKind::HeadForged, vec![]),
            _ => (AlarmKind::LogInconsistent, vec![AlarmKind::LogInconsistent]),
        };
        assert_eq!(rig.alarms(), [raised], "{fault:?}");
        rig.restart();
        assert_eq!(rig.alarms(), [raised], "it outlives a restart");
        assert_eq!(rig.drain(), Drained::Empty, "an honest answer is taken");
        assert_eq!(rig.alarms(), left, "{fault:?}");
        rig.assert_sound_log();
    }
}

#[test]
fn every_answer_that_is_not_believed_is_kept_beside_what_it_contradicts() {
    let rig = Rig::new();
    rig.change(3);
    rig.drain();
    rig.change(2);
    rig.central.fail(paths::EVIDENCE, &[Fault::Fork, Fault::Rewound(2)]);
    for _ in 0..2 {
        assert_eq!(rig.drain(), Drained::Waiting(Pause::Slow));
    }
    let first = rig.alarm().expect("raised");
    assert_eq!(rig.drain(), Drained::Empty);
    let kept = |number: u32| {
        let path = rig.state_path().join(format!("distrusted-checkpoint-{number}.txt"));
        std::fs::read(path).ok().map(|bytes| String::from_utf8(bytes).expect("text"))
    };
    let texts = [kept(1).expect("kept"), kept(2).expect("kept")];
    assert_ne!(texts[0], texts[1]);
    for text in &texts {
        assert_eq!(text.matches("/evidence/site_").count(), 2, "two signed notes: {text}");
    }
    assert_eq!(kept(3), None);
    assert_eq!(rig.alarm(), Some(first), "the first proof is the one that is shown");
}

#[test]
fn no_alarm_hides_another() {
    let rig = Rig::new();
    let raise = |kind| {
        let alarm = Alarm { kind, detail: format!("{kind:?}"), since: rig.clock.now() };
        alarm::raise(&rig.parts().outbox, &alarm).expect("is written");
    };
    let kinds = [AlarmKind::SeqConflict, AlarmKind::Revoked, AlarmKind::Unstatable, AlarmKind::EntryRefused];
    kinds.into_iter().for_each(raise);
    raise(AlarmKind::LogInconsistent);
    raise(AlarmKind::Revoked);
    assert_eq!(rig.alarms()[0], AlarmKind::LogInconsistent);
    assert_eq!(rig.alarms()[1..], kinds);
    alarm::settle(&rig.parts().outbox, &rig.alarms()).expect("settles");
    assert_eq!(rig.alarms(), [AlarmKind::LogInconsistent, AlarmKind::SeqConflict], "these stay for good");
}

#[test]
fn a_rewound_log_is_refused_even_after_the_queue_was_lost() {
    let mut rig = Rig::new();
    rig.change(3);
    rig.drain();
    rig.parts = None;
    for file in ["queue.db", "queue.db-wal", "queue.db-shm"] {
        let _ = std::fs::remove_file(rig.state_path().join(file));
    }
    rig.start();
    rig.change(1);
    rig.central.fail(paths::EVIDENCE, &[Fault::Rewound(2)]);
    assert_eq!(rig.drain(), Drained::Waiting(Pause::Slow));
    assert_eq!(rig.alarm().map(|alarm| alarm.kind), Some(AlarmKind::LogInconsistent));
}

#[test]
fn a_state_folder_that_was_restored_stops_sending() {
    let mut rig = Rig::new();
    rig.change(2);
    rig.drain();
    rig.parts = None;
    let backup = rig.folder.path().join("backup");
    copy(&rig.state_path(), &backup);
    rig.start();
    rig.change(3);
    rig.drain();
    rig.parts = None;
    std::fs::remove_dir_all(rig.state_path()).expect("removes");
    copy(&backup, &rig.state_path());
    rig.start();
    rig.change(1);
    assert!(matches!(rig.drain(), Drained::Waiting(Pause::Slow) | Drained::Stopped));
    assert_eq!(rig.alarm().map(|alarm| alarm.kind), Some(AlarmKind::SeqConflict));
    assert_eq!(rig.drain(), Drained::Stopped);
    assert_eq!(rig.depth(), 1, "the statement is kept");
    let sent = rig.central.lock().requests.len();
    rig.drain();
    assert_eq!(rig.central.lock().requests.len(), sent, "nothing is sent any more");
    rig.assert_sound_log();
}

fn copy(from: &std::path::Path, to: &std::path::Path) {
    std::fs::create_dir_all(to).expect("makes the folder");
    for entry in std::fs::read_dir(from).expect("lists") {
        let entry = entry.expect("reads");
        std::fs::copy(entry.path(), to.join(entry.file_name())).expect("copies");
    }
}

#[test]
fn a_revoked_appliance_knows_and_forgives() {
    let rig = Rig::new();
    rig.change(1);
    rig.central.revoke_all();
    assert_eq!(rig.check_in().expect_err("is revoked"), Pause::Slow);
    assert_eq!(rig.alarm().map(|alarm| alarm.kind), Some(AlarmKind::Revoked));
    assert_eq!(rig.drain(), Drained::Waiting(Pause::Slow));
    assert_eq!(rig.depth(), 1);
    rig.central.forgive_all();
    rig.check_in().expect("is answered");
    assert_eq!(rig.alarms(), [AlarmKind::Revoked], "a word without a signature settles nothing");
    assert_eq!(rig.drain(), Drained::Empty);
    assert_eq!(rig.alarms(), []);
}

#[test]
fn a_wrong_clock_still_reports_and_says_how_wrong_it_is() {
    let rig = Rig::new();
    // The server keeps the right time; this machine lives two hours in the past.
    let server = proofline_core::FixedClock::at(support::rig::start_of_time());
    let central = support::central::Central::start(std::sync::Arc::new(server));
    rig.clock.advance(chrono::TimeDelta::hours(-2));
    let folder = tempfile::tempdir().expect("temporary folder");
    let mut late = Rig { central, folder, parts: None, ..rig };
    late.enroll(support::central::CODE).expect("enrols");
    late.start();
    late.check_in().expect("checks in");
    late.change(1);
    assert_eq!(late.drain(), Drained::Empty);
    let statements = late.central.statements();
    assert_eq!(statements.last().and_then(|statement| statement.header.clock_offset_ms), Some(-7_200_000));
}

#[test]
fn a_resync_states_everything_again() {
    let rig = Rig::new();
    let results = [result("linux.a", Verdict::Pass, "no"), result("linux.b", Verdict::Fail, "yes")];
    rig.observe(&results);
    rig.central.lock().resync = true;
    assert!(rig.check_in().expect("checks in").run_checks);
    rig.advance(10);
    rig.observe(&results);
    rig.drain();
    let statements = rig.central.statements();
    let Body::CheckRun(run) = &statements[2].body else { panic!("a run") };
    let checks: BTreeSet<_> = run.results.iter().map(|result| &*result.check).collect();
    assert_eq!(checks, BTreeSet::from(["linux.a", "linux.b"]));
    rig.assert_sound_log();
}
