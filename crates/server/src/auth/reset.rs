//! A forgotten password.
//!
//! # What asking tells
//! Nothing: asking is one write of the same row whatever the address, and who has it is looked up later, by a job, which
//! writes to the address alone. So the answer and its time are the same for everybody.

use axum::Json;
use axum::http::StatusCode;
use chrono::TimeDelta;
use proofline_authz::{Action, Principal};
use proofline_core::{Email, Secret};
use proofline_store::{LinkPurpose, NewLink};
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::ToSchema;

use super::{links, password};
use crate::AppState;
use crate::http::{Anonymous, ApiResult, Problem, Strict};
use crate::mail::{Letters, sealed};

const LIFETIME: TimeDelta = TimeDelta::minutes(30);
/// So many links of one person work at once: a mailbox is not to be flooded by whoever knows its address.
const LINKS_AT_ONCE: i64 = 3;
/// Most requests that one run of the job looks at; the rest comes at the next.
const MOST: usize = 100;

/// Whose password is forgotten.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ResetRequest {
    /// The address.
    #[schema(format = "email")]
    email: String,
}

/// The one answer.
#[derive(Serialize, ToSchema)]
pub(crate) struct ResetAnswer {
    /// What happens next.
    detail: &'static str,
}

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
#[utoipa::path(post, path = "/api/auth/password-reset", tag = "auth", request_body = ResetRequest,
    responses((status = 202, body = ResetAnswer, description = "If somebody has this address, a mail is on its way")))]
pub(crate) async fn request(
    call: Anonymous,
    Strict(request): Strict<ResetRequest>,
) -> ApiResult<(StatusCode, Json<ResetAnswer>)> {
    let email: Email = request
        .email
        .parse()
        .map_err(|_| Problem::invalid("email", "email_invalid", "This is not an e-mail address."))?;
    let account = call.app.passwords().account(email.as_str());
    let mut sign_in = call.app.store().sign_in().await?;
    sign_in.request_reset(&account, &email, call.at).await?;
    sign_in.commit().await?;
    let detail = "If somebody has this address, a mail with a link is on its way.";
    Ok((StatusCode::ACCEPTED, Json(ResetAnswer { detail })))
}

/// Job: writes to those who asked and are somebody.
pub(crate) async fn answer_requests(app: &AppState) -> ApiResult<String> {
    let (mut asked, mut written) = (0, 0);
    while asked < MOST {
        let at = app.now();
        let mut sign_in = app.store().sign_in().await?;
        let Some(found) = sign_in.take_reset_request(at, LINKS_AT_ONCE).await? else { break };
        asked += 1;
        if let Some((user, email)) = found {
            let (token, digest) = links::fresh(app);
            let purpose = LinkPurpose::PasswordReset;
            sign_in.create_link(&NewLink { digest, user, purpose, at, expires_at: at + LIFETIME }).await?;
            sign_in.queue_mail(&sealed(app, Letters::of(app).password_reset(&email, &token), at)).await?;
            written += 1;
        }
        sign_in.commit().await?;
    }
    Ok(format!("{written} of {asked} who forgot a password written to"))
}

/// Sets a new password by a link, and ends every session of its person. Uses the link up, unless the password is refused.
#[utoipa::path(post, path = "/api/auth/password-reset/confirm", tag = "auth", request_body = NewPassword,
    responses((status = 204, description = "Set")))]
pub(crate) async fn confirm(call: Anonymous, Strict(new): Strict<NewPassword>) -> ApiResult<StatusCode> {
    let app = &call.app;
    let digest = links::digest(&new.token);
    let link = app.store().sign_in().await?.open_link(&digest, call.at).await?;
    let link = link.filter(|link| link.purpose == LinkPurpose::PasswordReset).ok_or_else(links::dead)?;
    if let Some(weak) = password::refuse_weak(&new.password, &link.email, &link.name) {
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
    sign_in.queue_mail(&sealed(app, Letters::of(app).password_changed(&link.email), call.at)).await?;
    let note = call.note(link.user, json!({ "sessions_ended": ended.len() }));
    let person = Principal::Person { id: link.user, name: link.name, membership: link.membership };
    sign_in.audit(&person, Action::PasswordReset, note).await?;
    sign_in.commit().await?;
    app.events().sessions_ended(&ended);
    Ok(StatusCode::NO_CONTENT)
}
