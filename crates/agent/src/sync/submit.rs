//! Evidence on its way out: sent in order, dropped only against a proof.

use proofline_outbox::{Item, OutboxError};
use proofline_protocol::{
    Base64, MAX_ENVELOPES, Problem, RejectCode, Rejected, SubmitRequest, SubmitResponse, paths,
};

use super::alarm::{self, AlarmKind};
use super::proof::{self, Distrust, Head, Proof};
use super::{Pause, Step, Sync, SyncError, head_store};
use crate::client::CallError;
use crate::files;
use crate::scrub::Scrubbed;

/// Bytes of envelopes in one submission, before base64. Keeps the agent's memory small after a long outage.
const MAX_SUBMISSION_BYTES: usize = 1024 * 1024;

/// Statuses that say the same about the same submission tomorrow: 400, 413 and 422 of RFC 9110.
const NEVER_TAKEN: [u16; 3] = [400, 413, 422];

/// Answers that were not believed and are kept, each in a file.
const DISTRUSTED_KEPT: u32 = 100;

/// How a drain ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Drained {
    /// Everything is acknowledged.
    Empty,
    /// Something waits.
    Waiting(Pause),
    /// Nothing is sent any more: see the alarm.
    Stopped,
}

impl Sync {
    /// Sends what waits until all of it is acknowledged or something stands in the way.
    pub fn drain(&self) -> Result<Drained, SyncError> {
        loop {
            if alarm::raised(self.outbox())?.iter().any(|alarm| alarm.kind.stops_sending()) {
                return Ok(Drained::Stopped);
            }
            if self.emitter.has_unexplained_losses()?
                && let Some(pause) = self.repair_losses()?
            {
                return Ok(Drained::Waiting(pause));
            }
            let items = self.outbox().peek(MAX_ENVELOPES, MAX_SUBMISSION_BYTES)?;
            if items.is_empty() {
                return Ok(Drained::Empty);
            }
            match self.submit(&items)? {
                None => {}
                Some(pause) => return Ok(Drained::Waiting(pause)),
            }
        }
    }

    /// Sends these; `None` when all of them are acknowledged.
    fn submit(&self, items: &[Item]) -> Result<Option<Pause>, SyncError> {
        let (answer, proofs) = match self.exchange(items)? {
            Ok(taken) => taken,
            Err(pause) => return Ok(Some(pause)),
        };
        if !proofs.is_empty() {
            alarm::settle(self.outbox(), &[AlarmKind::Revoked])?;
        }
        if proofs.len() == items.len() {
            alarm::settle(self.outbox(), &[AlarmKind::LogForgot, AlarmKind::EntryRefused])?;
            return Ok(None);
        }
        self.rejected(items, &answer).map(Some)
    }

    /// One submission and its answer, believed and written down; or how long to pause.
    pub(super) fn exchange(&self, items: &[Item]) -> Step<(SubmitResponse, Vec<(u64, Proof)>)> {
        let last = head_store::last(self.outbox(), &self.state)?;
        let request = Scrubbed::of(SubmitRequest {
            from_size: last.as_ref().map_or(0, |head| head.size),
            envelopes: items.iter().map(|item| Base64(item.payload.clone())).collect(),
        });
        let answer: SubmitResponse = match self.client.post(paths::EVIDENCE, &request) {
            Ok(answer) => answer,
            Err(CallError::Refused(problem)) if NEVER_TAKEN.contains(&problem.status) => {
                let Problem { code, detail, .. } = problem;
                self.alarm(AlarmKind::EntryRefused, format!("no statement is taken ({code}): {detail}"))?;
                return Ok(Err(Pause::Slow));
            }
            Err(error) => return Ok(Err(self.failed(&error)?)),
        };
        drop(request);
        self.follow_keys(&answer.successors);
        let (keys, origin) = (&self.identity.server_keys, self.identity.log_origin());
        match proof::decide(keys, &origin, last.as_ref(), items, &answer, self.clock.now()) {
            Ok((head, proofs)) => {
                self.acknowledge(&head, &proofs)?;
                alarm::settle(self.outbox(), &[AlarmKind::HeadForged])?;
                self.check_position(&answer)?;
                Ok(Ok((answer, proofs)))
            }
            Err(distrust) => {
                self.keep_distrusted(last.as_ref(), &answer.checkpoint);
                let kind = match distrust {
                    Distrust::Checkpoint(_) => AlarmKind::HeadForged,
                    Distrust::Inconsistent { .. } | Distrust::NotIncluded { .. } => {
                        AlarmKind::LogInconsistent
                    }
                };
                self.alarm(kind, distrust.to_string())?;
                Ok(Err(Pause::Slow))
            }
        }
    }

    /// Keeps a head that is not believed, beside the one that it contradicts: two signed notes prove a fork to anybody.
    /// The first hundred are enough.
    fn keep_distrusted(&self, last: Option<&Head>, checkpoint: &str) {
        let file = |number: u32| self.state.path().join(format!("distrusted-checkpoint-{number}.txt"));
        let Some(free) = (1..=DISTRUSTED_KEPT).map(file).find(|path| !path.exists()) else { return };
        let before = last.map_or("nothing\n", |head| &head.note);
        let text = format!("Accepted before:\n\n{before}\nNot accepted:\n\n{checkpoint}");
        if let Err(error) = files::replace_durably(&free, text.as_bytes()) {
            tracing::warn!(%error, "the distrusted checkpoint cannot be kept");
        }
    }

    fn acknowledge(&self, head: &Head, proofs: &[(u64, Proof)]) -> Result<(), OutboxError> {
        self.outbox().write(|batch| {
            for (seq, proof) in proofs {
                batch.acknowledge(*seq, &serde_json::to_vec(proof).unwrap_or_default())?;
            }
            head_store::note(batch, head)
        })?;
        head_store::copy(&self.state, head);
        Ok(())
    }

    /// Numbers beyond ours under our key: somebody else has this key, or this machine was set back.
    fn check_position(&self, answer: &SubmitResponse) -> Result<(), OutboxError> {
        let last = self.outbox().last().map_or(0, |(seq, _)| seq);
        if answer.next_seq > last + 1 {
            let held = answer.next_seq - 1;
            let detail = format!(
                "the log holds statements of this appliance up to {held}, this machine made {last}: its state folder \
                 was copied or restored. Enrol it again with a new code"
            );
            self.alarm(AlarmKind::SeqConflict, detail)?;
        }
        Ok(())
    }

    /// Not everything was taken: what to do about the first entry that was not.
    fn rejected(&self, items: &[Item], answer: &SubmitResponse) -> Result<Pause, SyncError> {
        let of_ours = |rejected: &&Rejected| rejected.code != RejectCode::NotReached;
        let Some(Rejected { seq, code, detail }) = answer.rejected.iter().find(of_ours) else {
            // Neither taken nor refused.
            return Ok(Pause::BackOff(None));
        };
        let sentence = format!("entry {seq} was not taken ({code}): {detail}");
        match code {
            RejectCode::SeqConflict => self.alarm(AlarmKind::SeqConflict, sentence)?,
            RejectCode::SeqGap => {
                let first = items.first().map_or(0, |item| item.seq);
                if answer.next_seq < first {
                    let next = answer.next_seq;
                    let missing =
                        format!("the log misses entries from {next} on that it had acknowledged. {sentence}");
                    self.alarm(AlarmKind::LogForgot, missing)?;
                } else {
                    return Ok(Pause::BackOff(None));
                }
            }
            RejectCode::PrevMismatch
            | RejectCode::Malformed
            | RejectCode::SignatureInvalid
            | RejectCode::WrongSite
            | RejectCode::Other => self.alarm(AlarmKind::EntryRefused, sentence)?,
            RejectCode::NotReached => {}
        }
        Ok(Pause::Slow)
    }
}
