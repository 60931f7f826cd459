//! Statements that were lost on this machine before they were acknowledged: what the log lacks becomes a *gap*.
//!
//! Lost here does not mean lost: the server may hold them, and only their acknowledgement is missing. So the server is
//! asked first where this signer stands in the log, at *n*.
//!
//! * Every lost number lies below *n*: nothing is missing. The next statement accounts for the loss.
//! * Else everything from *n* up to the last number ever used cannot be continued from the log's end: a statement that
//!   survived behind the hole names a predecessor that is gone. One gap statement covers it all. Heals and incidents
//!   among the survivors are stated again behind it, everything else is superseded by the whole state that the next
//!   cycle states.
//!
//! Done in one transaction: killed in between, it starts over.

use proofline_core::{AssetId, Timestamp};
use proofline_evidence::dsse::Envelope;
use proofline_evidence::statement::{Body, Statement};
use proofline_outbox::{Item, Outbox};

use super::{Pause, Sync, SyncError, head_store};
use crate::emitter::{EmitError, Mended, Writer};

/// As much of the queue as is held in memory at a time.
const PAGE_ITEMS: usize = 200;
const PAGE_BYTES: usize = 1024 * 1024;

/// Something that happened and was stated behind the hole.
struct Survivor {
    asset: Option<AssetId>,
    span: (Timestamp, Timestamp),
    body: Body,
}

impl Sync {
    /// Accounts for every loss, or says how long to pause.
    pub(super) fn repair_losses(&self) -> Result<Option<Pause>, SyncError> {
        let answer = match self.exchange(&[])? {
            Ok((answer, _)) => answer,
            Err(pause) => return Ok(Some(pause)),
        };
        let position = answer.next_seq;
        let from = head_store::last(self.outbox(), &self.state)?
            .map_or(self.identity.enrolled_at, |head| head.accepted_at);
        let to = self.clock.now();
        self.emitter.mend(Outbox::losses, |writer, losses, suspension| {
            if losses.iter().all(|loss| loss.last_seq < position) {
                tracing::warn!(position, "statements were lost here, but the log holds them");
                writer.note_log_position(position)?;
                writer.restate_everything()?;
                return Ok(Mended::NothingMissing);
            }
            let behind = writer.batch.next().seq;
            // Let go of first: the gap needs room.
            let mut survivors = take_survivors(writer, position, behind)?;
            let mut reasons: Vec<_> = losses.iter().map(|loss| loss.cause.as_str()).collect();
            reasons.extend(suspension.map(|held| held.reason.as_str()));
            let reason = format!("statements were lost on the appliance: {}", reasons.join("; "));
            let from = suspension.map_or(from, |held| held.from.min(from));
            let gap = writer.state_gap(position, answer.last_digest, (from, to), &reason)?;
            tracing::error!(first = position, gap, reason, "statements were lost");
            while let Some(last) = survivors.last().map(|item| item.seq) {
                for Survivor { asset, span, body } in survivors.iter().filter_map(event) {
                    writer.state(asset, span, body)?;
                }
                survivors = take_survivors(writer, last + 1, behind)?;
            }
            for loss in &losses {
                writer.batch.settle(loss, gap)?;
            }
            Ok(Mended::GapStated)
        })?;
        Ok(None)
    }
}

/// Lets go of a page of statements from `first` up to before `end`, and gives them.
fn take_survivors(writer: &mut Writer<'_, '_>, first: u64, end: u64) -> Result<Vec<Item>, EmitError> {
    let mut page = writer.batch.peek(first, PAGE_ITEMS, PAGE_BYTES)?;
    page.retain(|item| item.seq < end);
    for item in &page {
        writer.batch.acknowledge(item.seq, b"")?;
    }
    Ok(page)
}

/// The heal or the transition that an envelope holds.
fn event(item: &Item) -> Option<Survivor> {
    let envelope = Envelope::parse(&item.payload).ok()?;
    let Statement { header, body, .. } = Statement::parse(envelope.unverified_payload()).ok()?;
    matches!(body, Body::Heal(_) | Body::Incident(_)).then_some(Survivor {
        asset: header.asset,
        span: (header.started, header.ended),
        body,
    })
}
