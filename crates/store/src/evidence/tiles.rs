//! Complete 256-wide tiles, and the hashes at the ragged right edge that are not yet in one.

use proofline_core::{OrgId, SiteId};

use crate::error::{During, stored};
use crate::number::{bigint, digest, unsigned};
use crate::{Scope, StoreResult};

/// A tile that has just become complete.
#[derive(Debug, Clone)]
pub struct NewTile {
    /// 0 holds leaf hashes; each level above holds the roots of 256 tiles below.
    pub level: u8,
    /// Place within its level.
    pub position: u64,
    /// 256 hashes, one behind the other.
    pub hashes: Vec<u8>,
    /// The root over them.
    pub root: [u8; 32],
}

/// A complete tile.
#[derive(Debug, Clone)]
pub struct TileRow {
    /// Its level.
    pub level: u8,
    /// Place within its level.
    pub position: u64,
    /// 256 hashes, one behind the other.
    pub hashes: Vec<u8>,
}

impl Scope {
    /// Stores tiles that became complete.
    pub async fn put_tiles(&mut self, org: OrgId, site: SiteId, tiles: &[NewTile]) -> StoreResult<()> {
        let levels: Vec<i16> = tiles.iter().map(|t| i16::from(t.level)).collect();
        let positions: Vec<i64> = tiles.iter().map(|t| bigint(t.position)).collect();
        let hashes: Vec<&[u8]> = tiles.iter().map(|t| t.hashes.as_slice()).collect();
        let roots: Vec<&[u8]> = tiles.iter().map(|t| t.root.as_slice()).collect();
        sqlx::query!(
            "INSERT INTO evidence_tile (org_id, site_id, level, position, hashes, root)
             SELECT $1, $2, * FROM UNNEST($3::smallint[], $4::bigint[], $5::bytea[], $6::bytea[])",
            org.uuid(),
            site.uuid(),
            &levels,
            &positions,
            &hashes as &[&[u8]],
            &roots as &[&[u8]]
        )
        .execute(self.query())
        .await
        .during("store tiles")
        .map(drop)
    }

    /// The complete tiles among `(level, position)`.
    pub async fn tiles(
        &mut self,
        org: OrgId,
        site: SiteId,
        wanted: &[(u8, u64)],
    ) -> StoreResult<Vec<TileRow>> {
        const OPERATION: &str = "load tiles";
        let levels: Vec<i16> = wanted.iter().map(|&(level, _)| i16::from(level)).collect();
        let positions: Vec<i64> = wanted.iter().map(|&(_, position)| bigint(position)).collect();
        let rows = sqlx::query!(
            "SELECT t.level, t.position, t.hashes
             FROM UNNEST($3::smallint[], $4::bigint[]) AS wanted (level, position)
             JOIN evidence_tile t ON t.org_id = $1 AND t.site_id = $2 AND t.level = wanted.level
                AND t.position = wanted.position",
            org.uuid(),
            site.uuid(),
            &levels,
            &positions
        )
        .fetch_all(self.query())
        .await
        .during(OPERATION)?;
        rows.into_iter()
            .map(|row| {
                Ok(TileRow {
                    level: stored(row.level.try_into(), OPERATION, "tile level")?,
                    position: unsigned(row.position, OPERATION, "tile position")?,
                    hashes: row.hashes,
                })
            })
            .collect()
    }

    /// Roots of the complete tiles of `level` at positions `from..to`, in order. They are the hashes of the level above.
    pub async fn tile_roots(
        &mut self,
        org: OrgId,
        site: SiteId,
        level: u8,
        from: u64,
        to: u64,
    ) -> StoreResult<Vec<[u8; 32]>> {
        const OPERATION: &str = "load tile roots";
        sqlx::query_scalar!(
            "SELECT root FROM evidence_tile WHERE org_id = $1 AND site_id = $2 AND level = $3
             AND position >= $4 AND position < $5 ORDER BY position",
            org.uuid(),
            site.uuid(),
            i16::from(level),
            bigint(from),
            bigint(to)
        )
        .fetch_all(self.query())
        .await
        .during(OPERATION)?
        .into_iter()
        .map(|root| digest(root, OPERATION, "tile root"))
        .collect()
    }

    /// Leaf hashes of entries `from..to`, in order.
    pub async fn leaf_hashes(
        &mut self,
        org: OrgId,
        site: SiteId,
        from: u64,
        to: u64,
    ) -> StoreResult<Vec<[u8; 32]>> {
        const OPERATION: &str = "load leaf hashes";
        sqlx::query_scalar!(
            "SELECT leaf_hash FROM evidence_entry WHERE org_id = $1 AND site_id = $2
             AND leaf_index >= $3 AND leaf_index < $4 ORDER BY leaf_index",
            org.uuid(),
            site.uuid(),
            bigint(from),
            bigint(to)
        )
        .fetch_all(self.query())
        .await
        .during(OPERATION)?
        .into_iter()
        .map(|hash| digest(hash, OPERATION, "leaf hash"))
        .collect()
    }
}
