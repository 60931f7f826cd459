//! The audit log, read.

use axum::Json;
use chrono::{DateTime, Utc};
use proofline_authz::Action;
use proofline_store::{AuditEntry, AuditFilter};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::routes;
use uuid::Uuid;

use crate::http::{Access, Api, ApiResult, Call, Listing, Query, QueryTime, RateClass, page_request};

pub(crate) fn routes(api: Api) -> Api {
    api.route(Access::Person(Action::AuditRead), RateClass::Read, routes!(list))
}

/// Which rows.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct AuditQuery {
    /// Only this actor's.
    actor: Option<String>,
    /// Only this action, as the policy spells it.
    action: Option<String>,
    /// Not before.
    #[param(value_type = Option<DateTime<Utc>>)]
    from: Option<QueryTime>,
    /// Not after.
    #[param(value_type = Option<DateTime<Utc>>)]
    to: Option<QueryTime>,
    /// 1 to 200; 50 unless told.
    limit: Option<u16>,
    /// `next_cursor` of the page before.
    cursor: Option<String>,
}

/// A row.
#[derive(Serialize, ToSchema)]
pub(crate) struct AuditBody {
    /// Row id.
    id: Uuid,
    /// When.
    at: DateTime<Utc>,
    /// `person`, `appliance`, `system` or `anonymous`.
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
        let AuditEntry {
            id,
            at,
            actor_kind,
            actor_id,
            actor_name,
            action,
            resource,
            outcome,
            request_id,
            detail,
        } = entry;
        Self { id, at, actor_kind, actor_id, actor_name, action, resource, outcome, request_id, detail }
    }
}

/// Who did what, newest first.
#[utoipa::path(get, path = "/api/audit", tag = "audit", params(AuditQuery),
    responses((status = 200, body = Listing<AuditBody>, description = "A page")))]
pub(crate) async fn list(call: Call, Query(query): Query<AuditQuery>) -> ApiResult<Json<Listing<AuditBody>>> {
    let page = page_request(query.limit, query.cursor.as_deref())?;
    let filter = AuditFilter {
        actor_id: query.actor,
        action: query.action,
        from: query.from.map(|QueryTime(at)| at),
        to: query.to.map(|QueryTime(at)| at),
    };
    let page = call.scope().await?.audit_entries(&filter, &page).await?;
    Ok(Json(Listing::from_page(page, AuditBody::from)))
}
