//! Reading access to a restricted client for some hours, when nobody who is let in is there: one asks, another approves.

use axum::Json;
use axum::http::StatusCode;
use chrono::{DateTime, TimeDelta, Utc};
use proofline_authz::{Action, authorise};
use proofline_core::{BreakGlassId, OrgId, Role};
use proofline_store::{BreakGlass, Client, Scope};
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::ToSchema;

use super::book::reload;
use super::grants::minute;
use super::told::{Readers, Told, tell};
use crate::http::{ApiResult, Call, Id, Listing, PageQuery, Problem, Query, Strict};

/// For so long a request waits for somebody to approve it.
const REQUEST_LIVES: TimeDelta = TimeDelta::hours(24);
/// Hours that can be asked for.
const HOURS: std::ops::RangeInclusive<i32> = 1..=4;

/// Where a break-glass access stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum BreakGlassState {
    /// It waits for a second person.
    Requested,
    /// Who asked sees the client.
    Active,
    /// It ran out, was ended or was turned down.
    Ended,
}

fn state(access: &BreakGlass, now: DateTime<Utc>) -> BreakGlassState {
    match (access.ended_at, access.expires_at) {
        (None, Some(end)) if end > now => BreakGlassState::Active,
        (None, None) if access.requested_at + REQUEST_LIVES > now => BreakGlassState::Requested,
        _ => BreakGlassState::Ended,
    }
}

/// A break-glass access.
#[derive(Serialize, ToSchema)]
pub(crate) struct BreakGlassBody {
    /// Prefixed id.
    id: String,
    /// To what.
    org_id: String,
    /// What that is called.
    org_name: String,
    /// Where it stands.
    state: BreakGlassState,
    /// Who asked.
    asked_by: String,
    /// Their name.
    asked_by_name: String,
    /// When. A request waits for 24 hours.
    requested_at: DateTime<Utc>,
    /// Why.
    reason: String,
    /// The ticket that it is done under.
    ticket: String,
    /// For how many hours.
    hours: i32,
    /// The name of who approved it.
    approved_by_name: Option<String>,
    /// Until when it holds, once approved.
    expires_at: Option<DateTime<Utc>>,
    /// When somebody ended it or turned it down.
    ended_at: Option<DateTime<Utc>>,
}

impl BreakGlassBody {
    pub(super) fn of(access: BreakGlass, now: DateTime<Utc>) -> Self {
        Self {
            state: state(&access, now),
            id: access.id.to_string(),
            org_id: access.org.to_string(),
            org_name: access.org_name,
            asked_by: access.user.to_string(),
            asked_by_name: access.user_name,
            requested_at: access.requested_at,
            reason: access.reason,
            ticket: access.ticket,
            hours: access.hours,
            approved_by_name: access.approved_by_name,
            expires_at: access.expires_at,
            ended_at: access.ended_at,
        }
    }

    pub(super) fn is_open(&self) -> bool {
        self.state != BreakGlassState::Ended
    }
}

/// What is asked for.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewBreakGlass {
    /// 10 to 500 characters. The client reads it.
    #[schema(format = "reason")]
    reason: String,
    /// The ticket that it is done under, 1 to 100 characters. The client reads it.
    #[schema(format = "ticket")]
    ticket: String,
    /// For how many hours, 1 to 4.
    #[schema(minimum = 1, maximum = 4)]
    hours: i32,
}

fn ticket(text: &str) -> ApiResult<String> {
    let text = text.trim();
    if !(1..=100).contains(&text.chars().count()) || text.chars().any(char::is_control) {
        return Err(Problem::invalid("ticket", "length", "Give the ticket in 1 to 100 characters."));
    }
    Ok(text.to_owned())
}

/// Break-glass accesses and requests within reach, newest first.
#[utoipa::path(get, path = "/api/break-glass", tag = "access", params(PageQuery),
    responses((status = 200, body = Listing<BreakGlassBody>, description = "A page")))]
pub(crate) async fn list(
    call: Call,
    Query(page): Query<PageQuery>,
) -> ApiResult<Json<Listing<BreakGlassBody>>> {
    let page = call.scope().await?.break_glasses(&page.request()?).await?;
    Ok(Json(Listing::from_page(page, |access| BreakGlassBody::of(access, call.at))))
}

/// Asks for reading access to a restricted client. It opens when somebody else approves it.
#[utoipa::path(post, path = "/api/organisations/{org_id}/break-glass", tag = "access",
    request_body = NewBreakGlass, params(("org_id" = String, Path, description = "Organisation")),
    responses((status = 201, body = BreakGlassBody, description = "Asked for")))]
pub(crate) async fn request(
    call: Call,
    Id(org): Id<OrgId>,
    Strict(new): Strict<NewBreakGlass>,
) -> ApiResult<(StatusCode, Json<BreakGlassBody>)> {
    let reason = crate::tenants::reason(&new.reason)?.to_owned();
    let ticket = ticket(&new.ticket)?;
    if !HOURS.contains(&new.hours) {
        return Err(Problem::invalid("hours", "out_of_range", "An access lasts 1 to 4 hours."));
    }
    let session = call.session()?;
    let mut scope = call.scope().await?;
    let client = scope.lock_client(org).await?;
    if !client.restricted {
        return Err(Problem::conflict("not_restricted", "This client is not restricted."));
    }
    if client.seen {
        return Err(Problem::conflict("let_in", "You see this client already."));
    }
    let open = scope.open_break_glasses(org, call.at).await?;
    if open
        .iter()
        .any(|access| access.user == session.user && state(access, call.at) == BreakGlassState::Requested)
    {
        return Err(Problem::conflict(
            "already_asked",
            "You have asked already. Somebody else has to approve.",
        ));
    }
    let access = BreakGlass {
        id: BreakGlassId::new(call.at, call.app().entropy()),
        org,
        org_name: client.name.clone(),
        user: session.user,
        user_name: session.name.clone(),
        reason,
        ticket,
        hours: new.hours,
        requested_at: call.at,
        approved_by: None,
        approved_by_name: None,
        expires_at: None,
        ended_at: None,
    };
    scope.create_break_glass(&access).await?;
    let said = format!("{} asks for emergency access, to read, for {}.", access.user_name, under(&access));
    let told = say(&call, &mut scope, &client, &access, "break_glass_requested", said).await?;
    let detail = json!({ "reason": access.reason, "ticket": access.ticket, "hours": access.hours,
        "told": told.as_str() });
    scope.commit(call.note(Some(org), access.id, detail)).await?;
    Ok((StatusCode::CREATED, Json(BreakGlassBody::of(access, call.at))))
}

/// For how long and why, in words.
fn under(access: &BreakGlass) -> String {
    let hours = if access.hours == 1 { "1 hour".to_owned() } else { format!("{} hours", access.hours) };
    format!("{hours} under ticket {}: {}", access.ticket, access.reason)
}

async fn say(
    call: &Call,
    scope: &mut Scope,
    client: &Client,
    access: &BreakGlass,
    fact: &'static str,
    said: String,
) -> ApiResult<Readers> {
    tell(call, scope, client, &Told { fact, subject: access.id.to_string(), said }).await
}

/// Approves what somebody else asked for: they see the client, to read, from now on for the hours that they asked for. Whom
/// they invited themselves is not somebody else.
#[utoipa::path(post, path = "/api/break-glass/{break_glass_id}/approve", tag = "access",
    params(("break_glass_id" = String, Path, description = "Break-glass access")),
    responses((status = 200, body = BreakGlassBody, description = "Open")))]
pub(crate) async fn approve(call: Call, Id(id): Id<BreakGlassId>) -> ApiResult<Json<BreakGlassBody>> {
    let session = call.session()?;
    let mut scope = call.scope().await?;
    let mut access = scope.lock_break_glass(id).await?;
    if access.user == session.user {
        drop(scope);
        call.record_denied(Action::BreakGlassApprove, id, json!({ "code": "second_person_needed" })).await?;
        return Err(Problem::forbidden(
            "second_person_needed",
            "Nobody approves their own request. Ask somebody else.",
        ));
    }
    if scope.was_invited_by(session.user, access.user).await? {
        drop(scope);
        call.record_denied(Action::BreakGlassApprove, id, json!({ "code": "invited_by_requester" })).await?;
        return Err(Problem::forbidden(
            "invited_by_requester",
            "Whoever asks invited you themselves. Somebody else has to approve.",
        ));
    }
    match state(&access, call.at) {
        BreakGlassState::Requested => {}
        BreakGlassState::Active => {
            return Err(Problem::conflict("already_decided", "Somebody approved this already."));
        }
        BreakGlassState::Ended => return Err(over()),
    }
    let client = scope.client(access.org).await?;
    let by = (session.user, session.name.as_str());
    access.expires_at = scope.approve_break_glass(id, by, call.at).await?;
    access.approved_by = Some(session.user);
    access.approved_by_name = Some(session.name.clone());
    let until = access.expires_at.map(minute).unwrap_or_default();
    let said = format!(
        "{} approved emergency access of {}, to read, until {until}, for {}",
        session.name,
        access.user_name,
        under(&access)
    );
    let told = say(&call, &mut scope, &client, &access, "break_glass_approved", said).await?;
    let detail = json!({ "to": access.user_name, "ticket": access.ticket, "expires_at": access.expires_at,
        "told": told.as_str() });
    scope.commit(call.note(Some(access.org), id, detail)).await?;
    reload(call.app()).await;
    Ok(Json(BreakGlassBody::of(access, call.at)))
}

fn over() -> Problem {
    Problem::conflict("break_glass_over", "This access is over.")
}

/// Ends an access, or turns a request down. Done by who asked, who approved, and owners of the practice; of a request, by
/// whoever may approve it.
#[utoipa::path(post, path = "/api/break-glass/{break_glass_id}/end", tag = "access",
    params(("break_glass_id" = String, Path, description = "Break-glass access")),
    responses((status = 200, body = BreakGlassBody, description = "Ended")))]
pub(crate) async fn end(call: Call, Id(id): Id<BreakGlassId>) -> ApiResult<Json<BreakGlassBody>> {
    let session = call.session()?;
    let mut scope = call.scope().await?;
    let mut access = scope.lock_break_glass(id).await?;
    let standing = state(&access, call.at);
    let involved = access.user == session.user
        || access.approved_by == Some(session.user)
        || session.membership.role() == Role::PracticeOwner
        || (standing == BreakGlassState::Requested
            && authorise(call.principal(), Action::BreakGlassApprove).is_ok());
    if !involved {
        drop(scope);
        call.record_denied(Action::BreakGlassEnd, id, json!({ "code": "not_involved" })).await?;
        return Err(Problem::forbidden(
            "not_involved",
            "An access is ended by who asked for it, who approved it, or an owner of the practice.",
        ));
    }
    if standing == BreakGlassState::Ended {
        return Err(over());
    }
    let client = scope.client(access.org).await?;
    scope.end_break_glass(id, call.at).await?;
    access.ended_at = Some(call.at);
    let what = match standing {
        BreakGlassState::Requested => "closed the request for emergency access of",
        _ => "ended emergency access of",
    };
    let said = format!("{} {what} {} under ticket {}.", session.name, access.user_name, access.ticket);
    let told = say(&call, &mut scope, &client, &access, "break_glass_ended", said).await?;
    let detail = json!({ "of": access.user_name, "told": told.as_str() });
    scope.commit(call.note(Some(access.org), id, detail)).await?;
    reload(call.app()).await;
    Ok(Json(BreakGlassBody::of(access, call.at)))
}
