//! polyfuse: fuses, tiles and stages affine loop nests so that few bytes cross to DRAM.

pub mod check;
pub mod count;
pub mod emit;
pub mod ilp;
pub mod isl;
pub mod lang;
pub mod poly;
pub mod run;
pub mod schedule;
pub mod staging;
