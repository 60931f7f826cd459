//! Cutting a stream of leaf hashes into tiles, in the order in which an export holds them.

use crate::tile::{TILE_WIDTH, TileRef, full_tile_root};
use crate::{Digest, merkle};

/// A tile with its hashes.
pub(super) type Tile = (TileRef, Vec<Digest>);

/// Holds the unfinished tile of each level.
#[derive(Debug, Default)]
pub(super) struct TileCutter {
    frontier: merkle::Frontier,
    levels: Vec<Vec<Digest>>,
}

impl TileCutter {
    /// The tree so far.
    pub(super) fn frontier(&self) -> &merkle::Frontier {
        &self.frontier
    }

    /// Takes one leaf, at most 256 between two calls of [`Self::close_bundle`].
    pub(super) fn push(&mut self, leaf: Digest) {
        self.frontier.push(leaf);
        self.level(0).push(leaf);
    }

    /// How many leaves the current bundle has.
    pub(super) fn pending(&self) -> usize {
        self.levels.first().map_or(0, Vec::len)
    }

    /// The tiles that follow the bundle just filled: its own of level 0, then those that it completes above.
    pub(super) fn close_bundle(&mut self) -> Vec<Tile> {
        let mut tiles = Vec::new();
        for level in 0.. {
            let hashes = std::mem::take(self.level(level));
            let tile = self.tile(level, hashes.len());
            let root = full_tile_root(&hashes);
            tiles.push((tile, hashes));
            // Nothing grows on the last, partial bundle.
            let Ok(root) = root else { break };
            let above = self.level(level + 1);
            above.push(root);
            if (above.len() as u64) < TILE_WIDTH {
                break;
            }
        }
        tiles
    }

    /// The partial tiles above level 0, which close the export.
    pub(super) fn close_log(mut self) -> Vec<Tile> {
        (1..self.levels.len())
            .filter_map(|level| {
                let hashes = std::mem::take(&mut self.levels[level]);
                (!hashes.is_empty()).then(|| (self.tile(level, hashes.len()), hashes))
            })
            .collect()
    }

    fn level(&mut self, level: usize) -> &mut Vec<Digest> {
        if self.levels.len() <= level {
            self.levels.resize_with(level + 1, Vec::new);
        }
        &mut self.levels[level]
    }

    fn tile(&self, level: usize, width: usize) -> TileRef {
        let level = u8::try_from(level).expect("at most eight levels of tiles");
        let size = self.frontier.size();
        let hashes = size.checked_shr(8 * u32::from(level)).unwrap_or(0);
        let width = u64::try_from(width).expect("at most 256");
        TileRef::new(level, (hashes - width) / TILE_WIDTH, size).expect("these hashes are in the tree")
    }
}
