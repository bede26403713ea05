//! How is a program written? As text that reads back as the same tree.
//!
//! Parentheses stand only where the tree needs them: the right side of an operator keeps its own where it binds no tighter.
//! Layout is fixed: declarations first, two spaces a level, and a body of one assignment or transfer beside its `for` or
//! `if` where the line stays within [`WIDTH`] columns.

use std::fmt::{self, Display, Formatter};

use super::ast::*;

/// The longest line that is put together from parts which could stand apart.
const WIDTH: usize = 100;

impl Display for Program {
    fn fmt(&self, f: &mut Formatter) -> fmt::Result {
        let declarations = params(&self.params) + &arrays(&self.arrays);
        f.write_str(&declarations)?;
        if !declarations.is_empty() && !self.body.is_empty() {
            writeln!(f)?;
        }
        self.body.iter().try_for_each(|stmt| write_stmt(f, stmt, 0))
    }
}

fn params(params: &[Param]) -> String {
    if params.is_empty() {
        return String::new();
    }
    declaration("param", params.iter().map(|p| format!("{} = {}", p.name, p.value))) + "\n"
}

/// One declaration for neighbours of the same role and type, their names aligned.
fn arrays(arrays: &[Array]) -> String {
    let width = arrays.iter().map(|a| a.role.word().len()).max().unwrap_or(0);
    let groups = arrays.chunk_by(|a, b| (a.role, a.ty) == (b.role, b.ty));
    groups
        .map(|group| {
            let role = format!("{:width$}", group[0].role.word());
            let head = match group[0].ty {
                Type::F32 => role,
                ty => format!("{role} {}", ty.word()),
            };
            declaration(&head, group.iter().map(declarator))
        })
        .collect()
}

/// `head part, part;` and a line break, broken between parts where the line would become too long.
fn declaration(head: &str, parts: impl Iterator<Item = String>) -> String {
    let indent = head.len() + 1;
    let mut text = head.to_string();
    let mut column = head.len();
    for (n, part) in parts.enumerate() {
        if n > 0 {
            text.push(',');
            column += 1;
        }
        if n > 0 && column + part.len() + 2 > WIDTH {
            text.push('\n');
            text.push_str(&" ".repeat(indent));
            column = indent;
        } else {
            text.push(' ');
            column += 1;
        }
        column += part.len();
        text.push_str(&part);
    }
    text + ";\n"
}

fn declarator(array: &Array) -> String {
    let dims: String = array.dims.iter().map(|dim| format!("[{dim}]")).collect();
    format!("{}{dims}", array.name)
}

impl Display for Param {
    fn fmt(&self, f: &mut Formatter) -> fmt::Result {
        write!(f, "param {} = {};", self.name, self.value)
    }
}

impl Display for Array {
    fn fmt(&self, f: &mut Formatter) -> fmt::Result {
        f.write_str(arrays(std::slice::from_ref(self)).trim_end())
    }
}

/// The statement as it stands outside of all bodies, without a line break at its end.
impl Display for Stmt {
    fn fmt(&self, f: &mut Formatter) -> fmt::Result {
        match self {
            Stmt::For(stmt) => stmt.fmt(f),
            Stmt::If(stmt) => stmt.fmt(f),
            Stmt::Assign(stmt) => stmt.fmt(f),
            Stmt::Transfer(stmt) => stmt.fmt(f),
        }
    }
}

impl Display for For {
    fn fmt(&self, f: &mut Formatter) -> fmt::Result {
        write_for(f, self, 0)
    }
}

impl Display for If {
    fn fmt(&self, f: &mut Formatter) -> fmt::Result {
        write_if(f, self, 0)
    }
}

fn write_stmt(f: &mut Formatter, stmt: &Stmt, level: usize) -> fmt::Result {
    write!(f, "{:indent$}", "", indent = 2 * level)?;
    match stmt {
        Stmt::For(stmt) => write_for(f, stmt, level),
        Stmt::If(stmt) => write_if(f, stmt, level),
        Stmt::Assign(stmt) => stmt.fmt(f),
        Stmt::Transfer(stmt) => stmt.fmt(f),
    }?;
    writeln!(f)
}

fn write_for(f: &mut Formatter, stmt: &For, level: usize) -> fmt::Result {
    let head = format!("for {}", Separated(&stmt.ranges, ", "));
    if let Some(line) = one_line(&head, &stmt.body, level) {
        return f.write_str(&line);
    }
    f.write_str(&head)?;
    write_body(f, &stmt.body, level)
}

fn write_if(f: &mut Formatter, stmt: &If, level: usize) -> fmt::Result {
    let head = format!("if {}", stmt.condition);
    if stmt.orelse.is_empty()
        && let Some(line) = one_line(&head, &stmt.then, level)
    {
        return f.write_str(&line);
    }
    f.write_str(&head)?;
    write_body(f, &stmt.then, level)?;
    match &stmt.orelse[..] {
        [] => Ok(()),
        [Stmt::If(nested)] => {
            f.write_str(" else ")?;
            write_if(f, nested, level)
        }
        orelse => {
            f.write_str(" else")?;
            write_body(f, orelse, level)
        }
    }
}

/// `head { statement }`, if the body is one assignment or transfer and the line is not too long.
fn one_line(head: &str, body: &[Stmt], level: usize) -> Option<String> {
    let statement = match body {
        [Stmt::Assign(stmt)] => stmt.to_string(),
        [Stmt::Transfer(stmt)] => stmt.to_string(),
        _ => return None,
    };
    let line = format!("{head} {{ {statement} }}");
    (2 * level + line.len() <= WIDTH).then_some(line)
}

fn write_body(f: &mut Formatter, body: &[Stmt], level: usize) -> fmt::Result {
    if body.is_empty() {
        return f.write_str(" {}");
    }
    writeln!(f, " {{")?;
    body.iter().try_for_each(|stmt| write_stmt(f, stmt, level + 1))?;
    write!(f, "{:indent$}}}", "", indent = 2 * level)
}

impl Display for Range {
    fn fmt(&self, f: &mut Formatter) -> fmt::Result {
        write!(f, "{} in {}..{}", self.iterator, self.lo, self.hi)?;
        match self.step {
            1 => Ok(()),
            step => write!(f, " step {step}"),
        }
    }
}

impl Display for Assign {
    fn fmt(&self, f: &mut Formatter) -> fmt::Result {
        if let Some(label) = &self.label {
            write!(f, "{label}: ")?;
        }
        write!(f, "{} {} {};", self.target, self.op.symbol(), self.value)
    }
}

impl Display for Transfer {
    fn fmt(&self, f: &mut Formatter) -> fmt::Result {
        write!(f, "{} {} = {}", self.direction.word(), self.target, self.source)?;
        if !self.ranges.is_empty() {
            write!(f, " for {}", Separated(&self.ranges, ", "))?;
        }
        f.write_str(";")
    }
}

impl Display for Access {
    fn fmt(&self, f: &mut Formatter) -> fmt::Result {
        f.write_str(&self.array)?;
        self.indices.iter().try_for_each(|index| write!(f, "[{index}]"))
    }
}

/// How tightly a printed expression holds together.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Binding {
    Sum,
    Product,
    Sign,
    Atom,
}

impl Binding {
    /// What the right side of an operator of this binding needs to stand without parentheses.
    fn tighter(self) -> Binding {
        match self {
            Binding::Sum => Binding::Product,
            _ => Binding::Sign,
        }
    }
}

/// Expressions that know how tightly they hold together when printed.
trait Bound: Display {
    fn binding(&self) -> Binding;
}

/// An operand, in parentheses if it holds less tightly than its place asks for.
struct Operand<'a, T>(&'a T, Binding);

impl<T: Bound> Display for Operand<'_, T> {
    fn fmt(&self, f: &mut Formatter) -> fmt::Result {
        let Operand(operand, needed) = self;
        if operand.binding() < *needed { write!(f, "({operand})") } else { operand.fmt(f) }
    }
}

fn write_binary<T: Bound>(f: &mut Formatter, symbol: &str, binding: Binding, left: &T, right: &T) -> fmt::Result {
    write!(f, "{} {symbol} {}", Operand(left, binding), Operand(right, binding.tighter()))
}

impl Bound for Affine {
    fn binding(&self) -> Binding {
        match &self.kind {
            AffineKind::Add(..) | AffineKind::Sub(..) => Binding::Sum,
            AffineKind::Mul(..) | AffineKind::Div(..) | AffineKind::Mod(..) => Binding::Product,
            AffineKind::Neg(_) | AffineKind::Int(i64::MIN..0) => Binding::Sign,
            AffineKind::Int(_) | AffineKind::Name(_) | AffineKind::Min(_) | AffineKind::Max(_) => Binding::Atom,
        }
    }
}

impl Display for Affine {
    fn fmt(&self, f: &mut Formatter) -> fmt::Result {
        match &self.kind {
            AffineKind::Int(value) => write!(f, "{value}"),
            AffineKind::Name(name) => f.write_str(name),
            AffineKind::Neg(operand) => write!(f, "-{}", Operand(&**operand, Binding::Sign)),
            AffineKind::Add(left, right) => write_binary(f, "+", Binding::Sum, &**left, right),
            AffineKind::Sub(left, right) => write_binary(f, "-", Binding::Sum, &**left, right),
            AffineKind::Mul(left, right) => write_binary(f, "*", Binding::Product, &**left, right),
            AffineKind::Div(left, right) => write_binary(f, "/", Binding::Product, &**left, right),
            AffineKind::Mod(left, right) => write_binary(f, "%", Binding::Product, &**left, right),
            AffineKind::Min(arguments) => write!(f, "min({})", Separated(arguments, ", ")),
            AffineKind::Max(arguments) => write!(f, "max({})", Separated(arguments, ", ")),
        }
    }
}

impl Bound for Expr {
    fn binding(&self) -> Binding {
        match &self.kind {
            ExprKind::Binary(BinaryOp::Add | BinaryOp::Sub, ..) => Binding::Sum,
            ExprKind::Binary(BinaryOp::Mul | BinaryOp::Div, ..) => Binding::Product,
            ExprKind::Neg(_) => Binding::Sign,
            ExprKind::Number(value) if value.is_sign_negative() => Binding::Sign,
            _ => Binding::Atom,
        }
    }
}

impl Display for Expr {
    fn fmt(&self, f: &mut Formatter) -> fmt::Result {
        match &self.kind {
            ExprKind::Number(value) => f.write_str(&number(*value)),
            ExprKind::Inf => f.write_str("inf"),
            ExprKind::Name(name) => f.write_str(name),
            ExprKind::Access(access) => access.fmt(f),
            ExprKind::Neg(operand) => write!(f, "-{}", Operand(&**operand, Binding::Sign)),
            ExprKind::Binary(op, left, right) => write_binary(f, op.symbol(), self.binding(), &**left, right),
            ExprKind::Call(call, arguments) => write!(f, "{}({})", call.word(), Separated(arguments, ", ")),
            ExprKind::Select(condition, then, orelse) => write!(f, "select({condition}, {then}, {orelse})"),
        }
    }
}

/// The fewest digits that read back as the same number, with an exponent where plain digits would be many.
fn number(value: f64) -> String {
    match value.abs() {
        0.0 | 1e-4..1e10 => format!("{value}"),
        f64::INFINITY => "inf".into(),
        _ => format!("{value:e}"),
    }
}

impl<T: Display> Display for Condition<T> {
    fn fmt(&self, f: &mut Formatter) -> fmt::Result {
        match self {
            Condition::Chain(first, rest) => {
                write!(f, "{first}")?;
                rest.iter().try_for_each(|(comparison, side)| write!(f, " {} {side}", comparison.symbol()))
            }
            Condition::And(parts) => {
                write_joined(f, parts, "&&", |c| matches!(c, Condition::And(_) | Condition::Or(_)))
            }
            Condition::Or(parts) => write_joined(f, parts, "||", |c| matches!(c, Condition::Or(_))),
            Condition::Not(condition) => match **condition {
                Condition::And(_) | Condition::Or(_) => write!(f, "!({condition})"),
                Condition::Chain(..) | Condition::Not(_) => write!(f, "!{condition}"),
            },
        }
    }
}

fn write_joined<T: Display>(
    f: &mut Formatter,
    parts: &[Condition<T>],
    operator: &str,
    needs_parentheses: fn(&Condition<T>) -> bool,
) -> fmt::Result {
    for (n, part) in parts.iter().enumerate() {
        if n > 0 {
            write!(f, " {operator} ")?;
        }
        if needs_parentheses(part) { write!(f, "({part})") } else { write!(f, "{part}") }?;
    }
    Ok(())
}

/// Parts with a separator between them.
struct Separated<'a, T>(&'a [T], &'static str);

impl<T: Display> Display for Separated<'_, T> {
    fn fmt(&self, f: &mut Formatter) -> fmt::Result {
        for (n, part) in self.0.iter().enumerate() {
            if n > 0 {
                f.write_str(self.1)?;
            }
            part.fmt(f)?;
        }
        Ok(())
    }
}
