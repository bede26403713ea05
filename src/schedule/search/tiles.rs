//! Which tile sizes are worth trying?
//!
//! Only the smallest tile for each number of trips, `⌈extent / trips⌉`: a larger one with as many trips moves as much and needs
//! more room.

use super::frame::ceil_div;

/// Tiles with at least two trips, largest first, at most `limit` of them: when there are more, evenly spaced by ratio, with the
/// largest and 1 among them. `rate`: where a statement runs every `rate`-th value only, multiples are tried too.
pub fn candidates(extent: i64, rate: i64, limit: usize) -> Vec<i64> {
    let mut tiles = Vec::new();
    let mut trips = 2;
    while trips <= extent {
        let tile = ceil_div(extent, trips);
        tiles.push(tile);
        let rounded = ceil_div(tile, rate) * rate;
        if rounded < extent {
            tiles.push(rounded);
        }
        // The next number of trips that makes the tile smaller.
        trips = if tile == 1 { extent + 1 } else { ceil_div(extent, tile - 1) };
    }
    tiles.sort_unstable_by(|a, b| b.cmp(a));
    tiles.dedup();
    thin(tiles, limit)
}

fn thin(tiles: Vec<i64>, limit: usize) -> Vec<i64> {
    let (Some(&largest), true) = (tiles.first(), tiles.len() > limit) else { return tiles };
    let mut kept = Vec::new();
    for step in 0..limit {
        // The tile nearest below largest^(1 − step/(limit − 1)), in integers by repeated halving of the ratio in sixteenths.
        let rank = step * (tiles.len() - 1) / limit.saturating_sub(1).max(1);
        let bound = geometric(largest, step, limit.saturating_sub(1).max(1));
        let by_ratio = tiles.partition_point(|&tile| tile > bound).min(tiles.len() - 1);
        kept.push(tiles[if step + 1 == limit { rank } else { by_ratio }]);
    }
    kept.sort_unstable_by(|a, b| b.cmp(a));
    kept.dedup();
    kept
}

/// About `largest^(1 − step/steps)`: a power of two of the right size, refined by its mantissa.
fn geometric(largest: i64, step: usize, steps: usize) -> i64 {
    let bits = 64 - i64::from(largest.max(1).leading_zeros());
    let sixteenths = bits * 16 * (steps - step) as i64 / steps as i64;
    let (whole, part) = (sixteenths / 16, sixteenths % 16);
    let base = 1i64 << (whole - 1).max(0);
    (base + base * part / 16).min(largest)
}
