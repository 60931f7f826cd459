//! What is wrong with evidence itself. An alarm stays until somebody clears it.

use proofline_core::{OrgId, SiteId, Timestamp};
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
    pub id: Uuid,
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
}

impl Scope {
    /// Raises an alarm. One of the same kind and detail that is still open for the site is not raised twice.
    pub async fn raise_alarm(&mut self, alarm: &Alarm) -> StoreResult<()> {
        sqlx::query!(
            "INSERT INTO alarm (org_id, id, site_id, kind, detail, raised_at)
             SELECT $1, $2, $3, $4, $5, $6
             WHERE NOT EXISTS (SELECT FROM alarm
                WHERE org_id = $1 AND site_id = $3 AND kind = $4 AND detail = $5 AND cleared_at IS NULL)",
            alarm.org.uuid(),
            alarm.id,
            alarm.site.uuid(),
            alarm.kind.as_str(),
            alarm.detail,
            alarm.raised_at
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

    /// Open alarms, newest first.
    pub async fn open_alarms(&mut self, limit: i64) -> StoreResult<Vec<Alarm>> {
        const OPERATION: &str = "list alarms";
        let rows = sqlx::query!(
            "SELECT org_id, id, site_id, kind, detail, raised_at FROM alarm WHERE cleared_at IS NULL
             ORDER BY raised_at DESC LIMIT $1",
            limit
        )
        .fetch_all(self.query())
        .await
        .during(OPERATION)?;
        rows.into_iter()
            .map(|row| {
                Ok(Alarm {
                    id: row.id,
                    org: OrgId::from_uuid(row.org_id),
                    site: SiteId::from_uuid(row.site_id),
                    kind: stored(row.kind.parse(), OPERATION, "alarm kind")?,
                    detail: row.detail,
                    raised_at: row.raised_at,
                })
            })
            .collect()
    }
}
