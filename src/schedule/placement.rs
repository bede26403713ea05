//! Which groups run, with which plans, and which arrays stay in the scratchpad between them?
//!
//! Candidates are runs of neighbouring nests, each with plans for several assumptions on what is resident. A shortest path picks: its nodes
//! are the places between nests, each with the arrays that stay resident there.
//!
//! ```text
//! node (n, R)         nests before n have run, R is resident across n
//! edge (n, R) -> (m, R')   candidate c of nests n..m; R' drops what nobody touches from m on and adds what c counts on for the first time
//!   where   c counts on members of R or on arrays not touched before, and moves no member of R
//!           peak_c + Σ_(T in R or counted on by c) bytes_T <= capacity
//!   costs   moved_c + Σ_(T new) once_T      once_T: bytes that T moves when it crosses once
//! ```
//! An array is either moved by every candidate that touches it or by none, so the path is a plan of the whole program; all plans are
//! paths, so the cheapest one is found. The work is linear in the nests for each set of arrays that can be resident at once.
//!
//! Source: the set partition of loop fusion as in Megiddo and Sarkar, "Optimal weighted loop fusion for parallel programs",
//! SPAA 1997.
//! Differs: the weights are exact bytes under a capacity, arrays stay resident across groups, and nests keep their order, which makes the
//! partition a path.

use std::collections::BTreeMap;

/// A run of nests with one plan.
#[derive(Clone, Debug)]
pub struct Candidate {
    /// The first nest and one past the last.
    pub nests: (usize, usize),
    /// Arrays that it counts on to be resident, and arrays that it moves by itself.
    pub resident: Vec<usize>,
    pub moves: Vec<usize>,
    pub peak_bytes: i64,
    pub moved_bytes: i64,
}

/// An array that may be resident.
#[derive(Clone, Debug)]
pub struct Resident {
    pub array: usize,
    /// The first nest that touches it and one past the last.
    pub nests: (usize, usize),
    pub bytes: i64,
    pub once_bytes: i64,
}

/// The chosen candidates in order of execution, and the arrays that are resident.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Choice {
    pub candidates: Vec<usize>,
    pub resident: Vec<usize>,
    pub moved_bytes: i128,
}

/// Most sets of resident arrays that are followed at one place, the cheapest ones.
const MOST_STATES: usize = 256;

/// A way to run the nests so far.
#[derive(Clone, Copy)]
struct Step {
    moved_bytes: i128,
    /// The candidate that ran last, and the number of the state before it.
    candidate: usize,
    before: usize,
}

/// Picks candidates for `nests` nests; `None` when no set of them covers all nests within the capacity.
pub fn choose(nests: usize, candidates: &[Candidate], arrays: &[Resident], capacity_bytes: i64) -> Option<Choice> {
    let arrays = &arrays[..arrays.len().min(64)];
    let mut starting: Vec<Vec<usize>> = vec![Vec::new(); nests];
    for (c, candidate) in candidates.iter().enumerate() {
        starting[candidate.nests.0].push(c);
    }
    // Sets of arrays as bits: the cheapest way to each, by place.
    let mut states: Vec<BTreeMap<u64, Step>> = vec![BTreeMap::new(); nests + 1];
    let mut kept: Vec<Vec<(u64, Step)>> = vec![Vec::new(); nests + 1];
    states[0].insert(0, Step { moved_bytes: 0, candidate: usize::MAX, before: 0 });
    for n in 0..=nests {
        kept[n] = std::mem::take(&mut states[n]).into_iter().collect();
        kept[n].sort_by_key(|(resident, step)| (step.moved_bytes, *resident));
        kept[n].truncate(MOST_STATES);
        for (before, (resident, step)) in kept[n].iter().enumerate() {
            for &c in starting.get(n).map_or(&[][..], |all| all) {
                let Some((after, cost)) = run(&candidates[c], *resident, arrays, capacity_bytes) else { continue };
                let next = Step { moved_bytes: step.moved_bytes + cost, candidate: c, before };
                let known = states[candidates[c].nests.1].entry(after).or_insert(next);
                if next.moved_bytes < known.moved_bytes {
                    *known = next;
                }
            }
        }
    }
    // Nothing is resident in the end: each array's last nest has run.
    let &(_, last) = kept[nests].first()?;
    let (mut step, mut chosen) = (last, Vec::new());
    while step.candidate != usize::MAX {
        chosen.push(step.candidate);
        step = kept[candidates[step.candidate].nests.0][step.before].1;
    }
    chosen.reverse();
    let counted: Vec<usize> = chosen.iter().flat_map(|&c| candidates[c].resident.iter().copied()).collect();
    let resident = arrays.iter().map(|t| t.array).filter(|array| counted.contains(array)).collect();
    Some(Choice { candidates: chosen, resident, moved_bytes: last.moved_bytes })
}

/// The arrays that are resident after a candidate, and the bytes that it adds; `None` where it cannot run.
fn run(candidate: &Candidate, resident: u64, arrays: &[Resident], capacity_bytes: i64) -> Option<(u64, i128)> {
    let mut cost = i128::from(candidate.moved_bytes);
    let mut need = candidate.peak_bytes;
    let mut after = resident;
    for (bit, array) in arrays.iter().enumerate() {
        let is_resident = resident >> bit & 1 == 1;
        let counts_on = candidate.resident.contains(&array.array);
        let is_first = array.nests.0 >= candidate.nests.0;
        if is_resident && candidate.moves.contains(&array.array) || counts_on && !is_resident && !is_first {
            return None;
        }
        if counts_on && !is_resident {
            cost += i128::from(array.once_bytes);
        }
        if is_resident || counts_on {
            need = need.saturating_add(array.bytes);
            after |= 1 << bit;
        }
        if array.nests.1 <= candidate.nests.1 {
            after &= !(1 << bit);
        }
    }
    (need <= capacity_bytes).then_some((after, cost))
}
