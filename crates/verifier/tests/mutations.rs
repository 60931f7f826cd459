//! What anybody can do to an export without the keys, and what an operator can do with them: the command says no, with the
//! right reason and a non-zero exit status.

#[path = "../../evidence/tests/common/log.rs"]
#[expect(dead_code, reason = "shared with tests that use more of it")]
mod log;

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::process::{Command, Output};

use log::{Signer, SiteLog, finding, full_run, moment};
use proofline_core::{Entropy, IncidentId, SeededEntropy, Verdict};
use proofline_evidence::Digest;
use proofline_evidence::encoding::{decode, encode};
use proofline_evidence::export::archive::{ArchiveReader, Member, end, member};
use proofline_evidence::statement::{
    Attestation, Body, Gap, Heal, HealOutcome, HealStep, Heartbeat, IncidentChange, StepOutcome,
};
use proofline_evidence::tile::{parse_bundle, push_entry};
use tempfile::TempDir;

const ONE: Signer = Signer::Appliance(0);

/// One run of the real command.
struct Run {
    status: i32,
    stdout: String,
    stderr: String,
}

impl Run {
    /// The codes of all findings, read from `--json`.
    fn codes(&self) -> BTreeSet<String> {
        let report: serde_json::Value = serde_json::from_str(&self.stdout).expect("--json prints JSON");
        let findings = report["findings"].as_array().expect("a list").iter();
        findings.map(|finding| finding["code"].as_str().expect("text").to_owned()).collect()
    }
}

struct Desk(TempDir);

impl Desk {
    fn new() -> Self {
        Self(TempDir::new().expect("a temporary folder"))
    }

    fn file(&self, name: &str, bytes: impl AsRef<[u8]>) -> PathBuf {
        let path = self.0.path().join(name);
        std::fs::write(&path, bytes).expect("writable");
        path
    }

    fn verify(&self, export: &[u8], arguments: &[&str]) -> Run {
        let path = self.file("export.tar", export);
        run(&[&[path.to_str().expect("UTF-8")], arguments].concat())
    }
}

fn run(arguments: &[&str]) -> Run {
    let Output { status, stdout, stderr } =
        Command::new(env!("CARGO_BIN_EXE_proofline-verify")).args(arguments).output().expect("it runs");
    let text = |bytes| String::from_utf8(bytes).expect("UTF-8");
    Run { status: status.code().expect("an exit status"), stdout: text(stdout), stderr: text(stderr) }
}

/// Asserts a refusal and its codes.
fn refused(name: &str, export: &[u8], arguments: &[&str], expected: &[&str]) {
    let run = Desk::new().verify(export, &[arguments, &["--json"]].concat());
    let expected: BTreeSet<_> = expected.iter().map(|&code| code.to_owned()).collect();
    assert_eq!((run.status, run.codes()), (1, expected), "{name}\n{}", run.stderr);
}

/// A log with every kind of statement.
fn sample() -> SiteLog {
    let mut log = SiteLog::new(61, 2);
    let entropy = SeededEntropy::new(3);
    let entropy: &dyn Entropy = &entropy;
    let incident = IncidentId::new(moment(0), entropy);
    let run = full_run(&[("linux.x", Verdict::Fail, "1")]);
    log.state(ONE, Body::CheckRun(run));
    log.state(
        ONE,
        Body::Incident(IncidentChange {
            incident,
            check: "linux.x".into(),
            from: Some("open".into()),
            to: "healing".into(),
            actor: "agent".into(),
            cause: "rule".into(),
        }),
    );
    log.state(
        ONE,
        Body::Heal(Heal {
            incident,
            check: "linux.x".into(),
            rule: Some("r@1#a".into()),
            runbook: "linux.x.fix".into(),
            plan_digest: Digest::of("plan"),
            actor: "l1".into(),
            mode: "enforce".into(),
            before: finding("linux.x", Verdict::Fail, "1"),
            steps: vec![HealStep { step: "set".into(), outcome: StepOutcome::Ok, detail: "was 1".into() }],
            after: finding("linux.x", Verdict::Pass, "0"),
            outcome: HealOutcome::Resolved,
            rollback: Some("backup:1".into()),
        }),
    );
    let state = full_run(&[("linux.x", Verdict::Pass, "0")]).state.expect("full");
    log.state(ONE, Body::Heartbeat(Heartbeat { unchanged_since: 3, state }));
    let mut header = log.next_header(ONE);
    header.seq += 2;
    let (first_seq, last_seq) = (header.seq - 2, header.seq - 1);
    log.append(
        ONE,
        header,
        Body::Gap(Gap { first_seq, last_seq, from: moment(0), to: moment(9), reason: "disk".into() }),
    );
    log.state(ONE, Body::Attestation(Attestation { statement: "so it was".into(), by: "role:owner".into() }));
    log.fill(20);
    log
}

fn members(export: &[u8]) -> Vec<Member> {
    let mut reader = ArchiveReader::new(export);
    std::iter::from_fn(|| reader.next_member().expect("a sound archive")).collect()
}

fn archive(members: &[Member]) -> Vec<u8> {
    let mut bytes: Vec<u8> = members.iter().flat_map(|file| member(&file.name, &file.content, 0)).collect();
    bytes.extend(end());
    bytes
}

/// Changes one file of an export and nothing else.
fn with_file(export: &[u8], name: &str, change: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
    let mut files = members(export);
    let file = files.iter_mut().find(|file| file.name.starts_with(name)).expect("the file is there");
    change(&mut file.content);
    archive(&files)
}

/// Changes the entries in their bundle and leaves the tiles as they are.
fn with_entries(export: &[u8], change: impl FnOnce(&mut Vec<Vec<u8>>)) -> Vec<u8> {
    with_file(export, "tile/entries/", |bundle| {
        let mut entries: Vec<_> =
            parse_bundle(bundle).expect("a sound bundle").into_iter().map(<[u8]>::to_vec).collect();
        change(&mut entries);
        bundle.clear();
        for entry in &entries {
            push_entry(bundle, entry).expect("it fits");
        }
    })
}

fn replace(text: &[u8], from: &str, to: &str) -> Vec<u8> {
    let text = std::str::from_utf8(text).expect("UTF-8");
    assert!(text.contains(from), "{from} is not there");
    text.replacen(from, to, 1).into_bytes()
}

#[test]
fn a_sound_export_is_verified_and_explained() {
    let (desk, log) = (Desk::new(), sample());
    let key = log.policy().checkpoint_key.to_string();
    let older = desk.file("older", log.checkpoint_over(&log.entries[..9]));
    let run =
        desk.verify(&log.export(), &["--checkpoint-key", &key, "--since", older.to_str().expect("UTF-8")]);
    assert_eq!(run.status, 0, "{}{}", run.stdout, run.stderr);
    assert!(run.stdout.ends_with("\nVERIFIED\n"), "{}", run.stdout);
    for expected in [
        "20 read, 20 in the checkpoint",
        "nothing changed in the 9 entries",
        "server_fact",
        "from entry 2 until now",
    ] {
        assert!(run.stdout.contains(expected), "{expected}: {}", run.stdout);
    }
    assert!(!run.stdout.contains("taken from the export"));
    let alone = desk.verify(&log.export(), &[]);
    assert_eq!(alone.status, 3, "{}", alone.stdout);
    let last_word = alone.stdout.rsplit("\n\n").next().expect("a last word");
    assert!(last_word.starts_with("CONSISTENT, NOT VERIFIED"), "{last_word}");
    let json: serde_json::Value =
        serde_json::from_str(&desk.verify(&log.export(), &["--json"]).stdout).expect("JSON");
    assert_eq!(
        (&json["verified"], &json["consistent"], &json["entries"]),
        (&false.into(), &true.into(), &20.into())
    );
}

#[test]
fn a_checkpoint_from_the_future_is_not_believed() {
    let mut log = sample();
    log.wait(70 * 365 * 86_400);
    refused("2096", &log.export(), &[], &["checkpoint_in_future"]);
}

#[test]
fn an_ordinary_tar_reads_the_export_too() {
    let export = sample().export();
    let mut names = Vec::new();
    for entry in tar::Archive::new(&export[..]).entries().expect("a tar archive") {
        let entry = entry.expect("an entry");
        assert_eq!(entry.header().mode().expect("a mode"), 0o644);
        names.push(entry.path().expect("a name").display().to_string());
    }
    assert_eq!(names, ["README.txt", "policy", "checkpoint", "tile/entries/000.p/20", "tile/0/000.p/20"]);
}

#[test]
fn wrong_usage_and_unreadable_files_are_no_verdict() {
    let (desk, log) = (Desk::new(), sample());
    let export = desk.file("export.tar", log.export());
    let export = export.to_str().expect("UTF-8");
    let large = desk.file("large", vec![b'x'; 70_000]);
    for arguments in [
        &[][..],
        &["/nowhere/export.tar"],
        &[desk.0.path().to_str().expect("UTF-8")],
        &[export, "--checkpoint-key", "not-a-key"],
        &[export, "--checkpoint-key", "a+00000000+AQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"],
        &[export, "--since", "/nowhere/checkpoint"],
        &[export, "--since", large.to_str().expect("UTF-8")],
        &[export, "--sinse", "x"],
    ] {
        let run = run(arguments);
        assert_eq!((run.status, run.stdout.contains("VERIFIED")), (2, false), "{arguments:?}");
        assert!(!run.stderr.is_empty(), "{arguments:?}");
    }
}

/// Every leaf of a JSON value, changed into something of the same type.
fn changed_leaves(value: &serde_json::Value) -> Vec<serde_json::Value> {
    use serde_json::Value;
    match value {
        Value::Object(members) => members
            .iter()
            .flat_map(|(key, member)| changed_leaves(member).into_iter().map(move |changed| (key, changed)))
            .map(|(key, changed)| {
                let mut copy = members.clone();
                copy[key] = changed;
                Value::Object(copy)
            })
            .collect(),
        Value::Array(elements) => (0..elements.len())
            .flat_map(|place| {
                changed_leaves(&elements[place]).into_iter().map(move |changed| (place, changed))
            })
            .map(|(place, changed)| {
                let mut copy = elements.clone();
                copy[place] = changed;
                Value::Array(copy)
            })
            .collect(),
        Value::String(text) if text.is_empty() => vec!["x".into()],
        Value::String(text) => {
            let last = text.chars().next_back().expect("not empty");
            let other = if last == '0' { '1' } else { '0' };
            vec![format!("{}{other}", &text[..text.len() - last.len_utf8()]).into()]
        }
        Value::Number(number) => vec![(number.as_i64().expect("whole") + 1).into()],
        Value::Null => vec!["x".into()],
        Value::Bool(flag) => vec![(!flag).into()],
    }
}

#[test]
fn changing_any_field_of_any_statement_is_found() {
    let log = sample();
    let (export, note) = (log.export(), log.checkpoint());
    let (mut kinds, mut changes) = (BTreeSet::new(), 0);
    for (index, entry) in log.entries.iter().enumerate() {
        let envelope: serde_json::Value = serde_json::from_slice(entry).expect("JSON");
        let payload = decode(envelope["payload"].as_str().expect("text")).expect("base64");
        let statement: serde_json::Value = serde_json::from_slice(&payload).expect("JSON");
        let kind = statement["predicate"]["body"]["kind"].as_str().expect("text").to_owned();
        if !kinds.insert(kind) {
            continue;
        }
        for changed in changed_leaves(&statement) {
            let mut forged = envelope.clone();
            forged["payload"] = encode(serde_json::to_vec(&changed).expect("JSON")).into();
            let forged = serde_json::to_vec(&forged).expect("JSON");
            // The tiles left as they were, and the tiles computed anew.
            let clumsy = with_entries(&export, |entries| entries[index].clone_from(&forged));
            let mut entries = log.entries.clone();
            entries[index] = forged;
            let careful = log.export_of(&entries, &note);
            for (name, export, tile) in [("clumsy", clumsy, true), ("careful", careful, false)] {
                let run = Desk::new().verify(&export, &["--json"]);
                let codes = run.codes();
                let found = run.status == 1
                    && codes.contains("signature_invalid")
                    && codes.contains("root_mismatch")
                    && codes.contains("tile_mismatch") == tile;
                assert!(found, "{name} {changed}: {codes:?}");
            }
            changes += 1;
        }
    }
    assert_eq!(kinds.len(), 8, "every kind was tried");
    assert!(changes > 150, "only {changes} changes");
}

#[test]
fn changing_any_field_of_the_envelope_is_found() {
    let log = sample();
    let (export, entry) = (log.export(), log.entries[6].clone());
    let id = log.key(ONE).id().to_string();
    let forge =
        |from: &str, to: &str| with_entries(&export, |entries| entries[6] = replace(&entry, from, to));
    let also = ["root_mismatch", "tile_mismatch", "prev_mismatch"];
    let with = |code: &'static str| [&also[..], &[code]].concat();
    refused("type", &forge("vnd.in-toto", "vnd.in-tutu"), &[], &with("payload_type"));
    let unknown = forge(&id, &"0".repeat(64));
    refused("key name", &unknown, &[], &with("key_not_enrolled"));
    refused("space", &forge("{\"payload\"", "{ \"payload\""), &[], &also);
    let holes = ["root_mismatch", "tile_mismatch", "seq_hole"];
    let with = |code: &'static str| [&holes[..], &[code]].concat();
    refused("field", &forge("{\"payload\"", "{\"x\":1,\"payload\""), &[], &with("field_unknown"));
    refused(
        "duplicate",
        &forge("{\"payload\"", "{\"payload\":\"\",\"payload\""),
        &[],
        &with("json_duplicate_key"),
    );
    refused("base64", &forge("\"}]}", "=\"}]}"), &[], &with("base64_not_canonical"));
}

#[test]
fn dropping_doubling_or_swapping_entries_is_found() {
    let log = sample();
    let export = log.export();
    refused("last", &with_entries(&export, |entries| drop(entries.pop())), &[], &["entry_missing"]);
    refused("middle", &with_entries(&export, |entries| drop(entries.remove(9))), &[], &["entry_missing"]);
    let doubled = with_entries(&export, |entries| entries.push(entries[19].clone()));
    refused("doubled", &doubled, &[], &["entry_missing"]);
    let swapped = with_entries(&export, |entries| entries.swap(6, 7));
    refused("swapped", &swapped, &[], &["tile_mismatch", "root_mismatch", "seq_hole", "seq_repeated"]);

    // The same by someone who renames the files and computes the tiles anew.
    let note = log.checkpoint();
    refused("last, tiles too", &log.export_of(&log.entries[..19], &note), &[], &["entry_missing"]);
    let mut entries = log.entries.clone();
    entries[9] = entries[8].clone();
    let codes = ["root_mismatch", "seq_repeated", "prev_mismatch"];
    let run = Desk::new().verify(&log.export_of(&entries, &note), &["--json"]);
    assert!(run.status == 1 && codes.iter().any(|code| run.codes().contains(*code)), "{:?}", run.codes());
    assert!(run.codes().contains("root_mismatch"));
    refused("none", &log.export_of(&[], &note), &[], &["entry_missing"]);
}

#[test]
fn an_operator_with_every_server_key_is_found_by_an_older_checkpoint() {
    let (desk, log) = (Desk::new(), sample());
    let older = desk.file("older", log.checkpoint_over(&log.entries[..15]));
    let since = ["--since", older.to_str().expect("UTF-8")];
    let convict = |name: &str, entries: &[Vec<u8>], expected: &[&str]| {
        let export = log.export_of(entries, &log.checkpoint_over(entries));
        refused(name, &export, &since, expected);
    };
    let mut edited = log.entries.clone();
    edited[19] = edited[18].clone();
    let run = desk.verify(&log.export_of(&edited, &log.checkpoint_over(&edited)), &since);
    assert_eq!(run.status, 1, "what came after the older checkpoint is held by the chains");
    convict("truncated", &log.entries[..14], &["since_newer"]);
    let mut removed = log.entries.clone();
    removed.remove(5);
    convict("deleted", &removed, &["since_rewritten", "seq_hole"]);
    let mut resequenced = log.entries.clone();
    resequenced.swap(4, 5);
    let run = desk.verify(
        &log.export_of(&resequenced, &log.checkpoint_over(&resequenced)),
        &[&since[..], &["--json"]].concat(),
    );
    assert!(run.status == 1 && run.codes().contains("since_rewritten"), "{:?}", run.codes());
    // The server's own last fact replaced by another one, properly signed: only the older checkpoint tells.
    let mut fresh = SiteLog::new(61, 2);
    let kept = fresh.entries.clone();
    let checkpoint = desk.file("first", fresh.checkpoint_over(&kept));
    let last = fresh.entries.pop().expect("four");
    let body =
        Body::Attestation(Attestation { statement: "no key was enrolled".into(), by: "role:admin".into() });
    let mut header = fresh.next_header(Signer::Server);
    header.seq -= 1;
    header.prev = Digest::of(&fresh.entries[fresh.entries.len() - 1]);
    fresh.append(Signer::Server, header, body);
    assert_ne!(fresh.entries.last(), Some(&last));
    assert_eq!(desk.verify(&fresh.export(), &[]).status, 3, "by itself it is sound");
    refused(
        "replaced",
        &fresh.export(),
        &["--since", checkpoint.to_str().expect("UTF-8")],
        &["since_rewritten"],
    );
}

#[test]
fn last_months_export_is_not_todays() {
    let (desk, log) = (Desk::new(), sample());
    let today = desk.file("today", log.checkpoint());
    let month_ago = log.export_of(&log.entries[..12], &log.checkpoint_over(&log.entries[..12]));
    assert_eq!(desk.verify(&month_ago, &[]).status, 3);
    refused("replayed", &month_ago, &["--since", today.to_str().expect("UTF-8")], &["since_newer"]);
    let garbage = desk.file("garbage", "not a note");
    refused("garbage", &log.export(), &["--since", garbage.to_str().expect("UTF-8")], &["note_malformed"]);
}

#[test]
fn two_sites_do_not_mix() {
    let (mine, other) = (sample(), SiteLog::new(62, 2));
    let mut other = other;
    other.fill(20);
    let (export, foreign) = (mine.export(), members(&other.export()));
    let take =
        |name: &str| foreign.iter().find(|file| file.name.starts_with(name)).expect("there").content.clone();
    let put = |name: &str| with_file(&export, name, |content| *content = take(name));
    let run = Desk::new().verify(&put("tile/entries/"), &["--json"]);
    let expected = ["wrong_site", "wrong_installation", "key_not_enrolled", "tile_mismatch", "root_mismatch"];
    assert!(run.status == 1 && expected.iter().all(|code| run.codes().contains(*code)), "{:?}", run.codes());
    let run = Desk::new().verify(&put("policy"), &["--json"]);
    assert!(run.status == 1 && run.codes().contains("note_unsigned"), "{:?}", run.codes());
    refused("checkpoint", &put("checkpoint"), &[], &["note_unsigned", "root_mismatch"]);
    refused("tile", &put("tile/0/"), &[], &["tile_mismatch"]);
    let key = mine.policy().checkpoint_key.to_string();
    let run = Desk::new().verify(&other.export(), &["--checkpoint-key", &key, "--json"]);
    assert!(run.status == 1 && run.codes().contains("checkpoint_key_mismatch"), "{:?}", run.codes());
    let foreign_head = Desk::new();
    let since = foreign_head.file("since", other.checkpoint());
    refused("since", &export, &["--since", since.to_str().expect("UTF-8")], &["since_other_log"]);
}

#[test]
fn weak_keys_and_ambiguous_texts_in_the_policy_are_refused() {
    let log = sample();
    let export = log.export();
    let policy = |change: &dyn Fn(&[u8]) -> Vec<u8>| {
        with_file(&export, "policy", |content| *content = change(content))
    };
    let server_key = log.policy().server_facts_key.to_base64();
    let weak = policy(&|text| replace(text, &server_key, &encode([0; 32])));
    refused("weak server key", &weak, &[], &["key_weak"]);
    let mut identity = [0; 33];
    (identity[0], identity[1]) = (1, 1);
    let vkey = log.policy().checkpoint_key.to_string();
    let (name, _) = vkey.split_once('+').expect("a vkey");
    let weak = policy(&|text| replace(text, &vkey, &format!("{name}+00000000+{}", encode(identity))));
    refused("weak checkpoint key", &weak, &[], &["key_weak"]);
    let mut other_spelling = [0xff; 32];
    (other_spelling[0], other_spelling[31]) = (0xee, 0x7f);
    let odd = policy(&|text| replace(text, &server_key, &encode(other_spelling)));
    refused("non-canonical key", &odd, &[], &["key_malformed"]);
    let twice = policy(&|text| replace(text, "\"format\"", "\"format\": \"\", \"format\""));
    refused("duplicate key", &twice, &[], &["json_duplicate_key"]);
    let more = policy(&|text| replace(text, "\"format\"", "\"trust\": \"me\", \"format\""));
    refused("unknown field", &more, &[], &["field_unknown"]);
    let site = log.site.to_string();
    let mixed = policy(&|text| replace(text, &site, &SiteLog::new(62, 1).site.to_string()));
    refused("another origin", &mixed, &[], &["policy_mismatch"]);
}

#[test]
fn a_clock_in_2033_is_found() {
    let mut log = sample();
    let mut header = log.next_header(ONE);
    header.started = "2033-05-18T03:33:20Z".parse().expect("a time");
    header.ended = header.started;
    log.append(
        ONE,
        header,
        Body::Attestation(Attestation { statement: "later".into(), by: "role:owner".into() }),
    );
    refused("2033", &log.export(), &[], &["time_after_checkpoint"]);
}

#[test]
fn a_checkpoint_that_was_touched_is_refused() {
    let log = sample();
    let export = log.export();
    let note = |change: &dyn Fn(&[u8]) -> Vec<u8>| {
        with_file(&export, "checkpoint", |content| *content = change(content))
    };
    let resized = note(&|text| replace(text, "\n20\n", "\n19\n"));
    let run = Desk::new().verify(&resized, &["--json"]);
    assert!(run.status == 1 && run.codes().contains("note_signature_invalid"), "{:?}", run.codes());
    let unsigned =
        note(&|text| text.split_inclusive(|byte| *byte == b'\n').take(4).flatten().copied().collect());
    refused("unsigned", &unsigned, &[], &["note_malformed"]);
    let timeless =
        note(&|text| text.split_inclusive(|byte| *byte == b'\n').take(5).flatten().copied().collect());
    refused("no time", &timeless, &[], &["checkpoint_time_missing"]);
}

/// A member with one header field overwritten and the checksum made right again.
fn raw_member(name: &str, field: usize, bytes: &[u8]) -> Vec<u8> {
    let mut raw = member(name, b"x", 0);
    raw[field..field + bytes.len()].copy_from_slice(bytes);
    raw[148..156].copy_from_slice(b"        ");
    let sum: u32 = raw[..512].iter().map(|byte| u32::from(*byte)).sum();
    raw[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    raw
}

#[test]
fn archives_that_could_harm_are_refused() {
    let export = sample().export();
    let behind_policy = {
        let files = members(&export);
        archive(&files[..2]).len() - end().len()
    };
    let insert = |raw: Vec<u8>| [&export[..behind_policy], &raw, &export[behind_policy..]].concat();
    for name in ["../../etc/cron.d/x", "/etc/passwd", "tile/../../x", "tile\\..\\x"] {
        let raw = raw_member("a", 0, name.as_bytes());
        refused(name, &insert(raw), &[], &["archive_name"]);
    }
    refused("prefix", &insert(raw_member("a", 345, b"../..")), &[], &["archive_name"]);
    for (name, kind) in [
        ("hard link", b"1"),
        ("symlink", b"2"),
        ("device", b"3"),
        ("folder", b"5"),
        ("pax", b"x"),
        ("long name", b"L"),
    ] {
        refused(name, &insert(raw_member("a", 156, kind)), &[], &["archive_kind"]);
    }
    refused("link target", &insert(raw_member("a", 157, b"/etc/shadow")), &[], &["archive_kind"]);
    refused("8 GiB", &insert(raw_member("a", 124, b"77777777777\0")), &[], &["archive_size"]);
    refused(
        "binary size",
        &insert(raw_member("a", 124, &[0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0])),
        &[],
        &["archive_malformed"],
    );
    refused("a file more", &insert(member("notes.txt", b"hello", 0)), &[], &["member_order"]);
    let mut files = members(&export);
    files.push(files[0].clone());
    refused("a file more at the end", &archive(&files), &[], &["member_order"]);
    let mut files = members(&export);
    files.swap(1, 2);
    refused("another order", &archive(&files), &[], &["member_order"]);
    let mut files = members(&export);
    files.remove(4);
    refused("a tile missing", &archive(&files), &[], &["member_order"]);
    let mut files = members(&export);
    files[0].content = vec![b' '; 100_000];
    refused("a large text", &archive(&files), &[], &["archive_size"]);
}

#[test]
fn an_export_that_is_cut_anywhere_is_refused() {
    let export = sample().export();
    for part in 0..40 {
        let length = (export.len() - 1) * part / 39;
        let run = Desk::new().verify(&export[..length], &["--json"]);
        assert!(run.status == 1 && run.codes().contains("archive_malformed"), "{length}: {:?}", run.codes());
    }
    refused("continued", &[&export[..], b"x"].concat(), &[], &["archive_malformed"]);
    refused("text", b"this is not an archive, and shorter than a block", &[], &["archive_malformed"]);
    refused("gzip", &[&[0x1f, 0x8b, 8, 0][..], &[7; 2_000]].concat(), &[], &["archive_malformed"]);
}

#[test]
fn a_broken_bundle_is_refused() {
    let export = sample().export();
    let cut = with_file(&export, "tile/entries/", |bundle| bundle.truncate(bundle.len() - 1));
    refused("cut", &cut, &[], &["tile_mismatch"]);
    let emptied = with_file(&export, "tile/entries/", Vec::clear);
    refused("emptied", &emptied, &[], &["tile_mismatch"]);
    let ragged = with_file(&export, "tile/0/", |tile| tile.truncate(tile.len() - 1));
    refused("ragged tile", &ragged, &[], &["tile_mismatch"]);
    let short = with_file(&export, "tile/0/", |tile| tile.truncate(32));
    refused("short tile", &short, &[], &["tile_mismatch"]);
}
