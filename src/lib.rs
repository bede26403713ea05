//! polyfuse: fuses, tiles and stages affine loop nests so that few bytes cross to DRAM.

pub mod check;
pub mod count;
pub mod lang;
pub mod run;
pub mod schedule;
