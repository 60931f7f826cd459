//! One simulated appliance: its keys, its queue, and how far it believes the server.

use std::collections::VecDeque;

use anyhow::Context;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use proofline_core::{ApplianceId, AssetId, InstallationId, SiteId, Timestamp};
use proofline_evidence::merkle::{leaf_hash, verify_consistency, verify_inclusion};
use proofline_evidence::note::{Checkpoint, NoteKey, SignatureKind};
use proofline_evidence::statement::{Header, Statement};
use proofline_evidence::{Digest, PublicKey, SigningKey, dsse};
use proofline_protocol::{Base64, MAX_ENVELOPES, RejectCode, SubmitRequest, SubmitResponse};

use super::{Acknowledged, Installation, Member, Story};

/// What the whole fleet pinned at enrolment.
#[derive(Debug, Clone)]
pub struct Trust {
    installation: InstallationId,
    catalogue: Digest,
    checkpoint_key: NoteKey,
}

impl Trust {
    /// From the roster's first line.
    pub fn new(installation: &Installation) -> anyhow::Result<Self> {
        let key = PublicKey::from_base64(&installation.checkpoint_key)?;
        let name = Checkpoint::key_name(installation.installation);
        Ok(Self {
            installation: installation.installation,
            catalogue: installation.catalogue,
            checkpoint_key: NoteKey::new(&name, SignatureKind::Plain, key)?,
        })
    }

    /// What signs checkpoints.
    pub fn checkpoint_key(&self) -> &NoteKey {
        &self.checkpoint_key
    }

    /// Digest of the catalogue that the fleet carries.
    pub fn catalogue(&self) -> Digest {
        self.catalogue
    }
}

/// The server said two things that cannot both be true, or forgot what it had acknowledged.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Contradiction {
    /// The checkpoint is not signed by the pinned key, or is another log's.
    #[error("checkpoint refused: {0}")]
    Checkpoint(String),
    /// The log does not begin with the log that was seen before.
    #[error("the log is not an extension of the one seen before: {0}")]
    Inconsistent(String),
    /// An entry's proof does not lead to the checkpoint.
    #[error("entry {0} is not proved: {1}")]
    Unproved(u64, String),
    /// An entry was acknowledged that was not sent.
    #[error("entry {0} was acknowledged without having been sent")]
    NotSent(u64),
    /// The server expects again what it had acknowledged.
    #[error("the server expects {expected} although {acknowledged} was acknowledged")]
    Forgotten {
        /// What it expects next.
        expected: u64,
        /// What it had acknowledged.
        acknowledged: u64,
    },
    /// The last acknowledged entry has other bytes on the server.
    #[error("entry {0} has other bytes on the server")]
    OtherBytes(u64),
}

/// What became of one submission.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Delivery {
    /// Proved entries, which left the queue.
    pub acknowledged: Vec<Acknowledged>,
    /// Refused entries, which stay.
    pub rejected: Vec<RejectCode>,
}

struct Pending {
    seq: u64,
    envelope: Vec<u8>,
}

/// One simulated appliance.
pub struct Appliance {
    ordinal: u32,
    site: SiteId,
    id: ApplianceId,
    asset: AssetId,
    key: SigningKey,
    story: Story,
    /// Last entry made.
    made: (u64, Digest),
    /// Last entry acknowledged.
    acknowledged: (u64, Digest),
    /// Size and root of the last checkpoint accepted.
    head: Option<(u64, Digest)>,
    pending: VecDeque<Pending>,
}

impl Appliance {
    /// The appliance of a roster line that has told `story` up to `acknowledged`.
    pub fn new(member: &Member, story: Story, acknowledged: (u64, Digest)) -> anyhow::Result<Self> {
        let seed = STANDARD.decode(&member.seed)?;
        let seed: [u8; 32] = seed.try_into().ok().context("a seed has 32 bytes")?;
        Ok(Self {
            ordinal: member.ordinal,
            site: member.site,
            id: member.appliance,
            asset: member.asset,
            key: SigningKey::from_seed(&seed),
            story,
            made: acknowledged,
            acknowledged,
            head: None,
            pending: VecDeque::new(),
        })
    }

    /// Its number in the fleet.
    pub fn ordinal(&self) -> u32 {
        self.ordinal
    }

    /// What signs its requests and statements.
    pub fn key(&self) -> &SigningKey {
        &self.key
    }

    /// Entries that wait.
    pub fn depth(&self) -> usize {
        self.pending.len()
    }

    /// Size of the last checkpoint accepted.
    pub fn checkpoint_size(&self) -> u64 {
        self.head.map_or(0, |(size, _)| size)
    }

    /// Makes and queues the next entry.
    pub fn observe(&mut self, trust: &Trust, now: Timestamp) -> anyhow::Result<()> {
        let seq = self.made.0 + 1;
        let header = Header {
            installation: trust.installation,
            site: self.site,
            appliance: Some(self.id),
            asset: Some(self.asset),
            seq,
            prev: self.made.1,
            catalogue: trust.catalogue,
            started: now,
            ended: now,
            clock_offset_ms: Some(0),
        };
        let statement = Statement::new(header, self.story.tell()).to_bytes()?;
        let envelope = dsse::sign(dsse::STATEMENT_PAYLOAD_TYPE, &statement, &self.key);
        self.made = (seq, Digest::of(&envelope));
        self.pending.push_back(Pending { seq, envelope });
        Ok(())
    }

    /// The oldest entries that wait, as a request.
    pub fn submission(&self) -> SubmitRequest {
        let envelopes =
            self.pending.iter().take(MAX_ENVELOPES).map(|entry| Base64(entry.envelope.clone())).collect();
        SubmitRequest { from_size: self.checkpoint_size(), envelopes }
    }

    /// Believes an answer to [`submission`](Self::submission) as far as it proves itself.
    pub fn absorb(&mut self, trust: &Trust, answer: &SubmitResponse) -> Result<Delivery, Contradiction> {
        let head = self.accept_head(trust, answer)?;
        let mut delivery = Delivery::default();
        for entry in &answer.entries {
            let place = self.pending.iter().position(|pending| pending.seq == entry.seq);
            let Some((place, pending)) = place.and_then(|place| Some((place, self.pending.get(place)?)))
            else {
                return Err(Contradiction::NotSent(entry.seq));
            };
            verify_inclusion(entry.index, head.0, &leaf_hash(&pending.envelope), &entry.proof, &head.1)
                .map_err(|defect| Contradiction::Unproved(entry.seq, defect.to_string()))?;
            let digest = Digest::of(&pending.envelope);
            let (ordinal, seq, index) = (self.ordinal, entry.seq, entry.index);
            delivery.acknowledged.push(Acknowledged { ordinal, seq, index, digest });
            if seq > self.acknowledged.0 {
                self.acknowledged = (seq, digest);
            }
            self.pending.remove(place);
        }
        delivery.rejected = answer.rejected.iter().map(|rejected| rejected.code).collect();
        Ok(delivery)
    }

    /// Takes the server's word for where this signer stands, unless it contradicts what it acknowledged. Entries that
    /// wait are dropped: they are told again, after what the server has.
    pub fn resume(&mut self, trust: &Trust, answer: &SubmitResponse) -> Result<(), Contradiction> {
        self.accept_head(trust, answer)?;
        let (acknowledged, digest) = self.acknowledged;
        let (expected, last) = (answer.next_seq, answer.last_digest);
        if expected <= acknowledged {
            return Err(Contradiction::Forgotten { expected, acknowledged });
        }
        if expected == acknowledged + 1 && last != digest {
            return Err(Contradiction::OtherBytes(acknowledged));
        }
        self.story = self.story.moved_to(expected - 1);
        self.made = (expected - 1, last);
        self.pending.clear();
        Ok(())
    }

    fn accept_head(
        &mut self,
        trust: &Trust,
        answer: &SubmitResponse,
    ) -> Result<(u64, Digest), Contradiction> {
        let origin = Checkpoint::origin_of(trust.installation, self.site);
        let opened = Checkpoint::open(answer.checkpoint.as_bytes(), &trust.checkpoint_key, &origin)
            .map_err(|defect| Contradiction::Checkpoint(defect.to_string()))?;
        let head = (opened.checkpoint.size, opened.checkpoint.root);
        if let Some(before) = self.head {
            verify_consistency(before.0, head.0, &before.1, &head.1, &answer.consistency)
                .map_err(|defect| Contradiction::Inconsistent(defect.to_string()))?;
        }
        self.head = Some(head);
        Ok(head)
    }
}
