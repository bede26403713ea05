//! Which program is written in a text? The grammar's matches become the syntax tree.
//!
//! The grammar matches every text: what is no statement becomes a `broken` piece, for which the rule that was meant is asked
//! again what it missed. So one run reports the errors of all statements. The grammar has one rule for indices, bounds,
//! conditions and values; the tree built here tells them apart, by the two implementations of [`Arithmetic`].
//! What takes the declarations to see is left to [`crate::lang::resolve`].

use std::collections::HashSet;

use pest::Parser;
use pest::error::{ErrorVariant, InputLocation};
use pest::iterators::Pair;
use pest_derive::Parser;

use super::ast::*;
use super::diagnostic::Diagnostic;
use super::mistake::Syntax;
use super::scan::{scan, span};
use super::words::{call_named, is_reserved, role_named, type_named};

#[derive(Parser)]
#[grammar = "../grammar/polyfuse.pest"]
struct Grammar;

/// Errors shown of one text.
const MAX_ERRORS: usize = 100;

/// Reads a program of either level.
///
/// Names are not looked up, with one exception: a bare name in a value is an access where an array of that name is declared
/// above, and an iterator or a parameter elsewhere.
///
/// # Errors
/// All mistakes that the text shows without its declarations, in source order, up to a hundred.
pub fn parse(text: &str) -> Result<Program, Vec<Diagnostic>> {
    let scan = scan(text);
    let mut builder = Builder { text, is_cut: scan.end < text.len(), errors: scan.mistakes, ..Builder::default() };
    if !scan.is_hopeless {
        match Grammar::parse(Rule::program, &text[..scan.end]) {
            Ok(pairs) => pairs.flat_map(Pair::into_inner).for_each(|pair| builder.item(pair)),
            Err(error) => builder.unexpected(0, error),
        }
    }
    builder.finish()
}

/// A tree under construction. What cannot be built is reported and left out.
#[derive(Default)]
struct Builder<'t> {
    text: &'t str,
    /// Whether a comment that does not end hides the rest of the text.
    is_cut: bool,
    program: Program,
    /// The arrays declared so far.
    arrays: HashSet<Name>,
    errors: Vec<Diagnostic>,
}

impl Builder<'_> {
    fn finish(mut self) -> Result<Program, Vec<Diagnostic>> {
        if self.errors.is_empty() {
            return Ok(self.program);
        }
        self.errors.sort_by_key(|error| error.span.start);
        if self.errors.len() > MAX_ERRORS {
            let rest = self.errors.split_off(MAX_ERRORS);
            self.errors.push(Syntax::More(rest.len()).at(rest[0].span));
        }
        Err(self.errors)
    }

    fn report(&mut self, mistake: Syntax, span: Span) {
        self.errors.push(mistake.at(span));
    }

    fn item(&mut self, pair: Pair<Rule>) {
        match pair.as_rule() {
            Rule::param => parts(pair).for_each(|setting| self.setting(setting)),
            Rule::array => self.array(pair),
            Rule::stray => self.report(Syntax::StrayBrace, span_of(&pair)),
            Rule::EOI => {}
            _ => {
                let mut body = std::mem::take(&mut self.program.body);
                self.statement(pair, true, &mut body);
                self.program.body = body;
            }
        }
    }

    fn setting(&mut self, pair: Pair<Rule>) {
        let span = span_of(&pair);
        let mut inner = parts(pair);
        let (Some(name), Some(value)) = (inner.next(), inner.next()) else { return };
        let name = self.name(&name);
        if let Some(value) = self.integer(value, "parameter's value") {
            self.program.params.push(Param { name, value, span });
        }
    }

    fn array(&mut self, pair: Pair<Rule>) {
        let (mut role, mut ty) = (Role::Temp, Type::F32);
        for part in parts(pair) {
            match part.as_rule() {
                Rule::role => role = role_named(part.as_str()).unwrap_or(role),
                Rule::element_type => ty = type_named(part.as_str()).unwrap_or(ty),
                _ => {
                    let Access { array: name, indices: dims, span } = self.access(part);
                    self.arrays.insert(name.clone());
                    self.program.arrays.push(Array { role, ty, name, dims, extents: Vec::new(), span });
                }
            }
        }
    }

    fn body(&mut self, block: Pair<Rule>) -> Vec<Stmt> {
        let mut body = Vec::new();
        let brace = block.as_span().start();
        for pair in block.into_inner() {
            match pair.as_rule() {
                Rule::open_brace => {}
                Rule::unclosed if self.is_cut => {}
                Rule::unclosed => self.report(Syntax::OpenBlock, span(brace, brace + 1)),
                _ => self.statement(pair, false, &mut body),
            }
        }
        body
    }

    fn statement(&mut self, pair: Pair<Rule>, is_outermost: bool, body: &mut Vec<Stmt>) {
        let span = span_of(&pair);
        let stmt = match pair.as_rule() {
            Rule::for_loop => self.for_loop(pair),
            Rule::if_else => self.if_else(pair),
            Rule::transfer => self.transfer(pair, span),
            Rule::assign => self.assign(pair, span),
            _ => {
                self.broken(pair, is_outermost);
                None
            }
        };
        body.extend(stmt);
    }

    fn for_loop(&mut self, pair: Pair<Rule>) -> Option<Stmt> {
        let mut inner = pair.into_inner();
        let (head, block) = (inner.next()?, inner.next()?);
        let span = span_of(&head);
        let ranges = self.ranges(parts(head));
        let body = self.body(block);
        Some(Stmt::For(For { ranges: ranges?, body, span }))
    }

    fn ranges<'p>(&mut self, pairs: impl Iterator<Item = Pair<'p, Rule>>) -> Option<Vec<Range>> {
        let ranges: Vec<Option<Range>> = pairs.map(|pair| self.range(pair)).collect();
        ranges.into_iter().collect()
    }

    fn range(&mut self, pair: Pair<Rule>) -> Option<Range> {
        let span = span_of(&pair);
        let mut inner = parts(pair);
        let (name, lo, hi) = (inner.next()?, inner.next()?, inner.next()?);
        let iterator = self.name(&name);
        let (lo, hi) = (self.value(lo), self.value(hi));
        let step = inner.next().map_or(Some(1), |step| self.integer(step, "step"));
        Some(Range { iterator, lo: lo?, hi: hi?, step: step?, span })
    }

    /// The arms of an `if`, each `else if` inside of the `else` before it.
    fn if_else(&mut self, pair: Pair<Rule>) -> Option<Stmt> {
        let mut arms = Vec::new();
        let mut orelse = Vec::new();
        let mut inner = parts(pair);
        while let Some(part) = inner.next() {
            if part.as_rule() == Rule::if_head {
                let span = span_of(&part);
                let condition = parts(part).next().and_then(|pair| self.condition(pair));
                let then = inner.next().map_or_else(Vec::new, |block| self.body(block));
                arms.push((condition, then, span));
            } else {
                orelse = self.body(part);
            }
        }
        let mut stmt = None;
        for (condition, then, span) in arms.into_iter().rev() {
            orelse.extend(stmt.take());
            stmt = Some(Stmt::If(If { condition: condition?, then, orelse: std::mem::take(&mut orelse), span }));
        }
        stmt
    }

    fn transfer(&mut self, pair: Pair<Rule>, span: Span) -> Option<Stmt> {
        let mut inner = parts(pair);
        let direction = match inner.next()?.as_str() {
            "load" => Direction::Load,
            _ => Direction::Store,
        };
        let target = self.access(inner.next()?);
        let source = self.access(inner.next()?);
        let ranges = self.ranges(inner)?;
        Some(Stmt::Transfer(Transfer { direction, target, source, ranges, span }))
    }

    fn assign(&mut self, pair: Pair<Rule>, span: Span) -> Option<Stmt> {
        let mut inner = parts(pair).peekable();
        let label = inner.next_if(|part| part.as_rule() == Rule::label);
        let label = label.and_then(|label| label.into_inner().next()).map(|name| self.name(&name));
        let target = self.access(inner.next()?);
        let op = match inner.next()?.as_str() {
            "+=" => AssignOp::Add,
            "-=" => AssignOp::Sub,
            "*=" => AssignOp::Mul,
            "max=" => AssignOp::Max,
            "min=" => AssignOp::Min,
            _ => AssignOp::Set,
        };
        let value = self.value(inner.next()?)?;
        Some(Stmt::Assign(Assign { label, target, op, value, span }))
    }

    /// A name, its indices, if any, and its span. Indices that are not affine are reported and left out.
    fn access(&mut self, pair: Pair<Rule>) -> Access {
        let span = span_of(&pair);
        let mut inner = pair.into_inner();
        let array = inner.next().map_or_else(|| "".into(), |name| self.name(&name));
        let indices = inner.filter_map(|index| self.value(parts(index).next()?)).collect();
        Access { array, indices, span }
    }

    fn name(&mut self, pair: &Pair<Rule>) -> Name {
        if is_reserved(pair.as_str()) {
            self.report(Syntax::Reserved(pair.as_str().into()), span_of(pair));
        }
        pair.as_str().into()
    }

    /// A literal, perhaps with a sign.
    fn integer(&mut self, pair: Pair<Rule>, what: &'static str) -> Option<i64> {
        let span = span_of(&pair);
        let affine: Affine = self.value(pair)?;
        let value = match affine.kind {
            AffineKind::Int(value) => Some(value),
            AffineKind::Neg(inner) => match inner.kind {
                AffineKind::Int(value) => Some(-value),
                _ => None,
            },
            _ => None,
        };
        if value.is_none() {
            self.report(Syntax::NotAnInteger(what), span);
        }
        value
    }
}

/// What the rules of expressions are read as: integers in [`Affine`], real numbers in [`Expr`].
trait Arithmetic: Sized {
    /// A number, an access or a call.
    fn leaf(builder: &mut Builder, pair: Pair<Rule>) -> Option<Self>;
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
    fn value<T: Arithmetic>(&mut self, pair: Pair<Rule>) -> Option<T> {
        let span = span_of(&pair);
        match self.meant(pair)? {
            Meant::Value(value) => Some(value),
            Meant::Condition(_) => {
                self.report(Syntax::NotAValue, span);
                None
            }
        }
    }

    fn condition<T: Arithmetic>(&mut self, pair: Pair<Rule>) -> Option<Condition<T>> {
        let span = span_of(&pair);
        match self.meant(pair)? {
            Meant::Condition(condition) => Some(condition),
            Meant::Value(_) => {
                self.report(Syntax::NotACondition, span);
                None
            }
        }
    }

    fn meant<T: Arithmetic>(&mut self, pair: Pair<Rule>) -> Option<Meant<T>> {
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
    fn joined<T: Arithmetic>(
        &mut self,
        pair: Pair<Rule>,
        join: fn(Vec<Condition<T>>) -> Condition<T>,
    ) -> Option<Meant<T>> {
        let mut inner = pair.into_inner();
        if inner.len() == 1 {
            return self.meant(inner.next()?);
        }
        let conditions: Vec<_> = inner.map(|pair| self.condition(pair)).collect();
        Some(Meant::Condition(join(conditions.into_iter().collect::<Option<_>>()?)))
    }

    fn negation<T: Arithmetic>(&mut self, pair: Pair<Rule>) -> Option<Meant<T>> {
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

    fn comparison<T: Arithmetic>(&mut self, pair: Pair<Rule>) -> Option<Meant<T>> {
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
    fn operators<T: Arithmetic>(&mut self, pair: Pair<Rule>) -> Option<Meant<T>> {
        let start = pair.as_span().start();
        let mut inner = pair.into_inner();
        if inner.len() == 1 {
            return self.meant(inner.next()?);
        }
        let mut left: Option<T> = self.value(inner.next()?);
        while let (Some(operator), Some(right)) = (inner.next(), inner.next()) {
            let whole = span(start, right.as_span().end());
            let right = self.value(right);
            left = left.zip(right).and_then(|(left, right)| {
                T::combined(operator.as_str(), left, right, whole)
                    .map_err(|mistake| self.report(mistake, span_of(&operator)))
                    .ok()
            });
        }
        left.map(Meant::Value)
    }

    fn factor<T: Arithmetic>(&mut self, pair: Pair<Rule>) -> Option<Meant<T>> {
        let end = pair.as_span().end();
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

    fn arguments<T: Arithmetic>(&mut self, pairs: Vec<Pair<Rule>>) -> Option<Vec<T>> {
        let arguments: Vec<Option<T>> = pairs.into_iter().map(|pair| self.value(pair)).collect();
        arguments.into_iter().collect()
    }

    fn not_affine(&mut self, what: &'static str, span: Span) -> Option<AffineKind> {
        self.report(Syntax::NotAffine(what), span);
        None
    }
}

impl Arithmetic for Affine {
    fn leaf(builder: &mut Builder, pair: Pair<Rule>) -> Option<Affine> {
        let (rule, text, span) = (pair.as_rule(), pair.as_str(), span_of(&pair));
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
    fn leaf(builder: &mut Builder, pair: Pair<Rule>) -> Option<Expr> {
        let (rule, text, span) = (pair.as_rule(), pair.as_str(), span_of(&pair));
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

fn call(builder: &mut Builder, pair: Pair<Rule>) -> Option<ExprKind> {
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

/// Pieces that no rule of a statement matched.
impl Builder<'_> {
    fn broken(&mut self, pair: Pair<Rule>, is_outermost: bool) {
        let start = pair.as_span().start();
        let mut head_end = pair.as_span().end();
        for part in pair.into_inner() {
            if part.as_rule() == Rule::block {
                head_end = part.as_span().start();
                self.body(part);
            }
        }
        let is_reported = |error: &Diagnostic| (start..=head_end).contains(&(error.span.start as usize));
        if self.errors.len() <= MAX_ERRORS && !self.errors.iter().any(is_reported) {
            self.broken_head(start, is_outermost);
        }
    }

    /// Asks the rule that the first word of a statement at `start` stands for what it misses.
    fn broken_head(&mut self, start: usize, is_outermost: bool) {
        let (word, at) = token(self.text, start);
        let rule = match word {
            ";" => return self.report(Syntax::EmptyStatement, at),
            "param" | "input" | "output" | "inout" | "temp" | "scratch" if !is_outermost => {
                return self.report(Syntax::DeclarationInBody(word.into()), at);
            }
            "param" => Rule::param,
            "input" | "output" | "inout" | "temp" | "scratch" => Rule::array,
            "for" => Rule::for_head,
            "if" => Rule::if_head,
            "else" => Rule::else_head,
            "load" | "store" => Rule::transfer,
            _ => Rule::assign,
        };
        match Grammar::parse(rule, &self.text[start..]) {
            Err(error) => self.unexpected(start, error),
            Ok(_) => self.report(Syntax::ElseWithoutIf, at),
        }
    }

    /// Reports what the grammar expected in the text from `start`.
    fn unexpected(&mut self, start: usize, error: pest::error::Error<Rule>) {
        let at = start
            + match error.location {
                InputLocation::Pos(at) => at,
                InputLocation::Span((at, _)) => at,
            };
        let (word, mut span) = token(self.text, at);
        let expected = match error.variant {
            ErrorVariant::ParsingError { positives, .. } => positives,
            ErrorVariant::CustomError { .. } => Vec::new(),
        };
        if expected.contains(&Rule::name) && is_reserved(word) {
            return self.report(Syntax::Reserved(word.into()), span);
        }
        let found = if word.is_empty() { "the end of the text".into() } else { format!("`{word}`") };
        if expected.contains(&Rule::end) {
            span = end_of_line_before(self.text, at).unwrap_or(span);
        }
        let help = expected.iter().find_map(|rule| cure(*rule)).unwrap_or(STATEMENTS);
        let expected = in_words(&expected);
        self.report(Syntax::Unexpected { found, expected, help }, span);
    }
}

const STATEMENTS: &str = "a statement is `for`, `if`, `load`, `store` or an assignment such as `C[i] += A[i];`; declarations start with \
     `param`, `input`, `output`, `inout`, `temp` or `scratch`";

/// How to write what a rule stands for.
fn cure(rule: Rule) -> Option<&'static str> {
    Some(match rule {
        Rule::end => "end it with `;`",
        Rule::open_brace => "a body stands in braces: `{ .. }`",
        Rule::kw_in | Rule::dots | Rule::range => "a range is written `i in 0..N`, or `i in 0..N step 4`",
        Rule::close_paren => "close the parenthesis with `)`",
        Rule::close_bracket => "close the index with `]`; two indices are written `A[i][j]`",
        Rule::equals => "write `=`: a parameter is `param N = 4;`, a transfer `load S[i] = A[i] for i in 0..4;`",
        Rule::setting => "a parameter is written `param N = 4;`",
        Rule::declarator | Rule::element_type => "an array is written `input f16 A[N][M];`, a scalar `temp x;`",
        Rule::expression | Rule::conjunction | Rule::negation | Rule::comparison | Rule::sum | Rule::product => {
            "write a number, a name, `A[i]`, a call or a parenthesis here"
        }
        Rule::factor | Rule::number | Rule::call | Rule::group => {
            "write a number, a name, `A[i]`, a call or a parenthesis here"
        }
        _ => return None,
    })
}

/// A list of what would have been right, each thing once.
fn in_words(expected: &[Rule]) -> String {
    let mut words: Vec<&str> = Vec::new();
    for rule in expected {
        let word = match rule {
            Rule::end => "`;`",
            Rule::equals => "`=`",
            Rule::dots => "`..`",
            Rule::open_brace => "`{`",
            Rule::close_paren => "`)`",
            Rule::close_bracket => "`]`",
            Rule::kw_in => "`in`",
            Rule::kw_for => "`for`",
            Rule::kw_if => "`if`",
            Rule::kw_step => "`step`",
            Rule::assign_op => "`=` or `+=`",
            Rule::index => "`[`",
            Rule::name | Rule::setting | Rule::declarator => "a name",
            Rule::range => "a range",
            Rule::access => "an array",
            Rule::element_type => "a type",
            Rule::compare_op | Rule::add_op | Rule::mul_op => "an operator",
            Rule::label | Rule::assign | Rule::EOI => "a statement",
            _ => "a value",
        };
        if !words.contains(&word) {
            words.push(word);
        }
    }
    match words.split_last() {
        Some((last, [])) => (*last).into(),
        Some((last, others)) => format!("{} or {last}", others.join(", ")),
        None => "something else".into(),
    }
}

/// The token at or after byte `at`, empty at the end of the text.
fn token(text: &str, at: usize) -> (&str, Span) {
    let at = text.floor_char_boundary(at);
    let rest = text[at..].trim_ascii_start();
    let start = text.len() - rest.len();
    let word = rest.bytes().take_while(|b| b.is_ascii_alphanumeric() || *b == b'_').count();
    let length = match rest.chars().next() {
        None => 0,
        Some(_) if word > 0 => word,
        Some(_) if ["..", "<=", ">=", "==", "!=", "&&", "||", "+=", "-=", "*="].iter().any(|t| rest.starts_with(t)) => {
            2
        }
        Some(c) => c.len_utf8(),
    };
    (&rest[..length], span(start, start + length))
}

/// Where a missing `;` belongs: the end of the last line with text before `at`, if that is another line.
fn end_of_line_before(text: &str, at: usize) -> Option<Span> {
    let before = text[..text.floor_char_boundary(at)].trim_ascii_end();
    let is_other_line = text[before.len()..text.floor_char_boundary(at)].contains('\n');
    is_other_line.then(|| span(before.len().saturating_sub(1), before.len()))
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
fn minus(pair: Pair<Rule>) -> Option<usize> {
    (pair.as_rule() == Rule::minus).then(|| pair.as_span().start())
}

/// The parts of a match without the tokens that are rules for the errors' sake.
fn parts(pair: Pair<Rule>) -> impl Iterator<Item = Pair<Rule>> {
    pair.into_inner().filter(|part| {
        !matches!(
            part.as_rule(),
            Rule::end
                | Rule::equals
                | Rule::dots
                | Rule::open_brace
                | Rule::close_paren
                | Rule::close_bracket
                | Rule::kw_param
                | Rule::kw_for
                | Rule::kw_in
                | Rule::kw_step
                | Rule::kw_if
                | Rule::kw_else
        )
    })
}

fn span_of(pair: &Pair<Rule>) -> Span {
    let place = pair.as_span();
    span(place.start(), place.end())
}
