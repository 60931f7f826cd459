//! Creates that may be sent twice: the key is taken in the same transaction as the change, the answer is kept after it.

use proofline_core::{Timestamp, UserId};
use serde_json::Value;

use crate::error::{During, stored};
use crate::{Scope, SignIn, StoreResult};

/// A request that was sent under a key before.
#[derive(Debug, Clone)]
pub struct EarlierRequest {
    /// SHA-256 over what was asked.
    pub request_digest: [u8; 32],
    /// What was answered.
    pub answer: EarlierAnswer,
}

/// What is known of an earlier request's answer.
#[derive(Debug, Clone)]
pub enum EarlierAnswer {
    /// Not there yet: the request is being answered, or the process ended in between.
    Awaited,
    /// It was given and is not kept, because it holds a secret.
    NotKept,
    /// Status and body.
    Kept(u16, Value),
}

impl Scope {
    /// Takes a key for this change. A key that is taken is a conflict, after waiting for the change that took it.
    pub async fn take_idempotency_key(
        &mut self,
        user: UserId,
        key: &str,
        request_digest: &[u8; 32],
        at: Timestamp,
    ) -> StoreResult<()> {
        sqlx::query!(
            "INSERT INTO idempotency_key (user_id, key, request_digest, created_at) VALUES ($1, $2, $3, $4)",
            user.uuid(),
            key,
            request_digest.as_slice(),
            at
        )
        .execute(self.query())
        .await
        .during("take idempotency key")
        .map(drop)
    }
}

impl SignIn {
    /// What was sent under this key before, if anything.
    pub async fn earlier_request(&mut self, user: UserId, key: &str) -> StoreResult<Option<EarlierRequest>> {
        const OPERATION: &str = "find earlier request";
        let row = sqlx::query!(
            "SELECT request_digest, status, body FROM idempotency_key WHERE user_id = $1 AND key = $2",
            user.uuid(),
            key
        )
        .fetch_optional(self.connection())
        .await
        .during(OPERATION)?;
        row.map(|row| {
            let status =
                row.status.map(|status| stored(u16::try_from(status), OPERATION, "status")).transpose()?;
            Ok(EarlierRequest {
                request_digest: stored(row.request_digest.try_into(), OPERATION, "digest")?,
                answer: match (status, row.body) {
                    (None, _) => EarlierAnswer::Awaited,
                    (Some(_), None) => EarlierAnswer::NotKept,
                    (Some(status), Some(body)) => EarlierAnswer::Kept(status, body),
                },
            })
        })
        .transpose()
    }

    /// Keeps the answer of a request that took a key, or only that it was given; a request that took none leaves nothing.
    pub async fn keep_answer(
        &mut self,
        user: UserId,
        key: &str,
        status: u16,
        body: Option<&Value>,
    ) -> StoreResult<()> {
        sqlx::query!(
            "UPDATE idempotency_key SET status = $3, body = $4 WHERE user_id = $1 AND key = $2",
            user.uuid(),
            key,
            i16::try_from(status).unwrap_or(i16::MAX),
            body as Option<&Value>
        )
        .execute(self.connection())
        .await
        .during("keep answer")
        .map(drop)
    }

    /// Forgets keys older than `before`; returns how many.
    pub async fn purge_idempotency_keys(&mut self, before: Timestamp) -> StoreResult<u64> {
        let purged = sqlx::query!("DELETE FROM idempotency_key WHERE created_at < $1", before)
            .execute(self.connection())
            .await
            .during("purge idempotency keys")?;
        Ok(purged.rows_affected())
    }
}
