//! Which loops run together, in which tiles, and where does each array wait?
//!
//! Bands say which loops a group of nests can share, the search finds tiles and buffers for a group, placement picks groups for the
//! whole program; the outcome is a schedule tree with decisions on buffers. A nest that no band serves is staged in its own loops
//! (`nest`), or in skewed tiles of time (`skew`). Only `bands`, `relation`, `nest` and `source` ask isl.

pub mod bands;
mod decide;
mod known;
mod nest;
pub mod overlap;
mod placement;
pub mod problem;
pub mod recompute;
mod relation;
pub mod search;
mod skew;
pub mod source;
pub mod split;
mod step;
pub mod tree;

pub use decide::{Decision, Fuse, Goal, Groups, NESTS, STATEMENTS, decide, decide_groups};
pub use known::{Answers, Care, Known};
pub use skew::{MOST_CUT, Skewing};
pub use source::least_bytes;

/// All subsets of `0..n`, the empty one first.
fn subsets(n: usize) -> Vec<Vec<usize>> {
    (0..1usize << n).map(|bits| (0..n).filter(|k| bits >> k & 1 == 1).collect()).collect()
}
