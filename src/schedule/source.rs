//! How does any program run in any scratchpad that can run it at all? In source order, each instance staged by itself.
//!
//! Always legal, and it needs the least room: the plan that every other plan is compared with, and the last resort.

use super::tree::{BufferSpec, Group, Path, Schedule, Scope, TileLoop, User};
use crate::isl::Result;
use crate::poly::{Linear, Scop, Statement};

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
        group.paths.push(source_path(n, statement));
        let specs = instance_buffers(n, statement)?;
        let mut instances = 1i64;
        for k in 0..statement.dims.len() {
            let (lo, hi) = (statement.domain.dim_min(k)?.unwrap_or(0), statement.domain.dim_max(k)?.unwrap_or(-1));
            instances = instances.saturating_mul(hi - lo + 1);
        }
        let bytes = |spec: &BufferSpec| scop.arrays[spec.array].ty.bytes();
        peak = peak.max(specs.iter().map(bytes).sum());
        let crossing: i64 = specs.iter().map(|spec| bytes(spec) * 2).sum();
        moved = moved.saturating_add(instances.saturating_mul(crossing));
        buffers.extend(specs);
    }
    Ok(((group, buffers), peak, moved))
}

/// A statement below its own loops.
pub fn source_path(n: usize, statement: &Statement) -> Path {
    let dims = statement.dims.len();
    let loops = (0..dims).map(|k| TileLoop { value: Linear::dim(dims, k), tile: 1 }).collect();
    Path { statement: n, positions: statement.positions.clone(), loops }
}

/// A buffer for each element that an instance touches: accesses with the same index function share one.
fn instance_buffers(n: usize, statement: &Statement) -> Result<Vec<BufferSpec>> {
    let mut specs: Vec<BufferSpec> = Vec::new();
    for (a, access) in statement.accesses.iter().enumerate() {
        let mut shared = None;
        for (s, spec) in specs.iter().enumerate() {
            let first = &statement.accesses[spec.users[0].accesses[0]];
            if first.array == access.array && first.relation.is_equal(&access.relation)? {
                shared = Some(s);
                break;
            }
        }
        match shared {
            Some(s) => specs[s].users[0].accesses.push(a),
            None => specs.push(BufferSpec {
                array: access.array,
                users: vec![User { statement: n, accesses: vec![a] }],
                scope: Scope::Loops { depth: statement.dims.len() },
            }),
        }
    }
    Ok(specs)
}
