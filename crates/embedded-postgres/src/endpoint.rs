//! Where a cluster is reached.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use crate::options::SUPERUSER;

/// The address of a running cluster. There is no password: the operating system says who connects.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoint {
    socket_dir: PathBuf,
}

impl Endpoint {
    pub(crate) fn new(socket_dir: PathBuf) -> Self {
        Self { socket_dir }
    }

    /// The folder that holds the unix socket, for `PgConnectOptions::socket` or `psql -h`.
    pub fn socket_dir(&self) -> &Path {
        &self.socket_dir
    }

    /// The port, which is part of the socket's name.
    pub fn port(&self) -> u16 {
        5432
    }

    /// A connection URL that both sqlx and libpq understand.
    pub fn url(&self, role: &str, database: &str) -> String {
        let socket_dir = encode(&self.socket_dir.to_string_lossy());
        format!("postgresql:///{}?host={socket_dir}&user={}", encode(database), encode(role))
    }

    /// The URL of the superuser, who creates databases and roles.
    pub fn superuser_url(&self, database: &str) -> String {
        self.url(SUPERUSER, database)
    }
}

/// Percent-encodes everything but unreserved characters (RFC 3986, section 2.3).
fn encode(text: &str) -> String {
    let mut out = String::new();
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            write!(out, "%{byte:02X}").expect("a string takes all text");
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_carries_the_socket_as_a_parameter() {
        let endpoint = Endpoint::new("/run/a b".into());
        assert_eq!(
            endpoint.url("proofline_app", "proofline"),
            "postgresql:///proofline?host=%2Frun%2Fa%20b&user=proofline_app"
        );
    }
}
