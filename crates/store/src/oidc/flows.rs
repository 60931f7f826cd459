//! Browsers that are away at a provider.

use proofline_core::{ProviderId, Timestamp, UserId};

use crate::error::During;
use crate::{SignIn, StoreResult};

/// What a browser that comes back is let in for.
#[derive(Debug, Clone)]
pub struct Flow {
    /// SHA-256 of the state.
    pub state_digest: [u8; 32],
    /// SHA-256 of the cookie of the browser that began it.
    pub browser_digest: [u8; 32],
    /// Where it was sent.
    pub provider: ProviderId,
    /// What for.
    pub purpose: FlowPurpose,
    /// A path of our own that it goes on to.
    pub return_to: Option<String>,
    /// Until when it may come back.
    pub expires_at: Timestamp,
}

/// What a flow is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FlowPurpose {
    /// Signing in; the session that the browser has until then ends.
    SignIn {
        /// SHA-256 of that session's token.
        earlier_session: Option<[u8; 32]>,
    },
    /// Linking the provider to somebody who is signed in.
    Link {
        /// Who.
        user: UserId,
        /// SHA-256 of the token of the session that has to be alive still.
        session: [u8; 32],
    },
}

impl SignIn {
    /// Remembers a flow.
    pub async fn put_flow(&mut self, flow: &Flow) -> StoreResult<()> {
        let (user, session) = match flow.purpose {
            FlowPurpose::SignIn { earlier_session } => (None, earlier_session),
            FlowPurpose::Link { user, session } => (Some(user.uuid()), Some(session)),
        };
        sqlx::query!(
            "INSERT INTO oidc_flow (state_digest, browser_digest, provider_id, user_id, session_digest, return_to,
                expires_at) VALUES ($1, $2, $3, $4, $5, $6, $7)",
            flow.state_digest.as_slice(),
            flow.browser_digest.as_slice(),
            flow.provider.uuid(),
            user,
            session.as_ref().map(<[u8; 32]>::as_slice),
            flow.return_to,
            flow.expires_at
        )
        .execute(self.connection())
        .await
        .during("remember flow")
        .map(drop)
    }

    /// Takes the flow away that this browser began under this state: of two that ask, one gets it.
    pub async fn take_flow(
        &mut self,
        state_digest: &[u8; 32],
        browser_digest: &[u8; 32],
        at: Timestamp,
    ) -> StoreResult<Option<Flow>> {
        let row = sqlx::query!(
            "DELETE FROM oidc_flow WHERE state_digest = $1 AND browser_digest = $2 AND expires_at > $3
             RETURNING provider_id, user_id, session_digest, return_to, expires_at",
            state_digest.as_slice(),
            browser_digest.as_slice(),
            at
        )
        .fetch_optional(self.connection())
        .await
        .during("take flow")?;
        Ok(row.map(|row| {
            let session = row.session_digest.and_then(|digest| <[u8; 32]>::try_from(digest).ok());
            Flow {
                state_digest: *state_digest,
                browser_digest: *browser_digest,
                provider: ProviderId::from_uuid(row.provider_id),
                purpose: match (row.user_id, session) {
                    (Some(user), Some(session)) => {
                        FlowPurpose::Link { user: UserId::from_uuid(user), session }
                    }
                    (_, earlier_session) => FlowPurpose::SignIn { earlier_session },
                },
                return_to: row.return_to,
                expires_at: row.expires_at,
            }
        }))
    }

    /// Forgets flows that nobody came back from; returns how many.
    pub async fn purge_flows(&mut self, at: Timestamp) -> StoreResult<u64> {
        let purged = sqlx::query!("DELETE FROM oidc_flow WHERE expires_at <= $1", at)
            .execute(self.connection())
            .await
            .during("purge flows")?;
        Ok(purged.rows_affected())
    }
}
