//! What is left of an expression that rounds, where iterators are known to be less than a number?
//!
//! `(2 * i2 + i + 1) / 2` is `i2 + i` where `i` is 0 or 1: multiples of the divisor come out, and of what stays inside all values are
//! known.

use crate::lang::ast::{Affine, AffineKind, Name};

/// An iterator that has become `by * outer + inner`, where `0 <= inner < by`.
pub struct Row {
    pub inner: Name,
    pub outer: Name,
    pub by: i64,
}

impl Row {
    pub fn value(&self) -> Affine {
        let start = AffineKind::Mul(Box::new(Affine::int(self.by)), Box::new(Affine::name(&self.outer)));
        AffineKind::Add(Box::new(start.into()), Box::new(Affine::name(&self.inner))).into()
    }
}

/// A constant and multiples of iterators, and of quotients and remainders that nothing simpler was found for.
#[derive(Clone)]
pub struct Sum {
    terms: Vec<(Affine, i64)>,
    constant: i64,
}

/// Values of one iterator that are tried.
const TRIED: i64 = 64;

impl Sum {
    fn constant(constant: i64) -> Sum {
        Sum { terms: Vec::new(), constant }
    }

    /// An expression in which iterators have become others; `None` where it chooses or overflows.
    pub fn of(a: &Affine, rows: &[Row]) -> Option<Sum> {
        let of = |a: &Affine| Sum::of(a, rows);
        Some(match &a.kind {
            AffineKind::Int(value) => Sum::constant(*value),
            AffineKind::Name(name) => match rows.iter().find(|row| row.inner == *name) {
                Some(row) => {
                    let terms = vec![(Affine::name(&row.outer), row.by), (Affine::name(name), 1)];
                    Sum { terms, constant: 0 }
                }
                None => Sum { terms: vec![(a.clone(), 1)], constant: 0 },
            },
            AffineKind::Neg(a) => of(a)?.times(-1)?,
            AffineKind::Add(a, b) => of(a)?.and(&of(b)?, 1)?,
            AffineKind::Sub(a, b) => of(a)?.minus(&of(b)?)?,
            AffineKind::Mul(a, b) => match (of(a)?, of(b)?) {
                (factor, sum) | (sum, factor) if factor.terms.is_empty() => sum.times(factor.constant)?,
                _ => return None,
            },
            AffineKind::Div(a, b) => of(a)?.over(positive(b)?, rows)?,
            AffineKind::Mod(a, b) => of(a)?.modulo(positive(b)?, rows)?,
            AffineKind::Min(_) | AffineKind::Max(_) => return None,
        })
    }

    fn and(mut self, other: &Sum, factor: i64) -> Option<Sum> {
        for (atom, c) in &other.terms {
            let c = c.checked_mul(factor)?;
            match self.terms.iter_mut().find(|(known, _)| known == atom) {
                Some((_, known)) => *known = known.checked_add(c)?,
                None => self.terms.push((atom.clone(), c)),
            }
        }
        self.terms.retain(|(_, c)| *c != 0);
        let constant = self.constant.checked_add(other.constant.checked_mul(factor)?)?;
        // Its negative is a number too.
        (constant > i64::MIN).then_some(Sum { constant, ..self })
    }

    pub fn minus(self, other: &Sum) -> Option<Sum> {
        self.and(other, -1)
    }

    pub fn times(self, factor: i64) -> Option<Sum> {
        Sum::constant(0).and(&self, factor)
    }

    pub fn plus(self, constant: i64) -> Option<Sum> {
        self.and(&Sum::constant(constant), 1)
    }

    pub fn as_constant(&self) -> Option<i64> {
        self.terms.is_empty().then_some(self.constant)
    }

    pub fn is_multiple(&self, of: i64) -> bool {
        self.constant % of == 0 && self.terms.iter().all(|(_, c)| c % of == 0)
    }

    /// The largest multiple of a number in each part, and what is left: no part of it is negative or as large.
    fn parts(&self, by: i64) -> (Sum, Sum) {
        let with = |of: &dyn Fn(i64) -> i64| {
            let terms = self.terms.iter().map(|(atom, c)| (atom.clone(), of(*c))).filter(|(_, c)| *c != 0);
            Sum { terms: terms.collect(), constant: of(self.constant) }
        };
        (with(&|c| c.div_euclid(by)), with(&|c| c.rem_euclid(by)))
    }

    /// The quotient, rounded down.
    pub fn over(self, by: i64, rows: &[Row]) -> Option<Sum> {
        let (whole, rest) = self.parts(by);
        let rest = match rest.most(rows) {
            Some(most) if most < by => Sum::constant(0),
            _ => rest.tried(rows, |value| value.div_euclid(by)).unwrap_or_else(|| rest.inside(by, AffineKind::Div)),
        };
        whole.and(&rest, 1)
    }

    /// The remainder that is not negative.
    fn modulo(self, by: i64, rows: &[Row]) -> Option<Sum> {
        let (_, rest) = self.parts(by);
        Some(match rest.most(rows) {
            Some(most) if most < by => rest,
            _ => rest.tried(rows, |value| value.rem_euclid(by)).unwrap_or_else(|| rest.inside(by, AffineKind::Mod)),
        })
    }

    fn inside(&self, by: i64, kind: fn(Box<Affine>, Box<Affine>) -> AffineKind) -> Sum {
        let atom = kind(Box::new(self.written()), Box::new(Affine::int(by))).into();
        Sum { terms: vec![(atom, 1)], constant: 0 }
    }

    /// The largest value, where all parts are known and none is negative.
    fn most(&self, rows: &[Row]) -> Option<i64> {
        self.terms.iter().try_fold(self.constant, |sum, (atom, c)| sum.checked_add(c.checked_mul(most(atom, rows)?)?))
    }

    /// What a function gives, where only one part moves and it gives multiples of that and a constant.
    fn tried(&self, rows: &[Row], function: impl Fn(i64) -> i64) -> Option<Sum> {
        let [(atom, c)] = &self.terms[..] else { return None };
        let most = most(atom, rows).filter(|most| (1..TRIED).contains(most))?;
        let at = |value: i64| Some(function(c.checked_mul(value)?.checked_add(self.constant)?));
        let (first, slope) = (at(0)?, at(1)?.checked_sub(at(0)?)?);
        let fits = |value: i64| Some(at(value)? == slope.checked_mul(value)?.checked_add(first)?);
        for value in 2..=most {
            if !fits(value)? {
                return None;
            }
        }
        let line = Sum { terms: vec![(atom.clone(), slope)], constant: first };
        Sum::constant(0).and(&line, 1)
    }

    /// The sum as it is written.
    pub fn written(&self) -> Affine {
        let scaled = |(atom, c): &(Affine, i64)| match c {
            1 => atom.clone(),
            _ => AffineKind::Mul(Box::new(Affine::int(*c)), Box::new(atom.clone())).into(),
        };
        let (positive, negative): (Vec<_>, Vec<_>) = self.terms.iter().cloned().partition(|(_, c)| *c > 0);
        let mut all = positive.iter().map(scaled);
        let (first, constant) = match all.next() {
            Some(first) => (first, self.constant),
            None => (Affine::int(self.constant), 0),
        };
        let sum = all.fold(first, |sum, term| AffineKind::Add(Box::new(sum), Box::new(term)).into());
        let less = |sum: Affine, (atom, c): &(Affine, i64)| {
            AffineKind::Sub(Box::new(sum), Box::new(scaled(&(atom.clone(), c.saturating_neg())))).into()
        };
        negative.iter().fold(sum, less).plus(constant)
    }
}

/// The largest value of an expression that is never negative, where both are known.
fn most(a: &Affine, rows: &[Row]) -> Option<i64> {
    match &a.kind {
        AffineKind::Int(value) if *value >= 0 => Some(*value),
        AffineKind::Add(a, b) => most(a, rows)?.checked_add(most(b, rows)?),
        AffineKind::Mul(a, b) => most(a, rows)?.checked_mul(most(b, rows)?),
        AffineKind::Div(a, by) => Some(most(a, rows)? / positive(by)?),
        AffineKind::Name(name) => rows.iter().find(|row| row.inner == *name).map(|row| row.by - 1),
        AffineKind::Mod(_, by) => Some(positive(by)? - 1),
        _ => None,
    }
}

fn positive(a: &Affine) -> Option<i64> {
    match a.kind {
        AffineKind::Int(value) if value > 0 => Some(value),
        _ => None,
    }
}
