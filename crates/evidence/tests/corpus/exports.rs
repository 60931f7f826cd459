//! One export, and changes to it with the findings that an auditor must get.

use std::collections::BTreeSet;

use proofline_evidence::Reason;
use proofline_evidence::encoding::encode;
use proofline_evidence::export::{Options, verify};
use proofline_evidence::statement::{KeyAction, KeyRole};
use serde::Serialize;

use crate::log::SiteLog;

#[derive(Serialize)]
#[serde(untagged)]
enum Case {
    Sound {
        name: &'static str,
        export: String,
        checkpoint_key: String,
        older_checkpoint: String,
    },
    Changed {
        name: String,
        cut_at: Option<usize>,
        write: Option<(usize, String)>,
        reasons: BTreeSet<&'static str>,
    },
}

fn reasons(export: &[u8], older: &str) -> BTreeSet<Reason> {
    let options = Options { since: Some(older.as_bytes().to_vec()), ..Options::default() };
    let report = verify(export, &options).expect("memory is readable");
    report.findings.iter().map(|finding| finding.reason).collect()
}

fn find(export: &[u8], text: &str) -> usize {
    export.windows(text.len()).position(|window| window == text.as_bytes()).expect("it is there")
}

#[test]
fn exports() {
    let mut log = SiteLog::new(51, 1);
    log.fill(7);
    let older = log.checkpoint();
    log.fill(12);
    let export = log.export();
    assert_eq!(reasons(&export, &older), BTreeSet::new());
    let mut cases = vec![Case::Sound {
        name: "sound",
        export: encode(&export),
        checkpoint_key: log.policy().checkpoint_key.to_string(),
        older_checkpoint: older.clone(),
    }];
    let mut cut = |name: &str, at: usize, expected: &[Reason]| {
        let found = reasons(&export[..at], &older);
        assert_eq!(found, expected.iter().copied().collect(), "{name}");
        let reasons = found.into_iter().map(Reason::code).collect();
        cases.push(Case::Changed { name: name.into(), cut_at: Some(at), write: None, reasons });
    };
    let entries = find(&export, "tile/entries/000");
    cut("nothing", 0, &[Reason::ArchiveMalformed]);
    cut("cut in the first header", 100, &[Reason::ArchiveMalformed]);
    cut("cut before the entries", entries, &[Reason::ArchiveMalformed]);
    cut("cut in the entries", entries + 2_000, &[Reason::ArchiveMalformed]);
    cut("cut before the end mark", export.len() - 1_024, &[Reason::ArchiveMalformed]);
    let mut write = |name: &str, at: usize, bytes: &[u8], expected: &[Reason]| {
        let mut changed = export.clone();
        changed[at..at + bytes.len()].copy_from_slice(bytes);
        let found = reasons(&changed, &older);
        assert_eq!(found, expected.iter().copied().collect(), "{name}");
        let reasons = found.into_iter().map(Reason::code).collect();
        cases.push(Case::Changed {
            name: name.into(),
            cut_at: None,
            write: Some((at, encode(bytes))),
            reasons,
        });
    };
    let tile = find(&export, "tile/0/000");
    write("a hash of the tile", tile + 512 + 32 * 9, &[0; 32], &[Reason::TileMismatch]);
    let note = find(&export, "\u{2014} inst_");
    write("the checkpoint's signature", note + 60, b"AAAA", &[Reason::NoteSignature]);
    let policy = find(&export, "\"format\"");
    write("the policy's format", policy + 12, b"X", &[Reason::FieldValue]);
    write("the name of a file", entries, b"/", &[Reason::ArchiveMalformed]);
    write("something behind the end", export.len() - 1, b"x", &[Reason::ArchiveMalformed]);
    let payload = find(&export[entries..], "{\"payload\"") + entries;
    write(
        "a letter of the first entry",
        payload + 40,
        b"_",
        &[
            Reason::Base64,
            Reason::TileMismatch,
            Reason::RootMismatch,
            Reason::SinceRewritten,
            Reason::SeqHole,
        ],
    );
    cases.push(rotated());
    let about = "A whole export (base64 of the archive) and changes to it: cut after `cut_at` bytes, or `write`: [position, base64]; at the end one whose \
                 keys changed. `reasons` are all that a verifier with the older checkpoint must find.";
    super::hold("exports.json", about, &cases);
}

/// The checkpoint key changed twice and the server's own key once; the older checkpoint is the first key's.
fn rotated() -> Case {
    let mut log = SiteLog::new(52, 1);
    log.fill(5);
    let older = log.checkpoint();
    log.rotate_checkpoint();
    log.key_event(KeyAction::Rotated, KeyRole::Checkpoint, &log.checkpoint_key.clone(), None);
    let fresh = log.fresh_key();
    log.key_event(KeyAction::Rotated, KeyRole::ServerFacts, &fresh, None);
    log.server_key = fresh;
    log.fill(14);
    log.rotate_checkpoint();
    let export = log.export();
    assert_eq!(reasons(&export, &older), BTreeSet::new());
    Case::Sound {
        name: "sound, over three checkpoint keys",
        export: encode(&export),
        checkpoint_key: log.policy().checkpoint_key.to_string(),
        older_checkpoint: older,
    }
}
