//! Does the whole line keep its promises? The same input gives the same bytes, what is printed can be read, more room never
//! costs traffic, and the smallest scratchpad that is named is the smallest.
//!
//! Asked of some of the kernels, made small.

use polyfuse::emit::to_c;
use polyfuse::lang::ast::Program;
use polyfuse::machine::Machine;
use polyfuse::schedule::Fuse;
use polyfuse::timeline::runs;
use polyfuse::{Failure, Optimized, Options, lang, optimize};

/// A kernel's name and its parameters.
type Kernel = (&'static str, &'static [(&'static str, i64)]);

const GEMM: Kernel = ("gemm", &[("M", 24), ("N", 20), ("K", 16)]);
const TWO_MM: Kernel = ("two_mm", &[("NI", 12), ("NJ", 14), ("NK", 10), ("NL", 16)]);
const JACOBI: Kernel = ("jacobi_1d", &[("T", 6), ("N", 40)]);
const BLUR: Kernel = ("blur", &[("H", 24), ("W", 20)]);
const SOFTMAX: Kernel = ("softmax", &[("M", 16), ("N", 24)]);
const RECURRENCE: Kernel = ("recurrence", &[("T", 4), ("N", 6)]);

const KERNELS: [Kernel; 6] = [GEMM, TWO_MM, JACOBI, BLUR, SOFTMAX, RECURRENCE];
const CAPACITIES: [i64; 2] = [512, 4096];

fn attempt((name, overrides): Kernel, capacity_bytes: i64, fuse: Fuse) -> Result<Optimized, Failure> {
    let path = format!("{}/kernels/{name}.loop", env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(path).expect("a kernel");
    let overrides: Vec<(String, i64)> = overrides.iter().map(|(name, value)| (name.to_string(), *value)).collect();
    attempt_text(name, text, &overrides, capacity_bytes, fuse)
}

fn attempt_text(
    name: &str,
    text: String,
    overrides: &[(String, i64)],
    capacity_bytes: i64,
    fuse: Fuse,
) -> Result<Optimized, Failure> {
    let parsed = lang::parse(&text).expect("a program parses");
    let options = Options {
        kernel: name.into(),
        file: format!("{name}.loop"),
        text,
        machine: Machine::named("edge").expect("a machine"),
        capacity_bytes,
        fuse,
        recompute: 0.25,
        solver: Default::default(),
        effort: 1,
        strict_fp: false,
    };
    optimize(&parsed, overrides, &options)
}

fn scheduled(kernel: Kernel, capacity_bytes: i64, fuse: Fuse) -> Optimized {
    attempt(kernel, capacity_bytes, fuse).unwrap_or_else(|e| panic!("{} at {capacity_bytes}: {e:?}", kernel.0))
}

fn bytes(optimized: &Optimized) -> i64 {
    let moved = optimized.report.dram.optimized;
    moved.load_bytes + moved.store_bytes
}

fn everywhere() -> impl Iterator<Item = (Kernel, i64)> {
    KERNELS.into_iter().flat_map(|kernel| CAPACITIES.map(|capacity| (kernel, capacity)))
}

#[test]
fn two_runs_print_the_same_bytes() {
    let printed = |kernel: Kernel, capacity| {
        let outcome = scheduled(kernel, capacity, Fuse::Auto);
        let c = to_c(&outcome.program, kernel.0, &outcome.placement).expect("C");
        [outcome.program.to_string(), c, outcome.report.to_json(), outcome.schedule, outcome.dot]
    };
    for (kernel, capacity) in everywhere() {
        assert_eq!(printed(kernel, capacity), printed(kernel, capacity), "{} at {capacity}", kernel.0);
    }
}

#[test]
fn a_scheduled_program_reads_as_it_was_printed() {
    for (kernel, capacity) in everywhere() {
        let Optimized { program, .. } = scheduled(kernel, capacity, Fuse::Auto);
        let text = program.to_string();
        let parsed = lang::parse(&text).unwrap_or_else(|e| panic!("{} at {capacity}: {e:?}\n{text}", kernel.0));
        // Labels that nobody wrote are given when a program is resolved, and not printed.
        let resolved = |program: &Program| lang::resolve(program, &[]).expect("a program that means something").program;
        let (read, meant) = (resolved(&parsed), resolved(&program));
        assert!(read == meant, "{} at {capacity} reads as another program:\n{text}\n{read}", kernel.0);
        assert_eq!(parsed.to_string(), text, "{} at {capacity}", kernel.0);
    }
}

#[test]
fn what_moves_the_fewest_bytes_is_chosen() {
    for (kernel, capacity) in everywhere() {
        // Of those that move as many bytes, the one with the longest runs, which are the fewest.
        let cost = |fuse| {
            let found = scheduled(kernel, capacity, fuse);
            (bytes(&found), runs(&found.program).expect("loops that can be counted"))
        };
        let [auto, none, max] = [Fuse::Auto, Fuse::None, Fuse::Max].map(cost);
        assert!(auto <= none && auto <= max, "{} at {capacity}: auto {auto:?}, none {none:?}, max {max:?}", kernel.0);
    }
}

#[test]
fn more_room_never_costs_bytes() {
    for kernel in [GEMM, TWO_MM, BLUR, SOFTMAX] {
        let moved = [40, 100, 300, 512, 1500, 4096].map(|c| (c, bytes(&scheduled(kernel, c, Fuse::Auto))));
        assert!(moved.is_sorted_by_key(|(_, bytes)| -bytes), "{}: {moved:?}", kernel.0);
        assert!(moved[5].1 < moved[0].1, "{}: room is of use: {moved:?}", kernel.0);
    }
}

#[test]
fn the_smallest_scratchpad_that_is_named_is_the_smallest() {
    for kernel in KERNELS {
        for fuse in [Fuse::Auto, Fuse::None, Fuse::Max] {
            let Err(Failure::DoesNotFit { capacity_bytes: 1, smallest_bytes, table }) = attempt(kernel, 1, fuse) else {
                panic!("{} runs in a byte", kernel.0)
            };
            assert!(!table.is_empty(), "{}: which buffers are too large?", kernel.0);
            let outcome = scheduled(kernel, smallest_bytes, fuse);
            assert!(outcome.report.scratchpad.arena_bytes <= smallest_bytes);
            let less = attempt(kernel, smallest_bytes - 1, fuse);
            assert!(
                matches!(less, Err(Failure::DoesNotFit { smallest_bytes: again, .. }) if again == smallest_bytes),
                "{} runs in {} bytes",
                kernel.0,
                smallest_bytes - 1
            );
        }
    }
}

#[test]
fn loops_over_almost_all_numbers_are_scheduled() {
    for bounds in ["-4000000000000000000..4000000000000000000", "-9000000000000000000..9000000000000000000"] {
        let text = format!("inout A[8]; for t in {bounds}, i in 1..7 {{ A[i] = A[i - 1] + A[i + 1]; }}");
        let outcome = attempt_text("far", text, &[], 64, Fuse::Auto);
        assert!(outcome.is_ok(), "{bounds}: {:?}", outcome.err());
    }
}

/// Faces of a loop of billions of positions are not walked one by one.
#[test]
fn a_stencil_over_billions_of_elements_fuses() {
    let text = "input X[3000000000]; temp T[3000000000]; inout Y[3000000000]; for i in 0..3000000000 { T[i] = X[i] * 2; } \
                for i in 1..2999999999 { Y[i] = T[i - 1] + T[i + 1]; }";
    let moved = attempt_text("billions", text.into(), &[], 4096, Fuse::Auto).expect("a schedule").report.dram.optimized;
    assert_eq!(moved.load_bytes + moved.store_bytes, 4 * (3_000_000_000 + 2_999_999_998));
}

#[test]
fn what_is_too_intricate_to_be_reasoned_about_runs_in_source_order_and_says_so() {
    let text = "inout A[99]; for a in 0..9, b in a..9, c in b..a + 9, d in c..9 + b, e in d - a..9 + c, f in e..9 + d - b { \
                A[(a + b + c + d + e + f) % 99] += A[(a + 2 * b + 3 * c + 4 * d + 5 * e + 6 * f) % 98 / 2 + 3]; }";
    let outcome = attempt_text("intricate", text.into(), &[], 512, Fuse::Auto).expect("a schedule");
    assert_eq!(outcome.report.solver.status, "budget");
    assert!(outcome.report.remarks.iter().any(|r| r.kind == "unknown-dependences" && r.text.contains("--effort")));
    let simple = scheduled(GEMM, 512, Fuse::Auto);
    assert_eq!((simple.report.solver.status.as_str(), simple.report.remarks.len()), ("optimal", 0));
}

/// Two sweeps along a boundary of each other: skewed rows, in strips or whole, serve from the smallest room on.
#[test]
fn sweeps_with_boundaries_move_less_with_more_room() {
    let text = "inout U[30][45], V[30][45]; input F[12], G[12][30]; \
        for t in 0..12 { for j in 0..45 { U[0][j] = F[t]; } for i in 0..30 { V[i][0] = G[t][i]; } \
        for i in 1..30, j in 0..45 { U[i][j] = U[i][j] - 0.5 * (V[i][j] - V[i - 1][j]); } \
        for i in 0..30, j in 1..45 { V[i][j] = V[i][j] - 0.5 * (U[i][j] - U[i][j - 1]); } }";
    let moved = |capacity: i64| {
        bytes(
            &attempt_text("sweeps", text.into(), &[], capacity, Fuse::Auto)
                .unwrap_or_else(|e| panic!("{capacity}: {e:?}")),
        )
    };
    let all = [400, 700, 1500, 3000, 4000, 6000, 12000].map(|capacity| (capacity, moved(capacity)));
    assert!(all.is_sorted_by_key(|(_, bytes)| -bytes), "{all:?}");
    assert!(all[2].1 < all[0].1 / 2, "strips serve: {all:?}");
}

/// Each of two fields in turn from itself and eight neighbours of the other in each direction: many reads, at constant offsets.
#[test]
fn a_wave_equation_of_eighth_order_runs_in_tiles() {
    let star = |array: &str| -> String {
        let around = |o: i64| {
            let at = |i: i64, j: i64, k: i64| format!("{array}[i + {i}][j + {j}][k + {k}]");
            [at(o, 0, 0), at(-o, 0, 0), at(0, o, 0), at(0, -o, 0), at(0, 0, o), at(0, 0, -o)].join(" + ")
        };
        (1..=4).map(|o| format!(" + c[{o}] * ({})", around(o))).collect()
    };
    let nest = |this: &str, other: &str| {
        format!(
            "for i in 4..28, j in 4..28, k in 4..28 {{ {this}[i][j][k] = 2 * {other}[i][j][k] - {this}[i][j][k] \
             + V[i][j][k] * (c[0] * {other}[i][j][k]{}); }}",
            star(other)
        )
    };
    let text = format!(
        "input V[32][32][32], c[5]; inout A[32][32][32], B[32][32][32]; for t in 0..4 {{ {} {} }}",
        nest("A", "B"),
        nest("B", "A")
    );
    let outcome = attempt_text("wave", text, &[], 16 << 10, Fuse::Auto).expect("a schedule");
    assert!(bytes(&outcome) < 2_600_000, "{}, 14 million element by element", bytes(&outcome));
}

/// Every other point from its neighbours, then the rest: rows are skewed, and each iteration touches a part of its window.
#[test]
fn red_and_black_points_cross_once_for_all_sweeps() {
    let sweep = |colour: i64| {
        format!(
            "for i in 1..127 {{ for j in 1..127 {{ if (i + j) % 2 == {colour} {{ \
             U[i][j] = 0.25 * (U[i - 1][j] + U[i + 1][j] + U[i][j - 1] + U[i][j + 1] - F[i][j]); }} }} }}"
        )
    };
    let text = format!("input F[128][128]; inout U[128][128]; for t in 0..10 {{ {} {} }}", sweep(0), sweep(1));
    let outcome = attempt_text("points", text, &[], 32 << 10, Fuse::Auto).expect("a schedule");
    // All of F, the black points and those of the border that are read, and what is computed.
    assert_eq!(bytes(&outcome), 160_776);
}
