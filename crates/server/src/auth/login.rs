//! Signing in with a password.

use axum::Json;
use axum::http::HeaderMap;
use chrono::TimeDelta;
use proofline_core::{Email, Secret};
use proofline_store::{AuditNote, DeniedNote, LoginRecord};
use serde::Deserialize;
use serde_json::json;
use utoipa::ToSchema;

use super::session::{self, SessionBody};
use crate::AppState;
use crate::http::{Anonymous, ApiResult, Problem, Strict, request_id};

/// From this many failures on, the account takes no password for [`LOCKED_FOR`].
const FAILURES: i32 = 5;
const LOCKED_FOR: TimeDelta = TimeDelta::minutes(15);

/// Who signs in.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct LoginRequest {
    /// The address.
    #[schema(format = "email")]
    email: String,
    /// The password.
    #[schema(value_type = String, format = "password")]
    password: Secret,
}

/// Signs in. One answer for an unknown address, a wrong password and a disabled account, in the same time.
#[utoipa::path(post, path = "/api/auth/login", tag = "auth", request_body = LoginRequest,
    responses((status = 200, body = SessionBody, description = "Signed in")))]
pub(crate) async fn login(
    call: Anonymous,
    Strict(request): Strict<LoginRequest>,
) -> ApiResult<(HeaderMap, Json<SessionBody>)> {
    let app = &call.app;
    let email: Option<Email> = request.email.parse().ok();
    let record = match &email {
        Some(email) => app.store().sign_in().await?.login_record(email).await?,
        None => None,
    };
    // No transaction is open while bcrypt works: a burst of logins holds no connection.
    let matches =
        app.passwords().verify(&request.password, record.as_ref().map(|r| r.password_hash.as_str())).await;
    match (email, record) {
        (Some(email), Some(record)) => decide(&call, &email, record, matches).await,
        _ => Err(refused(app, "unknown", "anonymous").await?),
    }
}

async fn decide(
    call: &Anonymous,
    email: &Email,
    record: LoginRecord,
    matches: bool,
) -> ApiResult<(HeaderMap, Json<SessionBody>)> {
    let app = &call.app;
    if let Some(until) = record.locked_until.filter(|until| *until > call.at) {
        let wait = u64::try_from((until - call.at).num_seconds()).unwrap_or(1);
        refused(app, &record.id.to_string(), "locked").await?;
        return Err(Problem::too_many("locked_out", wait));
    }
    let mut sign_in = app.store().sign_in().await?;
    if !matches || record.disabled_at.is_some() {
        sign_in.count_failure(record.id, call.at, FAILURES, call.at + LOCKED_FOR).await?;
        sign_in.commit().await?;
        return Err(refused(app, &record.id.to_string(), "wrong").await?);
    }
    sign_in.clear_failures(record.id).await?;
    let signed_in = session::start(app, &mut sign_in, record.id, call.at).await?;
    let note = AuditNote {
        id: app.new_uuid(),
        at: call.at,
        org: None,
        resource: signed_in.id.to_string(),
        request_id: request_id::current(),
        detail: json!({}),
    };
    sign_in.audit(record.id, &record.name, "auth.login", note).await?;
    sign_in.commit().await?;
    let body = signed_in.body(app, record.id, &record.name, email, record.role);
    Ok((signed_in.cookies(app), Json(body)))
}

/// Leaves a denial in the audit log, without the address that was tried.
async fn refused(app: &AppState, actor: &str, why: &'static str) -> ApiResult<Problem> {
    let note = DeniedNote {
        id: app.new_uuid(),
        at: app.now(),
        actor_kind: "anonymous",
        actor_id: actor.to_owned(),
        actor_name: actor.to_owned(),
        action: "auth.login".to_owned(),
        resource: "session".to_owned(),
        request_id: request_id::current(),
        detail: json!({ "why": why }),
    };
    app.store().record_denied(&note).await?;
    Ok(Problem::new(
        axum::http::StatusCode::UNAUTHORIZED,
        "login_failed",
        "This address and password do not belong together.",
    ))
}
