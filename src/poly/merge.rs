//! Which temps can share their memory with what is made of them, and how does the program then read?
//!
//! Where each element of an array is made of the same element of a temp that nobody needs afterwards, it can take its place: the sum and
//! what a scale, a shift and a maximum make of it are one array, of which a tile is in the scratchpad once.
//!
//! ```text
//! for i, j: U[i][j] = 0; for k: U[i][j] += ..;        for i, j: V[i][j] = 0; for k: V[i][j] += ..;
//! for i, j: V[i][j] = max(0, U[i][j]);                for i, j: V[i][j] = max(0, V[i][j]);
//! ```
//!
//! Source: update in place as in Hudak and Bloss, "The aggregate update problem in functional programming systems", POPL 1985.

use super::Dependences;
use super::recompute::is_elementwise;
use super::scop::{Scop, number, statement_name};
use crate::isl::{Map, Result};
use crate::lang::ast::{Access, Assign, ExprKind, Name, Program, Role, Stmt};
use itertools::Itertools;

/// Arrays by their numbers; `from` is a temp.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Merge {
    pub from: usize,
    pub into: usize,
}

/// All temps that can share the memory of what is made of them, each once.
///
/// # Errors
/// When isl's budget runs out.
pub fn merges(scop: &Scop, dependences: &Dependences) -> Result<Vec<Merge>> {
    let (anti, live_in) = (dependences.anti.maps()?, dependences.live_in.maps()?);
    let is_filled = |array: usize| !live_in.iter().any(|map| map.range_name() == Some(format!("A{array}")));
    let mut found: Vec<Merge> = Vec::new();
    for (last, statement) in scop.statements.iter().enumerate().filter(|(_, s)| is_elementwise(s)) {
        let target = &statement.accesses[0];
        let into = target.array;
        let is_alike = |array: usize| {
            let (a, b) = (&scop.arrays[array], &scop.arrays[into]);
            a.role == Role::Temp && b.role == Role::Temp && a.ty == b.ty && a.extents == b.extents
        };
        let is_one = |array: usize| {
            let mut own = statement.accesses[1..].iter().filter(|access| access.array == array);
            own.all(|access| access.linear == target.linear)
        };
        let is_only_filled_here = writers(scop, into).eq([last]) && is_filled(into);
        let from = statement.accesses[1..].iter().map(|access| access.array).unique();
        for from in from.filter(|&from| is_alike(from) && is_one(from) && is_filled(from)) {
            let is_known = |merge: &Merge| merge.from == from || merge.into == into;
            if is_only_filled_here && !found.iter().any(is_known) && is_done(scop, &anti, from, last) {
                found.push(Merge { from, into });
            }
        }
    }
    Ok(found)
}

fn writers(scop: &Scop, array: usize) -> impl Iterator<Item = usize> {
    (0..scop.statements.len()).filter(move |&s| scop.statements[s].accesses[0].array == array)
}

/// Whether an element of a temp is touched no more once a statement has read it.
fn is_done(scop: &Scop, anti: &[Map], array: usize, last: usize) -> bool {
    let is_writer = |s: usize| scop.statements[s].accesses[0].array == array;
    let touches = |s: &usize| *s != last && scop.statements[*s].touches(array);
    let mut others = (0..scop.statements.len()).filter(touches);
    // A sum reads the element that it writes: after the last write there is no such read.
    let only_sums = others.all(|s| is_writer(s) && !scop.statements[s].accesses[1..].iter().any(|a| a.array == array));
    let is_written_after = |map: &Map| {
        let (from, to) = (map.domain_name(), map.range_name());
        from == Some(statement_name(last)) && to.is_some_and(|to| is_writer(number(&to)))
    };
    only_sums && !anti.iter().any(is_written_after)
}

/// The program with arrays merged.
pub fn merge(program: &Program, merges: &[Merge]) -> Program {
    let mut program = program.clone();
    let names: Vec<Name> = program.arrays.iter().map(|array| array.name.clone()).collect();
    // What is made of what is made shares the memory of all of it.
    let last = |mut array: usize| {
        while let Some(merge) = merges.iter().find(|merge| merge.from == array) {
            array = merge.into;
        }
        array
    };
    let renamed: Vec<(Name, Name)> =
        merges.iter().map(|merge| (names[merge.from].clone(), names[last(merge.into)].clone())).collect();
    program.body.iter_mut().for_each(|stmt| in_statement(stmt, &renamed));
    program
}

fn in_statement(stmt: &mut Stmt, renamed: &[(Name, Name)]) {
    let of = |access: &mut Access| {
        if let Some((_, name)) = renamed.iter().find(|(from, _)| *from == access.array) {
            access.array = name.clone();
        }
    };
    match stmt {
        Stmt::For(f) => f.body.iter_mut().for_each(|stmt| in_statement(stmt, renamed)),
        Stmt::If(branch) => {
            let both = branch.then.iter_mut().chain(&mut branch.orelse);
            both.for_each(|stmt| in_statement(stmt, renamed));
        }
        Stmt::Assign(Assign { target, value, .. }) => {
            of(target);
            value.each_leaf(&mut |leaf| {
                if let ExprKind::Access(access) = leaf {
                    of(access);
                }
            });
        }
        Stmt::Transfer(_) => {}
    }
}
