//! Does the search reach what is known to be attainable?

#[path = "search/kernels.rs"]
mod kernels;

use kernels::*;
use polyfuse::ilp::Solver;
use polyfuse::isl::Context;
use polyfuse::poly;
use polyfuse::schedule::bands::Bands;
use polyfuse::schedule::problem::Problem;
use polyfuse::schedule::search::{evaluate, frontier};

const KIB: i64 = 1024;
const MIB: i64 = 1024 * KIB;

/// Bytes moved at each capacity; every plan must be legal, fit and cost what it says.
fn reached(problem: &Problem, capacities: &[i64]) -> Vec<i64> {
    let plans = frontier(problem, capacities, 100_000).plans;
    let each = plans.iter().zip(capacities).map(|(plan, &capacity)| {
        let plan = plan.as_ref().expect("a plan exists");
        assert_eq!(evaluate(problem, plan), Some((plan.moved_bytes, plan.peak_bytes)), "{plan:?}");
        assert!(plan.peak_bytes <= capacity);
        plan.moved_bytes
    });
    each.collect()
}

#[test]
fn a_gemm_keeps_a_tile_of_its_result() {
    let capacities = [64 * KIB, 512 * KIB, 4 * MIB, 24 * MIB];
    assert_eq!(reached(&gemm(1024, 1024, 1024), &capacities), [75_497_472, 29_360_128, 16_777_216, 12_582_912]);
}

#[test]
fn two_gemms_share_row_panels() {
    assert_eq!(reached(&gemm_gemm(8192, 64, 256, 64), &[256 * KIB]), [4_325_376]);
}

#[test]
fn a_convolution_rolls_its_rows() {
    assert_eq!(reached(&conv(64, 64, 56), &[64 * KIB, 512 * KIB]), [3_616_768, 1_753_088]);
}

#[test]
fn a_second_convolution_runs_a_row_behind_the_first() {
    assert_eq!(reached(&conv_relu_conv(64, 56), &[512 * KIB]), [1_900_544]);
}

#[test]
fn softmax_reads_each_row_once() {
    assert_eq!(reached(&softmax(6144, 512), &[64 * KIB]), [25_165_824]);
}

#[test]
fn a_softmax_follows_its_matmul_row_by_row() {
    assert_eq!(reached(&matmul_softmax(98304, 64, 128), &[512 * KIB]), [75_530_240]);
}

#[test]
fn attention_keeps_keys_and_values_of_a_head() {
    assert_eq!(reached(&attention(12, 512, 64), &[512 * KIB]), [6_291_456]);
}

#[test]
fn an_mlp_is_one_group_where_that_pays() {
    let apart = [(true, false), (false, true)].map(|parts| reached(&mlp(512, 768, 3072, parts), &[64 * KIB])[0]);
    assert_eq!(apart.iter().sum::<i64>(), 163_593_216);
    let capacities = [64 * KIB, 512 * KIB, 4 * MIB];
    assert_eq!(reached(&mlp(512, 768, 3072, (true, true)), &capacities), [187_198_464, 69_221_376, 22_035_456]);
}

#[test]
fn two_matrix_products_meet_on_a_tile_of_the_temporary() {
    assert_eq!(reached(&two_mm(800, 900, 1100, 1200), &[512 * KIB, 4 * MIB]), [47_240_000, 19_480_000]);
}

#[test]
fn atax_loads_each_row_once_and_uses_it_twice() {
    assert_eq!(reached(&atax(1900, 2100), &[64 * KIB]), [15_976_800]);
}

#[test]
fn a_recurrence_loads_its_weights_once() {
    // Weights, the inputs of all steps, all states stored, the first one loaded.
    let weights = 2 * 8 * 256 * 256 * 4;
    assert_eq!(weights, 4_194_304);
    assert_eq!(reached(&recurrence(1000, 256), &[24 * MIB]), [weights + 1000 * 256 * 4 * 2 + 256 * 4]);
}

#[test]
fn a_problem_that_cannot_fit_has_no_plan() {
    assert_eq!(frontier(&gemm(8, 8, 8), &[8], 100_000).plans, [None]);
}

#[test]
fn the_smallest_room_that_holds_one_instance_is_enough() {
    assert_eq!(frontier(&gemm(8, 8, 8), &[12], 100_000).plans[0].as_ref().map(|plan| plan.peak_bytes), Some(12));
}

#[test]
fn odd_problems_have_plans() {
    let empty = Builder::new().problem;
    assert_eq!(frontier(&empty, &[0], 100_000).plans[0].as_ref().map(|plan| plan.moved_bytes), Some(0));
    // A scalar, an array that nobody uses, a loop of one trip, a loop of none.
    let mut b = Builder::new();
    let (scalar, _, x) = (b.output(&[]), b.input(&[7]), b.input(&[1]));
    b.statement(&[], &[(scalar, Write, &[])]);
    b.statement(&[1], &[(scalar, Update, &[]), (x, Read, index![0])]);
    b.statement(&[0], &[(scalar, Update, &[]), (x, Read, index![0])]);
    b.plain_dim(&[None, Some(0), Some(0)]);
    assert_eq!(reached(&b.sequential(), &[8]), [8]);
}

/// Values cross a group's edges where a statement on the other side makes or reads them, not where it only touches the array.
#[test]
fn an_array_that_is_filled_anew_does_not_cross_the_edges_of_a_group() {
    let text = "input X[8]; output Y[8]; temp T[8]; for i in 0..8 { T[i] = X[i]; } for i in 0..8 { T[i] = 2 * T[i]; } \
                for i in 0..8 { Y[i] = T[i]; } for i in 0..8 { T[i] = Y[i]; } for i in 0..8 { Y[i] += T[7 - i]; }";
    let program =
        polyfuse::lang::resolve(&polyfuse::lang::parse(text).expect("a program"), &[]).expect("numbers").program;
    let scop = poly::extract(&program, &Context::new()).expect("instances");
    let dependences = poly::dependences(&scop, poly::Reductions::Free, u64::MAX).expect("dependences");
    let bands = Bands::new(&scop, &dependences, Solver::default()).expect("bands");
    let crosses = |statements: &[usize]| {
        let group = bands.problem(statements, &[]).expect("a group");
        let at = group.arrays.iter().position(|&a| *scop.arrays[a].name == *"T").expect("the temp");
        (group.problem.arrays[at].live_in, group.problem.arrays[at].live_out)
    };
    assert_eq!(crosses(&[0]), (false, true));
    assert_eq!(crosses(&[1]), (true, true));
    assert_eq!(crosses(&[1, 2]), (true, false));
    assert_eq!(crosses(&[0, 1, 2]), (false, false));
    assert_eq!(crosses(&[3]), (false, true));
    assert_eq!(crosses(&[3, 4]), (false, false));
}
