//! What the object store alone says of a site's log: the published entries, hashed anew, must lead to the root of the
//! published checkpoint. Reads one bundle at a time.

use object_store::ObjectStoreExt as _;
use proofline_core::{OrgId, SiteId};
use proofline_evidence::merkle::{Frontier, leaf_hash, verify_consistency};
use proofline_evidence::note::Checkpoint;
use proofline_evidence::tile::{TileRef, parse_bundle, parse_hashes};
use proofline_evidence::{Defect, Digest, Reason};
use proofline_store::{LogHead, Scope};

use super::proofs::{Nothing, Wanted, prove};
use super::publish::object_path;
use super::site_log::open_head;
use crate::AppState;
use crate::http::{ApiResult, Problem};

/// The head that is published of a site's log, if one is. The outer error is about reading, the inner one about what was
/// read.
pub(super) async fn published_head(
    app: &AppState,
    site: SiteId,
) -> ApiResult<Option<Result<Checkpoint, Defect>>> {
    let note = read(app, site, "checkpoint").await?;
    Ok(note.map(|note| open_head(app, site, &note)))
}

/// Whether the log as the database has it extends a head.
pub(super) async fn extends(
    scope: &mut Scope,
    org: OrgId,
    site: SiteId,
    log: &LogHead,
    head: &Checkpoint,
) -> ApiResult<bool> {
    let root = Digest::from_bytes(log.root);
    if head.size >= log.size {
        return Ok((head.size, head.root) == (log.size, root));
    }
    let wanted = Wanted { size: log.size, entries: &[], from_size: head.size };
    let proofs = prove(scope, org, site, &wanted, &Nothing).await?;
    Ok(head.size == 0
        || verify_consistency(head.size, log.size, &head.root, &root, &proofs.consistency).is_ok())
}

/// Rebuilds the tree of a published log and gives its head. Nobody publishes meanwhile: the caller holds the lock.
pub(super) async fn rebuild(app: &AppState, site: SiteId) -> ApiResult<Result<Checkpoint, Defect>> {
    let checkpoint = match published_head(app, site).await? {
        Some(Ok(checkpoint)) => checkpoint,
        Some(Err(defect)) => return Ok(Err(defect)),
        None => return Ok(Err(Defect::new(Reason::EntryMissing, "checkpoint"))),
    };
    let mut frontier = Frontier::new();
    for tile in (0..).map_while(|index| TileRef::new(0, index, checkpoint.size)) {
        let (bundle, hashes) =
            (read(app, site, &tile.bundle_path()).await?, read(app, site, &tile.path()).await?);
        let (Some(bundle), Some(hashes)) = (bundle, hashes) else {
            return Ok(Err(Defect::new(Reason::EntryMissing, tile.bundle_path())));
        };
        if let Err(defect) = follow(&mut frontier, tile, &bundle, &hashes) {
            return Ok(Err(defect));
        }
    }
    if frontier.root() != checkpoint.root {
        return Ok(Err(Defect::new(Reason::RootMismatch, format!("computed {}", frontier.root()))));
    }
    Ok(Ok(checkpoint))
}

/// Takes a bundle and its tile into the tree.
fn follow(frontier: &mut Frontier, tile: TileRef, bundle: &[u8], hashes: &[u8]) -> Result<(), Defect> {
    let leaves: Vec<Digest> = parse_bundle(bundle)?.into_iter().map(leaf_hash).collect();
    if leaves.len() != usize::from(tile.width()) {
        return Err(Defect::new(Reason::EntryMissing, tile.bundle_path()));
    }
    if parse_hashes(hashes)? != leaves {
        return Err(Defect::new(Reason::TileMismatch, tile.path()));
    }
    for leaf in leaves {
        frontier.push(leaf);
    }
    Ok(())
}

/// An object's bytes; `None` where there is none. A store that cannot be read says nothing about what it holds.
async fn read(app: &AppState, site: SiteId, name: &str) -> ApiResult<Option<Vec<u8>>> {
    let path = object_path(app, site, name);
    let failed = |error: object_store::Error| {
        tracing::error!(%path, %error, "a published object cannot be read");
        Problem::unavailable(60)
    };
    match app.evidence_store().get(&path).await {
        Ok(object) => Ok(Some(object.bytes().await.map_err(failed)?.to_vec())),
        Err(object_store::Error::NotFound { .. }) => Ok(None),
        Err(error) => Err(failed(error)),
    }
}
