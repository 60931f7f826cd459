//! Signed instructions: issued by people, carried by check-ins, executed at most once.

use axum::Json;
use chrono::{DateTime, TimeDelta, Utc};
use proofline_authz::Action;
use proofline_core::{ApplianceId, IncidentId, OrderId, OrgId, SiteId};
use proofline_evidence::dsse;
use proofline_protocol::{Instruction, KeyRole, ORDER_PAYLOAD_TYPE, Order as OrderPayload, Text};
use proofline_store::{NewOrder, Order, Scope};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::routes;

use crate::http::{Access, Api, ApiResult, Call, Listing, Problem, Query, RateClass, page_request};

pub(crate) fn routes(api: Api) -> Api {
    api.route(Access::Person(Action::OrderRead), RateClass::Read, routes!(list))
}

/// Whom an order is for.
pub(crate) struct Addressee {
    pub(crate) org: OrgId,
    pub(crate) site: SiteId,
    pub(crate) appliance: ApplianceId,
}

/// How long an agent accepts each kind of order.
fn lifetime(instruction: &Instruction) -> TimeDelta {
    match instruction {
        Instruction::RunChecks => TimeDelta::hours(1),
        Instruction::ApprovePlan { .. } => TimeDelta::minutes(15),
    }
}

/// Signs and stores an order inside the caller's scope, and nudges every node once it commits.
pub(crate) async fn issue(
    call: &Call,
    scope: &mut Scope,
    to: &Addressee,
    incident: Option<IncidentId>,
    instruction: Instruction,
) -> ApiResult<OrderId> {
    let app = call.app();
    let id = OrderId::new(call.at, app.entropy());
    let (kind, expires_at) = (instruction.kind(), call.at + lifetime(&instruction));
    let payload = OrderPayload {
        order: id,
        installation: app.installation().id,
        appliance: to.appliance,
        site: to.site,
        instruction,
        nonce: Text::new(hex::encode(app.entropy().bytes::<16>())).map_err(|e| Problem::internal(&e))?,
        issued: call.at,
        expires: expires_at,
    };
    let envelope =
        dsse::sign(ORDER_PAYLOAD_TYPE, &payload.to_payload(), &app.keys().signer(KeyRole::Orders, call.at));
    let order = NewOrder {
        id,
        org: to.org,
        site: to.site,
        appliance: to.appliance,
        incident,
        kind: kind.as_str(),
        envelope: String::from_utf8(envelope).map_err(|e| Problem::internal(&e))?,
        created_by: call.principal().name(),
        issued_at: call.at,
        expires_at,
    };
    scope.create_order(&order).await?;
    scope.announce("orders").await?;
    Ok(id)
}

/// An order as listed.
#[derive(Serialize, ToSchema)]
pub(crate) struct OrderBody {
    /// Prefixed id.
    id: String,
    /// For which appliance.
    appliance_id: String,
    /// About which incident.
    incident_id: Option<String>,
    /// `run_checks` or `approve_plan`.
    kind: String,
    /// Who issued it.
    created_by: String,
    /// When.
    issued_at: DateTime<Utc>,
    /// Until when the agent accepts it.
    expires_at: DateTime<Utc>,
    /// `pending`, `done`, `failed`, `refused` or `expired`.
    state: &'static str,
    /// When that was decided.
    finished_at: Option<DateTime<Utc>>,
    /// What the agent said.
    outcome: Option<String>,
}

impl From<Order> for OrderBody {
    fn from(order: Order) -> Self {
        Self {
            id: order.id.to_string(),
            appliance_id: order.appliance.to_string(),
            incident_id: order.incident.map(|id| id.to_string()),
            kind: order.kind,
            created_by: order.created_by,
            issued_at: order.issued_at,
            expires_at: order.expires_at,
            state: order.state.as_str(),
            finished_at: order.finished_at,
            outcome: order.outcome,
        }
    }
}

/// Which orders.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct OrderQuery {
    /// Only this site's.
    site_id: Option<String>,
    /// 1 to 200; 50 unless told.
    #[param(minimum = 1, maximum = 200)]
    limit: Option<u16>,
    /// `next_cursor` of the page before.
    cursor: Option<String>,
}

/// Orders, newest first.
#[utoipa::path(get, path = "/api/orders", tag = "orders", params(OrderQuery),
    responses((status = 200, body = Listing<OrderBody>, description = "A page")))]
pub(crate) async fn list(call: Call, Query(query): Query<OrderQuery>) -> ApiResult<Json<Listing<OrderBody>>> {
    let site = query
        .site_id
        .map(|text| text.parse::<SiteId>())
        .transpose()
        .map_err(|e| Problem::invalid("site_id", "id_invalid", e.to_string()))?;
    let page = page_request(query.limit, query.cursor.as_deref())?;
    let page = call.scope().await?.orders(site, &page).await?;
    Ok(Json(Listing::from_page(page, OrderBody::from)))
}
