//! Making proofs from the hashes of complete subtrees (RFC 6962, sections 2.1.1 and 2.1.2).

use super::{empty_root, node_hash, split_level};
use crate::Digest;

/// Gives hashes of complete subtrees: `(level, index)` covers leaves `index·2^level .. (index+1)·2^level`.
pub trait NodeSource {
    /// The hash, or `None` where this source does not hold it.
    fn node(&self, level: u8, index: u64) -> Option<Digest>;
}

impl<S: NodeSource + ?Sized> NodeSource for &S {
    fn node(&self, level: u8, index: u64) -> Option<Digest> {
        (**self).node(level, index)
    }
}

/// Two sources, asked one after the other: a fresh batch, then the stored tiles.
impl<A: NodeSource, B: NodeSource> NodeSource for (A, B) {
    fn node(&self, level: u8, index: u64) -> Option<Digest> {
        self.0.node(level, index).or_else(|| self.1.node(level, index))
    }
}

/// A hash that the proof needs and the source does not hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the hash of node {index} at level {level} is not at hand")]
pub struct MissingNode {
    /// Height above the leaves.
    pub level: u8,
    /// Place within the level.
    pub index: u64,
}

/// The root of the tree over the first `size` leaves.
pub fn root(source: &impl NodeSource, size: u64) -> Result<Digest, MissingNode> {
    if size == 0 { Ok(empty_root()) } else { range_root(source, 0, size) }
}

/// The audit path of leaf `index` in the tree over the first `size` leaves, leaf's sibling first.
///
/// # Panics
/// If `index` is not below `size`: the caller has parsed both.
pub fn prove_inclusion(source: &impl NodeSource, index: u64, size: u64) -> Result<Vec<Digest>, MissingNode> {
    assert!(index < size, "a leaf is inside its tree");
    let (mut begin, mut end, mut path) = (0, size, Vec::new());
    while end - begin > 1 {
        let middle = begin + (1 << split_level(end - begin));
        if index < middle {
            path.push(range_root(source, middle, end)?);
            end = middle;
        } else {
            path.push(range_root(source, begin, middle)?);
            begin = middle;
        }
    }
    path.reverse();
    Ok(path)
}

/// The proof that the tree over `new_size` leaves begins with the tree over `old_size` leaves. Empty for equal sizes.
///
/// # Panics
/// Unless `0 < old_size ≤ new_size`: the caller has parsed both.
pub fn prove_consistency(
    source: &impl NodeSource,
    old_size: u64,
    new_size: u64,
) -> Result<Vec<Digest>, MissingNode> {
    assert!(0 < old_size && old_size <= new_size, "an older tree is neither empty nor larger");
    let (mut begin, mut end, mut path) = (0, new_size, Vec::new());
    while end > old_size {
        let middle = begin + (1 << split_level(end - begin));
        if old_size <= middle {
            path.push(range_root(source, middle, end)?);
            end = middle;
        } else {
            path.push(range_root(source, begin, middle)?);
            begin = middle;
        }
    }
    if begin > 0 {
        path.push(range_root(source, begin, end)?);
    }
    path.reverse();
    Ok(path)
}

/// The hash over leaves `begin..end`, where `begin` is a multiple of the smallest power of two that holds the range.
fn range_root(source: &impl NodeSource, begin: u64, end: u64) -> Result<Digest, MissingNode> {
    let count = end - begin;
    if count.is_power_of_two() {
        let level = u8::try_from(count.ilog2()).expect("ilog2 of a u64 is at most 63");
        let index = begin >> level;
        return source.node(level, index).ok_or(MissingNode { level, index });
    }
    let middle = begin + (1 << split_level(count));
    Ok(node_hash(&range_root(source, begin, middle)?, &range_root(source, middle, end)?))
}
