//! What is an affine expression as a sum? Terms with integer coefficients over iterators and parts that are not linear.
//!
//! A floor division or remainder stays one opaque [`Atom`] unless the iterators' bounds show that it is linear after all:
//! `(32*t + k) % 64` with `0 <= k < 32` is `(32*t) % 64 + k`, and `i % 66` with `0 <= i < 66` is `i`.

use super::bounds::Bounds;
use crate::emit::EmitError;
use crate::lang::ast::{Affine, AffineKind, Name};

/// `Σ coefficient·atom + constant`; no coefficient is 0 and no atom stands twice.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Linear {
    pub terms: Vec<(Atom, i64)>,
    pub constant: i64,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Atom {
    Iterator(Name),
    /// Floor division by a positive constant.
    Div(Linear, i64),
    /// The remainder by a positive constant.
    Mod(Linear, i64),
    Min(Vec<Linear>),
    Max(Vec<Linear>),
}

fn fit(value: Option<i64>) -> Result<i64, EmitError> {
    value.ok_or(EmitError::TooLarge)
}

impl Linear {
    pub fn constant(constant: i64) -> Linear {
        Linear { terms: Vec::new(), constant }
    }

    pub fn atom(atom: Atom) -> Linear {
        Linear { terms: vec![(atom, 1)], constant: 0 }
    }

    pub fn iterator(name: &Name) -> Linear {
        Linear::atom(Atom::Iterator(name.clone()))
    }

    pub fn as_constant(&self) -> Option<i64> {
        self.terms.is_empty().then_some(self.constant)
    }

    /// `self + factor·other`
    pub fn plus(&self, other: &Linear, factor: i64) -> Result<Linear, EmitError> {
        let mut sum = self.clone();
        sum.constant = fit(other.constant.checked_mul(factor).and_then(|c| sum.constant.checked_add(c)))?;
        for (atom, coefficient) in &other.terms {
            let added = fit(coefficient.checked_mul(factor))?;
            match sum.terms.iter_mut().find(|(a, _)| a == atom) {
                Some((_, c)) => *c = fit(c.checked_add(added))?,
                None => sum.terms.push((atom.clone(), added)),
            }
        }
        sum.terms.retain(|(_, c)| *c != 0);
        Ok(sum)
    }

    pub fn times(&self, factor: i64) -> Result<Linear, EmitError> {
        Linear::default().plus(self, factor)
    }

    /// The coefficient of an iterator; `None` where it occurs inside an atom.
    pub fn coefficient(&self, iterator: &str) -> Option<i64> {
        let mut found = 0;
        for (atom, coefficient) in &self.terms {
            match atom {
                Atom::Iterator(name) if &**name == iterator => found = *coefficient,
                atom if atom.mentions(iterator) => return None,
                _ => {}
            }
        }
        Some(found)
    }

    pub fn mentions(&self, iterator: &str) -> bool {
        self.terms.iter().any(|(atom, _)| atom.mentions(iterator))
    }

    /// Without the terms of `iterator` outside atoms: its value where the iterator is 0.
    pub fn without(&self, iterator: &str) -> Linear {
        let mut rest = self.clone();
        rest.terms.retain(|(atom, _)| !matches!(atom, Atom::Iterator(name) if &**name == iterator));
        rest
    }

    /// Reads an affine expression. Iterators stand for what `bounds` says of them.
    pub fn of(affine: &Affine, bounds: &Bounds) -> Result<Linear, EmitError> {
        let both = |a: &Affine, b: &Affine| Ok((Linear::of(a, bounds)?, Linear::of(b, bounds)?));
        let all = |parts: &[Affine]| parts.iter().map(|p| Linear::of(p, bounds)).collect::<Result<Vec<_>, _>>();
        match &affine.kind {
            AffineKind::Int(value) => Ok(Linear::constant(*value)),
            AffineKind::Name(name) => bounds.value(name),
            AffineKind::Neg(a) => Linear::of(a, bounds)?.times(-1),
            AffineKind::Add(a, b) => both(a, b).and_then(|(a, b)| a.plus(&b, 1)),
            AffineKind::Sub(a, b) => both(a, b).and_then(|(a, b)| a.plus(&b, -1)),
            AffineKind::Mul(a, b) => {
                let (a, b) = both(a, b)?;
                match (a.as_constant(), b.as_constant()) {
                    (_, Some(factor)) => a.times(factor),
                    (Some(factor), None) => b.times(factor),
                    (None, None) => Err(EmitError::NotAffine),
                }
            }
            AffineKind::Div(a, b) => {
                let (a, b) = both(a, b)?;
                divide(&a, divisor(&b)?, bounds)
            }
            AffineKind::Mod(a, b) => {
                let (a, b) = both(a, b)?;
                remainder(&a, divisor(&b)?, bounds)
            }
            AffineKind::Min(parts) => Ok(extreme(all(parts)?, Atom::Min, |a, b| bounds.never_less(a, b))),
            AffineKind::Max(parts) => Ok(extreme(all(parts)?, Atom::Max, |a, b| bounds.never_less(b, a))),
        }
    }
}

impl Atom {
    pub fn mentions(&self, iterator: &str) -> bool {
        match self {
            Atom::Iterator(name) => &**name == iterator,
            Atom::Div(inner, _) | Atom::Mod(inner, _) => inner.mentions(iterator),
            Atom::Min(parts) | Atom::Max(parts) => parts.iter().any(|p| p.mentions(iterator)),
        }
    }
}

fn divisor(linear: &Linear) -> Result<i64, EmitError> {
    linear.as_constant().filter(|&d| d > 0).ok_or(EmitError::NotAffine)
}

/// `min` or `max` of the parts, without those that another one makes superfluous: `is_idle(a, b)` where `b` is always at
/// least as extreme as `a`.
fn extreme(parts: Vec<Linear>, make: fn(Vec<Linear>) -> Atom, is_idle: impl Fn(&Linear, &Linear) -> bool) -> Linear {
    let mut kept: Vec<Linear> = Vec::new();
    for part in parts {
        if !kept.iter().any(|other| is_idle(&part, other)) {
            kept.retain(|other| !is_idle(other, &part));
            kept.push(part);
        }
    }
    match kept.len() {
        1 => kept.swap_remove(0),
        _ => Linear::atom(make(kept)),
    }
}

/// Splits `x` into a part that is a multiple of a divisor of `n` and a rest that is smaller than that divisor.
///
/// With `g | n`, `x = u + v`, `g | u` and `0 <= v < g`: `x % n = u % n + v` and `⌊x/n⌋ = ⌊u/n⌋`.
fn split(x: &Linear, n: i64, bounds: &Bounds) -> Option<(Linear, Linear)> {
    let mut divisors: Vec<i64> = x.terms.iter().map(|(_, c)| gcd(*c, n)).chain([n]).filter(|&g| g > 1).collect();
    divisors.sort_unstable_by(|a, b| b.cmp(a));
    divisors.dedup();
    divisors.into_iter().find_map(|g| {
        let (multiple, rest): (Vec<_>, Vec<_>) = x.terms.iter().cloned().partition(|(_, c)| c % g == 0);
        let v = Linear { terms: rest, constant: x.constant.rem_euclid(g) };
        let u = Linear { terms: multiple, constant: x.constant.checked_sub(v.constant)? };
        if u.terms.is_empty() && v.terms.is_empty() {
            return None;
        }
        let fits = bounds.lower(&v).is_some_and(|lo| lo >= 0) && bounds.upper(&v).is_some_and(|hi| hi < g.into());
        fits.then_some((u, v))
    })
}

fn gcd(a: i64, b: i64) -> i64 {
    let (mut a, mut b) = (a.unsigned_abs(), b.unsigned_abs());
    while b != 0 {
        (a, b) = (b, a % b);
    }
    i64::try_from(a).unwrap_or(1)
}

fn divide(x: &Linear, n: i64, bounds: &Bounds) -> Result<Linear, EmitError> {
    if let Some(value) = x.as_constant() {
        return Ok(Linear::constant(value.div_euclid(n)));
    }
    let x = split(x, n, bounds).map_or_else(|| x.clone(), |(multiple, _)| multiple);
    let exact = x.terms.iter().all(|(_, c)| c % n == 0);
    if exact {
        let terms = x.terms.iter().map(|(atom, c)| (atom.clone(), c / n)).collect();
        return Ok(Linear { terms, constant: x.constant.div_euclid(n) });
    }
    // A multiple of n leaves the division.
    let outside = x.constant.div_euclid(n);
    let inside = Linear { constant: x.constant.rem_euclid(n), terms: x.terms };
    Linear::constant(outside).plus(&Linear::atom(Atom::Div(inside, n)), 1)
}

fn remainder(x: &Linear, n: i64, bounds: &Bounds) -> Result<Linear, EmitError> {
    if let Some(value) = x.as_constant() {
        return Ok(Linear::constant(value.rem_euclid(n)));
    }
    let (multiple, rest) = split(x, n, bounds).unwrap_or_else(|| (x.clone(), Linear::default()));
    if multiple.terms.iter().all(|(_, c)| c % n == 0) {
        return rest.plus(&Linear::constant(multiple.constant.rem_euclid(n)), 1);
    }
    rest.plus(&Linear::atom(Atom::Mod(multiple, n)), 1)
}
