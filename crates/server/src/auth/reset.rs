//! A forgotten password.

use axum::Json;
use axum::http::StatusCode;
use proofline_authz::{Action, Principal};
use proofline_core::Secret;
use proofline_store::{AskedLink, LinkPurpose};
use serde::Deserialize;
use serde_json::json;
use utoipa::ToSchema;

use super::links::{self, MailedLinkAnswer, MailedLinkRequest};
use super::password::{self, Known};
use crate::http::{Anonymous, ApiResult, Problem, Strict};
use crate::mail::{Letters, sealed};

/// A new password.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewPassword {
    /// From the link.
    #[schema(value_type = String)]
    token: Secret,
    /// At least 12 characters.
    #[schema(value_type = String, format = "new-password")]
    password: Secret,
}

/// Asks for a mail with a link that sets a new password. Answers alike whether there is such a person or not.
#[utoipa::path(post, path = "/api/auth/password-reset", tag = "auth", request_body = MailedLinkRequest,
    responses((status = 202, body = MailedLinkAnswer, description = "If somebody has this address, a mail is on its way")))]
pub(crate) async fn request(
    call: Anonymous,
    Strict(request): Strict<MailedLinkRequest>,
) -> ApiResult<(StatusCode, Json<MailedLinkAnswer>)> {
    links::ask(&call, AskedLink::PasswordReset, request).await
}

/// Sets a new password by a link, and ends every session of its person and every token that they gave to a program: whoever
/// had the password before keeps nothing. Uses the link up, unless the password is refused.
#[utoipa::path(post, path = "/api/auth/password-reset/confirm", tag = "auth", request_body = NewPassword,
    responses((status = 204, description = "Set")))]
pub(crate) async fn confirm(call: Anonymous, Strict(new): Strict<NewPassword>) -> ApiResult<StatusCode> {
    let app = &call.app;
    let digest = links::digest(&new.token);
    let link = app.store().sign_in().await?.open_link(&digest, call.at).await?;
    let link = link.filter(|link| link.purpose == LinkPurpose::PasswordReset).ok_or_else(links::dead)?;
    let known = Known::of(app, &link.email, &link.name, Some(link.membership)).await?;
    if let Some(weak) = password::refuse_weak(&new.password, &known) {
        return Err(Problem::invalid_fields(vec![weak]));
    }
    // Before a transaction is open.
    let fresh = app.passwords().hash(&new.password, app.entropy().bytes()).await?;
    let mut sign_in = app.store().sign_in().await?;
    // First, as a login does, which holds the count and then waits for the person.
    sign_in.clear_attempts(&app.passwords().account(link.email.as_str())).await?;
    let link = sign_in.consume_link(&digest, call.at).await?.ok_or_else(links::dead)?;
    sign_in.set_password(link.user, &fresh).await?;
    sign_in.end_links_of(link.user).await?;
    let ended = sign_in.end_sessions_of(link.user, None, call.at).await?;
    let revoked = sign_in.revoke_tokens_of(link.user, call.at).await?;
    sign_in.queue_mail(&sealed(app, Letters::of(app).password_changed(&link.email), call.at)).await?;
    let note = call.note(link.user, json!({ "sessions_ended": ended.len(), "tokens_revoked": revoked }));
    let person = Principal::Person { id: link.user, name: link.name, membership: link.membership };
    sign_in.audit(&person, Action::PasswordReset, note).await?;
    sign_in.commit().await?;
    app.events().sessions_ended(&ended);
    Ok(StatusCode::NO_CONTENT)
}
