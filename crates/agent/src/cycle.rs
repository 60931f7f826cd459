//! Which checks run when, and what the rest of the agent needs of whoever runs them.
//!
//! A check is due when its interval has passed, give or take half a cycle: cycles do not come on the second, and a
//! check of 300 s in cycles of 300 s must not wait for every second one.
//!
//! A check whose incident just opened is looked at in fast cycles, later less and less often: after a tenth of the time
//! that it has been open, until its ordinary interval. What has failed for a month is not news every half minute.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

use chrono::TimeDelta;
use proofline_catalog::AssetRole;
use proofline_core::{IncidentId, Mode, OrderId, Timestamp};
use proofline_evidence::Digest;
use proofline_evidence::statement::{Body, CheckResult};
use proofline_healing::Observation;
use proofline_protocol::OrderOutcome;

use crate::sync::rules::Rules;

/// The observation as statements carry it.
pub fn result(observation: &Observation) -> CheckResult {
    CheckResult {
        check: observation.check.clone(),
        verdict: observation.verdict,
        expected: observation.expected.clone(),
        observed: observation.observed.clone(),
        reason: observation.reason.clone(),
        location: observation.location.clone(),
    }
}

/// One check as it is scheduled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Planned {
    /// Its id.
    pub check: String,
    /// How often it runs.
    pub interval: Duration,
}

/// Looks at the machine.
pub trait Observer: Send + Sync {
    /// Every check that this machine is measured by.
    fn checks(&self) -> Vec<Planned>;

    /// Runs these checks for an asset of these roles: one observation for each, in any order, within bounded time.
    fn observe(&self, checks: &[String], roles: &[AssetRole]) -> Vec<Observation>;
}

/// What is known when failing checks are answered.
pub struct Turn<'a> {
    /// The observations of this cycle.
    pub observations: &'a [Observation],
    /// What the machine is used for.
    pub roles: &'a [AssetRole],
    /// How far healing may go: rules and the clinic's own decision taken together.
    pub mode: Mode,
    /// Heal nothing before this time.
    pub paused_until: Option<Timestamp>,
    /// Why nothing may be healed at all now, whatever the rules say.
    pub held_back: Option<&'static str>,
    /// The signed rule set.
    pub rules: Option<Arc<Rules>>,
    /// For the second observation.
    pub observer: &'a dyn Observer,
}

/// What was done about failing checks.
#[derive(Debug, Default)]
pub struct Response {
    /// Heals and transitions of incidents, in order.
    pub events: Vec<Body>,
    /// Second observations. They replace the first.
    pub observations: Vec<Observation>,
    /// Checks whose incident is open, after all that.
    pub open: BTreeSet<String>,
    /// What the responder must remember, written together with the statements.
    pub notes: Vec<(String, Vec<u8>)>,
}

/// Answers failing checks: opens incidents, asks the rules, heals.
pub trait Responder: Send {
    /// Answers one cycle.
    fn respond(&mut self, turn: &Turn<'_>) -> Response;

    /// Carries out the plan that a person approved for `incident`, if it is still the plan.
    fn approve(
        &mut self,
        turn: &Turn<'_>,
        order: OrderId,
        incident: IncidentId,
        plan_digest: Digest,
    ) -> (Response, OrderOutcome, String);
}

/// How often cycles come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pace {
    /// Ordinarily.
    pub cycle: Duration,
    /// After an incident opened.
    pub fast: Duration,
}

/// When each check ran last, and which incidents are open since when.
#[derive(Debug, Default)]
pub struct Schedule {
    ran: HashMap<String, Timestamp>,
    open: HashMap<String, Timestamp>,
}

impl Schedule {
    /// The checks to run at `now`.
    pub fn due(&self, planned: &[Planned], now: Timestamp, pace: Pace) -> Vec<String> {
        let is_due = |plan: &&Planned| match self.ran.get(&plan.check) {
            None => true,
            // A clock that was set back: nothing is known about the time in between.
            Some(ran) if *ran > now => true,
            Some(ran) => match self.hurry(&plan.check, now, pace) {
                Some(hurry) => now - *ran + delta(pace.fast) / 2 >= hurry.min(delta(plan.interval)),
                None => now - *ran + delta(pace.cycle) / 2 >= delta(plan.interval),
            },
        };
        planned.iter().filter(is_due).map(|plan| plan.check.clone()).collect()
    }

    /// How long until the next cycle.
    pub fn next(&self, now: Timestamp, pace: Pace) -> Duration {
        let hurries = self.open.keys().filter_map(|check| self.hurry(check, now, pace)?.to_std().ok());
        hurries.min().map_or(pace.cycle, |hurry| hurry.clamp(pace.fast, pace.cycle.max(pace.fast)))
    }

    /// How often a check with an open incident is looked at; none for others.
    fn hurry(&self, check: &str, now: Timestamp, pace: Pace) -> Option<TimeDelta> {
        self.open.get(check).map(|since| ((now - *since) / 10).max(delta(pace.fast)))
    }

    /// These ran at `at`.
    pub fn ran(&mut self, checks: &[String], at: Timestamp) {
        for check in checks {
            self.ran.insert(check.clone(), at);
        }
    }

    /// These checks have an open incident at `at`.
    pub fn opened(&mut self, open: &BTreeSet<String>, at: Timestamp) {
        self.open.retain(|check, _| open.contains(check));
        for check in open {
            self.open.entry(check.clone()).or_insert(at);
        }
    }

    /// Whether every check was observed within its interval, two cycles of delay allowed.
    pub fn is_complete(&self, planned: &[Planned], now: Timestamp, cycle: Duration) -> bool {
        planned.iter().all(|plan| {
            let age = self.ran.get(&plan.check).map(|ran| now - *ran);
            age.is_some_and(|age| age >= TimeDelta::zero() && age <= delta(plan.interval) + delta(cycle) * 2)
        })
    }
}

fn delta(duration: Duration) -> TimeDelta {
    TimeDelta::from_std(duration).unwrap_or(TimeDelta::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const PACE: Pace = Pace { cycle: Duration::from_mins(5), fast: Duration::from_secs(30) };

    fn at(seconds: i64) -> Timestamp {
        chrono::DateTime::from_timestamp(seconds, 0).expect("in range")
    }

    fn planned() -> Vec<Planned> {
        let plan =
            |check: &str, seconds| Planned { check: check.into(), interval: Duration::from_secs(seconds) };
        vec![plan("l.often", 300), plan("l.daily", 86_400)]
    }

    fn after_a_run(seconds: i64) -> Schedule {
        let mut schedule = Schedule::default();
        schedule.ran(&["l.often".into(), "l.daily".into()], at(seconds));
        schedule
    }

    #[test]
    fn each_check_keeps_its_own_pace() {
        assert_eq!(Schedule::default().due(&planned(), at(0), PACE), ["l.often", "l.daily"]);
        let schedule = after_a_run(0);
        assert_eq!(schedule.due(&planned(), at(30), PACE), Vec::<String>::new());
        assert_eq!(schedule.due(&planned(), at(299), PACE), ["l.often"]);
        assert_eq!(schedule.due(&planned(), at(86_400 - 100), PACE), ["l.often", "l.daily"]);
        assert_eq!(schedule.next(at(0), PACE), PACE.cycle);
    }

    #[test]
    fn a_new_incident_is_looked_at_often_and_an_old_one_is_not() {
        let mut schedule = after_a_run(0);
        schedule.opened(&BTreeSet::from(["l.daily".to_owned()]), at(0));
        assert_eq!(schedule.next(at(0), PACE), PACE.fast);
        assert_eq!(schedule.due(&planned(), at(29), PACE), ["l.daily"]);
        schedule.ran(&["l.often".into(), "l.daily".into()], at(1_500));
        assert_eq!(schedule.due(&planned(), at(1_530), PACE), Vec::<String>::new());
        assert_eq!(schedule.due(&planned(), at(1_665), PACE), ["l.often", "l.daily"]);
        assert_eq!(schedule.next(at(1_500), PACE), Duration::from_secs(150));
        assert_eq!(schedule.next(at(90_000), PACE), PACE.cycle);
        schedule.opened(&BTreeSet::new(), at(90_000));
        assert_eq!(schedule.next(at(90_000), PACE), PACE.cycle);
    }

    #[test]
    fn after_a_clock_was_set_back_everything_is_due() {
        assert_eq!(after_a_run(1_000).due(&planned(), at(500), PACE).len(), 2);
    }

    #[test]
    fn an_overdue_check_makes_the_picture_incomplete() {
        assert!(!Schedule::default().is_complete(&planned(), at(0), PACE.cycle));
        let schedule = after_a_run(0);
        assert!(schedule.is_complete(&planned(), at(900), PACE.cycle));
        assert!(!schedule.is_complete(&planned(), at(901), PACE.cycle));
    }
}
