//! Messages without what identifies a patient.

use std::ops::Deref;

use proofline_protocol::{CheckInRequest, ClaimRequest, OrderReport, SubmitRequest, Text};
use serde::Serialize;

use super::scrub;

/// What the agent sends. An implementation names every field of its message, so that a new one has to be thought of.
pub trait Message: Serialize {
    /// The message with every text that comes from the machine scrubbed.
    #[must_use]
    fn scrubbed(self) -> Self;
}

/// A message that may leave the machine. There is no other way to make one than to scrub it.
#[derive(Debug, Clone)]
pub struct Scrubbed<M>(M);

impl<M: Message> Scrubbed<M> {
    /// Scrubs `message`.
    pub fn of(message: M) -> Self {
        Self(message.scrubbed())
    }
}

impl<M> Deref for Scrubbed<M> {
    type Target = M;

    fn deref(&self) -> &M {
        &self.0
    }
}

fn field<const MIN: usize, const MAX: usize>(text: &Text<MIN, MAX>) -> Text<MIN, MAX> {
    const { assert!(MIN <= 1, "a marker may be shorter than what it stands for") };
    Text::fit(&scrub(text.as_str())).expect("what is not empty is not empty without what was removed")
}

impl Message for ClaimRequest {
    fn scrubbed(self) -> Self {
        let Self { code, public_key, hostname, machine_id_digest, platform, agent_version } = self;
        let (hostname, platform) = (field(&hostname), field(&platform));
        Self { code, public_key, hostname, machine_id_digest, platform, agent_version }
    }
}

impl Message for CheckInRequest {
    fn scrubbed(self) -> Self {
        let Self {
            agent_version,
            catalogue,
            mode,
            local_override,
            outbox_depth,
            outbox_oldest,
            last_cycle,
            rules_version,
            orders_done,
            checkpoint_size,
            uptime_s,
        } = self;
        let report =
            |OrderReport { order, outcome, detail }| OrderReport { order, outcome, detail: field(&detail) };
        Self {
            agent_version,
            catalogue,
            mode,
            local_override,
            outbox_depth,
            outbox_oldest,
            last_cycle,
            rules_version,
            orders_done: orders_done.into_iter().map(report).collect(),
            checkpoint_size,
            uptime_s,
        }
    }
}

/// Statements were scrubbed before they were signed.
impl Message for SubmitRequest {
    fn scrubbed(self) -> Self {
        self
    }
}
