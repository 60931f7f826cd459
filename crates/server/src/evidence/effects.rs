//! What statements mean for the verdict spans and incidents of a site. Pure: state in, changes out.
//!
//! - A span is extended while verdict, observed and expected value stay; else it is closed and the next one opens where it
//!   ended. Spans of one (asset, check) never overlap: each statement is dated by the signer's clock, but always after the
//!   statement before it.
//! - A claim about the whole state (a run's last part, a heartbeat) confirms the asset only where the spans add up to it.
//!   A run whose own results add up to the claim is the whole state: what it does not name is no longer measured.
//! - Where nothing adds up, or statements were lost, the signer's whole state is wanted, and until then nothing is confirmed.

use std::collections::{BTreeMap, HashMap};

use chrono::TimeDelta;
use proofline_core::{AssetId, Timestamp};
use proofline_evidence::Digest;
use proofline_evidence::statement::{Body, CheckResult, StateLine, Statement, state_digest};
use proofline_store::{Confirmation, IncidentRecord, Mention, Span, TransitionRow};

use super::healing::{Context, Incidents};

/// Everything that a batch of statements changes beside the log.
#[derive(Debug, Default)]
pub(super) struct Changes {
    /// Stored spans that were confirmed or closed.
    pub(super) updated: Vec<Span>,
    /// New spans, closed ones among them.
    pub(super) opened: Vec<Span>,
    /// Assets whose whole state was confirmed: the last confirmation of each.
    pub(super) confirmed: Vec<Confirmation>,
    /// Entries that confirmed an asset.
    pub(super) confirming: Vec<u64>,
    /// Which entries speak of which checks.
    pub(super) mentions: Vec<Mention>,
    /// Incidents as they now are.
    pub(super) incidents: Vec<IncidentRecord>,
    /// Steps that they took.
    pub(super) transitions: Vec<TransitionRow>,
    /// Whether the signer's whole state is wanted.
    pub(super) resync: bool,
    /// The whole state was wanted, and came.
    pub(super) caught_up: bool,
    /// The latest time that the signer's statements have given to anything.
    pub(super) latest_at: Option<Timestamp>,
    /// A claim that did not add up although nothing was known to be missing.
    pub(super) mismatch: Option<String>,
}

impl Changes {
    /// Whether a verdict or an incident changed, so that the site's posture has to be resolved anew.
    pub(super) fn concern_posture(&self) -> bool {
        !self.opened.is_empty()
            || !self.incidents.is_empty()
            || self.updated.iter().any(|span| span.ended_at.is_some())
    }
}

/// Follows statements in the order of the log.
pub(super) struct Effects<'a> {
    incidents: Incidents<'a>,
    assets: HashMap<AssetId, Picture>,
    changes: Changes,
}

/// What is known of one asset.
#[derive(Default)]
struct Picture {
    spans: BTreeMap<String, Tracked>,
    /// Results since the last claim, as far as they came with this batch.
    unclaimed: BTreeMap<String, (proofline_core::Verdict, Digest)>,
    /// The digest of `spans`, until something in them changes.
    digest: Option<Digest>,
}

struct Tracked {
    span: Span,
    stored: bool,
    touched: bool,
}

impl<'a> Effects<'a> {
    /// Starts from the stored state of the assets that the statements name.
    pub(super) fn new(
        context: Context<'a>,
        spans: Vec<Span>,
        incidents: Vec<IncidentRecord>,
        resync: bool,
        latest_at: Option<Timestamp>,
    ) -> Self {
        let mut assets: HashMap<AssetId, Picture> = HashMap::new();
        for span in spans {
            let tracked = Tracked { stored: true, touched: false, span };
            let picture = assets.entry(tracked.span.asset).or_default();
            picture.spans.insert(tracked.span.check.clone(), tracked);
        }
        let changes = Changes { resync, latest_at, ..Changes::default() };
        Self { incidents: Incidents::new(context, incidents), assets, changes }
    }

    /// Takes the statement at `index` into account.
    pub(super) fn apply(&mut self, index: u64, statement: &Statement) {
        let (started, asset) = (statement.header.started, statement.header.asset);
        // A heal is two observations: its first one has a moment of its own.
        let heals = matches!(statement.body, Body::Heal(_));
        let begun = if heals { self.changes.date(started) } else { started };
        let ended = self.changes.date(statement.header.ended);
        match (&statement.body, asset) {
            (Body::CheckRun(run), Some(asset)) => {
                for result in &run.results {
                    self.observe(asset, result, ended, index);
                    self.incidents.observe(asset, result, ended, index);
                }
                self.mention(asset, index, run.results.iter().map(|result| result.check.as_str()));
                if let Some(state) = run.state {
                    self.claim(asset, state, started, ended, index);
                }
            }
            (Body::Heal(heal), Some(asset)) => {
                self.observe_before(asset, &heal.before, begun, index);
                self.observe(asset, &heal.after, ended, index);
                self.incidents.heal(asset, heal, begun, ended, index);
                self.mention(asset, index, [heal.check.as_str()]);
            }
            (Body::Heartbeat(heartbeat), Some(asset)) => self.confirm(asset, heartbeat.state, ended, index),
            (Body::Incident(change), Some(asset)) => {
                self.incidents.change(asset, change, ended, index);
                self.mention(asset, index, [change.check.as_str()]);
            }
            // What was lost may have been changes.
            (Body::Gap(_), _) => self.changes.resync = true,
            (Body::CheckRun(_) | Body::Heal(_) | Body::Heartbeat(_) | Body::Incident(_), None)
            | (Body::Attestation(_) | Body::Key(_) | Body::ServerFact(_), _) => {}
        }
    }

    /// What there is to write.
    pub(super) fn finish(mut self) -> Changes {
        for tracked in self.assets.into_values().flat_map(|picture| picture.spans.into_values()) {
            match (tracked.stored, tracked.touched) {
                (true, true) => self.changes.updated.push(tracked.span),
                (true, false) => {}
                (false, _) => self.changes.opened.push(tracked.span),
            }
        }
        (self.changes.incidents, self.changes.transitions) = self.incidents.finish();
        self.changes
    }

    fn mention<'b>(&mut self, asset: AssetId, index: u64, checks: impl IntoIterator<Item = &'b str>) {
        let mut mentions: Vec<_> =
            checks.into_iter().map(|check| Mention { check: check.to_owned(), index, asset }).collect();
        mentions.sort_unstable();
        mentions.dedup();
        self.changes.mentions.append(&mut mentions);
    }

    /// The first observation of a heal counts only where it is news.
    fn observe_before(&mut self, asset: AssetId, before: &CheckResult, at: Timestamp, index: u64) {
        let picture = self.assets.entry(asset).or_default();
        let known =
            picture.spans.get(&before.check).is_some_and(|tracked| tracked.span.verdict == before.verdict);
        if !known {
            self.observe(asset, before, at, index);
        }
    }

    fn observe(&mut self, asset: AssetId, result: &CheckResult, at: Timestamp, index: u64) {
        let observed = result.observed_digest();
        let picture = self.assets.entry(asset).or_default();
        picture.unclaimed.insert(result.check.clone(), (result.verdict, observed));
        let mut from_at = at;
        if let Some(tracked) = picture.spans.get_mut(&result.check) {
            let span = &mut tracked.span;
            let same = span.verdict == result.verdict
                && span.observed_digest == *observed.as_bytes()
                && span.expected == result.expected;
            if same {
                span.last_confirmed_at = span.last_confirmed_at.max(at);
                span.last_index = index;
                span.reason.clone_from(&result.reason);
                span.location.clone_from(&result.location);
                tracked.touched = true;
                return;
            }
            from_at = at.max(span.last_confirmed_at + TimeDelta::microseconds(1));
            self.changes.latest_at = self.changes.latest_at.max(Some(from_at));
        }
        let span = Span {
            asset,
            check: result.check.clone(),
            from_at,
            ended_at: None,
            last_confirmed_at: from_at,
            verdict: result.verdict,
            expected: result.expected.clone(),
            observed: result.observed.clone(),
            observed_digest: *observed.as_bytes(),
            reason: result.reason.clone(),
            location: result.location.clone(),
            from_index: index,
            last_index: index,
        };
        picture.digest = None;
        let next = Tracked { span, stored: false, touched: true };
        if let Some(previous) = picture.spans.insert(result.check.clone(), next) {
            self.changes.close(previous, from_at);
        }
    }

    /// A claim of a run about the whole state.
    fn claim(&mut self, asset: AssetId, state: Digest, started: Timestamp, at: Timestamp, index: u64) {
        let picture = self.assets.entry(asset).or_default();
        let unclaimed = std::mem::take(&mut picture.unclaimed);
        if picture.state() == state {
            return self.confirmed(asset, at, index);
        }
        // The run alone: as it came with this batch, or with parts of it that came before.
        let alone = state_of(
            unclaimed.iter().map(|(check, (verdict, observed))| (check.as_str(), *verdict, *observed)),
        );
        let whole = if alone == state {
            Some(unclaimed.into_keys().collect())
        } else {
            picture.named_since(started, state)
        };
        match whole {
            Some(named) => {
                self.retain(asset, &named, at, index);
                self.confirmed(asset, at, index);
            }
            None => self.mismatch(asset, index),
        }
    }

    /// A heartbeat.
    fn confirm(&mut self, asset: AssetId, state: Digest, at: Timestamp, index: u64) {
        let picture = self.assets.entry(asset).or_default();
        picture.unclaimed.clear();
        if picture.state() == state { self.confirmed(asset, at, index) } else { self.mismatch(asset, index) }
    }

    fn confirmed(&mut self, asset: AssetId, at: Timestamp, index: u64) {
        self.changes.caught_up |= std::mem::take(&mut self.changes.resync);
        self.changes.confirming.push(index);
        self.changes.confirmed.retain(|earlier| earlier.asset != asset);
        self.changes.confirmed.push(Confirmation { asset, at, index });
    }

    fn mismatch(&mut self, asset: AssetId, index: u64) {
        if !std::mem::replace(&mut self.changes.resync, true) {
            let detail =
                format!("entry {index} confirms a state of {asset} that earlier entries do not add up to");
            self.changes.mismatch = Some(detail);
        }
    }

    /// Keeps the spans of the named checks; the others are no longer measured.
    fn retain(&mut self, asset: AssetId, named: &[String], at: Timestamp, index: u64) {
        let Some(picture) = self.assets.get_mut(&asset) else { return };
        let gone: Vec<_> = picture.spans.keys().filter(|check| !named.contains(check)).cloned().collect();
        for check in gone {
            if let Some(tracked) = picture.spans.remove(&check) {
                let ended_at = at.max(tracked.span.last_confirmed_at);
                self.changes.close(tracked, ended_at);
                self.incidents.out_of_scope(asset, &check, at, index);
            }
        }
        picture.digest = None;
    }
}

impl Changes {
    /// The signer's time `at`, moved behind everything that was dated before.
    fn date(&mut self, at: Timestamp) -> Timestamp {
        let dated = self.latest_at.map_or(at, |latest| at.max(latest + TimeDelta::microseconds(1)));
        self.latest_at = Some(dated);
        dated
    }

    fn close(&mut self, tracked: Tracked, ended_at: Timestamp) {
        let span = Span { ended_at: Some(ended_at), ..tracked.span };
        if tracked.stored { self.updated.push(span) } else { self.opened.push(span) }
    }
}

impl Picture {
    /// The digest of the whole state.
    fn state(&mut self) -> Digest {
        let spans = &self.spans;
        *self.digest.get_or_insert_with(|| state_of(spans.values().map(|tracked| line(&tracked.span))))
    }

    /// The checks named since `started`, if they add up to `state`: a run that began in an earlier submission.
    fn named_since(&self, started: Timestamp, state: Digest) -> Option<Vec<String>> {
        let named = || self.spans.values().filter(|tracked| tracked.span.last_confirmed_at >= started);
        let adds_up = state_of(named().map(|tracked| line(&tracked.span))) == state;
        adds_up.then(|| named().map(|tracked| tracked.span.check.clone()).collect())
    }
}

fn line(span: &Span) -> (&str, proofline_core::Verdict, Digest) {
    (&span.check, span.verdict, Digest::from_bytes(span.observed_digest))
}

fn state_of<'a>(lines: impl Iterator<Item = (&'a str, proofline_core::Verdict, Digest)>) -> Digest {
    state_digest(lines.map(|(check, verdict, observed)| StateLine { check, verdict, observed }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proofline_catalog::Catalog;
    use proofline_core::{InstallationId, SeededEntropy, SiteId, Verdict};
    use proofline_evidence::statement::{CheckRun, Gap, Header, Heartbeat};
    use proptest::prelude::*;

    const CHECKS: [&str; 3] = ["linux.a.one", "linux.a.two", "linux.a.three"];

    /// What an appliance does next.
    #[derive(Debug, Clone)]
    enum Act {
        /// States these results: check, verdict, observed.
        Run(Vec<(usize, Verdict, u8)>),
        /// States everything, without one check where there is one to leave out.
        Whole(Option<usize>),
        /// Confirms, rightly or wrongly.
        Heartbeat(bool),
        /// Lost statements.
        Gap,
        /// The clock jumps by so many seconds.
        Jump(i64),
        /// The submission ends here.
        Submit,
    }

    fn acts() -> impl Strategy<Value = Vec<Act>> {
        let verdict = proptest::sample::select(Verdict::ALL.to_vec());
        let act = prop_oneof![
            6 => proptest::collection::vec((0..3_usize, verdict, 0..3_u8), 1..4).prop_map(Act::Run),
            2 => proptest::option::of(0..3_usize).prop_map(Act::Whole),
            4 => any::<bool>().prop_map(Act::Heartbeat),
            1 => Just(Act::Gap),
            3 => (-7_200..7_200_i64).prop_map(Act::Jump),
            3 => Just(Act::Submit),
        ];
        proptest::collection::vec(act, 1..40)
    }

    /// The store and the appliance, as far as spans are concerned.
    struct World {
        asset: AssetId,
        site: SiteId,
        stored: BTreeMap<(String, Timestamp), Span>,
        incidents: HashMap<String, IncidentRecord>,
        resync: bool,
        latest_at: Option<Timestamp>,
        truth: BTreeMap<String, CheckResult>,
        clock: Timestamp,
        index: u64,
        batch: Vec<(u64, Statement)>,
        confirmed: Option<Confirmation>,
    }

    impl World {
        fn new() -> Self {
            let (at, entropy) =
                (Timestamp::from_timestamp(1_800_000_000, 0).expect("in range"), SeededEntropy::new(1));
            Self {
                asset: AssetId::new(at, &entropy),
                site: SiteId::new(at, &entropy),
                stored: BTreeMap::new(),
                incidents: HashMap::new(),
                resync: false,
                latest_at: None,
                truth: BTreeMap::new(),
                clock: at,
                index: 0,
                batch: Vec::new(),
                confirmed: None,
            }
        }

        fn state(&self) -> Digest {
            state_digest(self.truth.values().map(StateLine::of))
        }

        fn say(&mut self, body: Body) {
            self.index += 1;
            let header = Header {
                installation: InstallationId::new(self.clock, &SeededEntropy::new(2)),
                site: self.site,
                appliance: None,
                asset: Some(self.asset),
                seq: self.index,
                prev: Digest::ZERO,
                catalogue: Digest::ZERO,
                started: self.clock,
                ended: self.clock,
                clock_offset_ms: None,
            };
            self.batch.push((self.index, Statement::new(header, body)));
        }

        fn act(&mut self, act: &Act) {
            match act {
                Act::Run(results) => {
                    let results: Vec<_> = results
                        .iter()
                        .map(|&(check, verdict, observed)| result(CHECKS[check], verdict, observed))
                        .collect();
                    for result in &results {
                        self.truth.insert(result.check.clone(), result.clone());
                    }
                    let state = Some(self.state());
                    self.say(Body::CheckRun(CheckRun { results, state }));
                }
                Act::Whole(left_out) => {
                    // A run is later than what came before it.
                    self.clock += TimeDelta::milliseconds(1);
                    if let Some(check) = left_out {
                        self.truth.remove(CHECKS[*check]);
                    }
                    let (results, state) = (self.truth.values().cloned().collect(), Some(self.state()));
                    self.say(Body::CheckRun(CheckRun { results, state }));
                }
                Act::Heartbeat(rightly) => {
                    let state = if *rightly { self.state() } else { Digest::of("something else") };
                    self.say(Body::Heartbeat(Heartbeat { unchanged_since: 1, state }));
                }
                Act::Gap => {
                    let (from, to) = (self.clock, self.clock);
                    self.say(Body::Gap(Gap { first_seq: 1, last_seq: 2, from, to, reason: "lost".into() }));
                }
                Act::Jump(seconds) => self.clock += TimeDelta::seconds(*seconds),
                Act::Submit => self.submit(),
            }
        }

        fn submit(&mut self) {
            let entropy = SeededEntropy::new(self.index);
            let context =
                Context { site: self.site, catalog: Catalog::embedded(), entropy: &entropy, now: self.clock };
            let current = self.stored.values().filter(|span| span.ended_at.is_none()).cloned().collect();
            let incidents = self.incidents.values().cloned().collect();
            let mut effects = Effects::new(context, current, incidents, self.resync, self.latest_at);
            for (index, statement) in self.batch.drain(..) {
                effects.apply(index, &statement);
            }
            let changes = effects.finish();
            for span in changes.updated {
                let place = self
                    .stored
                    .get_mut(&(span.check.clone(), span.from_at))
                    .expect("what is updated is stored");
                *place = span;
            }
            for span in changes.opened {
                let previous = self.stored.insert((span.check.clone(), span.from_at), span);
                assert_eq!(previous, None, "no two spans of a check begin at once");
            }
            for record in changes.incidents {
                self.incidents.insert(record.incident.check.clone(), record);
            }
            (self.resync, self.latest_at) = (changes.resync, changes.latest_at);
            self.confirmed = changes.confirmed.into_iter().next().or(self.confirmed);
        }

        fn check(&self) {
            for check in CHECKS {
                let spans: Vec<_> = self.stored.values().filter(|span| span.check == check).collect();
                for pair in spans.windows(2) {
                    assert!(
                        pair[0].ended_at.is_some_and(|ended| ended <= pair[1].from_at),
                        "spans overlap: {pair:#?}"
                    );
                }
                for span in &spans {
                    assert!(span.from_at <= span.last_confirmed_at && span.from_index <= span.last_index);
                    assert!(span.ended_at.is_none_or(|ended| ended >= span.last_confirmed_at), "{span:#?}");
                }
                assert!(spans.iter().filter(|span| span.ended_at.is_none()).count() <= 1);
                let live = self.incidents.get(check).is_some_and(|record| record.incident.state.is_live());
                let failing = self.open(check).is_some_and(|span| span.verdict == Verdict::Fail);
                assert!(live || !failing, "a failing check has a live incident");
            }
        }

        fn open(&self, check: &str) -> Option<&Span> {
            self.stored.values().find(|span| span.check == check && span.ended_at.is_none())
        }
    }

    fn result(check: &str, verdict: Verdict, observed: u8) -> CheckResult {
        CheckResult {
            check: check.into(),
            verdict,
            expected: "0".into(),
            observed: observed.to_string(),
            reason: String::new(),
            location: String::new(),
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(256))]

        #[test]
        fn spans_follow_the_statements_however_they_are_submitted(acts in acts()) {
            let mut world = World::new();
            for act in &acts {
                world.act(act);
                if matches!(act, Act::Submit) {
                    world.check();
                }
            }
            // In the end the appliance states everything: then the spans are the truth, and nothing is wanted.
            world.act(&Act::Submit);
            world.clock += TimeDelta::days(2);
            world.act(&Act::Whole(None));
            world.act(&Act::Submit);
            world.check();
            for check in CHECKS {
                let held = world.open(check).map(|span| (span.verdict, span.observed.clone()));
                let truth = world.truth.get(check).map(|result| (result.verdict, result.observed.clone()));
                prop_assert_eq!(held, truth);
            }
            prop_assert!(!world.resync);
        }

        #[test]
        fn a_wrong_heartbeat_confirms_nothing_and_wants_everything(acts in acts()) {
            let mut world = World::new();
            for act in &acts {
                world.act(act);
            }
            world.act(&Act::Submit);
            let before = world.confirmed;
            world.act(&Act::Heartbeat(false));
            world.act(&Act::Submit);
            prop_assert_eq!(world.confirmed, before);
            prop_assert!(world.resync);
        }
    }
}
