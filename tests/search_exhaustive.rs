//! Is what the search finds the best of all plans? Asked by pricing every plan of tiny problems.

#[path = "search/kernels.rs"]
#[allow(dead_code)]
mod kernels;

use kernels::*;
use polyfuse::schedule::problem::*;
use polyfuse::schedule::search::{evaluate, frontier};
use std::collections::BTreeMap;

/// Ordered subsets of loops, each with every tile below its extent.
fn nests(extents: &[(usize, i64)]) -> Vec<Vec<(usize, i64)>> {
    let mut all = vec![vec![]];
    let mut last = all.clone();
    while !last.is_empty() {
        let mut longer = Vec::new();
        for nest in &last {
            for &(id, extent) in extents.iter().filter(|(id, _)| nest.iter().all(|(other, _)| other != id)) {
                longer.extend((1..extent).map(|tile| [nest.as_slice(), &[(id, tile)]].concat()));
            }
        }
        all.extend(longer.iter().cloned());
        last = longer;
    }
    all
}

/// All ways to give an array buffers.
fn holdings(problem: &Problem, array: usize, band: usize, private: &[Vec<PrivateLoop>]) -> Vec<Vec<Buffer>> {
    let uses = |s: &usize| problem.statements[*s].accesses.iter().any(|access| access.array == array);
    let users: Vec<usize> = (0..problem.statements.len()).filter(uses).collect();
    let one = |user: usize| {
        // One more than it has loops: in rows.
        (0..=band + private[user].len() + 1).map(move |depth| Buffer { array, users: vec![user], depth }).collect()
    };
    let each: Vec<Vec<Buffer>> = users.iter().map(|&user| one(user)).collect();
    let mut all = product(&each);
    if users.len() > 1 {
        all.extend((0..=band).map(|depth| vec![Buffer { array, users: users.clone(), depth }]));
    }
    all
}

fn product<T: Clone>(choices: &[Vec<T>]) -> Vec<Vec<T>> {
    choices.iter().fold(vec![vec![]], |all, own| {
        let longer = |known: &Vec<T>| {
            own.iter().map(|choice| [known.as_slice(), std::slice::from_ref(choice)].concat()).collect()
        };
        all.iter().flat_map(|known| -> Vec<Vec<T>> { longer(known) }).collect()
    })
}

/// The fewest bytes for each peak that some legal plan has.
fn best_by_peak(problem: &Problem, dim_extents: &[i64]) -> BTreeMap<i64, i64> {
    let mut best: BTreeMap<i64, i64> = BTreeMap::new();
    let dims: Vec<(usize, i64)> = dim_extents.iter().copied().enumerate().collect();
    for band in nests(&dims) {
        let band: Vec<BandLoop> = band.iter().map(|&(dim, tile)| BandLoop { dim, tile }).collect();
        let own = |(s, statement): (usize, &Statement)| {
            let taken = |i: usize| band.iter().any(|l| problem.dims[l.dim].attach[s].iterator == Some(i));
            let free: Vec<(usize, i64)> =
                statement.extents.iter().copied().enumerate().filter(|(i, _)| !taken(*i)).collect();
            let loops =
                |nest: Vec<(usize, i64)>| nest.iter().map(|&(iterator, tile)| PrivateLoop { iterator, tile }).collect();
            nests(&free).into_iter().map(loops).collect()
        };
        let privates: Vec<Vec<Vec<PrivateLoop>>> = problem.statements.iter().enumerate().map(own).collect();
        for private in product(&privates) {
            let arrays = 0..problem.arrays.len();
            let each: Vec<_> = arrays.map(|array| holdings(problem, array, band.len(), &private)).collect();
            for buffers in product(&each) {
                let (band, private, buffers) = (band.clone(), private.clone(), buffers.concat());
                let plan = Plan { band, private, buffers, peak_bytes: 0, moved_bytes: 0 };
                if let Some((moved, peak)) = evaluate(problem, &plan) {
                    best.entry(peak).and_modify(|known| *known = moved.min(*known)).or_insert(moved);
                }
            }
        }
    }
    best
}

fn agrees(problem: &Problem, dim_extents: &[i64]) {
    let best = best_by_peak(problem, dim_extents);
    let capacities: Vec<i64> = (0..=best.keys().max().copied().unwrap_or(0) / 4).map(|words| 4 * words).collect();
    let found = frontier(problem, &capacities, 100_000).plans;
    for (plan, &capacity) in found.iter().zip(&capacities) {
        let least = best.range(..=capacity).map(|(_, &moved)| moved).min();
        assert_eq!(plan.as_ref().map(|plan| plan.moved_bytes), least, "at {capacity}: {plan:?}");
    }
}

#[test]
fn a_tiny_gemm_is_solved() {
    agrees(&gemm(2, 2, 3), &[2, 2, 3]);
}

#[test]
fn a_tiny_softmax_is_solved() {
    let mut b = Builder::new();
    let (x, sum, y) = (b.input(&[2, 3]), b.temp(&[2]), b.output(&[2, 3]));
    b.statement(&[2, 3], &[(sum, Update, index![0]), (x, Read, index![0, 1])]);
    b.statement(&[2, 3], &[(y, Write, index![0, 1]), (x, Read, index![0, 1]), (sum, Read, index![0])]);
    b.plain_dim(&[Some(0); 2]);
    b.plain_dim(&[None, Some(1)]);
    agrees(&b.sequential(), &[2, 3]);
}

/// `T[i] = X[i] + X[i+1] + X[i+2]; Y[i] = T[i] + T[i+1]`, the second shifted by one.
#[test]
fn a_tiny_chain_of_stencils_is_solved() {
    let mut b = Builder::new();
    let (x, t, y) = (b.input(&[7]), b.temp(&[5]), b.output(&[4]));
    let at = |constant: i64| -> Vec<Form<'static>> { vec![(&[(0, 1)], constant)] };
    b.statement(&[5], &[(t, Write, &at(0)), (x, Read, &at(0)), (x, Read, &at(1)), (x, Read, &at(2))]);
    b.statement(&[4], &[(y, Write, &at(0)), (t, Read, &at(0)), (t, Read, &at(1))]);
    b.dim(&[(Some(0), 1, 0), (Some(0), 1, 1)]);
    agrees(&b.sequential(), &[5]);
}

/// A transposed and a straight use of one matrix.
#[test]
fn a_tiny_pair_of_products_with_one_matrix_is_solved() {
    let mut b = Builder::new();
    let (a, x, y) = (b.input(&[3, 3]), b.input(&[3]), b.array(&[3], true, true));
    b.statement(&[3, 3], &[(y, Update, index![0]), (a, Read, index![0, 1]), (x, Read, index![1])]);
    b.statement(&[3, 3], &[(y, Update, index![0]), (a, Read, index![1, 0])]);
    b.plain_dim(&[Some(0), Some(0)]);
    agrees(&b.sequential(), &[3]);
}

#[test]
fn a_tiny_window_with_a_stride_is_solved() {
    let mut b = Builder::new();
    let (x, y) = (b.input(&[8]), b.output(&[3]));
    let window: &[Form] = &[(&[(0, 2), (1, 1)], -1)];
    b.statement(&[3, 4], &[(y, Update, index![0]), (x, Read, window)]);
    agrees(&b.sequential(), &[]);
}
