#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| proofline_fuzz_targets::server::cursor(bytes));
