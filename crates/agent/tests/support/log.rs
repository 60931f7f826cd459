//! The Merkle tree of RFC 6962 section 2.1, written down as the recursive definition: slow, and independent of the code
//! that is tested.

use proofline_evidence::Digest;
use proofline_evidence::merkle::{leaf_hash, node_hash};

fn split(count: usize) -> usize {
    count.next_power_of_two() / 2
}

/// MTH(D[n]).
pub fn root(leaves: &[Vec<u8>]) -> Digest {
    match leaves {
        [] => Digest::of(b""),
        [leaf] => leaf_hash(leaf),
        _ => {
            let (left, right) = leaves.split_at(split(leaves.len()));
            node_hash(&root(left), &root(right))
        }
    }
}

/// PATH(m, D[n]), section 2.1.1.
pub fn inclusion(index: usize, leaves: &[Vec<u8>]) -> Vec<Digest> {
    if leaves.len() < 2 {
        return Vec::new();
    }
    let (left, right) = leaves.split_at(split(leaves.len()));
    let (mut path, sibling) = if index < left.len() {
        (inclusion(index, left), root(right))
    } else {
        (inclusion(index - left.len(), right), root(left))
    };
    path.push(sibling);
    path
}

/// PROOF(m, D[n]), section 2.1.2; empty for `m` = 0 and `m` = n.
pub fn consistency(old: usize, leaves: &[Vec<u8>]) -> Vec<Digest> {
    if old == 0 || old >= leaves.len() { Vec::new() } else { subproof(old, leaves, true) }
}

fn subproof(old: usize, leaves: &[Vec<u8>], complete: bool) -> Vec<Digest> {
    if old == leaves.len() {
        return if complete { Vec::new() } else { vec![root(leaves)] };
    }
    let (left, right) = leaves.split_at(split(leaves.len()));
    let (mut proof, sibling) = if old <= left.len() {
        (subproof(old, left, complete), root(right))
    } else {
        (subproof(old - left.len(), right, false), root(left))
    };
    proof.push(sibling);
    proof
}
