//! Does `--strict-fp` keep every bit? Source and schedule are run in the language's own arithmetic, and no rounding is forgiven.

#[path = "random/generator.rs"]
#[allow(dead_code, reason = "whole programs are all that is needed")]
mod generator;

use polyfuse::lang::ast::{Program, Role};
use polyfuse::lang::{parse, resolve};
use polyfuse::machine::Machine;
use polyfuse::run::{Typed, execute};
use polyfuse::schedule::Fuse;
use polyfuse::{Options, optimize};

/// The checksums of what a program leaves.
fn left(program: &Program) -> Vec<u64> {
    let memory = execute::<Typed>(program, 1, 10_000_000).unwrap_or_else(|fault| panic!("{fault}\n{program}"));
    let results = program.arrays.iter().filter(|a| matches!(a.role, Role::Output | Role::Inout));
    results.map(|array| memory.checksum(&array.name)).collect()
}

/// Whether the scheduled program leaves the same bits; `None` where there is no schedule.
fn keeps_every_bit(text: &str, capacity_bytes: i64, strict_fp: bool) -> Option<bool> {
    let options = Options {
        kernel: "strict".into(),
        file: "strict.loop".into(),
        text: text.into(),
        machine: Machine::named("edge").expect("a machine"),
        capacity_bytes,
        fuse: Fuse::Auto,
        recompute: 0.25,
        solver: Default::default(),
        effort: 1,
        strict_fp,
    };
    let parsed = parse(text).expect("a program");
    let optimized = optimize(&parsed, &[], &options).ok()?;
    let source = resolve(&parsed, &[]).expect("a program that means something").program;
    Some(left(&source) == left(&optimized.program))
}

#[test]
fn random_programs_keep_every_bit() {
    let kept: Vec<bool> = (0..60)
        .filter_map(|seed| {
            let text = generator::program(3000 + seed, &generator::CALLS);
            let kept = keeps_every_bit(&text, [100, 400, 4000][seed as usize % 3], true);
            assert_ne!(kept, Some(false), "{text}");
            kept
        })
        .collect();
    assert!(kept.len() > 40, "only {} were scheduled", kept.len());
}

#[test]
fn a_sum_that_may_be_reordered_differs_by_rounding_and_a_strict_one_does_not() {
    // Rows of `A` that both sums share are loaded once if the first of them runs by rows, too.
    let text = "input A[60][60]; output S, D[60]; S = 0; for k in 0..60, i in 0..60 { S += A[i][k]; }
                for i in 0..60 { D[i] = 0; for k in 0..60 { D[i] += A[i][k]; } }";
    assert_eq!(keeps_every_bit(text, 600, true), Some(true));
    assert_eq!(keeps_every_bit(text, 600, false), Some(false));
}

#[test]
fn infinities_and_nans_flow_as_in_the_source() {
    let text = "input A[20]; output B[20], C, D; for i in 0..20 { B[i] = log(A[i] - A[19 - i]) + 1 / (A[i] - A[i]); }
                C = 0; for i in 0..20 { C += inf * (A[i] - 0.5); } D = -inf; for i in 0..20 { D max= B[i]; }";
    assert_eq!(keeps_every_bit(text, 60, true), Some(true));
    assert_eq!(keeps_every_bit(text, 60, false), Some(true));
}
