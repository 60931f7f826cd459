//! Credentials for what this appliance looks after: taken from the server, kept on the disk as received, opened in memory.
//!
//! The file is the signed envelope, in which every credential is sealed to this appliance's key: what lies on the disk
//! reads nobody without that key, and no clear text is ever written. It is verified and opened anew at every start. The
//! highest version ever accepted is remembered in the queue, so that an older set put in its place is refused. What is in a
//! credential is never printed, logged or stated.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use proofline_core::{ApplianceId, InstallationId};
use proofline_evidence::dsse::Envelope;
use proofline_evidence::{Defect, SigningKey};
use proofline_outbox::{Outbox, OutboxError};
use proofline_protocol::credentials::{Login, NotOurs, Purpose, open};
use proofline_protocol::{CREDENTIALS_PAYLOAD_TYPE, CredentialSet, KeyRole};

use crate::files;
use crate::identity::{Identity, StateDir};
use crate::server_keys::ServerKeys;

const NOTE: &str = "credentials_version";
const MAX_ENVELOPE: usize = 8 * 1024 * 1024;

/// A set of credentials is not accepted. None of these holds a value.
#[derive(Debug, thiserror::Error)]
pub enum CredentialsRefusal {
    /// Not signed by the pinned key.
    #[error("not a genuine set of credentials: {0}")]
    NotGenuine(#[from] Defect),
    /// Signed, and not understood.
    #[error("a set of credentials that this version does not understand")]
    Malformed,
    /// For another installation or appliance.
    #[error("the set of credentials is meant for another appliance")]
    Foreign,
    /// One of them is not sealed to this appliance's key, or not for what it says.
    #[error(transparent)]
    Sealed(#[from] NotOurs),
    /// Older than what was accepted before.
    #[error("the set of credentials has version {offered}, older than {held}")]
    Older {
        /// What came.
        offered: u64,
        /// What was accepted before.
        held: u64,
    },
    /// It cannot be kept.
    #[error("the set of credentials cannot be kept")]
    File(#[from] std::io::Error),
    /// Its version cannot be remembered.
    #[error(transparent)]
    Queue(#[from] OutboxError),
}

/// What is held, opened.
#[derive(Default)]
struct Held {
    version: u64,
    logins: BTreeMap<String, Arc<Login>>,
}

/// The credentials of this appliance.
pub struct CredentialStore {
    outbox: Arc<Outbox>,
    state: StateDir,
    key: SigningKey,
    server: Arc<ServerKeys>,
    installation: InstallationId,
    appliance: ApplianceId,
    held: Mutex<Held>,
}

impl CredentialStore {
    /// Reads and opens what was kept. A file that is not acceptable counts as none: the server sends it again.
    pub fn open(
        outbox: Arc<Outbox>,
        state: StateDir,
        identity: &Identity,
        key: SigningKey,
    ) -> Result<Self, OutboxError> {
        let store = Self {
            outbox,
            state,
            key,
            server: Arc::clone(&identity.server_keys),
            installation: identity.installation,
            appliance: identity.appliance,
            held: Mutex::default(),
        };
        match store.read_kept() {
            Ok(kept) => *store.lock() = kept.unwrap_or_default(),
            Err(CredentialsRefusal::Queue(error)) => return Err(error),
            Err(error) => tracing::error!(%error, "the kept credentials are set aside"),
        }
        Ok(store)
    }

    /// The credential of this name.
    pub fn get(&self, name: &str) -> Option<Arc<Login>> {
        self.lock().logins.get(name).cloned()
    }

    /// The names of all.
    pub fn names(&self) -> Vec<String> {
        self.lock().logins.keys().cloned().collect()
    }

    /// The version of the set, 0 for none.
    pub fn version(&self) -> u64 {
        self.lock().version
    }

    /// Takes an envelope from the server, whole or not at all. Returns whether it is a newer set.
    pub fn accept(&self, envelope: &[u8]) -> Result<bool, CredentialsRefusal> {
        let fresh = self.read(envelope)?;
        let held = self.version();
        if fresh.version == held && held > 0 {
            return Ok(false);
        }
        files::replace_durably(&self.state.credentials(), envelope)?;
        let version = fresh.version.to_string();
        self.outbox.write(|batch| batch.set_note(NOTE, version.as_bytes()))?;
        *self.lock() = fresh;
        Ok(true)
    }

    fn read_kept(&self) -> Result<Option<Held>, CredentialsRefusal> {
        let limit = u64::try_from(MAX_ENVELOPE).unwrap_or(u64::MAX);
        files::read(&self.state.credentials(), limit)?.map(|envelope| self.read(&envelope)).transpose()
    }

    fn read(&self, envelope: &[u8]) -> Result<Held, CredentialsRefusal> {
        let envelope = Envelope::parse_up_to(envelope, MAX_ENVELOPE)?;
        let payload = self.server.verify(KeyRole::Orders, CREDENTIALS_PAYLOAD_TYPE, &envelope)?;
        // What serde says of it is not passed on: it quotes what it read.
        let set: CredentialSet =
            serde_json::from_slice(payload).map_err(|_| CredentialsRefusal::Malformed)?;
        if set.installation != self.installation || set.appliance != self.appliance {
            return Err(CredentialsRefusal::Foreign);
        }
        let held = self.outbox.note(NOTE)?.and_then(|note| std::str::from_utf8(&note).ok()?.parse().ok());
        let held = held.unwrap_or(0);
        if set.version < held {
            return Err(CredentialsRefusal::Older { offered: set.version, held });
        }
        let mut logins = BTreeMap::new();
        for credential in &set.credentials {
            let purpose = Purpose {
                appliance: self.appliance,
                credential: credential.id,
                version: credential.version,
                name: credential.name.as_str(),
            };
            let login = open(&self.key, &purpose, &credential.envelope.0)?;
            logins.insert(credential.name.as_str().to_owned(), Arc::new(login));
        }
        Ok(Held { version: set.version, logins })
    }

    fn lock(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
