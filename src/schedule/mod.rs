//! Which loops run together, in which tiles, and where each array waits.

pub mod problem;
pub mod search;
