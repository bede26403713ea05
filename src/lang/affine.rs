//! Is an integer expression affine, and what is left of it once its parameters have values?
//!
//! `*` needs a constant side, `/` and `%` a positive constant on the right, where constant means free of iterators.
//! Constant parts become one integer. `i64::MIN` counts as an overflow: the language cannot write it.

use super::ast::*;
use super::mistake::Meaning;
use super::resolve::{Entity, Resolver};

/// Where an integer expression stands.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Position {
    Extent,
    Index,
    /// The one place for `min` and `max`: as the whole, or as arguments of one another.
    Bound,
    /// Inside of the arithmetic of a bound.
    Term,
    Condition,
}

/// The expression with the values of parameters in it and its constant parts folded. None if it has a mistake, which is
/// reported.
pub(super) fn resolve_affine(resolver: &mut Resolver, affine: &Affine, position: Position) -> Option<Affine> {
    let resolved = folded(resolver, affine, position)?;
    match Weight::of(&resolved) {
        Ok(_) => Some(resolved),
        Err(span) => {
            resolver.report(Meaning::Overflow, span);
            None
        }
    }
}

/// What an expression's constant and the coefficients of all else can sum up to. The stages behind collect both in 63 bits, where
/// the folding of constant parts alone sees no overflow: `i * 4611686018427387904 * 2` has no constant part.
struct Weight {
    constant: i64,
    coefficients: i64,
}

impl Weight {
    /// # Errors
    /// The smallest part that does not fit.
    fn of(affine: &Affine) -> Result<Weight, Span> {
        let fits = |constant: Option<i64>, coefficients: Option<i64>| match (constant, coefficients) {
            (Some(constant), Some(coefficients)) => Ok(Weight { constant, coefficients }),
            _ => Err(affine.span),
        };
        let one = Weight { constant: 0, coefficients: 1 };
        match &affine.kind {
            AffineKind::Int(value) => fits(value.checked_abs(), Some(0)),
            AffineKind::Name(_) => Ok(one),
            AffineKind::Neg(operand) => Weight::of(operand),
            AffineKind::Add(left, right) | AffineKind::Sub(left, right) => {
                let (left, right) = (Weight::of(left)?, Weight::of(right)?);
                fits(left.constant.checked_add(right.constant), left.coefficients.checked_add(right.coefficients))
            }
            AffineKind::Mul(left, right) => {
                let factor = constant(left).or(constant(right)).unwrap_or(1);
                let other = Weight::of(if constant(left).is_some() { right } else { left })?;
                let times = |weight: i64| weight.checked_mul(factor.checked_abs()?);
                fits(times(other.constant), times(other.coefficients))
            }
            AffineKind::Div(left, _) | AffineKind::Mod(left, _) => Weight::of(left).map(|_| one),
            AffineKind::Min(arguments) | AffineKind::Max(arguments) => {
                arguments.iter().try_for_each(|argument| Weight::of(argument).map(|_| ()))?;
                Ok(one)
            }
        }
    }
}

fn folded(resolver: &mut Resolver, affine: &Affine, position: Position) -> Option<Affine> {
    let kind = match &affine.kind {
        AffineKind::Min(arguments) => extremum(resolver, affine.span, "min", arguments, position)?,
        AffineKind::Max(arguments) => extremum(resolver, affine.span, "max", arguments, position)?,
        AffineKind::Int(value) => AffineKind::Int(*value),
        AffineKind::Name(name) => name_value(resolver, name, affine.span, position)?,
        AffineKind::Neg(operand) => {
            let operand = folded(resolver, operand, inside(position))?;
            match operand.kind {
                AffineKind::Int(value) => integer(resolver, value.checked_neg(), affine.span)?,
                _ => AffineKind::Neg(Box::new(operand)),
            }
        }
        AffineKind::Add(left, right)
        | AffineKind::Sub(left, right)
        | AffineKind::Mul(left, right)
        | AffineKind::Div(left, right)
        | AffineKind::Mod(left, right) => {
            let left = folded(resolver, left, inside(position));
            let right = folded(resolver, right, inside(position));
            binary(resolver, affine, left?, right?)?
        }
    };
    Some(Affine { kind, span: affine.span })
}

/// The position of an operand: `min` and `max` stand outside of all arithmetic.
fn inside(position: Position) -> Position {
    if position == Position::Bound { Position::Term } else { position }
}

fn name_value(resolver: &mut Resolver, name: &Name, span: Span, position: Position) -> Option<AffineKind> {
    match resolver.look_up(name, span)? {
        Entity::Param { value, .. } => Some(AffineKind::Int(value)),
        Entity::Iterator if position != Position::Extent => Some(AffineKind::Name(name.clone())),
        Entity::Array { .. } if position != Position::Extent => {
            resolver.report(Meaning::ArrayInAffine(name.clone()), span);
            None
        }
        Entity::Iterator | Entity::Array { .. } => {
            resolver.report(Meaning::NotConstant(name.clone()), span);
            None
        }
    }
}

fn extremum(
    resolver: &mut Resolver,
    span: Span,
    call: &'static str,
    arguments: &[Affine],
    position: Position,
) -> Option<AffineKind> {
    match position {
        Position::Bound => {}
        Position::Index => resolver.report(Meaning::Clamp(call), span),
        Position::Extent | Position::Term | Position::Condition => resolver.report(Meaning::BoundOnly(call), span),
    }
    if arguments.len() < 2 {
        let expected = "two or more arguments";
        resolver.report(Meaning::Arguments { call, expected, found: arguments.len() }, span);
    }
    let arguments: Vec<_> = arguments.iter().map(|a| folded(resolver, a, Position::Bound)).collect();
    let arguments: Vec<Affine> = arguments.into_iter().collect::<Option<_>>()?;
    let constants: Option<Vec<i64>> = arguments.iter().map(constant).collect();
    let folded = constants.and_then(|values| match call {
        "min" => values.into_iter().min(),
        _ => values.into_iter().max(),
    });
    Some(match folded {
        Some(value) => AffineKind::Int(value),
        None if call == "min" => AffineKind::Min(arguments),
        None => AffineKind::Max(arguments),
    })
}

/// `whole`, a binary operator, over operands that are resolved already.
fn binary(resolver: &mut Resolver, whole: &Affine, left: Affine, right: Affine) -> Option<AffineKind> {
    use AffineKind::*;
    check_operands(resolver, whole, &left, &right)?;
    if let (Some(a), Some(b)) = (constant(&left), constant(&right)) {
        let value = match whole.kind {
            Add(..) => a.checked_add(b),
            Sub(..) => a.checked_sub(b),
            Mul(..) => a.checked_mul(b),
            Div(..) => a.checked_div_euclid(b),
            _ => a.checked_rem_euclid(b),
        };
        return integer(resolver, value, whole.span);
    }
    let make = match whole.kind {
        Add(..) => Add,
        Sub(..) => Sub,
        Mul(..) => Mul,
        Div(..) => Div,
        _ => Mod,
    };
    Some(make(Box::new(left), Box::new(right)))
}

fn check_operands(resolver: &mut Resolver, whole: &Affine, left: &Affine, right: &Affine) -> Option<()> {
    let is_positive = constant(right).is_some_and(|value| value > 0);
    let (mistake, span) = match whole.kind {
        AffineKind::Mul(..) if constant(left).or(constant(right)).is_none() => (Meaning::Product, whole.span),
        AffineKind::Div(..) if !is_positive => (Meaning::Divisor("/"), right.span),
        AffineKind::Mod(..) if !is_positive => (Meaning::Divisor("%"), right.span),
        _ => return Some(()),
    };
    resolver.report(mistake, span);
    None
}

fn constant(affine: &Affine) -> Option<i64> {
    match affine.kind {
        AffineKind::Int(value) => Some(value),
        _ => None,
    }
}

/// A folded value, unless its computation left the 63 bits.
fn integer(resolver: &mut Resolver, value: Option<i64>, span: Span) -> Option<AffineKind> {
    match value {
        Some(value) if value > i64::MIN => Some(AffineKind::Int(value)),
        _ => {
            resolver.report(Meaning::Overflow, span);
            None
        }
    }
}
