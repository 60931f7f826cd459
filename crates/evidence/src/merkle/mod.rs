//! The Merkle tree of RFC 6962, section 2.1, over SHA-256.
//!
//! Invariants: a leaf hashes as `00 ‖ data`, a node as `01 ‖ left ‖ right`; no node is duplicated to fill a level; every
//! proof is decided by [`verify_inclusion`] and [`verify_consistency`] alone, whatever made it. Nodes are addressed by
//! `(level, index)`: the complete subtree over leaves `index·2^level ..  (index+1)·2^level`.
//!
//! Making proofs needs hashes of complete subtrees and nothing else ([`NodeSource`]). A server has three of them: an
//! [`Appended`] batch (the old frontier and the new leaves, no reads at all), a [`TileSet`] that it filled with the tiles a
//! [`ProofPlan`] asked for, or both as a pair. This module does not know where hashes are stored.

mod frontier;
mod plan;
mod prove;
mod verify;

pub use frontier::{Appended, Frontier};
pub use plan::{ProofPlan, TileSet};
pub use prove::{MissingNode, NodeSource, prove_consistency, prove_inclusion, root};
pub use verify::{verify_consistency, verify_inclusion};

use crate::Digest;

/// The hash of a leaf: `SHA-256(00 ‖ data)`.
pub fn leaf_hash(data: &[u8]) -> Digest {
    Digest::of_parts(&[&[0], data])
}

/// The hash of an inner node: `SHA-256(01 ‖ left ‖ right)`.
pub fn node_hash(left: &Digest, right: &Digest) -> Digest {
    let mut block = [1; 65];
    block[1..33].copy_from_slice(left.as_bytes());
    block[33..].copy_from_slice(right.as_bytes());
    Digest::of(block)
}

/// The root of the tree without leaves: `SHA-256("")`.
pub fn empty_root() -> Digest {
    Digest::of(b"")
}

/// The largest power of two below `count`, as its exponent; `count` is at least 2.
fn split_level(count: u64) -> u8 {
    debug_assert!(count >= 2);
    u8::try_from((count - 1).ilog2()).expect("ilog2 of a u64 is at most 63")
}
