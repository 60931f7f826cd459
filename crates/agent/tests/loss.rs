//! Whatever happens to the disk, the log either holds a statement or says that it is missing.

mod support;

use proofline_agent::emitter::EmitError;
use proofline_agent::sync::Drained;
use proofline_core::Verdict;
use proofline_evidence::statement::{Body, IncidentChange};
use proofline_outbox::Limits;
use support::rig::{Rig, result};

const FILES: [&str; 3] = ["queue.db", "queue.db-wal", "queue.db-shm"];

/// The queue's database is gone; its high-water mark is not.
fn lose_the_queue(rig: &mut Rig) {
    rig.parts = None;
    for file in FILES {
        let _ = std::fs::remove_file(rig.state_path().join(file));
    }
    rig.start();
}

fn gaps(rig: &Rig) -> Vec<(u64, u64)> {
    let statements = rig.central.statements();
    let gaps = statements.iter().filter_map(|statement| match &statement.body {
        Body::Gap(gap) => Some((gap.first_seq, gap.last_seq)),
        _ => None,
    });
    gaps.collect()
}

#[test]
fn statements_that_never_left_become_a_gap() {
    let mut rig = Rig::new();
    rig.change(3);
    rig.drain();
    rig.change(4);
    lose_the_queue(&mut rig);
    assert_eq!(rig.drain(), Drained::Empty);
    assert_eq!(gaps(&rig), [(4, 7)]);
    rig.change(1);
    rig.advance(4_000);
    rig.change(1);
    assert_eq!(rig.drain(), Drained::Empty);
    assert_eq!(gaps(&rig), [(4, 7)]);
    let last = rig.central.statements().pop().expect("a statement");
    assert_eq!(last.header.seq, 10);
    rig.assert_sound_log();
}

#[test]
fn statements_that_arrived_unnoticed_are_no_gap() {
    let mut rig = Rig::new();
    rig.change(3);
    rig.central.fail(proofline_protocol::paths::EVIDENCE, &[support::central::Fault::Mute]);
    assert!(matches!(rig.drain(), Drained::Waiting(_)));
    lose_the_queue(&mut rig);
    assert_eq!(rig.drain(), Drained::Empty);
    assert_eq!(gaps(&rig), []);
    let asked = rig.central.lock().requests.len();
    assert_eq!(rig.drain(), Drained::Empty);
    assert_eq!(rig.central.lock().requests.len(), asked, "the question is asked once");
    rig.change(2);
    assert_eq!(rig.drain(), Drained::Empty);
    assert_eq!(gaps(&rig), []);
    assert!(rig.parts().outbox.losses().expect("reads").is_empty());
    rig.assert_sound_log();
}

#[test]
fn a_part_that_arrived_shortens_the_gap() {
    let mut rig = Rig::new();
    rig.change(3);
    rig.central.fail(proofline_protocol::paths::EVIDENCE, &[support::central::Fault::Mute]);
    assert!(matches!(rig.drain(), Drained::Waiting(_)));
    rig.change(2);
    lose_the_queue(&mut rig);
    assert_eq!(rig.drain(), Drained::Empty);
    assert_eq!(gaps(&rig), [(4, 5)]);
    rig.change(1);
    assert_eq!(rig.drain(), Drained::Empty);
    rig.assert_sound_log();
}

#[test]
fn what_happened_behind_a_hole_is_stated_again() {
    let mut rig = Rig::new();
    rig.change(1);
    rig.drain();
    rig.change(2);
    let incident = rig.central.new_incident();
    let opened = Body::Incident(IncidentChange {
        incident,
        check: "linux.a".into(),
        from: None,
        to: "open".into(),
        actor: "agent".into(),
        cause: "it fails".into(),
    });
    rig.observe_with(vec![opened.clone()], &[result("linux.a", Verdict::Fail, "now")]);
    rig.parts = None;
    assert!(damage_statement_2(&rig.state_path().join("queue.db")), "the damage was done");
    rig.start();
    let losses = rig.parts().outbox.losses().expect("reads");
    assert_eq!(losses.first().map(|loss| (loss.first_seq, loss.last_seq)), Some((2, 2)));
    assert_eq!(rig.drain(), Drained::Empty);
    let statements = rig.central.statements();
    let (first, last) = gaps(&rig)[0];
    assert_eq!(first, 2);
    let after: Vec<_> = statements.iter().filter(|statement| statement.header.seq > last).collect();
    assert!(after.iter().any(|statement| statement.body == opened), "the incident is told again");
    rig.change(1);
    assert_eq!(rig.drain(), Drained::Empty);
    rig.assert_sound_log();
}

#[test]
fn what_happened_behind_a_hole_is_stated_again_page_by_page() {
    const EVENTS: usize = 450;
    let mut rig = Rig::new();
    rig.change(1);
    rig.drain();
    rig.change(2);
    let incident = rig.central.new_incident();
    for number in 0..EVENTS {
        let opened = Body::Incident(IncidentChange {
            incident,
            check: "linux.a".into(),
            from: None,
            to: "open".into(),
            actor: "agent".into(),
            cause: format!("cause {number}"),
        });
        rig.advance(1);
        rig.observe_with(vec![opened], &[result("linux.a", Verdict::Fail, &number.to_string())]);
    }
    rig.parts = None;
    assert!(damage_statement_2(&rig.state_path().join("queue.db")), "the damage was done");
    rig.start();
    assert_eq!(rig.drain(), Drained::Empty);
    let (_, last) = gaps(&rig)[0];
    let statements = rig.central.statements();
    let causes: Vec<_> = statements
        .iter()
        .filter(|statement| statement.header.seq > last)
        .filter_map(|statement| match &statement.body {
            Body::Incident(change) => Some(change.cause.clone()),
            _ => None,
        })
        .collect();
    assert_eq!(causes, (0..EVENTS).map(|number| format!("cause {number}")).collect::<Vec<_>>());
    assert_eq!(rig.depth(), 0);
    rig.change(1);
    assert_eq!(rig.drain(), Drained::Empty);
    rig.assert_sound_log();
}

/// Flips a byte inside every copy of the payload of statement 2 that lies in the file. Returns whether there was one.
fn damage_statement_2(path: &std::path::Path) -> bool {
    let mut bytes = std::fs::read(path).expect("reads");
    let needle = b"{\"payload\":\"";
    let starts = (0..bytes.len() - needle.len()).filter(|&at| bytes[at..].starts_with(needle));
    let mut found = false;
    for at in starts.collect::<Vec<_>>() {
        // The beginning of the payload is in one page; the statement's number stands after the subject and the header.
        let text: Vec<u8> =
            bytes[at + needle.len()..].iter().copied().take_while(|byte| *byte != b'"').take(1_200).collect();
        let Ok(start) = proofline_evidence::encoding::decode(&String::from_utf8_lossy(&text)) else {
            continue;
        };
        if String::from_utf8_lossy(&start).contains("\"seq\":2,") {
            bytes[at + needle.len() + 40] ^= 1;
            found = true;
        }
    }
    std::fs::write(path, bytes).expect("writes");
    found
}

#[test]
fn a_full_queue_refuses_and_says_so_afterwards() {
    let mut rig = Rig::new();
    rig.parts = None;
    rig.limits = Limits { max_items: 20, ..Limits::default() };
    rig.start();
    rig.change(20);
    let observed = rig.observed(Vec::new(), &[result("linux.a", Verdict::Pass, "late")]);
    for _ in 0..3 {
        let refused = rig.parts().emitter.observed(&observed, &[]);
        assert!(matches!(refused, Err(EmitError::Suspended(_))), "{refused:?}");
        assert!(rig.parts().emitter.is_suspended());
        rig.advance(600);
    }
    assert_eq!(rig.depth(), 20, "nothing was dropped for it");
    rig.restart();
    assert!(rig.parts().emitter.is_suspended(), "it outlives a restart");
    assert_eq!(rig.drain(), Drained::Empty);
    let now = rig.observed(Vec::new(), &[result("linux.a", Verdict::Pass, "late")]);
    assert_eq!(rig.parts().emitter.observed(&now, &[]).expect("states").len(), 1);
    assert!(!rig.parts().emitter.is_suspended());
    assert_eq!(rig.drain(), Drained::Empty);
    assert_eq!(gaps(&rig), [(21, 21)]);
    let statements = rig.central.statements();
    let gap = statements.iter().find_map(|statement| match &statement.body {
        Body::Gap(gap) => Some(gap),
        _ => None,
    });
    let gap = gap.expect("a gap");
    assert_eq!((gap.to - gap.from).num_seconds(), 1_800, "the gap says how long");
    assert!(gap.reason.contains("full"), "{}", gap.reason);
    rig.change(1);
    rig.drain();
    rig.assert_sound_log();
}

#[test]
fn room_comes_back_before_statements_do() {
    let mut rig = Rig::new();
    rig.parts = None;
    rig.limits = Limits { max_bytes: 40_000, ..Limits::default() };
    rig.start();
    let mut stated = 0;
    let full = loop {
        rig.advance(1);
        let observed = rig.observed(Vec::new(), &[result("linux.a", Verdict::Fail, &stated.to_string())]);
        match rig.parts().emitter.observed(&observed, &[]) {
            Ok(seqs) => stated += seqs.len(),
            Err(error) => break error,
        }
    };
    assert!(matches!(full, EmitError::Suspended(_)), "{full:?}");
    assert_eq!(rig.depth(), stated as u64);
    assert_eq!(rig.drain(), Drained::Empty);
    rig.change(3);
    assert_eq!(rig.drain(), Drained::Empty);
    assert_eq!(gaps(&rig).len(), 1);
    rig.assert_sound_log();
}

#[test]
fn a_file_that_may_not_grow_is_a_full_disk() {
    let mut rig = Rig::new();
    rig.parts = None;
    rig.limits = Limits { max_file_bytes: 128 * 1024, ..Limits::default() };
    rig.start();
    let mut stated = 0_u64;
    loop {
        rig.advance(1);
        let observed = rig.observed(Vec::new(), &[result("linux.a", Verdict::Fail, &stated.to_string())]);
        match rig.parts().emitter.observed(&observed, &[]) {
            Ok(_) => stated += 1,
            Err(error) => break assert!(matches!(error, EmitError::Suspended(_)), "{error:?}"),
        }
    }
    assert_eq!(rig.depth(), stated, "nothing was dropped for it");
    assert_eq!(rig.drain(), Drained::Empty);
    rig.change(2);
    assert_eq!(rig.drain(), Drained::Empty);
    assert_eq!(gaps(&rig).len(), 1);
    rig.assert_sound_log();
}

#[test]
fn a_full_queue_with_a_hole_in_it_is_mended() {
    let mut rig = Rig::new();
    rig.change(1);
    rig.drain();
    rig.parts = None;
    rig.limits = Limits { max_items: 8, ..Limits::default() };
    rig.start();
    rig.change(8);
    let observed = rig.observed(Vec::new(), &[result("linux.a", Verdict::Pass, "late")]);
    assert!(rig.parts().emitter.observed(&observed, &[]).is_err());
    rig.parts = None;
    assert!(damage_statement_2(&rig.state_path().join("queue.db")), "the damage was done");
    rig.start();
    rig.change(1);
    assert!(matches!(rig.parts().emitter.observed(&observed, &[]), Err(EmitError::Suspended(_))));
    assert_eq!(rig.drain(), Drained::Empty);
    rig.change(1);
    assert_eq!(rig.drain(), Drained::Empty);
    assert_eq!(gaps(&rig).first().map(|(first, _)| *first), Some(2));
    rig.assert_sound_log();
}

#[test]
fn an_unreadable_note_costs_a_restatement_and_nothing_else() {
    let rig = Rig::new();
    let results = [result("linux.a", Verdict::Pass, "no"), result("linux.b", Verdict::Pass, "no")];
    rig.observe(&results);
    let asset = rig.central.lock().ids.asset;
    let spoil = rig.parts().outbox.write(|batch| batch.set_note(&format!("asset/{asset}"), b"{"));
    spoil.expect("writes");
    rig.advance(1);
    assert_eq!(rig.observe(&results).len(), 1);
    rig.drain();
    rig.assert_sound_log();
}
