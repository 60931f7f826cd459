//! Requests for another signing key: asked for on the server's machine, decided in the console, carried out on the machine.

use proofline_core::{KeyRotationId, Timestamp, UserId};

use uuid::Uuid;

use crate::error::During;
use crate::{Scope, StoreResult};

/// A request for another signing key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyRotation {
    /// Which.
    pub id: KeyRotationId,
    /// What the key signs.
    pub role: String,
    /// The key that is to have a successor, by its id.
    pub key_id: String,
    /// Why.
    pub reason: String,
    /// Hours until the successor signs, and from then until the key is refused.
    pub overlap_hours: i32,
    /// When somebody asked on the server's machine.
    pub asked_at: Timestamp,
    /// The name of who decided.
    pub decided_by_name: Option<String>,
    /// When.
    pub decided_at: Option<Timestamp>,
    /// What they decided.
    pub approved: Option<bool>,
    /// When the command carried it out.
    pub carried_out_at: Option<Timestamp>,
}

struct Stored {
    id: Uuid,
    role: String,
    key_id: String,
    reason: String,
    overlap_hours: i32,
    asked_at: Timestamp,
    decided_by_name: Option<String>,
    decided_at: Option<Timestamp>,
    approved: Option<bool>,
    carried_out_at: Option<Timestamp>,
}

impl From<Stored> for KeyRotation {
    fn from(row: Stored) -> Self {
        Self {
            id: KeyRotationId::from_uuid(row.id),
            role: row.role,
            key_id: row.key_id,
            reason: row.reason,
            overlap_hours: row.overlap_hours,
            asked_at: row.asked_at,
            decided_by_name: row.decided_by_name,
            decided_at: row.decided_at,
            approved: row.approved,
            carried_out_at: row.carried_out_at,
        }
    }
}

impl Scope {
    /// Locks a server key until the scope ends: whoever asks for its successor meanwhile waits.
    pub async fn lock_server_key(&mut self, key_id: &str) -> StoreResult<()> {
        sqlx::query!("SELECT key_id FROM server_key WHERE key_id = $1 FOR NO KEY UPDATE", key_id)
            .fetch_optional(self.query())
            .await
            .during("lock server key")
            .map(drop)
    }

    /// Asks for another key.
    pub async fn create_key_rotation(&mut self, new: &KeyRotation) -> StoreResult<()> {
        sqlx::query!(
            "INSERT INTO key_rotation (id, role, key_id, reason, overlap_hours, asked_at) VALUES ($1, $2, $3, $4, $5, $6)",
            new.id.uuid(),
            new.role,
            new.key_id,
            new.reason,
            new.overlap_hours,
            new.asked_at
        )
        .execute(self.query())
        .await
        .during("ask for a key rotation")
        .map(drop)
    }

    /// The latest requests, newest first; at most 50.
    pub async fn key_rotations(&mut self) -> StoreResult<Vec<KeyRotation>> {
        sqlx::query_as!(
            Stored,
            "SELECT id, role, key_id, reason, overlap_hours, asked_at, decided_by_name, decided_at, approved, carried_out_at
             FROM key_rotation ORDER BY id DESC LIMIT 50"
        )
        .fetch_all(self.query())
        .await
        .during("list key rotations")
        .map(|rows| rows.into_iter().map(KeyRotation::from).collect())
    }

    /// The newest request about a key, if there is one, locked until the scope ends.
    pub async fn lock_key_rotation_of(&mut self, key_id: &str) -> StoreResult<Option<KeyRotation>> {
        sqlx::query_as!(
            Stored,
            "SELECT id, role, key_id, reason, overlap_hours, asked_at, decided_by_name, decided_at, approved, carried_out_at
             FROM key_rotation WHERE key_id = $1 ORDER BY id DESC LIMIT 1 FOR NO KEY UPDATE",
            key_id
        )
        .fetch_optional(self.query())
        .await
        .during("lock key rotation")
        .map(|row| row.map(KeyRotation::from))
    }

    /// A request, locked until the scope ends.
    pub async fn lock_key_rotation(&mut self, id: KeyRotationId) -> StoreResult<KeyRotation> {
        sqlx::query_as!(
            Stored,
            "SELECT id, role, key_id, reason, overlap_hours, asked_at, decided_by_name, decided_at, approved, carried_out_at
             FROM key_rotation WHERE id = $1 FOR NO KEY UPDATE",
            id.uuid()
        )
        .fetch_one(self.query())
        .await
        .during("lock key rotation")
        .map(KeyRotation::from)
    }

    /// Decides a request that is locked.
    pub async fn decide_key_rotation(
        &mut self,
        id: KeyRotationId,
        approved: bool,
        (by, by_name): (UserId, &str),
        at: Timestamp,
    ) -> StoreResult<()> {
        sqlx::query!(
            "UPDATE key_rotation SET approved = $2, decided_by = $3, decided_by_name = $4, decided_at = $5 WHERE id = $1",
            id.uuid(),
            approved,
            by.uuid(),
            by_name,
            at
        )
        .execute(self.query())
        .await
        .during("decide key rotation")
        .map(drop)
    }

    /// Notes that a request that is locked was carried out.
    pub async fn carry_out_key_rotation(&mut self, id: KeyRotationId, at: Timestamp) -> StoreResult<()> {
        sqlx::query!("UPDATE key_rotation SET carried_out_at = $2 WHERE id = $1", id.uuid(), at)
            .execute(self.query())
            .await
            .during("note key rotation")
            .map(drop)
    }
}
