//! What the application logs while a test runs, and what must never be in it.
//!
//! [`crate::TestApp`] captures the log from its start and looks through it at its end, so every test of the suite is also
//! a canary run. Nobody has to name what is personal or secret in it: clients watch what they send and are answered, field
//! by field and header by header, and none of it may be in a log line nor in an error.

use std::collections::BTreeSet;
use std::io;
use std::sync::{Mutex, OnceLock, PoisonError};

use serde_json::Value;
use tracing_subscriber::EnvFilter;

/// What an operator may turn on for our own crates.
pub const QUIET: &str = "warn,proofline_server=debug,proofline_store=debug";
/// Everything that any crate has to say.
pub const LOUD: &str = "trace";

static LINES: OnceLock<()> = OnceLock::new();
static TEXT: Mutex<Vec<u8>> = Mutex::new(Vec::new());
static FORBIDDEN: Mutex<BTreeSet<String>> = Mutex::new(BTreeSet::new());

/// Fields of requests that hold something personal or secret, whichever route they are sent to.
const SENT: [&str; 11] = [
    "email",
    "password",
    "current_password",
    "new_password",
    "token",
    "code",
    "secret",
    "client_secret",
    "reason",
    "ticket",
    "user_agent",
];
/// Fields of answers that do.
const ANSWERED: [&str; 6] = ["email", "token", "secret", "otpauth_uri", "qr_svg", "recovery_codes"];
/// Headers of requests that do.
const HEADERS: [&str; 5] = ["authorization", "cookie", "x-csrf-token", "user-agent", "idempotency-key"];
/// What is shorter may stand somewhere by chance.
const TELLING: usize = 9;

struct Sink;

impl io::Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        TEXT.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Captures what this process logs from now on. The first filter wins.
pub fn capture(filter: &str) {
    LINES.get_or_init(|| {
        let captured = tracing_subscriber::fmt()
            .json()
            .with_env_filter(EnvFilter::new(filter))
            .with_writer(|| Sink)
            .try_init();
        captured.expect("nobody else captures the log of a test");
    });
}

/// What was logged so far.
pub fn text() -> String {
    String::from_utf8_lossy(&TEXT.lock().unwrap_or_else(PoisonError::into_inner)).into_owned()
}

/// Names something that must not be logged nor stand in an error.
pub fn must_not_hold(secret: &str) {
    FORBIDDEN.lock().unwrap_or_else(PoisonError::into_inner).insert(secret.to_owned());
}

/// Forbids the values of these fields, wherever in the document they stand.
fn watch(document: &Value, fields: &[&str]) {
    match document {
        Value::Object(members) => {
            for (name, value) in members {
                if fields.contains(&name.as_str()) {
                    watch_all(value);
                } else {
                    watch(value, fields);
                }
            }
        }
        Value::Array(items) => items.iter().for_each(|item| watch(item, fields)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

fn watch_all(value: &Value) {
    match value {
        Value::String(text) if text.len() >= TELLING => must_not_hold(text),
        Value::Array(items) => items.iter().for_each(watch_all),
        Value::Object(members) => members.values().for_each(watch_all),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// What a client sends.
pub(crate) fn watch_sent(body: &Value) {
    watch(body, &SENT);
}

/// What a client is answered.
pub(crate) fn watch_answered(body: &Value) {
    watch(body, &ANSWERED);
    // Deeper down, a code is why something was refused.
    watch_all(&body["code"]);
}

/// A header that a client sends: each word of it that is telling.
pub(crate) fn watch_header(name: &str, value: &str) {
    if HEADERS.contains(&name) {
        value.split([' ', ';', '=']).filter(|word| word.len() >= TELLING).for_each(must_not_hold);
    }
}

/// Whether a text holds anything that was named; says what.
pub(crate) fn forbidden_in(text: &str) -> Option<String> {
    let forbidden = FORBIDDEN.lock().unwrap_or_else(PoisonError::into_inner);
    forbidden.iter().find(|secret| text.contains(secret.as_str())).cloned()
}

/// Looks through the log.
///
/// # Panics
/// When one of these, or something that was named, was logged.
pub fn hold_nothing_of(markers: &[&str]) {
    let text = text();
    for marker in markers {
        assert!(!text.contains(marker), "{marker:?} was logged");
    }
    if let Some(secret) = forbidden_in(&text) {
        panic!("{secret:?} was logged");
    }
}
