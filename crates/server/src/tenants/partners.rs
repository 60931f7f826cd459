//! Partners.

use axum::Json;
use axum::http::StatusCode;
use chrono::{DateTime, Utc};
use proofline_core::PartnerId;
use proofline_store::{Partner, StoreError};
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::ToSchema;

use super::name;
use crate::http::{ApiResult, Call, Listing, PageQuery, Problem, Query, Strict};

/// A managed service provider.
#[derive(Serialize, ToSchema)]
pub(crate) struct PartnerBody {
    /// Prefixed id.
    id: String,
    /// Its name.
    name: String,
    /// When it was added.
    created_at: DateTime<Utc>,
}

impl From<Partner> for PartnerBody {
    fn from(partner: Partner) -> Self {
        Self { id: partner.id.to_string(), name: partner.name, created_at: partner.created_at }
    }
}

/// A partner to add.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewPartner {
    /// 1 to 120 characters; unique without regard to case.
    #[schema(format = "name")]
    name: String,
}

/// Partners by name.
#[utoipa::path(get, path = "/api/partners", tag = "tenants", params(PageQuery),
    responses((status = 200, body = Listing<PartnerBody>, description = "A page")))]
pub(crate) async fn list(call: Call, Query(page): Query<PageQuery>) -> ApiResult<Json<Listing<PartnerBody>>> {
    let page = call.scope().await?.partners(&page.request()?).await?;
    Ok(Json(Listing::from_page(page, PartnerBody::from)))
}

/// Adds a partner.
#[utoipa::path(post, path = "/api/partners", tag = "tenants", request_body = NewPartner,
    responses((status = 201, body = PartnerBody, description = "Added")))]
pub(crate) async fn create(
    call: Call,
    Strict(new): Strict<NewPartner>,
) -> ApiResult<(StatusCode, Json<PartnerBody>)> {
    let id = PartnerId::new(call.at, call.app().entropy());
    let partner = Partner { id, name: name("name", &new.name)?, created_at: call.at };
    let mut scope = call.scope().await?;
    scope.create_partner(&partner).await.map_err(|error| match error {
        StoreError::Conflict { .. } => {
            Problem::conflict("name_taken", "There is a partner of this name already.")
        }
        other => other.into(),
    })?;
    scope.commit(call.note(None, partner.id, json!({ "name": partner.name }))).await?;
    Ok((StatusCode::CREATED, Json(partner.into())))
}
