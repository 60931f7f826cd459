//! The address of Central Command: an origin and nothing more, so that the path that is signed is the path that is sent.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// `https://host[:port]` or `http://host[:port]`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ServerUrl {
    origin: String,
    host: String,
    port: u16,
    plain: bool,
    loopback: bool,
}

/// Whether requests may leave the machine without TLS.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PlainHttp {
    /// Only to this machine itself.
    LoopbackOnly,
    /// To any machine; somebody said so on purpose.
    Anywhere,
}

/// The address cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ServerUrlError {
    /// Not an origin.
    #[error("{0:?} is not a server address: expected https://host or https://host:port, without a path")]
    NotAnOrigin(String),
    /// Plain HTTP to another machine.
    #[error(
        "{0} would send everything unencrypted over the network. Use https://, or say --allow-plain-http if this \
         network protects it otherwise"
    )]
    PlainHttp(ServerUrl),
}

impl ServerUrl {
    /// The address followed by `path`, which starts with `/`.
    pub fn join(&self, path: &str) -> String {
        format!("{}{path}", self.origin)
    }

    /// Host name or address, and port.
    pub fn endpoint(&self) -> (&str, u16) {
        (&self.host, self.port)
    }

    /// Refuses plain HTTP where it is not allowed.
    pub fn permit(self, plain_http: PlainHttp) -> Result<Self, ServerUrlError> {
        let fine = !self.plain || self.loopback || plain_http == PlainHttp::Anywhere;
        if fine { Ok(self) } else { Err(ServerUrlError::PlainHttp(self)) }
    }
}

impl FromStr for ServerUrl {
    type Err = ServerUrlError;

    fn from_str(text: &str) -> Result<Self, ServerUrlError> {
        let refused = || ServerUrlError::NotAnOrigin(text.to_owned());
        let trimmed = text.trim().trim_end_matches('/');
        let (scheme, authority) = trimmed.split_once("://").ok_or_else(refused)?;
        let plain = match scheme.to_ascii_lowercase().as_str() {
            "https" => false,
            "http" => true,
            _ => return Err(refused()),
        };
        let (host, port) = split(authority, if plain { 80 } else { 443 }).ok_or_else(refused)?;
        let loopback = host.eq_ignore_ascii_case("localhost")
            || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback());
        let scheme = if plain { "http" } else { "https" };
        let origin = format!("{scheme}://{}", authority.to_ascii_lowercase());
        Ok(Self { origin, host: host.to_owned(), port, plain, loopback })
    }
}

/// Host and port of `host`, `host:port`, `[v6]` or `[v6]:port`.
fn split(authority: &str, usual: u16) -> Option<(&str, u16)> {
    let (host, port) = match authority.strip_prefix('[') {
        Some(rest) => {
            let (host, rest) = rest.split_once(']')?;
            host.parse::<std::net::Ipv6Addr>().ok()?;
            (host, if rest.is_empty() { None } else { Some(rest.strip_prefix(':')?) })
        }
        None => authority.split_once(':').map_or((authority, None), |(host, port)| (host, Some(port))),
    };
    let plain = host.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-:".contains(&byte));
    let digits = port.is_none_or(|port| port.bytes().all(|byte| byte.is_ascii_digit()));
    let port = port.map_or(Some(usual), |port| port.parse().ok().filter(|port| *port > 0))?;
    (!host.is_empty() && plain && digits).then_some((host, port))
}

impl fmt::Display for ServerUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.origin)
    }
}

impl TryFrom<String> for ServerUrl {
    type Error = ServerUrlError;

    fn try_from(text: String) -> Result<Self, ServerUrlError> {
        text.parse()
    }
}

impl From<ServerUrl> for String {
    fn from(url: ServerUrl) -> Self {
        url.origin
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_is_all_there_is() {
        for (text, shown) in [
            ("https://Central.example", "https://central.example"),
            ("https://central.example:8443/", "https://central.example:8443"),
            ("http://[::1]:8080", "http://[::1]:8080"),
        ] {
            assert_eq!(text.parse::<ServerUrl>().expect(text).to_string(), shown);
        }
        let endpoint = |text: &str| {
            let url: ServerUrl = text.parse().expect(text);
            (url.endpoint().0.to_owned(), url.endpoint().1)
        };
        assert_eq!(endpoint("https://central.example"), ("central.example".to_owned(), 443));
        assert_eq!(endpoint("http://[::1]:8080"), ("::1".to_owned(), 8080));
        for bad in [
            "",
            "central.example",
            "ftp://a",
            "https://",
            "https://a/b",
            "https://a?b",
            "https://u@a",
            "https://a:0",
            "https://a:x",
            "https://a:70000",
            "https://[::1",
            "https://[a]",
            "https://a b",
        ] {
            assert!(bad.parse::<ServerUrl>().is_err(), "{bad:?}");
        }
    }

    #[test]
    fn plain_http_stays_on_the_machine() {
        let permitted = |text: &str, plain| text.parse::<ServerUrl>().expect(text).permit(plain).is_ok();
        for own in ["http://127.0.0.1:8080", "http://localhost", "http://[::1]:1", "http://127.8.9.1"] {
            assert!(permitted(own, PlainHttp::LoopbackOnly), "{own}");
        }
        for other in
            ["http://10.0.0.1", "http://localhost.example", "http://127.0.0.1.example", "http://[::2]"]
        {
            assert!(!permitted(other, PlainHttp::LoopbackOnly), "{other}");
            assert!(permitted(other, PlainHttp::Anywhere), "{other}");
        }
        assert!(permitted("https://10.0.0.1", PlainHttp::LoopbackOnly));
    }
}
