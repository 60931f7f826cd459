//! The keys of an installation: those that sign, those that seal, and what is known of each.

mod inventory;
mod known;
mod open;
mod reseal;
mod signing;

use proofline_authz::Action;
use utoipa_axum::routes;

use crate::http::{Access, Api, RateClass};

pub use known::{KeyMismatch, KeyState, Keyring, MasterKeyUse, admit, fingerprint, look};
pub(crate) use open::{open_sealed, refused as sealed_value_refused};
pub use reseal::{ResealError, ResealReport, reseal};
pub use signing::ServerKeys;

pub(crate) fn routes(api: Api) -> Api {
    api.route(Access::Person(Action::SystemRead), RateClass::Read, routes!(inventory::system_keys))
}
