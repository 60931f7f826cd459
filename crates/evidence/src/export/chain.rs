//! Each signer's statements form one chain: numbered without a hole, each naming the digest of the one before.

use std::collections::HashMap;

use proofline_core::ApplianceId;

use crate::statement::{Body, Statement};
use crate::{Digest, Reason};

/// The end of each signer's chain. The server is the signer without an appliance.
#[derive(Debug, Default)]
pub(super) struct Chains(HashMap<Option<ApplianceId>, Link>);

#[derive(Debug, Clone, Copy)]
struct Link {
    seq: u64,
    envelope: Digest,
}

impl Chains {
    /// Appends the statement in the envelope with digest `envelope`. A statement out of step is a finding, and the chain goes
    /// on from it, so that one defect is not reported for everything behind it.
    pub(super) fn follow(&mut self, statement: &Statement, envelope: Digest) -> Result<(), Reason> {
        let header = &statement.header;
        let last = self.0.get(&header.appliance).copied().unwrap_or(Link { seq: 0, envelope: Digest::ZERO });
        if header.seq <= last.seq {
            return Err(Reason::SeqRepeated);
        }
        self.0.insert(header.appliance, Link { seq: header.seq, envelope });
        let expected = last.seq + 1;
        match &statement.body {
            Body::Gap(gap) if gap.first_seq != expected || header.seq == expected => Err(Reason::GapInvalid),
            // Whoever lost statements may have lost their digests too.
            Body::Gap(_) if header.prev == last.envelope || header.prev == Digest::ZERO => Ok(()),
            Body::Gap(_) => Err(Reason::PrevMismatch),
            _ if header.seq > expected => Err(Reason::SeqHole),
            _ if header.prev != last.envelope => Err(Reason::PrevMismatch),
            _ => Ok(()),
        }
    }
}
