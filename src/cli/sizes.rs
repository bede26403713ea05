//! Which capacities does a sweep name? Sizes and ranges: `8KiB,16KiB..32MiB`.

use polyfuse::machine::parse_size;

/// Sizes and ranges, as the user wrote them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sizes(Vec<(i64, i64)>);

/// Most capacities of a sweep: a slip of the pen does not plan for hours.
const MAX: usize = 1000;

impl Sizes {
    /// The capacities, ascending, each once. A range is its ends and, from its lower one, each doubling in `steps` even parts: round
    /// numbers where the lower end is one.
    ///
    /// # Errors
    /// More capacities than anybody waits for.
    pub fn capacities(&self, steps: u8) -> Result<Vec<i64>, String> {
        let steps = i128::from(steps);
        let mut capacities = Vec::new();
        for &(lo, hi) in &self.0 {
            let doublings = (0..63).map(|p| i128::from(lo) << p).take_while(|&base| base <= i128::from(hi));
            let inside = doublings.flat_map(|base| (0..steps).map(move |k| base + base * k / steps));
            capacities.extend(inside.filter_map(|c| i64::try_from(c).ok()).filter(|&c| c <= hi));
            capacities.push(hi);
        }
        capacities.sort_unstable();
        capacities.dedup();
        match capacities.len() {
            0..=MAX => Ok(capacities),
            n => Err(format!("a sweep plans at most {MAX} capacities, not {n}")),
        }
    }
}

pub fn parse_sizes(text: &str) -> Result<Sizes, String> {
    let part = |part: &str| match part.split_once("..") {
        None => parse_size(part.trim()).map(|size| (size, size)),
        Some((lo, hi)) => match (parse_size(lo.trim())?, parse_size(hi.trim())?) {
            (lo, hi) if lo <= hi => Ok((lo, hi)),
            _ => Err(format!("`{part}` ends below its start")),
        },
    };
    text.split(',').map(part).collect::<Result<_, _>>().map(Sizes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn capacities(text: &str, steps: u8) -> Vec<i64> {
        parse_sizes(text).and_then(|sizes| sizes.capacities(steps)).expect("sizes")
    }

    #[test]
    fn a_range_is_its_ends_and_parts_of_each_doubling() {
        assert_eq!(capacities("16..64", 2), [16, 24, 32, 48, 64]);
        assert_eq!(capacities("1KiB..5000", 1), [1024, 2048, 4096, 5000]);
        assert_eq!(capacities("5..6", 4), [5, 6]);
    }

    #[test]
    fn sizes_and_ranges_are_sorted_and_each_is_named_once() {
        assert_eq!(capacities("64, 16..32, 32, 64", 1), [16, 32, 64]);
        assert_eq!(capacities("9223372036854775807", 1), [i64::MAX]);
        assert_eq!(capacities("4611686018427387905..9223372036854775807", 2).len(), 3);
    }

    #[test]
    fn what_names_no_capacities_is_refused() {
        for text in ["", "64KB", "1..", "..4", "8..4", "1,,2", "0..4", "1..2..3"] {
            assert!(parse_sizes(text).is_err(), "{text}");
        }
        let many: Vec<String> = (1..=1001).map(|n| n.to_string()).collect();
        assert!(parse_sizes(&many.join(",")).expect("sizes").capacities(1).is_err());
    }
}
