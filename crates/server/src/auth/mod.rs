//! Signing in and out, the first start, and passwords.

mod bootstrap;
mod login;
pub(crate) mod oidc;
mod password;
mod session;

pub use bootstrap::{BootstrapLink, open_bootstrap};
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
        .route(Access::Person(Action::SessionRead), RateClass::Read, routes!(session::read))
        .route(Access::Person(Action::SessionEnd), RateClass::Write, routes!(session::logout));
    oidc::routes(api)
}
