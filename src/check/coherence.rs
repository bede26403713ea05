//! Does every buffer find in DRAM what another one has to store? Asked of isl, from the tree and the dependences alone.
//!
//! A buffer is filled before its first user runs in an iteration of its loops, and emptied after its last writer. So a value passes from
//! one buffer to another when the iteration of the one is over before that of the other begins: some loop around both tells them
//! apart, or the sequence below these loops does.

use super::legality::together;
use crate::isl::{Map, Result};
use crate::poly::{Dependences, Scop};
use crate::schedule::tree::{BufferSpec, Schedule, Scope, User};

/// A value that a buffer would look for in DRAM before it is there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stale {
    pub array: usize,
    /// The statement that makes it, and its buffer.
    pub from: (usize, usize),
    /// The statement that needs it, and its buffer.
    pub to: (usize, usize),
}

/// The first value that passes between two buffers which serve at the same time.
///
/// # Errors
/// When isl's budget runs out.
pub fn stale(scop: &Scop, dependences: &Dependences, schedule: &Schedule) -> Result<Option<Stale>> {
    for (b, first) in schedule.buffers.iter().enumerate() {
        for (c, second) in schedule.buffers.iter().enumerate() {
            if b == c || first.array != second.array {
                continue;
            }
            for source in first.users.iter().filter(|user| accesses(scop, user).any(|a| a.writes)) {
                for sink in &second.users {
                    let Some(flow) = through(scop, dependences, source, sink, first.array)? else { continue };
                    let free = dependences.free_between(source.statement, sink.statement, first.array);
                    let kept = free.map_or(Ok(flow.clone()), |free| flow.subtract(free))?;
                    let (one, other) = ((first, source), (second, sink));
                    // Values that either may add to first need but one of the two buffers to be over before the other begins.
                    let is_stale = meet(scop, schedule, &kept, one, other, Order::Kept)?
                        || free.is_some() && meet(scop, schedule, &flow, one, other, Order::Free)?;
                    if is_stale {
                        let (from, to) = ((source.statement, b), (sink.statement, c));
                        return Ok(Some(Stale { array: first.array, from, to }));
                    }
                }
            }
        }
    }
    Ok(None)
}

fn accesses<'a>(scop: &'a Scop, user: &'a User) -> impl Iterator<Item = &'a crate::poly::Access> {
    user.accesses.iter().map(|&a| &scop.statements[user.statement].accesses[a])
}

/// The values that one user's writes make for another's reads. `{ [S[s] -> T[t]] -> A[a] }`
fn through(scop: &Scop, dependences: &Dependences, source: &User, sink: &User, array: usize) -> Result<Option<Map>> {
    let Some(flow) = dependences.flow_between(source.statement, sink.statement, array) else { return Ok(None) };
    let mut found: Option<Map> = None;
    for access in accesses(scop, sink).filter(|a| a.reads) {
        let read = flow.intersect_domain_factor_range(&access.relation)?;
        found = Some(found.map_or(Ok(read.clone()), |found| found.union(&read))?);
    }
    Ok(found)
}

/// Which of two buffers must be over before the other begins.
#[derive(PartialEq)]
enum Order {
    /// The first.
    Kept,
    /// Either.
    Free,
}

/// Whether a buffer still holds some of the values when the other one is filled.
fn meet(
    scop: &Scop,
    schedule: &Schedule,
    flow: &Map,
    (first, source): (&BufferSpec, &User),
    (second, sink): (&BufferSpec, &User),
    order: Order,
) -> Result<bool> {
    let path = |user: &User| schedule.path(user.statement);
    let (Some((g, from)), Some((h, to))) = (path(source), path(sink)) else { return Ok(false) };
    let writes = |user: &&User| accesses(scop, user).any(|a| a.writes);
    let (Scope::Loops { depth: a }, Scope::Loops { depth: b }) = (first.scope, second.scope) else {
        let groups = |spec: &BufferSpec| spec.users.iter().filter_map(path).map(|p| p.0).collect::<Vec<_>>();
        return Ok(groups(first).iter().max() >= groups(second).iter().min() && !flow.is_empty()?);
    };
    if g != h {
        return Ok(false);
    }
    // Rows of strips cross as a whole, those of others with them.
    let leans = |spec: &BufferSpec, depth: usize| {
        let loops = spec.users.iter().filter_map(path).flat_map(|(_, path)| path.loops.iter().take(depth));
        loops.into_iter().any(|l| l.value.coefficients.iter().filter(|c| **c != 0).count() > 1)
    };
    if leans(first, a) || leans(second, b) {
        return Ok(!flow.is_empty()?);
    }
    let shared = if from.statement == to.statement { from.loops.len() } else { from.shared_loops(to) };
    let around = a.min(b).min(shared);
    if !match around {
        0 => !flow.is_empty()?,
        _ => !flow.intersect_domain(&together(flow.context(), from, to, around)?.wrap()?)?.is_empty()?,
    } {
        return Ok(false);
    }
    let positions = |users: &mut dyn Iterator<Item = &User>| {
        users.filter_map(path).map(|(_, path)| path.positions[around]).collect::<Vec<_>>()
    };
    let ends_before = |first: &BufferSpec, second: &BufferSpec| {
        let last = positions(&mut first.users.iter().filter(writes));
        last.iter().max() < positions(&mut second.users.iter()).iter().min()
    };
    Ok(!(ends_before(first, second) || order == Order::Free && ends_before(second, first)))
}
