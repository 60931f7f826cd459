//! Which key was valid at which entry, as the log itself says.
//!
//! Invariants: a key has one role and one holder for ever; a key that ended never comes back; a holder has one valid key per
//! role at a time (cosigners excepted). An event that breaks this changes nothing and is a finding.

use std::collections::HashMap;

use proofline_core::ApplianceId;
use serde::Serialize;

use crate::statement::{KeyAction, KeyEvent, KeyRole};
use crate::{KeyId, PublicKey, Reason};

/// One key's validity.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct KeyValidity {
    /// The key's name.
    pub key_id: KeyId,
    /// What it is for.
    pub role: KeyRole,
    /// Who holds it, where it is an appliance's.
    pub holder: Option<ApplianceId>,
    /// The entry that made it valid: it may sign later ones. `None` for the server key that the policy names.
    pub from_entry: Option<u64>,
    /// The entry that ended it: it may not sign later ones.
    pub until_entry: Option<u64>,
}

/// The keys known so far.
#[derive(Debug, Default)]
pub(super) struct Keyring {
    keys: HashMap<KeyId, (PublicKey, KeyValidity)>,
    order: Vec<KeyId>,
}

impl Keyring {
    /// Starts with the server key that the policy names.
    pub(super) fn new(server_facts: &PublicKey) -> Self {
        let mut ring = Self::default();
        ring.add(server_facts.clone(), KeyRole::ServerFacts, None, None);
        ring
    }

    /// The key of that name, if the log holds it as valid before the entry at hand.
    pub(super) fn valid(&self, id: KeyId) -> Result<(&PublicKey, &KeyValidity), Reason> {
        match self.keys.get(&id) {
            None => Err(Reason::KeyNotEnrolled),
            Some((_, validity)) if validity.until_entry.is_some() => Err(Reason::KeyRevoked),
            Some((key, validity)) => Ok((key, validity)),
        }
    }

    /// A key that was revoked, so that its signature can still be checked.
    pub(super) fn any(&self, id: KeyId) -> Option<&PublicKey> {
        self.keys.get(&id).map(|(key, _)| key)
    }

    /// Every key of a role, valid or not.
    pub(super) fn of_role(&self, role: KeyRole) -> impl Iterator<Item = (&PublicKey, &KeyValidity)> {
        self.keys
            .values()
            .filter(move |(_, validity)| validity.role == role)
            .map(|(key, validity)| (key, validity))
    }

    /// Applies a key event of a verified statement of the server at position `entry`. `Err` says what it contradicts.
    pub(super) fn apply(&mut self, entry: u64, event: &KeyEvent) -> Result<(), &'static str> {
        let known = self.keys.get(&event.key_id).map(|(_, validity)| validity);
        if known.is_some_and(|known| known.role != event.role || known.holder != event.holder) {
            return Err("the key has another role or holder");
        }
        match event.action {
            KeyAction::Enrolled => {
                // The server states its first key in its own log: that is no second enrolment.
                let restated =
                    known.is_some_and(|known| known.from_entry.is_none() && known.until_entry.is_none());
                if restated {
                    return Ok(());
                }
                if known.is_some() {
                    return Err("the key was enrolled before");
                }
                if event.role != KeyRole::Cosigner && self.current(event).is_some() {
                    return Err("the holder has a valid key of this role");
                }
                self.add(event.public_key.clone(), event.role, event.holder, Some(entry));
            }
            KeyAction::Revoked => {
                if known.is_none_or(|known| known.until_entry.is_some()) {
                    return Err("the key is not valid");
                }
                self.end(event.key_id, entry);
            }
            KeyAction::Rotated => {
                if known.is_some() {
                    return Err("the key was enrolled before");
                }
                let old = self.current(event).ok_or("there is no valid key to take the place of")?;
                self.end(old, entry);
                self.add(event.public_key.clone(), event.role, event.holder, Some(entry));
            }
        }
        Ok(())
    }

    /// All keys in the order in which the log introduced them.
    pub(super) fn into_validities(mut self) -> Vec<KeyValidity> {
        self.order.iter().filter_map(|id| self.keys.remove(id)).map(|(_, validity)| validity).collect()
    }

    fn current(&self, event: &KeyEvent) -> Option<KeyId> {
        let mut valid = self.of_role(event.role).map(|(_, validity)| validity);
        valid.find(|key| key.holder == event.holder && key.until_entry.is_none()).map(|key| key.key_id)
    }

    fn end(&mut self, id: KeyId, entry: u64) {
        if let Some((_, validity)) = self.keys.get_mut(&id) {
            validity.until_entry = Some(entry);
        }
    }

    fn add(&mut self, key: PublicKey, role: KeyRole, holder: Option<ApplianceId>, from_entry: Option<u64>) {
        let key_id = key.id();
        self.order.push(key_id);
        self.keys.insert(key_id, (key, KeyValidity { key_id, role, holder, from_entry, until_entry: None }));
    }
}
