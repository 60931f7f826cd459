//! What people decide about an incident: to have its plan carried out, or to hand it to somebody.
//!
//! Both lock the site's log first, so that evidence and decision do not overtake each other, and both are stated in it.

use axum::Json;
use axum::http::StatusCode;
use proofline_core::{IncidentId, OrgId};
use proofline_evidence::statement::{Body, ServerFact};
use proofline_healing::incident::{Actor, Event, State, transition};
use proofline_protocol::{Digest, Instruction};
use proofline_store::{IncidentRecord, IncidentRow, Scope, TransitionRow};
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::ToSchema;

use super::bodies::IncidentBody;
use crate::events::{Change, Topic};
use crate::evidence::{advance, append_server_fact, lock_for_facts};
use crate::http::{ApiResult, Call, Id, Problem, Strict};
use crate::orders::{self, Addressee};

/// Which plan was reviewed.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ApproveRequest {
    /// The digest of the plan that was shown and read, in hex. Another plan by now is a conflict.
    plan_digest: String,
}

/// The order that carries an approval.
#[derive(Serialize, ToSchema)]
pub(crate) struct ApprovedBody {
    /// Prefixed id.
    order_id: String,
    /// The plan that it binds.
    plan_digest: String,
}

/// Approves the plan that waits. The approval binds this very plan and this appliance, and lapses after 15 minutes.
#[utoipa::path(post, path = "/api/incidents/{incident_id}/approve", tag = "incidents", request_body = ApproveRequest,
    params(("incident_id" = String, Path, description = "Incident")),
    responses((status = 202, body = ApprovedBody, description = "Ordered")))]
pub(crate) async fn approve(
    call: Call,
    Id(id): Id<IncidentId>,
    Strict(request): Strict<ApproveRequest>,
) -> ApiResult<(StatusCode, Json<ApprovedBody>)> {
    let mut scope = call.scope().await?;
    let (row, record) = lock(&call, &mut scope, id).await?;
    let plan = match (record.incident.state, record.incident.pending_plan) {
        (State::AwaitingApproval, Some(plan)) => plan.to_string(),
        _ => {
            return Err(Problem::conflict(
                "not_awaiting_approval",
                "No plan of this incident waits for a person.",
            ));
        }
    };
    if request.plan_digest != plan {
        return Err(Problem::conflict(
            "plan_changed",
            "Another plan waits by now. Look at it before approving.",
        ));
    }
    refuse_second(&call, &mut scope, &row).await?;
    if scope.appliance(row.appliance).await?.revoked_at.is_some() {
        return Err(Problem::conflict(
            "appliance_revoked",
            "This appliance was revoked; nothing reaches it.",
        ));
    }
    let plan_digest: Digest =
        plan.parse().map_err(|error: proofline_evidence::Defect| Problem::internal(&error))?;
    let to = Addressee { org: row.org, site: row.site, appliance: row.appliance };
    // The agent knows the incident by the id that it gave.
    let incident = record.agent_ref.unwrap_or(row.id);
    let instruction = Instruction::ApprovePlan { incident, plan_digest };
    let order = orders::issue(&call, &mut scope, &to, Some(row.id), instruction).await?;
    let detail = format!("{} on {}: plan {plan}, order {order}", row.check, row.asset_name);
    state(&call, &mut scope, &row, "plan_approved", detail).await?;
    scope.commit(call.note(Some(row.org), row.id, json!({ "plan": plan, "order": order }))).await?;
    announce(&call, &row);
    Ok((StatusCode::ACCEPTED, Json(ApprovedBody { order_id: order.to_string(), plan_digest: plan })))
}

/// Why a person should take over.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct EscalateRequest {
    /// 10 to 500 characters.
    #[schema(format = "reason")]
    reason: String,
}

/// Hands the incident to people. While an approved plan is on its way, that is a conflict.
#[utoipa::path(post, path = "/api/incidents/{incident_id}/escalate", tag = "incidents", request_body = EscalateRequest,
    params(("incident_id" = String, Path, description = "Incident")),
    responses((status = 200, body = IncidentBody, description = "Escalated")))]
pub(crate) async fn escalate(
    call: Call,
    Id(id): Id<IncidentId>,
    Strict(request): Strict<EscalateRequest>,
) -> ApiResult<Json<IncidentBody>> {
    let reason = crate::tenants::reason(&request.reason)?;
    let user = call.principal().person().ok_or_else(Problem::not_found)?;
    let actor = Actor::User(user);
    let mut scope = call.scope().await?;
    let (row, record) = lock(&call, &mut scope, id).await?;
    let event = Event::Escalate { reason: reason.to_owned() };
    let Ok((incident, Some(step))) = transition(&record.incident, &event, &actor, call.at) else {
        let detail = format!("An incident that is {} cannot be escalated.", row.state);
        return Err(Problem::conflict("not_escalatable", detail));
    };
    refuse_second(&call, &mut scope, &row).await?;
    let detail = format!("{} on {}: {reason}", row.check, row.asset_name);
    let index = state(&call, &mut scope, &row, "incident_escalated", detail).await?;
    let record = advance(record, incident, Some(&step), Some(index));
    let number = record.steps - 1;
    scope.put_incidents(row.org, std::slice::from_ref(&record)).await?;
    let step = TransitionRow { incident: row.id, step: number, transition: step, entry_index: Some(index) };
    scope.append_transitions(row.org, &[step]).await?;
    let after = scope.incident(row.id).await?;
    scope.commit(call.note(Some(row.org), row.id, json!({ "reason": reason }))).await?;
    announce(&call, &row);
    Ok(Json(IncidentBody::of(&after, call.app().catalog(), call.at)))
}

/// The incident, with its site's log locked until the scope ends.
async fn lock(call: &Call, scope: &mut Scope, id: IncidentId) -> ApiResult<(IncidentRow, IncidentRecord)> {
    let row = scope.incident(id).await?;
    lock_for_facts(call.app(), scope, row.org, row.site, call.at).await?;
    let (_, record): (OrgId, _) = scope.lock_incident(row.id).await?;
    Ok((row, record))
}

/// A decision that was made stands until it was carried out or has lapsed: an order cannot be called back.
async fn refuse_second(call: &Call, scope: &mut Scope, row: &IncidentRow) -> ApiResult<()> {
    if scope.has_pending_order(row.org, row.id, call.at).await? {
        return Err(Problem::conflict(
            "already_approved",
            "This plan was approved; the order is on its way.",
        ));
    }
    Ok(())
}

/// States the decision in the site's log.
async fn state(
    call: &Call,
    scope: &mut Scope,
    row: &IncidentRow,
    fact: &str,
    detail: String,
) -> ApiResult<u64> {
    let fact = ServerFact {
        fact: fact.to_owned(),
        subject_id: row.id.to_string(),
        actor: call.principal().id(),
        detail,
    };
    append_server_fact(call.app(), scope, row.org, row.site, Body::ServerFact(fact), call.at).await
}

fn announce(call: &Call, row: &IncidentRow) {
    let (org_id, site_id) = (row.org, row.site);
    call.app().events().publish(Change {
        topic: Topic::Incident,
        org_id,
        site_id,
        id: Some(row.id.to_string()),
    });
}
