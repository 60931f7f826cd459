//! A machine becomes an appliance, once.
//!
//! The key is made and on the disk before the code is sent. If the answer is lost, the same command sends the same
//! code with the same key again, and the server gives the same answer. An identity that exists is never overwritten.

use std::fs::OpenOptions;
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::sync::Arc;

use proofline_core::{Clock, Entropy, Secret};
use proofline_protocol::{ClaimRequest, ClaimResponse, Digest, FieldError, Text, paths};

use crate::client::{CallError, Client, ClientError};
use crate::files;
use crate::identity::{Identity, IdentityError, Route, StateDir, key_for_enrolment};
use crate::probes::record_program;
use crate::scrub::Scrubbed;

/// What the machine says about itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Machine {
    /// Its host name.
    pub hostname: String,
    /// The bytes of its machine id, where it has one.
    pub machine_id: Vec<u8>,
    /// Operating system and version.
    pub platform: String,
}

/// Enrolment did not happen.
#[derive(Debug, thiserror::Error)]
pub enum EnrollError {
    /// The machine is an appliance already.
    #[error(
        "this machine is already enrolled as {appliance} at {server}. To enrol it anew, move {folder} away first"
    )]
    AlreadyEnrolled {
        /// As what.
        appliance: String,
        /// With whom.
        server: String,
        /// Where the identity lies.
        folder: String,
    },
    /// Another enrolment runs in the same folder.
    #[error("another enrolment is under way in {0}")]
    Busy(String),
    /// The state folder cannot be made or used.
    #[error("the state folder {folder} cannot be used")]
    Folder {
        /// Which.
        folder: String,
        /// What the system says.
        source: io::Error,
    },
    /// Key or identity.
    #[error(transparent)]
    Identity(#[from] IdentityError),
    /// Address or certificate authority.
    #[error(transparent)]
    Client(#[from] ClientError),
    /// What the machine says about itself cannot be sent.
    #[error("the machine's {what} cannot be sent: {source}")]
    Machine {
        /// What.
        what: &'static str,
        /// Why.
        source: FieldError,
    },
    /// The server refused the code.
    #[error("{detail} ({code})")]
    Refused {
        /// The problem's code.
        code: String,
        /// The problem's sentence.
        detail: String,
    },
    /// No answer, or none that could be used.
    #[error("{0}. Run the same command again: the code is not lost, the same key claims it again")]
    Call(CallError),
}

/// Claims `code` and stores the identity.
pub fn enroll(
    state: &StateDir,
    route: Route,
    code: &Secret,
    machine: &Machine,
    clock: &Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
) -> Result<Identity, EnrollError> {
    files::make_folder(state.path()).map_err(folder(state.path()))?;
    let _held = lock(state)?;
    if let Some(identity) = Identity::find(state)? {
        return Err(EnrollError::AlreadyEnrolled {
            appliance: identity.appliance.to_string(),
            server: identity.route.server.to_string(),
            folder: state.path().display().to_string(),
        });
    }
    let key = key_for_enrolment(state, &*entropy)?;
    let request = Scrubbed::of(claim(code.clone(), *key.public_key().as_bytes(), machine)?);
    let client = Client::new(&route, key, Arc::clone(clock), entropy)?;
    let answer: ClaimResponse = client.post(paths::CLAIM, &request).map_err(|error| match error {
        CallError::Refused(problem) => EnrollError::Refused { code: problem.code, detail: problem.detail },
        other => EnrollError::Call(other),
    })?;
    // Before the identity: a machine that is enrolled has it, however often this was interrupted.
    record_program(state.path()).map_err(folder(state.path()))?;
    let identity = Identity::from_claim(answer, route, clock.now())?;
    identity.store(state)?;
    Ok(identity)
}

fn claim(code: Secret, public_key: [u8; 32], machine: &Machine) -> Result<ClaimRequest, EnrollError> {
    let refused = |what| move |source| EnrollError::Machine { what, source };
    Ok(ClaimRequest {
        code,
        public_key,
        hostname: Text::fit(&machine.hostname).map_err(refused("host name"))?,
        machine_id_digest: Digest::of(&machine.machine_id),
        platform: Text::fit(&machine.platform).map_err(refused("platform"))?,
        agent_version: Text::fit(env!("CARGO_PKG_VERSION")).map_err(refused("version"))?,
    })
}

fn lock(state: &StateDir) -> Result<std::fs::File, EnrollError> {
    let path = state.enrolment_lock();
    let file = OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(&path);
    let file = file.map_err(folder(state.path()))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(std::fs::TryLockError::WouldBlock) => Err(EnrollError::Busy(state.path().display().to_string())),
        Err(std::fs::TryLockError::Error(source)) => Err(folder(state.path())(source)),
    }
}

fn folder(path: &Path) -> impl FnOnce(io::Error) -> EnrollError {
    let folder = path.display().to_string();
    move |source| EnrollError::Folder { folder, source }
}
