//! Are programs that once went wrong right now? Each as small as it could be made.

#[path = "random/judge.rs"]
#[allow(dead_code, reason = "what only random programs need")]
mod judge;

use judge::{Breadth, Outcome, judge};

/// Tries a program with each kind of fusion in its smallest scratchpad and in larger ones.
fn assert_right(text: &str) {
    let program = polyfuse::lang::parse(text).unwrap_or_else(|errors| panic!("{errors:?}"));
    match judge(&program, Breadth::All) {
        Outcome::Right => {}
        outcome => panic!("{outcome:#?}"),
    }
}

#[test]
fn a_rounded_index_takes_one_element_of_an_instance() {
    assert_right("temp T[1][2]; for j in 0..3 { T[0][j / 2] = 1; }");
    assert_right("temp T[1][2]; for j in 0..3 { T[0][j % 2] = 1; }");
}

#[test]
fn a_statement_that_never_runs_takes_no_room() {
    assert_right("inout A[1], B[1]; B[0] += 1; for h in 0..0 { A[0] = B[0]; }");
}

#[test]
fn indices_of_which_two_always_meet_take_the_room_of_two() {
    assert_right("input A[2]; output B[3]; for i in 0..3 { B[i] = A[0] + A[i / 2] + A[i % 2]; }");
}

#[test]
fn compulsory_bytes_of_rounded_indices_are_counted() {
    assert_right("input A[3][5]; output B[7]; for i in 0..7 { B[i] = A[i / 3][i % 5] + A[i % 3][i / 2]; }");
}

#[test]
fn a_relation_that_isl_cannot_simplify_stays_as_it_is() {
    assert_right("temp A[4]; for c in -3..1 { A[c + 3] = 0.5; for i in c % 3..3 { A[c + 3] *= 1; } }");
}

#[test]
fn loops_of_rounded_indices_are_written_without_choices() {
    assert_right(
        "input B[7][7]; temp T[7][7]; output Y[7][7];
         for k in 0..7, e in 0..7 { T[e][k] = B[1][0] + B[e / 2 + 1][6] + B[k][2]; }
         for t in 0..4, x in -3..1 { Y[t][x + 3] = B[t][x + 3] + T[x / 2 + 4][t] + T[x + 6][t % 3]; }
         for t in 4..6, e in 1..t + 4 { if (e + t) % 2 == 0 { Y[e / 2 + 1][t] = B[t - 2][e % 2 + 2]; } }",
    );
}

#[test]
fn an_iterator_that_counts_steps_keeps_its_value() {
    assert_right(
        "output A[3], Z; temp T[2];
         for i in 0..3 { A[i] = 1; }
         for i in 0..3 step 2 { T[i / 2] = i; T[i / 2] min= A[i]; }
         Z = 1; Z -= T[0];",
    );
}

#[test]
fn an_iterator_at_a_rate_keeps_its_value() {
    assert_right(
        "input A[9]; temp T[9]; output Z[5];
         for i in 0..9 { T[i] = A[i]; }
         for i in 0..4 { Z[i] = i; Z[i] *= T[2 * i] + i; }",
    );
}

#[test]
fn a_plan_that_moves_nothing_can_be_found() {
    assert_right(
        "input A[4]; temp T[4]; output B[4]; for i in 0..4 { B[i] = A[i]; } for i in 0..4 { T[i] = B[i]; }
         for i in 0..4 { B[i] = T[3 - i]; }",
    );
}

#[test]
fn sweeps_over_time_are_skewed() {
    // Two statements, one of them in place; a border that is written in each step; a window of two rows.
    assert_right(
        "inout A[9][5], B[9][5]; for t in 0..5 { for i in 1..8, j in 0..5 { B[i][j] = A[i - 1][j] + A[i + 1][j]; }
         for i in 2..7, j in 1..5 { A[i][j] += B[i][j - 1] + B[i + 2][j]; } }",
    );
    assert_right("inout A[12]; for t in 0..6, i in 1..11 { A[i] = A[i - 1] + A[i] + A[i + 1]; }");
    assert_right(
        "input F[6]; inout A[8][3]; for t in 0..6 { for j in 0..3 { A[0][j] = F[t]; } for i in 1..8, j in 0..3 { A[i][j] += A[i - 1][j]; } }",
    );
}

#[test]
fn steps_of_time_are_told_apart_where_statements_begin_at_different_ones() {
    assert_right(
        "temp A[4][8]; output B[4][6]; for t in 0..3, e in 0..15 { A[3 - t][e / 2] = 1; }
         for x in 0..4, k in 0..6 { B[x][k] = 2; for i in 0..min(x, k - x) { B[x][k] -= A[1][3 - x]; } A[x][x % 3 + 1] = 1; }
         A[3][5] *= 1;",
    );
}

#[test]
fn the_last_write_is_not_lost_among_remainders() {
    assert_right("inout A[2][2][2]; for i in 0..4, k in 0..i % 2 { A[k][i % 3][k - k] = 1; }");
}

#[test]
fn loops_for_which_isl_loses_a_quotient_run_over_a_box() {
    assert_right(
        "temp A[2][7], T[4];
         for j in 0..5 { for e in 0..2 { A[e][j] = 1; } }
         for k in 0..4 { T[k] = A[1][k + 1] + A[(k + 1) % 2][k]; }
         T[0] = T[0];",
    );
}

#[test]
fn a_last_write_is_not_lost_beside_one_whose_remainder_says_little() {
    assert_right("output T[1][3]; for i in 0..3 step 2 { T[0][1] = 1; T[0][i % 4] = 1; }");
}

#[test]
fn sums_of_one_element_under_conditions_follow_each_other_in_any_order() {
    assert_right(
        "input A[7][7]; inout P[4][4];
         for i in 0..4, j in 0..4 { for k in 0..3 { P[i][j] += A[i][k]; if k <= j { P[i][j] -= A[j][k]; } } P[i][j] = P[i][j] + 1; }
         for k in 0..3, i in 0..4 { if k >= 1 { P[i][0] += A[k][i]; } P[i][0] += P[i][1]; P[0][i] max= A[k][i]; P[0][i] max= P[1][i]; }",
    );
}

#[test]
fn the_last_write_is_not_lost_among_conditions_that_fix_iterators() {
    assert_right(
        "input A[6]; output P[3][2];
         for x in 0..2, i in 0..3 { P[i][x] = 1; for k in 1..5, e in 0..3 { if 4 - k - e >= 0 && 3 - k >= 0 { P[i][x] += A[k]; }
         if e == 2 && k == 3 && i == 2 && x == 1 { P[i][x] = A[k]; } if k == 4 && i == 2 && x == 1 { P[i][x] = P[i][x] * A[k]; } } }",
    );
}

#[test]
fn two_diagonals_of_one_cube_lie_apart() {
    let text = "param N = 12; inout A[N + 1][N + 1][N + 1]; output U[N]; \
        for i in 0..N { A[i][i][i] = A[i][i][i] + A[i][i + 1][i + 1]; U[i] = 0; } \
        for t in 0..5, i in 0..N { U[i] += A[i][i][i] * A[i][i + 1][i + 1]; }";
    assert_right(text);
}

#[test]
fn tables_of_intervals_are_right_in_squares() {
    for text in [
        // Rows that no square of columns covers, starts under conditions, and what is added at the end.
        "param N = 16; input w[N][N]; output C[N][N];
         for x in 0..N { C[N - 1 - x][N - 1 - x] = 0; for j in N - x..N {
         if x >= 2 { C[N - 1 - x][j] = w[N - 1 - x][j] + 1000; } if x < 2 { C[N - 1 - x][j] = w[j][N - 1 - x] + 500; }
         for k in N - 1 - x..j { C[N - 1 - x][j] min= C[N - 1 - x][k] + C[k + 1][j]; }
         C[N - 1 - x][j] = C[N - 1 - x][j] + w[N - 1 - x][j]; } }",
        // By lengths, with parts that share their end.
        "param N = 17; input w[N], v[N][N]; inout T[N][N];
         for d in 2..N, i in 0..N - d { T[i][i + d] = v[i][i + d] * 100;
         for k in i + 1..i + d { T[i][i + d] min= T[i][k] + T[k][i + d] + w[i] * w[k] * w[i + d]; } }",
        "param N = 15; inout T[N][N];
         for x in 0..N, j in N - x..N, k in N - x..j { T[N - 1 - x][j] += T[N - 1 - x][k] * T[k + 1][j] * 0.01; }",
        // Neighbours of an entry, in its square and in others.
        "param N = 14; input s[N]; inout T[N][N];
         for i in 0..N, j in N - i..N { T[N - 1 - i][j] max= T[N - 1 - i][j - 1];
         if i >= 1 { T[N - 1 - i][j] max= T[N - i][j - 1] + s[N - 1 - i] * s[j]; }
         for k in N - i..j { T[N - 1 - i][j] max= T[N - 1 - i][k] + T[k + 1][j]; } }",
    ] {
        assert_right(text);
    }
}
