use super::problem::{Plan, Problem};
pub fn frontier(_p: &Problem, c: &[i64], _e: u32) -> Vec<Option<Plan>> {
    vec![None; c.len()]
}
