//! Every accepted statement can be written, and reads as the same statement again.
#![no_main]

use libfuzzer_sys::fuzz_target;
use proofline_evidence::statement::{Statement, rules};

fuzz_target!(|bytes: &[u8]| {
    if let Ok(statement) = Statement::parse(bytes) {
        let _ = rules::broken(&statement);
        // Writing may need more room than white-space-free input did: escapes are spelled one way only.
        if let Ok(written) = statement.to_bytes() {
            assert_eq!(Statement::parse(&written), Ok(statement));
        }
    }
});
