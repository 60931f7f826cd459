//! Signing in and out, the first start, passwords, and what people do with their own account.

mod bootstrap;
mod invitation;
pub(crate) mod links;
mod login;
mod own_password;
mod own_sessions;
pub(crate) mod password;
mod profile;
mod reset;
mod session;

pub use bootstrap::{BootstrapLink, open_bootstrap};
pub(crate) use password::PasswordHasher;
pub(crate) use reset::answer_requests as answer_reset_requests;

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
    .route(Access::Public("whoever forgot a password has none"), RateClass::Login, routes!(reset::request))
    .route(Access::Public("the link in a mail is the credential"), RateClass::Login, routes!(reset::confirm))
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
}
