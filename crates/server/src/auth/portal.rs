//! Signing in with a link in a mail, for people of practices, who come a few times a year and have no password at hand.
//!
//! The link takes the place of the password, and of nothing else: a second factor is asked for as ever. It works once, for a
//! quarter of an hour, and is used by a POST alone: programs that look into mails open links. It is no guess at a password,
//! so a lock that strangers brought about does not stop it and is not taken away by it.

use axum::Json;
use axum::http::{HeaderMap, StatusCode};
use proofline_core::{Assurance, Secret};
use proofline_store::{AskedLink, LinkPurpose};
use serde::Deserialize;
use serde_json::json;
use utoipa::ToSchema;

use super::links::{self, MailedLinkAnswer, MailedLinkRequest};
use super::login::enter;
use super::session::{Person, SessionBody};
use crate::http::{Anonymous, ApiResult, Strict};

/// What stands in the link.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct PortalToken {
    /// From the link.
    #[schema(value_type = String)]
    token: Secret,
}

/// Asks for a mail with a link that signs in. Answers alike whether there is such a person or not; only people of practices
/// are written to.
#[utoipa::path(post, path = "/api/portal/link", tag = "auth", request_body = MailedLinkRequest,
    responses((status = 202, body = MailedLinkAnswer, description = "If somebody of a practice has this address, a mail is on its way")))]
pub(crate) async fn request(
    call: Anonymous,
    Strict(request): Strict<MailedLinkRequest>,
) -> ApiResult<(StatusCode, Json<MailedLinkAnswer>)> {
    links::ask(&call, AskedLink::SignIn, request).await
}

/// Signs in with a link, which uses it up and every other one of its person. The session that this browser had before ends.
#[utoipa::path(post, path = "/api/portal/session", tag = "auth", request_body = PortalToken,
    responses((status = 200, body = SessionBody, description = "Signed in as with a password")))]
pub(crate) async fn sign_in(
    call: Anonymous,
    headers: HeaderMap,
    Strict(link): Strict<PortalToken>,
) -> ApiResult<(HeaderMap, Json<SessionBody>)> {
    let app = &call.app;
    let mut sign_in = app.store().sign_in().await?;
    let link = sign_in.consume_link(&links::digest(&link.token), call.at).await?.ok_or_else(links::dead)?;
    if link.purpose != LinkPurpose::SignIn {
        return Err(links::dead());
    }
    sign_in.end_sign_in_links_of(link.user).await?;
    let person = Person { id: link.user, name: &link.name, email: &link.email, membership: link.membership };
    enter(&call, sign_in, &headers, person, Assurance::Password, json!({ "by": "link" })).await
}
