//! Is an index a plain weighted sum of iterators?

use crate::lang::ast::{Affine, AffineKind, Name};

/// `Σ coefficients[k]·dim[k] + constant` over the dimensions of a statement.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Linear {
    pub coefficients: Vec<i64>,
    pub constant: i64,
}

impl Linear {
    pub fn constant(n: usize, constant: i64) -> Linear {
        Linear { coefficients: vec![0; n], constant }
    }

    pub fn dim(n: usize, k: usize) -> Linear {
        let mut form = Linear::constant(n, 0);
        form.coefficients[k] = 1;
        form
    }

    /// The form with another in the place of a dimension; `None` where a number overflows.
    pub fn with(mut self, k: usize, value: &Linear) -> Option<Linear> {
        let factor = std::mem::take(&mut self.coefficients[k]);
        self.combine(value, factor)
    }

    pub(super) fn combine(&self, other: &Linear, factor: i64) -> Option<Linear> {
        let term = |a: i64, b: i64| a.checked_add(b.checked_mul(factor)?);
        let coefficients =
            self.coefficients.iter().zip(&other.coefficients).map(|(&a, &b)| term(a, b)).collect::<Option<Vec<_>>>()?;
        Some(Linear { coefficients, constant: term(self.constant, other.constant)? })
    }

    /// How far the form lies from another one that the same dimensions move alike; `None` where they do not, or where both stand.
    pub fn distance(&self, other: &Linear) -> Option<i64> {
        let is_alike = self.coefficients == other.coefficients && self.as_constant().is_none();
        is_alike.then(|| self.constant.checked_sub(other.constant)).flatten()
    }

    pub(super) fn as_constant(&self) -> Option<i64> {
        self.coefficients.iter().all(|&c| c == 0).then_some(self.constant)
    }

    /// The form of an affine expression, given those of the iterators; `None` where it rounds, chooses or overflows.
    pub fn of(affine: &Affine, n: usize, iterator: &dyn Fn(&Name) -> Option<Linear>) -> Option<Linear> {
        let of = |a: &Affine| Linear::of(a, n, iterator);
        let zero = Linear::constant(n, 0);
        match &affine.kind {
            AffineKind::Int(value) => Some(Linear::constant(n, *value)),
            AffineKind::Name(name) => iterator(name),
            AffineKind::Neg(a) => zero.combine(&of(a)?, -1),
            AffineKind::Add(a, b) => of(a)?.combine(&of(b)?, 1),
            AffineKind::Sub(a, b) => of(a)?.combine(&of(b)?, -1),
            AffineKind::Mul(a, b) => {
                let (a, b) = (of(a)?, of(b)?);
                match (a.as_constant(), b.as_constant()) {
                    (Some(factor), _) => zero.combine(&b, factor),
                    (_, Some(factor)) => zero.combine(&a, factor),
                    _ => None,
                }
            }
            AffineKind::Div(a, b) => {
                let (a, b) = (of(a)?.as_constant()?, of(b)?.as_constant()?);
                (b > 0).then(|| Linear::constant(n, a.div_euclid(b)))
            }
            AffineKind::Mod(a, b) => {
                let (a, b) = (of(a)?.as_constant()?, of(b)?.as_constant()?);
                (b > 0).then(|| Linear::constant(n, a.rem_euclid(b)))
            }
            AffineKind::Min(_) | AffineKind::Max(_) => None,
        }
    }
}
