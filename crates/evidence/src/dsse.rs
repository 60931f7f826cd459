//! DSSE v1.0 envelopes with exactly one Ed25519 signature.
//!
//! Invariants: what is verified are the received payload bytes; nothing is serialised again. `keyid` must be the name of the
//! key that verifies. Base64 is the standard alphabet in its canonical spelling only, although DSSE would let a reader
//! accept more: two spellings of one payload would be two log entries. This module does not know what a payload means.

use crate::json::{self, Value};
use crate::{Defect, KeyId, PublicKey, Reason, Signature, SigningKey, encoding};

/// The largest envelope in bytes: what fits one log entry.
pub const MAX_ENVELOPE_BYTES: usize = 32 * 1024;

/// The payload type of an in-toto statement.
pub const STATEMENT_PAYLOAD_TYPE: &str = "application/vnd.in-toto+json";

/// A parsed envelope whose signature has not been verified yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Envelope {
    payload_type: String,
    payload: Vec<u8>,
    key_id: KeyId,
    signature: Signature,
}

/// The pre-authentication encoding: the bytes that are signed (DSSE v1.0, protocol.md).
pub fn pae(payload_type: &str, payload: &[u8]) -> Vec<u8> {
    let head = format!("DSSEv1 {} {payload_type} {} ", payload_type.len(), payload.len());
    [head.as_bytes(), payload].concat()
}

/// Signs `payload` and gives the bytes of the envelope, as they are sent, stored and logged.
/// `payload_type` is plain ASCII without quotes or backslashes.
pub fn sign(payload_type: &str, payload: &[u8], key: &SigningKey) -> Vec<u8> {
    debug_assert!(payload_type.bytes().all(|b| b.is_ascii_graphic() && b != b'"' && b != b'\\'));
    let signature = key.sign(&pae(payload_type, payload));
    format!(
        r#"{{"payload":"{}","payloadType":"{payload_type}","signatures":[{{"keyid":"{}","sig":"{}"}}]}}"#,
        encoding::encode(payload),
        key.id(),
        encoding::encode(signature),
    )
    .into_bytes()
}

impl Envelope {
    /// Parses an envelope of at most [`MAX_ENVELOPE_BYTES`].
    pub fn parse(bytes: &[u8]) -> Result<Self, Defect> {
        Self::parse_up_to(bytes, MAX_ENVELOPE_BYTES)
    }

    /// Parses an envelope that is not a log entry and may have another size.
    pub fn parse_up_to(bytes: &[u8], max_bytes: usize) -> Result<Self, Defect> {
        let mut envelope = json::read(bytes, max_bytes)?.into_object("envelope")?;
        let payload = encoding::decode(&envelope.text("payload")?)?;
        let payload_type = envelope.text("payloadType")?.into_owned();
        let signatures = envelope.take("signatures")?.into_list("signatures")?;
        envelope.finish()?;
        let [signature]: [Value<'_>; 1] = signatures
            .try_into()
            .map_err(|found: Vec<_>| Defect::new(Reason::SignatureCount, format!("found {}", found.len())))?;
        let mut signature = signature.into_object("signature")?;
        let key_id = signature.parsed("keyid")?;
        let sig = encoding::decode_array(&signature.text("sig")?, Reason::SignatureInvalid)?;
        signature.finish()?;
        Ok(Self { payload_type, payload, key_id, signature: sig })
    }

    /// The name of the key that claims to have signed.
    pub fn key_id(&self) -> KeyId {
        self.key_id
    }

    /// What kind of content the envelope announces. Covered by the signature.
    pub fn payload_type(&self) -> &str {
        &self.payload_type
    }

    /// The content **before** verification: only to find out which key it claims. Use what [`Envelope::verify`] returns.
    pub fn unverified_payload(&self) -> &[u8] {
        &self.payload
    }

    /// Verifies the announced type, the key's name and the signature, and hands out the payload.
    pub fn verify(&self, expected_type: &str, key: &PublicKey) -> Result<&[u8], Defect> {
        if self.payload_type != expected_type {
            return Err(Defect::new(Reason::PayloadType, format!("expected {expected_type}")));
        }
        if self.key_id != key.id() {
            return Err(Defect::new(Reason::KeyMismatch, format!("expected key {}", key.id())));
        }
        key.verify(&pae(&self.payload_type, &self.payload), &self.signature)?;
        Ok(&self.payload)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pae_is_the_published_one() {
        // DSSE v1.0, protocol.md, "Test vectors"
        assert_eq!(
            pae("http://example.com/HelloWorld", b"hello world"),
            b"DSSEv1 29 http://example.com/HelloWorld 11 hello world"
        );
        assert_eq!(pae("", b""), b"DSSEv1 0  0 ");
    }

    #[test]
    fn a_signed_envelope_verifies_and_yields_its_payload() {
        let key = SigningKey::from_seed(&[3; 32]);
        let bytes = sign(STATEMENT_PAYLOAD_TYPE, b"{}", &key);
        let envelope = Envelope::parse(&bytes).expect("own envelope");
        assert_eq!(envelope.key_id(), key.id());
        assert_eq!(envelope.verify(STATEMENT_PAYLOAD_TYPE, key.public_key()), Ok(&b"{}"[..]));
    }

    #[test]
    fn another_type_or_key_is_refused_by_name() {
        let (key, other) = (SigningKey::from_seed(&[3; 32]), SigningKey::from_seed(&[4; 32]));
        let envelope = Envelope::parse(&sign("a/b", b"{}", &key)).expect("own envelope");
        let reason =
            |kind: &str, key: &SigningKey| envelope.verify(kind, key.public_key()).map_err(|d| d.reason);
        assert_eq!(reason("a/c", &key), Err(Reason::PayloadType));
        assert_eq!(reason("a/b", &other), Err(Reason::KeyMismatch));
    }
}
