//! Where one is signed in, and the end of it.

use axum::Json;
use axum::http::{HeaderMap, StatusCode};
use chrono::{DateTime, Utc};
use proofline_core::SessionId;
use serde::Serialize;
use serde_json::json;
use utoipa::ToSchema;

use crate::http::{ApiResult, Call, Id, clear_cookies};

/// A session of one's own.
#[derive(Serialize, ToSchema)]
pub(crate) struct OwnSessionBody {
    /// Prefixed id.
    id: String,
    /// Whether it is the one that asks.
    current: bool,
    /// When it began.
    created_at: DateTime<Utc>,
    /// When one last did something in it.
    last_active_at: DateTime<Utc>,
    /// Its absolute end.
    expires_at: DateTime<Utc>,
    /// What the browser is, for example `Firefox on Windows`.
    client: String,
}

/// One's own sessions.
#[derive(Serialize, ToSchema)]
pub(crate) struct OwnSessionsBody {
    /// The last active first.
    items: Vec<OwnSessionBody>,
}

/// How many sessions ended.
#[derive(Serialize, ToSchema)]
pub(crate) struct EndedBody {
    /// Beside the one that asks.
    ended: usize,
}

/// Where one is signed in.
#[utoipa::path(get, path = "/api/auth/sessions", tag = "auth",
    responses((status = 200, body = OwnSessionsBody, description = "Live sessions")))]
pub(crate) async fn list(call: Call) -> ApiResult<Json<OwnSessionsBody>> {
    let session = call.session()?;
    let idle_since = call.at - call.app().settings().session_idle;
    let sessions = call.scope().await?.sessions_of(session.user, call.at, idle_since).await?;
    let items = sessions.into_iter().map(|own| OwnSessionBody {
        id: own.id.to_string(),
        current: own.id == session.id,
        created_at: own.created_at,
        last_active_at: own.last_active_at,
        expires_at: own.expires_at,
        client: own.client,
    });
    Ok(Json(OwnSessionsBody { items: items.collect() }))
}

/// Ends a session of one's own, and its open streams.
#[utoipa::path(delete, path = "/api/auth/sessions/{session_id}", tag = "auth",
    params(("session_id" = String, Path, description = "Session")),
    responses((status = 204, description = "Ended")))]
pub(crate) async fn end(call: Call, Id(id): Id<SessionId>) -> ApiResult<(StatusCode, HeaderMap)> {
    let session = call.session()?;
    let mut scope = call.scope().await?;
    scope.end_session_of(session.user, id, call.at).await?;
    scope.announce(&crate::events::session_ended(id)).await?;
    scope.commit(call.note(None, id, json!({}))).await?;
    call.app().events().session_ended(id);
    let cookies = if id == session.id { clear_cookies() } else { HeaderMap::new() };
    Ok((StatusCode::NO_CONTENT, cookies))
}

/// Ends every session of one's own but the one that asks.
#[utoipa::path(post, path = "/api/auth/sessions/end-others", tag = "auth",
    responses((status = 200, body = EndedBody, description = "Ended")))]
pub(crate) async fn end_others(call: Call) -> ApiResult<Json<EndedBody>> {
    let session = call.session()?;
    let mut scope = call.scope().await?;
    let ended = scope.end_sessions_of(session.user, Some(session.id), call.at).await?;
    scope.commit(call.note(None, session.user, json!({ "ended": ended.len() }))).await?;
    call.app().events().sessions_ended(&ended);
    Ok(Json(EndedBody { ended: ended.len() }))
}
