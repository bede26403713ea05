//! What does a program do, as sets and relations? Instances, accesses, dependences, and what is wrong with them.

mod alike;
mod block;
mod carried;
mod dependences;
mod diagnose;
mod expand;
mod linear;
mod liveness;
mod merge;
mod overlap;
mod part;
mod peel;
mod recompute;
mod scop;
mod sharing;
pub mod show;
mod split;
mod strip;
pub mod text;

pub use block::{Block, block, names_in_blocks};
pub use carried::Names;
pub use dependences::{Dependences, Reductions, dependences, pair};
pub use diagnose::{diagnose, outside};
pub use expand::{Expansion, expand, expansions};
pub use linear::Linear;
pub use liveness::Liveness;
pub use merge::{Merge, merge, merges};
pub use overlap::{Overlap, Ranges, Slabs, overlap};
pub use part::{Waits, part, waits};
pub use peel::peel;
pub use recompute::{Over, Recompute, recompute, source};
pub use scop::{Access, Dim, Scop, Statement, extract, number};
pub use sharing::{Sharing, sharing};
pub use split::split;
pub use strip::{Strip, in_strips, strip, strips};
