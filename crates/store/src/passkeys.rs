//! Passkeys of people, and what is remembered between the two halves of a ceremony.
//!
//! A ceremony is deleted as it is taken, so of two callers one gets it. A passkey is locked while it is looked at, so of
//! two uses of one key the second sees the counter that the first left.

use proofline_core::{CeremonyId, Email, Membership, PasskeyId, Timestamp, UserId};
use serde_json::Value;
use sqlx::PgConnection;

use crate::error::{During, stored};
use crate::sign_in::membership;
use crate::{Scope, SignIn, StoreResult};

/// What a ceremony is for. One that was begun for one thing is no use for another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CeremonyPurpose {
    /// Adding a passkey.
    Enrol,
    /// Proving one in a session.
    Prove,
    /// Signing in with one alone.
    SignIn,
}

impl CeremonyPurpose {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Enrol => "enrol",
            Self::Prove => "prove",
            Self::SignIn => "sign_in",
        }
    }
}

/// A ceremony that begins.
#[derive(Debug, Clone)]
pub struct NewCeremony {
    /// Which.
    pub id: CeremonyId,
    /// Whose; nobody's yet where somebody signs in.
    pub user: Option<UserId>,
    /// What for.
    pub purpose: CeremonyPurpose,
    /// What has to be known at its end: the challenge above all.
    pub state: Value,
    /// When it is too late.
    pub expires_at: Timestamp,
}

/// A passkey about to be added.
#[derive(Debug, Clone)]
pub struct NewPasskey {
    /// Which.
    pub id: PasskeyId,
    /// The authenticator's own id of it.
    pub credential_id: Vec<u8>,
    /// The public key, the counter, and what the authenticator said of itself.
    pub credential: Value,
    /// What its person calls it.
    pub name: String,
    /// When.
    pub at: Timestamp,
}

/// A passkey and its person, as a sign-in finds them.
#[derive(Debug, Clone)]
pub struct PasskeyHolder {
    /// Who.
    pub user: UserId,
    /// Their name.
    pub name: String,
    /// Their address.
    pub email: Email,
    /// Their role, and in what.
    pub membership: Membership,
    /// Set when the account may not sign in.
    pub disabled_at: Option<Timestamp>,
    /// Which passkey.
    pub passkey: PasskeyId,
    /// Its public key, counter, and what the authenticator said of itself.
    pub credential: Value,
}

async fn put_ceremony(connection: &mut PgConnection, ceremony: &NewCeremony) -> StoreResult<()> {
    sqlx::query!(
        "INSERT INTO passkey_ceremony (id, user_id, purpose, state, expires_at) VALUES ($1, $2, $3, $4, $5)",
        ceremony.id.uuid(),
        ceremony.user.map(UserId::uuid),
        ceremony.purpose.as_str(),
        ceremony.state,
        ceremony.expires_at
    )
    .execute(connection)
    .await
    .during("begin ceremony")
    .map(drop)
}

async fn use_passkey(
    connection: &mut PgConnection,
    user: UserId,
    id: PasskeyId,
    credential: &Value,
    at: Timestamp,
) -> StoreResult<()> {
    sqlx::query!(
        "UPDATE passkey SET credential = $3, last_used_at = $4 WHERE user_id = $1 AND id = $2",
        user.uuid(),
        id.uuid(),
        credential,
        at
    )
    .execute(connection)
    .await
    .during("use passkey")
    .map(drop)
}

impl SignIn {
    /// Remembers a ceremony in which somebody signs in.
    pub async fn put_ceremony(&mut self, ceremony: &NewCeremony) -> StoreResult<()> {
        put_ceremony(self.connection(), ceremony).await
    }

    /// Takes a ceremony, once: what was remembered of it. None where it is unknown, over, for something else, or of
    /// somebody else, whose ceremony stays as it is.
    pub async fn take_ceremony(
        &mut self,
        id: CeremonyId,
        purpose: CeremonyPurpose,
        user: Option<UserId>,
        at: Timestamp,
    ) -> StoreResult<Option<Value>> {
        sqlx::query_scalar!(
            "DELETE FROM passkey_ceremony WHERE id = $1 AND purpose = $2 AND user_id IS NOT DISTINCT FROM $3
             AND expires_at > $4 RETURNING state",
            id.uuid(),
            purpose.as_str(),
            user.map(UserId::uuid),
            at
        )
        .fetch_optional(self.connection())
        .await
        .during("take ceremony")
    }

    /// Forgets ceremonies that nobody finished in time; returns how many.
    pub async fn purge_ceremonies(&mut self, at: Timestamp) -> StoreResult<u64> {
        let purged = sqlx::query!("DELETE FROM passkey_ceremony WHERE expires_at <= $1", at)
            .execute(self.connection())
            .await
            .during("purge ceremonies")?;
        Ok(purged.rows_affected())
    }

    /// A passkey of this person, both locked until this transaction ends: nobody disables the person, takes the passkey
    /// away or uses it meanwhile. The person is locked first, as everywhere.
    pub async fn lock_passkey_holder(
        &mut self,
        user: UserId,
        credential_id: &[u8],
    ) -> StoreResult<Option<PasskeyHolder>> {
        const OPERATION: &str = "lock passkey and person";
        let row = sqlx::query!(
            "SELECT p.name, p.email, p.role, p.partner_id, p.org_id, p.disabled_at, k.id, k.credential
             FROM person p JOIN passkey k ON k.user_id = p.id
             WHERE p.id = $1 AND k.credential_id = $2 FOR NO KEY UPDATE",
            user.uuid(),
            credential_id
        )
        .fetch_optional(self.connection())
        .await
        .during(OPERATION)?;
        row.map(|row| {
            Ok(PasskeyHolder {
                user,
                name: row.name,
                email: stored(row.email.parse(), OPERATION, "email")?,
                membership: membership(&row.role, row.partner_id, row.org_id, OPERATION)?,
                disabled_at: row.disabled_at,
                passkey: PasskeyId::from_uuid(row.id),
                credential: row.credential,
            })
        })
        .transpose()
    }

    /// Keeps what a passkey is after a use.
    pub async fn use_passkey(
        &mut self,
        user: UserId,
        id: PasskeyId,
        credential: &Value,
        at: Timestamp,
    ) -> StoreResult<()> {
        use_passkey(self.connection(), user, id, credential, at).await
    }
}

impl Scope {
    /// Remembers a ceremony of somebody who is signed in.
    pub async fn put_ceremony(&mut self, ceremony: &NewCeremony) -> StoreResult<()> {
        put_ceremony(self.query(), ceremony).await
    }

    /// Adds a passkey. `false` where its authenticator's id is known already, to whomever it belongs.
    pub async fn add_passkey(&mut self, user: UserId, new: &NewPasskey) -> StoreResult<bool> {
        let added = sqlx::query!(
            "INSERT INTO passkey (user_id, id, credential_id, credential, name, created_at)
             VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (credential_id) DO NOTHING",
            user.uuid(),
            new.id.uuid(),
            new.credential_id,
            new.credential,
            new.name,
            new.at
        )
        .execute(self.query())
        .await
        .during("add passkey")?;
        Ok(added.rows_affected() == 1)
    }

    /// A passkey of this person by its authenticator's id, locked until this scope ends: which it is, and what is kept.
    pub async fn lock_passkey(
        &mut self,
        user: UserId,
        credential_id: &[u8],
    ) -> StoreResult<Option<(PasskeyId, Value)>> {
        sqlx::query!(
            "SELECT id, credential FROM passkey WHERE user_id = $1 AND credential_id = $2 FOR NO KEY UPDATE",
            user.uuid(),
            credential_id
        )
        .map(|row| (PasskeyId::from_uuid(row.id), row.credential))
        .fetch_optional(self.query())
        .await
        .during("lock passkey")
    }

    /// Keeps what a passkey is after a use.
    pub async fn use_passkey(
        &mut self,
        user: UserId,
        id: PasskeyId,
        credential: &Value,
        at: Timestamp,
    ) -> StoreResult<()> {
        use_passkey(self.query(), user, id, credential, at).await
    }

    /// Forgets a passkey of this person. `false` where there is none.
    pub async fn remove_passkey(&mut self, user: UserId, id: PasskeyId) -> StoreResult<bool> {
        let removed =
            sqlx::query!("DELETE FROM passkey WHERE user_id = $1 AND id = $2", user.uuid(), id.uuid())
                .execute(self.query())
                .await
                .during("remove passkey")?;
        Ok(removed.rows_affected() == 1)
    }
}
