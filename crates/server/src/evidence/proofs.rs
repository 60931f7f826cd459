//! Proofs from stored tiles: one query for full tiles and one per level for the ragged edge, however many proofs.

use std::collections::BTreeMap;

use proofline_core::{OrgId, SiteId};
use proofline_evidence::Digest;
use proofline_evidence::merkle::{NodeSource, ProofPlan, TileSet, prove_consistency, prove_inclusion};
use proofline_evidence::tile::TileRef;
use proofline_store::Scope;

use super::site_log::refused;
use crate::http::{ApiResult, Problem};

/// What is to be proved against the head of `size` entries.
pub(super) struct Wanted<'a> {
    /// The head's size.
    pub(super) size: u64,
    /// Inclusion of these entries.
    pub(super) entries: &'a [u64],
    /// Consistency from this size; 0 or the head's own size need no proof.
    pub(super) from_size: u64,
}

/// The proofs, in the order of what was wanted.
pub(super) struct Proofs {
    /// Inclusion, entry by entry.
    pub(super) inclusion: Vec<Vec<Digest>>,
    /// Consistency; empty where none is needed.
    pub(super) consistency: Vec<Digest>,
}

impl Wanted<'_> {
    fn grew(&self) -> bool {
        0 < self.from_size && self.from_size < self.size
    }

    /// The proofs, if `source` holds every node that they need.
    fn prove(&self, source: &impl NodeSource) -> Option<Proofs> {
        let inclusion = self.entries.iter().map(|&index| prove_inclusion(source, index, self.size).ok());
        let consistency = match self.grew() {
            true => prove_consistency(source, self.from_size, self.size).ok()?,
            false => Vec::new(),
        };
        Some(Proofs { inclusion: inclusion.collect::<Option<_>>()?, consistency })
    }
}

/// Proves from what is `at_hand`, and from stored tiles where that is not enough.
pub(super) async fn prove(
    scope: &mut Scope,
    org: OrgId,
    site: SiteId,
    wanted: &Wanted<'_>,
    at_hand: &impl NodeSource,
) -> ApiResult<Proofs> {
    if let Some(proofs) = wanted.prove(at_hand) {
        return Ok(proofs);
    }
    let mut plan = ProofPlan::new(wanted.size);
    for &index in wanted.entries {
        plan.inclusion(index);
    }
    if wanted.grew() {
        plan.consistency(wanted.from_size);
    }
    let tiles = load(scope, org, site, &plan.tiles()).await?;
    wanted.prove(&(at_hand, &tiles)).ok_or_else(|| Problem::internal(&Incomplete))
}

/// Loads tiles: full ones as stored, partial ones from the entries or from the roots of the level below.
pub(super) async fn load(
    scope: &mut Scope,
    org: OrgId,
    site: SiteId,
    tiles: &[TileRef],
) -> ApiResult<TileSet> {
    let mut set = TileSet::new();
    let full: Vec<_> =
        tiles.iter().filter(|tile| tile.is_full()).map(|tile| (tile.level(), tile.index())).collect();
    if !full.is_empty() {
        let wanted: BTreeMap<_, _> = tiles.iter().map(|tile| ((tile.level(), tile.index()), *tile)).collect();
        for row in scope.tiles(org, site, &full).await? {
            if let Some(tile) = wanted.get(&(row.level, row.position)) {
                set.insert_bytes(*tile, &row.hashes).map_err(refused)?;
            }
        }
    }
    // A head has one partial tile per level at most.
    for tile in tiles.iter().filter(|tile| !tile.is_full()) {
        let nodes = tile.nodes();
        let hashes = match tile.level().checked_sub(1) {
            None => scope.leaf_hashes(org, site, nodes.start, nodes.end).await?,
            Some(below) => scope.tile_roots(org, site, below, nodes.start, nodes.end).await?,
        };
        set.insert(*tile, hashes.into_iter().map(Digest::from_bytes).collect()).map_err(refused)?;
    }
    Ok(set)
}

/// Nothing is at hand.
pub(super) struct Nothing;

impl NodeSource for Nothing {
    fn node(&self, _: u8, _: u64) -> Option<Digest> {
        None
    }
}

/// Tiles that must be there are not: the database was changed behind our back.
#[derive(Debug, thiserror::Error)]
#[error("stored tiles are missing")]
struct Incomplete;
