//! Orders: signed instructions, each carried out at most once.
//!
//! # Invariants
//!
//! 1. Only an envelope under the pinned `orders` key or its successors, for this installation, site and appliance, in time, and not
//!    seen before is carried out.
//! 2. That an order begins is on the disk before it begins. Killed in between, it is reported as failed and never
//!    repeated.
//! 3. An order is remembered until it can no longer be valid. If that memory is lost, every order from before the
//!    loss is refused.
//!
//! This module does not carry anything out.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use chrono::TimeDelta;
use proofline_core::{OrderId, Timestamp};
use proofline_evidence::dsse::Envelope;
use proofline_outbox::{Outbox, OutboxError};
use proofline_protocol::{KeyRole, ORDER_PAYLOAD_TYPE, Order, OrderOutcome, OrderReport, Text};
use serde::{Deserialize, Serialize};

use crate::identity::Identity;
use crate::scrub::scrub;

const NOTE: &str = "orders";
const MAX_ENVELOPE: usize = 64 * 1024;
const MAX_REMEMBERED: usize = 1_000;
const MAX_REPORTS: usize = 100;

/// How far ahead of this machine the server's clock may be.
const TOLERANCE: TimeDelta = TimeDelta::seconds(60);

/// The longest time that an order may be valid: that of an update.
const LONGEST_LIFE: TimeDelta = TimeDelta::days(7);

/// Why an order is not carried out.
#[derive(Debug, thiserror::Error)]
pub enum OrderRefusal {
    /// Not signed by the server's key, or not an order. It is not reported: nothing in it can be believed.
    #[error("not a genuine order: {0}")]
    NotGenuine(String),
    /// For another installation, site or appliance. Not reported either: it is not ours.
    #[error("the order is meant for another appliance")]
    Foreign,
    /// Seen before. What became of it is reported again.
    #[error("the order was received before")]
    Repeated,
    /// Too late, too early, or valid for too long.
    #[error("{0}")]
    Time(&'static str),
    /// Too many orders at once.
    #[error("too many orders are remembered")]
    TooMany,
    /// The memory of orders cannot be read or written.
    #[error(transparent)]
    Queue(#[from] OutboxError),
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Ledger {
    /// Orders issued until then are refused: it is not known which of them were carried out.
    floor: Timestamp,
    entries: Vec<Entry>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Entry {
    order: OrderId,
    expires: Timestamp,
    /// Absent while it is being carried out.
    ended: Option<Ended>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Ended {
    outcome: OrderOutcome,
    detail: String,
    reported: bool,
}

/// The memory of orders.
pub struct Orders {
    outbox: Arc<Outbox>,
    identity: Identity,
    ledger: Mutex<Ledger>,
}

impl Orders {
    /// Reads the memory. Orders that were under way when the agent ended are over.
    pub fn open(outbox: Arc<Outbox>, identity: Identity, now: Timestamp) -> Result<Self, OutboxError> {
        let held = outbox.note(NOTE)?.and_then(|bytes| serde_json::from_slice::<Ledger>(&bytes).ok());
        let mut ledger = held.unwrap_or_else(|| {
            let fresh = outbox.last().is_none();
            Ledger { floor: if fresh { identity.enrolled_at - TOLERANCE } else { now }, entries: Vec::new() }
        });
        for entry in &mut ledger.entries {
            entry.ended.get_or_insert_with(|| Ended {
                outcome: OrderOutcome::Failed,
                detail: "the agent ended while it was being carried out".into(),
                reported: false,
            });
        }
        let orders = Self { outbox, identity, ledger: Mutex::new(ledger) };
        let ledger = orders.lock();
        orders.save(&ledger)?;
        drop(ledger);
        Ok(orders)
    }

    /// Decides whether `envelope` is an order to carry out now. If so, it has begun: it must be [finished](Self::finish).
    pub fn begin(&self, envelope: &str, now: Timestamp) -> Result<Order, OrderRefusal> {
        let order = self.genuine(envelope)?;
        let ours = order.installation == self.identity.installation
            && order.site == self.identity.site
            && order.appliance == self.identity.appliance;
        if !ours {
            return Err(OrderRefusal::Foreign);
        }
        let mut ledger = self.lock();
        let before = ledger.clone();
        let outcome = ledger.enter(&order, now);
        if *ledger != before
            && let Err(error) = self.save(&ledger)
        {
            *ledger = before;
            return Err(error.into());
        }
        outcome.map(|()| order)
    }

    fn genuine(&self, envelope: &str) -> Result<Order, OrderRefusal> {
        let refused = |error: &dyn std::fmt::Display| OrderRefusal::NotGenuine(error.to_string());
        let envelope =
            Envelope::parse_up_to(envelope.as_bytes(), MAX_ENVELOPE).map_err(|error| refused(&error))?;
        let payload = self.identity.server_keys.verify(KeyRole::Orders, ORDER_PAYLOAD_TYPE, &envelope);
        let payload = payload.map_err(|error| refused(&error))?;
        Order::from_payload(payload).map_err(|error| refused(&error))
    }

    /// Writes down how an order ended.
    pub fn finish(&self, order: OrderId, outcome: OrderOutcome, detail: &str) -> Result<(), OutboxError> {
        let mut ledger = self.lock();
        if let Some(entry) = ledger.entries.iter_mut().find(|entry| entry.order == order) {
            entry.ended = Some(Ended { outcome, detail: detail.to_owned(), reported: false });
        }
        self.save(&ledger)
    }

    /// What the server has not been told yet.
    pub fn reports(&self) -> Vec<OrderReport> {
        let ledger = self.lock();
        let unreported = ledger.entries.iter().filter_map(|entry| {
            let ended = entry.ended.as_ref().filter(|ended| !ended.reported)?;
            // Before it is cut: half a number is not recognised.
            let detail = Text::fit(&scrub(&ended.detail)).ok()?;
            Some(OrderReport { order: entry.order, outcome: ended.outcome, detail })
        });
        unreported.take(MAX_REPORTS).collect()
    }

    /// The server took these reports.
    pub fn reported(&self, reports: &[OrderReport], now: Timestamp) -> Result<(), OutboxError> {
        if reports.is_empty() {
            return Ok(());
        }
        let mut ledger = self.lock();
        for entry in &mut ledger.entries {
            let told = reports.iter().any(|report| report.order == entry.order);
            if let Some(ended) = entry.ended.as_mut().filter(|_| told) {
                ended.reported = true;
            }
        }
        // A day more than needed, for clocks that are set back.
        ledger.entries.retain(|entry| {
            let told = entry.ended.as_ref().is_some_and(|ended| ended.reported);
            !told || entry.expires + TimeDelta::days(1) > now
        });
        self.save(&ledger)
    }

    fn lock(&self) -> MutexGuard<'_, Ledger> {
        self.ledger.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn save(&self, ledger: &Ledger) -> Result<(), OutboxError> {
        let note = serde_json::to_vec(ledger).unwrap_or_default();
        self.outbox.write(|batch| batch.set_note(NOTE, &note))
    }
}

impl Ledger {
    fn enter(&mut self, order: &Order, now: Timestamp) -> Result<(), OrderRefusal> {
        if let Some(known) = self.entries.iter_mut().find(|entry| entry.order == order.order) {
            if let Some(ended) = &mut known.ended {
                ended.reported = false;
            }
            return Err(OrderRefusal::Repeated);
        }
        if self.entries.len() >= MAX_REMEMBERED {
            return Err(OrderRefusal::TooMany);
        }
        if order.issued > now + TOLERANCE {
            return Err(OrderRefusal::Time("the order is dated in the future"));
        }
        let refusal = if order.expires <= now {
            Some((OrderOutcome::Expired, "the order arrived after its time"))
        } else if order.expires - order.issued > LONGEST_LIFE {
            Some((OrderOutcome::Refused, "the order would be valid for more than seven days"))
        } else if order.issued <= self.floor {
            Some((OrderOutcome::Refused, "the order is older than this appliance's memory of orders"))
        } else {
            None
        };
        let ended =
            refusal.map(|(outcome, detail)| Ended { outcome, detail: detail.to_owned(), reported: false });
        self.entries.push(Entry { order: order.order, expires: order.expires, ended });
        refusal.map_or(Ok(()), |(_, detail)| Err(OrderRefusal::Time(detail)))
    }
}
