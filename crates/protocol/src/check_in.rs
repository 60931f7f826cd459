//! The message of every minute.

use std::fmt;

use proofline_core::{Mode, OrderId, Timestamp, format_rfc3339};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::{Digest, Text};

/// Sent to [`CHECK_IN`](crate::paths::CHECK_IN).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "description", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct CheckInRequest {
    /// The agent's version.
    #[cfg_attr(feature = "description", schema(value_type = String, format = "plain", max_length = 60, min_length = 1))]
    pub agent_version: Text<1, 60>,
    /// Digest of the check catalogue that the agent carries.
    #[cfg_attr(feature = "description", schema(value_type = String, format = "digest"))]
    pub catalogue: Digest,
    /// The mode in effect on the machine, local override included.
    #[cfg_attr(feature = "description", schema(value_type = String, format = "mode"))]
    pub mode: Mode,
    /// What the clinic itself decided on the machine; it wins over everything.
    #[serde(default, deserialize_with = "crate::field::optional_object")]
    pub local_override: Option<LocalOverride>,
    /// Evidence entries that wait for acknowledgement.
    pub outbox_depth: u64,
    /// When the oldest of them was made.
    #[serde(default, deserialize_with = "crate::field::optional_time")]
    #[cfg_attr(feature = "description", schema(value_type = Option<String>, format = DateTime))]
    pub outbox_oldest: Option<Timestamp>,
    /// The last finished cycle; absent before the first.
    #[serde(default, deserialize_with = "crate::field::optional_object")]
    pub last_cycle: Option<LastCycle>,
    /// Version of the rule set in effect; 0 before the first.
    pub rules_version: u64,
    /// Orders finished since the last check-in that the server answered.
    #[serde(deserialize_with = "crate::field::at_most_objects::<100, _, _>")]
    #[cfg_attr(feature = "description", schema(max_items = 100))]
    pub orders_done: Vec<OrderReport>,
    /// Size of the site's log as of the last checkpoint that the agent accepted; 0 before the first.
    pub checkpoint_size: u64,
    /// Seconds since the agent started.
    pub uptime_s: u64,
}

/// The clinic's own decision, in a file on the machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "description", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct LocalOverride {
    /// Never go further than this.
    #[cfg_attr(feature = "description", schema(value_type = Option<String>, format = "mode"))]
    pub mode: Option<Mode>,
    /// Heal nothing before this time.
    #[cfg_attr(feature = "description", schema(value_type = Option<String>, format = DateTime))]
    pub paused_until: Option<Timestamp>,
}

impl fmt::Display for LocalOverride {
    /// `audit`, `paused until 2026-11-22T18:00:00Z`, or both with a comma; at most 60 bytes.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(mode) = self.mode {
            mode.fmt(f)?;
        }
        if self.mode.is_some() && self.paused_until.is_some() {
            f.write_str(", ")?;
        }
        self.paused_until.map_or(Ok(()), |until| write!(f, "paused until {}", format_rfc3339(until)))
    }
}

/// How the last cycle of checks went.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "description", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct LastCycle {
    /// When it began.
    #[serde(deserialize_with = "crate::field::time")]
    #[cfg_attr(feature = "description", schema(value_type = String, format = DateTime))]
    pub started: Timestamp,
    /// How long it took, in milliseconds.
    pub duration_ms: u64,
    /// Checks that ran.
    #[cfg_attr(feature = "description", schema(value_type = i64, minimum = 0, maximum = 4_294_967_295_i64))]
    pub checks: u32,
    /// Checks whose verdict was `error` or `unknown`.
    #[cfg_attr(feature = "description", schema(value_type = i64, minimum = 0, maximum = 4_294_967_295_i64))]
    pub errors: u32,
}

/// What became of an order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "description", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct OrderReport {
    /// Which order. One whose signature does not verify is not reported: its id means nothing.
    #[cfg_attr(feature = "description", schema(value_type = String, format = "order"))]
    pub order: OrderId,
    /// How it ended.
    pub outcome: OrderOutcome,
    /// One sentence for a person; for a refusal, its reason.
    #[cfg_attr(feature = "description", schema(value_type = String, format = "plain", max_length = 500))]
    pub detail: Text<0, 500>,
}

/// How an order ended on the appliance.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "description", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum OrderOutcome {
    /// Carried out.
    Done,
    /// Begun, and not successful.
    Failed,
    /// Not begun: signature, addressee, kind or repetition.
    Refused,
    /// Not begun: it arrived too late.
    Expired,
}

impl OrderOutcome {
    /// The spelling used in storage and on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Failed => "failed",
            Self::Refused => "refused",
            Self::Expired => "expired",
        }
    }
}

impl fmt::Display for OrderOutcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What changed.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "description", derive(utoipa::ToSchema))]
pub struct CheckInResponse {
    /// The server's clock, for the agent's offset.
    #[cfg_attr(feature = "description", schema(value_type = String, format = DateTime))]
    pub server_time: Timestamp,
    /// Seconds until the next check-in, jitter included.
    pub next_check_in_s: u64,
    /// The mode that the server's configuration wants. The signed rule set decides, not this field.
    #[cfg_attr(feature = "description", schema(value_type = String, format = "mode"))]
    pub mode: Mode,
    /// Newest rule set for this appliance; fetch it from [`RULES`](crate::paths::RULES) when it is newer.
    pub rules_version: u64,
    /// DSSE envelopes as JSON, each with an order: see [`Order`](crate::Order).
    #[cfg_attr(feature = "description", schema(value_type = Vec<Object>))]
    pub orders: Vec<Box<RawValue>>,
    /// Changes when the schedule of checks changes.
    pub schedule_version: u64,
    /// Send one check run with the whole state of every asset.
    pub resync: bool,
    /// Newest set of credentials for this appliance; fetch it from [`CREDENTIALS`](crate::paths::CREDENTIALS) when it is
    /// newer. 0 where there never was one.
    #[serde(default)]
    pub credentials_version: u64,
    /// DSSE envelopes as JSON, each with the successor of a server key: see [`KeySuccessor`](crate::KeySuccessor). All
    /// that there ever were, at most [`MAX_SUCCESSORS`](crate::MAX_SUCCESSORS).
    #[serde(default)]
    #[cfg_attr(feature = "description", schema(value_type = Vec<Object>))]
    pub successors: Vec<Box<RawValue>>,
}
