//! DSSE envelopes, sound and each with one defect.

use proofline_evidence::dsse::{self, Envelope, MAX_ENVELOPE_BYTES, STATEMENT_PAYLOAD_TYPE};
use proofline_evidence::encoding::encode;
use proofline_evidence::{Defect, PublicKey, Reason, SigningKey};
use serde::Serialize;

#[derive(Serialize)]
struct Case {
    name: String,
    envelope: String,
    signer_key: String,
    reason: Option<&'static str>,
}

/// Parsing, then verifying as a statement's envelope.
fn decide(envelope: &[u8], key: &PublicKey) -> Result<Vec<u8>, Defect> {
    Ok(Envelope::parse(envelope)?.verify(STATEMENT_PAYLOAD_TYPE, key)?.to_vec())
}

#[test]
#[expect(clippy::too_many_lines, reason = "a table of cases")]
fn envelopes() {
    let (key, other) = (SigningKey::from_seed(&[7; 32]), SigningKey::from_seed(&[8; 32]));
    let payload = br#"{"some":"?>???"}"#;
    let sound = String::from_utf8(dsse::sign(STATEMENT_PAYLOAD_TYPE, payload, &key)).expect("ASCII");
    let mut cases = Vec::new();
    let mut add = |name: &str, envelope: String, signer: &SigningKey, expected: Option<Reason>| {
        let signer_key = signer.public_key();
        let reason = super::expect(name, &decide(envelope.as_bytes(), signer_key), expected);
        cases.push(Case { name: name.into(), envelope, signer_key: signer_key.to_base64(), reason });
    };
    let payload64 = encode(payload);
    let sig64 = encode(key.sign(&dsse::pae(STATEMENT_PAYLOAD_TYPE, payload)));
    let change = |from: &str, to: &str| {
        assert!(sound.contains(from), "{from}");
        sound.replacen(from, to, 1)
    };
    add("sound", sound.clone(), &key, None);
    add(
        "white space is free",
        format!("\n{} ", change(",\"payloadType\"", " ,\n\"payloadType\"")),
        &key,
        None,
    );
    let reordered = format!(
        r#"{{"signatures":[{{"sig":"{sig64}","keyid":"{}"}}],"payloadType":"{STATEMENT_PAYLOAD_TYPE}","payload":"{payload64}"}}"#,
        key.id()
    );
    add("the order of keys is free", reordered, &key, None);
    add("escapes are free", change("vnd.in-toto+json", "vnd.in-toto\\u002bjson"), &key, None);
    let empty = String::from_utf8(dsse::sign(STATEMENT_PAYLOAD_TYPE, b"", &key)).expect("ASCII");
    add("an empty payload", empty, &key, None);
    let padding = " ".repeat(MAX_ENVELOPE_BYTES - sound.len());
    add("as large as allowed", format!("{sound}{padding}"), &key, None);
    add("one byte too large", format!("{sound}{padding} "), &key, Some(Reason::JsonTooLarge));

    add("another key", sound.clone(), &other, Some(Reason::KeyMismatch));
    let id = key.id().to_string();
    add("the name of another key", change(&id, &other.id().to_string()), &key, Some(Reason::KeyMismatch));
    add(
        "another key under its own name",
        change(&id, &other.id().to_string()),
        &other,
        Some(Reason::SignatureInvalid),
    );
    add("a key's name in capitals", change(&id, &id.to_uppercase()), &key, Some(Reason::FieldValue));
    add("an empty key name", change(&id, ""), &key, Some(Reason::FieldValue));
    add("another payload", change(&payload64, &encode(b"{}")), &key, Some(Reason::SignatureInvalid));
    let wrong_type = String::from_utf8(dsse::sign("application/json", payload, &key)).expect("ASCII");
    add("another payload type, signed", wrong_type, &key, Some(Reason::PayloadType));
    add(
        "another payload type, put in",
        change("vnd.in-toto", "vnd.in-tutu"),
        &key,
        Some(Reason::PayloadType),
    );
    let unprepared = change(&sig64, &encode(key.sign(payload)));
    add("a signature over the payload alone", unprepared, &key, Some(Reason::SignatureInvalid));
    add("a short signature", change(&sig64, &encode([0; 63])), &key, Some(Reason::SignatureInvalid));
    add("a long signature", change(&sig64, &encode([0; 65])), &key, Some(Reason::SignatureInvalid));
    add("an empty signature", change(&sig64, ""), &key, Some(Reason::SignatureInvalid));

    add(
        "no signature",
        change(&format!(r#"{{"keyid":"{id}","sig":"{sig64}"}}"#), ""),
        &key,
        Some(Reason::SignatureCount),
    );
    let twice = change("}]}", &format!("}},{{\"keyid\":\"{id}\",\"sig\":\"{sig64}\"}}]}}"));
    add("the signature twice", twice, &key, Some(Reason::SignatureCount));
    add(
        "payload twice",
        change("{\"payload\":", "{\"payload\":\"\",\"payload\":"),
        &key,
        Some(Reason::JsonDuplicateKey),
    );
    add("sig twice", change("\"sig\":", "\"sig\":\"\",\"sig\":"), &key, Some(Reason::JsonDuplicateKey));
    add("a field more", change("{\"payload\":", "{\"x\":1,\"payload\":"), &key, Some(Reason::FieldUnknown));
    add(
        "a field more in the signature",
        change("\"sig\":", "\"cert\":\"\",\"sig\":"),
        &key,
        Some(Reason::FieldUnknown),
    );
    add("no payload", change("\"payload\":", "\"payloads\":"), &key, Some(Reason::FieldMissing));
    add("no payload type", change("\"payloadType\":", "\"type\":"), &key, Some(Reason::FieldMissing));
    add("no key name", change("\"keyid\":", "\"key\":"), &key, Some(Reason::FieldMissing));
    add("a payload that is null", change(&format!("\"{payload64}\""), "null"), &key, Some(Reason::FieldType));
    add(
        "signatures that are an object",
        change("[{", "{\"a\":{").replace("}]}", "}}}"),
        &key,
        Some(Reason::FieldType),
    );
    add("the envelope in a list", format!("[{sound}]"), &key, Some(Reason::FieldType));
    add("two envelopes", format!("{sound}{sound}"), &key, Some(Reason::JsonTrailingBytes));

    assert!(
        payload64.ends_with('=') && payload64.contains('/'),
        "a payload that shows base64's corners: {payload64}"
    );
    let base64 = Some(Reason::Base64);
    add("base64 without padding", change(&payload64, payload64.trim_end_matches('=')), &key, base64);
    add("base64 for addresses", change(&payload64, &payload64.replace('/', "_")), &key, base64);
    add("base64 with a line feed", change(&payload64, &format!("{payload64}\\n")), &key, base64);
    add("base64 with a space", change(&payload64, &format!(" {payload64}")), &key, base64);
    add("base64 with too much padding", change(&payload64, &format!("{payload64}=")), &key, base64);
    let stray = payload64.replace("fQ==", "fR==");
    assert_ne!(stray, payload64);
    add("base64 with stray bits", change(&payload64, &stray), &key, base64);
    add("base64 of an impossible length", change(&payload64, "A"), &key, base64);
    let about =
        "`envelope` is parsed and verified with `signer_key` (base64) as the envelope of a statement.";
    super::hold("envelopes.json", about, &cases);
}
