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
    let steps = limit.saturating_sub(1).max(1);
    let mut kept: Vec<i64> = (0..limit)
        .map(|step| {
            let bound = geometric(largest, steps - step.min(steps), steps);
            tiles[tiles.partition_point(|&tile| tile > bound).min(tiles.len() - 1)]
        })
        .collect();
    kept.dedup();
    kept
}

/// About `largest^(part / parts)`: logarithms in sixteenths, the mantissa linear between powers of two.
fn geometric(largest: i64, part: usize, parts: usize) -> i64 {
    let whole = i64::from(largest.max(1).ilog2());
    let mantissa = ((largest.max(1) - (1 << whole)) * 16) >> whole;
    let sixteenths = (whole * 16 + mantissa) * part as i64 / parts as i64;
    let base = 1i64 << (sixteenths / 16);
    if part == parts { largest } else { base + base * (sixteenths % 16) / 16 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_number_of_trips_has_its_smallest_tile() {
        assert_eq!(candidates(10, 1, usize::MAX), [5, 4, 3, 2, 1]);
        assert!(candidates(1, 1, usize::MAX).is_empty());
        assert!(candidates(0, 1, usize::MAX).is_empty());
    }

    #[test]
    fn multiples_of_the_rate_are_tried() {
        assert_eq!(candidates(10, 4, usize::MAX), [8, 5, 4, 3, 2, 1]);
    }

    #[test]
    fn thinned_tiles_keep_both_ends() {
        let few = candidates(1000, 1, 6);
        assert_eq!((few.len(), few.first(), few.last()), (6, Some(&500), Some(&1)));
    }
}
