//! The strict reader never panics, and what it accepts any JSON reader accepts.
#![no_main]

use libfuzzer_sys::fuzz_target;
use proofline_evidence::json::{MAX_INTEGER, Value, read};

fn within_bounds(value: &Value<'_>) -> bool {
    match value {
        Value::Integer(number) => (-MAX_INTEGER..=MAX_INTEGER).contains(number),
        Value::List(elements) => elements.iter().all(within_bounds),
        Value::Object(members) => members.iter().all(|(_, member)| within_bounds(member)),
        Value::Null | Value::Bool(_) | Value::Text(_) => true,
    }
}

fuzz_target!(|bytes: &[u8]| {
    if let Ok(value) = read(bytes, 32 * 1024) {
        assert!(std::str::from_utf8(bytes).is_ok() && within_bounds(&value));
    }
});
