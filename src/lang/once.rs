//! What does an assignment do each time that it runs? Operations and reads; and what they are made of, to be changed.

use super::ast::{Access, Assign, AssignOp, Condition, Expr, ExprKind};

impl Assign {
    /// Operations of one run, that of `op=` among them.
    pub fn operations(&self) -> i64 {
        i64::from(self.op != AssignOp::Set) + self.value.operations()
    }
}

impl Expr {
    fn operations(&self) -> i64 {
        let more: Vec<&Expr> = match &self.kind {
            ExprKind::Number(_) | ExprKind::Inf | ExprKind::Name(_) | ExprKind::Access(_) => return 0,
            ExprKind::Neg(a) => return a.operations(),
            ExprKind::Binary(_, a, b) => vec![a, b],
            ExprKind::Call(_, arguments) => arguments.iter().collect(),
            ExprKind::Select(condition, a, b) => return 1 + condition.operations() + a.operations() + b.operations(),
        };
        1 + more.into_iter().map(Expr::operations).sum::<i64>()
    }

    /// The elements that are read, in the order of the text.
    pub fn reads(&self) -> Vec<&Access> {
        let mut reads = Vec::new();
        self.collect(&mut reads);
        reads
    }

    fn collect<'a>(&'a self, into: &mut Vec<&'a Access>) {
        match &self.kind {
            ExprKind::Number(_) | ExprKind::Inf | ExprKind::Name(_) => {}
            ExprKind::Access(access) => into.push(access),
            ExprKind::Neg(a) => a.collect(into),
            ExprKind::Binary(_, a, b) => [a, b].into_iter().for_each(|side| side.collect(into)),
            ExprKind::Call(_, arguments) => arguments.iter().for_each(|argument| argument.collect(into)),
            ExprKind::Select(condition, a, b) => {
                condition.collect(into);
                [a, b].into_iter().for_each(|side| side.collect(into));
            }
        }
    }

    /// Visits numbers, names and reads, in the order of the text.
    pub fn each_leaf(&mut self, visit: &mut dyn FnMut(&mut ExprKind)) {
        match &mut self.kind {
            leaf @ (ExprKind::Number(_) | ExprKind::Inf | ExprKind::Name(_) | ExprKind::Access(_)) => visit(leaf),
            ExprKind::Neg(a) => a.each_leaf(visit),
            ExprKind::Binary(_, a, b) => [a, b].into_iter().for_each(|side| side.each_leaf(visit)),
            ExprKind::Call(_, arguments) => arguments.iter_mut().for_each(|argument| argument.each_leaf(visit)),
            ExprKind::Select(condition, a, b) => {
                condition.each_leaf(visit);
                [a, b].into_iter().for_each(|side| side.each_leaf(visit));
            }
        }
    }
}

impl Condition<Expr> {
    fn operations(&self) -> i64 {
        match self {
            Condition::Chain(first, rest) => {
                first.operations() + rest.iter().map(|(_, right)| 1 + right.operations()).sum::<i64>()
            }
            Condition::And(parts) | Condition::Or(parts) => parts.iter().map(Condition::operations).sum(),
            Condition::Not(part) => part.operations(),
        }
    }

    fn collect<'a>(&'a self, into: &mut Vec<&'a Access>) {
        match self {
            Condition::Chain(first, rest) => {
                first.collect(into);
                rest.iter().for_each(|(_, right)| right.collect(into));
            }
            Condition::And(parts) | Condition::Or(parts) => parts.iter().for_each(|part| part.collect(into)),
            Condition::Not(part) => part.collect(into),
        }
    }
    fn each_leaf(&mut self, visit: &mut dyn FnMut(&mut ExprKind)) {
        match self {
            Condition::Chain(first, rest) => {
                first.each_leaf(visit);
                rest.iter_mut().for_each(|(_, right)| right.each_leaf(visit));
            }
            Condition::And(parts) | Condition::Or(parts) => parts.iter_mut().for_each(|part| part.each_leaf(visit)),
            Condition::Not(part) => part.each_leaf(visit),
        }
    }
}
