//! In which numbers does a run compute? What the interpreter asks of an arithmetic, and the kinds of values.

use crate::lang::ast::{AssignOp, BinaryOp, Call, Comparison, Type};

/// The kind of a value inside an expression, known before the run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Numbers, iterators and parameters only: an f64 that takes the kind of what it meets. `integral`: no `/`, no
    /// fraction and no function can have made it other than an integer, so beside an integer it is one.
    Constant {
        integral: bool,
    },
    /// An exact integer.
    Int,
    F32,
    F64,
}

impl Kind {
    pub fn of(ty: Type) -> Kind {
        match ty {
            Type::F64 => Kind::F64,
            Type::F32 | Type::F16 | Type::Bf16 => Kind::F32,
            Type::I32 | Type::I8 => Kind::Int,
        }
    }

    /// The kind in which two operands of `+ - * max min`, a comparison or the sides of a select meet.
    pub fn meet(self, other: Kind) -> Kind {
        use Kind::{Constant, F32, F64, Int};
        match (self, other) {
            (Constant { integral: a }, Constant { integral: b }) => Constant { integral: a && b },
            (F64, _) | (_, F64) => F64,
            (Int | Constant { integral: true }, Int) | (Int, Constant { integral: true }) => Int,
            _ => F32,
        }
    }

    /// The kind in which an operand of `/` or of a function other than `abs max min` computes.
    pub fn real(self) -> Kind {
        match self {
            Kind::Int => Kind::F32,
            Kind::Constant { .. } => Kind::Constant { integral: false },
            kind => kind,
        }
    }
}

/// A way to compute: what an element and a value are, and each operation on them.
///
/// Operands arrive in the kind named, converted by [`Arithmetic::convert`].
pub trait Arithmetic: Sized {
    /// What memory holds for an element.
    type Cell: Copy + PartialEq;
    /// What an expression computes with; a truth value too.
    type Value: Copy;

    /// The first value of an input element, made from a hash of its place.
    fn seeded(ty: Type, hash: u64) -> Self::Cell;
    /// What stands in an element that holds no value but has an identity: `hash`.
    fn mark(hash: u64) -> Self::Cell;

    fn number(value: f64) -> Self::Value;
    fn iterator(value: i64) -> Self::Value;
    fn truth(value: bool) -> Self::Value;
    fn is_true(value: Self::Value) -> bool;

    fn get(ty: Type, cell: Self::Cell) -> Self::Value;
    /// `=`: rounds to the type.
    fn put(ty: Type, kind: Kind, value: Self::Value) -> Self::Cell;

    fn convert(from: Kind, to: Kind, value: Self::Value) -> Self::Value;
    fn negate(kind: Kind, a: Self::Value) -> Self::Value;
    fn binary(op: BinaryOp, kind: Kind, a: Self::Value, b: Self::Value) -> Self::Value;
    /// A function of one argument.
    fn unary_call(call: Call, kind: Kind, a: Self::Value) -> Self::Value;
    /// `pow`, or `max` and `min` of two.
    fn binary_call(call: Call, kind: Kind, a: Self::Value, b: Self::Value) -> Self::Value;
    fn compare(comparison: Comparison, kind: Kind, a: Self::Value, b: Self::Value) -> bool;
    /// `+= -= *=` on an integer target: rounds `b` to the type, then wraps.
    fn wrap(op: AssignOp, ty: Type, a: Self::Value, kind: Kind, b: Self::Value) -> Self::Value;

    /// The element's value in bits that are the same on every machine.
    fn bits(ty: Type, cell: Self::Cell) -> u64;
    fn show(ty: Type, cell: Self::Cell) -> String;
}
