//! How do the loops of a group read in the loop language?

use super::names::Names;
use super::plain::plain;
use super::sum::Sum;
use crate::isl::{Expr, IslError, Node, Op, Result};
use crate::lang::ast::{self, Affine, AffineKind, Comparison, Condition, Name, Stmt};
use std::collections::HashMap;

/// What stands at the leaves of a group's loops.
pub trait Leaves {
    /// What an argument of a leaf is called, as a wish for the loop that runs it.
    fn argument_name(&self, leaf: &str, argument: usize) -> String;
    /// The statement of a leaf at given arguments.
    fn statement(&self, leaf: &str, arguments: &[Sum]) -> Stmt;
}

/// The loops of a node, with `leaves` at its leaves.
///
/// # Errors
/// An expression that the loop language cannot say.
pub fn convert(node: &Node, names: &Names, leaves: &dyn Leaves) -> Result<Vec<Stmt>> {
    let mut writer = Writer { names, leaves, values: HashMap::new(), around: Vec::new() };
    writer.node(&plain(node))
}

struct Writer<'a> {
    names: &'a Names,
    leaves: &'a dyn Leaves,
    /// What the iterators of the nodes are in the program.
    values: HashMap<String, Sum>,
    around: Vec<Name>,
}

impl Writer<'_> {
    fn node(&mut self, node: &Node) -> Result<Vec<Stmt>> {
        match node {
            Node::Block(parts) => {
                let mut body = Vec::new();
                for part in parts {
                    body.extend(self.node(part)?);
                }
                Ok(body)
            }
            Node::User { name, arguments } => {
                let arguments = arguments.iter().map(|a| self.sum(a)).collect::<Result<Vec<_>>>()?;
                Ok(vec![self.leaves.statement(name, &arguments)])
            }
            Node::If { condition, then, orelse } => {
                let condition = self.condition(condition)?;
                let then = self.node(then)?;
                let orelse = orelse.as_ref().map_or(Ok(Vec::new()), |node| self.node(node))?;
                Ok(match condition {
                    Truth::Always => then,
                    Truth::Never => orelse,
                    Truth::Where(_) if then.is_empty() && orelse.is_empty() => Vec::new(),
                    Truth::Where(condition) => {
                        vec![Stmt::If(ast::If { condition, then, orelse, span: Default::default() })]
                    }
                })
            }
            Node::For { iterator, init, degenerate: true, body, .. } => {
                let value = self.sum(init)?;
                self.values.insert(iterator.clone(), value);
                self.node(body)
            }
            Node::For { iterator, init, condition, step, body, .. } => {
                let (lo, hi) = (self.affine(init)?, self.upper(iterator, condition)?);
                let wish = self.wish(iterator, body).unwrap_or_else(|| iterator.clone());
                let name = self.names.iterator(&wish, &self.around);
                self.values.insert(iterator.clone(), Sum::atom(Affine::name(&name)));
                self.around.push(name.clone());
                let body = self.node(body)?;
                self.around.pop();
                if body.is_empty() {
                    return Ok(body);
                }
                let range = ast::Range { iterator: name, lo, hi, step: *step, span: Default::default() };
                Ok(vec![wrap(range, body)])
            }
        }
    }

    /// The half-open bound of `iterator <= e` or `iterator < e`.
    fn upper(&self, iterator: &str, condition: &Expr) -> Result<Affine> {
        match condition {
            Expr::Op(op @ (Op::Le | Op::Lt), args) if args[0] == Expr::Name(iterator.into()) => {
                self.bound(&args[1], i64::from(*op == Op::Le))
            }
            _ => Err(IslError("a loop that does not end at an upper bound".into())),
        }
    }

    /// A bound plus a constant, which goes inside `min` and `max`.
    fn bound(&self, e: &Expr, more: i64) -> Result<Affine> {
        match e {
            Expr::Op(op @ (Op::Min | Op::Max), args) => {
                let mut args = args.iter().map(|a| self.bound(a, more)).collect::<Result<Vec<_>>>()?;
                let numbers = args.iter().map(|a| if let AffineKind::Int(v) = a.kind { Some(v) } else { None });
                Ok(match (op, numbers.collect::<Option<Vec<i64>>>()) {
                    (Op::Min, Some(numbers)) => Affine::int(numbers.into_iter().min().unwrap_or(0)),
                    (_, Some(numbers)) => Affine::int(numbers.into_iter().max().unwrap_or(0)),
                    _ if args.len() == 1 => args.remove(0),
                    (Op::Min, None) => AffineKind::Min(args).into(),
                    (_, None) => AffineKind::Max(args).into(),
                })
            }
            _ => Ok(self.sum(e)?.plus(&Sum::int(more), 1).to_affine()),
        }
    }

    fn affine(&self, e: &Expr) -> Result<Affine> {
        self.bound(e, 0)
    }

    /// What the leaves below call the value of a loop.
    fn wish(&self, iterator: &str, node: &Node) -> Option<String> {
        match node {
            Node::Block(parts) => parts.iter().find_map(|part| self.wish(iterator, part)),
            Node::If { then, orelse, .. } => {
                self.wish(iterator, then).or_else(|| orelse.as_ref().and_then(|node| self.wish(iterator, node)))
            }
            Node::For { body, .. } => self.wish(iterator, body),
            Node::User { name, arguments } => {
                let at = arguments.iter().position(|a| *a == Expr::Name(iterator.into()))?;
                Some(self.leaves.argument_name(name, at))
            }
        }
    }

    fn sum(&self, e: &Expr) -> Result<Sum> {
        let pair = |args: &[Expr]| -> Result<(Sum, Sum)> { Ok((self.sum(&args[0])?, self.sum(&args[1])?)) };
        match e {
            Expr::Int(value) => Ok(Sum::int(*value)),
            Expr::Name(name) => {
                self.values.get(name).cloned().ok_or_else(|| IslError(format!("an unknown iterator {name}")))
            }
            Expr::Op(op, args) => match op {
                Op::Minus => Ok(Sum::default().plus(&self.sum(&args[0])?, -1)),
                Op::Add => pair(args).map(|(a, b)| a.plus(&b, 1)),
                Op::Sub => pair(args).map(|(a, b)| a.plus(&b, -1)),
                Op::Mul => {
                    let (a, b) = pair(args)?;
                    match (a.as_int(), b.as_int()) {
                        (Some(factor), _) => Ok(Sum::default().plus(&b, factor)),
                        (_, Some(factor)) => Ok(Sum::default().plus(&a, factor)),
                        _ => Err(IslError("a product of iterators".into())),
                    }
                }
                Op::Div | Op::FloorDiv => {
                    let (a, b) = pair(args)?;
                    b.as_int().filter(|d| *d > 0).map(|d| a.floor_div(d)).ok_or_else(no_constant)
                }
                Op::Mod | Op::ZeroMod => {
                    let (a, b) = pair(args)?;
                    b.as_int().filter(|d| *d > 0).map(|d| a.modulo(d)).ok_or_else(no_constant)
                }
                Op::Min | Op::Max => {
                    let args = args.iter().map(|a| self.affine(a)).collect::<Result<Vec<_>>>()?;
                    let kind = if *op == Op::Min { AffineKind::Min(args) } else { AffineKind::Max(args) };
                    Ok(Sum::atom(kind.into()))
                }
                _ => Err(IslError(format!("{op:?} as a value"))),
            },
        }
    }

    fn condition(&self, e: &Expr) -> Result<Truth> {
        let Expr::Op(op, args) = e else {
            // isl writes a condition that it found out as a number.
            let Expr::Int(truth) = e else { return Err(IslError("a condition that is a value".into())) };
            return Ok(Truth::of(*truth != 0));
        };
        let parts = || args.iter().map(|a| self.condition(a)).collect::<Result<Vec<_>>>();
        let comparison = match op {
            Op::And => return Ok(Truth::joined(parts()?, true)),
            Op::Or => return Ok(Truth::joined(parts()?, false)),
            Op::Eq => Comparison::Eq,
            Op::Le => Comparison::Le,
            Op::Lt => Comparison::Lt,
            Op::Ge => Comparison::Ge,
            Op::Gt => Comparison::Gt,
            _ => return Err(IslError(format!("{op:?} as a condition"))),
        };
        let (left, right) = (self.sum(&args[0])?, self.sum(&args[1])?);
        Ok(match left.clone().plus(&right, -1).as_int() {
            Some(difference) => Truth::of(comparison.holds(&difference, &0)),
            None => Truth::Where(Condition::Chain(left.to_affine(), vec![(comparison, right.to_affine())])),
        })
    }
}

/// Where a condition holds.
enum Truth {
    Always,
    Never,
    Where(Condition<Affine>),
}

impl Truth {
    fn of(holds: bool) -> Truth {
        if holds { Truth::Always } else { Truth::Never }
    }

    /// All of some conditions, or any of them.
    fn joined(parts: Vec<Truth>, all: bool) -> Truth {
        let mut open: Vec<Condition<Affine>> = Vec::new();
        for part in parts {
            match (part, all) {
                (Truth::Never, true) | (Truth::Always, false) => return Truth::of(!all),
                (Truth::Always, true) | (Truth::Never, false) => {}
                // `a && (b && c)` is one list.
                (Truth::Where(Condition::And(inner)), true) | (Truth::Where(Condition::Or(inner)), false) => {
                    open.extend(inner);
                }
                (Truth::Where(condition), _) => open.push(condition),
            }
        }
        open = distinct(open);
        match open.len() {
            0 => Truth::of(all),
            1 => Truth::Where(open.remove(0)),
            _ if all => Truth::Where(Condition::And(open)),
            _ => Truth::Where(Condition::Or(open)),
        }
    }
}

fn no_constant() -> IslError {
    IslError("a division by something else than a positive constant".into())
}

fn distinct(conditions: Vec<Condition<Affine>>) -> Vec<Condition<Affine>> {
    let mut kept: Vec<Condition<Affine>> = Vec::new();
    for condition in conditions {
        if !kept.contains(&condition) {
            kept.push(condition);
        }
    }
    kept
}

/// A loop around a body: a transfer takes the loop as a range of its own, loops in a row become one `for`.
fn wrap(range: ast::Range, mut body: Vec<Stmt>) -> Stmt {
    match body.as_mut_slice() {
        [Stmt::Transfer(transfer)] => transfer.ranges.insert(0, range),
        [Stmt::For(inner)] => inner.ranges.insert(0, range),
        _ => return Stmt::For(ast::For { ranges: vec![range], body, span: Default::default() }),
    }
    body.remove(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lang::ast::Program;

    /// Statements that do not matter.
    struct Any;

    impl Leaves for Any {
        fn argument_name(&self, _: &str, _: usize) -> String {
            "i".into()
        }

        fn statement(&self, _: &str, _: &[Sum]) -> Stmt {
            let program = crate::lang::parse("output A[1]; A[0] = 1;").expect("a program");
            program.body[0].clone()
        }
    }

    fn compare(op: Op, a: i64, b: Expr) -> Expr {
        Expr::Op(op, vec![Expr::Int(a), b])
    }

    /// The text of a statement under a condition, in a loop.
    fn written(condition: Expr) -> String {
        let user = Node::User { name: "S".into(), arguments: vec![Expr::Name("c0".into())] };
        let node = Node::For {
            iterator: "c0".into(),
            init: Expr::Int(0),
            condition: Expr::Op(Op::Lt, vec![Expr::Name("c0".into()), Expr::Int(9)]),
            step: 1,
            degenerate: false,
            body: Box::new(Node::If { condition, then: Box::new(user), orelse: None }),
        };
        let body = convert(&node, &Names::of(&Program::default()), &Any).expect("loops");
        Program { body, ..Program::default() }.to_string()
    }

    #[test]
    fn what_always_or_never_holds_is_no_part_of_a_condition() {
        let open = || compare(Op::Le, 3, Expr::Name("c0".into()));
        let (never, always) = (|| compare(Op::Eq, 1, Expr::Int(0)), || compare(Op::Le, 0, Expr::Int(2)));
        let or = |a, b| Expr::Op(Op::Or, vec![a, b]);
        let and = |a, b| Expr::Op(Op::And, vec![a, b]);
        let plain = written(open());
        assert!(plain.contains("if 3 <= i {"), "{plain}");
        assert_eq!(written(or(open(), never())), plain);
        assert_eq!(written(and(open(), always())), plain);
        assert_eq!(written(or(and(open(), always()), open())), plain);
        assert!(!written(or(open(), always())).contains("if"));
        assert_eq!(written(and(open(), never())), Program::default().to_string());
        assert_eq!(written(Expr::Int(0)), Program::default().to_string());
    }
}
