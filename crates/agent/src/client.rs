//! Signed requests to Central Command, and what came of them.
//!
//! One connection is kept between requests. Redirects are never followed, answers are bounded, every call ends within
//! [`CALL_TIMEOUT`]. A call that got no answer may have been carried out: only messages that can be repeated are sent.
//!
//! Requests are signed with the machine's time, corrected by what the server last said: a machine with a wrong clock
//! can still report that its clock is wrong.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use chrono::{DateTime, TimeDelta};
use proofline_core::{Clock, Entropy, Timestamp};
use proofline_evidence::SigningKey;
use proofline_protocol::Problem;
use proofline_protocol::signature::{Refusal, Request, sign};
use serde::de::DeserializeOwned;
use ureq::http::{Method, Response};
use ureq::tls::{Certificate, PemItem, RootCerts, TlsConfig, parse_pem};

use crate::files;
use crate::identity::Route;
use crate::scrub::{Message, Scrubbed};
use crate::server_url::ServerUrl;

/// The longest that a call takes, connecting included.
pub const CALL_TIMEOUT: Duration = Duration::from_secs(30);

const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
const MAX_ANSWER_BYTES: u64 = 16 * 1024 * 1024;
const MAX_PROBLEM_BYTES: u64 = 64 * 1024;
const NO_OFFSET: i64 = i64::MIN;

/// A call did not bring what was asked for.
#[derive(Debug, thiserror::Error)]
pub enum CallError {
    /// No answer. The request may have arrived.
    #[error("the server cannot be reached: {0}")]
    NoAnswer(String),
    /// The server cannot take requests now.
    #[error("the server is not available (status {status})")]
    Unavailable {
        /// The HTTP status: 429 or 5xx.
        status: u16,
        /// How long it asks to be left alone.
        retry_after: Option<Duration>,
    },
    /// The server said no, and will say no again.
    #[error("the server refused ({}, {}): {}", .0.status, .0.code, .0.detail)]
    Refused(Problem),
    /// An answer that is not one.
    #[error("the server's answer was not understood: {0}")]
    NotUnderstood(String),
}

/// Why no client can be made.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// The address may not be used.
    #[error(transparent)]
    Url(#[from] crate::server_url::ServerUrlError),
    /// The certificate authority cannot be read.
    #[error("the certificate authority file {0} holds no certificate that can be used")]
    CaFile(String),
}

/// A signing client.
#[derive(Clone)]
pub struct Client {
    http: ureq::Agent,
    server: ServerUrl,
    key: SigningKey,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
    /// The machine's clock minus the server's, in milliseconds; [`NO_OFFSET`] before the first answer.
    offset_ms: Arc<AtomicI64>,
}

impl Client {
    /// A client for `route` that signs with `key`. Opens no connection yet.
    pub fn new(
        route: &Route,
        key: SigningKey,
        clock: Arc<dyn Clock>,
        entropy: Arc<dyn Entropy>,
    ) -> Result<Self, ClientError> {
        let server = route.server.clone().permit(route.plain_http)?;
        let roots = match &route.ca_file {
            Some(path) => {
                let refused = || ClientError::CaFile(path.display().to_string());
                let pem = files::read(path, 1024 * 1024).ok().flatten().ok_or_else(refused)?;
                let certificates = certificates(&pem);
                if certificates.is_empty() {
                    return Err(refused());
                }
                RootCerts::from(certificates)
            }
            None => RootCerts::WebPki,
        };
        let http = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .timeout_global(Some(CALL_TIMEOUT))
            .timeout_connect(Some(CONNECT_TIMEOUT))
            .max_idle_connections(1)
            .max_idle_connections_per_host(1)
            .max_idle_age(Duration::from_secs(90))
            .user_agent(concat!("proofline-agent/", env!("CARGO_PKG_VERSION")))
            .tls_config(TlsConfig::builder().root_certs(roots).build())
            .build()
            .new_agent();
        Ok(Self { http, server, key, clock, entropy, offset_ms: Arc::new(AtomicI64::new(NO_OFFSET)) })
    }

    /// The server's address.
    pub fn server(&self) -> &ServerUrl {
        &self.server
    }

    /// The machine's clock minus the server's, in milliseconds, once an answer said so.
    pub fn clock_offset_ms(&self) -> Option<i64> {
        Some(self.offset_ms.load(Ordering::Relaxed)).filter(|offset| *offset != NO_OFFSET)
    }

    /// Takes note of the server's time, `server_time`, which was sent between `asked` and `answered`.
    pub fn note_server_time(&self, server_time: Timestamp, asked: Timestamp, answered: Timestamp) {
        let middle = asked + (answered - asked) / 2;
        self.offset_ms.store((middle - server_time).num_milliseconds(), Ordering::Relaxed);
    }

    /// The server's time as far as it is known, else the machine's.
    pub fn server_now(&self) -> Timestamp {
        self.clock.now() - TimeDelta::milliseconds(self.clock_offset_ms().unwrap_or(0))
    }

    /// Sends `message` and reads the answer.
    pub fn post<M: Message, A: DeserializeOwned>(
        &self,
        path: &str,
        message: &Scrubbed<M>,
    ) -> Result<A, CallError> {
        let body =
            serde_json::to_vec(&**message).map_err(|error| CallError::NotUnderstood(error.to_string()))?;
        let answer = self.call(&Method::POST, path, &body)?;
        serde_json::from_slice(&answer).map_err(|error| CallError::NotUnderstood(error.to_string()))
    }

    /// Fetches the bytes at `path`.
    pub fn get(&self, path: &str) -> Result<Vec<u8>, CallError> {
        self.call(&Method::GET, path, &[])
    }

    fn call(&self, method: &Method, path: &str, body: &[u8]) -> Result<Vec<u8>, CallError> {
        match self.attempt(method, path, body) {
            // The machine's clock is far off. The refusal says what time it is: once more, with that time.
            Err((CallError::Refused(problem), Some(server_time)))
                if Refusal::from_code(&problem.code) == Some(Refusal::ClockSkew) =>
            {
                let now = self.clock.now();
                self.note_server_time(server_time, now, now);
                self.attempt(method, path, body).map_err(|(error, _)| error)
            }
            outcome => outcome.map_err(|(error, _)| error),
        }
    }

    /// One request. A refusal comes with the time that the server put on it.
    fn attempt(
        &self,
        method: &Method,
        path: &str,
        body: &[u8],
    ) -> Result<Vec<u8>, (CallError, Option<Timestamp>)> {
        let request = Request { method: method.as_str(), path, query: "", body };
        let headers = sign(&request, &self.key, self.server_now(), self.entropy.bytes())
            .map_err(|_| (CallError::NotUnderstood("this request cannot be signed".into()), None))?;
        let mut http = ureq::http::Request::builder().method(method).uri(self.server.join(path));
        for (name, value) in headers.iter() {
            http = http.header(name, value);
        }
        let answer = if method == Method::GET {
            http.body(()).map_err(ureq::Error::from).and_then(|request| self.http.run(request))
        } else {
            let http = http.header("content-type", "application/json");
            http.body(body).map_err(ureq::Error::from).and_then(|request| self.http.run(request))
        };
        let answer = answer.map_err(|error| (CallError::NoAnswer(error.to_string()), None))?;
        read_answer(answer)
    }
}

fn read_answer(mut answer: Response<ureq::Body>) -> Result<Vec<u8>, (CallError, Option<Timestamp>)> {
    let status = answer.status();
    let retry_after =
        header(&answer, "retry-after").and_then(|text| text.parse().ok()).map(Duration::from_secs);
    let date = header(&answer, "date").and_then(|text| DateTime::parse_from_rfc2822(text).ok());
    let date = date.map(|date| date.to_utc());
    let limit = if status.is_success() { MAX_ANSWER_BYTES } else { MAX_PROBLEM_BYTES };
    let body = answer.body_mut().with_config().limit(limit).read_to_vec();
    match status.as_u16() {
        200..=299 => body.map_err(|error| (CallError::NoAnswer(error.to_string()), None)),
        status @ (429 | 500..=599) => Err((CallError::Unavailable { status, retry_after }, None)),
        status => {
            let problem = body.ok().and_then(|body| serde_json::from_slice::<Problem>(&body).ok());
            let problem = problem.map_or_else(
                || CallError::NotUnderstood(format!("status {status} without a problem document")),
                |problem| CallError::Refused(Problem { status, ..problem }),
            );
            Err((problem, date))
        }
    }
}

fn header<'a>(answer: &'a Response<ureq::Body>, name: &str) -> Option<&'a str> {
    answer.headers().get(name).and_then(|value| value.to_str().ok())
}

fn certificates(pem: &[u8]) -> Vec<Certificate<'static>> {
    parse_pem(pem)
        .filter_map(|item| match item {
            Ok(PemItem::Certificate(certificate)) => Some(certificate),
            _ => None,
        })
        .collect()
}
