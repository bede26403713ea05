//! Which tiles, loop orders and buffer depths move the fewest bytes for each capacity?
//!
//! A bounded search without a clock: all bands of a candidate group, all useful tile sizes, all depths of each buffer, cut by lower
//! bounds. What it cannot finish within its budget of steps it tries with fewer tile sizes, so that the same problem always has the
//! same answer.

mod budget;
mod component;
mod depths;
mod frame;
mod group;
mod legal;
mod order;
mod price;
mod private;
mod region;
mod settle;
mod table;
mod tiles;
mod traffic;
mod window;

use crate::schedule::problem::{Plan, Problem};
use group::{Group, Pass};
use price::Pricer;

/// Bytes moved and the peak of a given plan; `None` if the plan is malformed or breaks a dependence. The figures that the plan
/// carries are not looked at.
pub fn evaluate(problem: &Problem, plan: &Plan) -> Option<(i64, i64)> {
    Pricer::new(problem)?.plan(plan)
}

/// For each capacity (bytes, ascending) the plan that moves the fewest bytes and fits; `None` where there is none. `effort` scales
/// the number of steps that a search may take.
pub fn frontier(problem: &Problem, capacities: &[i64], effort: u32) -> Vec<Option<Plan>> {
    let Some(pricer) = Pricer::new(problem) else { return vec![None; capacities.len()] };
    let mut group = Group::new(pricer, capacities);
    let steps = 100_000 * u64::from(effort.max(1));
    group.run(Pass { band_tiles: 4, private_tiles: 4, private_loops: 2, steps });
    group.run(Pass { band_tiles: 12, private_tiles: 8, private_loops: 3, steps });
    group.refine(Pass { band_tiles: usize::MAX, private_tiles: 8, private_loops: 3, steps });
    group.run(Pass { band_tiles: usize::MAX, private_tiles: usize::MAX, private_loops: usize::MAX, steps: 4 * steps });
    group.best
}
