//! Names of tiles.

use proofline_evidence::tile::TileRef;
use serde::Serialize;

#[derive(Serialize)]
struct Case {
    size: u64,
    tiles: Vec<String>,
}

#[test]
fn tile_paths() {
    let case = |size| Case { size, tiles: TileRef::all(size).map(TileRef::path).collect() };
    let cases: Vec<_> = [0, 1, 255, 256, 257, 512, 700].into_iter().map(case).collect();
    super::hold("tiles.json", "Every tile of a tree of `size` leaves, lowest level first.", &cases);
}
