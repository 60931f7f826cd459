//! Request bodies and queries, read strictly.

use axum::body::Bytes;
use axum::extract::{FromRequest, FromRequestParts, Request};
use axum::http::request::Parts;
use axum::http::{StatusCode, header};
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
        let json_type =
            request.headers().get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).is_some_and(
                |value| {
                    value.split(';').next().is_some_and(|t| t.trim().eq_ignore_ascii_case("application/json"))
                },
            );
        if !json_type {
            return Err(Problem::new(
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "json_expected",
                "Send the body as application/json.",
            ));
        }
        let bytes = Bytes::from_request(request, state).await.map_err(|_| too_large())?;
        if bytes.len() > MAX_BODY {
            return Err(too_large());
        }
        read(&bytes).map(Self)
    }
}

fn too_large() -> Problem {
    Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "too_large", "The body is larger than this request may be.")
}

/// Reads `bytes` as strictly as [`Strict`] does.
pub fn read<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Problem> {
    json::read(bytes, MAX_BODY.max(bytes.len()))
        .map_err(|defect| Problem::new(StatusCode::BAD_REQUEST, "json_invalid", defect.to_string()))?;
    if bytes.windows(6).any(|w| w == b"\\u0000") {
        return Err(Problem::invalid("body", "nul", "The body holds a NUL character."));
    }
    serde_json::from_slice(bytes).map_err(|error| {
        let detail = error.to_string();
        let detail = detail.split(" at line ").next().unwrap_or_default().to_owned();
        Problem::invalid("body", "json_shape", detail)
    })
}

/// A query string whose every field is known.
pub struct Query<T>(pub T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequestParts<S> for Query<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let query = axum::extract::Query::<T>::from_request_parts(parts, state)
            .await
            .map_err(|error| Problem::invalid("query", "query_invalid", error.body_text()))?;
        if parts.uri.query().is_some_and(|q| q.contains("%00")) {
            return Err(Problem::invalid("query", "nul", "The query holds a NUL character."));
        }
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
