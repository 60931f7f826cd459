//! How sites stand: the resolver, the row per site that lists read, and the pages that show it.
//!
//! A site's row is written in the transaction that changes its evidence. It says until when it holds; after that the
//! passing of time has changed something, and whoever is about to show it renews it first.

mod bodies;
mod overview;
mod posture;
pub(crate) mod resolver;
mod sites;

use std::collections::HashMap;

use chrono::TimeDelta;
use proofline_authz::Action;
use proofline_catalog::{AssetRole, Catalog};
use proofline_core::{OrgId, SiteId, Timestamp};
use proofline_store::{Asset, ControlCounts, Scope, SitePosture, SpanVerdict};
use utoipa_axum::routes;

use crate::AppState;
use crate::http::{Access, Api, ApiResult, RateClass};
use resolver::{AssetFacts, Breadth, Held, Posture, Totals, platform_of};

/// How many expired rows one transaction renews: evidence for these sites waits meanwhile.
const RENEWED_AT_ONCE: i64 = 100;

/// How many transactions one run makes; what is left then is next.
const MOST_ROUNDS: usize = 200;

/// How early a row is renewed. What was confirmed since extends it, so that nobody meets an expired one.
const AHEAD: TimeDelta = TimeDelta::minutes(2);

pub(crate) fn routes(api: Api) -> Api {
    api.route(Access::Person(Action::OverviewRead), RateClass::Read, routes!(overview::overview))
        .route(Access::Person(Action::SiteRead), RateClass::Read, routes!(sites::list))
        .route(Access::Person(Action::SiteRead), RateClass::Read, routes!(sites::detail))
        .route(Access::Person(Action::SiteRead), RateClass::Read, routes!(sites::assets))
        .route(Access::Person(Action::SiteRead), RateClass::Read, routes!(posture::posture))
}

/// Resolves a site anew and writes its row, inside the caller's scope.
pub(crate) async fn refresh(
    scope: &mut Scope,
    catalog: &Catalog,
    org: OrgId,
    site: SiteId,
    at: Timestamp,
) -> ApiResult<()> {
    renew(scope, catalog, &[(org, site)], at).await.map(drop)
}

/// Job: renews rows that the passing of time has overtaken.
pub(crate) async fn refresh_expired(app: &AppState) -> ApiResult<String> {
    let (mut renewed, begun) = (0, app.now());
    for _ in 0..MOST_ROUNDS {
        let mut scope = app.background_scope("posture").await?;
        let expired = scope.expired_postures(begun + AHEAD, begun, RENEWED_AT_ONCE).await?;
        if expired.is_empty() {
            break;
        }
        renew(&mut scope, app.catalog(), &expired, app.now()).await?;
        scope.commit_unaudited().await?;
        for (org, site) in &expired {
            app.events().site_changed(*org, *site);
        }
        renewed += expired.len();
    }
    Ok(format!("{renewed} renewed"))
}

/// Renews the rows within reach that no longer hold, so that sums over them are true. More than one run's worth is left to
/// the job, and counts as stale until then.
async fn renew_expired(scope: &mut Scope, catalog: &Catalog, at: Timestamp) -> ApiResult<bool> {
    let expired = scope.expired_postures(at, at, RENEWED_AT_ONCE).await?;
    if expired.is_empty() {
        return Ok(false);
    }
    renew(scope, catalog, &expired, at).await?;
    Ok(true)
}

/// Resolves sites anew and writes their rows: five queries, however many sites.
async fn renew(
    scope: &mut Scope,
    catalog: &Catalog,
    sites: &[(OrgId, SiteId)],
    at: Timestamp,
) -> ApiResult<Vec<SitePosture>> {
    scope.lock_postures(sites).await?;
    let assets = by_site(scope.assets_of(sites).await?, |asset| asset.site);
    let verdicts = by_site(scope.span_verdicts(sites).await?, |verdict| verdict.site);
    let incidents: HashMap<_, _> = scope.live_incident_counts(sites).await?.into_iter().collect();
    let rows: Vec<SitePosture> = sites
        .iter()
        .map(|&(org, site)| {
            let facts: Vec<_> = assets.get(&site).into_iter().flatten().map(facts).collect();
            let held: Vec<_> = verdicts.get(&site).into_iter().flatten().map(held).collect();
            let posture = resolver::resolve(catalog, Breadth::Site, &facts, &held, at);
            row(org, site, at, &posture, facts.len(), incidents.get(&site).copied().unwrap_or_default())
        })
        .collect();
    scope.put_postures(&rows).await?;
    Ok(rows)
}

fn by_site<T>(rows: Vec<T>, site: impl Fn(&T) -> SiteId) -> HashMap<SiteId, Vec<T>> {
    let mut groups: HashMap<SiteId, Vec<T>> = HashMap::new();
    for row in rows {
        groups.entry(site(&row)).or_default().push(row);
    }
    groups
}

fn held(span: &SpanVerdict) -> Held<'_> {
    Held {
        asset: span.asset,
        check: &span.check,
        verdict: span.verdict,
        confirmed_at: span.last_confirmed_at,
    }
}

fn row(
    org: OrgId,
    site: SiteId,
    at: Timestamp,
    posture: &Posture<'_>,
    assets: usize,
    open_incidents: i64,
) -> SitePosture {
    let totals = posture.totals();
    SitePosture {
        org,
        site,
        computed_at: at,
        valid_until: posture.valid_until,
        controls: counts(&totals),
        strip: posture.strip(),
        risk: signed(totals.risk),
        assets: i32::try_from(assets).unwrap_or(i32::MAX),
        open_incidents: i32::try_from(open_incidents).unwrap_or(i32::MAX),
    }
}

fn counts(totals: &Totals) -> ControlCounts {
    ControlCounts {
        pass: signed(totals.pass),
        fail: signed(totals.fail),
        not_assessed: signed(totals.not_assessed),
        stale: signed(totals.stale),
        not_applicable: signed(totals.not_applicable),
        passing_weight: signed(totals.passing_weight),
        applicable_weight: signed(totals.applicable_weight),
    }
}

fn signed(number: u32) -> i32 {
    i32::try_from(number).unwrap_or(i32::MAX)
}

/// An asset as the resolver sees it.
fn facts(asset: &Asset) -> AssetFacts {
    AssetFacts {
        id: asset.id,
        platform: platform_of(&asset.kind, &asset.platform),
        roles: asset.role.split([',', ' ']).filter_map(|role| role.parse::<AssetRole>().ok()).collect(),
        confirmed_at: asset.confirmed_at,
    }
}
