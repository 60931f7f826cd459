//! Sites: the list, one site, its assets.

use std::collections::HashMap;

use axum::Json;
use chrono::{DateTime, Utc};
use proofline_core::{Freshness, SiteId, Verdict};
use proofline_evidence::{Digest, merkle};
use proofline_store::{
    ApplianceFilter, Asset, Page, PageRequest, Scope, SiteFilter, SiteSummary, SpanVerdict,
};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::bodies::{SiteSummaryBody, holds};
use super::{facts, renew};
use crate::appliances::ApplianceBody;
use crate::http::{ApiResult, Call, Id, Listing, PageQuery, Problem, Query, page_request};

/// Which sites, in which order.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct SitesQuery {
    /// `risk` (worst first, the default) or `name`.
    #[param(pattern = "^(risk|name)$")]
    sort: Option<String>,
    /// Part of the name of the site or of its organisation.
    q: Option<String>,
    /// 1 to 200; 50 unless told.
    #[param(minimum = 1, maximum = 200)]
    limit: Option<u16>,
    /// `next_cursor` of the page before.
    cursor: Option<String>,
}

/// Sites with how they stand.
#[utoipa::path(get, path = "/api/sites", tag = "sites", params(SitesQuery),
    responses((status = 200, body = Listing<SiteSummaryBody>, description = "A page")))]
pub(crate) async fn list(
    call: Call,
    Query(query): Query<SitesQuery>,
) -> ApiResult<Json<Listing<SiteSummaryBody>>> {
    let filter = SiteFilter { contains: query.q.filter(|text| !text.is_empty()) };
    let (limit, cursor) = (query.limit, query.cursor.as_deref());
    let mut scope = call.scope().await?;
    let mut page = match query.sort.as_deref() {
        None | Some("risk") => scope.sites_by_risk(&filter, &page_request(limit, cursor)?).await?,
        Some("name") => scope.sites_by_name(&filter, &page_request(limit, cursor)?).await?,
        Some(_) => return Err(Problem::invalid("sort", "unknown", "Sort by risk or by name.")),
    };
    renew_shown(&call, scope, &mut page.items).await?;
    Ok(Json(listing(&call, page)))
}

fn listing(call: &Call, page: Page<SiteSummary>) -> Listing<SiteSummaryBody> {
    let catalog = call.app().catalog();
    Listing::from_page(page, |summary| SiteSummaryBody::of(summary, catalog, call.at))
}

/// Renews those of `sites` whose rows no longer hold, all in the same queries, and ends the scope.
pub(super) async fn renew_shown(call: &Call, mut scope: Scope, sites: &mut [SiteSummary]) -> ApiResult<()> {
    let catalog = call.app().catalog();
    let expired: Vec<_> = sites
        .iter()
        .filter(|site| !holds(&site.posture, catalog, call.at))
        .map(|site| (site.posture.org, site.posture.site))
        .collect();
    if expired.is_empty() {
        return Ok(());
    }
    let renewed = renew(&mut scope, catalog, &expired, call.at).await?;
    scope.commit_unaudited().await?;
    let mut renewed: HashMap<_, _> = renewed.into_iter().map(|posture| (posture.site, posture)).collect();
    for site in sites {
        if let Some(posture) = renewed.remove(&site.posture.site) {
            site.posture = posture;
        }
    }
    Ok(())
}

/// A name with its id.
#[derive(Serialize, ToSchema)]
pub(super) struct Named {
    id: String,
    name: String,
}

/// Where a site's evidence log stands.
#[derive(Serialize, ToSchema)]
pub(super) struct LogBody {
    /// Entries.
    size: u64,
    /// Merkle root over them, in hex.
    root: String,
    /// Entries that are published.
    published_size: u64,
    /// When they were.
    published_at: Option<DateTime<Utc>>,
}

/// One site.
#[derive(Serialize, ToSchema)]
pub(crate) struct SiteDetailBody {
    #[serde(flatten)]
    summary: SiteSummaryBody,
    /// IANA name.
    timezone: String,
    org: Named,
    partner: Named,
    /// The newest hundred.
    appliances: Vec<ApplianceBody>,
    created_at: DateTime<Utc>,
    log: LogBody,
}

/// One site with its appliances and the head of its log.
#[utoipa::path(get, path = "/api/sites/{site_id}", tag = "sites",
    params(("site_id" = String, Path, description = "Site")),
    responses((status = 200, body = SiteDetailBody, description = "The site")))]
pub(crate) async fn detail(call: Call, Id(id): Id<SiteId>) -> ApiResult<Json<SiteDetailBody>> {
    let catalog = call.app().catalog();
    let mut scope = call.scope().await?;
    let site = scope.site(id).await?;
    let mut summary = [scope.site_summary(site.org, id).await?];
    let filter = ApplianceFilter { site: Some(id), ..ApplianceFilter::default() };
    let appliances = scope.appliances(&filter, &PageRequest { limit: 100, after: None }).await?;
    let head = scope.log_head(site.org, id).await?;
    renew_shown(&call, scope, &mut summary).await?;
    let [summary] = summary;
    Ok(Json(SiteDetailBody {
        summary: SiteSummaryBody::of(summary, catalog, call.at),
        timezone: site.timezone,
        org: Named { id: site.org.to_string(), name: site.org_name },
        partner: Named { id: site.partner.to_string(), name: site.partner_name },
        appliances: appliances
            .items
            .into_iter()
            .map(|appliance| ApplianceBody::of(appliance, call.at, catalog.digest()))
            .collect(),
        created_at: site.created_at,
        log: LogBody {
            size: head.as_ref().map_or(0, |head| head.size),
            root: head
                .as_ref()
                .map_or_else(merkle::empty_root, |head| Digest::from_bytes(head.root))
                .to_string(),
            published_size: head.as_ref().map_or(0, |head| head.published_size),
            published_at: head.and_then(|head| head.published_at),
        },
    }))
}

/// Checks of an asset by verdict. What was measured too long ago counts as `stale` and as nothing else.
#[derive(Serialize, Default, ToSchema)]
pub(super) struct CheckCountsBody {
    pass: u32,
    fail: u32,
    unknown: u32,
    error: u32,
    not_applicable: u32,
    stale: u32,
}

/// A machine or service that is checked.
#[derive(Serialize, ToSchema)]
pub(crate) struct AssetBody {
    /// Prefixed id.
    id: String,
    name: String,
    /// `appliance`, `server`, `workstation`, `network_device` or `cloud_account`.
    kind: String,
    platform: String,
    role: String,
    checks: CheckCountsBody,
    /// When a signed statement last confirmed the whole state.
    last_confirmed_at: Option<DateTime<Utc>>,
}

/// The assets of a site, oldest first.
#[utoipa::path(get, path = "/api/sites/{site_id}/assets", tag = "sites",
    params(("site_id" = String, Path, description = "Site"), PageQuery),
    responses((status = 200, body = Listing<AssetBody>, description = "A page")))]
pub(crate) async fn assets(
    call: Call,
    Id(id): Id<SiteId>,
    Query(query): Query<PageQuery>,
) -> ApiResult<Json<Listing<AssetBody>>> {
    let mut scope = call.scope().await?;
    let site = scope.site(id).await?;
    let page = scope.assets(site.org, id, &query.request()?).await?;
    let verdicts = scope.span_verdicts(&[(site.org, id)]).await?;
    Ok(Json(Listing::from_page(page, |asset| asset_body(&call, asset, &verdicts))))
}

fn asset_body(call: &Call, asset: Asset, verdicts: &[SpanVerdict]) -> AssetBody {
    let catalog = call.app().catalog();
    let confirmed = facts(&asset).confirmed_at;
    let mut checks = CheckCountsBody::default();
    for span in verdicts.iter().filter(|span| span.asset == asset.id) {
        let last = confirmed.map_or(span.last_confirmed_at, |whole| whole.max(span.last_confirmed_at));
        let count = match (Freshness::judge(last, call.at, catalog.fresh_for(&span.check)), span.verdict) {
            (Freshness::Stale, _) => &mut checks.stale,
            (Freshness::Fresh, Verdict::Pass) => &mut checks.pass,
            (Freshness::Fresh, Verdict::Fail) => &mut checks.fail,
            (Freshness::Fresh, Verdict::Unknown) => &mut checks.unknown,
            (Freshness::Fresh, Verdict::Error) => &mut checks.error,
            (Freshness::Fresh, Verdict::NotApplicable) => &mut checks.not_applicable,
        };
        *count += 1;
    }
    AssetBody {
        id: asset.id.to_string(),
        name: asset.name,
        kind: asset.kind,
        platform: asset.platform,
        role: asset.role,
        checks,
        last_confirmed_at: confirmed,
    }
}
