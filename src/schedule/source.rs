//! How does any program run in any scratchpad that can run it at all? In source order, each instance staged by itself.
//!
//! Always legal, and it needs the least room: the plan that every other plan is compared with, and the last resort.

use super::bands::trip_count;
use super::tree::{BufferSpec, Group, Path, Schedule, Scope, TileLoop, User};
use crate::isl::Result;
use crate::poly::{Linear, Scop, Statement};
use itertools::Itertools;

/// # Errors
/// When isl's budget runs out.
pub fn source_schedule(scop: &Scop) -> Result<Schedule> {
    let mut schedule = Schedule { groups: Vec::new(), buffers: Vec::new() };
    let nest = |s: &usize| scop.statements[*s].nest;
    let all: Vec<usize> = (0..scop.statements.len()).collect();
    for statements in all.chunk_by(|a, b| nest(a) == nest(b)) {
        let ((group, buffers), _, _) = source_nest(scop, statements)?;
        schedule.groups.push(group);
        schedule.buffers.extend(buffers);
    }
    Ok(schedule)
}

/// The fewest bytes in which any schedule of the program can run, but for what their alignment adds.
///
/// # Errors
/// When isl's budget runs out.
pub fn least_bytes(scop: &Scop) -> Result<i64> {
    let mut each = (0..scop.statements.len()).map(|n| Ok(source_nest(scop, &[n])?.1));
    each.fold_ok(0, i64::max)
}

/// A nest with its buffers, its peak in bytes and an upper bound on the bytes that it moves.
///
/// # Errors
/// When isl's budget runs out.
pub fn source_nest(scop: &Scop, statements: &[usize]) -> Result<((Group, Vec<BufferSpec>), i64, i64)> {
    let mut group = Group::default();
    let mut buffers = Vec::new();
    let (mut peak, mut moved) = (0i64, 0i64);
    for &n in statements {
        let statement = &scop.statements[n];
        if statement.domain.is_empty()? {
            continue;
        }
        group.paths.push(source_path(n, statement));
        let specs = instance_buffers(n, statement)?;
        let mut instances = 1i64;
        for k in 0..statement.dims.len() {
            let (lo, hi) = (statement.domain.dim_min(k)?.unwrap_or(0), statement.domain.dim_max(k)?.unwrap_or(-1));
            instances = instances.saturating_mul(trip_count(&(lo, hi)));
        }
        let bytes: i64 = specs.iter().map(|(spec, elements)| scop.arrays[spec.array].ty.bytes() * elements).sum();
        peak = peak.max(bytes);
        moved = moved.saturating_add(instances.saturating_mul(2 * bytes));
        buffers.extend(specs.into_iter().map(|(spec, _)| spec));
    }
    Ok(((group, buffers), peak, moved))
}

/// A statement below its own loops.
pub fn source_path(n: usize, statement: &Statement) -> Path {
    let dims = statement.dims.len();
    let loops = (0..dims).map(|k| TileLoop { value: Linear::dim(dims, k), tile: 1 }).collect();
    Path { statement: n, positions: statement.positions.clone(), loops }
}

/// isl operations for a box around the elements that an instance touches; without it each has a buffer.
const BOX: u64 = 20_000;

/// Buffers for the elements that an instance touches, with their sizes in elements: accesses with the same index function
/// share one, and so do more of an array where a box around them is smaller than they are apart.
fn instance_buffers(n: usize, statement: &Statement) -> Result<Vec<(BufferSpec, i64)>> {
    let mut functions: Vec<(usize, Vec<usize>)> = Vec::new();
    for (a, access) in statement.accesses.iter().enumerate() {
        let mut shared = None;
        for (f, (array, accesses)) in functions.iter().enumerate() {
            let first = &statement.accesses[accesses[0]];
            if *array == access.array && first.relation.is_equal(&access.relation)? {
                shared = Some(f);
                break;
            }
        }
        match shared {
            Some(f) => functions[f].1.push(a),
            None => functions.push((access.array, vec![a])),
        }
    }
    let mut buffers: Vec<(usize, Vec<usize>, i64)> = Vec::new();
    for (array, accesses) in &functions {
        if buffers.iter().any(|(known, all, _)| known == array && accesses.iter().all(|a| all.contains(a))) {
            continue;
        }
        let of_array = functions.iter().filter(|(other, _)| other == array);
        let apart = of_array.clone().count() as i64;
        let all: Vec<usize> = of_array.flat_map(|(_, accesses)| accesses.iter().copied()).collect();
        // Two index functions that differ somewhere touch two elements there.
        let together = match apart > 2 {
            true => match statement.domain.context().budget(BOX, || box_elements(statement, &all)) {
                Err(error) if error.is_quota() => apart,
                elements => elements?,
            },
            false => apart,
        };
        match together < apart {
            true => buffers.push((*array, all, together)),
            false => buffers.push((*array, accesses.clone(), 1)),
        }
    }
    let spec = |(array, accesses, elements)| {
        let users = vec![User { statement: n, accesses }];
        (BufferSpec { array, users, scope: Scope::Loops { depth: statement.dims.len() } }, elements)
    };
    Ok(buffers.into_iter().map(spec).collect())
}

/// The elements of a box that holds what some accesses to one array touch in any one instance.
fn box_elements(statement: &Statement, accesses: &[usize]) -> Result<i64> {
    let mut all = statement.accesses[accesses[0]].relation.clone();
    for &a in &accesses[1..] {
        all = all.union(&statement.accesses[a].relation)?;
    }
    let rank = all.n_out()?;
    let mut elements = 1i64;
    for d in 0..rank {
        let one = all.project_out_range(d + 1, rank - d - 1)?.project_out_range(0, d)?;
        let widest = one.reverse()?.apply_range(&one)?.deltas()?.dim_max(0)?.unwrap_or(0);
        elements = elements.saturating_mul(widest.saturating_add(1));
    }
    Ok(elements)
}
