//! The Merkle tree: published proof vectors, and properties over every small tree and random larger ones.

use std::path::{Path, PathBuf};

use proofline_evidence::Digest;
use proofline_evidence::encoding;
use proofline_evidence::merkle::{
    Frontier, NodeSource, ProofPlan, TileSet, empty_root, leaf_hash, node_hash, prove_consistency,
    prove_inclusion, root, verify_consistency, verify_inclusion,
};
use proofline_evidence::tile::{TileRef, full_tile_root};
use proptest::prelude::*;
use serde::Deserialize;

fn vectors(kind: &str) -> Vec<(PathBuf, String)> {
    let mut folders =
        vec![Path::new(env!("CARGO_MANIFEST_DIR")).join("../../spec/evidence/vectors/rfc6962").join(kind)];
    let mut files = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).expect("vectors are committed") {
            let path = entry.expect("readable").path();
            if path.is_dir() {
                folders.push(path);
            } else {
                let bytes = std::fs::read(&path).expect("readable");
                files.push((path, String::from_utf8(bytes).expect("UTF-8")));
            }
        }
    }
    files
}

fn digest(text: &str) -> Option<Digest> {
    Digest::from_slice(&encoding::decode(text).ok()?)
}

/// A few consistency vectors use placeholders of another length where any two equal (or different) roots would do.
fn root_or_placeholder(text: &str) -> Option<Digest> {
    digest(text).or_else(|| encoding::decode(text).ok().map(Digest::of))
}

fn digests(proof: Option<Vec<String>>) -> Option<Vec<Digest>> {
    proof.unwrap_or_default().iter().map(|hash| digest(hash)).collect()
}

#[test]
fn published_inclusion_vectors_are_decided() {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Vector {
        leaf_idx: u64,
        tree_size: u64,
        root: String,
        leaf_hash: String,
        proof: Option<Vec<String>>,
        want_err: bool,
    }
    let files = vectors("inclusion");
    for (path, text) in &files {
        let vector: Vector = serde_json::from_str(text).expect("a vector");
        let accepted = (|| {
            let (leaf, root) = (digest(&vector.leaf_hash)?, digest(&vector.root)?);
            verify_inclusion(vector.leaf_idx, vector.tree_size, &leaf, &digests(vector.proof)?, &root).ok()
        })();
        assert_eq!(accepted.is_none(), vector.want_err, "{}", path.display());
    }
    assert_eq!(files.len(), 98);
}

#[test]
fn published_consistency_vectors_are_decided() {
    #[derive(Deserialize)]
    struct Vector {
        size1: u64,
        size2: u64,
        root1: String,
        root2: String,
        proof: Option<Vec<String>>,
        #[serde(rename = "wantErr")]
        want_err: bool,
    }
    let files = vectors("consistency");
    for (path, text) in &files {
        let vector: Vector = serde_json::from_str(text).expect("a vector");
        let accepted = (|| {
            let (old, new) = (root_or_placeholder(&vector.root1)?, root_or_placeholder(&vector.root2)?);
            verify_consistency(vector.size1, vector.size2, &old, &new, &digests(vector.proof)?).ok()
        })();
        assert_eq!(accepted.is_none(), vector.want_err, "{}", path.display());
    }
    assert_eq!(files.len(), 98);
}

/// RFC 6962, section 2.1, word for word.
fn naive_root(leaves: &[Digest]) -> Digest {
    match leaves {
        [] => empty_root(),
        [leaf] => *leaf,
        _ => {
            let split = leaves.len().next_power_of_two() / 2;
            node_hash(&naive_root(&leaves[..split]), &naive_root(&leaves[split..]))
        }
    }
}

fn leaves(count: u64) -> Vec<Digest> {
    (0..count).map(|n| leaf_hash(&n.to_be_bytes())).collect()
}

/// Every complete subtree, computed the slow way.
struct Naive(Vec<Digest>);

impl NodeSource for Naive {
    fn node(&self, level: u8, index: u64) -> Option<Digest> {
        let begin = usize::try_from(index << level).ok()?;
        self.0.get(begin..begin + (1 << level)).map(naive_root)
    }
}

#[test]
fn every_proof_of_every_small_tree_verifies() {
    for size in 1..=40 {
        let source = Naive(leaves(size));
        let head = naive_root(&source.0);
        assert_eq!(root(&source, size), Ok(head));
        for (index, leaf) in (0..).zip(&source.0) {
            let proof = prove_inclusion(&source, index, size).expect("all nodes at hand");
            assert_eq!(verify_inclusion(index, size, leaf, &proof, &head), Ok(()), "{index} of {size}");
        }
        for old in 1..=size {
            let old_root = naive_root(&source.0[..usize::try_from(old).expect("small")]);
            let proof = prove_consistency(&source, old, size).expect("all nodes at hand");
            assert_eq!(verify_consistency(old, size, &old_root, &head, &proof), Ok(()), "{old} to {size}");
        }
    }
}

#[test]
fn the_frontier_is_the_tree_without_its_inside() {
    let (all, mut frontier) = (leaves(300), Frontier::new());
    assert_eq!(frontier.root(), empty_root());
    for size in 1..=300 {
        frontier.push(all[size - 1]);
        assert_eq!(frontier.root(), naive_root(&all[..size]));
        let stored = Frontier::from_parts(frontier.size(), frontier.peaks().to_vec()).expect("own parts");
        assert_eq!(stored, frontier);
    }
    assert!(Frontier::from_parts(3, vec![all[0]]).is_err());
}

/// The tiles of a tree, as a server stores them.
fn stored_tiles(all: &[Digest]) -> impl Fn(TileRef) -> Vec<Digest> {
    let mut levels = vec![all.to_vec()];
    while let Some(below) = levels.last().filter(|level| level.len() >= 256) {
        let above = below.chunks_exact(256).map(|tile| full_tile_root(tile).expect("full")).collect();
        levels.push(above);
    }
    move |tile| {
        let nodes = tile.nodes();
        let range = usize::try_from(nodes.start).expect("small")..usize::try_from(nodes.end).expect("small");
        levels[usize::from(tile.level())][range].to_vec()
    }
}

#[test]
fn planned_tiles_are_enough_and_few() {
    let all = leaves(70_000);
    let load = stored_tiles(&all);
    for size in [1, 255, 256, 257, 4_000, 65_536, 65_537, 70_000_u64] {
        let mut whole = Frontier::new();
        all.iter().take(usize::try_from(size).expect("small")).for_each(|leaf| whole.push(*leaf));
        for index in [0, size / 3, size / 2, size - 1] {
            let mut plan = ProofPlan::new(size);
            plan.inclusion(index).consistency(index + 1);
            let tiles = plan.tiles();
            assert!(tiles.len() <= 6, "{index} of {size} needs {tiles:?}");
            let mut set = TileSet::new();
            for tile in tiles {
                set.insert(tile, load(tile)).expect("as wide as planned");
            }
            let proof = prove_inclusion(&set, index, size).expect("planned");
            let leaf = all[usize::try_from(index).expect("small")];
            assert_eq!(verify_inclusion(index, size, &leaf, &proof, &whole.root()), Ok(()));
            let mut old = Frontier::new();
            all.iter().take(usize::try_from(index + 1).expect("small")).for_each(|leaf| old.push(*leaf));
            let proof = prove_consistency(&set, index + 1, size).expect("planned");
            assert_eq!(verify_consistency(index + 1, size, &old.root(), &whole.root(), &proof), Ok(()));
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn an_appended_batch_proves_itself(old in 0_u64..700, batch in 1_u64..200) {
        let all = leaves(old + batch);
        let mut frontier = Frontier::new();
        all[..usize::try_from(old).expect("small")].iter().for_each(|leaf| frontier.push(*leaf));
        let old_root = frontier.root();
        let appended = frontier.append(&all[usize::try_from(old).expect("small")..]);
        prop_assert_eq!(appended.root(), naive_root(&all));
        prop_assert_eq!((appended.first(), appended.size()), (old, old + batch));
        for index in old..old + batch {
            let proof = prove_inclusion(&appended, index, appended.size()).expect("the batch is enough");
            let leaf = all[usize::try_from(index).expect("small")];
            prop_assert_eq!(verify_inclusion(index, appended.size(), &leaf, &proof, &appended.root()), Ok(()));
        }
        if old > 0 {
            let proof = prove_consistency(&appended, old, appended.size()).expect("the batch is enough");
            prop_assert_eq!(verify_consistency(old, appended.size(), &old_root, &appended.root(), &proof), Ok(()));
        }
    }

    #[test]
    fn a_mutated_inclusion_proof_fails(size in 2_u64..600, at in any::<prop::sample::Index>(), bit in 0_usize..256, how in 0_u8..6) {
        let source = Naive(leaves(size));
        let (mut index, mut head) = (u64::try_from(at.index(usize::try_from(size).expect("small"))).expect("small"), naive_root(&source.0));
        let mut leaf = source.0[usize::try_from(index).expect("small")];
        let mut proof = prove_inclusion(&source, index, size).expect("all nodes at hand");
        let flip = |digest: &Digest| {
            let mut bytes = *digest.as_bytes();
            bytes[bit / 8] ^= 1 << (bit % 8);
            Digest::from_bytes(bytes)
        };
        match how {
            0 => leaf = flip(&leaf),
            1 => head = flip(&head),
            2 => { let place = at.index(proof.len()); proof[place] = flip(&proof[place]); }
            3 => { proof.pop(); }
            4 => proof.push(leaf),
            _ => index ^= 1,
        }
        prop_assert!(verify_inclusion(index, size, &leaf, &proof, &head).is_err());
    }

    #[test]
    fn a_mutated_consistency_proof_fails(size in 2_u64..600, at in any::<prop::sample::Index>(), bit in 0_usize..256, how in 0_u8..5) {
        let source = Naive(leaves(size));
        let old = 1 + u64::try_from(at.index(usize::try_from(size - 1).expect("small"))).expect("small");
        let (mut old_root, mut head) = (naive_root(&source.0[..usize::try_from(old).expect("small")]), naive_root(&source.0));
        let mut proof = prove_consistency(&source, old, size).expect("all nodes at hand");
        let flip = |digest: &Digest| {
            let mut bytes = *digest.as_bytes();
            bytes[bit / 8] ^= 1 << (bit % 8);
            Digest::from_bytes(bytes)
        };
        match how {
            0 => old_root = flip(&old_root),
            1 => head = flip(&head),
            2 => { let place = at.index(proof.len()); proof[place] = flip(&proof[place]); }
            3 => { proof.pop(); }
            _ => proof.push(head),
        }
        prop_assert!(verify_consistency(old, size, &old_root, &head, &proof).is_err());
    }
}
