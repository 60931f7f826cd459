//! A healer on a scratch machine, with the real probes, the built-in rules and a store that can be lost.

use std::path::PathBuf;
use std::sync::Arc;

use proofline_agent::cycle::{Observer, Responder, Response, Turn};
use proofline_agent::executor::{Disk, Executor, Handle, Journals, Lifeline, NoLifeline};
use proofline_agent::healer::{Healer, HealingState, Machine, NOTE};
use proofline_agent::host::LocalHost;
use proofline_agent::observer::MachineObserver;
use proofline_agent::sync::rules::Rules;
use proofline_catalog::rule::{Rule, Scope, When};
use proofline_catalog::{AssetRole, Catalog};
use proofline_core::{
    AssetId, Clock, Entropy, FixedClock, IncidentId, InstallationId, Mode, OrderId, OrgId, SeededEntropy,
    SiteId, Timestamp, Verdict,
};
use proofline_evidence::Digest;
use proofline_evidence::statement::{Body, Heal, IncidentChange};
use proofline_healing::incident::plan_in_cause;
use proofline_healing::{Observation, Window};
use proofline_protocol::OrderOutcome;

use super::scratch::Scratch;

pub struct World {
    pub scratch: Scratch,
    pub clock: FixedClock,
    pub entropy: Arc<dyn Entropy>,
    pub machine: Machine,
    pub observer: MachineObserver,
    pub healer: Option<Healer>,
    /// What the queue holds.
    pub note: Option<Vec<u8>>,
    pub rules: Vec<Rule>,
    pub rules_version: u64,
    /// The catalogue that the rules were made for.
    pub catalogue: Digest,
    pub mode: Mode,
    pub local: Option<Mode>,
    pub paused_until: Option<Timestamp>,
    pub held_back: Option<&'static str>,
    pub windows: Vec<Window>,
    pub roles: Vec<AssetRole>,
    journals: tempfile::TempDir,
}

pub fn start() -> Timestamp {
    "2026-03-01T12:00:00Z".parse().expect("a time") // a Sunday
}

impl World {
    /// A healer in mode enforce, under the built-in rules.
    pub fn new(scratch: Scratch) -> Self {
        Self::with_lifeline(scratch, Arc::new(NoLifeline))
    }

    pub fn with_lifeline(scratch: Scratch, lifeline: Arc<dyn Lifeline>) -> Self {
        let clock = FixedClock::at(start());
        let entropy: Arc<dyn Entropy> = Arc::new(SeededEntropy::new(9));
        let journals = tempfile::tempdir().expect("a folder");
        let machine = Machine {
            host: Arc::new(LocalHost::rooted(scratch.root(), Arc::new(clock.clone()))),
            files: Arc::new(Disk::new(scratch.root())),
            journals: Journals::open(journals.path().join("journals")).expect("opens"),
            lifeline,
            org: OrgId::new(start(), &*entropy),
            site: SiteId::new(start(), &*entropy),
            asset: AssetId::new(start(), &*entropy),
        };
        let observer = MachineObserver::new(
            scratch.root(),
            PathBuf::from("/var/lib/proofline-agent"),
            Arc::new(clock.clone()),
        );
        let mut world = Self {
            scratch,
            clock,
            entropy,
            machine,
            observer,
            healer: None,
            note: None,
            rules: Catalog::embedded().rules().to_vec(),
            rules_version: 1,
            catalogue: Catalog::embedded().digest().parse().expect("a digest"),
            mode: Mode::Enforce,
            local: None,
            paused_until: None,
            held_back: None,
            windows: Vec::new(),
            roles: Vec::new(),
            journals,
        };
        world.restart();
        world
    }

    /// Starts the healer from what was stored.
    pub fn restart(&mut self) {
        let healer = Healer::open(
            self.machine.clone(),
            Catalog::embedded(),
            Arc::new(self.clock.clone()),
            Arc::clone(&self.entropy),
            self.note.as_deref(),
        );
        self.healer = Some(healer.expect("opens"));
    }

    /// A rule of this site for `check`, made from the built-in one.
    pub fn local_rule(&mut self, check: &str, change: impl FnOnce(&mut Rule)) {
        let built_in =
            Catalog::embedded().rules().iter().find(|rule| rule.check == check).expect("a built-in rule");
        let mut rule =
            Rule { scope: Scope::Site(self.machine.site), id: format!("site.{check}"), ..built_in.clone() };
        change(&mut rule);
        self.rules.retain(|known| known.id != rule.id);
        self.rules.push(rule);
        self.rules_version += 1;
    }

    fn rule_set(&self) -> Rules {
        Rules {
            version: self.rules_version,
            installation: InstallationId::new(start(), &SeededEntropy::new(1)),
            site: Some(self.machine.site),
            issued: start(),
            catalogue: self.catalogue,
            mode: self.mode,
            asset_roles: [(
                self.machine.asset,
                self.roles.iter().map(|role| role.as_str().to_owned()).collect(),
            )]
            .into(),
            maintenance_windows: self.windows.clone(),
            paused_until: None,
            rules: self.rules.clone(),
        }
    }

    fn with_turn<T>(
        &mut self,
        observations: &[Observation],
        work: impl FnOnce(&mut Healer, &Turn<'_>) -> T,
    ) -> T {
        let turn = Turn {
            observations,
            roles: &self.roles,
            mode: self.local.unwrap_or(self.mode).min(self.mode),
            paused_until: self.paused_until,
            held_back: self.held_back,
            rules: Some(Arc::new(self.rule_set())),
            observer: &self.observer,
        };
        work(self.healer.as_mut().expect("started"), &turn)
    }

    /// One cycle of these checks, its answer stored.
    pub fn cycle(&mut self, checks: &[&str]) -> Answer {
        let answer = self.cycle_unstored(checks);
        self.store(&answer);
        answer
    }

    /// One cycle whose answer is lost.
    pub fn cycle_unstored(&mut self, checks: &[&str]) -> Answer {
        let observations = self.look(checks);
        Answer(self.with_turn(&observations, Responder::respond))
    }

    pub fn store(&mut self, answer: &Answer) {
        for (key, value) in &answer.0.notes {
            assert_eq!(key, NOTE);
            self.note = Some(value.clone());
        }
    }

    pub fn approve(&mut self, incident: IncidentId, plan: Digest) -> (Answer, OrderOutcome, String) {
        let order = OrderId::new(self.clock.now(), &*self.entropy);
        let (response, outcome, detail) =
            self.with_turn(&[], |healer, turn| healer.approve(turn, order, incident, plan));
        let answer = Answer(response);
        self.store(&answer);
        (answer, outcome, detail)
    }

    pub fn look(&self, checks: &[&str]) -> Vec<Observation> {
        let checks: Vec<String> = checks.iter().map(|check| (*check).to_owned()).collect();
        self.observer.observe(&checks, &self.roles)
    }

    pub fn verdict(&self, check: &str) -> Verdict {
        self.look(&[check])[0].verdict
    }

    /// The observation of `check`, for a failure message.
    pub fn seen(&self, check: &str) -> String {
        self.look(&[check])[0].summary()
    }

    pub fn minutes(&self, minutes: i64) {
        self.clock.advance(chrono::TimeDelta::minutes(minutes));
    }

    pub fn executor(&self) -> Executor<'_> {
        Executor::new(
            &*self.machine.host,
            &*self.machine.files,
            self.machine.journals.clone(),
            &*self.machine.lifeline,
        )
    }

    pub fn state(&self) -> HealingState {
        HealingState::read(self.note.as_deref().expect("something was stored")).expect("reads")
    }

    pub fn journals(&self) -> PathBuf {
        self.journals.path().join("journals")
    }
}

/// What a cycle came to.
#[derive(Debug)]
pub struct Answer(pub Response);

impl Answer {
    pub fn heals(&self) -> Vec<&Heal> {
        self.0
            .events
            .iter()
            .filter_map(|body| if let Body::Heal(heal) = body { Some(heal) } else { None })
            .collect()
    }

    /// The only heal.
    pub fn heal(&self) -> &Heal {
        match self.heals()[..] {
            [heal] => heal,
            _ => panic!("not one heal: {:#?}", self.0.events),
        }
    }

    pub fn changes(&self) -> Vec<&IncidentChange> {
        let changes = self.0.events.iter().filter_map(|body| match body {
            Body::Incident(change) => Some(change),
            _ => None,
        });
        changes.collect()
    }

    /// The states that incidents were moved to outside heals.
    pub fn moves(&self) -> Vec<&str> {
        self.changes().into_iter().map(|change| change.to.as_str()).collect()
    }

    /// Why nothing ran: the cause of the last step.
    pub fn cause(&self) -> &str {
        self.changes().last().map_or("", |change| &change.cause)
    }

    /// The plan that waits for a person.
    pub fn plan(&self) -> (IncidentId, Digest) {
        let waits = self.changes().into_iter().find(|change| change.to == "awaiting_approval");
        let waits = waits.unwrap_or_else(|| panic!("nothing waits: {:#?}", self.0.events));
        let plan = plan_in_cause(&waits.cause).expect("the cause names the plan");
        (waits.incident, Digest::from_bytes(*plan.bytes()))
    }

    pub fn rollback(&self) -> Handle {
        self.heal().rollback.as_deref().expect("a heal that worked is revocable").parse().expect("a handle")
    }
}

/// Makes a rule act at any time without asking.
pub fn enforce(rule: &mut Rule) {
    rule.mode = Mode::Enforce;
    rule.when = When::AnyTime;
}
