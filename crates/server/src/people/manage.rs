//! What somebody does about another person: another role, suspension and its end, a reset of second factors, deletion.
//!
//! # What holds however many do it at once
//! Both people, and every administrator of the installation who may sign in, are locked before anything is decided, and
//! decided is on what they are then. So whoever was suspended a moment ago suspends nobody any more, and one administrator
//! remains.

use axum::Json;
use axum::http::StatusCode;
use proofline_authz::{may_grant, may_manage};
use proofline_core::{Email, Membership, Role, SessionId, Timestamp, UserId};
use proofline_store::{LockedPeople, LockedPerson, Scope};
use serde::Deserialize;
use serde_json::json;
use utoipa::ToSchema;

use super::list::{PersonBody, role};
use super::unmanaged;
use crate::AppState;
use crate::http::{ApiResult, Call, Id, Problem, Strict};
use crate::mail::{Letters, sealed};

/// Another role.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RoleChange {
    /// One of the place where the person is.
    #[schema(format = "role")]
    role: String,
}

/// Why somebody is suspended.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Suspension {
    /// 10 to 500 characters.
    #[schema(format = "reason")]
    reason: String,
}

/// Why somebody's second factors are taken away.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct FactorReset {
    /// 10 to 500 characters.
    #[schema(format = "reason")]
    reason: String,
}

/// Whom the caller decides over, locked in the scope that comes with them, and what the caller is now.
async fn managed(call: &Call, id: UserId) -> ApiResult<(Scope, Membership, LockedPeople)> {
    let by = call.session()?.user;
    let mut scope = call.scope().await?;
    let people = scope.lock_people(by, id).await?;
    let manager = people.manager.ok_or_else(Problem::no_session)?;
    match may_manage(by, manager, &people.person.managed) {
        Ok(()) => Ok((scope, manager, people)),
        Err(why) => Err(unmanaged(call, scope, id, why).await?),
    }
}

/// Refuses to take the last administrator away.
fn an_admin_remains(people: &LockedPeople) -> ApiResult<()> {
    let LockedPerson { managed, disabled_at, .. } = &people.person;
    let counts = managed.membership.role() == Role::StaffAdmin && disabled_at.is_none();
    if counts && people.active_admins <= 1 {
        return Err(Problem::conflict(
            "last_admin",
            "Somebody has to remain who administers the installation.",
        ));
    }
    Ok(())
}

/// Ends the person's sessions and withdraws what they invited others to: neither outlives what they were.
async fn cut_off(call: &Call, scope: &mut Scope, id: UserId) -> ApiResult<Vec<SessionId>> {
    scope.revoke_invitations_of(id, call.at).await?;
    Ok(scope.end_sessions_of(id, None, call.at).await?)
}

/// Gives a person another role in the place where they are, and ends their sessions.
#[utoipa::path(patch, path = "/api/users/{user_id}", tag = "people", request_body = RoleChange,
    params(("user_id" = String, Path, description = "Person")),
    responses((status = 200, body = PersonBody, description = "Changed")))]
pub(crate) async fn set_role(
    call: Call,
    Id(id): Id<UserId>,
    Strict(change): Strict<RoleChange>,
) -> ApiResult<Json<PersonBody>> {
    let role = role(&change.role)?;
    let (mut scope, manager, people) = managed(&call, id).await?;
    let person = people.person.managed;
    let membership = Membership::new(role, person.membership.place()).map_err(|_| {
        Problem::invalid("role", "role_elsewhere", "This role is not one of the place where the person is.")
    })?;
    if let Err(why) = may_grant(manager, membership, person.practice_of) {
        return Err(unmanaged(&call, scope, id, why).await?);
    }
    let mut ended = Vec::new();
    if membership != person.membership {
        an_admin_remains(&people)?;
        scope.set_role(id, role).await?;
        ended = cut_off(&call, &mut scope, id).await?;
    }
    let row = scope.person(id).await?;
    let detail = json!({ "from": person.membership.role().as_str(), "to": role.as_str() });
    scope.commit(call.note(person.membership.org(), id, detail)).await?;
    call.app().events().sessions_ended(&ended);
    Ok(Json(PersonBody::of(row, &call.app().installation_name())))
}

/// Keeps a person from signing in, ends their sessions, and revokes what they gave to programs.
#[utoipa::path(post, path = "/api/users/{user_id}/suspend", tag = "people", request_body = Suspension,
    params(("user_id" = String, Path, description = "Person")),
    responses((status = 200, body = PersonBody, description = "Suspended")))]
pub(crate) async fn suspend(
    call: Call,
    Id(id): Id<UserId>,
    Strict(suspension): Strict<Suspension>,
) -> ApiResult<Json<PersonBody>> {
    let reason = crate::tenants::reason(&suspension.reason)?;
    let (mut scope, _, people) = managed(&call, id).await?;
    if people.person.disabled_at.is_some() {
        return Err(Problem::conflict("already_suspended", "This person is suspended already."));
    }
    an_admin_remains(&people)?;
    scope.suspend(id, reason, call.at).await?;
    let ended = cut_off(&call, &mut scope, id).await?;
    // Being let in again is no reason for programs to be.
    let revoked = scope.revoke_tokens_of(id, call.at).await?;
    let row = scope.person(id).await?;
    let org = people.person.managed.membership.org();
    scope.commit(call.note(org, id, json!({ "reason": reason, "tokens_revoked": revoked }))).await?;
    call.app().events().sessions_ended(&ended);
    Ok(Json(PersonBody::of(row, &call.app().installation_name())))
}

/// Lets a suspended person sign in again.
#[utoipa::path(post, path = "/api/users/{user_id}/restore", tag = "people",
    params(("user_id" = String, Path, description = "Person")),
    responses((status = 200, body = PersonBody, description = "Restored")))]
pub(crate) async fn restore(call: Call, Id(id): Id<UserId>) -> ApiResult<Json<PersonBody>> {
    let (mut scope, _, people) = managed(&call, id).await?;
    if people.person.disabled_at.is_none() {
        return Err(Problem::conflict("not_suspended", "This person is not suspended."));
    }
    scope.restore(id).await?;
    let row = scope.person(id).await?;
    scope.commit(call.note(people.person.managed.membership.org(), id, json!({}))).await?;
    Ok(Json(PersonBody::of(row, &call.app().installation_name())))
}

/// Takes all second factors of a locked person away, ends their sessions, revokes what they gave to programs, and writes to
/// them.
pub(super) async fn take_factors(
    app: &AppState,
    scope: &mut Scope,
    id: UserId,
    email: &Email,
    at: Timestamp,
) -> ApiResult<Vec<SessionId>> {
    scope.remove_factors(id).await?;
    scope.revoke_tokens_of(id, at).await?;
    let ended = scope.end_sessions_of(id, None, at).await?;
    scope.queue_mail(&sealed(app, Letters::of(app).second_factors_reset(email), at)).await?;
    Ok(ended)
}

/// Takes all second factors of a person away, ends their sessions, and revokes their tokens. They enrol anew when they next
/// sign in.
#[utoipa::path(post, path = "/api/users/{user_id}/reset-factors", tag = "people", request_body = FactorReset,
    params(("user_id" = String, Path, description = "Person")),
    responses((status = 200, body = PersonBody, description = "Taken away")))]
pub(crate) async fn reset_factors(
    call: Call,
    Id(id): Id<UserId>,
    Strict(reset): Strict<FactorReset>,
) -> ApiResult<Json<PersonBody>> {
    let reason = crate::tenants::reason(&reset.reason)?;
    let app = call.app();
    let (mut scope, _, people) = managed(&call, id).await?;
    let email = scope.person(id).await?.email.parse::<Email>().map_err(|e| Problem::internal(&e))?;
    let ended = take_factors(app, &mut scope, id, &email, call.at).await?;
    let row = scope.person(id).await?;
    let detail = json!({ "reason": reason, "sessions_ended": ended.len() });
    scope.commit(call.note(people.person.managed.membership.org(), id, detail)).await?;
    app.events().sessions_ended(&ended);
    Ok(Json(PersonBody::of(row, &app.installation_name())))
}

/// Deletes a person and all that was theirs. What they did stays in the audit log, under the name that they had.
#[utoipa::path(delete, path = "/api/users/{user_id}", tag = "people",
    params(("user_id" = String, Path, description = "Person")),
    responses((status = 204, description = "Deleted")))]
pub(crate) async fn delete(call: Call, Id(id): Id<UserId>) -> ApiResult<StatusCode> {
    let (mut scope, _, people) = managed(&call, id).await?;
    an_admin_remains(&people)?;
    let ended = cut_off(&call, &mut scope, id).await?;
    scope.delete_person(id).await?;
    let person = people.person;
    let detail = json!({ "name": person.name, "role": person.managed.membership.role().as_str() });
    scope.commit(call.note(person.managed.membership.org(), id, detail)).await?;
    call.app().events().sessions_ended(&ended);
    Ok(StatusCode::NO_CONTENT)
}
