//! People: who there is, who decides over whom, and how somebody becomes one of them.
//!
//! A list shows whom row-level security lets the asking person see. Whom they decide over is said once, in
//! `proofline_authz::may_manage`, and asked again under the locks that a change is made under.

mod import;
mod invitations;
mod list;
mod lockout;
mod manage;

use proofline_authz::{Action, Unmanaged};
use proofline_store::Scope;
use utoipa_axum::routes;

pub(crate) use import::people as people_of;
pub use import::{BadLine, ImportFault, Imported, import_users, wrap_passwords};
pub use lockout::reset_factors_of;

use crate::http::{Access, Api, ApiResult, Call, Problem, RateClass};

pub(crate) fn routes(api: Api) -> Api {
    api.route(Access::Person(Action::UserRead), RateClass::Read, routes!(list::list))
        .route(Access::Person(Action::UserRead), RateClass::Read, routes!(list::read))
        .route(Access::Person(Action::UserUpdate), RateClass::Write, routes!(manage::set_role))
        .route(Access::Person(Action::UserSuspend), RateClass::Write, routes!(manage::suspend))
        .route(Access::Person(Action::UserResetFactors), RateClass::Write, routes!(manage::reset_factors))
        .route(Access::Person(Action::UserRestore), RateClass::Write, routes!(manage::restore))
        .route(Access::Person(Action::UserDelete), RateClass::Write, routes!(manage::delete))
        .route(Access::Person(Action::InvitationRead), RateClass::Read, routes!(invitations::list))
        .route(Access::Person(Action::InvitationCreate), RateClass::Write, routes!(invitations::create))
        .route(Access::Person(Action::InvitationRevoke), RateClass::Write, routes!(invitations::revoke))
        .route(Access::Person(Action::InvitationResend), RateClass::Write, routes!(invitations::resend))
}

/// The answer to whoever decides over somebody who is not theirs, once that is recorded. The scope is given up first.
async fn unmanaged(
    call: &Call,
    scope: Scope,
    resource: impl std::fmt::Display,
    why: Unmanaged,
) -> ApiResult<Problem> {
    drop(scope);
    let problem = match why {
        Unmanaged::Oneself => {
            Problem::forbidden("oneself", "Nobody changes, suspends or deletes themselves. Ask a colleague.")
        }
        Unmanaged::NotTheirs => {
            Problem::forbidden("not_managed", "Your role does not decide over people of this role and place.")
        }
    };
    call.record_denied(call.action(), resource, serde_json::json!({ "code": problem.code() })).await?;
    Ok(problem)
}
