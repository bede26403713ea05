//! What is the value of an index expression, a bound or a condition, given those of the iterators?

use super::ast::{Affine, AffineKind, Condition, Name};

/// Why there is no value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NoValue {
    /// A number on the way does not fit 63 bits.
    Overflow,
    /// A name that is no iterator in scope; or what has no operands.
    Unknown(String),
}

/// The value of an expression; `iterator` gives those of names.
///
/// # Errors
/// Numbers that do not fit, and names without a value.
pub fn value(affine: &Affine, iterator: &dyn Fn(&Name) -> Option<i64>) -> Result<i64, NoValue> {
    let of = |a: &Affine| value(a, iterator);
    let two = |a: &Affine, b: &Affine, op: fn(i64, i64) -> Option<i64>| op(of(a)?, of(b)?).ok_or(NoValue::Overflow);
    let extreme = |all: &[Affine], op: fn(i64, i64) -> i64| {
        let values = all.iter().map(of).collect::<Result<Vec<_>, _>>()?;
        values.into_iter().reduce(op).ok_or_else(|| NoValue::Unknown("an empty minimum or maximum".into()))
    };
    match &affine.kind {
        AffineKind::Int(value) => Ok(*value),
        AffineKind::Name(name) => iterator(name).ok_or_else(|| NoValue::Unknown(name.to_string())),
        AffineKind::Neg(a) => of(a)?.checked_neg().ok_or(NoValue::Overflow),
        AffineKind::Add(a, b) => two(a, b, i64::checked_add),
        AffineKind::Sub(a, b) => two(a, b, i64::checked_sub),
        AffineKind::Mul(a, b) => two(a, b, i64::checked_mul),
        AffineKind::Div(a, b) => two(a, b, i64::checked_div_euclid),
        AffineKind::Mod(a, b) => two(a, b, i64::checked_rem_euclid),
        AffineKind::Min(all) => extreme(all, i64::min),
        AffineKind::Max(all) => extreme(all, i64::max),
    }
}

/// Whether a condition holds.
///
/// # Errors
/// As [`value`].
pub fn holds(condition: &Condition<Affine>, iterator: &dyn Fn(&Name) -> Option<i64>) -> Result<bool, NoValue> {
    match condition {
        Condition::Chain(first, rest) => {
            let mut left = value(first, iterator)?;
            for (comparison, right) in rest {
                let right = value(right, iterator)?;
                if !comparison.holds(&left, &right) {
                    return Ok(false);
                }
                left = right;
            }
            Ok(true)
        }
        Condition::And(parts) => parts.iter().try_fold(true, |all, part| Ok(all && holds(part, iterator)?)),
        Condition::Or(parts) => parts.iter().try_fold(false, |any, part| Ok(any || holds(part, iterator)?)),
        Condition::Not(part) => Ok(!holds(part, iterator)?),
    }
}
