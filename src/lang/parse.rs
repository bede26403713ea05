//! Which program is written in a text? The grammar's matches become the syntax tree.
//!
//! The grammar matches every text: what is no statement becomes a `broken` piece, for which the rule that was meant is asked
//! again what it missed. So one run reports the errors of all statements.
//! What takes the declarations to see is left to [`crate::lang::resolve`].

mod broken;
mod decisions;
mod expression;

pub use decisions::decisions;

use std::collections::HashSet;

use pest::Parser;
use pest::error::{Error, ErrorVariant, InputLocation};
use pest_derive::Parser;

use super::ast::*;
use super::diagnostic::Diagnostic;
use super::mistake::{MAX_DIMENSIONS, MAX_STATEMENTS, Syntax};
use super::scan::{scan, span};
use super::words::{is_reserved, role_named, type_named};

#[derive(Parser)]
#[grammar = "../grammar/polyfuse.pest"]
#[grammar = "../grammar/schedule.pest"]
struct Grammar;

/// A piece of text that a rule of the grammar matches, and the matches inside of it.
type Match<'t> = pest::iterators::Pair<'t, Rule>;

/// Where a text stops to match, and the rules that were tried there.
struct Missed {
    at: usize,
    expected: Vec<Rule>,
}

impl From<Error<Rule>> for Missed {
    fn from(error: Error<Rule>) -> Missed {
        let (InputLocation::Pos(at) | InputLocation::Span((at, _))) = error.location;
        let expected = match error.variant {
            ErrorVariant::ParsingError { positives, .. } => positives,
            ErrorVariant::CustomError { .. } => Vec::new(),
        };
        Missed { at, expected }
    }
}

/// What `rule` misses at the start of `text`, if it does not match.
fn missed(rule: Rule, text: &str) -> Option<Missed> {
    Grammar::parse(rule, text).err().map(Missed::from)
}

/// Errors shown of one text.
const MAX_ERRORS: usize = 100;

/// Reads a program of either level.
///
/// Names are not looked up, with one exception: a bare name in a value is an access where an array of that name is declared,
/// and an iterator or a parameter elsewhere.
///
/// # Errors
/// All mistakes that the text shows without its declarations, in source order, up to a hundred.
pub fn parse(text: &str) -> Result<Program, Vec<Diagnostic>> {
    let scan = scan(text);
    let (text, is_cut) = (&text[..scan.end], scan.end < text.len());
    let mut builder = Builder { text, is_cut, errors: scan.mistakes, ..Builder::default() };
    if !scan.is_hopeless {
        match Grammar::parse(Rule::program, text) {
            Ok(pairs) => {
                // Declarations first: whether a bare name is a scalar array takes all of them.
                let (declarations, others): (Vec<_>, Vec<_>) =
                    pairs.flat_map(Match::into_inner).partition(is_declaration);
                declarations.into_iter().chain(others).for_each(|pair| builder.item(pair));
            }
            Err(error) => builder.unexpected(error.into(), Rule::program),
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
    /// The names of the arrays declared.
    arrays: HashSet<Name>,
    errors: Vec<Diagnostic>,
    /// Whether the statement before is a broken `if`, whose `else` stands alone.
    lacks_if: bool,
    /// Statements read so far.
    statements: usize,
}

impl Builder<'_> {
    fn finish(mut self) -> Result<Program, Vec<Diagnostic>> {
        if self.errors.is_empty() {
            return Ok(self.program);
        }
        self.errors.sort_by_key(|error| error.span.start);
        if self.errors.len() > MAX_ERRORS {
            self.errors.truncate(MAX_ERRORS + 1);
            self.errors.last_mut().into_iter().for_each(|last| *last = Syntax::More.at(last.span));
        }
        Err(self.errors)
    }

    fn report(&mut self, mistake: Syntax, span: Span) {
        self.errors.push(mistake.at(span));
    }

    fn item(&mut self, pair: Match) {
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

    fn setting(&mut self, pair: Match) {
        let span = span_of(&pair);
        let mut inner = parts(pair);
        let (Some(name), Some(value)) = (inner.next(), inner.next()) else { return };
        let name = self.name(&name);
        if let Some(value) = self.integer(value, "parameter's value") {
            self.program.params.push(Param { name, value, span });
        }
    }

    fn array(&mut self, pair: Match) {
        let (mut role, mut ty) = (Role::Temp, Type::F32);
        for part in parts(pair) {
            match part.as_rule() {
                Rule::role => role = role_named(part.as_str()).unwrap_or(role),
                Rule::element_type => ty = type_named(part.as_str()).unwrap_or(ty),
                _ => {
                    let Access { array: name, indices: dims, span } = self.access(part);
                    if dims.len() > MAX_DIMENSIONS {
                        self.report(Syntax::TooManyDimensions, span);
                    }
                    self.arrays.insert(name.clone());
                    self.program.arrays.push(Array { role, ty, name, dims, extents: Vec::new(), span });
                }
            }
        }
    }

    fn body(&mut self, block: Match) -> Vec<Stmt> {
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
        self.lacks_if = false;
        body
    }

    fn statement(&mut self, pair: Match, is_outermost: bool, body: &mut Vec<Stmt>) {
        self.statements += 1;
        if self.statements > MAX_STATEMENTS {
            if self.statements == MAX_STATEMENTS + 1 {
                self.report(Syntax::TooManyStatements, span_of(&pair));
            }
            return;
        }
        let span = span_of(&pair);
        let lacks_if = std::mem::take(&mut self.lacks_if);
        let stmt = match pair.as_rule() {
            Rule::for_loop => self.for_loop(pair),
            Rule::if_else => self.if_else(pair),
            Rule::transfer => self.transfer(pair, span),
            Rule::assign => self.assign(pair, span),
            _ => {
                self.broken(pair, is_outermost, lacks_if);
                None
            }
        };
        body.extend(stmt);
    }

    fn for_loop(&mut self, pair: Match) -> Option<Stmt> {
        let mut inner = pair.into_inner();
        let (head, block) = (inner.next()?, inner.next()?);
        let span = span_of(&head);
        let ranges = self.ranges(parts(head));
        let body = self.body(block);
        Some(Stmt::For(For { ranges: ranges?, body, span }))
    }

    fn ranges<'p>(&mut self, pairs: impl Iterator<Item = Match<'p>>) -> Option<Vec<Range>> {
        let ranges: Vec<Option<Range>> = pairs.map(|pair| self.range(pair)).collect();
        ranges.into_iter().collect()
    }

    fn range(&mut self, pair: Match) -> Option<Range> {
        let span = span_of(&pair);
        let mut inner = parts(pair);
        let (name, lo, hi) = (inner.next()?, inner.next()?, inner.next()?);
        let iterator = self.name(&name);
        let (lo, hi) = (self.value(lo), self.value(hi));
        let step = inner.next().map_or(Some(1), |step| self.integer(step, "step"));
        Some(Range { iterator, lo: lo?, hi: hi?, step: step?, span })
    }

    /// The arms of an `if`, each `else if` inside of the `else` before it.
    fn if_else(&mut self, pair: Match) -> Option<Stmt> {
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

    fn transfer(&mut self, pair: Match, span: Span) -> Option<Stmt> {
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

    fn assign(&mut self, pair: Match, span: Span) -> Option<Stmt> {
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
    fn access(&mut self, pair: Match) -> Access {
        let span = span_of(&pair);
        let mut inner = pair.into_inner();
        let array = inner.next().map_or_else(|| "".into(), |name| self.name(&name));
        let indices = inner.filter_map(|index| self.value(parts(index).next()?)).collect();
        Access { array, indices, span }
    }

    fn name(&mut self, pair: &Match) -> Name {
        if is_reserved(pair.as_str()) {
            self.report(Syntax::Reserved(pair.as_str().into()), span_of(pair));
        }
        pair.as_str().into()
    }

    /// A literal, perhaps with a sign: whether its value makes sense is seen later.
    fn integer(&mut self, pair: Match, what: &'static str) -> Option<i64> {
        let text = text_of(&pair);
        let digits = text.strip_prefix('-').unwrap_or(text);
        let mistake = if digits.bytes().any(|b| !b.is_ascii_digit()) {
            Syntax::NotAnInteger(what)
        } else {
            match text.parse() {
                Ok(value) => return Some(value),
                Err(_) => Syntax::TooLarge(text.into()),
            }
        };
        self.report(mistake, span_of(&pair));
        None
    }
}

fn is_declaration(pair: &Match) -> bool {
    matches!(pair.as_rule(), Rule::param | Rule::array)
}

/// The parts of a match without the tokens that are rules for the errors' sake.
fn parts(pair: Match) -> impl Iterator<Item = Match> {
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
                | Rule::kw_part
                | Rule::kw_nests
                | Rule::kw_statements
                | Rule::kw_expand
                | Rule::kw_and
                | Rule::kw_as
                | Rule::kw_over
                | Rule::kw_strip
                | Rule::kw_split
                | Rule::kw_block
                | Rule::kw_overlap
                | Rule::kw_recompute
                | Rule::kw_merge
                | Rule::kw_into
                | Rule::kw_to
                | Rule::kw_along
                | Rule::kw_of
                | Rule::kw_at
                | Rule::kw_group
                | Rule::kw_tile
                | Rule::kw_by
                | Rule::kw_keep
                | Rule::kw_loops
                | Rule::close_brace
        )
    })
}

fn span_of(pair: &Match) -> Span {
    span(pair.as_span().start(), end_of(pair))
}

/// Where the last token of a match ends. The match itself may reach over blanks and comments up to the next token.
fn end_of(pair: &Match) -> usize {
    let mut last = pair.clone();
    while let Some(inner) = last.clone().into_inner().next_back() {
        last = inner;
    }
    last.as_span().end()
}

/// A match without the blanks and comments behind it.
fn text_of<'t>(pair: &Match<'t>) -> &'t str {
    &pair.get_input()[pair.as_span().start()..end_of(pair)]
}
