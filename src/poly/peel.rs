//! How does a program read when the diagonal of a nest runs by itself?
//!
//! A nest that works on an element and on its mirror image, or on all rows with one of them, touches one element or row by two names only
//! where two iterators are equal. Without these instances the two are never the same, and each can have a place of its own in the
//! scratchpad. The instances and their order in each part stay the same.

use crate::lang::ast::{Access, Affine, AffineKind, For, If, Name, Program, Range, Stmt};

/// The program with each loop that meets a diagonal run in parts, the diagonal by itself: a loop that begins or ends there, where its body
/// touches mirror images of elements of an array that it writes, and one that passes it, where its body touches two rows of one that are the
/// same there. `None` where there is no such loop.
pub fn peel(program: &Program) -> Option<Program> {
    let mut is_changed = false;
    let body = in_body(&program.body, &mut Vec::new(), &mut is_changed);
    is_changed.then(|| Program { body, ..program.clone() })
}

/// A body inside loops over the iterators `around`.
fn in_body(body: &[Stmt], around: &mut Vec<Name>, is_changed: &mut bool) -> Vec<Stmt> {
    body.iter().flat_map(|stmt| in_statement(stmt, around, is_changed)).collect()
}

fn in_statement(stmt: &Stmt, around: &mut Vec<Name>, is_changed: &mut bool) -> Vec<Stmt> {
    match stmt {
        Stmt::For(f) => {
            let outside = around.len();
            let mut found = None;
            for (level, range) in f.ranges.iter().enumerate() {
                found = found.or_else(|| Some((level, parts(f, level, around)?)));
                around.push(range.iterator.clone());
            }
            let body = in_body(&f.body, around, is_changed);
            around.truncate(outside);
            let Some((level, parts)) = found else { return vec![Stmt::For(For { body, ..f.clone() })] };
            *is_changed = true;
            let inner = |range: Range| {
                let ranges = std::iter::once(range).chain(f.ranges[level + 1..].iter().cloned()).collect();
                Stmt::For(For { ranges, body: body.clone(), span: f.span })
            };
            let all = parts.into_iter().map(inner).collect();
            match level {
                0 => all,
                _ => vec![Stmt::For(For { ranges: f.ranges[..level].to_vec(), body: all, span: f.span })],
            }
        }
        Stmt::If(branch) => {
            let then = in_body(&branch.then, around, is_changed);
            let orelse = in_body(&branch.orelse, around, is_changed);
            vec![Stmt::If(If { then, orelse, ..branch.clone() })]
        }
        Stmt::Assign(_) | Stmt::Transfer(_) => vec![stmt.clone()],
    }
}

/// The parts in which a loop of a nest runs, in their order.
fn parts(nest: &For, level: usize, around: &[Name]) -> Option<Vec<Range>> {
    let range = &nest.ranges[level];
    if range.step != 1 {
        return None;
    }
    let mut touched = Vec::new();
    nest.body.iter().for_each(|stmt| accesses(stmt, &mut touched));
    let with = |lo: Affine, hi: Affine| Range { lo, hi, ..range.clone() };
    let least = |a: &Affine, b: &Affine| AffineKind::Min(vec![a.clone(), b.clone()]).into();
    let most = |a: &Affine, b: &Affine| AffineKind::Max(vec![a.clone(), b.clone()]).into();
    let is_cut = |bound: &Affine, at: &Affine| matches!(&bound.kind, AffineKind::Min(all) | AffineKind::Max(all) if all.contains(at));
    if let AffineKind::Name(outer) = &range.lo.kind {
        let after = Affine::name(outer).plus(1);
        let both = || vec![with(range.lo.clone(), least(&range.hi, &after)), with(after.clone(), range.hi.clone())];
        return (!is_cut(&range.hi, &after) && mirrors(&touched, outer, &range.iterator)).then(both);
    }
    if let AffineKind::Add(at, one) = &range.hi.kind
        && let (AffineKind::Name(outer), AffineKind::Int(1)) = (&at.kind, &one.kind)
    {
        let both = || vec![with(range.lo.clone(), (**at).clone()), with(most(&range.lo, at), range.hi.clone())];
        return (!is_cut(&range.lo, at) && mirrors(&touched, outer, &range.iterator)).then(both);
    }
    let mut inside: Vec<&Name> = nest.ranges[level + 1..].iter().map(|r| &r.iterator).collect();
    nest.body.iter().for_each(|stmt| iterators(stmt, &mut inside));
    let is_free = |outer: &&Name| ![&range.lo, &range.hi].into_iter().any(|bound| bound.has(&|name| name == *outer));
    let outer = around.iter().filter(is_free).find(|outer| passes(&touched, outer, &range.iterator, &inside))?;
    let (at, after) = (Affine::name(outer), Affine::name(outer).plus(1));
    Some(vec![
        with(range.lo.clone(), least(&range.hi, &at)),
        with(most(&range.lo, &at), least(&range.hi, &after)),
        with(most(&range.lo, &after), range.hi.clone()),
    ])
}

/// Whether an array that is written is touched in two rows, one at `inner` and one at `outer`, that loops inside walk.
fn passes(touched: &[(&Access, bool)], outer: &Name, inner: &Name, inside: &[&Name]) -> bool {
    let is = |a: &Affine, name: &Name| matches!(&a.kind, AffineKind::Name(n) if n == name);
    let is_pair = |x: &Access, y: &Access| {
        let differ: Vec<usize> = (0..x.indices.len()).filter(|&d| x.indices[d].kind != y.indices[d].kind).collect();
        let [d] = differ[..] else { return false };
        let walks = |index: &Affine| index.has(&|name| inside.contains(&name));
        is(&x.indices[d], inner) && is(&y.indices[d], outer) && x.indices.iter().any(walks)
    };
    touched.iter().any(|&(x, x_writes)| {
        let of_array = touched.iter().filter(|&&(y, y_writes)| x.array == y.array && (x_writes || y_writes));
        of_array.into_iter().any(|&(y, _)| is_pair(x, y))
    })
}

/// Whether an array that is written is touched at `[outer][inner]` and at `[inner][outer]`, in two of its indices.
fn mirrors(touched: &[(&Access, bool)], outer: &Name, inner: &Name) -> bool {
    let is = |a: &Access, dim: usize, name: &Name| matches!(&a.indices[dim].kind, AffineKind::Name(n) if n == name);
    let is_pair = |x: &Access, y: &Access, d: usize, e: usize| {
        is(x, d, outer) && is(x, e, inner) && is(y, d, inner) && is(y, e, outer)
    };
    touched.iter().any(|&(x, x_writes)| {
        let others = touched.iter().filter(|&&(y, y_writes)| x.array == y.array && (x_writes || y_writes));
        let dims = x.indices.len();
        others.into_iter().any(|&(y, _)| (0..dims).any(|d| (0..dims).any(|e| d != e && is_pair(x, y, d, e))))
    })
}

/// All accesses below a statement, and whether they write.
fn accesses<'a>(stmt: &'a Stmt, into: &mut Vec<(&'a Access, bool)>) {
    match stmt {
        Stmt::For(f) => f.body.iter().for_each(|stmt| accesses(stmt, into)),
        Stmt::If(branch) => branch.then.iter().chain(&branch.orelse).for_each(|stmt| accesses(stmt, into)),
        Stmt::Assign(assign) => {
            into.push((&assign.target, true));
            into.extend(assign.value.reads().into_iter().map(|access| (access, false)));
        }
        Stmt::Transfer(_) => {}
    }
}

/// All iterators of loops in a statement.
fn iterators<'a>(stmt: &'a Stmt, into: &mut Vec<&'a Name>) {
    match stmt {
        Stmt::For(f) => {
            into.extend(f.ranges.iter().map(|range| &range.iterator));
            f.body.iter().for_each(|stmt| iterators(stmt, into));
        }
        Stmt::If(branch) => branch.then.iter().chain(&branch.orelse).for_each(|stmt| iterators(stmt, into)),
        Stmt::Assign(_) | Stmt::Transfer(_) => {}
    }
}
