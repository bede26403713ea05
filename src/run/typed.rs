//! What are the language's own values? Its types, rounding, saturation and NaN, with the same bits on every machine.
//!
//! The kind of every operation is known before the run, so a value carries none: an f32 or f64 travels as its bits, an
//! integer as itself in 128 bits, which holds any product of four i32. Functions come from a pinned library in plain
//! Rust, not from the platform's.

use crate::lang::ast::{AssignOp, BinaryOp, Call, Comparison, Type};

use super::arithmetic::{Arithmetic, Kind};

/// The language's own values.
#[derive(Clone, Copy, Debug)]
pub struct Typed;

fn of_f32(value: f32) -> i128 {
    value.to_bits().into()
}

fn of_f64(value: f64) -> i128 {
    value.to_bits().into()
}

#[inline]
fn f32_of(value: i128) -> f32 {
    f32::from_bits(value as u32)
}

#[inline]
fn f64_of(value: i128) -> f64 {
    f64::from_bits(value as u64)
}

/// The value as an f64: exact for f32, f64 and integers of up to 53 bits.
fn widened(kind: Kind, value: i128) -> f64 {
    match kind {
        Kind::Int => value as f64,
        Kind::F32 => f32_of(value).into(),
        Kind::Constant { .. } | Kind::F64 => f64_of(value),
    }
}

/// Rounds to the format with `fraction` bits behind the leading one and normal numbers from 2^`lowest` up to `largest`,
/// ties to even.
fn round_to(value: f64, fraction: u32, lowest: i32, largest: f64) -> f32 {
    if value == 0.0 || !value.is_finite() {
        return value as f32;
    }
    let smallest_normal = f64::from_bits(((1023 + lowest) as u64) << 52);
    let rounded = if value.abs() < smallest_normal {
        // The spacing is 2^(lowest - fraction) throughout: adding 1.5 * 2^52 times it rounds there.
        let shift = 1.5 * f64::from_bits(((1023 + 52 + lowest - fraction as i32) as u64) << 52);
        ((value.abs() + shift) - shift).copysign(value)
    } else {
        let dropped = 52 - fraction;
        let bits = value.to_bits();
        let half = (1u64 << (dropped - 1)) - 1 + ((bits >> dropped) & 1);
        f64::from_bits((bits + half) & !((1 << dropped) - 1))
    };
    if rounded.abs() > largest { f32::INFINITY.copysign(value as f32) } else { rounded as f32 }
}

fn to_f16(value: f64) -> f32 {
    round_to(value, 10, -14, 65504.0)
}

fn to_bf16(value: f64) -> f32 {
    // The largest: eight ones, then f32's exponent.
    round_to(value, 7, -126, f32::from_bits(0x7f7f_0000).into())
}

/// To nearest, ties to even, saturating, NaN to 0.
fn to_integer(ty: Type, kind: Kind, value: i128) -> i128 {
    let (low, high) = match ty {
        Type::I8 => (i128::from(i8::MIN), i128::from(i8::MAX)),
        _ => (i128::from(i32::MIN), i128::from(i32::MAX)),
    };
    let whole = if kind == Kind::Int { value } else { widened(kind, value).round_ties_even() as i128 };
    whole.clamp(low, high)
}

fn wrapped(ty: Type, value: i128) -> i128 {
    match ty {
        Type::I8 => (value as i8).into(),
        _ => (value as i32).into(),
    }
}

/// The larger; the other of a NaN; +0 of two zeros, so that the order of operands never matters.
macro_rules! extreme {
    ($call:expr, $a:expr, $b:expr) => {{
        let (a, b) = ($a, $b);
        let a_wins = if a.is_nan() {
            false
        } else if b.is_nan() {
            true
        } else if a == b {
            a.is_sign_positive() == ($call == Call::Max)
        } else {
            (a > b) == ($call == Call::Max)
        };
        if a_wins { a } else { b }
    }};
}

fn call_f32(call: Call, a: f32) -> f32 {
    match call {
        Call::Exp => libm::expf(a),
        Call::Log => libm::logf(a),
        Call::Sqrt => libm::sqrtf(a),
        Call::Rsqrt => 1.0 / libm::sqrtf(a),
        Call::Tanh => libm::tanhf(a),
        Call::Sigmoid => 1.0 / (1.0 + libm::expf(-a)),
        Call::Erf => libm::erff(a),
        Call::Floor => libm::floorf(a),
        Call::Abs => a.abs(),
        Call::Pow | Call::Max | Call::Min => a,
    }
}

fn call_f64(call: Call, a: f64) -> f64 {
    match call {
        Call::Exp => libm::exp(a),
        Call::Log => libm::log(a),
        Call::Sqrt => libm::sqrt(a),
        Call::Rsqrt => 1.0 / libm::sqrt(a),
        Call::Tanh => libm::tanh(a),
        Call::Sigmoid => 1.0 / (1.0 + libm::exp(-a)),
        Call::Erf => libm::erf(a),
        Call::Floor => libm::floor(a),
        Call::Abs => a.abs(),
        Call::Pow | Call::Max | Call::Min => a,
    }
}

impl Arithmetic for Typed {
    type Cell = u64;
    type Value = i128;

    fn seeded(ty: Type, hash: u64) -> u64 {
        if ty.is_integer() {
            return ((hash % 101) as i64 - 50) as u64;
        }
        // 53 bits of the hash, from -1 to 1 with both ends.
        let unit = (hash >> 11) as f64 / ((1u64 << 53) - 1) as f64;
        Typed::put(ty, Kind::F64, of_f64(2.0 * unit - 1.0))
    }

    fn mark(hash: u64) -> u64 {
        hash
    }

    fn number(value: f64) -> i128 {
        of_f64(value)
    }

    fn iterator(value: i64) -> i128 {
        of_f64(value as f64)
    }

    fn truth(value: bool) -> i128 {
        value.into()
    }

    fn is_true(value: i128) -> bool {
        value != 0
    }

    #[inline]
    fn get(ty: Type, cell: u64) -> i128 {
        if ty.is_integer() { (cell as i64).into() } else { cell.into() }
    }

    #[inline]
    fn put(ty: Type, kind: Kind, value: i128) -> u64 {
        match ty {
            Type::F64 => Self::convert(kind, Kind::F64, value) as u64,
            Type::F32 => Self::convert(kind, Kind::F32, value) as u64,
            Type::F16 => of_f32(to_f16(widened(kind, value))) as u64,
            Type::Bf16 => of_f32(to_bf16(widened(kind, value))) as u64,
            Type::I32 | Type::I8 => to_integer(ty, kind, value) as u64,
        }
    }

    #[inline]
    fn convert(from: Kind, to: Kind, value: i128) -> i128 {
        match (from, to) {
            (Kind::F32, Kind::F32) => value,
            (Kind::Int, Kind::F32) => of_f32(value as f32),
            (_, Kind::F32) => of_f32(f64_of(value) as f32),
            (Kind::Int, Kind::Int) => value,
            (_, Kind::Int) => widened(from, value).round_ties_even() as i128,
            (_, Kind::F64 | Kind::Constant { .. }) => of_f64(widened(from, value)),
        }
    }

    fn negate(kind: Kind, a: i128) -> i128 {
        match kind {
            Kind::Int => a.saturating_neg(),
            Kind::F32 => of_f32(-f32_of(a)),
            Kind::Constant { .. } | Kind::F64 => of_f64(-f64_of(a)),
        }
    }

    #[inline]
    fn binary(op: BinaryOp, kind: Kind, a: i128, b: i128) -> i128 {
        match kind {
            Kind::F32 => {
                let (a, b) = (f32_of(a), f32_of(b));
                of_f32(match op {
                    BinaryOp::Add => a + b,
                    BinaryOp::Sub => a - b,
                    BinaryOp::Mul => a * b,
                    BinaryOp::Div => a / b,
                })
            }
            Kind::F64 | Kind::Constant { .. } => {
                let (a, b) = (f64_of(a), f64_of(b));
                of_f64(match op {
                    BinaryOp::Add => a + b,
                    BinaryOp::Sub => a - b,
                    BinaryOp::Mul => a * b,
                    BinaryOp::Div => a / b,
                })
            }
            Kind::Int => match op {
                BinaryOp::Add => a.saturating_add(b),
                BinaryOp::Sub => a.saturating_sub(b),
                BinaryOp::Mul => a.saturating_mul(b),
                BinaryOp::Div => a.checked_div(b).unwrap_or(0),
            },
        }
    }

    fn unary_call(call: Call, kind: Kind, a: i128) -> i128 {
        match kind {
            Kind::F32 => of_f32(call_f32(call, f32_of(a))),
            Kind::F64 | Kind::Constant { .. } => of_f64(call_f64(call, f64_of(a))),
            // Only `abs` leaves an integer one.
            Kind::Int => a.saturating_abs(),
        }
    }

    fn binary_call(call: Call, kind: Kind, a: i128, b: i128) -> i128 {
        match (call, kind) {
            (Call::Max, Kind::Int) => a.max(b),
            (_, Kind::Int) => a.min(b),
            (Call::Max | Call::Min, Kind::F32) => of_f32(extreme!(call, f32_of(a), f32_of(b))),
            (Call::Max | Call::Min, _) => of_f64(extreme!(call, f64_of(a), f64_of(b))),
            (_, Kind::F32) => of_f32(libm::powf(f32_of(a), f32_of(b))),
            _ => of_f64(libm::pow(f64_of(a), f64_of(b))),
        }
    }

    fn compare(comparison: Comparison, kind: Kind, a: i128, b: i128) -> bool {
        match kind {
            Kind::Int => comparison.holds(&a, &b),
            Kind::F32 => comparison.holds(&f32_of(a), &f32_of(b)),
            Kind::F64 | Kind::Constant { .. } => comparison.holds(&f64_of(a), &f64_of(b)),
        }
    }

    fn wrap(op: AssignOp, ty: Type, a: i128, kind: Kind, b: i128) -> i128 {
        let b = to_integer(ty, kind, b);
        let exact = match op {
            AssignOp::Sub => a - b,
            AssignOp::Mul => a * b,
            _ => a + b,
        };
        wrapped(ty, exact)
    }

    fn bits(ty: Type, cell: u64) -> u64 {
        // A NaN's payload is the platform's choice.
        match Kind::of(ty) {
            Kind::F32 if f32::from_bits(cell as u32).is_nan() => f32::NAN.to_bits().into(),
            Kind::F64 if f64::from_bits(cell).is_nan() => f64::NAN.to_bits(),
            _ => cell,
        }
    }

    fn show(ty: Type, cell: u64) -> String {
        match Kind::of(ty) {
            Kind::F32 => f32::from_bits(cell as u32).to_string(),
            Kind::Int => (cell as i64).to_string(),
            _ => f64::from_bits(cell).to_string(),
        }
    }
}
