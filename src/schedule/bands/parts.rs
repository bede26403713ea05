//! Which accesses of a group share a buffer, and which walk parts of an array that count as arrays of their own?
//!
//! Accesses that meet in an element belong to one part of their array, and so do those that move alike through about the same elements. A
//! triangle and its mirror image are two parts. What nobody writes may be held more than once: there the accesses of one statement that the
//! loops carry in different directions, or far apart, count once each.

use super::Bands;
use crate::isl::{Result, Set};
use crate::poly::Access;
use std::cell::OnceCell;
use std::ops::Range;

/// An array's number, the number of the part of it, and which of one statement's ways to walk that.
type Key = (usize, usize, usize);

impl Bands<'_> {
    /// Numbers the arrays of a group: the program's number of each, and for each statement and access which of them it belongs to.
    pub(super) fn arrays(&self, statements: &[usize]) -> Result<(Vec<usize>, Vec<Vec<usize>>)> {
        let written: Vec<usize> = statements.iter().map(|&s| self.scop.statements[s].accesses[0].array).collect();
        let accesses = |&s: &usize| self.scop.statements[s].accesses.iter().map(move |access| (s, access));
        let reaches: Vec<Reach> =
            statements.iter().flat_map(accesses).map(|(s, access)| self.reach(s, access)).collect::<Result<_>>()?;
        let parts = parts(&reaches)?;
        let mut known: Vec<Key> = Vec::new();
        let mut of_access = Vec::new();
        let mut at = 0;
        for &s in statements {
            let mut ways: Vec<(usize, usize)> = Vec::new();
            let mut numbers = Vec::new();
            for _ in &self.scop.statements[s].accesses {
                let (reach, part) = (&reaches[at], parts[at]);
                let mut own = ways.iter().filter(|(of, _)| *of == part);
                let way = match written.contains(&reach.access.array) {
                    true => 0,
                    false => own.position(|&(_, other)| reaches[other].is_near(reach)).unwrap_or_else(|| {
                        ways.push((part, at));
                        ways.iter().filter(|(of, _)| *of == part).count() - 1
                    }),
                };
                let key = (reach.access.array, part, way);
                numbers.push(known.iter().position(|k| *k == key).unwrap_or_else(|| {
                    known.push(key);
                    known.len() - 1
                }));
                at += 1;
            }
            of_access.push(numbers);
        }
        Ok((known.into_iter().map(|(a, ..)| a).collect(), of_access))
    }

    fn reach<'s>(&self, s: usize, access: &'s Access) -> Result<Reach<'s>> {
        let dims = &self.scop.statements[s].dims;
        let (mut along, mut direction, mut hull) = (Vec::new(), Vec::new(), Vec::new());
        for (d, linear) in access.linear.iter().enumerate() {
            let Some(linear) = linear else {
                along.push(None);
                direction.push(None);
                let range = access.relation.range()?;
                hull.push(range.dim_min(d)?.unwrap_or(0)..range.dim_max(d)?.unwrap_or(0).saturating_add(1));
                continue;
            };
            along.push(self.leading(s, linear).map(|(k, c)| (dims[k].loop_id, c)));
            let moving = linear.coefficients.iter().zip(dims).filter(|(c, _)| **c != 0);
            direction.push(Some(moving.map(|(c, dim)| (dim.loop_id, *c)).collect()));
            let (mut least, mut most) = (linear.constant, linear.constant);
            for (&c, &(lo, hi)) in linear.coefficients.iter().zip(self.hull(s)) {
                let (a, b) = (c.saturating_mul(lo), c.saturating_mul(hi));
                (least, most) = (least.saturating_add(a.min(b)), most.saturating_add(a.max(b)));
            }
            hull.push(least..most.saturating_add(1));
        }
        Ok(Reach { access, along, direction, hull, elements: OnceCell::new() })
    }
}

/// Where an access goes.
struct Reach<'a> {
    access: &'a Access,
    /// For each dimension of the array the loop that carries the index farthest, and by how much; `None` where the index rounds or stands.
    along: Vec<Option<(usize, i64)>>,
    /// For each dimension of the array all loops that move the index, with their coefficients; `None` where it rounds.
    direction: Vec<Option<Vec<(usize, i64)>>>,
    /// For each dimension of the array the values that the index lies within.
    hull: Vec<Range<i64>>,
    /// `{ A[a] }`, once it is asked for.
    elements: OnceCell<Set>,
}

impl Reach<'_> {
    /// Whether boxes within the two lie beside each other: both move along the same loops, half of the way together or more.
    fn is_near(&self, other: &Reach) -> bool {
        let length = |range: &Range<i64>| range.end.saturating_sub(range.start);
        let beside = |(a, b): (&Range<i64>, &Range<i64>)| {
            2 * length(&(a.start.max(b.start)..a.end.min(b.end))).min(1 << 61) >= length(a).min(length(b))
        };
        self.along == other.along && self.hull.iter().zip(&other.hull).all(beside)
    }

    /// Whether there is an element that both touch.
    fn meets(&self, other: &Reach) -> Result<bool> {
        let may_meet = |(a, b): (&Range<i64>, &Range<i64>)| a.start < b.end && b.start < a.end;
        if !self.hull.iter().zip(&other.hull).all(may_meet) {
            return Ok(false);
        }
        Ok(!self.elements()?.intersect(other.elements()?)?.is_empty()?)
    }

    fn elements(&self) -> Result<&Set> {
        if self.elements.get().is_none() {
            // Nothing else sets it in between.
            let _ = self.elements.set(self.access.relation.range()?);
        }
        Ok(self.elements.get().expect("just set"))
    }
}

/// For each access the number of the part that it belongs to.
fn parts(reaches: &[Reach]) -> Result<Vec<usize>> {
    let mut parts: Vec<usize> = (0..reaches.len()).collect();
    for (n, reach) in reaches.iter().enumerate() {
        for m in 0..n {
            let other = &reaches[m];
            if parts[m] != parts[n]
                && other.access.array == reach.access.array
                && (other.direction == reach.direction && other.is_near(reach) || other.meets(reach)?)
            {
                let (kept, moved) = (parts[m].min(parts[n]), parts[m].max(parts[n]));
                parts.iter_mut().filter(|part| **part == moved).for_each(|part| *part = kept);
            }
        }
    }
    Ok(parts)
}
