//! Where a browser says a request comes from.

use axum::http::request::Parts;
use axum::http::{HeaderValue, header};

use super::Problem;
use crate::Settings;

/// Refuses a write that a browser sends from another site. A client that is no browser sends neither header; its
/// requests carry no cookie that a browser holds.
pub(super) fn require_own(parts: &Parts, settings: &Settings) -> Result<(), Problem> {
    let fetch_site = parts.headers.get("sec-fetch-site").map(HeaderValue::as_bytes);
    if fetch_site.is_some_and(|site| site != b"same-origin") {
        return Err(refused());
    }
    match parts.headers.get(header::ORIGIN) {
        Some(origin) if origin.as_bytes() != settings.public_url.as_bytes() => Err(refused()),
        Some(_) | None => Ok(()),
    }
}

fn refused() -> Problem {
    Problem::forbidden(
        "origin_refused",
        "This request comes from another site than this server's public address.",
    )
}
