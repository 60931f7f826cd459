//! The right edge of a growing tree: all that is needed to append, to know the root, and to prove what was appended.

use std::collections::HashMap;

use super::{NodeSource, empty_root, node_hash};
use crate::{Defect, Digest, Reason};

/// The roots of the complete subtrees of which a tree of `size` leaves consists, largest first: one per set bit.
///
/// At most 64 hashes, so it is stored beside the tree head and replaces reading the tree.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Frontier {
    size: u64,
    peaks: Vec<Digest>,
}

impl Frontier {
    /// The empty tree.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes back what [`Frontier::size`] and [`Frontier::peaks`] gave. Refused if their number does not fit the size.
    pub fn from_parts(size: u64, peaks: Vec<Digest>) -> Result<Self, Defect> {
        if peaks.len() != size.count_ones() as usize {
            return Err(Defect::new(Reason::ProofLength, format!("{} peaks for {size} leaves", peaks.len())));
        }
        Ok(Self { size, peaks })
    }

    /// The number of leaves.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// The subtree roots, largest first.
    pub fn peaks(&self) -> &[Digest] {
        &self.peaks
    }

    /// The root of the tree.
    pub fn root(&self) -> Digest {
        let mut peaks = self.peaks.iter().rev();
        let Some(smallest) = peaks.next() else { return empty_root() };
        peaks.fold(*smallest, |right, left| node_hash(left, &right))
    }

    /// Appends one leaf.
    pub fn push(&mut self, leaf: Digest) {
        self.push_and_report(leaf, |_, _, _| {});
    }

    /// Appends `leaves` and keeps what proves them: inclusion of each in the new tree, and consistency of the new tree
    /// with the one before, need nothing else.
    pub fn append(&mut self, leaves: &[Digest]) -> Appended {
        let mut nodes = HashMap::with_capacity(leaves.len() * 2 + self.peaks.len());
        for (level, index, hash) in self.peak_nodes() {
            nodes.insert((level, index), hash);
        }
        let first = self.size;
        for leaf in leaves {
            self.push_and_report(*leaf, |level, index, hash| {
                nodes.insert((level, index), hash);
            });
        }
        Appended { first, size: self.size, root: self.root(), nodes }
    }

    /// Each peak with its place in the tree.
    fn peak_nodes(&self) -> impl Iterator<Item = (u8, u64, Digest)> {
        let size = self.size;
        let levels = (0..64_u8).rev().filter(move |level| size >> level & 1 == 1);
        levels.zip(&self.peaks).map(move |(level, peak)| (level, (size >> level) - 1, *peak))
    }

    fn push_and_report(&mut self, leaf: Digest, mut report: impl FnMut(u8, u64, Digest)) {
        let index = self.size;
        report(0, index, leaf);
        let mut hash = leaf;
        for level in 0..index.trailing_ones() {
            let left = self.peaks.pop().expect("one peak per set bit of the size");
            hash = node_hash(&left, &hash);
            report(u8::try_from(level + 1).expect("at most 64 levels"), index >> (level + 1), hash);
        }
        self.peaks.push(hash);
        self.size += 1;
    }
}

/// A batch of appended leaves with the nodes that prove them.
#[derive(Debug, Clone)]
pub struct Appended {
    first: u64,
    size: u64,
    root: Digest,
    nodes: HashMap<(u8, u64), Digest>,
}

impl Appended {
    /// The position of the first appended leaf: the size before.
    pub fn first(&self) -> u64 {
        self.first
    }

    /// The size after.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// The root after.
    pub fn root(&self) -> Digest {
        self.root
    }
}

impl NodeSource for Appended {
    fn node(&self, level: u8, index: u64) -> Option<Digest> {
        self.nodes.get(&(level, index)).copied()
    }
}
