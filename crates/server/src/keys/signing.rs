//! The server's own signing keys. A key never signs in another role.
//!
//! Each key can have a successor. A successor is announced first, by a statement that every check-in
//! brings; later it signs; later still its predecessor is refused. Which key signs follows from the time alone, so that all
//! nodes change over together and nothing has to be started anew.

use std::convert::Infallible;
use std::sync::{PoisonError, RwLock, RwLockReadGuard};

use proofline_core::{Entropy, InstallationId, Timestamp};
use proofline_evidence::dsse::{self, Envelope};
use proofline_evidence::note::{Checkpoint, CheckpointKeys, NoteKey, SignatureKind};
use proofline_evidence::{Defect, SigningKey};
use proofline_protocol::{KeyRole, KeySuccessor, MAX_SUCCESSOR_BYTES, SUCCESSOR_PAYLOAD_TYPE};
use serde_json::value::RawValue;

/// The keys of every role, as they are known now.
pub struct ServerKeys(RwLock<KeyChains>);

/// The keys of every role, each with its successors.
#[derive(Clone)]
pub struct KeyChains {
    server_facts: KeyChain,
    checkpoint: KeyChain,
    orders: KeyChain,
    rules: KeyChain,
}

/// The first key of a role and its successors, in their order.
#[derive(Clone)]
pub struct KeyChain {
    first: SigningKey,
    links: Vec<KeyLink>,
}

/// A key that takes the place of the one before it.
#[derive(Clone)]
pub struct KeyLink {
    /// The key.
    pub key: SigningKey,
    /// From then on it signs.
    pub not_before: Timestamp,
    /// From then on the key before is refused.
    pub predecessor_until: Timestamp,
    /// The envelope in which the key before says all that.
    pub statement: Box<RawValue>,
}

/// A successor statement is not what it should be.
#[derive(Debug, thiserror::Error)]
pub enum LinkError {
    /// Not signed by the key before.
    #[error("it is not signed by the key before: {0}")]
    NotGenuine(#[from] Defect),
    /// Not understood.
    #[error("it is not understood: {0}")]
    Malformed(#[from] serde_json::Error),
    /// About another installation, role or key.
    #[error("it is about another {0}")]
    Foreign(&'static str),
}

impl KeyLink {
    /// `predecessor` names `key`, which signs from `not_before` on; `predecessor` is refused from `predecessor_until` on.
    ///
    /// # Errors
    /// When the statement cannot be written.
    pub fn sign(
        (installation, role): (InstallationId, KeyRole),
        predecessor: &SigningKey,
        key: SigningKey,
        not_before: Timestamp,
        predecessor_until: Timestamp,
    ) -> Result<Self, LinkError> {
        let said = KeySuccessor {
            installation,
            role,
            predecessor: predecessor.id(),
            successor: *key.public_key().as_bytes(),
            not_before,
            predecessor_until,
        };
        let statement = dsse::sign(SUCCESSOR_PAYLOAD_TYPE, &serde_json::to_vec(&said)?, predecessor);
        Ok(Self { key, not_before, predecessor_until, statement: serde_json::from_slice(&statement)? })
    }

    /// Reads what `predecessor` said about `key`.
    ///
    /// # Errors
    /// When it did not say it, or not about them.
    pub fn read(
        (installation, role): (InstallationId, KeyRole),
        predecessor: &SigningKey,
        key: SigningKey,
        statement: &[u8],
    ) -> Result<Self, LinkError> {
        let envelope = Envelope::parse_up_to(statement, MAX_SUCCESSOR_BYTES)?;
        let payload = envelope.verify(SUCCESSOR_PAYLOAD_TYPE, predecessor.public_key())?;
        let said: KeySuccessor = serde_json::from_slice(payload)?;
        let foreign = [
            (said.installation != installation, "installation"),
            (said.role != role, "role"),
            (said.predecessor != predecessor.id() || said.successor != *key.public_key().as_bytes(), "key"),
        ];
        if let Some((_, what)) = foreign.into_iter().find(|(is_foreign, _)| *is_foreign) {
            return Err(LinkError::Foreign(what));
        }
        let KeySuccessor { not_before, predecessor_until, .. } = said;
        Ok(Self { key, not_before, predecessor_until, statement: serde_json::from_slice(statement)? })
    }
}

impl KeyChain {
    /// A key without a successor.
    pub fn new(first: SigningKey) -> Self {
        Self { first, links: Vec::new() }
    }

    /// The first key.
    pub fn first(&self) -> &SigningKey {
        &self.first
    }

    /// Adds the successor of the last key.
    pub fn push(&mut self, link: KeyLink) {
        self.links.push(link);
    }

    /// The last key: the one to sign a statement about the next.
    pub fn last(&self) -> &SigningKey {
        self.links.last().map_or(&self.first, |link| &link.key)
    }

    /// The last successor, if there ever was one.
    pub fn last_link(&self) -> Option<&KeyLink> {
        self.links.last()
    }

    /// The key that signs at this time.
    pub fn signer(&self, at: Timestamp) -> &SigningKey {
        let current = self.links.iter().rev().find(|link| link.not_before <= at);
        current.map_or(&self.first, |link| &link.key)
    }

    /// The keys up to the one that signs at this time, the first one first.
    pub fn begun(&self, at: Timestamp) -> Vec<SigningKey> {
        let current = self.links.iter().rposition(|link| link.not_before <= at).map_or(0, |place| place + 1);
        let later = self.links.iter().take(current).map(|link| &link.key);
        std::iter::once(&self.first).chain(later).cloned().collect()
    }

    /// What leads from the first key to the last one.
    pub fn statements(&self) -> Vec<Box<RawValue>> {
        self.links.iter().map(|link| link.statement.clone()).collect()
    }
}

impl KeyChains {
    /// The keys that `chain` knows for each role.
    ///
    /// # Errors
    /// The first one of `chain`.
    pub fn of_each<E>(mut chain: impl FnMut(KeyRole) -> Result<KeyChain, E>) -> Result<Self, E> {
        Ok(Self {
            server_facts: chain(KeyRole::ServerFacts)?,
            checkpoint: chain(KeyRole::Checkpoint)?,
            orders: chain(KeyRole::Orders)?,
            rules: chain(KeyRole::Rules)?,
        })
    }

    /// The keys of a role.
    pub fn of(&self, role: KeyRole) -> &KeyChain {
        match role {
            KeyRole::ServerFacts => &self.server_facts,
            KeyRole::Checkpoint => &self.checkpoint,
            KeyRole::Orders => &self.orders,
            KeyRole::Rules => &self.rules,
        }
    }

    /// Adds the successor of a role's last key.
    pub fn push(&mut self, role: KeyRole, link: KeyLink) {
        let chain = match role {
            KeyRole::ServerFacts => &mut self.server_facts,
            KeyRole::Checkpoint => &mut self.checkpoint,
            KeyRole::Orders => &mut self.orders,
            KeyRole::Rules => &mut self.rules,
        };
        chain.push(link);
    }
}

impl ServerKeys {
    /// These keys.
    pub fn new(chains: KeyChains) -> Self {
        Self(RwLock::new(chains))
    }

    /// Four fresh keys.
    pub fn generate(entropy: &dyn Entropy) -> Self {
        let fresh = |_| Ok::<_, Infallible>(KeyChain::new(SigningKey::generate(entropy)));
        let Ok(chains) = KeyChains::of_each(fresh);
        Self::new(chains)
    }

    /// The key that signs in a role at this time.
    pub fn signer(&self, role: KeyRole, at: Timestamp) -> SigningKey {
        self.held().of(role).signer(at).clone()
    }

    /// The successor statements of a role.
    pub fn successors_of(&self, role: KeyRole) -> Vec<Box<RawValue>> {
        self.held().of(role).statements()
    }

    /// Every successor statement there is, as check-ins bring them.
    pub fn successors(&self) -> Vec<Box<RawValue>> {
        let held = self.held();
        KeyRole::ALL.into_iter().flat_map(|role| held.of(role).statements()).collect()
    }

    /// What verifies the checkpoints of an installation.
    ///
    /// # Errors
    /// When the keys are no chain: a mistake in this program.
    pub fn checkpoint_keys(&self, installation: InstallationId) -> Result<CheckpointKeys, Defect> {
        let held = self.held();
        let (name, chain) = (Checkpoint::key_name(installation), held.of(KeyRole::Checkpoint));
        let first = NoteKey::new(&name, SignatureKind::Plain, chain.first.public_key().clone())?;
        let mut keys = CheckpointKeys::new(&first);
        for KeyLink { key, not_before, predecessor_until, .. } in &chain.links {
            keys.succeed(key.public_key().clone(), *not_before, *predecessor_until)?;
        }
        Ok(keys)
    }

    /// The keys with their successors, as they are known now.
    pub fn chains(&self) -> KeyChains {
        self.held().clone()
    }

    /// From now on these.
    pub fn follow(&self, chains: KeyChains) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = chains;
    }

    fn held(&self) -> RwLockReadGuard<'_, KeyChains> {
        self.0.read().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;
    use proofline_core::SeededEntropy;

    use super::*;

    fn key(seed: u8) -> SigningKey {
        SigningKey::from_seed(&[seed; 32])
    }

    fn noon() -> Timestamp {
        "2026-11-22T12:00:00Z".parse().expect("a time")
    }

    fn installation(seed: u64) -> InstallationId {
        InstallationId::new(noon(), &SeededEntropy::new(seed))
    }

    fn link(before: u8, after: u8, hours: i64) -> KeyLink {
        let at = noon() + TimeDelta::hours(hours);
        let about = (installation(1), KeyRole::Orders);
        KeyLink::sign(about, &key(before), key(after), at, at + TimeDelta::hours(1)).expect("signs")
    }

    #[test]
    fn the_time_alone_says_which_key_signs() {
        let mut chain = KeyChain::new(key(1));
        chain.push(link(1, 2, 1));
        chain.push(link(2, 3, 5));
        let second = TimeDelta::seconds(1);
        for (at, signer) in [
            (noon(), 1),
            (noon() + TimeDelta::hours(1) - second, 1),
            (noon() + TimeDelta::hours(1), 2),
            (noon() + TimeDelta::hours(5) - second, 2),
            (noon() + TimeDelta::hours(5), 3),
        ] {
            assert_eq!(chain.signer(at).id(), key(signer).id(), "{at}");
        }
        assert_eq!(chain.last().id(), key(3).id());
        let begun = |hours| chain.begun(noon() + TimeDelta::hours(hours)).len();
        assert_eq!([0, 1, 4, 5].map(begun), [1, 2, 2, 3]);
    }

    #[test]
    fn a_statement_is_read_back_and_holds_for_nothing_else() {
        let (made, about) = (link(1, 2, 1), (installation(1), KeyRole::Orders));
        let statement = made.statement.get().as_bytes();
        let read = KeyLink::read(about, &key(1), key(2), statement).expect("reads");
        assert_eq!((read.not_before, read.predecessor_until), (made.not_before, made.predecessor_until));
        assert_eq!(read.statement.get(), made.statement.get());
        for (about, before, after) in [
            ((installation(2), KeyRole::Orders), 1, 2),
            ((installation(1), KeyRole::Rules), 1, 2),
            (about, 3, 2),
            (about, 1, 3),
        ] {
            assert!(KeyLink::read(about, &key(before), key(after), statement).is_err(), "{about:?}");
        }
    }
}
