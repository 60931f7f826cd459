//! C2SP tlog-tiles: how a tree is cut into files of 256 hashes, what they are called, and how entries are bundled.
//!
//! The tile of level `L` and index `N` holds the hashes of the tree's level `8·L` from `256·N` on. A tile is partial while
//! it has fewer than 256. Tiles of level 0 hold leaf hashes; a hash of level `L+1` is the root of a full tile of level `L`.

use std::ops::Range;

use crate::dsse::MAX_ENVELOPE_BYTES;
use crate::merkle::node_hash;
use crate::{Defect, Digest, Reason};

/// How many levels of the tree one tile spans.
pub const TILE_HEIGHT: u8 = 8;

/// How many hashes a full tile holds.
pub const TILE_WIDTH: u64 = 256;

/// The largest entry bundle: 256 entries of the largest envelope, each behind its length.
pub const MAX_BUNDLE_BYTES: usize = 256 * (MAX_ENVELOPE_BYTES + 2);

/// One tile, full or partial.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TileRef {
    level: u8,
    index: u64,
    width: u16,
}

impl TileRef {
    /// The tile `index` of `level` in a tree of `size` leaves; `None` where the tree does not reach it.
    pub fn new(level: u8, index: u64, size: u64) -> Option<Self> {
        let hashes = size.checked_shr(u32::from(TILE_HEIGHT) * u32::from(level)).unwrap_or(0);
        let width = hashes.checked_sub(index.checked_mul(TILE_WIDTH)?)?.min(TILE_WIDTH);
        let width = u16::try_from(width).ok().filter(|width| *width > 0)?;
        Some(Self { level, index, width })
    }

    /// The tile that holds (or lets compute) the complete subtree `(level, index)` of a tree of `size` leaves.
    pub fn holding(level: u8, index: u64, size: u64) -> Option<Self> {
        Self::new(level / TILE_HEIGHT, index >> (TILE_HEIGHT - level % TILE_HEIGHT), size)
    }

    /// Every tile of a tree of `size` leaves, lowest level first.
    pub fn all(size: u64) -> impl Iterator<Item = Self> {
        (0..8_u8).flat_map(move |level| (0..).map_while(move |index| Self::new(level, index, size)))
    }

    /// The tiles that become full when the tree grows from `old_size` to `new_size`, lowest level first.
    pub fn completed(old_size: u64, new_size: u64) -> impl Iterator<Item = Self> {
        (0..8_u8).flat_map(move |level| {
            let full =
                |size: u64| size.checked_shr(u32::from(TILE_HEIGHT) * (u32::from(level) + 1)).unwrap_or(0);
            (full(old_size)..full(new_size)).filter_map(move |index| Self::new(level, index, new_size))
        })
    }

    /// The tile's level: 0 holds leaf hashes.
    pub const fn level(self) -> u8 {
        self.level
    }

    /// The tile's place within its level.
    pub const fn index(self) -> u64 {
        self.index
    }

    /// How many hashes it holds: 1 to 256.
    pub const fn width(self) -> u16 {
        self.width
    }

    /// Whether it holds all 256.
    pub const fn is_full(self) -> bool {
        self.width == 256
    }

    /// The places of its hashes within the tree's level `8·level`: leaf positions at level 0, indexes of full tiles of the
    /// level below otherwise.
    pub const fn nodes(self) -> Range<u64> {
        let first = self.index * TILE_WIDTH;
        first..first + self.width as u64
    }

    /// `tile/<level>/<index>[.p/<width>]`
    pub fn path(self) -> String {
        format!("tile/{}/{}{}", self.level, index_path(self.index), self.partial_suffix())
    }

    /// `tile/entries/<index>[.p/<width>]`, the bundle with the entries of this tile of level 0.
    pub fn bundle_path(self) -> String {
        format!("tile/entries/{}{}", index_path(self.index), self.partial_suffix())
    }

    fn partial_suffix(self) -> String {
        if self.is_full() { String::new() } else { format!(".p/{}", self.width) }
    }
}

/// Groups of three digits, all but the last behind an `x`: 1234067 is `x001/x234/067`.
fn index_path(index: u64) -> String {
    let last = format!("{:03}", index % 1_000);
    let mut path = last;
    let mut rest = index / 1_000;
    while rest > 0 {
        path = format!("x{:03}/{path}", rest % 1_000);
        rest /= 1_000;
    }
    path
}

/// The root of a full tile: the hash that the level above holds for it.
pub fn full_tile_root(hashes: &[Digest]) -> Result<Digest, Defect> {
    if hashes.len() as u64 != TILE_WIDTH {
        return Err(Defect::new(Reason::TileMismatch, "only a full tile has a root"));
    }
    let mut level = hashes.to_vec();
    while level.len() > 1 {
        level = level.chunks_exact(2).map(|pair| node_hash(&pair[0], &pair[1])).collect();
    }
    Ok(level[0])
}

/// The bytes of a tile: its hashes, one behind the other.
pub fn hashes_to_bytes(hashes: &[Digest]) -> Vec<u8> {
    hashes.iter().flat_map(|hash| *hash.as_bytes()).collect()
}

/// Reads the bytes of a tile: 1 to 256 hashes.
pub fn parse_hashes(bytes: &[u8]) -> Result<Vec<Digest>, Defect> {
    let (hashes, rest) = bytes.as_chunks::<32>();
    if !rest.is_empty() || hashes.is_empty() || hashes.len() as u64 > TILE_WIDTH {
        return Err(Defect::new(Reason::TileMismatch, "a tile is 1 to 256 hashes of 32 bytes"));
    }
    Ok(hashes.iter().map(|hash| Digest::from_bytes(*hash)).collect())
}

/// Appends one entry to a bundle: its length in two bytes, big-endian, and its bytes.
pub fn push_entry(bundle: &mut Vec<u8>, entry: &[u8]) -> Result<(), Defect> {
    let length =
        u16::try_from(entry.len()).ok().filter(|_| entry.len() <= MAX_ENVELOPE_BYTES).ok_or_else(|| {
            Defect::new(Reason::JsonTooLarge, format!("an entry has at most {MAX_ENVELOPE_BYTES} bytes"))
        })?;
    bundle.extend_from_slice(&length.to_be_bytes());
    bundle.extend_from_slice(entry);
    Ok(())
}

/// Reads a bundle of 1 to 256 entries.
pub fn parse_bundle(bytes: &[u8]) -> Result<Vec<&[u8]>, Defect> {
    let refused = |detail: &str| Defect::new(Reason::TileMismatch, detail);
    let (mut entries, mut rest) = (Vec::new(), bytes);
    while !rest.is_empty() {
        let (length, behind) =
            rest.split_first_chunk::<2>().ok_or_else(|| refused("a bundle is cut short"))?;
        let (entry, behind) = behind
            .split_at_checked(usize::from(u16::from_be_bytes(*length)))
            .ok_or_else(|| refused("a bundle is cut short"))?;
        entries.push(entry);
        rest = behind;
    }
    if entries.is_empty() || entries.len() as u64 > TILE_WIDTH {
        return Err(refused("a bundle holds 1 to 256 entries"));
    }
    Ok(entries)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_those_of_the_specification() {
        assert_eq!(index_path(1_234_067), "x001/x234/067"); // tlog-tiles, "Merkle Tree"
        assert_eq!(TileRef::new(0, 0, 7).expect("exists").path(), "tile/0/000.p/7");
        assert_eq!(TileRef::new(0, 0, 256).expect("exists").path(), "tile/0/000");
        assert_eq!(
            TileRef::new(0, 1_000, 256_001).expect("exists").bundle_path(),
            "tile/entries/x001/000.p/1"
        );
    }

    #[test]
    fn a_tree_of_seventy_thousand_has_the_tiles_of_the_specification() {
        let tiles: Vec<_> = TileRef::all(70_000).collect();
        let full = |level| tiles.iter().filter(|tile| tile.level() == level && tile.is_full()).count();
        let partial = |level| {
            tiles.iter().find(|tile| tile.level() == level && !tile.is_full()).map(|tile| tile.width())
        };
        assert_eq!([full(0), full(1), full(2)], [273, 1, 0]);
        assert_eq!([partial(0), partial(1), partial(2), partial(3)], [Some(112), Some(17), Some(1), None]);
        assert_eq!(TileRef::all(0).count(), 0);
    }

    #[test]
    fn growing_completes_each_tile_once() {
        let mut grown = Vec::new();
        for step in [0, 1, 255, 256, 300, 65_536, 70_000].windows(2) {
            grown.extend(TileRef::completed(step[0], step[1]));
        }
        grown.sort_unstable();
        let mut whole: Vec<_> = TileRef::all(70_000).filter(|tile| tile.is_full()).collect();
        whole.sort_unstable();
        assert_eq!(grown, whole);
    }

    #[test]
    fn a_bundle_gives_its_entries_back() {
        let mut bundle = Vec::new();
        for entry in [&b"one"[..], b"", b"three"] {
            push_entry(&mut bundle, entry).expect("fits");
        }
        assert_eq!(parse_bundle(&bundle).expect("own bundle"), [&b"one"[..], b"", b"three"]);
        assert!(parse_bundle(&bundle[..bundle.len() - 1]).is_err());
        assert!(parse_bundle(b"").is_err());
        assert!(push_entry(&mut bundle, &vec![0; MAX_ENVELOPE_BYTES + 1]).is_err());
    }
}
