//! Which tiles a set of proofs needs, and proofs from the tiles once they are loaded.
//!
//! A caller that keeps hashes in a database asks in two steps: [`ProofPlan`] says which tiles (few: one per eight levels at
//! each place where a path leaves another), the caller loads them in one query, and [`TileSet`] then proves any number of
//! leaves without waiting. Nodes inside a tile are hashed once when it is put in.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};

use super::{NodeSource, node_hash, prove_consistency, prove_inclusion};
use crate::tile::{TILE_HEIGHT, TILE_WIDTH, TileRef};
use crate::{Defect, Digest, Reason};

/// The tiles that proofs against one head need.
#[derive(Debug)]
pub struct ProofPlan {
    size: u64,
    tiles: RefCell<BTreeSet<TileRef>>,
}

impl ProofPlan {
    /// Nothing yet, against the head of `size` leaves.
    pub fn new(size: u64) -> Self {
        Self { size, tiles: RefCell::default() }
    }

    /// Adds what the inclusion proof of leaf `index` needs.
    ///
    /// # Panics
    /// If `index` is not below the size.
    pub fn inclusion(&mut self, index: u64) -> &mut Self {
        prove_inclusion(&Recorder(self), index, self.size).expect("the recorder holds every node");
        self
    }

    /// Adds what the consistency proof from `old_size` needs.
    ///
    /// # Panics
    /// Unless `0 < old_size ≤ size`.
    pub fn consistency(&mut self, old_size: u64) -> &mut Self {
        prove_consistency(&Recorder(self), old_size, self.size).expect("the recorder holds every node");
        self
    }

    /// The tiles to load, in order: for each, the hashes `tile.nodes()` of level `8·tile.level()`.
    pub fn tiles(&self) -> Vec<TileRef> {
        self.tiles.borrow().iter().copied().collect()
    }
}

struct Recorder<'a>(&'a ProofPlan);

impl NodeSource for Recorder<'_> {
    fn node(&self, level: u8, index: u64) -> Option<Digest> {
        let tile = TileRef::holding(level, index, self.0.size)
            .expect("a complete subtree lies in a tile of the head");
        self.0.tiles.borrow_mut().insert(tile);
        Some(Digest::ZERO)
    }
}

/// Loaded tiles, ready to prove.
#[derive(Debug, Clone, Default)]
pub struct TileSet(BTreeMap<(u8, u64), Vec<Vec<Digest>>>);

impl TileSet {
    /// No tiles.
    pub fn new() -> Self {
        Self::default()
    }

    /// Puts in the hashes of a tile, in order. Refused unless there are as many as the tile is wide.
    pub fn insert(&mut self, tile: TileRef, hashes: Vec<Digest>) -> Result<(), Defect> {
        if hashes.len() != usize::from(tile.width()) {
            let detail = format!("{} hashes for a tile of width {}", hashes.len(), tile.width());
            return Err(Defect::new(Reason::TileMismatch, detail));
        }
        let mut levels = vec![hashes];
        while let Some(below) = levels.last().filter(|level| level.len() > 1) {
            let above = below.chunks_exact(2).map(|pair| node_hash(&pair[0], &pair[1])).collect();
            levels.push(above);
        }
        self.0.insert((tile.level(), tile.index()), levels);
        Ok(())
    }

    /// Puts in a tile as it is stored and published: its hashes, one behind the other.
    pub fn insert_bytes(&mut self, tile: TileRef, bytes: &[u8]) -> Result<(), Defect> {
        self.insert(tile, crate::tile::parse_hashes(bytes)?)
    }
}

impl NodeSource for TileSet {
    fn node(&self, level: u8, index: u64) -> Option<Digest> {
        let within = level % TILE_HEIGHT;
        let tile_index = index >> (TILE_HEIGHT - within);
        let offset = index & ((TILE_WIDTH >> within) - 1);
        let tile = self.0.get(&(level / TILE_HEIGHT, tile_index))?;
        tile.get(usize::from(within))?.get(usize::try_from(offset).ok()?).copied()
    }
}
