//! How large can tiles get without moving more?
//!
//! The search runs innermost loops point by point, because that needs the least room. What room is left makes transfers longer: each
//! tile, from the innermost loop outwards, grows to the largest size that moves as few bytes and fits.

use super::price::Pricer;
use super::tiles::candidates;
use crate::schedule::problem::{Buffer, Plan};

/// Sizes tried for each loop.
const SIZES: usize = 24;

/// The plan with larger tiles, for a capacity in bytes.
pub fn grow(pricer: &mut Pricer, mut plan: Plan, capacity: i64) -> Plan {
    for statement in 0..plan.private.len() {
        for position in (0..plan.private[statement].len()).rev() {
            let current = plan.private[statement][position];
            let whole = without(&plan, statement, position);
            let extent = pricer.frame.problem.statements[statement].extents[current.iterator];
            let larger = sizes(extent, 1, current.tile).map(|tile| {
                let mut larger = plan.clone();
                larger.private[statement][position].tile = tile;
                larger
            });
            plan = first_as_good(pricer, &plan, std::iter::once(whole).chain(larger), capacity);
        }
    }
    // What passes in rows passes at once where there is room.
    for number in 0..plan.buffers.len() {
        if plan.is_in_rows(&plan.buffers[number]) {
            let mut whole = plan.clone();
            whole.buffers[number].depth -= 1;
            plan = first_as_good(pricer, &plan, std::iter::once(whole), capacity);
        }
    }
    for position in (0..plan.band.len()).rev() {
        let current = plan.band[position];
        let dim = &pricer.frame.problem.dims[current.dim];
        let rate = dim.attach.iter().map(|attach| attach.rate).max().unwrap_or(1);
        let larger = sizes(pricer.frame.dim_extent(current.dim), rate, current.tile).map(|tile| {
            let mut larger = plan.clone();
            larger.band[position].tile = tile;
            larger
        });
        plan = first_as_good(pricer, &plan, larger, capacity);
    }
    deepen(pricer, plan, capacity)
}

/// The plan with buffers that serve as little at a time as moves as much: where boxes do not meet from one iteration of a loop to the
/// next, that a buffer keeps nothing between them is decided here.
fn deepen(pricer: &mut Pricer, mut plan: Plan, capacity: i64) -> Plan {
    for number in 0..plan.buffers.len() {
        let Buffer { users, depth, .. } = &plan.buffers[number];
        let loops = plan.band.len() + if let [only] = users[..] { plan.private[only].len() } else { 0 };
        let deeper = (depth + 1..=loops).rev().map(|depth| {
            let mut deeper = plan.clone();
            deeper.buffers[number].depth = depth;
            deeper
        });
        plan = first_as_good(pricer, &plan, deeper.collect::<Vec<_>>().into_iter(), capacity);
    }
    plan
}

fn sizes(extent: i64, rate: i64, current: i64) -> impl Iterator<Item = i64> {
    candidates(extent, rate, SIZES).into_iter().filter(move |&tile| tile > current)
}

/// The first of the candidates that moves no more and fits, or the plan itself.
fn first_as_good(pricer: &mut Pricer, plan: &Plan, candidates: impl Iterator<Item = Plan>, capacity: i64) -> Plan {
    for mut candidate in candidates {
        let Some((moved, peak)) = pricer.plan(&candidate) else { continue };
        if moved <= plan.moved_bytes && peak <= capacity {
            (candidate.moved_bytes, candidate.peak_bytes) = (moved, peak);
            return candidate;
        }
    }
    plan.clone()
}

/// The plan without one of a statement's own loops.
fn without(plan: &Plan, statement: usize, position: usize) -> Plan {
    let mut plan = plan.clone();
    plan.private[statement].remove(position);
    let end = plan.band.len() + position;
    for buffer in plan.buffers.iter_mut().filter(|buffer| buffer.users == [statement] && buffer.depth > end) {
        buffer.depth -= 1;
    }
    plan
}
