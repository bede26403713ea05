//! Which tiles, loop orders and buffer depths move the fewest bytes for each capacity?
//!
//! A bounded search without a clock: all bands of a candidate group, all useful tile sizes, all depths of each buffer, cut by lower
//! bounds. What it cannot finish within its budget of steps it tries with fewer tile sizes, so that the same problem always has the
//! same answer.

mod component;
mod frame;
mod legal;
mod order;
mod price;
mod region;
mod table;
mod traffic;
mod window;

use crate::schedule::problem::{Plan, Problem};
use price::Pricer;

/// Bytes moved and the peak of a given plan; `None` if the plan is malformed or breaks a dependence. The figures that the plan
/// carries are not looked at.
pub fn evaluate(problem: &Problem, plan: &Plan) -> Option<(i64, i64)> {
    Pricer::new(problem)?.plan(plan)
}
