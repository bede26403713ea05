//! Which nests share data? Pairs of a nest and the next one that touches the same array.

use super::Scop;
use std::collections::BTreeMap;

/// Two nests that touch arrays in common, with no nest between that touches the same array.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sharing {
    /// The numbers of the top-level statements, in source order.
    pub nests: (usize, usize),
    /// The arrays, in the order declared.
    pub arrays: Vec<usize>,
}

/// All such pairs, in source order of the first and then of the second nest.
pub fn sharing(scop: &Scop) -> Vec<Sharing> {
    let mut pairs: BTreeMap<(usize, usize), Vec<usize>> = BTreeMap::new();
    for array in 0..scop.arrays.len() {
        let mut users: Vec<usize> = scop.statements.iter().filter(|s| s.touches(array)).map(|s| s.nest).collect();
        users.dedup();
        for pair in users.windows(2) {
            pairs.entry((pair[0], pair[1])).or_default().push(array);
        }
    }
    pairs.into_iter().map(|(nests, arrays)| Sharing { nests, arrays }).collect()
}
