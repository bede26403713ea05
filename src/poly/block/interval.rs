//! How does a nest that fills a table of intervals read in blocks?
//!
//! The entry of an interval is combined from those of its parts: `T[r][c] op= f(T[r][k + a], T[k + b][c])`, for a `k` between `r` and `c`. Rows are
//! filled upwards and columns downwards, so squares of entries may follow each other in that order. The parts of an entry lie in its own square,
//! in the two on the diagonal below and beside it, or in those between, which are finished: what comes from between is added first, the loop over
//! `k` outermost, so that a column and a row pass by. The rest is added entry by entry. Squares on the diagonal are as they were. Where an
//! entry also needs neighbours, `T[r][c - 1]` or `T[r + 1][c]`, those outside of its square are taken as of it, and squares beside the diagonal,
//! where they lie in those on it, are as they were too.
//!
//! Loops are those of rows and columns, whatever the program counts by, the lengths of intervals for example.

use super::{Block, BlockDim, FARTHEST, Order, Turn};
use crate::isl::Result;
use crate::lang::ast::{
    Affine, AffineKind, Assign, Comparison, Condition, ExprKind, For, If, Name, Program, Range, Span, Stmt,
};
use crate::poly::carried::Origin;
use crate::poly::expand::fresh;
use crate::poly::scop::{Access, Scop};
use crate::poly::{Dependences, Linear};
use itertools::Itertools;
use std::collections::BTreeMap;

/// Farthest neighbours that an entry needs.
const REACH: i64 = 8;

/// What of a nest fills a table of intervals.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Table {
    /// The statement that combines parts.
    sum: usize,
    /// What stands beside the loop over columns, before it.
    first: Vec<usize>,
    /// What begins an entry and needs no other.
    starts: Vec<usize>,
    /// All statements but those in `first`.
    entries: Vec<usize>,
    row: Linear,
    column: Linear,
    /// What is added to `k` in the column of the one part, and in the row of the other.
    shifts: (i64, i64),
    /// How many columns to the left, and how many rows down, an entry needs neighbours.
    reach: (i64, i64),
}

/// A nest taken apart.
struct Nest<'a> {
    outer: &'a Range,
    inner: &'a Range,
    terms: &'a Range,
    first: &'a [Stmt],
    /// What stands before and after the sum in its loops.
    before: &'a [Stmt],
    sum: &'a Assign,
    after: &'a [Stmt],
}

/// Squares of a nest; `None` where it fills no table of intervals.
///
/// # Errors
/// When isl's budget runs out.
pub fn find(scop: &Scop, program: &Program, dependences: &Dependences, nest: usize) -> Result<Option<Block>> {
    let Some(table) = Table::of(scop, program, nest) else { return Ok(None) };
    let statements: Vec<usize> = table.first.iter().chain(&table.entries).copied().collect();
    if !table.is_legal(scop, &Order::within(&dependences.binding, &statements)?)? {
        return Ok(None);
    }
    let Some((least, most)) = scop.range(scop.statements[table.sum].dims[0].loop_id)? else { return Ok(None) };
    let dim =
        |turn: fn(&Table, usize) -> Turn| -> BlockDim { statements.iter().map(|&s| (s, turn(&table, s))).collect() };
    let columns = |table: &Table, s: usize| if table.first.contains(&s) { Turn::First } else { Turn::At(1) };
    let terms = |table: &Table, s: usize| match s.cmp(&table.sum) {
        std::cmp::Ordering::Less => Turn::First,
        std::cmp::Ordering::Equal => Turn::At(2),
        std::cmp::Ordering::Greater => Turn::Last,
    };
    let dims = vec![dim(|_, _| Turn::At(0)), dim(columns), dim(terms)];
    let extent = most.saturating_add(1);
    let is_near = least >= 0 && most < FARTHEST;
    Ok(is_near.then_some(Block { nest, dims, cut: 2, size: 1, extent, is_of_intervals: true }))
}

impl Table {
    fn of(scop: &Scop, program: &Program, nest: usize) -> Option<Table> {
        let parts = Nest::of(&program.body[nest])?;
        let from = scop.statements.iter().position(|statement| statement.nest == nest)?;
        let numbers = |stmts: &[Stmt], from: usize| from..from + stmts.iter().map(assigns).sum::<usize>();
        let first = numbers(parts.first, from);
        let before = numbers(parts.before, first.end);
        let sum = before.end;
        let after = numbers(parts.after, sum + 1);
        let of = &scop.statements[sum];
        if of.dims.len() != 3 || !of.is_reduction() || of.dims.iter().any(|dim| dim.stepped.is_some()) {
            return None;
        }
        let target = &of.accesses[0];
        let [Some(row), Some(column)] = target.linear.as_slice() else { return None };
        let (row, column) = (row.clone(), column.clone());
        let is_near = |form: &Linear| {
            form.coefficients.iter().all(|c| (-1..=1).contains(c)) && (-FARTHEST..=FARTHEST).contains(&form.constant)
        };
        let is_small = scop.arrays[target.array].extents.iter().all(|&extent| extent <= FARTHEST);
        if !is_small || !is_near(&row) || !is_near(&column) {
            return None;
        }
        let determinant = row.coefficients[0] * column.coefficients[1] - row.coefficients[1] * column.coefficients[0];
        if row.coefficients[2] != 0 || column.coefficients[2] != 0 || determinant.abs() != 1 {
            return None;
        }
        // What stands beside the loop over columns knows its row.
        if !first.is_empty() && (row.coefficients[1] != 0 || row.coefficients[0].abs() != 1) {
            return None;
        }
        let operands = || of.accesses[1..].iter().filter(|access| access.array == target.array);
        let after_k = |form: &Option<Linear>| {
            let form = form.as_ref()?;
            (form.coefficients == [0, 0, 1] && is_near(form)).then_some(form.constant)
        };
        let beside = |access: &Access| (access.linear[0].as_ref() == Some(&row)).then(|| after_k(&access.linear[1]))?;
        let below =
            |access: &Access| (access.linear[1].as_ref() == Some(&column)).then(|| after_k(&access.linear[0]))?;
        let shifts = (operands().find_map(beside)?, operands().find_map(below)?);
        let is_part = |access: &Access| beside(access) == Some(shifts.0) || below(access) == Some(shifts.1);
        if shifts.0 > shifts.1 || !operands().all(is_part) {
            return None;
        }
        let written: Vec<usize> = first.clone().chain(before.clone()).chain([sum]).chain(after.clone()).collect();
        let is_written = |array: usize| written.iter().any(|&s| scop.statements[s].accesses[0].array == array);
        let is_start = |s: &usize| {
            let statement = &scop.statements[*s];
            !statement.is_reduction() && statement.accesses[1..].iter().all(|access| !is_written(access.array))
        };
        // A statement of the text starts entries as a whole or not at all.
        let mut starts = Vec::new();
        let mut number = before.start;
        for stmt in parts.before {
            let own = number..number + assigns(stmt);
            number = own.end;
            if own.clone().all(|s| is_start(&s)) {
                starts.extend(own);
            }
        }
        let entries: Vec<usize> = before.chain([sum]).chain(after).collect();
        let mut reach = (0, 0);
        for s in first.clone().chain(entries.iter().copied().filter(|&s| s != sum)) {
            let accesses = &scop.statements[s].accesses;
            let others = accesses[1..].iter().filter(|access| access.array == target.array);
            for access in others.filter(|access| access.linear != accesses[0].linear) {
                let [Some(r), Some(c)] = access.linear.as_slice() else { return None };
                let (left, down) = (at(&column, scop, s).distance(c)?, r.distance(&at(&row, scop, s))?);
                if first.contains(&s) || !(0..=REACH).contains(&left) || !(0..=REACH).contains(&down) {
                    return None;
                }
                reach = (reach.0.max(left), reach.1.max(down));
            }
        }
        Some(Table { sum, first: first.collect(), starts, entries, row, column, shifts, reach })
    }

    /// Whether squares may follow each other, and what comes from between them be added first.
    fn is_legal(&self, scop: &Scop, order: &[Order]) -> Result<bool> {
        let least = |s: usize, form: Linear| scop.statements[s].domain.minimum(&form.coefficients, form.constant);
        let at_least_zero = |found: Option<i64>| found.is_none_or(|least| least >= 0);
        for &s in &self.entries {
            let length = minus(&at(&self.column, scop, s), &at(&self.row, scop, s));
            if !at_least_zero(least(s, length)?) {
                return Ok(false);
            }
        }
        // The parts are not larger than the whole.
        let k = |shift: i64| Linear { coefficients: vec![0, 0, 1], constant: shift };
        let (beside, below) = (k(self.shifts.0), k(self.shifts.1));
        for form in [minus(&below, &self.row), minus(&self.column, &beside)] {
            if !at_least_zero(least(self.sum, form)?) {
                return Ok(false);
            }
        }
        for Order { from, to, map } in order {
            let (is_first, leads_to_first) = (self.first.contains(from), self.first.contains(to));
            if leads_to_first && !is_first || self.starts.contains(to) && !is_first && !self.starts.contains(from) {
                return Ok(false);
            }
            // How far a form of the earlier instance is above one of the later, at least.
            let apart = |map: &crate::isl::Map, earlier: &Linear, later: &Linear| -> Result<Option<i64>> {
                let (earlier, later) = (at(earlier, scop, *from), at(later, scop, *to));
                let negated = later.coefficients.iter().map(|c| -c);
                let coefficients: Vec<i64> = earlier.coefficients.iter().copied().chain(negated).collect();
                map.wrap()?.minimum(&coefficients, earlier.constant - later.constant)
            };
            let rows = apart(map, &self.row, &self.row)?;
            let columns = if is_first { None } else { apart(map, &negative(&self.column), &negative(&self.column))? };
            if !at_least_zero(rows) || !at_least_zero(columns) {
                return Ok(false);
            }
            if *to != self.sum || is_first || self.starts.contains(from) {
                continue;
            }
            for piece in map.pieces()? {
                let is_below = at_least_zero(apart(&piece, &self.row, &below)?);
                if !is_below && !at_least_zero(apart(&piece, &negative(&self.column), &negative(&beside))?) {
                    return Ok(false);
                }
            }
        }
        Ok(true)
    }
}

/// A form over a statement's own iterators: the first of those of the sum.
fn at(form: &Linear, scop: &Scop, s: usize) -> Linear {
    let mut coefficients = form.coefficients.clone();
    coefficients.resize(scop.statements[s].dims.len(), 0);
    Linear { coefficients, constant: form.constant }
}

fn minus(a: &Linear, b: &Linear) -> Linear {
    let coefficients = a.coefficients.iter().zip(&b.coefficients).map(|(x, y)| x - y).collect();
    Linear { coefficients, constant: a.constant - b.constant }
}

fn negative(form: &Linear) -> Linear {
    Linear { coefficients: form.coefficients.iter().map(|c| -c).collect(), constant: -form.constant }
}

impl<'a> Nest<'a> {
    /// `for outer { first; for inner { before; for terms { sum } after } }`
    fn of(stmt: &'a Stmt) -> Option<Nest<'a>> {
        let Stmt::For(f) = stmt else { return None };
        let (mut ranges, mut body) = (f.ranges.iter().collect_vec(), f.body.as_slice());
        let mut first: &[Stmt] = &[];
        if let [_] = ranges[..] {
            let (last, others) = body.split_last()?;
            let Stmt::For(inner) = last else { return None };
            first = others;
            ranges.extend(&inner.ranges);
            body = &inner.body;
        }
        let (mut before, mut after): (&[Stmt], &[Stmt]) = (&[], &[]);
        if let [_, _] = ranges[..] {
            let at = body.iter().positions(|stmt| matches!(stmt, Stmt::For(_))).exactly_one().ok()?;
            let Stmt::For(terms) = &body[at] else { return None };
            (before, after) = (&body[..at], &body[at + 1..]);
            ranges.extend(&terms.ranges);
            body = &terms.body;
        }
        let ([outer, inner, terms], [Stmt::Assign(sum)]) = (&ranges[..], body) else { return None };
        let is_plain = first.iter().chain(before).chain(after).all(has_no_loop);
        let has_choice = |a: &Affine| matches!(a.kind, AffineKind::Min(_) | AffineKind::Max(_));
        let is_between = |range: &&Range| {
            let bounds = || super::case::parts(&range.lo).chain(super::case::parts(&range.hi));
            let is_choice = matches!(range.lo.kind, AffineKind::Min(_)) || matches!(range.hi.kind, AffineKind::Max(_));
            range.step == 1 && !is_choice && !bounds().any(has_choice)
        };
        let all_plain = is_plain && ranges.iter().all(is_between);
        all_plain.then_some(Nest { outer, inner, terms, first, before, sum, after })
    }
}

fn has_no_loop(stmt: &Stmt) -> bool {
    match stmt {
        Stmt::Assign(_) => true,
        Stmt::If(branch) => branch.then.iter().chain(&branch.orelse).all(has_no_loop),
        Stmt::For(_) | Stmt::Transfer(_) => false,
    }
}

/// Assignments in a statement of the text.
fn assigns(stmt: &Stmt) -> usize {
    match stmt {
        Stmt::Assign(_) => 1,
        Stmt::If(branch) => branch.then.iter().chain(&branch.orelse).map(assigns).sum(),
        Stmt::For(f) => f.body.iter().map(assigns).sum(),
        Stmt::Transfer(_) => 0,
    }
}

/// The nest in squares, and what its statements were.
pub fn written(block: &Block, program: &Program, scop: &Scop) -> Option<(Stmt, Vec<Origin>)> {
    let table = Table::of(scop, program, block.nest)?;
    let nest = Nest::of(&program.body[block.nest])?;
    let size = block.size;
    let reach = |form: &Linear, of: &[&[usize]], sign: i64| -> Option<i64> {
        let ends = of.iter().copied().flatten().map(|&s| {
            let form = at(form, scop, s);
            let form = if sign > 0 { form } else { negative(&form) };
            scop.statements[s].domain.minimum(&form.coefficients, form.constant).ok()?
        });
        let least = ends.flatten().min()?;
        Some(sign * least)
    };
    let (of_rows, of_columns): (&[&[usize]], &[&[usize]]) = (&[&table.first, &table.entries], &[&table.entries]);
    let squares = |length: i64| (length - 1).div_euclid(size) + 1;
    // One past the last row, from which squares are counted; those on the diagonal are for each row, whether it has entries or not.
    let end = reach(&table.row, of_rows, -1)?.checked_add(1)?;
    let first_row = reach(&table.row, of_rows, 1)?;
    let rows = squares(end - first_row);
    let diagonal = squares(end - first_row.min(reach(&table.column, of_columns, 1)?));
    let columns = squares(reach(&table.column, of_columns, -1)? + 1 - (end - size * diagonal));
    let name = |range: &Range, other: Option<&Name>| {
        let mut names = (2..).map(|n| fresh(program, scop, &range.iterator, n));
        names.find(|name| Some(name) != other).unwrap_or_else(|| range.iterator.clone())
    };
    let x = name(nest.outer, None);
    let y = name(nest.inner, Some(&x));
    let writer = Writer { table: &table, nest: &nest, size, end, diagonal, x: &x, y: &y, origins: Vec::new() };
    let (body, origins) = writer.body()?;
    let over = |iterator: &Name, count: i64| range(iterator, Affine::int(0), Affine::int(count));
    let ranges = vec![over(&x, rows), over(&y, columns)];
    Some((Stmt::For(For { ranges, body, span: Span::default() }), origins))
}

struct Writer<'a> {
    table: &'a Table,
    nest: &'a Nest<'a>,
    size: i64,
    end: i64,
    diagonal: i64,
    x: &'a Name,
    y: &'a Name,
    origins: Vec<Origin>,
}

/// The iterators of the program by those of now: which square of rows and of columns, the place in them, the term.
type Values = BTreeMap<Name, Linear>;

const SQUARE_OF_ROWS: usize = 0;
const SQUARE_OF_COLUMNS: usize = 1;
const ROW: usize = 2;
const COLUMN: usize = 3;
const TERM: usize = 4;

fn form(terms: &[(usize, i64)], constant: i64) -> Linear {
    let mut form = Linear::constant(TERM + 1, constant);
    terms.iter().for_each(|&(n, coefficient)| form.coefficients[n] = coefficient);
    form
}

impl Writer<'_> {
    fn body(mut self) -> Option<(Vec<Stmt>, Vec<Origin>)> {
        let Nest { outer, inner, terms, first, before, sum, after } = *self.nest;
        let (size, i, j, k) = (self.size, &outer.iterator, &inner.iterator, &terms.iterator);
        // Rows upwards from the end of the square, columns downwards from its start.
        let start = self.end - size * self.diagonal;
        let row = form(&[(SQUARE_OF_ROWS, -size), (ROW, -1)], self.end - 1);
        let column = form(&[(SQUARE_OF_COLUMNS, size), (COLUMN, 1)], start);
        let values = self.iterators(&row, &column)?;
        let (beside, below) = self.table.shifts;
        let runs = |writer: &Self| {
            let of = |range| writer.within(range, &values);
            [of(outer), of(inner)].concat()
        };
        let with = |value: Linear| {
            let mut values = values.clone();
            values.insert(k.clone(), value);
            values
        };
        let reach = self.table.reach;
        // `k` counted from some columns before the square, or downwards from some rows below it, or as it is.
        let in_columns = |before: i64| with(form(&[(SQUARE_OF_COLUMNS, size), (TERM, 1)], start - before - beside));
        let in_rows = with(form(&[(SQUARE_OF_ROWS, -size), (TERM, -1)], self.end - below - 1 + reach.1));
        let between = with(form(&[(TERM, 1)], 0));
        let up_to = |name: &Name, end: Affine| range(name, Affine::int(0), end);
        let square = || vec![up_to(i, Affine::int(size)), up_to(j, Affine::int(size))];

        // As it was, in squares so far from the diagonal. Its columns are its rows: `k` begins where the row does.
        let as_it_was = |writer: &mut Self, away: i64| {
            let mut entry = writer.all(before, writer.table.entries[0], &values)?;
            let row_starts = writer.affine(&form(&[(ROW, -1)], size - 1 + beside - below));
            let so_far = writer.affine(&form(&[(COLUMN, 1)], 1 + away * size));
            entry.push(around(vec![range(k, row_starts, so_far)], vec![writer.term(sum, &in_columns(away * size))?]));
            entry.extend(writer.all(after, writer.table.sum + 1, &values)?);
            Some(around(vec![up_to(j, Affine::int(size))], vec![guarded(runs(writer), entry)]))
        };
        let mut at_row = self.all(first, self.table.first.first().copied().unwrap_or(0), &values)?;
        if !at_row.is_empty() {
            at_row = vec![guarded(self.within(outer, &values), at_row)];
        }
        let mut cases = Vec::new();
        for away in 0..=(reach.0 + reach.1 + size - 1) / size {
            at_row.push(as_it_was(&mut self, away)?);
            let rows = around(vec![up_to(i, Affine::int(size))], std::mem::take(&mut at_row));
            cases.push((Comparison::Eq, vec![rows]));
        }

        // Beyond: what needs nothing of the square, the terms from between, the rest.
        let mut beyond = Vec::new();
        let (starts, others): (Vec<_>, Vec<_>) =
            self.numbered(before).into_iter().partition(|(_, own)| self.table.starts.contains(own));
        if !starts.is_empty() {
            let body = self.each(&starts, &values)?;
            beyond.push(around(square(), vec![guarded(runs(&self), body)]));
        }
        let far = self.term(sum, &between)?;
        let first_between = self.affine(&form(&[(SQUARE_OF_ROWS, -size)], self.end - below + reach.1));
        let end_between = self.affine(&form(&[(SQUARE_OF_COLUMNS, size)], start - beside - reach.0));
        let ranges = [vec![range(k, first_between, end_between)], square()].concat();
        beyond.push(around(ranges, vec![guarded(runs(&self), vec![far])]));
        let mut entry = self.each(&others, &values)?;
        let end = self.affine(&form(&[(ROW, 1)], 1 + reach.1));
        entry.push(around(vec![up_to(k, end)], vec![self.term(sum, &in_rows)?]));
        let end = self.affine(&form(&[(COLUMN, 1)], 1 + reach.0));
        entry.push(around(vec![up_to(k, end)], vec![self.term(sum, &in_columns(reach.0))?]));
        entry.extend(self.all(after, self.table.sum + 1, &values)?);
        beyond.push(around(square(), vec![guarded(runs(&self), entry)]));
        cases.push((Comparison::Ge, beyond));

        let place = self.affine(&form(&[(SQUARE_OF_ROWS, 1), (SQUARE_OF_COLUMNS, 1)], 0));
        let case = |(away, (comparison, then)): (i64, (Comparison, Vec<Stmt>))| {
            let at = Affine::int(self.diagonal - 1 + away);
            guarded(vec![Condition::Chain(place.clone(), vec![(comparison, at)])], then)
        };
        let body = (0..).zip(cases).map(case).collect();
        Some((body, self.origins))
    }

    /// The statements before the sum, and the number of the first assignment of each.
    fn numbered<'s>(&self, before: &'s [Stmt]) -> Vec<(&'s Stmt, usize)> {
        let mut number = self.table.entries[0];
        let of = |stmt: &'s Stmt| {
            let own = number;
            number += assigns(stmt);
            (stmt, own)
        };
        before.iter().map(of).collect()
    }

    fn each(&mut self, stmts: &[(&Stmt, usize)], values: &Values) -> Option<Vec<Stmt>> {
        stmts.iter().map(|&(stmt, mut number)| self.statement(stmt, &mut number, values)).collect()
    }

    fn term(&mut self, sum: &Assign, values: &Values) -> Option<Stmt> {
        let body = vec![self.assign(sum, self.table.sum, values)?];
        Some(guarded(self.within(self.nest.terms, values), body))
    }

    /// The iterators of the loops over entries, by the row and the column.
    fn iterators(&self, row: &Linear, column: &Linear) -> Option<Values> {
        let Table { row: r, column: c, .. } = self.table;
        let [[p, q], [s, t]] = [[r.coefficients[0], r.coefficients[1]], [c.coefficients[0], c.coefficients[1]]];
        let determinant = p * t - q * s;
        let from_zero = |form: &Linear, constant: i64| {
            Some(Linear { constant: form.constant.checked_sub(constant)?, ..form.clone() })
        };
        let (row, column) = (from_zero(row, r.constant)?, from_zero(column, c.constant)?);
        let of = |by_row: i64, by_column: i64| {
            let zero = Linear::constant(TERM + 1, 0);
            zero.combine(&row, by_row * determinant)?.combine(&column, by_column * determinant)
        };
        Some([(self.nest.outer.iterator.clone(), of(t, -q)?), (self.nest.inner.iterator.clone(), of(-s, p)?)].into())
    }

    /// A form over the iterators of now, those of which come first that are added.
    fn affine(&self, form: &Linear) -> Affine {
        let Nest { outer, inner, terms, .. } = self.nest;
        let names = [self.x, self.y, &outer.iterator, &inner.iterator, &terms.iterator];
        let product = |coefficient: i64, name: &Name| match coefficient {
            1 => Affine::name(name),
            _ => AffineKind::Mul(Box::new(Affine::int(coefficient)), Box::new(Affine::name(name))).into(),
        };
        let added = form.coefficients.iter().zip(names).filter(|(c, _)| **c > 0).map(|(c, name)| product(*c, name));
        let sum = added.reduce(|a, b| AffineKind::Add(Box::new(a), Box::new(b)).into());
        let sum = match (sum, form.constant) {
            (Some(sum), constant) => sum.plus(constant),
            (None, constant) => Affine::int(constant),
        };
        let taken = form.coefficients.iter().zip(names).filter(|(c, _)| **c < 0).map(|(c, name)| product(-c, name));
        taken.fold(sum, |sum, part| AffineKind::Sub(Box::new(sum), Box::new(part)).into())
    }

    /// An expression over the iterators of the program by those of now.
    fn replaced(&self, a: &Affine, values: &Values) -> Affine {
        match Linear::of(a, TERM + 1, &|name| values.get(name).cloned()) {
            Some(form) => self.affine(&form),
            None => a.replaced(&|name| values.get(name).map(|form| self.affine(form))),
        }
    }

    /// The conditions under which an iterator with these values is in its range.
    fn within(&self, of: &Range, values: &Values) -> Vec<Condition<Affine>> {
        let own = self.replaced(&Affine::name(&of.iterator), values);
        let compared = |bound: &Affine, comparison| {
            Condition::Chain(self.replaced(bound, values), vec![(comparison, own.clone())])
        };
        let lo = super::case::parts(&of.lo).map(|bound| compared(bound, Comparison::Le));
        lo.chain(super::case::parts(&of.hi).map(|bound| compared(bound, Comparison::Gt))).collect()
    }

    fn all(&mut self, stmts: &[Stmt], from: usize, values: &Values) -> Option<Vec<Stmt>> {
        let mut number = from;
        stmts.iter().map(|stmt| self.statement(stmt, &mut number, values)).collect()
    }

    fn statement(&mut self, stmt: &Stmt, number: &mut usize, values: &Values) -> Option<Stmt> {
        match stmt {
            Stmt::Assign(assign) => {
                *number += 1;
                self.assign(assign, *number - 1, values)
            }
            Stmt::If(branch) => {
                let condition = branch.condition.map(&|a| self.replaced(a, values));
                let mut body = |stmts: &[Stmt]| -> Option<Vec<Stmt>> {
                    stmts.iter().map(|stmt| self.statement(stmt, number, values)).collect()
                };
                let (then, orelse) = (body(&branch.then)?, body(&branch.orelse)?);
                Some(Stmt::If(If { condition, then, orelse, span: branch.span }))
            }
            Stmt::For(_) | Stmt::Transfer(_) => None,
        }
    }

    /// An assignment; `None` where an iterator is a value.
    fn assign(&mut self, assign: &Assign, number: usize, values: &Values) -> Option<Stmt> {
        let mut assign = assign.clone();
        let mut is_value = false;
        assign.target.indices.iter_mut().for_each(|index| *index = self.replaced(index, values));
        assign.value.each_leaf(&mut |leaf| match leaf {
            ExprKind::Access(access) => {
                access.indices.iter_mut().for_each(|index| *index = self.replaced(index, values));
            }
            ExprKind::Name(name) => is_value |= values.contains_key(name),
            _ => {}
        });
        let Nest { outer, inner, terms, .. } = self.nest;
        let depth = match number {
            n if n == self.table.sum => 3,
            n if self.table.first.contains(&n) => 1,
            _ => 2,
        };
        let own = [outer, inner, terms]
            .into_iter()
            .take(depth)
            .map(|range| self.replaced(&Affine::name(&range.iterator), values));
        self.origins.push((number, own.collect()));
        (!is_value).then_some(Stmt::Assign(assign))
    }
}

fn guarded(mut all: Vec<Condition<Affine>>, then: Vec<Stmt>) -> Stmt {
    let condition = if all.len() == 1 { all.remove(0) } else { Condition::And(all) };
    Stmt::If(If { condition, then, orelse: Vec::new(), span: Span::default() })
}

fn around(ranges: Vec<Range>, body: Vec<Stmt>) -> Stmt {
    Stmt::For(For { ranges, body, span: Span::default() })
}

fn range(iterator: &Name, lo: Affine, hi: Affine) -> Range {
    Range { iterator: iterator.clone(), lo, hi, step: 1, span: Span::default() }
}
