//! Which accesses of a group share a buffer, and which walk parts of an array that count as arrays of their own?
//!
//! Accesses that meet in an element belong to one part of their array, and so do those that move alike through about the same elements. A
//! triangle and its mirror image are two parts. What nobody writes may be held more than once: there the accesses of one statement that the
//! loops carry in different directions, or far apart, count once each. Of a diagonal only the places along it count.

use super::Bands;
use crate::isl::{Result, Set};
use crate::poly::{Access, Linear, Scop};
use crate::schedule::problem::{self, Index, Problem};
use itertools::Itertools;
use std::cell::RefCell;
use std::collections::HashMap;
use std::ops::Range;
use std::rc::Rc;

/// An array's number, the number of the part of it, and which of one statement's ways to walk that.
type Key = (usize, usize, usize);

impl<'a> Bands<'a> {
    /// Numbers the arrays of a group: the program's number of each, the first of those that are ways to walk the same part, and for each
    /// statement and access which of them it belongs to.
    pub(super) fn arrays(&self, statements: &[usize]) -> Result<(Vec<(usize, usize)>, Vec<Vec<usize>>)> {
        let written: Vec<usize> = statements.iter().map(|&s| self.scop.statements[s].accesses[0].array).collect();
        let reaches: Vec<&Reach> = statements.iter().flat_map(|&s| &self.reaches[s]).collect();
        let is_one = |a: &Reach, b: &Reach| {
            Ok(a.direction == b.direction && a.is_near(b)
                || a.may_meet(b) && self.meetings.has(self.scop, a.of, b.of)?)
        };
        let parts = components(&reaches, is_one)?;
        let mut known: Vec<Key> = Vec::new();
        let mut of_access = Vec::new();
        let mut at = 0;
        for &s in statements {
            let own = at..at + self.scop.statements[s].accesses.len();
            at = own.end;
            let ways = components(&reaches[own.clone()], |a, b| Ok(a.is_near(b)))?;
            let number = |(n, way): (usize, &usize)| {
                let (array, part) = (reaches[n].access.array, parts[n]);
                // Statements have their first, second and further ways to walk a part in common.
                let others = own.clone().zip(&ways).filter(|(m, _)| parts[*m] == part).map(|(_, way)| *way).unique();
                let way = if written.contains(&array) { 0 } else { others.take_while(|other| other != way).count() };
                let key = (array, part, way);
                known.iter().position(|k| *k == key).unwrap_or_else(|| {
                    known.push(key);
                    known.len() - 1
                })
            };
            of_access.push(own.clone().zip(&ways).map(number).collect());
        }
        let first = |&(a, part, _): &Key| known.iter().position(|k| (k.0, k.1) == (a, part)).unwrap_or(0);
        Ok((known.iter().map(|key| (key.0, first(key))).collect(), of_access))
    }

    /// Where the accesses of a statement go.
    pub(super) fn reach(&self, s: usize) -> Result<Vec<Reach<'a>>> {
        let accesses = self.scop.statements[s].accesses.iter().enumerate();
        accesses.map(|(n, access)| self.reach_of((s, n), access)).collect()
    }

    fn reach_of(&self, of: AccessId, access: &'a Access) -> Result<Reach<'a>> {
        let s = of.0;
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
        Ok(Reach { of, access, along, direction, hull })
    }
}

/// A statement, and which of its accesses.
type AccessId = (usize, usize);

/// Which accesses touch an element that another one touches, once it was asked.
#[derive(Default)]
pub(super) struct Meetings {
    /// `{ A[a] }`
    elements: RefCell<HashMap<AccessId, Rc<Set>>>,
    known: RefCell<HashMap<(AccessId, AccessId), bool>>,
}

impl Meetings {
    fn has(&self, scop: &Scop, a: AccessId, b: AccessId) -> Result<bool> {
        let known = self.known.borrow().get(&(a, b)).copied();
        if let Some(known) = known {
            return Ok(known);
        }
        let meets = !self.elements(scop, a)?.intersect(&*self.elements(scop, b)?)?.is_empty()?;
        self.known.borrow_mut().insert((a, b), meets);
        Ok(meets)
    }

    fn elements(&self, scop: &Scop, of: AccessId) -> Result<Rc<Set>> {
        let known = self.elements.borrow().get(&of).cloned();
        if let Some(known) = known {
            return Ok(known);
        }
        let elements = Rc::new(scop.statements[of.0].accesses[of.1].relation.range()?);
        self.elements.borrow_mut().insert(of, elements.clone());
        Ok(elements)
    }
}

/// Where an access goes.
pub(super) struct Reach<'a> {
    of: AccessId,
    access: &'a Access,
    /// For each dimension of the array the loop that carries the index farthest, and by how much; `None` where the index rounds or stands.
    along: Vec<Option<(usize, i64)>>,
    /// For each dimension of the array all loops that move the index, with their coefficients; `None` where it rounds.
    direction: Vec<Option<Vec<(usize, i64)>>>,
    /// For each dimension of the array the values that the index lies within.
    hull: Vec<Range<i64>>,
}

impl Reach<'_> {
    /// Whether one box serves both: they move along the same loops, half of the way beside each other or more, and where they stand they are
    /// neighbours.
    fn is_near(&self, other: &Reach) -> bool {
        let length = |range: &Range<i64>| range.end.saturating_sub(range.start);
        let beside = |((a, b), along): ((&Range<i64>, &Range<i64>), &Option<_>)| {
            let shared = length(&(a.start.max(b.start)..a.end.min(b.end)));
            shared >= if along.is_some() { (length(a).min(length(b)) + 1) / 2 } else { 0 }
        };
        self.along == other.along && self.hull.iter().zip(&other.hull).zip(&self.along).all(beside)
    }

    /// Whether there may be an element that both touch.
    fn may_meet(&self, other: &Reach) -> bool {
        self.hull.iter().zip(&other.hull).all(|(a, b)| a.start < b.end && b.start < a.end)
    }
}

/// Accesses of one array that are joined, directly or through others, have the same number.
fn components(reaches: &[&Reach], joined: impl Fn(&Reach, &Reach) -> Result<bool>) -> Result<Vec<usize>> {
    let mut numbers: Vec<usize> = (0..reaches.len()).collect();
    for (n, reach) in reaches.iter().enumerate() {
        for (m, other) in reaches[..n].iter().enumerate() {
            if other.access.array == reach.access.array && numbers[m] != numbers[n] && joined(other, reach)? {
                let (kept, moved) = (numbers[m].min(numbers[n]), numbers[m].max(numbers[n]));
                numbers.iter_mut().filter(|number| **number == moved).for_each(|number| *number = kept);
            }
        }
    }
    Ok(numbers)
}

/// Leaves out of each part of an array the dimensions that another one tells, but for a constant: of a diagonal, all but one.
pub(super) fn straighten(problem: &mut Problem, parts: &[usize]) {
    for part in parts.iter().copied().unique() {
        for d in (1..problem.arrays[part].extents.len()).rev() {
            for e in 0..d {
                let accesses = problem.statements.iter_mut().flat_map(|s| &mut s.accesses);
                let own: Vec<&mut problem::Access> = accesses.filter(|access| parts[access.array] == part).collect();
                let Some(distances) = own.iter().map(|access| distance(access, d, e)).collect::<Option<Vec<i64>>>()
                else {
                    continue;
                };
                let Some((&least, &most)) = distances.iter().minmax().into_option() else { continue };
                let Some(length) = most.checked_sub(least).and_then(|last| last.checked_add(1)) else { continue };
                for (access, distance) in own.into_iter().zip(&distances) {
                    if let Index::Linear { coefficients, constant } = &mut access.index[d] {
                        coefficients.fill(0);
                        *constant = distance - least;
                    }
                }
                let alike = problem.arrays.iter_mut().zip(parts).filter(|(_, own)| **own == part);
                alike.for_each(|(array, _)| array.extents[d] = length);
                break;
            }
        }
    }
}

/// How far apart two indices of an access are, where the same iterators move both alike.
fn distance(access: &problem::Access, d: usize, e: usize) -> Option<i64> {
    let form = |d: usize| match &access.index[d] {
        Index::Linear { coefficients, constant } => {
            Some(Linear { coefficients: coefficients.clone(), constant: *constant })
        }
        Index::Range { .. } => None,
    };
    form(d)?.distance(&form(e)?)
}
