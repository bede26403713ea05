//! How does a program read when the diagonal of a triangle runs by itself, and unrelated parts of a nest in loops of their own?
//!
//! A nest that works on an element and on its mirror image touches one element only on the diagonal. Without it the two are never the same
//! element, and each can have a place of its own in the scratchpad. The instances and their order in each part stay the same.

use super::Dependences;
use super::scop::number;
use crate::isl::{Map, Result};
use crate::lang::ast::{Access, Affine, AffineKind, For, If, Name, Program, Range, Stmt};
use std::collections::BTreeSet;

/// The program with each loop that begins or ends on a diagonal run in two parts, where its body touches mirror images of elements of an
/// array that it writes; `None` where there is no such loop.
pub fn peel(program: &Program) -> Option<Program> {
    let mut is_changed = false;
    let body = program.body.iter().flat_map(|stmt| in_statement(stmt, &mut is_changed)).collect();
    is_changed.then(|| Program { body, ..program.clone() })
}

fn in_statement(stmt: &Stmt, is_changed: &mut bool) -> Vec<Stmt> {
    let mut in_body = |body: &[Stmt]| -> Vec<Stmt> { body.iter().flat_map(|s| in_statement(s, is_changed)).collect() };
    match stmt {
        Stmt::For(f) => {
            let body = in_body(&f.body);
            let found = f.ranges.iter().enumerate().find_map(|(level, range)| Some((level, parts(range, &f.body)?)));
            let Some((level, parts)) = found else { return vec![Stmt::For(For { body, ..f.clone() })] };
            *is_changed = true;
            let inner = |range: &Range| {
                let ranges = std::iter::once(range).chain(&f.ranges[level + 1..]).cloned().collect();
                Stmt::For(For { ranges, body: body.clone(), span: f.span })
            };
            let both = parts.iter().map(inner).collect();
            match level {
                0 => both,
                _ => vec![Stmt::For(For { ranges: f.ranges[..level].to_vec(), body: both, span: f.span })],
            }
        }
        Stmt::If(branch) => {
            let (then, orelse) = (in_body(&branch.then), in_body(&branch.orelse));
            vec![Stmt::If(If { then, orelse, ..branch.clone() })]
        }
        Stmt::Assign(_) | Stmt::Transfer(_) => vec![stmt.clone()],
    }
}

/// A range from an outer iterator on, or up to one, in two: the diagonal by itself.
fn parts(range: &Range, body: &[Stmt]) -> Option<[Range; 2]> {
    if range.step != 1 {
        return None;
    }
    let after = |outer: &Name| Affine::from(AffineKind::Add(Box::new(Affine::name(outer)), Box::new(Affine::int(1))));
    let with = |lo: Affine, hi: Affine| Range { lo, hi, ..range.clone() };
    let is_cut = |bound: &Affine, at: &Affine| matches!(&bound.kind, AffineKind::Min(all) | AffineKind::Max(all) if all.contains(at));
    if let AffineKind::Name(outer) = &range.lo.kind
        && !is_cut(&range.hi, &after(outer))
    {
        let end = AffineKind::Min(vec![range.hi.clone(), after(outer)]).into();
        let both = [with(range.lo.clone(), end), with(after(outer), range.hi.clone())];
        return mirrors(body, outer, &range.iterator).then_some(both);
    }
    if let AffineKind::Add(outer, one) = &range.hi.kind
        && let (AffineKind::Name(name), AffineKind::Int(1)) = (&outer.kind, &one.kind)
        && !is_cut(&range.lo, outer)
    {
        let start = AffineKind::Max(vec![range.lo.clone(), (**outer).clone()]).into();
        let both = [with(range.lo.clone(), (**outer).clone()), with(start, range.hi.clone())];
        return mirrors(body, name, &range.iterator).then_some(both);
    }
    None
}

/// Whether an array that is written is touched at `[outer][inner]` and at `[inner][outer]`, in two of its indices.
fn mirrors(body: &[Stmt], outer: &Name, inner: &Name) -> bool {
    let mut accesses = Vec::new();
    body.iter().for_each(|stmt| collect(stmt, &mut accesses));
    let is = |a: &Access, dim: usize, name: &Name| matches!(&a.indices[dim].kind, AffineKind::Name(n) if n == name);
    let is_pair = |x: &Access, y: &Access, d: usize, e: usize| {
        is(x, d, outer) && is(x, e, inner) && is(y, d, inner) && is(y, e, outer)
    };
    accesses.iter().any(|&(x, x_writes)| {
        let others = accesses.iter().filter(|&&(y, y_writes)| x.array == y.array && (x_writes || y_writes));
        let dims = x.indices.len();
        others.into_iter().any(|&(y, _)| (0..dims).any(|d| (0..dims).any(|e| d != e && is_pair(x, y, d, e))))
    })
}

/// All accesses below a statement, and whether they write.
fn collect<'a>(stmt: &'a Stmt, into: &mut Vec<(&'a Access, bool)>) {
    match stmt {
        Stmt::For(f) => f.body.iter().for_each(|stmt| collect(stmt, into)),
        Stmt::If(branch) => branch.then.iter().chain(&branch.orelse).for_each(|stmt| collect(stmt, into)),
        Stmt::Assign(assign) => {
            into.push((&assign.target, true));
            into.extend(assign.value.reads().into_iter().map(|access| (access, false)));
        }
        Stmt::Transfer(_) => {}
    }
}

/// Pairs of statements, as in `Scop::statements`, that wait for each other.
pub type Waits = BTreeSet<(usize, usize)>;

/// The pairs of a program.
///
/// # Errors
/// When isl's budget runs out.
pub fn waits(dependences: &Dependences) -> Result<Waits> {
    let pair = |map: &Map| Some((number(&map.domain_name()?), number(&map.range_name()?)));
    Ok(dependences.order.maps()?.iter().filter_map(pair).collect())
}

/// The program with a loop for each part of a loop's body that waits for no other part of it; `None` where there is no such loop.
pub fn part(program: &Program, waits: &Waits) -> Option<Program> {
    let (mut seen, mut is_changed) = (0, false);
    let mut body = Vec::new();
    for stmt in &program.body {
        body.extend(parted(stmt, waits, &mut seen, &mut is_changed).into_iter().map(|(stmt, _)| stmt));
    }
    is_changed.then(|| Program { body, ..program.clone() })
}

/// A statement's parts, each with the numbers of its assignments; `seen` counts those as `Scop::statements` does.
fn parted(stmt: &Stmt, waits: &Waits, seen: &mut usize, is_changed: &mut bool) -> Vec<(Stmt, Vec<usize>)> {
    let Stmt::For(f) = stmt else {
        let first = *seen;
        *seen += assignments(stmt);
        return vec![(stmt.clone(), (first..*seen).collect())];
    };
    let mut groups: Vec<(Vec<(usize, Stmt)>, Vec<usize>)> = Vec::new();
    let mut place = 0;
    for child in &f.body {
        for (stmt, own) in parted(child, waits, seen, is_changed) {
            let meets = |other: &[usize]| {
                let mut pairs = own.iter().flat_map(|&a| other.iter().map(move |&b| (a, b)));
                pairs.any(|(a, b)| waits.contains(&(a, b)) || waits.contains(&(b, a)))
            };
            let (met, apart): (Vec<_>, Vec<_>) = groups.into_iter().partition(|(_, other)| meets(other));
            let (mut stmts, mut numbers) = (vec![(place, stmt)], own.clone());
            for (more, others) in met {
                stmts.extend(more);
                numbers.extend(others);
            }
            place += 1;
            groups = apart;
            groups.push((stmts, numbers));
        }
    }
    groups.iter_mut().for_each(|(stmts, _)| stmts.sort_by_key(|(place, _)| *place));
    groups.sort_by_key(|(stmts, _)| stmts[0].0);
    *is_changed |= groups.len() > 1;
    let whole = |(stmts, numbers): (Vec<(usize, Stmt)>, Vec<usize>)| {
        let body = stmts.into_iter().map(|(_, stmt)| stmt).collect();
        (Stmt::For(For { body, ..f.clone() }), numbers)
    };
    groups.into_iter().map(whole).collect()
}

fn assignments(stmt: &Stmt) -> usize {
    match stmt {
        Stmt::For(f) => f.body.iter().map(assignments).sum(),
        Stmt::If(branch) => branch.then.iter().chain(&branch.orelse).map(assignments).sum(),
        Stmt::Assign(_) => 1,
        Stmt::Transfer(_) => 0,
    }
}
