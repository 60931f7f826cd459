//! People, listed and looked at.

use axum::Json;
use chrono::{DateTime, Utc};
use proofline_core::{Role, UserId};
use proofline_store::{PersonFilter, PersonRow};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::http::{ApiResult, Call, Id, Listing, Problem, Query, page_request};

/// Which people.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct PeopleQuery {
    /// Only whose name or address holds this text; up to 120 characters.
    #[param(max_length = 120)]
    search: Option<String>,
    /// Only of this role.
    #[param(format = "role")]
    role: Option<String>,
    /// Only `active` or `suspended` ones.
    #[param(pattern = "^(active|suspended)$")]
    status: Option<String>,
    /// 1 to 200; 50 unless told.
    #[param(minimum = 1, maximum = 200)]
    limit: Option<u16>,
    /// `next_cursor` of the page before.
    cursor: Option<String>,
}

impl PeopleQuery {
    fn filter(&self) -> ApiResult<PersonFilter> {
        let search = self.search.as_deref().map(str::trim).filter(|text| !text.is_empty());
        if search.is_some_and(|text| text.chars().count() > 120) {
            return Err(Problem::invalid("search", "length", "Search for up to 120 characters."));
        }
        let disabled = match self.status.as_deref() {
            None => None,
            Some("active") => Some(false),
            Some("suspended") => Some(true),
            Some(_) => {
                let detail = "Ask for active or suspended people.";
                return Err(Problem::invalid("status", "status_invalid", detail));
            }
        };
        let role = self.role.as_deref().map(role).transpose()?;
        Ok(PersonFilter { search: search.map(str::to_owned), role, disabled })
    }
}

/// A role by its name.
pub(super) fn role(text: &str) -> ApiResult<Role> {
    text.parse().map_err(|_| Problem::invalid("role", "role_unknown", "There is no such role."))
}

/// A person.
#[derive(Serialize, ToSchema)]
pub(crate) struct PersonBody {
    /// Prefixed id.
    id: String,
    /// Name.
    name: String,
    /// Address.
    email: String,
    /// `staff_…`, `partner_…` or `practice_…`.
    role: String,
    /// The partner, of a partner's people.
    partner_id: Option<String>,
    /// The organisation, of a practice's people.
    org_id: Option<String>,
    /// What the partner or the practice is called; of staff, this deployment.
    place_name: String,
    /// `active` or `suspended`.
    status: &'static str,
    /// Why somebody is suspended.
    suspended_reason: Option<String>,
    /// When they became a person.
    created_at: DateTime<Utc>,
    /// When they last signed in or, in a session that still goes on, did something.
    last_seen_at: Option<DateTime<Utc>>,
    /// What can be proved besides a password: `totp`, `passkey`, both or nothing. Recovery codes alone are nothing.
    second_factors: Vec<&'static str>,
}

impl PersonBody {
    pub(super) fn of(row: PersonRow, installation: &str) -> Self {
        Self {
            id: row.id.to_string(),
            name: row.name,
            email: row.email,
            role: row.membership.role().to_string(),
            partner_id: row.membership.partner().map(|id| id.to_string()),
            org_id: row.membership.org().map(|id| id.to_string()),
            place_name: row.place_name.unwrap_or_else(|| installation.to_owned()),
            status: if row.disabled_at.is_some() { "suspended" } else { "active" },
            suspended_reason: row.disabled_reason,
            created_at: row.created_at,
            last_seen_at: row.last_seen_at,
            second_factors: row
                .totp
                .then_some("totp")
                .into_iter()
                .chain(row.passkey.then_some("passkey"))
                .collect(),
        }
    }
}

/// People by name.
#[utoipa::path(get, path = "/api/users", tag = "people", params(PeopleQuery),
    responses((status = 200, body = Listing<PersonBody>, description = "A page")))]
pub(crate) async fn list(
    call: Call,
    Query(query): Query<PeopleQuery>,
) -> ApiResult<Json<Listing<PersonBody>>> {
    let page = page_request(query.limit, query.cursor.as_deref())?;
    let page = call.scope().await?.people(&query.filter()?, &page).await?;
    let installation = call.app().installation_name();
    Ok(Json(Listing::from_page(page, |row| PersonBody::of(row, &installation))))
}

/// A person.
#[utoipa::path(get, path = "/api/users/{user_id}", tag = "people",
    params(("user_id" = String, Path, description = "Person")),
    responses((status = 200, body = PersonBody, description = "The person")))]
pub(crate) async fn read(call: Call, Id(id): Id<UserId>) -> ApiResult<Json<PersonBody>> {
    let row = call.scope().await?.person(id).await?;
    Ok(Json(PersonBody::of(row, &call.app().installation_name())))
}
