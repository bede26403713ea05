//! What does the interpreter execute? A program with names made numbers and expressions made flat.

use crate::lang::ast::{AssignOp, BinaryOp, Call, Comparison, Name, Span, Type};

use super::affine::{Form, Test};
use super::arithmetic::Kind;

pub(super) struct Code<V> {
    pub(super) nodes: Vec<Node<V>>,
    /// The largest number of iterators, operations and accesses in sight at once.
    pub(super) slots: usize,
    pub(super) registers: usize,
    pub(super) accesses: usize,
}

pub(super) enum Node<V> {
    Loop { slot: usize, lo: Form, hi: Form, step: i64, body: Vec<Node<V>> },
    If { test: Test, then: Vec<Node<V>>, orelse: Vec<Node<V>> },
    Assign(Assign<V>),
    Move(Move),
}

pub(super) struct Assign<V> {
    /// Distinct accesses; the target is the first.
    pub(super) accesses: Vec<Access>,
    /// Each writes the register of its own place and reads earlier ones.
    pub(super) ops: Vec<Op<V>>,
    /// The kind of the last register, which is stored.
    pub(super) kind: Kind,
    pub(super) origin: Origin,
}

/// One element moved by a transfer.
pub(super) struct Move {
    pub(super) target: Access,
    pub(super) source: Access,
    pub(super) origin: Origin,
}

/// What a fault says about a statement.
pub(super) struct Origin {
    pub(super) statement: String,
    /// By slot.
    pub(super) iterators: Vec<Name>,
    pub(super) span: Span,
}

pub(super) struct Access {
    pub(super) array: usize,
    pub(super) ty: Type,
    pub(super) dims: Vec<Dim>,
}

pub(super) struct Dim {
    pub(super) index: Form,
    pub(super) extent: i64,
    pub(super) stride: usize,
}

/// Operands are registers.
pub(super) enum Op<V> {
    Constant(V),
    /// The iterator in a slot.
    Iterator(usize),
    /// An integer that the iterators determine.
    Whole(Form),
    /// The element at one of the statement's accesses.
    Read(usize),
    Convert {
        from: Kind,
        to: Kind,
        a: usize,
    },
    Negate {
        kind: Kind,
        a: usize,
    },
    Binary {
        op: BinaryOp,
        kind: Kind,
        a: usize,
        b: usize,
    },
    UnaryCall {
        call: Call,
        kind: Kind,
        a: usize,
    },
    BinaryCall {
        call: Call,
        kind: Kind,
        a: usize,
        b: usize,
    },
    Compare {
        comparison: Comparison,
        kind: Kind,
        a: usize,
        b: usize,
    },
    And(usize, usize),
    Or(usize, usize),
    Not(usize),
    Select {
        condition: usize,
        then: usize,
        orelse: usize,
    },
    Wrap {
        op: AssignOp,
        ty: Type,
        a: usize,
        kind: Kind,
        b: usize,
    },
}
