//! The kinds of statement, field by field as they stand in `predicate.body`.

use std::str::FromStr;

use proofline_core::{ApplianceId, IncidentId, Timestamp, Verdict};
use serde::Serialize;

use super::{StateLine, state_digest, time};
use crate::{Defect, Digest, PublicKey, Reason};

/// What is stated.
#[expect(clippy::large_enum_variant, reason = "statements are handled one by one, never in bulk")]
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Body {
    /// Results of checks on one asset.
    CheckRun(CheckRun),
    /// One closed healing loop.
    Heal(Heal),
    /// Nothing changed.
    Heartbeat(Heartbeat),
    /// Statements were lost.
    Gap(Gap),
    /// A person vouches for something.
    Attestation(Attestation),
    /// The agent moved an incident, other than by healing it.
    Incident(IncidentChange),
    /// A key began or ended (server).
    Key(KeyEvent),
    /// Something that the server did or that a person did there (server).
    ServerFact(ServerFact),
}

/// What one check found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CheckResult {
    /// The check's id.
    pub check: String,
    /// The verdict.
    pub verdict: Verdict,
    /// The value that was expected.
    pub expected: String,
    /// The value that was read.
    pub observed: String,
    /// Why the verdict is what it is, where the values do not say it.
    pub reason: String,
    /// Where the value was read.
    pub location: String,
}

impl CheckResult {
    /// SHA-256 of the observed text.
    pub fn observed_digest(&self) -> Digest {
        Digest::of(&self.observed)
    }
}

/// Changed results, and the digest of the whole state after them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CheckRun {
    /// The results that changed since the last run; all of them in the first run.
    pub results: Vec<CheckResult>,
    /// [`state_digest`] over every check of the asset; `None` where the run goes on in the next statement.
    pub state: Option<Digest>,
}

/// Before, plan, actor, steps, after: one healing loop in one statement.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Heal {
    /// The incident that was healed.
    pub incident: IncidentId,
    /// The failing check.
    pub check: String,
    /// The rule as `id@version#hash`, or `None` where an order said so.
    pub rule: Option<String>,
    /// The runbook's id.
    pub runbook: String,
    /// SHA-256 of the plan as it was carried out.
    pub plan_digest: Digest,
    /// Who decided: `l1` or `order:ord_…`.
    pub actor: String,
    /// The mode in force: `audit`, `ask` or `enforce`.
    pub mode: String,
    /// The first observation.
    pub before: CheckResult,
    /// What was done, in order.
    pub steps: Vec<HealStep>,
    /// The second observation: the verdict on the heal.
    pub after: CheckResult,
    /// What came of it.
    pub outcome: HealOutcome,
    /// How to undo it, where that is possible.
    pub rollback: Option<String>,
}

/// One step of a runbook.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct HealStep {
    /// The step's name.
    pub step: String,
    /// How it went.
    pub outcome: StepOutcome,
    /// More about it.
    pub detail: String,
}

/// The asset is as it was.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Heartbeat {
    /// `seq` of the signer's statement that last changed something.
    pub unchanged_since: u64,
    /// The same overall state as then.
    pub state: Digest,
}

/// The numbers that are missing before this statement, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Gap {
    /// The first missing `seq`.
    pub first_seq: u64,
    /// The last missing `seq`: the one before this statement's own.
    pub last_seq: u64,
    /// When the loss began.
    #[serde(serialize_with = "time::serialize")]
    pub from: Timestamp,
    /// When it ended.
    #[serde(serialize_with = "time::serialize")]
    pub to: Timestamp,
    /// What happened.
    pub reason: String,
}

/// Somebody's word.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Attestation {
    /// What is attested.
    pub statement: String,
    /// By whom: an id or a role, never a person's name or address.
    pub by: String,
}

/// A transition of an incident that the agent decided.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct IncidentChange {
    /// The incident.
    pub incident: IncidentId,
    /// Its check.
    pub check: String,
    /// The state before, or `None` when it was opened.
    pub from: Option<String>,
    /// The state after.
    pub to: String,
    /// Who decided.
    pub actor: String,
    /// Why.
    pub cause: String,
}

/// A key's validity begins or ends with this entry.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct KeyEvent {
    /// What happened.
    pub action: KeyAction,
    /// What the key is for.
    pub role: KeyRole,
    /// The key, in base64.
    #[serde(serialize_with = "public_key")]
    pub public_key: PublicKey,
    /// SHA-256 of the key's 32 bytes.
    pub key_id: Digest,
    /// The appliance that holds it, for the role `appliance`.
    pub holder: Option<ApplianceId>,
    /// Why.
    pub reason: String,
}

/// Something that happened on the server and belongs to the site's record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ServerFact {
    /// What: `mode_changed`, `exception_granted`, …
    pub fact: String,
    /// What it happened to.
    pub subject_id: String,
    /// Who did it.
    pub actor: String,
    /// More about it.
    pub detail: String,
}

macro_rules! words {
    ($(#[$meta:meta])* $name:ident { $($(#[$vmeta:meta])* $variant:ident = $word:literal,)* }) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
        pub enum $name {
            $($(#[$vmeta])* #[serde(rename = $word)] $variant,)*
        }

        impl $name {
            /// Every value.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// The spelling in statements.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word,)* }
            }
        }

        impl FromStr for $name {
            type Err = Defect;

            fn from_str(text: &str) -> Result<Self, Defect> {
                match text {
                    $($word => Ok(Self::$variant),)*
                    _ => Err(Defect::new(Reason::FieldValue, concat!("not a ", stringify!($name)))),
                }
            }
        }
    };
}

words! {
    /// What came of a heal.
    HealOutcome {
        /// The second observation passes.
        Resolved = "resolved",
        /// Every step went well, and the check still does not pass.
        NotEffective = "not_effective",
        /// A step failed.
        Failed = "failed",
        /// The previous state was restored.
        RolledBack = "rolled_back",
    }
}

words! {
    /// How a step went.
    StepOutcome {
        /// It did what it should.
        Ok = "ok",
        /// It did not.
        Failed = "failed",
        /// It was not needed, or not reached.
        Skipped = "skipped",
    }
}

words! {
    /// What happened to a key.
    KeyAction {
        /// Valid from this entry on.
        Enrolled = "enrolled",
        /// No longer valid after this entry.
        Revoked = "revoked",
        /// Valid from this entry on, in place of the holder's previous key of that role.
        Rotated = "rotated",
    }
}

words! {
    /// What a key is for. One key, one role.
    KeyRole {
        /// Signs an appliance's statements.
        Appliance = "appliance",
        /// Signs the server's statements.
        ServerFacts = "server_facts",
        /// Signs checkpoints.
        Checkpoint = "checkpoint",
        /// Signs orders.
        Orders = "orders",
        /// Signs rule sets.
        Rules = "rules",
        /// Cosigns checkpoints.
        Cosigner = "cosigner",
    }
}

impl Body {
    /// The word in `kind`.
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::CheckRun(_) => "check_run",
            Self::Heal(_) => "heal",
            Self::Heartbeat(_) => "heartbeat",
            Self::Gap(_) => "gap",
            Self::Attestation(_) => "attestation",
            Self::Incident(_) => "incident",
            Self::Key(_) => "key",
            Self::ServerFact(_) => "server_fact",
        }
    }

    /// The digest that sums the body up, for the default subject.
    pub(super) fn summary_digest(&self) -> Digest {
        match self {
            Self::CheckRun(run) => {
                run.state.unwrap_or_else(|| state_digest(run.results.iter().map(StateLine::of)))
            }
            Self::Heal(heal) => heal.plan_digest,
            Self::Heartbeat(heartbeat) => heartbeat.state,
            Self::Gap(gap) => Digest::of(&gap.reason),
            Self::Attestation(attestation) => Digest::of(&attestation.statement),
            Self::Incident(change) => Digest::of(&change.cause),
            Self::Key(event) => event.key_id,
            Self::ServerFact(fact) => Digest::of(&fact.detail),
        }
    }
}

impl KeyEvent {
    /// A key event whose `key_id` is the key's own.
    pub fn new(
        action: KeyAction,
        role: KeyRole,
        public_key: PublicKey,
        holder: Option<ApplianceId>,
        reason: impl Into<String>,
    ) -> Self {
        let key_id = public_key.id();
        Self { action, role, public_key, key_id, holder, reason: reason.into() }
    }
}

fn public_key<S: serde::Serializer>(key: &PublicKey, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&key.to_base64())
}
