//! Are the instances that are found dead those from which nothing comes, is all the same without them, and does the check tell them from others?

#[path = "random/generator.rs"]
#[allow(dead_code, reason = "programs with any call serve")]
mod generator;
mod source;

use std::collections::{BTreeMap, HashMap};

use polyfuse::check::compare::{Verdict, compare};
use polyfuse::check::liveness::{Known, difference};
use polyfuse::count::count;
use polyfuse::isl::Context;
use polyfuse::lang::ast::{Program, Role};
use polyfuse::lang::{parse, resolve};
use polyfuse::poly::{Dependences, Liveness, Reductions, Scop, dependences, extract};
use polyfuse::run::{Modular, Observer, execute_observed};
use source::resolved;

/// What is read and written at each point in time.
#[derive(Default)]
struct Seen(BTreeMap<u64, Touched>);

/// Elements, by array and place.
#[derive(Default)]
struct Touched {
    reads: Vec<(usize, usize)>,
    writes: Vec<(usize, usize)>,
}

impl Observer for Seen {
    fn read(&mut self, array: usize, element: usize, time: u64) {
        self.0.entry(time).or_default().reads.push((array, element));
    }

    fn wrote(&mut self, array: usize, element: usize, time: u64) {
        self.0.entry(time).or_default().writes.push((array, element));
    }
}

/// The live instances of a program, found by running it and going back.
fn live_instances(program: &Program) -> usize {
    let mut seen = Seen::default();
    execute_observed::<Modular, _>(program, 1, 10_000_000, &mut seen).expect("a run");
    let mut needed: HashMap<(usize, usize), bool> = HashMap::new();
    let stays = |array: usize| matches!(program.arrays[array].role, Role::Output | Role::Inout);
    let mut live = 0;
    for touched in seen.0.values().rev() {
        let is_needed = |at: &(usize, usize)| needed.get(at).copied().unwrap_or(stays(at.0));
        if touched.writes.iter().any(is_needed) {
            live += 1;
            needed.extend(touched.writes.iter().map(|&at| (at, false)));
            needed.extend(touched.reads.iter().map(|&at| (at, true)));
        }
    }
    live
}

/// A program with its dependences; `None` where they are too intricate.
fn known(program: &Program, ctx: &Context, reductions: Reductions) -> Option<(Scop, Dependences)> {
    let scop = extract(program, ctx).expect("instances");
    let found = dependences(&scop, reductions, 200_000).ok()?;
    Some((scop, found))
}

/// The program without what is found to be dead, which computes the same; and what the check says of it.
fn without_dead(program: &Program, reductions: Reductions) -> Option<(Program, Option<String>)> {
    let ctx = Context::new();
    let (scop, dependences) = known(program, &ctx, reductions)?;
    let without = Liveness::find(&scop, &dependences).expect("no budget")?.of(program, &scop);
    assert_eq!(compare(program, &without, 3, 10_000_000), Ok(Verdict::Same), "{program}\n{without}");
    let live = known(&without, &ctx, reductions)?;
    let source = Known { scop: &scop, dependences: &dependences };
    let live = Known { scop: &live.0, dependences: &live.1 };
    let said = difference(source, live).expect("no budget");
    Some((without, said))
}

fn instances(program: &Program) -> usize {
    count(program).expect("counts").instances.try_into().expect("few instances")
}

/// Programs, and how many of their instances are found to be live.
const PROGRAMS: [(&str, usize); 15] = [
    // The border of B, without its corners, is all that later sweeps do not overwrite.
    (
        "inout A[9][9]; temp B[9][9]; for i in 0..9, j in 0..9 { B[i][j] = A[i][j]; } for t in 0..2 { \
         for i in 1..8, j in 1..8 { B[i][j] = A[i][j] + A[i - 1][j] + A[i][j - 1]; } \
         for i in 1..8, j in 1..8 { A[i][j] = B[i][j] + B[i - 1][j] + B[i + 1][j] + B[i][j - 1] + B[i][j + 1]; } }",
        28 + 4 * 49,
    ),
    // Beside another statement in one loop.
    (
        "input A[9]; temp B[9], D[9]; output C[9]; for i in 0..9 { B[i] = A[i]; D[i] = 2 * A[i]; } \
         for i in 2..7 { B[i] = D[i]; } for i in 0..9 { C[i] = B[i] + D[i]; }",
        4 + 9 + 5 + 9,
    ),
    ("input A[9]; output C[9]; for i in 0..9 { C[i] = 0; } for i in 0..9 { C[8 - i] = A[i]; }", 9),
    ("input A[9]; output C[9]; for i in 0..9 { C[i] = A[i]; } for i in 3..6 { C[i] = 1; }", 6 + 3),
    // A recurrence that nothing reads, and what it alone reads.
    (
        "input A[9]; temp T[9], U[9]; output C[9]; for i in 0..9 { T[i] = A[i]; } U[0] = T[0]; \
         for i in 1..9 { U[i] = U[i - 1] + T[i]; } for i in 0..9 { C[i] = A[i]; }",
        9,
    ),
    // A chain of triangles.
    (
        "input A[9][9]; temp T[9][9], U[9][9]; output C[9]; for i in 0..9, j in 0..9 { T[i][j] = A[i][j]; } \
         for i in 0..9, j in 0..9 { U[i][j] = T[i][j]; } for i in 0..9 { C[i] = 0; for j in 0..i { C[i] += U[i][j]; } }",
        36 + 36 + 9 + 36,
    ),
    // The last step's values of B.
    (
        "inout A[4]; temp B[4]; for i in 0..4 { B[i] = 1; } \
         for t in 0..5 { for i in 0..4 { A[i] = A[i] + B[i]; } for i in 0..4 { B[i] = 2 * A[i]; } }",
        4 + 20 + 16,
    ),
    // A sum that is overwritten, and what it was made of.
    (
        "input A[5]; output S[4]; temp T[5]; for j in 0..5 { T[j] = A[j]; } \
         for i in 0..4 { S[i] = 0; for j in 0..5 { S[i] += T[j]; } } for i in 0..4 { S[i] = A[i]; }",
        4,
    ),
    // The second product replaces the sum; what is added after it stays.
    ("input A[4]; output s; s = 1; for i in 0..4 { s += A[i]; } s = A[0]; for i in 0..4 { s *= A[i]; s += 1; }", 9),
    (
        "input A[30]; temp T[30]; output C[16]; for i in 1..30 step 3 { T[i] = A[i]; } \
      for i in 1..16 step 3 { C[i] = T[i]; }",
        5 + 5,
    ),
    // Every second one: a quotient tells them, and they stay.
    ("input A[9]; temp T[9]; output C[4]; for i in 0..9 { T[i] = A[i]; } for i in 0..4 { C[i] = T[2 * i]; }", 13),
    (
        "inout A[9]; for i in 0..9 { if i < 4 { A[i] = 2; } else { A[i] = 3; } } for i in 2..6 { A[i] = A[i - 1]; }",
        2 + 3 + 4,
    ),
    // Instances that wait for each other, around a hole: in their places.
    (
        "inout A[6][6]; for i in 1..6, j in 0..6 { A[i][j] = A[i - 1][j] + 1; } for i in 5..6, j in 2..4 { A[i][j] = 7; }",
        28 + 2,
    ),
    ("input A[5]; temp T[5], x; output C[5]; x = 0; for i in 0..5 { x = A[i]; } for i in 0..5 { C[i] = x; }", 1 + 5),
    // What nothing needs at all.
    ("input A[4]; temp T[4]; for i in 0..4 { T[i] = A[i]; }", 0),
];

#[test]
fn dead_instances_are_left_out() {
    for (text, expected) in PROGRAMS {
        let program = resolved(text);
        for reductions in [Reductions::Free, Reductions::Ordered] {
            let (without, said) = without_dead(&program, reductions).unwrap_or_else(|| (program.clone(), None));
            assert_eq!(said, None, "{without}");
            let (found, exact) = (instances(&without), live_instances(&program));
            assert_eq!(found, expected, "{text}\n{without}");
            assert!(exact <= found, "{exact} of {found}\n{text}");
        }
    }
}

#[test]
fn a_program_that_needs_all_of_its_instances_keeps_them() {
    for text in [
        "input A[9]; output C[9]; for i in 0..9 { C[i] = 0; for j in 0..9 { C[i] += A[j]; } }",
        "inout A[9]; for t in 0..4, i in 1..8 { A[i] = A[i - 1] + A[i + 1]; }",
        "inout A[9][9]; for k in 0..9, i in k + 1..9 { A[i][k] = A[i][k] / A[k][k]; \
         for j in k + 1..9 { A[i][j] -= A[i][k] * A[k][j]; } }",
    ] {
        assert_eq!(without_dead(&resolved(text), Reductions::Free), None, "{text}");
    }
}

/// What is needed of each step shrinks by one element a step: it is not followed to the end.
#[test]
fn a_cone_over_time_is_left_out_in_part_or_not_at_all() {
    let program = resolved(
        "input A[40]; temp X[20][40]; output y; for i in 0..40 { X[0][i] = A[i]; } \
         for t in 1..20, i in 1..39 { X[t][i] = X[t - 1][i]; } y = X[19][20];",
    );
    let (without, said) = without_dead(&program, Reductions::Free).unwrap_or_else(|| (program.clone(), None));
    assert_eq!(said, None, "{without}");
    assert!(instances(&without) >= live_instances(&program), "{without}");
}

#[test]
fn random_programs_do_the_same_without_their_dead_instances() {
    let (mut changed, mut doubted) = (0, 0);
    for seed in 0..50 {
        let text = generator::program(9_000_000 + seed, &generator::CALLS);
        let Some(program) = parse(&text).ok().and_then(|p| resolve(&p, &[]).ok()).map(|r| r.program) else { continue };
        if execute_observed::<Modular, _>(&program, 1, 1_000_000, &mut ()).is_err() {
            continue;
        }
        for reductions in [Reductions::Free, Reductions::Ordered] {
            let Some((without, said)) = without_dead(&program, reductions) else { continue };
            changed += 1;
            doubted += usize::from(said.is_some());
            assert!(instances(&without) < instances(&program), "{program}");
            assert!(instances(&without) >= live_instances(&program), "{program}\n{without}");
        }
    }
    // isl can miss the last write before a read where pieces of a statement write one element; such programs are scheduled as they are.
    assert!(changed > 12 && doubted * 20 < changed, "{doubted} of {changed}");
}

/// A program, what is said to be the same without its dead instances, and what the check says.
const WRONG: [(&str, &str, &str); 6] = [
    (
        "input A[9]; temp T[9]; output C[9]; for i in 0..9 { T[i] = A[i]; } for i in 0..9 { C[i] = T[i]; }",
        "input A[9]; temp T[9]; output C[9]; for i in 0..8 { T[i] = A[i]; } for i in 0..9 { C[i] = T[i]; }",
        "another value",
    ),
    (
        "input A[9]; output C[9]; for i in 0..9 { C[i] = A[i]; } for i in 0..4 { C[i] = 1; }",
        "input A[9]; output C[9]; for i in 0..9 { C[i] = A[i]; } for i in 0..3 { C[i] = 1; }",
        "that stays",
    ),
    (
        "inout C[9]; for i in 0..9 { C[i] = 2; } for i in 0..9 { C[i] += 1; }",
        "inout C[9]; for i in 1..9 { C[i] = 2; } for i in 0..9 { C[i] += 1; }",
        "another value",
    ),
    (
        "input A[9]; output C; temp s; s = 0; for i in 0..9 { s += A[i]; } C = s;",
        "input A[9]; output C; temp s; s = 0; for i in 0..8 { s += A[i]; } C = s;",
        "another value",
    ),
    (
        "output C[9]; for i in 0..8 { C[i] = 1; }",
        "output C[9]; for i in 0..9 { C[i] = 1; }",
        "that the source does not run",
    ),
    (
        "output C[9]; for i in 0..9 { C[i] = 1; } for i in 0..9 { C[i] = 2; }",
        "output C[9]; for i in 0..9 { C[i] = 2; }",
        "another statement",
    ),
];

#[test]
fn the_check_finds_live_instances_that_are_left_out() {
    for (source, live, expected) in WRONG {
        let (source, live, ctx) = (resolved(source), resolved(live), Context::new());
        let of = |program: &Program| known(program, &ctx, Reductions::Free).expect("dependences");
        let (source, live) = (of(&source), of(&live));
        let source = Known { scop: &source.0, dependences: &source.1 };
        let live = Known { scop: &live.0, dependences: &live.1 };
        let said = difference(source, live).expect("no budget").expect("a difference");
        assert!(said.contains(expected), "{said} instead of {expected}");
    }
}
