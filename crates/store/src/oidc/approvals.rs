//! People whom a provider vouches for and nobody here knows: they wait until somebody decides.

use proofline_core::{
    ApprovalId, Email, IdentityId, Membership, OrgId, PartnerId, Place, ProviderId, Timestamp, UserId,
};
use uuid::Uuid;

use super::{columns, place};
use crate::error::{During, stored};
use crate::{Page, PageRequest, Scope, SignIn, StoreError, StoreResult};

/// What stands in the place of a password hash of somebody who has none: no password matches it.
pub(super) const NO_PASSWORD: &str = "none";

/// Somebody who asks to be let in.
#[derive(Debug, Clone)]
pub struct NewApproval {
    /// Which.
    pub id: ApprovalId,
    /// The provider's place, of which they will be.
    pub place: Place,
    /// Through which provider.
    pub provider: ProviderId,
    /// Who vouches.
    pub issuer: String,
    /// For whom.
    pub subject: String,
    /// The address that the provider had verified.
    pub email: Email,
    /// What the provider calls them; 1 to 120 characters.
    pub name: String,
    /// When.
    pub at: Timestamp,
}

/// Where a request stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ApprovalState {
    /// Somebody has to decide.
    Open,
    /// A person was made of it. They are unlinked or gone by now, or they would have been signed in.
    Approved,
    /// Somebody said no.
    Rejected,
    /// It was not taken: too many wait at this provider already.
    Full,
}

/// A request that waits.
#[derive(Debug, Clone)]
pub struct Approval {
    /// Which.
    pub id: ApprovalId,
    /// Their address.
    pub email: String,
    /// Their name.
    pub name: String,
    /// Through which provider.
    pub provider: ProviderId,
    /// What it is called here.
    pub provider_name: String,
    /// The provider's place.
    pub place: Place,
    /// When they asked first.
    pub requested_at: Timestamp,
}

/// What becomes of an approved request.
#[derive(Debug, Clone, Copy)]
pub struct Approved {
    /// The person to make.
    pub user: UserId,
    /// Their link.
    pub identity: IdentityId,
    /// Their role, and in what.
    pub membership: Membership,
}

impl SignIn {
    /// Notes a request, or finds the one that this identity made before: that stays as it was, so that what is decided on
    /// is what was looked at. At most `most` wait at one provider.
    pub async fn request_approval(&mut self, new: &NewApproval, most: i64) -> StoreResult<ApprovalState> {
        const OPERATION: &str = "request approval";
        let (partner, org) = columns(new.place);
        sqlx::query!(
            "INSERT INTO oidc_approval (id, partner_id, org_id, provider_id, issuer, subject, email, name, requested_at,
                state)
             SELECT $1, $2, $3, $4, $5, $6, $7, $8, $9, 'open'
             WHERE (SELECT count(*) FROM oidc_approval WHERE provider_id = $4 AND state = 'open') < $10
             ON CONFLICT (provider_id, subject) DO NOTHING",
            new.id.uuid(),
            partner,
            org,
            new.provider.uuid(),
            new.issuer,
            new.subject,
            new.email.as_str(),
            new.name,
            new.at,
            most
        )
        .execute(self.connection())
        .await
        .during(OPERATION)?;
        let state = sqlx::query_scalar!(
            "SELECT state FROM oidc_approval WHERE provider_id = $1 AND subject = $2",
            new.provider.uuid(),
            new.subject
        )
        .fetch_optional(self.connection())
        .await
        .during(OPERATION)?;
        match state.as_deref() {
            None => Ok(ApprovalState::Full),
            Some("open") => Ok(ApprovalState::Open),
            Some("approved") => Ok(ApprovalState::Approved),
            Some("rejected") => Ok(ApprovalState::Rejected),
            Some(_) => stored(Err(()), OPERATION, "state"),
        }
    }

    /// Forgets requests made before `before`, decided or not; returns how many.
    pub async fn purge_approvals(&mut self, before: Timestamp) -> StoreResult<u64> {
        let purged = sqlx::query!("DELETE FROM oidc_approval WHERE requested_at < $1", before)
            .execute(self.connection())
            .await
            .during("purge approvals")?;
        Ok(purged.rows_affected())
    }
}

impl Scope {
    /// A page of requests that wait, the newest first.
    pub async fn approvals(&mut self, page: &PageRequest<Uuid>) -> StoreResult<Page<Approval>> {
        const OPERATION: &str = "list approvals";
        let rows = sqlx::query!(
            "SELECT a.id, a.email, a.name, a.provider_id, a.partner_id, a.org_id, a.requested_at,
                v.name AS provider_name
             FROM oidc_approval a JOIN oidc_provider v ON v.id = a.provider_id
             WHERE a.state = 'open' AND ($1::uuid IS NULL OR a.id < $1) ORDER BY a.id DESC LIMIT $2",
            page.after,
            page.fetch()
        )
        .fetch_all(self.query())
        .await
        .during(OPERATION)?
        .into_iter()
        .map(|row| {
            Ok(Approval {
                id: ApprovalId::from_uuid(row.id),
                email: row.email,
                name: row.name,
                provider: ProviderId::from_uuid(row.provider_id),
                provider_name: row.provider_name,
                place: place(row.partner_id, row.org_id, OPERATION)?,
                requested_at: row.requested_at,
            })
        })
        .collect::<StoreResult<Vec<_>>>()?;
        Ok(page.page(rows, |approval| approval.id.uuid()))
    }

    /// The place of a request that waits, which stays so until this scope ends. One that was decided is a conflict.
    pub async fn lock_approval(&mut self, id: ApprovalId) -> StoreResult<Place> {
        const OPERATION: &str = "lock approval";
        let row = sqlx::query!(
            "SELECT partner_id, org_id, state FROM oidc_approval WHERE id = $1 FOR UPDATE",
            id.uuid()
        )
        .fetch_one(self.query())
        .await
        .during(OPERATION)?;
        if row.state == "open" {
            place(row.partner_id, row.org_id, OPERATION)
        } else {
            Err(StoreError::Conflict { operation: OPERATION, constraint: "decided".to_owned() })
        }
    }

    /// Makes the person and their link. An address that somebody has already is a conflict.
    pub async fn approve(&mut self, id: ApprovalId, approved: &Approved, at: Timestamp) -> StoreResult<()> {
        const OPERATION: &str = "approve";
        let membership = approved.membership;
        sqlx::query!(
            "INSERT INTO person (id, email, name, role, partner_id, org_id, password_hash, created_at)
             SELECT $2, a.email, a.name, $3, $4, $5, $6, $7 FROM oidc_approval a WHERE a.id = $1",
            id.uuid(),
            approved.user.uuid(),
            membership.role().as_str(),
            membership.partner().map(PartnerId::uuid),
            membership.org().map(OrgId::uuid),
            NO_PASSWORD,
            at
        )
        .execute(self.query())
        .await
        .during(OPERATION)?;
        sqlx::query!(
            "INSERT INTO oidc_identity (id, user_id, provider_id, issuer, subject, email, linked_at)
             SELECT $2, $3, a.provider_id, a.issuer, a.subject, a.email, $4 FROM oidc_approval a WHERE a.id = $1",
            id.uuid(),
            approved.identity.uuid(),
            approved.user.uuid(),
            at
        )
        .execute(self.query())
        .await
        .during(OPERATION)?;
        self.decide(id, "approved", at).await
    }

    /// Says no.
    pub async fn reject(&mut self, id: ApprovalId, at: Timestamp) -> StoreResult<()> {
        self.decide(id, "rejected", at).await
    }

    async fn decide(&mut self, id: ApprovalId, state: &'static str, at: Timestamp) -> StoreResult<()> {
        sqlx::query!(
            "UPDATE oidc_approval SET state = $2, decided_at = $3 WHERE id = $1",
            id.uuid(),
            state,
            at
        )
        .execute(self.query())
        .await
        .during("decide on approval")
        .map(drop)
    }
}
