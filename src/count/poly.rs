//! What is the sum of a polynomial over a variable that runs from one linear form to another? Again a polynomial.
//!
//! Source: Faulhaber's formula, as in Graham, Knuth and Patashnik, "Concrete Mathematics", 6.5.

use std::collections::BTreeMap;

use super::linear::{Linear, Var};
use super::residues::Residues;

/// Variables ascending with their positive exponents.
type Monomial = Vec<(Var, u32)>;

/// A polynomial over integer variables with rational coefficients; none is zero.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Poly {
    terms: BTreeMap<Monomial, Residues>,
}

impl Poly {
    pub(super) fn constant(value: Residues) -> Poly {
        let mut poly = Poly { terms: BTreeMap::new() };
        poly.add_term(Monomial::new(), value);
        poly
    }

    fn linear(form: &Linear) -> Poly {
        let mut poly = Poly::constant(Residues::of(form.constant));
        for &(var, coefficient) in &form.terms {
            poly.add_term(vec![(var, 1)], Residues::of(coefficient));
        }
        poly
    }

    fn add_term(&mut self, monomial: Monomial, value: Residues) {
        let sum = self.terms.get(&monomial).map_or(value, |&known| known + value);
        if sum == Residues::ZERO {
            self.terms.remove(&monomial);
        } else {
            self.terms.insert(monomial, sum);
        }
    }

    pub(super) fn is_zero(&self) -> bool {
        self.terms.is_empty()
    }

    /// The value of a polynomial without variables.
    pub(super) fn as_constant(&self) -> Option<Residues> {
        match self.terms.first_key_value() {
            None => Some(Residues::ZERO),
            Some((monomial, &value)) if self.terms.len() == 1 && monomial.is_empty() => Some(value),
            Some(_) => None,
        }
    }

    pub(super) fn vars(&self) -> impl Iterator<Item = Var> {
        self.terms.keys().flatten().map(|factor| factor.0)
    }

    fn add_times(&mut self, factor: Residues, other: &Poly) {
        for (monomial, &value) in &other.terms {
            self.add_term(monomial.clone(), value * factor);
        }
    }

    fn times(&self, other: &Poly) -> Poly {
        let mut product = Poly::constant(Residues::ZERO);
        for (a, &x) in &self.terms {
            for (b, &y) in &other.terms {
                product.add_term(joined(a, b), x * y);
            }
        }
        product
    }

    /// The polynomials before `var`^0, `var`^1 and so on.
    fn by_power(&self, var: Var) -> Vec<Poly> {
        let mut powers = vec![Poly::constant(Residues::ZERO)];
        for (monomial, &value) in &self.terms {
            let exponent = monomial.iter().find(|factor| factor.0 == var).map_or(0, |factor| factor.1 as usize);
            if powers.len() <= exponent {
                powers.resize(exponent + 1, Poly::constant(Residues::ZERO));
            }
            let rest = monomial.iter().filter(|factor| factor.0 != var).copied().collect();
            powers[exponent].add_term(rest, value);
        }
        powers
    }

    /// The polynomial with `var` replaced by `by`.
    pub(super) fn replaced(&self, var: Var, by: &Linear) -> Poly {
        let by = Poly::linear(by);
        let mut powers = self.by_power(var).into_iter().rev();
        let mut result = powers.next().unwrap_or_else(|| Poly::constant(Residues::ZERO));
        for lower in powers {
            result = result.times(&by);
            result.add_times(Residues::ONE, &lower);
        }
        result
    }

    /// The sum over all values of `var` from just after `before` up to `last`, both ends free of `var`.
    pub(super) fn summed(&self, var: Var, before: &Linear, last: &Linear) -> Poly {
        let powers = self.by_power(var);
        let bernoulli = bernoulli(powers.len());
        let rises = rises(&Poly::linear(before), &Poly::linear(last), powers.len());
        let mut sum = Poly::constant(Residues::ZERO);
        for (k, coefficient) in powers.iter().enumerate().filter(|(_, poly)| !poly.is_zero()) {
            // 1^k + .. + n^k = 1/(k+1) * sum over j of (k+1 choose j) * B_j * n^(k+1-j)
            let mut inner = Poly::constant(Residues::ZERO);
            let mut choose = Residues::ONE;
            for (j, &number) in bernoulli.iter().enumerate().take(k + 1) {
                inner.add_times(choose * number, &rises[k - j]);
                choose = choose * Residues::of((k + 1 - j) as i128) * Residues::of((j + 1) as i128).inverse();
            }
            sum.add_times(Residues::of(k as i128 + 1).inverse(), &coefficient.times(&inner));
        }
        sum
    }
}

/// `last^(n + 1) - before^(n + 1)` for each n below `count`.
fn rises(before: &Poly, last: &Poly, count: usize) -> Vec<Poly> {
    let (mut low, mut high) = (before.clone(), last.clone());
    let mut rises = Vec::new();
    for n in 0..count {
        if n > 0 {
            (low, high) = (low.times(before), high.times(last));
        }
        let mut rise = high.clone();
        rise.add_times(Residues::of(-1), &low);
        rises.push(rise);
    }
    rises
}

/// The first Bernoulli numbers, with B_1 = 1/2.
fn bernoulli(count: usize) -> Vec<Residues> {
    let mut numbers: Vec<Residues> = Vec::new();
    for m in 0..count {
        // sum over j <= m of (m+1 choose j) * B_j = m + 1
        let mut rest = Residues::of(m as i128 + 1);
        let mut choose = Residues::ONE;
        for (j, &number) in numbers.iter().enumerate() {
            rest = rest - choose * number;
            choose = choose * Residues::of((m + 1 - j) as i128) * Residues::of((j + 1) as i128).inverse();
        }
        numbers.push(rest * Residues::of(m as i128 + 1).inverse());
    }
    numbers
}

fn joined(a: &Monomial, b: &Monomial) -> Monomial {
    let mut factors: BTreeMap<Var, u32> = a.iter().copied().collect();
    for &(var, exponent) in b {
        *factors.entry(var).or_default() += exponent;
    }
    factors.into_iter().collect()
}
