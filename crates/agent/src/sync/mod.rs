//! Everything between this appliance and Central Command, one step at a time.
//!
//! # Invariants
//!
//! 1. A step either completes or leaves everything as it was; each can be repeated after a kill or a lost answer.
//! 2. A statement leaves the queue only in the same transaction that writes its proof down.
//! 3. What the server says is believed under a pinned key only: heads of the log, rules, orders, credentials. Unsigned words decide
//!    nothing but when to call again.
//! 4. A contradiction stops the step and raises an alarm; it never drops anything.
//!
//! This module does not wait: every step says when to take the next one.

pub mod alarm;
mod backoff;
mod check_in;
pub mod credentials;
mod head_store;
mod loss;
pub mod orders;
pub mod proof;
pub mod rules;
mod submit;

use std::sync::Arc;
use std::time::Duration;

use proofline_core::{Clock, Entropy, Timestamp};
use proofline_outbox::{Outbox, OutboxError};

pub use backoff::{Backoff, jitter};
pub use check_in::{CheckedIn, Report};
pub use submit::Drained;

use crate::client::{CallError, Client};
use crate::emitter::{EmitError, Emitter};
use crate::identity::{Identity, StateDir};
use crate::status::Status;
use alarm::{Alarm, AlarmKind};
use credentials::CredentialStore;
use orders::Orders;
use rules::RuleStore;

/// How long to wait where trying again soon cannot help.
pub const SLOW: Duration = Duration::from_hours(1);

/// A step failed in a way that it cannot answer itself.
#[derive(Debug, thiserror::Error)]
pub enum SyncError {
    /// The queue.
    #[error(transparent)]
    Queue(#[from] OutboxError),
    /// Stating something.
    #[error(transparent)]
    Emit(#[from] EmitError),
}

impl SyncError {
    /// Whether there is only no room at the moment: everything is as it was, and the step can be taken again.
    pub fn is_space(&self) -> bool {
        let (Self::Queue(error) | Self::Emit(EmitError::Queue(error))) = self else {
            return matches!(self, Self::Emit(EmitError::Suspended(_)));
        };
        matches!(error, OutboxError::DiskFull | OutboxError::QueueFull { .. })
    }

    /// Whether the queue has to be opened again to be repaired.
    pub fn is_damage(&self) -> bool {
        matches!(
            self,
            Self::Queue(OutboxError::Damaged(_)) | Self::Emit(EmitError::Queue(OutboxError::Damaged(_)))
        )
    }
}

/// What became of a step: done, not now, or not answerable here.
pub type Step<T> = Result<Result<T, Pause>, SyncError>;

/// What the server signs and this appliance keeps.
pub struct Kept {
    /// The rule set in effect.
    pub rules: Arc<RuleStore>,
    /// Orders that were begun.
    pub orders: Arc<Orders>,
    /// Credentials for what the appliance looks after.
    pub credentials: CredentialStore,
}

/// One appliance's side of the conversation.
pub struct Sync {
    pub(crate) state: StateDir,
    pub(crate) identity: Identity,
    pub(crate) client: Client,
    pub(crate) emitter: Arc<Emitter>,
    pub(crate) rules: Arc<RuleStore>,
    pub(crate) orders: Arc<Orders>,
    pub(crate) credentials: CredentialStore,
    pub(crate) clock: Arc<dyn Clock>,
}

impl Sync {
    /// Puts the parts together.
    pub fn new(
        state: StateDir,
        identity: Identity,
        client: Client,
        emitter: Arc<Emitter>,
        kept: Kept,
        clock: Arc<dyn Clock>,
    ) -> Self {
        let Kept { rules, orders, credentials } = kept;
        Self { state, identity, client, emitter, rules, orders, credentials, clock }
    }

    /// The queue.
    pub fn outbox(&self) -> &Outbox {
        self.emitter.outbox()
    }

    /// The credentials that the server sealed to this appliance.
    pub fn credentials(&self) -> &CredentialStore {
        &self.credentials
    }

    /// What there is to show of the queue, the log and the clocks.
    pub fn show(&self) -> Result<Shown, OutboxError> {
        Ok(Shown {
            clock_offset_ms: self.client.clock_offset_ms(),
            outbox_depth: self.outbox().depth().items,
            outbox_oldest: self.outbox().oldest()?.map(Into::into),
            rules_version: self.rules.version(),
            log_size: head_store::last(self.outbox(), &self.state)?.map_or(0, |head| head.size),
            suspended: self.emitter.is_suspended(),
            credentials: self.credentials.names(),
        })
    }

    fn alarm(&self, kind: AlarmKind, detail: impl Into<String>) -> Result<(), OutboxError> {
        alarm::raise(self.outbox(), &Alarm { kind, detail: detail.into(), since: self.clock.now() })
    }

    /// What to do after a call without success: raises the alarm where the refusal is about this appliance, and says
    /// how long the server asked to be left alone.
    fn failed(&self, error: &CallError) -> Result<Pause, OutboxError> {
        tracing::warn!(%error, "call failed");
        match error {
            CallError::Unavailable { retry_after, .. } => Ok(Pause::BackOff(*retry_after)),
            CallError::NoAnswer(_) | CallError::NotUnderstood(_) => Ok(Pause::BackOff(None)),
            CallError::Refused(problem) => match problem.code.as_str() {
                "appliance_revoked" | "key_unknown" => {
                    self.alarm(AlarmKind::Revoked, problem.detail.clone())?;
                    Ok(Pause::Slow)
                }
                _ => Ok(Pause::BackOff(None)),
            },
        }
    }
}

/// See [`Sync::show`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shown {
    clock_offset_ms: Option<i64>,
    outbox_depth: u64,
    outbox_oldest: Option<Timestamp>,
    rules_version: u64,
    log_size: u64,
    suspended: bool,
    credentials: Vec<String>,
}

impl Shown {
    /// Writes it into a status.
    pub fn into_status(self, status: &mut Status) {
        status.clock_offset_ms = self.clock_offset_ms;
        status.outbox_depth = self.outbox_depth;
        status.outbox_oldest = self.outbox_oldest;
        status.rules_version = self.rules_version;
        status.log_size = self.log_size;
        status.suspended = self.suspended;
        status.credentials = self.credentials;
    }
}

/// How long until it makes sense to try again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pause {
    /// As [`Backoff`] says, and not before the time that the server named.
    BackOff(Option<Duration>),
    /// An hour: only a person or a new version of something will change it.
    Slow,
}

impl Pause {
    /// The time to wait.
    pub fn length(self, backoff: &mut Backoff, entropy: &dyn Entropy) -> Duration {
        match self {
            Self::BackOff(asked) => backoff.next(asked, entropy),
            Self::Slow => SLOW / 2 + jitter(SLOW / 2, entropy),
        }
    }
}
