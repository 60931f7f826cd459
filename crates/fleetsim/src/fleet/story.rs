//! What a simulated appliance observes. The whole story follows from the sequence number, so it can be continued by
//! another process: entry 1 lists every check, each odd entry after it changes one observed value, each even one is a
//! heartbeat.

use std::sync::Arc;

use proofline_catalog::Platform;
use proofline_core::Verdict;
use proofline_evidence::Digest;
use proofline_evidence::statement::{Body, CheckResult, CheckRun, Heartbeat, StateLine, state_digest};

/// At most this many checks are told of.
const MAX_CHECKS: usize = 64;

/// The checks of the simulated machines, each with the two observations between which it changes.
#[derive(Debug)]
pub struct World(Vec<[CheckResult; 2]>);

impl World {
    /// A world with these checks. Every eighth fails in its second observation; the others pass with another value.
    pub fn new<'a>(checks: impl IntoIterator<Item = &'a str>) -> Arc<Self> {
        let two = |(place, check): (usize, &str)| {
            let result = |observed: &str, verdict, reason: &str| CheckResult {
                check: check.to_owned(),
                verdict,
                expected: "no".to_owned(),
                observed: observed.to_owned(),
                reason: reason.to_owned(),
                location: "simulated".to_owned(),
            };
            let second = if place % 8 == 7 {
                result("yes", Verdict::Fail, "the simulated setting was changed")
            } else {
                result("no (set twice)", Verdict::Pass, "")
            };
            [result("no", Verdict::Pass, ""), second]
        };
        Arc::new(Self(checks.into_iter().take(MAX_CHECKS).enumerate().map(two).collect()))
    }

    /// The Linux checks of the catalogue that this build carries.
    pub fn of_catalogue() -> Arc<Self> {
        let checks = proofline_catalog::Catalog::embedded().checks().iter();
        Self::new(
            checks.filter(|check| check.platforms.contains(&Platform::Linux)).map(|check| check.id.as_str()),
        )
    }
}

/// One appliance's way through the world.
#[derive(Debug, Clone)]
pub struct Story {
    world: Arc<World>,
    /// Bit n: check n shows its second observation.
    second: u64,
    told: u64,
    last_change: u64,
    state: Digest,
}

impl Story {
    /// Nothing told yet.
    pub fn new(world: Arc<World>) -> Self {
        Self { world, second: 0, told: 0, last_change: 0, state: Digest::ZERO }
    }

    /// The story as of entry `seq`, as if every entry up to it had been told.
    pub fn continued(world: Arc<World>, seq: u64) -> Self {
        let mut story = Self::new(world);
        for seq in 1..=seq {
            story.change(seq);
        }
        story.state = story.digest();
        story
    }

    /// The same world, as of entry `seq`.
    #[must_use]
    pub fn moved_to(&self, seq: u64) -> Self {
        Self::continued(self.world.clone(), seq)
    }

    fn change(&mut self, seq: u64) -> Option<usize> {
        self.told = seq;
        if seq == 1 {
            self.last_change = 1;
            return None;
        }
        let place =
            (seq % 2 == 1).then(|| usize::try_from(seq / 2).unwrap_or(0) % self.world.0.len().max(1))?;
        self.second ^= 1 << place;
        self.last_change = seq;
        Some(place)
    }

    fn current(&self, place: usize) -> &CheckResult {
        &self.world.0[place][usize::from(self.second & (1 << place) != 0)]
    }

    fn digest(&self) -> Digest {
        state_digest((0..self.world.0.len()).map(|place| StateLine::of(self.current(place))))
    }

    /// The body of the next entry.
    pub fn tell(&mut self) -> Body {
        let seq = self.told + 1;
        let changed = self.change(seq);
        let results = match changed {
            None if seq == 1 => (0..self.world.0.len()).map(|place| self.current(place).clone()).collect(),
            None => {
                return Body::Heartbeat(Heartbeat { unchanged_since: self.last_change, state: self.state });
            }
            Some(place) => vec![self.current(place).clone()],
        };
        self.state = self.digest();
        Body::CheckRun(CheckRun { results, state: Some(self.state) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_story_is_continued_where_it_was_left() {
        let world = World::new(["a.one", "a.two", "a.three"]);
        let mut whole = Story::new(world.clone());
        let told: Vec<Body> = (0..20).map(|_| whole.tell()).collect();
        for cut in 0..20_u64 {
            let mut rest = Story::continued(world.clone(), cut);
            let place = usize::try_from(cut).expect("small");
            assert_eq!(rest.tell(), told[place], "after {cut}");
        }
    }

    #[test]
    fn heartbeats_confirm_the_state_that_was_told() {
        let mut story = Story::new(World::of_catalogue());
        let Body::CheckRun(first) = story.tell() else { panic!("the first entry lists every check") };
        assert_eq!(first.state, Some(state_digest(first.results.iter().map(StateLine::of))));
        let Body::Heartbeat(second) = story.tell() else { panic!("the second confirms") };
        assert_eq!((Some(second.state), second.unchanged_since), (first.state, 1));
        let Body::CheckRun(third) = story.tell() else { panic!("the third changes") };
        assert_eq!(third.results.len(), 1);
        assert_ne!(third.state, first.state);
    }
}
