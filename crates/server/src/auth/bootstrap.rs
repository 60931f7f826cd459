//! The first start: there is no default account. A token, printed once, makes the first administrator.

use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use chrono::TimeDelta;
use proofline_authz::{Action, Principal};
use proofline_core::{Email, Membership, Place, Role, Secret, UserId};
use proofline_store::NewPerson;
use serde::Deserialize;
use serde_json::json;
use sha2::{Digest, Sha256};
use utoipa::ToSchema;

use super::password::{self, Known};
use super::session::{self, Person, SessionBody};
use crate::AppState;
use crate::http::{Anonymous, ApiResult, Problem, Strict};

const LIFETIME: TimeDelta = TimeDelta::hours(24);

/// A link that makes the first administrator. It works once, and only while there is nobody.
pub struct BootstrapLink(pub String);

/// A fresh link, or `None` when somebody exists already. Earlier links stop working.
pub async fn open_bootstrap(app: &AppState) -> ApiResult<Option<BootstrapLink>> {
    let mut sign_in = app.store().sign_in().await?;
    if !sign_in.nobody_exists().await? {
        return Ok(None);
    }
    let token = hex::encode(app.entropy().bytes::<32>());
    let at = app.now();
    sign_in.put_bootstrap_token(&Sha256::digest(&token).into(), at, at + LIFETIME).await?;
    sign_in.commit().await?;
    // In the fragment: it reaches neither a log nor a Referer header.
    Ok(Some(BootstrapLink(format!("{}/bootstrap#{token}", app.settings().public_url))))
}

/// The first administrator.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct BootstrapRequest {
    /// From the link.
    #[schema(value_type = String)]
    token: Secret,
    /// 1 to 120 characters.
    #[schema(format = "name")]
    name: String,
    /// What you will sign in with.
    #[schema(format = "email")]
    email: String,
    /// At least 12 characters.
    #[schema(value_type = String, format = "new-password")]
    password: Secret,
}

/// Makes the first administrator and signs them in.
#[utoipa::path(post, path = "/api/auth/bootstrap", tag = "auth", request_body = BootstrapRequest,
    responses((status = 201, body = SessionBody, description = "Signed in"),
        (status = 409, description = "The first administrator exists already")))]
pub(crate) async fn bootstrap(
    call: Anonymous,
    Strict(request): Strict<BootstrapRequest>,
) -> ApiResult<Response> {
    let app = &call.app;
    let name = crate::tenants::name("name", &request.name)?;
    let email: Email = request
        .email
        .parse()
        .map_err(|_| Problem::invalid("email", "email_invalid", "This is not an e-mail address."))?;
    let known = Known::of(app, &email, &name, None).await?;
    if let Some(weak) = password::refuse_weak(&request.password, &known) {
        return Err(Problem::invalid_fields(vec![weak]));
    }
    let digest: [u8; 32] = Sha256::digest(request.token.expose()).into();
    let mut sign_in = app.store().sign_in().await?;
    if !sign_in.nobody_exists().await? {
        return Err(Problem::conflict(
            "bootstrap_closed",
            "The first administrator exists already. Sign in.",
        ));
    }
    // One of two callers gets the row; the other waits for it and finds it used.
    if !sign_in.consume_bootstrap_token(&digest, call.at).await? {
        return Err(Problem::forbidden(
            "bootstrap_token_invalid",
            "This link was used already, or is too old.",
        ));
    }
    let password_hash = app.passwords().hash(&request.password, app.entropy().bytes()).await?;
    let person = NewPerson {
        id: UserId::new(call.at, app.entropy()),
        email,
        name,
        membership: Membership::new(Role::StaffAdmin, Place::Platform).map_err(|e| Problem::internal(&e))?,
        password_hash,
        at: call.at,
    };
    sign_in.create_person(&person).await?;
    let note = call.note(person.id, json!({ "role": person.membership.role() }));
    let principal =
        Principal::Person { id: person.id, name: person.name.clone(), membership: person.membership };
    sign_in.audit(&principal, Action::Bootstrap, note).await?;
    let who =
        Person { id: person.id, name: &person.name, email: &person.email, membership: person.membership };
    let signed_in = session::start(app, &mut sign_in, who, call.at).await?;
    sign_in.commit().await?;
    Ok((StatusCode::CREATED, signed_in.cookies(app), axum::Json(signed_in.body(app).await?)).into_response())
}
