//! What the binary decides once, at start.

use std::time::Duration;

use chrono::TimeDelta;

use crate::authorities::Authorities;
use crate::mail::MailRoute;

/// How careful to be when something is missing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// The default: refuses to start without its secrets.
    Production,
    /// Explicit: secrets are made in the data directory, and only loopback is bound.
    Development,
}

/// Settings that libraries receive. Secrets among them are never printed: there is no `Debug`.
#[derive(Clone)]
pub struct Settings {
    /// Production or development.
    pub stage: Stage,
    /// `https://compliance.example`, without a path: the one source of absolute links and of the accepted Origin.
    pub public_url: String,
    /// Keys the CSRF tokens.
    pub csrf_key: [u8; 32],
    /// CSRF keys from before: what was made with them is taken, nothing new is made.
    pub earlier_csrf_keys: Vec<[u8; 32]>,
    /// Keys the pre-hash of every password.
    pub password_pepper: [u8; 32],
    /// bcrypt cost, at least 12 outside of tests.
    pub password_cost: u32,
    /// How many proxies in front are trusted to name the client's address.
    pub trusted_proxies: usize,
    /// How many nodes this deployment has: each may grant that part of every budget when it cannot ask the others.
    pub nodes: u32,
    /// Multiplies every rate budget; 1 but for load tests.
    pub rate_scale: u32,
    /// Most requests that are answered at once; more are told to come back. Open streams do not count.
    pub max_in_flight: usize,
    /// How long an answer may take to begin. What streams after that is not cut off.
    pub request_timeout: Duration,
    /// Absolute length of a session.
    pub session_lifetime: TimeDelta,
    /// Length of a session in which nobody does anything.
    pub session_idle: TimeDelta,
    /// Seconds between the check-ins of an appliance.
    pub check_in_seconds: u64,
    /// Where mail goes.
    pub mail: MailRoute,
    /// Whose certificates OpenID providers may have.
    pub authorities: Authorities,
    /// Whether the database is a private cluster or somebody else's server: shown on the system page.
    pub database_kind: DatabaseKind,
}

impl Settings {
    /// What may have keyed something that comes back, the current key first.
    pub(crate) fn csrf_keys(&self) -> impl Iterator<Item = &[u8; 32]> {
        std::iter::once(&self.csrf_key).chain(&self.earlier_csrf_keys)
    }
}

/// Whose PostgreSQL it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DatabaseKind {
    /// A private cluster in the data directory.
    Embedded,
    /// The server that `PROOFLINE_DATABASE_URL` names.
    External,
}

impl DatabaseKind {
    /// The spelling on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Embedded => "embedded",
            Self::External => "external",
        }
    }
}
