//! Where a site's log and each of its signers stand.

use std::collections::HashSet;

use proofline_core::{ApplianceId, AssetId, OrgId, SiteId, Timestamp};

use crate::error::During;
use crate::number::{bigint, digest, unsigned};
use crate::{Scope, StoreResult};

/// The head of a site's log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogHead {
    /// How many entries.
    pub size: u64,
    /// The Merkle root over them.
    pub root: [u8; 32],
    /// Roots of the complete subtrees that make up the tree, largest first, one behind the other.
    pub peaks: Vec<u8>,
    /// The signed checkpoint of exactly this size.
    pub checkpoint: String,
    /// When it was signed.
    pub signed_at: Timestamp,
    /// When the last entry came in.
    pub last_entry_at: Timestamp,
    /// How many entries are published.
    pub published_size: u64,
    /// The checkpoint that was published with them.
    pub published_checkpoint: Option<String>,
    /// When.
    pub published_at: Option<Timestamp>,
}

/// Where a signer stands in a site's log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signer {
    /// Hex SHA-256 of its public key.
    pub key_id: String,
    /// The sequence number that comes next, from 1.
    pub next_seq: u64,
    /// SHA-256 of its last envelope, zeros before the first.
    pub last_digest: [u8; 32],
    /// Its whole state is wanted.
    pub resync: bool,
    /// The latest time that its statements have given to a span.
    pub latest_at: Option<Timestamp>,
}

impl Scope {
    /// Begins a site's log; one that is there stays as it is.
    pub async fn create_log(&mut self, org: OrgId, site: SiteId, head: &LogHead) -> StoreResult<()> {
        sqlx::query!(
            "INSERT INTO evidence_log (org_id, site_id, size, root, peaks, checkpoint, signed_at, last_entry_at)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT DO NOTHING",
            org.uuid(),
            site.uuid(),
            bigint(head.size),
            head.root.as_slice(),
            head.peaks,
            head.checkpoint,
            head.signed_at,
            head.last_entry_at
        )
        .execute(self.query())
        .await
        .during("create log")
        .map(drop)
    }

    /// Locks a site's log until the scope ends and tells where it and one signer stand. `None` before it was created.
    pub async fn lock_log(
        &mut self,
        org: OrgId,
        site: SiteId,
        key_id: &str,
    ) -> StoreResult<Option<(LogHead, Option<Signer>)>> {
        const OPERATION: &str = "lock log";
        let row = sqlx::query!(
            r#"SELECT l.size, l.root, l.peaks, l.checkpoint, l.signed_at, l.last_entry_at, l.published_size,
                l.published_checkpoint, l.published_at, s.next_seq AS "next_seq?", s.last_digest AS "last_digest?",
                s.resync AS "resync?", s.latest_at AS "latest_at?"
             FROM evidence_log l LEFT JOIN evidence_signer s
                ON s.org_id = l.org_id AND s.site_id = l.site_id AND s.key_id = $3
             WHERE l.org_id = $1 AND l.site_id = $2 FOR UPDATE OF l"#,
            org.uuid(),
            site.uuid(),
            key_id
        )
        .fetch_optional(self.query())
        .await
        .during(OPERATION)?;
        let Some(row) = row else { return Ok(None) };
        let signer = match (row.next_seq, row.last_digest, row.resync) {
            (Some(next_seq), Some(last_digest), Some(resync)) => Some(Signer {
                key_id: key_id.to_owned(),
                next_seq: unsigned(next_seq, OPERATION, "sequence number")?,
                last_digest: digest(last_digest, OPERATION, "envelope digest")?,
                resync,
                latest_at: row.latest_at,
            }),
            _ => None,
        };
        let head = LogHead {
            size: unsigned(row.size, OPERATION, "log size")?,
            root: digest(row.root, OPERATION, "log root")?,
            peaks: row.peaks,
            checkpoint: row.checkpoint,
            signed_at: row.signed_at,
            last_entry_at: row.last_entry_at,
            published_size: unsigned(row.published_size, OPERATION, "published size")?,
            published_checkpoint: row.published_checkpoint,
            published_at: row.published_at,
        };
        Ok(Some((head, signer)))
    }

    /// The head of a site's log, without a lock. `None` before its first entry.
    pub async fn log_head(&mut self, org: OrgId, site: SiteId) -> StoreResult<Option<LogHead>> {
        const OPERATION: &str = "read log head";
        let row = sqlx::query!(
            "SELECT size, root, peaks, checkpoint, signed_at, last_entry_at, published_size, published_checkpoint,
                published_at FROM evidence_log WHERE org_id = $1 AND site_id = $2",
            org.uuid(),
            site.uuid()
        )
        .fetch_optional(self.query())
        .await
        .during(OPERATION)?;
        row.map(|row| {
            Ok(LogHead {
                size: unsigned(row.size, OPERATION, "log size")?,
                root: digest(row.root, OPERATION, "log root")?,
                peaks: row.peaks,
                checkpoint: row.checkpoint,
                signed_at: row.signed_at,
                last_entry_at: row.last_entry_at,
                published_size: unsigned(row.published_size, OPERATION, "published size")?,
                published_checkpoint: row.published_checkpoint,
                published_at: row.published_at,
            })
        })
        .transpose()
    }

    /// The assets that an appliance speaks for; `None` once it was revoked. Read under the lock of its site's log it holds
    /// until the scope ends: a revocation is an entry of that log.
    pub async fn assets_spoken_for(
        &mut self,
        org: OrgId,
        appliance: ApplianceId,
    ) -> StoreResult<Option<HashSet<AssetId>>> {
        sqlx::query_scalar!(
            r#"SELECT array(SELECT s.id FROM asset s WHERE s.org_id = a.org_id AND s.appliance_id = a.id
                AND s.retired_at IS NULL) AS "assets!"
             FROM appliance a WHERE a.org_id = $1 AND a.id = $2 AND a.revoked_at IS NULL"#,
            org.uuid(),
            appliance.uuid()
        )
        .fetch_optional(self.query())
        .await
        .during("list assets of appliance")
        .map(|row| row.map(|ids| ids.into_iter().map(AssetId::from_uuid).collect()))
    }

    /// Moves the head of a locked log and one signer forward, in one statement.
    pub async fn put_log(
        &mut self,
        org: OrgId,
        site: SiteId,
        head: &LogHead,
        signer: &Signer,
    ) -> StoreResult<()> {
        sqlx::query!(
            "WITH moved AS (
                UPDATE evidence_log SET size = $3, root = $4, peaks = $5, checkpoint = $6, signed_at = $7,
                    last_entry_at = $8
                WHERE org_id = $1 AND site_id = $2)
             INSERT INTO evidence_signer (org_id, site_id, key_id, next_seq, last_digest, resync, latest_at)
             VALUES ($1, $2, $9, $10, $11, $12, $13)
             ON CONFLICT (org_id, site_id, key_id) DO UPDATE SET next_seq = EXCLUDED.next_seq,
                last_digest = EXCLUDED.last_digest, resync = EXCLUDED.resync, latest_at = EXCLUDED.latest_at",
            org.uuid(),
            site.uuid(),
            bigint(head.size),
            head.root.as_slice(),
            head.peaks,
            head.checkpoint,
            head.signed_at,
            head.last_entry_at,
            signer.key_id,
            bigint(signer.next_seq),
            signer.last_digest.as_slice(),
            signer.resync,
            signer.latest_at
        )
        .execute(self.query())
        .await
        .during("move log head")
        .map(drop)
    }

    /// Whether the holder of this key is to send its whole state.
    pub async fn resync_wanted(&mut self, org: OrgId, site: SiteId, key_id: &str) -> StoreResult<bool> {
        sqlx::query_scalar!(
            "SELECT resync FROM evidence_signer WHERE org_id = $1 AND site_id = $2 AND key_id = $3",
            org.uuid(),
            site.uuid(),
            key_id
        )
        .fetch_optional(self.query())
        .await
        .during("read resync wish")
        .map(Option::unwrap_or_default)
    }

    /// Ids of all keys whose holders are to send their whole state: what a node keeps in memory for check-ins.
    pub async fn signers_to_resync(&mut self, limit: i64) -> StoreResult<Vec<String>> {
        sqlx::query_scalar!("SELECT key_id FROM evidence_signer WHERE resync ORDER BY key_id LIMIT $1", limit)
            .fetch_all(self.query())
            .await
            .during("list signers to resync")
    }
}
