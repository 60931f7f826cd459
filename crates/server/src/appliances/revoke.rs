//! The end of an appliance: its key counts no more, what it checked is retired, and its incidents are closed. One
//! transaction, one statement in the site's log.

use axum::Json;
use proofline_authz::Principal;
use proofline_core::ApplianceId;
use proofline_evidence::PublicKey;
use proofline_evidence::statement::{Body, KeyAction, KeyEvent, KeyRole};
use proofline_healing::incident::{Actor, Event, transition};
use proofline_store::{Appliance, Scope, StoreError, TransitionRow};
use serde::Deserialize;
use serde_json::json;
use utoipa::ToSchema;

use super::manage::{ApplianceBody, forget};
use crate::events::{Change, Topic};
use crate::evidence::{advance, append_server_fact, lock_for_facts};
use crate::http::{ApiResult, Call, Id, Problem, Strict};

/// Why a key ends.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RevokeRequest {
    /// 10 to 500 characters.
    #[schema(format = "reason")]
    reason: String,
}

/// Ends an appliance's key for good. What it signed before stays verifiable; what it signs from now on is refused. What it
/// checked is retired with it: the score of the site is that of what is still measured.
#[utoipa::path(post, path = "/api/appliances/{appliance_id}/revoke", tag = "appliances", request_body = RevokeRequest,
    params(("appliance_id" = String, Path, description = "Appliance")),
    responses((status = 200, body = ApplianceBody, description = "Revoked")))]
pub(crate) async fn revoke(
    call: Call,
    Id(id): Id<ApplianceId>,
    Strict(request): Strict<RevokeRequest>,
) -> ApiResult<Json<ApplianceBody>> {
    let reason = crate::tenants::reason(&request.reason)?;
    let app = call.app();
    let mut scope = call.scope().await?;
    let appliance = scope.appliance(id).await?;
    let row = scope.appliance_key(&appliance.key_id).await?.ok_or_else(Problem::not_found)?;
    let bytes: [u8; 32] = row.public_key.try_into().map_err(|_| Problem::not_found())?;
    let (org, site) = (appliance.org, appliance.site);
    // Before the incidents, as whoever brings evidence does.
    lock_for_facts(app, &mut scope, org, site, call.at).await?;
    scope.revoke_appliance(org, id, reason, call.at).await.map_err(|error| match error {
        StoreError::NotFound(_) => {
            Problem::conflict("already_revoked", "This appliance was revoked already.")
        }
        other => other.into(),
    })?;
    let key = PublicKey::from_bytes(&bytes).map_err(|e| Problem::internal(&e))?;
    let fact = KeyEvent::new(KeyAction::Revoked, KeyRole::Appliance, key, Some(id), reason);
    let index = append_server_fact(app, &mut scope, org, site, Body::Key(fact), call.at).await?;
    let assets = scope.retire_assets(org, id, call.at).await?;
    let credentials = scope.delete_credentials_of(org, id).await?;
    let incidents = close_incidents(&call, &mut scope, &appliance, index).await?;
    crate::scoring::refresh(&mut scope, app.catalog(), org, site, call.at).await?;
    scope.announce(&format!("appliance {}", appliance.key_id)).await?;
    let body = ApplianceBody::of(scope.appliance(id).await?, call.at, app.catalog().digest());
    let detail = json!({ "reason": reason, "assets_retired": assets, "incidents_closed": incidents,
        "credentials_deleted": credentials });
    scope.commit(call.note(Some(org), id, detail)).await?;
    forget(&call, &appliance);
    if incidents > 0 {
        app.events().publish(Change { topic: Topic::Incident, org_id: org, site_id: site, id: None });
    }
    Ok(Json(body))
}

/// Closes what is open on the appliance's assets; the statement at `index` is why. Returns how many incidents that were.
async fn close_incidents(
    call: &Call,
    scope: &mut Scope,
    appliance: &Appliance,
    index: u64,
) -> ApiResult<usize> {
    let Principal::Person { id: user, .. } = call.principal() else { return Err(Problem::not_found()) };
    let actor = Actor::User(*user);
    let event = Event::OutOfScope { reason: format!("the appliance {} was revoked", appliance.hostname) };
    let (mut records, mut steps) = (Vec::new(), Vec::new());
    for record in scope.lock_live_incidents(appliance.org, appliance.id).await? {
        let Ok((incident, Some(step))) = transition(&record.incident, &event, &actor, call.at) else {
            continue;
        };
        let record = advance(record, incident, Some(&step), Some(index));
        steps.push(TransitionRow {
            incident: record.incident.id,
            step: record.steps - 1,
            transition: step,
            entry_index: Some(index),
        });
        records.push(record);
    }
    if !records.is_empty() {
        scope.put_incidents(appliance.org, &records).await?;
        scope.append_transitions(appliance.org, &steps).await?;
    }
    Ok(records.len())
}
