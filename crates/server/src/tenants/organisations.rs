//! Organisations: the clinics.

use axum::Json;
use axum::http::StatusCode;
use chrono::{DateTime, Utc};
use proofline_core::{OrgId, PartnerId};
use proofline_store::Organisation;
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::{IntoParams, ToSchema};

use super::name;
use crate::http::{ApiResult, Call, Listing, Problem, Query, Strict, page_request};

/// A clinic.
#[derive(Serialize, ToSchema)]
pub(crate) struct OrganisationBody {
    /// Prefixed id.
    id: String,
    /// Its name.
    name: String,
    /// Who looks after it.
    partner_id: String,
    /// That partner's name.
    partner_name: String,
    /// When it was added.
    created_at: DateTime<Utc>,
    /// Whether people above it see this line alone, unless somebody lets them in.
    restricted: bool,
}

impl From<Organisation> for OrganisationBody {
    fn from(org: Organisation) -> Self {
        Self {
            id: org.id.to_string(),
            name: org.name,
            partner_id: org.partner.to_string(),
            partner_name: org.partner_name,
            created_at: org.created_at,
            restricted: org.restricted,
        }
    }
}

/// Which organisations.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct OrganisationQuery {
    /// Only this partner's.
    partner_id: Option<String>,
    /// 1 to 200; 50 unless told.
    #[param(minimum = 1, maximum = 200)]
    limit: Option<u16>,
    /// `next_cursor` of the page before.
    cursor: Option<String>,
}

/// An organisation to add.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewOrganisation {
    /// Who looks after it.
    #[schema(value_type = String)]
    partner_id: PartnerId,
    /// 1 to 120 characters.
    #[schema(format = "name")]
    name: String,
}

/// Organisations by name.
#[utoipa::path(get, path = "/api/organisations", tag = "tenants", params(OrganisationQuery),
    responses((status = 200, body = Listing<OrganisationBody>, description = "A page")))]
pub(crate) async fn list(
    call: Call,
    Query(query): Query<OrganisationQuery>,
) -> ApiResult<Json<Listing<OrganisationBody>>> {
    let partner = query
        .partner_id
        .map(|text| text.parse::<PartnerId>())
        .transpose()
        .map_err(|e| Problem::invalid("partner_id", "id_invalid", e.to_string()))?;
    let page = page_request(query.limit, query.cursor.as_deref())?;
    let page = call.scope().await?.organisations(partner, &page).await?;
    Ok(Json(Listing::from_page(page, OrganisationBody::from)))
}

/// Adds an organisation to a partner.
#[utoipa::path(post, path = "/api/organisations", tag = "tenants", request_body = NewOrganisation,
    responses((status = 201, body = OrganisationBody, description = "Added")))]
pub(crate) async fn create(
    call: Call,
    Strict(new): Strict<NewOrganisation>,
) -> ApiResult<(StatusCode, Json<OrganisationBody>)> {
    let name = name("name", &new.name)?;
    let id = OrgId::new(call.at, call.app().entropy());
    let mut scope = call.scope().await?;
    let org = scope.create_organisation(id, new.partner_id, &name, call.at).await?;
    scope.commit(call.note(Some(id), id, json!({ "name": name, "partner": new.partner_id }))).await?;
    Ok((StatusCode::CREATED, Json(org.into())))
}
