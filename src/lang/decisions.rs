//! What does the text of a schedule consist of? The decisions of one, by the names that the program has.
//!
//! ```text
//! omit dead;                            instances from which nothing comes are left out
//! part nests;                           recurrences, and what does not wait for each other, run in loops of their own
//! part statements;                      statements that do not wait for each other run in loops of their own
//! expand T over i and U of S4 as U2;    temps get an element for each iteration, or for what statements use them for
//! strip i of S0 by 2;                   a loop runs as two, one inside the other, over pairs of values and the values of a pair
//! split i of S0 at 512;                 a loop runs as two
//! block S1 by 64;                       the loops of a nest that can be cut together run in blocks
//! overlap S0 to S4 along i of S4 by 8;  nests run in slabs of rows, each of which computes what it needs of its neighbours itself
//! recompute Z for S4 over j by 64;      a temp is computed again for what reads it, in each block of values
//! merge U into V;                       a temp shares the memory of what is made of it, element by element
//! group {                               what runs together, in this order
//!   tile i by 64, j by 32 (S2 at j + 1) {
//!     S0;
//!     tile k by 8 { S1; }
//!     S2;
//!   }
//!   keep A for S1 in 2 loops;           a buffer inside one iteration of the outer two loops
//! }
//! keep B for S0, S3;                    a buffer from the first use to the last
//! ```
//! A tile loop gathers the instances whose value lies in one block of so many values. The value is that of the expression where a
//! statement has its iterators, and 0 for the others, but for exceptions in parentheses.

use super::ast::{Access, Affine, Name, Span};

/// A whole text.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Decisions {
    /// Where it says that dead instances are left out.
    pub omits_dead: Option<Span>,
    pub rewritings: Vec<Rewriting>,
    pub groups: Vec<Group>,
    /// Of the whole program.
    pub keeps: Vec<Keep>,
}

/// A statement by its label, and which of the parts in which a split loop left it, from 1.
#[derive(Clone, Debug, PartialEq)]
pub struct Mention {
    pub label: Name,
    pub part: Option<i64>,
    pub span: Span,
}

#[derive(Clone, Debug, PartialEq)]
pub enum Rewriting {
    /// Nests are taken apart, as far as their parts need not run together.
    Part(Parts, Span),
    Expand(Vec<Expanded>),
    Strip(Vec<Strip>),
    Split(Vec<Cut>),
    Block(Vec<Blocks>),
    Overlap(Vec<Slabs>),
    Recompute(Vec<Recomputed>),
    Merge(Vec<Merged>),
}

/// What becomes a part of a nest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Parts {
    /// Each recurrence, and what is left between.
    Recurrences,
    /// Each statement, but for those that wait for each other.
    Statements,
}

/// An array that has an element for each iteration of loops; or as that statement and those use it with which it shares values, with a
/// name of its own.
#[derive(Clone, Debug, PartialEq)]
pub struct Expanded {
    pub array: Name,
    pub of: Option<Mention>,
    pub name: Option<Name>,
    pub iterators: Vec<Name>,
    pub span: Span,
}

/// The loop of an iterator around a statement runs as two; the second part starts at `at`.
#[derive(Clone, Debug, PartialEq)]
pub struct Cut {
    pub iterator: Name,
    pub of: Mention,
    pub at: i64,
    pub span: Span,
}

/// The loop of an iterator around a statement runs as two, over blocks of so many values and inside them.
#[derive(Clone, Debug, PartialEq)]
pub struct Strip {
    pub iterator: Name,
    pub of: Mention,
    pub by: i64,
    pub span: Span,
}

/// The nest of a statement runs in blocks of so many values of its loops.
#[derive(Clone, Debug, PartialEq)]
pub struct Blocks {
    pub of: Mention,
    pub size: i64,
    pub span: Span,
}

/// The nests from that of a statement to that of another one run in slabs of so many values of the iterator of a loop around a statement.
#[derive(Clone, Debug, PartialEq)]
pub struct Slabs {
    pub first: Mention,
    pub last: Mention,
    pub iterator: Name,
    pub of: Mention,
    pub rows: i64,
    pub span: Span,
}

/// A temp that has elements of its own for some of its users, computed again in each block of so many values of loops around them.
#[derive(Clone, Debug, PartialEq)]
pub struct Recomputed {
    pub array: Name,
    pub users: Vec<User>,
    pub over: Vec<(Name, i64)>,
    pub span: Span,
}

/// A temp that shares the memory of an array that is made of it, element by element.
#[derive(Clone, Debug, PartialEq)]
pub struct Merged {
    pub from: Name,
    pub into: Name,
    pub span: Span,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Group {
    pub body: Vec<Step>,
    pub keeps: Vec<Keep>,
    pub span: Span,
}

#[derive(Clone, Debug, PartialEq)]
pub enum Step {
    /// Loops one inside the other, and what runs in the innermost.
    Tile(Vec<TileLoop>, Vec<Step>),
    Statement(Mention),
}

#[derive(Clone, Debug, PartialEq)]
pub struct TileLoop {
    pub value: Affine,
    pub tile: i64,
    pub exceptions: Vec<(Mention, Affine)>,
    pub span: Span,
}

/// A buffer of an array.
#[derive(Clone, Debug, PartialEq)]
pub struct Keep {
    pub array: Name,
    pub users: Vec<User>,
    /// The number of loops in one iteration of which it serves; `None`: those of the whole group, or of the program.
    pub depth: Option<i64>,
    pub span: Span,
}

/// A statement whose accesses go through a buffer: those named, or all to the array.
#[derive(Clone, Debug, PartialEq)]
pub struct User {
    pub statement: Mention,
    pub accesses: Vec<Access>,
}
