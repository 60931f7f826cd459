//! A signed-in member of staff: what a person at the console would do to set a fleet up, and read it back.

use std::collections::BTreeMap;
use std::time::Duration;

use http::Method;
use hyper::body::Bytes;
use proofline_core::Secret;
use serde::Serialize;
use serde_json::{Value, json};

use crate::wire::{Connection, Failure, LoopbackServer, Outgoing, Reply, Sources};

/// How to sign in.
#[derive(Debug, Clone)]
pub enum Credentials {
    /// The first person of a fresh installation, by its one-time token.
    Bootstrap {
        /// The token that the server printed.
        token: Secret,
        /// The address to register.
        email: String,
        /// The password to set.
        password: Secret,
    },
    /// An account that exists.
    Password {
        /// Its address.
        email: String,
        /// Its password.
        password: Secret,
    },
}

/// The console refused, or did not answer.
#[derive(Debug, thiserror::Error)]
pub enum StaffError {
    /// No answer.
    #[error("{target}: no answer ({failure})")]
    NoAnswer {
        /// What was asked.
        target: String,
        /// Why.
        failure: Failure,
    },
    /// An answer other than success.
    #[error("{target}: {status} {detail}")]
    Refused {
        /// What was asked.
        target: String,
        /// The status.
        status: u16,
        /// The beginning of the answer.
        detail: String,
    },
    /// An answer that lacks what the API promises.
    #[error("{target}: the answer has no {field}")]
    Unexpected {
        /// What was asked.
        target: String,
        /// What is missing.
        field: &'static str,
    },
}

/// Requests from one address before another one is used, well below the budget of one client.
const REQUESTS_PER_ADDRESS: u32 = 40;
const ATTEMPTS: u32 = 30;

/// A session of the console.
pub struct Staff {
    server: LoopbackServer,
    sources: Sources,
    connection: Connection,
    cookies: BTreeMap<String, String>,
    sent: u32,
}

impl Staff {
    /// Signs in.
    pub async fn sign_in(
        server: &LoopbackServer,
        sources: &Sources,
        credentials: &Credentials,
    ) -> Result<Self, StaffError> {
        let mut staff = Self::with_cookies(server, sources, BTreeMap::new());
        match credentials {
            Credentials::Bootstrap { token, email, password } => {
                let body = json!({ "token": token.expose(), "name": "Fleet simulator", "email": email,
                    "password": password.expose() });
                staff.post("/api/auth/bootstrap", &body).await?;
            }
            Credentials::Password { email, password } => {
                staff
                    .post("/api/auth/login", &json!({ "email": email, "password": password.expose() }))
                    .await?;
            }
        }
        Ok(staff)
    }

    fn with_cookies(server: &LoopbackServer, sources: &Sources, cookies: BTreeMap<String, String>) -> Self {
        let connection = Connection::new(server.clone(), sources.clone(), Duration::from_mins(1));
        Self { server: server.clone(), sources: sources.clone(), connection, cookies, sent: 0 }
    }

    /// The same session over another connection.
    #[must_use]
    pub fn twin(&self) -> Self {
        Self::with_cookies(&self.server, &self.sources, self.cookies.clone())
    }

    /// Sends JSON and reads JSON.
    pub async fn post(&mut self, target: &str, body: &impl Serialize) -> Result<Value, StaffError> {
        let body = serde_json::to_vec(body).unwrap_or_default().into();
        let reply = self.send(Method::POST, target, body).await?;
        Ok(serde_json::from_slice(&reply.body).unwrap_or(Value::Null))
    }

    /// Reads bytes.
    pub async fn get(&mut self, target: &str) -> Result<Bytes, StaffError> {
        Ok(self.send(Method::GET, target, Bytes::new()).await?.body)
    }

    /// Reads a text member of a JSON answer.
    pub fn text(target: &str, answer: &Value, field: &'static str) -> Result<String, StaffError> {
        let missing = || StaffError::Unexpected { target: target.to_owned(), field };
        answer.get(field).and_then(Value::as_str).map(str::to_owned).ok_or_else(missing)
    }

    async fn send(&mut self, method: Method, target: &str, body: Bytes) -> Result<Reply, StaffError> {
        let mut attempt = 0;
        loop {
            attempt += 1;
            self.sent += 1;
            if self.sent.is_multiple_of(REQUESTS_PER_ADDRESS) {
                self.connection.renew();
            }
            let outgoing =
                Outgoing { method: method.clone(), target, headers: self.headers(), body: body.clone() };
            let outcome = self.connection.send(&outgoing).await;
            let last = attempt == ATTEMPTS;
            match outcome {
                Ok(reply) if (200..300).contains(&reply.status) => {
                    self.keep(&reply);
                    return Ok(reply);
                }
                Ok(reply) if matches!(reply.status, 429 | 503) && !last => {
                    self.connection.renew();
                    tokio::time::sleep(Duration::from_secs(reply.retry_after.unwrap_or(1).min(5))).await;
                }
                Ok(reply) => {
                    let detail = String::from_utf8_lossy(&reply.body).chars().take(300).collect();
                    return Err(StaffError::Refused {
                        target: target.to_owned(),
                        status: reply.status,
                        detail,
                    });
                }
                Err(_) if method == Method::GET && !last => {
                    tokio::time::sleep(Duration::from_millis(500)).await;
                }
                Err(failure) => return Err(StaffError::NoAnswer { target: target.to_owned(), failure }),
            }
        }
    }

    fn headers(&self) -> Vec<(&'static str, String)> {
        let mut headers = Vec::new();
        if !self.cookies.is_empty() {
            let cookies: Vec<String> =
                self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
            headers.push(("cookie", cookies.join("; ")));
        }
        if let Some((_, token)) = self.cookies.iter().find(|(name, _)| name.ends_with("csrf")) {
            headers.push(("x-csrf-token", token.clone()));
        }
        headers
    }

    fn keep(&mut self, reply: &Reply) {
        for cookie in &reply.cookies {
            let pair = cookie.split(';').next().unwrap_or_default();
            if let Some((name, value)) = pair.split_once('=') {
                self.cookies.insert(name.to_owned(), value.to_owned());
            }
        }
    }
}
