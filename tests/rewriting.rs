//! Does a program that is rewritten do the same, and is that of use: does a part of an array stay where the whole does not fit, do
//! iterations run together that only shared a temp?

mod source;

use polyfuse::check::compare::{Verdict, compare};
use polyfuse::isl::Context;
use polyfuse::machine::Machine;
use polyfuse::poly::{Reductions, dependences, expand, expansions, extract, split};
use polyfuse::report::Report;
use polyfuse::report::code::Code;
use polyfuse::schedule::Fuse;
use polyfuse::{Options, lang, optimize};
use source::resolved;

/// Programs with loops of every form: several to a `for`, triangles, steps, branches, bounds that are choices.
const FORMS: [&str; 5] = [
    "input A[9][8]; output C[9]; for i in 0..9 { C[i] = 0; for j in 0..8 { C[i] += A[i][j]; } }",
    "inout A[12][12]; for i in 1..11, j in i..12, k in 0..3 { A[i][j] = A[i - 1][j] + 2 * A[i][j - 1] + k; }",
    "inout A[40]; for i in 2..30 step 3 { for j in i..i + 9 step 2 { A[j] = A[j] * 3 + i; } A[i - 2] = A[i]; }",
    "inout A[10][10]; for t in 0..4 { if t < 2 { for i in 0..10, j in 0..10 { A[i][j] += A[j][i]; } } else \
     { for i in t..10 { A[t][i] = A[i][t] - i; } } }",
    "inout A[20]; for i in 0..6, j in max(0, i - 3)..min(9, i + 4) { A[i + j] = A[i] - 2 * A[j]; }",
];

#[test]
fn a_split_program_does_the_same() {
    let mut different = 0;
    for text in FORMS {
        let program = resolved(text);
        let scop = extract(&program, &Context::new()).expect("instances");
        let loops = scop.statements.iter().flat_map(|s| &s.dims).map(|dim| dim.loop_id).max().expect("a loop");
        for loop_id in 1..=loops {
            for at in -1..12 {
                let parts = split(&program, loop_id, at).expect("a loop that can be split");
                assert_eq!(compare(&program, &parts, 3, 1_000_000), Ok(Verdict::Same), "{parts}");
                different += usize::from(parts.to_string() != program.to_string());
            }
        }
        assert!(split(&program, loops + 1, 1).is_none());
    }
    assert!(different > 100, "{different}");
}

/// Temps that are filled anew in each iteration of some loops; the bounds that they have then, if any.
const TEMPS: [(&str, &[&str]); 7] = [
    (
        "input A[9][8]; output C[9]; temp S; for i in 2..9 { S = 0; for j in 0..8 { S += A[i][j]; } C[i] = S; }",
        &["S[7]"],
    ),
    (
        "inout A[5][6]; temp T[6]; for i in 0..5 { for j in 0..6 { T[j] = A[i][j]; } for j in 0..6 { A[i][5 - j] = T[j]; } }",
        &["T[5][6]"],
    ),
    // The value of the iteration before is read.
    ("input A[9]; output C[9]; temp S; S = 0; for i in 0..9 { S = 0.5 * S + A[i]; C[i] = S; }", &[]),
    // One loop passes values on, the other one does not.
    (
        "input A[4][9]; output C[4][9]; temp S; for i in 0..4 { S = 0; for j in 0..9 { S += A[i][j]; C[i][j] = S; } }",
        &["S[4]"],
    ),
    // Later statements use it for something else.
    (
        "input A[9]; output C[9], D[9]; temp S; for i in 0..9 { S = A[i]; C[i] = S; } for i in 0..9 { S = C[i]; D[i] = S; }",
        &["S[9]", "S2[9]"],
    ),
    // Only the first iteration fills it.
    ("input A[9]; output C[9]; temp S; for i in 0..9 { if i < 1 { S = 0; } S += A[i]; C[i] = S; }", &[]),
    // Every iteration has its own already.
    ("input A[9]; output C[9]; temp S[9]; for i in 0..9 { S[i] = A[i]; C[i] = S[i] + 1; }", &[]),
];

#[test]
fn a_temp_gets_an_element_for_each_iteration_that_fills_it_anew() {
    for (text, expected) in TEMPS {
        let program = resolved(text);
        let scop = extract(&program, &Context::new()).expect("instances");
        let dependences = dependences(&scop, Reductions::Free).expect("dependences");
        let found = expansions(&program, &scop, &dependences).expect("expansions");
        let expanded = expand(&program, &scop, &found).expect("loops with bounds").expect("sizes that fit");
        assert_eq!(found.len(), expected.len(), "{text}");
        assert!(expected.iter().all(|array| expanded.to_string().contains(&format!(" {array}"))), "{expanded}");
        assert_eq!(compare(&program, &expanded, 3, 1_000_000), Ok(Verdict::Same), "{expanded}");
    }
}

fn bytes(kernel: &str, overrides: &[(&str, i64)], capacity_bytes: i64, fuse: Fuse) -> i64 {
    let moved = report(kernel, overrides, capacity_bytes, fuse).dram.optimized;
    moved.load_bytes + moved.store_bytes
}

fn report(kernel: &str, overrides: &[(&str, i64)], capacity_bytes: i64, fuse: Fuse) -> Report {
    let path = format!("{}/kernels/{kernel}.loop", env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(path).expect("a kernel");
    let parsed = lang::parse(&text).expect("a program parses");
    let options = Options {
        kernel: kernel.into(),
        file: format!("{kernel}.loop"),
        text,
        machine: Machine::named("edge").expect("a machine"),
        capacity_bytes,
        fuse,
        recompute: 0.25,
        solver: Default::default(),
        effort: 1,
        strict_fp: false,
    };
    let overrides: Vec<(String, i64)> = overrides.iter().map(|&(name, value)| (name.into(), value)).collect();
    optimize(&parsed, &overrides, &options).expect("a schedule").report
}

/// An operand of 256 KiB in as much: with a half of it resident the other half comes twice.
#[test]
fn half_of_an_operand_stays() {
    let shape = [("M", 256), ("N", 256), ("K", 256)];
    let compulsory = 3 * 256 * 256 * 4;
    assert_eq!(bytes("gemm", &shape, 1 << 18, Fuse::None), compulsory + (1 << 18));
    let moved = bytes("gemm", &shape, 1 << 18, Fuse::Auto);
    assert!(moved < compulsory + (1 << 17) + (1 << 13), "{moved}");
}

/// Weights of 64 KiB, the same at every step, in as much: all but a few rows are loaded once.
#[test]
fn weights_that_just_do_not_fit_are_loaded_once_but_for_a_few() {
    let shape = [("T", 100), ("N", 32)];
    let whole = bytes("recurrence", &shape, 1 << 16, Fuse::None);
    assert!(whole > 100 << 15, "{whole}");
    let moved = bytes("recurrence", &shape, 1 << 16, Fuse::Auto);
    assert!(moved < whole / 8, "{moved} of {whole}");
}

/// A row that every pair of loops fills anew: without an element of it for each, the matrix comes again for each.
#[test]
fn iterations_that_share_no_value_run_in_one_tile() {
    let shape = [("R", 10), ("Q", 12), ("P", 32)];
    let matrix = 32 * 32 * 8;
    let moved = bytes("doitgen", &shape, matrix / 2, Fuse::Auto);
    assert!(moved < 30 * matrix, "{moved}: {} if the matrix comes 120 times", 120 * matrix);
}

#[test]
fn the_report_says_how_a_program_was_rewritten() {
    let said = |kernel: &str, shape: &[(&str, i64)], capacity: i64, code: Code| {
        let remarks = report(kernel, shape, capacity, Fuse::Auto).remarks;
        let found: Vec<String> = remarks.into_iter().filter(|r| r.code == code).map(|r| r.text).collect();
        found.join("; ")
    };
    let expanded = said("doitgen", &[("R", 10), ("Q", 12), ("P", 32)], 4096, Code::Expanded);
    assert_eq!(expanded, "`S` has an element for each `r`, `q`");
    let split = said("gemm", &[("M", 256), ("N", 256), ("K", 256)], 1 << 18, Code::Split);
    assert!(split.contains("runs in two parts") && split.contains("of its 256 values"), "{split}");
}
