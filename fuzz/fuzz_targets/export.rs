//! No archive stops the verifier from giving an answer.
#![no_main]

use libfuzzer_sys::fuzz_target;
use proofline_evidence::export::{Options, verify};

fuzz_target!(|bytes: &[u8]| {
    let options = Options { checkpoint_key: None, since: Some(bytes.to_vec()) };
    let report = verify(bytes, &options).expect("memory is readable");
    assert_eq!(report.verified, report.findings_total == 0);
});
