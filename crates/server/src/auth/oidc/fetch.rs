//! Requests of this server to a provider, whose address somebody typed.
//!
//! # What holds
//! HTTPS alone, to a host whose every address is public, connected to by the very address that was looked at and looked
//! at once more on the connected socket; no redirect is followed, five seconds for all of it, an answer of a megabyte at
//! most, and no proxy of the environment. In development loopback is allowed, too, and there without encryption: that is
//! where a provider for tests runs. What goes wrong is told without the address and without what was answered.

use std::future::Future;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Bytes;
use axum::http::{HeaderValue, Uri, header};
use http_body_util::{BodyExt as _, Full, LengthLimitError, Limited};
use hyper_util::rt::TokioIo;
use openidconnect::{AsyncHttpClient, HttpRequest, HttpResponse};
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, lookup_host};
use tokio_rustls::TlsConnector;
use tokio_util::task::AbortOnDropHandle;
use url::{Host, Url};

use super::address::is_public;
use crate::authorities::Authorities;

const TIMEOUT: Duration = Duration::from_secs(5);
const MOST_BYTES: usize = 1_000_000;

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub(super) enum FetchError {
    /// The address is not one that this server goes to.
    #[error("not a public address, or not encrypted")]
    Refused,
    /// Nobody there, or not who the certificate should say.
    #[error("cannot be reached")]
    Unreachable,
    /// It took too long.
    #[error("no answer in time")]
    TimedOut,
    /// The answer is too long.
    #[error("the answer is too large")]
    TooLarge,
    /// The answer is no HTTP.
    #[error("the answer is not HTTP")]
    Garbled,
}

/// The one way out.
#[derive(Clone)]
pub(super) struct Fetcher {
    tls: TlsConnector,
    loopback: bool,
}

impl Fetcher {
    /// `loopback` also allows what runs on this machine.
    pub(super) fn new(authorities: &Authorities, loopback: bool) -> Self {
        let config = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()
            .expect("ring offers the default versions")
            .with_root_certificates(authorities.roots())
            .with_no_client_auth();
        Self { tls: TlsConnector::from(Arc::new(config)), loopback }
    }

    /// Whether a browser, or this server, may be sent there as far as the text of the address says.
    pub(super) fn allows(&self, url: &Url) -> bool {
        let plain = url.username().is_empty() && url.password().is_none();
        match (url.scheme(), url.host()) {
            ("https", Some(Host::Domain(_))) => plain,
            ("https", Some(Host::Ipv4(ip))) => plain && self.may_connect(IpAddr::V4(ip), true),
            ("https", Some(Host::Ipv6(ip))) => plain && self.may_connect(IpAddr::V6(ip), true),
            ("http", Some(Host::Domain(name))) => plain && self.loopback && name == "localhost",
            ("http", Some(Host::Ipv4(ip))) => plain && self.may_connect(IpAddr::V4(ip), false),
            ("http", Some(Host::Ipv6(ip))) => plain && self.may_connect(IpAddr::V6(ip), false),
            _ => false,
        }
    }

    fn may_connect(&self, address: IpAddr, encrypted: bool) -> bool {
        (self.loopback && address.is_loopback()) || (encrypted && is_public(address))
    }

    async fn fetch(&self, request: HttpRequest) -> Result<HttpResponse, FetchError> {
        let exchange = self.exchange(request);
        tokio::time::timeout(TIMEOUT, exchange).await.map_err(|_| FetchError::TimedOut)?
    }

    async fn exchange(&self, request: HttpRequest) -> Result<HttpResponse, FetchError> {
        let url = Url::parse(&request.uri().to_string()).map_err(|_| FetchError::Refused)?;
        if !self.allows(&url) {
            return Err(FetchError::Refused);
        }
        let encrypted = url.scheme() == "https";
        let name = url.host().map(|host| host.to_string()).ok_or(FetchError::Refused)?;
        let bare = name.trim_matches(['[', ']']).to_owned();
        let port = url.port_or_known_default().ok_or(FetchError::Refused)?;
        let found = lookup_host((bare.as_str(), port)).await.map_err(|_| FetchError::Unreachable)?;
        let found: Vec<SocketAddr> = found.collect();
        // All of them: a name that is half inside is not a provider's.
        if found.is_empty() || !found.iter().all(|address| self.may_connect(address.ip(), encrypted)) {
            return Err(FetchError::Refused);
        }
        let stream = TcpStream::connect(found.as_slice()).await.map_err(|_| FetchError::Unreachable)?;
        let peer = stream.peer_addr().map_err(|_| FetchError::Unreachable)?;
        if !self.may_connect(peer.ip(), encrypted) {
            return Err(FetchError::Refused);
        }
        let authority = url.port().map_or_else(|| name.clone(), |port| format!("{name}:{port}"));
        if encrypted {
            let server = ServerName::try_from(bare).map_err(|_| FetchError::Refused)?;
            let stream = self.tls.connect(server, stream).await.map_err(|_| FetchError::Unreachable)?;
            send(stream, request, &authority).await
        } else {
            send(stream, request, &authority).await
        }
    }
}

/// One request on a connection of its own.
async fn send<S>(stream: S, request: HttpRequest, authority: &str) -> Result<HttpResponse, FetchError>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let handshake = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await;
    let (mut sender, connection) = handshake.map_err(|_| FetchError::Garbled)?;
    let _driver = AbortOnDropHandle::new(tokio::spawn(connection));
    let (mut parts, body) = request.into_parts();
    let target = parts.uri.path_and_query().map_or("/", |target| target.as_str());
    parts.uri = Uri::try_from(target).map_err(|_| FetchError::Refused)?;
    let host = HeaderValue::try_from(authority).map_err(|_| FetchError::Refused)?;
    parts.headers.insert(header::HOST, host);
    parts.headers.insert(header::USER_AGENT, HeaderValue::from_static("Proofline"));
    parts.headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
    let request = axum::http::Request::from_parts(parts, Full::new(Bytes::from(body)));
    let response = sender.send_request(request).await.map_err(|_| FetchError::Garbled)?;
    let (parts, body) = response.into_parts();
    let body = Limited::new(body, MOST_BYTES).collect().await.map_err(|error| {
        if error.is::<LengthLimitError>() { FetchError::TooLarge } else { FetchError::Garbled }
    })?;
    Ok(HttpResponse::from_parts(parts, body.to_bytes().to_vec()))
}

impl<'c> AsyncHttpClient<'c> for Fetcher {
    type Error = FetchError;
    type Future = Pin<Box<dyn Future<Output = Result<HttpResponse, FetchError>> + Send + 'c>>;

    fn call(&'c self, request: HttpRequest) -> Self::Future {
        Box::pin(self.fetch(request))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustls::ServerConfig;
    use rustls::pki_types::pem::PemObject as _;
    use rustls::pki_types::{CertificateDer, PrivateKeyDer};
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::TcpListener;
    use tokio_rustls::TlsAcceptor;

    fn get(url: &str) -> HttpRequest {
        axum::http::Request::get(url).body(Vec::new()).expect("a request")
    }

    /// Answers every connection with these bytes; counts them by their port alone.
    async fn answering(bytes: Vec<u8>) -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("binds");
        let address = listener.local_addr().expect("bound");
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let mut request = [0; 4096];
                let _ = stream.read(&mut request).await;
                let _ = stream.write_all(&bytes).await;
            }
        });
        address
    }

    #[tokio::test]
    async fn in_production_nothing_inside_is_asked_for_in_any_spelling() {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("binds");
        let port = listener.local_addr().expect("bound").port();
        let fetcher = Fetcher::new(&Authorities::public(), false);
        for host in [
            "127.0.0.1",
            "localhost",
            "[::1]",
            "[::ffff:127.0.0.1]",
            "2130706433",
            "0x7f000001",
            "0177.0.0.1",
            "127.1",
            "0.0.0.0",
            "169.254.169.254",
            "10.0.0.1",
            "192.168.0.1",
            "[fd00::1]",
            "user@127.0.0.1",
        ] {
            for scheme in ["https", "http"] {
                let url = format!("{scheme}://{host}:{port}/");
                let refused = fetcher.fetch(get(&url)).await.map(drop);
                assert!(matches!(refused, Err(FetchError::Refused)), "{url}: {refused:?}");
            }
        }
        for url in ["http://example.com/", "ftp://example.com/", "https://user:pw@example.com/"] {
            assert!(!fetcher.allows(&Url::parse(url).expect("an address")), "{url}");
        }
        let connected = tokio::time::timeout(Duration::from_millis(50), listener.accept()).await;
        assert!(connected.is_err(), "nothing may even connect");
    }

    #[tokio::test]
    async fn an_encrypted_answer_counts_if_the_certificate_is_the_hosts() {
        let pem = |text: &'static [u8]| CertificateDer::from_pem_slice(text).expect("a certificate");
        let key =
            PrivateKeyDer::from_pem_slice(include_bytes!("../../../tests/tls/server.key")).expect("a key");
        let config = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()
            .expect("the default versions")
            .with_no_client_auth()
            .with_single_cert(vec![pem(include_bytes!("../../../tests/tls/server.pem"))], key)
            .expect("its key");
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("binds");
        let port = listener.local_addr().expect("bound").port();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let Ok(mut stream) = acceptor.accept(stream).await else { continue };
                let mut request = [0; 4096];
                let _ = stream.read(&mut request).await;
                let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok").await;
                let _ = stream.shutdown().await;
            }
        });
        let authority = Authorities::with(include_bytes!("../../../tests/tls/authority.pem"));
        let trusting = Fetcher::new(&authority.expect("an authority"), true);
        let usual = Fetcher::new(&Authorities::public(), true);
        let localhost = format!("https://localhost:{port}/");
        let answer = trusting.fetch(get(&localhost)).await.expect("an answer");
        assert_eq!(answer.body(), b"ok");
        for (fetcher, url) in [(&trusting, format!("https://127.0.0.1:{port}/")), (&usual, localhost)] {
            let refused = fetcher.fetch(get(&url)).await.map(drop);
            assert!(matches!(refused, Err(FetchError::Unreachable)), "{url}: {refused:?}");
        }
    }

    #[tokio::test]
    async fn a_redirect_is_an_answer_and_is_not_followed() {
        let inside = answering(b"HTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\nsecret".to_vec()).await;
        let redirect =
            format!("HTTP/1.1 302 Found\r\nlocation: http://{inside}/\r\ncontent-length: 0\r\n\r\n");
        let address = answering(redirect.into_bytes()).await;
        let answer = Fetcher::new(&Authorities::public(), true)
            .fetch(get(&format!("http://{address}/")))
            .await
            .expect("an answer");
        assert_eq!(answer.status().as_u16(), 302);
        assert!(answer.body().is_empty());
    }

    #[tokio::test]
    async fn an_answer_without_an_end_is_cut_off() {
        let mut bytes = b"HTTP/1.1 200 OK\r\n\r\n".to_vec();
        bytes.resize(MOST_BYTES + 1_000, b'x');
        let address = answering(bytes).await;
        let answer = Fetcher::new(&Authorities::public(), true)
            .fetch(get(&format!("http://{address}/")))
            .await
            .map(drop);
        assert!(matches!(answer, Err(FetchError::TooLarge)), "{answer:?}");
    }

    #[tokio::test]
    async fn whoever_does_not_answer_is_given_up() {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("binds");
        let url = format!("http://{}/", listener.local_addr().expect("bound"));
        let fetcher = Fetcher::new(&Authorities::public(), true);
        let (answer, _held) = tokio::join!(fetcher.fetch(get(&url)), async {
            let held = listener.accept().await.expect("connects");
            tokio::time::pause();
            held
        });
        assert!(matches!(answer.map(drop), Err(FetchError::TimedOut)));
    }
}
