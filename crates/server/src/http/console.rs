//! Sessions of people: the cookies, and from a cookie to a session.

use axum::http::header::{self, HeaderMap, HeaderValue};
use axum::http::request::Parts;
use proofline_authz::{Action, Principal, Proof};
use proofline_core::{Assurance, Email, Membership, SessionId, Timestamp, UserId};
use sha2::{Digest, Sha256};

use super::{ApiResult, Problem};
use crate::AppState;

pub(super) const SESSION_COOKIE: &str = "__Host-session";
pub(super) const CSRF_COOKIE: &str = "__Host-csrf";

/// The header by which the web app marks what nobody clicked: refreshes and polls do not keep a session awake.
const BACKGROUND: &str = "x-background";

/// How long a second factor counts as just proved.
const STEP_UP: chrono::TimeDelta = chrono::TimeDelta::minutes(5);

/// A live session.
#[derive(Debug, Clone)]
pub struct Session {
    /// Which.
    pub id: SessionId,
    /// Whose.
    pub user: UserId,
    /// Their name.
    pub name: String,
    /// Their address.
    pub email: Email,
    /// Their role as of this request, and in what.
    pub membership: Membership,
    /// What it has proved.
    pub assurance: Assurance,
    /// When a second factor was last proved in it.
    pub proved_at: Option<Timestamp>,
    /// The absolute end.
    pub expires_at: Timestamp,
    /// When it ends if nobody does anything from now on.
    pub idle_expires_at: Timestamp,
    /// SHA-256 of the cookie's token.
    pub token_digest: [u8; 32],
}

impl Session {
    /// Until when a second factor counts as just proved.
    pub fn stepped_up_until(&self) -> Option<Timestamp> {
        self.proved_at.map(|at| at + STEP_UP)
    }

    /// Whether a second factor was proved within the last five minutes.
    pub fn stepped_up(&self, now: Timestamp) -> bool {
        self.stepped_up_until().is_some_and(|until| now < until)
    }

    /// Whether what the session has proved is enough for an action.
    pub(super) fn proves(&self, proof: Proof, now: Timestamp) -> bool {
        match proof {
            Proof::Password => true,
            Proof::Full => self.assurance == Assurance::Full,
            Proof::Fresh => self.assurance == Assurance::Full && self.stepped_up(now),
        }
    }

    /// The person as the policy sees them.
    pub fn principal(&self) -> Principal {
        Principal::Person { id: self.user, name: self.name.clone(), membership: self.membership }
    }
}

fn values_of<'a>(headers: &'a HeaderMap, name: &str) -> impl Iterator<Item = &'a str> {
    headers
        .get_all(header::COOKIE)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .filter(move |(key, _)| *key == name)
        .map(|(_, value)| value)
}

/// The value of a cookie; none where it is there twice, since another site may have planted the second.
pub(crate) fn cookie<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let mut values = values_of(headers, name);
    let first = values.next()?;
    values.next().is_none().then_some(first)
}

/// Whether a cookie of this name is there, whatever is in it and however often.
pub(super) fn has_cookie(headers: &HeaderMap, name: &str) -> bool {
    values_of(headers, name).next().is_some()
}

/// The digest of the session token that a browser presents, alive or not.
pub(crate) fn presented_session(headers: &HeaderMap) -> Option<[u8; 32]> {
    let token = hex::decode(cookie(headers, SESSION_COOKIE)?).ok().filter(|token| token.len() == 32)?;
    Some(Sha256::digest(&token).into())
}

/// The session behind the request's cookie; 401 without one. Asking for `action` moves its idle clock, unless nobody
/// asked: the page did by itself, or it follows what happens.
pub(super) async fn session(app: &AppState, parts: &Parts, action: Action) -> ApiResult<Session> {
    let token_digest = presented_session(&parts.headers).ok_or_else(Problem::no_session)?;
    let (now, idle) = (app.now(), app.settings().session_idle);
    let mut sign_in = app.store().sign_in().await?;
    let record =
        sign_in.live_session(&token_digest, now, now - idle).await?.ok_or_else(Problem::no_session)?;
    let by_hand = !parts.headers.contains_key(BACKGROUND) && action != Action::EventsSubscribe;
    let last_active_at = if by_hand { now } else { record.last_active_at };
    if by_hand && now - record.last_active_at > chrono::TimeDelta::seconds(20) {
        sign_in.touch_session(record.id, now).await?;
        sign_in.commit().await?;
    }
    Ok(Session {
        id: record.id,
        user: record.user,
        name: record.name,
        email: record.email,
        membership: record.membership,
        assurance: record.assurance,
        proved_at: record.proved_at,
        expires_at: record.expires_at,
        idle_expires_at: (last_active_at + idle).min(record.expires_at),
        token_digest,
    })
}

/// `Set-Cookie` for a new session.
pub(crate) fn session_cookies(token: &[u8; 32], csrf: &str, lifetime: chrono::TimeDelta) -> HeaderMap {
    let seconds = lifetime.num_seconds();
    let session = format!(
        "{SESSION_COOKIE}={}; Path=/; Max-Age={seconds}; Secure; HttpOnly; SameSite=Strict",
        hex::encode(token)
    );
    let csrf = format!("{CSRF_COOKIE}={csrf}; Path=/; Max-Age={seconds}; Secure; SameSite=Strict");
    set_cookies([session, csrf])
}

/// `Set-Cookie` that ends both.
pub(crate) fn clear_cookies() -> HeaderMap {
    set_cookies([
        format!("{SESSION_COOKIE}=; Path=/; Max-Age=0; Secure; HttpOnly; SameSite=Strict"),
        format!("{CSRF_COOKIE}=; Path=/; Max-Age=0; Secure; SameSite=Strict"),
    ])
}

fn set_cookies(cookies: [String; 2]) -> HeaderMap {
    cookies
        .into_iter()
        .filter_map(|cookie| HeaderValue::try_from(cookie).ok())
        .map(|value| (header::SET_COOKIE, value))
        .collect()
}
