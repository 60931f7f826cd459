//! One entry, verified by itself: what a browser, an agent or a sampling server does with an entry and its proof.
//!
//! The steps come in a fixed order and have names; the first that fails is the answer. The TypeScript verifier takes the
//! same steps and must give the same answers (`spec/evidence/vectors/entries.json`).

use crate::dsse::{Envelope, STATEMENT_PAYLOAD_TYPE};
use crate::export::CLOCK_TOLERANCE;
use crate::merkle::{leaf_hash, verify_inclusion};
use crate::note::{Checkpoint, CheckpointKeys, OpenedCheckpoint};
use crate::statement::{Statement, rules};
use crate::{Defect, Digest, PublicKey, Reason};

/// What is to be verified, and with which keys.
#[derive(Debug, Clone, Copy)]
pub struct EntryProof<'a> {
    /// The entry, byte for byte.
    pub envelope: &'a [u8],
    /// Its position in the log.
    pub index: u64,
    /// The hashes from the leaf to the root.
    pub inclusion_proof: &'a [Digest],
    /// The signed head that the proof leads to.
    pub checkpoint_note: &'a [u8],
    /// The log's keys.
    pub checkpoint_keys: &'a CheckpointKeys,
    /// The key that the log holds as the signer's.
    pub signer_key: &'a PublicKey,
    /// The log in question.
    pub expected_origin: &'a str,
}

/// The steps, in order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Step {
    /// The keys are sound, and each of the log's names the next. Here they are by their types; whoever starts from text parses
    /// and follows them in this step.
    Keys,
    /// The head is signed by a key of the log in its time and is the head of the expected log.
    Checkpoint,
    /// The entry stands at its position under that head.
    Inclusion,
    /// The entry is a well-formed envelope.
    Envelope,
    /// The signer's key made its signature.
    Signature,
    /// The payload is a well-formed statement.
    Statement,
    /// The statement belongs to this log, keeps the rules and is not dated after the head.
    Claims,
}

impl Step {
    /// Every step, in order.
    pub const ALL: [Self; 7] = [
        Self::Keys,
        Self::Checkpoint,
        Self::Inclusion,
        Self::Envelope,
        Self::Signature,
        Self::Statement,
        Self::Claims,
    ];

    /// The step's name, the same in every implementation.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Keys => "keys",
            Self::Checkpoint => "checkpoint",
            Self::Inclusion => "inclusion",
            Self::Envelope => "envelope",
            Self::Signature => "signature",
            Self::Statement => "statement",
            Self::Claims => "claims",
        }
    }
}

/// An entry that verified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerifiedEntry {
    /// What is stated.
    pub statement: Statement,
    /// The head that holds it.
    pub head: OpenedCheckpoint,
}

/// The first step that failed, and why.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}: {defect}", step.name())]
pub struct EntryRefused {
    /// The step.
    pub step: Step,
    /// What is wrong.
    pub defect: Defect,
}

/// Verifies one entry. Not judged: whether the signer's key was valid at this position and whether the chain before it is
/// whole; that takes the whole log (see [`crate::export`]).
pub fn verify_entry(proof: &EntryProof<'_>) -> Result<VerifiedEntry, EntryRefused> {
    let at = |step: Step| move |defect: Defect| EntryRefused { step, defect };
    let (head, _) = proof
        .checkpoint_keys
        .open(proof.checkpoint_note, proof.expected_origin)
        .map_err(at(Step::Checkpoint))?;
    let (leaf, tree) = (leaf_hash(proof.envelope), &head.checkpoint);
    verify_inclusion(proof.index, tree.size, &leaf, proof.inclusion_proof, &tree.root)
        .map_err(at(Step::Inclusion))?;
    let envelope = Envelope::parse(proof.envelope).map_err(at(Step::Envelope))?;
    let payload = envelope.verify(STATEMENT_PAYLOAD_TYPE, proof.signer_key).map_err(at(Step::Signature))?;
    let statement = Statement::parse(payload).map_err(at(Step::Statement))?;
    claims(&statement, &head).map_err(at(Step::Claims))?;
    Ok(VerifiedEntry { statement, head })
}

fn claims(statement: &Statement, head: &OpenedCheckpoint) -> Result<(), Defect> {
    let header = &statement.header;
    if Checkpoint::origin_of(header.installation, header.site) != head.checkpoint.origin {
        return Err(Defect::new(Reason::WrongSite, "the statement names another log"));
    }
    if let Some(reason) = rules::broken(statement).first() {
        return Err(Defect::new(*reason, statement.body.kind()));
    }
    if header.ended > head.signed_at + CLOCK_TOLERANCE {
        return Err(Defect::new(Reason::TimeAfterCheckpoint, proofline_core::format_rfc3339(header.ended)));
    }
    Ok(())
}
