//! How few bytes can a product of inputs move, whatever its schedule?
//!
//! For a scratchpad of `S` elements a product of matrices must move at least `2·MNK/√S - 2S` of them. In a convolution an element of the
//! image meets `Re` elements of the filter for each output that it is in, so that `2·MACs/√(Re·S) - 2S` remain. A product counts where
//! both operands are inputs and the result an output; the bounds of several products are not added, because they may share what they read.
//!
//! Source: Smith, Lowery, Langou, van de Geijn, "A tight I/O lower bound for matrix multiplication", 2019 (arXiv 1702.02017); for
//! convolutions Chen, Han, Wang, "Communication lower bound in convolution accelerators", HPCA 2020.

use super::points::points;
use crate::lang::ast::{AssignOp, BinaryOp, ExprKind, Role};
use crate::poly::{Access, Scop, Statement};

/// The bound of each product nest in bytes, where it is above 0.
///
/// # Errors
/// Instances that cannot be counted, in words.
pub fn product_bounds(scop: &Scop, capacity_bytes: i64) -> Result<Vec<i64>, String> {
    let mut bounds = Vec::new();
    for statement in &scop.statements {
        let Some(Product { reuse }) = product(scop, statement) else { continue };
        let Some(macs) = points(&statement.domain)? else { continue };
        let macs = macs as f64;
        let bytes = statement.accesses.iter().map(|a| scop.arrays[a.array].ty.bytes()).min().unwrap_or(1);
        let room = capacity_bytes as f64 / bytes as f64;
        let elements = 2.0 * macs / (reuse as f64 * room).sqrt() - 2.0 * room;
        if elements > 0.0 {
            // One less for what is lost in floating point.
            bounds.push((elements.floor() as i64).saturating_sub(1).saturating_mul(bytes));
        }
    }
    Ok(bounds)
}

/// A statement that adds products of two inputs to a result.
struct Product {
    /// Elements of the filter that an element of the image meets: 1 for matrices.
    reuse: i64,
}

fn product(scop: &Scop, statement: &Statement) -> Option<Product> {
    let [target, left, right] = &statement.accesses[..] else { return None };
    let role = |access: &Access| scop.arrays[access.array].role;
    let is_product = matches!(statement.assign.value.kind, ExprKind::Binary(BinaryOp::Mul, ..));
    let to_result = matches!(role(target), Role::Output | Role::Inout);
    // A product of an array with itself needs less: an element may serve on both sides.
    let of_inputs = role(left) == Role::Input && role(right) == Role::Input && left.array != right.array;
    if statement.assign.op != AssignOp::Add || !is_product || !to_result || !of_inputs {
        return None;
    }
    let (t, l, r) = (walk(target)?, walk(left)?, walk(right)?);
    let dims = 0..statement.dims.len();
    // Each iterator stands in exactly two of the three: rows, columns, and the sum.
    let uses = |walk: &Walk, k: usize| u8::from(walk.used.contains(&k));
    if dims.clone().any(|k| uses(&t, k) + uses(&l, k) + uses(&r, k) != 2) || !t.windows.is_empty() {
        return None;
    }
    let mut reuse = 1i64;
    for &(a, b) in l.windows.iter().chain(&r.windows) {
        // One iterator is over outputs, with the stride; the other one over the filter, one by one.
        let (output, filter) = if t.used.contains(&a.0) { (a, b) } else { (b, a) };
        if !t.used.contains(&output.0) || t.used.contains(&filter.0) || filter.1 != 1 {
            return None;
        }
        let (lo, hi) = (statement.domain.dim_min(filter.0).ok()??, statement.domain.dim_max(filter.0).ok()??);
        let taps = hi.checked_sub(lo)?.checked_add(1)?;
        reuse = reuse.checked_mul((taps - 1) / output.1 + 1)?;
    }
    Some(Product { reuse })
}

/// The iterators that an access goes along.
struct Walk {
    used: Vec<usize>,
    /// Pairs of iterators that share an index, each with its coefficient.
    windows: Vec<((usize, i64), (usize, i64))>,
}

/// `None` where an index rounds, runs backwards, or stands for more than two iterators, or an iterator has two indices.
fn walk(access: &Access) -> Option<Walk> {
    let mut walk = Walk { used: Vec::new(), windows: Vec::new() };
    for index in &access.linear {
        let coefficients = index.as_ref()?.coefficients.iter().enumerate();
        let moving: Vec<(usize, i64)> = coefficients.filter(|(_, c)| **c != 0).map(|(k, &c)| (k, c)).collect();
        if moving.iter().any(|(k, _)| walk.used.contains(k)) {
            return None;
        }
        walk.used.extend(moving.iter().map(|(k, _)| *k));
        match moving[..] {
            [(_, 1)] => {}
            [a, b] if a.1 > 0 && b.1 > 0 => walk.windows.push((a, b)),
            _ => return None,
        }
    }
    Some(walk)
}
