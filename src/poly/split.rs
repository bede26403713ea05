//! How does a program read when one of its loops runs as two, one after the other? Index-set splitting.
//!
//! The instances and their order stay the same; statements below the loop become two each, with the label of the one that they were.

use crate::lang::ast::{Affine, AffineKind, For, Program, Range, Stmt};

/// The program with the loop of that `Dim::loop_id` cut before the value `at` of its dimension; `None` where there is no such loop, where
/// it has a step and starts at a choice of values, and where the cut is no number of 63 bits.
pub fn split(program: &Program, loop_id: usize, at: i64) -> Option<Program> {
    let mut seen = 0;
    let body = in_body(&program.body, loop_id, at, &mut seen)?;
    Some(Program { body, ..program.clone() })
}

/// A body with the loop in it cut; `seen` counts loops in the order of their ids.
fn in_body(body: &[Stmt], loop_id: usize, at: i64, seen: &mut usize) -> Option<Vec<Stmt>> {
    for (n, stmt) in body.iter().enumerate() {
        let cut = match stmt {
            Stmt::For(f) => in_loop(f, loop_id, at, seen),
            Stmt::If(branch) => {
                let (mut then, mut orelse) = (branch.clone(), branch.clone());
                if let Some(body) = in_body(&branch.then, loop_id, at, seen) {
                    then.then = body;
                    Some(vec![Stmt::If(then)])
                } else if let Some(body) = in_body(&branch.orelse, loop_id, at, seen) {
                    orelse.orelse = body;
                    Some(vec![Stmt::If(orelse)])
                } else {
                    None
                }
            }
            Stmt::Assign(_) | Stmt::Transfer(_) => None,
        };
        if let Some(cut) = cut {
            return Some([&body[..n], &cut, &body[n + 1..]].concat());
        }
    }
    None
}

fn in_loop(f: &For, loop_id: usize, at: i64, seen: &mut usize) -> Option<Vec<Stmt>> {
    let first = *seen + 1;
    *seen += f.ranges.len();
    let Some(level) = loop_id.checked_sub(first).filter(|level| *level < f.ranges.len()) else {
        let body = in_body(&f.body, loop_id, at, seen)?;
        return Some(vec![Stmt::For(For { body, ..f.clone() })]);
    };
    let inner = |range: Range| {
        let ranges = std::iter::once(range).chain(f.ranges[level + 1..].iter().cloned()).collect();
        Stmt::For(For { ranges, ..f.clone() })
    };
    let (before, after) = halves(&f.ranges[level], at)?;
    let halves = vec![inner(before), inner(after)];
    Some(match level {
        0 => halves,
        _ => vec![Stmt::For(For { ranges: f.ranges[..level].to_vec(), body: halves, span: f.span })],
    })
}

fn halves(range: &Range, at: i64) -> Option<(Range, Range)> {
    let value = |a: &Affine| if let AffineKind::Int(value) = a.kind { Some(value) } else { None };
    let (lo, hi) = (value(&range.lo), value(&range.hi));
    let steps = range.step.checked_mul(at.max(0));
    let end = match (range.step, lo) {
        (1, _) => Affine::int(at.max(lo.unwrap_or(at)).min(hi.unwrap_or(i64::MAX))),
        (_, Some(lo)) => Affine::int(lo.checked_add(steps?)?.min(hi.unwrap_or(i64::MAX))),
        (_, None) if matches!(range.lo.kind, AffineKind::Min(_) | AffineKind::Max(_)) => return None,
        (_, None) => AffineKind::Add(Box::new(range.lo.clone()), Box::new(Affine::int(steps?))).into(),
    };
    // Where a bound is a number, or the cut is so many steps from it, the cut lies on its right side already.
    let starts = match lo.is_some() || range.step > 1 {
        true => end.clone(),
        false => AffineKind::Max(vec![range.lo.clone(), end.clone()]).into(),
    };
    let ends = match hi {
        Some(_) if lo.is_some() || range.step == 1 => end,
        _ => AffineKind::Min(vec![range.hi.clone(), end]).into(),
    };
    Some((Range { hi: ends, ..range.clone() }, Range { lo: starts, ..range.clone() }))
}
