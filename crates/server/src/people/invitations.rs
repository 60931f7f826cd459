//! Inviting people.
//!
//! Whether the address has an account already is told to the address alone: the answer, the list and what is written are the
//! same, only the mail says something else and holds no link.

use axum::Json;
use axum::http::StatusCode;
use chrono::{DateTime, TimeDelta, Utc};
use proofline_authz::may_grant;
use proofline_core::{Email, InvitationId, Level, Membership, OrgId, PartnerId, Place, Role};
use proofline_store::{Invitation, InvitationState, LockRule, Scope};
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::ToSchema;

use super::list::role;
use super::unmanaged;
use crate::auth::links;
use crate::http::{ApiResult, Call, Id, Listing, PageQuery, Problem, Query, Strict};
use crate::mail::{Letters, sealed};

const LIFETIME: TimeDelta = TimeDelta::days(7);
/// So many mails go to one address, whoever invites it; after that none does for [`PAUSE`]. Nobody's mailbox is flooded, by
/// however many.
const MAILS: i32 = 5;
const PAUSE: TimeDelta = TimeDelta::days(1);
/// What whoever is refused is told to wait; how long the pause still is, is told to nobody.
const RETRY_AFTER_S: u64 = 3_600;

/// Whom to invite, to what.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewInvitation {
    /// Who.
    #[schema(format = "email")]
    email: String,
    /// What they will be.
    #[schema(format = "role")]
    role: String,
    /// The partner, for a role of a partner; one's own unless told.
    #[schema(value_type = Option<String>)]
    partner_id: Option<PartnerId>,
    /// The organisation, for a role of a practice; one's own unless told.
    #[schema(value_type = Option<String>)]
    org_id: Option<OrgId>,
}

/// An invitation.
#[derive(Serialize, ToSchema)]
pub(crate) struct InvitationBody {
    /// Prefixed id.
    id: String,
    /// Who is invited.
    email: String,
    /// What they will be.
    role: String,
    /// The partner, for a role of a partner.
    partner_id: Option<String>,
    /// The organisation, for a role of a practice.
    org_id: Option<String>,
    /// What the partner or the practice is called; for staff, this deployment.
    place_name: String,
    /// Who invites.
    invited_by: String,
    /// When.
    created_at: DateTime<Utc>,
    /// Until when the link works.
    expires_at: DateTime<Utc>,
    /// `open`, `accepted`, `expired` or `revoked`.
    state: &'static str,
}

impl InvitationBody {
    fn of(invitation: Invitation, call: &Call, installation: &str) -> Self {
        Self {
            id: invitation.id.to_string(),
            email: invitation.email.as_str().to_owned(),
            role: invitation.membership.role().to_string(),
            partner_id: invitation.membership.partner().map(|id| id.to_string()),
            org_id: invitation.membership.org().map(|id| id.to_string()),
            state: match invitation.state(call.at) {
                InvitationState::Open => "open",
                InvitationState::Accepted => "accepted",
                InvitationState::Expired => "expired",
                InvitationState::Revoked => "revoked",
            },
            place_name: invitation.place_name.unwrap_or_else(|| installation.to_owned()),
            invited_by: invitation.inviter_name,
            created_at: invitation.created_at,
            expires_at: invitation.expires_at,
        }
    }
}

/// The place of a role, as the request says it or as it is the caller's own.
fn place(new: &NewInvitation, role: Role, own: Membership) -> ApiResult<Place> {
    let refused = |field, detail| Err(Problem::invalid(field, "place_invalid", detail));
    match (role.level(), new.partner_id.or(own.partner()), new.org_id.or(own.org())) {
        (Level::Platform | Level::Practice, ..) if new.partner_id.is_some() => {
            refused("partner_id", "Only a role of a partner has one.")
        }
        (Level::Platform | Level::Partner, ..) if new.org_id.is_some() => {
            refused("org_id", "Only a role of a practice has one.")
        }
        (Level::Platform, ..) => Ok(Place::Platform),
        (Level::Partner, Some(partner), _) => Ok(Place::Partner(partner)),
        (Level::Practice, _, Some(org)) => Ok(Place::Practice(org)),
        (Level::Partner, None, _) => refused("partner_id", "Say which partner."),
        (Level::Practice, _, None) => refused("org_id", "Say which practice."),
    }
}

/// What the caller is now, locked before anything else is: of somebody who is suspended at this moment nothing goes out.
async fn inviter(call: &Call, scope: &mut Scope) -> ApiResult<Membership> {
    let by = call.session()?.user;
    scope.lock_people(by, by).await?.manager.ok_or_else(Problem::no_session)
}

/// What a place within reach is called; refuses a role that `inviter` does not give.
async fn grantable(
    call: &Call,
    mut scope: Scope,
    inviter: Membership,
    membership: Membership,
) -> ApiResult<(Scope, Option<String>)> {
    let (name, practice_of) = match membership.place() {
        Place::Platform => (None, None),
        Place::Partner(partner) => (Some(scope.partner_name(partner).await?), None),
        Place::Practice(org) => {
            let (name, partner) = scope.organisation_name(org).await?;
            (Some(name), Some(partner))
        }
    };
    match may_grant(inviter, membership, practice_of) {
        Ok(()) => Ok((scope, name)),
        Err(why) => Err(unmanaged(call, scope, membership.role(), why).await?),
    }
}

/// Queues the mail of an invitation: with its link, unless the address has an account. Refused where too many went there.
async fn write(call: &Call, scope: &mut Scope, invitation: &Invitation, token: &str) -> ApiResult<()> {
    let (app, email) = (call.app(), &invitation.email);
    let account = app.passwords().digest("invitations of", email.as_str().as_bytes());
    if !scope.count_mail(&account, call.at, LockRule { attempts: MAILS, until: call.at + PAUSE }).await? {
        return Err(Problem::too_many("mail_budget", RETRY_AFTER_S));
    }
    let (letters, place) = (Letters::of(app), invitation.place_name.as_deref());
    let inviter = &call.session()?.name;
    let letter = match scope.address_is_taken(email.as_str()).await? {
        true => letters.invited_again(email, inviter, place),
        false => letters.invitation(email, inviter, place, token),
    };
    Ok(scope.queue_mail(&sealed(app, letter, call.at)).await?)
}

/// Invitations, newest first.
#[utoipa::path(get, path = "/api/invitations", tag = "people", params(PageQuery),
    responses((status = 200, body = Listing<InvitationBody>, description = "A page")))]
pub(crate) async fn list(
    call: Call,
    Query(page): Query<PageQuery>,
) -> ApiResult<Json<Listing<InvitationBody>>> {
    let page = call.scope().await?.invitations(&page.request()?).await?;
    let installation = call.app().installation_name();
    Ok(Json(Listing::from_page(page, |invitation| InvitationBody::of(invitation, &call, &installation))))
}

/// Invites somebody. The link is in the mail to them and nowhere else. To invite an administrator of the installation takes a
/// second factor that was proved within the last five minutes.
#[utoipa::path(post, path = "/api/invitations", tag = "people", request_body = NewInvitation,
    responses((status = 201, body = InvitationBody, description = "Invited")))]
pub(crate) async fn create(
    call: Call,
    Strict(new): Strict<NewInvitation>,
) -> ApiResult<(StatusCode, Json<InvitationBody>)> {
    let email: Email = new
        .email
        .parse()
        .map_err(|_| Problem::invalid("email", "email_invalid", "This is not an e-mail address."))?;
    let session = call.session()?;
    let role = role(&new.role)?;
    // Another administrator is as much as another role for somebody.
    if role == Role::StaffAdmin && !session.stepped_up(call.at) {
        return Err(Problem::step_up_required());
    }
    let place = place(&new, role, session.membership)?;
    let membership = Membership::new(role, place).map_err(|error| Problem::internal(&error))?;
    let mut scope = call.scope().await?;
    let inviter = inviter(&call, &mut scope).await?;
    let (mut scope, place_name) = grantable(&call, scope, inviter, membership).await?;
    // Whoever sees the person in their list may be told. Of somebody elsewhere, the answer says nothing.
    if scope.has_address(email.as_str()).await? {
        return Err(Problem::conflict("has_account", "Somebody whom you see here has this address already."));
    }
    let (token, digest) = links::fresh(call.app());
    let invitation = Invitation {
        id: InvitationId::new(call.at, call.app().entropy()),
        email,
        membership,
        place_name,
        inviter: session.user,
        inviter_name: session.name.clone(),
        created_at: call.at,
        expires_at: call.at + LIFETIME,
        accepted_at: None,
        revoked_at: None,
    };
    scope.create_invitation(&invitation, &digest).await?;
    write(&call, &mut scope, &invitation, &token).await?;
    let detail = json!({ "role": role.as_str() });
    scope.commit(call.note(membership.org(), invitation.id, detail)).await?;
    let body = InvitationBody::of(invitation, &call, &call.app().installation_name());
    Ok((StatusCode::CREATED, Json(body)))
}

/// Sends an invitation again, under a new link and for another 7 days. The link before opens nothing any more.
#[utoipa::path(post, path = "/api/invitations/{invitation_id}/resend", tag = "people",
    params(("invitation_id" = String, Path, description = "Invitation")),
    responses((status = 200, body = InvitationBody, description = "Sent again")))]
pub(crate) async fn resend(call: Call, Id(id): Id<InvitationId>) -> ApiResult<Json<InvitationBody>> {
    let mut scope = call.scope().await?;
    let inviter = inviter(&call, &mut scope).await?;
    let mut invitation = scope.lock_invitation(id).await?;
    let (mut scope, _) = grantable(&call, scope, inviter, invitation.membership).await?;
    if matches!(invitation.state(call.at), InvitationState::Accepted | InvitationState::Revoked) {
        return Err(Problem::conflict("invitation_closed", "This invitation was accepted or withdrawn."));
    }
    let (token, digest) = links::fresh(call.app());
    invitation.expires_at = call.at + LIFETIME;
    scope.renew_invitation(id, &digest, invitation.expires_at).await?;
    write(&call, &mut scope, &invitation, &token).await?;
    scope.commit(call.note(invitation.membership.org(), id, json!({}))).await?;
    Ok(Json(InvitationBody::of(invitation, &call, &call.app().installation_name())))
}

/// Withdraws an invitation that nobody accepted.
#[utoipa::path(delete, path = "/api/invitations/{invitation_id}", tag = "people",
    params(("invitation_id" = String, Path, description = "Invitation")),
    responses((status = 204, description = "Withdrawn")))]
pub(crate) async fn revoke(call: Call, Id(id): Id<InvitationId>) -> ApiResult<StatusCode> {
    let mut scope = call.scope().await?;
    let org = scope.revoke_invitation(id, call.at).await?;
    scope.commit(call.note(org, id, json!({}))).await?;
    Ok(StatusCode::NO_CONTENT)
}
