//! polyfuse: fuses, tiles and stages affine loop nests so that few bytes cross to DRAM.

pub mod emit;
pub mod lang;
pub mod schedule;
