//! How the installation is doing, and its settings.

mod alarms;
mod csp;
mod description;
mod health;
mod probes;
mod settings;

use proofline_authz::Action;
use utoipa_axum::routes;

use crate::http::{Access, Api, RateClass};

pub(crate) use description::Description;
pub(crate) use settings::read_name;

pub(crate) fn routes(api: Api) -> Api {
    api.route(
        Access::Public("a load balancer asks without a credential"),
        RateClass::Read,
        routes!(probes::health),
    )
    .route(
        Access::Public("a load balancer asks without a credential"),
        RateClass::Read,
        routes!(probes::ready),
    )
    .route(
        Access::Public("the description holds no data, and clients are made from it"),
        RateClass::Read,
        routes!(description::openapi),
    )
    .route(
        Access::Public("the description holds no data, and is read before signing in"),
        RateClass::Read,
        routes!(description::docs),
    )
    .route(
        Access::Public("browsers report by themselves, without a credential"),
        RateClass::Report,
        routes!(csp::report),
    )
    .route(Access::Person(Action::SystemRead), RateClass::Read, routes!(health::system_health))
    .route(Access::Person(Action::AlarmClear), RateClass::Write, routes!(alarms::clear))
    .route(Access::Person(Action::SettingsRead), RateClass::Read, routes!(settings::read))
    .route(Access::Person(Action::SettingsUpdate), RateClass::Write, routes!(settings::update))
}
