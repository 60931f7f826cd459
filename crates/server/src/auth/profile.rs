//! One's own name and address.
//!
//! Another address takes effect when somebody who reads its mail says so; the address before is told twice. Whether the new
//! one is somebody else's is told to that address alone.

use axum::Json;
use axum::http::StatusCode;
use chrono::TimeDelta;
use proofline_authz::{Action, Principal};
use proofline_core::{Email, Secret};
use proofline_store::{LinkPurpose, NewLink, StoreError};
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::ToSchema;

use super::links;
use super::session::UserBody;
use crate::http::{Anonymous, ApiResult, Call, Problem, Strict};
use crate::mail::{Letters, sealed};

const LIFETIME: TimeDelta = TimeDelta::hours(24);
/// So many of one's links work at once: nobody floods the mailboxes of others.
const LINKS_AT_ONCE: i64 = 3;

/// What one calls oneself.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ProfileChange {
    /// 1 to 120 characters.
    #[schema(format = "name")]
    name: String,
}

/// Another address.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct AddressChange {
    /// What one wants to sign in with.
    #[schema(format = "email")]
    email: String,
}

/// The one answer.
#[derive(Serialize, ToSchema)]
pub(crate) struct AddressAnswer {
    /// What happens next.
    detail: &'static str,
}

/// That somebody reads the mail of the new address.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct AddressProof {
    /// From the link.
    #[schema(value_type = String)]
    token: Secret,
}

/// Changes one's own name.
#[utoipa::path(patch, path = "/api/auth/profile", tag = "auth", request_body = ProfileChange,
    responses((status = 200, body = UserBody, description = "Changed")))]
pub(crate) async fn update(call: Call, Strict(change): Strict<ProfileChange>) -> ApiResult<Json<UserBody>> {
    let session = call.session()?;
    let name = crate::tenants::name("name", &change.name)?;
    let mut scope = call.scope().await?;
    scope.rename_person(session.user, &name).await?;
    scope.commit(call.note(None, session.user, json!({}))).await?;
    Ok(Json(UserBody::new(session.user, &name, &session.email, session.membership)))
}

/// Asks for a mail to another address, with a link that makes it one's own. Answers alike whether somebody has it or not.
#[utoipa::path(post, path = "/api/auth/email", tag = "auth", request_body = AddressChange,
    responses((status = 202, body = AddressAnswer, description = "A mail is on its way")))]
pub(crate) async fn change_email(
    call: Call,
    Strict(change): Strict<AddressChange>,
) -> ApiResult<(StatusCode, Json<AddressAnswer>)> {
    let (app, session) = (call.app(), call.session()?);
    let refused = |code, detail| Problem::invalid("email", code, detail);
    let email: Email =
        change.email.parse().map_err(|_| refused("email_invalid", "This is not an e-mail address."))?;
    if email == session.email {
        return Err(refused("email_same", "This is your address already."));
    }
    let mut scope = call.scope().await?;
    if scope.count_email_links(session.user, call.at).await? >= LINKS_AT_ONCE {
        return Err(Problem::too_many("mail_budget", 3_600));
    }
    // The same writes for an address that is taken: only the mail says something else.
    let taken = scope.address_is_taken(email.as_str()).await?;
    let (token, digest) = links::fresh(app);
    let purpose = LinkPurpose::EmailChange(email.clone());
    let (at, expires_at) = (call.at, call.at + LIFETIME);
    scope.create_link(&NewLink { digest, user: session.user, purpose, at, expires_at }).await?;
    let letters = Letters::of(app);
    let there = if taken { letters.address_in_use(&email) } else { letters.confirm_address(&email, &token) };
    for letter in [there, letters.address_is_changing(&session.email)] {
        scope.queue_mail(&sealed(app, letter, call.at)).await?;
    }
    scope.commit(call.note(None, session.user, json!({}))).await?;
    let detail = "A mail with a link is on its way to the new address.";
    Ok((StatusCode::ACCEPTED, Json(AddressAnswer { detail })))
}

/// Makes the new address one's own, by the link in the mail to it.
#[utoipa::path(post, path = "/api/auth/email/confirm", tag = "auth", request_body = AddressProof,
    responses((status = 204, description = "Changed")))]
pub(crate) async fn confirm_email(
    call: Anonymous,
    Strict(proof): Strict<AddressProof>,
) -> ApiResult<StatusCode> {
    let app = &call.app;
    let digest = links::digest(&proof.token);
    let mut sign_in = app.store().sign_in().await?;
    let link = sign_in.consume_link(&digest, call.at).await?.ok_or_else(links::dead)?;
    let LinkPurpose::EmailChange(email) = link.purpose else { return Err(links::dead()) };
    sign_in.set_email(link.user, email.as_str()).await.map_err(|error| match error {
        StoreError::Conflict { .. } => links::dead(), // somebody else's by now
        other => other.into(),
    })?;
    // What was mailed to the address before opens nothing any more.
    sign_in.end_links_of(link.user).await?;
    sign_in.queue_mail(&sealed(app, Letters::of(app).address_changed(&link.email), call.at)).await?;
    let note = call.note(link.user, json!({}));
    let person = Principal::Person { id: link.user, name: link.name, membership: link.membership };
    sign_in.audit(&person, Action::ProfileConfirmEmail, note).await?;
    sign_in.commit().await?;
    Ok(StatusCode::NO_CONTENT)
}
