//! Signing in and out, the first start, passwords, second factors and passkeys.

mod bootstrap;
mod factor_policy;
mod factors;
mod login;
mod passkey_sign_in;
mod passkeys;
mod password;
mod prove;
mod recovery;
mod relying_party;
mod session;
mod totp;

pub use bootstrap::{BootstrapLink, open_bootstrap};
pub(crate) use factors::factors_of;
pub(crate) use password::PasswordHasher;

use proofline_authz::Action;
use utoipa_axum::routes;

use crate::http::{Access, Api, RateClass};

pub(crate) fn routes(api: Api) -> Api {
    api.route(
        Access::Public("tells whether the first start is open"),
        RateClass::Read,
        routes!(session::status),
    )
    .route(
        Access::Public("a one-time token is the credential"),
        RateClass::Login,
        routes!(bootstrap::bootstrap),
    )
    .route(Access::Public("the password is the credential"), RateClass::Login, routes!(login::login))
    .route(
        Access::Public("asks a browser for a passkey, and tells nothing of anybody"),
        RateClass::Write,
        routes!(passkey_sign_in::begin),
    )
    .route(
        Access::Public("the passkey is the credential"),
        RateClass::Login,
        routes!(passkey_sign_in::finish),
    )
    .route(Access::Person(Action::SessionRead), RateClass::Read, routes!(session::read))
    .route(Access::Person(Action::SessionEnd), RateClass::Write, routes!(session::logout))
    .route(Access::Person(Action::FactorProve), RateClass::Login, routes!(prove::with_totp))
    .route(Access::Person(Action::FactorProve), RateClass::Login, routes!(prove::with_recovery_code))
    .route(Access::Person(Action::FactorProve), RateClass::Write, routes!(passkeys::begin_proof))
    .route(Access::Person(Action::FactorProve), RateClass::Login, routes!(passkeys::prove))
    .route(Access::Person(Action::FactorRead), RateClass::Read, routes!(factors::list))
    .route(Access::Person(Action::FactorEnrol), RateClass::Write, routes!(factors::begin_totp))
    .route(Access::Person(Action::FactorEnrol), RateClass::Login, routes!(factors::confirm_totp))
    .route(Access::Person(Action::FactorEnrol), RateClass::Write, routes!(passkeys::begin_enrolment))
    .route(Access::Person(Action::FactorEnrol), RateClass::Login, routes!(passkeys::enrol))
    .route(Access::Person(Action::FactorRemove), RateClass::Write, routes!(factors::remove_totp))
    .route(Access::Person(Action::FactorRemove), RateClass::Write, routes!(passkeys::remove))
    .route(Access::Person(Action::FactorRemove), RateClass::Write, routes!(factors::renew_recovery_codes))
    .route(Access::Person(Action::FactorPolicyRead), RateClass::Read, routes!(factor_policy::read))
    .route(Access::Person(Action::FactorPolicyUpdate), RateClass::Write, routes!(factor_policy::update))
}
