//! What is the shortest way to write an affine expression? Terms collected, multiples of a modulus dropped.

use crate::lang::ast::{Affine, AffineKind, Name};

/// `Σ coefficient·atom + constant`; an atom is an iterator or an expression that rounds or chooses.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Sum {
    terms: Vec<(Affine, i64)>,
    constant: i64,
}

impl Sum {
    pub fn int(constant: i64) -> Sum {
        Sum { terms: Vec::new(), constant }
    }

    pub fn atom(atom: Affine) -> Sum {
        Sum { terms: vec![(atom, 1)], constant: 0 }
    }

    pub fn plus(mut self, other: &Sum, factor: i64) -> Sum {
        for (atom, c) in &other.terms {
            match self.terms.iter_mut().find(|(known, _)| known == atom) {
                Some((_, sum)) => *sum += factor * c,
                None => self.terms.push((atom.clone(), factor * c)),
            }
        }
        self.terms.retain(|(_, c)| *c != 0);
        self.constant += factor * other.constant;
        self
    }

    pub fn as_int(&self) -> Option<i64> {
        self.terms.is_empty().then_some(self.constant)
    }

    /// An expression with `values` in place of iterators.
    pub fn of(affine: &Affine, values: &dyn Fn(&Name) -> Option<Sum>) -> Sum {
        let of = |a: &Affine| Sum::of(a, values);
        match &affine.kind {
            AffineKind::Int(value) => Sum::int(*value),
            AffineKind::Name(name) => values(name).unwrap_or_else(|| Sum::atom(Affine::name(name))),
            AffineKind::Neg(a) => Sum::default().plus(&of(a), -1),
            AffineKind::Add(a, b) => of(a).plus(&of(b), 1),
            AffineKind::Sub(a, b) => of(a).plus(&of(b), -1),
            AffineKind::Mul(a, b) => {
                let (a, b) = (of(a), of(b));
                match (a.as_int(), b.as_int()) {
                    (Some(factor), _) => Sum::default().plus(&b, factor),
                    (_, Some(factor)) => Sum::default().plus(&a, factor),
                    _ => Sum::atom(AffineKind::Mul(a.boxed(), b.boxed()).into()),
                }
            }
            AffineKind::Div(a, b) => match (of(a), of(b).as_int()) {
                (a, Some(divisor)) if divisor > 0 => a.floor_div(divisor),
                (a, _) => Sum::atom(AffineKind::Div(a.boxed(), b.clone()).into()),
            },
            AffineKind::Mod(a, b) => match (of(a), of(b).as_int()) {
                (a, Some(divisor)) if divisor > 0 => a.modulo(divisor),
                (a, _) => Sum::atom(AffineKind::Mod(a.boxed(), b.clone()).into()),
            },
            AffineKind::Min(args) => {
                Sum::atom(AffineKind::Min(args.iter().map(|a| of(a).to_affine()).collect()).into())
            }
            AffineKind::Max(args) => {
                Sum::atom(AffineKind::Max(args.iter().map(|a| of(a).to_affine()).collect()).into())
            }
        }
    }

    pub fn floor_div(self, divisor: i64) -> Sum {
        // floor((d·u + v) / d) = u + floor(v / d): whole multiples leave the division.
        let (whole, rest) = self.split_multiples(divisor);
        let rest = match rest.as_int() {
            Some(value) => Sum::int(value.div_euclid(divisor)),
            None if divisor == 1 => rest,
            None => Sum::atom(AffineKind::Div(rest.boxed(), Box::new(Affine::int(divisor))).into()),
        };
        whole.plus(&rest, 1)
    }

    pub fn modulo(self, divisor: i64) -> Sum {
        let (_, rest) = self.split_multiples(divisor);
        match rest.as_int() {
            Some(value) => Sum::int(value.rem_euclid(divisor)),
            None => Sum::atom(AffineKind::Mod(rest.boxed(), Box::new(Affine::int(divisor))).into()),
        }
    }

    /// `self = divisor·first + second`, with what divides evenly in the first.
    fn split_multiples(self, divisor: i64) -> (Sum, Sum) {
        let (even, odd): (Vec<_>, Vec<_>) = self.terms.into_iter().partition(|(_, c)| c % divisor == 0);
        let whole = even.into_iter().map(|(atom, c)| (atom, c / divisor)).collect();
        let constant = self.constant.div_euclid(divisor);
        let rest = Sum { terms: odd, constant: self.constant.rem_euclid(divisor) };
        (Sum { terms: whole, constant }, rest)
    }

    fn boxed(&self) -> Box<Affine> {
        Box::new(self.to_affine())
    }

    /// Positive terms first, so that a sum does not start with a sign.
    pub fn to_affine(&self) -> Affine {
        let scaled = |(atom, c): &(Affine, i64)| match c.abs() {
            1 => atom.clone(),
            c => AffineKind::Mul(Box::new(Affine::int(c)), Box::new(atom.clone())).into(),
        };
        let add = |a: Affine, b: Affine| AffineKind::Add(Box::new(a), Box::new(b)).into();
        let sub = |a: Affine, b: Affine| AffineKind::Sub(Box::new(a), Box::new(b)).into();
        let positive = self.terms.iter().filter(|t| t.1 > 0).map(scaled).reduce(add);
        let negative: Vec<Affine> = self.terms.iter().filter(|t| t.1 < 0).map(scaled).collect();
        let start = match (positive, self.constant) {
            (None, constant) => Affine::int(constant),
            (Some(sum), 0) => sum,
            (Some(sum), c) if c > 0 => add(sum, Affine::int(c)),
            (Some(sum), c) => sub(sum, Affine::int(-c)),
        };
        negative.into_iter().fold(start, sub)
    }
}
