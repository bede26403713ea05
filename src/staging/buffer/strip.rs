//! What crosses for a strip of a nest whose loops over time are skewed?
//!
//! The elements that cross an edge of a strip lie along it; a box around them moves with the strip, and loops over boxes are short. What
//! crosses an edge in one direction has a box of its own, as one box around two edges would hold all that is between them.

use super::View;
use crate::isl::{Map, Result, Set};
use crate::poly::text::tuple;
use crate::schedule::tree::User;
use itertools::Itertools;

/// Largest product of the steps of loops by which bounds are multiplied.
const FASTEST: i64 = 64;

/// Loads of a strip in more convex pieces than this are made simpler, where that is to load more of what is only read: loops over more
/// can take isl very long to write.
const MOST_PIECES: usize = 4;

/// What passes from one iteration of a loop to another: what is read in each, and what is made there. `{ P[x] -> A[a] }`
struct Crossing {
    read: Map,
    made: Map,
}

/// What crosses for a strip. `{ P[x] -> A[a] }`
pub(super) struct Strip {
    pub needed: Map,
    pub dirty: Map,
}

impl View<'_> {
    /// What a strip finds in DRAM and leaves there, in boxes: between the elements of a box that must cross lie those that the strip's skewed
    /// edge passes by, and to load them, or to store what was loaded, changes nothing.
    pub(super) fn strip(&self, scope: usize) -> Result<Strip> {
        let crossings = self.crossings(scope)?;
        let all = self.needed(scope, scope)?;
        // What other strips made lies along the edges; the rest may lie elsewhere, and be little.
        let (faces, edge, rest) = self.faces(&all, crossings.iter().map(|crossing| &crossing.read), scope)?;
        let (everything, size) = self.boxed(&all, scope)?;
        let mut needed =
            if size / 5 <= edge / 4 { everything } else { faces.union(&self.simpler(rest, &everything)?)? };
        let all = self.dirty(scope, scope)?;
        let (faces, edge, rest) = self.faces(&all, crossings.iter().map(|crossing| &crossing.made), scope)?;
        let (everything, size) = self.boxed(&all, scope)?;
        let dirty = if size / 5 <= edge / 4 || !rest.is_empty()? { everything } else { faces };
        // What is stored was loaded or computed.
        if !dirty.is_subset(&needed.union(&self.written(scope)?)?)? {
            needed = self.boxed(&needed.union(&dirty)?, scope)?.0;
        }
        Ok(Strip { needed, dirty })
    }

    /// For each loop of the scope what passes from one of its iterations to another, inside one of the loops around it.
    fn crossings(&self, scope: usize) -> Result<Vec<Crossing>> {
        let mut crossings = Vec::new();
        for _ in 0..scope {
            crossings.push(Crossing { read: self.nothing(scope)?, made: self.nothing(scope)? });
        }
        for (source, sink) in self.spec.users.iter().cartesian_product(&self.spec.users) {
            let Some(mut flow) = self.flow(source.statement, sink.statement).cloned() else { continue };
            let of = |user: &User| self.times.prefix(user.statement, scope)?.reverse();
            for (outer, crossing) in crossings.iter_mut().enumerate() {
                let (met, missed) = self.same_iteration(&flow, source, sink, outer + 1)?;
                let read = of(sink)?.apply_range(&missed.domain_factor_range()?)?;
                let made = of(source)?.apply_range(&missed.domain_factor_domain()?)?;
                crossing.read = crossing.read.union(&read)?;
                crossing.made = crossing.made.union(&made)?;
                flow = met;
            }
        }
        Ok(crossings)
    }

    /// Boxes around what crosses each edge, their size, and those of some elements that cross none.
    fn faces<'m>(&self, all: &Map, across: impl Iterator<Item = &'m Map>, scope: usize) -> Result<(Map, i64, Map)> {
        let (mut faces, mut size, mut rest) = (self.nothing(scope)?, 0i64, all.clone());
        for crossing in across {
            let (face, length) = self.boxed(&crossing.coalesce()?, scope)?;
            faces = faces.union(&face)?;
            size = size.saturating_add(length);
            rest = rest.subtract(crossing)?;
        }
        Ok((faces, size, rest))
    }

    /// Some elements, or where they are many convex pieces all of those in their box that nothing in the group writes, if there are no others.
    fn simpler(&self, elements: Map, in_box: &Map) -> Result<Map> {
        let elements = elements.coalesce()?;
        if elements.pieces()?.len() <= MOST_PIECES {
            return Ok(elements);
        }
        let only_read = in_box.intersect_range(&self.only_read(&elements)?)?;
        Ok(if elements.is_subset(&only_read)? { only_read } else { elements })
    }

    /// The elements of some transfers that nothing in the group writes.
    fn only_read(&self, elements: &Map) -> Result<Set> {
        let group = self.times.group(self.spec.users[0].statement);
        let mut only_read = elements.range()?;
        for path in &self.times.schedule.groups[group].paths {
            let accesses = &self.times.scop.statements[path.statement].accesses;
            for access in accesses.iter().filter(|access| access.writes && access.array == self.spec.array) {
                only_read = only_read.subtract(&access.relation.range()?)?;
            }
        }
        only_read.coalesce()
    }

    /// The smallest box around the elements of each iteration that is the same in all, but for where it starts, inside the smallest box
    /// around all elements, and its size. `{ P[x] -> A[a] }`
    pub(super) fn boxed(&self, elements: &Map, depth: usize) -> Result<(Map, i64)> {
        if elements.is_empty()? {
            return Ok((elements.clone(), 0));
        }
        let (array, rank) = (self.spec.array, self.times.scop.arrays[self.spec.array].extents.len());
        let all = elements.range()?;
        let (mut bounds, mut size) = (Vec::new(), 1i64);
        for d in 0..rank {
            let (near, length) = self.near(&self.one(elements, d)?, d, depth)?;
            let (least, most) = (all.dim_min(d)?.unwrap_or(0), all.dim_max(d)?.unwrap_or(0));
            bounds.push(format!("{near} and {least} <= a{d} <= {most}"));
            size = size.saturating_mul(length.min(most - least + 1));
        }
        let (xs, a) = (tuple("x", depth), tuple("a", rank));
        let text = format!("{{ P[{xs}] -> A{array}[{a}] : {} }}", bounds.join(" and "));
        Ok((self.times.scop.ctx.map(&text)?.intersect_domain(&elements.domain()?)?, size))
    }

    /// Bounds around all values of `{ P[x] -> [a] }`, which is dimension `d`, that move with the loops, and how far they lie apart.
    pub(super) fn near(&self, one: &Map, d: usize, depth: usize) -> Result<(String, i64)> {
        let mut best: Option<(String, i64)> = None;
        // Where a loop moves the values by a part of what it moves itself, bounds of a multiple move with it.
        for scale in [1, self.rate(depth)].into_iter().unique() {
            let (base, lo, hi) = self.nearest(one, d, depth, depth, scale)?;
            let length = (hi - lo) / scale + 1;
            if best.as_ref().is_none_or(|(_, least)| length < *least) {
                let terms: String = base.coefficients.iter().enumerate().map(|(q, c)| format!(" {c:+}*x{q}")).collect();
                best = Some((format!("{lo} <= {scale}*a{d} - ({}{terms}) <= {hi}", base.constant), length));
            }
        }
        Ok(best.unwrap_or_default())
    }

    /// A multiple of all steps by which the outer `depth` loops move iterators of the users; 1 where that is too much.
    fn rate(&self, depth: usize) -> i64 {
        let loops = self.spec.users.iter().flat_map(|user| &self.path(user).loops[..depth]);
        let steps = loops.flat_map(|l| l.value.coefficients.iter().map(|c| c.abs())).filter(|step| *step > 1);
        let rate = steps.unique().fold(1i64, i64::saturating_mul);
        if rate <= FASTEST { rate } else { 1 }
    }
}
