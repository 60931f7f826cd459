//! From spans to a posture: the one resolver behind every score, strip and page.
//!
//! What it promises, each held by a property test:
//! - a control passes only where every applicable check has a fresh passing span, and there is at least one;
//! - `unknown`, `error`, stale and missing are never a pass; they stay in the denominator;
//! - what only a person can state is never met by a check, whatever it finds;
//! - one more failing check never raises a score;
//! - a site without a machine is not assessed: taking its machines away takes nothing out of the denominator;
//! - no score where nothing applies, or where there is nothing to measure.
//!
//! It knows nothing of databases, requests or of how a span came about. Time is a parameter: the same function tells how
//! a site stood on any day.

use std::collections::HashMap;

use chrono::TimeDelta;
use proofline_catalog::{AssetRole, Catalog, Check, Control, CoverageKind, Platform};
use proofline_core::{AssetId, Fraction, Freshness, Timestamp, Verdict};

/// How long a posture may be shown before it is resolved anew, even where nothing goes stale earlier.
const LONGEST_VALIDITY: TimeDelta = TimeDelta::hours(1);

/// What the resolver needs to know of an asset.
#[derive(Debug, Clone)]
pub(crate) struct AssetFacts {
    /// Which.
    pub(crate) id: AssetId,
    /// What kind of system it is.
    pub(crate) platform: Platform,
    /// What it is for.
    pub(crate) roles: Vec<AssetRole>,
    /// When its whole state was last confirmed.
    pub(crate) confirmed_at: Option<Timestamp>,
}

/// One verdict that held at the instant in question.
#[derive(Debug, Clone)]
pub(crate) struct Held<'a> {
    /// On what.
    pub(crate) asset: AssetId,
    /// Which check.
    pub(crate) check: &'a str,
    /// The verdict.
    pub(crate) verdict: Verdict,
    /// When a statement last named the check.
    pub(crate) confirmed_at: Timestamp,
}

/// What a check on an asset counts as. Ordered from best to worst, so that the worst is the maximum.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum CheckState {
    /// Without a meaning here.
    NotApplicable,
    /// Freshly measured, as expected.
    Pass,
    /// Measured too long ago.
    Stale,
    /// Not measured: no verdict yet, `unknown` or `error`.
    NotAssessed,
    /// Freshly measured, not as expected.
    Fail,
}

/// What a control counts as.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum ControlState {
    /// Every applicable check passes, and checks are what decides it.
    Pass,
    /// At least one fails.
    Fail,
    /// At least one was not measured, and none fails; or there is no machine to measure.
    NotAssessed,
    /// At least one was measured too long ago, and nothing is worse.
    Stale,
    /// Nothing of it has a meaning here.
    NotApplicable,
    /// This product neither measures nor records it.
    NotCovered,
}

impl ControlState {
    /// The spelling on the wire.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Pass => "pass",
            Self::Fail => "fail",
            Self::NotAssessed => "not_assessed",
            Self::Stale => "stale",
            Self::NotApplicable => "not_applicable",
            Self::NotCovered => "not_covered",
        }
    }

    /// The letter in a strip.
    pub(crate) const fn letter(self) -> char {
        match self {
            Self::Pass => 'p',
            Self::Fail => 'f',
            Self::NotAssessed => 'u',
            Self::Stale => 's',
            Self::NotApplicable => 'n',
            Self::NotCovered => 'c',
        }
    }

    /// The state of a letter in a strip. An unknown letter promises nothing.
    pub(crate) const fn of_letter(letter: char) -> Self {
        match letter {
            'p' => Self::Pass,
            'f' => Self::Fail,
            's' => Self::Stale,
            'n' => Self::NotApplicable,
            'c' => Self::NotCovered,
            _ => Self::NotAssessed,
        }
    }

    /// The state that the worst of a control's checks gives it.
    const fn of_worst(worst: CheckState) -> Self {
        match worst {
            CheckState::NotApplicable => Self::NotApplicable,
            CheckState::Pass => Self::Pass,
            CheckState::Stale => Self::Stale,
            CheckState::NotAssessed => Self::NotAssessed,
            CheckState::Fail => Self::Fail,
        }
    }
}

/// One check on one asset.
#[derive(Debug, Clone)]
pub(crate) struct Cell<'a> {
    /// On what.
    pub(crate) asset: AssetId,
    /// Which check.
    pub(crate) check: &'a Check,
    /// The verdict that held, if one did.
    pub(crate) verdict: Option<Verdict>,
    /// Whether it was recent enough.
    pub(crate) freshness: Option<Freshness>,
    /// When it was last confirmed, by name or with the whole asset.
    pub(crate) confirmed_at: Option<Timestamp>,
    /// What that counts as.
    pub(crate) state: CheckState,
}

/// One control with the checks behind its state.
#[derive(Debug, Clone)]
pub(crate) struct ControlPosture<'a> {
    /// Which.
    pub(crate) control: &'a Control,
    /// What it counts as.
    pub(crate) state: ControlState,
    /// Its checks: indices into [`Posture::cells`].
    pub(crate) cells: Vec<usize>,
}

/// How a set of assets stood at one instant.
#[derive(Debug, Clone)]
pub(crate) struct Posture<'a> {
    /// Every control of the catalogue, in its order.
    pub(crate) controls: Vec<ControlPosture<'a>>,
    /// Every check that applies to an asset or was measured on it.
    pub(crate) cells: Vec<Cell<'a>>,
    /// Whether there is an asset at all.
    pub(crate) inhabited: bool,
    /// From this instant on something in it may have gone stale.
    pub(crate) valid_until: Timestamp,
}

/// How many controls are in a state, and what they weigh.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Totals {
    /// Controls in each state.
    pub(crate) pass: u32,
    /// See [`ControlState::Fail`].
    pub(crate) fail: u32,
    /// See [`ControlState::NotAssessed`].
    pub(crate) not_assessed: u32,
    /// See [`ControlState::Stale`].
    pub(crate) stale: u32,
    /// See [`ControlState::NotApplicable`].
    pub(crate) not_applicable: u32,
    /// Weights of the passing controls.
    pub(crate) passing_weight: u32,
    /// Weights of all that apply.
    pub(crate) applicable_weight: u32,
    /// Weights of the failing ones, four times, and of those that could be measured and are not.
    pub(crate) risk: u32,
    /// See [`Posture::inhabited`].
    pub(crate) inhabited: bool,
}

/// Whose posture: a site with all that belongs to it, or a single machine of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Breadth {
    /// Controls that only a person can vouch for count as not assessed until someone does.
    Site,
    /// Such controls are not about one machine.
    Asset,
}

/// Resolves `held` on `assets` as of `now`.
pub(crate) fn resolve<'a>(
    catalog: &'a Catalog,
    breadth: Breadth,
    assets: &[AssetFacts],
    held: &[Held<'_>],
    now: Timestamp,
) -> Posture<'a> {
    let mut by_asset: HashMap<AssetId, HashMap<&str, &Held<'_>>> = HashMap::with_capacity(assets.len());
    for verdict in held {
        by_asset.entry(verdict.asset).or_default().insert(verdict.check, verdict);
    }
    let mut cells = Vec::with_capacity(held.len());
    let mut by_control: HashMap<&str, Vec<usize>> = HashMap::with_capacity(catalog.controls().len());
    let mut valid_until = now + LONGEST_VALIDITY;
    for asset in assets {
        let verdicts = by_asset.remove(&asset.id).unwrap_or_default();
        for check in catalog.checks() {
            let held = verdicts.get(check.id.as_str()).copied();
            let expected = check.platforms.contains(&asset.platform) && check.roles.admit(&asset.roles);
            if held.is_none() && !expected {
                continue;
            }
            let cell = cell(asset, check, held, now);
            if cell.freshness == Some(Freshness::Fresh)
                && let Some(confirmed) = cell.confirmed_at
            {
                valid_until = valid_until.min(confirmed + check.fresh_for() + TimeDelta::microseconds(1));
            }
            for link in &check.controls {
                by_control.entry(link.control.as_str()).or_default().push(cells.len());
            }
            cells.push(cell);
        }
    }
    let controls = catalog
        .controls()
        .iter()
        .map(|control| {
            let behind = by_control.remove(control.id.as_str()).unwrap_or_default();
            let state = control_state(control, breadth, assets.is_empty(), &behind, &cells);
            ControlPosture { control, state, cells: behind }
        })
        .collect();
    Posture { controls, cells, inhabited: !assets.is_empty(), valid_until }
}

fn cell<'a>(asset: &AssetFacts, check: &'a Check, held: Option<&Held<'_>>, now: Timestamp) -> Cell<'a> {
    let Some(held) = held else {
        return Cell {
            asset: asset.id,
            check,
            verdict: None,
            freshness: None,
            confirmed_at: None,
            state: CheckState::NotAssessed,
        };
    };
    let confirmed = asset.confirmed_at.map_or(held.confirmed_at, |whole| whole.max(held.confirmed_at));
    let freshness = Freshness::judge(confirmed, now, check.fresh_for());
    let state = match (freshness, held.verdict) {
        (Freshness::Stale, _) => CheckState::Stale,
        (Freshness::Fresh, Verdict::Pass) => CheckState::Pass,
        (Freshness::Fresh, Verdict::Fail) => CheckState::Fail,
        (Freshness::Fresh, Verdict::Unknown | Verdict::Error) => CheckState::NotAssessed,
        (Freshness::Fresh, Verdict::NotApplicable) => CheckState::NotApplicable,
    };
    Cell {
        asset: asset.id,
        check,
        verdict: Some(held.verdict),
        freshness: Some(freshness),
        confirmed_at: Some(confirmed),
        state,
    }
}

fn control_state(
    control: &Control,
    breadth: Breadth,
    nothing_there: bool,
    behind: &[usize],
    cells: &[Cell<'_>],
) -> ControlState {
    let worst = behind.iter().map(|&place| cells[place].state).max();
    match (control.coverage.kind, breadth, worst) {
        // What only a person can state is never met by a machine's check; a check may only show that it is not met.
        (CoverageKind::Attestation, _, Some(CheckState::Fail)) => ControlState::Fail,
        (CoverageKind::Attestation, Breadth::Site, _) => ControlState::NotAssessed,
        (CoverageKind::Attestation, Breadth::Asset, _) => ControlState::NotApplicable,
        (_, _, Some(worst)) => ControlState::of_worst(worst),
        (CoverageKind::NotCovered, _, None) => ControlState::NotCovered,
        // Nobody looks: that is no reason why the rule would not apply.
        (CoverageKind::Automated | CoverageKind::Hybrid, _, None) if nothing_there => {
            ControlState::NotAssessed
        }
        (CoverageKind::Automated | CoverageKind::Hybrid, _, None) => ControlState::NotApplicable,
    }
}

impl Posture<'_> {
    /// One letter per control.
    pub(crate) fn strip(&self) -> String {
        self.controls.iter().map(|control| control.state.letter()).collect()
    }

    /// Counts and weights.
    pub(crate) fn totals(&self) -> Totals {
        let mut totals = Totals { inhabited: self.inhabited, ..Totals::default() };
        for ControlPosture { control, state, cells } in &self.controls {
            let weight = control.severity.weight();
            // What failed when it was last seen is taken to fail still: nobody does better by losing sight of it.
            let failed = cells.iter().any(|&place| self.cells[place].verdict == Some(Verdict::Fail));
            let unseen = if failed { 4 * weight } else { weight };
            match state {
                ControlState::Pass => {
                    totals.pass += 1;
                    totals.passing_weight += weight;
                }
                ControlState::Fail => {
                    totals.fail += 1;
                    totals.risk += 4 * weight;
                }
                ControlState::NotAssessed => {
                    totals.not_assessed += 1;
                    totals.risk += if cells.is_empty() { 0 } else { unseen };
                }
                ControlState::Stale => {
                    totals.stale += 1;
                    totals.risk += unseen;
                }
                ControlState::NotApplicable => totals.not_applicable += 1,
                ControlState::NotCovered => {}
            }
            if !matches!(state, ControlState::NotApplicable | ControlState::NotCovered) {
                totals.applicable_weight += weight;
            }
        }
        totals
    }
}

impl Totals {
    /// `Σ weight of passing / Σ weight of applicable`; none where nothing applies, or where there is nothing to measure.
    pub(crate) fn score(&self) -> Option<Fraction> {
        Fraction::of(self.passing_weight.into(), self.applicable_weight.into()).filter(|_| self.inhabited)
    }

    /// `assessed / applicable`, in controls; none where nothing applies.
    pub(crate) fn coverage(&self) -> Option<Fraction> {
        let assessed = self.pass + self.fail;
        Fraction::of(assessed.into(), (assessed + self.not_assessed + self.stale).into())
    }
}

/// What kind of system an asset is, from its kind and from what it says of its operating system.
pub(crate) fn platform_of(kind: &str, platform: &str) -> Platform {
    match kind {
        "network_device" => Platform::Network,
        "cloud_account" => Platform::Cloud,
        _ if platform.to_ascii_lowercase().contains("windows") => Platform::Windows,
        _ => Platform::Linux,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proofline_core::SeededEntropy;
    use proptest::prelude::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_timestamp(1_800_000_000 + seconds, 0).expect("in range")
    }

    fn asset(seed: u64) -> AssetFacts {
        let id = AssetId::new(at(0), &SeededEntropy::new(seed));
        AssetFacts { id, platform: Platform::Linux, roles: vec![AssetRole::Server], confirmed_at: None }
    }

    /// For each asset and check of the catalogue: a verdict and its age in seconds, or nothing.
    fn sites() -> impl Strategy<Value = Vec<Vec<Option<(Verdict, i64)>>>> {
        let checks = Catalog::embedded().checks().len();
        let verdict = proptest::sample::select(Verdict::ALL.to_vec());
        let age = prop_oneof![Just(0), 0..7_200_i64, 7_200..400_000_i64];
        let cell = proptest::option::weighted(0.9, (verdict, age));
        proptest::collection::vec(proptest::collection::vec(cell, checks), 0..3)
    }

    struct World {
        assets: Vec<AssetFacts>,
        verdicts: Vec<(AssetId, &'static str, Verdict, Timestamp)>,
    }

    impl World {
        fn of(site: &[Vec<Option<(Verdict, i64)>>]) -> Self {
            let assets: Vec<_> = (0..site.len()).map(|n| asset(n as u64 + 1)).collect();
            let verdicts = site
                .iter()
                .zip(&assets)
                .flat_map(|(row, asset)| {
                    row.iter().zip(Catalog::embedded().checks()).filter_map(|(cell, check)| {
                        cell.map(|(verdict, age)| (asset.id, check.id.as_str(), verdict, at(-age)))
                    })
                })
                .collect();
            Self { assets, verdicts }
        }

        fn resolve(&self) -> Posture<'static> {
            let held: Vec<_> = self
                .verdicts
                .iter()
                .map(|&(asset, check, verdict, confirmed_at)| Held { asset, check, verdict, confirmed_at })
                .collect();
            resolve(Catalog::embedded(), Breadth::Site, &self.assets, &held, at(0))
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn a_control_passes_only_on_fresh_passing_spans(site in sites()) {
            let posture = World::of(&site).resolve();
            for control in posture.controls.iter().filter(|c| c.state == ControlState::Pass) {
                let applicable: Vec<_> =
                    control.cells.iter().map(|&n| &posture.cells[n]).filter(|c| c.state != CheckState::NotApplicable).collect();
                prop_assert!(!applicable.is_empty());
                prop_assert_ne!(control.control.coverage.kind, CoverageKind::Attestation);
                for cell in applicable {
                    prop_assert_eq!(cell.verdict, Some(Verdict::Pass));
                    let confirmed = cell.confirmed_at.expect("measured");
                    prop_assert!(at(0) - confirmed <= cell.check.fresh_for());
                }
            }
        }

        #[test]
        fn one_more_fail_never_raises_the_score(site in sites(), pick in any::<prop::sample::Index>()) {
            let mut world = World::of(&site);
            prop_assume!(!world.verdicts.is_empty());
            let before = world.resolve().totals();
            let place = pick.index(world.verdicts.len());
            world.verdicts[place].2 = Verdict::Fail;
            world.verdicts[place].3 = at(0);
            let after = world.resolve().totals();
            prop_assert!(after.passing_weight <= before.passing_weight);
            prop_assert!(after.score().map_or(0.0, Fraction::value) <= before.score().map_or(1.0, Fraction::value));
            prop_assert!(after.risk >= before.risk || before.score().is_none());
        }

        #[test]
        fn time_alone_never_makes_anything_pass_or_look_better(site in sites(), later in 0..500_000_i64) {
            let world = World::of(&site);
            let now = world.resolve();
            let held: Vec<_> = world.verdicts.iter()
                .map(|&(asset, check, verdict, confirmed_at)| Held { asset, check, verdict, confirmed_at }).collect();
            let then = resolve(Catalog::embedded(), Breadth::Site, &world.assets, &held, at(later));
            prop_assert!(then.totals().risk >= now.totals().risk);
            for (before, after) in now.controls.iter().zip(&then.controls) {
                prop_assert!(after.state != ControlState::Pass || before.state == ControlState::Pass);
            }
            if at(later) < now.valid_until {
                prop_assert_eq!(now.strip(), then.strip());
            }
        }

        #[test]
        fn every_control_is_counted_once(site in sites()) {
            let posture = World::of(&site).resolve();
            let totals = posture.totals();
            let uncovered = posture.controls.iter().filter(|c| c.state == ControlState::NotCovered).count();
            let counted = totals.pass + totals.fail + totals.not_assessed + totals.stale + totals.not_applicable;
            prop_assert_eq!(counted as usize + uncovered, Catalog::embedded().controls().len());
            let letters: Vec<_> = posture.strip().chars().map(ControlState::of_letter).collect();
            prop_assert_eq!(letters, posture.controls.iter().map(|c| c.state).collect::<Vec<_>>());
        }
    }

    #[test]
    fn a_site_without_a_machine_is_not_assessed_and_has_no_score() {
        let posture = World::of(&[]).resolve();
        let totals = posture.totals();
        assert_eq!((totals.score(), totals.coverage().map(Fraction::value)), (None, Some(0.0)));
        assert_eq!((totals.risk, totals.not_applicable), (0, 0));
        for control in &posture.controls {
            let expected = match control.control.coverage.kind {
                CoverageKind::NotCovered => ControlState::NotCovered,
                CoverageKind::Automated | CoverageKind::Hybrid | CoverageKind::Attestation => {
                    ControlState::NotAssessed
                }
            };
            assert_eq!(control.state, expected, "{}", control.control.id);
        }
    }

    #[test]
    fn what_no_machine_there_is_of_the_kind_for_does_not_apply() {
        let switch = AssetFacts { platform: Platform::Network, roles: Vec::new(), ..asset(1) };
        let posture = resolve(Catalog::embedded(), Breadth::Site, &[switch], &[], at(0));
        let unspoken = posture.controls.iter().filter(|control| control.cells.is_empty());
        let mut states: Vec<_> = unspoken
            .filter(|c| matches!(c.control.coverage.kind, CoverageKind::Automated | CoverageKind::Hybrid))
            .map(|control| control.state)
            .collect();
        states.dedup();
        assert_eq!(states, [ControlState::NotApplicable]);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn taking_every_machine_away_takes_nothing_out_of_the_denominator(site in sites()) {
            let before = World::of(&site).resolve().totals();
            let after = World::of(&[]).resolve().totals();
            prop_assert!(after.applicable_weight >= before.applicable_weight);
            prop_assert_eq!(after.passing_weight, 0);
        }
    }

    #[test]
    fn an_asset_without_a_verdict_is_not_assessed() {
        let posture = World::of(&[vec![None; Catalog::embedded().checks().len()]]).resolve();
        let totals = posture.totals();
        assert_eq!(totals.score().map(Fraction::value), Some(0.0));
        assert_eq!(totals.coverage().map(Fraction::value), Some(0.0));
        assert!(totals.not_assessed > 20 && totals.risk > 0);
    }

    #[test]
    fn confirming_the_asset_keeps_its_verdicts_fresh() {
        let check = Catalog::embedded().checks().first().expect("a catalogue has checks");
        let mut asset = asset(1);
        let old = at(0) - check.fresh_for() - TimeDelta::seconds(1);
        let held = [Held { asset: asset.id, check: &check.id, verdict: Verdict::Pass, confirmed_at: old }];
        let state = |asset: &AssetFacts| {
            let posture =
                resolve(Catalog::embedded(), Breadth::Asset, std::slice::from_ref(asset), &held, at(0));
            posture.cells.iter().find(|cell| cell.check.id == check.id).map(|cell| cell.state)
        };
        assert_eq!(state(&asset), Some(CheckState::Stale));
        asset.confirmed_at = Some(at(-60));
        assert_eq!(state(&asset), Some(CheckState::Pass));
    }
}
