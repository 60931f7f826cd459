//! What the object store alone says of a site's log: the published entries, hashed anew, must lead to the root of the
//! published checkpoint. Reads one bundle at a time.

use axum::http::StatusCode;
use object_store::ObjectStoreExt as _;
use proofline_core::SiteId;
use proofline_evidence::merkle::{Frontier, leaf_hash};
use proofline_evidence::note::{Checkpoint, NoteKey, SignatureKind};
use proofline_evidence::tile::{TileRef, parse_bundle, parse_hashes};
use proofline_evidence::{Defect, Digest, Reason};

use super::publish::object_path;
use crate::AppState;
use crate::http::{ApiResult, Problem};

/// Rebuilds the tree of a published log. The outer error is about reading, the inner one about what was read.
pub(super) async fn rebuild(app: &AppState, site: SiteId) -> ApiResult<Result<Checkpoint, Defect>> {
    let note = read(app, site, "checkpoint").await?;
    let installation = app.installation().id;
    let (name, origin) = (Checkpoint::key_name(installation), Checkpoint::origin_of(installation, site));
    let opened = NoteKey::new(&name, SignatureKind::Plain, app.keys().checkpoint.public_key().clone())
        .and_then(|key| Checkpoint::open(&note, &key, &origin));
    let checkpoint = match opened {
        Ok(opened) => opened.checkpoint,
        Err(defect) => return Ok(Err(defect)),
    };
    let mut frontier = Frontier::new();
    for tile in (0..).map_while(|index| TileRef::new(0, index, checkpoint.size)) {
        let (bundle, hashes) =
            (read(app, site, &tile.bundle_path()).await?, read(app, site, &tile.path()).await?);
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

async fn read(app: &AppState, site: SiteId, name: &str) -> ApiResult<Vec<u8>> {
    let path = object_path(app, site, name);
    let failed = |error: object_store::Error| {
        tracing::error!(%path, %error, "a published object cannot be read");
        Problem::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "evidence_unreadable",
            format!("{path} cannot be read"),
        )
    };
    let object = app.evidence_store().get(&path).await.map_err(failed)?;
    Ok(object.bytes().await.map_err(failed)?.to_vec())
}
