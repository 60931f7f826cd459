//! `ETag` and `If-Match`: of two people who change the same thing, the second learns that it is not what they saw.

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderName, HeaderValue, StatusCode, header};

use super::Problem;

/// The validator of something that has a version.
pub(crate) fn etag(version: i64) -> [(HeaderName, HeaderValue); 1] {
    let value = HeaderValue::try_from(format!("\"{version}\"")).unwrap_or(HeaderValue::from_static("\"0\""));
    [(header::ETAG, value)]
}

/// The version that a change is meant for; `None` where the client does not say, or says `*`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct IfMatch(pub(crate) Option<i64>);

/// 412: it is another version by now.
pub(crate) fn stale() -> Problem {
    Problem::new(
        StatusCode::PRECONDITION_FAILED,
        "stale",
        "Somebody changed this meanwhile. Look at it again before changing it.",
    )
}

impl<S: Send + Sync> FromRequestParts<S> for IfMatch {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let mut values = parts.headers.get_all(header::IF_MATCH).iter();
        let (Some(value), None) = (values.next(), values.next()) else {
            let none = parts.headers.get(header::IF_MATCH).is_none();
            return if none { Ok(Self(None)) } else { Err(stale()) };
        };
        if value.as_bytes() == b"*" {
            return Ok(Self(None));
        }
        // A validator that is not one of ours is of no version that there is.
        let version =
            value.to_str().ok().and_then(|text| text.strip_prefix('"')?.strip_suffix('"')?.parse().ok());
        version.map(|version| Self(Some(version))).ok_or_else(stale)
    }
}
