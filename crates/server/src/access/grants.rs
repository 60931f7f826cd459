//! Restricting a client, and letting single people in.

use axum::Json;
use axum::http::StatusCode;
use chrono::{DateTime, Utc};
use proofline_authz::{Action, authorise};
use proofline_core::{OrgId, UserId};
use proofline_store::{Client, Grant, Scope};
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::ToSchema;

use super::book::reload;
use super::break_glass::BreakGlassBody;
use super::told::{Told, has_owner, tell};
use crate::http::{ApiResult, Call, Id, Problem, QueryTime, Strict};

/// Somebody who is let in.
#[derive(Serialize, ToSchema)]
pub(crate) struct GrantBody {
    /// Who.
    user_id: String,
    /// Their name.
    user_name: String,
    /// Why; told to whoever decides about grants.
    reason: Option<String>,
    /// The name of who let them in.
    granted_by: String,
    /// When.
    granted_at: DateTime<Utc>,
    /// Until when; without an end where there is none.
    expires_at: Option<DateTime<Utc>>,
}

impl GrantBody {
    fn of(grant: Grant, call: &Call) -> Self {
        let told = authorise(call.principal(), Action::AccessGrant).is_ok();
        Self {
            user_id: grant.user.to_string(),
            user_name: grant.user_name,
            reason: told.then_some(grant.reason),
            granted_by: grant.granted_by_name,
            granted_at: grant.granted_at,
            expires_at: grant.expires_at,
        }
    }
}

/// Who sees a client.
#[derive(Serialize, ToSchema)]
pub(crate) struct AccessBody {
    /// Whether people above it need to be let in.
    restricted: bool,
    /// Who is let in, by name.
    grants: Vec<GrantBody>,
    /// Break-glass accesses that are open, and requests for one, newest first.
    break_glass: Vec<BreakGlassBody>,
}

impl AccessBody {
    async fn of(call: &Call, scope: &mut Scope, client: &Client) -> ApiResult<Self> {
        let grants = scope.grants(client.org, call.at).await?;
        let open = scope.open_break_glasses(client.org, call.at).await?;
        Ok(Self {
            restricted: client.restricted,
            grants: grants.into_iter().map(|grant| GrantBody::of(grant, call)).collect(),
            break_glass: open
                .into_iter()
                .map(|access| BreakGlassBody::of(access, call.at))
                .filter(BreakGlassBody::is_open)
                .collect(),
        })
    }
}

/// Whether a client is restricted.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Restriction {
    /// Whether people above it need to be let in from now on.
    restricted: bool,
}

/// Whom to let in.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewGrant {
    /// Somebody of the installation or of the client's partner, and not oneself.
    #[schema(value_type = String)]
    user_id: UserId,
    /// 10 to 500 characters. The client reads it.
    #[schema(format = "reason")]
    reason: String,
    /// Until when; until it is taken back unless told.
    #[schema(value_type = Option<DateTime<Utc>>)]
    expires_at: Option<QueryTime>,
}

/// Refuses what would let the asking person in, themselves or by somebody of theirs, and keeps a record of it. The caller
/// holds no scope.
pub(super) async fn refuse_oneself(call: &Call, action: Action, client: OrgId) -> ApiResult<Problem> {
    call.record_denied(action, client, json!({ "code": "own_access" })).await?;
    Ok(Problem::forbidden(
        "own_access",
        "Nobody lets themselves, or anybody in their place, into a restricted client. Ask somebody of theirs, or somebody who is let in.",
    ))
}

/// Who sees a client: everybody whose role says so, or who is let in.
#[utoipa::path(get, path = "/api/organisations/{org_id}/access", tag = "access",
    params(("org_id" = String, Path, description = "Organisation")),
    responses((status = 200, body = AccessBody, description = "Who sees it")))]
pub(crate) async fn read(call: Call, Id(org): Id<OrgId>) -> ApiResult<Json<AccessBody>> {
    let mut scope = call.scope().await?;
    let client = scope.client(org).await?;
    Ok(Json(AccessBody::of(&call, &mut scope, &client).await?))
}

/// Restricts a client to people who are let in, or opens it to every role again. Only somebody who sees it opens it, and only
/// a client with an owner is restricted: decisions about access have to be told to somebody there.
#[utoipa::path(put, path = "/api/organisations/{org_id}/access", tag = "access", request_body = Restriction,
    params(("org_id" = String, Path, description = "Organisation")),
    responses((status = 200, body = AccessBody, description = "Changed")))]
pub(crate) async fn restrict(
    call: Call,
    Id(org): Id<OrgId>,
    Strict(Restriction { restricted }): Strict<Restriction>,
) -> ApiResult<Json<AccessBody>> {
    let mut scope = call.scope().await?;
    let mut client = scope.lock_client(org).await?;
    if !restricted && !client.changeable {
        drop(scope);
        return Err(refuse_oneself(&call, Action::AccessRestrict, org).await?);
    }
    let before = client.restricted;
    if restricted && !before && !has_owner(&mut scope, org).await? {
        return Err(Problem::conflict(
            "no_owner",
            "This practice has no owner who may sign in, so nobody there would be told who is let in. Invite an owner first.",
        ));
    }
    client.restricted = restricted;
    let body = AccessBody::of(&call, &mut scope, &client).await?;
    if before != restricted {
        scope.set_restricted(org, restricted).await?;
        let by = call.principal().name();
        let (fact, said) = match restricted {
            true => ("access_restricted", format!("{by} restricted access to people who are let in.")),
            false => ("access_opened", format!("{by} opened access to everybody whose role allows it.")),
        };
        tell(&call, &mut scope, &client, &Told { fact, subject: org.to_string(), said }).await?;
    }
    scope.commit(call.note(Some(org), org, json!({ "from": before, "to": restricted }))).await?;
    reload(call.app()).await;
    Ok(Json(body))
}

/// Lets somebody of the installation or of the client's partner in. Whoever is let in already is so anew. Of a restricted
/// client, it is done by its owners and by who is let in by a grant: whoever is not could let in somebody whom they made up.
#[utoipa::path(post, path = "/api/organisations/{org_id}/grants", tag = "access", request_body = NewGrant,
    params(("org_id" = String, Path, description = "Organisation")),
    responses((status = 201, body = GrantBody, description = "Let in")))]
pub(crate) async fn grant(
    call: Call,
    Id(org): Id<OrgId>,
    Strict(new): Strict<NewGrant>,
) -> ApiResult<(StatusCode, Json<GrantBody>)> {
    let reason = crate::tenants::reason(&new.reason)?.to_owned();
    let expires_at = new.expires_at.map(|QueryTime(at)| at);
    if expires_at.is_some_and(|end| end <= call.at) {
        return Err(Problem::invalid("expires_at", "out_of_range", "An end lies ahead."));
    }
    let by = call.session()?.user;
    let mut scope = call.scope().await?;
    let client = scope.lock_client(org).await?;
    if new.user_id == by || !client.changeable {
        drop(scope);
        return Err(refuse_oneself(&call, Action::AccessGrant, org).await?);
    }
    let user_name = scope.person_above(org, new.user_id).await?.ok_or_else(|| {
        let detail = "Only people of the installation or of the client's partner are let in.";
        Problem::invalid("user_id", "not_above", detail)
    })?;
    let grant = Grant {
        user: new.user_id,
        user_name,
        reason,
        granted_by: by,
        granted_by_name: call.session()?.name.clone(),
        granted_at: call.at,
        expires_at,
    };
    scope.put_grant(org, &grant).await?;
    let until =
        expires_at.map_or("until it is taken back".to_owned(), |end| format!("until {}", minute(end)));
    let said = format!("{} let {} in, {until}: {}", grant.granted_by_name, grant.user_name, grant.reason);
    let subject = grant.user.to_string();
    tell(&call, &mut scope, &client, &Told { fact: "access_granted", subject, said }).await?;
    let detail = json!({ "to": grant.user_name, "reason": grant.reason, "expires_at": expires_at });
    scope.commit(call.note(Some(org), grant.user, detail)).await?;
    reload(call.app()).await;
    Ok((StatusCode::CREATED, Json(GrantBody::of(grant, &call))))
}

/// An instant as a letter says it.
pub(super) fn minute(at: DateTime<Utc>) -> String {
    at.format("%Y-%m-%d %H:%M UTC").to_string()
}

/// Takes a grant back: the person's next request sees nothing of the client.
#[utoipa::path(delete, path = "/api/organisations/{org_id}/grants/{user_id}", tag = "access",
    params(("org_id" = String, Path, description = "Organisation"),
        ("user_id" = String, Path, description = "Person")),
    responses((status = 204, description = "Taken back")))]
pub(crate) async fn revoke(call: Call, Id((org, user)): Id<(OrgId, UserId)>) -> ApiResult<StatusCode> {
    let mut scope = call.scope().await?;
    let client = scope.lock_client(org).await?;
    let Some(name) = scope.delete_grant(org, user).await? else {
        return Err(Problem::conflict("not_let_in", "This person was not let in, or is not any more."));
    };
    let said = format!("{} took back that {name} was let in.", call.principal().name());
    tell(&call, &mut scope, &client, &Told { fact: "access_revoked", subject: user.to_string(), said })
        .await?;
    scope.commit(call.note(Some(org), user, json!({ "from": name }))).await?;
    reload(call.app()).await;
    Ok(StatusCode::NO_CONTENT)
}
