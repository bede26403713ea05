//! How does a program become [`Code`]? Names to slots, kinds of values settled, `op=` spelled out.

use crate::lang::ast::{
    self, Affine, AffineKind, AssignOp, BinaryOp, Call, Condition, Direction, Expr, ExprKind, Program, Range, Stmt,
};

use super::affine::{Form, Scope, Test};
use super::arithmetic::{Arithmetic, Kind};
use super::code::{Access, Assign, Code, Dim, Move, Node, Op, Origin};
use super::fault::Fault;

pub(super) fn compile<A: Arithmetic>(program: &Program) -> Result<Code<A::Value>, Fault> {
    let mut compiler = Compiler { program, scope: Scope::new(), slots: 0, registers: 0, accesses: 0 };
    let nodes = compiler.body::<A>(&program.body)?;
    let Compiler { slots, registers, accesses, .. } = compiler;
    Ok(Code { nodes, slots, registers, accesses })
}

struct Compiler<'a> {
    program: &'a Program,
    scope: Scope,
    slots: usize,
    registers: usize,
    accesses: usize,
}

impl Compiler<'_> {
    fn body<A: Arithmetic>(&mut self, body: &[Stmt]) -> Result<Vec<Node<A::Value>>, Fault> {
        body.iter().map(|stmt| self.statement::<A>(stmt)).collect()
    }

    fn statement<A: Arithmetic>(&mut self, stmt: &Stmt) -> Result<Node<A::Value>, Fault> {
        match stmt {
            Stmt::For(f) => self.nest(&f.ranges, |compiler| compiler.body::<A>(&f.body)),
            Stmt::If(i) => Ok(Node::If {
                test: Test::compile(&i.condition, &self.scope)?,
                then: self.body::<A>(&i.then)?,
                orelse: self.body::<A>(&i.orelse)?,
            }),
            Stmt::Assign(a) => Ok(Node::Assign(self.assign::<A>(a)?)),
            Stmt::Transfer(t) if t.ranges.is_empty() => Ok(Node::Move(self.transfer(t)?)),
            Stmt::Transfer(t) => self.nest(&t.ranges, |compiler| Ok(vec![Node::Move(compiler.transfer(t)?)])),
        }
    }

    /// One loop a range around what `inner` makes.
    fn nest<V>(
        &mut self,
        ranges: &[Range],
        inner: impl FnOnce(&mut Self) -> Result<Vec<Node<V>>, Fault>,
    ) -> Result<Node<V>, Fault> {
        let outside = self.scope.len();
        let mut bounds = Vec::new();
        for range in ranges {
            if range.step < 1 {
                return Err(Fault::Unresolved(format!("the step of `{}` is not positive", range.iterator)));
            }
            bounds.push((
                self.scope.len(),
                Form::compile(&range.lo, &self.scope)?,
                Form::compile(&range.hi, &self.scope)?,
                range.step,
            ));
            self.scope.push(range.iterator.clone());
            self.slots = self.slots.max(self.scope.len());
        }
        let mut body = inner(self)?;
        self.scope.truncate(outside);
        for (slot, lo, hi, step) in bounds.into_iter().rev() {
            body = vec![Node::Loop { slot, lo, hi, step, body }];
        }
        body.pop().ok_or_else(|| Fault::Unresolved("a loop without a range".into()))
    }

    fn transfer(&mut self, t: &ast::Transfer) -> Result<Move, Fault> {
        let statement = match t.direction {
            Direction::Load => format!("load {}", t.target.array),
            Direction::Store => format!("store {}", t.target.array),
        };
        Ok(Move {
            target: self.access(&t.target)?,
            source: self.access(&t.source)?,
            origin: Origin { statement, iterators: self.scope.clone(), span: t.span },
        })
    }

    fn access(&self, access: &ast::Access) -> Result<Access, Fault> {
        let place = self.program.arrays.iter().position(|array| array.name == access.array);
        let place = place.ok_or_else(|| Fault::Unresolved(format!("`{}` is no array", access.array)))?;
        let array = &self.program.arrays[place];
        if array.extents.len() != access.indices.len() {
            return Err(Fault::Unresolved(format!("`{}` with a wrong number of indices or no extents", access.array)));
        }
        let mut stride: usize = 1;
        let mut dims = Vec::new();
        for (index, &extent) in access.indices.iter().zip(&array.extents).rev() {
            dims.push(Dim { index: Form::compile(index, &self.scope)?, extent, stride });
            // Arrays too large to hold are refused before anything runs.
            stride = stride.saturating_mul(usize::try_from(extent).unwrap_or(0));
        }
        dims.reverse();
        Ok(Access { array: place, ty: array.ty, dims })
    }

    fn assign<A: Arithmetic>(&mut self, a: &ast::Assign) -> Result<Assign<A::Value>, Fault> {
        let mut flat = Flat::<A> {
            compiler: self,
            distinct: vec![&a.target],
            ops: Vec::new(),
            arithmetic: std::marker::PhantomData,
        };
        let ty = flat.compiler.access(&a.target)?.ty;
        let kind = flat.stored(a, ty)?;
        let Flat { distinct, ops, .. } = flat;
        let accesses = distinct.into_iter().map(|access| self.access(access)).collect::<Result<Vec<_>, _>>()?;
        self.registers = self.registers.max(ops.len());
        self.accesses = self.accesses.max(accesses.len());
        let statement = a.label.as_deref().unwrap_or("an assignment").to_string();
        Ok(Assign { accesses, ops, kind, origin: Origin { statement, iterators: self.scope.clone(), span: a.span } })
    }
}

/// One assignment on its way to flat operations.
struct Flat<'c, 'p, 's, A: Arithmetic> {
    compiler: &'c Compiler<'p>,
    distinct: Vec<&'s ast::Access>,
    ops: Vec<Op<A::Value>>,
    arithmetic: std::marker::PhantomData<A>,
}

/// A register and the kind of what it holds.
type Typed = (usize, Kind);

impl<'s, A: Arithmetic> Flat<'_, '_, 's, A> {
    fn push(&mut self, op: Op<A::Value>) -> usize {
        self.ops.push(op);
        self.ops.len() - 1
    }

    fn convert(&mut self, (a, from): Typed, to: Kind) -> usize {
        if from == to { a } else { self.push(Op::Convert { from, to, a }) }
    }

    /// Both operands in the kind where they meet.
    fn meet(&mut self, a: Typed, b: Typed) -> (Kind, usize, usize) {
        let kind = a.1.meet(b.1);
        (kind, self.convert(a, kind), self.convert(b, kind))
    }

    /// Leaves what the assignment stores in the last register.
    fn stored(&mut self, a: &'s ast::Assign, ty: ast::Type) -> Result<Kind, Fault> {
        let value = self.expr(&a.value)?;
        if a.op == AssignOp::Set {
            // A register of its own: the value may be an older one.
            self.push(Op::Convert { from: value.1, to: value.1, a: value.0 });
            return Ok(value.1);
        }
        let old = (self.push(Op::Read(0)), Kind::of(ty));
        if ty.is_integer() && matches!(a.op, AssignOp::Add | AssignOp::Sub | AssignOp::Mul) {
            self.push(Op::Wrap { op: a.op, ty, a: old.0, kind: value.1, b: value.0 });
            return Ok(Kind::Int);
        }
        let (kind, a_register, b) = self.meet(old, value);
        self.push(match a.op {
            AssignOp::Max => Op::BinaryCall { call: Call::Max, kind, a: a_register, b },
            AssignOp::Min => Op::BinaryCall { call: Call::Min, kind, a: a_register, b },
            AssignOp::Sub => Op::Binary { op: BinaryOp::Sub, kind, a: a_register, b },
            AssignOp::Mul => Op::Binary { op: BinaryOp::Mul, kind, a: a_register, b },
            AssignOp::Add | AssignOp::Set => Op::Binary { op: BinaryOp::Add, kind, a: a_register, b },
        });
        Ok(kind)
    }

    fn expr(&mut self, expr: &'s Expr) -> Result<Typed, Fault> {
        match &expr.kind {
            ExprKind::Number(value) => {
                Ok((self.push(Op::Constant(A::number(*value))), Kind::Constant { integral: value.fract() == 0.0 }))
            }
            ExprKind::Inf => {
                Ok((self.push(Op::Constant(A::number(f64::INFINITY))), Kind::Constant { integral: false }))
            }
            ExprKind::Name(name) => match self.compiler.scope.iter().rposition(|n| n == name) {
                Some(slot) => Ok((self.push(Op::Iterator(slot)), Kind::Constant { integral: true })),
                None => Err(Fault::Unresolved(format!("`{name}` is no iterator here"))),
            },
            ExprKind::Access(access) => {
                let place = self.distinct.iter().position(|known| *known == access).unwrap_or_else(|| {
                    self.distinct.push(access);
                    self.distinct.len() - 1
                });
                let ty = self.compiler.access(access)?.ty;
                Ok((self.push(Op::Read(place)), Kind::of(ty)))
            }
            ExprKind::Neg(a) => {
                let (a, kind) = self.expr(a)?;
                Ok((self.push(Op::Negate { kind, a }), kind))
            }
            ExprKind::Binary(op, a, b) => {
                let (mut a, mut b) = (self.expr(a)?, self.expr(b)?);
                if *op == BinaryOp::Div {
                    (a, b) = (self.real(a), self.real(b));
                }
                let (kind, a, b) = self.meet(a, b);
                Ok((self.push(Op::Binary { op: *op, kind, a, b }), kind))
            }
            ExprKind::Call(call, arguments) => {
                // The floor of an affine quotient is a number in every arithmetic.
                let whole = affine(expr).and_then(|whole| Form::compile(&whole, &self.compiler.scope).ok());
                match whole {
                    Some(form) => Ok((self.push(Op::Whole(form)), Kind::Constant { integral: false })),
                    None => self.call(*call, arguments),
                }
            }
            ExprKind::Select(condition, then, orelse) => {
                let condition = self.condition(condition)?;
                let (then, orelse) = (self.expr(then)?, self.expr(orelse)?);
                let (kind, then, orelse) = self.meet(then, orelse);
                Ok((self.push(Op::Select { condition, then, orelse }), kind))
            }
        }
    }

    fn real(&mut self, a: Typed) -> Typed {
        let kind = a.1.real();
        (self.convert(a, kind), kind)
    }

    fn call(&mut self, call: Call, arguments: &'s [Expr]) -> Result<Typed, Fault> {
        let mut values = arguments.iter().map(|argument| self.expr(argument)).collect::<Result<Vec<_>, _>>()?;
        if !matches!(call, Call::Max | Call::Min | Call::Abs) {
            values = values.into_iter().map(|value| self.real(value)).collect();
        }
        let Some((&(first, kind), rest)) = values.split_first() else {
            return Err(Fault::Unresolved(format!("{call:?} without an argument")));
        };
        if !matches!(call, Call::Max | Call::Min | Call::Pow) {
            return Ok((self.push(Op::UnaryCall { call, kind, a: first }), kind));
        }
        let kind = rest.iter().fold(kind, |kind, value| kind.meet(value.1));
        let mut so_far = self.convert(values[0], kind);
        for &value in rest {
            let b = self.convert(value, kind);
            so_far = self.push(Op::BinaryCall { call, kind, a: so_far, b });
        }
        Ok((so_far, kind))
    }

    fn condition(&mut self, condition: &'s Condition<Expr>) -> Result<usize, Fault> {
        match condition {
            Condition::Chain(first, rest) => {
                let mut left = self.expr(first)?;
                let mut links = Vec::new();
                for (comparison, right) in rest {
                    let right = self.expr(right)?;
                    let (kind, a, b) = self.meet(left, right);
                    links.push(self.push(Op::Compare { comparison: *comparison, kind, a, b }));
                    left = right;
                }
                self.joined(links, Op::And)
            }
            Condition::And(parts) => {
                let parts = parts.iter().map(|part| self.condition(part)).collect::<Result<Vec<_>, _>>()?;
                self.joined(parts, Op::And)
            }
            Condition::Or(parts) => {
                let parts = parts.iter().map(|part| self.condition(part)).collect::<Result<Vec<_>, _>>()?;
                self.joined(parts, Op::Or)
            }
            Condition::Not(part) => {
                let part = self.condition(part)?;
                Ok(self.push(Op::Not(part)))
            }
        }
    }

    fn joined(&mut self, parts: Vec<usize>, op: fn(usize, usize) -> Op<A::Value>) -> Result<usize, Fault> {
        let mut parts = parts.into_iter();
        let first = parts.next().ok_or_else(|| Fault::Unresolved("an empty condition".into()))?;
        Ok(parts.fold(first, |so_far, part| self.push(op(so_far, part))))
    }
}

/// An expression of iterators and integers, its quotients rounded down, as an index would say it.
fn affine(expr: &Expr) -> Option<Affine> {
    let pair = |a: &Expr, b: &Expr| Some((Box::new(affine(a)?), Box::new(affine(b)?)));
    let kind = match &expr.kind {
        ExprKind::Number(value) if value.fract() == 0.0 && value.abs() < 9e15 => AffineKind::Int(*value as i64),
        ExprKind::Name(name) => AffineKind::Name(name.clone()),
        ExprKind::Neg(a) => AffineKind::Neg(Box::new(affine(a)?)),
        ExprKind::Binary(BinaryOp::Add, a, b) => pair(a, b).map(|(a, b)| AffineKind::Add(a, b))?,
        ExprKind::Binary(BinaryOp::Sub, a, b) => pair(a, b).map(|(a, b)| AffineKind::Sub(a, b))?,
        ExprKind::Binary(BinaryOp::Mul, a, b) => pair(a, b).map(|(a, b)| AffineKind::Mul(a, b))?,
        ExprKind::Call(Call::Floor, arguments) => match &arguments[..] {
            [Expr { kind: ExprKind::Binary(BinaryOp::Div, a, b), .. }] => {
                pair(a, b).map(|(a, b)| AffineKind::Div(a, b))?
            }
            _ => return None,
        },
        _ => return None,
    };
    Some(kind.into())
}
