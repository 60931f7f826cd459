//! One keep-alive connection: opened when needed, opened again when it broke.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use http::header::{CONTENT_TYPE, HOST, RETRY_AFTER, SET_COOKIE};
use http::{HeaderValue, Method, Request};
use http_body_util::{BodyExt, Full};
use hyper::body::Bytes;
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use tokio::net::TcpSocket;
use tokio::time::timeout;

use super::LoopbackServer;

/// Different addresses of 127.0.0.0/8 to connect from, as a fleet has different addresses. IPv4 only.
#[derive(Debug, Clone, Default)]
pub struct Sources(Arc<AtomicU32>);

impl Sources {
    fn next(&self) -> Ipv4Addr {
        // 127.1.0.1 … 127.200.255.254: 200 × 254 × 254 clients before an address comes back.
        let n = self.0.fetch_add(1, Ordering::Relaxed);
        let byte = |value: u32| u8::try_from(value).unwrap_or(u8::MAX);
        Ipv4Addr::new(127, byte(1 + n / (254 * 254) % 200), byte(1 + n / 254 % 254), byte(1 + n % 254))
    }
}

/// What to send.
#[derive(Debug, Clone)]
pub struct Outgoing<'a> {
    /// `GET`, `POST`, …
    pub method: Method,
    /// Path and query.
    pub target: &'a str,
    /// Headers besides `Host` and `Content-Type`.
    pub headers: Vec<(&'static str, String)>,
    /// A JSON body, or empty.
    pub body: Bytes,
}

/// What came back.
#[derive(Debug, Clone)]
pub struct Reply {
    /// The status.
    pub status: u16,
    /// `Retry-After` in seconds.
    pub retry_after: Option<u64>,
    /// `Set-Cookie` values.
    pub cookies: Vec<String>,
    /// The body.
    pub body: Bytes,
}

/// No answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, thiserror::Error)]
pub enum Failure {
    /// Nobody listens.
    #[error("connect")]
    Connect,
    /// The connection ended before the answer was complete.
    #[error("broken")]
    Broken,
    /// The answer did not come in time.
    #[error("timeout")]
    Timeout,
}

/// A client with one connection.
pub struct Connection {
    server: LoopbackServer,
    sources: Sources,
    patience: Duration,
    sender: Option<SendRequest<Full<Bytes>>>,
    host: HeaderValue,
}

impl Connection {
    /// Not open yet. An answer is waited for as long as `patience`.
    pub fn new(server: LoopbackServer, sources: Sources, patience: Duration) -> Self {
        let host = HeaderValue::from_str(server.authority()).unwrap_or(HeaderValue::from_static("localhost"));
        Self { server, sources, patience, sender: None, host }
    }

    /// Closes the connection: the next request comes from another address.
    pub fn renew(&mut self) {
        self.sender = None;
    }

    /// Whether the next request uses a connection that has carried others: if it breaks, that says little.
    pub fn is_open(&self) -> bool {
        self.sender.as_ref().is_some_and(|sender| !sender.is_closed())
    }

    async fn open(&self) -> std::io::Result<SendRequest<Full<Bytes>>> {
        let target = self.server.socket();
        let socket = if target.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
        if target.is_ipv4() && cfg!(target_os = "linux") {
            socket.bind(SocketAddr::new(IpAddr::V4(self.sources.next()), 0))?;
        }
        let stream = socket.connect(target).await?;
        stream.set_nodelay(true)?;
        let (sender, connection) =
            http1::handshake(TokioIo::new(stream)).await.map_err(std::io::Error::other)?;
        // Ends by itself when the sender is dropped or the server hangs up.
        tokio::spawn(connection);
        Ok(sender)
    }

    /// Sends and waits for the whole answer.
    pub async fn send(&mut self, outgoing: &Outgoing<'_>) -> Result<Reply, Failure> {
        let reply = timeout(self.patience, self.exchange(outgoing)).await.unwrap_or(Err(Failure::Timeout));
        if reply.is_err() {
            self.sender = None;
        }
        reply
    }

    async fn exchange(&mut self, outgoing: &Outgoing<'_>) -> Result<Reply, Failure> {
        let kept = match self.sender.take() {
            Some(mut kept) => kept.ready().await.is_ok().then_some(kept),
            None => None,
        };
        let mut sender = match kept {
            Some(kept) => kept,
            None => self.open().await.map_err(|_| Failure::Connect)?,
        };
        let mut request =
            Request::builder().method(&outgoing.method).uri(outgoing.target).header(HOST, &self.host);
        if !outgoing.body.is_empty() {
            request = request.header(CONTENT_TYPE, "application/json");
        }
        for (name, value) in &outgoing.headers {
            request = request.header(*name, value);
        }
        let request = request.body(Full::new(outgoing.body.clone())).map_err(|_| Failure::Broken)?;
        let response = sender.send_request(request).await.map_err(|_| Failure::Broken)?;
        let (parts, body) = response.into_parts();
        let text = |value: &HeaderValue| value.to_str().ok().map(str::to_owned);
        let body = body.collect().await.map_err(|_| Failure::Broken)?.to_bytes();
        self.sender = Some(sender);
        Ok(Reply {
            status: parts.status.as_u16(),
            retry_after: parts
                .headers
                .get(RETRY_AFTER)
                .and_then(text)
                .and_then(|seconds| seconds.parse().ok()),
            cookies: parts.headers.get_all(SET_COOKIE).iter().filter_map(text).collect(),
            body,
        })
    }
}
