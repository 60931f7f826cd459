//! Who is at the other end of the connection.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use axum::extract::ConnectInfo;
use axum::http::request::Parts;

/// The client's address: the connection's, or, behind `proxies` trusted proxies, the one that the outermost of them saw.
/// The header is never believed beyond that many entries from its right end.
pub(crate) fn address(parts: &Parts, proxies: usize) -> IpAddr {
    let peer = parts
        .extensions
        .get::<ConnectInfo<SocketAddr>>()
        .map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), |ConnectInfo(address)| address.ip());
    if proxies == 0 {
        return peer;
    }
    let forwarded: Vec<&str> = parts
        .headers
        .get_all("x-forwarded-for")
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .map(str::trim)
        .collect();
    forwarded.iter().rev().nth(proxies - 1).and_then(|text| written(text)).unwrap_or(peer)
}

/// An address as proxies write it: bare, with a port, or in brackets.
fn written(text: &str) -> Option<IpAddr> {
    let in_brackets = || text.strip_prefix('[')?.strip_suffix(']')?.parse().ok().map(IpAddr::V6);
    let with_port = || text.parse().ok().map(|address: SocketAddr| address.ip());
    text.parse().ok().or_else(with_port).or_else(in_brackets)
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::Request;

    fn parts(forwarded: &[&str]) -> Parts {
        let mut request = Request::builder().extension(ConnectInfo(SocketAddr::from(([192, 0, 2, 1], 9))));
        for value in forwarded {
            request = request.header("x-forwarded-for", *value);
        }
        request.body(()).expect("builds").into_parts().0
    }

    #[test]
    fn a_forged_header_changes_nothing() {
        assert_eq!(address(&parts(&["198.51.100.7"]), 0).to_string(), "192.0.2.1");
        assert_eq!(address(&parts(&["6.6.6.6, 198.51.100.7"]), 1).to_string(), "198.51.100.7");
        assert_eq!(address(&parts(&["6.6.6.6", "198.51.100.7, 203.0.113.9"]), 2).to_string(), "198.51.100.7");
        assert_eq!(address(&parts(&["rubbish"]), 1).to_string(), "192.0.2.1");
    }

    #[test]
    fn a_port_behind_the_address_makes_no_other_client_of_it() {
        for (text, expected) in [
            ("198.51.100.7:4711", "198.51.100.7"),
            ("[2001:db8::7]:4711", "2001:db8::7"),
            ("[2001:db8::7]", "2001:db8::7"),
            ("2001:db8::7", "2001:db8::7"),
            ("[198.51.100.7]", "192.0.2.1"),
            ("198.51.100.7:", "192.0.2.1"),
            ("198.51.100.7:65536", "192.0.2.1"),
        ] {
            assert_eq!(address(&parts(&[text]), 1).to_string(), expected, "{text}");
        }
    }
}
