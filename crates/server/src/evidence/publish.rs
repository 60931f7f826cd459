//! Publication: each site's log as C2SP tlog-tiles in the object store, with a fresh checkpoint, every hour and at export.
//!
//! Objects are written before the checkpoint that commits to them, and the database learns of it last. Killed at any point
//! and started again, the same objects are written with the same bytes: a reader always finds a checkpoint whose entries
//! and tiles are all there. Nothing that does not hash to the checkpoint's root is published, and no checkpoint that does not
//! extend the published one: a database that was set back or rewritten cannot go public. One publisher at a time per log.
//! Partial tiles are removed once the full one is published, as tlog-tiles allows: else the hourly ones of a quiet log would
//! outweigh its entries.

use chrono::TimeDelta;
use futures_util::{StreamExt as _, TryStreamExt as _};
use object_store::path::Path;
use object_store::{ObjectStoreExt as _, PutPayload};
use proofline_core::{OrgId, SiteId};
use proofline_evidence::Digest;
use proofline_evidence::merkle::{TileSet, leaf_hash, root};
use proofline_evidence::note::Checkpoint;
use proofline_evidence::tile::{TILE_WIDTH, TileRef, full_tile_root, hashes_to_bytes, push_entry};
use proofline_store::{AlarmKind, Scope};

use super::alarm;
use super::proofs::load;
use super::rebuild::{extends, published_head};
use super::site_log::{refused, sign};
use crate::AppState;
use crate::http::{ApiResult, Problem};

/// How old a publication may be.
const PUBLISHED_EVERY: TimeDelta = TimeDelta::hours(1);

/// How many logs are listed at once.
const LISTED: i64 = 100;

/// Job: publishes what is due, idle logs included: a checkpoint says that nothing was added, too.
pub(crate) async fn publish_due(app: &AppState) -> ApiResult<String> {
    let before = app.now() - PUBLISHED_EVERY;
    let (mut published, mut failed) = (0_u32, Vec::new());
    loop {
        let skip = i64::try_from(failed.len()).unwrap_or(i64::MAX);
        let mut due =
            app.background_scope("publication").await?.logs_to_publish(before, LISTED + skip).await?;
        due.retain(|log| !failed.contains(&log.site));
        if due.is_empty() {
            break;
        }
        for log in due {
            match publish_site(app, log.org, log.site).await {
                Ok(()) => published += 1,
                Err(problem) => {
                    tracing::warn!(site = %log.site, code = problem.code(), "not published");
                    failed.push(log.site);
                    let detail = format!("the log could not be published: {}", problem.detail());
                    let failed = (AlarmKind::PublicationFailed, detail.as_str());
                    alarm::raise(app, "publication", (log.org, log.site), failed).await?;
                }
            }
        }
    }
    Ok(format!("{published} published, {} failed", failed.len()))
}

/// Publishes one log up to its present head.
pub(super) async fn publish_site(app: &AppState, org: OrgId, site: SiteId) -> ApiResult<()> {
    let mut scope = app.background_scope("publication").await?;
    scope.lock_publication(site).await?;
    let head = scope.log_head(org, site).await?.ok_or_else(Problem::not_found)?;
    // A head is dated when it was read: one signed meanwhile is larger and later.
    let at = app.now().max(head.signed_at);
    let log = Log { app, org, site, size: head.size };
    log.prove_root(&mut scope, Digest::from_bytes(head.root)).await?;
    // What the store holds is what was published, whatever the database says.
    let published = match published_head(app, site).await? {
        Some(Ok(published)) if extends(&mut scope, org, site, &head, &published).await? => published.size,
        Some(Ok(_)) => return Err(unsound("the database does not extend what is published")),
        Some(Err(_)) => return Err(unsound("the published checkpoint is not this installation's")),
        None => 0,
    };
    let first_new = |level: u8| published.checked_shr(8 * (u32::from(level) + 1)).unwrap_or(0);
    for tile in TileRef::all(head.size).filter(|tile| tile.index() >= first_new(tile.level())) {
        log.publish(&mut scope, tile).await?;
    }
    let note = sign(app, site, (head.size, Digest::from_bytes(head.root)), at)?;
    log.put("checkpoint", note.clone().into_bytes()).await?;
    scope.mark_published(org, site, head.size, &note, at).await?;
    scope.clear_alarms(org, site, AlarmKind::PublicationFailed, at).await?;
    for tile in TileRef::completed(published, head.size) {
        log.remove_partials(tile).await;
    }
    Ok(scope.commit_unaudited().await?)
}

/// A log at the size that is being published.
struct Log<'a> {
    app: &'a AppState,
    org: OrgId,
    site: SiteId,
    size: u64,
}

impl Log<'_> {
    /// The right edge of the stored tiles must lead to the root.
    async fn prove_root(&self, scope: &mut Scope, expected: Digest) -> ApiResult<()> {
        let edge: Vec<_> = (0..8_u8)
            .filter_map(|level| {
                let width = self.size.checked_shr(8 * u32::from(level)).unwrap_or(0);
                let last = width.div_ceil(TILE_WIDTH).checked_sub(1);
                last.and_then(|index| TileRef::new(level, index, self.size))
            })
            .collect();
        let tiles: TileSet = load(scope, self.org, self.site, &edge).await?;
        match root(&tiles, self.size) {
            Ok(computed) if computed == expected => Ok(()),
            Ok(_) | Err(_) => Err(unsound("its tiles do not add up to its root")),
        }
    }

    /// Writes one tile, and for a tile of leaf hashes the entries behind it.
    async fn publish(&self, scope: &mut Scope, tile: TileRef) -> ApiResult<()> {
        let nodes = tile.nodes();
        let mut entries_behind = None;
        let hashes: Vec<Digest> = if let Some(below) = tile.level().checked_sub(1) {
            let roots = scope.tile_roots(self.org, self.site, below, nodes.start, nodes.end).await?;
            roots.into_iter().map(Digest::from_bytes).collect()
        } else {
            let entries = scope.entry_range(self.org, self.site, nodes.start, nodes.end).await?;
            let mut bundle = Vec::new();
            for entry in &entries {
                if leaf_hash(&entry.envelope).as_bytes() != &entry.leaf_hash {
                    return Err(unsound("an entry is not what its leaf hash says"));
                }
                push_entry(&mut bundle, &entry.envelope).map_err(refused)?;
            }
            entries_behind = Some(bundle);
            entries.iter().map(|entry| Digest::from_bytes(entry.leaf_hash)).collect()
        };
        if hashes.len() != usize::from(tile.width()) {
            return Err(unsound("entries or tiles are missing"));
        }
        if tile.is_full() {
            // The roots of full tiles lead to the log's root, which was proved; hashes that lead to a root are its own.
            let (level, index) = (tile.level(), tile.index());
            let stored = scope.tile_roots(self.org, self.site, level, index, index + 1).await?;
            let root = full_tile_root(&hashes).map_err(refused)?;
            if stored != [*root.as_bytes()] {
                return Err(unsound("a tile does not lead to the log's root"));
            }
        }
        if let Some(bundle) = entries_behind {
            self.put(&tile.bundle_path(), bundle).await?;
        }
        self.put(&tile.path(), hashes_to_bytes(&hashes)).await
    }

    /// Removes what the full tile has replaced. What cannot be removed stays and does no harm.
    async fn remove_partials(&self, tile: TileRef) {
        let store = self.app.evidence_store();
        let names = [tile.path(), tile.bundle_path()];
        for name in if tile.level() == 0 { &names[..] } else { &names[..1] } {
            let folder = object_path(self.app, self.site, &format!("{name}.p"));
            let objects = store.list(Some(&folder)).map_ok(|object| object.location).boxed();
            if let Err(error) =
                store.delete_stream(objects).try_for_each(|_| std::future::ready(Ok(()))).await
            {
                tracing::warn!(%folder, %error, "partial tiles stay behind");
            }
        }
    }

    async fn put(&self, name: &str, bytes: Vec<u8>) -> ApiResult<()> {
        let path = object_path(self.app, self.site, name);
        let payload = PutPayload::from(bytes);
        let put = self.app.evidence_store().put(&path, payload).await;
        put.map(drop).map_err(|error| {
            tracing::error!(%path, %error, "an object cannot be written");
            Problem::unavailable(60)
        })
    }
}

/// `<installation>/evidence/<site>/<name>`, the log's origin and the file in it.
pub(super) fn object_path(app: &AppState, site: SiteId, name: &str) -> Path {
    Path::from(format!("{}/{name}", Checkpoint::origin_of(app.installation().id, site)))
}

/// Says in the alarm what does not add up.
fn unsound(what: &'static str) -> Problem {
    Problem::new(axum::http::StatusCode::INTERNAL_SERVER_ERROR, "evidence_unsound", what)
}
