//! Whether the server's answer to a submission is to be believed. Pure: everything comes in, a decision goes out.
//!
//! An entry counts as acknowledged only when a checkpoint under the pinned key, or a successor of it in its time, commits
//! to it, and that checkpoint begins with the last one that was accepted. One wrong proof and nothing of the answer is believed.

use proofline_core::Timestamp;
use proofline_evidence::merkle::{leaf_hash, verify_consistency, verify_inclusion};
use proofline_evidence::note::Checkpoint;
use proofline_evidence::{Defect, Digest};
use proofline_outbox::Item;
use proofline_protocol::{Accepted, SubmitResponse};
use serde::{Deserialize, Serialize};

use crate::server_keys::ServerKeys;

/// The last head of the log that was accepted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Head {
    /// How many entries.
    pub size: u64,
    /// The root over them.
    pub root: Digest,
    /// The signed note that says so.
    pub note: String,
    /// When it was accepted, by this machine's clock.
    pub accepted_at: Timestamp,
}

/// The answer is not to be believed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Distrust {
    /// The checkpoint is not signed by the pinned key or a successor in its time, or is another log's.
    #[error("the checkpoint cannot be accepted: {0}")]
    Checkpoint(Defect),
    /// The log does not begin with what it was before.
    #[error("the log of {new} entries does not begin with the one of {old} entries seen before: {defect}")]
    Inconsistent {
        /// Entries then.
        old: u64,
        /// Entries now.
        new: u64,
        /// What is wrong.
        defect: Defect,
    },
    /// An entry is not where the server says.
    #[error("entry {seq} is not at position {index} of the log: {defect}")]
    NotIncluded {
        /// Our number.
        seq: u64,
        /// The position claimed.
        index: u64,
        /// What is wrong.
        defect: Defect,
    },
}

/// What is kept of an acknowledgement.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Proof {
    /// Position in the site's log.
    pub index: u64,
    /// Inclusion proof, leaf to root.
    pub proof: Vec<Digest>,
    /// The signed note that the proof leads to.
    pub checkpoint: String,
}

/// Decides an answer to `sent`, submitted when `last` was the head. Gives the new head and a proof for every entry of
/// ours that is in the log; entries that were not sent are passed over.
pub fn decide(
    keys: &ServerKeys,
    origin: &str,
    last: Option<&Head>,
    sent: &[Item],
    answer: &SubmitResponse,
    now: Timestamp,
) -> Result<(Head, Vec<(u64, Proof)>), Distrust> {
    let opened = keys.open_checkpoint(answer.checkpoint.as_bytes(), origin).map_err(Distrust::Checkpoint)?;
    let Checkpoint { size, root, .. } = opened.checkpoint;
    if let Some(old) = last.filter(|head| head.size > 0) {
        verify_consistency(old.size, size, &old.root, &root, &answer.consistency)
            .map_err(|defect| Distrust::Inconsistent { old: old.size, new: size, defect })?;
    }
    let mut proofs = Vec::with_capacity(answer.entries.len());
    for &Accepted { seq, index, ref proof } in &answer.entries {
        let Some(item) = sent.iter().find(|item| item.seq == seq) else { continue };
        verify_inclusion(index, size, &leaf_hash(&item.payload), proof, &root)
            .map_err(|defect| Distrust::NotIncluded { seq, index, defect })?;
        proofs.push((seq, Proof { index, proof: proof.clone(), checkpoint: answer.checkpoint.clone() }));
    }
    Ok((Head { size, root, note: answer.checkpoint.clone(), accepted_at: now }, proofs))
}
