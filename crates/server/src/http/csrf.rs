//! Signed double-submit, bound to the session: `nonce.HMAC-SHA-256(key, session digest ‖ nonce)`.

use axum::http::request::Parts;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use subtle::ConstantTimeEq;

use super::console::{CSRF_COOKIE, Session, cookie};
use super::{ApiResult, Problem};
use crate::AppState;

const NONCE_HEX: usize = 32;
const MAC_HEX: usize = 64;

fn mac(key: &[u8; 32], session: &[u8; 32], nonce: &str) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes a key of any length");
    mac.update(session);
    mac.update(nonce.as_bytes());
    hex::encode(mac.finalize().into_bytes())
}

/// A fresh token for a session.
pub(crate) fn issue(app: &AppState, session_digest: &[u8; 32]) -> String {
    token(&app.settings().csrf_key, session_digest, &hex::encode(app.entropy().bytes::<16>()))
}

/// The token of this nonce.
pub(crate) fn token(key: &[u8; 32], session_digest: &[u8; 32], nonce: &str) -> String {
    format!("{nonce}.{}", mac(key, session_digest, nonce))
}

/// Whether one of these keys made the token for the session.
pub(crate) fn holds<'a>(
    mut keys: impl Iterator<Item = &'a [u8; 32]>,
    session_digest: &[u8; 32],
    token: &str,
) -> bool {
    token.split_once('.').is_some_and(|(nonce, presented)| {
        let made_with = |key| {
            let expected = mac(key, session_digest, nonce);
            bool::from(expected.as_bytes().ct_eq(presented.as_bytes()))
        };
        nonce.len() == NONCE_HEX && keys.any(made_with)
    })
}

/// Refuses a change whose header is not the cookie, or whose token was not made for this session.
pub(super) fn require(app: &AppState, parts: &Parts, session: &Session) -> ApiResult<()> {
    let header = parts.headers.get("x-csrf-token").and_then(|value| value.to_str().ok());
    let token = header.zip(cookie(&parts.headers, CSRF_COOKIE)).filter(|(header, cookie)| {
        header.len() == NONCE_HEX + 1 + MAC_HEX && bool::from(header.as_bytes().ct_eq(cookie.as_bytes()))
    });
    if token.is_some_and(|(header, _)| holds(app.settings().csrf_keys(), &session.token_digest, header)) {
        Ok(())
    } else {
        Err(Problem::forbidden(
            "csrf_refused",
            "This request did not come from a page of this session. Reload the page.",
        ))
    }
}
