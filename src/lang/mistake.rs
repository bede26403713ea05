//! Which mistakes can a user make, and what is said about each? One variant a mistake, with its label and its cure.
//!
//! [`Syntax`] is what the text alone shows, [`Meaning`] what the declarations show, [`Doubt`] what is allowed but
//! unlikely to be meant.

use super::ast::{Name, Span};
use super::diagnostic::Diagnostic;

/// `for`, `if`, parentheses and signs may nest this deep, all together.
pub const MAX_NESTING: usize = 64;

/// Arithmetic operators that may apply to one another, so that no walk of a tree exhausts the stack.
pub const MAX_OPERATORS: usize = 500;

/// What is far beyond any program, and would keep all that reads one busy for minutes.
pub const MAX_STATEMENTS: usize = 100_000;
pub const MAX_DIMENSIONS: usize = 64;

/// A text that is no program.
#[derive(Clone, Debug, PartialEq)]
pub enum Syntax {
    /// A character that the language does not use, or half of a token.
    Character(char),
    /// A point that has no digit on one of its sides.
    Point,
    /// `2x`, `1e`
    Number(String),
    OpenComment,
    TooDeep,
    TooLong,
    TooManyStatements,
    TooManyDimensions,
    Unexpected {
        found: String,
        expected: String,
        help: &'static str,
    },
    MissingEnd,
    EmptyStatement,
    OpenBlock,
    StrayBrace,
    ElseWithoutIf,
    DeclarationInBody(String),
    /// A word between the role and the name of an array.
    NotAType(String),
    Reserved(String),
    /// A parameter's value or a step that is no literal.
    NotAnInteger(&'static str),
    TooLarge(String),
    NotAffine(&'static str),
    Remainder,
    NotAValue,
    NotACondition,
    UnknownCall(String),
    SelectArguments(usize),
    /// Errors beyond those that are shown.
    More,
}

impl Syntax {
    /// The diagnostic for this mistake at `span`.
    pub fn at(self, span: Span) -> Diagnostic {
        let (message, label, help) = self.words();
        Diagnostic::error(message, span).label(label).help(help)
    }

    fn words(self) -> (String, &'static str, String) {
        match self {
            Syntax::Character(c) => character(c),
            Syntax::Point => (
                "a number has digits on both sides of its point".into(),
                "a digit is missing here",
                "write `1.0` or `0.5`; a range is written `0..N`".into(),
            ),
            Syntax::Number(text) => (
                format!("`{text}` is neither a number nor a name"),
                "",
                "numbers are `1`, `2.5`, `1e-5`, `2.5e3`; a name does not start with a digit; a product needs its `*`".into(),
            ),
            Syntax::OpenComment => {
                ("this comment does not end".into(), "opened here", "close it with `*/`; comments do not nest".into())
            }
            Syntax::TooDeep => (
                format!("nesting deeper than {MAX_NESTING}"),
                "one level too deep",
                format!("`for`, `if`, parentheses and signs together nest at most {MAX_NESTING} deep: give one `for` several ranges, or compute a part in a `temp` first"),
            ),
            Syntax::TooLong => (
                format!("an expression of more than {MAX_OPERATORS} operators"),
                "one operator too many",
                "compute a part in a `temp` first".into(),
            ),
            Syntax::TooManyStatements => (
                format!("more than {MAX_STATEMENTS} statements"),
                "one statement too many",
                "write loops over the statements that are alike, or divide the program".into(),
            ),
            Syntax::TooManyDimensions => (
                format!("an array of more than {MAX_DIMENSIONS} dimensions"),
                "",
                "join some of its dimensions: `A[N * M]`, indexed `A[M * i + j]`".into(),
            ),
            Syntax::Unexpected { found, expected, help } => {
                (format!("expected {expected}, found {found}"), "not expected here", help.into())
            }
            Syntax::MissingEnd => ("a `;` is missing".into(), "behind this", "end the statement with `;`".into()),
            Syntax::EmptyStatement => {
                ("a `;` without a statement".into(), "nothing to end", "remove the `;`: a body needs none behind its `}`".into())
            }
            Syntax::OpenBlock => {
                ("this body does not end".into(), "opened here", "close it with `}`".into())
            }
            Syntax::StrayBrace => {
                ("a `}` that closes nothing".into(), "no body is open", "remove it, or open the body with `{`".into())
            }
            Syntax::ElseWithoutIf => (
                "an `else` without its `if`".into(),
                "no `if` body ends before this",
                "write `if condition { .. } else { .. }`".into(),
            ),
            Syntax::DeclarationInBody(word) => (
                format!("`{word}` inside a body"),
                "a declaration",
                "declare parameters and arrays outside of `for` and `if`, before their use".into(),
            ),
            Syntax::NotAType(word) => (
                format!("`{word}` is no type"),
                "a type or one name is needed",
                "the types are f64 f32 f16 bf16 i32 i8; between two names stands a `,`".into(),
            ),
            Syntax::Reserved(name) => (
                format!("`{name}` is a reserved word"),
                "no name",
                format!("choose another name, such as `{name}_`"),
            ),
            Syntax::NotAnInteger(what) => integer(what),
            Syntax::TooLarge(text) => {
                (format!("`{text}` is too large"), "", "integers fit 63 bits, numbers fit an f64".into())
            }
            Syntax::NotAffine(what) => (
                format!("{what} in an index, a bound or a condition"),
                "not affine",
                "here stand iterators, parameters and integers under `+ - * / %`; a choice by data is `select(..)` in a value".into(),
            ),
            Syntax::Remainder => (
                "`%` in a value".into(),
                "this operator takes integers",
                "`%` stands in indices, bounds and conditions; a value has `a - b * floor(a / b)`".into(),
            ),
            Syntax::NotAValue => (
                "a condition where a value is needed".into(),
                "true or false is no value",
                "choose between two values with `select(condition, then, else)`; join comparisons with `&&` and `||`".into(),
            ),
            Syntax::NotACondition => (
                "a value where a condition is needed".into(),
                "nothing is compared",
                "compare it, as in `i == 0`".into(),
            ),
            Syntax::UnknownCall(name) => (
                format!("unknown call `{name}`"),
                "",
                "the calls are exp log sqrt rsqrt tanh sigmoid erf abs floor pow max min select; an index is written `A[i]`".into(),
            ),
            Syntax::SelectArguments(found) => (
                format!("`select` takes 3 arguments, found {found}"),
                "",
                "write `select(condition, then, else)`".into(),
            ),
            Syntax::More => ("there are more errors".into(), "from here on", "mend those above first".into()),
        }
    }
}

fn character(c: char) -> (String, &'static str, String) {
    let help = match c {
        '&' => "write `&&`".into(),
        '|' => "write `||`".into(),
        '?' => "a choice between two values is written `select(c, a, b)`, with a condition `c`".into(),
        '\u{feff}' => "a byte order mark: save the file as UTF-8 without one".into(),
        c if c.is_ascii_graphic() => "remove it".into(),
        _ => "outside of comments a program is ASCII text: names are made of letters, digits and `_`".into(),
    };
    let shown = if c.is_ascii_graphic() { c.to_string() } else { c.escape_debug().to_string() };
    (format!("unknown character `{shown}`"), "", help)
}

fn integer(what: &str) -> (String, &'static str, String) {
    let help = match what {
        "step" => "write a positive integer, such as `step 4`",
        _ => "write a positive integer; what depends on parameters is written where it is used: `A[2 * N]`",
    };
    (format!("a {what} is an integer"), "not an integer", help.into())
}

/// A program that contradicts its declarations or has no meaning for its parameters.
#[derive(Clone, Debug, PartialEq)]
pub enum Meaning {
    Unknown(Name),
    Early(Name),
    Reserved(Name),
    Twice(Name),
    Shadow(Name),
    LabelTwice(Name),
    Parameter {
        name: Name,
        value: i64,
    },
    Extent {
        array: Name,
        value: i64,
    },
    NotConstant(Name),
    Size(Name),
    TotalSize,
    ArrayInAffine(Name),
    /// An assignment to a parameter or an iterator.
    Assigned {
        name: Name,
        kind: &'static str,
    },
    /// A parameter or an iterator with indices.
    Elements {
        name: Name,
        kind: &'static str,
    },
    Indices {
        array: Name,
        expected: usize,
        found: usize,
    },
    Arguments {
        call: &'static str,
        expected: &'static str,
        found: usize,
    },
    Product,
    Divisor(&'static str),
    BoundOnly(&'static str),
    /// A `min` or `max` in an index.
    Clamp(&'static str),
    Overflow,
    Step(i64),
    WriteToInput(Name),
    Direction {
        load: bool,
    },
}

impl Meaning {
    /// The diagnostic for this mistake at `span`.
    pub fn at(self, span: Span) -> Diagnostic {
        let (message, label, help) = self.words();
        Diagnostic::error(message, span).label(label).help(help)
    }

    fn words(self) -> (String, String, String) {
        use Meaning::*;
        let (message, label, help): (String, &str, &str) = match self {
            Unknown(name) => {
                (format!("unknown name `{name}`"), "not declared", "declare it before its use, or mend its spelling")
            }
            Early(name) => {
                (format!("`{name}` is used before its declaration"), "declared only later", "move the declaration up")
            }
            Reserved(name) => (format!("`{name}` is a reserved word"), "no name", "choose another name"),
            Twice(name) => (
                format!("`{name}` is declared twice"),
                "the second declaration",
                "rename one: parameters, arrays and iterators share one name space",
            ),
            Shadow(name) => (
                format!("the iterator `{name}` hides another `{name}`"),
                "the name is taken here",
                "rename the iterator: parameters, arrays and enclosing iterators share one name space",
            ),
            LabelTwice(name) => {
                (format!("the label `{name}` is used twice"), "the second use", "rename or remove one label")
            }
            Parameter { name, value } => (
                format!("the parameter `{name}` is {value}"),
                "not positive",
                "give it a value of 1 or more, here or with `-D NAME=VALUE`",
            ),
            Extent { array, value } => {
                (format!("an extent of `{array}` is {value}"), "not positive", "an extent is 1 or more")
            }
            NotConstant(name) => (
                format!("`{name}` in the extent of an array"),
                "not a parameter",
                "extents are made of integers and parameters",
            ),
            Size(name) => {
                (format!("the size of `{name}` does not fit 63 bits"), "too large", "make its extents smaller")
            }
            TotalSize => (
                "the arrays together do not fit 63 bits".into(),
                "the sum passes 63 bits here",
                "make the extents smaller",
            ),
            ArrayInAffine(name) => (
                format!("the array `{name}` in an index, a bound or a condition"),
                "not affine",
                "here stand iterators, parameters and integers; a choice by data is `select(..)` in a value",
            ),
            Assigned { name, kind } => (
                format!("{kind} `{name}` is assigned"),
                "not an array",
                "assign to an array or a scalar, declared as in `temp x;`",
            ),
            Elements { name, kind } => (
                format!("{kind} `{name}` is not an array"),
                "an array is needed here",
                "remove the indices, or name an array",
            ),
            Indices { array, expected, found } => return indices(&array, expected, found),
            Arguments { call, expected, found } => {
                return (
                    format!("`{call}` takes {expected}, found {found}"),
                    "a wrong number of arguments".into(),
                    format!("give it {expected}"),
                );
            }
            Product => (
                "a product of two varying factors".into(),
                "not affine",
                "one factor is made of integers and parameters only",
            ),
            Divisor(operator) => {
                return (
                    format!("the right side of `{operator}` is not a positive constant"),
                    "a positive constant is needed".into(),
                    "divide by an integer or a parameter of 1 or more".into(),
                );
            }
            BoundOnly(call) => {
                return (
                    format!("`{call}` outside of a bound"),
                    "only a whole bound may be this".into(),
                    format!(
                        "write the bound as `{call}(a + 1, b + 1)`, not `{call}(a, b) + 1`; a condition is written with `&&` or `||`"
                    ),
                );
            }
            Clamp(call) => {
                let below = if call == "min" { "<" } else { ">" };
                return (
                    format!("`{call}` in an index"),
                    "not affine".into(),
                    format!(
                        "write `if i {below} 3 {{ .. A[i] .. }} else {{ .. A[3] .. }}`, or `select(i {below} 3, A[i], A[3])` where both elements exist"
                    ),
                );
            }
            Overflow => ("a number that does not fit 63 bits".into(), "overflows", "use smaller numbers"),
            Step(value) => (
                format!("a step of {value}"),
                "not positive",
                "a step is 1 or more; to run backwards, count upwards and index with `N - 1 - i`",
            ),
            WriteToInput(name) => (
                format!("the input `{name}` is written"),
                "an input is read only",
                "declare it `inout`, or write a `temp`",
            ),
            Direction { load: true } => (
                "a `load` that does not copy from DRAM to scratch".into(),
                "loads fill scratch buffers",
                "write `load SCRATCH[..] = DRAM[..]`; between arrays of one kind an assignment copies",
            ),
            Direction { load: false } => (
                "a `store` that does not copy from scratch to DRAM".into(),
                "stores empty scratch buffers",
                "write `store DRAM[..] = SCRATCH[..]`; between arrays of one kind an assignment copies",
            ),
        };
        (message, label.into(), help.into())
    }
}

fn indices(array: &Name, expected: usize, found: usize) -> (String, String, String) {
    let help = match expected {
        0 => format!("`{array}` is a scalar: write `{array}`"),
        _ => format!("write `{array}{}`", "[..]".repeat(expected)),
    };
    let plural = |count, one, many| if count == 1 { one } else { many };
    let dimensions = plural(expected, "dimension", "dimensions");
    let given = plural(found, "index", "indices");
    (
        format!("`{array}` has {expected} {dimensions} and is given {found} {given}"),
        "a wrong number of indices".into(),
        help,
    )
}

/// A program that means something, but perhaps not what its author thinks.
#[derive(Clone, Debug, PartialEq)]
pub enum Doubt {
    Unused(Name),
    Unwritten(Name),
    /// The loop's range is empty.
    Idle {
        lo: i64,
        hi: i64,
    },
}

impl Doubt {
    /// The warning for this doubt at `span`.
    pub fn at(self, span: Span) -> Diagnostic {
        let (message, label, help) = match self {
            Doubt::Unused(name) => (format!("the array `{name}` is never used"), "", "remove it"),
            Doubt::Unwritten(name) => (
                format!("the output `{name}` is never written"),
                "keeps what it holds",
                "write it, or declare it `input`",
            ),
            Doubt::Idle { lo, hi } => (
                format!("this loop never runs: {lo}..{hi} is empty"),
                "",
                "the lower bound comes first and is below the upper",
            ),
        };
        Diagnostic::warning(message, span).label(label).help(help)
    }
}
