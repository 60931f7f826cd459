//! The successor of a signing key, taken into the database.
//!
//! The database decides which successor a key has: of two that are made at once, on two nodes, the second is refused. From
//! the moment a successor stands there, it has a time from which it signs, and its predecessor one from which it is refused.

use proofline_authz::{Action, Job, Principal, authorise};
use proofline_core::{Entropy, Timestamp};
use proofline_evidence::SigningKey;
use proofline_protocol::KeyRole;
use proofline_store::{ServerKeyRow, Store, StoreError};
use serde_json::json;

use super::known::KeyState;
use super::rotations::take_approval;
use super::{KeyLink, command_note};

/// A successor is not taken.
#[derive(Debug, thiserror::Error)]
pub enum SuccessionError {
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The policy.
    #[error(transparent)]
    Denied(#[from] proofline_authz::Denied),
    /// Another one was taken, or the database does not know the key.
    #[error("the key has a successor already, or is not known to this database")]
    NotCurrent,
    /// Nobody approved it, or not in time, or it was carried out already.
    #[error("no administrator approved a successor of the key")]
    NotApproved,
}

/// Registers `link` as the successor of `predecessor`, which an administrator approved, and leaves one row in the audit log.
/// `keep` is called while no other successor can be taken, and before this one is: what the successor is made of is to be
/// safe by then.
///
/// # Errors
/// When the predecessor has another successor, nobody approved one, the database fails, or `keep` does.
pub async fn succeed<E: From<SuccessionError>>(
    store: &Store,
    (role, predecessor): (KeyRole, &SigningKey),
    link: &KeyLink,
    (at, entropy): (Timestamp, &dyn Entropy),
    keep: impl FnOnce() -> Result<(), E>,
) -> Result<(), E> {
    let refused = |error: StoreError| E::from(SuccessionError::from(error));
    let permit = authorise(&Principal::System(Job("key rotation")), Action::KeyRotate)
        .map_err(|denied| E::from(SuccessionError::from(denied)))?;
    let (before, public) = (predecessor.id().to_string(), link.key.public_key());
    let mut scope = store.scope(&permit).await.map_err(refused)?;
    if !scope.retire_server_key(&before, link.predecessor_until).await.map_err(refused)? {
        return Err(SuccessionError::NotCurrent.into());
    }
    let request = take_approval(&mut scope, &before, at).await.map_err(E::from)?;
    let row = ServerKeyRow {
        key_id: public.id().to_string(),
        role: role.to_string(),
        public_key: public.as_bytes().to_vec(),
        created_at: link.not_before,
        retired_at: None,
    };
    scope.put_server_key(&row).await.map_err(refused)?;
    keep()?;
    let detail = json!({
        "predecessor": before,
        "request": request,
        "not_before": link.not_before,
        "predecessor_until": link.predecessor_until,
    });
    scope
        .commit(command_note(at, entropy, format!("{role} key {}", row.key_id), detail))
        .await
        .map_err(refused)
}

/// How a signing key stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SigningKeyUse {
    /// What it signs.
    pub role: String,
    /// Its id.
    pub id: String,
    /// How it stands.
    pub state: KeyState,
    /// When it signed first, or will.
    pub since: Timestamp,
    /// From when on it is refused.
    pub until: Option<Timestamp>,
}

/// How the signing keys of a database stand at this time: by role, the current one first.
pub fn signing_keys(mut rows: Vec<ServerKeyRow>, at: Timestamp) -> Vec<SigningKeyUse> {
    rows.sort_by(|a, b| (&a.role, b.created_at).cmp(&(&b.role, a.created_at)));
    let mut current: Option<String> = None;
    let mut uses: Vec<SigningKeyUse> = rows
        .into_iter()
        .map(|row| {
            let state = if row.created_at > at && row.retired_at.is_none() {
                KeyState::Successor
            } else if current.as_ref() != Some(&row.role) {
                current = Some(row.role.clone());
                KeyState::Current
            } else if row.retired_at.is_some_and(|until| until <= at) {
                KeyState::Retired
            } else {
                KeyState::Earlier
            };
            SigningKeyUse {
                role: row.role,
                id: row.key_id,
                state,
                since: row.created_at,
                until: row.retired_at,
            }
        })
        .collect();
    uses.sort_by(|a, b| (&a.role, a.state).cmp(&(&b.role, b.state)));
    uses
}
