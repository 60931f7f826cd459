//! Which partner looks after an organisation, without asking the database each time.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use proofline_core::{Membership, OrgId, PartnerId, Place};

use crate::AppState;
use crate::http::ApiResult;

/// What was found so far. An organisation never becomes another partner's, so it holds as long as the process.
#[derive(Default)]
pub(crate) struct PartnerBook(Mutex<HashMap<OrgId, PartnerId>>);

/// The partner of an organisation; none where there is no such organisation.
pub(crate) async fn partner_of(app: &AppState, org: OrgId) -> ApiResult<Option<PartnerId>> {
    let known = app.partners().0.lock().unwrap_or_else(PoisonError::into_inner).get(&org).copied();
    if known.is_some() {
        return Ok(known);
    }
    let found = app.background_scope("tenants").await?.partner_of(org).await?;
    if let Some(partner) = found {
        app.partners().0.lock().unwrap_or_else(PoisonError::into_inner).insert(org, partner);
    }
    Ok(found)
}

/// The partner who looks after a person: their own, or their practice's.
pub(crate) async fn partner_of_person(app: &AppState, person: Membership) -> ApiResult<Option<PartnerId>> {
    match person.place() {
        Place::Platform => Ok(None),
        Place::Partner(partner) => Ok(Some(partner)),
        Place::Practice(org) => partner_of(app, org).await,
    }
}
