//! Counts by running the loops, without the values: for programs that are short, or whose sets are too intricate to be counted as such.

use super::{CountError, Counts, Once, add};
use crate::lang::ast::{Affine, AffineKind, Assign, AssignOp, Condition, Name, Range, Stmt, Transfer};

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
                Stmt::Assign(assign) => self.assign(assign)?,
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

    fn assign(&mut self, assign: &'p Assign) -> Result<(), CountError> {
        let combines = assign.op != AssignOp::Set;
        let mut once = Once { operations: i128::from(combines), reads: Vec::new() };
        once.expr(&assign.value);
        if combines {
            once.reads.push(&assign.target.array);
        }
        add(&mut self.counts.instances, 1, 1)?;
        add(&mut self.counts.operations, once.operations, 1)?;
        once.reads.into_iter().try_for_each(|array| self.counts.loads(array, 1))?;
        self.counts.stores(&assign.target.array, 1)
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
        let two = |a: &Affine, b: &Affine, op: fn(i64, i64) -> Option<i64>| {
            op(self.value(a)?, self.value(b)?).ok_or(CountError::Overflow)
        };
        match &affine.kind {
            AffineKind::Int(value) => Ok(*value),
            AffineKind::Name(name) => {
                let known = self.iterators.iter().rev().find(|(iterator, _)| *iterator == name);
                known.map(|(_, value)| *value).ok_or_else(|| CountError::Unresolved(name.to_string()))
            }
            AffineKind::Neg(a) => self.value(a)?.checked_neg().ok_or(CountError::Overflow),
            AffineKind::Add(a, b) => two(a, b, i64::checked_add),
            AffineKind::Sub(a, b) => two(a, b, i64::checked_sub),
            AffineKind::Mul(a, b) => two(a, b, i64::checked_mul),
            AffineKind::Div(a, b) => two(a, b, i64::checked_div_euclid),
            AffineKind::Mod(a, b) => two(a, b, i64::checked_rem_euclid),
            AffineKind::Min(all) => self.extreme(all, i64::min),
            AffineKind::Max(all) => self.extreme(all, i64::max),
        }
    }

    fn extreme(&self, all: &[Affine], of: fn(i64, i64) -> i64) -> Result<i64, CountError> {
        let values = all.iter().map(|a| self.value(a)).collect::<Result<Vec<_>, _>>()?;
        values.into_iter().reduce(of).ok_or_else(|| CountError::Unresolved("an empty minimum or maximum".into()))
    }

    fn holds(&self, condition: &Condition<Affine>) -> Result<bool, CountError> {
        match condition {
            Condition::Chain(first, rest) => {
                let mut left = self.value(first)?;
                for (comparison, right) in rest {
                    let right = self.value(right)?;
                    if !comparison.holds(&left, &right) {
                        return Ok(false);
                    }
                    left = right;
                }
                Ok(true)
            }
            Condition::And(parts) => parts.iter().try_fold(true, |all, part| Ok(all && self.holds(part)?)),
            Condition::Or(parts) => parts.iter().try_fold(false, |any, part| Ok(any || self.holds(part)?)),
            Condition::Not(part) => Ok(!self.holds(part)?),
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
