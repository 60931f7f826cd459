//! A sound export verifies, whatever its size; every lie that a signed log can tell is found, under its own name.
//! (What someone without the keys can do to an export is tested with the auditor's command line.)

#[path = "common/log.rs"]
#[expect(dead_code, reason = "shared with tests that use more of it")]
mod log;

use chrono::TimeDelta;
use log::{Signer, SiteLog, finding, full_run, moment};
use proofline_core::{Entropy, IncidentId, SeededEntropy, Verdict};
use proofline_evidence::export::{Options, Report, verify};
use proofline_evidence::statement::{
    Attestation, Body, CheckRun, Gap, Heal, HealOutcome, Heartbeat, KeyAction, KeyEvent, KeyRole, StateLine,
    state_digest,
};
use proofline_evidence::{Digest, Reason};
use proptest::prelude::*;

const ONE: Signer = Signer::Appliance(0);
const TWO: Signer = Signer::Appliance(1);

fn judge(log: &SiteLog) -> Report {
    verify(&log.export()[..], &Options::default()).expect("memory is readable")
}

/// The findings as (reason, entry), without doubles.
fn findings(report: &Report) -> Vec<(Reason, Option<u64>)> {
    let mut findings: Vec<_> =
        report.findings.iter().map(|finding| (finding.reason, finding.entry)).collect();
    findings.dedup();
    findings
}

fn sample(size: usize) -> SiteLog {
    let mut log = SiteLog::new(11, 2);
    log.fill(size);
    log
}

#[test]
fn a_sound_log_of_any_size_verifies() {
    for size in [4, 5, 255, 256, 257, 511, 512, 600] {
        let log = sample(size);
        let report = judge(&log);
        assert_eq!(findings(&report), [], "{size}");
        assert!(report.consistent && !report.verified, "nobody vouched for the key");
        assert_eq!((report.size, report.entries), (size as u64, size as u64));
        assert_eq!(report.kinds.values().sum::<u64>(), size as u64);
        assert_eq!(report.keys.len(), 4);
        assert_eq!(log.export(), log.export(), "an export is a function of its content");
    }
}

#[test]
fn a_log_deep_enough_for_a_second_level_of_tiles_verifies() {
    let log = sample(256 * 3 + 7);
    let names: Vec<_> = names(&log.export());
    let expected =
        ["tile/entries/002", "tile/0/002", "tile/entries/003.p/7", "tile/0/003.p/7", "tile/1/000.p/3"];
    assert_eq!(names[names.len() - 5..], expected);
    assert!(judge(&log).consistent);
}

fn names(export: &[u8]) -> Vec<String> {
    let mut reader = proofline_evidence::export::archive::ArchiveReader::new(export);
    std::iter::from_fn(|| reader.next_member().expect("own archive")).map(|member| member.name).collect()
}

#[test]
fn an_empty_log_verifies() {
    let mut log = sample(4);
    log.entries.clear();
    assert_eq!(findings(&judge(&log)), []);
}

#[test]
fn the_given_key_decides_not_the_one_in_the_export() {
    let (log, other) = (sample(9), SiteLog::new(12, 1));
    let with = |key| {
        let options = Options { checkpoint_key: Some(key), ..Options::default() };
        verify(&log.export()[..], &options).expect("memory is readable")
    };
    let right = with(log.policy().checkpoint_key);
    assert!(right.verified && right.checkpoint_key_was_given);
    let wrong = findings(&with(other.policy().checkpoint_key));
    assert_eq!(wrong[..2], [(Reason::CheckpointKey, None), (Reason::NoteUnsigned, None)]);
}

#[test]
fn a_head_from_the_future_is_not_believed() {
    let mut log = sample(9);
    log.wait(3_600);
    let at = |seconds| {
        let options = Options { now: Some(moment(seconds)), ..Options::default() };
        findings(&verify(&log.export()[..], &options).expect("memory is readable"))
    };
    assert_eq!(at(4_000), [], "five minutes are two honest clocks");
    assert_eq!(at(3_000), [(Reason::CheckpointFuture, None)]);
}

#[test]
fn an_older_checkpoint_convicts_whoever_rewrote_the_log() {
    let mut log = sample(300);
    let older = log.checkpoint();
    log.fill(700);
    let since = |log: &SiteLog, older: &str| {
        let options = Options { since: Some(older.as_bytes().to_vec()), ..Options::default() };
        verify(&log.export()[..], &options).expect("memory is readable")
    };
    let report = since(&log, &older);
    assert_eq!((report.consistent_since, report.consistent), (Some(300), true));
    let same = since(&log, &log.checkpoint());
    assert_eq!((same.consistent_since, same.consistent), (Some(700), true));

    // The operator, who has every server key, leaves one entry out and signs the rest anew.
    let mut rewritten = sample(300);
    rewritten.entries.remove(100);
    rewritten.entries.truncate(299);
    rewritten.fill(700);
    assert!(findings(&since(&rewritten, &older)).contains(&(Reason::SinceRewritten, None)));

    // Last month's export, offered as today's.
    let report = since(&sample(200), &older);
    assert_eq!(findings(&report), [(Reason::SinceNewer, None)]);

    let elsewhere = SiteLog::new(13, 2);
    assert_eq!(findings(&since(&log, &elsewhere.checkpoint())), [(Reason::SinceOtherLog, None)]);
    let forged = older.replacen('\u{2014}', "\u{2014} nobody AAAAAAAA\n\u{2014}", 1);
    assert!(since(&log, &forged).consistent, "an unknown signature changes nothing");
    let unsigned =
        format!("{}\n\u{2014} nobody AAAAAAAA\n", older.split_inclusive('\n').take(3).collect::<String>());
    assert_eq!(findings(&since(&log, &unsigned)), [(Reason::NoteUnsigned, None)]);
}

#[test]
fn a_rotated_checkpoint_key_still_vouches_for_the_older_checkpoint() {
    let mut log = sample(20);
    let older = log.checkpoint();
    let fresh = log.fresh_key();
    log.key_event(KeyAction::Rotated, KeyRole::Checkpoint, &fresh, None);
    let stale = judge(&log);
    assert_eq!(
        findings(&stale),
        [(Reason::SuccessorMissing, None)],
        "the log names a key that nothing leads to"
    );
    log.first_checkpoint_key = fresh.clone();
    log.checkpoint_key = fresh;
    let options = Options { since: Some(older.into_bytes()), ..Options::default() };
    let report = verify(&log.export()[..], &options).expect("memory is readable");
    assert_eq!((findings(&report), report.consistent_since), (vec![], Some(20)));
}

#[test]
fn a_key_signs_only_while_the_log_holds_it_as_valid() {
    let mut log = sample(10);
    let (id, _, old) = log.appliances[0].clone();
    let fresh = log.fresh_key();

    log.appliances[0].2 = fresh.clone();
    let early = log.state(ONE, Body::CheckRun(full_run(&[("a", Verdict::Pass, "")])));
    assert_eq!(findings(&judge(&log)), [(Reason::KeyNotEnrolled, Some(early))]);

    log.entries.pop();
    let mut log = sample(10);
    log.key_event(KeyAction::Rotated, KeyRole::Appliance, &fresh, Some(id));
    log.appliances[0].2 = fresh.clone();
    log.state(ONE, Body::CheckRun(full_run(&[("a", Verdict::Pass, "")])));
    let report = judge(&log);
    assert_eq!(findings(&report), [], "the chain of the appliance goes on under the new key");
    assert_eq!(report.keys.iter().filter(|key| key.holder == Some(id)).count(), 2);

    log.appliances[0].2 = old.clone();
    let late = log.state(ONE, Body::CheckRun(full_run(&[("a", Verdict::Pass, "")])));
    assert_eq!(findings(&judge(&log)), [(Reason::KeyRevoked, Some(late))]);

    let mut log = sample(10);
    log.key_event(KeyAction::Revoked, KeyRole::Appliance, &old, Some(id));
    let late = log.state(ONE, Body::CheckRun(full_run(&[("a", Verdict::Pass, "")])));
    assert_eq!(findings(&judge(&log)), [(Reason::KeyRevoked, Some(late))]);
    let again = {
        log.key_event(KeyAction::Enrolled, KeyRole::Appliance, &old, Some(id));
        log.entries.len() as u64 - 1
    };
    assert!(
        findings(&judge(&log)).contains(&(Reason::KeyEvent, Some(again))),
        "what ended does not come back"
    );
}

#[test]
fn the_server_key_can_be_rotated_by_itself_and_by_nobody_else() {
    let mut log = sample(10);
    let fresh = log.fresh_key();
    log.key_event(KeyAction::Rotated, KeyRole::ServerFacts, &fresh, None);
    let old = std::mem::replace(&mut log.server_key, fresh);
    log.fill(30);
    assert_eq!(findings(&judge(&log)), [], "the policy names the first key, the log the second");
    log.server_key = old;
    let late = log.state(Signer::Server, Body::Attestation(attestation()));
    assert_eq!(findings(&judge(&log)), [(Reason::KeyRevoked, Some(late))]);

    // An appliance enrols a friend.
    let mut log = sample(10);
    let friend = log.fresh_key();
    let event =
        KeyEvent::new(KeyAction::Enrolled, KeyRole::ServerFacts, friend.public_key().clone(), None, "");
    let at = log.state(ONE, Body::Key(event));
    log.server_key = friend;
    let behind = log.state(Signer::Server, Body::Attestation(attestation()));
    assert_eq!(
        findings(&judge(&log)),
        [(Reason::KindNotAllowed, Some(at)), (Reason::KeyNotEnrolled, Some(behind))]
    );
}

fn attestation() -> Attestation {
    Attestation { statement: "so it was".into(), by: "role:owner".into() }
}

#[test]
fn nobody_signs_for_somebody_else() {
    let mut log = sample(10);
    let header = log.next_header(TWO);
    let envelope = log.envelope(ONE, header, Body::CheckRun(full_run(&[("a", Verdict::Pass, "")])));
    log.entries.push(envelope);
    assert_eq!(findings(&judge(&log)), [(Reason::WrongSigner, Some(10))]);

    let mut log = sample(10);
    let header = log.next_header(Signer::Server);
    let envelope = log.envelope(ONE, header, Body::Attestation(attestation()));
    log.entries.push(envelope);
    assert_eq!(findings(&judge(&log)), [(Reason::WrongSigner, Some(10))]);
}

#[test]
fn a_statement_of_another_site_or_installation_is_found() {
    let other = SiteLog::new(99, 1);
    let mut log = sample(10);
    let mut header = log.next_header(ONE);
    header.site = other.site;
    log.append(ONE, header, Body::Attestation(attestation()));
    let mut header = log.next_header(ONE);
    header.installation = other.installation;
    log.append(ONE, header, Body::Attestation(attestation()));
    assert_eq!(
        findings(&judge(&log)),
        [(Reason::WrongSite, Some(10)), (Reason::WrongInstallation, Some(11))]
    );
}

#[test]
fn a_hole_needs_a_gap_statement_that_covers_exactly_it() {
    fn exact(seq: u64) -> Gap {
        Gap { first_seq: seq, last_seq: seq + 2, from: moment(0), to: moment(9), reason: "disk".into() }
    }
    fn short(seq: u64) -> Gap {
        Gap { first_seq: seq + 1, ..exact(seq) }
    }
    fn early(seq: u64) -> Gap {
        Gap { last_seq: seq + 1, ..exact(seq) }
    }
    let skip = |body: Option<fn(u64) -> Gap>, forget_prev: bool| {
        let mut log = sample(10);
        let mut header = log.next_header(ONE);
        let missing = header.seq;
        header.seq += 3;
        if forget_prev {
            header.prev = Digest::ZERO;
        }
        let body = body.map_or(Body::Attestation(attestation()), |gap| Body::Gap(gap(missing)));
        log.append(ONE, header, body);
        log.state(ONE, Body::Attestation(attestation()));
        findings(&judge(&log)).into_iter().map(|(reason, _)| reason).collect::<Vec<_>>()
    };
    let gap = |first_seq, last_seq| Gap {
        first_seq,
        last_seq,
        from: moment(0),
        to: moment(9),
        reason: "disk".into(),
    };
    let _ = gap;
    assert_eq!(skip(None, false), [Reason::SeqHole]);
    assert_eq!(skip(Some(exact), false), []);
    assert_eq!(skip(Some(exact), true), [], "the digest of what was lost may be lost too");
    assert_eq!(skip(Some(short), false), [Reason::GapInvalid]);
    assert_eq!(skip(Some(early), false), [Reason::GapInvalid]);
}

#[test]
fn a_gap_may_not_claim_what_is_there() {
    let mut log = sample(10);
    let header = log.next_header(ONE);
    let seq = header.seq;
    let gap =
        Gap { first_seq: seq - 1, last_seq: seq - 1, from: moment(0), to: moment(9), reason: "disk".into() };
    log.append(ONE, header, Body::Gap(gap));
    assert_eq!(findings(&judge(&log)), [(Reason::GapInvalid, Some(10))]);
}

#[test]
fn a_repeated_number_or_a_broken_link_is_found() {
    let mut log = sample(10);
    let header = log.next_header(ONE);
    log.append(ONE, header.clone(), Body::Attestation(attestation()));
    let again = log.envelope(ONE, header, Body::CheckRun(full_run(&[("a", Verdict::Pass, "")])));
    log.entries.push(again);
    let mut header = log.next_header(ONE);
    header.prev = Digest::of("something else");
    log.append(ONE, header, Body::Attestation(attestation()));
    assert_eq!(findings(&judge(&log)), [(Reason::SeqRepeated, Some(11)), (Reason::PrevMismatch, Some(12))]);
}

#[test]
fn times_that_cannot_be_are_found() {
    let mut log = sample(10);
    let mut header = log.next_header(ONE);
    header.ended = header.started - TimeDelta::seconds(1);
    log.append(ONE, header, Body::Attestation(attestation()));
    let mut header = log.next_header(ONE);
    header.ended += TimeDelta::minutes(5);
    log.append(ONE, header, Body::Attestation(attestation()));
    let mut header = log.next_header(ONE);
    header.ended = "2033-01-01T00:00:00Z".parse().expect("a time");
    log.append(ONE, header, Body::Attestation(attestation()));
    assert_eq!(
        findings(&judge(&log)),
        [(Reason::TimeReversed, Some(10)), (Reason::TimeAfterCheckpoint, Some(12))]
    );
}

fn heal(after: Verdict) -> Heal {
    let entropy = SeededEntropy::new(3);
    let entropy: &dyn Entropy = &entropy;
    Heal {
        incident: IncidentId::new(moment(0), entropy),
        check: "linux.x".into(),
        rule: None,
        runbook: "linux.sysctl.set".into(),
        plan_digest: Digest::of("plan"),
        actor: "l1".into(),
        mode: "enforce".into(),
        before: finding("linux.x", Verdict::Fail, "1"),
        steps: vec![],
        after: finding("linux.x", after, "0"),
        outcome: HealOutcome::Resolved,
        rollback: None,
    }
}

#[test]
fn a_heal_that_did_not_look_again_is_found() {
    for after in Verdict::ALL {
        let mut log = sample(10);
        log.state(ONE, Body::Heal(heal(after)));
        let expected = if after == Verdict::Pass { vec![] } else { vec![(Reason::HealUnproven, Some(10))] };
        assert_eq!(findings(&judge(&log)), expected, "{after}");
    }
    let mut log = sample(10);
    log.state(
        ONE,
        Body::Heal(Heal { before: finding("linux.y", Verdict::Fail, "1"), ..heal(Verdict::Pass) }),
    );
    assert_eq!(findings(&judge(&log)), [(Reason::HealOtherCheck, Some(10))]);
}

#[test]
fn the_overall_state_follows_from_what_was_logged() {
    let line = |results: &[(&str, Verdict, &str)]| full_run(results).state.expect("full");
    let mut log = SiteLog::new(14, 1);
    let first = [("a", Verdict::Fail, "1"), ("b", Verdict::Pass, "2")];
    log.state(ONE, Body::CheckRun(full_run(&first)));
    // Only what changed, and the state of all.
    let changed = CheckRun {
        results: vec![finding("b", Verdict::Fail, "3")],
        state: Some(line(&[("a", Verdict::Fail, "1"), ("b", Verdict::Fail, "3")])),
    };
    let since = log.next_header(ONE).seq;
    log.state(ONE, Body::CheckRun(changed));
    // A heal's second observation counts, claimed by a heartbeat or by the next run.
    let mut healed = heal(Verdict::Pass);
    (healed.check, healed.before.check, healed.after.check) = ("a".into(), "a".into(), "a".into());
    log.state(ONE, Body::Heal(healed));
    let now = line(&[("a", Verdict::Pass, "0"), ("b", Verdict::Fail, "3")]);
    log.state(ONE, Body::Heartbeat(Heartbeat { unchanged_since: since + 1, state: now }));
    // A run in two parts, and a full run that forgets a check.
    log.state(ONE, Body::CheckRun(CheckRun { results: vec![finding("c", Verdict::Pass, "")], state: None }));
    let both = [("c", Verdict::Pass, ""), ("d", Verdict::Pass, "")];
    log.state(
        ONE,
        Body::CheckRun(CheckRun { results: vec![finding("d", Verdict::Pass, "")], state: Some(line(&both)) }),
    );
    log.state(ONE, Body::Heartbeat(Heartbeat { unchanged_since: since, state: line(&both) }));
    assert_eq!(findings(&judge(&log)), []);

    let untrue = Heartbeat { unchanged_since: since, state: line(&first) };
    let at = log.state(ONE, Body::Heartbeat(untrue));
    assert_eq!(findings(&judge(&log)), [(Reason::StateMismatch, Some(at))]);
}

#[test]
fn after_a_gap_the_state_is_unknown_until_a_full_run() {
    let mut log = SiteLog::new(15, 1);
    log.state(ONE, Body::CheckRun(full_run(&[("a", Verdict::Pass, "1"), ("b", Verdict::Pass, "1")])));
    let mut header = log.next_header(ONE);
    let gap = Gap {
        first_seq: header.seq,
        last_seq: header.seq,
        from: moment(0),
        to: moment(1),
        reason: "x".into(),
    };
    header.seq += 1;
    log.append(ONE, header, Body::Gap(gap));
    let partial =
        CheckRun { results: vec![finding("b", Verdict::Fail, "2")], state: Some(Digest::of("lost parts")) };
    log.state(ONE, Body::CheckRun(partial));
    log.state(ONE, Body::CheckRun(full_run(&[("a", Verdict::Pass, "1"), ("b", Verdict::Fail, "2")])));
    assert_eq!(findings(&judge(&log)), []);
    let wrong = state_digest([StateLine::of(&finding("a", Verdict::Pass, "1"))]);
    let at = log.state(ONE, Body::CheckRun(CheckRun { results: vec![], state: Some(wrong) }));
    assert_eq!(findings(&judge(&log)), [(Reason::StateMismatch, Some(at))]);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    /// The README is for people and proves nothing; everything behind it counts.
    #[test]
    fn any_flipped_bit_behind_the_readme_is_found(place in any::<prop::sample::Index>(), bit in 0_u8..8) {
        let mut export = sample(12).export();
        let policy = export.windows(7).position(|window| window == b"policy\0").expect("it is there");
        let place = policy + place.index(export.len() - policy);
        export[place] ^= 1 << bit;
        let report = verify(&export[..], &Options::default()).expect("memory is readable");
        prop_assert!(!report.consistent, "bit {} of byte {}", bit, place);
    }

    #[test]
    fn any_bytes_are_refused_without_a_panic(bytes in prop::collection::vec(any::<u8>(), 0..2_000)) {
        let options = Options { since: Some(bytes.clone()), ..Options::default() };
        prop_assert!(!verify(&bytes[..], &options).expect("memory is readable").consistent);
    }
}
