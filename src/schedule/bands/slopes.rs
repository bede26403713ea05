//! What ties two iterators of a statement to each other, whatever the others are?

use crate::isl::{Result, Row, Set};
use crate::schedule::problem::Slope;
use itertools::Itertools;

/// Pairs of more iterators than these are not looked at.
const MOST_ITERATORS: usize = 8;
/// Farther ends than this are not looked at.
const LARGEST: i64 = 1 << 36;

/// The sides of the domain's shadow on each pair of its dims that are not along one of the two, all counted from the dims' smallest values.
///
/// # Errors
/// When isl's budget runs out.
pub fn slopes(domain: &Set, hull: &[(i64, i64)]) -> Result<Vec<Slope>> {
    let dims = hull.len();
    let is_sloped = |row: &Row| row.coefficients[..dims].iter().filter(|c| **c != 0).count() > 1;
    if dims > MOST_ITERATORS || !domain.hull()?.iter().any(is_sloped) {
        return Ok(Vec::new());
    }
    let mut slopes = Vec::new();
    for [a, b] in (0..dims).array_combinations() {
        if [a, b].iter().any(|&k| hull[k].0 == hull[k].1) {
            continue;
        }
        let shadow = domain.project_out(b + 1, dims - b - 1)?.project_out(a + 1, b - a - 1)?.project_out(0, a)?;
        for row in shadow.hull()? {
            let &[along_a, along_b, ref quotients @ ..] = row.coefficients.as_slice() else { continue };
            let is_large = |(c, (lo, hi)): (i64, (i64, i64))| {
                [lo, hi].iter().any(|end| c.checked_mul(*end).is_none_or(|value| value.abs() > LARGEST))
            };
            let is_sloped = along_a != 0 && along_b != 0 && quotients.iter().all(|c| *c == 0);
            if !is_sloped
                || [(along_a, hull[a]), (along_b, hull[b])].into_iter().any(is_large)
                || row.constant.abs() > LARGEST
            {
                continue;
            }
            let from_zero = |(c, (lo, _)): (i64, (i64, i64))| c.saturating_mul(lo);
            let constant =
                [(along_a, hull[a]), (along_b, hull[b])].map(from_zero).into_iter().sum::<i64>() + row.constant;
            let signs: &[i64] = if row.is_equality { &[1, -1] } else { &[1] };
            let side =
                |sign: &i64| Slope { terms: [(a, sign * along_a), (b, sign * along_b)], constant: sign * constant };
            slopes.extend(signs.iter().map(side));
        }
    }
    Ok(slopes)
}
