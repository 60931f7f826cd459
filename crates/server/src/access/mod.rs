//! Restricted clients: who above them is let in, for good by a grant, or for hours by a break-glass access.
//!
//! # What is promised
//! - Of a restricted client, people of the installation and of its partner see the line in the list of clients and nothing
//!   else: any other answer is the one about what there is not. Row-level security hides it, below every query.
//! - Nobody lets themselves in: not by a grant, to themselves or to somebody whom they made up, not by opening the client to
//!   every role, and not by approving their own request or having it approved by whom they invited.
//! - A break-glass access is for reading, for at most four hours, and takes two people.
//! - The client is told of each decision, in the same transaction: its owners by mail, and the logs of its sites by a signed
//!   statement. The audit row is seen by the client and by the people above it. Without an owner a client is not restricted;
//!   where there is none any more its managers are told, then everybody of it, then the installation's administrators.
//!
//! # What is not known
//! Whether two people are one. A grant that was made while the client was open to every role holds when it is restricted, and
//! shows in the answer to that. Who was let in by way of an identity provider was invited by nobody.

mod book;
mod break_glass;
mod grants;
mod told;

use proofline_authz::Action;
use utoipa_axum::routes;

pub(crate) use book::{CHANGED, RestrictionBook, hides, reload};

use crate::http::{Access, Api, RateClass};

pub(crate) fn routes(api: Api) -> Api {
    api.route(Access::Person(Action::AccessRead), RateClass::Read, routes!(grants::read))
        .route(Access::Person(Action::AccessRestrict), RateClass::Write, routes!(grants::restrict))
        .route(Access::Person(Action::AccessGrant), RateClass::Write, routes!(grants::grant))
        .route(Access::Person(Action::AccessRevoke), RateClass::Write, routes!(grants::revoke))
        .route(Access::Person(Action::BreakGlassRequest), RateClass::Write, routes!(break_glass::request))
        .route(Access::Person(Action::BreakGlassRead), RateClass::Read, routes!(break_glass::list))
        .route(Access::Person(Action::BreakGlassApprove), RateClass::Write, routes!(break_glass::approve))
        .route(Access::Person(Action::BreakGlassEnd), RateClass::Write, routes!(break_glass::end))
}
