//! An order: one instruction for one appliance, complete inside its signature.
//!
//! The payload carries the parameters and their digest. The digest is what screens, audit rows and the order's
//! evidence quote; reading refuses a payload in which the two differ. Whether the order is meant for this appliance,
//! is still valid and was not executed before is the reader's to check.

use proofline_core::{ApplianceId, IncidentId, InstallationId, OrderId, SiteId, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::{Digest, Text};

/// The DSSE payload type of an order.
pub const ORDER_PAYLOAD_TYPE: &str = "application/vnd.proofline.order+json";

/// A signed instruction, read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Order {
    /// Its id: executed at most once.
    pub order: OrderId,
    /// Which Central Command gave it.
    pub installation: InstallationId,
    /// The one appliance that may execute it.
    pub appliance: ApplianceId,
    /// Where that appliance stands.
    pub site: SiteId,
    /// What to do.
    pub instruction: Instruction,
    /// Makes two otherwise equal orders differ.
    pub nonce: Text<16, 64>,
    /// When it was given.
    pub issued: Timestamp,
    /// From then on it is refused.
    pub expires: Timestamp,
}

/// What to do, with its parameters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Instruction {
    /// Run every check now.
    RunChecks,
    /// Carry out the plan that a person approved, if it is still the plan.
    ApprovePlan {
        /// The incident that the plan is for.
        incident: IncidentId,
        /// Digest of the plan that was reviewed.
        plan_digest: Digest,
    },
}

/// The kind of an instruction, without parameters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OrderKind {
    /// [`Instruction::RunChecks`].
    RunChecks,
    /// [`Instruction::ApprovePlan`].
    ApprovePlan,
}

impl OrderKind {
    /// The spelling used in storage and on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::RunChecks => "run_checks",
            Self::ApprovePlan => "approve_plan",
        }
    }
}

impl std::fmt::Display for OrderKind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The payload is not an order.
#[derive(Debug, thiserror::Error)]
pub enum OrderError {
    /// Not the JSON of an order of a known kind.
    #[error("not an order that this version understands: {0}")]
    Malformed(#[from] serde_json::Error),
    /// The parameters are not those that the digest names.
    #[error("the order's parameters do not have the digest that it names")]
    ParamsDigest,
    /// It would never be valid.
    #[error("the order expires before it was issued")]
    Never,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Payload {
    order: OrderId,
    installation: InstallationId,
    appliance: ApplianceId,
    site: SiteId,
    kind: OrderKind,
    params: Box<RawValue>,
    params_digest: Digest,
    nonce: Text<16, 64>,
    issued: Timestamp,
    expires: Timestamp,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct NoParams {}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct ApprovePlanParams {
    incident: IncidentId,
    plan_digest: Digest,
}

impl Instruction {
    /// Which kind it is.
    pub const fn kind(&self) -> OrderKind {
        match self {
            Self::RunChecks => OrderKind::RunChecks,
            Self::ApprovePlan { .. } => OrderKind::ApprovePlan,
        }
    }

    fn params(&self) -> Box<RawValue> {
        match self {
            Self::RunChecks => serde_json::value::to_raw_value(&NoParams {}),
            &Self::ApprovePlan { incident, plan_digest } => {
                serde_json::value::to_raw_value(&ApprovePlanParams { incident, plan_digest })
            }
        }
        .expect("ids and digests always serialise")
    }

    /// SHA-256 over the JSON text of the parameters.
    pub fn params_digest(&self) -> Digest {
        Digest::of(self.params().get().as_bytes())
    }
}

impl Order {
    /// The payload to sign.
    #[expect(clippy::missing_panics_doc, reason = "cannot: see the message")]
    pub fn to_payload(&self) -> Vec<u8> {
        let params = self.instruction.params();
        let payload = Payload {
            order: self.order,
            installation: self.installation,
            appliance: self.appliance,
            site: self.site,
            kind: self.instruction.kind(),
            params_digest: Digest::of(params.get().as_bytes()),
            params,
            nonce: self.nonce.clone(),
            issued: self.issued,
            expires: self.expires,
        };
        serde_json::to_vec(&payload).expect("ids, times and digests always serialise")
    }

    /// Reads a payload whose signature was verified.
    pub fn from_payload(payload: &[u8]) -> Result<Self, OrderError> {
        let payload: Payload = serde_json::from_slice(payload)?;
        if Digest::of(payload.params.get().as_bytes()) != payload.params_digest {
            return Err(OrderError::ParamsDigest);
        }
        if payload.expires <= payload.issued {
            return Err(OrderError::Never);
        }
        let params = payload.params.get();
        let instruction = match payload.kind {
            OrderKind::RunChecks => {
                let NoParams {} = serde_json::from_str(params)?;
                Instruction::RunChecks
            }
            OrderKind::ApprovePlan => {
                let ApprovePlanParams { incident, plan_digest } = serde_json::from_str(params)?;
                Instruction::ApprovePlan { incident, plan_digest }
            }
        };
        Ok(Self {
            order: payload.order,
            installation: payload.installation,
            appliance: payload.appliance,
            site: payload.site,
            instruction,
            nonce: payload.nonce,
            issued: payload.issued,
            expires: payload.expires,
        })
    }
}
