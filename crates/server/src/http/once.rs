//! `Idempotency-Key`: a create that is sent twice happens once and is answered twice.
//!
//! The key is taken inside the change's own transaction, so a crash at any instant leaves either both or neither. The
//! answer is kept after the commit, and a repetition that comes before it is kept waits for it. Where that does not
//! happen, or the answer holds a secret, a repetition is told that the change was made.

use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::http::request::Parts;
use axum::http::{HeaderValue, StatusCode, header, response};
use axum::response::{IntoResponse, Response};
use http_body_util::BodyExt as _;
use proofline_authz::Principal;
use proofline_core::UserId;
use proofline_store::EarlierAnswer;
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::json::MAX_BODY;
use super::{ApiResult, Problem, bearer, request_id};
use crate::AppState;

/// A key, and what is asked under it.
#[derive(Debug, Clone)]
pub(super) struct Once {
    pub(super) user: UserId,
    pub(super) key: String,
    pub(super) request_digest: [u8; 32],
}

/// Marks an answer that must not be kept.
#[derive(Clone, Copy)]
pub(crate) struct NotKept;

/// Marks the answer to a request that found its key taken when it came to the change itself.
#[derive(Clone, Copy)]
pub(super) struct TakenMeanwhile;

/// What the request's key means, if it has one: nothing new, or the answer to give again.
pub(super) enum Repeated {
    No(Option<Once>, Body),
    Yes(Response),
}

pub(super) async fn look(
    app: &AppState,
    parts: &Parts,
    body: Body,
    principal: &Principal,
) -> ApiResult<Repeated> {
    let Some(user) = principal.person() else { return Ok(Repeated::No(None, body)) };
    let Some(key) = parts.headers.get("idempotency-key") else { return Ok(Repeated::No(None, body)) };
    let key = key.to_str().ok().filter(|key| (8..=120).contains(&key.len())).ok_or_else(|| {
        Problem::invalid("Idempotency-Key", "length", "An idempotency key has 8 to 120 characters.")
    })?;
    let bytes = axum::body::to_bytes(body, MAX_BODY).await.map_err(|_| {
        Problem::new(
            StatusCode::PAYLOAD_TOO_LARGE,
            "too_large",
            "The body is larger than this request may be.",
        )
    })?;
    let request_digest = digest(parts, &bytes);
    let once = Once { user, key: bearer::own_key(principal, key), request_digest };
    match earlier(app, &once).await? {
        None => Ok(Repeated::No(Some(once), Body::from(bytes))),
        Some(_) => answer_again(app, &once).await.map(Repeated::Yes),
    }
}

/// What is known of the key's request. 422 where that was another one.
async fn earlier(app: &AppState, once: &Once) -> ApiResult<Option<EarlierAnswer>> {
    let earlier = app.store().sign_in().await?.earlier_request(once.user, &once.key).await?;
    match earlier {
        Some(earlier) if earlier.request_digest != once.request_digest => Err(Problem::invalid(
            "Idempotency-Key",
            "key_reused",
            "This key was used for another request. Use a new one.",
        )),
        earlier => Ok(earlier.map(|earlier| earlier.answer)),
    }
}

/// The answer of the request that took the key, once it is kept. It was committed, so it is a matter of moments, unless
/// its process ended just then.
pub(super) async fn answer_again(app: &AppState, once: &Once) -> ApiResult<Response> {
    for pause in PAUSES_MS {
        match earlier(app, once).await? {
            Some(EarlierAnswer::Kept(status, body)) => return Ok(again(status, &body)),
            Some(EarlierAnswer::NotKept) | None => break,
            Some(EarlierAnswer::Awaited) => tokio::time::sleep(Duration::from_millis(pause)).await,
        }
    }
    Err(already_done())
}

/// Between two looks for an answer: three seconds together.
const PAUSES_MS: [u64; 8] = [5, 15, 40, 100, 240, 500, 1_000, 1_100];

pub(super) fn already_done() -> Problem {
    Problem::conflict(
        "already_done",
        "This was done before, and its answer is not given again. Look at the list.",
    )
}

fn digest(parts: &Parts, body: &Bytes) -> [u8; 32] {
    let mut hasher = Sha256::new();
    for part in [parts.method.as_str().as_bytes(), parts.uri.path().as_bytes(), body] {
        hasher.update(u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
        hasher.update(part);
    }
    hasher.finalize().into()
}

fn again(status: u16, body: &Value) -> Response {
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::OK);
    let mut response = (status, axum::Json(body)).into_response();
    response.headers_mut().insert("idempotent-replay", HeaderValue::from_static("true"));
    response
}

/// Keeps a successful answer, or only that it was given where it is marked as not to be kept. Failing to keep it is
/// logged, not answered.
pub(super) async fn keep(app: &AppState, once: &Once, response: Response) -> Response {
    if !response.status().is_success() {
        return response;
    }
    let json = response
        .headers()
        .get(header::CONTENT_TYPE)
        .is_some_and(|v| v.as_bytes().starts_with(b"application/json"));
    let (parts, body) = response.into_parts();
    if !json || parts.extensions.get::<NotKept>().is_some() {
        put(app, once, &parts, None).await;
        return Response::from_parts(parts, body);
    }
    let bytes = match body.collect().await {
        Ok(collected) => collected.to_bytes(),
        Err(error) => {
            tracing::warn!(%error, "an answer could not be read to keep it");
            return Response::from_parts(parts, Body::empty());
        }
    };
    put(app, once, &parts, serde_json::from_slice(&bytes).ok()).await;
    Response::from_parts(parts, Body::from(bytes))
}

async fn put(app: &AppState, once: &Once, parts: &response::Parts, body: Option<Value>) {
    let kept = async {
        let mut sign_in = app.store().sign_in().await?;
        sign_in.keep_answer(once.user, &once.key, parts.status.as_u16(), body.as_ref()).await?;
        sign_in.commit().await
    };
    if let Err(error) = kept.await {
        tracing::warn!(request_id = %request_id::current(), %error, "an answer was not kept");
    }
}
