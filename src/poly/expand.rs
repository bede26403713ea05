//! Which temps can have an element for each iteration of loops around them, and how does the program then read?
//!
//! A temp that every iteration of a loop fills and uses anew makes the iterations wait for each other, though no value passes between
//! them. With an element for each iteration they run in any order; in the scratchpad only those of a tile are alive.
//!
//! Source: Feautrier, "Array expansion", ICS 1988.

use super::Dependences;
use super::scop::{Scop, Statement};
use crate::isl::{Map, Result};
use crate::lang::ast::{
    Access, Affine, AffineKind, Array, Assign, Condition, Expr, ExprKind, Name, Program, Role, Stmt,
};

/// An array and the loops whose iterations get elements of their own, outermost first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Expansion {
    array: Name,
    loops: Vec<usize>,
}

impl Expansion {
    pub fn array(&self) -> &Name {
        &self.array
    }

    /// As `Dim::loop_id`, outermost first.
    pub fn loops(&self) -> &[usize] {
        &self.loops
    }
}

/// The temps of a program that can be expanded, along all loops that allow and need it.
///
/// # Errors
/// When isl's budget runs out.
pub fn expansions(scop: &Scop, dependences: &Dependences) -> Result<Vec<Expansion>> {
    let mut all = Vec::new();
    for (number, array) in scop.arrays.iter().enumerate().filter(|(_, a)| a.role == Role::Temp) {
        let users: Vec<usize> = (0..scop.statements.len()).filter(|&s| scop.statements[s].touches(number)).collect();
        let Some((&first, _)) = users.split_first() else { continue };
        let mut loops = Vec::new();
        for (k, dim) in scop.statements[first].dims.iter().enumerate() {
            let shared = |&s: &usize| scop.statements[s].dims.get(k).is_some_and(|d| d.loop_id == dim.loop_id);
            if !users.iter().all(shared) {
                break;
            }
            let of = |&s: &usize| &scop.statements[s];
            if dim.stepped.is_none() && !users.iter().map(of).all(|s| walks(s, number, k)) {
                loops.push((k, dim.loop_id));
            }
        }
        for &s in &users {
            let reduction = dependences.reduction_of(s, number);
            let flow = users.iter().map(|&t| (t, dependences.flow_between(s, t, number)));
            for (t, pairs) in flow.chain([(s, reduction)]) {
                let Some(pairs) = pairs else { continue };
                let mut kept = Vec::new();
                for &(k, id) in &loops {
                    if pairs.is_subset(&within(scop, (s, t), number, k)?)? {
                        kept.push((k, id));
                    }
                }
                loops = kept;
            }
        }
        let is_filled = !dependences.live_in.maps()?.iter().any(|map| map.range_name() == Some(format!("A{number}")));
        if is_filled && !loops.is_empty() {
            all.push(Expansion { array: array.name.clone(), loops: loops.into_iter().map(|(_, id)| id).collect() });
        }
    }
    Ok(all)
}

/// Pairs of instances in one iteration of a loop that both are in. `{ [S[s] -> T[t]] -> A[a] }`
fn within(scop: &Scop, (s, t): (usize, usize), array: usize, k: usize) -> Result<Map> {
    let tuple = |letter: char, n: usize| (0..n).map(|i| format!("{letter}{i}")).collect::<Vec<_>>().join(",");
    let dims = |s: usize| scop.statements[s].dims.len();
    let (source, sink) = (tuple('s', dims(s)), tuple('t', dims(t)));
    let element = tuple('a', scop.arrays[array].extents.len());
    scop.ctx.map(&format!("{{ [S{s}[{source}] -> S{t}[{sink}]] -> A{array}[{element}] : s{k} = t{k} }}"))
}

/// Whether an index of each access to the array tells the iterations of the loop apart already.
fn walks(statement: &Statement, array: usize, k: usize) -> bool {
    let mut accesses = statement.accesses.iter().filter(|access| access.array == array);
    accesses.all(|access| {
        let moved_by = |c: &[i64]| c.iter().enumerate().all(|(n, &c)| (c != 0) == (n == k));
        access.linear.iter().flatten().any(|index| moved_by(&index.coefficients))
    })
}

/// An index that arrays get in front.
struct Index {
    array: Name,
    value: Affine,
}

/// The program with the arrays expanded; `None` where a size does not fit 63 bits, or a loop has no instances.
///
/// # Errors
/// When isl's budget runs out.
pub fn expand(program: &Program, scop: &Scop, expansions: &[Expansion]) -> Result<Option<Program>> {
    let (mut indices, mut arrays) = (Vec::new(), program.arrays.clone());
    for Expansion { array, loops } in expansions {
        let Some(declared) = arrays.iter_mut().find(|a| a.name == *array) else { return Ok(None) };
        for &id in loops.iter().rev() {
            let mut dims = scop.statements.iter().flat_map(|s| &s.dims);
            let iterator = dims.find(|dim| dim.loop_id == id).map(|dim| &dim.iterator);
            let (Some((lo, hi)), Some(iterator)) = (scop.range(id)?, iterator) else { return Ok(None) };
            let extent = hi.checked_sub(lo).and_then(|e| e.checked_add(1)).unwrap_or(i64::MAX);
            declared.dims.insert(0, Affine::int(extent));
            declared.extents.insert(0, extent);
            let value = AffineKind::Sub(Box::new(Affine::name(iterator)), Box::new(Affine::int(lo))).into();
            let value = if lo == 0 { Affine::name(iterator) } else { value };
            indices.push(Index { array: array.clone(), value });
        }
        if !is_reasonable(declared) {
            return Ok(None);
        }
    }
    let mut body = program.body.clone();
    body.iter_mut().for_each(|stmt| in_statement(stmt, &indices));
    Ok(Some(Program { arrays, body, ..program.clone() }))
}

/// Whether the size of an array in bytes fits 63 bits by far.
fn is_reasonable(array: &Array) -> bool {
    let elements = array.extents.iter().try_fold(1i64, |product, &extent| product.checked_mul(extent));
    elements.is_some_and(|elements| elements < 1 << 48)
}

fn in_statement(stmt: &mut Stmt, indices: &[Index]) {
    match stmt {
        Stmt::For(f) => f.body.iter_mut().for_each(|stmt| in_statement(stmt, indices)),
        Stmt::If(branch) => {
            branch.then.iter_mut().chain(&mut branch.orelse).for_each(|stmt| in_statement(stmt, indices))
        }
        Stmt::Assign(Assign { target, value, .. }) => {
            in_access(target, indices);
            in_expression(value, indices);
        }
        Stmt::Transfer(_) => {}
    }
}

fn in_access(access: &mut Access, indices: &[Index]) {
    for index in indices.iter().filter(|index| index.array == access.array) {
        access.indices.insert(0, index.value.clone());
    }
}

fn in_expression(expr: &mut Expr, indices: &[Index]) {
    match &mut expr.kind {
        ExprKind::Number(_) | ExprKind::Inf | ExprKind::Name(_) => {}
        ExprKind::Access(access) => in_access(access, indices),
        ExprKind::Neg(a) => in_expression(a, indices),
        ExprKind::Binary(_, a, b) => {
            in_expression(a, indices);
            in_expression(b, indices);
        }
        ExprKind::Call(_, args) => args.iter_mut().for_each(|a| in_expression(a, indices)),
        ExprKind::Select(condition, a, b) => {
            in_condition(condition, indices);
            in_expression(a, indices);
            in_expression(b, indices);
        }
    }
}

fn in_condition(condition: &mut Condition<Expr>, indices: &[Index]) {
    match condition {
        Condition::Chain(first, rest) => {
            in_expression(first, indices);
            rest.iter_mut().for_each(|(_, e)| in_expression(e, indices));
        }
        Condition::And(parts) | Condition::Or(parts) => parts.iter_mut().for_each(|c| in_condition(c, indices)),
        Condition::Not(inner) => in_condition(inner, indices),
    }
}
