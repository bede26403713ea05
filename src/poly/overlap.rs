//! Which nests can run in slabs of rows, each slab with all that it needs computed for itself, and how does the program then read?
//!
//! Where nests that feed each other look at neighbouring rows, a slab of rows waits for the one before it. When each slab computes the rows
//! at its edges itself, none waits: their temps have elements of their own for each slab.
//!
//! Source: overlapped tiling, as in Krishnamoorthy et al., "Effective automatic parallelization of stencil computations", PLDI 2007.
//! Differs: it is a rewriting of the program, for any chain of nests; what is tiled and kept afterwards is decided as for any other program.

mod write;

pub use write::overlap;

use super::scop::{Access, Scop, Statement};
use crate::isl::Result;
use crate::lang::ast::Role;
use std::collections::BTreeMap;
use std::ops::Range;

/// Nests that run in slabs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Overlap {
    /// As in `Statement::nest`.
    pub nests: Range<usize>,
    /// The loop of the last statement that has it, as in `Dim::loop_id`: its values are the rows.
    pub loop_id: usize,
    /// The smallest row, and one past the largest.
    pub range: (i64, i64),
    /// Rows of a slab; the last one may have fewer.
    pub rows: i64,
}

/// Band `b` has the values `step·b + lo .. step·b + hi`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    pub step: i64,
    pub lo: i64,
    pub hi: i64,
}

/// What each slab runs and touches.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Slabs {
    pub count: i64,
    /// For each statement of the nests the dimension that walks the rows, and what each slab runs of it.
    pub statements: BTreeMap<usize, (usize, Window)>,
    /// For each array that is written, the index that walks the rows, and what each slab touches.
    pub arrays: BTreeMap<usize, (usize, Window)>,
    /// The arrays of which each slab has its own.
    pub own: Vec<usize>,
}

impl Window {
    fn hull(self, other: Window) -> Option<Window> {
        let hull = Window { lo: self.lo.min(other.lo), hi: self.hi.max(other.hi), ..self };
        (self.step == other.step).then_some(hull)
    }

    pub fn len(self) -> i64 {
        self.hi - self.lo
    }

    /// Values in `range` over all slabs; what several slabs have counts for each.
    pub fn values(self, slabs: i64, (first, end): (i64, i64)) -> i64 {
        let of = |b: i64| (end.min(self.step * b + self.hi) - first.max(self.step * b + self.lo)).max(0);
        (0..slabs).map(of).sum()
    }
}

/// Windows must stay far from the ends of 64 bits.
const LIMIT: i64 = 1 << 40;
/// Most slabs: each is looked at.
const SLABS: i64 = 1 << 14;

impl Overlap {
    /// The same for a program of another size: as many slabs, or fewer.
    pub fn scaled(&self, scop: &Scop) -> Result<Option<Overlap>> {
        let (first, end) = self.range;
        Ok(scop.range(self.loop_id)?.map(|(least, most)| {
            let rows = i128::from(self.rows) * i128::from(most - least + 1) / i128::from((end - first).max(1));
            Overlap { range: (least, most + 1), rows: (rows as i64).max(1), ..self.clone() }
        }))
    }

    /// The statements of the nests.
    pub fn statements<'a>(&'a self, scop: &'a Scop) -> impl DoubleEndedIterator<Item = usize> + 'a {
        (0..scop.statements.len()).filter(|&s| self.nests.contains(&scop.statements[s].nest))
    }

    /// What each slab runs, as [`Ranges::slabs`] says.
    ///
    /// # Errors
    /// When isl's budget runs out.
    pub fn slabs(&self, scop: &Scop) -> Result<Option<Slabs>> {
        Ok(Ranges::new(scop, self.nests.clone())?.and_then(|ranges| ranges.slabs(self)))
    }
}

/// The smallest and the largest value of each dimension of each statement of some nests.
pub struct Ranges<'a> {
    scop: &'a Scop,
    of: BTreeMap<usize, Vec<(i64, i64)>>,
}

impl<'a> Ranges<'a> {
    /// `None` where a statement never runs.
    ///
    /// # Errors
    /// When isl's budget runs out.
    pub fn new(scop: &'a Scop, nests: Range<usize>) -> Result<Option<Ranges<'a>>> {
        let mut of = BTreeMap::new();
        for (s, statement) in scop.statements.iter().enumerate().filter(|(_, s)| nests.contains(&s.nest)) {
            let range = |k| Ok(statement.domain.dim_min(k)?.zip(statement.domain.dim_max(k)?));
            let Some(ranges) = (0..statement.dims.len()).map(range).collect::<Result<Option<Vec<_>>>>()? else {
                return Ok(None);
            };
            of.insert(s, ranges);
        }
        Ok(Some(Ranges { scop, of }))
    }

    /// What each slab runs; `None` where a row needs more than rows near it, where what is to stay after the nests would be computed twice,
    /// or where loops are too intricate.
    pub fn slabs(&self, overlap: &Overlap) -> Option<Slabs> {
        Walk { overlap, scop: self.scop, ranges: &self.of, slabs: Slabs::default() }.slabs()
    }
}

/// The way from the last statement back to what it needs.
struct Walk<'a> {
    overlap: &'a Overlap,
    scop: &'a Scop,
    ranges: &'a BTreeMap<usize, Vec<(i64, i64)>>,
    slabs: Slabs,
}

impl Walk<'_> {
    fn slabs(mut self) -> Option<Slabs> {
        let Overlap { loop_id, range: (first, end), rows, .. } = *self.overlap;
        if rows < 1 || rows >= end.checked_sub(first)? || first.abs().max(end.abs()) > LIMIT {
            return None;
        }
        let statements: Vec<usize> = self.overlap.statements(self.scop).collect();
        let has_it = |&&s: &&usize| self.scop.statements[s].dims.iter().any(|dim| dim.loop_id == loop_id);
        let last = *statements.iter().rfind(has_it)?;
        let k = self.scop.statements[last].dims.iter().position(|dim| dim.loop_id == loop_id)?;
        self.slabs.count = (end - first - 1) / rows + 1;
        if self.slabs.count > SLABS {
            return None;
        }
        self.slabs.statements.insert(last, (k, Window { step: rows, lo: first, hi: first + rows }));
        self.needs(last)?;
        // Each pass widens what is needed; chains need one, loops that several statements are in one more.
        let mut passes = 0..statements.len() + 2;
        loop {
            let before = self.slabs.clone();
            for &s in statements.iter().rev() {
                self.runs(s)?;
                self.needs(s)?;
            }
            if self.slabs == before {
                break;
            }
            passes.next()?;
        }
        let written = self.slabs.arrays.keys().copied();
        self.slabs.own = written.filter(|&a| self.is_private(a, &statements)).collect();
        self.is_legal(&statements).then_some(self.slabs)
    }

    /// What each slab runs of a statement: what makes its rows of the target, and what others in its loop run.
    fn runs(&mut self, s: usize) -> Option<()> {
        let statement = &self.scop.statements[s];
        let target = statement.accesses.first()?;
        let (dim, window) = *self.slabs.arrays.get(&target.array)?;
        let form = target.linear[dim].as_ref()?;
        let k = form.coefficients.iter().position(|&c| c != 0)?;
        let is_alone = form.coefficients.iter().enumerate().all(|(n, &c)| c == i64::from(n == k));
        if !is_alone || statement.dims[k].stepped.is_some() || form.constant.abs() > LIMIT {
            return None;
        }
        let mut own = Window { lo: window.lo - form.constant, hi: window.hi - form.constant, ..window };
        for (&t, &(l, other)) in &self.slabs.statements {
            if self.scop.statements[t].dims[l].loop_id == statement.dims[k].loop_id {
                own = own.hull(other)?;
            }
        }
        let known = self.slabs.statements.insert(s, (k, own));
        known.is_none_or(|(known, _)| known == k).then_some(())
    }

    /// What each slab touches, for a statement, of the arrays that the nests write.
    fn needs(&mut self, s: usize) -> Option<()> {
        let scop = self.scop;
        let (k, window) = *self.slabs.statements.get(&s)?;
        for access in &scop.statements[s].accesses {
            if !self.is_written(access.array) {
                continue;
            }
            let (dim, window) = self.rows(s, access, k, window)?;
            let known = *self.slabs.arrays.entry(access.array).or_insert((dim, window));
            if known.0 != dim || window.lo.abs().max(window.hi.abs()) > LIMIT {
                return None;
            }
            self.slabs.arrays.insert(access.array, (dim, known.1.hull(window)?));
        }
        Some(())
    }

    /// The rows of an access, where its statement runs a window of one of its dimensions.
    fn rows(&self, s: usize, access: &Access, k: usize, window: Window) -> Option<(usize, Window)> {
        let forms = || access.linear.iter().map(|form| form.as_ref());
        let mut moved =
            (0..access.linear.len()).filter(|&d| forms().nth(d).flatten().is_none_or(|f| f.coefficients[k] != 0));
        let (dim, None) = (moved.next()?, moved.next()) else { return None };
        let form = access.linear[dim].as_ref()?;
        let factor = form.coefficients[k];
        if !(1..LIMIT).contains(&factor) {
            return None;
        }
        let (mut least, mut most) = (form.constant, form.constant);
        for (n, (&c, &(lo, hi))) in form.coefficients.iter().zip(&self.ranges[&s]).enumerate() {
            if n != k {
                let (a, b) = (c.checked_mul(lo)?, c.checked_mul(hi)?);
                (least, most) = (least.checked_add(a.min(b))?, most.checked_add(a.max(b))?);
            }
        }
        let lo = factor.checked_mul(window.lo)?.checked_add(least)?;
        let hi = factor.checked_mul(window.hi - 1)?.checked_add(most)?.checked_add(1)?;
        Some((dim, Window { step: factor.checked_mul(window.step)?, lo, hi }))
    }

    fn is_written(&self, array: usize) -> bool {
        let mut targets = self.ranges.keys().map(|&s| &self.scop.statements[s].accesses[0]);
        targets.any(|target| target.array == array)
    }

    /// Whether nothing but the nests touches an array.
    fn is_private(&self, array: usize, statements: &[usize]) -> bool {
        let touches = |s: &usize| self.scop.statements[*s].touches(array);
        let all = 0..self.scop.statements.len();
        self.scop.arrays[array].role == Role::Temp && all.into_iter().filter(touches).all(|s| statements.contains(&s))
    }

    /// Whether each row of what stays is made in one slab, which touches no other, and all of it is.
    fn is_legal(&self, statements: &[usize]) -> bool {
        let Slabs { count, arrays, own, .. } = &self.slabs;
        let once =
            |(array, (_, window)): (&usize, &(usize, Window))| own.contains(array) || window.len() == window.step;
        let all = |s: &usize| {
            let Statement { accesses, .. } = &self.scop.statements[*s];
            let (k, window) = self.slabs.statements[s];
            let (first, last) = self.ranges[s][k];
            own.contains(&accesses[0].array)
                || (window.len() == window.step && window.lo <= first && last < window.step * (count - 1) + window.hi)
        };
        arrays.iter().all(once) && statements.iter().all(all)
    }
}
