//! The published vectors of the Fernet specification, against the implementation that the vault is built on.

#![expect(clippy::disallowed_methods, reason = "small committed files")]

use fernet::Fernet;
use serde_json::Value;

fn vectors(name: &str) -> Vec<Value> {
    let path = format!("{}/../../spec/fernet/{name}.json", env!("CARGO_MANIFEST_DIR"));
    serde_json::from_str(&std::fs::read_to_string(path).expect("committed")).expect("JSON")
}

fn text<'a>(vector: &'a Value, field: &str) -> &'a str {
    vector[field].as_str().expect("text")
}

#[test]
fn what_others_sealed_opens() {
    for vector in vectors("verify").iter().chain(&vectors("generate")) {
        let fernet = Fernet::new(text(vector, "secret")).expect("a key");
        assert_eq!(fernet.decrypt(text(vector, "token")).as_deref(), Ok(text(vector, "src").as_bytes()));
    }
}

#[test]
fn what_is_malformed_does_not() {
    let invalid = vectors("invalid");
    assert!(invalid.len() >= 8);
    for vector in &invalid {
        // Of these the token is sound and only its age is wrong: nothing here expires.
        if ["far-future TS (unacceptable clock skew)", "expired TTL"].contains(&text(vector, "desc")) {
            continue;
        }
        let fernet = Fernet::new(text(vector, "secret")).expect("a key");
        assert!(fernet.decrypt(text(vector, "token")).is_err(), "{}", text(vector, "desc"));
    }
}
