//! The keys that sign a log's checkpoints, one after the other. Each names the next one in a statement that it signs.
//!
//! Invariants: a chain begins with a key that somebody trusts, and every further key was named by the one before it; no key
//! comes twice. A key signs from its own time on until its successor's statement says that it is refused. This module does
//! not know which key of the chain is trusted: the caller compares places.

use chrono::SubsecRound as _;
use proofline_core::{Timestamp, format_rfc3339};

use super::{Checkpoint, Note, NoteKey, OpenedCheckpoint, SignatureKind};
use crate::dsse::Envelope;
use crate::statement::parse_time;
use crate::{Defect, KeyId, PublicKey, Reason, json};

/// The DSSE payload type of a successor statement.
pub const SUCCESSOR_PAYLOAD_TYPE: &str = "application/vnd.proofline.key-successor+json";

/// Bytes of a successor statement in its envelope, at most.
pub const MAX_SUCCESSOR_BYTES: usize = 4 * 1024;

/// The most successor statements in one chain.
pub const MAX_SUCCESSORS: usize = 64;

const ROLE: &str = "checkpoint";

/// A log's first checkpoint key and its successors.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CheckpointKeys(Vec<Held>);

#[derive(Debug, Clone, PartialEq, Eq)]
struct Held {
    key: NoteKey,
    /// Signs nothing before; `None` for the first key.
    from: Option<Timestamp>,
    /// Signs nothing from then on; `None` while it has no successor.
    until: Option<Timestamp>,
}

impl CheckpointKeys {
    /// A key without a successor.
    pub fn new(first: &NoteKey) -> Self {
        Self(vec![Held { key: first.as_kind(SignatureKind::Plain), from: None, until: None }])
    }

    /// The key and what these statements add to it, each the bytes of an envelope.
    ///
    /// # Errors
    /// As [`CheckpointKeys::follow`].
    pub fn from_statements<S: AsRef<[u8]>>(first: &NoteKey, statements: &[S]) -> Result<Self, Defect> {
        let mut keys = Self::new(first);
        statements.iter().try_for_each(|statement| keys.follow(statement.as_ref()))?;
        Ok(keys)
    }

    /// Adds the key that the last one names in `statement`.
    ///
    /// # Errors
    /// [`Reason::SuccessorOrder`] when another key than the last one signed, or the key is in the chain already;
    /// [`Reason::SuccessorInvalid`] for everything else. The chain stays as it was.
    pub fn follow(&mut self, statement: &[u8]) -> Result<(), Defect> {
        let invalid = |defect: Defect| Defect::new(Reason::SuccessorInvalid, defect.to_string());
        let envelope = Envelope::parse_up_to(statement, MAX_SUCCESSOR_BYTES).map_err(invalid)?;
        let last = self.last();
        if envelope.key_id() != last.public_key().id() {
            let detail = format!("signed by key {}, which is not the last one", envelope.key_id());
            return Err(Defect::new(Reason::SuccessorOrder, detail));
        }
        let payload = envelope.verify(SUCCESSOR_PAYLOAD_TYPE, last.public_key()).map_err(invalid)?;
        let (key, from, until) = read(payload, last).map_err(invalid)?;
        self.succeed(key, from, until)
    }

    /// Adds a key whose statement was verified elsewhere: it signs from `from` on, and the one before it until `until`.
    ///
    /// # Errors
    /// [`Reason::SuccessorOrder`] when the key is in the chain already; [`Reason::SuccessorInvalid`] when the chain is as
    /// long as it may be.
    pub fn succeed(&mut self, key: PublicKey, from: Timestamp, until: Timestamp) -> Result<(), Defect> {
        if self.place(&key).is_some() {
            return Err(Defect::new(Reason::SuccessorOrder, format!("key {} comes twice", key.id())));
        }
        if self.0.len() > MAX_SUCCESSORS {
            return Err(Defect::new(Reason::SuccessorInvalid, format!("more than {MAX_SUCCESSORS}")));
        }
        let key = NoteKey::new(self.last().name(), SignatureKind::Plain, key)?;
        if let Some(last) = self.0.last_mut() {
            last.until = Some(until);
        }
        self.0.push(Held { key, from: Some(from), until: None });
        Ok(())
    }

    /// Every key with the time from which it signs, the first one first.
    pub fn iter(&self) -> impl Iterator<Item = (&NoteKey, Option<Timestamp>)> {
        self.0.iter().map(|held| (&held.key, held.from))
    }

    /// Where a key stands, counted from 0.
    pub fn place(&self, key: &PublicKey) -> Option<usize> {
        self.0.iter().position(|held| held.key.public_key() == key)
    }

    /// The key at a place.
    pub fn at(&self, place: usize) -> Option<&NoteKey> {
        self.0.get(place).map(|held| &held.key)
    }

    /// Reads a checkpoint under whichever key signed it, and gives that key's place. Of several the last one counts.
    ///
    /// # Errors
    /// As [`CheckpointKeys::open_at_any_time`], and [`Reason::CheckpointKeyTime`] when it is dated before the key's time or
    /// after its end.
    pub fn open(&self, note: &[u8], origin: &str) -> Result<(OpenedCheckpoint, usize), Defect> {
        let (opened, place) = self.open_at_any_time(note, origin)?;
        let (held, at) = (&self.0[place], opened.signed_at);
        // Checkpoints are dated in whole seconds.
        let early = held.from.is_some_and(|from| at < from.trunc_subsecs(0));
        if early || held.until.is_some_and(|until| until <= at) {
            return Err(Defect::new(Reason::CheckpointKeyTime, format_rfc3339(at)));
        }
        Ok((opened, place))
    }

    /// The same, whenever it is dated: for whoever keeps checkpoints that they signed themselves.
    ///
    /// # Errors
    /// [`Reason::SuccessorMissing`] when a key that is not in the chain signed in the log's name, [`Reason::NoteUnsigned`]
    /// when none did; else as [`Checkpoint::open`].
    pub fn open_at_any_time(&self, note: &[u8], origin: &str) -> Result<(OpenedCheckpoint, usize), Defect> {
        let parsed = Note::parse(note)?;
        let place = self.0.iter().rposition(|held| parsed.names(&held.key));
        let Some(place) = place else { return Err(self.stranger(&parsed)) };
        Ok((Checkpoint::open(note, &self.0[place].key, origin)?, place))
    }

    fn stranger(&self, note: &Note) -> Defect {
        let name = self.last().name();
        let known = |hash: &[u8; 4]| {
            let both = [SignatureKind::Plain, SignatureKind::Timestamped];
            self.0.iter().any(|held| both.iter().any(|kind| held.key.as_kind(*kind).hash() == *hash))
        };
        match note.signatures().iter().find(|line| line.name == name && !known(&line.hash)) {
            Some(line) => Defect::new(Reason::SuccessorMissing, format!("key {}", hex::encode(line.hash))),
            None => Defect::new(Reason::NoteUnsigned, "no signature of the expected key"),
        }
    }

    fn last(&self) -> &NoteKey {
        &self.0[self.0.len() - 1].key
    }
}

/// What the last key says: the next one, from when on that signs, and from when on the last one is refused.
fn read(payload: &[u8], last: &NoteKey) -> Result<(PublicKey, Timestamp, Timestamp), Defect> {
    let mut said = json::read(payload, MAX_SUCCESSOR_BYTES)?.into_object("successor")?;
    let foreign = |what: &str| Defect::new(Reason::FieldValue, format!("about another {what}"));
    if said.text("installation")? != last.name() {
        return Err(foreign("installation"));
    }
    if said.text("role")? != ROLE {
        return Err(foreign("role"));
    }
    if said.parsed::<KeyId>("predecessor")? != last.public_key().id() {
        return Err(foreign("key"));
    }
    let key = PublicKey::from_base64(&said.text("successor")?)?;
    let from = parse_time("not_before", &said.text("not_before")?)?;
    let until = parse_time("predecessor_until", &said.text("predecessor_until")?)?;
    said.finish()?;
    if until <= from {
        return Err(Defect::new(Reason::FieldValue, "a gap between the two keys"));
    }
    Ok((key, from, until))
}
