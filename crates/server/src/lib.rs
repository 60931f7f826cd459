//! Central Command: use-cases, HTTP and workers, one folder per capability.
//!
//! A capability's folder holds its routes, its use-cases and its jobs; `http` holds how a route is declared and guarded.
//! This crate reads no environment and opens no listener: the binary hands in a [`Deps`] and serves [`App::router`].

mod access;
mod appliances;
mod audit;
mod auth;
mod authorities;
mod catalog;
mod events;
mod evidence;
mod http;
mod incidents;
pub mod keys;
mod mail;
mod orders;
pub mod parsers;
mod people;
mod scoring;
mod settings;
mod shared;
mod state;
mod system;
mod tenants;
mod tokens;
pub mod workers;

pub use auth::{BootstrapLink, open_bootstrap};
pub use authorities::{Authorities, AuthorityFault};
pub use http::{
    Access, ApiResult, ConnectionLimits, FieldProblem, Problem, ProblemBody, RateClass, RouteEntry, serve,
};
pub use keys::ServerKeys;
pub use mail::{MailRoute, SmtpFault, SmtpServer};
pub use people::{BadLine, ImportFault, Imported, import_users, reset_factors_of, wrap_passwords};
pub use settings::{DatabaseKind, Settings, Stage};
pub use shared::{Shared, SharedError};
pub use state::{AppState, Deps, background_permit};
pub use tenants::{LocalSite, provision_local, set_local_mode, stated_reason};

use utoipa::openapi::OpenApi;

/// The application, ready to be served.
pub struct App {
    /// Answers requests. [`serve`] gives it a listener.
    pub router: axum::Router,
    /// What requests share; background work runs on it.
    pub state: AppState,
    /// The API description.
    pub openapi: OpenApi,
    /// Every route, its access rule and its rate class: what tests walk.
    pub routes: Vec<RouteEntry>,
}

/// Puts everything together.
pub fn build(deps: Deps) -> App {
    let state = AppState::new(deps);
    let (router, openapi, routes) = declare(http::Api::new(state.clone(), http::document())).finish();
    state.description().get_or_init(|| system::Description::of(&openapi));
    App { router: http::finish(router, state.clone()), state, openapi, routes }
}

/// Every route of every capability.
fn declare(api: http::Api) -> http::Api {
    let api = auth::routes(api);
    let api = people::routes(api);
    let api = mail::routes(api);
    let api = tenants::routes(api);
    let api = appliances::routes(api);
    let api = orders::routes(api);
    let api = incidents::routes(api);
    let api = evidence::routes(api);
    let api = scoring::routes(api);
    let api = catalog::routes(api);
    let api = audit::routes(api);
    let api = tokens::routes(api);
    let api = access::routes(api);
    let api = events::routes(api);
    let api = keys::routes(api);
    system::routes(api)
}
