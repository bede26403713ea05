//! Which groups run, with which plans, and which arrays stay in the scratchpad between them?
//!
//! Candidates are runs of neighbouring nests, each with plans for several assumptions on what is resident; an ILP picks.
//!
//! ```text
//! variables  x_c ∈ {0,1}   candidate c runs                    r_T ∈ {0,1}   array T is resident from its first use to its last
//! minimise   Σ moved_c·x_c + Σ once_T·r_T                      once_T: bytes that T moves when it crosses once
//! subject to Σ_(c ∋ n) x_c = 1                                 each nest n runs once
//!            Σ_(c ∋ n) peak_c·x_c + Σ_(T alive at n) bytes_T·r_T <= capacity          at each nest n
//!            x_c <= r_T                                        c counts on T
//!            x_c + r_T <= 1                                    c moves T by itself
//! ```
//! The rows suffice because a nest's candidate has the same peak at all its nests, so the row at the nest where most is alive
//! binds; and an array is either moved by every candidate that touches it or by none.
//!
//! Source: the set partition of loop fusion as in Megiddo and Sarkar, "Optimal weighted loop fusion for parallel programs",
//! SPAA 1997.
//! Differs: the weights are exact bytes under a capacity, and arrays stay resident across groups.

use crate::ilp::{Model, Solver};

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

/// Picks candidates for `nests` nests; `None` when no set of them covers all nests within the capacity.
pub fn choose(
    nests: usize,
    candidates: &[Candidate],
    arrays: &[Resident],
    capacity_bytes: i64,
    solver: Solver,
) -> Option<Choice> {
    let apart = cheapest_partition(nests, candidates, capacity_bytes);
    if !candidates.iter().any(|c| !c.resident.is_empty()) {
        return apart;
    }
    let together = by_ilp(nests, candidates, arrays, capacity_bytes, solver);
    match (apart, together) {
        (Some(apart), Some(together)) if together.moved_bytes < apart.moved_bytes => Some(together),
        (None, together) => together,
        (apart, _) => apart,
    }
}

/// The best partition when nothing is resident: a shortest path over the nests.
fn cheapest_partition(nests: usize, candidates: &[Candidate], capacity_bytes: i64) -> Option<Choice> {
    let mut best: Vec<Option<(i128, usize)>> = vec![None; nests + 1];
    best[0] = Some((0, usize::MAX));
    for end in 1..=nests {
        for (n, c) in candidates.iter().enumerate() {
            if c.nests.1 != end || !c.resident.is_empty() || c.peak_bytes > capacity_bytes {
                continue;
            }
            let Some((before, _)) = best[c.nests.0] else { continue };
            let cost = before + i128::from(c.moved_bytes);
            if best[end].is_none_or(|(known, _)| cost < known) {
                best[end] = Some((cost, n));
            }
        }
    }
    let (moved_bytes, _) = best[nests]?;
    let mut chosen = Vec::new();
    let mut at = nests;
    while at > 0 {
        let (_, n) = best[at]?;
        chosen.push(n);
        at = candidates[n].nests.0;
    }
    chosen.reverse();
    Some(Choice { candidates: chosen, resident: Vec::new(), moved_bytes })
}

fn by_ilp(
    nests: usize,
    candidates: &[Candidate],
    arrays: &[Resident],
    capacity_bytes: i64,
    solver: Solver,
) -> Option<Choice> {
    // Solvers compute in floating point: large sizes are rounded, against us, to a million steps.
    let unit = (capacity_bytes / 1_000_000).max(1);
    let up = |bytes: i64| (bytes + unit - 1) / unit;
    let largest = candidates.iter().map(|c| c.moved_bytes).max().unwrap_or(1);
    let cost_unit = (largest / 10_000_000).max(1);
    let mut model = Model::default();
    let x: Vec<usize> = candidates.iter().map(|c| model.variable(0, 1, c.moved_bytes / cost_unit)).collect();
    let r: Vec<usize> = arrays.iter().map(|t| model.variable(0, 1, t.once_bytes / cost_unit)).collect();
    for n in 0..nests {
        let here = |c: &Candidate| (c.nests.0..c.nests.1).contains(&n);
        let running: Vec<usize> = (0..candidates.len()).filter(|&c| here(&candidates[c])).collect();
        model.equal(running.iter().map(|&c| (x[c], 1)).collect(), 1);
        let mut room: Vec<(usize, i64)> = running.iter().map(|&c| (x[c], up(candidates[c].peak_bytes))).collect();
        let alive = arrays.iter().zip(&r).filter(|(t, _)| (t.nests.0..t.nests.1).contains(&n));
        room.extend(alive.map(|(t, &v)| (v, up(t.bytes))));
        model.at_most(room, capacity_bytes / unit);
    }
    for (c, &xc) in candidates.iter().zip(&x) {
        for (t, &rt) in arrays.iter().zip(&r) {
            if c.resident.contains(&t.array) {
                model.at_least(vec![(rt, 1), (xc, -1)], 0);
            } else if c.moves.contains(&t.array) {
                model.at_most(vec![(rt, 1), (xc, 1)], 1);
            }
        }
    }
    let values = model.solve(solver)?;
    let mut chosen: Vec<usize> = (0..candidates.len()).filter(|&c| values[x[c]] == 1).collect();
    chosen.sort_by_key(|&c| candidates[c].nests);
    let resident: Vec<&Resident> = arrays.iter().zip(&r).filter(|(_, v)| values[**v] == 1).map(|(t, _)| t).collect();
    let moved: i128 = chosen.iter().map(|&c| i128::from(candidates[c].moved_bytes)).sum();
    let once: i128 = resident.iter().map(|t| i128::from(t.once_bytes)).sum();
    Some(Choice { candidates: chosen, resident: resident.iter().map(|t| t.array).collect(), moved_bytes: moved + once })
}
