//! Which engine does an assignment run on, and for how long?

use crate::count::{CountError, count};
use crate::lang::ast::{Access, Assign, AssignOp, BinaryOp, Call, Condition, Expr, ExprKind, Program, Stmt};
use crate::machine::Rates;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Engine {
    /// Sums of products.
    Tensor,
    /// Arithmetic on elements.
    Vector,
    /// Functions of elements.
    Scalar,
}

/// What one instance of an assignment asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Task {
    pub engine: Engine,
    /// At least 1: an element that is only written takes its turn too.
    operations: i64,
    /// Whether all operands are shorter than 4 bytes.
    is_short: bool,
}

impl Task {
    /// # Errors
    /// Never for a resolved program.
    pub fn of(assign: &Assign, program: &Program) -> Result<Task, CountError> {
        let alone = Program { body: vec![Stmt::Assign(assign.clone())], ..Program::default() };
        let operations = count(&alone)?.operations;
        let mut read = Vec::new();
        accesses(&assign.value, &mut read);
        let is_short = |a: &&Access| program.array(&a.array).is_some_and(|array| array.ty.bytes() < 4);
        let engine = if assign.op == AssignOp::Add && is_product(&assign.value) {
            Engine::Tensor
        } else if has_function(&assign.value) {
            Engine::Scalar
        } else {
            Engine::Vector
        };
        Ok(Task {
            engine,
            operations: i64::try_from(operations).unwrap_or(i64::MAX).max(1),
            is_short: !read.is_empty() && read.iter().all(is_short),
        })
    }

    pub fn seconds(&self, rates: &Rates) -> f64 {
        let rate = match (self.engine, self.is_short) {
            (Engine::Tensor, true) => rates.tensor_f16_operations_per_second,
            (Engine::Tensor, false) => rates.tensor_f32_operations_per_second,
            (Engine::Vector, _) => rates.vector_operations_per_second,
            (Engine::Scalar, _) => rates.scalar_operations_per_second,
        };
        self.operations as f64 / rate as f64
    }
}

/// A product, perhaps scaled, of two array elements.
fn is_product(value: &Expr) -> bool {
    fn elements(value: &Expr) -> Option<usize> {
        match &value.kind {
            ExprKind::Access(_) => Some(1),
            ExprKind::Number(_) => Some(0),
            ExprKind::Binary(BinaryOp::Mul, a, b) => Some(elements(a)? + elements(b)?),
            _ => None,
        }
    }
    elements(value) == Some(2)
}

/// Whether a value takes a function that is more than a comparison of its operands.
fn has_function(value: &Expr) -> bool {
    match &value.kind {
        ExprKind::Call(call, arguments) => {
            !matches!(call, Call::Max | Call::Min | Call::Abs | Call::Floor) || arguments.iter().any(has_function)
        }
        ExprKind::Neg(a) => has_function(a),
        ExprKind::Binary(_, a, b) => has_function(a) || has_function(b),
        ExprKind::Select(_, a, b) => has_function(a) || has_function(b),
        ExprKind::Number(_) | ExprKind::Inf | ExprKind::Name(_) | ExprKind::Access(_) => false,
    }
}

/// The elements that a value reads.
pub fn accesses<'a>(value: &'a Expr, found: &mut Vec<&'a Access>) {
    match &value.kind {
        ExprKind::Access(access) => found.push(access),
        ExprKind::Neg(a) => accesses(a, found),
        ExprKind::Binary(_, a, b) => [a, b].into_iter().for_each(|part| accesses(part, found)),
        ExprKind::Call(_, arguments) => arguments.iter().for_each(|part| accesses(part, found)),
        ExprKind::Select(condition, a, b) => {
            compared(condition, found);
            [a, b].into_iter().for_each(|part| accesses(part, found));
        }
        ExprKind::Number(_) | ExprKind::Inf | ExprKind::Name(_) => {}
    }
}

fn compared<'a>(condition: &'a Condition<Expr>, found: &mut Vec<&'a Access>) {
    match condition {
        Condition::Chain(first, rest) => {
            accesses(first, found);
            rest.iter().for_each(|(_, part)| accesses(part, found));
        }
        Condition::And(parts) | Condition::Or(parts) => parts.iter().for_each(|part| compared(part, found)),
        Condition::Not(part) => compared(part, found),
    }
}
