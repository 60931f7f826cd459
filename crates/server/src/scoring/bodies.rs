//! How a site and its posture look on the wire.

use chrono::{DateTime, Utc};
use proofline_catalog::Catalog;
use proofline_core::{Fraction, Timestamp};
use proofline_store::{ControlCounts, SitePosture, SiteSummary};
use serde::Serialize;
use utoipa::ToSchema;

use super::resolver::ControlState;
use crate::appliances::status;

/// Controls in each state. Controls that this product neither measures nor records are in none.
#[derive(Serialize, ToSchema)]
pub(super) struct ControlCountsBody {
    pass: i32,
    fail: i32,
    not_assessed: i32,
    stale: i32,
    not_applicable: i32,
}

impl From<ControlCounts> for ControlCountsBody {
    fn from(counts: ControlCounts) -> Self {
        Self {
            pass: counts.pass,
            fail: counts.fail,
            not_assessed: counts.not_assessed,
            stale: counts.stale,
            not_applicable: counts.not_applicable,
        }
    }
}

/// A site with how it stands.
#[derive(Serialize, ToSchema)]
pub(super) struct SiteSummaryBody {
    /// Prefixed id.
    id: String,
    name: String,
    org_id: String,
    org_name: String,
    partner_name: String,
    /// Assets in use.
    asset_count: i32,
    /// 0 to 100; null where nothing applies, or where there is nothing to measure.
    score: Option<f64>,
    /// Assessed of applicable controls, 0 to 1; null where nothing applies.
    coverage: Option<f64>,
    controls: ControlCountsBody,
    /// The state of each control, in the catalogue's order: `pass`, `fail`, `not_assessed`, `stale`, `not_applicable` or
    /// `not_covered`.
    strip: Vec<&'static str>,
    /// Incidents that someone or something must act on.
    open_incidents: i32,
    /// Of the appliance that is worst off: `online`, `stale`, `offline`, `pending`; `none` without an appliance.
    appliance_status: &'static str,
    /// When the last evidence came in.
    last_evidence_at: Option<DateTime<Utc>>,
}

impl SiteSummaryBody {
    /// As of `now`. What the row says of controls holds only until its `valid_until`: whoever calls has renewed it; if that
    /// was not possible, nothing is taken for granted.
    pub(super) fn of(summary: SiteSummary, catalog: &Catalog, now: Timestamp) -> Self {
        let SitePosture { org, site, controls, strip, assets, open_incidents, .. } = summary.posture.clone();
        let holds = holds(&summary.posture, catalog, now);
        let controls = if holds { controls } else { controls.gone_stale() };
        Self {
            id: site.to_string(),
            name: summary.name,
            org_id: org.to_string(),
            org_name: summary.org_name,
            partner_name: summary.partner_name,
            asset_count: assets,
            score: score(assets, controls.passing_weight, controls.applicable_weight),
            coverage: coverage(&controls),
            strip: strip.chars().map(|letter| strip_state(letter, holds).as_str()).collect(),
            controls: controls.into(),
            open_incidents,
            appliance_status: match (summary.appliances, summary.unseen) {
                (0, _) => "none",
                (_, 0) => status(summary.longest_unseen_since, now),
                (_, _) => match status(summary.longest_unseen_since, now) {
                    worse @ ("offline" | "stale") => worse,
                    _ => "pending",
                },
            },
            last_evidence_at: summary.last_evidence_at,
        }
    }
}

/// Whether a row may be shown as it is: not overtaken by time, nor by another catalogue.
pub(super) fn holds(posture: &SitePosture, catalog: &Catalog, now: Timestamp) -> bool {
    now < posture.valid_until && posture.strip.len() == catalog.controls().len()
}

fn strip_state(letter: char, holds: bool) -> ControlState {
    match (ControlState::of_letter(letter), holds) {
        (ControlState::Pass | ControlState::Fail, false) => ControlState::Stale,
        (state, _) => state,
    }
}

/// On the scale of screens, 0 to 100; none where there are no assets.
fn score(assets: i32, passing_weight: i32, applicable_weight: i32) -> Option<f64> {
    let score = Fraction::of(unsigned(passing_weight), unsigned(applicable_weight));
    percent(score.filter(|_| assets > 0))
}

/// On the scale of screens, 0 to 100.
pub(super) fn percent(fraction: Option<Fraction>) -> Option<f64> {
    fraction.map(|fraction| fraction.value() * 100.0)
}

fn coverage(controls: &ControlCounts) -> Option<f64> {
    let assessed = controls.pass + controls.fail;
    let applicable = assessed + controls.not_assessed + controls.stale;
    Fraction::of(unsigned(assessed), unsigned(applicable)).map(Fraction::value)
}

fn unsigned(number: i32) -> u64 {
    u64::try_from(number).unwrap_or(0)
}
