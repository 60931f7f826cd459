//! Mail: written in the transaction of the change that it tells of, sent by a job after the commit, looked after by
//! operators.
//!
//! # What is promised
//! - What is rolled back is never sent, and what is committed is never lost: a mail is tried ten times, further and further
//!   apart, and then stays where an operator sees it and tries it anew.
//! - A mail that cannot be sent holds up no other.
//! - The text, which may hold a link that lets somebody in, is sealed at rest and gone once the mail has left. No list shows
//!   it and no log holds it.

mod desk;
mod letters;
mod outbox;
mod route;

use proofline_authz::Action;
use utoipa_axum::routes;

pub(crate) use letters::Letters;
pub(crate) use outbox::{Letter, forget, sealed, send_due};
pub use route::{MailRoute, SmtpFault, SmtpServer};

use crate::http::{Access, Api, RateClass};

pub(crate) fn routes(api: Api) -> Api {
    api.route(Access::Person(Action::MailRead), RateClass::Read, routes!(desk::list)).route(
        Access::Person(Action::MailRetry),
        RateClass::Write,
        routes!(desk::retry),
    )
}
