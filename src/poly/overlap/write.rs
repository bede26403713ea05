//! How does a program read when nests of it run in slabs?

use super::{Overlap, Slabs, Window};
use crate::isl::Result;
use crate::lang::ast::{
    Access, Affine, AffineKind, Assign, Comparison, Condition, ExprKind, For, If, Name, Program, Range, Span, Stmt,
};
use crate::poly::expand::fresh;
use crate::poly::scop::Scop;
use itertools::Itertools;
use std::collections::BTreeMap;

/// The program with some nests in slabs, or the same of another size; `None` where that is not possible.
///
/// # Errors
/// When isl's budget runs out.
pub fn overlap(program: &Program, scop: &Scop, overlaps: &[Overlap]) -> Result<Option<Program>> {
    let mut program = program.clone();
    // The last nests first: the numbers of those before them stay the same.
    for overlap in overlaps.iter().sorted_by_key(|overlap| std::cmp::Reverse(overlap.nests.start)) {
        let Some(overlap) = overlap.scaled(scop)? else { return Ok(None) };
        let Some(slabs) = overlap.slabs(scop)? else { return Ok(None) };
        let Some(written) = overlap.of(&program, scop, &slabs) else { return Ok(None) };
        program = written;
    }
    Ok(Some(program))
}

impl Overlap {
    /// The program with the nests in slabs; `None` where a loop over rows has no plain bounds, or the number of a row is a value.
    pub fn of(&self, program: &Program, scop: &Scop, slabs: &Slabs) -> Option<Program> {
        let mut windows = BTreeMap::new();
        for (&s, &(k, window)) in &slabs.statements {
            windows.insert(scop.statements[s].dims[k].loop_id, window);
        }
        let of_rows = scop.statements.iter().flat_map(|s| &s.dims).find(|dim| dim.loop_id == self.loop_id)?;
        let slab = fresh(program, scop, &of_rows.iterator, 2);
        let (loops, statements, rows) = (0, 0, BTreeMap::new());
        let mut writer = Writer { scop, slabs, windows, slab: slab.clone(), loops, statements, rows };
        let mut body = program.body.iter().map(|stmt| writer.statement(stmt)).collect::<Option<Vec<Stmt>>>()?;
        let inside: Vec<Stmt> = body.drain(self.nests.clone()).collect();
        let (lo, hi) = (Affine::int(0), Affine::int(slabs.count));
        let ranges = vec![Range { iterator: slab, lo, hi, step: 1, span: Span::default() }];
        body.insert(self.nests.start, Stmt::For(For { ranges, body: inside, span: Span::default() }));
        let mut arrays = program.arrays.clone();
        for &a in &slabs.own {
            let (dim, window) = slabs.arrays[&a];
            arrays[a].extents[dim] = window.len();
            arrays[a].extents.insert(0, slabs.count);
            arrays[a].dims = arrays[a].extents.iter().map(|&extent| Affine::int(extent)).collect();
        }
        Some(Program { arrays, body, ..program.clone() })
    }
}

struct Writer<'a> {
    scop: &'a Scop,
    slabs: &'a Slabs,
    /// What each slab runs of the loops over rows.
    windows: BTreeMap<usize, Window>,
    /// The iterator over the slabs.
    slab: Name,
    /// Loops and statements seen, in the order of their numbers.
    loops: usize,
    statements: usize,
    /// The row for each iterator over rows around: iterators count from the first row of the slab.
    rows: BTreeMap<Name, Affine>,
}

impl Writer<'_> {
    fn statement(&mut self, stmt: &Stmt) -> Option<Stmt> {
        Some(match stmt {
            Stmt::For(f) => Stmt::For(self.nest(f)?),
            Stmt::If(branch) => {
                let condition = branch.condition.map(&|a| self.affine(a));
                let (then, orelse) = (self.body(&branch.then)?, self.body(&branch.orelse)?);
                Stmt::If(If { condition, then, orelse, span: branch.span })
            }
            Stmt::Assign(assign) => Stmt::Assign(self.assign(assign)?),
            Stmt::Transfer(_) => stmt.clone(),
        })
    }

    fn body(&mut self, body: &[Stmt]) -> Option<Vec<Stmt>> {
        body.iter().map(|stmt| self.statement(stmt)).collect()
    }

    fn nest(&mut self, f: &For) -> Option<For> {
        let (mut ranges, mut guards, mut own) = (Vec::new(), Vec::new(), Vec::new());
        for range in &f.ranges {
            self.loops += 1;
            let (mut lo, mut hi) = (self.affine(&range.lo), self.affine(&range.hi));
            if let Some(window) = self.windows.get(&self.loops) {
                let (AffineKind::Int(first), AffineKind::Int(end), 1) = (&lo.kind, &hi.kind, range.step) else {
                    return None;
                };
                let start = self.first_row(*window);
                let row: Affine = AffineKind::Add(Box::new(start), Box::new(Affine::name(&range.iterator))).into();
                let last = window.step * (self.slabs.count - 1) + window.hi;
                guards.extend((window.lo < *first).then(|| (row.clone(), Comparison::Ge, lo.clone())));
                guards.extend((*end < last).then(|| (row.clone(), Comparison::Lt, hi.clone())));
                self.rows.insert(range.iterator.clone(), row);
                own.push(range.iterator.clone());
                (lo, hi) = (Affine::int(0), Affine::int(window.len()));
            }
            ranges.push(Range { lo, hi, ..range.clone() });
        }
        let mut body = self.body(&f.body)?;
        for (row, comparison, bound) in guards.into_iter().rev() {
            let condition = Condition::Chain(row, vec![(comparison, bound)]);
            body = vec![Stmt::If(If { condition, then: body, orelse: Vec::new(), span: f.span })];
        }
        own.iter().for_each(|iterator| {
            self.rows.remove(iterator);
        });
        Some(For { ranges, body, span: f.span })
    }

    /// The first row of a slab.
    fn first_row(&self, window: Window) -> Affine {
        let start: Affine =
            AffineKind::Mul(Box::new(Affine::int(window.step)), Box::new(Affine::name(&self.slab))).into();
        start.plus(window.lo)
    }

    /// An assignment, whose accesses to arrays that the slabs have for themselves count rows from the first of the slab.
    fn assign(&mut self, assign: &Assign) -> Option<Assign> {
        let number = self.statements;
        self.statements += 1;
        let mut assign = assign.clone();
        let statement = &self.scop.statements[number];
        let mut reads = statement.reads.iter();
        let mut is_value = false;
        self.access(&mut assign.target, number, 0);
        assign.value.each_leaf(&mut |leaf| match leaf {
            ExprKind::Access(access) => {
                if let Some(&read) = reads.next() {
                    self.access(access, number, read);
                }
            }
            ExprKind::Name(name) => is_value |= self.rows.contains_key(name),
            _ => {}
        });
        (!is_value).then_some(assign)
    }

    /// An access of a statement, which has that number among its accesses.
    fn access(&self, access: &mut Access, statement: usize, number: usize) {
        let known = &self.scop.statements[statement].accesses[number];
        let mut indices: Vec<Affine> = access.indices.iter().map(|index| self.affine(index)).collect();
        if let (true, Some((dim, window)), Some((k, run))) = (
            self.slabs.own.contains(&known.array),
            self.slabs.arrays.get(&known.array),
            self.slabs.statements.get(&statement),
        ) {
            let factor = known.linear[*dim].as_ref().map_or(0, |form| form.coefficients[*k]);
            indices[*dim] = access.indices[*dim].clone().plus(factor * run.lo - window.lo);
            indices.insert(0, Affine::name(&self.slab));
        }
        access.indices = indices;
    }

    /// An expression with rows for the iterators over rows.
    fn affine(&self, a: &Affine) -> Affine {
        a.replaced(&|name| self.rows.get(name).cloned())
    }
}
