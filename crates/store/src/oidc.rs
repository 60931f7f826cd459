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
pub use providers::{Provider, ProviderChange};

use proofline_core::{OrgId, PartnerId, Place};
use uuid::Uuid;

use crate::StoreResult;
use crate::error::stored;

/// A place from its two columns.
fn place(partner: Option<Uuid>, org: Option<Uuid>, operation: &'static str) -> StoreResult<Place> {
    let place = Place::stored(partner.map(PartnerId::from_uuid), org.map(OrgId::from_uuid));
    stored(place.ok_or(()), operation, "place")
}

/// The two columns of a place.
fn columns(place: Place) -> (Option<Uuid>, Option<Uuid>) {
    (place.partner().map(PartnerId::uuid), place.org().map(OrgId::uuid))
}
