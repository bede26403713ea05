//! What is wrong with a statement that the grammar does not match? Its first word tells which rule was meant; that rule is
//! asked again, alone, and what it missed becomes the message.

use super::{Builder, MAX_ERRORS, Match, Missed, Rule, missed};
use crate::lang::ast::Span;
use crate::lang::diagnostic::Diagnostic;
use crate::lang::mistake::Syntax;
use crate::lang::scan::span;
use crate::lang::words::is_reserved;

impl Builder<'_> {
    /// Reports a piece that no rule of a statement matches, and reads the body in it, if there is one. `lacks_if`: its `else` has no `if`
    /// because that is broken, too, which has been said.
    pub(super) fn broken(&mut self, pair: Match, is_outermost: bool, lacks_if: bool) {
        let start = pair.as_span().start();
        let word = token(self.text, start).0;
        let mut head_end = pair.as_span().end();
        let block = pair.into_inner().find(|part| part.as_rule() == Rule::block);
        if let Some(block) = &block {
            head_end = block.as_span().start();
        }
        let is_reported = |error: &Diagnostic| (start..=head_end).contains(&(error.span.start as usize));
        let is_said = lacks_if && word == "else";
        if !is_said && self.errors.len() <= MAX_ERRORS && !self.errors.iter().any(is_reported) {
            self.broken_head(start, is_outermost);
        }
        if let Some(block) = block {
            self.body(block);
        }
        self.lacks_if = word == "if" || is_said;
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
        match missed(rule, &self.text[start..]) {
            Some(Missed { at, expected }) => {
                let at = start + at;
                match in_place_of_a_type(self.text, start, at) {
                    Some((word, span)) if rule == Rule::array => self.report(Syntax::NotAType(word.into()), span),
                    _ => self.unexpected(Missed { at, expected }, rule),
                }
            }
            None => self.report(Syntax::ElseWithoutIf, at),
        }
    }

    /// Reports what `rule` expected instead of what it found.
    pub(super) fn unexpected(&mut self, missed: Missed, rule: Rule) {
        let Missed { at, expected } = missed;
        let (word, span) = token(self.text, at);
        let found = if word.is_empty() { "the end of the text".into() } else { format!("`{word}`") };
        if expected.contains(&Rule::end)
            && let Some(before) = end_of_statement_before(self.text, at)
        {
            return self.report(Syntax::MissingEnd, before);
        }
        let is_condition = matches!(rule, Rule::if_head | Rule::else_head);
        let compares = (is_condition && word == "=").then_some("two numbers are compared with `==`");
        let help = compares
            .or_else(|| expected.iter().find_map(|rule| cure(*rule)))
            .or_else(|| cure(rule))
            .unwrap_or(STATEMENTS);
        let expected = in_words(&expected);
        self.report(Syntax::Unexpected { found, expected, help }, span);
    }
}

/// The cure where nothing tells what was meant.
const STATEMENTS: &str = "a statement is `for`, `if`, `load`, `store` or an assignment such as `C[i] += A[i];`; declarations start with \
     `param`, `input`, `output`, `inout`, `temp` or `scratch`";

/// How to write what a rule stands for.
fn cure(rule: Rule) -> Option<&'static str> {
    Some(match rule {
        Rule::end => "end it with `;`",
        Rule::open_brace => "a body stands in braces: `{ .. }`",
        Rule::kw_in | Rule::dots | Rule::range | Rule::for_head => {
            "a range is written `i in 0..N`, or `i in 0..N step 4`"
        }
        Rule::close_paren => "close the parenthesis with `)`",
        Rule::close_bracket => "close the index with `]`; two indices are written `A[i][j]`",
        Rule::assign_op => "an assignment is written `C[i] = 0;`, or with `+=`, `-=`, `*=`, `max=` or `min=`",
        Rule::equals => "write `=`: a parameter is `param N = 4;`, a transfer `load S[i] = A[i] for i in 0..4;`",
        Rule::setting | Rule::param => "a parameter is written `param N = 4;`",
        Rule::declarator | Rule::element_type | Rule::array => {
            "an array is written `input f16 A[N][M];`, a scalar `temp x;`"
        }
        Rule::expression
        | Rule::conjunction
        | Rule::negation
        | Rule::comparison
        | Rule::sum
        | Rule::product
        | Rule::factor
        | Rule::number
        | Rule::call
        | Rule::group => "write a number, a name, `A[i]`, a call or a parenthesis here",
        Rule::transfer => "a transfer is written `load S[i] = A[i] for i in 0..4;`",
        Rule::tile | Rule::tile_loop => "loops are written `tile i by 64, j by 32 { S0; }`",
        Rule::kw_by => {
            "a size comes last: `tile i by 64 { S0; }`, `block S0 by 64;`, `strip i of S0 by 2;`, `overlap S0 to S4 along i of S4 by 8;`"
        }
        Rule::in_blocks | Rule::blocked => "nests run in blocks with `block S0 by 64;`, or `block S0 by 64, S5 by 32;`",
        Rule::overlap | Rule::slabs | Rule::kw_to | Rule::kw_along => {
            "nests run in slabs of rows with `overlap S0 to S4 along i of S4 by 8;`"
        }
        Rule::recompute | Rule::recomputed | Rule::in_each | Rule::blocks_of => {
            "a temp is computed again where it is read with `recompute T for S4 over i by 64;`"
        }
        Rule::merge | Rule::merged | Rule::kw_into => {
            "a temp shares the memory of what is made of it with `merge T into V;`"
        }
        Rule::keep | Rule::user | Rule::depth | Rule::kw_keep => {
            "a buffer is written `keep A for S0, S1 in 2 loops;`, behind the loops of its group"
        }
        Rule::exception => "an exception is written `tile i by 64 (S1 at i + 1)`",
        Rule::expanded | Rule::over | Rule::renamed => {
            "a temp is expanded with `expand T over i;`, or `expand T of S4 as T2 over i;`"
        }
        Rule::strip | Rule::stripped => {
            "a loop runs as two, over pairs of values and inside them, with `strip i of S0 by 2;`"
        }
        Rule::cut => "a loop is split with `split i of S0 at 512;`",
        Rule::kw_of => {
            "a loop is named with a statement in it: `split i of S0 at 512;`, `strip i of S0 by 2;`, `overlap S0 to S4 along i of S4 by 8;`"
        }
        Rule::schedule_file | Rule::run_group | Rule::kw_group => {
            "a schedule is what `--emit schedule` writes: `expand`, `strip`, `split`, `block`, `overlap`, `recompute` and `merge`, then groups such as `group { tile i by 64 { S0; } keep A \
             for S0 in 1 loop; }`, then `keep`s of the whole program"
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
            Rule::equals | Rule::assign_op => "`=`",
            Rule::dots => "`..`",
            Rule::open_brace => "`{`",
            Rule::close_paren => "`)`",
            Rule::close_bracket => "`]`",
            Rule::kw_in => "`in`",
            Rule::kw_for => "`for`",
            Rule::kw_if => "`if`",
            Rule::kw_step => "`step`",
            Rule::kw_and => "`and`",
            Rule::renamed => "`as`",
            Rule::over | Rule::in_each => "`over`",
            Rule::kw_of => "`of`",
            Rule::kw_at => "`at`",
            Rule::kw_by => "`by`",
            Rule::kw_loops => "`loops`",
            Rule::close_brace => "`}`",
            Rule::omit | Rule::kw_omit => "`omit`",
            Rule::kw_dead => "`dead`",
            Rule::part | Rule::kw_part => "`part`",
            Rule::kw_nests => "`nests`",
            Rule::kw_statements => "`statements`",
            Rule::expand | Rule::kw_expand => "`expand`",
            Rule::strip | Rule::kw_strip => "`strip`",
            Rule::split | Rule::kw_split => "`split`",
            Rule::in_blocks | Rule::kw_block => "`block`",
            Rule::overlap | Rule::kw_overlap => "`overlap`",
            Rule::recompute | Rule::kw_recompute => "`recompute`",
            Rule::merge | Rule::kw_merge => "`merge`",
            Rule::kw_into => "`into`",
            Rule::run_group | Rule::kw_group => "`group`",
            Rule::tile | Rule::kw_tile => "`tile`",
            Rule::keep | Rule::kw_keep => "`keep`",
            Rule::depth => "`in`",
            Rule::kw_to => "`to`",
            Rule::kw_along => "`along`",
            Rule::mention | Rule::leaf | Rule::user | Rule::exception | Rule::slabs | Rule::blocked => {
                "a statement's label"
            }
            Rule::index => "`[`",
            Rule::name
            | Rule::setting
            | Rule::declarator
            | Rule::expanded
            | Rule::cut
            | Rule::stripped
            | Rule::recomputed
            | Rule::blocks_of
            | Rule::merged => "a name",
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

/// What is shown as one token, though the language lacks the last two.
const PAIRS: [&str; 12] = ["..", "<=", ">=", "==", "!=", "&&", "||", "+=", "-=", "*=", "/=", "%="];

/// The token at or after byte `at`, empty at the end of the text.
fn token(text: &str, at: usize) -> (&str, Span) {
    let rest = text[at..].trim_ascii_start();
    let start = text.len() - rest.len();
    let word = rest.bytes().take_while(|b| b.is_ascii_alphanumeric() || *b == b'_').count();
    let length = match rest.chars().next() {
        None => 0,
        Some(_) if word > 0 => word,
        Some(_) if PAIRS.iter().any(|pair| rest.starts_with(pair)) => 2,
        Some(c) => c.len_utf8(),
    };
    (&rest[..length], span(start, start + length))
}

/// The second word of a declaration at `start`, if a name behind it in its line, at `at`, shows that a type was meant.
fn in_place_of_a_type(text: &str, start: usize, at: usize) -> Option<(&str, Span)> {
    let behind = |span: Span| token(text, span.end as usize);
    let (_, role) = token(text, start);
    let (word, meant) = behind(role);
    let (name, place) = behind(meant);
    let gap = &text[meant.end as usize..place.start as usize];
    let is_word = |word: &str| word.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_') && !is_reserved(word);
    let is_meant = is_word(word) && is_word(name) && !gap.contains('\n') && place == token(text, at).1;
    is_meant.then_some((word, meant))
}

/// The last character before `at`, if what stands at `at` shows that a statement ends there: another line or a brace.
fn end_of_statement_before(text: &str, at: usize) -> Option<Span> {
    let before = text[..at].trim_ascii_end().len();
    let ends = text[before..at].contains('\n') || matches!(text.as_bytes().get(at), None | Some(b'{' | b'}'));
    let last = text[..before].char_indices().next_back().map_or(0, |(start, _)| start);
    ends.then(|| span(last, before))
}
