//! Does a comparison of two programs see what differs?

use super::resolved;
use polyfuse::check::compare::{Stopped, Verdict, compare};
use polyfuse::lang::ast::{Role, Type};
use polyfuse::run::Fault;

#[test]
fn a_comparison_names_the_first_element_that_differs() {
    let a = resolved("output Y[4]; for i in 0..4 { Y[i] = i; }");
    let b = resolved("output Y[4]; for i in 0..4 { Y[i] = i; } Y[2] = 7;");
    match compare(&a, &b, 1, 1000) {
        Ok(Verdict::Differs { array, indices, .. }) => assert_eq!((array.as_str(), indices), ("Y", vec![2])),
        other => panic!("{other:?}"),
    }
    assert_eq!(compare(&a, &a, 1, 1000), Ok(Verdict::Same));
}

#[test]
fn an_output_that_is_left_unwritten_differs_from_one_that_is_written() {
    let a = resolved("output Y[4]; for i in 0..4 { Y[i] = 0; }");
    let b = resolved("output Y[4]; for i in 0..3 { Y[i] = 0; }");
    assert!(matches!(compare(&a, &b, 1, 1000), Ok(Verdict::Differs { .. })));
}

#[test]
fn other_interfaces_are_told_apart() {
    let right = resolved("input X[4]; output Y[4]; for i in 0..4 { Y[i] = X[i]; }");
    let mut changed = vec![right.clone(), right.clone(), right.clone(), right.clone()];
    changed[0].arrays[0].ty = Type::F64;
    changed[1].arrays[1].role = Role::Inout;
    changed[2].arrays[0].extents[0] = 5;
    changed[3].arrays.swap(0, 1);
    for program in changed {
        assert!(matches!(compare(&right, &program, 1, 1000), Ok(Verdict::InterfaceDiffers(_))), "{program}");
    }
}

#[test]
fn a_comparison_says_which_program_stopped() {
    let right = resolved("output Y[4]; for i in 0..4 { Y[i] = 0; }");
    let undefined = resolved("temp U[4]; output Y[4]; for i in 0..4 { Y[i] = U[i]; }");
    assert!(matches!(compare(&undefined, &right, 1, 1000), Err(Stopped::InA(Fault::Undefined { .. }))));
    assert!(matches!(compare(&right, &undefined, 1, 1000), Err(Stopped::InB(Fault::Undefined { .. }))));
    assert!(matches!(compare(&right, &right, 1, 3), Err(Stopped::InA(Fault::Budget { max_instances: 3 }))));
}
