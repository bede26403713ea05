//! Does a program that is rewritten do the same, and is that of use: does a part of an array stay where the whole does not fit, do
//! iterations run together that only shared a temp?

mod source;

use polyfuse::check::compare::{Verdict, compare};
use polyfuse::isl::Context;
use polyfuse::lang::ast::Program;
use polyfuse::lang::decisions::Parts;
use polyfuse::machine::Machine;
use polyfuse::poly;
use polyfuse::poly::{
    Block, Names, Over, Overlap, Recompute, Reductions, Scop, Strip, dependences, expand, expansions, extract,
    in_strips, names_in_blocks, part, peel, split, strip, strips, waits,
};
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

/// Asserts that a program rewritten has the dependences of the program, under new names. Loops with steps have no new names where they
/// start elsewhere.
fn has_the_dependences_of(scop: &Scop, written: &Program, names: &Names) {
    for reductions in [Reductions::Free, Reductions::Ordered] {
        has_them(scop, written, names, reductions);
    }
}

fn has_them(scop: &Scop, written: &Program, names: &Names, reductions: Reductions) {
    let has_steps = scop.statements.iter().flat_map(|s| &s.dims).any(|dim| dim.stepped.is_some());
    let to = extract(written, &scop.ctx).expect("instances");
    let of = |scop: &Scop| dependences(scop, reductions, u64::MAX).expect("dependences");
    let carried = of(scop).carried(scop, &to, names).expect("names");
    assert!(carried.is_some() || has_steps, "{written}");
    let Some(carried) = carried else { return };
    let found = of(&to);
    let all = [
        ("flow", &carried.flow, &found.flow),
        ("reduction", &carried.reduction, &found.reduction),
        ("order", &carried.order, &found.order),
        ("anti", &carried.anti, &found.anti),
        ("output", &carried.output, &found.output),
        ("live in", &carried.live_in, &found.live_in),
        ("live out", &carried.live_out, &found.live_out),
    ];
    for (name, carried, found) in all {
        assert!(carried.is_equal(found).expect("a comparison"), "{name}: {carried}\n{found}\n{written}");
    }
}

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
                if at == 4 {
                    has_the_dependences_of(&scop, &parts, &Names::Kept);
                }
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
        let dependences = dependences(&scop, Reductions::Free, u64::MAX).expect("dependences");
        let found = expansions(&program, &scop, &dependences).expect("expansions");
        let expanded = expand(&program, &scop, &found).expect("loops with bounds").expect("sizes that fit");
        assert_eq!(found.len(), expected.len(), "{text}");
        assert!(expected.iter().all(|array| expanded.to_string().contains(&format!(" {array}"))), "{expanded}");
        assert_eq!(compare(&program, &expanded, 3, 1_000_000), Ok(Verdict::Same), "{expanded}");
    }
}

/// Programs whose nests hold a diagonal beside mirror images, or parts that do not wait for each other; how often the word `for` is in them
/// then.
const NESTS: [(&str, usize); 11] = [
    ("output C[9][9]; for i in 0..9, j in i..9 { C[i][j] = i + 2 * j; C[j][i] = C[i][j]; }", 4),
    ("output C[9][9]; for i in 0..9, j in 0..i + 1 { C[i][j] = i + 2 * j; C[j][i] = C[i][j]; }", 4),
    ("output C[9][9]; for i in 0..9 { C[i][i] = 1; for j in i + 1..9 { C[i][j] = i; C[j][i] = C[i][j]; } }", 3),
    ("output C[9], D[9]; for i in 0..9 { C[i] = 1; D[i] = 2; C[i] += 3; }", 2),
    // Each part waits for the other.
    ("inout A[9], B[9]; for i in 1..9 { A[i] = B[i - 1]; B[i] = A[i - 1]; }", 1),
    // What a recurrence reads comes before it, what reads it after it.
    (
        "input X[9]; output G[9], H[9], Y[9]; for t in 0..9 { G[t] = 2 * X[t]; H[t] = G[t]; if t > 0 { H[t] += H[t - 1]; } \
         Y[t] = H[t]; }",
        3,
    ),
    // Two of them, one after the other; what stands between them reads the first.
    (
        "input X[5][9]; inout G[5][9], H[5][9]; for n in 0..5, t in 1..9 { G[n][t] = X[n][t] - G[n][t - 1]; \
         H[n][t] = 2 * G[n][t] - H[n][t - 1]; }",
        2,
    ),
    // All rows with one of them, before it, at it and after it; elements of a row stay together.
    ("inout D[9][9]; for k in 0..9, i in 0..9, j in 0..9 { D[i][j] = min(D[i][j], D[i][k] + D[k][j]); }", 4),
    // The same with columns, and with a case that is left out.
    (
        "inout D[9][9]; for k in 0..9, j in 0..9, i in 0..9 { if i != k { D[i][j] = min(D[i][j], D[i][k] + D[k][j]); } }",
        4,
    ),
    // Rows beyond the one they are worked on with.
    ("inout D[9][9]; for k in 0..9, i in k + 1..9, j in 0..9 { D[i][j] -= D[i][k] * D[k][j]; }", 1),
    // Mirror images that are only read.
    ("input C[9][9]; output D[9][9]; for i in 0..9, j in i..9 { D[i][j] = C[i][j] + C[j][i]; }", 1),
];

/// Programs whose innermost loops have several parts when each statement is one, or all of one; how often the word `for` is in them then.
const STATEMENTS: [(&str, usize); 4] = [
    // Two products, the first of which updates what the statement after them has scaled.
    (
        "inout C[9][8]; input A[9][9], B[9][8]; temp t[9][8]; for i in 0..9, j in 0..8 { t[i][j] = 0; \
         for k in 0..i { C[k][j] += B[i][j] * A[i][k]; t[i][j] += B[k][j] * A[i][k]; } C[i][j] = 2 * C[i][j] + t[i][j]; }",
        5,
    ),
    (
        "input A[9][7]; output B[9], C[9]; for i in 0..9 { B[i] = 0; for k in 0..7 { B[i] += A[i][k]; } C[i] = 1; \
         for k in 0..7 { C[i] += A[i][k] * B[i]; } }",
        4,
    ),
    (
        "input A[9][7]; output B[9], C[9]; for i in 0..9 { B[i] = 0; for k in 0..7 { B[i] += A[i][k]; } C[i] = 2 * B[i]; }",
        2,
    ),
    // A condition keeps together what could come apart.
    (
        "input A[9][7]; output B[9], C[9][7]; for i in 0..9 { B[i] = 0; for k in 0..7 { B[i] += A[i][k]; } \
         for k in 0..7 { if k < i { C[i][k] = B[i]; C[i][k] += A[i][k]; } else { C[i][k] = A[i][k]; } } }",
        3,
    ),
];

#[test]
fn diagonals_and_unrelated_parts_run_by_themselves() {
    NESTS.into_iter().for_each(|(text, expected)| comes_apart(text, Parts::Recurrences, expected));
}

#[test]
fn statements_that_share_loops_without_need_run_by_themselves() {
    STATEMENTS.into_iter().for_each(|(text, expected)| comes_apart(text, Parts::Statements, expected));
}

/// Whether a program taken apart has so many `for`, comes no further apart, and computes the same with the same dependences.
fn comes_apart(text: &str, parts: Parts, expected: usize) {
    let program = resolved(text);
    let peeled = peel(&program).unwrap_or_else(|| program.clone());
    assert!(peel(&peeled).is_none(), "{peeled}");
    let in_parts = |program: &Program| {
        let scop = extract(program, &Context::new()).expect("instances");
        let dependences = dependences(&scop, Reductions::Free, u64::MAX).expect("dependences");
        part(program, &waits(&dependences, parts).expect("pairs"))
    };
    let parted = in_parts(&peeled).unwrap_or(peeled);
    assert!(in_parts(&parted).is_none(), "{parted}");
    let lines = parted.to_string();
    assert_eq!(lines.matches("for ").count(), expected, "{parted}");
    assert_eq!(compare(&program, &parted, 3, 1_000_000), Ok(Verdict::Same), "{parted}");
    has_the_dependences_of(&extract(&program, &Context::new()).expect("instances"), &parted, &Names::Kept);
}

/// Chains of nests that look at neighbouring rows, and in how many ways they run in slabs: of which loops, and how many rows.
const CHAINS: [(&str, usize); 7] = [
    // A halo on both sides, and one that the border cuts.
    (
        "input X[14][5]; temp T[14][5]; output Y[14][5]; for h in 0..14, w in 0..5 { T[h][w] = 2 * X[h][w]; } \
         for w in 0..5, h in 0..14 { Y[h][w] = T[h][w]; if h > 0 { Y[h][w] += T[h - 1][w]; } if h < 13 { Y[h][w] -= T[h + 1][w]; } }",
        17,
    ),
    // The number of a row may stand in bounds and conditions.
    (
        "input X[14][14]; temp T[14][14]; output Y[12][14]; for h in 0..14, w in 0..14 { T[h][w] = 0; for k in 0..h + 1 \
         { if k <= w { T[h][w] += X[h][k]; } } } for h in 0..12, w in 0..14 { Y[h][w] = T[h + 2][w] - T[h][13 - w]; }",
        11,
    ),
    // Rows of two strides, sums in a temp, and a second consumer.
    (
        "input X[18][4]; temp S[18][4], P[8][4]; output Y[8][4]; for h in 0..18, w in 0..4 { S[h][w] = 1; \
         for q in 0..4 { S[h][w] += X[h][q]; } } for p in 0..8, w in 0..4 { P[p][w] = -inf; for r in 0..3 \
         { P[p][w] max= S[2 * p + r][w]; } } for p in 0..8, w in 0..4 { Y[p][w] = P[p][w] * S[2 * p][w]; }",
        10,
    ),
    // A row needs all rows: along the other loop alone.
    (
        "input X[9][6]; temp T[9][6]; output Y[9][6]; for h in 0..9, w in 0..6 { T[h][w] = X[h][w]; } \
         for h in 0..9, w in 0..6 { Y[h][w] = 0; for g in 0..9 { Y[h][w] += T[g][w] * T[h][w]; } }",
        5,
    ),
    // What stays would be made twice.
    ("input X[9]; output T[9], Y[8]; for h in 0..9 { T[h] = X[h]; } for h in 0..8 { Y[h] = T[h] + T[h + 1]; }", 0),
    // A row needs the one before it.
    (
        "input X[9]; temp T[9]; output Y[9]; for h in 0..9 { T[h] = X[h]; if h > 0 { T[h] += T[h - 1]; } } \
      for h in 0..9 { Y[h] = T[h]; }",
        0,
    ),
    // The number of a row is a value.
    ("temp T[9]; output Y[8]; for h in 0..9 { T[h] = h; } for h in 0..8 { Y[h] = T[h] + T[h + 1]; }", 0),
];

#[test]
fn nests_in_slabs_do_the_same() {
    for (text, expected) in CHAINS {
        let program = resolved(text);
        let scop = extract(&program, &Context::new()).expect("instances");
        let last = scop.statements.last().expect("a statement");
        let mut ways = 0;
        for dim in &last.dims {
            let (least, most) = scop.range(dim.loop_id).expect("a range").expect("instances");
            for rows in -1..=most - least + 1 {
                let (nests, loop_id, range) = (0..program.body.len(), dim.loop_id, (least, most + 1));
                let overlap = Overlap { nests, loop_id, range, rows };
                let slabs = overlap.slabs(&scop).expect("slabs");
                let Some(written) = slabs.and_then(|slabs| overlap.of(&program, &scop, &slabs)) else { continue };
                let count = (most - least) / rows + 1;
                assert!(written.to_string().contains(&format!("in 0..{count} {{")), "{rows} of {written}");
                assert_eq!(compare(&program, &written, 3, 1_000_000), Ok(Verdict::Same), "{rows} of {written}");
                ways += 1;
            }
        }
        assert_eq!(ways, expected, "{text}");
    }
}

/// Programs with temps, and those that can share the memory of what is made of them.
const MADE_OF: [(&str, &[(&str, &str)]); 11] = [
    // A sum, its scale, and what is made of that.
    (
        "input X[5][6], G[5]; temp U[5], V[5], W[5]; output Y[5]; for i in 0..5 { U[i] = 0; for k in 0..6 { U[i] += X[i][k]; } } \
         for i in 0..5 { V[i] = max(0, U[i] * G[i]); } for i in 0..5 { W[i] = V[i] * V[i] + 1; } for i in 0..5 { Y[i] = W[4 - i]; }",
        &[("U", "V"), ("V", "W")],
    ),
    // Of two only one; in one nest, a triangle.
    (
        "input X[6][6]; temp U[6][6], S[6][6], V[6][6]; output Y[6][6]; for i in 0..6, j in i..6 { U[i][j] = X[i][j]; S[i][j] = X[j][i]; \
         V[i][j] = U[i][j] - S[i][j]; } for i in 0..6, j in i..6 { Y[i][j] = V[i][j] + V[i][5]; }",
        &[("U", "V")],
    ),
    // Only a part is made.
    (
        "input X[9]; temp U[9], V[9]; output Y[9]; for i in 0..9 { U[i] = X[i]; } for i in 2..7 { V[i] = -U[i]; } \
         for i in 2..7 { Y[i] = V[i]; }",
        &[("U", "V")],
    ),
    // Needed afterwards, or by something else.
    (
        "input X[9]; temp U[9], V[9]; output Y[9]; for i in 0..9 { U[i] = X[i]; } for i in 0..9 { V[i] = -U[i]; } \
         for i in 0..9 { Y[i] = V[i] + U[i]; }",
        &[],
    ),
    // A sum along the way: the one before is needed when it is made of already.
    (
        "input X[9]; temp U[9], V[9]; output Y[9]; for i in 0..9 { U[i] = X[i]; if i > 0 { U[i] += U[i - 1]; } V[i] = -U[i]; } \
         for i in 0..9 { Y[i] = V[i]; }",
        &[],
    ),
    // Filled anew in each step of time.
    (
        "input X[9]; temp U[9], V[9]; inout Y[9]; for t in 0..3 { for i in 0..9 { U[i] = X[i] + Y[i]; } for i in 0..9 { V[i] = -U[i]; } \
         for i in 0..9 { Y[i] = V[8 - i]; } }",
        &[],
    ),
    // Other elements, other sizes, other types.
    (
        "input X[9]; temp U[9], V[9]; output Y[9]; for i in 0..9 { U[i] = X[i]; } for i in 0..9 { V[i] = U[8 - i]; } \
         for i in 0..9 { Y[i] = V[i]; }",
        &[],
    ),
    (
        "input X[9]; temp U[9], V[9]; output Y[8]; for i in 0..9 { U[i] = X[i]; } for i in 0..8 { V[i] = U[i] + U[i + 1]; } \
         for i in 0..8 { Y[i] = V[i]; }",
        &[],
    ),
    (
        "input X[9]; temp U[9]; temp f16 V[9]; output Y[9]; for i in 0..9 { U[i] = X[i]; } for i in 0..9 { V[i] = U[i]; } \
         for i in 0..9 { Y[i] = V[i]; }",
        &[],
    ),
    // What stays counts its writes; what is made in two ways is no one's.
    ("input X[9]; temp U[9]; output V[9]; for i in 0..9 { U[i] = X[i]; } for i in 0..9 { V[i] = -U[i]; }", &[]),
    (
        "input X[9]; temp U[9], V[9]; output Y[9]; for i in 0..9 { U[i] = X[i]; V[i] = 1; } for i in 3..9 { V[i] = U[i]; } \
         for i in 0..9 { Y[i] = V[i]; }",
        &[],
    ),
];

#[test]
fn temps_share_the_memory_of_what_is_made_of_them() {
    for (text, expected) in MADE_OF {
        let program = resolved(text);
        let scop = extract(&program, &Context::new()).expect("instances");
        let known = dependences(&scop, Reductions::Free, u64::MAX).expect("dependences");
        let merges = poly::merges(&scop, &known).expect("temps");
        let names: Vec<(&str, &str)> =
            merges.iter().map(|m| (&*scop.arrays[m.from].name, &*scop.arrays[m.into].name)).collect();
        assert_eq!(names, expected, "{text}");
        let written = poly::merge(&program, &merges);
        assert_eq!(compare(&program, &written, 3, 1_000_000), Ok(Verdict::Same), "{written}");
        let to = extract(&written, &scop.ctx).expect("instances");
        assert!(merges.iter().all(|m| !to.statements.iter().any(|s| s.touches(m.from))), "{written}");
    }
}

/// Programs with a temp that is read later, and whether it can be computed again.
const READ_LATER: [(&str, bool); 12] = [
    (
        "input X[5][6], W[6][7]; temp Z[5][6]; output Y[5][7]; for i in 0..5, k in 0..6 { Z[i][k] = 2 * X[i][k]; } \
         for i in 0..5, j in 0..7 { Y[i][j] = 0; for k in 0..6 { Y[i][j] += Z[i][k] * W[k][j]; } }",
        true,
    ),
    // Both operands, in a triangle; the indices of the source in another order, and not from 0.
    (
        "input X[8][5]; temp Z[6][9]; output C[8][8]; for i in 0..8, k in 1..5 { Z[k + 1][i + 1] = X[i][k] - 1; } \
         for i in 0..8, j in i..8 { C[i][j] = 0; for k in 1..5 { C[i][j] += Z[k + 1][i + 1] * Z[k + 1][j + 1]; } }",
        true,
    ),
    // Windows, a guard, and a loop with a step.
    (
        "input X[9][9]; temp Z[9][9]; output Y[7][9]; for i in 0..9, j in 0..9 { Z[i][j] = X[i][j] * X[i][j]; } \
         for i in 0..7 { for j in 0..9 step 2 { Y[i][j] = Z[i + 1][j]; } for j in 1..9 { if j <= i { Y[i][j] = Z[i + 2][j - 1] + Z[i][j]; } } }",
        true,
    ),
    // Two nests, and only a part of what is made.
    (
        "input X[9], A[4]; temp Z[9]; output Y[4], V[4][9]; for i in 0..9 { Z[i] = X[i] + 1; } for i in 0..4 { Y[i] = 0; \
         for k in i..9 { Y[i] += Z[k]; } } for i in 0..4, k in 0..9 { V[i][k] = A[i] * Z[8 - k]; }",
        true,
    ),
    // Loops of one name beside each other, the second one longer.
    (
        "input X[9], A[9]; temp Z[9]; output Y[4][9], V[4][9]; for k in 0..9 { Z[k] = X[k] + 1; } for i in 0..4 { \
         for j in 0..5 { Y[i][j] = A[j] * Z[j + 2]; } for j in 0..7 { V[i][j] = A[j] * Z[j + 1]; } }",
        true,
    ),
    // A quotient.
    (
        "input X[9]; temp Z[9]; output Y[18]; for i in 0..9 { Z[i] = X[i] + 1; } for i in 0..18 { Y[i] = Z[i / 2]; }",
        true,
    ),
    // What it is made of changes.
    ("inout X[9]; temp Z[9]; for i in 0..9 { Z[i] = X[i] + 1; } for i in 0..9 { X[i] = Z[8 - i]; }", false),
    // Filled in two ways, by a sum, of itself, or twice.
    (
        "input X[9]; temp Z[9]; output Y[9]; for i in 0..9 { Z[i] = X[i]; if i > 3 { Z[i] = 0; } } for i in 0..9 { Y[i] = Z[i]; }",
        false,
    ),
    ("input X[9]; temp Z[9]; output Y[9]; for i in 0..9 { Z[i] += X[i]; } for i in 0..9 { Y[i] = Z[i]; }", false),
    (
        "input X[9]; temp Z[9]; output Y[9]; for i in 1..9 { Z[i] = Z[i - 1] + X[i]; } for i in 0..9 { Y[i] = Z[i]; }",
        false,
    ),
    (
        "input X[9][9]; temp Z[9]; output Y[9]; for t in 0..9, i in 0..9 { Z[i] = X[t][i]; } for i in 0..9 { Y[i] = Z[i]; }",
        false,
    ),
    // Its iterator is a value.
    ("temp Z[9]; output Y[9]; for i in 0..9 { Z[i] = i; } for i in 0..9 { Y[i] = Z[i]; }", false),
];

#[test]
fn temps_that_are_computed_again_are_the_same() {
    for (text, expected) in READ_LATER {
        let program = resolved(text);
        let scop = extract(&program, &Context::new()).expect("instances");
        let known = dependences(&scop, Reductions::Free, u64::MAX).expect("dependences");
        let array = scop.arrays.iter().position(|array| &*array.name == "Z").expect("a temp");
        let source = poly::source(&scop, &known, array).expect("a source");
        assert_eq!(source.is_some(), expected, "{text}");
        let Some(source) = source else { continue };
        let reads = |s: usize| -> Vec<usize> {
            let own = &scop.statements[s].accesses;
            (0..own.len()).filter(|&a| own[a].array == array && own[a].reads).collect()
        };
        let all: Vec<(usize, Vec<usize>)> =
            (0..scop.statements.len()).map(|s| (s, reads(s))).filter(|(_, reads)| !reads.is_empty()).collect();
        let single = all.iter().flat_map(|(s, reads)| reads.iter().map(|&read| vec![(*s, vec![read])]));
        let mut ways = 0;
        for users in single.chain([all.clone()]) {
            let (dims, mut blocks) = (&scop.statements[users[0].0].dims, vec![vec![]]);
            for (n, dim) in dims.iter().enumerate() {
                let (least, most) = scop.range(dim.loop_id).expect("a range").expect("instances");
                let over = |by| Over { iterator: dim.iterator.clone(), by, range: (least, most + 1) };
                blocks.extend((1..=4).map(|by| vec![over(by)]));
                let inner =
                    dims[n + 1..].first().map(|inner| Over { iterator: inner.iterator.clone(), by: 3, range: (0, 1) });
                blocks.extend(inner.map(|inner| vec![over(2), inner]));
            }
            for over in blocks {
                let one = Recompute { array, source, users: users.clone(), over };
                let Some(written) = poly::recompute(&program, &scop, &[one.clone()]).expect("a program") else {
                    continue;
                };
                assert_eq!(compare(&program, &written, 3, 1_000_000), Ok(Verdict::Same), "{one:?} of {written}");
                let again = extract(&written, &scop.ctx).expect("instances");
                let is_left = again.statements.iter().any(|s| s.touches(array));
                assert!(!is_left || users != all, "{written}");
                ways += 1;
            }
        }
        assert!(ways > 4, "{ways} ways of {text}");
    }
}

/// Nests that work in place, and how many loops of theirs can be cut together.
const IN_PLACE: [(&str, usize); 17] = [
    (
        "inout A[11][11]; for i in 0..11 { for j in 0..i { for k in 0..j { A[i][j] -= A[i][k] * A[k][j]; } \
         A[i][j] = A[i][j] / A[j][j]; } for j in i..11, k in 0..i { A[i][j] -= A[i][k] * A[k][j]; } }",
        3,
    ),
    (
        "inout A[10][10]; for i in 0..10 { for j in 0..i { for k in 0..j { A[i][j] -= A[i][k] * A[j][k]; } \
         A[i][j] = A[i][j] / A[j][j]; } for k in 0..i { A[i][i] -= A[i][k] * A[i][k]; } A[i][i] = sqrt(A[i][i]); }",
        3,
    ),
    (
        "inout A[9][9]; for k in 0..9 { for i in k + 1..9 { A[i][k] = A[i][k] / A[k][k]; } \
         for i in k + 1..9, j in k + 1..9 { A[i][j] -= A[i][k] * A[k][j]; } }",
        3,
    ),
    (
        "inout A[7][9]; output R[9][9], Q[7][9]; temp n; for k in 0..9 { n = 0; for i in 0..7 { n += A[i][k] * A[i][k]; } \
         R[k][k] = sqrt(n); for i in 0..7 { Q[i][k] = A[i][k] / R[k][k]; } for j in k + 1..9 { R[k][j] = 0; \
         for i in 0..7 { R[k][j] += Q[i][k] * A[i][j]; } for i in 0..7 { A[i][j] -= Q[i][k] * R[k][j]; } } }",
        2,
    ),
    // A bound that is the smaller of two iterators.
    (
        "inout A[10][10]; for i in 0..10, j in 0..10 { for k in 0..min(i, j) { A[i][j] -= A[i][k] * A[k][j]; } \
         if j < i { A[i][j] = A[i][j] / A[j][j]; } }",
        3,
    ),
    // Terms after the block, between what begins a sum and what ends it.
    (
        "input L[9][9]; inout B[9][7]; for i in 0..9, j in 0..7 { B[i][j] = 2 * B[i][j]; \
         for k in i + 1..9 { B[i][j] += L[k][i] * B[k][j]; } B[i][j] = 3 * B[i][j]; }",
        3,
    ),
    // Triangular solves of several right-hand sides.
    (
        "input L[9][9]; inout B[9][6]; for i in 0..9, j in 0..6 { for k in 0..i { B[i][j] -= L[i][k] * B[k][j]; } \
         B[i][j] = B[i][j] / L[i][i]; }",
        3,
    ),
    (
        "input L[9][9]; inout B[9][7]; for k in 0..9 { for j in 0..7 { B[k][j] = B[k][j] / L[k][k]; } \
         for i in k + 1..9, j in 0..7 { B[i][j] -= L[i][k] * B[k][j]; } }",
        3,
    ),
    // The same where a bound ties the columns to the rows.
    (
        "input L[9][9]; inout B[9][9]; for i in 0..9, j in 0..i + 1 { for k in j..i { B[i][j] -= L[i][k] * B[k][j]; } \
         B[i][j] = B[i][j] / L[i][i]; }",
        3,
    ),
    // Each sweep reads what the one before left beside an element: one loop alone.
    ("inout A[12]; for t in 0..5, i in 1..11 { A[i] = A[i - 1] + A[i + 1]; }", 0),
    // Results are no operands.
    (
        "input A[9][9], B[9][9]; output C[9][9]; for i in 0..9, j in 0..9 { C[i][j] = 0; for k in 0..9 { C[i][j] += A[i][k] * B[k][j]; } }",
        0,
    ),
    // Rows that others have changed are needed by all.
    ("inout D[9][9]; for k in 0..9, i in 0..9, j in 0..9 { D[i][j] min= D[i][k] + D[k][j]; }", 0),
    // Tables of intervals: by rows, with what begins a row and an entry; by lengths; with what is combined with the terms.
    (
        "input W[9][9]; output C[9][9]; for x in 0..9 { C[8 - x][8 - x] = 0; for j in 9 - x..9 { C[8 - x][j] = 50; \
         for k in 8 - x..j { C[8 - x][j] min= C[8 - x][k] + C[k + 1][j]; } C[8 - x][j] = C[8 - x][j] + W[8 - x][j]; } }",
        3,
    ),
    (
        "input v[9][9]; inout T[9][9]; for d in 2..9, i in 0..9 - d { if i >= 1 { T[i][i + d] = v[i][i + d]; } \
         for k in i + 1..i + d { T[i][i + d] min= T[i][k] + T[k][i + d] + v[k][i]; } }",
        3,
    ),
    (
        "input v[9][9]; inout T[9][9]; for x in 0..9, j in 9 - x..9 { T[8 - x][j] max= v[x][j]; \
         for k in 9 - x..j { T[8 - x][j] max= T[8 - x][k] + T[k + 1][j]; } T[8 - x][j] max= v[j][x]; }",
        3,
    ),
    // Neighbours of an entry may lie in another square; those of a row's beginning are not told apart.
    (
        "inout T[9][9]; for x in 0..9, j in 9 - x..9 { T[8 - x][j] max= T[8 - x][j - 1]; \
         for k in 9 - x..j { T[8 - x][j] max= T[8 - x][k] + T[k + 1][j]; } }",
        3,
    ),
    (
        "input v[9]; inout T[9][9]; for d in 2..9, i in 0..9 - d { T[i][i + d] min= T[i + 1][i + d - 2] + v[i] * v[i + d]; \
         for k in i + 1..i + d { T[i][i + d] min= T[i][k] + T[k][i + d]; } T[i][i + d] min= T[i + 1][i + d] + 1; }",
        3,
    ),
];

#[test]
fn nests_in_blocks_do_the_same() {
    for (text, expected) in IN_PLACE {
        let program = resolved(text);
        let scop = extract(&program, &Context::new()).expect("instances");
        let order = dependences(&scop, Reductions::Free, u64::MAX).expect("dependences");
        let found = Block::find(&program, &scop, &order, 0).expect("loops");
        assert_eq!(found.as_ref().map_or(0, |block| block.dims.len()), expected, "{text}");
        let Some(block) = found else { continue };
        for size in 1..block.extent {
            let block = Block { size, ..block.clone() };
            let blocks = [block];
            let written = poly::block(&program, &scop, &blocks).expect("bounds").expect("a nest in blocks");
            assert_eq!(compare(&program, &written, 3, 1_000_000), Ok(Verdict::Same), "{size}: {written}");
            if size == 4 {
                let names = names_in_blocks(&program, &scop, &blocks).expect("bounds").expect("names");
                match blocks[0].is_of_intervals {
                    // Terms from between come first.
                    true => has_them(&scop, &written, &names, Reductions::Free),
                    false => has_the_dependences_of(&scop, &written, &names),
                }
            }
        }
    }
}

#[test]
fn terms_that_keep_their_order_leave_a_table_of_intervals_as_it_is() {
    let text =
        "inout T[9][9]; for x in 0..9, j in 9 - x..9, k in 9 - x..j { T[8 - x][j] += T[8 - x][k] * T[k + 1][j]; }";
    let program = resolved(text);
    let scop = extract(&program, &Context::new()).expect("instances");
    let found = |reductions| {
        let order = dependences(&scop, reductions, u64::MAX).expect("dependences");
        Block::find(&program, &scop, &order, 0).expect("loops").is_some_and(|block| block.is_of_intervals)
    };
    assert_eq!([Reductions::Free, Reductions::Ordered].map(found), [true, false]);
}

/// A loop that was split first: values count from zero again in the blocks of its second part, as they do in its first part.
#[test]
fn blocks_in_a_part_of_a_loop_are_instances_of_that_part() {
    let text = "inout U[18][9]; for i in 0..9, p in 0..2, j in 0..5, q in 0..min(2, 9 - 2 * j) \
                { U[2 * i + p][2 * j + q] = U[i][2 * j + q] + U[2 * i + p][j]; }";
    let program = resolved(text);
    let scop = extract(&program, &Context::new()).expect("instances");
    let parts = split(&program, 1, 4).expect("two parts");
    let scop = extract(&parts, &scop.ctx).expect("instances");
    let order = dependences(&scop, Reductions::Free, u64::MAX).expect("dependences");
    let block = Block::find(&parts, &scop, &order, 1).expect("loops").expect("loops that can be cut");
    let blocks = [Block { size: 3, ..block }];
    let written = poly::block(&parts, &scop, &blocks).expect("bounds").expect("a nest in blocks");
    assert_eq!(compare(&program, &written, 3, 1_000_000), Ok(Verdict::Same), "{written}");
    let names = names_in_blocks(&parts, &scop, &blocks).expect("bounds").expect("names");
    has_the_dependences_of(&scop, &written, &names);
}

/// Programs with indices that round, what they are stripped by, loop by loop, and an access that is plain then; none where nothing becomes
/// plainer.
const ROUNDED: [(&str, &[i64], &str); 16] = [
    (
        "input A[8][8], E[4][4]; output U[8][8]; for i in 0..8, j in 0..8 { U[i][j] = A[i][j] + E[i / 2][j / 2]; }",
        &[2, 2],
        "in 0..4, j in 0..2 {\n  S0: U[2 * i2 + i][2 * j2 + j] = A[2 * i2 + i][2 * j2 + j] + E[i2][j2];",
    ),
    // Neither end is a multiple, in a loop of numbers and in a triangle.
    (
        "input E[5][5]; inout U[9][9]; for i in 1..9, j in i..9 { U[i][j] += E[i / 2][j / 2]; }",
        &[2, 2],
        "for i2 in 0..5, i in max(0, 1 - 2 * i2)..min(2, 9 - 2 * i2)",
    ),
    ("inout U[9][9]; for i in 0..9, j in 0..i / 2 { U[i][j] += U[i][j / 2]; }", &[2], "U[i][j2]"),
    // Bounds that are choices.
    (
        "input E[6]; inout U[12]; for t in 0..4, i in max(t, 2)..min(12, 2 * t + 6) { U[i] += E[i / 2]; }",
        &[2],
        "in max(t / 2, 1)..min(6, t + 3)",
    ),
    // Offsets of either sign: what is left inside is a line over two values.
    (
        "input E[6]; output U[9]; for i in 1..10 { U[i - 1] = E[(i - 1) / 2] - E[(i + 1) / 2]; }",
        &[2],
        "= E[i2 + i - 1] - E[i2 + i];",
    ),
    ("input E[2]; output U[9]; for i in 0..9 { U[i] = E[(i + 1) % 2]; }", &[2], "E[1 - i]"),
    // Of three values it is none.
    (
        "input E[4]; output U[9]; for i in 0..9 { U[i] = E[i / 3] - E[(i + 1) / 3]; }",
        &[3],
        "E[i2] - E[i2 + (i + 1) / 3]",
    ),
    ("input E[4]; output U[9]; for i in 0..9 { U[i] = E[(i + 1) / 3]; }", &[], ""),
    // The least common multiple; of numbers that divide each other the smaller one rounds inside.
    ("input E[3], F[5]; output U[9]; for i in 0..9 { U[i] = E[i / 4] * F[i / 2]; }", &[4], "E[i2] * F[2 * i2 + i / 2]"),
    (
        "input E[3], F[5]; output U[9]; for i in 0..9 { U[i] = E[i % 3] * F[i / 2]; }",
        &[2],
        "E[(2 * i2 + i) % 3] * F[i2]",
    ),
    ("input E[3]; output U[9]; for i in 0..9 { U[i] = E[i / 4] * E[i / 2 * 2 / 4]; }", &[4], "E[i2] * E[i2]"),
    // A coefficient takes a part of the divisor away.
    ("input E[5]; output U[9]; for i in 0..9 { U[i] = E[(2 * i + 1) / 4]; }", &[2], "E[i2]"),
    // Sums of two iterators, conditions, and sums into fewer elements.
    (
        "input E[4]; output U[9]; for i in 0..9 { U[i] = 0; for j in 0..8 { if i % 2 == 1 && j <= i { U[i] += E[(i + j) % 4] * E[j / 2]; } } }",
        &[4, 2],
        "if i % 2 == 1 && 2 * j2 + j <= 4 * i2 + i {",
    ),
    (
        "input A[9]; output E[5]; for i in 0..5 { E[i] = 0; } for i in 0..9 { E[i / 2] += A[i]; }",
        &[2],
        "E[i2] += A[2 * i2 + i];",
    ),
    // Iterators that are values, and steps.
    ("input E[5]; output U[9]; for i in 0..9 { U[i] = i * E[i / 2]; }", &[], ""),
    ("input E[5]; inout U[9]; for i in 0..9 step 3 { U[i] = E[i / 2]; }", &[], ""),
];

#[test]
fn stripped_loops_do_the_same() {
    for (text, expected, line) in ROUNDED {
        let program = resolved(text);
        let scop = extract(&program, &Context::new()).expect("instances");
        let found = strips(&program, &scop);
        assert_eq!(found.iter().map(|strip| strip.by).collect::<Vec<_>>(), expected, "{text}");
        if let Some(written) = strip(&program, &scop, &found).filter(|_| !found.is_empty()) {
            assert!(written.to_string().contains(line), "{written}");
        }
        // By any number it is the same.
        for by in 1..8 {
            let all: Vec<Strip> = found.iter().map(|strip| Strip { by, ..*strip }).collect();
            let Some(written) = strip(&program, &scop, &all) else { continue };
            assert_eq!(compare(&program, &written, 3, 1_000_000), Ok(Verdict::Same), "{written}");
            has_the_dependences_of(&scop, &written, &in_strips(&all));
        }
    }
}

#[test]
fn any_loop_without_a_step_can_be_stripped() {
    let mut ways = 0;
    for text in FORMS {
        let program = resolved(text);
        let scop = extract(&program, &Context::new()).expect("instances");
        let loops = scop.statements.iter().flat_map(|s| &s.dims).map(|dim| dim.loop_id).max().expect("a loop");
        for (loop_id, by) in (1..=loops).flat_map(|id| [2, 3, 5].map(|by| (id, by))) {
            let Some(written) = strip(&program, &scop, &[Strip { loop_id, by }]) else { continue };
            assert_eq!(compare(&program, &written, 3, 1_000_000), Ok(Verdict::Same), "{written}");
            has_the_dependences_of(&scop, &written, &in_strips(&[Strip { loop_id, by }]));
            ways += 1;
        }
    }
    assert_eq!(ways, 27);
}

fn bytes(kernel: &str, overrides: &[(&str, i64)], capacity_bytes: i64, fuse: Fuse) -> i64 {
    let moved = report(kernel, overrides, capacity_bytes, fuse).dram.optimized;
    moved.load_bytes + moved.store_bytes
}

fn report(kernel: &str, overrides: &[(&str, i64)], capacity_bytes: i64, fuse: Fuse) -> Report {
    let path = format!("{}/kernels/{kernel}.loop", env!("CARGO_MANIFEST_DIR"));
    report_of(std::fs::read_to_string(path).expect("a kernel"), kernel, overrides, capacity_bytes, fuse)
}

fn options(text: String, kernel: &str, capacity_bytes: i64, fuse: Fuse) -> Options {
    Options {
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
    }
}

fn report_of(text: String, kernel: &str, overrides: &[(&str, i64)], capacity_bytes: i64, fuse: Fuse) -> Report {
    let options = options(text, kernel, capacity_bytes, fuse);
    let parsed = lang::parse(&options.text).expect("a program parses");
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

/// Weights of 16 KiB for the inputs and as much for the states, at 64 steps in 8 KiB: only those for the states come anew at each step, but for
/// what stays.
#[test]
fn what_need_not_run_with_a_recurrence_has_tiles_of_its_own() {
    let moved = bytes("lstm", &[("T", 64), ("N", 32), ("I", 32)], 1 << 13, Fuse::Auto);
    assert!(moved < (64 << 14) * 3 / 4, "{moved}");
}

/// The loop over columns begins later in one statement than in the other: they share it all the same.
#[test]
fn loops_that_begin_at_different_values_run_in_blocks() {
    let matrix = 64 * 64 * 8;
    let moved = bytes("lu", &[("N", 64)], matrix / 8, Fuse::Auto);
    assert!(moved < 3 * matrix, "{moved}");
}

/// A row that every pair of loops fills anew: without an element of it for each, the matrix comes again for each.
#[test]
fn iterations_that_share_no_value_run_in_one_tile() {
    let shape = [("R", 10), ("Q", 12), ("P", 32)];
    let matrix = 32 * 32 * 8;
    let moved = bytes("doitgen", &shape, matrix / 2, Fuse::Auto);
    assert!(moved < 30 * matrix, "{moved}: {} if the matrix comes 120 times", 120 * matrix);
}

/// Statistics and what they normalise: a channel takes the whole scratchpad, and all but a part of it stays between the two.
#[test]
fn all_loops_over_the_same_elements_are_split() {
    let text = "param N = 16; input X[N][8][64]; temp m[8]; output Y[N][8][64];
        for c in 0..8 { m[c] = 0; for n in 0..N, w in 0..64 { m[c] += X[n][c][w]; } }
        for n in 0..N, c in 0..8, w in 0..64 { Y[n][c][w] = X[n][c][w] - m[c]; }";
    let moved = moved(text, 16 * 64 * 4);
    let once = 2 * 16 * 8 * 64 * 4;
    assert!(moved < once * 5 / 4, "{moved}, {once} where all stays");
}

/// What a product's tile becomes crosses a row at a time: into another array it moves what it moves in place.
#[test]
fn an_epilogue_into_another_array_costs_no_more_than_in_place() {
    let product = |arrays: &str, epilogue: &str| {
        let text = format!(
            "input A[96][96], B[96][96]; {arrays} for i in 0..96, j in 0..96 {{ C[i][j] = 0; \
             for k in 0..96 {{ C[i][j] += A[i][k] * B[k][j]; }} {epilogue} }}"
        );
        moved(&text, 96 * 96)
    };
    let apart = product("temp C[96][96]; output E[96][96];", "E[i][j] = max(0, C[i][j]);");
    let in_place = product("output C[96][96];", "C[i][j] = max(0, C[i][j]);");
    assert_eq!(apart, in_place);
}

/// Both triangles of a product of a matrix with itself, the diagonal among them.
#[test]
fn mirror_images_run_in_tiles() {
    let shape = [("N", 40), ("M", 40)];
    let all = 40 * 40 * 40 * 4;
    let moved = bytes("covariance", &shape, 2048, Fuse::Auto);
    assert!(moved < all / 2, "{moved}, {all} where each product loads an element");
}

fn moved(text: &str, capacity_bytes: i64) -> i64 {
    let moved = report_of(text.into(), "text", &[], capacity_bytes, Fuse::Auto).dram.optimized;
    moved.load_bytes + moved.store_bytes
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

/// Three nests with weights that leave too little room for rows of the whole width: narrow slabs compute their edges twice.
#[test]
fn edges_are_computed_twice_as_far_as_that_is_allowed() {
    let text = "input X[8][32][32], F[24][8], G[24][3][3], K[8][24]; temp U[24][32][32], V[24][32][32]; output Y[8][32][32];
        for m in 0..24, h in 0..32, w in 0..32 { U[m][h][w] = 0; for c in 0..8 { U[m][h][w] += F[m][c] * X[c][h][w]; } }
        for m in 0..24, h in 0..32, w in 0..32 { V[m][h][w] = 0; for r in 0..3, s in 0..3 {
          if 0 <= h + r - 1 < 32 && 0 <= w + s - 1 < 32 { V[m][h][w] += G[m][r][s] * U[m][h + r - 1][w + s - 1]; } } }
        for c in 0..8, h in 0..32, w in 0..32 { Y[c][h][w] = 0; for m in 0..24 { Y[c][h][w] += K[c][m] * V[m][h][w]; } }";
    let parsed = lang::parse(text).expect("a program parses");
    let with = |recompute: f64| {
        let options = Options { recompute, ..options(text.into(), "narrow", 8 << 10, Fuse::Auto) };
        let report = optimize(&parsed, &[], &options).expect("a schedule").report;
        let (moved, operations) = (report.dram.optimized, report.operations);
        let added = (operations.optimized - operations.source) as f64 / operations.source as f64;
        assert!((0.0..=recompute).contains(&added), "{added} of {recompute}");
        assert_eq!(added > 0.0, report.remarks.iter().any(|remark| remark.code == Code::Recomputed));
        (moved.load_bytes + moved.store_bytes, added)
    };
    let (none, few, more) = (with(0.0), with(0.02), with(0.25));
    assert!(none.1 == 0.0 && more.1 > 0.02, "{none:?} {few:?} {more:?}");
    assert!(more.0 * 10 < none.0 * 9 && more.0 <= few.0 && few.0 <= none.0, "{none:?} {few:?} {more:?}");
}

/// A factorisation in place: blocks of the result and of the operands stay, and what crosses falls with their size.
#[test]
fn a_factorisation_moves_blocks() {
    let moved = |fuse| bytes("cholesky", &[("N", 64)], 4096, fuse);
    let (alone, in_blocks) = (moved(Fuse::None), moved(Fuse::Auto));
    assert!(in_blocks * 2 < alone, "{in_blocks} of {alone}");
}

/// Attention of one head.
const HEAD: &str = "for i in 0..128, j in 0..128 { P[i][j] = 0; for d in 0..32 { P[i][j] += Q[i][d] * K[j][d]; } } \
                    for i in 0..128 { m[i] = -inf; for j in 0..128 { m[i] max= P[i][j]; } } \
                    for i in 0..128 { l[i] = 0; for j in 0..128 { P[i][j] = exp(P[i][j] - m[i]); l[i] += P[i][j]; } } \
                    for i in 0..128, d in 0..32 { O[i][d] = 0; for j in 0..128 { O[i][d] += P[i][j] * V[j][d]; } \
                    O[i][d] = O[i][d] / l[i]; }";

#[test]
fn a_batch_moves_no_more_than_one_after_the_other() {
    let arrays = |of: &str| {
        format!(
            "input Q{of}[128][32], K{of}[128][32], V{of}[128][32]; temp P[128][128], m[128], l[128]; output O{of}[128][32];"
        )
    };
    let one = format!("{} {HEAD}", arrays(""));
    let each = |text: String, array: &&str| text.replace(&format!("{array}["), &format!("{array}[b]["));
    let in_batch = ["Q", "K", "V", "O"].iter().fold(HEAD.to_string(), each);
    let batch = format!("{} for b in 0..4 {{ {in_batch} }}", arrays("[4]"));
    for capacity_bytes in [2048, 4096, 8192] {
        assert!(moved(&batch, capacity_bytes) <= 4 * moved(&one, capacity_bytes), "{capacity_bytes}");
    }
}

#[test]
fn sweeps_along_rows_and_columns_keep_a_row_each() {
    // Two arrays are read and written in each of five steps, but for their borders.
    let text = "param T = 5, N = 64; inout u[N][N]; temp v[N][N], p[N][N], q[N][N]; for t in 0..T { \
                for i in 1..N - 1 { v[0][i] = 1; p[i][0] = 0; q[i][0] = v[0][i]; \
                for j in 1..N - 1 { p[i][j] = -0.3 / (0.2 * p[i][j - 1] + 1.4); \
                q[i][j] = (1.2 * u[j][i] - 0.1 * u[j][i + 1] - 0.2 * q[i][j - 1]) / (0.2 * p[i][j - 1] + 1.4); } \
                v[N - 1][i] = 1; for j in 1..N - 1 { v[N - 1 - j][i] = p[i][N - 1 - j] * v[N - j][i] + q[i][N - 1 - j]; } } \
                for i in 1..N - 1 { u[i][0] = 1; p[i][0] = 0; q[i][0] = u[i][0]; \
                for j in 1..N - 1 { p[i][j] = -0.3 / (0.2 * p[i][j - 1] + 1.4); \
                q[i][j] = (1.2 * v[i][j] - 0.1 * v[i + 1][j] - 0.2 * q[i][j - 1]) / (0.2 * p[i][j - 1] + 1.4); } \
                u[i][N - 1] = 1; for j in 1..N - 1 { u[i][N - 1 - j] = p[i][N - 1 - j] * u[i][N - j] + q[i][N - 1 - j]; } } }";
    assert!(moved(text, 2048) <= 5 * 4 * 64 * 64 * 4);
}

#[test]
fn recurrences_along_a_row_share_the_loop_over_rows() {
    let text = "param W = 48, H = 64; input X[W][H]; temp y[W][H], z[W][H], a, b; output Y[W][H]; \
                for i in 0..W { a = 0; for j in 0..H { y[i][j] = X[i][j] + 0.5 * a; a = y[i][j]; } } \
                for i in 0..W { b = 0; for j in 0..H { z[i][H - 1 - j] = X[i][H - 1 - j] + 0.5 * b; b = z[i][H - 1 - j]; } } \
                for i in 0..W, j in 0..H { Y[i][j] = y[i][j] * z[i][j]; }";
    // The input and the output once.
    assert_eq!(moved(text, 2048), 2 * 48 * 64 * 4);
}

/// A coarse grid is added to a fine one, and the sum is smoothed: tiles of the fine grid need a part of the coarse one.
#[test]
fn what_is_upsampled_moves_once() {
    let moved = |n: i64, capacity_bytes: i64| {
        let text = format!(
            "input A[{n}][{n}], E[{h}][{h}]; temp V[{n}][{n}]; output U[{n}][{n}]; \
             for i in 0..{n}, j in 0..{n} {{ V[i][j] = A[i][j] + E[i / 2][j / 2]; }} \
             for i in 0..{n}, j in 0..{n} {{ U[i][j] = V[i][j]; if i > 0 {{ U[i][j] += V[i - 1][j]; }} }}",
            h = (n + 1) / 2
        );
        (moved(&text, capacity_bytes), 4 * (2 * n * n + (n + 1) / 2 * ((n + 1) / 2)))
    };
    for n in [256, 255] {
        let (moved, compulsory) = moved(n, 16 << 10);
        assert_eq!(moved, compulsory, "{n}");
    }
}
