//! Appliances: joining a site, checking in, and what people decide about them.

mod check_in;
mod claim;
mod credentials;
mod manage;
mod order_book;
mod presence;
mod resync;
mod revoke;
mod rules;

use proofline_authz::Action;
use utoipa_axum::routes;

use crate::http::{Access, Api, RateClass};

pub(crate) use manage::{ApplianceBody, ONLINE_FOR, STALE_FOR, status};
pub(crate) use order_book::{OrderBook, reload as reload_orders};
pub(crate) use presence::{PresenceBuffer, flush as flush_presence};
pub(crate) use resync::Resyncs;

pub(crate) fn routes(api: Api) -> Api {
    api.route(Access::Claimant(Action::ProvisionClaim), RateClass::Claim, routes!(claim::claim))
        .route(Access::Appliance(Action::AgentCheckIn), RateClass::Agent, routes!(check_in::check_in))
        .route(Access::Appliance(Action::AgentReadRules), RateClass::Agent, routes!(rules::rules))
        .route(Access::Person(Action::ApplianceRead), RateClass::Read, routes!(manage::list))
        .route(Access::Person(Action::ApplianceRevoke), RateClass::Write, routes!(revoke::revoke))
        .route(Access::Person(Action::ApplianceSetMode), RateClass::Write, routes!(manage::set_mode))
        .route(
            Access::Appliance(Action::AgentReadCredentials),
            RateClass::Agent,
            routes!(credentials::deliver),
        )
        .route(Access::Person(Action::CredentialRead), RateClass::Read, routes!(credentials::list))
        .route(Access::Person(Action::CredentialSet), RateClass::Write, routes!(credentials::set))
        .route(Access::Person(Action::CredentialDelete), RateClass::Write, routes!(credentials::delete))
        .route(Access::Person(Action::ApplianceRunChecks), RateClass::Write, routes!(manage::run_checks))
}
