//! A small world for decisions: one asset, one failing check, rules made on the spot.
#![allow(dead_code, reason = "each test file uses a part")]

use std::collections::BTreeMap;

use proofline_catalog::AssetRole;
use proofline_catalog::canonical::Digest;
use proofline_catalog::rule::{Rule, Scope};
use proofline_catalog::runbook::Runbook;
use proofline_core::{
    AssetId, IncidentId, Mode, OrgId, PartnerId, SeededEntropy, Severity, SiteId, Timestamp, Verdict,
};
use proofline_healing::engine::{Decision, Posture, RuleSet, Situation, Whereabouts, decide};
use proofline_healing::history::{Attempt, AttemptOutcome, HealLog, History};
use proofline_healing::incident::{Actor, Incident, Place};
use proofline_healing::{Fact, Observation};
use serde_json::json;

pub const CHECK: &str = "linux.ssh.root_login";

pub fn at(seconds: i64) -> Timestamp {
    // A Sunday, 00:00 UTC.
    Timestamp::from_timestamp(1_780_185_600 + seconds, 0).expect("in range")
}

pub fn runbook(id: &str, disruptive: bool) -> Runbook {
    serde_json::from_value(json!({
        "id": id, "version": 1, "title": "No root login", "description": "Sets one keyword.", "platforms": ["linux"],
        "severity": "high", "disruptive": disruptive, "checks": [CHECK],
        "parameters": {"value": {"type": "choice", "description": "Value", "values": ["no", "prohibit-password"], "default": "no"}},
        "remediate": [{"action": "sshd_drop_in", "keyword": "PermitRootLogin", "value": "{value}"},
                      {"action": "reload", "what": "sshd"}],
        "verify": [{"verify": "sshd_config_valid"}], "rollback": ["sshd"]
    }))
    .expect("a runbook")
}

pub fn rule(id: &str, scope: Scope) -> Rule {
    let mut rule: Rule = serde_json::from_value(json!({
        "id": id, "version": 1, "title": "No root login", "check": CHECK, "runbook": "book.gentle", "mode": "enforce"
    }))
    .expect("a rule");
    rule.scope = scope;
    rule
}

pub fn compile(rules: impl IntoIterator<Item = Rule>) -> RuleSet {
    RuleSet::compile(rules, &[runbook("book.gentle", false), runbook("book.disruptive", true)])
}

#[derive(Debug, Clone)]
pub struct World {
    pub now: Timestamp,
    pub whereabouts: Whereabouts,
    pub observation: Observation,
    pub roles: Vec<AssetRole>,
    pub facts: BTreeMap<String, Fact>,
    pub managers: Vec<String>,
    pub incident: Incident,
    pub history: History,
    pub heals: HealLog,
    pub posture: Posture,
    pub consent: Option<Digest>,
}

impl World {
    /// A failing check on an ordinary server where everything is allowed.
    pub fn failing() -> Self {
        let entropy = SeededEntropy::new(7);
        let whereabouts = Whereabouts {
            partner: Some(PartnerId::new(at(0), &entropy)),
            organisation: Some(OrgId::new(at(0), &entropy)),
            site: SiteId::new(at(0), &entropy),
            asset: AssetId::new(at(0), &entropy),
        };
        let observation = Observation {
            check: CHECK.to_owned(),
            at: at(0),
            verdict: Verdict::Fail,
            expected: "no".to_owned(),
            observed: "yes".to_owned(),
            reason: String::new(),
            location: "sshd -T: permitrootlogin".to_owned(),
        };
        let place = Place { site: whereabouts.site, asset: whereabouts.asset };
        let id = IncidentId::new(at(0), &entropy);
        let incident = Incident::open(id, place, &observation, &Actor::Agent, at(0)).expect("it fails").0;
        Self {
            now: at(0),
            whereabouts,
            observation,
            roles: vec![AssetRole::Server],
            facts: BTreeMap::new(),
            managers: Vec::new(),
            incident,
            history: History::default(),
            heals: HealLog::default(),
            posture: Posture {
                site_mode: Mode::Enforce,
                asset_mode: None,
                local_override: None,
                paused_until: None,
                patient_hours: Vec::new(),
                maintenance_windows: Vec::new(),
            },
            consent: None,
        }
    }

    pub fn situation(&self) -> Situation<'_> {
        Situation {
            now: self.now,
            whereabouts: &self.whereabouts,
            observation: &self.observation,
            severity: Severity::High,
            platform: "linux",
            roles: &self.roles,
            facts: &self.facts,
            managers: &self.managers,
            incident: &self.incident,
            history: &self.history,
            heals: &self.heals,
            posture: &self.posture,
            consent: self.consent,
        }
    }

    pub fn decide(&self, rules: &RuleSet) -> Decision {
        decide(rules, &self.situation())
    }

    pub fn attempt(&mut self, rule: &Rule, seconds: i64, outcome: AttemptOutcome) {
        let (incident, recurrence) = (self.incident.id, self.incident.recurrences);
        self.history.push(Attempt { at: at(seconds), rule: rule.digest(), incident, recurrence, outcome });
    }
}
