//! polyfuse: fuses, tiles and stages affine loop nests so that few bytes cross to DRAM.

pub mod check;
pub mod count;
pub mod emit;
pub mod lang;
pub mod machine;
pub mod report;
pub mod run;
pub mod schedule;
