//! Do two programs compute the same *formula*? Integers modulo 2^61 - 1.
//!
//! Sums, differences and products are exact, so reordering a reduction changes nothing. `max` and `min` follow the order
//! of the residues, which is no order of the language's values but is associative and commutative all the same. What has
//! no meaning here (`/`, functions, fractions) is a hash of its operands. Types round nothing. Two different formulas agree
//! with a probability of about their degree in 2^61.
//!
//! Source: Schwartz, "Fast probabilistic algorithms for verification of polynomial identities", JACM 27(4), 1980.

use crate::lang::ast::{AssignOp, BinaryOp, Call, Comparison, Type};

use super::arithmetic::{Arithmetic, Kind};
use super::hash;

const PRIME: u64 = (1 << 61) - 1;

/// Integers modulo 2^61 - 1.
#[derive(Clone, Copy, Debug)]
pub struct Modular;

fn residue(word: u64) -> u64 {
    word % PRIME
}

fn times(a: u64, b: u64) -> u64 {
    let product = u128::from(a) * u128::from(b);
    let folded = (product & u128::from(PRIME)) as u64 + (product >> 61) as u64;
    if folded >= PRIME { folded - PRIME } else { folded }
}

fn plus(a: u64, b: u64) -> u64 {
    let sum = a + b;
    if sum >= PRIME { sum - PRIME } else { sum }
}

fn minus(a: u64, b: u64) -> u64 {
    if a >= b { a - b } else { a + PRIME - b }
}

fn opaque(what: u64, a: u64, b: u64) -> u64 {
    residue(hash::join(hash::join(hash::mix(what), a), b))
}

impl Arithmetic for Modular {
    type Cell = u64;
    type Value = u64;

    fn seeded(_: Type, hash: u64) -> u64 {
        residue(hash)
    }

    fn mark(hash: u64) -> u64 {
        residue(hash)
    }

    fn number(value: f64) -> u64 {
        // Every integer of this size is an f64 and the other way round.
        if value.fract() == 0.0 && value.abs() < 9e15 {
            Self::iterator(value as i64)
        } else {
            opaque(0, value.to_bits(), 0)
        }
    }

    fn iterator(value: i64) -> u64 {
        value.rem_euclid(PRIME as i64) as u64
    }

    fn truth(value: bool) -> u64 {
        value.into()
    }

    fn is_true(value: u64) -> bool {
        value != 0
    }

    #[inline]
    fn get(_: Type, cell: u64) -> u64 {
        cell
    }

    #[inline]
    fn put(_: Type, _: Kind, value: u64) -> u64 {
        value
    }

    #[inline]
    fn convert(_: Kind, _: Kind, value: u64) -> u64 {
        value
    }

    fn negate(_: Kind, a: u64) -> u64 {
        minus(0, a)
    }

    #[inline]
    fn binary(op: BinaryOp, _: Kind, a: u64, b: u64) -> u64 {
        match op {
            BinaryOp::Add => plus(a, b),
            BinaryOp::Sub => minus(a, b),
            BinaryOp::Mul => times(a, b),
            BinaryOp::Div => opaque(1, a, b),
        }
    }

    fn unary_call(call: Call, _: Kind, a: u64) -> u64 {
        opaque(16 + call as u64, a, 0)
    }

    fn binary_call(call: Call, _: Kind, a: u64, b: u64) -> u64 {
        match call {
            Call::Max => a.max(b),
            Call::Min => a.min(b),
            _ => opaque(16 + call as u64, a, b),
        }
    }

    fn compare(comparison: Comparison, _: Kind, a: u64, b: u64) -> bool {
        comparison.holds(&a, &b)
    }

    fn wrap(op: AssignOp, _: Type, a: u64, _: Kind, b: u64) -> u64 {
        match op {
            AssignOp::Sub => minus(a, b),
            AssignOp::Mul => times(a, b),
            _ => plus(a, b),
        }
    }

    fn bits(_: Type, cell: u64) -> u64 {
        cell
    }

    fn show(_: Type, cell: u64) -> String {
        format!("{cell} (mod 2^61 - 1)")
    }
}
