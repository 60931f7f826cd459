//! Deciding proofs (RFC 9162, sections 2.1.3.2 and 2.1.4.2; the tree is that of RFC 6962).

use super::node_hash;
use crate::{Defect, Digest, Reason};

/// Decides whether the leaf with hash `leaf` stands at position `index` of the tree of `size` leaves with root `root`.
pub fn verify_inclusion(
    index: u64,
    size: u64,
    leaf: &Digest,
    proof: &[Digest],
    root: &Digest,
) -> Result<(), Defect> {
    if index >= size {
        return Err(Defect::new(Reason::ProofIndex, format!("position {index} of {size}")));
    }
    let (mut node, mut last, mut hash) = (index, size - 1, *leaf);
    for sibling in proof {
        if last == 0 {
            return Err(wrong_length());
        }
        if node & 1 == 1 || node == last {
            hash = node_hash(sibling, &hash);
            while node & 1 == 0 && node != 0 {
                node >>= 1;
                last >>= 1;
            }
        } else {
            hash = node_hash(&hash, sibling);
        }
        node >>= 1;
        last >>= 1;
    }
    if last != 0 {
        return Err(wrong_length());
    }
    same_root(&hash, root)
}

/// Decides whether the tree of `new_size` leaves with `new_root` begins with the tree of `old_size` leaves and `old_root`.
///
/// Trees of one size are consistent when their roots are equal and the proof is empty. Nothing can be said about an empty
/// older tree, not even of an empty newer one: refused with [`Reason::ProofIndex`].
pub fn verify_consistency(
    old_size: u64,
    new_size: u64,
    old_root: &Digest,
    new_root: &Digest,
    proof: &[Digest],
) -> Result<(), Defect> {
    if old_size == 0 || old_size > new_size {
        return Err(Defect::new(Reason::ProofIndex, format!("from {old_size} to {new_size}")));
    }
    if old_size == new_size {
        if !proof.is_empty() {
            return Err(wrong_length());
        }
        return same_root(old_root, new_root);
    }
    let (mut node, mut last) = (old_size - 1, new_size - 1);
    while node & 1 == 1 {
        node >>= 1;
        last >>= 1;
    }
    let mut proof = proof.iter();
    // A complete older tree is itself the first node and is not repeated in the proof.
    let seed = if node == 0 { *old_root } else { *proof.next().ok_or_else(wrong_length)? };
    let (mut old_hash, mut new_hash) = (seed, seed);
    for sibling in proof {
        if last == 0 {
            return Err(wrong_length());
        }
        if node & 1 == 1 || node == last {
            old_hash = node_hash(sibling, &old_hash);
            new_hash = node_hash(sibling, &new_hash);
            while node & 1 == 0 && node != 0 {
                node >>= 1;
                last >>= 1;
            }
        } else {
            new_hash = node_hash(&new_hash, sibling);
        }
        node >>= 1;
        last >>= 1;
    }
    if last != 0 {
        return Err(wrong_length());
    }
    same_root(&old_hash, old_root)?;
    same_root(&new_hash, new_root)
}

fn wrong_length() -> Defect {
    Defect::new(Reason::ProofLength, "the number of hashes does not fit the sizes")
}

fn same_root(computed: &Digest, expected: &Digest) -> Result<(), Defect> {
    if computed == expected { Ok(()) } else { Err(Defect::new(Reason::ProofRoot, "computed another root")) }
}
