//! How does a program read when the diagonal of a triangle runs by itself?
//!
//! A nest that works on an element and on its mirror image touches one element only on the diagonal. Without it the two are never the same
//! element, and each can have a place of its own in the scratchpad. The instances and their order in each part stay the same.

use crate::lang::ast::{Access, Affine, AffineKind, For, If, Name, Program, Range, Stmt};

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
