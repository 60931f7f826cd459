//! Invitations: offers to become a person, each with one link that works once.

use proofline_core::{Email, InvitationId, Membership, OrgId, PartnerId, Timestamp, UserId};
use uuid::Uuid;

use crate::error::{During, stored};
use crate::sign_in::membership;
use crate::{Page, PageRequest, Scope, SignIn, StoreResult};

/// An invitation.
#[derive(Debug, Clone)]
pub struct Invitation {
    /// Which.
    pub id: InvitationId,
    /// Who is invited.
    pub email: Email,
    /// What they will be, and where.
    pub membership: Membership,
    /// What that place was called when they were invited.
    pub place_name: Option<String>,
    /// Who invites.
    pub inviter: UserId,
    /// Their name then.
    pub inviter_name: String,
    /// When.
    pub created_at: Timestamp,
    /// Until when the link works.
    pub expires_at: Timestamp,
    /// When it was accepted.
    pub accepted_at: Option<Timestamp>,
    /// When it was withdrawn.
    pub revoked_at: Option<Timestamp>,
}

/// Where an invitation stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InvitationState {
    /// Its link works.
    Open,
    /// Somebody became a person by it.
    Accepted,
    /// Its link ran out.
    Expired,
    /// It was withdrawn.
    Revoked,
}

impl Invitation {
    /// Where it stands at `now`.
    pub fn state(&self, now: Timestamp) -> InvitationState {
        match (self.accepted_at, self.revoked_at) {
            (Some(_), _) => InvitationState::Accepted,
            (None, Some(_)) => InvitationState::Revoked,
            (None, None) if self.expires_at <= now => InvitationState::Expired,
            (None, None) => InvitationState::Open,
        }
    }
}

struct StoredInvitation {
    id: Uuid,
    email: String,
    role: String,
    partner_id: Option<Uuid>,
    org_id: Option<Uuid>,
    place_name: Option<String>,
    inviter_id: Uuid,
    inviter_name: String,
    created_at: Timestamp,
    expires_at: Timestamp,
    accepted_at: Option<Timestamp>,
    revoked_at: Option<Timestamp>,
}

impl StoredInvitation {
    fn read(self, operation: &'static str) -> StoreResult<Invitation> {
        Ok(Invitation {
            id: InvitationId::from_uuid(self.id),
            email: stored(self.email.parse(), operation, "email")?,
            membership: membership(&self.role, self.partner_id, self.org_id, operation)?,
            place_name: self.place_name,
            inviter: UserId::from_uuid(self.inviter_id),
            inviter_name: self.inviter_name,
            created_at: self.created_at,
            expires_at: self.expires_at,
            accepted_at: self.accepted_at,
            revoked_at: self.revoked_at,
        })
    }
}

impl Scope {
    /// Adds an invitation under the digest of its token.
    pub async fn create_invitation(&mut self, new: &Invitation, digest: &[u8; 32]) -> StoreResult<()> {
        sqlx::query!(
            "INSERT INTO invitation (id, email, role, partner_id, org_id, place_name, token_digest, inviter_id,
                inviter_name, created_at, expires_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)",
            new.id.uuid(),
            new.email.as_str(),
            new.membership.role().as_str(),
            new.membership.partner().map(PartnerId::uuid),
            new.membership.org().map(OrgId::uuid),
            new.place_name,
            digest.as_slice(),
            new.inviter.uuid(),
            new.inviter_name,
            new.created_at,
            new.expires_at
        )
        .execute(self.query())
        .await
        .during("create invitation")
        .map(drop)
    }

    /// A page of invitations, newest first.
    pub async fn invitations(&mut self, page: &PageRequest<Uuid>) -> StoreResult<Page<Invitation>> {
        const OPERATION: &str = "list invitations";
        let rows = sqlx::query_as!(
            StoredInvitation,
            "SELECT id, email, role, partner_id, org_id, place_name, inviter_id, inviter_name, created_at, expires_at,
                accepted_at, revoked_at
             FROM invitation WHERE $1::uuid IS NULL OR id < $1 ORDER BY id DESC LIMIT $2",
            page.after,
            page.fetch()
        )
        .fetch_all(self.query())
        .await
        .during(OPERATION)?;
        let rows = rows.into_iter().map(|row| row.read(OPERATION)).collect::<StoreResult<Vec<_>>>()?;
        Ok(page.page(rows, |row| row.id.uuid()))
    }

    /// An invitation within reach, locked until the scope ends.
    pub async fn lock_invitation(&mut self, id: InvitationId) -> StoreResult<Invitation> {
        const OPERATION: &str = "lock invitation";
        sqlx::query_as!(
            StoredInvitation,
            "SELECT id, email, role, partner_id, org_id, place_name, inviter_id, inviter_name, created_at, expires_at,
                accepted_at, revoked_at
             FROM invitation WHERE id = $1 FOR NO KEY UPDATE",
            id.uuid()
        )
        .fetch_one(self.query())
        .await
        .during(OPERATION)?
        .read(OPERATION)
    }

    /// Puts an invitation under another token, which ends the earlier one.
    pub async fn renew_invitation(
        &mut self,
        id: InvitationId,
        digest: &[u8; 32],
        expires_at: Timestamp,
    ) -> StoreResult<()> {
        sqlx::query!(
            "UPDATE invitation SET token_digest = $2, expires_at = $3 WHERE id = $1",
            id.uuid(),
            digest.as_slice(),
            expires_at
        )
        .execute(self.query())
        .await
        .during("renew invitation")
        .map(drop)
    }

    /// Withdraws an invitation. One that is accepted, withdrawn or unknown is "not found".
    pub async fn revoke_invitation(&mut self, id: InvitationId, at: Timestamp) -> StoreResult<Option<OrgId>> {
        sqlx::query_scalar!(
            "UPDATE invitation SET revoked_at = $2
             WHERE id = $1 AND accepted_at IS NULL AND revoked_at IS NULL RETURNING org_id",
            id.uuid(),
            at
        )
        .fetch_one(self.query())
        .await
        .during("revoke invitation")
        .map(|org| org.map(OrgId::from_uuid))
    }

    /// Withdraws what a person invited others to and nobody accepted yet; returns how many.
    pub async fn revoke_invitations_of(&mut self, inviter: UserId, at: Timestamp) -> StoreResult<u64> {
        let revoked = sqlx::query!(
            "UPDATE invitation SET revoked_at = $2
             WHERE inviter_id = $1 AND accepted_at IS NULL AND revoked_at IS NULL",
            inviter.uuid(),
            at
        )
        .execute(self.query())
        .await
        .during("revoke invitations of a person")?;
        Ok(revoked.rows_affected())
    }

    /// Whether somebody within reach became a person by an invitation of `inviter`. Told by the instant and the place, which
    /// the invitation and the person have in common for good: an address can be changed.
    pub async fn was_invited_by(&mut self, person: UserId, inviter: UserId) -> StoreResult<bool> {
        sqlx::query_scalar!(
            r#"SELECT EXISTS (SELECT FROM person p JOIN invitation i ON i.accepted_at = p.created_at
                AND i.partner_id IS NOT DISTINCT FROM p.partner_id AND i.org_id IS NOT DISTINCT FROM p.org_id
                WHERE p.id = $1 AND i.inviter_id = $2) AS "invited!""#,
            person.uuid(),
            inviter.uuid()
        )
        .fetch_one(self.query())
        .await
        .during("look who invited somebody")
    }
}

impl SignIn {
    /// The open invitation behind a token.
    pub async fn open_invitation(
        &mut self,
        digest: &[u8; 32],
        at: Timestamp,
    ) -> StoreResult<Option<Invitation>> {
        const OPERATION: &str = "find invitation";
        sqlx::query_as!(
            StoredInvitation,
            "SELECT id, email, role, partner_id, org_id, place_name, inviter_id, inviter_name, created_at, expires_at,
                accepted_at, revoked_at
             FROM invitation
             WHERE token_digest = $1 AND accepted_at IS NULL AND revoked_at IS NULL AND expires_at > $2",
            digest.as_slice(),
            at
        )
        .fetch_optional(self.connection())
        .await
        .during(OPERATION)?
        .map(|row| row.read(OPERATION))
        .transpose()
    }

    /// Uses up the token of an invitation. `None` when it is not open; of two callers one gets the invitation.
    pub async fn accept_invitation(
        &mut self,
        digest: &[u8; 32],
        at: Timestamp,
    ) -> StoreResult<Option<Invitation>> {
        const OPERATION: &str = "accept invitation";
        sqlx::query_as!(
            StoredInvitation,
            "UPDATE invitation SET accepted_at = $2
             WHERE token_digest = $1 AND accepted_at IS NULL AND revoked_at IS NULL AND expires_at > $2
             RETURNING id, email, role, partner_id, org_id, place_name, inviter_id, inviter_name, created_at,
                expires_at, accepted_at, revoked_at",
            digest.as_slice(),
            at
        )
        .fetch_optional(self.connection())
        .await
        .during(OPERATION)?
        .map(|row| row.read(OPERATION))
        .transpose()
    }
}
