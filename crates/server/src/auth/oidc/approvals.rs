//! People whom a provider vouches for and nobody here knows: somebody who answers for the place lets them in, or not.

use axum::Json;
use chrono::{DateTime, Utc};
use proofline_core::{ApprovalId, IdentityId, Level, Membership, OrgId, PartnerId, Place, Role, UserId};
use proofline_store::{Approval, Approved, Scope, StoreError};
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::ToSchema;

use super::place;
use crate::http::{ApiResult, Call, Id, Listing, PageQuery, Problem, Query, Strict};

/// Somebody who waits.
#[derive(Serialize, ToSchema)]
pub(crate) struct ApprovalBody {
    /// Prefixed id.
    id: String,
    /// The address that the provider verified.
    email: String,
    /// What the provider calls them.
    name: String,
    /// Through which provider.
    provider_id: String,
    /// What it is called here.
    provider_name: String,
    /// The provider's partner: they can be of it or of its organisations.
    partner_id: Option<String>,
    /// The provider's organisation: they can be of it.
    org_id: Option<String>,
    /// When they asked first.
    requested_at: DateTime<Utc>,
}

impl From<Approval> for ApprovalBody {
    fn from(approval: Approval) -> Self {
        Self {
            id: approval.id.to_string(),
            email: approval.email,
            name: approval.name,
            provider_id: approval.provider.to_string(),
            provider_name: approval.provider_name,
            partner_id: approval.place.partner().map(|id| id.to_string()),
            org_id: approval.place.org().map(|id| id.to_string()),
            requested_at: approval.requested_at,
        }
    }
}

/// What they become.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct LetInRequest {
    /// A role of the place.
    #[schema(format = "role")]
    role: String,
    /// Of which partner; the provider's, unless told.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    partner_id: Option<PartnerId>,
    /// Of which organisation; the provider's, unless told.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    org_id: Option<OrgId>,
}

/// What became of it.
#[derive(Serialize, ToSchema)]
pub(crate) struct DecisionBody {
    /// Who was let in.
    user_id: Option<String>,
}

/// Who waits at the providers of one's place and below it, the newest first.
#[utoipa::path(get, path = "/api/oidc/approvals", tag = "oidc", params(PageQuery),
    responses((status = 200, body = Listing<ApprovalBody>, description = "A page")))]
pub(crate) async fn list(
    call: Call,
    Query(page): Query<PageQuery>,
) -> ApiResult<Json<Listing<ApprovalBody>>> {
    let page = call.scope().await?.approvals(&page.request()?).await?;
    Ok(Json(Listing::from_page(page, ApprovalBody::from)))
}

/// Lets somebody in, with a role in the provider's place or below it. Of several who decide at once, one does.
#[utoipa::path(post, path = "/api/oidc/approvals/{approval_id}/approve", tag = "oidc", request_body = LetInRequest,
    params(("approval_id" = String, Path, description = "Request to be let in")),
    responses((status = 200, body = DecisionBody, description = "Let in")))]
pub(crate) async fn approve(
    call: Call,
    Id(id): Id<ApprovalId>,
    Strict(request): Strict<LetInRequest>,
) -> ApiResult<Json<DecisionBody>> {
    let app = call.app();
    let role: Role = request
        .role
        .parse()
        .map_err(|_| Problem::invalid("role", "role_unknown", "There is no such role."))?;
    let mut scope = call.scope().await?;
    let providers_place = scope.lock_approval(id).await.map_err(decided)?;
    let membership = membership(&mut scope, providers_place, role, &request).await?;
    let approved = Approved {
        user: UserId::new(call.at, app.entropy()),
        identity: IdentityId::new(call.at, app.entropy()),
        membership,
    };
    scope.approve(id, &approved, call.at).await.map_err(|error| match error {
        StoreError::Conflict { constraint, .. } if constraint == "person_email_key" => Problem::conflict(
            "email_taken",
            "Somebody has this address already. They can sign in and link the provider themselves.",
        ),
        StoreError::Conflict { constraint, .. } if constraint == "oidc_identity_issuer_subject_key" => {
            Problem::conflict("identity_taken", "Somebody linked this identity meanwhile.")
        }
        // The partner is not there.
        StoreError::Conflict { .. } => Problem::not_found(),
        other => other.into(),
    })?;
    let detail = json!({ "decision": "approved", "user": approved.user, "role": role,
        "partner": membership.partner() });
    scope.commit(call.note(membership.org(), id, detail)).await?;
    Ok(Json(DecisionBody { user_id: Some(approved.user.to_string()) }))
}

/// The membership that is asked for, if whoever asks may give it and the provider is one of that place.
async fn membership(
    scope: &mut Scope,
    providers_place: Place,
    role: Role,
    request: &LetInRequest,
) -> ApiResult<Membership> {
    let named = request.partner_id.is_some() || request.org_id.is_some();
    let asked = if named || role.level() == Level::Platform {
        place::asked_for(scope, request.partner_id, request.org_id).await?
    } else {
        providers_place
    };
    let membership = Membership::new(role, asked)
        .map_err(|_| Problem::invalid("role", "role_not_of_place", "This role is not one of that place."))?;
    if place::contains(scope, providers_place, asked).await? {
        Ok(membership)
    } else {
        Err(Problem::invalid("role", "role_beyond_provider", "This provider vouches for nobody there."))
    }
}

fn decided(error: StoreError) -> Problem {
    match error {
        StoreError::Conflict { .. } => {
            Problem::conflict("already_decided", "Somebody decided on this already.")
        }
        other => other.into(),
    }
}

/// Does not let somebody in. They are told so for as long as the request is kept: 30 days.
#[utoipa::path(post, path = "/api/oidc/approvals/{approval_id}/reject", tag = "oidc",
    params(("approval_id" = String, Path, description = "Request to be let in")),
    responses((status = 200, body = DecisionBody, description = "Not let in")))]
pub(crate) async fn reject(call: Call, Id(id): Id<ApprovalId>) -> ApiResult<Json<DecisionBody>> {
    let mut scope = call.scope().await?;
    let place = scope.lock_approval(id).await.map_err(decided)?;
    scope.reject(id, call.at).await?;
    scope.commit(call.note(place.org(), id, json!({ "decision": "rejected" }))).await?;
    Ok(Json(DecisionBody { user_id: None }))
}
