//! What does a program of the loop language consist of? One syntax tree for both levels.
//!
//! The tree is the source as written, without layout and comments: names stay names and parameters stay parameters.
//! [`crate::lang::resolve`] turns it into the same tree with every parameter replaced by its value and every extent known;
//! all later stages read only resolved programs, and the emitter builds resolved programs.

use std::sync::Arc;

/// The name of a parameter, an array, an iterator or a label.
pub type Name = Arc<str>;

/// A range of bytes in the source text. Takes no part in comparisons: two trees are equal when they mean the same text.
#[derive(Clone, Copy, Debug, Default)]
pub struct Span {
    pub start: u32,
    pub end: u32,
}

impl PartialEq for Span {
    fn eq(&self, _: &Span) -> bool {
        true
    }
}

/// A whole program: declarations first, then the statements, each in source order.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Program {
    pub params: Vec<Param>,
    pub arrays: Vec<Array>,
    pub body: Vec<Stmt>,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Param {
    pub name: Name,
    pub value: i64,
    pub span: Span,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Role {
    Input,
    Output,
    Inout,
    Temp,
    /// A buffer in the scratchpad: scheduled level only.
    Scratch,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Type {
    F64,
    F32,
    F16,
    Bf16,
    I32,
    I8,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Array {
    pub role: Role,
    pub ty: Type,
    pub name: Name,
    /// One expression a dimension, over parameters only.
    pub dims: Vec<Affine>,
    /// The values of `dims`; empty until the program is resolved.
    pub extents: Vec<i64>,
    pub span: Span,
}

#[derive(Clone, Debug, PartialEq)]
pub enum Stmt {
    For(For),
    If(If),
    Assign(Assign),
    Transfer(Transfer),
}

/// `for i in 0..N, j in 0..i { .. }`: a range sees the iterators to its left.
#[derive(Clone, Debug, PartialEq)]
pub struct For {
    pub ranges: Vec<Range>,
    pub body: Vec<Stmt>,
    pub span: Span,
}

/// `i in lo..hi step s`, half open; `step` is positive.
#[derive(Clone, Debug, PartialEq)]
pub struct Range {
    pub iterator: Name,
    pub lo: Affine,
    pub hi: Affine,
    pub step: i64,
    pub span: Span,
}

/// `else if` is an `orelse` that holds a single `If`.
#[derive(Clone, Debug, PartialEq)]
pub struct If {
    pub condition: Condition<Affine>,
    pub then: Vec<Stmt>,
    pub orelse: Vec<Stmt>,
    pub span: Span,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum AssignOp {
    /// `=`
    Set,
    /// `+=`
    Add,
    /// `-=`
    Sub,
    /// `*=`
    Mul,
    /// `max=`
    Max,
    /// `min=`
    Min,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Assign {
    /// The label as written, or the `S0`, `S1` .. that `resolve` gave.
    pub label: Option<Name>,
    pub target: Access,
    pub op: AssignOp,
    pub value: Expr,
    pub span: Span,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Direction {
    /// DRAM to scratch.
    Load,
    /// Scratch to DRAM.
    Store,
}

/// `load S[..] = A[..] for i in lo..hi, ..;` or `store A[..] = S[..] for ..;`
#[derive(Clone, Debug, PartialEq)]
pub struct Transfer {
    pub direction: Direction,
    pub target: Access,
    pub source: Access,
    pub ranges: Vec<Range>,
    pub span: Span,
}

/// `A[i][j + 1]`; no indices: a scalar.
#[derive(Clone, Debug, PartialEq)]
pub struct Access {
    pub array: Name,
    pub indices: Vec<Affine>,
    pub span: Span,
}

/// An integer expression over iterators and parameters: an index, a bound or a side of a condition.
/// `Min` and `Max` stand in bounds only.
#[derive(Clone, Debug, PartialEq)]
pub struct Affine {
    pub kind: AffineKind,
    pub span: Span,
}

#[derive(Clone, Debug, PartialEq)]
pub enum AffineKind {
    Int(i64),
    Name(Name),
    Neg(Box<Affine>),
    Add(Box<Affine>, Box<Affine>),
    Sub(Box<Affine>, Box<Affine>),
    /// One side is constant.
    Mul(Box<Affine>, Box<Affine>),
    /// Floor division by a positive constant.
    Div(Box<Affine>, Box<Affine>),
    /// The non-negative remainder by a positive constant.
    Mod(Box<Affine>, Box<Affine>),
    Min(Vec<Affine>),
    Max(Vec<Affine>),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Comparison {
    Lt,
    Le,
    Gt,
    Ge,
    Eq,
    Ne,
}

impl Comparison {
    /// Whether it holds from `a` to `b`; with a NaN only `!=` does.
    #[inline]
    pub fn holds<T: PartialOrd>(self, a: &T, b: &T) -> bool {
        match self {
            Comparison::Lt => a < b,
            Comparison::Le => a <= b,
            Comparison::Gt => a > b,
            Comparison::Ge => a >= b,
            Comparison::Eq => a == b,
            Comparison::Ne => a != b,
        }
    }
}

/// A condition over `T`: affine in an `if`, any expression in a `select`.
#[derive(Clone, Debug, PartialEq)]
pub enum Condition<T> {
    /// `a < b <= c`: all neighbours compare; `rest` is not empty.
    Chain(T, Vec<(Comparison, T)>),
    /// Two or more.
    And(Vec<Condition<T>>),
    /// Two or more.
    Or(Vec<Condition<T>>),
    Not(Box<Condition<T>>),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum BinaryOp {
    Add,
    Sub,
    Mul,
    Div,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Call {
    Exp,
    Log,
    Sqrt,
    Rsqrt,
    Tanh,
    Sigmoid,
    Erf,
    Abs,
    Floor,
    Pow,
    Max,
    Min,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Expr {
    pub kind: ExprKind,
    pub span: Span,
}

#[derive(Clone, Debug, PartialEq)]
pub enum ExprKind {
    /// Finite and not negative as parsed; `resolve` puts the values of parameters here.
    Number(f64),
    Inf,
    /// An iterator or a parameter as a value.
    Name(Name),
    Access(Access),
    Neg(Box<Expr>),
    Binary(BinaryOp, Box<Expr>, Box<Expr>),
    Call(Call, Vec<Expr>),
    Select(Box<Condition<Expr>>, Box<Expr>, Box<Expr>),
}

impl Type {
    /// The size of one element in bytes.
    pub fn bytes(self) -> i64 {
        match self {
            Type::F64 => 8,
            Type::F32 | Type::I32 => 4,
            Type::F16 | Type::Bf16 => 2,
            Type::I8 => 1,
        }
    }

    pub fn is_integer(self) -> bool {
        matches!(self, Type::I32 | Type::I8)
    }
}

impl Array {
    /// Elements of the whole array; 1 for a scalar. Resolved programs only, whose sizes fit 63 bits.
    pub fn elements(&self) -> i64 {
        self.extents.iter().product()
    }

    pub fn bytes(&self) -> i64 {
        self.elements() * self.ty.bytes()
    }
}

impl Program {
    /// Whether the program is of the scheduled level.
    pub fn is_scheduled(&self) -> bool {
        fn has_transfer(body: &[Stmt]) -> bool {
            body.iter().any(|stmt| match stmt {
                Stmt::Transfer(_) => true,
                Stmt::For(f) => has_transfer(&f.body),
                Stmt::If(i) => has_transfer(&i.then) || has_transfer(&i.orelse),
                Stmt::Assign(_) => false,
            })
        }
        self.arrays.iter().any(|a| a.role == Role::Scratch) || has_transfer(&self.body)
    }

    pub fn array(&self, name: &str) -> Option<&Array> {
        self.arrays.iter().find(|a| &*a.name == name)
    }
}

impl Affine {
    pub fn int(value: i64) -> Affine {
        AffineKind::Int(value).into()
    }

    pub fn name(name: &Name) -> Affine {
        AffineKind::Name(name.clone()).into()
    }
}

impl From<AffineKind> for Affine {
    fn from(kind: AffineKind) -> Affine {
        Affine { kind, span: Span::default() }
    }
}

impl From<ExprKind> for Expr {
    fn from(kind: ExprKind) -> Expr {
        Expr { kind, span: Span::default() }
    }
}
