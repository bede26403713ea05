//! Which program runs a schedule with its staging?
//!
//! Each statement becomes a leaf over its loops and its dimensions, each transfer a leaf over its loops and the elements that it
//! moves; [`scan`] finds the loops of each group. Positions in a sequence are dates between the loops, with room before and after
//! each position for the transfers that stand there.

use super::loops::{Leaves, convert};
use super::names::Names;
use super::scan::{Date, Leaf, scan};
use super::sum::Sum;
use crate::isl::Result;
use crate::lang::ast::{self, Access, Affine, Assign, Direction, Expr, ExprKind, Name, Program, Role, Stmt, Transfer};
use crate::poly::text::tuple;
use crate::poly::{Linear, Scop};
use crate::schedule::tree::Path;
use crate::staging::{Buffer, Place, Staging, Times, in_tile, points};
use std::cell::Cell;

/// A scheduled program and where its groups stand in it.
pub struct Emitted {
    pub program: Program,
    /// For each group the number of top-level statements up to its end.
    pub ends: Vec<usize>,
}

/// The scheduled program; its scratch arrays stand in the order of the staging's buffers.
///
/// # Errors
/// When isl's budget runs out.
pub fn to_program(source: &Program, times: &Times, staging: &Staging) -> Result<Emitted> {
    let mut names = Names::of(source);
    let buffers: Vec<Name> =
        staging.buffers.iter().map(|b| names.declare(&format!("{}_s", times.scop.arrays[b.array].name))).collect();
    let mut program = Program { params: Vec::new(), arrays: source.arrays.clone(), body: Vec::new() };
    program.arrays.extend(staging.buffers.iter().zip(&buffers).map(|(b, name)| scratch(times.scop, b, name)));
    let emitter = Emitter { times, staging, names: &names, buffers: &buffers };
    let mut ends = Vec::new();
    for g in 0..times.schedule.groups.len() {
        program.body.extend(emitter.outside(g, Direction::Load)?);
        program.body.extend(emitter.group(g)?);
        program.body.extend(emitter.outside(g, Direction::Store)?);
        ends.push(program.body.len());
    }
    Ok(Emitted { program, ends })
}

fn scratch(scop: &Scop, buffer: &Buffer, name: &Name) -> ast::Array {
    let extents: Vec<i64> = buffer.storage.iter().map(|s| s.size).collect();
    ast::Array {
        role: Role::Scratch,
        ty: scop.arrays[buffer.array].ty,
        name: name.clone(),
        dims: extents.iter().map(|&e| Affine::int(e)).collect(),
        extents,
        span: Default::default(),
    }
}

struct Emitter<'a> {
    times: &'a Times<'a>,
    staging: &'a Staging,
    names: &'a Names,
    buffers: &'a [Name],
}

impl Emitter<'_> {
    fn scop(&self) -> &Scop {
        self.times.scop
    }

    /// Transfers of program-wide buffers before or after a group.
    fn outside(&self, g: usize, direction: Direction) -> Result<Vec<Stmt>> {
        let mut body = Vec::new();
        for (n, buffer) in self.staging.buffers.iter().enumerate().filter(|(_, b)| b.grain.is_none()) {
            let (at, set) = match direction {
                Direction::Load => (buffer.load_at, &buffer.loads),
                Direction::Store => (buffer.store_at, &buffer.stores),
            };
            if at != g {
                continue;
            }
            let name = format!("{}{n}", letter(direction));
            let date = (0..buffer.storage.len()).map(Date::Dim).collect();
            let leaf = Leaf { set: points(set, &name)?, name, date, ordered: 0 };
            let loops = scan(&[leaf])?;
            body.extend(convert(&loops, self.names, self)?);
        }
        Ok(body)
    }

    fn group(&self, g: usize) -> Result<Vec<Stmt>> {
        convert(&scan(&self.leaves(g)?)?, self.names, self)
    }

    /// What runs in a group, with dates.
    fn leaves(&self, g: usize) -> Result<Vec<Leaf>> {
        let group = &self.times.schedule.groups[g];
        let mut leaves = Vec::new();
        for path in &group.paths {
            leaves.push(self.instances(path)?);
        }
        for (n, buffer) in self.staging.buffers.iter().enumerate() {
            let Some(grain) = buffer.grain else { continue };
            let Some(path) = group.paths.iter().find(|p| p.statement == buffer.users[0].statement) else { continue };
            leaves.extend(self.transfers(n, buffer, grain, path)?);
        }
        Ok(leaves)
    }

    /// Dates between loops: a position has room for every buffer's load before it and every buffer's store after it.
    fn at(&self, position: usize, offset: usize) -> Date {
        Date::Position((position * (2 * self.staging.buffers.len() + 1) + offset) as i64)
    }

    /// The date of a place below the outer `depth` loops of a path, up to the position there.
    fn date(&self, path: &Path, depth: usize) -> Vec<Date> {
        let body = self.staging.buffers.len();
        (0..depth).flat_map(|q| [self.at(path.positions[q], body), Date::Dim(q)]).collect()
    }

    /// A statement as a leaf, its points `{ S[x, i] }`.
    fn instances(&self, path: &Path) -> Result<Leaf> {
        let statement = &self.scop().statements[path.statement];
        let (depth, dims) = (path.loops.len(), statement.dims.len());
        let is = tuple("i", dims);
        let points: Vec<String> =
            (0..dims).filter(|&k| fixing_loop(path, k).is_none()).map(|k| format!("i{k}")).collect();
        let name = format!("S{}", path.statement);
        let leaf = format!("{name}[{}]", join(&tuple("x", depth), &points.join(",")));
        let tiles: Vec<String> = path.loops.iter().enumerate().map(|(q, l)| in_tile(l, q)).collect();
        let colon = if tiles.is_empty() { "" } else { " : " };
        let place =
            self.scop().ctx.map(&format!("{{ S{}[{is}] -> {leaf}{colon}{} }}", path.statement, tiles.join(" and ")))?;
        let set = statement.domain.apply(&place)?;
        let mut date = self.date(path, depth);
        date.push(self.at(path.positions[depth], self.staging.buffers.len()));
        date.extend((0..points.len()).map(|k| Date::Dim(depth + k)));
        Ok(Leaf { name, ordered: date.len(), date, set })
    }

    /// A buffer's transfers as leaves.
    fn transfers(&self, n: usize, buffer: &Buffer, grain: usize, path: &Path) -> Result<Vec<Leaf>> {
        let rank = buffer.storage.len();
        let mut leaves = Vec::new();
        let sides = [
            (Direction::Load, &buffer.loads, self.at(buffer.load_at, n)),
            (Direction::Store, &buffer.stores, self.at(buffer.store_at, self.staging.buffers.len() + 1 + n)),
        ];
        for (direction, set, position) in sides {
            let name = format!("{}{n}", letter(direction));
            let mut date = self.date(path, grain);
            date.push(position);
            let ordered = date.len();
            date.extend((0..rank).map(|d| Date::Dim(grain + d)));
            leaves.push(Leaf { set: points(set, &name)?, name, date, ordered });
        }
        Ok(leaves)
    }

    fn buffer_of(&self, statement: usize, access: usize) -> Option<usize> {
        self.staging
            .buffers
            .iter()
            .position(|b| b.users.iter().any(|u| u.statement == statement && u.accesses.contains(&access)))
    }

    /// Where an element lies in a buffer, in an iteration of the loops around it.
    fn in_buffer(&self, buffer: usize, loops: &[Sum], element: &[Sum]) -> Access {
        let storage = &self.staging.buffers[buffer].storage;
        let indices = storage
            .iter()
            .zip(element)
            .map(|(s, a)| match &s.place {
                Place::Ring => a.clone().modulo(s.size).to_affine(),
                Place::From(base) => a.clone().plus(&at(base, loops), -1).to_affine(),
            })
            .collect();
        Access { array: self.buffers[buffer].clone(), indices, span: Default::default() }
    }
}

/// What runs in each group.
#[cfg(test)]
pub(super) fn leaves(source: &Program, times: &Times, staging: &Staging) -> Result<Vec<Vec<Leaf>>> {
    let emitter = Emitter { times, staging, names: &Names::of(source), buffers: &[] };
    (0..times.schedule.groups.len()).map(|g| emitter.leaves(g)).collect()
}

fn letter(direction: Direction) -> char {
    match direction {
        Direction::Load => 'L',
        Direction::Store => 'T',
    }
}

fn join(a: &str, b: &str) -> String {
    if a.is_empty() || b.is_empty() { format!("{a}{b}") } else { format!("{a},{b}") }
}

/// The value of a form over loops.
fn at(form: &Linear, loops: &[Sum]) -> Sum {
    let terms = form.coefficients.iter().zip(loops).filter(|(c, _)| **c != 0);
    terms.fold(Sum::int(form.constant), |sum, (&c, x)| sum.plus(x, c))
}

/// The loop that leaves one value to a dimension, which then needs no loop of its own: its iteration is the dimension plus a
/// constant.
fn fixing_loop(path: &Path, k: usize) -> Option<usize> {
    path.loops.iter().position(|l| {
        l.tile == 1 && l.value.coefficients.iter().enumerate().all(|(other, &c)| c == i64::from(other == k))
    })
}

/// The dimensions of an instance, from the arguments of its leaf.
fn instance(path: &Path, dims: usize, loops: &[Sum], points: &[Sum]) -> Vec<Sum> {
    let mut points = points.iter();
    (0..dims)
        .filter_map(|k| match fixing_loop(path, k) {
            Some(q) => Some(loops[q].clone().plus(&Sum::int(path.loops[q].value.constant), -1)),
            None => points.next().cloned(),
        })
        .collect()
}

impl Leaves for Emitter<'_> {
    fn argument_name(&self, leaf: &str, argument: usize) -> String {
        let n = crate::poly::number(leaf);
        let loop_name = |path: &Path, q: usize| {
            let dims = &self.scop().statements[path.statement].dims;
            let value = &path.loops[q].value;
            let k = (0..dims.len()).rev().find(|&k| value.coefficients[k] != 0);
            let name = k.map_or("t", |k| &*dims[k].iterator);
            if path.loops[q].tile == 1 { name.to_string() } else { format!("{name}t") }
        };
        if leaf.starts_with('S') {
            let path = self.times.path(n);
            let dims = &self.scop().statements[n].dims;
            let points: Vec<usize> = (0..dims.len()).filter(|&k| fixing_loop(path, k).is_none()).collect();
            return match argument.checked_sub(path.loops.len()) {
                None => loop_name(path, argument),
                Some(k) => dims[points[k]].iterator.to_string(),
            };
        }
        let buffer = &self.staging.buffers[n];
        match argument.checked_sub(buffer.grain.unwrap_or(0)) {
            None => loop_name(self.times.path(buffer.users[0].statement), argument),
            Some(d) => self.element_name(buffer, d),
        }
    }

    fn statement(&self, leaf: &str, arguments: &[Sum]) -> Stmt {
        let n = crate::poly::number(leaf);
        if leaf.starts_with('S') {
            let path = self.times.path(n);
            let (loops, points) = arguments.split_at(path.loops.len());
            let instance = instance(path, self.scop().statements[n].dims.len(), loops, points);
            return Stmt::Assign(self.assign(n, loops, &instance));
        }
        let buffer = &self.staging.buffers[n];
        let (loops, element) = arguments.split_at(buffer.grain.unwrap_or(0));
        let dram = Access {
            array: self.scop().arrays[buffer.array].name.clone(),
            indices: element.iter().map(Sum::to_affine).collect(),
            span: Default::default(),
        };
        let scratch = self.in_buffer(n, loops, element);
        let (direction, target, source) = match leaf.starts_with('L') {
            true => (Direction::Load, scratch, dram),
            false => (Direction::Store, dram, scratch),
        };
        Stmt::Transfer(Transfer { direction, target, source, ranges: Vec::new(), span: Default::default() })
    }
}

impl Emitter<'_> {
    /// The iterator that runs a dimension of an array in its first user, or a letter.
    fn element_name(&self, buffer: &Buffer, d: usize) -> String {
        let user = &buffer.users[0];
        let statement = &self.scop().statements[user.statement];
        let index = &statement.accesses[user.accesses[0]].linear[d];
        let dim = index.as_ref().and_then(|index| (0..statement.dims.len()).find(|&k| index.coefficients[k] != 0));
        dim.map_or_else(|| format!("e{d}"), |k| statement.dims[k].iterator.to_string())
    }

    fn assign(&self, n: usize, loops: &[Sum], instance: &[Sum]) -> Assign {
        let statement = &self.scop().statements[n];
        let mut iterators: Vec<(Name, Sum)> = Vec::new();
        for (dim, at) in statement.dims.iter().zip(instance) {
            let value = match &dim.stepped {
                None => at.clone(),
                Some((start, step)) => {
                    let lookup = |name: &Name| iterators.iter().find(|(n, _)| n == name).map(|(_, v)| v.clone());
                    Sum::of(start, &lookup).plus(at, *step)
                }
            };
            iterators.push((dim.iterator.clone(), value));
        }
        let rewrite = Rewrite { emitter: self, statement: n, loops, iterators: &iterators, next_read: Cell::new(0) };
        Assign {
            label: None,
            target: rewrite.access(&statement.assign.target, 0),
            op: statement.assign.op,
            value: rewrite.expr(&statement.assign.value),
            span: Default::default(),
        }
    }
}

/// A statement's text with its arrays in their buffers and its iterators in terms of the new loops.
struct Rewrite<'a> {
    emitter: &'a Emitter<'a>,
    statement: usize,
    loops: &'a [Sum],
    iterators: &'a [(Name, Sum)],
    /// Reads are met in the order of the text.
    next_read: Cell<usize>,
}

impl Rewrite<'_> {
    fn value(&self, name: &Name) -> Option<Sum> {
        self.iterators.iter().find(|(n, _)| n == name).map(|(_, value)| value.clone())
    }

    fn access(&self, access: &Access, number: usize) -> Access {
        let element: Vec<Sum> = access.indices.iter().map(|a| Sum::of(a, &|name| self.value(name))).collect();
        let buffer = self.emitter.buffer_of(self.statement, number);
        match buffer {
            Some(buffer) => self.emitter.in_buffer(buffer, self.loops, &element),
            None => Access {
                array: access.array.clone(),
                indices: element.iter().map(Sum::to_affine).collect(),
                span: Default::default(),
            },
        }
    }

    fn expr(&self, expr: &Expr) -> Expr {
        let boxed = |e: &Expr| Box::new(self.expr(e));
        match &expr.kind {
            ExprKind::Number(_) | ExprKind::Inf => expr.clone(),
            ExprKind::Name(name) => self.value(name).map_or_else(|| expr.clone(), |v| value_expr(&v.to_affine())),
            ExprKind::Access(access) => {
                let read = self.next_read.replace(self.next_read.get() + 1);
                let number = self.emitter.scop().statements[self.statement].reads[read];
                ExprKind::Access(self.access(access, number)).into()
            }
            ExprKind::Neg(a) => ExprKind::Neg(boxed(a)).into(),
            ExprKind::Binary(op, a, b) => ExprKind::Binary(*op, boxed(a), boxed(b)).into(),
            ExprKind::Call(call, args) => ExprKind::Call(*call, args.iter().map(|a| self.expr(a)).collect()).into(),
            ExprKind::Select(condition, a, b) => {
                ExprKind::Select(Box::new(self.select_condition(condition)), boxed(a), boxed(b)).into()
            }
        }
    }

    fn select_condition(&self, condition: &ast::Condition<Expr>) -> ast::Condition<Expr> {
        use ast::Condition::*;
        match condition {
            Chain(first, rest) => Chain(self.expr(first), rest.iter().map(|(c, e)| (*c, self.expr(e))).collect()),
            And(parts) => And(parts.iter().map(|c| self.select_condition(c)).collect()),
            Or(parts) => Or(parts.iter().map(|c| self.select_condition(c)).collect()),
            Not(inner) => Not(Box::new(self.select_condition(inner))),
        }
    }
}

/// An affine expression as a value: `/` and `%` by `floor`, exact for all integers below 2^52.
fn value_expr(a: &Affine) -> Expr {
    use ast::{AffineKind as A, BinaryOp::*, Call};
    let binary =
        |op, a: &Affine, b: &Affine| ExprKind::Binary(op, Box::new(value_expr(a)), Box::new(value_expr(b))).into();
    let floor = |a: &Affine, b: &Affine| -> Expr { ExprKind::Call(Call::Floor, vec![binary(Div, a, b)]).into() };
    match &a.kind {
        A::Int(value) if *value < 0 => ExprKind::Neg(Box::new(ExprKind::Number(-(*value as f64)).into())).into(),
        A::Int(value) => ExprKind::Number(*value as f64).into(),
        A::Name(name) => ExprKind::Name(name.clone()).into(),
        A::Neg(a) => ExprKind::Neg(Box::new(value_expr(a))).into(),
        A::Add(a, b) => binary(Add, a, b),
        A::Sub(a, b) => binary(Sub, a, b),
        A::Mul(a, b) => binary(Mul, a, b),
        A::Div(a, b) => floor(a, b),
        A::Mod(a, b) => {
            let whole = ExprKind::Binary(Mul, Box::new(floor(a, b)), Box::new(value_expr(b))).into();
            ExprKind::Binary(Sub, Box::new(value_expr(a)), Box::new(whole)).into()
        }
        A::Min(args) => ExprKind::Call(Call::Min, args.iter().map(value_expr).collect()).into(),
        A::Max(args) => ExprKind::Call(Call::Max, args.iter().map(value_expr).collect()).into(),
    }
}
