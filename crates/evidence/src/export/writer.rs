//! Writing an export: entries in, bytes out, nothing kept but the current bundle.

use super::{CHECKPOINT_NAME, POLICY_NAME, Policy, README_NAME, SUCCESSORS_NAME, archive, tiles::TileCutter};
use crate::merkle::leaf_hash;
use crate::note::{CheckpointKeys, OpenedCheckpoint};
use crate::tile::{TILE_WIDTH, TileRef, hashes_to_bytes, push_entry};
use crate::{Defect, Reason};

/// Makes an export. Each call returns the bytes that are ready to be sent, often none.
#[derive(Debug)]
pub struct ExportWriter {
    head: OpenedCheckpoint,
    cutter: TileCutter,
    bundle: Vec<u8>,
}

/// The end of an export.
#[derive(Debug)]
pub struct Finished {
    /// The last bytes.
    pub bytes: Vec<u8>,
    /// Whether the entries were those that the checkpoint commits to. If not, the export is complete nevertheless and
    /// will not verify: the caller raises the alarm, the evidence is not withheld.
    pub matches_checkpoint: bool,
}

impl ExportWriter {
    /// Begins the export of the log that `policy` names, up to the checkpoint in `note`. Refused if the note does not
    /// verify with the policy's key or one that the statements in `successors` lead to.
    pub fn begin(policy: &Policy, successors: &[&str], note: &str) -> Result<(Self, Vec<u8>), Defect> {
        let keys = CheckpointKeys::from_statements(&policy.checkpoint_key, successors)?;
        let (head, _) = keys.open(note.as_bytes(), &policy.origin())?;
        let writer = Self { head, cutter: TileCutter::default(), bundle: Vec::new() };
        let mut bytes = writer.member(README_NAME, readme(policy, &keys, &writer.head).as_bytes());
        bytes.extend(writer.member(POLICY_NAME, &policy.to_bytes()));
        if !successors.is_empty() {
            let lines: String = successors.iter().map(|said| format!("{said}\n")).collect();
            bytes.extend(writer.member(SUCCESSORS_NAME, lines.as_bytes()));
        }
        bytes.extend(writer.member(CHECKPOINT_NAME, note.as_bytes()));
        Ok((writer, bytes))
    }

    /// How many entries the checkpoint commits to: how many are to be written.
    pub fn size(&self) -> u64 {
        self.head.checkpoint.size
    }

    /// Takes the next entry, byte for byte as it was logged.
    pub fn entry(&mut self, envelope: &[u8]) -> Result<Vec<u8>, Defect> {
        if self.cutter.frontier().size() == self.size() {
            return Err(Defect::new(Reason::EntryMissing, "more entries than the checkpoint commits to"));
        }
        push_entry(&mut self.bundle, envelope)?;
        self.cutter.push(leaf_hash(envelope));
        let full = self.cutter.pending() as u64 == TILE_WIDTH;
        Ok(if full { self.close_bundle() } else { Vec::new() })
    }

    /// Ends the export.
    pub fn finish(mut self) -> Finished {
        let mut bytes = if self.cutter.pending() > 0 { self.close_bundle() } else { Vec::new() };
        let frontier = self.cutter.frontier();
        let matches_checkpoint =
            frontier.size() == self.size() && frontier.root() == self.head.checkpoint.root;
        for (tile, hashes) in std::mem::take(&mut self.cutter).close_log() {
            bytes.extend(self.member(&tile.path(), &hashes_to_bytes(&hashes)));
        }
        bytes.extend(archive::end());
        Finished { bytes, matches_checkpoint }
    }

    fn close_bundle(&mut self) -> Vec<u8> {
        let bundle = std::mem::take(&mut self.bundle);
        let last = (self.cutter.frontier().size() - 1) / TILE_WIDTH;
        let place = TileRef::new(0, last, self.cutter.frontier().size()).expect("the bundle is in the tree");
        let mut bytes = self.member(&place.bundle_path(), &bundle);
        for (tile, hashes) in self.cutter.close_bundle() {
            bytes.extend(self.member(&tile.path(), &hashes_to_bytes(&hashes)));
        }
        bytes
    }

    fn member(&self, name: &str, content: &[u8]) -> Vec<u8> {
        archive::member(name, content, u64::try_from(self.head.signed_at.timestamp()).unwrap_or(0))
    }
}

fn readme(policy: &Policy, keys: &CheckpointKeys, head: &OpenedCheckpoint) -> String {
    let later = keys.iter().filter_map(|(key, from)| Some((key, from?)));
    let later: String = later
        .map(|(key, from)| {
            format!("Then:     {key}\n          from {} on\n", proofline_core::format_rfc3339(from))
        })
        .collect();
    format!(
        "Proofline evidence export\n\
         =========================\n\n\
         Log:      {origin}\n\
         Entries:  {size}\n\
         Signed:   {time}\n\
         Key:      {key}\n{later}\n\
         What this is: every signed statement of one site, in order, with the Merkle tree over them and the signed head of\n\
         that tree. Verify it without a network and without trusting whoever gave it to you:\n\n\
         \x20   proofline-verify THIS-FILE.tar --checkpoint-key KEY --since OLDER-CHECKPOINT\n\n\
         KEY is the line above, but compare it with the one you were given on another way. OLDER-CHECKPOINT is the file\n\
         `checkpoint` of an export that you kept: with it, an operator who changed, removed or reordered anything since then\n\
         is found out.\n\n\
         What it proves: who signed each statement, that the log held the key as valid at that point, that no statement of\n\
         a signer is missing without a stated gap, and that nothing was changed since any checkpoint you hold.\n\
         What it does not prove: that a machine told the truth about itself, or that entries were not rewritten before the\n\
         first checkpoint that anyone outside kept.\n\n\
         Formats: in-toto Statement v1 in DSSE v1.0 envelopes; RFC 6962 hashing; C2SP tlog-tiles, tlog-checkpoint,\n\
         signed-note and tlog-cosignature. Files: policy, checkpoint, tile/entries/* (entries), tile/0/* and up (hashes).\n",
        origin = policy.origin(),
        size = head.checkpoint.size,
        time = proofline_core::format_rfc3339(head.signed_at),
        key = policy.checkpoint_key,
    )
}
