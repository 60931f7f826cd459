//! A signed-in member of staff: what a person at the console would do to set a fleet up, and read it back.
//!
//! The session and the authenticator app are shared by every connection of the person: a proof of the second factor gives
//! the session a new token, and whoever still sent the old one tries again with the new.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use http::Method;
use hyper::body::Bytes;
use proofline_core::Secret;
use serde::Serialize;
use serde_json::{Value, json};
use tokio::sync::Mutex;

use super::AppCodes;
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
    /// The authenticator app's file cannot be used.
    #[error("the authenticator app: {0}")]
    App(#[from] std::io::Error),
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
    identity: Arc<Mutex<Identity>>,
    sent: u32,
}

/// What every connection of the person shares.
struct Identity {
    cookies: BTreeMap<String, String>,
    app: AppCodes,
}

impl Staff {
    /// Signs in with a password and a code of `app`, which is set up where the account is new.
    pub async fn sign_in(
        server: &LoopbackServer,
        sources: &Sources,
        credentials: &Credentials,
        app: AppCodes,
    ) -> Result<Self, StaffError> {
        let identity = Arc::new(Mutex::new(Identity { cookies: BTreeMap::new(), app }));
        let mut staff = Self::with_identity(server, sources, identity);
        match credentials {
            Credentials::Bootstrap { token, email, password } => {
                let body = json!({ "token": token.expose(), "name": "Fleet simulator", "email": email,
                    "password": password.expose() });
                staff.post("/api/auth/bootstrap", &body).await?;
            }
            Credentials::Password { email, password } => {
                let body = json!({ "email": email, "password": password.expose() });
                staff.post("/api/auth/login", &body).await?;
            }
        }
        if staff.identity.lock().await.app.is_set_up() {
            staff.prove().await?;
        } else {
            let target = "/api/auth/factors/totp";
            let begun = staff.post(target, &json!({})).await?;
            let secret = Secret::new(Self::text(target, &begun, "secret")?);
            let code = {
                let app = &mut staff.identity.lock().await.app;
                app.set_up(&secret)?;
                app.next().await?
            };
            staff.post("/api/auth/factors/totp/confirm", &json!({ "code": code })).await?;
        }
        Ok(staff)
    }

    fn with_identity(server: &LoopbackServer, sources: &Sources, identity: Arc<Mutex<Identity>>) -> Self {
        let connection = Connection::new(server.clone(), sources.clone(), Duration::from_mins(1));
        Self { server: server.clone(), sources: sources.clone(), connection, identity, sent: 0 }
    }

    /// The same session over another connection.
    #[must_use]
    pub fn twin(&self) -> Self {
        Self::with_identity(&self.server, &self.sources, self.identity.clone())
    }

    /// Proves the second factor, which gives the session a new token.
    async fn prove(&mut self) -> Result<(), StaffError> {
        let mut identity = self.identity.lock().await;
        let body = json!({ "code": identity.app.next().await? });
        let target = "/api/auth/second-factor/totp";
        let outgoing = Outgoing {
            method: Method::POST,
            target,
            headers: headers(&identity.cookies),
            body: body.to_string().into(),
        };
        let reply = self.connection.send(&outgoing).await;
        let reply = reply.map_err(|failure| StaffError::NoAnswer { target: target.to_owned(), failure })?;
        if reply.status != 200 {
            return Err(refused(target, &reply));
        }
        keep(&mut identity.cookies, &reply);
        Ok(())
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
            let cookies = self.identity.lock().await.cookies.clone();
            let outgoing =
                Outgoing { method: method.clone(), target, headers: headers(&cookies), body: body.clone() };
            let outcome = self.connection.send(&outgoing).await;
            let last = attempt == ATTEMPTS;
            match outcome {
                Ok(reply) if (200..300).contains(&reply.status) => {
                    keep(&mut self.identity.lock().await.cookies, &reply);
                    return Ok(reply);
                }
                Ok(reply) if matches!(reply.status, 429 | 503) && !last => {
                    self.connection.renew();
                    tokio::time::sleep(Duration::from_secs(reply.retry_after.unwrap_or(1).min(5))).await;
                }
                Ok(reply) if matches!(reply.status, 401 | 403) && !last => {
                    if self.identity.lock().await.cookies != cookies {
                        continue; // another connection proved the factor meanwhile
                    }
                    if code(&reply).as_deref() != Some("step_up_required") {
                        return Err(refused(target, &reply));
                    }
                    self.prove().await?;
                }
                Ok(reply) => return Err(refused(target, &reply)),
                Err(_) if method == Method::GET && !last => {
                    tokio::time::sleep(Duration::from_millis(500)).await;
                }
                Err(failure) => return Err(StaffError::NoAnswer { target: target.to_owned(), failure }),
            }
        }
    }
}

/// The reason code of a refusal.
fn code(reply: &Reply) -> Option<String> {
    let problem: Value = serde_json::from_slice(&reply.body).ok()?;
    problem.get("code")?.as_str().map(str::to_owned)
}

fn refused(target: &str, reply: &Reply) -> StaffError {
    let detail = String::from_utf8_lossy(&reply.body).chars().take(300).collect();
    StaffError::Refused { target: target.to_owned(), status: reply.status, detail }
}

fn headers(cookies: &BTreeMap<String, String>) -> Vec<(&'static str, String)> {
    let mut headers = Vec::new();
    if !cookies.is_empty() {
        let pairs: Vec<String> = cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
        headers.push(("cookie", pairs.join("; ")));
    }
    if let Some((_, token)) = cookies.iter().find(|(name, _)| name.ends_with("csrf")) {
        headers.push(("x-csrf-token", token.clone()));
    }
    headers
}

fn keep(cookies: &mut BTreeMap<String, String>, reply: &Reply) {
    for cookie in &reply.cookies {
        let pair = cookie.split(';').next().unwrap_or_default();
        if let Some((name, value)) = pair.split_once('=') {
            cookies.insert(name.to_owned(), value.to_owned());
        }
    }
}
