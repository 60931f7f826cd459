//! What the application logs while a test runs, and what must never be in it.
//!
//! [`crate::TestApp`] captures the log from its start and looks through it at its end, so every test of the suite is also
//! a canary run: its people's addresses and password, its session tokens and its provisioning codes.

use std::io;
use std::sync::{Mutex, OnceLock, PoisonError};

use tracing_subscriber::EnvFilter;

/// What an operator may turn on for our own crates.
pub const QUIET: &str = "warn,proofline_server=debug,proofline_store=debug";
/// Everything that any crate has to say.
pub const LOUD: &str = "trace";

static LINES: OnceLock<()> = OnceLock::new();
static TEXT: Mutex<Vec<u8>> = Mutex::new(Vec::new());
static FORBIDDEN: Mutex<Vec<String>> = Mutex::new(Vec::new());

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
    FORBIDDEN.lock().unwrap_or_else(PoisonError::into_inner).push(secret.to_owned());
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
