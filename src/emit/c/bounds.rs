//! Which values can an affine expression take? Bounds from the loops around it, found by substitution.
//!
//! To bound `e` from below, an iterator with a positive coefficient is replaced by its lower bound and one with a negative
//! coefficient by its upper bound, innermost first, so that `i - 32*t` with `i in 32*t..32*t + 32` is seen to be at least 0. Any
//! `min` or `max` on the way offers several replacements; each gives a sound bound, and the best is taken. A budget of
//! replacements keeps the search short: without it left there is no bound, and the code takes the slower helper.

use std::cell::Cell;

use super::linear::{Atom, Linear};
use crate::emit::EmitError;
use crate::lang::ast::{Name, Range};

const REPLACEMENTS: u32 = 400;

/// The iterators in scope, outermost first.
#[derive(Clone, Debug, Default)]
pub struct Bounds {
    iterators: Vec<Iterator>,
}

#[derive(Clone, Debug)]
struct Iterator {
    name: Name,
    /// What the iterator stands for in an expression: itself, or its first value and a count from zero.
    value: Linear,
    /// The iterator, or the count, is at least each of these.
    least: Vec<Linear>,
    /// And at most each of these.
    most: Vec<Linear>,
}

impl Bounds {
    /// Enters a loop of `range`.
    pub fn push(&mut self, range: &Range) -> Result<(), EmitError> {
        let lo = Linear::of(&range.lo, self)?;
        let last = self.last(&lo, &Linear::of(&range.hi, self)?, range.step)?;
        let value = Linear::iterator(&range.iterator);
        self.iterators.push(Iterator { name: range.iterator.clone(), value, least: vec![lo], most: vec![last] });
        Ok(())
    }

    /// Enters a dimension of a box: the iterator is its first value and a multiple of a count from zero.
    pub fn push_counted(&mut self, range: &Range) -> Result<(), EmitError> {
        let lo = Linear::of(&range.lo, self)?;
        let last = self.last(&lo, &Linear::of(&range.hi, self)?, range.step)?;
        let most = match range.step {
            1 => last.plus(&lo, -1)?,
            step => Linear::constant(
                self.upper(&last.plus(&lo, -1)?)
                    .and_then(|m| (m / i128::from(step)).try_into().ok())
                    .unwrap_or(i64::MAX),
            ),
        };
        let value = lo.plus(&Linear::iterator(&range.iterator), range.step)?;
        let least = vec![Linear::constant(0)];
        self.iterators.push(Iterator { name: range.iterator.clone(), value, least, most: vec![most] });
        Ok(())
    }

    pub fn pop(&mut self, ranges: usize) {
        self.iterators.truncate(self.iterators.len().saturating_sub(ranges));
    }

    /// The last value of a range, exactly where its length is constant.
    fn last(&self, lo: &Linear, hi: &Linear, step: i64) -> Result<Linear, EmitError> {
        match hi.plus(lo, -1)?.as_constant() {
            Some(length) if length > 0 => lo.plus(&Linear::constant((length - 1) / step * step), 1),
            _ => hi.plus(&Linear::constant(1), -1),
        }
    }

    /// What an iterator stands for.
    pub fn value(&self, name: &Name) -> Result<Linear, EmitError> {
        let found = self.iterators.iter().rev().find(|i| i.name == *name);
        found.map(|i| i.value.clone()).ok_or_else(|| EmitError::Unresolved { name: name.clone() })
    }

    /// A number that `e` never goes below while the loops run.
    pub fn lower(&self, e: &Linear) -> Option<i128> {
        self.search(e, &Cell::new(REPLACEMENTS))
    }

    /// A number that `e` never exceeds while the loops run.
    pub fn upper(&self, e: &Linear) -> Option<i128> {
        self.lower(&e.times(-1).ok()?).map(|bound| -bound)
    }

    /// Whether `a >= b` is certain.
    pub fn never_less(&self, a: &Linear, b: &Linear) -> bool {
        a.plus(b, -1).is_ok_and(|difference| self.lower(&difference).is_some_and(|lo| lo >= 0))
    }

    fn search(&self, e: &Linear, budget: &Cell<u32>) -> Option<i128> {
        let Some(position) = self.next(e) else {
            return Some(e.constant.into());
        };
        budget.set(budget.get().checked_sub(1)?);
        let mut rest = e.clone();
        let (atom, coefficient) = rest.terms.remove(position);
        let with = |part: &Linear| self.search(&rest.plus(part, coefficient).ok()?, budget);
        let raised = coefficient > 0;
        match &atom {
            Atom::Iterator(name) => {
                let iterator = self.iterators.iter().rev().find(|i| i.name == *name)?;
                let parts = if raised { &iterator.least } else { &iterator.most };
                parts.iter().filter_map(with).max()
            }
            // A maximum is at least each part; where it must not exceed, every part must be tried.
            Atom::Max(parts) | Atom::Min(parts) if raised == matches!(atom, Atom::Max(_)) => {
                parts.iter().filter_map(with).max()
            }
            Atom::Max(parts) | Atom::Min(parts) => parts.iter().map(with).try_fold(i128::MAX, |a, b| Some(a.min(b?))),
            Atom::Mod(inner, n) => {
                let end = if raised { 0 } else { n - 1 };
                let own = if raised { None } else { self.upper_of(inner, budget) };
                let end =
                    own.filter(|_| self.search(inner, budget).is_some_and(|lo| lo >= 0)).map_or(end, |hi| end.min(hi));
                with(&Linear::constant(end))
            }
            Atom::Div(inner, n) if coefficient % n == 0 => {
                // n·⌊x/n⌋ lies in x - (n - 1) ..= x.
                let inner = if raised { inner.plus(&Linear::constant(n - 1), -1).ok()? } else { inner.clone() };
                self.search(&rest.plus(&inner, coefficient / n).ok()?, budget)
            }
            Atom::Div(inner, n) => {
                let end =
                    if raised { self.search(inner, budget) } else { self.upper_of(inner, budget).map(i128::from) };
                with(&Linear::constant(i64::try_from(end?.div_euclid((*n).into())).ok()?))
            }
        }
    }

    fn upper_of(&self, e: &Linear, budget: &Cell<u32>) -> Option<i64> {
        self.search(&e.times(-1).ok()?, budget).and_then(|bound| i64::try_from(-bound).ok())
    }

    /// The term to replace next: one that is not linear, else the innermost iterator.
    fn next(&self, e: &Linear) -> Option<usize> {
        let depth = |atom: &Atom| match atom {
            Atom::Iterator(name) => self.iterators.iter().rposition(|i| i.name == *name),
            _ => Some(usize::MAX),
        };
        (0..e.terms.len()).max_by_key(|&t| depth(&e.terms[t].0))
    }
}
