//! The keys of an installation: those that sign, those that seal, and what is known of each.

mod inventory;
mod known;
mod open;
mod reseal;
mod rotations;
mod signing;
mod succession;

use proofline_authz::Action;
use proofline_core::{Entropy, Timestamp};
use proofline_store::AuditNote;
use utoipa_axum::routes;
use uuid::Builder;

use crate::http::{Access, Api, RateClass, request_id};

pub use known::{KeyMismatch, KeyState, Keyring, MasterKeyUse, admit, fingerprint, look};
pub(crate) use open::{open_sealed, sealed_value_refused};
pub use reseal::{ResealError, ResealReport, reseal};
pub use rotations::{KeyRotationState, ask, rotation_state};
pub use signing::{KeyChain, KeyChains, KeyLink, LinkError, ServerKeys};
pub use succession::{SigningKeyUse, SuccessionError, signing_keys, succeed};

pub(crate) fn routes(api: Api) -> Api {
    api.route(Access::Person(Action::SystemRead), RateClass::Read, routes!(inventory::system_keys))
        .route(Access::Person(Action::SystemRead), RateClass::Read, routes!(rotations::list))
        .route(Access::Person(Action::KeyRotationDecide), RateClass::Write, routes!(rotations::approve))
        .route(Access::Person(Action::KeyRotationDecide), RateClass::Write, routes!(rotations::reject))
}

/// What the audit log says about a command that somebody with access to the server's machine gave.
fn command_note(
    at: Timestamp,
    entropy: &dyn Entropy,
    resource: String,
    detail: serde_json::Value,
) -> AuditNote {
    let millis = u64::try_from(at.timestamp_millis()).unwrap_or(0);
    AuditNote {
        id: Builder::from_unix_timestamp_millis(millis, &entropy.bytes::<10>()).into_uuid(),
        at,
        org: None,
        resource,
        request_id: request_id::COMMAND_LINE.to_owned(),
        detail,
    }
}
