//! Does the search reach what is known to be attainable?

#[path = "search/kernels.rs"]
mod kernels;

use kernels::*;
use polyfuse::schedule::problem::Problem;
use polyfuse::schedule::search::{evaluate, frontier};

const KIB: i64 = 1024;
const MIB: i64 = 1024 * KIB;

/// Bytes moved at each capacity; every plan must be legal, fit and cost what it says.
fn reached(problem: &Problem, capacities: &[i64]) -> Vec<i64> {
    let plans = frontier(problem, capacities, 1);
    let each = plans.iter().zip(capacities).map(|(plan, &capacity)| {
        let plan = plan.as_ref().expect("a plan exists");
        assert_eq!(evaluate(problem, plan), Some((plan.moved_bytes, plan.peak_bytes)), "{plan:?}");
        assert!(plan.peak_bytes <= capacity);
        plan.moved_bytes
    });
    each.collect()
}
