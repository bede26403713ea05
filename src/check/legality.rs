//! Does a schedule keep every dependence? Asked of isl, not of the scheduler.
//!
//! The search argues with smallest distances; this file asks for a pair of instances that runs in the wrong order, from the
//! schedule tree and the dependences alone. A wrong distance becomes a failed check, not a wrong program.
//!
//! Source: Feautrier, "Some efficient solutions to the affine scheduling problem, part II", IJPP 21(6), 1992.

use crate::isl::{Context, Map, Result};
use crate::poly::{Dependences, Linear};
use crate::schedule::tree::{Path, Schedule, TileLoop};

/// A dependence whose target would run before its source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    pub from: usize,
    pub to: usize,
    /// The dimensions of one such pair: the source's, then the target's.
    pub witness: Vec<i64>,
}

/// The first dependence that a schedule breaks.
///
/// # Errors
/// When isl's budget runs out.
pub fn violation(dependences: &Dependences, schedule: &Schedule) -> Result<Option<Violation>> {
    for order in dependences.order.maps()? {
        let Some((from, to)) = crate::poly::pair(&order) else { continue };
        let (Some((g, source)), Some((h, target))) = (schedule.path(from), schedule.path(to)) else { continue };
        if g < h {
            continue;
        }
        let broken = if g > h { Some(order) } else { broken(&order, source, target)? };
        if let Some(witness) = broken.map(|b| b.wrap()?.first_point()).transpose()?.flatten() {
            return Ok(Some(Violation { from, to, witness }));
        }
    }
    Ok(None)
}

/// Pairs of one group that run backwards.
fn broken(order: &Map, source: &Path, target: &Path) -> Result<Option<Map>> {
    let same = source.statement == target.statement;
    let shared = if same { source.loops.len() } else { source.shared_loops(target) };
    let after = !same && source.positions[shared] > target.positions[shared];
    let ctx = order.context();
    for q in 0..shared {
        let backwards = order.intersect(&meeting(ctx, source, target, q, ">")?)?;
        if !backwards.is_empty()? {
            return Ok(Some(backwards));
        }
    }
    // In one iteration of all shared loops: the sequence decides; points of one statement keep the source's order.
    let together =
        if shared == 0 { order.clone() } else { order.intersect(&self::together(ctx, source, target, shared)?)? };
    Ok((after && !together.is_empty()?).then_some(together))
}

/// Pairs in one iteration of the outer `depth` loops, of which there is one. `{ S[i] -> T[j] }`
pub(super) fn together(ctx: &Context, source: &Path, target: &Path, depth: usize) -> Result<Map> {
    meeting(ctx, source, target, depth - 1, "=")
}

/// Pairs that agree in the loops before `q`, and whose iterations of loop `q` compare like `sign`. `{ S[i] -> T[j] }`
fn meeting(ctx: &Context, source: &Path, target: &Path, q: usize, sign: &str) -> Result<Map> {
    let mut constraints = Vec::new();
    for p in 0..=q {
        constraints.push(in_iteration(&source.loops[p], "i", &format!("x{p}")));
        constraints.push(in_iteration(&target.loops[p], "j", &format!("y{p}")));
        let sign = if p == q { sign } else { "=" };
        constraints.push(format!("x{p} {sign} y{p}"));
    }
    let names = |letter: &str, n: usize| (0..n).map(|k| format!("{letter}{k}")).collect::<Vec<_>>().join(",");
    let dims = |path: &Path| path.loops[0].value.coefficients.len();
    ctx.map(&format!(
        "{{ S{}[{}] -> S{}[{}] : exists ({}, {} : {}) }}",
        source.statement,
        names("i", dims(source)),
        target.statement,
        names("j", dims(target)),
        names("x", q + 1),
        names("y", q + 1),
        constraints.join(" and ")
    ))
}

fn in_iteration(tile_loop: &TileLoop, letter: &str, x: &str) -> String {
    let TileLoop { value: Linear { coefficients, constant }, tile } = tile_loop;
    let mut value = constant.to_string();
    for (k, c) in coefficients.iter().enumerate().filter(|(_, c)| **c != 0) {
        value.push_str(&format!(" {c:+}*{letter}{k}"));
    }
    format!("{tile}*{x} <= {value} and {value} < {tile}*{x} + {tile}")
}
