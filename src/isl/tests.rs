use super::*;

#[test]
fn loops_are_generated_for_a_tiled_triangle() {
    let ctx = Context::new();
    let dates = ctx.union_map("{ S0[i, j] -> [t, i, j] : 0 <= i < 10 and 0 <= j <= i and 4t <= i < 4t + 4 }").unwrap();
    let Node::For { iterator, init, step, body, .. } = dates.to_loops().unwrap() else { panic!("no loop") };
    assert_eq!((iterator.as_str(), init, step), ("c0", Expr::Int(0), 1));
    assert!(matches!(*body, Node::For { .. }));
}

#[test]
fn an_error_does_not_leak_into_the_next_call() {
    let ctx = Context::new();
    assert!(ctx.set("{ S[i : }").is_err());
    assert_eq!(ctx.set("{ S[i] : 3 <= i < 7 }").unwrap().dim_max(0).unwrap(), Some(6));
}

#[test]
fn a_budget_that_runs_out_leaves_the_context_usable() {
    let ctx = Context::new();
    let big = ctx.map("{ S[i, j] -> A[i + j, i - j] : 0 <= i, j <= 1000 and (i + 2 j) mod 7 < 3 }").unwrap();
    let result = ctx.budget(10, || big.reverse()?.apply_range(&big)?.coalesce()?.lexmin());
    assert!(result.is_err());
    assert!(!big.is_empty().unwrap());
}

#[test]
fn a_budget_is_in_force_again_after_one_inside_it() {
    let ctx = Context::new();
    let big = ctx.map("{ S[i, j] -> A[i + j, i - j] : 0 <= i, j <= 1000 and (i + 2 j) mod 7 < 3 }").unwrap();
    let work = || big.reverse()?.apply_range(&big)?.coalesce()?.lexmin();
    assert!(ctx.budget(10, || ctx.budget(100_000_000, work)).is_ok());
    let after = ctx.budget(10, || {
        assert!(ctx.budget(20, work).is_err_and(|error| error.is_quota()));
        work()
    });
    assert!(after.is_err_and(|error| error.is_quota()));
}
