//! How is a value computed in C so that it is the language's? Kinds decide: exact integers, `float`, `double`, or a constant.
//!
//! A subexpression of numbers and iterators only has no kind until it meets something: it is printed in `double` and rounded
//! beside a `float`, or as an integer beside integers. Integers carry the interval of their exact value, which
//! decides the C type that holds it: `int`, `int64_t` or `__int128`.

use super::Writer;
use super::affine::symbol;
use crate::emit::EmitError;
use crate::lang::ast::{Access, Assign, AssignOp, BinaryOp, Call, Comparison, Condition, Expr, ExprKind, Type};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// `integral`: an integer when it meets one.
    Constant {
        integral: bool,
    },
    Int,
    F32,
    F64,
}

impl Kind {
    /// The kind in which operands of `+ - * max min`, a comparison or the sides of a select meet.
    fn meet(self, other: Kind) -> Kind {
        use Kind::{Constant, F32, F64, Int};
        match (self, other) {
            (Constant { integral: a }, Constant { integral: b }) => Constant { integral: a && b },
            (F64, _) | (_, F64) => F64,
            (Int | Constant { integral: true }, Int) | (Int, Constant { integral: true }) => Int,
            _ => F32,
        }
    }

    /// The kind in which `/` and the real functions compute.
    fn real(self) -> Kind {
        match self {
            Kind::Int => Kind::F32,
            Kind::Constant { .. } => Kind::Constant { integral: false },
            kind => kind,
        }
    }
}

/// What to make of numbers and iterators.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Constants {
    /// Constants, until they meet something.
    Open,
    Integers,
    Doubles,
}

/// How tightly a C expression binds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Level {
    Choice,
    Sum,
    Product,
    Unary,
    Primary,
}

/// A printed expression. Of a constant, `text` is empty: it is printed when its kind is known.
struct Printed<'e> {
    source: &'e Expr,
    kind: Kind,
    text: String,
    level: Level,
    /// All values that an integer can have, both ends included.
    interval: (i128, i128),
    /// The C type that holds an integer.
    rank: Rank,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Rank {
    Int,
    Int64,
    Wide,
}

impl Rank {
    fn holding((lo, hi): (i128, i128)) -> Rank {
        if lo >= i32::MIN.into() && hi <= i32::MAX.into() {
            Rank::Int
        } else if lo >= i64::MIN.into() && hi <= i64::MAX.into() {
            Rank::Int64
        } else {
            Rank::Wide
        }
    }
}

impl Printed<'_> {
    /// The text where something of at least `level` must stand.
    fn at(&self, level: Level) -> String {
        if self.level >= level { self.text.clone() } else { format!("({})", self.text) }
    }
}

fn type_interval(ty: Type) -> (i128, i128) {
    match ty {
        Type::I8 => (i8::MIN.into(), i8::MAX.into()),
        _ => (i32::MIN.into(), i32::MAX.into()),
    }
}

impl Writer<'_> {
    /// An assignment, without the semicolon.
    pub fn assignment(&mut self, assign: &Assign) -> Result<String, EmitError> {
        let target = self.element(&assign.target)?;
        let ty = self.place(&assign.target)?.0.ty;
        let value = self.value(&assign.value, Constants::Open)?;
        if assign.op == AssignOp::Set {
            return Ok(format!("{target} = {}", self.stored(value, ty)?));
        }
        let arithmetic = match assign.op {
            AssignOp::Sub => BinaryOp::Sub,
            AssignOp::Mul => BinaryOp::Mul,
            _ => BinaryOp::Add,
        };
        if ty.is_integer() && !matches!(assign.op, AssignOp::Max | AssignOp::Min) {
            let helper = self.helpers.call(wrapping(arithmetic, ty));
            return Ok(format!("{target} = {helper}({target}, {})", self.stored(value, ty)?));
        }
        let held = Expr::from(ExprKind::Access(assign.target.clone()));
        let old = self.read(&held, &assign.target)?;
        let same = matches!((ty, old.kind.meet(value.kind)), (Type::F32, Kind::F32) | (Type::F64, Kind::F64));
        let combined = match assign.op {
            AssignOp::Max => self.extreme_of(&held, Call::Max, old, value)?,
            AssignOp::Min => self.extreme_of(&held, Call::Min, old, value)?,
            _ if same => {
                let kind = old.kind;
                let value = self.converted(value, kind)?;
                return Ok(format!("{target} {}= {}", operator(arithmetic), value.text));
            }
            _ => self.arithmetic(&held, arithmetic, old, value)?,
        };
        Ok(format!("{target} = {}", self.stored(combined, ty)?))
    }

    /// Rounded to the type of an element.
    fn stored(&mut self, value: Printed, ty: Type) -> Result<String, EmitError> {
        if ty.is_integer() {
            return self.stored_integer(value, ty);
        }
        let value = match value.kind {
            Kind::Constant { .. } if ty == Type::F32 => self.converted(value, Kind::F32)?,
            Kind::Constant { .. } | Kind::Int if ty != Type::F32 => self.converted(value, Kind::F64)?,
            _ => value,
        };
        Ok(match (ty, value.kind) {
            (Type::F32, Kind::F64 | Kind::Int) => format!("(float){}", value.at(Level::Unary)),
            (Type::F16, _) => format!("(_Float16){}", value.at(Level::Unary)),
            (Type::Bf16, Kind::F64) => format!("{}({})", self.helpers.call("pf_bf16_of_f64"), value.text),
            (Type::Bf16, _) => format!("{}({})", self.helpers.call("pf_bf16_of_f32"), value.text),
            _ => value.text,
        })
    }

    fn stored_integer(&mut self, value: Printed, ty: Type) -> Result<String, EmitError> {
        let byte = ty == Type::I8;
        let value = match value.kind {
            // A double holds integers up to 2^53 exactly.
            Kind::Constant { integral: true } => match self.value(value.source, Constants::Integers) {
                Ok(exact) if exact.interval.0 >= -(1 << 53) && exact.interval.1 <= 1 << 53 => exact,
                _ => self.converted(value, Kind::F64)?,
            },
            Kind::Constant { integral: false } => self.converted(value, Kind::F64)?,
            _ => value,
        };
        if value.kind != Kind::Int {
            let helper = self.helpers.call(if byte { "pf_i8_of_f64" } else { "pf_i32_of_f64" });
            return Ok(format!("{helper}({})", value.text));
        }
        let (lo, hi) = type_interval(ty);
        if value.interval.0 >= lo && value.interval.1 <= hi {
            let narrow = if byte { "(int8_t)" } else { "(int32_t)" };
            let plain = value.rank == Rank::Int && (!byte || matches!(value.source.kind, ExprKind::Access(_)));
            return Ok(if plain { value.text } else { format!("{narrow}{}", value.at(Level::Unary)) });
        }
        let helper = match (byte, value.rank) {
            (true, Rank::Wide) => "pf_i8_of_wide",
            (true, _) => "pf_i8_of_int",
            (false, Rank::Wide) => "pf_i32_of_wide",
            (false, _) => "pf_i32_of_int",
        };
        Ok(format!("{}({})", self.helpers.call(helper), value.text))
    }

    fn value<'e>(&mut self, expr: &'e Expr, constants: Constants) -> Result<Printed<'e>, EmitError> {
        match &expr.kind {
            ExprKind::Number(number) => Ok(self.number(expr, *number, constants)),
            ExprKind::Inf => Ok(match constants {
                Constants::Open => open(expr, false),
                _ => floating(expr, Kind::F64, "INFINITY".into(), Level::Primary),
            }),
            ExprKind::Name(name) => match constants {
                Constants::Open => Ok(open(expr, true)),
                Constants::Integers => {
                    let linear = self.bounds.value(name)?;
                    let all = (i64::MIN.into(), i64::MAX.into());
                    let lo = self.bounds.lower(&linear).unwrap_or(all.0);
                    let hi = self.bounds.upper(&linear).unwrap_or(all.1);
                    let text = self.names.get(name)?.to_string();
                    // The loop's own bounds may be empty.
                    Ok(integer(expr, text, Level::Primary, (lo.min(hi), lo.max(hi)), Rank::Int64))
                }
                Constants::Doubles => {
                    let text = format!("(double){}", self.names.get(name)?);
                    Ok(floating(expr, Kind::F64, text, Level::Unary))
                }
            },
            ExprKind::Access(access) => self.read(expr, access),
            ExprKind::Neg(inner) => {
                let inner = self.value(inner, constants)?;
                self.negated(expr, inner)
            }
            ExprKind::Binary(op, a, b) => {
                let (a, b) = (self.value(a, constants)?, self.value(b, constants)?);
                self.arithmetic(expr, *op, a, b)
            }
            ExprKind::Call(call, arguments) => self.call(expr, *call, arguments, constants),
            ExprKind::Select(condition, a, b) => {
                let (a, b) = (self.value(a, constants)?, self.value(b, constants)?);
                let kind = a.kind.meet(b.kind);
                if let Kind::Constant { integral } = kind {
                    return Ok(open(expr, integral));
                }
                let condition = self.value_condition(condition)?;
                let (a, b) = (self.converted(a, kind)?, self.converted(b, kind)?);
                let text = format!("({condition}) ? {} : {}", a.at(Level::Sum), b.at(Level::Sum));
                let interval = (a.interval.0.min(b.interval.0), a.interval.1.max(b.interval.1));
                let rank = a.rank.max(b.rank);
                Ok(Printed { source: expr, kind, text, level: Level::Choice, interval, rank })
            }
        }
    }

    fn number<'e>(&self, expr: &'e Expr, number: f64, constants: Constants) -> Printed<'e> {
        match constants {
            Constants::Open => open(expr, number.fract() == 0.0 && number.abs() < 1e30),
            Constants::Doubles => floating(expr, Kind::F64, double(number), sign_level(number)),
            Constants::Integers => {
                let value = number as i128;
                let rank = Rank::holding((value, value));
                let text = if rank == Rank::Wide { format!("(__int128){}", double(number)) } else { value.to_string() };
                let level = if rank == Rank::Wide { Level::Unary } else { sign_level(number) };
                integer(expr, text, level, (value, value), rank)
            }
        }
    }

    /// The value of an element.
    fn read<'e>(&mut self, expr: &'e Expr, access: &Access) -> Result<Printed<'e>, EmitError> {
        let element = self.element(access)?;
        let ty = self.place(access)?.0.ty;
        Ok(match ty {
            Type::F64 => floating(expr, Kind::F64, element, Level::Primary),
            Type::F32 => floating(expr, Kind::F32, element, Level::Primary),
            Type::F16 => floating(expr, Kind::F32, format!("(float){element}"), Level::Unary),
            Type::Bf16 => {
                let helper = self.helpers.call("pf_f32_of_bf16");
                floating(expr, Kind::F32, format!("{helper}({element})"), Level::Primary)
            }
            Type::I32 | Type::I8 => integer(expr, element, Level::Primary, type_interval(ty), Rank::Int),
        })
    }

    /// The same value in another kind: an integer or a constant becomes real, a constant an integer.
    fn converted<'e>(&mut self, value: Printed<'e>, kind: Kind) -> Result<Printed<'e>, EmitError> {
        let source = value.source;
        match (value.kind, kind) {
            (Kind::Constant { .. }, Kind::Int) => self.value(source, Constants::Integers),
            (Kind::Constant { .. }, Kind::F32) => Ok(match single(source) {
                Some(text) => {
                    let level = if text.starts_with('-') { Level::Unary } else { Level::Primary };
                    floating(source, Kind::F32, text, level)
                }
                None => {
                    let value = self.value(source, Constants::Doubles)?;
                    floating(source, Kind::F32, format!("(float){}", value.at(Level::Unary)), Level::Unary)
                }
            }),
            (Kind::Constant { .. }, Kind::F64) => self.value(source, Constants::Doubles),
            (Kind::Int, Kind::F32) => {
                Ok(floating(source, kind, format!("(float){}", value.at(Level::Unary)), Level::Unary))
            }
            (Kind::Int, Kind::F64) => {
                Ok(floating(source, kind, format!("(double){}", value.at(Level::Unary)), Level::Unary))
            }
            // C itself turns a float beside a double into one, exactly.
            _ => Ok(value),
        }
    }

    fn negated<'e>(&mut self, expr: &'e Expr, inner: Printed<'e>) -> Result<Printed<'e>, EmitError> {
        if let Kind::Constant { integral } = inner.kind {
            return Ok(open(expr, integral));
        }
        let (lo, hi) = inner.interval;
        let negate = |end: i128| end.checked_neg().ok_or(EmitError::TooWide);
        let interval = (negate(hi)?, negate(lo)?);
        let rank = Rank::holding(interval).max(inner.rank);
        // -(-a) is no decrement.
        let text = match inner.level {
            Level::Primary => format!("-{}{}", widening(rank, inner.rank), inner.text),
            _ => format!("-{}({})", widening(rank, inner.rank), inner.text),
        };
        Ok(Printed { source: expr, kind: inner.kind, text, level: Level::Unary, interval, rank })
    }

    fn arithmetic<'e>(
        &mut self,
        expr: &'e Expr,
        op: BinaryOp,
        a: Printed<'e>,
        b: Printed<'e>,
    ) -> Result<Printed<'e>, EmitError> {
        let meet = a.kind.meet(b.kind);
        let kind = if op == BinaryOp::Div { meet.real() } else { meet };
        if let Kind::Constant { integral } = kind {
            return Ok(open(expr, integral));
        }
        let (a, b) = (self.converted(a, kind)?, self.converted(b, kind)?);
        let (level, right) = match op {
            BinaryOp::Add | BinaryOp::Sub => (Level::Sum, Level::Product),
            BinaryOp::Mul | BinaryOp::Div => (Level::Product, Level::Unary),
        };
        let (interval, rank, widen) = match kind {
            Kind::Int => {
                let interval = combined(op, a.interval, b.interval).ok_or(EmitError::TooWide)?;
                let held = a.rank.max(b.rank);
                let rank = held.max(Rank::holding(interval));
                (interval, rank, widening(rank, held))
            }
            _ => ((0, 0), Rank::Int, ""),
        };
        let left = if widen.is_empty() { a.at(level) } else { format!("{widen}{}", a.at(Level::Unary)) };
        let text = format!("{left} {} {}", operator(op), b.at(right));
        Ok(Printed { source: expr, kind, text, level, interval, rank })
    }

    fn call<'e>(
        &mut self,
        expr: &'e Expr,
        call: Call,
        arguments: &'e [Expr],
        constants: Constants,
    ) -> Result<Printed<'e>, EmitError> {
        let mut printed = Vec::new();
        for argument in arguments {
            printed.push(self.value(argument, constants)?);
        }
        let meet = printed.iter().map(|p| p.kind).reduce(Kind::meet).ok_or(EmitError::NotAffine)?;
        let kind = if matches!(call, Call::Max | Call::Min | Call::Abs) { meet } else { meet.real() };
        if let Kind::Constant { integral } = kind {
            return Ok(open(expr, integral));
        }
        let mut converted = Vec::new();
        for argument in printed {
            converted.push(self.converted(argument, kind)?);
        }
        if matches!(call, Call::Max | Call::Min) {
            let mut rest = converted.into_iter();
            let first = rest.next().ok_or(EmitError::NotAffine)?;
            return rest.try_fold(first, |a, b| self.extreme_of(expr, call, a, b));
        }
        if kind == Kind::Int {
            return Ok(self.absolute(expr, converted.swap_remove(0)));
        }
        let arguments: Vec<String> = converted.into_iter().map(|p| p.text).collect();
        let text = format!("{}({})", self.function(call, kind), arguments.join(", "));
        Ok(floating(expr, kind, text, Level::Primary))
    }

    /// The absolute value of an integer.
    fn absolute<'e>(&mut self, expr: &'e Expr, value: Printed<'e>) -> Printed<'e> {
        let (lo, hi) = value.interval;
        let largest = lo.abs().max(hi.abs());
        let interval = (if lo <= 0 && hi >= 0 { 0 } else { lo.abs().min(hi.abs()) }, largest);
        let rank = Rank::holding((-largest, largest)).max(value.rank).max(Rank::Int64);
        let helper = self.helpers.call(if rank == Rank::Wide { "pf_abs_wide" } else { "pf_abs" });
        integer(expr, format!("{helper}({})", value.text), Level::Primary, interval, rank)
    }

    /// `max` or `min` of two.
    fn extreme_of<'e>(
        &mut self,
        expr: &'e Expr,
        call: Call,
        a: Printed<'e>,
        b: Printed<'e>,
    ) -> Result<Printed<'e>, EmitError> {
        let kind = a.kind.meet(b.kind);
        let (a, b) = (self.converted(a, kind)?, self.converted(b, kind)?);
        let wide = a.rank.max(b.rank) == Rank::Wide;
        let max = call == Call::Max;
        let helper = self.helpers.call(match (kind, max) {
            (Kind::Int, true) if wide => "pf_max_wide",
            (Kind::Int, false) if wide => "pf_min_wide",
            (Kind::Int, true) => "pf_max",
            (Kind::Int, false) => "pf_min",
            (Kind::F32, true) => "pf_max_f32",
            (Kind::F32, false) => "pf_min_f32",
            (_, true) => "pf_max_f64",
            (_, false) => "pf_min_f64",
        });
        let pick = |x: i128, y: i128| if max { x.max(y) } else { x.min(y) };
        let interval = (pick(a.interval.0, b.interval.0), pick(a.interval.1, b.interval.1));
        let rank = if wide { Rank::Wide } else { Rank::Int64 };
        let text = format!("{helper}({}, {})", a.text, b.text);
        Ok(Printed { source: expr, kind, text, level: Level::Primary, interval, rank })
    }

    fn function(&mut self, call: Call, kind: Kind) -> &'static str {
        let double = kind == Kind::F64;
        let pick = |single, both| if double { both } else { single };
        match call {
            Call::Exp => pick("expf", "exp"),
            Call::Log => pick("logf", "log"),
            Call::Sqrt => pick("sqrtf", "sqrt"),
            Call::Tanh => pick("tanhf", "tanh"),
            Call::Erf => pick("erff", "erf"),
            Call::Abs => pick("fabsf", "fabs"),
            Call::Floor => pick("floorf", "floor"),
            Call::Pow => pick("powf", "pow"),
            Call::Rsqrt => self.helpers.call(pick("pf_rsqrt_f32", "pf_rsqrt_f64")),
            Call::Sigmoid => self.helpers.call(pick("pf_sigmoid_f32", "pf_sigmoid_f64")),
            Call::Max => self.helpers.call(pick("pf_max_f32", "pf_max_f64")),
            Call::Min => self.helpers.call(pick("pf_min_f32", "pf_min_f64")),
        }
    }

    /// A condition of a `select`, without parentheses around it.
    fn value_condition(&mut self, condition: &Condition<Expr>) -> Result<String, EmitError> {
        match condition {
            Condition::Chain(first, rest) => {
                let mut left = first;
                let mut parts = Vec::new();
                for (comparison, right) in rest {
                    parts.push(self.compared(left, *comparison, right)?);
                    left = right;
                }
                Ok(parts.join(" && "))
            }
            Condition::And(parts) => self.conditions(parts, " && "),
            Condition::Or(parts) => self.conditions(parts, " || "),
            Condition::Not(inner) => Ok(format!("!({})", self.value_condition(inner)?)),
        }
    }

    fn conditions(&mut self, parts: &[Condition<Expr>], operator: &str) -> Result<String, EmitError> {
        let parts: Result<Vec<_>, _> =
            parts.iter().map(|p| self.value_condition(p).map(|p| format!("({p})"))).collect();
        Ok(parts?.join(operator))
    }

    fn compared(&mut self, a: &Expr, by: Comparison, b: &Expr) -> Result<String, EmitError> {
        let (a, b) = (self.value(a, Constants::Open)?, self.value(b, Constants::Open)?);
        let kind = match a.kind.meet(b.kind) {
            Kind::Constant { .. } => Kind::F64,
            kind => kind,
        };
        let (a, b) = (self.converted(a, kind)?, self.converted(b, kind)?);
        // Compilers warn of an integer compared with itself.
        if kind == Kind::Int && a.text == b.text {
            return Ok(u8::from(by.holds(&0, &0)).to_string());
        }
        Ok(format!("{} {} {}", a.at(Level::Sum), symbol(by), b.at(Level::Sum)))
    }
}

fn open(source: &Expr, integral: bool) -> Printed<'_> {
    let kind = Kind::Constant { integral };
    Printed { source, kind, text: String::new(), level: Level::Primary, interval: (0, 0), rank: Rank::Int }
}

fn floating(source: &Expr, kind: Kind, text: String, level: Level) -> Printed<'_> {
    Printed { source, kind, text, level, interval: (0, 0), rank: Rank::Int }
}

fn integer(source: &Expr, text: String, level: Level, interval: (i128, i128), rank: Rank) -> Printed<'_> {
    Printed { source, kind: Kind::Int, text, level, interval, rank }
}

/// The cast that lets an operation compute in `rank` on operands of which the wider is `held`.
fn widening(rank: Rank, held: Rank) -> &'static str {
    match rank {
        rank if rank == held => "",
        Rank::Int => "",
        Rank::Int64 => "(int64_t)",
        Rank::Wide => "(__int128)",
    }
}

fn combined(op: BinaryOp, (a, b): (i128, i128), (c, d): (i128, i128)) -> Option<(i128, i128)> {
    match op {
        BinaryOp::Add => Some((a.checked_add(c)?, b.checked_add(d)?)),
        BinaryOp::Sub => Some((a.checked_sub(d)?, b.checked_sub(c)?)),
        BinaryOp::Mul | BinaryOp::Div => {
            let products = [a.checked_mul(c)?, a.checked_mul(d)?, b.checked_mul(c)?, b.checked_mul(d)?];
            Some((products.into_iter().min()?, products.into_iter().max()?))
        }
    }
}

fn operator(op: BinaryOp) -> &'static str {
    match op {
        BinaryOp::Add => "+",
        BinaryOp::Sub => "-",
        BinaryOp::Mul => "*",
        BinaryOp::Div => "/",
    }
}

fn wrapping(op: BinaryOp, ty: Type) -> &'static str {
    match (op, ty) {
        (BinaryOp::Sub, Type::I8) => "pf_sub_i8",
        (BinaryOp::Mul, Type::I8) => "pf_mul_i8",
        (_, Type::I8) => "pf_add_i8",
        (BinaryOp::Sub, _) => "pf_sub_i32",
        (BinaryOp::Mul, _) => "pf_mul_i32",
        _ => "pf_add_i32",
    }
}

fn sign_level(number: f64) -> Level {
    if number.is_sign_negative() { Level::Unary } else { Level::Primary }
}

/// A literal of type `double`.
fn double(number: f64) -> String {
    if number.is_infinite() {
        if number > 0.0 { "INFINITY".into() } else { "-INFINITY".into() }
    } else {
        format!("{number:?}")
    }
}

/// A number as a literal of type `float`, rounded here.
fn single(expr: &Expr) -> Option<String> {
    match &expr.kind {
        ExprKind::Number(number) => {
            let number = *number as f32;
            Some(match number {
                f32::INFINITY => "INFINITY".into(),
                f32::NEG_INFINITY => "-INFINITY".into(),
                number => format!("{number:?}f"),
            })
        }
        ExprKind::Inf => Some("INFINITY".into()),
        ExprKind::Neg(inner) => single(inner).filter(|text| !text.starts_with('-')).map(|text| format!("-{text}")),
        _ => None,
    }
}
