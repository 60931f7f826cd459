//! Links between people and what a provider calls them.

use proofline_core::{Email, IdentityId, Membership, ProviderId, Timestamp, UserId};

use crate::error::{During, stored};
use crate::sign_in::membership;
use crate::{Scope, SignIn, StoreError, StoreResult};

/// A link about to be made.
#[derive(Debug, Clone)]
pub struct NewIdentity {
    /// Which.
    pub id: IdentityId,
    /// Through which provider.
    pub provider: ProviderId,
    /// Who vouches.
    pub issuer: String,
    /// For whom.
    pub subject: String,
    /// The address that the provider had verified.
    pub email: Email,
    /// When.
    pub at: Timestamp,
}

/// Who an identity belongs to.
#[derive(Debug, Clone)]
pub struct IdentityOwner {
    /// Who.
    pub id: UserId,
    /// Their name.
    pub name: String,
    /// Their address here.
    pub email: Email,
    /// Their role, and in what.
    pub membership: Membership,
    /// Set when the account may not sign in.
    pub disabled_at: Option<Timestamp>,
}

/// A link as its owner sees it.
#[derive(Debug, Clone)]
pub struct LinkedIdentity {
    /// Which.
    pub id: IdentityId,
    /// What the provider is called here.
    pub provider_name: String,
    /// The address there, when it was linked.
    pub email: String,
    /// When it was linked.
    pub linked_at: Timestamp,
}

impl SignIn {
    /// Whose this identity is.
    pub async fn identity_owner(
        &mut self,
        issuer: &str,
        subject: &str,
    ) -> StoreResult<Option<IdentityOwner>> {
        const OPERATION: &str = "find owner of identity";
        let row = sqlx::query!(
            "SELECT p.id, p.name, p.email, p.role, p.partner_id, p.org_id, p.disabled_at
             FROM oidc_identity i JOIN person p ON p.id = i.user_id WHERE i.issuer = $1 AND i.subject = $2",
            issuer,
            subject
        )
        .fetch_optional(self.connection())
        .await
        .during(OPERATION)?;
        row.map(|row| {
            Ok(IdentityOwner {
                id: UserId::from_uuid(row.id),
                name: row.name,
                email: stored(row.email.parse(), OPERATION, "email")?,
                membership: membership(&row.role, row.partner_id, row.org_id, OPERATION)?,
                disabled_at: row.disabled_at,
            })
        })
        .transpose()
    }

    /// Links an identity to a person. One that is linked already, to whomever, is a conflict.
    pub async fn link_identity(&mut self, user: UserId, identity: &NewIdentity) -> StoreResult<()> {
        sqlx::query!(
            "INSERT INTO oidc_identity (id, user_id, provider_id, issuer, subject, email, linked_at)
             VALUES ($1, $2, $3, $4, $5, $6, $7)",
            identity.id.uuid(),
            user.uuid(),
            identity.provider.uuid(),
            identity.issuer,
            identity.subject,
            identity.email.as_str(),
            identity.at
        )
        .execute(self.connection())
        .await
        .during("link identity")
        .map(drop)
    }

    /// A person's links, newest first. Their providers may belong to a place that the person does not see into.
    pub async fn identities_of(&mut self, user: UserId) -> StoreResult<Vec<LinkedIdentity>> {
        sqlx::query!(
            "SELECT i.id, i.email, i.linked_at, v.name AS provider_name
             FROM oidc_identity i JOIN oidc_provider v ON v.id = i.provider_id
             WHERE i.user_id = $1 ORDER BY i.id DESC LIMIT 100",
            user.uuid()
        )
        .map(|row| LinkedIdentity {
            id: IdentityId::from_uuid(row.id),
            provider_name: row.provider_name,
            email: row.email,
            linked_at: row.linked_at,
        })
        .fetch_all(self.connection())
        .await
        .during("list identities")
    }
}

impl Scope {
    /// Unlinks a person's identity. The last one of somebody who has no password stays: they could not come back.
    pub async fn unlink_identity(&mut self, user: UserId, id: IdentityId) -> StoreResult<()> {
        const OPERATION: &str = "unlink identity";
        // Two that are unlinked at once wait for each other here.
        let password_hash = sqlx::query_scalar!(
            "SELECT password_hash FROM person WHERE id = $1 FOR NO KEY UPDATE",
            user.uuid()
        )
        .fetch_one(self.query())
        .await
        .during(OPERATION)?;
        let deleted =
            sqlx::query!("DELETE FROM oidc_identity WHERE id = $1 AND user_id = $2", id.uuid(), user.uuid())
                .execute(self.query())
                .await
                .during(OPERATION)?;
        if deleted.rows_affected() == 0 {
            return Err(StoreError::NotFound(OPERATION));
        }
        let left = sqlx::query_scalar!(
            r#"SELECT EXISTS (SELECT FROM oidc_identity WHERE user_id = $1) AS "left!""#,
            user.uuid()
        )
        .fetch_one(self.query())
        .await
        .during(OPERATION)?;
        if left || password_hash != super::approvals::NO_PASSWORD {
            Ok(())
        } else {
            Err(StoreError::Conflict { operation: OPERATION, constraint: "last way in".to_owned() })
        }
    }
}
