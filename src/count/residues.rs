//! How are exact sums kept small? As remainders by three primes, joined at the end.
//!
//! Summing a polynomial needs fractions (Bernoulli numbers) whose numerators outgrow 128 bits although the sum does not.
//! Modulo a prime a fraction is one word, and nothing overflows; a result below the primes' product, about 2^183, is
//! determined by its remainders.
//!
//! Source: Knuth, "The Art of Computer Programming" 2, 4.3.2 (Garner's algorithm).

use std::ops::{Add, Mul, Sub};

/// The primes are 2^61 less these.
const BELOW: [u64; 3] = [1, 31, 45];
const MASK: u64 = (1 << 61) - 1;

/// The bits within which a result is determined.
pub(super) const BITS: f64 = 182.0;

/// A rational number modulo each prime.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Residues([u64; 3]);

fn prime(n: usize) -> u64 {
    (1 << 61) - BELOW[n]
}

fn reduce(n: usize, word: u128) -> u64 {
    let fold = |word: u128| (word & u128::from(MASK)) + (word >> 61) * u128::from(BELOW[n]);
    let small = fold(fold(word)) as u64;
    if small >= prime(n) { small - prime(n) } else { small }
}

fn times(n: usize, a: u64, b: u64) -> u64 {
    reduce(n, u128::from(a) * u128::from(b))
}

fn minus(n: usize, a: u64, b: u64) -> u64 {
    if a >= b { a - b } else { a + prime(n) - b }
}

/// Fermat: a^(p - 2) is the inverse of a.
fn inverse(n: usize, a: u64) -> u64 {
    let (mut base, mut exponent, mut product) = (a, prime(n) - 2, 1);
    while exponent > 0 {
        if exponent & 1 == 1 {
            product = times(n, product, base);
        }
        base = times(n, base, base);
        exponent >>= 1;
    }
    product
}

impl Residues {
    pub(super) const ZERO: Residues = Residues([0; 3]);
    pub(super) const ONE: Residues = Residues([1; 3]);

    pub(super) fn of(value: i128) -> Residues {
        if (0..i128::from(prime(2))).contains(&value) {
            return Residues([value as u64; 3]);
        }
        Residues([0, 1, 2].map(|n| value.rem_euclid(prime(n).into()) as u64))
    }

    /// One over this, which is not zero.
    pub(super) fn inverse(self) -> Residues {
        Residues([0, 1, 2].map(|n| inverse(n, self.0[n])))
    }

    /// The number below the product of the primes with these remainders; `None` if it does not fit.
    pub(super) fn joined(self) -> Option<i128> {
        // x = first + p0 * (second + p1 * third)
        let [first, b, c] = self.0;
        let second = times(1, minus(1, b, first % prime(1)), inverse(1, prime(0) % prime(1)));
        let so_far = (u128::from(first) + u128::from(prime(0)) * u128::from(second)) % u128::from(prime(2));
        let both = times(2, prime(0) % prime(2), prime(1) % prime(2));
        let third = times(2, minus(2, c, so_far as u64), inverse(2, both));
        let high = i128::from(third).checked_mul(prime(1).into())?.checked_add(second.into())?;
        high.checked_mul(prime(0).into())?.checked_add(first.into())
    }
}

impl Add for Residues {
    type Output = Residues;
    fn add(self, other: Residues) -> Residues {
        Residues([0, 1, 2].map(|n| {
            let sum = self.0[n] + other.0[n];
            if sum >= prime(n) { sum - prime(n) } else { sum }
        }))
    }
}

impl Sub for Residues {
    type Output = Residues;
    fn sub(self, other: Residues) -> Residues {
        Residues([0, 1, 2].map(|n| minus(n, self.0[n], other.0[n])))
    }
}

impl Mul for Residues {
    type Output = Residues;
    fn mul(self, other: Residues) -> Residues {
        Residues([0, 1, 2].map(|n| times(n, self.0[n], other.0[n])))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_survive_the_split_into_remainders() {
        for value in [0, 1, prime(0).into(), i128::from(prime(1)) * 7 + 3, i128::MAX - 5] {
            assert_eq!(Residues::of(value).joined(), Some(value));
        }
    }

    #[test]
    fn a_half_and_a_half_is_one() {
        let half = Residues::of(2).inverse();
        assert_eq!(half + half, Residues::ONE);
        assert_eq!((Residues::of(-3) * half + Residues::of(3) * half).joined(), Some(0));
    }
}
