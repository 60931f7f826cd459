//! API tokens: known by a digest, alive as long as their maker may sign in.

use proofline_core::{ApiTokenId, Membership, Timestamp, UserId};
use uuid::Uuid;

use crate::error::During;
use crate::sign_in::membership;
use crate::{Page, PageRequest, Scope, SignIn, StoreResult};

/// A token about to be made.
#[derive(Debug, Clone)]
pub struct NewToken {
    /// Which.
    pub id: ApiTokenId,
    /// Who makes it.
    pub maker: UserId,
    /// SHA-256 of the token.
    pub digest: [u8; 32],
    /// Its first characters.
    pub prefix: String,
    /// What its maker calls it.
    pub name: String,
    /// What it is for, as the policy spells it.
    pub actions: Vec<&'static str>,
    /// When.
    pub at: Timestamp,
    /// Until when.
    pub expires_at: Timestamp,
}

/// A token as listed.
#[derive(Debug, Clone)]
pub struct Token {
    /// Which.
    pub id: ApiTokenId,
    /// What its maker calls it.
    pub name: String,
    /// Its first characters.
    pub prefix: String,
    /// What it is for.
    pub actions: Vec<String>,
    /// Its maker's name.
    pub created_by: String,
    /// When it was made.
    pub created_at: Timestamp,
    /// Until when it lives.
    pub expires_at: Timestamp,
    /// When it was last brought, give or take a minute.
    pub last_used_at: Option<Timestamp>,
    /// When somebody revoked it.
    pub revoked_at: Option<Timestamp>,
}

/// A token that lives, and what its maker is now.
#[derive(Debug, Clone)]
pub struct LiveToken {
    /// Which.
    pub id: ApiTokenId,
    /// What its maker calls it.
    pub name: String,
    /// What it was made for.
    pub actions: Vec<String>,
    /// When it was last brought, as far as it is written down.
    pub last_used_at: Option<Timestamp>,
    /// Who made it.
    pub maker: UserId,
    /// Their name.
    pub maker_name: String,
    /// Their role now, and in what.
    pub membership: Membership,
}

/// Revokes whatever a person gave to programs; returns how much that was.
async fn revoke_all(connection: &mut sqlx::PgConnection, maker: UserId, at: Timestamp) -> StoreResult<u64> {
    let revoked = sqlx::query!(
        "UPDATE api_token SET revoked_at = $2 WHERE user_id = $1 AND revoked_at IS NULL",
        maker.uuid(),
        at
    )
    .execute(connection)
    .await
    .during("revoke tokens of a person")?;
    Ok(revoked.rows_affected())
}

impl SignIn {
    /// Revokes every token of a person; returns how many.
    pub async fn revoke_tokens_of(&mut self, maker: UserId, at: Timestamp) -> StoreResult<u64> {
        revoke_all(self.connection(), maker, at).await
    }

    /// The token with this digest: not revoked, not expired, its maker not disabled.
    pub async fn live_token(&mut self, digest: &[u8; 32], at: Timestamp) -> StoreResult<Option<LiveToken>> {
        const OPERATION: &str = "find token";
        let row = sqlx::query!(
            "SELECT t.id, t.name, t.actions, t.last_used_at, t.user_id, p.name AS maker_name, p.role, p.partner_id,
                p.org_id
             FROM api_token t JOIN person p ON p.id = t.user_id
             WHERE t.token_digest = $1 AND t.revoked_at IS NULL AND t.expires_at > $2 AND p.disabled_at IS NULL",
            digest.as_slice(),
            at
        )
        .fetch_optional(self.connection())
        .await
        .during(OPERATION)?;
        row.map(|row| {
            Ok(LiveToken {
                id: ApiTokenId::from_uuid(row.id),
                name: row.name,
                actions: row.actions,
                last_used_at: row.last_used_at,
                maker: UserId::from_uuid(row.user_id),
                maker_name: row.maker_name,
                membership: membership(&row.role, row.partner_id, row.org_id, OPERATION)?,
            })
        })
        .transpose()
    }

    /// Writes down that the token was brought.
    pub async fn touch_token(&mut self, id: ApiTokenId, at: Timestamp) -> StoreResult<()> {
        sqlx::query!("UPDATE api_token SET last_used_at = $2 WHERE id = $1", id.uuid(), at)
            .execute(self.connection())
            .await
            .during("touch token")
            .map(drop)
    }
}

impl Scope {
    /// Makes a token.
    pub async fn create_token(&mut self, new: &NewToken) -> StoreResult<()> {
        let actions: Vec<String> = new.actions.iter().map(|&action| action.to_owned()).collect();
        sqlx::query!(
            "INSERT INTO api_token (id, user_id, token_digest, prefix, name, actions, created_at, expires_at)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
            new.id.uuid(),
            new.maker.uuid(),
            new.digest.as_slice(),
            new.prefix,
            new.name,
            &actions,
            new.at,
            new.expires_at
        )
        .execute(self.query())
        .await
        .during("create token")
        .map(drop)
    }

    /// A page of tokens, newest first: those that `maker` made, or of everybody within reach.
    pub async fn tokens(
        &mut self,
        maker: Option<UserId>,
        page: &PageRequest<Uuid>,
    ) -> StoreResult<Page<Token>> {
        let rows = sqlx::query!(
            "SELECT t.id, t.name, t.prefix, t.actions, p.name AS created_by, t.created_at, t.expires_at, t.last_used_at,
                t.revoked_at
             FROM api_token t JOIN person p ON p.id = t.user_id
             WHERE ($1::uuid IS NULL OR t.user_id = $1) AND ($2::uuid IS NULL OR t.id < $2)
             ORDER BY t.id DESC LIMIT $3",
            maker.map(UserId::uuid),
            page.after,
            page.fetch()
        )
        .map(|row| Token {
            id: ApiTokenId::from_uuid(row.id),
            name: row.name,
            prefix: row.prefix,
            actions: row.actions,
            created_by: row.created_by,
            created_at: row.created_at,
            expires_at: row.expires_at,
            last_used_at: row.last_used_at,
            revoked_at: row.revoked_at,
        })
        .fetch_all(self.query())
        .await
        .during("list tokens")?;
        Ok(page.page(rows, |token| token.id.uuid()))
    }

    /// Revokes every token of a person; returns how many.
    pub async fn revoke_tokens_of(&mut self, maker: UserId, at: Timestamp) -> StoreResult<u64> {
        revoke_all(self.query(), maker, at).await
    }

    /// Revokes a token that `maker` made, or anybody's within reach. One that is revoked already is not found.
    pub async fn revoke_token(
        &mut self,
        id: ApiTokenId,
        maker: Option<UserId>,
        at: Timestamp,
    ) -> StoreResult<String> {
        sqlx::query_scalar!(
            "UPDATE api_token SET revoked_at = $3
             WHERE id = $1 AND revoked_at IS NULL AND ($2::uuid IS NULL OR user_id = $2) RETURNING name",
            id.uuid(),
            maker.map(UserId::uuid),
            at
        )
        .fetch_one(self.query())
        .await
        .during("revoke token")
    }
}
