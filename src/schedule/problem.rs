//! What is a candidate group to the search? Plain integers: boxes of iterators, linear accesses, loops that statements may share.
//!
//! A problem is made from a group's polyhedra, and a plan is made into a schedule tree; between the two nothing knows isl.
//! Domains are box hulls, cut by what ties two iterators to each other, so figures of a plan are exact for rectangular programs and close
//! for triangles: what a plan really moves is counted on the emitted program.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::ops::Deref;
use std::sync::Arc;

/// A candidate group of statements, in the order in which they stand in the sequence below the band.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Problem {
    pub statements: Vec<Statement>,
    pub arrays: Vec<Array>,
    /// Loops that the statements can share, in source order of their first iterator. A plan uses a subset in any order.
    pub dims: Vec<BandDim>,
    pub edges: Vec<Edge>,
}

/// A problem that is cheap to copy, to compare and to look up.
#[derive(Clone, Debug, Eq)]
pub struct Shared {
    problem: Arc<Problem>,
    hash: u64,
}

impl Shared {
    pub fn new(problem: Problem) -> Shared {
        let mut hasher = DefaultHasher::new();
        problem.hash(&mut hasher);
        Shared { problem: Arc::new(problem), hash: hasher.finish() }
    }
}

impl Deref for Shared {
    type Target = Problem;

    fn deref(&self) -> &Problem {
        &self.problem
    }
}

impl PartialEq for Shared {
    fn eq(&self, other: &Shared) -> bool {
        Arc::ptr_eq(&self.problem, &other.problem) || self.hash == other.hash && self.problem == other.problem
    }
}

impl Hash for Shared {
    fn hash<H: Hasher>(&self, hasher: &mut H) {
        hasher.write_u64(self.hash);
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Statement {
    /// Trip counts; iterator `i` runs over `0..extents[i]` (the box hull of the domain, moved to zero, steps divided out).
    pub extents: Vec<i64>,
    pub accesses: Vec<Access>,
    /// What ties iterators to each other, as the sides of a triangle do.
    pub slopes: Vec<Slope>,
}

/// `Σ coefficient·iterator + constant >= 0` over two iterators, at every instance.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Slope {
    /// Two iterators with their coefficients, none of them 0.
    pub terms: [(usize, i64); 2],
    pub constant: i64,
}

/// One reference of a statement to an array. `op=` has one access that both reads and writes.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Access {
    pub array: usize,
    pub reads: bool,
    pub writes: bool,
    /// One form for each dimension of the array.
    pub index: Vec<Index>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Index {
    /// `Σ coefficients[i]·iterator[i] + constant`
    Linear { coefficients: Vec<i64>, constant: i64 },
    /// Not linear (a floor or a remainder): somewhere in `lo..hi`, wherever the iterators are.
    Range { lo: i64, hi: i64 },
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Array {
    pub extents: Vec<i64>,
    pub element_bytes: i64,
    /// Its value from before the group may be read in the group (inputs, inouts, what an earlier group wrote).
    pub live_in: bool,
    /// What the group writes is read after the group, or stays at the program's end.
    pub live_out: bool,
}

/// A loop that statements may share: statement `s` runs iterator `attach[s].iterator` at the loop's value
/// `rate·iterator + shift`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct BandDim {
    /// Dims of one class are variants of the same loop: a plan uses at most one of them.
    pub class: usize,
    /// One for each statement.
    pub attach: Vec<Attach>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Attach {
    /// `None`: the statement has no such iterator and runs once, at the loop's value `shift`.
    pub iterator: Option<usize>,
    /// At least 1.
    pub rate: i64,
    /// At least 0.
    pub shift: i64,
}

/// All dependences from one statement to another, of any kind but a reduction's on itself.
///
/// A loop nest keeps the edge when, going from its outermost loop inwards, every loop's smallest distance is at least 0, up to
/// and including the first loop with tile 1 whose smallest distance is at least 1 (it carries the edge: what is inside is
/// free). If no loop carries it, then `from` must stand before `to` in the sequence, or be the same statement (whose points
/// run in source order below its last tile loop). Loops here are the band's and, when `from == to`, the private ones after
/// them.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Edge {
    pub from: usize,
    pub to: usize,
    /// Smallest distance along each of `Problem::dims` (in units of the loop's value).
    pub dim_distance: Vec<i64>,
    /// Smallest distance along each iterator of the statement; empty unless `from == to`.
    pub iterator_distance: Vec<i64>,
}

impl Statement {
    /// Whether the innermost iterator walks several indices of an array at once: the box of a row is no row then.
    pub fn is_diagonal(&self, array: usize) -> bool {
        let walks =
            |index: &&Index| matches!(index, Index::Linear { coefficients, .. } if coefficients.last() != Some(&0));
        let mut own = self.accesses.iter().filter(|access| access.array == array);
        own.any(|access| access.index.iter().filter(walks).count() > 1)
    }
}

/// A way to run a group: band loops outside, then the statements in sequence, each with loops of its own.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Plan {
    /// Tile loops that all statements share, outermost first.
    pub band: Vec<BandLoop>,
    /// For each statement its own tile loops inside the band, outermost first. Iterators on no loop run whole at the leaf,
    /// in source order.
    pub private: Vec<Vec<PrivateLoop>>,
    pub buffers: Vec<Buffer>,
    /// The largest sum of live buffers at any statement, in bytes.
    pub peak_bytes: i64,
    /// What the group loads and stores, in bytes.
    pub moved_bytes: i64,
}

impl Plan {
    /// Whether an instance of the buffer serves a row of its only user.
    pub fn is_in_rows(&self, buffer: &Buffer) -> bool {
        matches!(*buffer.users, [only] if buffer.depth > self.band.len() + self.private[only].len())
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct BandLoop {
    /// Index into `Problem::dims`.
    pub dim: usize,
    /// In units of the loop's value.
    pub tile: i64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct PrivateLoop {
    pub iterator: usize,
    pub tile: i64,
}

/// One buffer of an array: an instance of it serves one value of the outer `depth` loops (band loops first, then the private
/// ones of its only user). Every element crosses at most once in each direction during an instance.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Buffer {
    pub array: usize,
    /// Statements whose accesses to the array go through this buffer, ascending. More than one: `depth` is within the band.
    pub users: Vec<usize>,
    /// One more than its only user has loops: an instance serves a row, the points that differ in the innermost iterator alone.
    pub depth: usize,
}
