//! How far the logs are published, and how large they are.

use proofline_core::{OrgId, SiteId, Timestamp};

use crate::error::During;
use crate::number::{bigint, count, unsigned};
use crate::{Scope, StoreResult};

/// A log that is due for publication.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Unpublished {
    /// Whose.
    pub org: OrgId,
    /// Which.
    pub site: SiteId,
}

/// A log and how many entries it holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LogSize {
    /// Whose.
    pub org: OrgId,
    /// Which.
    pub site: SiteId,
    /// Entries.
    pub size: u64,
}

/// How publication stands over all logs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublicationProgress {
    /// When anything was last published.
    pub last_published_at: Option<Timestamp>,
    /// Entries that are in a log and not yet published.
    pub backlog: u64,
}

impl Scope {
    /// Logs last published before `before` or never, longest waiting first.
    pub async fn logs_to_publish(&mut self, before: Timestamp, limit: i64) -> StoreResult<Vec<Unpublished>> {
        sqlx::query!(
            "SELECT org_id, site_id FROM evidence_log WHERE published_at IS NULL OR published_at < $1
             ORDER BY published_at NULLS FIRST LIMIT $2",
            before,
            limit
        )
        .map(|row| Unpublished { org: OrgId::from_uuid(row.org_id), site: SiteId::from_uuid(row.site_id) })
        .fetch_all(self.query())
        .await
        .during("list logs to publish")
    }

    /// Waits until nobody else publishes this log or reads what is published, and keeps it so until the scope ends.
    pub async fn lock_publication(&mut self, site: SiteId) -> StoreResult<()> {
        sqlx::query!(
            "SELECT pg_advisory_xact_lock(hashtextextended('publication ' || $1::text, 0))",
            site.to_string()
        )
        .execute(self.query())
        .await
        .during("lock publication")
        .map(drop)
    }

    /// Notes that the first `size` entries are published with this checkpoint. An older publication changes nothing.
    pub async fn mark_published(
        &mut self,
        org: OrgId,
        site: SiteId,
        size: u64,
        checkpoint: &str,
        at: Timestamp,
    ) -> StoreResult<()> {
        sqlx::query!(
            "UPDATE evidence_log SET published_size = $3, published_checkpoint = $4, published_at = $5
             WHERE org_id = $1 AND site_id = $2 AND published_size <= $3",
            org.uuid(),
            site.uuid(),
            bigint(size),
            checkpoint,
            at
        )
        .execute(self.query())
        .await
        .during("mark published")
        .map(drop)
    }

    /// Every log that holds something, with its size: what a sample is drawn from.
    pub async fn log_sizes(&mut self) -> StoreResult<Vec<LogSize>> {
        const OPERATION: &str = "list log sizes";
        let rows =
            sqlx::query!("SELECT org_id, site_id, size FROM evidence_log WHERE size > 0 ORDER BY site_id")
                .fetch_all(self.query())
                .await
                .during(OPERATION)?;
        rows.into_iter()
            .map(|row| {
                Ok(LogSize {
                    org: OrgId::from_uuid(row.org_id),
                    site: SiteId::from_uuid(row.site_id),
                    size: unsigned(row.size, OPERATION, "log size")?,
                })
            })
            .collect()
    }

    /// How publication stands.
    pub async fn publication_progress(&mut self) -> StoreResult<PublicationProgress> {
        sqlx::query!(
            r#"SELECT max(published_at) AS last_published_at,
                coalesce(sum(size - published_size), 0)::bigint AS "backlog!" FROM evidence_log"#
        )
        .map(|row| PublicationProgress {
            last_published_at: row.last_published_at,
            backlog: count(row.backlog),
        })
        .fetch_one(self.query())
        .await
        .during("read publication progress")
    }
}
