//! The message of every minute. The common one touches no database: keys, orders and versions are in memory, and what
//! the appliance says of itself is written a second later.

use axum::Json;
use proofline_authz::Action;
use proofline_core::Entropy;
use proofline_protocol::{CheckInRequest, CheckInResponse, OrderOutcome, OrderReport};
use proofline_store::{CycleReport, FinishedOrder, OrderState, Presence, PresenceRow};
use serde_json::json;

use crate::http::{ApiResult, Call, KnownAppliance, SignedBody};

/// Here I am; what is new?
#[utoipa::path(post, path = "/api/appliances/checkin", tag = "agent", request_body = CheckInRequest,
    responses((status = 200, body = CheckInResponse, description = "What changed")))]
pub(crate) async fn check_in(
    call: Call,
    SignedBody(request): SignedBody<CheckInRequest>,
) -> ApiResult<Json<CheckInResponse>> {
    let app = call.app();
    let appliance = call.appliance()?;
    if !request.orders_done.is_empty() {
        finish_orders(&call, appliance, &request.orders_done).await?;
    }
    let rules_version = super::rules::version(app, appliance);
    let response = CheckInResponse {
        server_time: call.at,
        next_check_in_s: jittered(app.settings().check_in_seconds, app.entropy()),
        mode: appliance.mode,
        rules_version,
        orders: app.orders().of(appliance.id),
        schedule_version: 1,
        resync: app.resyncs().take(appliance.id),
        credentials_version: appliance.credentials_version,
        successors: app.keys().successors(),
    };
    app.presence().put(presence(&call, appliance, request));
    Ok(Json(response))
}

/// Within a tenth of the interval to either side, so that a fleet that starts together spreads out.
fn jittered(interval: u64, entropy: &dyn Entropy) -> u64 {
    let spread = interval / 5;
    let [byte] = entropy.bytes::<1>();
    (interval - spread / 2 + spread * u64::from(byte) / 255).max(1)
}

fn presence(call: &Call, appliance: &KnownAppliance, request: CheckInRequest) -> PresenceRow {
    let presence = Presence {
        last_seen_at: call.at,
        agent_version: request.agent_version.into_string(),
        catalogue: request.catalogue.to_string(),
        local_override: request.local_override.map(|o| o.to_string()),
        outbox_depth: i64::try_from(request.outbox_depth).unwrap_or(i64::MAX),
        outbox_oldest_at: request.outbox_oldest,
        rules_version: i64::try_from(request.rules_version).unwrap_or(i64::MAX),
        cycle: request.last_cycle.map(|cycle| CycleReport {
            started_at: cycle.started,
            duration_ms: i64::try_from(cycle.duration_ms).unwrap_or(i64::MAX),
            checks: i32::try_from(cycle.checks).unwrap_or(i32::MAX),
            errors: i32::try_from(cycle.errors).unwrap_or(i32::MAX),
        }),
    };
    PresenceRow { org: appliance.org, site: appliance.site, appliance: appliance.id, presence }
}

/// A report is repeated until a check-in is answered, so most of what is reported is known; only news is a change.
async fn finish_orders(call: &Call, appliance: &KnownAppliance, reports: &[OrderReport]) -> ApiResult<()> {
    let finished: Vec<FinishedOrder> = reports.iter().map(finished).collect();
    let mut scope = call.scope_for(Action::AgentFinishOrders).await?;
    let news = scope.finish_orders(appliance.org, appliance.id, &finished, call.at).await?;
    if news.is_empty() {
        return Ok(());
    }
    scope.announce("orders").await?;
    scope.commit(call.note(Some(appliance.org), appliance.id, json!({ "orders": news }))).await?;
    call.app().events().site_changed(appliance.org, appliance.site);
    super::reload_orders(call.app()).await.map(drop)
}

fn finished(report: &OrderReport) -> FinishedOrder {
    let state = match report.outcome {
        OrderOutcome::Done => OrderState::Done,
        OrderOutcome::Failed => OrderState::Failed,
        OrderOutcome::Refused => OrderState::Refused,
        OrderOutcome::Expired => OrderState::Expired,
    };
    FinishedOrder { order: report.order, state, outcome: report.detail.as_str().to_owned() }
}
