//! From results to signed statements in the queue.
//!
//! # Invariants
//!
//! 1. A statement gets its number, its predecessor's digest and its place in the queue in one transaction. Killed at
//!    any point, there is no hole and no double.
//! 2. What is remembered about the last statement (the asset's state) changes in the same transaction: an emission
//!    that fails is as if nothing had been observed, and the next one says it.
//! 3. A statement is made on every change of a verdict or an observed value, with every heal and incident, and when
//!    the last one of an asset is [`HEARTBEAT_S`] old. Nothing else is stated.
//! 4. What could not be stated is stated: when the queue cannot take statements any more, one number is spent for the
//!    whole time and the first statement afterwards is its *gap* (see [`suspension`]). So it is with what no statement
//!    can hold ([`Emitter::state_missing`]). Lost statements become a *gap* in `sync::loss`.
//!
//! This module does not know how results come about nor who takes the statements.

mod asset_state;
mod fit;
pub mod suspension;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use proofline_core::{ApplianceId, AssetId, Clock, InstallationId, SiteId, Timestamp};
use proofline_evidence::statement::{Body, CheckResult, Gap, Header, Heartbeat, Statement};
use proofline_evidence::{Defect, Digest, SigningKey, dsse};
use proofline_outbox::{Batch, Loss, Outbox, OutboxError};

pub use asset_state::{AssetState, HEARTBEAT_S};
use fit::Fitted;
use suspension::Suspension;

/// Who signs, and for which site.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Signer {
    /// Which Central Command.
    pub installation: InstallationId,
    /// The site whose log is written.
    pub site: SiteId,
    /// The appliance.
    pub appliance: ApplianceId,
    /// Digest of the check catalogue in the binary.
    pub catalogue: Digest,
}

/// What happened to one asset in one cycle.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Observed {
    /// Which asset.
    pub asset: AssetId,
    /// When the cycle began.
    pub started: Timestamp,
    /// When it ended.
    pub ended: Timestamp,
    /// Heals and transitions of incidents since the last emission, in order.
    pub events: Vec<Body>,
    /// The results of this cycle, each check at most once. Checks that did not run are left out.
    pub results: Vec<CheckResult>,
    /// `results` holds every check that the asset is measured by.
    pub whole: bool,
    /// Every check that the asset is measured by has been observed within its interval: only then may a statement
    /// confirm that nothing changed.
    pub complete: bool,
}

/// Nothing was stated.
#[derive(Debug, thiserror::Error)]
pub enum EmitError {
    /// The queue cannot take statements now; the time without them will be stated later.
    #[error("the queue takes no statements at the moment: {0}")]
    Suspended(String),
    /// The queue failed in another way.
    #[error(transparent)]
    Queue(#[from] OutboxError),
    /// A statement would break the format. A defect of this program.
    #[error("a statement cannot be made: {0}")]
    Statement(#[from] Defect),
    /// What is remembered cannot be written.
    #[error("the state of an asset cannot be written: {0}")]
    State(#[from] serde_json::Error),
}

/// Makes statements.
pub struct Emitter {
    outbox: Arc<Outbox>,
    key: SigningKey,
    signer: Signer,
    clock: Arc<dyn Clock>,
    offset_ms: Box<dyn Fn() -> Option<i64> + Send + Sync>,
    suspension: Mutex<Option<Suspension>>,
}

/// Raised whenever everything is to be stated again.
const EPOCH: &str = "epoch";

/// The log holds every number below this one.
const LOG_POSITION: &str = "log_position";

fn read_number(note: Option<Vec<u8>>) -> u64 {
    note.and_then(|bytes| std::str::from_utf8(&bytes).ok()?.parse().ok()).unwrap_or(0)
}

/// Whether the statement says something new about the asset's state.
fn changes_state(body: &Body) -> bool {
    matches!(body, Body::CheckRun(_) | Body::Heal(_))
}

/// Whether the statement vouches for the asset's whole state.
fn confirms_state(body: &Body) -> bool {
    matches!(body, Body::CheckRun(run) if run.state.is_some()) || matches!(body, Body::Heartbeat(_))
}

fn note_key(asset: AssetId) -> String {
    format!("asset/{asset}")
}

/// Numbers of statements, from first to last.
pub type Seqs = Vec<u64>;

impl Emitter {
    /// An emitter for `outbox`. `offset_ms` tells the machine's clock minus the server's, where it is known.
    pub fn new(
        outbox: Arc<Outbox>,
        key: SigningKey,
        signer: Signer,
        clock: Arc<dyn Clock>,
        offset_ms: impl Fn() -> Option<i64> + Send + Sync + 'static,
    ) -> Result<Self, EmitError> {
        let suspension = Mutex::new(Suspension::read(&outbox)?);
        Ok(Self { outbox, key, signer, clock, offset_ms: Box::new(offset_ms), suspension })
    }

    /// The queue that it fills.
    pub fn outbox(&self) -> &Outbox {
        &self.outbox
    }

    /// Who signs.
    pub fn signer(&self) -> &Signer {
        &self.signer
    }

    /// Whether statements can be made. While they cannot, nothing may be healed: a heal without evidence did not
    /// happen.
    pub fn is_suspended(&self) -> bool {
        self.lock().is_some()
    }

    /// States what changed, or confirms the asset's state if it is time. `notes` are written with it. Returns the
    /// numbers of the statements made, which may be none.
    pub fn observed(&self, observed: &Observed, notes: &[(String, Vec<u8>)]) -> Result<Seqs, EmitError> {
        let mut state = self.asset_state(observed.asset)?;
        let mut bodies: Vec<Fitted> = observed.events.iter().cloned().map(fit::body).collect();
        for body in &bodies {
            state.follow_event(body);
        }
        bodies.extend(state.changes(observed, self.signer.catalogue));
        let quiet = !bodies.iter().any(|body| changes_state(body));
        if quiet && observed.complete && state.is_due(observed.ended) {
            let (unchanged_since, state) = (state.changed_seq, state.digest());
            bodies.push(fit::body(Body::Heartbeat(Heartbeat { unchanged_since, state })));
        }
        if bodies.is_empty() && notes.is_empty() {
            return Ok(Vec::new());
        }
        self.write(|writer| {
            let mut seqs = Vec::new();
            for body in bodies {
                let (changes, confirms) = (changes_state(&body), confirms_state(&body));
                let seq =
                    writer.state_fitted(Some(observed.asset), (observed.started, observed.ended), body)?;
                state.stated(seq, changes, confirms.then_some(observed.ended));
                seqs.push(seq);
            }
            if !seqs.is_empty() {
                writer.batch.set_note(&note_key(observed.asset), &serde_json::to_vec(&state)?)?;
            }
            for (key, value) in notes {
                writer.batch.set_note(key, value)?;
            }
            Ok(seqs)
        })
    }

    /// States that what happened in this time has no statement, and why: one number is spent for it, and a gap names it.
    pub fn state_missing(&self, span: (Timestamp, Timestamp), reason: &str) -> Result<u64, EmitError> {
        self.write(|writer| writer.state_missing(span, reason))
    }

    /// Makes the next check run of every asset carry all results.
    pub fn restate_everything(&self) -> Result<(), EmitError> {
        #[expect(
            clippy::redundant_closure_for_method_calls,
            reason = "the method is not general over both lifetimes"
        )]
        self.write(|writer| writer.restate_everything())
    }

    /// Whether the next run about `asset` has to be a whole one.
    pub fn wants_everything(&self, asset: AssetId) -> Result<bool, EmitError> {
        Ok(!self.asset_state(asset)?.is_of(self.signer.catalogue))
    }

    /// What was last stated about `asset`; an unknown asset has a blank state. A note that cannot be read counts as
    /// lost: everything is stated again.
    pub fn asset_state(&self, asset: AssetId) -> Result<AssetState, EmitError> {
        let note = self.outbox.note(&note_key(asset))?;
        let state: AssetState =
            note.and_then(|bytes| serde_json::from_slice(&bytes).ok()).unwrap_or_default();
        Ok(state.in_epoch(read_number(self.outbox.note(EPOCH)?)))
    }

    /// Whether statements were lost of which it is not known that the log holds them.
    pub(crate) fn has_unexplained_losses(&self) -> Result<bool, OutboxError> {
        let losses = self.outbox.losses()?;
        let Some(last) = losses.iter().map(|loss| loss.last_seq).max() else { return Ok(false) };
        Ok(last >= read_number(self.outbox.note(LOG_POSITION)?))
    }

    /// Runs `work` in one transaction of the queue, alone. If the queue has been suspended before, its gap is stated
    /// first; if it cannot take the statements, it is suspended.
    pub(crate) fn write<T>(
        &self,
        work: impl FnOnce(&mut Writer<'_, '_>) -> Result<T, EmitError>,
    ) -> Result<T, EmitError> {
        let mut suspension = self.lock();
        if suspension.as_ref().is_some_and(|held| !held.may_end(self.outbox.depth())) {
            return Err(EmitError::Suspended("it is still too full".into()));
        }
        let losses = self.outbox.losses()?;
        let outcome = self.outbox.write(|batch| {
            let mut writer = Writer { emitter: self, first: None, batch };
            if let Some(held) = &*suspension {
                writer.state_suspension(held)?;
            }
            let value = work(&mut writer)?;
            writer.settle_found(&losses)?;
            Ok(value)
        });
        match outcome {
            Ok(value) => {
                *suspension = None;
                Ok(value)
            }
            Err(error) => Err(self.suspend(&mut suspension, error)),
        }
    }

    /// Like [`Self::write`], for what mends the queue: `prepare` reads from it first, and nothing is stated in between.
    /// It may run while the queue is suspended. Where `work` says that its gap covers that time too, the suspension
    /// is over.
    pub(crate) fn mend<P>(
        &self,
        prepare: impl FnOnce(&Outbox) -> Result<P, OutboxError>,
        work: impl FnOnce(&mut Writer<'_, '_>, P, Option<&Suspension>) -> Result<Mended, EmitError>,
    ) -> Result<(), EmitError> {
        let mut suspension = self.lock();
        let prepared = prepare(&self.outbox)?;
        let outcome = self.outbox.write(|batch| {
            let mut writer = Writer { emitter: self, first: None, batch };
            let mended = work(&mut writer, prepared, suspension.as_ref())?;
            if mended == Mended::GapStated {
                Suspension::forget(writer.batch)?;
            }
            Ok(mended)
        });
        match outcome {
            Ok(Mended::GapStated) => *suspension = None,
            Ok(Mended::NothingMissing) => {}
            Err(error) => return Err(self.suspend(&mut suspension, error)),
        }
        Ok(())
    }

    /// Turns a queue that has no room into a suspension.
    fn suspend(&self, suspension: &mut Option<Suspension>, error: EmitError) -> EmitError {
        match error {
            EmitError::Queue(error @ (OutboxError::QueueFull { .. } | OutboxError::DiskFull)) => {
                let held = suspension.get_or_insert_with(|| Suspension::begin(self.clock.now(), &error));
                held.remember(&self.outbox);
                EmitError::Suspended(error.to_string())
            }
            other => other,
        }
    }

    fn lock(&self) -> MutexGuard<'_, Option<Suspension>> {
        self.suspension.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// How a queue with losses was mended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mended {
    /// The log holds everything that was lost.
    NothingMissing,
    /// A gap covers everything that the log lacks, up to now.
    GapStated,
}

/// One transaction of the queue that statements are added to.
pub(crate) struct Writer<'e, 'b> {
    emitter: &'e Emitter,
    /// The first statement of this write.
    first: Option<u64>,
    pub(crate) batch: &'e mut Batch<'b>,
}

impl Writer<'_, '_> {
    /// Signs and appends one statement after the last one.
    pub(crate) fn state(
        &mut self,
        asset: Option<AssetId>,
        span: (Timestamp, Timestamp),
        body: Body,
    ) -> Result<u64, EmitError> {
        self.state_fitted(asset, span, fit::body(body))
    }

    fn state_fitted(
        &mut self,
        asset: Option<AssetId>,
        span: (Timestamp, Timestamp),
        body: Fitted,
    ) -> Result<u64, EmitError> {
        let prev = Digest::from_bytes(self.batch.next().previous);
        self.state_after(prev, asset, span, body)
    }

    /// States that the numbers `first..` up to the next free one are missing. `prev` is the digest of the last
    /// statement that the log holds.
    pub(crate) fn state_gap(
        &mut self,
        first_seq: u64,
        prev: Digest,
        (from, to): (Timestamp, Timestamp),
        reason: &str,
    ) -> Result<u64, EmitError> {
        let last_seq = self.batch.next().seq - 1;
        let (from, reason) = (from.min(to), reason.to_owned());
        // Whoever reads the log knows nothing for certain any more until a run has said everything.
        self.restate_everything()?;
        self.state_after(
            prev,
            None,
            (to, to),
            fit::body(Body::Gap(Gap { first_seq, last_seq, from, to, reason })),
        )
    }

    /// Makes the next check run of every asset carry all results.
    pub(crate) fn restate_everything(&mut self) -> Result<(), EmitError> {
        let next = read_number(self.batch.note(EPOCH)?) + 1;
        Ok(self.batch.set_note(EPOCH, next.to_string().as_bytes())?)
    }

    fn state_suspension(&mut self, held: &Suspension) -> Result<(), EmitError> {
        self.state_missing((held.from, self.emitter.clock.now()), &held.reason)?;
        Ok(Suspension::forget(self.batch)?)
    }

    fn state_missing(&mut self, (from, to): (Timestamp, Timestamp), reason: &str) -> Result<u64, EmitError> {
        let prev = Digest::from_bytes(self.batch.next().previous);
        // The one number that stands for all that was not stated. It is never sent.
        let spent = self.batch.append(SystemTime::from(from), b"")?;
        self.batch.acknowledge(spent, b"")?;
        self.state_gap(spent, prev, (from, to), reason)
    }

    fn state_after(
        &mut self,
        prev: Digest,
        asset: Option<AssetId>,
        (started, ended): (Timestamp, Timestamp),
        body: Fitted,
    ) -> Result<u64, EmitError> {
        let Emitter { signer, key, clock, offset_ms, .. } = self.emitter;
        let header = Header {
            installation: signer.installation,
            site: signer.site,
            appliance: Some(signer.appliance),
            asset,
            seq: self.batch.next().seq,
            prev,
            catalogue: signer.catalogue,
            started: started.min(ended),
            ended,
            clock_offset_ms: offset_ms(),
        };
        let payload = Statement::new(header, body.into_body()).to_bytes()?;
        let envelope = dsse::sign(dsse::STATEMENT_PAYLOAD_TYPE, &payload, key);
        let seq = self.batch.append(SystemTime::from(clock.now()), &envelope)?;
        self.first.get_or_insert(seq);
        Ok(seq)
    }

    /// Says that the log holds every number below `next_seq`, whatever is lost here.
    pub(crate) fn note_log_position(&mut self, next_seq: u64) -> Result<(), EmitError> {
        Ok(self.batch.set_note(LOG_POSITION, next_seq.to_string().as_bytes())?)
    }

    /// Lost here, but found in the log: the next statement accounts for them.
    fn settle_found(&mut self, losses: &[Loss]) -> Result<(), EmitError> {
        let Some(statement) = self.first.filter(|_| !losses.is_empty()) else { return Ok(()) };
        let position = read_number(self.batch.note(LOG_POSITION)?);
        for loss in losses.iter().filter(|loss| loss.last_seq < position) {
            self.batch.settle(loss, statement)?;
        }
        Ok(())
    }
}
