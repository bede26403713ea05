//! What in a resolved program is allowed, but unlikely to be meant?

use std::collections::HashSet;

use super::ast::*;
use super::diagnostic::Diagnostic;
use super::mistake::Doubt;

/// Warnings about arrays without a use, outputs without a write and loops whose constant bounds are empty, in source order.
///
/// A scheduled program declares the arrays of its source too, some of which live in buffers alone: those are meant.
pub(super) fn doubts(program: &Program) -> Vec<Diagnostic> {
    let mut uses = Uses::default();
    uses.body(&program.body);
    let mut warnings = uses.idle;
    let is_source = !program.is_scheduled();
    for array in &program.arrays {
        let (is_read, is_written) = (uses.read.contains(&array.name), uses.written.contains(&array.name));
        if array.role == Role::Output && !is_written {
            warnings.push(Doubt::Unwritten(array.name.clone()).at(array.span));
        } else if is_source && !is_read && !is_written {
            warnings.push(Doubt::Unused(array.name.clone()).at(array.span));
        }
    }
    warnings.sort_by_key(|warning| warning.span.start);
    warnings
}

/// Which arrays a body reads and writes.
#[derive(Default)]
struct Uses {
    read: HashSet<Name>,
    written: HashSet<Name>,
    idle: Vec<Diagnostic>,
}

impl Uses {
    fn body(&mut self, body: &[Stmt]) {
        for stmt in body {
            match stmt {
                Stmt::For(stmt) => {
                    self.ranges(&stmt.ranges);
                    self.body(&stmt.body);
                }
                Stmt::If(stmt) => {
                    self.body(&stmt.then);
                    self.body(&stmt.orelse);
                }
                Stmt::Assign(stmt) => {
                    self.written.insert(stmt.target.array.clone());
                    self.expr(&stmt.value);
                }
                Stmt::Transfer(stmt) => {
                    self.ranges(&stmt.ranges);
                    self.written.insert(stmt.target.array.clone());
                    self.read.insert(stmt.source.array.clone());
                }
            }
        }
    }

    fn ranges(&mut self, ranges: &[Range]) {
        for range in ranges {
            if let (AffineKind::Int(lo), AffineKind::Int(hi)) = (&range.lo.kind, &range.hi.kind)
                && lo >= hi
            {
                self.idle.push(Doubt::Idle { lo: *lo, hi: *hi }.at(range.span));
            }
        }
    }

    fn expr(&mut self, expr: &Expr) {
        match &expr.kind {
            ExprKind::Number(_) | ExprKind::Inf | ExprKind::Name(_) => {}
            ExprKind::Access(access) => {
                self.read.insert(access.array.clone());
            }
            ExprKind::Neg(operand) => self.expr(operand),
            ExprKind::Binary(_, left, right) => {
                self.expr(left);
                self.expr(right);
            }
            ExprKind::Call(_, arguments) => arguments.iter().for_each(|argument| self.expr(argument)),
            ExprKind::Select(condition, then, orelse) => {
                self.condition(condition);
                self.expr(then);
                self.expr(orelse);
            }
        }
    }

    fn condition(&mut self, condition: &Condition<Expr>) {
        match condition {
            Condition::Chain(first, rest) => {
                self.expr(first);
                rest.iter().for_each(|(_, side)| self.expr(side));
            }
            Condition::And(parts) | Condition::Or(parts) => parts.iter().for_each(|part| self.condition(part)),
            Condition::Not(inner) => self.condition(inner),
        }
    }
}
