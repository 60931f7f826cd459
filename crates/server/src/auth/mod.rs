//! Signing in and out, the first start, passwords, second factors, passkeys, and what people do with their own account.

mod bootstrap;
mod factor_policy;
mod factors;
mod guessable;
mod invitation;
pub(crate) mod links;
mod login;
pub(crate) mod oidc;
mod own_password;
mod own_sessions;
mod passkey_sign_in;
mod passkeys;
pub(crate) mod password;
mod portal;
mod profile;
mod prove;
mod recovery;
pub(crate) mod relying_party;
mod reset;
mod session;
mod totp;

pub use bootstrap::{BootstrapLink, open_bootstrap};
pub(crate) use factors::{factors_of, tell as tell_of_change};
pub(crate) use links::answer_requests as answer_link_requests;
pub(crate) use password::PasswordHasher;

use proofline_authz::Action;
use utoipa_axum::routes;

use crate::http::{Access, Api, RateClass};

pub(crate) fn routes(api: Api) -> Api {
    let api = api
        .route(
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
        .route(
            Access::Public("the link of an invitation is the credential"),
            RateClass::Login,
            routes!(invitation::look),
        )
        .route(
            Access::Public("the link of an invitation is the credential"),
            RateClass::Login,
            routes!(invitation::accept),
        )
        .route(
            Access::Public("whoever forgot a password has none"),
            RateClass::Login,
            routes!(reset::request),
        )
        .route(
            Access::Public("the link in a mail is the credential"),
            RateClass::Login,
            routes!(reset::confirm),
        )
        .route(
            Access::Public("whoever asks for a link has nothing else"),
            RateClass::Login,
            routes!(portal::request),
        )
        .route(
            Access::Public("the link in a mail is the credential"),
            RateClass::Login,
            routes!(portal::sign_in),
        )
        .route(Access::Person(Action::SessionList), RateClass::Read, routes!(own_sessions::list))
        .route(Access::Person(Action::SessionEndOther), RateClass::Write, routes!(own_sessions::end))
        .route(Access::Person(Action::SessionEndOther), RateClass::Write, routes!(own_sessions::end_others))
        .route(Access::Person(Action::PasswordChange), RateClass::Login, routes!(own_password::change))
        .route(Access::Person(Action::ProfileUpdate), RateClass::Write, routes!(profile::update))
        .route(Access::Person(Action::ProfileChangeEmail), RateClass::Login, routes!(profile::change_email))
        .route(
            Access::Public("the link in a mail is the credential"),
            RateClass::Login,
            routes!(profile::confirm_email),
        )
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
        .route(Access::Person(Action::FactorPolicyUpdate), RateClass::Write, routes!(factor_policy::update));
    oidc::routes(api)
}
