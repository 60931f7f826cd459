//! A log whose keys changed: whoever holds any of its checkpoint keys verifies what came later, and a key that ended, or
//! that nobody named, is found out.

#[path = "../../evidence/tests/common/log.rs"]
mod log;

use std::collections::BTreeSet;
use std::process::Command;

use chrono::TimeDelta;
use log::{Signer, SiteLog};
use proofline_core::Timestamp;
use proofline_evidence::SigningKey;
use proofline_evidence::export::ExportWriter;
use proofline_evidence::export::archive::{ArchiveReader, Member, end, member};
use proofline_evidence::note::{NoteKey, SignatureKind};
use proofline_evidence::statement::{Attestation, Body, KeyAction, KeyRole};

/// The exit status and the codes of all findings of the real command.
fn judge(export: &[u8], arguments: &[&str]) -> (i32, BTreeSet<String>) {
    let desk = tempfile::tempdir().expect("a temporary folder");
    let path = desk.path().join("export.tar");
    std::fs::write(&path, export).expect("writable");
    let command = Command::new(env!("CARGO_BIN_EXE_proofline-verify"))
        .arg(path)
        .args(arguments)
        .arg("--json")
        .output()
        .expect("it runs");
    let report: serde_json::Value = serde_json::from_slice(&command.stdout).expect("--json prints JSON");
    let findings = report["findings"].as_array().expect("a list").iter();
    let codes = findings.map(|finding| finding["code"].as_str().expect("text").to_owned()).collect();
    (command.status.code().expect("a status"), codes)
}

fn with_key(export: &[u8], key: &str) -> (i32, BTreeSet<String>) {
    judge(export, &["--checkpoint-key", key])
}

fn verified() -> (i32, BTreeSet<String>) {
    (0, BTreeSet::new())
}

fn refused(codes: &[&str]) -> (i32, BTreeSet<String>) {
    (1, codes.iter().map(|code| (*code).to_owned()).collect())
}

fn vkey(log: &SiteLog, key: &SigningKey) -> String {
    let name = log.installation.to_string();
    NoteKey::new(&name, SignatureKind::Plain, key.public_key().clone()).expect("a name").to_string()
}

fn attestation() -> Body {
    Body::Attestation(Attestation { statement: "so it was".into(), by: "role:owner".into() })
}

/// The log says what the server does at a change of both its keys.
fn state_successors(log: &mut SiteLog) {
    let (facts, checkpoint) = (log.fresh_key(), log.checkpoint_key.clone());
    log.key_event(KeyAction::Rotated, KeyRole::ServerFacts, &facts, None);
    log.server_key = facts;
    log.key_event(KeyAction::Rotated, KeyRole::Checkpoint, &checkpoint, None);
}

/// A log over two changes of each of the server's keys, and its three checkpoint keys.
fn rotated() -> (SiteLog, [SigningKey; 3]) {
    let mut log = SiteLog::new(91, 2);
    let first = log.checkpoint_key.clone();
    log.fill(10);
    log.rotate_checkpoint();
    state_successors(&mut log);
    let second = log.checkpoint_key.clone();
    log.fill(20);
    log.wait(3_600);
    log.rotate_checkpoint();
    state_successors(&mut log);
    log.fill(300);
    let third = log.checkpoint_key.clone();
    (log, [first, second, third])
}

#[test]
fn every_key_of_the_chain_verifies_what_it_leads_to() {
    let mut log = SiteLog::new(91, 2);
    let first = log.checkpoint_key.clone();
    log.fill(10);
    let before = log.export();
    let kept = log.checkpoint();
    let [older, newer] = [vkey(&log, &first), vkey(&log, &log.fresh_key())];
    assert_eq!(with_key(&before, &older), verified());
    assert_eq!(
        with_key(&before, &newer),
        refused(&["checkpoint_key_mismatch", "successor_missing", "policy_mismatch"])
    );

    // Announced, and not in use yet.
    let second = log.fresh_key();
    let (from, until) = (log.now() + TimeDelta::hours(1), log.now() + TimeDelta::hours(2));
    log.successors.push(log.successor(&first, &second, (from, until)));
    let newer = vkey(&log, &second);
    let announced = log.export();
    assert_eq!(with_key(&announced, &older), verified());
    assert_eq!(
        with_key(&announced, &newer),
        refused(&["checkpoint_key_mismatch"]),
        "it vouches for none before it"
    );

    // In use, and the log does not say so yet.
    log.wait(3_600);
    log.checkpoint_key = second;
    log.fill(15);
    for key in [&older, &newer] {
        assert_eq!(with_key(&log.export(), key), verified());
    }
    state_successors(&mut log);
    log.wait(86_400);
    log.fill(20);
    let desk = tempfile::tempdir().expect("a temporary folder");
    let since = desk.path().join("checkpoint");
    std::fs::write(&since, kept).expect("writable");
    let since = since.to_str().expect("UTF-8");
    for key in [&older, &newer] {
        assert_eq!(judge(&log.export(), &["--checkpoint-key", key, "--since", since]), verified());
    }
    assert_eq!(judge(&log.export(), &[]), (3, BTreeSet::new()), "nobody vouched for the first key");

    let (log, keys) = rotated();
    for key in &keys {
        assert_eq!(with_key(&log.export(), &vkey(&log, key)), verified());
    }
}

/// The export with another file of successors; with none, the file is gone.
fn with_successors(export: &[u8], lines: &[u8]) -> Vec<u8> {
    let mut reader = ArchiveReader::new(export);
    let mut bytes = Vec::new();
    while let Some(Member { name, content }) = reader.next_member().expect("sound") {
        match name.as_str() {
            "successors" if lines.is_empty() => {}
            "successors" => bytes.extend(member(&name, lines, 0)),
            _ => bytes.extend(member(&name, &content, 0)),
        }
    }
    bytes.extend(end());
    bytes
}

#[test]
fn a_link_that_is_forged_absent_or_out_of_order_is_named() {
    let (log, [first, second, third]) = rotated();
    let (export, key) = (log.export(), vkey(&log, &first));
    let [one, two] = [log.successors[0].clone(), log.successors[1].clone()];
    let with = |lines: &[&str]| {
        let text: String = lines.iter().map(|line| format!("{line}\n")).collect();
        with_key(&with_successors(&export, text.as_bytes()), &key)
    };
    assert_eq!(with(&[&one, &two]), verified());
    assert_eq!(with(&[]), refused(&["successor_missing"]));
    assert_eq!(with(&[&one]), refused(&["successor_missing"]));
    assert_eq!(with(&[&two]), refused(&["successor_order", "successor_missing"]));
    assert_eq!(with(&[&two, &one]), refused(&["successor_order", "successor_missing"]));
    assert_eq!(with(&[&one, &one, &two]), refused(&["successor_order", "successor_missing"]));
    let times = (log.now() - TimeDelta::hours(2), log.now() - TimeDelta::hours(1));
    // Signed by the successor in the name of the key before, then by a key of nobody.
    let stranger = log.fresh_key();
    for forger in [&second, &stranger] {
        let own = log.successor(forger, &second, times);
        let forged = own.replace(&forger.id().to_string(), &first.id().to_string());
        assert_eq!(with(&[&forged, &two]), refused(&["successor_invalid", "successor_missing"]));
    }
    let elsewhere = SiteLog::new(92, 1).successor(&first, &second, times);
    assert_eq!(with(&[&elsewhere, &two]), refused(&["successor_invalid", "successor_missing"]));
    for bytes in [&b"\n"[..], one.as_bytes(), format!("{one}\n{two}").as_bytes(), b"{}\n"] {
        let (status, codes) = with_key(&with_successors(&export, bytes), &key);
        assert!(status == 1 && codes.contains("successor_invalid"), "{codes:?}");
    }
    // A statement that gives the third key another time is not the one that its holder signed under.
    let later = (log.now() + TimeDelta::hours(1), log.now() + TimeDelta::hours(2));
    let postponed = log.successor(&second, &third, later);
    assert_eq!(with(&[&one, &postponed]), refused(&["checkpoint_key_time"]));
}

/// The export of any entries under a head that any key signed at any time.
fn signed_by(log: &SiteLog, key: &SigningKey, entries: usize, at: Timestamp) -> Vec<u8> {
    let entries = &log.entries[..entries];
    let note = log.checkpoint_by(key, entries, at);
    // The writer refuses a head out of its key's time: written under one that it takes, and exchanged.
    let successors: Vec<_> = log.successors.iter().map(String::as_str).collect();
    let own = log.checkpoint_over(entries);
    let (mut writer, mut bytes) = ExportWriter::begin(&log.policy(), &successors, &own).expect("begins");
    for entry in entries {
        bytes.extend(writer.entry(entry).expect("fits"));
    }
    bytes.extend(writer.finish().bytes);
    let mut reader = ArchiveReader::new(&bytes[..]);
    let mut exchanged = Vec::new();
    while let Some(Member { name, content }) = reader.next_member().expect("sound") {
        let content = if name == "checkpoint" { note.clone().into_bytes() } else { content };
        exchanged.extend(member(&name, &content, 0));
    }
    exchanged.extend(end());
    exchanged
}

#[test]
fn a_stolen_checkpoint_key_signs_nothing_that_passes_as_later_than_its_end() {
    let (log, [first, second, _]) = rotated();
    let (key, whole) = (vkey(&log, &first), log.entries.len());
    for thief in [&first, &second] {
        let now = signed_by(&log, thief, whole, log.now());
        assert_eq!(with_key(&now, &key), refused(&["checkpoint_key_time"]));
    }
    // Dated back to the key's own time: what the log holds by then is later, and names the successor.
    let back = log::moment(660);
    let (status, codes) = with_key(&signed_by(&log, &first, whole, back), &key);
    assert_eq!(status, 1);
    assert!(codes.contains("checkpoint_key_time") && codes.contains("time_after_checkpoint"), "{codes:?}");
    // As old as it says, it passes as that, and only with whoever trusts that key.
    let past = signed_by(&log, &first, 10, back);
    assert_eq!(with_key(&past, &key), verified());
    assert_eq!(with_key(&past, &vkey(&log, &second)), refused(&["checkpoint_key_mismatch"]));
    let desk = tempfile::tempdir().expect("a temporary folder");
    let since = desk.path().join("checkpoint");
    std::fs::write(&since, log.checkpoint()).expect("writable");
    let since = since.to_str().expect("UTF-8");
    assert_eq!(judge(&past, &["--checkpoint-key", &key, "--since", since]), refused(&["since_newer"]));
}

#[test]
fn a_stolen_key_for_facts_states_nothing_behind_its_successor() {
    let (log, [first, ..]) = rotated();
    let key = vkey(&log, &first);
    let rotated_away = SiteLog::new(91, 2).server_key;
    let judged = |change: &dyn Fn(&mut SiteLog)| {
        let mut log = rotated().0;
        change(&mut log);
        with_key(&log.export(), &key)
    };
    assert_eq!(judged(&|_| {}), verified());
    let stolen = judged(&|log| {
        log.server_key = rotated_away.clone();
        log.state(Signer::Server, attestation());
    });
    assert_eq!(stolen, refused(&["key_revoked"]));
    let rival = judged(&|log| {
        let rival = log.fresh_key();
        log.server_key = rotated_away.clone();
        log.key_event(KeyAction::Rotated, KeyRole::ServerFacts, &rival, None);
        log.server_key = rival;
        log.state(Signer::Server, attestation());
    });
    assert_eq!(rival, refused(&["key_revoked", "key_not_enrolled"]));
    let unannounced = judged(&|log| {
        log.server_key = log.fresh_key();
        log.state(Signer::Server, attestation());
    });
    assert_eq!(unannounced, refused(&["key_not_enrolled"]));
    let by_itself = judged(&|log| {
        let fresh = log.fresh_key();
        log.server_key = fresh.clone();
        log.key_event(KeyAction::Rotated, KeyRole::ServerFacts, &fresh, None);
    });
    assert_eq!(by_itself, refused(&["key_not_enrolled"]));
}
