//! The signed rule set: taken from the server, kept on the disk as received, never exchanged for an older one.
//!
//! The file is verified anew at every start, under the pinned key or its successors. The highest version ever accepted is
//! remembered in the queue as well, so that an older file put in its place is refused.

use std::sync::{Arc, Mutex, PoisonError};

use proofline_catalog::rule::Rule;
use proofline_core::{InstallationId, SiteId};
use proofline_evidence::Defect;
use proofline_evidence::dsse::Envelope;
use proofline_healing::Window;
use proofline_outbox::{Outbox, OutboxError};
use proofline_protocol::{KeyRole, RULES_PAYLOAD_TYPE, RuleSet};

use crate::files;
use crate::identity::{Identity, StateDir};
use crate::server_keys::ServerKeys;

const NOTE: &str = "rules_version";
const MAX_ENVELOPE: usize = 8 * 1024 * 1024;

/// The rule set as this agent reads it.
pub type Rules = RuleSet<Rule, Window>;

/// A rule set is not accepted.
#[derive(Debug, thiserror::Error)]
pub enum RulesRefusal {
    /// Not signed by the server's key.
    #[error("not a genuine rule set: {0}")]
    NotGenuine(#[from] Defect),
    /// Signed, and not understood.
    #[error("a rule set that this version does not understand: {0}")]
    Malformed(#[from] serde_json::Error),
    /// For another installation or site.
    #[error("the rule set is meant for another site")]
    Foreign,
    /// Older than what was accepted before.
    #[error("the rule set has version {offered}, older than {held}")]
    Older {
        /// What came.
        offered: u64,
        /// What was accepted before.
        held: u64,
    },
    /// It cannot be kept.
    #[error("the rule set cannot be kept")]
    File(#[from] std::io::Error),
    /// Its version cannot be remembered.
    #[error(transparent)]
    Queue(#[from] OutboxError),
}

/// The rule set in effect.
pub struct RuleStore {
    outbox: Arc<Outbox>,
    state: StateDir,
    keys: Arc<ServerKeys>,
    installation: InstallationId,
    site: SiteId,
    current: Mutex<Option<Arc<Rules>>>,
}

impl RuleStore {
    /// Reads what was kept. A file that is not acceptable counts as none: the server sends it again.
    pub fn open(outbox: Arc<Outbox>, state: StateDir, identity: &Identity) -> Result<Self, OutboxError> {
        let store = Self {
            outbox,
            state,
            keys: Arc::clone(&identity.server_keys),
            installation: identity.installation,
            site: identity.site,
            current: Mutex::new(None),
        };
        match store.read_kept() {
            Ok(kept) => *store.lock() = kept.map(Arc::new),
            Err(RulesRefusal::Queue(error)) => return Err(error),
            Err(error) => tracing::error!(%error, "the kept rule set is set aside"),
        }
        Ok(store)
    }

    /// The rule set in effect.
    pub fn current(&self) -> Option<Arc<Rules>> {
        self.lock().clone()
    }

    /// Its version, 0 for none.
    pub fn version(&self) -> u64 {
        self.lock().as_ref().map_or(0, |rules| rules.version)
    }

    /// Takes an envelope from the server. Returns whether it is a newer rule set; the same one again is not.
    pub fn accept(&self, envelope: &[u8]) -> Result<bool, RulesRefusal> {
        let rules = self.read(envelope)?;
        let held = self.version();
        if rules.version == held && held > 0 {
            return Ok(false);
        }
        files::replace_durably(&self.state.rules(), envelope)?;
        let version = rules.version.to_string();
        self.outbox.write(|batch| batch.set_note(NOTE, version.as_bytes()))?;
        *self.lock() = Some(Arc::new(rules));
        Ok(true)
    }

    fn read_kept(&self) -> Result<Option<Rules>, RulesRefusal> {
        let limit = u64::try_from(MAX_ENVELOPE).unwrap_or(u64::MAX);
        files::read(&self.state.rules(), limit)?.map(|envelope| self.read(&envelope)).transpose()
    }

    fn read(&self, envelope: &[u8]) -> Result<Rules, RulesRefusal> {
        let envelope = Envelope::parse_up_to(envelope, MAX_ENVELOPE)?;
        let rules: Rules =
            serde_json::from_slice(self.keys.verify(KeyRole::Rules, RULES_PAYLOAD_TYPE, &envelope)?)?;
        if rules.installation != self.installation || rules.site.is_some_and(|site| site != self.site) {
            return Err(RulesRefusal::Foreign);
        }
        let noted = self.outbox.note(NOTE)?;
        let noted = noted.and_then(|bytes| std::str::from_utf8(&bytes).ok()?.parse().ok()).unwrap_or(0);
        let held = self.version().max(noted);
        if rules.version < held {
            return Err(RulesRefusal::Older { offered: rules.version, held });
        }
        Ok(rules)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Option<Arc<Rules>>> {
        self.current.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
