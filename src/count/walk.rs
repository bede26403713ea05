//! Counts by running the loops, without the values: for programs that are short, or whose sets are too intricate to be counted as such.

use super::{CountError, Counts, add};
use crate::lang::ast::{Affine, Condition, Name, Range, Stmt, Transfer};
use crate::lang::value::{self, NoValue};

/// Adds what a body does to counts that are all zero, looking at `most` iterations and statements in them.
///
/// # Errors
/// [`CountError::Budget`] where there are too many iterations, [`CountError::Overflow`] where a number does not fit.
pub(super) fn walk(body: &[Stmt], counts: Counts, most: u64) -> Result<Counts, CountError> {
    let mut walk = Walk { counts, iterators: Vec::new(), left: most };
    walk.body(body)?;
    Ok(walk.counts)
}

struct Walk<'p> {
    counts: Counts,
    /// Those in scope with their values.
    iterators: Vec<(&'p Name, i64)>,
    left: u64,
}

impl<'p> Walk<'p> {
    fn body(&mut self, body: &'p [Stmt]) -> Result<(), CountError> {
        for stmt in body {
            self.left = self.left.checked_sub(1).ok_or(CountError::Budget)?;
            match stmt {
                Stmt::For(f) => self.ranges(&f.ranges, &mut |walk| walk.body(&f.body))?,
                Stmt::If(i) => {
                    let branch = if self.holds(&i.condition)? { &i.then } else { &i.orelse };
                    self.body(branch)?;
                }
                Stmt::Assign(assign) => self.counts.assign(assign, 1)?,
                Stmt::Transfer(transfer) => self.transfer(transfer)?,
            }
        }
        Ok(())
    }

    /// Visits all iterations of nested loops.
    fn ranges(
        &mut self,
        ranges: &'p [Range],
        visit: &mut dyn FnMut(&mut Self) -> Result<(), CountError>,
    ) -> Result<(), CountError> {
        let Some((range, rest)) = ranges.split_first() else { return visit(self) };
        let (mut at, end) = (self.value(&range.lo)?, self.value(&range.hi)?);
        while at < end {
            self.left = self.left.checked_sub(1).ok_or(CountError::Budget)?;
            self.iterators.push((&range.iterator, at));
            self.ranges(rest, visit)?;
            self.iterators.pop();
            at = at.checked_add(range.step).ok_or(CountError::Overflow)?;
        }
        Ok(())
    }

    fn transfer(&mut self, transfer: &'p Transfer) -> Result<(), CountError> {
        add(&mut self.counts.transfers, 1, 1)?;
        let mut elements = 0;
        self.ranges(&transfer.ranges, &mut |_| {
            elements += 1;
            Ok(())
        })?;
        self.counts.loads(&transfer.source.array, elements)?;
        self.counts.stores(&transfer.target.array, elements)
    }

    fn value(&self, affine: &Affine) -> Result<i64, CountError> {
        Ok(value::value(affine, &|name| self.iterator(name))?)
    }

    fn holds(&self, condition: &Condition<Affine>) -> Result<bool, CountError> {
        Ok(value::holds(condition, &|name| self.iterator(name))?)
    }

    fn iterator(&self, name: &Name) -> Option<i64> {
        self.iterators.iter().rev().find(|(iterator, _)| *iterator == name).map(|(_, value)| *value)
    }
}

impl From<NoValue> for CountError {
    fn from(no: NoValue) -> CountError {
        match no {
            NoValue::Overflow => CountError::Overflow,
            NoValue::Unknown(what) => CountError::Unresolved(what),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Counts, count_within};
    use super::walk;

    #[test]
    fn running_the_loops_counts_what_their_sets_hold() {
        for text in [
            "input A[9]; inout B[9]; for i in 0..9 step 2, j in i..min(9, 2 * i) { if (i + 3 * j) % 5 < 2 || j == 4 { B[i] += A[j] * 2; } else { B[j] = 1; } }",
            "input A[40]; output B[40]; scratch S[8]; for t in 0..5 { load S[i % 8] = A[i] for i in 8 * t..8 * t + 8;
             for i in 8 * t..8 * t + 8 { B[i] = S[i % 8]; } if !(t == 3) { store B[i] = S[i] for i in t / 2..8 - t; } }",
            "output s; s = 0; for i in -4..0 { for j in 0..0 { s += 1; } s max= 2; }",
        ] {
            let program = crate::lang::parse(text).unwrap_or_else(|e| panic!("{text}: {e:?}"));
            let program = crate::lang::resolve(&program, &[]).unwrap_or_else(|e| panic!("{text}: {e:?}")).program;
            let walked = walk(&program.body, Counts::none(&program), 10_000).unwrap();
            assert_eq!(walked, count_within(&program, 1 << 20).unwrap(), "{text}");
        }
    }
}
