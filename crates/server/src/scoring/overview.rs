//! The fleet at a glance: counts, posture, and what needs someone now.

use axum::Json;
use chrono::{DateTime, TimeDelta, Utc};
use proofline_catalog::Catalog;
use proofline_core::{Fraction, Severity, Timestamp};
use proofline_healing::incident::State;
use proofline_store::{
    FleetCounts, FleetPosture, HealingCounts, IncidentFilter, IncidentOrder, IncidentRow, OfflineAppliance,
    PageRequest, SiteFilter, UnmeasuredSite,
};
use serde::Serialize;
use utoipa::ToSchema;

use super::bodies::{SiteSummaryBody, percent};
use super::renew_expired;
use super::sites::renew_shown;
use crate::appliances::{ONLINE_FOR, STALE_FOR};
use crate::http::{ApiResult, Call};
use crate::incidents::explain;

/// How many things that need someone are named, and how many sites.
const NAMED: u16 = 20;

/// How many of each thing there are.
#[derive(Serialize, ToSchema)]
pub(crate) struct CountsBody {
    organisations: u64,
    sites: u64,
    appliances_online: u64,
    appliances_stale: u64,
    appliances_offline: u64,
    appliances_pending: u64,
    assets: u64,
    open_incidents: u64,
    resolved_24h: u64,
}

/// The controls of all sites together.
#[derive(Serialize, ToSchema)]
pub(crate) struct FleetPostureBody {
    /// 0 to 100; null where nothing applies, or where there is nothing to measure.
    score: Option<f64>,
    /// The same with accepted risks taken out. No risk can be accepted yet, so it is the score.
    excepted_score: Option<f64>,
    /// Assessed of applicable controls, 0 to 1; null where nothing applies.
    coverage: Option<f64>,
    pass: u64,
    fail: u64,
    not_assessed: u64,
    stale: u64,
    not_applicable: u64,
}

/// Something that needs someone.
#[derive(Serialize, ToSchema)]
pub(crate) struct AttentionBody {
    /// `incident`, `escalated`, `awaiting_approval`, `offline` or `unmeasured`.
    kind: &'static str,
    /// `low`, `medium`, `high` or `critical`.
    severity: &'static str,
    title: String,
    detail: String,
    site_id: String,
    site_name: String,
    org_name: String,
    incident_id: Option<String>,
    since: DateTime<Utc>,
    #[serde(skip)]
    urgency: (u8, Severity),
}

/// What healing did in the last 24 hours.
#[derive(Serialize, ToSchema)]
pub(crate) struct HealingBody {
    l1_resolved: u64,
    l1_not_effective: u64,
    escalated: u64,
    awaiting_approval: u64,
}

/// The fleet at a glance.
#[derive(Serialize, ToSchema)]
pub(crate) struct OverviewBody {
    counts: CountsBody,
    posture: FleetPostureBody,
    /// Most urgent first, at most 20.
    attention: Vec<AttentionBody>,
    /// How many things need someone in all: open incidents, appliances that are offline, and sites of which nothing is known.
    attention_total: u64,
    /// At how many sites.
    attention_sites: u64,
    /// Worst first, at most 20.
    sites: Vec<SiteSummaryBody>,
    healing_24h: HealingBody,
}

/// The fleet at a glance.
#[utoipa::path(get, path = "/api/overview", tag = "sites",
    responses((status = 200, body = OverviewBody, description = "The overview")))]
pub(crate) async fn overview(call: Call) -> ApiResult<Json<OverviewBody>> {
    let (now, catalog) = (call.at, call.app().catalog());
    let day_ago = now - TimeDelta::hours(24);
    let mut scope = call.scope().await?;
    // Before anything is summed up.
    if renew_expired(&mut scope, catalog, now).await? {
        scope.commit_unaudited().await?;
        scope = call.scope().await?;
    }
    let counts = scope.fleet_counts(now - ONLINE_FOR, now - STALE_FOR, day_ago).await?;
    let posture = scope.fleet_posture(now).await?;
    let healing = scope.healing_counts(day_ago).await?;
    let worst = IncidentFilter { order: IncidentOrder::Worst, ..IncidentFilter::default() };
    let incidents = scope.incidents(&worst, &PageRequest { limit: NAMED, after: None }).await?.items;
    let offline = scope.offline_appliances(now - STALE_FOR, NAMED.into()).await?;
    let unmeasured = scope.unmeasured_sites(NAMED.into()).await?;
    let page = PageRequest { limit: NAMED, after: None };
    let mut sites = scope.sites_by_risk(&SiteFilter::default(), &page).await?.items;
    renew_shown(&call, scope, &mut sites).await?;
    Ok(Json(OverviewBody {
        posture: FleetPostureBody::of(posture, counts.assets),
        attention_total: counts.open_incidents + counts.offline + counts.unmeasured,
        attention_sites: counts.needy_sites,
        counts: counts.into(),
        attention: attention(catalog, now, &incidents, offline, unmeasured),
        sites: sites.into_iter().map(|site| SiteSummaryBody::of(site, catalog, now)).collect(),
        healing_24h: healing.into(),
    }))
}

/// What waits for a person first, then the most severe, then the oldest.
fn attention(
    catalog: &Catalog,
    now: Timestamp,
    incidents: &[IncidentRow],
    offline: Vec<OfflineAppliance>,
    unmeasured: Vec<UnmeasuredSite>,
) -> Vec<AttentionBody> {
    let mut all: Vec<_> = incidents.iter().map(|incident| of_incident(catalog, now, incident)).collect();
    all.extend(offline.into_iter().map(of_offline));
    all.extend(unmeasured.into_iter().map(of_unmeasured));
    all.sort_by(|a, b| b.urgency.cmp(&a.urgency).then(a.since.cmp(&b.since)));
    all.truncate(NAMED.into());
    all
}

fn of_incident(catalog: &Catalog, now: Timestamp, incident: &IncidentRow) -> AttentionBody {
    let (kind, rank) = match incident.state {
        State::AwaitingApproval => ("awaiting_approval", 2),
        State::Escalated => ("escalated", 2),
        State::Open
        | State::Healing
        | State::Verifying
        | State::Suppressed
        | State::Resolved
        | State::Closed => ("incident", 1),
    };
    AttentionBody {
        kind,
        severity: incident.severity.as_str(),
        title: catalog
            .check(&incident.check)
            .map_or_else(|| incident.check.clone(), |check| check.title.clone()),
        detail: format!("{}: {}", incident.asset_name, explain(catalog, incident, now)),
        site_id: incident.site.to_string(),
        site_name: incident.site_name.clone(),
        org_name: incident.org_name.clone(),
        incident_id: Some(incident.id.to_string()),
        since: incident.opened_at,
        urgency: (rank, incident.severity),
    }
}

fn of_offline(appliance: OfflineAppliance) -> AttentionBody {
    AttentionBody {
        kind: "offline",
        severity: Severity::High.as_str(),
        title: format!("{} is offline", appliance.hostname),
        detail: "It has not checked in, so what is known of this site is getting old.".to_owned(),
        site_id: appliance.site.to_string(),
        site_name: appliance.site_name,
        org_name: appliance.org_name,
        incident_id: None,
        since: appliance.last_seen_at,
        urgency: (1, Severity::High),
    }
}

fn of_unmeasured(site: UnmeasuredSite) -> AttentionBody {
    AttentionBody {
        kind: "unmeasured",
        severity: Severity::Medium.as_str(),
        title: format!("Nothing is known of {}", site.name),
        detail: format!("{} machine(s), and no measurement that is recent enough.", site.assets),
        site_id: site.site.to_string(),
        site_name: site.name,
        org_name: site.org_name,
        incident_id: None,
        since: site.since,
        urgency: (1, Severity::Medium),
    }
}

impl From<FleetCounts> for CountsBody {
    fn from(counts: FleetCounts) -> Self {
        Self {
            organisations: counts.organisations,
            sites: counts.sites,
            appliances_online: counts.online,
            appliances_stale: counts.stale,
            appliances_offline: counts.offline,
            appliances_pending: counts.pending,
            assets: counts.assets,
            open_incidents: counts.open_incidents,
            resolved_24h: counts.resolved_24h,
        }
    }
}

impl FleetPostureBody {
    /// Sites without a machine count, as not assessed, once there is one anywhere.
    fn of(fleet: FleetPosture, assets: u64) -> Self {
        let score = Fraction::of(fleet.passing_weight, fleet.applicable_weight).filter(|_| assets > 0);
        let score = percent(score);
        let assessed = fleet.pass + fleet.fail;
        Self {
            score,
            excepted_score: score,
            coverage: Fraction::of(assessed, assessed + fleet.not_assessed + fleet.stale)
                .map(Fraction::value),
            pass: fleet.pass,
            fail: fleet.fail,
            not_assessed: fleet.not_assessed,
            stale: fleet.stale,
            not_applicable: fleet.not_applicable,
        }
    }
}

impl From<HealingCounts> for HealingBody {
    fn from(counts: HealingCounts) -> Self {
        Self {
            l1_resolved: counts.l1_resolved,
            l1_not_effective: counts.l1_not_effective,
            escalated: counts.escalated,
            awaiting_approval: counts.awaiting_approval,
        }
    }
}
