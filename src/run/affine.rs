//! What is the value of an index or a bound, fast? Affine expressions over numbered iterators.
//!
//! Coefficients and iterators are 64-bit and forms are summed in 128 bits, so that no value overflows unnoticed.

use crate::lang::ast::{Affine, AffineKind, Comparison, Condition, Name};

use super::fault::Fault;

/// The iterators in sight, outermost first; an iterator's slot is its place here.
pub(super) type Scope = Vec<Name>;

/// `constant + sum of terms + sum of rest`.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Form {
    constant: i64,
    /// Slot and coefficient.
    terms: Vec<(usize, i64)>,
    rest: Vec<(i64, Step)>,
}

/// What is not linear in the iterators.
#[derive(Clone, Debug, PartialEq)]
enum Step {
    Div(Form, i64),
    Mod(Form, i64),
    Min(Vec<Form>),
    Max(Vec<Form>),
}

#[derive(Clone, Debug)]
pub(super) enum Test {
    Compare(Form, Comparison, Form),
    All(Vec<Test>),
    Any(Vec<Test>),
    Not(Box<Test>),
}

impl Form {
    pub(super) fn compile(affine: &Affine, scope: &Scope) -> Result<Form, Fault> {
        let constant = |value| Form { constant: value, ..Form::default() };
        let rest = |step| Form { rest: vec![(1, step)], ..Form::default() };
        let all = |parts: &[Affine]| parts.iter().map(|part| Form::compile(part, scope)).collect::<Result<Vec<_>, _>>();
        match &affine.kind {
            AffineKind::Int(value) => Ok(constant(*value)),
            AffineKind::Name(name) => match scope.iter().rposition(|n| n == name) {
                Some(slot) => Ok(Form { terms: vec![(slot, 1)], ..Form::default() }),
                None => Err(Fault::Unresolved(format!("`{name}` is no iterator here"))),
            },
            AffineKind::Neg(a) => Form::compile(a, scope)?.times(-1),
            AffineKind::Add(a, b) => Form::compile(a, scope)?.plus(Form::compile(b, scope)?),
            AffineKind::Sub(a, b) => Form::compile(a, scope)?.plus(Form::compile(b, scope)?.times(-1)?),
            AffineKind::Mul(a, b) => {
                let (a, b) = (Form::compile(a, scope)?, Form::compile(b, scope)?);
                match (a.as_constant(), b.as_constant()) {
                    (_, Some(factor)) => a.times(factor),
                    (Some(factor), _) => b.times(factor),
                    _ => Err(Fault::Unresolved("a product of iterators".into())),
                }
            }
            AffineKind::Div(a, b) => Ok(rest(Step::Div(Form::compile(a, scope)?, divisor(b, scope)?))),
            AffineKind::Mod(a, b) => Ok(rest(Step::Mod(Form::compile(a, scope)?, divisor(b, scope)?))),
            AffineKind::Min(parts) => Ok(rest(Step::Min(all(parts)?))),
            AffineKind::Max(parts) => Ok(rest(Step::Max(all(parts)?))),
        }
    }

    /// The value at `iterators`, which holds one value a slot.
    #[inline]
    pub(super) fn at(&self, iterators: &[i64]) -> i128 {
        let mut sum = i128::from(self.constant);
        for &(slot, factor) in &self.terms {
            sum = sum.wrapping_add(i128::from(iterators[slot]) * i128::from(factor));
        }
        if self.rest.is_empty() { sum } else { sum.saturating_add(self.rest_at(iterators)) }
    }

    fn rest_at(&self, iterators: &[i64]) -> i128 {
        self.rest.iter().fold(0, |sum: i128, (factor, step)| {
            sum.saturating_add(step.at(iterators).saturating_mul(i128::from(*factor)))
        })
    }

    fn as_constant(&self) -> Option<i64> {
        match (self.terms.is_empty(), self.rest.is_empty()) {
            (true, true) => Some(self.constant),
            (true, false) => {
                let constant = self.rest.iter().all(|(_, step)| step.is_constant());
                constant.then(|| i64::try_from(self.at(&[])).ok()).flatten()
            }
            _ => None,
        }
    }

    fn times(mut self, factor: i64) -> Result<Form, Fault> {
        let product = |a: i64| a.checked_mul(factor).ok_or_else(too_large);
        self.constant = product(self.constant)?;
        for (_, coefficient) in &mut self.terms {
            *coefficient = product(*coefficient)?;
        }
        for (coefficient, _) in &mut self.rest {
            *coefficient = product(*coefficient)?;
        }
        Ok(self)
    }

    fn plus(mut self, other: Form) -> Result<Form, Fault> {
        self.constant = self.constant.checked_add(other.constant).ok_or_else(too_large)?;
        for (slot, factor) in other.terms {
            match self.terms.iter_mut().find(|(s, _)| *s == slot) {
                Some((_, sum)) => *sum = sum.checked_add(factor).ok_or_else(too_large)?,
                None => self.terms.push((slot, factor)),
            }
        }
        self.terms.retain(|(_, factor)| *factor != 0);
        self.rest.extend(other.rest);
        Ok(self)
    }
}

impl Step {
    fn at(&self, iterators: &[i64]) -> i128 {
        match self {
            Step::Div(form, by) => narrow(form.at(iterators), |v| v.div_euclid(*by), |v| v.div_euclid(i128::from(*by))),
            Step::Mod(form, by) => narrow(form.at(iterators), |v| v.rem_euclid(*by), |v| v.rem_euclid(i128::from(*by))),
            Step::Min(parts) => parts.iter().map(|part| part.at(iterators)).min().unwrap_or(0),
            Step::Max(parts) => parts.iter().map(|part| part.at(iterators)).max().unwrap_or(0),
        }
    }

    fn is_constant(&self) -> bool {
        match self {
            Step::Div(form, _) | Step::Mod(form, _) => form.as_constant().is_some(),
            Step::Min(parts) | Step::Max(parts) => parts.iter().all(|part| part.as_constant().is_some()),
        }
    }
}

/// Divides in 64 bits where the value allows: several times faster.
#[inline]
fn narrow(value: i128, short: impl Fn(i64) -> i64, long: impl Fn(i128) -> i128) -> i128 {
    match i64::try_from(value) {
        Ok(value) => i128::from(short(value)),
        Err(_) => long(value),
    }
}

fn divisor(affine: &Affine, scope: &Scope) -> Result<i64, Fault> {
    match Form::compile(affine, scope)?.as_constant() {
        Some(value) if value > 0 => Ok(value),
        _ => Err(Fault::Unresolved("a divisor that is no positive constant".into())),
    }
}

fn too_large() -> Fault {
    Fault::Unresolved("a coefficient that does not fit 64 bits".into())
}

impl Test {
    pub(super) fn compile(condition: &Condition<Affine>, scope: &Scope) -> Result<Test, Fault> {
        let all =
            |parts: &[Condition<Affine>]| parts.iter().map(|part| Test::compile(part, scope)).collect::<Result<_, _>>();
        match condition {
            Condition::Chain(first, rest) => {
                let mut left = Form::compile(first, scope)?;
                let mut links = Vec::new();
                for (comparison, right) in rest {
                    let right = Form::compile(right, scope)?;
                    links.push(Test::Compare(left, *comparison, right.clone()));
                    left = right;
                }
                Ok(Test::All(links))
            }
            Condition::And(parts) => Ok(Test::All(all(parts)?)),
            Condition::Or(parts) => Ok(Test::Any(all(parts)?)),
            Condition::Not(part) => Ok(Test::Not(Box::new(Test::compile(part, scope)?))),
        }
    }

    pub(super) fn holds(&self, iterators: &[i64]) -> bool {
        match self {
            Test::Compare(a, comparison, b) => comparison.holds(&a.at(iterators), &b.at(iterators)),
            Test::All(parts) => parts.iter().all(|part| part.holds(iterators)),
            Test::Any(parts) => parts.iter().any(|part| part.holds(iterators)),
            Test::Not(part) => !part.holds(iterators),
        }
    }
}
