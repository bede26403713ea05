//! Which iterations of a statement run under one value of a tile loop?
//!
//! Band loops and private loops are one kind here: a loop has an id, a tile and a number of trips, and tells each statement
//! which of its iterators runs in it. Ids count the problem's dims first, then a statement's iterators, so a set of loops
//! around one statement is a bit mask.

use crate::schedule::problem::{Attach, Problem};
use smallvec::SmallVec;

/// A tile loop: `id` is a dim of the problem, or `dims.len() + iterator` for a loop that belongs to one statement.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Loop {
    pub id: usize,
    pub tile: i64,
}

/// Loops from the outermost inwards, and those with several trips by ascending id.
#[derive(Clone, Debug, Default)]
pub struct Path {
    pub loops: SmallVec<[Loop; 8]>,
    /// Ids with several trips, as a mask and as a list.
    pub mask: u64,
    pub ids: SmallVec<[usize; 8]>,
    /// Their tiles.
    pub tiles: SmallVec<[i64; 8]>,
}

impl Path {
    /// The path of `statement`; its private loops are those of this statement.
    pub fn new(frame: &Frame, loops: &[Loop], statement: usize) -> Self {
        let mut path = Path { loops: SmallVec::from_slice(loops), ..Path::default() };
        for l in loops.iter().filter(|l| l.tile < frame.extent(l.id, statement)) {
            let at = path.ids.iter().position(|&id| l.id < id).unwrap_or(path.ids.len());
            path.ids.insert(at, l.id);
            path.tiles.insert(at, l.tile);
            path.mask |= 1 << l.id;
        }
        path
    }
}

impl Path {
    /// The loops with several trips that are in a mask.
    pub fn within(&self, mask: u64) -> (SmallVec<[usize; 8]>, SmallVec<[i64; 8]>) {
        let (mut ids, mut tiles) = (SmallVec::new(), SmallVec::new());
        for (&id, &tile) in self.ids.iter().zip(&self.tiles).filter(|(id, _)| mask >> **id & 1 == 1) {
            ids.push(id);
            tiles.push(tile);
        }
        (ids, tiles)
    }
}

/// A problem with the extents of its loops.
pub struct Frame<'a> {
    pub problem: &'a Problem,
    dim_extents: Vec<i64>,
}

/// Largest extent, coefficient and constant that the search takes: their products stay far inside an `i128`.
const LARGEST: i64 = 1 << 40;

impl<'a> Frame<'a> {
    /// `None` when the problem is not well formed: lengths that do not match, ids out of range, absurdly large numbers.
    pub fn new(problem: &'a Problem) -> Option<Self> {
        if !well_formed(problem) {
            return None;
        }
        let dim_extents = (0..problem.dims.len()).map(|dim| dim_extent(problem, dim)).collect();
        Some(Frame { problem, dim_extents })
    }

    /// How `statement` runs in the loop `id`.
    pub fn attach(&self, id: usize, statement: usize) -> Attach {
        match self.problem.dims.get(id) {
            Some(dim) => dim.attach[statement],
            None => Attach { iterator: Some(id - self.problem.dims.len()), rate: 1, shift: 0 },
        }
    }

    /// Values that the loop takes; a private loop is one of `statement`.
    pub fn extent(&self, id: usize, statement: usize) -> i64 {
        let dims = self.dim_extents.len();
        if id < dims { self.dim_extents[id] } else { self.problem.statements[statement].extents[id - dims] }
    }

    pub fn dim_extent(&self, dim: usize) -> i64 {
        self.dim_extents[dim]
    }

    pub fn trips(&self, of: Loop, statement: usize) -> i64 {
        ceil_div(self.extent(of.id, statement), of.tile)
    }

    /// The loop id of an iterator's private loop.
    pub fn private_id(&self, iterator: usize) -> usize {
        self.problem.dims.len() + iterator
    }

    /// Does the statement run at all?
    pub fn runs(&self, statement: usize) -> bool {
        self.problem.statements[statement].extents.iter().all(|&extent| extent > 0)
    }

    /// Statements with an access to the array, ascending.
    pub fn users(&self, array: usize) -> Vec<usize> {
        let touches = |s: &usize| self.problem.statements[*s].accesses.iter().any(|access| access.array == array);
        (0..self.problem.statements.len()).filter(touches).collect()
    }

    pub fn is_written(&self, array: usize) -> bool {
        self.problem.statements.iter().flat_map(|s| &s.accesses).any(|access| access.array == array && access.writes)
    }
}

/// Iterations `lo..hi` of an iterator with `extent` values that run while the loop is at its `position`-th tile.
pub fn run(attach: (i64, i64, i64), tile: i64, position: i64) -> (i64, i64) {
    let (lo, hi) = unclipped_run(attach, tile, position);
    (lo.max(0), hi.min(attach.2))
}

/// The same as if the iterator had no first and no last value.
pub fn unclipped_run((rate, shift, _): (i64, i64, i64), tile: i64, position: i64) -> (i64, i64) {
    let start = position * tile - shift;
    if rate == 1 {
        return (start, start + tile);
    }
    (ceil_div(start, rate), ceil_div(start + tile, rate))
}

/// `⌈a / b⌉` for positive `b`.
pub fn ceil_div(a: i64, b: i64) -> i64 {
    a / b + i64::from(a % b > 0)
}

fn dim_extent(problem: &Problem, dim: usize) -> i64 {
    let last = |(attach, statement): (&Attach, &crate::schedule::problem::Statement)| match attach.iterator {
        Some(i) => attach.rate * (statement.extents[i].max(1) - 1) + attach.shift + 1,
        None => attach.shift + 1,
    };
    problem.dims[dim].attach.iter().zip(&problem.statements).map(last).max().unwrap_or(1)
}

fn well_formed(problem: &Problem) -> bool {
    use crate::schedule::problem::Index;
    let small = |value: &i64| value.abs() <= LARGEST;
    let count = problem.statements.len();
    let statements = problem.statements.iter().all(|statement| {
        let iterators = statement.extents.len();
        statement.extents.iter().all(small)
            && iterators + problem.dims.len() <= 64
            && statement.slopes.iter().all(|slope| {
                let reaches = |&(k, c): &(usize, i64)| statement.extents.get(k).map(|e| c.checked_mul(*e));
                small(&slope.constant)
                    && slope.terms.iter().all(|term| matches!(reaches(term), Some(Some(r)) if small(&r)))
            })
            && statement.accesses.iter().all(|access| {
                let Some(array) = problem.arrays.get(access.array) else { return false };
                access.index.len() == array.extents.len()
                    && access.index.len() <= 64
                    && access.index.iter().all(|index| match index {
                        Index::Linear { coefficients, constant } => {
                            let spans = coefficients.iter().zip(&statement.extents);
                            let span = spans.map(|(&c, &e)| i128::from(c) * i128::from(e)).map(i128::abs).sum::<i128>();
                            coefficients.len() == iterators && small(constant) && span <= i128::from(LARGEST)
                        }
                        Index::Range { lo, hi } => small(lo) && small(hi),
                    })
            })
    });
    let arrays = problem.arrays.iter().all(|array| array.extents.iter().all(small) && array.element_bytes >= 0);
    let dims = problem.dims.iter().all(|dim| {
        dim.attach.len() == count
            && dim.attach.iter().zip(&problem.statements).all(|(attach, statement)| {
                attach.rate >= 1
                    && attach.rate <= 1 << 20
                    && attach.shift >= 0
                    && small(&attach.shift)
                    && attach.iterator.is_none_or(|i| i < statement.extents.len())
            })
    });
    let edges = problem.edges.iter().all(|edge| {
        edge.from < count
            && edge.to < count
            && edge.dim_distance.len() == problem.dims.len()
            && (edge.from != edge.to || edge.iterator_distance.len() == problem.statements[edge.from].extents.len())
    });
    statements && arrays && dims && edges && count <= 64
}
