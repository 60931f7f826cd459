//! Statements: every kind survives being written and read, and what is not of the format is refused by name.

mod common;

use common::{at, header, result};
use proofline_core::{ApplianceId, Entropy, SeededEntropy, Verdict};
use proofline_evidence::statement::{
    Attestation, Body, CheckRun, Gap, Heal, HealOutcome, HealStep, Heartbeat, IncidentChange, KeyAction,
    KeyEvent, KeyRole, ServerFact, StateLine, Statement, StepOutcome, rules, state_digest,
};
use proofline_evidence::{Digest, Reason, SigningKey};
use proptest::prelude::*;

fn every_kind() -> Vec<Body> {
    let entropy = SeededEntropy::new(9);
    let entropy: &dyn Entropy = &entropy;
    let incident = proofline_core::IncidentId::new(at(5), entropy);
    let results =
        vec![result("linux.ssh.root_login", Verdict::Pass, "no"), result("linux.x", Verdict::Error, "")];
    let state = state_digest(results.iter().map(StateLine::of));
    vec![
        Body::CheckRun(CheckRun { results: results.clone(), state: Some(state) }),
        Body::CheckRun(CheckRun { results: vec![], state: None }),
        Body::Heal(Heal {
            incident,
            check: "linux.x".into(),
            rule: Some("linux.x.fix@3#0123".into()),
            runbook: "linux.sysctl.set".into(),
            plan_digest: Digest::of("plan"),
            actor: "l1".into(),
            mode: "enforce".into(),
            before: result("linux.x", Verdict::Fail, "1"),
            steps: vec![HealStep { step: "set".into(), outcome: StepOutcome::Ok, detail: "was 1".into() }],
            after: result("linux.x", Verdict::Pass, "0"),
            outcome: HealOutcome::Resolved,
            rollback: Some("backup:1".into()),
        }),
        Body::Heartbeat(Heartbeat { unchanged_since: 3, state }),
        Body::Gap(Gap {
            first_seq: 2,
            last_seq: 4,
            from: at(1),
            to: at(2),
            reason: "the disk was replaced".into(),
        }),
        Body::Attestation(Attestation {
            statement: "Backups were restored \"once\"\n".into(),
            by: "role:owner".into(),
        }),
        Body::Incident(IncidentChange {
            incident,
            check: "linux.x".into(),
            from: None,
            to: "open".into(),
            actor: "agent".into(),
            cause: "verdict fail".into(),
        }),
        Body::Key(KeyEvent::new(
            KeyAction::Enrolled,
            KeyRole::Appliance,
            SigningKey::from_seed(&[5; 32]).public_key().clone(),
            Some(ApplianceId::new(at(1), entropy)),
            "claimed",
        )),
        Body::ServerFact(ServerFact {
            fact: "mode_changed".into(),
            subject_id: "app_1".into(),
            actor: "user_1".into(),
            detail: "audit → enforce".into(),
        }),
    ]
}

#[test]
fn every_kind_survives_being_written_and_read() {
    for body in every_kind() {
        let kind = body.kind();
        let statement = Statement::new(header(5), body);
        let bytes = statement.to_bytes().expect(kind);
        assert_eq!(Statement::parse(&bytes).as_ref(), Ok(&statement), "{kind}");
        let generic: serde_json::Value = serde_json::from_slice(&bytes).expect("plain JSON");
        assert_eq!(generic["predicate"]["body"]["kind"], kind);
        assert_eq!(generic["predicate"]["started"], "2026-11-22T02:50:00Z");
    }
}

#[test]
fn leaving_out_adding_or_renaming_any_field_is_refused() {
    for body in every_kind() {
        let text =
            String::from_utf8(Statement::new(header(5), body).to_bytes().expect("sound")).expect("UTF-8");
        let keys: Vec<_> =
            text.match_indices("\":").map(|(end, _)| text[..end].rfind('"').expect("key") + 1).collect();
        for key in keys {
            let renamed = format!("{}_{}", &text[..key], &text[key..]);
            let reason = Statement::parse(renamed.as_bytes()).expect_err(&renamed).reason;
            assert!(matches!(reason, Reason::FieldMissing | Reason::FieldUnknown), "{reason} for {renamed}");
            let doubled = format!("{}x\":0,\"{}", &text[..key], &text[key..]);
            assert_eq!(
                Statement::parse(doubled.as_bytes()).expect_err(&doubled).reason,
                Reason::FieldUnknown
            );
        }
    }
}

#[test]
fn what_does_not_fit_is_refused_when_written() {
    let long = Body::Attestation(Attestation { statement: "x".repeat(2_049), by: "a".into() });
    assert_eq!(Statement::new(header(1), long).to_bytes().expect_err("long").reason, Reason::FieldValue);
    let nul = Body::Attestation(Attestation { statement: "a\0b".into(), by: "a".into() });
    assert_eq!(Statement::new(header(1), nul).to_bytes().expect_err("NUL").reason, Reason::FieldValue);
    let twice = vec![result("a", Verdict::Pass, ""), result("a", Verdict::Fail, "")];
    let twice = Body::CheckRun(CheckRun { results: twice, state: None });
    assert_eq!(Statement::new(header(1), twice).to_bytes().expect_err("twice").reason, Reason::FieldValue);
    let results = (0..30).map(|n| result(&format!("c{n}"), Verdict::Pass, &"x".repeat(1_000))).collect();
    let large = Body::CheckRun(CheckRun { results, state: None });
    assert_eq!(Statement::new(header(1), large).to_bytes().expect_err("large").reason, Reason::JsonTooLarge);
    assert_eq!(
        Statement::new(header(0), every_kind().remove(1)).to_bytes().expect_err("0").reason,
        Reason::FieldValue
    );
    let mut nanos = header(1);
    nanos.ended += chrono::TimeDelta::nanoseconds(1);
    assert_eq!(
        Statement::new(nanos, every_kind().remove(1)).to_bytes().expect_err("ns").reason,
        Reason::FieldValue
    );
}

#[test]
fn sound_statements_break_no_rule_and_lies_do() {
    let broken = |seq, server: bool, body: Body| {
        let mut header = header(seq);
        header.appliance = header.appliance.filter(|_| !server);
        rules::broken(&Statement::new(header, body))
    };
    for body in every_kind() {
        let server = matches!(body, Body::Key(_) | Body::ServerFact(_));
        assert_eq!(broken(5, server, body.clone()), [], "{}", body.kind());
        let either = matches!(body, Body::Gap(_) | Body::Attestation(_));
        assert_eq!(broken(5, !server, body).contains(&Reason::KindNotAllowed), !either);
    }
    for body in every_kind() {
        match body {
            Body::Heal(mut heal) => {
                heal.after.verdict = Verdict::Unknown;
                assert_eq!(broken(5, false, Body::Heal(heal.clone())), [Reason::HealUnproven]);
                heal.outcome = HealOutcome::NotEffective;
                heal.before.check = "linux.y".into();
                assert_eq!(broken(5, false, Body::Heal(heal)), [Reason::HealOtherCheck]);
            }
            Body::Heartbeat(mut heartbeat) => {
                heartbeat.unchanged_since = 5;
                assert_eq!(broken(5, false, Body::Heartbeat(heartbeat)), [Reason::HeartbeatInvalid]);
            }
            Body::Gap(mut gap) => {
                gap.last_seq = 5;
                assert_eq!(broken(5, false, Body::Gap(gap)), [Reason::GapInvalid]);
            }
            Body::Key(mut event) => {
                event.holder = None;
                assert_eq!(broken(5, true, Body::Key(event)), [Reason::KeyEvent]);
            }
            _ => {}
        }
    }
}

proptest! {
    #[test]
    fn any_text_survives_or_is_refused(text in "\\PC{0,40}|[\\x00-\\x7f]{0,40}", seq in 1_u64..1 << 54) {
        let body = Body::Attestation(Attestation { statement: text.clone(), by: "a".into() });
        let statement = Statement::new(header(seq), body);
        match statement.to_bytes() {
            Ok(bytes) => prop_assert_eq!(Statement::parse(&bytes), Ok(statement)),
            Err(defect) => prop_assert!(text.contains('\0') || seq >= 1 << 53, "{}", defect),
        }
    }

    #[test]
    fn any_bytes_are_read_or_refused_without_a_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let _ = Statement::parse(&bytes);
    }

    #[test]
    fn a_flipped_byte_never_reads_as_the_same_statement(place in any::<prop::sample::Index>(), bit in 0_u8..8) {
        let statement = Statement::new(header(5), every_kind().remove(2));
        let mut bytes = statement.to_bytes().expect("sound");
        let place = place.index(bytes.len());
        bytes[place] ^= 1 << bit;
        prop_assert_ne!(Statement::parse(&bytes), Ok(statement));
    }
}
