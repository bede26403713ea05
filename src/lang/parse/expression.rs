//! Which index, bound, condition or value does an expression mean?
//!
//! The grammar has one rule for all of them. Conditions and operators are built alike; the two implementations of
//! [`Arithmetic`] say which leaves and operators integers have, and which real numbers.

use super::{Builder, Match, Rule, end_of, parts, span_of, text_of};
use crate::lang::ast::*;
use crate::lang::mistake::Syntax;
use crate::lang::scan::span;
use crate::lang::words::call_named;

/// What the rules of expressions are read as: integers in [`Affine`], real numbers in [`Expr`].
pub(super) trait Arithmetic: Sized {
    /// A number, an access or a call.
    fn leaf(builder: &mut Builder, pair: Match) -> Option<Self>;
    fn negated(self, span: Span) -> Self;
    /// `left operator right`
    ///
    /// # Errors
    /// An operator that these values do not have.
    fn combined(operator: &str, left: Self, right: Self, span: Span) -> Result<Self, Syntax>;
}

/// What an expression turns out to be.
enum Meant<T> {
    Value(T),
    Condition(Condition<T>),
}

impl Builder<'_> {
    pub(super) fn value<T: Arithmetic>(&mut self, pair: Match) -> Option<T> {
        match self.meant(pair.clone())? {
            Meant::Value(value) => Some(value),
            Meant::Condition(_) => {
                self.report(Syntax::NotAValue, span_of(&pair));
                None
            }
        }
    }

    pub(super) fn condition<T: Arithmetic>(&mut self, pair: Match) -> Option<Condition<T>> {
        match self.meant(pair.clone())? {
            Meant::Condition(condition) => Some(condition),
            Meant::Value(_) => {
                self.report(Syntax::NotACondition, span_of(&pair));
                None
            }
        }
    }

    fn meant<T: Arithmetic>(&mut self, pair: Match) -> Option<Meant<T>> {
        match pair.as_rule() {
            Rule::expression => self.joined(pair, Condition::Or),
            Rule::conjunction => self.joined(pair, Condition::And),
            Rule::negation => self.negation(pair),
            Rule::comparison => self.comparison(pair),
            Rule::sum | Rule::product => self.operators(pair),
            Rule::factor => self.factor(pair),
            Rule::group => self.meant(parts(pair).next()?),
            _ => T::leaf(self, pair).map(Meant::Value),
        }
    }

    /// Conditions under `||` or `&&`, or whatever stands there alone.
    fn joined<T: Arithmetic>(&mut self, pair: Match, join: fn(Vec<Condition<T>>) -> Condition<T>) -> Option<Meant<T>> {
        let mut inner = pair.into_inner();
        if inner.len() == 1 {
            return self.meant(inner.next()?);
        }
        let conditions: Vec<_> = inner.map(|pair| self.condition(pair)).collect();
        Some(Meant::Condition(join(conditions.into_iter().collect::<Option<_>>()?)))
    }

    fn negation<T: Arithmetic>(&mut self, pair: Match) -> Option<Meant<T>> {
        let mut inner = pair.into_inner();
        let nots = inner.len() - 1;
        let operand = inner.nth(nots)?;
        if nots == 0 {
            return self.meant(operand);
        }
        let mut condition = self.condition(operand)?;
        for _ in 0..nots {
            condition = Condition::Not(Box::new(condition));
        }
        Some(Meant::Condition(condition))
    }

    fn comparison<T: Arithmetic>(&mut self, pair: Match) -> Option<Meant<T>> {
        let mut inner = pair.into_inner();
        if inner.len() == 1 {
            return self.meant(inner.next()?);
        }
        let first = self.value(inner.next()?);
        let mut rest = Some(Vec::new());
        while let (Some(operator), Some(side)) = (inner.next(), inner.next()) {
            let side = self.value(side);
            rest = rest.zip(side).map(|(mut rest, side)| {
                rest.push((comparison(operator.as_str()), side));
                rest
            });
        }
        Some(Meant::Condition(Condition::Chain(first?, rest?)))
    }

    /// Operators of one precedence, from left to right.
    fn operators<T: Arithmetic>(&mut self, pair: Match) -> Option<Meant<T>> {
        let start = pair.as_span().start();
        let mut inner = pair.into_inner();
        if inner.len() == 1 {
            return self.meant(inner.next()?);
        }
        let mut left: Option<T> = self.value(inner.next()?);
        while let (Some(operator), Some(right)) = (inner.next(), inner.next()) {
            let whole = span(start, end_of(&right));
            let right = self.value(right);
            left = left.zip(right).and_then(|(left, right)| {
                T::combined(operator.as_str(), left, right, whole)
                    .map_err(|mistake| self.report(mistake, span_of(&operator)))
                    .ok()
            });
        }
        left.map(Meant::Value)
    }

    fn factor<T: Arithmetic>(&mut self, pair: Match) -> Option<Meant<T>> {
        let end = end_of(&pair);
        let mut inner = pair.into_inner();
        let minuses: Vec<usize> = inner.clone().map_while(minus).collect();
        let operand = inner.nth(minuses.len())?;
        if minuses.is_empty() {
            return self.meant(operand);
        }
        let mut value: T = self.value(operand)?;
        for start in minuses.into_iter().rev() {
            value = value.negated(span(start, end));
        }
        Some(Meant::Value(value))
    }

    fn arguments<T: Arithmetic>(&mut self, pairs: Vec<Match>) -> Option<Vec<T>> {
        let arguments: Vec<Option<T>> = pairs.into_iter().map(|pair| self.value(pair)).collect();
        arguments.into_iter().collect()
    }

    fn not_affine(&mut self, what: &'static str, span: Span) -> Option<AffineKind> {
        self.report(Syntax::NotAffine(what), span);
        None
    }
}

impl Arithmetic for Affine {
    fn leaf(builder: &mut Builder, pair: Match) -> Option<Affine> {
        let (rule, text, span) = (pair.as_rule(), text_of(&pair), span_of(&pair));
        let kind = match rule {
            Rule::number if text.bytes().all(|b| b.is_ascii_digit()) => match text.parse() {
                Ok(value) => Some(AffineKind::Int(value)),
                Err(_) => {
                    builder.report(Syntax::TooLarge(text.into()), span);
                    None
                }
            },
            Rule::number => builder.not_affine("a fraction", span),
            Rule::call => {
                let mut inner = parts(pair);
                let make = match inner.next()?.as_str() {
                    "min" => AffineKind::Min,
                    "max" => AffineKind::Max,
                    _ => return builder.not_affine("a call", span).map(Affine::from),
                };
                builder.arguments(inner.collect()).map(make)
            }
            _ if text == "inf" => builder.not_affine("`inf`", span),
            _ => {
                let access = builder.access(pair);
                if access.indices.is_empty() && !text.ends_with(']') {
                    Some(AffineKind::Name(access.array))
                } else {
                    builder.not_affine("an array element", span)
                }
            }
        }?;
        Some(Affine { kind, span })
    }

    fn negated(self, span: Span) -> Affine {
        Affine { kind: AffineKind::Neg(Box::new(self)), span }
    }

    fn combined(operator: &str, left: Affine, right: Affine, span: Span) -> Result<Affine, Syntax> {
        let make = match operator {
            "+" => AffineKind::Add,
            "-" => AffineKind::Sub,
            "*" => AffineKind::Mul,
            "/" => AffineKind::Div,
            _ => AffineKind::Mod,
        };
        Ok(Affine { kind: make(Box::new(left), Box::new(right)), span })
    }
}

impl Arithmetic for Expr {
    fn leaf(builder: &mut Builder, pair: Match) -> Option<Expr> {
        let (rule, text, span) = (pair.as_rule(), text_of(&pair), span_of(&pair));
        let kind = match rule {
            Rule::number => match text.parse::<f64>() {
                Ok(value) if value.is_finite() => ExprKind::Number(value),
                _ => {
                    builder.report(Syntax::TooLarge(text.into()), span);
                    return None;
                }
            },
            Rule::call => call(builder, pair)?,
            _ if text == "inf" => ExprKind::Inf,
            _ => {
                let access = builder.access(pair);
                let is_bare = access.indices.is_empty() && !text.ends_with(']');
                if is_bare && !builder.arrays.contains(&access.array) {
                    ExprKind::Name(access.array)
                } else {
                    ExprKind::Access(access)
                }
            }
        };
        Some(Expr { kind, span })
    }

    fn negated(self, span: Span) -> Expr {
        Expr { kind: ExprKind::Neg(Box::new(self)), span }
    }

    fn combined(operator: &str, left: Expr, right: Expr, span: Span) -> Result<Expr, Syntax> {
        let op = match operator {
            "+" => BinaryOp::Add,
            "-" => BinaryOp::Sub,
            "*" => BinaryOp::Mul,
            "/" => BinaryOp::Div,
            _ => return Err(Syntax::Remainder),
        };
        Ok(Expr { kind: ExprKind::Binary(op, Box::new(left), Box::new(right)), span })
    }
}

fn call(builder: &mut Builder, pair: Match) -> Option<ExprKind> {
    let span = span_of(&pair);
    let mut inner = parts(pair);
    let name = inner.next()?;
    let arguments: Vec<_> = inner.collect();
    if name.as_str() == "select" {
        let [condition, then, orelse] = match <[_; 3]>::try_from(arguments) {
            Ok(three) => three,
            Err(arguments) => {
                builder.report(Syntax::SelectArguments(arguments.len()), span);
                return None;
            }
        };
        let condition = builder.condition(condition);
        let (then, orelse) = (builder.value(then), builder.value(orelse));
        return Some(ExprKind::Select(Box::new(condition?), Box::new(then?), Box::new(orelse?)));
    }
    let Some(call) = call_named(name.as_str()) else {
        builder.report(Syntax::UnknownCall(name.as_str().into()), span_of(&name));
        return None;
    };
    builder.arguments(arguments).map(|arguments| ExprKind::Call(call, arguments))
}

fn comparison(operator: &str) -> Comparison {
    match operator {
        "<" => Comparison::Lt,
        "<=" => Comparison::Le,
        ">" => Comparison::Gt,
        ">=" => Comparison::Ge,
        "==" => Comparison::Eq,
        _ => Comparison::Ne,
    }
}

/// The place of a minus.
fn minus(pair: Match) -> Option<usize> {
    (pair.as_rule() == Rule::minus).then(|| pair.as_span().start())
}
