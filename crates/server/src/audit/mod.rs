//! The audit log, read and taken away.

pub(crate) mod csv;
mod export;

use axum::Json;
use chrono::{DateTime, Utc};
use proofline_authz::Action;
use proofline_core::{ApiTokenId, ApplianceId, OrgId, UserId};
use proofline_store::{AuditEntry, AuditFilter};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::routes;
use uuid::Uuid;

use crate::http::{
    Access, Api, ApiResult, Call, Listing, Problem, Query, QueryTime, RateClass, page_request,
};

pub(crate) fn routes(api: Api) -> Api {
    api.route(Access::Person(Action::AuditRead), RateClass::Read, routes!(list)).route(
        Access::Person(Action::AuditExport),
        RateClass::Read,
        routes!(export::export),
    )
}

/// Which rows.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct AuditQuery {
    /// Only this actor's, by id, or those in whose name this stands.
    #[param(format = "sought")]
    actor: Option<String>,
    /// Only this action, as the policy spells it, or those that begin so.
    #[param(format = "sought")]
    action: Option<String>,
    /// Only what came out so: `done`, `denied` or `failed`.
    #[param(pattern = "^(done|denied|failed)$")]
    outcome: Option<String>,
    /// Only what was done to something whose name begins with this.
    #[param(format = "sought")]
    resource: Option<String>,
    /// Only what concerns this organisation.
    org_id: Option<String>,
    /// Not before.
    #[param(value_type = Option<DateTime<Utc>>)]
    from: Option<QueryTime>,
    /// Not after.
    #[param(value_type = Option<DateTime<Utc>>)]
    to: Option<QueryTime>,
    /// Only where this stands in the actor's name, the resource, the action or the detail. A page of a search may hold fewer rows than
    /// asked for, or none, and still not be the last: `next_cursor` says so.
    #[param(format = "sought")]
    search: Option<String>,
    /// 1 to 200; 50 unless told.
    #[param(minimum = 1, maximum = 200)]
    limit: Option<u16>,
    /// `next_cursor` of the page before.
    cursor: Option<String>,
}

impl AuditQuery {
    fn filter(self) -> ApiResult<AuditFilter> {
        let known = |outcome: &String| ["done", "denied", "failed"].contains(&outcome.as_str());
        if self.outcome.as_ref().is_some_and(|outcome| !known(outcome)) {
            let detail = "An outcome is done, denied or failed.";
            return Err(Problem::invalid("outcome", "unknown_outcome", detail));
        }
        let org = self.org_id.map(|text| text.parse::<OrgId>()).transpose();
        let actor = text("actor", self.actor)?;
        let (actor_id, actor) = split(actor, is_actor_id);
        let (action, actions) = split(text("action", self.action)?, |text| Action::named(text).is_some());
        Ok(AuditFilter {
            actor_id,
            actor,
            action,
            actions,
            outcome: self.outcome,
            resource: text("resource", self.resource)?,
            org: org.map_err(|e| Problem::invalid("org_id", "id_invalid", e.to_string()))?,
            from: self.from.map(|QueryTime(at)| at),
            to: self.to.map(|QueryTime(at)| at),
            search: text("search", self.search)?,
        })
    }
}

/// The text where it is wanted exactly, or where it is only a part.
fn split(text: Option<String>, exact: impl Fn(&str) -> bool) -> (Option<String>, Option<String>) {
    match text {
        Some(text) if exact(&text) => (Some(text), None),
        other => (None, other),
    }
}

/// Whether this is the whole id of a person, a token or an appliance, which an index finds.
fn is_actor_id(text: &str) -> bool {
    text.parse::<UserId>().is_ok()
        || text.parse::<ApiTokenId>().is_ok()
        || text.parse::<ApplianceId>().is_ok()
}

/// What somebody looks for: nothing where it is blank.
fn text(field: &'static str, text: Option<String>) -> ApiResult<Option<String>> {
    let text = text.map(|text| text.trim().to_owned()).filter(|text| !text.is_empty());
    if text.as_ref().is_some_and(|text| text.chars().count() > 200 || text.chars().any(char::is_control)) {
        return Err(Problem::invalid(field, "length", "Up to 200 characters, no control characters."));
    }
    Ok(text)
}

/// A row.
#[derive(Serialize, ToSchema)]
pub(crate) struct AuditBody {
    /// Row id.
    id: Uuid,
    /// When.
    at: DateTime<Utc>,
    /// The organisation that it concerns.
    org_id: Option<String>,
    /// `person`, `token`, `appliance`, `system` or `anonymous`.
    actor_kind: String,
    /// The actor's id.
    actor_id: String,
    /// The actor's name at the time.
    actor_name: String,
    /// What was done or asked.
    action: String,
    /// To what.
    resource: String,
    /// `done`, `denied` or `failed`.
    outcome: String,
    /// The request.
    request_id: String,
    /// What changed, or why not.
    detail: Value,
}

impl From<AuditEntry> for AuditBody {
    fn from(entry: AuditEntry) -> Self {
        Self {
            id: entry.id,
            at: entry.at,
            org_id: entry.org.map(|org| org.to_string()),
            actor_kind: entry.actor_kind,
            actor_id: entry.actor_id,
            actor_name: entry.actor_name,
            action: entry.action,
            resource: entry.resource,
            outcome: entry.outcome,
            request_id: entry.request_id,
            detail: entry.detail,
        }
    }
}

/// Who did what, newest first.
#[utoipa::path(get, path = "/api/audit", tag = "audit", params(AuditQuery),
    responses((status = 200, body = Listing<AuditBody>, description = "A page")))]
pub(crate) async fn list(call: Call, Query(query): Query<AuditQuery>) -> ApiResult<Json<Listing<AuditBody>>> {
    let page = page_request(query.limit, query.cursor.as_deref())?;
    let filter = query.filter()?;
    let page = call.scope().await?.audit_entries(&filter, &page).await?;
    Ok(Json(Listing::from_page(page, AuditBody::from)))
}
