//! Incidents as people read and decide them. What observations make of them happens where evidence comes in.

mod bodies;
mod decide;
mod explain;
mod plan;
mod read;

use proofline_authz::Action;
use utoipa_axum::routes;

use crate::http::{Access, Api, RateClass};

pub(crate) use explain::explain;

pub(crate) fn routes(api: Api) -> Api {
    api.route(Access::Person(Action::IncidentRead), RateClass::Read, routes!(read::list))
        .route(Access::Person(Action::IncidentRead), RateClass::Read, routes!(read::detail))
        .route(Access::Person(Action::IncidentApprove), RateClass::Write, routes!(decide::approve))
        .route(Access::Person(Action::IncidentEscalate), RateClass::Write, routes!(decide::escalate))
}
