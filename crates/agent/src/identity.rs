//! Who this appliance is: the private key that never leaves the box, and what enrolment decided.
//!
//! Invariants: both files are written durably, for the owner only, and never changed afterwards, but for the server's address
//! ([`Identity::move_server`]); a key file that others may read, and a state folder that others may change, is refused; the
//! pinned server keys are checked once, when the identity is read or made. What takes their place later is kept beside them,
//! see [`ServerKeys`].

use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use proofline_core::{ApplianceId, AssetId, Entropy, InstallationId, Mode, OrgId, SiteId, Timestamp};
use proofline_evidence::note::Checkpoint;
use proofline_evidence::{Defect, PublicKey, SigningKey, encoding};
use proofline_protocol::{ClaimResponse, KeyRole, ServerKey};
use serde::{Deserialize, Serialize};

use crate::files;
use crate::server_keys::ServerKeys;
use crate::server_url::{PlainHttp, ServerUrl, ServerUrlError};

const KEY_PREFIX: &str = "proofline-agent-key-v1 ";
const LIMIT: u64 = 64 * 1024;

/// The state folder and what lies where in it.
#[derive(Debug, Clone)]
pub struct StateDir(PathBuf);

impl StateDir {
    /// The folder, whether or not it exists.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self(path.into())
    }

    /// The folder itself.
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// The private key.
    pub fn key(&self) -> PathBuf {
        self.0.join("agent.key")
    }

    /// What enrolment decided.
    pub fn identity(&self) -> PathBuf {
        self.0.join("identity.json")
    }

    /// The queue of evidence.
    pub fn outbox(&self) -> PathBuf {
        self.0.join("queue.db")
    }

    /// The signed rule set, as received.
    pub fn rules(&self) -> PathBuf {
        self.0.join("rules.json")
    }

    /// The signed set of credentials, as received: each is sealed to the private key.
    pub fn credentials(&self) -> PathBuf {
        self.0.join("credentials.json")
    }

    /// The successors of the server's keys: the signed statements, as received.
    pub fn successors(&self) -> PathBuf {
        self.0.join("successors.json")
    }

    /// A second copy of the last accepted checkpoint.
    pub fn checkpoint(&self) -> PathBuf {
        self.0.join("checkpoint.json")
    }

    /// What `status` shows.
    pub fn status(&self) -> PathBuf {
        self.0.join("status.json")
    }

    /// The clinic's own decision, where no other place is set.
    pub fn local_override(&self) -> PathBuf {
        self.0.join("override.conf")
    }

    /// What heals replaced, so that it can be brought back.
    pub fn journals(&self) -> PathBuf {
        self.0.join("journals")
    }

    /// Held while something enrols.
    pub fn enrolment_lock(&self) -> PathBuf {
        self.0.join("enrol.lock")
    }
}

/// The identity cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum IdentityError {
    /// Reading or writing failed.
    #[error("{} cannot be used", .path.display())]
    File {
        /// Which file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// There is no identity: the machine was never enrolled.
    #[error("this machine is not enrolled: run `proofline-agent enroll --server … --code …`")]
    NotEnrolled,
    /// The identity is there and the key is not.
    #[error("{} is missing: without its key this appliance cannot speak any more. Enrol it again with a new code, \
             after moving the state folder away", .0.display())]
    KeyMissing(PathBuf),
    /// The key file is not one.
    #[error("{} is damaged. Enrol this machine again with a new code, after moving the state folder away", .0.display())]
    KeyDamaged(PathBuf),
    /// Others than the owner may read the key.
    #[error("{} may be read by others (mode {mode:o}): run chmod 600, and enrol again if somebody did", .path.display())]
    KeyExposed {
        /// Which file.
        path: PathBuf,
        /// Its permissions.
        mode: u32,
    },
    /// The identity file is not one.
    #[error("{} is damaged", .path.display())]
    Damaged {
        /// Which file.
        path: PathBuf,
        /// Where.
        source: serde_json::Error,
    },
    /// The server may not be asked at this address.
    #[error(transparent)]
    Server(#[from] ServerUrlError),
    /// The server's keys do not make sense.
    #[error("the server's {role} key cannot be pinned: {detail}")]
    ServerKey {
        /// Which role.
        role: KeyRole,
        /// Why.
        detail: String,
    },
}

impl IdentityError {
    fn file(path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::File { path, source }
    }
}

/// Reads the key, or makes one where there is none. A key once made is kept, so that an enrolment can be repeated.
pub fn key_for_enrolment(state: &StateDir, entropy: &dyn Entropy) -> Result<SigningKey, IdentityError> {
    if let Some(key) = read_key(&state.key())? {
        return Ok(key);
    }
    let key = SigningKey::generate(entropy);
    let mut text = format!("{KEY_PREFIX}{}\n", encoding::encode(*key.seed()));
    let written = files::replace_durably(&state.key(), text.as_bytes());
    zeroize::Zeroize::zeroize(&mut text);
    written.map_err(IdentityError::file(&state.key()))?;
    Ok(key)
}

fn read_key(path: &Path) -> Result<Option<SigningKey>, IdentityError> {
    let mut file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(IdentityError::file(path)(error)),
    };
    let mode = file.metadata().map_err(IdentityError::file(path))?.permissions().mode() & 0o7777;
    if mode & 0o077 != 0 {
        return Err(IdentityError::KeyExposed { path: path.to_owned(), mode });
    }
    let damaged = || IdentityError::KeyDamaged(path.to_owned());
    let mut text = zeroize::Zeroizing::new(String::with_capacity(128));
    (&mut file).take(128).read_to_string(&mut text).map_err(|_| damaged())?;
    let encoded =
        text.strip_prefix(KEY_PREFIX).and_then(|rest| rest.strip_suffix('\n')).ok_or_else(damaged)?;
    let seed = zeroize::Zeroizing::new(encoding::decode(encoded).map_err(|_| damaged())?);
    Ok(Some(SigningKey::from_seed(&seed.as_slice().try_into().map_err(|_| damaged())?)))
}

/// What is written to `identity.json`.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Stored {
    server: ServerUrl,
    plain_http: PlainHttp,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    ca_file: Option<PathBuf>,
    enrolled_at: Timestamp,
    #[serde(flatten)]
    claim: ClaimResponse,
}

/// How to reach the server, as said when enrolling.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Route {
    /// Its address.
    pub server: ServerUrl,
    /// Whether plain HTTP may leave the machine.
    pub plain_http: PlainHttp,
    /// The certificate authority, instead of the public ones.
    pub ca_file: Option<PathBuf>,
}

/// An enrolled appliance.
#[derive(Debug, Clone)]
pub struct Identity {
    /// How to reach the server.
    pub route: Route,
    /// When this machine was enrolled, by its own clock.
    pub enrolled_at: Timestamp,
    /// Which Central Command.
    pub installation: InstallationId,
    /// Whose clinic.
    pub org: OrgId,
    /// Which location.
    pub site: SiteId,
    /// Itself as a sender.
    pub appliance: ApplianceId,
    /// Itself as a machine that is checked.
    pub asset: AssetId,
    /// How far healing may go without a rule set.
    pub mode: Mode,
    /// Seconds between check-ins until the server says otherwise.
    pub check_in_seconds: u64,
    /// The server's keys. Clones of an identity share what is learnt about them.
    pub server_keys: Arc<ServerKeys>,
    stored: Stored,
}

impl Identity {
    /// Takes the server's answer to a claim. Every role must be there exactly once, with a sound key that no other
    /// role has.
    pub fn from_claim(
        claim: ClaimResponse,
        route: Route,
        enrolled_at: Timestamp,
    ) -> Result<Self, IdentityError> {
        let Route { server, plain_http, ca_file } = route;
        Self::pin(Stored { server, plain_http, ca_file, enrolled_at, claim })
    }

    fn pin(stored: Stored) -> Result<Self, IdentityError> {
        let claim = &stored.claim;
        let key = |role| pinned(&claim.server_keys, role);
        let keys: Result<_, IdentityError> =
            KeyRole::ALL.into_iter().map(|role| Ok((role, key(role)?))).collect();
        let server_keys = ServerKeys::pinned(claim.installation, keys?);
        Ok(Self {
            route: Route {
                server: stored.server.clone(),
                plain_http: stored.plain_http,
                ca_file: stored.ca_file.clone(),
            },
            enrolled_at: stored.enrolled_at,
            installation: claim.installation,
            org: claim.org,
            site: claim.site,
            appliance: claim.appliance,
            asset: claim.asset,
            mode: claim.mode,
            check_in_seconds: claim.check_in_seconds,
            server_keys: Arc::new(server_keys),
            stored,
        })
    }

    /// Writes it, durably.
    pub fn store(&self, state: &StateDir) -> Result<(), IdentityError> {
        let path = state.identity();
        let text = serde_json::to_vec_pretty(&self.stored)
            .map_err(|error| IdentityError::file(&path)(error.into()))?;
        files::replace_durably(&path, &text).map_err(IdentityError::file(&path))
    }

    /// Reads it, if this machine is enrolled.
    pub fn find(state: &StateDir) -> Result<Option<Self>, IdentityError> {
        let path = state.identity();
        let Some(bytes) = files::read(&path, LIMIT).map_err(IdentityError::file(&path))? else {
            return Ok(None);
        };
        let stored =
            serde_json::from_slice(&bytes).map_err(|source| IdentityError::Damaged { path, source })?;
        let identity = Self::pin(stored)?;
        identity.server_keys.restore(state).map_err(IdentityError::file(&state.successors()))?;
        Ok(Some(identity))
    }

    /// From now on the server is asked at this address, without enrolling again: the pinned keys stay, so a server that is
    /// not the one of the enrolment is not believed there.
    pub fn move_server(state: &StateDir, server: ServerUrl) -> Result<(), IdentityError> {
        let mut identity = Self::find(state)?.ok_or(IdentityError::NotEnrolled)?;
        let server = server.permit(identity.route.plain_http)?;
        if identity.stored.server == server {
            return Ok(());
        }
        identity.stored.server = server;
        identity.store(state)
    }

    /// Reads the identity and its key.
    pub fn load(state: &StateDir) -> Result<(Self, SigningKey), IdentityError> {
        let identity = Self::find(state)?.ok_or(IdentityError::NotEnrolled)?;
        files::check_folder(state.path()).map_err(IdentityError::file(state.path()))?;
        let key = read_key(&state.key())?.ok_or_else(|| IdentityError::KeyMissing(state.key()))?;
        Ok((identity, key))
    }

    /// The origin of the site's log, as checkpoints name it.
    pub fn log_origin(&self) -> String {
        Checkpoint::origin_of(self.installation, self.site)
    }
}

fn unusable(role: KeyRole) -> impl FnOnce(Defect) -> IdentityError {
    move |defect| IdentityError::ServerKey { role, detail: defect.to_string() }
}

fn pinned(keys: &[ServerKey], role: KeyRole) -> Result<PublicKey, IdentityError> {
    let refused = |detail: &str| IdentityError::ServerKey { role, detail: detail.to_owned() };
    let mut of_role = keys.iter().filter(|key| key.role == role);
    let (Some(found), None) = (of_role.next(), of_role.next()) else {
        return Err(refused("expected exactly one"));
    };
    if keys.iter().filter(|key| key.public_key == found.public_key).count() != 1 {
        return Err(refused("another role has the same key"));
    }
    let key = PublicKey::from_bytes(&found.public_key).map_err(unusable(role))?;
    if key.id() == found.key_id { Ok(key) } else { Err(refused("its name is not its digest")) }
}
