//! API tokens: how one looks, and from an `Authorization` header to whoever acts by it.
//!
//! `plt_`, 32 random bytes and the first four bytes of SHA-256 of all before them, in hex: a scanner of repositories finds
//! one by its form and knows by the last eight characters that it is no accident. Only the digest of the whole is kept, and
//! looked for.

use axum::http::{HeaderMap, StatusCode, header};
use chrono::TimeDelta;
use proofline_authz::{Action, Principal, authorise};
use proofline_core::Secret;
use sha2::{Digest, Sha256};

use super::console::SESSION_COOKIE;
use super::rate::RateKey;
use super::{ApiResult, Problem, RateClass};
use crate::AppState;

const PREFIX: &str = "plt_";
const RANDOM_HEX: usize = 64;
const CHECK_HEX: usize = 8;
/// So many characters of a token are shown in lists.
const SHOWN: usize = 8;
/// How exactly it is written down when a token was last used.
const USE_IS_NOTED: TimeDelta = TimeDelta::minutes(1);

/// A token that was just made: the only time that it is there as a whole.
pub(crate) struct FreshToken {
    /// The token.
    pub(crate) text: Secret,
    /// Its first characters.
    pub(crate) prefix: String,
    /// What is kept of it.
    pub(crate) digest: [u8; 32],
}

/// A token of these random bytes.
pub(crate) fn fresh_token(random: [u8; 32]) -> FreshToken {
    let body = format!("{PREFIX}{}", hex::encode(random));
    let text = format!("{body}{}", check(&body));
    FreshToken { prefix: text[..SHOWN].to_owned(), digest: digest(&text), text: Secret::new(text) }
}

fn digest(text: &str) -> [u8; 32] {
    Sha256::digest(text).into()
}

fn check(body: &str) -> String {
    hex::encode(&digest(body)[..CHECK_HEX / 2])
}

/// Whether this could be a token: what cannot is not looked for.
fn is_well_formed(text: &str) -> bool {
    let hex = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte));
    text.len() == PREFIX.len() + RANDOM_HEX + CHECK_HEX
        && text.strip_prefix(PREFIX).is_some_and(hex)
        && check(&text[..PREFIX.len() + RANDOM_HEX]) == text[PREFIX.len() + RANDOM_HEX..]
}

/// 401, the same for every reason.
fn refused() -> Problem {
    Problem::new(
        StatusCode::UNAUTHORIZED,
        "token_refused",
        "This token is not known, or does not count any more.",
    )
}

/// The digest of the token that a request brings; none where it brings none. A request that brings a session as well does
/// not say who it is: 400.
pub(super) fn presented(headers: &HeaderMap) -> ApiResult<Option<[u8; 32]>> {
    let mut tokens = headers.get_all(header::AUTHORIZATION).iter().filter_map(|value| {
        let text = std::str::from_utf8(value.as_bytes()).ok()?;
        let (scheme, token) = text.split_once(' ').unwrap_or((text, ""));
        scheme.eq_ignore_ascii_case("bearer").then_some(token)
    });
    let Some(token) = tokens.next() else { return Ok(None) };
    if super::console::has_cookie(headers, SESSION_COOKIE) {
        return Err(Problem::new(
            StatusCode::BAD_REQUEST,
            "two_credentials",
            "This request brings a session and a token. Send one of them.",
        ));
    }
    if tokens.next().is_some() || !is_well_formed(token) {
        return Err(refused());
    }
    Ok(Some(digest(token)))
}

/// Who acts by the token: its maker as they are at this moment, as far as the token's own list goes. A token by which
/// nothing can be done any more is refused like one that never was.
pub(super) async fn principal(app: &AppState, digest: &[u8; 32]) -> ApiResult<Principal> {
    let now = app.now();
    let mut sign_in = app.store().sign_in().await?;
    let token = sign_in.live_token(digest, now).await?.ok_or_else(refused)?;
    let principal = Principal::Token {
        id: token.id,
        name: token.name,
        maker: token.maker,
        maker_name: token.maker_name,
        membership: token.membership,
        actions: token.actions.iter().filter_map(|name| Action::named(name)).collect(),
    };
    if !Action::ALL.iter().any(|&action| authorise(&principal, action).is_ok()) {
        return Err(refused());
    }
    app.rate_limits().check(RateClass::Agent, &RateKey::Key(*digest)).await?;
    if token.last_used_at.is_none_or(|at| now - at >= USE_IS_NOTED) {
        sign_in.touch_token(token.id, now).await?;
        sign_in.commit().await?;
    }
    Ok(principal)
}

/// The key under which a program's request is remembered: apart from its maker's own, and from other tokens of theirs.
pub(super) fn own_key(principal: &Principal, key: &str) -> String {
    if let Principal::Token { id, .. } = principal {
        hex::encode(Sha256::digest(format!("{id} {key}")))
    } else {
        key.to_owned()
    }
}

/// Why the policy says no to this principal.
pub(super) fn not_included(principal: &Principal, action: Action) -> String {
    let who = if matches!(principal, Principal::Token { .. }) { "This token" } else { "Your role" };
    format!("{who} does not include {action}.")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_changed_character_is_no_token() {
        let token = fresh_token([0xa5; 32]);
        let text = token.text.expose().to_owned();
        assert_eq!(text.len(), 76);
        assert!(is_well_formed(&text) && text.starts_with(&token.prefix));
        for place in 0..text.len() {
            let mut other = text.clone().into_bytes();
            other[place] = if other[place] == b'0' { b'1' } else { b'0' };
            assert!(!is_well_formed(&String::from_utf8(other).expect("text")), "{place}");
        }
        for other in [
            text.to_uppercase(),
            text[..75].to_owned(),
            format!("{text}0"),
            format!(" {text}"),
            "é".repeat(38),
        ] {
            assert!(!is_well_formed(&other), "{other}");
        }
        assert!(!format!("{:?}", token.text).contains(&text[8..16]));
    }

    #[test]
    fn a_request_with_a_session_and_a_token_is_ambiguous() {
        let text = fresh_token([1; 32]).text.expose().to_owned();
        let headers = |values: &[(&'static str, String)]| {
            values
                .iter()
                .map(|(name, value)| (header::HeaderName::from_static(name), value.parse().expect("a value")))
                .collect::<HeaderMap>()
        };
        let bearer = ("authorization", format!("bearer {text}"));
        let code = |outcome: ApiResult<Option<[u8; 32]>>| outcome.map_err(|problem| problem.code());
        assert_eq!(code(presented(&headers(std::slice::from_ref(&bearer)))), Ok(Some(digest(&text))));
        for cookie in ["__Host-session=", "a=b; __Host-session=1; __Host-session=2"] {
            let both = headers(&[bearer.clone(), ("cookie", cookie.to_owned())]);
            assert_eq!(code(presented(&both)), Err("two_credentials"));
        }
        let other = headers(&[bearer.clone(), ("cookie", "sticky=1".to_owned())]);
        assert_eq!(code(presented(&other)), Ok(Some(digest(&text))));
        let basic = headers(&[("authorization", "Basic YTpi".to_owned())]);
        assert_eq!(code(presented(&basic)), Ok(None));
        for value in
            [format!("Bearer  {text}"), format!("Bearer {text} "), "Bearer".to_owned(), "Bearer ".to_owned()]
        {
            let header: HeaderMap =
                [(header::AUTHORIZATION, header::HeaderValue::from_str(&value).expect("a value"))]
                    .into_iter()
                    .collect();
            assert_eq!(code(presented(&header)), Err("token_refused"), "{value:?}");
        }
        let mut twice = headers(std::slice::from_ref(&bearer));
        twice.append(header::AUTHORIZATION, bearer.1.parse().expect("a value"));
        assert_eq!(code(presented(&twice)), Err("token_refused"));
    }
}
