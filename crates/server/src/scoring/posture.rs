//! A site's posture, control by control, now or as of any day.

use std::collections::HashMap;

use axum::Json;
use chrono::{DateTime, Utc};
use proofline_core::{AssetId, Freshness, SiteId, Timestamp};
use proofline_store::{Asset, Span};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::bodies::percent;
use super::facts;
use super::resolver::{Breadth, Cell, Held, resolve};
use crate::http::{ApiResult, Call, Id, Problem, Query, QueryTime};

/// The rule in force; readiness for proposals is a separate profile and never mixed in.
const PROFILE: &str = "hipaa-current";

/// As of when, and of what.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct PostureQuery {
    /// RFC 3339; now unless told.
    #[param(value_type = Option<DateTime<Utc>>)]
    as_of: Option<QueryTime>,
    /// Only this asset.
    asset_id: Option<String>,
}

/// One check on one asset, with the evidence behind it.
#[derive(Serialize, ToSchema)]
pub(super) struct PostureCheckBody {
    asset_id: String,
    asset_name: String,
    check_id: String,
    title: String,
    /// `low`, `medium`, `high` or `critical`.
    severity: &'static str,
    /// `pass`, `fail`, `unknown`, `error` or `not_applicable`; `unknown` too where nothing was measured yet.
    verdict: &'static str,
    /// `fresh` or `stale`; what was never measured is stale.
    freshness: &'static str,
    /// Since when the verdict holds; null where nothing was measured yet.
    since: Option<DateTime<Utc>>,
    /// When it was last confirmed.
    last_confirmed_at: Option<DateTime<Utc>>,
    /// The log entry that says so; null where nothing was measured yet.
    entry_index: Option<u64>,
    /// The log entry behind `last_confirmed_at`; null where nothing was measured yet.
    confirmed_index: Option<u64>,
    reason: String,
    observed: String,
    expected: String,
    /// How much the check says about the control: `full`, `partial` or `supporting`.
    strength: &'static str,
}

/// One control with the checks behind its state.
#[derive(Serialize, ToSchema)]
pub(super) struct PostureControlBody {
    /// Such as `164.312(a)(1)`.
    id: String,
    title: String,
    /// The same as a question that practice staff would ask.
    plain_title: String,
    /// `standard`, `required` or `addressable`.
    kind: &'static str,
    /// `automated`, `hybrid`, `attestation` or `not_covered`.
    coverage_kind: &'static str,
    coverage_reason: String,
    /// `low`, `medium`, `high` or `critical`.
    severity: &'static str,
    /// `pass`, `fail`, `not_assessed`, `stale`, `not_applicable` or `not_covered`.
    state: &'static str,
    checks: Vec<PostureCheckBody>,
}

/// How a site stood at one instant.
#[derive(Serialize, ToSchema)]
pub(crate) struct PostureBody {
    as_of: DateTime<Utc>,
    /// 0 to 100; null where nothing applies, or where there is nothing to measure.
    score: Option<f64>,
    /// The same with accepted risks taken out. No risk can be accepted yet, so it is the score.
    excepted_score: Option<f64>,
    /// Assessed of applicable controls, 0 to 1; null where nothing applies.
    coverage: Option<f64>,
    /// Which reading of the rule.
    profile: &'static str,
    controls: Vec<PostureControlBody>,
}

/// A site's posture.
#[utoipa::path(get, path = "/api/sites/{site_id}/posture", tag = "sites",
    params(("site_id" = String, Path, description = "Site"), PostureQuery),
    responses((status = 200, body = PostureBody, description = "The posture")))]
pub(crate) async fn posture(
    call: Call,
    Id(id): Id<SiteId>,
    Query(query): Query<PostureQuery>,
) -> ApiResult<Json<PostureBody>> {
    let only = query.asset_id.map(|text| text.parse::<AssetId>()).transpose();
    let only = only.map_err(|error| Problem::invalid("asset_id", "id_invalid", error.to_string()))?;
    let as_of = query.as_of.map_or(call.at, |QueryTime(at)| at);
    if as_of > call.at {
        return Err(Problem::invalid("as_of", "in_the_future", "Nobody knows the posture of a day to come."));
    }
    let mut scope = call.scope().await?;
    let site = scope.site(id).await?;
    let mut assets = match query.as_of {
        Some(QueryTime(at)) => scope.assets_as_of(site.org, id, at).await?,
        None => scope.assets_of(&[(site.org, id)]).await?,
    };
    if let Some(only) = only {
        assets.retain(|asset| asset.id == only);
        if assets.is_empty() {
            return Err(Problem::not_found());
        }
    }
    let spans = match query.as_of {
        Some(QueryTime(at)) => scope.spans_as_of(site.org, id, at).await?,
        None => {
            scope
                .current_spans(site.org, id, &assets.iter().map(|asset| asset.id).collect::<Vec<_>>())
                .await?
        }
    };
    let breadth = if only.is_some() { Breadth::Asset } else { Breadth::Site };
    Ok(Json(body(&call, breadth, &assets, &spans, as_of)))
}

fn body(call: &Call, breadth: Breadth, assets: &[Asset], spans: &[Span], as_of: Timestamp) -> PostureBody {
    let facts: Vec<_> = assets.iter().map(facts).collect();
    let held: Vec<_> = spans.iter().map(|span| held(span, as_of)).collect();
    let posture = resolve(call.app().catalog(), breadth, &facts, &held, as_of);
    let totals = posture.totals();
    let page = Page {
        as_of,
        assets: assets.iter().map(|asset| (asset.id, asset)).collect(),
        spans: spans.iter().map(|span| ((span.asset, span.check.as_str()), span)).collect(),
    };
    let controls = posture.controls.iter().map(|resolved| {
        let control = resolved.control;
        PostureControlBody {
            id: control.id.clone(),
            title: control.title.clone(),
            plain_title: control.plain_title.clone(),
            kind: control.kind.as_str(),
            coverage_kind: control.coverage.kind.as_str(),
            coverage_reason: control.coverage.reason.clone(),
            severity: control.severity.as_str(),
            state: resolved.state.as_str(),
            checks: resolved
                .cells
                .iter()
                .map(|&place| page.check(&posture.cells[place], &control.id))
                .collect(),
        }
    });
    PostureBody {
        as_of,
        score: percent(totals.score()),
        excepted_score: percent(totals.score()),
        coverage: totals.coverage().map(proofline_core::Fraction::value),
        profile: PROFILE,
        controls: controls.collect(),
    }
}

/// When a span was last named, as far as was known at `as_of`.
fn confirmed(span: &Span, as_of: Timestamp) -> Timestamp {
    if span.last_confirmed_at <= as_of { span.last_confirmed_at } else { span.from_at }
}

fn held(span: &Span, as_of: Timestamp) -> Held<'_> {
    Held {
        asset: span.asset,
        check: &span.check,
        verdict: span.verdict,
        confirmed_at: confirmed(span, as_of),
    }
}

/// What a cell's details are looked up in.
struct Page<'a> {
    as_of: DateTime<Utc>,
    assets: HashMap<AssetId, &'a Asset>,
    spans: HashMap<(AssetId, &'a str), &'a Span>,
}

impl Page<'_> {
    fn check(&self, cell: &Cell<'_>, control: &str) -> PostureCheckBody {
        let asset = self.assets.get(&cell.asset);
        let span = self.spans.get(&(cell.asset, cell.check.id.as_str()));
        let strength = cell.check.controls.iter().find(|link| link.control == control);
        PostureCheckBody {
            asset_id: cell.asset.to_string(),
            asset_name: asset.map(|asset| asset.name.clone()).unwrap_or_default(),
            check_id: cell.check.id.clone(),
            title: cell.check.title.clone(),
            severity: cell.check.severity.as_str(),
            verdict: cell.verdict.map_or("unknown", |verdict| verdict.as_str()),
            freshness: match cell.freshness {
                Some(Freshness::Fresh) => "fresh",
                Some(Freshness::Stale) | None => "stale",
            },
            since: span.map(|span| span.from_at),
            last_confirmed_at: cell.confirmed_at,
            entry_index: span.map(|span| self.entry(span)),
            confirmed_index: span.map(|span| self.confirming_entry(span, asset.copied())),
            reason: span.map_or_else(|| "Not measured yet.".to_owned(), |span| span.reason.clone()),
            observed: span.map(|span| span.observed.clone()).unwrap_or_default(),
            expected: span.map_or_else(|| cell.check.expected.clone(), |span| span.expected.clone()),
            strength: strength.map_or("supporting", |link| link.strength.as_str()),
        }
    }

    /// The entry that confirmed the cell last: of the whole asset, or of this check.
    fn confirming_entry(&self, span: &Span, asset: Option<&Asset>) -> u64 {
        let whole = asset.and_then(|asset| asset.confirmed_at.zip(asset.confirmed_index));
        match whole {
            Some((at, index)) if at > confirmed(span, self.as_of) => index,
            Some(_) | None => self.entry(span),
        }
    }

    /// The entry that named the check last, as far as was known then.
    fn entry(&self, span: &Span) -> u64 {
        if span.last_confirmed_at <= self.as_of { span.last_index } else { span.from_index }
    }
}
