//! Changing one's own password. The current one is asked for and its attempts are counted, so that a stolen session does not
//! become a stolen account: by session, so that nobody else's attempts keep anybody from changing theirs.

use axum::http::{HeaderMap, StatusCode};
use proofline_authz::Action;
use proofline_core::Secret;
use serde::Deserialize;
use serde_json::json;
use utoipa::ToSchema;

use super::password::{self, Known, Lane};
use super::{login, session};
use crate::http::{ApiResult, Call, FieldProblem, Problem, Strict};
use crate::mail::{Letters, sealed};

/// A new password, and the one before.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct PasswordChange {
    /// What one signed in with.
    #[schema(value_type = String, format = "password")]
    current_password: Secret,
    /// At least 12 characters.
    #[schema(value_type = String, format = "new-password")]
    new_password: Secret,
}

/// Changes one's password, ends every other session, and puts this one under new cookies.
#[utoipa::path(post, path = "/api/auth/password", tag = "auth", request_body = PasswordChange,
    responses((status = 204, description = "Changed")))]
pub(crate) async fn change(
    call: Call,
    Strict(change): Strict<PasswordChange>,
) -> ApiResult<(StatusCode, HeaderMap)> {
    let (app, session) = (call.app(), call.session()?);
    let known = Known::of(app, &session.email, &session.name, Some(session.membership)).await?;
    if let Some(weak) = password::refuse_weak(&change.new_password, &known) {
        return Err(Problem::invalid_fields(vec![FieldProblem { field: "new_password", ..weak }]));
    }
    let address = session.email.as_str();
    let record = app.store().sign_in().await?.login_record(address).await?.ok_or_else(Problem::no_session)?;
    let matches =
        app.passwords().verify(Lane::Known, &change.current_password, Some(&record.password_hash)).await?;
    // Hashed only for who knows the current one, and before a transaction is open.
    let fresh = match matches {
        true => Some(app.passwords().hash(&change.new_password, app.entropy().bytes()).await?),
        false => None,
    };

    let account = app.passwords().digest("current passwords in", session.id.uuid().as_bytes());
    let mut sign_in = app.store().sign_in().await?;
    let counts = sign_in.count_attempt(&account, call.at, login::lock_rule(call.at)).await?;
    let stored = sign_in.lock_login_record(address).await?.ok_or_else(Problem::no_session)?;
    let unchanged = stored.id == session.user && stored.password_hash == record.password_hash;
    let Some(fresh) = fresh.filter(|_| counts && unchanged) else {
        sign_in.commit().await?;
        let why = if counts { "wrong" } else { "locked" };
        call.record_denied(Action::PasswordChange, session.user, json!({ "why": why })).await?;
        return Err(Problem::forbidden(
            "password_wrong",
            "This is not your current password, or it was tried too often. Wait a little before trying again.",
        ));
    };
    sign_in.clear_attempts(&account).await?;
    sign_in.set_password(session.user, &fresh).await?;
    sign_in.end_links_of(session.user).await?;
    let ended = sign_in.end_sessions_of(session.user, Some(session.id), call.at).await?;
    let cookies = session::rotate(app, &mut sign_in, session, call.at).await?;
    sign_in.queue_mail(&sealed(app, Letters::of(app).password_changed(&session.email), call.at)).await?;
    let note = call.note(None, session.user, json!({ "sessions_ended": ended.len() }));
    sign_in.audit(call.principal(), Action::PasswordChange, note).await?;
    sign_in.commit().await?;
    app.events().sessions_ended(&ended);
    Ok((StatusCode::NO_CONTENT, cookies))
}
