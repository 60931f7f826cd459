//! Places in the tenancy tree: whose a provider is, and whom it may sign in.

use proofline_authz::Principal;
use proofline_core::{Membership, OrgId, PartnerId, Place};
use proofline_store::Scope;
use uuid::Uuid;

use crate::AppState;
use crate::http::{ApiResult, Problem};

/// Whether somebody of this membership is of the place or below it.
pub(super) async fn covers(app: &AppState, place: Place, membership: Membership) -> ApiResult<bool> {
    match (place, membership.place()) {
        (Place::Platform, _) => Ok(true),
        (Place::Partner(partner), Place::Practice(org)) => {
            Ok(app.background_scope("partner of a practice").await?.partner_of(org).await? == Some(partner))
        }
        (place, theirs) => Ok(place == theirs),
    }
}

/// Whether `inner` is `outer` or below it, as far as the scope reaches.
pub(super) async fn contains(scope: &mut Scope, outer: Place, inner: Place) -> ApiResult<bool> {
    match (outer, inner) {
        (Place::Platform, _) => Ok(true),
        (Place::Partner(partner), Place::Practice(org)) => Ok(scope.partner_of(org).await? == Some(partner)),
        (outer, inner) => Ok(outer == inner),
    }
}

/// The place that a request names, if it is that of whoever asks or below it; theirs where it names none. 404 else.
pub(super) async fn asked_for(
    scope: &mut Scope,
    partner: Option<PartnerId>,
    org: Option<OrgId>,
) -> ApiResult<Place> {
    let own = match scope.principal() {
        Principal::Person { membership, .. } => membership.place(),
        _ => return Err(Problem::not_found()),
    };
    let asked = match (partner, org) {
        (Some(_), Some(_)) => {
            let detail = "Of a partner or of an organisation, not of both.";
            return Err(Problem::invalid("org_id", "one_place", detail));
        }
        (Some(partner), None) => Place::Partner(partner),
        (None, Some(org)) => Place::Practice(org),
        (None, None) => own,
    };
    // An organisation has to be there, even for those who reach all of them.
    if let Place::Practice(org) = asked
        && scope.partner_of(org).await?.is_none()
    {
        return Err(Problem::not_found());
    }
    if contains(scope, own, asked).await? { Ok(asked) } else { Err(Problem::not_found()) }
}

/// The tenant that a place's secrets are sealed for.
pub(super) fn tenant(place: Place) -> Option<Uuid> {
    match place {
        Place::Platform => None,
        Place::Partner(partner) => Some(partner.uuid()),
        Place::Practice(org) => Some(org.uuid()),
    }
}
