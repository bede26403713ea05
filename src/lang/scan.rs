//! Can a text be parsed safely, and which of its characters belong to no token?
//!
//! The parser recurses, and so does everything that walks a tree. This one pass over the bytes, with its own stack, bounds
//! both before they start: it counts how deep `for`, `if`, parentheses and signs nest, and how many operators of one
//! expression apply to one another. It accepts more than the grammar; brackets that do not match are the parser's to report.

use super::ast::Span;
use super::diagnostic::Diagnostic;
use super::mistake::{MAX_NESTING, MAX_OPERATORS, Syntax};

/// What the pass found.
pub struct Scan {
    /// Characters and numbers that are no tokens, in source order.
    pub mistakes: Vec<Diagnostic>,
    /// Where the text that can be parsed ends: at its end, or before a comment that does not end.
    pub end: usize,
    /// Nothing of the text can be parsed.
    pub is_hopeless: bool,
}

/// Looks at every token of `text`.
pub fn scan(text: &str) -> Scan {
    let mut scanner = Scanner {
        text,
        at: 0,
        stack: vec![Frame::default()],
        else_at: None,
        last_block: 0,
        expects_operand: true,
        found: Scan { mistakes: Vec::new(), end: text.len(), is_hopeless: false },
    };
    while scanner.at < scanner.found.end && !scanner.found.is_hopeless {
        scanner.token();
    }
    scanner.found
}

/// The span of bytes `start..end`.
pub fn span(start: usize, end: usize) -> Span {
    let clamp = |at: usize| u32::try_from(at).unwrap_or(u32::MAX);
    Span { start: clamp(start), end: clamp(end) }
}

#[derive(Clone, Copy, Default, PartialEq)]
enum Opened {
    /// `{`, or the whole text.
    #[default]
    Brace,
    Paren,
    Bracket,
}

/// What one open bracket holds so far.
#[derive(Clone, Copy, Default)]
struct Frame {
    opened: Opened,
    /// How deep its inside is, without the signs below.
    depth: usize,
    /// Unary minuses before the operand that is being read.
    minuses: usize,
    /// `!`s before the comparison that is being read.
    nots: usize,
    /// Operators on the longest path of the tree of the expression that is being read.
    height: usize,
    /// The largest height of the expressions before it.
    tallest: usize,
}

impl Frame {
    fn inner_depth(&self) -> usize {
        self.depth + self.minuses + self.nots
    }

    /// The next token starts an expression beside the one that ends here.
    fn next_expression(&mut self) {
        self.minuses = 0;
        self.tallest = self.tallest.max(self.height);
        self.height = 0;
    }
}

struct Scanner<'t> {
    text: &'t str,
    at: usize,
    /// Never empty: the whole text is its first frame.
    stack: Vec<Frame>,
    /// The depth of an `else` whose body has not opened yet: an `else if` is an `if` inside of an `else`.
    else_at: Option<usize>,
    /// How deep the inside of the body was that closed last.
    last_block: usize,
    /// Whether a `-` would be a sign.
    expects_operand: bool,
    found: Scan,
}

impl Scanner<'_> {
    fn token(&mut self) {
        let rest = &self.text.as_bytes()[self.at..];
        let length = match rest {
            [b' ' | b'\t' | b'\r' | b'\n', ..] => 1,
            [b'/', b'/', ..] => rest.iter().position(|&b| b == b'\n').unwrap_or(rest.len()),
            [b'/', b'*', ..] => self.comment(),
            [c, ..] if is_word(*c) => self.word(rest),
            [a, b, ..] if is_pair(*a, *b) => self.pair([*a, *b]),
            [c, ..] => self.single(*c),
            [] => 0,
        };
        self.at += length;
    }

    fn comment(&mut self) -> usize {
        match self.text[self.at + 2..].find("*/") {
            Some(length) => length + 4,
            None => {
                self.mistake(Syntax::OpenComment, 2);
                self.found.end = self.at;
                0
            }
        }
    }

    /// A name, a keyword or a number.
    fn word(&mut self, rest: &[u8]) -> usize {
        let run = |from: usize| from + rest[from..].iter().take_while(|b| is_word(**b)).count();
        let mut length = run(0);
        if !rest[0].is_ascii_digit() {
            let word = &self.text[self.at..self.at + length];
            self.keyword(word);
            self.expects_operand = matches!(word, "in" | "step" | "if");
            return length;
        }
        if rest.get(length) == Some(&b'.') && rest.get(length + 1).is_some_and(u8::is_ascii_digit) {
            length = run(length + 1);
        }
        let is_signed = matches!(rest.get(length), Some(b'+' | b'-')) && matches!(rest[length - 1], b'e' | b'E');
        if is_signed && rest.get(length + 1).is_some_and(u8::is_ascii_digit) {
            length = run(length + 1);
        }
        let number = &self.text[self.at..self.at + length];
        if number.parse::<f64>().is_err() {
            self.mistake(Syntax::Number(number.into()), length);
        }
        self.expects_operand = false;
        length
    }

    fn keyword(&mut self, word: &str) {
        match word {
            "else" => self.else_at = Some(self.last_block.saturating_sub(1)),
            "if" => self.else_at = self.else_at.map(|depth| depth + 1),
            _ => {}
        }
    }

    /// A token of two characters.
    fn pair(&mut self, token: [u8; 2]) -> usize {
        let top = self.top();
        top.next_expression();
        if matches!(&token, b"&&" | b"||") {
            top.nots = 0;
        }
        self.expects_operand = true;
        2
    }

    fn single(&mut self, c: u8) -> usize {
        match c {
            b'(' => self.open(Opened::Paren),
            b'[' => self.open(Opened::Bracket),
            b'{' => self.open(Opened::Brace),
            b')' => self.close(Opened::Paren),
            b']' => self.close(Opened::Bracket),
            b'}' => self.close(Opened::Brace),
            b'-' if self.expects_operand => self.top().minuses += 1,
            b'!' => self.top().nots += 1,
            b'+' | b'-' | b'*' | b'/' | b'%' => self.operator(),
            b',' | b';' | b':' | b'=' | b'<' | b'>' => self.separator(c),
            _ => return self.unknown(c),
        }
        self.expects_operand = !matches!(c, b')' | b']');
        self.limit();
        1
    }

    fn operator(&mut self) {
        let top = self.top();
        top.minuses = 0;
        top.height += 1;
    }

    fn separator(&mut self, c: u8) {
        if c == b';' {
            self.unwind();
            self.else_at = None;
        }
        let top = self.top();
        top.next_expression();
        if c == b',' {
            top.nots = 0;
        }
    }

    fn open(&mut self, opened: Opened) {
        let top = *self.top();
        let frame = match opened {
            Opened::Brace => {
                self.unwind();
                let around = self.else_at.take().unwrap_or(self.top().depth);
                Frame { opened, depth: around + 1, ..Frame::default() }
            }
            Opened::Paren | Opened::Bracket => {
                // An index alone nests nothing, but an index inside of an index would let the parser recurse.
                let nests = opened == Opened::Paren || self.stack.iter().any(|f| f.opened == Opened::Bracket);
                let around = top.inner_depth().max(self.else_at.unwrap_or(0));
                Frame { opened, depth: around + usize::from(nests), ..Frame::default() }
            }
        };
        self.stack.push(frame);
    }

    fn close(&mut self, opened: Opened) {
        if opened == Opened::Brace {
            self.unwind();
            if self.stack.len() > 1 {
                self.last_block = self.top().depth;
                self.stack.pop();
            }
        } else if self.top().opened == opened {
            let inner = *self.top();
            self.stack.pop();
            let top = self.top();
            top.height = top.height.max(1 + inner.height.max(inner.tallest));
        }
    }

    /// Forgets parentheses and brackets that are open: none reaches over the end of a statement.
    fn unwind(&mut self) {
        while self.top().opened != Opened::Brace {
            self.stack.pop();
        }
        let top = self.top();
        *top = Frame { opened: top.opened, depth: top.depth, ..Frame::default() };
    }

    fn limit(&mut self) {
        let top = *self.top();
        let mistake = if top.inner_depth() > MAX_NESTING {
            Syntax::TooDeep
        } else if top.height > MAX_OPERATORS {
            Syntax::TooLong
        } else {
            return;
        };
        self.mistake(mistake, 1);
        self.found.is_hopeless = true;
    }

    /// A run of characters that no token contains.
    fn unknown(&mut self, c: u8) -> usize {
        let rest = &self.text[self.at..];
        let first = rest.chars().next().unwrap_or(char::from(c));
        let length = match first {
            '.' | '&' | '|' => 1,
            _ => rest.find(|c: char| c.is_ascii() && c != first).unwrap_or(rest.len()),
        };
        self.mistake(if first == '.' { Syntax::Point } else { Syntax::Character(first) }, length);
        length
    }

    fn mistake(&mut self, mistake: Syntax, length: usize) {
        self.found.mistakes.push(mistake.at(span(self.at, self.at + length)));
    }

    fn top(&mut self) -> &mut Frame {
        self.stack.last_mut().expect("the frame of the whole text is never popped")
    }
}

fn is_word(c: u8) -> bool {
    c.is_ascii_alphanumeric() || c == b'_'
}

fn is_pair(a: u8, b: u8) -> bool {
    matches!([a, b], [b'.', b'.'] | [b'&', b'&'] | [b'|', b'|']) || (b == b'=' && b"<>=!+-*".contains(&a))
}
