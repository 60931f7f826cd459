//! Where a person is signed in.

use proofline_core::{SessionId, Timestamp, UserId};

use crate::error::During;
use crate::{Scope, StoreResult};

/// A session as its person sees it.
#[derive(Debug, Clone)]
pub struct OwnSession {
    /// Which.
    pub id: SessionId,
    /// When it began.
    pub created_at: Timestamp,
    /// When the person last did something in it.
    pub last_active_at: Timestamp,
    /// Its absolute end.
    pub expires_at: Timestamp,
    /// What the browser is, in a few words.
    pub client: String,
}

impl Scope {
    /// A person's live sessions, the last active first. There are never many: the oldest are left out.
    pub async fn sessions_of(
        &mut self,
        user: UserId,
        at: Timestamp,
        idle_since: Timestamp,
    ) -> StoreResult<Vec<OwnSession>> {
        sqlx::query!(
            "SELECT id, created_at, last_active_at, expires_at, client FROM session
             WHERE user_id = $1 AND ended_at IS NULL AND expires_at > $2 AND last_active_at > $3
             ORDER BY last_active_at DESC, id DESC LIMIT 200",
            user.uuid(),
            at,
            idle_since
        )
        .map(|row| OwnSession {
            id: SessionId::from_uuid(row.id),
            created_at: row.created_at,
            last_active_at: row.last_active_at,
            expires_at: row.expires_at,
            client: row.client,
        })
        .fetch_all(self.query())
        .await
        .during("list sessions of a person")
    }

    /// Ends a session of this person that still goes on; any other is "not found".
    pub async fn end_session_of(&mut self, user: UserId, id: SessionId, at: Timestamp) -> StoreResult<()> {
        sqlx::query_scalar!(
            "UPDATE session SET ended_at = $3 WHERE id = $2 AND user_id = $1 AND ended_at IS NULL RETURNING id",
            user.uuid(),
            id.uuid(),
            at
        )
        .fetch_one(self.query())
        .await
        .during("end session of a person")
        .map(drop)
    }
}
