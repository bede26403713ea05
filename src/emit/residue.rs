//! What does a stride leave of the values of loops? That a number divides a form of them.
//!
//! A congruence is kept in a normal form, so that two that say the same look the same: coefficients are the remainders nearest to
//! zero, without a divisor that the modulus shares, and the innermost loop has coefficient one where the modulus allows it.

use crate::isl::Row;

/// A larger modulus is refused, so that products of remainders fit.
const LARGEST: i64 = 1 << 31;

/// That `modulus` divides `Σ coefficients[k]·c[k] + constant`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Congruence {
    /// The last that is not zero is the smallest possible; all are zero where the modulus is 1.
    pub coefficients: Vec<i64>,
    /// From 0 to below the modulus.
    pub constant: i64,
    pub modulus: i64,
}

/// What a congruence says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Residue {
    /// It holds at every point.
    Any,
    /// It holds at none.
    None,
    Some(Congruence),
}

impl Residue {
    /// That `modulus` divides a form; `None` where the modulus is too large.
    fn of(coefficients: impl Iterator<Item = i128>, constant: i128, modulus: i64) -> Option<Residue> {
        if !(1..=LARGEST).contains(&modulus) {
            return None;
        }
        let reduced = |v: i128| v.rem_euclid(i128::from(modulus)) as i64;
        let (coefficients, constant): (Vec<i64>, i64) = (coefficients.map(reduced).collect(), reduced(constant));
        let g = coefficients.iter().fold(modulus, |g, &c| gcd(g, c));
        if constant % g != 0 {
            return Some(Residue::None);
        }
        let m = modulus / g;
        let Some(&innermost) = coefficients.iter().rfind(|c| **c != 0) else { return Some(Residue::Any) };
        let a = innermost / g;
        let unit = inverse(a, m).unwrap_or(if 2 * a > m { -1 } else { 1 });
        let scaled = |v: i64| (v / g * unit).rem_euclid(m);
        let nearest = |v: i64| if 2 * v > m { v - m } else { v };
        let coefficients = coefficients.into_iter().map(|c| nearest(scaled(c))).collect();
        Some(Residue::Some(Congruence { coefficients, constant: scaled(constant), modulus: m }))
    }

    /// What an equality says of remainders: that its form is a multiple of every number.
    pub fn of_row(row: &Row, modulus: i64) -> Option<Residue> {
        Residue::of(row.coefficients.iter().map(|&c| c.into()), row.constant.into(), modulus)
    }

    /// What an equality needs for column `d` to be an integer.
    pub fn of_fixed(row: &Row, d: usize) -> Option<Residue> {
        Residue::of_row(row, row.coefficients[d].checked_abs()?)
    }
}

impl Congruence {
    /// The innermost loop that it names.
    pub fn innermost(&self) -> usize {
        self.coefficients.iter().rposition(|c| *c != 0).unwrap_or(0)
    }

    /// The same without column `d`, which an equality gives: as the equality holds over the integers, so does every multiple.
    pub fn substituted(&self, fixed: &Row, d: usize) -> Option<Residue> {
        let (a, b) = (self.coefficients[d], fixed.coefficients[d]);
        let g = gcd(a, b);
        let (m, n) = (i128::from(b.abs() / g), i128::from(a / g * b.signum()));
        let sum = |(&x, &y): (&i64, &i64)| i128::from(x) * m - i128::from(y) * n;
        let coefficients = self.coefficients.iter().zip(&fixed.coefficients).map(sum);
        let modulus = self.modulus.checked_mul(b.abs() / g)?;
        Residue::of(coefficients, sum((&self.constant, &fixed.constant)), modulus)
    }

    /// The remainder of the value of a row by the modulus, where it is the same at all points.
    pub fn remainder(&self, row: &Row) -> Option<i64> {
        let d = self.innermost();
        if self.coefficients[d] != 1 {
            return None;
        }
        let factor = row.coefficients.get(d)?.rem_euclid(self.modulus);
        let rest = |(&x, &y): (&i64, &i64)| (x.rem_euclid(self.modulus) - y * factor).rem_euclid(self.modulus);
        // Rows of other sets may name more loops.
        let mut pairs = row.coefficients.iter().zip(self.coefficients.iter().chain(std::iter::repeat(&0)));
        (factor != 0 && pairs.all(|pair| rest(pair) == 0)).then(|| rest((&row.constant, &self.constant)))
    }

    /// What is left to prove where another with the same innermost loop holds; `None` where it is of no use.
    pub fn without(&self, fact: &Congruence) -> Option<Residue> {
        let d = fact.innermost();
        let b = fact.coefficients[d];
        let a = *self.coefficients.get(d)?;
        if d != self.innermost() || fact.modulus % self.modulus != 0 || a % b != 0 {
            return None;
        }
        let difference = |(&x, &y): (&i64, &i64)| i128::from(x) - i128::from(y) * i128::from(a / b);
        let coefficients = self.coefficients.iter().zip(&fact.coefficients).map(difference);
        Residue::of(coefficients, difference((&self.constant, &fact.constant)), self.modulus)
    }
}

/// The number from 1 that makes `a` one, modulo `m`.
fn inverse(a: i64, m: i64) -> Option<i64> {
    let (mut old, mut new) = ((a, 1), (m, 0));
    while new.0 != 0 {
        let quotient = old.0 / new.0;
        (old, new) = (new, (old.0 - quotient * new.0, old.1 - quotient * new.1));
    }
    (old.0 == 1).then(|| old.1.rem_euclid(m))
}

pub fn gcd(a: i64, b: i64) -> i64 {
    if b == 0 { a.abs() } else { gcd(b, a % b) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(coefficients: &[i64], constant: i64) -> Row {
        Row { is_equality: true, coefficients: coefficients.to_vec(), constant }
    }

    fn congruence(coefficients: &[i64], constant: i64, modulus: i64) -> Congruence {
        Congruence { coefficients: coefficients.to_vec(), constant, modulus }
    }

    fn normal(coefficients: &[i64], constant: i64, modulus: i64) -> Residue {
        Residue::of_row(&row(coefficients, constant), modulus).unwrap()
    }

    #[test]
    fn congruences_that_say_the_same_look_the_same() {
        let expected = Residue::Some(congruence(&[1, 1], 3, 5));
        assert_eq!(normal(&[1, 1], 3, 5), expected);
        assert_eq!(normal(&[-1, -6], -3, 5), expected);
        assert_eq!(normal(&[4, 4], 12, 20), expected);
        assert_eq!(normal(&[3, 3], 4, 5), expected);
        assert_eq!(normal(&[0, 3], 1, 4), Residue::Some(congruence(&[0, 1], 3, 4)));
        assert_eq!(normal(&[3, 4], 1, 6), Residue::Some(congruence(&[3, 2], 5, 6)));
    }

    #[test]
    fn a_congruence_of_all_points_or_none_is_told() {
        assert_eq!(normal(&[4, -2], 6, 2), Residue::Any);
        assert_eq!(normal(&[4, -2], 5, 2), Residue::None);
        assert_eq!(normal(&[0, 3], 1, 6), Residue::None);
    }

    #[test]
    fn an_equality_replaces_a_loop() {
        // 2·y = x and 3 | y + 1, so 6 | x + 2.
        let found = congruence(&[0, 1], 1, 3).substituted(&row(&[1, -2], 0), 1);
        assert_eq!(found, Some(Residue::Some(congruence(&[1, 0], 2, 6))));
    }

    #[test]
    fn a_multiple_of_the_modulus_proves() {
        let (even, of_four) = (congruence(&[1], 0, 2), congruence(&[1], 2, 4));
        assert_eq!(even.without(&of_four), Some(Residue::Any));
        assert_eq!(of_four.without(&even), None);
        assert_eq!(congruence(&[1], 1, 2).without(&of_four), Some(Residue::None));
    }
}
