//! The message of every minute, and what it brings.

use std::time::Duration;

use proofline_core::{Mode, Timestamp};
use proofline_protocol::{CheckInRequest, CheckInResponse, LastCycle, LocalOverride, Order, Text, paths};
use serde_json::value::RawValue;

use super::credentials::CredentialsRefusal;
use super::orders::OrderRefusal;
use super::{Step, Sync, SyncError, head_store};
use crate::scrub::Scrubbed;

/// The shortest and the longest time between two check-ins that a server can ask for.
const CHECK_IN_BOUNDS: (u64, u64) = (1, 3600);

/// What the agent says about itself, besides what [`Sync`] knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Report {
    /// The mode in effect.
    pub mode: Mode,
    /// The clinic's own decision.
    pub local_override: Option<LocalOverride>,
    /// The last finished cycle.
    pub last_cycle: Option<LastCycle>,
    /// When the agent started.
    pub started: Timestamp,
}

/// What a check-in brought.
#[derive(Debug)]
pub struct CheckedIn {
    /// When to check in again.
    pub next: Duration,
    /// Orders to carry out now; each has begun and must be finished.
    pub orders: Vec<Order>,
    /// The rule set changed.
    pub rules_changed: bool,
    /// Run every check now.
    pub run_checks: bool,
}

impl Sync {
    /// Checks in, fetches newer rules and credentials, takes orders. A failure of the call gives the time to pause.
    pub fn check_in(&self, report: &Report) -> Step<CheckedIn> {
        let request = Scrubbed::of(self.request(report)?);
        let asked = self.clock.now();
        let answer: CheckInResponse = match self.client.post(paths::CHECK_IN, &request) {
            Ok(answer) => answer,
            Err(error) => return Ok(Err(self.failed(&error)?)),
        };
        self.client.note_server_time(answer.server_time, asked, self.clock.now());
        self.orders.reported(&request.orders_done, self.now_for_orders())?;
        self.follow_keys(&answer.successors);
        if answer.resync {
            tracing::info!("the server asks for the whole state");
            self.emitter.restate_everything()?;
        }
        let rules_changed = answer.rules_version > self.rules.version() && self.fetch_rules()?;
        if answer.credentials_version > self.credentials.version() {
            self.fetch_credentials()?;
        }
        let (shortest, longest) = CHECK_IN_BOUNDS;
        Ok(Ok(CheckedIn {
            next: Duration::from_secs(answer.next_check_in_s.clamp(shortest, longest)),
            orders: answer.orders.iter().filter_map(|order| self.begin_order(order.get())).collect(),
            rules_changed,
            run_checks: answer.resync,
        }))
    }

    fn request(&self, report: &Report) -> Result<CheckInRequest, SyncError> {
        let now = self.clock.now();
        let head = head_store::last(self.outbox(), &self.state)?;
        Ok(CheckInRequest {
            agent_version: Text::fit(env!("CARGO_PKG_VERSION"))
                .expect("the version of a package is a short text"),
            catalogue: self.emitter.signer().catalogue,
            mode: report.mode,
            local_override: report.local_override,
            outbox_depth: self.outbox().depth().items,
            outbox_oldest: self.outbox().oldest()?.map(Into::into),
            last_cycle: report.last_cycle,
            rules_version: self.rules.version(),
            orders_done: self.orders.reports(),
            checkpoint_size: head.map_or(0, |head| head.size),
            uptime_s: u64::try_from((now - report.started).num_seconds()).unwrap_or(0),
        })
    }

    /// Takes the successors of the server's keys. What is refused changes nothing, and what a key signs that is not known
    /// is refused in its turn.
    pub(super) fn follow_keys(&self, successors: &[Box<RawValue>]) {
        let keys = &self.identity.server_keys;
        let statements: Vec<String> = successors.iter().map(|said| said.get().to_owned()).collect();
        match keys.follow(&self.state, &statements) {
            Ok(true) => tracing::info!("the server's keys have successors"),
            Ok(false) => {}
            Err(error) => tracing::error!(%error, "successors of the server's keys refused"),
        }
        keys.pass(self.now_for_orders());
    }

    /// Fetches the rule set. One that is refused changes nothing.
    fn fetch_rules(&self) -> Result<bool, SyncError> {
        let envelope = match self.client.get(paths::RULES) {
            Ok(envelope) => envelope,
            Err(error) => {
                self.failed(&error)?;
                return Ok(false);
            }
        };
        match self.rules.accept(&envelope) {
            Ok(newer) => {
                tracing::info!(version = self.rules.version(), newer, "rules received");
                Ok(newer)
            }
            Err(super::rules::RulesRefusal::Queue(error)) => Err(error.into()),
            Err(error) => {
                tracing::error!(%error, "rules refused");
                Ok(false)
            }
        }
    }

    /// Fetches the credentials that are sealed to this appliance. A set that is refused changes nothing.
    fn fetch_credentials(&self) -> Result<(), SyncError> {
        let envelope = match self.client.get(paths::CREDENTIALS) {
            Ok(envelope) => envelope,
            Err(error) => return Ok(self.failed(&error).map(drop)?),
        };
        match self.credentials.accept(&envelope) {
            Ok(_) => {
                let (version, count) = (self.credentials.version(), self.credentials.names().len());
                tracing::info!(version, count, "credentials received");
                Ok(())
            }
            Err(CredentialsRefusal::Queue(error)) => Err(error.into()),
            Err(error) => {
                tracing::error!(%error, "credentials refused");
                Ok(())
            }
        }
    }

    fn begin_order(&self, envelope: &str) -> Option<Order> {
        match self.orders.begin(envelope, self.now_for_orders()) {
            Ok(order) => {
                tracing::info!(order = %order.order, kind = %order.instruction.kind(), "order begins");
                Some(order)
            }
            Err(OrderRefusal::Repeated) => None,
            Err(refusal) => {
                tracing::warn!(%refusal, "order refused");
                None
            }
        }
    }

    /// The later of the machine's time and the server's: a clock that is set back revives no order.
    fn now_for_orders(&self) -> Timestamp {
        self.clock.now().max(self.client.server_now())
    }
}
