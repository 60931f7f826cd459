//! The server's keys: pinned at enrolment, followed from there.
//!
//! A key is replaced by a statement that the key before signed. The agent keeps the statements as received and follows
//! them anew at every start, from the keys that enrolment pinned; nothing else is trusted.
//!
//! Invariants: a chain only grows; a key has one successor for good; no key comes twice, in any role; a chain is on disk
//! before anything is accepted because of it.

use std::collections::BTreeSet;
use std::io;
use std::sync::{Mutex, MutexGuard, PoisonError};

use proofline_core::{InstallationId, Timestamp};
use proofline_evidence::dsse::Envelope;
use proofline_evidence::note::{Checkpoint, CheckpointKeys, NoteKey, OpenedCheckpoint, SignatureKind};
use proofline_evidence::{Defect, Digest, PublicKey, Reason};
use proofline_protocol::{
    KeyRole, KeySuccessor, MAX_SUCCESSOR_BYTES, MAX_SUCCESSORS, SUCCESSOR_PAYLOAD_TYPE,
};

use crate::files;
use crate::identity::StateDir;

const MAX_FILE: u64 = 512 * 1024;

/// A successor is not accepted.
#[derive(Debug, thiserror::Error)]
pub enum SuccessorRefusal {
    /// Not signed by the key that it names, or naming no sound key.
    #[error("not a genuine successor statement: {0}")]
    NotGenuine(#[from] Defect),
    /// Signed, and not understood.
    #[error("a successor statement that this version does not understand: {0}")]
    Malformed(#[from] serde_json::Error),
    /// More than anybody needs.
    #[error("more than {MAX_SUCCESSORS} successor statements")]
    TooMany,
    /// For another installation, another role or another key than the one that signed.
    #[error("the successor statement is about another {0}")]
    Foreign(&'static str),
    /// The key before would end before the key after begins.
    #[error("the successor statement leaves a gap between its two keys")]
    Gap,
    /// The key before has another successor already.
    #[error("the {role} key {predecessor} has another successor already")]
    Fork {
        /// Which role.
        role: KeyRole,
        /// The key with two successors.
        predecessor: Digest,
    },
    /// The key was used before.
    #[error("the new {role} key {key} was used before")]
    Reused {
        /// Which role.
        role: KeyRole,
        /// The key.
        key: Digest,
    },
    /// It cannot be kept.
    #[error("the successor statements cannot be kept")]
    File(#[from] io::Error),
}

/// The chains of keys.
#[derive(Debug)]
pub struct ServerKeys {
    installation: InstallationId,
    held: Mutex<Held>,
}

#[derive(Debug, Clone)]
struct Held {
    chains: Vec<Chain>,
    /// Every key that was ever known, of every role.
    used: BTreeSet<Digest>,
    /// The statements that lead from the pinned keys to the last ones, as received.
    statements: Vec<String>,
    /// The latest time that anybody said it is. At the start nothing is known: what is on disk was accepted in its time.
    now: Timestamp,
}

#[derive(Debug, Clone)]
struct Chain {
    role: KeyRole,
    /// The pinned key first.
    links: Vec<Link>,
}

#[derive(Debug, Clone)]
struct Link {
    key: PublicKey,
    /// It signs nothing before; absent for the pinned key.
    from: Option<Timestamp>,
    /// From then on it is retired; absent while it has no successor.
    until: Option<Timestamp>,
}

impl ServerKeys {
    /// The pinned keys, whose successors are not known yet.
    pub(crate) fn pinned(installation: InstallationId, keys: Vec<(KeyRole, PublicKey)>) -> Self {
        let used = keys.iter().map(|(_, key)| key.id()).collect();
        let chain = |(role, key)| Chain { role, links: vec![Link { key, from: None, until: None }] };
        let chains = keys.into_iter().map(chain).collect();
        let held = Held { chains, used, statements: Vec::new(), now: Timestamp::MIN_UTC };
        Self { installation, held: Mutex::new(held) }
    }

    /// Follows what was kept. A file that is not acceptable counts as none: the server sends it again.
    pub(crate) fn restore(&self, state: &StateDir) -> io::Result<()> {
        let Some(bytes) = files::read(&state.successors(), MAX_FILE)? else { return Ok(()) };
        let kept = serde_json::from_slice::<Vec<String>>(&bytes).map_err(SuccessorRefusal::from);
        let mut held = self.lock();
        match kept.and_then(|kept| held.follow(self.installation, &kept)) {
            Ok(followed) => *held = followed,
            Err(error) => tracing::error!(%error, "the kept successors of the server's keys are set aside"),
        }
        Ok(())
    }

    /// Takes the server's successor statements, in any order, all or none. Those about keys before the pinned one say
    /// nothing here. Returns whether a chain grew; if so, it is on disk.
    ///
    /// # Errors
    /// When one of them is not to be believed, or cannot be kept.
    pub fn follow(&self, state: &StateDir, statements: &[String]) -> Result<bool, SuccessorRefusal> {
        let mut held = self.lock();
        let followed = held.follow(self.installation, statements)?;
        if followed.statements.len() == held.statements.len() {
            return Ok(false);
        }
        files::replace_durably(&state.successors(), &serde_json::to_vec(&followed.statements)?)?;
        *held = followed;
        Ok(true)
    }

    /// It is at least this late: keys that end by then are retired. Time does not go back.
    pub fn pass(&self, now: Timestamp) {
        let mut held = self.lock();
        held.now = held.now.max(now);
    }

    /// The key that signs for this role, as far as is known; none for a role that is not followed.
    pub fn current(&self, role: KeyRole) -> Option<PublicKey> {
        self.lock().chain(role)?.links.last().map(|link| link.key.clone())
    }

    /// Verifies an envelope under a key of this role that is not retired, and hands out the payload.
    ///
    /// # Errors
    /// When no such key signed it.
    pub fn verify<'e>(
        &self,
        role: KeyRole,
        payload_type: &str,
        envelope: &'e Envelope,
    ) -> Result<&'e [u8], Defect> {
        let held = self.lock();
        let links = held.chain(role).map_or(&[][..], |chain| &chain.links);
        let mismatch = |detail: &str| Defect::new(Reason::KeyMismatch, detail);
        let link = links.iter().find(|link| link.key.id() == envelope.key_id());
        let link = link.ok_or_else(|| mismatch("not a key of the server for this role"))?;
        if link.until.is_some_and(|until| until <= held.now) {
            return Err(mismatch("the key was retired"));
        }
        envelope.verify(payload_type, &link.key)
    }

    /// Reads a checkpoint of the log with this origin, which a checkpoint key signed in its time and that is not retired.
    ///
    /// # Errors
    /// When no such key signed it.
    pub fn open_checkpoint(&self, note: &[u8], origin: &str) -> Result<OpenedCheckpoint, Defect> {
        let held = self.lock();
        let links = held.chain(KeyRole::Checkpoint).map_or(&[][..], |chain| &chain.links);
        let (first, later) = links
            .split_first()
            .ok_or_else(|| Defect::new(Reason::NoteUnsigned, "no checkpoint key is pinned"))?;
        let name = Checkpoint::key_name(self.installation);
        let first = NoteKey::new(&name, SignatureKind::Plain, first.key.clone())?;
        let mut keys = CheckpointKeys::new(&first);
        for (before, link) in links.iter().zip(later) {
            if let (Some(from), Some(until)) = (link.from, before.until) {
                keys.succeed(link.key.clone(), from, until)?;
            }
        }
        let (opened, place) = keys.open(note, origin)?;
        let until = links.get(place).and_then(|link| link.until);
        if until.is_some_and(|until| until <= held.now) {
            return Err(Defect::new(Reason::CheckpointKeyTime, "the key was retired"));
        }
        Ok(opened)
    }

    fn lock(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Held {
    fn chain(&self, role: KeyRole) -> Option<&Chain> {
        self.chains.iter().find(|chain| chain.role == role)
    }

    /// What is known after these statements. Each round follows at least one or is the last.
    fn follow(&self, installation: InstallationId, statements: &[String]) -> Result<Self, SuccessorRefusal> {
        if statements.len() > MAX_SUCCESSORS {
            return Err(SuccessorRefusal::TooMany);
        }
        let mut followed = self.clone();
        loop {
            let before = followed.statements.len();
            for statement in statements {
                followed.step(installation, statement)?;
            }
            if followed.statements.len() == before {
                return Ok(followed);
            }
        }
    }

    fn step(&mut self, installation: InstallationId, statement: &str) -> Result<(), SuccessorRefusal> {
        let envelope = Envelope::parse_up_to(statement.as_bytes(), MAX_SUCCESSOR_BYTES)?;
        let signer = envelope.key_id();
        let place = self.chains.iter_mut().find_map(|chain| {
            let at = chain.links.iter().position(|link| link.key.id() == signer)?;
            Some((chain, at))
        });
        let Some((chain, at)) = place else { return Ok(()) };
        let payload = envelope.verify(SUCCESSOR_PAYLOAD_TYPE, &chain.links[at].key)?;
        let said: KeySuccessor = serde_json::from_slice(payload)?;
        let role = chain.role;
        if said.installation != installation {
            return Err(SuccessorRefusal::Foreign("installation"));
        }
        if said.role != role {
            return Err(SuccessorRefusal::Foreign("role"));
        }
        if said.predecessor != signer {
            return Err(SuccessorRefusal::Foreign("key"));
        }
        if said.predecessor_until <= said.not_before {
            return Err(SuccessorRefusal::Gap);
        }
        let key = PublicKey::from_bytes(&said.successor)?;
        if let Some(next) = chain.links.get(at + 1) {
            let same = next.key == key
                && next.from == Some(said.not_before)
                && chain.links[at].until == Some(said.predecessor_until);
            return if same { Ok(()) } else { Err(SuccessorRefusal::Fork { role, predecessor: signer }) };
        }
        if !self.used.insert(key.id()) {
            return Err(SuccessorRefusal::Reused { role, key: key.id() });
        }
        chain.links[at].until = Some(said.predecessor_until);
        chain.links.push(Link { key, from: Some(said.not_before), until: None });
        self.statements.push(statement.to_owned());
        Ok(())
    }
}
