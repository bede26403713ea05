//! Which box of an array does a statement touch while some loops are fixed?
//!
//! A region is the hull of accesses of one statement, as a function of the positions of the fixed loops: per array dim one or more
//! forms, each an interval (from the iterators that are not fixed) moved by the runs of the fixed ones. Two regions that compare
//! equal are the same box at every position, whatever the tiles are.
//!
//! Where slopes tie an iterator to others, it is a variable of its own, and its run depends on theirs: below the diagonal of a triangle a row
//! ends where its number says.

use super::frame::{Frame, ceil_div, run};
use crate::schedule::problem::{Access, Index, Slope};
use std::ops::Range;

/// `low..high` plus `Σ coefficient·run(variable)`. The first variables are the fixed loops, each by its slot: the position in their list.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Form {
    pub low: i64,
    pub high: i64,
    pub terms: Vec<(usize, i64)>,
}

/// When a statement runs along a fixed loop: `(rate, shift, extent)` of its iterator, or once at a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Activity {
    Runs(i64, i64, i64),
    Once(i64),
}

/// The hull of some accesses of one statement.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Region {
    /// For each array dim the forms whose hull is the region.
    pub dims: Vec<Vec<Form>>,
    /// For each fixed loop.
    pub activity: Vec<Activity>,
    /// Values of the iterators that are not fixed and depend on others: the variables after the slots.
    pub free: Vec<i64>,
    /// Over the variables.
    pub slopes: Vec<Slope>,
}

impl Activity {
    /// Iterations at a position; a statement that runs once has the run `0..1` there.
    pub fn run(self, tile: i64, position: i64) -> (i64, i64) {
        match self {
            Activity::Runs(rate, shift, extent) => run((rate, shift, extent), tile, position),
            Activity::Once(at) if at.div_euclid(tile) == position => (0, 1),
            Activity::Once(_) => (0, 0),
        }
    }

    /// Iterations at all positions.
    pub fn all(self) -> (i64, i64) {
        match self {
            Activity::Runs(_, _, extent) => (0, extent),
            Activity::Once(_) => (0, 1),
        }
    }

    /// Values of the loop for one of the iterator.
    pub fn rate(self) -> i64 {
        match self {
            Activity::Runs(rate, ..) => rate,
            Activity::Once(_) => 1,
        }
    }

    /// The first position at which there are iterations, and one past the last.
    pub fn active(self, tile: i64) -> Range<i64> {
        match self {
            Activity::Runs(_, _, extent) => self.positions(tile, (0, extent)),
            Activity::Once(at) => at.div_euclid(tile)..at.div_euclid(tile) + 1,
        }
    }

    /// The positions at which some of these iterations run.
    pub fn positions(self, tile: i64, (low, high): (i64, i64)) -> Range<i64> {
        match self {
            Activity::Runs(rate, shift, _) => {
                let position = |iteration: i64| rate.saturating_mul(iteration).saturating_add(shift).div_euclid(tile);
                position(low)..position(high - 1) + 1
            }
            Activity::Once(_) => self.active(tile),
        }
    }

    /// The positions at which there are iterations throughout the tile, as many at each; `None` where that is not so.
    pub fn whole(self, tile: i64) -> Option<Range<i64>> {
        match self {
            Activity::Runs(rate, shift, extent) if tile % rate == 0 => Some(
                shift.div_euclid(tile) + i64::from(shift.rem_euclid(tile) > 0)
                    ..rate.saturating_mul(extent).saturating_add(shift).div_euclid(tile),
            ),
            _ => None,
        }
    }
}

impl Form {
    /// The interval for the runs of the variables, none of them empty.
    pub fn interval(&self, run: impl Fn(usize) -> (i64, i64)) -> (i64, i64) {
        let (mut low, mut high) = (self.low, self.high);
        for &(slot, coefficient) in &self.terms {
            let (start, end) = run(slot);
            let (first, last) = (start * coefficient, (end - 1) * coefficient);
            low += first.min(last);
            high += first.max(last);
        }
        (low, high)
    }
}

/// The hull of the forms.
pub fn hull(forms: &[Form], run: impl Fn(usize) -> (i64, i64)) -> (i64, i64) {
    let intervals = forms.iter().map(|form| form.interval(&run));
    intervals.reduce(|a, b| (a.0.min(b.0), a.1.max(b.1))).unwrap_or((0, 0))
}

impl Region {
    /// The hull of `accesses` of `statement` with the loops `fixed` (ids), its iterators tied by `slopes`.
    pub fn new(frame: &Frame, statement: usize, accesses: &[&Access], fixed: &[usize], slopes: &[Slope]) -> Self {
        let extents = &frame.problem.statements[statement].extents;
        let slot =
            |iterator: usize| fixed.iter().position(|&id| frame.attach(id, statement).iterator == Some(iterator));
        let walks =
            |index: &Index, k: usize| matches!(index, Index::Linear { coefficients, .. } if coefficients[k] != 0);
        let is_walked = |k: usize| accesses.iter().flat_map(|access| &access.index).any(|index| walks(index, k));
        // For each iterator its variable.
        let mut variables: Vec<Option<usize>> = (0..extents.len()).map(slot).collect();
        let mut free = Vec::new();
        for slope in slopes.iter().filter(|slope| slope.terms.iter().all(|&(k, _)| slot(k).is_some() || is_walked(k))) {
            for (k, _) in slope.terms {
                if variables[k].is_none() {
                    variables[k] = Some(fixed.len() + free.len());
                    free.push(extents[k]);
                }
            }
        }
        let renumbered = |slope: &Slope| {
            let [(a, c), (b, d)] = slope.terms;
            Some(Slope { terms: [(variables[a]?, c), (variables[b]?, d)], constant: slope.constant })
        };
        let rank = accesses.first().map_or(0, |access| access.index.len());
        let mut dims = vec![Vec::new(); rank];
        for access in accesses {
            for (forms, index) in dims.iter_mut().zip(&access.index) {
                let form = form(extents, index, &variables);
                if !forms.contains(&form) {
                    forms.push(form);
                }
            }
        }
        Region {
            dims,
            activity: fixed.iter().map(|&id| activity(frame, statement, id)).collect(),
            free,
            slopes: slopes.iter().filter_map(renumbered).collect(),
        }
    }

    /// The region seen by some loops and some array dims only.
    pub fn restrict(&self, slots: &[usize], dims: &[usize]) -> Region {
        let walked = |variable: usize| dims.iter().flat_map(|&d| self.variables(d)).any(|other| other == variable);
        let free: Vec<usize> = (0..self.free.len()).filter(|n| walked(self.activity.len() + n)).collect();
        let variable = |old: usize| match old.checked_sub(self.activity.len()) {
            None => slots.iter().position(|&slot| slot == old),
            Some(old) => free.iter().position(|&n| n == old).map(|new| slots.len() + new),
        };
        let moved = |form: &Form| {
            let terms = form.terms.iter().filter_map(|&(old, c)| variable(old).map(|new| (new, c)));
            Form { terms: terms.collect(), ..form.clone() }
        };
        let tied = |slope: &Slope| {
            let [(a, c), (b, d)] = slope.terms;
            Some(Slope { terms: [(variable(a)?, c), (variable(b)?, d)], constant: slope.constant })
        };
        Region {
            dims: dims.iter().map(|&d| self.dims[d].iter().map(moved).collect()).collect(),
            activity: slots.iter().map(|&slot| self.activity[slot]).collect(),
            free: free.iter().map(|&n| self.free[n]).collect(),
            slopes: self.slopes.iter().filter_map(tied).collect(),
        }
    }

    /// Whether a slope ties the variable to another.
    pub fn ties(&self, variable: usize) -> bool {
        self.slopes.iter().any(|slope| slope.terms.iter().any(|term| term.0 == variable))
    }

    /// All values of a variable.
    pub fn all(&self, variable: usize) -> (i64, i64) {
        match variable.checked_sub(self.activity.len()) {
            None => self.activity[variable].all(),
            Some(n) => (0, self.free[n]),
        }
    }

    /// The part of a variable's run in which slopes let it meet the runs of the others.
    pub fn narrowed(&self, variable: usize, run: (i64, i64), runs: &[(i64, i64)]) -> (i64, i64) {
        let (mut low, mut high) = run;
        for slope in &self.slopes {
            let [(own, c), (other, d)] = match slope.terms {
                [a, b] if a.0 == variable => [a, b],
                [a, b] if b.0 == variable => [b, a],
                _ => continue,
            };
            debug_assert_eq!(own, variable);
            let (start, end) = runs[other];
            // c·x >= -most
            let most = slope.constant + (d * start).max(d * (end - 1));
            if c > 0 {
                low = low.max(ceil_div(-most, c));
            } else {
                high = high.min(most.div_euclid(-c) + 1);
            }
        }
        (low, high)
    }

    /// Whether it is touched at one position of the fixed loops only.
    pub fn runs_once(&self) -> bool {
        !self.activity.is_empty() && self.activity.iter().all(|activity| matches!(activity, Activity::Once(_)))
    }

    /// Variables that move the array dim.
    pub fn variables(&self, dim: usize) -> impl Iterator<Item = usize> + '_ {
        self.dims[dim].iter().flat_map(|form| form.terms.iter().map(|term| term.0))
    }

    /// Fixed loops that move the array dim.
    pub fn slots(&self, dim: usize) -> impl Iterator<Item = usize> + '_ {
        self.variables(dim).filter(|&variable| variable < self.activity.len())
    }
}

fn activity(frame: &Frame, statement: usize, id: usize) -> Activity {
    let attach = frame.attach(id, statement);
    let extent = attach.iterator.map_or(1, |i| frame.problem.statements[statement].extents[i]);
    match extent {
        1 => Activity::Once(attach.shift),
        _ => Activity::Runs(attach.rate, attach.shift, extent),
    }
}

fn form(extents: &[i64], index: &Index, variables: &[Option<usize>]) -> Form {
    let (coefficients, constant) = match index {
        Index::Range { lo, hi } => return Form { low: *lo, high: *hi, terms: Vec::new() },
        Index::Linear { coefficients, constant } => (coefficients, constant),
    };
    let mut form = Form { low: *constant, high: constant + 1, terms: Vec::new() };
    for (iterator, &coefficient) in coefficients.iter().enumerate().filter(|(_, c)| **c != 0) {
        match variables[iterator] {
            Some(variable) => form.terms.push((variable, coefficient)),
            None => {
                let last = coefficient * (extents[iterator] - 1);
                form.low += last.min(0);
                form.high += last.max(0);
            }
        }
    }
    form.terms.sort_unstable();
    form
}

/// Is every element of the access's box touched, at every position of the fixed loops?
///
/// True when no iterator stands in two dims and, in each dim, no coefficient is larger than what the smaller ones fill.
pub fn is_dense(frame: &Frame, statement: usize, access: &Access, fixed: &[usize]) -> bool {
    let extents = &frame.problem.statements[statement].extents;
    let mut seen = vec![false; extents.len()];
    access.index.iter().all(|index| {
        let Index::Linear { coefficients, .. } = index else { return false };
        let mut parts = Vec::new();
        for (iterator, &coefficient) in coefficients.iter().enumerate().filter(|(i, c)| **c != 0 && extents[*i] > 1) {
            if std::mem::replace(&mut seen[iterator], true) {
                return false;
            }
            let is_fixed = fixed.iter().any(|&id| frame.attach(id, statement).iterator == Some(iterator));
            parts.push((coefficient.abs(), if is_fixed { 1 } else { extents[iterator] }));
        }
        parts.sort_unstable();
        let mut filled = 1;
        parts.iter().all(|&(coefficient, width)| {
            let fits = coefficient <= filled;
            filled += coefficient * (width - 1);
            fits
        })
    })
}
