//! No envelope verifies that nobody signed.
#![no_main]

use libfuzzer_sys::fuzz_target;
use proofline_evidence::SigningKey;
use proofline_evidence::dsse::{Envelope, STATEMENT_PAYLOAD_TYPE};

fuzz_target!(|bytes: &[u8]| {
    if let Ok(envelope) = Envelope::parse(bytes) {
        let key = SigningKey::from_seed(&[7; 32]);
        let _ = envelope.verify(STATEMENT_PAYLOAD_TYPE, key.public_key());
    }
});
