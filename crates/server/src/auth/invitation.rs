//! Becoming a person by an invitation: its link is the credential.

use axum::Json;
use axum::http::{HeaderMap, StatusCode};
use proofline_authz::{Action, Principal};
use proofline_core::{Secret, UserId};
use proofline_store::{NewPerson, StoreError};
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::ToSchema;

use super::links;
use super::login::end_earlier;
use super::password::{self, Known};
use super::session::{self, Person, SessionBody};
use crate::http::{Anonymous, ApiResult, Problem, Strict};

/// A link that is looked at.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct InvitationLook {
    /// From the link.
    #[schema(value_type = String)]
    token: Secret,
}

/// What one is invited to.
#[derive(Serialize, ToSchema)]
pub(crate) struct InvitationOffer {
    /// Who is invited.
    email: String,
    /// What they will be.
    role: String,
    /// The partner or practice; for staff, this deployment.
    place_name: String,
    /// Who invites.
    inviter_name: String,
}

/// A person about to be.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct InvitationAcceptance {
    /// From the link.
    #[schema(value_type = String)]
    token: Secret,
    /// 1 to 120 characters.
    #[schema(format = "name")]
    name: String,
    /// At least 12 characters.
    #[schema(value_type = String, format = "new-password")]
    password: Secret,
}

/// What a link invites to. Uses nothing up.
#[utoipa::path(post, path = "/api/auth/invitation/look", tag = "auth", request_body = InvitationLook,
    responses((status = 200, body = InvitationOffer, description = "The offer")))]
pub(crate) async fn look(
    call: Anonymous,
    Strict(look): Strict<InvitationLook>,
) -> ApiResult<Json<InvitationOffer>> {
    let digest = links::digest(&look.token);
    let invitation = call.app.store().sign_in().await?.open_invitation(&digest, call.at).await?;
    let invitation = invitation.ok_or_else(links::dead)?;
    Ok(Json(InvitationOffer {
        email: invitation.email.as_str().to_owned(),
        role: invitation.membership.role().to_string(),
        place_name: invitation.place_name.unwrap_or_else(|| call.app.installation_name()),
        inviter_name: invitation.inviter_name,
    }))
}

/// Makes the person and signs them in. Uses the link up, unless name or password are refused. The session that this browser
/// had before ends.
#[utoipa::path(post, path = "/api/auth/invitation/accept", tag = "auth", request_body = InvitationAcceptance,
    responses((status = 201, body = SessionBody, description = "Signed in"),
        (status = 409, description = "The address has an account by now")))]
pub(crate) async fn accept(
    call: Anonymous,
    headers: HeaderMap,
    Strict(accepted): Strict<InvitationAcceptance>,
) -> ApiResult<(StatusCode, HeaderMap, Json<SessionBody>)> {
    let app = &call.app;
    let name = crate::tenants::name("name", &accepted.name)?;
    let digest = links::digest(&accepted.token);
    let invitation = app.store().sign_in().await?.open_invitation(&digest, call.at).await?;
    let invitation = invitation.ok_or_else(links::dead)?;
    let known = Known::of(app, &invitation.email, &name, Some(invitation.membership)).await?;
    if let Some(weak) = password::refuse_weak(&accepted.password, &known) {
        return Err(Problem::invalid_fields(vec![weak]));
    }
    // Before a transaction is open.
    let password_hash = app.passwords().hash(&accepted.password, app.entropy().bytes()).await?;
    let mut sign_in = app.store().sign_in().await?;
    // One of two callers gets the row; the other waits for it and finds it used.
    let invitation = sign_in.accept_invitation(&digest, call.at).await?.ok_or_else(links::dead)?;
    let person = NewPerson {
        id: UserId::new(call.at, app.entropy()),
        email: invitation.email,
        name,
        membership: invitation.membership,
        password_hash,
        at: call.at,
    };
    sign_in.create_person(&person).await.map_err(|error| match error {
        StoreError::Conflict { .. } => Problem::conflict(
            "address_taken",
            "This address has an account by now. Sign in, or ask for an invitation to another address.",
        ),
        other => other.into(),
    })?;
    let earlier = end_earlier(&mut sign_in, &headers, &call).await?;
    let role = person.membership.role().as_str();
    let note = call.note(person.id, json!({ "invitation": invitation.id, "role": role, "ended": earlier }));
    let principal =
        Principal::Person { id: person.id, name: person.name.clone(), membership: person.membership };
    sign_in.audit(&principal, Action::InvitationAccept, note).await?;
    let who =
        Person { id: person.id, name: &person.name, email: &person.email, membership: person.membership };
    let signed_in = session::start(app, &mut sign_in, who, call.at).await?;
    sign_in.commit().await?;
    if let Some(earlier) = earlier {
        app.events().session_ended(earlier);
    }
    Ok((StatusCode::CREATED, signed_in.cookies(app), Json(signed_in.body(app).await?)))
}
