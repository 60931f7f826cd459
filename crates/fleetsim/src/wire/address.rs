//! The one server that a simulation may talk to: on this machine.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::str::FromStr;

/// An `http` address on the loopback interface. A load generator pointed elsewhere is an attack, so there is no other.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LoopbackServer {
    socket: SocketAddr,
    authority: String,
}

/// The text is not such an address.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0:?} is not an http address on this machine: expected http://127.0.0.1:<port>, http://[::1]:<port> or http://localhost:<port>"
)]
pub struct NotLoopback(pub String);

impl LoopbackServer {
    /// The server that listens at `socket`; none unless that is on this machine.
    pub fn at(socket: SocketAddr) -> Option<Self> {
        socket.ip().is_loopback().then(|| Self { socket, authority: socket.to_string() })
    }

    /// Where to connect.
    pub fn socket(&self) -> SocketAddr {
        self.socket
    }

    /// The value of `Host`.
    pub fn authority(&self) -> &str {
        &self.authority
    }

    /// The value of `Origin` that a page of this server would send.
    pub fn origin(&self) -> String {
        format!("http://{}", self.authority)
    }
}

impl FromStr for LoopbackServer {
    type Err = NotLoopback;

    fn from_str(text: &str) -> Result<Self, NotLoopback> {
        let refused = || NotLoopback(text.to_owned());
        let rest = text.strip_prefix("http://").ok_or_else(refused)?;
        let authority = rest.strip_suffix('/').unwrap_or(rest);
        // Names are not looked up: what resolves to this machine today may not tomorrow.
        let (host, port) = match authority.rsplit_once(':') {
            Some((host, port)) if !host.is_empty() && !port.ends_with(']') => {
                (host, port.parse().map_err(|_| refused())?)
            }
            _ => (authority, 80),
        };
        let ip = match host {
            "localhost" => IpAddr::V4(Ipv4Addr::LOCALHOST),
            _ => host
                .strip_prefix('[')
                .and_then(|h| h.strip_suffix(']'))
                .unwrap_or(host)
                .parse()
                .map_err(|_| refused())?,
        };
        ip.is_loopback()
            .then(|| Self { socket: SocketAddr::new(ip, port), authority: authority.to_owned() })
            .ok_or_else(refused)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_machine_is_accepted() {
        for (text, socket) in [
            ("http://127.0.0.1:8080", "127.0.0.1:8080"),
            ("http://127.0.0.1:8080/", "127.0.0.1:8080"),
            ("http://localhost:9", "127.0.0.1:9"),
            ("http://[::1]:7", "[::1]:7"),
            ("http://localhost", "127.0.0.1:80"),
            ("http://[::1]", "[::1]:80"),
        ] {
            let server: LoopbackServer = text.parse().expect(text);
            assert_eq!(server.socket(), socket.parse().expect("valid"), "{text}");
        }
    }

    #[test]
    fn anything_else_is_refused() {
        for text in [
            "",
            "https://127.0.0.1:8443",
            "http://10.0.0.1:8080",
            "http://0.0.0.0:8080",
            "http://example.com",
            "http://localhost.example.com:80",
            "http://127.0.0.1:8080@example.com",
            "http://127.0.0.1:8080/api",
            "http://[2001:db8::1]:80",
            "127.0.0.1:8080",
        ] {
            assert!(text.parse::<LoopbackServer>().is_err(), "{text}");
        }
    }
}
