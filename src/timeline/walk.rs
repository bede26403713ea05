//! What does a body of loops cost at given values of the iterators around it? Loops of one shape are multiplied, not run.

use crate::lang::ast::{Affine, AffineKind, Condition, Name, Range, Stmt};
use crate::lang::value::{NoValue, holds, value};

/// Iterators in scope with their values.
pub type Scope = Vec<(Name, i64)>;

/// What stands inside loops: its figures for the iterators in scope.
pub type Inside<'a> = dyn FnMut(&mut Steps, &mut Scope) -> Result<Vec<f64>, NoValue> + 'a;

/// Looks up an iterator.
pub fn lookup(scope: &Scope) -> impl Fn(&Name) -> Option<i64> {
    move |name| scope.iter().rev().find(|(known, _)| known == name).map(|(_, value)| *value)
}

/// The first value, one past the last, and the step of a range.
pub fn bounds(range: &Range, scope: &Scope) -> Result<(i64, i64, i64), NoValue> {
    let at = lookup(scope);
    Ok((value(&range.lo, &at)?, value(&range.hi, &at)?, range.step.max(1)))
}

/// Loops that are looked at one by one, at most.
pub struct Steps(pub u64);

impl Steps {
    fn take(&mut self) -> Result<(), NoValue> {
        self.0 = self.0.checked_sub(1).ok_or(NoValue::Overflow)?;
        Ok(())
    }

    /// The sum over the iterations of nested loops of what stands inside; `matters` tells which iterators change it.
    pub fn sum(
        &mut self,
        ranges: &[Range],
        scope: &mut Scope,
        matters: &dyn Fn(&Name) -> bool,
        inside: &mut Inside,
    ) -> Result<Vec<f64>, NoValue> {
        let Some((range, rest)) = ranges.split_first() else { return inside(self, scope) };
        let (lo, hi, step) = bounds(range, scope)?;
        let name = &range.iterator;
        let is_used = matters(name) || rest.iter().any(|r| mentions(&r.lo, name) || mentions(&r.hi, name));
        let trips = if hi > lo { (i128::from(hi) - i128::from(lo) - 1) / i128::from(step) + 1 } else { 0 };
        let mut total: Vec<f64> = Vec::new();
        let mut at = lo;
        for _ in 0..if is_used { trips } else { trips.min(1) } {
            self.take()?;
            scope.push((name.clone(), at));
            let one = self.sum(rest, scope, matters, inside);
            scope.pop();
            let one = one?;
            total.resize(one.len(), 0.0);
            let times = if is_used { 1.0 } else { trips as f64 };
            total.iter_mut().zip(one).for_each(|(sum, part)| *sum += times * part);
            at = at.saturating_add(step);
        }
        Ok(total)
    }
}

/// Whether an expression names an iterator.
pub fn mentions(affine: &Affine, name: &Name) -> bool {
    match &affine.kind {
        AffineKind::Int(_) => false,
        AffineKind::Name(other) => other == name,
        AffineKind::Neg(a) => mentions(a, name),
        AffineKind::Add(a, b) | AffineKind::Sub(a, b) | AffineKind::Mul(a, b) => mentions(a, name) || mentions(b, name),
        AffineKind::Div(a, b) | AffineKind::Mod(a, b) => mentions(a, name) || mentions(b, name),
        AffineKind::Min(all) | AffineKind::Max(all) => all.iter().any(|a| mentions(a, name)),
    }
}

/// Whether the bounds and conditions of a body name an iterator.
pub fn body_mentions(body: &[Stmt], name: &Name) -> bool {
    body.iter().any(|stmt| match stmt {
        Stmt::For(f) => {
            f.ranges.iter().any(|r| mentions(&r.lo, name) || mentions(&r.hi, name)) || body_mentions(&f.body, name)
        }
        Stmt::If(i) => {
            condition_mentions(&i.condition, name) || body_mentions(&i.then, name) || body_mentions(&i.orelse, name)
        }
        Stmt::Assign(_) | Stmt::Transfer(_) => false,
    })
}

fn condition_mentions(condition: &Condition<Affine>, name: &Name) -> bool {
    match condition {
        Condition::Chain(first, rest) => mentions(first, name) || rest.iter().any(|(_, a)| mentions(a, name)),
        Condition::And(parts) | Condition::Or(parts) => parts.iter().any(|part| condition_mentions(part, name)),
        Condition::Not(part) => condition_mentions(part, name),
    }
}

/// The branch that is taken.
pub fn branch<'a>(stmt: &'a crate::lang::ast::If, scope: &Scope) -> Result<&'a [Stmt], NoValue> {
    Ok(if holds(&stmt.condition, &lookup(scope))? { &stmt.then } else { &stmt.orelse })
}
