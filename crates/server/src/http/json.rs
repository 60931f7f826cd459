//! Request bodies and queries, read strictly.

use axum::body::Bytes;
use axum::extract::{FromRequest, FromRequestParts, Request};
use axum::http::request::Parts;
use axum::http::{HeaderValue, StatusCode, header};
use proofline_evidence::json;
use serde::de::DeserializeOwned;

use super::Problem;

/// Largest body of a console request, in bytes.
pub const MAX_BODY: usize = 64 * 1024;

/// A JSON body without repeated keys, unknown fields, floats, NUL or deep nesting.
///
/// 415 for another content type, 413 over [`MAX_BODY`], 400 for what is not JSON, 422 for what does not fit the type.
pub struct Strict<T>(pub T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for Strict<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        if request.headers().get(header::CONTENT_TYPE).is_none_or(|value| !is_json(value)) {
            return Err(json_expected());
        }
        let bytes = Bytes::from_request(request, state).await.map_err(|_| too_large())?;
        if bytes.len() > MAX_BODY {
            return Err(too_large());
        }
        read(&bytes).map(Self)
    }
}

fn is_json(value: &HeaderValue) -> bool {
    let kind = value.to_str().ok().and_then(|value| value.split(';').next());
    kind.is_some_and(|kind| kind.trim().eq_ignore_ascii_case("application/json"))
}

/// 415, and which type would have been read.
pub(crate) fn json_expected() -> Problem {
    refused_type(StatusCode::UNSUPPORTED_MEDIA_TYPE)
}

fn refused_type(status: StatusCode) -> Problem {
    Problem::new(status, "json_expected", "Send the body as application/json.")
}

/// Refuses a request whose body is said to be something else than JSON, on routes without a body, too. `status` is 403
/// where a cookie is the credential: a form of another site can send plain text, so it is a forgery until it is shown to be
/// none.
pub(super) fn require_json(parts: &Parts, status: StatusCode) -> Result<(), Problem> {
    if parts.headers.get_all(header::CONTENT_TYPE).iter().all(is_json) {
        Ok(())
    } else {
        Err(refused_type(status))
    }
}

/// 413.
pub(crate) fn too_large() -> Problem {
    Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "too_large", "The body is larger than this request may be.")
}

/// Reads `bytes` as strictly as [`Strict`] does.
pub fn read<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Problem> {
    json::read(bytes, MAX_BODY.max(bytes.len()))
        .map_err(|defect| Problem::new(StatusCode::BAD_REQUEST, "json_invalid", defect.to_string()))?;
    if bytes.windows(6).any(|w| w == b"\\u0000") {
        return Err(Problem::invalid("body", "nul", "The body holds a NUL character."));
    }
    // Every request is an object. Types would take a list for one, field by field.
    if bytes.trim_ascii_start().first() != Some(&b'{') {
        return Err(Problem::invalid("body", "json_shape", "The body is no JSON object."));
    }
    serde_json::from_slice(bytes).map_err(|error| {
        let detail = error.to_string();
        let detail = detail.rsplit_once(" at line ").map_or(detail.as_str(), |(detail, _)| detail);
        Problem::invalid("body", "json_shape", without_values(detail))
    })
}

/// What serde says of an input, without what stood in it: an error must not carry on what was sent, which may be
/// personal or secret and in the wrong place.
fn without_values(said: &str) -> String {
    let mut text = String::new();
    let (mut quoted, mut escaped) = (false, false);
    for c in said.chars() {
        match c {
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            '"' => {
                quoted = !quoted;
                text.push_str(if quoted { "\"…" } else { "\"" });
            }
            _ if quoted => {}
            _ => text.push(c),
        }
    }
    for unknown in ["unknown field", "unknown variant"] {
        if let Some(start) = text.find(&format!("{unknown} `")) {
            let rest =
                ["`, expected", "`, there are"].iter().find_map(|end| text.rfind(end)).map(|at| at + 1);
            text.replace_range(start + unknown.len()..rest.unwrap_or(text.len()), "");
            // What stands before it is the path to it: its name again.
            text.replace_range(..start, "");
        }
    }
    text
}

/// A query string whose every field is known.
pub struct Query<T>(pub T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequestParts<S> for Query<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        // The one spelling of a NUL in a query: a raw one is no part of an address.
        if parts.uri.query().is_some_and(|q| q.contains("%00")) {
            return Err(Problem::invalid("query", "nul", "The query holds a NUL character."));
        }
        let query = axum::extract::Query::<T>::from_request_parts(parts, state).await.map_err(|error| {
            Problem::invalid("query", "query_invalid", without_values(&error.body_text()))
        })?;
        Ok(Self(query.0))
    }
}

/// A path parameter; one that is not an id of the right kind is as good as missing.
pub struct Id<T>(pub T);

impl<S: Send + Sync, T: DeserializeOwned + Send> FromRequestParts<S> for Id<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        axum::extract::Path::<T>::from_request_parts(parts, state)
            .await
            .map(|path| Self(path.0))
            .map_err(|_| Problem::not_found())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_sent_does_not_come_back_in_the_error() {
        for (said, kept) in [
            (
                r#"invalid type: string "it's \"mine\"", expected u16"#,
                r#"invalid type: string "…", expected u16"#,
            ),
            (
                "unknown field `mine`, expected one of `name`, `token`",
                "unknown field, expected one of `name`, `token`",
            ),
            ("unknown field `a`, expected `b`, expected `name`", "unknown field, expected `name`"),
            (
                "unknown variant `mine`, expected `audit` or `ask`",
                "unknown variant, expected `audit` or `ask`",
            ),
            ("unknown field `mine`, there are no fields", "unknown field, there are no fields"),
            ("unknown field `mine", "unknown field"),
            ("in a query: mine: unknown field `mine`, expected `name`", "unknown field, expected `name`"),
            (
                "in a query: limit: invalid digit found in string",
                "in a query: limit: invalid digit found in string",
            ),
            ("missing field `name`", "missing field `name`"),
        ] {
            assert_eq!(without_values(said), kept);
        }
    }
}
