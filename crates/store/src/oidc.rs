//! Signing in with OpenID providers: the providers, flows under way, links of people, and who waits to be let in.
//!
//! What is needed before anybody is anybody is on [`SignIn`]; what people manage is on [`Scope`], where row-level security
//! shows them the providers and the requests of their own place and below it.

mod approvals;
mod flows;
mod identities;
mod providers;

pub use approvals::{Approval, ApprovalState, Approved, NewApproval};
pub use flows::{Flow, FlowPurpose};
pub use identities::{IdentityOwner, LinkedIdentity, NewIdentity};
pub use providers::{Provider, ProviderChange, SealedSecret};

use proofline_core::{OrgId, PartnerId, Place};
use uuid::Uuid;

use crate::StoreResult;
use crate::error::stored;

/// A place from its two columns.
fn place(partner: Option<Uuid>, org: Option<Uuid>, operation: &'static str) -> StoreResult<Place> {
    let place = match (partner, org) {
        (None, None) => Ok(Place::Platform),
        (Some(partner), None) => Ok(Place::Partner(PartnerId::from_uuid(partner))),
        (None, Some(org)) => Ok(Place::Practice(OrgId::from_uuid(org))),
        (Some(_), Some(_)) => Err(()),
    };
    stored(place, operation, "place")
}

/// The two columns of a place.
fn columns(place: Place) -> (Option<Uuid>, Option<Uuid>) {
    match place {
        Place::Platform => (None, None),
        Place::Partner(partner) => (Some(partner.uuid()), None),
        Place::Practice(org) => (None, Some(org.uuid())),
    }
}
