//! L1 rules as data: which runbook answers which failing check, where, and how often at most.
//!
//! A rule is identified by its content: [`Rule::digest`] covers every field, so an edited rule is a different rule that
//! must qualify again. Defaults are part of the content, written or not. Choosing between rules and evaluating their
//! conditions is `proofline-healing`; this module only holds them and checks their bounds.

mod condition;

use std::collections::BTreeMap;

use proofline_core::{AssetId, Mode, OrgId, PartnerId, SiteId};
use serde::{Deserialize, Serialize};

pub use condition::{All, Any, Condition, Not, Op, Operand, Scalar, Test};

use crate::canonical::Digest;
use crate::runbook::ParamValue;

/// Where a rule holds. Ordered from farthest to nearest: the nearest wins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(tag = "level", content = "id", rename_all = "snake_case")]
pub enum Scope {
    /// Everywhere.
    #[default]
    Platform,
    /// Every clinic of one partner.
    Partner(PartnerId),
    /// One clinic.
    Organisation(OrgId),
    /// One site.
    Site(SiteId),
    /// One asset.
    Asset(AssetId),
}

impl Scope {
    /// The name of the level, as shown to people.
    pub const fn level(&self) -> &'static str {
        match self {
            Self::Platform => "platform",
            Self::Partner(_) => "partner",
            Self::Organisation(_) => "organisation",
            Self::Site(_) => "site",
            Self::Asset(_) => "asset",
        }
    }
}

/// The most heals that may have happened in the last hour before this rule holds back. Heals by any rule count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BlastRadius {
    /// On the site. 1 to 1000.
    pub site_per_hour: u16,
    /// On assets of the same role at the site. 1 to 1000.
    pub role_per_hour: u16,
}

impl Default for BlastRadius {
    fn default() -> Self {
        Self { site_per_hour: 20, role_per_hour: 10 }
    }
}

/// When a rule may act.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum When {
    /// At any time that healing is not paused.
    #[default]
    AnyTime,
    /// Only inside one of the site's maintenance windows; never where the site has none.
    MaintenanceWindow,
}

const fn default_cooldown() -> u32 {
    600
}

const fn default_attempts() -> u8 {
    3
}

/// One deterministic rule: this check fails there, under these conditions → this runbook with these parameters.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rule {
    /// Stable name, lower-case words joined by dots; one per content and scope.
    pub id: String,
    /// Raised by whoever edits the rule. At least 1.
    pub version: u32,
    /// One line in plain English.
    pub title: String,
    /// Where it holds.
    #[serde(default)]
    pub scope: Scope,
    /// The failing check that it answers.
    pub check: String,
    /// What else must be so.
    #[serde(default)]
    pub conditions: Condition,
    /// The runbook that it runs.
    pub runbook: String,
    /// The runbook's parameters; what is left out takes the runbook's default.
    #[serde(default)]
    pub parameters: BTreeMap<String, ParamValue>,
    /// The most that this rule allows anywhere.
    pub mode: Mode,
    /// Seconds from one attempt to the next; doubles with each attempt of the same incident, to one day at most.
    /// 60 to 86 400.
    #[serde(default = "default_cooldown")]
    pub cooldown_s: u32,
    /// Attempts for one opening of an incident. 1 to 10.
    #[serde(default = "default_attempts")]
    pub max_attempts: u8,
    /// A single attempt for an incident, even when it comes back.
    #[serde(default)]
    pub once_per_incident: bool,
    /// When it may act.
    #[serde(default)]
    pub when: When,
    /// How many heals per hour it tolerates around it.
    #[serde(default)]
    pub blast_radius: BlastRadius,
    /// Between rules of the same scope the greater wins; then the smaller id.
    #[serde(default)]
    pub priority: i32,
}

/// A rule is out of bounds.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RuleError {
    /// Not lower-case words joined by dots, or longer than 100.
    #[error("id, check and runbook are lower-case words joined by dots, got {0:?}")]
    Name(String),
    /// The title is empty or longer than 200 characters.
    #[error("a title has 1 to 200 characters")]
    Title,
    /// A number is outside what its field allows.
    #[error("{field} is out of bounds")]
    OutOfBounds {
        /// The field's name.
        field: &'static str,
    },
}

impl Rule {
    /// SHA-256 of the canonical JSON of the whole rule.
    pub fn digest(&self) -> Digest {
        Digest::of(self)
    }

    /// Checks what the types cannot: names and bounds. Conditions are checked where they are compiled, parameters where
    /// they are bound to the runbook.
    pub fn check_bounds(&self) -> Result<(), RuleError> {
        for name in [&self.id, &self.check, &self.runbook] {
            if !is_dotted_name(name) {
                return Err(RuleError::Name(name.clone()));
            }
        }
        if self.title.is_empty() || self.title.len() > 200 {
            return Err(RuleError::Title);
        }
        let bounds = [
            ("version", self.version >= 1),
            ("cooldown_s", (60..=86_400).contains(&self.cooldown_s)),
            ("max_attempts", (1..=10).contains(&self.max_attempts)),
            ("site_per_hour", (1..=1000).contains(&self.blast_radius.site_per_hour)),
            ("role_per_hour", (1..=1000).contains(&self.blast_radius.role_per_hour)),
        ];
        match bounds.into_iter().find(|(_, holds)| !holds) {
            Some((field, _)) => Err(RuleError::OutOfBounds { field }),
            None => Ok(()),
        }
    }
}

/// Lower-case words of letters, digits and `_`, joined by dots: at least two, at most 100 bytes.
pub fn is_dotted_name(text: &str) -> bool {
    let word = |w: &str| {
        w.starts_with(|c: char| c.is_ascii_lowercase())
            && w.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_')
    };
    text.len() <= 100 && text.contains('.') && text.split('.').all(word)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn rule() -> Rule {
        serde_json::from_value(json!({
            "id": "platform.ssh.root_login", "version": 1, "title": "No root login over SSH",
            "check": "linux.ssh.root_login", "runbook": "linux.ssh.disable_root_login", "mode": "enforce",
            "conditions": {"all": [{"field": "observed", "op": "ne", "value": "no"}, {"not": {"field": "role", "op": "in", "value": ["ehr", 3, true]}}]}
        }))
        .expect("a rule")
    }

    #[test]
    fn the_digest_covers_every_field_and_ignores_how_it_was_written() {
        let rule = rule();
        let rewritten: Rule =
            serde_json::from_str(&serde_json::to_string_pretty(&rule).expect("json")).expect("a rule");
        assert_eq!(rewritten.digest(), rule.digest());
        assert_ne!(Rule { priority: 1, ..rule.clone() }.digest(), rule.digest());
        assert_ne!(Rule { conditions: Condition::default(), ..rule.clone() }.digest(), rule.digest());
    }

    #[test]
    fn bounds_and_unknown_fields_are_refused() {
        assert_eq!(rule().check_bounds(), Ok(()));
        assert_eq!(
            Rule { cooldown_s: 5, ..rule() }.check_bounds(),
            Err(RuleError::OutOfBounds { field: "cooldown_s" })
        );
        assert_eq!(Rule { id: "Nope".into(), ..rule() }.check_bounds(), Err(RuleError::Name("Nope".into())));
        let mut value = serde_json::to_value(rule()).expect("json");
        value["shell"] = json!("rm");
        assert!(serde_json::from_value::<Rule>(value).is_err());
        assert!(
            serde_json::from_value::<Condition>(json!({"field": "a", "op": "eq", "value": 1, "x": 1}))
                .is_err()
        );
    }

    #[test]
    fn the_nearest_scope_is_the_greatest() {
        let site: SiteId = "site_01h455vb4pex5vsknk084sn02q".parse().expect("an id");
        assert!(Scope::Site(site) > Scope::Platform);
        assert_eq!(
            serde_json::to_value(Scope::Site(site)).expect("json"),
            json!({"level": "site", "id": site})
        );
        assert_eq!(serde_json::to_value(Scope::Platform).expect("json"), json!({"level": "platform"}));
    }
}
