//! The formats of evidence.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use proofline_evidence::SigningKey;
use proofline_evidence::dsse::{Envelope, STATEMENT_PAYLOAD_TYPE};
use proofline_evidence::export::{Options, verify};
use proofline_evidence::json::{MAX_INTEGER, Value, read};
use proofline_evidence::note::{Checkpoint, Note, NoteKey};
use proofline_evidence::statement::{Statement, rules};
use proofline_evidence::tile::{hashes_to_bytes, parse_bundle, parse_hashes, push_entry};

fn within_bounds(value: &Value<'_>) -> bool {
    match value {
        Value::Integer(number) => (-MAX_INTEGER..=MAX_INTEGER).contains(number),
        Value::List(elements) => elements.iter().all(within_bounds),
        Value::Object(members) => members.iter().all(|(_, member)| within_bounds(member)),
        Value::Null | Value::Bool(_) | Value::Text(_) => true,
    }
}

/// The strict reader never panics, and what it accepts any JSON reader accepts.
pub fn json(bytes: &[u8]) {
    if let Ok(value) = read(bytes, 32 * 1024) {
        assert!(serde_json::from_slice::<serde_json::Value>(bytes).is_ok() && within_bounds(&value));
    }
}

/// Every accepted statement can be written, and reads as the same statement again.
pub fn statement(bytes: &[u8]) {
    if let Ok(statement) = Statement::parse(bytes) {
        let _ = rules::broken(&statement);
        // Writing may need more room than white-space-free input did: escapes are spelled one way only.
        if let Ok(written) = statement.to_bytes() {
            assert_eq!(Statement::parse(&written), Ok(statement));
        }
    }
}

/// No envelope verifies that nobody signed.
pub fn envelope(bytes: &[u8]) {
    if let Ok(envelope) = Envelope::parse(bytes) {
        let key = SigningKey::from_seed(&[0xA5; 32]);
        assert!(envelope.verify(STATEMENT_PAYLOAD_TYPE, key.public_key()).is_err());
    }
}

/// Every accepted note, key and checkpoint has exactly the spelling that was read.
pub fn note(bytes: &[u8]) {
    if let Ok(note) = Note::parse(bytes) {
        assert_eq!(note.to_string().as_bytes(), bytes);
        let _ = Checkpoint::parse_text(note.text());
    }
    if let Ok(text) = std::str::from_utf8(bytes) {
        if let Ok(key) = text.parse::<NoteKey>() {
            assert_eq!(key.to_string(), text);
        }
        if let Ok(checkpoint) = Checkpoint::parse_text(text) {
            assert_eq!(checkpoint.to_text(), text);
        }
    }
}

/// Every accepted tile and bundle has exactly the spelling that was read.
pub fn tile(bytes: &[u8]) {
    if let Ok(hashes) = parse_hashes(bytes) {
        assert_eq!(hashes_to_bytes(&hashes), bytes);
    }
    if let Ok(entries) = parse_bundle(bytes) {
        let mut written = Vec::new();
        if entries.iter().all(|entry| push_entry(&mut written, entry).is_ok()) {
            assert_eq!(written, bytes);
        }
    }
}

/// No archive stops the verifier from giving an answer, and none is verified without a key.
pub fn export(bytes: &[u8]) {
    let options = Options { since: Some(bytes.to_vec()), ..Options::default() };
    let report = verify(bytes, &options).expect("memory is readable");
    assert_eq!(report.consistent, report.findings_total == 0);
    assert!(!report.verified, "nobody gave a key");
}

/// Every text in a vector that is long enough to be something.
fn texts(value: &serde_json::Value, found: &mut Vec<Vec<u8>>) {
    match value {
        serde_json::Value::String(text) if text.len() > 40 => found.push(text.clone().into_bytes()),
        serde_json::Value::Array(items) => items.iter().for_each(|item| texts(item, found)),
        serde_json::Value::Object(members) => members.values().for_each(|member| texts(member, found)),
        _ => {}
    }
}

fn all_texts() -> Vec<Vec<u8>> {
    let mut found = Vec::new();
    for file in crate::files_below("spec/evidence/vectors") {
        if let Ok(value) = serde_json::from_slice(&file) {
            texts(&value, &mut found);
        }
    }
    found
}

fn decoded(texts: &[Vec<u8>]) -> Vec<Vec<u8>> {
    texts.iter().filter_map(|text| STANDARD.decode(text).ok()).collect()
}

/// The texts of the committed vectors, and what is in base64 there.
pub fn vectors() -> Vec<Vec<u8>> {
    let mut found = all_texts();
    found.retain(|text| text.len() < 16 * 1024);
    let decoded = decoded(&found);
    found.extend(decoded);
    found
}

/// Whole archives of the vectors.
pub fn exports() -> Vec<Vec<u8>> {
    let mut found = decoded(&all_texts());
    found.retain(|bytes| bytes.starts_with(b"README.txt"));
    found
}
