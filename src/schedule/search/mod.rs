//! Which tiles, loop orders and buffer depths move the fewest bytes for each capacity?
//!
//! A bounded search without a clock: all bands of a candidate group, all useful tile sizes, all depths of each buffer, cut by lower
//! bounds. What it cannot finish within its budget of steps it tries with fewer tile sizes, so that the same problem always has the
//! same answer.
//!
//! The order of the files: a *frame* of loops, *regions* of arrays under them, sums over *components* of loops make up *traffic*;
//! *windows* make up memory; *price* puts both together with what is *legal*. A *group* grows bands over *depths* of buffers,
//! *settles* what is shared, asks for each statement's *private* frontier, and *grows* tiles at the end.
//!
//! Source: our own design; bounds and dominance as in any branch and bound.
//! Differs: no statement runs twice (no recomputing), and two buffers never share memory while both are live (no in-place use).

mod budget;
mod component;
mod depths;
mod frame;
mod group;
mod grow;
mod holding;
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
use group::{ALL, Group, Pass};
use price::Pricer;

/// Bytes moved and the peak of a given plan; `None` if the plan is malformed or breaks a dependence. The figures that the plan
/// carries are not looked at.
pub fn evaluate(problem: &Problem, plan: &Plan) -> Option<(i64, i64)> {
    Pricer::new(problem)?.plan(plan)
}

/// For each buffer of a plan the lengths of its box, one for each dim of its array: element `e` stands at `e[d] mod length[d]`.
/// `None` as for [`evaluate`].
pub fn boxes(problem: &Problem, plan: &Plan) -> Option<Vec<Vec<i64>>> {
    Pricer::new(problem)?.price(plan).map(|priced| priced.boxes)
}

/// What a search came to.
pub struct Found {
    /// For each capacity the plan that moves the fewest bytes and fits; `None` where there is none.
    pub plans: Vec<Option<Plan>>,
    /// Whether the last pass had steps enough to try all that it was to try.
    pub is_complete: bool,
}

/// Bytes that every plan moves at least, in however much room.
pub fn least_bytes(problem: &Problem) -> i64 {
    Pricer::new(problem).map_or(0, |pricer| Group::new(pricer, &[i64::MAX]).least_bytes())
}

/// The best plans for capacities (bytes, ascending), of all sizes of tiles. A pass of the search takes at most `steps` steps, of some
/// microseconds each.
pub fn frontier(problem: &Problem, capacities: &[i64], steps: u64) -> Found {
    look(problem, capacities, |group| {
        sketch(group, steps);
        group.refine(Pass { band_tiles: ALL, private_tiles: 8, private_loops: 3, steps });
        group.run(Pass { band_tiles: ALL, private_tiles: ALL, private_loops: ALL, steps: 2 * steps });
    })
}

/// As [`frontier`], from a few sizes of tiles: enough to compare groups with each other.
pub fn outline(problem: &Problem, capacities: &[i64], steps: u64) -> Found {
    look(problem, capacities, |group| sketch(group, steps))
}

/// As [`outline`] for one capacity, where there is a plan that moves fewer bytes than `below`.
pub fn better(problem: &Problem, capacity: i64, below: i64, steps: u64) -> Option<Plan> {
    let found = look(problem, &[capacity], |group| {
        group.below = below;
        sketch(group, steps);
    });
    found.plans.into_iter().next().flatten()
}

fn sketch(group: &mut Group, steps: u64) {
    let coarse = Pass { band_tiles: 4, private_tiles: 4, private_loops: 2, steps };
    group.stage(Pass { band_tiles: 1, private_tiles: 1, ..coarse });
    group.run(coarse);
    group.run(Pass { band_tiles: 12, private_tiles: 8, private_loops: 3, steps });
}

fn look(problem: &Problem, capacities: &[i64], search: impl FnOnce(&mut Group)) -> Found {
    let Some(pricer) = Pricer::new(problem) else {
        return Found { plans: vec![None; capacities.len()], is_complete: true };
    };
    let mut group = Group::new(pricer, capacities);
    search(&mut group);
    let Group { mut pricer, best, is_complete, .. } = group;
    let grown = best.into_iter().zip(capacities);
    let plans = grown.map(|(plan, &capacity)| plan.map(|plan| grow::grow(&mut pricer, plan, capacity))).collect();
    Found { plans, is_complete }
}
