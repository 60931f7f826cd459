//! Every accepted tile and bundle has exactly the spelling that was read.
#![no_main]

use libfuzzer_sys::fuzz_target;
use proofline_evidence::tile::{hashes_to_bytes, parse_bundle, parse_hashes, push_entry};

fuzz_target!(|bytes: &[u8]| {
    if let Ok(hashes) = parse_hashes(bytes) {
        assert_eq!(hashes_to_bytes(&hashes), bytes);
    }
    if let Ok(entries) = parse_bundle(bytes) {
        let mut written = Vec::new();
        if entries.iter().all(|entry| push_entry(&mut written, entry).is_ok()) {
            assert_eq!(written, bytes);
        }
    }
});
