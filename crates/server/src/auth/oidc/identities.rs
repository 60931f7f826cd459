//! The providers that are linked to oneself.

use axum::http::{HeaderMap, StatusCode};
use axum::{Extension, Json};
use chrono::{DateTime, Utc};
use proofline_core::{IdentityId, ProviderId};
use proofline_store::{FlowPurpose, StoreError};
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::ToSchema;

use super::place;
use super::start::{StartBody, begin};
use crate::auth::factors::tell;
use crate::http::{ApiResult, Call, Id, NotKept, Problem, Strict};

/// A link.
#[derive(Serialize, ToSchema)]
pub(crate) struct IdentityBody {
    /// Prefixed id.
    id: String,
    /// What the provider is called here.
    provider_name: String,
    /// The address there, when it was linked.
    email: String,
    /// When it was linked.
    linked_at: DateTime<Utc>,
}

/// All of one's links.
#[derive(Serialize, ToSchema)]
pub(crate) struct IdentitiesBody {
    /// The newest first.
    items: Vec<IdentityBody>,
}

/// The providers that are linked to oneself.
#[utoipa::path(get, path = "/api/auth/identities", tag = "auth",
    responses((status = 200, body = IdentitiesBody, description = "The newest first")))]
pub(crate) async fn list(call: Call) -> ApiResult<Json<IdentitiesBody>> {
    let identities = call.app().store().sign_in().await?.identities_of(call.session()?.user).await?;
    let items = identities.into_iter().map(|identity| IdentityBody {
        id: identity.id.to_string(),
        provider_name: identity.provider_name,
        email: identity.email,
        linked_at: identity.linked_at,
    });
    Ok(Json(IdentitiesBody { items: items.collect() }))
}

/// What to link.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct LinkRequest {
    /// The provider: the installation's, or one of your own place.
    #[schema(value_type = String)]
    provider_id: ProviderId,
    /// A page of this app to come back to.
    #[serde(default)]
    return_to: Option<String>,
}

/// Begins to link a provider to oneself: the browser is to go to the address in the answer.
#[utoipa::path(post, path = "/api/auth/identities/link", tag = "auth", request_body = LinkRequest,
    responses((status = 200, body = StartBody, description = "Go there")))]
pub(crate) async fn begin_link(
    call: Call,
    headers: HeaderMap,
    Strict(request): Strict<LinkRequest>,
) -> ApiResult<(HeaderMap, Extension<NotKept>, Json<StartBody>)> {
    let (app, session) = (call.app(), call.session()?);
    let provider = app.store().sign_in().await?.enabled_provider(request.provider_id).await?;
    let provider = provider.ok_or_else(Problem::not_found)?;
    if !place::covers(app, provider.place, session.membership).await? {
        return Err(Problem::not_found());
    }
    let purpose = FlowPurpose::Link { user: session.user, session: session.token_digest };
    let (cookie, body) =
        begin(app, &headers, &provider, purpose, request.return_to.as_deref(), call.at).await?;
    let scope = call.scope().await?;
    scope.commit(call.note(None, provider.id, json!({}))).await?;
    Ok((cookie, Extension(NotKept), body))
}

/// Unlinks a provider from oneself.
#[utoipa::path(delete, path = "/api/auth/identities/{identity_id}", tag = "auth",
    params(("identity_id" = String, Path, description = "Link")),
    responses((status = 204, description = "Unlinked")))]
pub(crate) async fn unlink(call: Call, Id(identity): Id<IdentityId>) -> ApiResult<StatusCode> {
    let user = call.session()?.user;
    let mut scope = call.scope().await?;
    scope.unlink_identity(user, identity).await.map_err(|error| match error {
        StoreError::Conflict { .. } => {
            Problem::conflict("last_way_in", "This is your only way to sign in. Set a password first.")
        }
        other => other.into(),
    })?;
    tell(&call, &mut scope, "An account at a provider does not sign you in any more.").await?;
    scope.commit(call.note(None, identity, json!({}))).await?;
    Ok(StatusCode::NO_CONTENT)
}
