//! Appliances as people see and steer them.

use axum::Json;
use axum::http::StatusCode;
use chrono::{DateTime, TimeDelta, Utc};
use proofline_core::{ApplianceId, Mode, SiteId};
use proofline_evidence::statement::{Body, ServerFact};
use proofline_protocol::Instruction;
use proofline_store::{Appliance, ApplianceFilter};
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::{IntoParams, ToSchema};

use crate::evidence::append_server_fact;
use crate::http::{ApiResult, Call, Id, Listing, Problem, Query, Strict, page_request};
use crate::orders::{self, Addressee};

/// Online below this age of the last check-in.
pub(crate) const ONLINE_FOR: TimeDelta = TimeDelta::minutes(5);
/// Stale below this one, offline from then on.
pub(crate) const STALE_FOR: TimeDelta = TimeDelta::hours(1);

/// The last finished cycle of checks.
#[derive(Serialize, ToSchema)]
pub(crate) struct CycleBody {
    /// When it began.
    started_at: DateTime<Utc>,
    /// How long it took.
    duration_ms: i64,
    /// Checks that ran.
    checks: i32,
    /// Checks whose verdict was `error`.
    errors: i32,
}

/// An appliance as listed.
#[derive(Serialize, ToSchema)]
pub(crate) struct ApplianceBody {
    /// Prefixed id.
    pub(crate) id: String,
    site_id: String,
    site_name: String,
    org_name: String,
    hostname: String,
    platform: String,
    /// `online`, `stale`, `offline`, `pending` or `revoked`.
    pub(crate) status: &'static str,
    last_seen_at: Option<DateTime<Utc>>,
    agent_version: Option<String>,
    /// `audit`, `ask` or `enforce`.
    mode: String,
    /// What the clinic itself has set.
    local_override: Option<String>,
    /// Entries that wait on the appliance.
    outbox_depth: Option<i64>,
    /// Hex SHA-256 of its public key.
    key_id: String,
    enrolled_at: DateTime<Utc>,
    revoked_at: Option<DateTime<Utc>>,
    revoked_reason: Option<String>,
    last_cycle: Option<CycleBody>,
    /// Whether it works with this server's catalogue; null before its first check-in.
    catalogue_current: Option<bool>,
}

/// `online`, `stale`, `offline` or `pending`, by the age of the last check-in.
pub(crate) fn status(last_seen: Option<DateTime<Utc>>, now: DateTime<Utc>) -> &'static str {
    match last_seen.map(|seen| now - seen) {
        None => "pending",
        Some(age) if age < ONLINE_FOR => "online",
        Some(age) if age < STALE_FOR => "stale",
        Some(_) => "offline",
    }
}

impl ApplianceBody {
    /// As of `now`, beside the server's own catalogue.
    pub(crate) fn of(appliance: Appliance, now: DateTime<Utc>, catalogue: &str) -> Self {
        let presence = appliance.presence;
        let seen = presence.as_ref().map(|p| p.last_seen_at);
        Self {
            id: appliance.id.to_string(),
            site_id: appliance.site.to_string(),
            site_name: appliance.site_name,
            org_name: appliance.org_name,
            hostname: appliance.hostname,
            platform: appliance.platform,
            status: if appliance.revoked_at.is_some() { "revoked" } else { status(seen, now) },
            last_seen_at: seen,
            mode: appliance.mode,
            key_id: appliance.key_id,
            enrolled_at: appliance.enrolled_at,
            revoked_at: appliance.revoked_at,
            revoked_reason: appliance.revoked_reason,
            catalogue_current: presence.as_ref().map(|p| p.catalogue == catalogue),
            outbox_depth: presence.as_ref().map(|p| p.outbox_depth),
            last_cycle: presence.as_ref().and_then(|p| p.cycle).map(|cycle| CycleBody {
                started_at: cycle.started_at,
                duration_ms: cycle.duration_ms,
                checks: cycle.checks,
                errors: cycle.errors,
            }),
            local_override: presence.as_ref().and_then(|p| p.local_override.clone()),
            agent_version: presence.map(|p| p.agent_version),
        }
    }
}

/// Which appliances.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct ApplianceQuery {
    /// Only this site's.
    site_id: Option<String>,
    /// `online`, `stale`, `offline`, `pending` or `revoked`, each as it is shown.
    #[param(pattern = "^(online|stale|offline|pending|revoked)$")]
    status: Option<String>,
    /// 1 to 200; 50 unless told.
    #[param(minimum = 1, maximum = 200)]
    limit: Option<u16>,
    /// `next_cursor` of the page before.
    cursor: Option<String>,
}

fn filter(query: &ApplianceQuery, now: DateTime<Utc>) -> ApiResult<ApplianceFilter> {
    let site = query.site_id.as_deref().map(str::parse::<SiteId>).transpose();
    let site = site.map_err(|e| Problem::invalid("site_id", "id_invalid", e.to_string()))?;
    let all = ApplianceFilter { site, ..ApplianceFilter::default() };
    let filter = ApplianceFilter { revoked: Some(false), ..all.clone() };
    let (online, offline) = (Some(now - ONLINE_FOR), Some(now - STALE_FOR));
    match query.status.as_deref() {
        None => Ok(all),
        Some("online") => Ok(ApplianceFilter { seen_from: online, ..filter }),
        Some("stale") => Ok(ApplianceFilter { seen_from: offline, seen_before: online, ..filter }),
        Some("offline") => Ok(ApplianceFilter { seen_before: offline, ..filter }),
        Some("pending") => Ok(ApplianceFilter { never_seen: true, ..filter }),
        Some("revoked") => Ok(ApplianceFilter { revoked: Some(true), ..all }),
        Some(_) => {
            Err(Problem::invalid("status", "unknown", "Use online, stale, offline, pending or revoked."))
        }
    }
}

/// Appliances, newest first.
#[utoipa::path(get, path = "/api/appliances", tag = "appliances", params(ApplianceQuery),
    responses((status = 200, body = Listing<ApplianceBody>, description = "A page")))]
pub(crate) async fn list(
    call: Call,
    Query(query): Query<ApplianceQuery>,
) -> ApiResult<Json<Listing<ApplianceBody>>> {
    let filter = filter(&query, call.at)?;
    let page = page_request(query.limit, query.cursor.as_deref())?;
    let page = call.scope().await?.appliances(&filter, &page).await?;
    let catalogue = call.app().catalog().digest();
    Ok(Json(Listing::from_page(page, |appliance| ApplianceBody::of(appliance, call.at, catalogue))))
}

/// How far healing may go.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ModeRequest {
    /// `audit`, `ask` or `enforce`.
    #[schema(value_type = String, format = "mode")]
    mode: Mode,
}

/// Chooses between audit, ask and enforce. The clinic's own override on the machine still wins.
#[utoipa::path(post, path = "/api/appliances/{appliance_id}/mode", tag = "appliances", request_body = ModeRequest,
    params(("appliance_id" = String, Path, description = "Appliance")),
    responses((status = 200, body = ApplianceBody, description = "Chosen")))]
pub(crate) async fn set_mode(
    call: Call,
    Id(id): Id<ApplianceId>,
    Strict(request): Strict<ModeRequest>,
) -> ApiResult<Json<ApplianceBody>> {
    let app = call.app();
    let mut scope = call.scope().await?;
    let appliance = scope.appliance(id).await?;
    scope.set_appliance_mode(appliance.org, id, request.mode.as_str(), call.at).await?;
    let fact = ServerFact {
        fact: "mode_changed".to_owned(),
        subject_id: id.to_string(),
        actor: call.principal().id(),
        detail: format!("{} to {}", appliance.mode, request.mode),
    };
    append_server_fact(app, &mut scope, appliance.org, appliance.site, Body::ServerFact(fact), call.at)
        .await?;
    scope.announce(&format!("appliance {}", appliance.key_id)).await?;
    let body = ApplianceBody::of(scope.appliance(id).await?, call.at, app.catalog().digest());
    let detail = json!({ "from": appliance.mode, "to": request.mode });
    scope.commit(call.note(Some(appliance.org), id, detail)).await?;
    forget(&call, &appliance);
    Ok(Json(body))
}

/// This node at once; the others when the announcement reaches them.
pub(super) fn forget(call: &Call, appliance: &Appliance) {
    if let Ok(key) = appliance.key_id.parse() {
        call.app().appliances().forget(&key);
    }
    call.app().events().site_changed(appliance.org, appliance.site);
}

/// An order that was issued.
#[derive(Serialize, ToSchema)]
pub(crate) struct IssuedOrder {
    /// Prefixed id.
    pub(crate) order_id: String,
}

/// Has the appliance run its checks at its next check-in.
#[utoipa::path(post, path = "/api/appliances/{appliance_id}/run-checks", tag = "appliances",
    params(("appliance_id" = String, Path, description = "Appliance")),
    responses((status = 202, body = IssuedOrder, description = "Ordered")))]
pub(crate) async fn run_checks(
    call: Call,
    Id(id): Id<ApplianceId>,
) -> ApiResult<(StatusCode, Json<IssuedOrder>)> {
    let mut scope = call.scope().await?;
    let appliance = scope.appliance(id).await?;
    if appliance.revoked_at.is_some() {
        return Err(Problem::conflict("appliance_revoked", "This appliance was revoked."));
    }
    let to = Addressee { org: appliance.org, site: appliance.site, appliance: id };
    let order = orders::issue(&call, &mut scope, &to, None, Instruction::RunChecks).await?;
    scope.commit(call.note(Some(appliance.org), id, json!({ "order": order }))).await?;
    super::reload_orders(call.app()).await?;
    Ok((StatusCode::ACCEPTED, Json(IssuedOrder { order_id: order.to_string() })))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn status_follows_the_age_of_the_last_check_in() {
        let now = chrono::DateTime::from_timestamp(1_000_000, 0).expect("in range");
        let ago = |seconds| Some(now - TimeDelta::seconds(seconds));
        assert_eq!(status(None, now), "pending");
        assert_eq!(status(ago(299), now), "online");
        assert_eq!(status(ago(300), now), "stale");
        assert_eq!(status(ago(3_599), now), "stale");
        assert_eq!(status(ago(3_600), now), "offline");
    }
}
