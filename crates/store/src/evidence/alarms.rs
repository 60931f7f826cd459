//! What is wrong with evidence itself. An alarm stays until what was wrong is right again, or somebody looked into it.

use proofline_core::{AlarmId, OrgId, SiteId, Timestamp};
use uuid::Uuid;

use crate::error::{During, stored};
use crate::{Scope, StoreResult};

/// In what way evidence is wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum AlarmKind {
    /// A signer sent other bytes under a sequence number that is taken.
    SeqConflict,
    /// A stored entry no longer verifies.
    SampleFailed,
    /// A signer confirmed a state that its statements do not add up to.
    StateMismatch,
    /// The log could not be published.
    PublicationFailed,
}

impl AlarmKind {
    /// The spelling in storage and on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::SeqConflict => "seq_conflict",
            Self::SampleFailed => "sample_failed",
            Self::StateMismatch => "state_mismatch",
            Self::PublicationFailed => "publication_failed",
        }
    }
}

impl std::str::FromStr for AlarmKind {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        [Self::SeqConflict, Self::SampleFailed, Self::StateMismatch, Self::PublicationFailed]
            .into_iter()
            .find(|k| k.as_str() == text)
            .ok_or(())
    }
}

/// An alarm.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Alarm {
    /// Which, time-ordered.
    pub id: AlarmId,
    /// Whose log.
    pub org: OrgId,
    /// Which log.
    pub site: SiteId,
    /// In what way it is wrong.
    pub kind: AlarmKind,
    /// What exactly, for a person.
    pub detail: String,
    /// Since when.
    pub raised_at: Timestamp,
    /// Since when no longer.
    pub cleared_at: Option<Timestamp>,
}

/// An alarm as it is stored.
struct Stored {
    id: Uuid,
    org_id: Uuid,
    site_id: Uuid,
    kind: String,
    detail: String,
    raised_at: Timestamp,
    cleared_at: Option<Timestamp>,
}

impl Stored {
    fn read(self, operation: &'static str) -> StoreResult<Alarm> {
        Ok(Alarm {
            id: AlarmId::from_uuid(self.id),
            org: OrgId::from_uuid(self.org_id),
            site: SiteId::from_uuid(self.site_id),
            kind: stored(self.kind.parse(), operation, "alarm kind")?,
            detail: self.detail,
            raised_at: self.raised_at,
            cleared_at: self.cleared_at,
        })
    }
}

impl Scope {
    /// Raises an alarm. One of the same kind and detail that is still open for the site is not raised twice.
    pub async fn raise_alarm(
        &mut self,
        id: AlarmId,
        (org, site): (OrgId, SiteId),
        (kind, detail): (AlarmKind, &str),
        at: Timestamp,
    ) -> StoreResult<()> {
        sqlx::query!(
            "INSERT INTO alarm (org_id, id, site_id, kind, detail, raised_at)
             SELECT $1, $2, $3, $4, $5, $6
             WHERE NOT EXISTS (SELECT FROM alarm
                WHERE org_id = $1 AND site_id = $3 AND kind = $4 AND detail = $5 AND cleared_at IS NULL)",
            org.uuid(),
            id.uuid(),
            site.uuid(),
            kind.as_str(),
            detail,
            at
        )
        .execute(self.query())
        .await
        .during("raise alarm")
        .map(drop)
    }

    /// Ends the open alarms of one kind of a site: what was wrong is right again.
    pub async fn clear_alarms(
        &mut self,
        org: OrgId,
        site: SiteId,
        kind: AlarmKind,
        at: Timestamp,
    ) -> StoreResult<()> {
        sqlx::query!(
            "UPDATE alarm SET cleared_at = $4
             WHERE org_id = $1 AND site_id = $2 AND kind = $3 AND cleared_at IS NULL",
            org.uuid(),
            site.uuid(),
            kind.as_str(),
            at
        )
        .execute(self.query())
        .await
        .during("clear alarms")
        .map(drop)
    }

    /// An alarm, locked until the scope ends.
    pub async fn lock_alarm(&mut self, id: AlarmId) -> StoreResult<Alarm> {
        const OPERATION: &str = "lock alarm";
        sqlx::query_as!(
            Stored,
            "SELECT id, org_id, site_id, kind, detail, raised_at, cleared_at FROM alarm WHERE id = $1 FOR NO KEY UPDATE",
            id.uuid()
        )
        .fetch_one(self.query())
        .await
        .during(OPERATION)?
        .read(OPERATION)
    }

    /// Ends an alarm that is locked.
    pub async fn clear_alarm(&mut self, alarm: &Alarm, at: Timestamp) -> StoreResult<()> {
        sqlx::query!(
            "UPDATE alarm SET cleared_at = $3 WHERE org_id = $1 AND id = $2",
            alarm.org.uuid(),
            alarm.id.uuid(),
            at
        )
        .execute(self.query())
        .await
        .during("clear alarm")
        .map(drop)
    }

    /// Open alarms, newest first.
    pub async fn open_alarms(&mut self, limit: i64) -> StoreResult<Vec<Alarm>> {
        const OPERATION: &str = "list alarms";
        let rows = sqlx::query_as!(
            Stored,
            "SELECT id, org_id, site_id, kind, detail, raised_at, cleared_at FROM alarm WHERE cleared_at IS NULL
             ORDER BY raised_at DESC LIMIT $1",
            limit
        )
        .fetch_all(self.query())
        .await
        .during(OPERATION)?;
        rows.into_iter().map(|row| row.read(OPERATION)).collect()
    }
}
