//! Are programs whose fewest bytes are known by hand scheduled so that they move no more?

use polyfuse::ilp::Solver;
use polyfuse::isl::Context;
use polyfuse::machine::Machine;
use polyfuse::schedule::{self, Answers, Fuse, Goal, Known, Skewing, bands::Bands};
use polyfuse::{Options, lang, optimize, poly};

/// The bytes that a program moves within a capacity.
fn moved(text: &str, capacity_bytes: i64) -> i64 {
    moved_adding(0.0, text, capacity_bytes)
}

/// Where this part of the program's operations may be added.
fn moved_adding(recompute: f64, text: &str, capacity_bytes: i64) -> i64 {
    let parsed = lang::parse(text).expect("a program parses");
    let options = Options {
        kernel: "program".into(),
        file: "program.loop".into(),
        text: text.into(),
        machine: Machine::named("edge").expect("a machine"),
        capacity_bytes,
        fuse: Fuse::Auto,
        recompute,
        solver: Default::default(),
        effort: 1,
        strict_fp: false,
    };
    optimize(&parsed, &[], &options).unwrap_or_else(|e| panic!("{e:?}")).report.dram.optimized.bytes()
}

#[test]
fn quadrants_of_one_array_have_tiles_of_their_own() {
    let text = "param N = 256; input A[2 * N][2 * N], B[2 * N][2 * N]; output M[N][N]; \
        for i in 0..N, j in 0..N { M[i][j] = 0; \
        for k in 0..N { M[i][j] += (A[i][k] + A[i + N][k + N]) * (B[k][j] + B[k + N][j + N]); } }";
    // Tiles of 86 x 86 results: three columns of tiles read both quadrants of A, three rows of them those of B.
    assert!(moved(text, 64 << 10) <= 4 * (256 * 256 + 2 * 2 * 3 * 256 * 256));
}

#[test]
fn a_window_and_its_centre_share_a_buffer() {
    let text = "param H = 64, W = 96; input X[H][W]; output Y[H][W]; for i in 3..H - 3, j in 3..W - 3 { Y[i][j] = 0; \
        for r in 0..7, s in 0..7 { Y[i][j] += exp(X[i + r - 3][j + s - 3] - X[i][j]); } }";
    assert_eq!(moved(text, 8 << 10), 4 * (64 * 96 + 58 * 90));
}

#[test]
fn a_recurrence_over_a_long_stream_keeps_the_last_elements() {
    let text = "param C = 4, N = 65536; input x[C][N]; output y[C][N]; for c in 0..C, n in 0..N { y[c][n] = 0.5 * x[c][n]; \
        if n >= 1 { y[c][n] += 0.3 * x[c][n - 1] - 0.2 * y[c][n - 1]; } \
        if n >= 2 { y[c][n] += 0.1 * x[c][n - 2] - 0.1 * y[c][n - 2]; } }";
    assert_eq!(moved(text, 64 << 10), 2 * 4 * 4 * 65536);
}

#[test]
fn wide_stencils_are_skewed() {
    let sweep = |to: &str, from: &str| {
        let terms = (-3..=3).map(|d| format!("{from}[i + {d}]")).collect::<Vec<_>>().join(" + ");
        format!("for i in 3..N - 3 {{ {to}[i] = {terms}; }} ").replace("+ -", "- ")
    };
    let text =
        format!("param T = 20, N = 4000; inout A[N], B[N]; for t in 0..T {{ {}{} }}", sweep("B", "A"), sweep("A", "B"));
    // A is read and written once, B written once, and read beside its ends.
    assert!(moved(&text, 8 << 10) <= 4 * 3 * 4000);
}

#[test]
fn a_triangular_solve_of_many_right_sides_runs_in_blocks() {
    let text = "param N = 256; input L[N][N]; inout B[N][N]; for i in 0..N, j in 0..N { \
        for k in 0..i { B[i][j] -= L[i][k] * B[k][j]; } B[i][j] = B[i][j] / L[i][i]; }";
    // Blocks of 43 x 43 results, a column and a row of operands beside them.
    let operands = 2 * 256i64.pow(3) / 2 / 43;
    assert!(moved(text, 8 << 10) <= 4 * (2 * 256 * 256 + operands) + (1 << 16));
}

#[test]
fn all_rows_pass_once_with_each() {
    let text = "param N = 64; inout D[N][N]; for k in 0..N, i in 0..N, j in 0..N { D[i][j] = min(D[i][j], D[i][k] + D[k][j]); }";
    assert_eq!(moved(text, 2 << 10), 2 * 4 * 64 * 64 * 64);
}

#[test]
fn a_loop_of_one_iteration_hides_no_row() {
    let text = "param N = 64; inout D[N][N]; for k in 0..N { for i in 0..k, j in 0..N { D[i][j] -= D[i][k] * D[k][j]; } \
        for i in k..k + 1, j in 0..N { D[i][j] = 2 * D[i][j]; } for i in k + 1..N, j in 0..N { D[i][j] -= D[i][k] * D[k][j]; } }";
    assert_eq!(moved(text, 2 << 10), 2 * 4 * 64 * 64 * 64);
}

#[test]
fn a_copy_of_which_the_border_is_needed_moves_the_border() {
    let sweep = |to: &str, from: &str| {
        format!("for i in 1..N - 1 {{ {to}[i] = 0.3 * ({from}[i - 1] + {from}[i] + {from}[i + 1]); }} ")
    };
    let text = format!(
        "param T = 10, N = 20000; inout A[N]; temp B[N]; for i in 0..N {{ B[i] = A[i]; }} for t in 0..T {{ {}{} }}",
        sweep("B", "A"),
        sweep("A", "B")
    );
    // A goes there and back, but for its ends, which only come, and come again with B's.
    assert_eq!(moved(&text, 8 << 10), 4 * (2 * 20000 + 4));
}

#[test]
fn the_border_of_a_plane_is_four_strips() {
    let average = |of: &str| format!("{of}[i][j] + {of}[i - 1][j] + {of}[i + 1][j] + {of}[i][j - 1] + {of}[i][j + 1]");
    let loops = "for i in 1..N - 1, j in 1..N - 1";
    let text = format!(
        "param N = 400; inout A[N][N]; temp B[N][N]; for i in 0..N, j in 0..N {{ B[i][j] = A[i][j]; }} \
         {loops} {{ B[i][j] = {}; }} {loops} {{ A[i][j] = {}; }}",
        average("A"),
        average("B")
    );
    // A comes once and its inside goes; the border without its corners comes a second time at most, and goes and comes as B's.
    assert!(moved(&text, 32 << 10) <= 4 * (400 * 400 + 398 * 398 + 3 * 4 * 398));
}

#[test]
fn a_triangle_is_made_where_one_is_read() {
    let text = "param N = 300; input A[N][N]; temp T[N][N]; output C[N]; for i in 0..N, j in 0..N { T[i][j] = exp(A[i][j]); } \
        for i in 0..N { C[i] = 0; for j in 0..i { C[i] += T[i][j]; } }";
    assert_eq!(moved(text, 8 << 10), 4 * (300 * 299 / 2 + 300));
}

#[test]
fn what_only_unread_temps_need_is_not_loaded() {
    let text = "param N = 300; input A[N][N], X[N][N]; temp T[N][N], U[N][N]; output C[N][N]; \
        for i in 0..N, j in 0..N { T[i][j] = X[i][j]; } for i in 0..N { U[i][0] = 0; } \
        for i in 0..N, j in 1..N { U[i][j] = U[i][j - 1] + T[i][j]; } for i in 0..N, j in 0..N { C[i][j] = 2 * A[i][j]; }";
    assert_eq!(moved(text, 8 << 10), 4 * 2 * 300 * 300);
}

#[test]
fn the_last_step_of_time_makes_nothing_for_the_next() {
    let text = "param T = 20, N = 4000; input F[T][N]; inout A[N]; temp B[N]; for i in 0..N { B[i] = 0; } for t in 0..T { \
        for i in 0..N { A[i] = A[i] + B[i]; } for i in 0..N { B[i] = F[t][i] * A[i]; } }";
    assert_eq!(moved(text, 64 << 10), 4 * (19 * 4000 + 2 * 4000));
}

/// Zeros that cannot wait for the second nest, which fills the array from its other end, and need not be.
#[test]
fn zeros_that_are_overwritten_are_not_stored() {
    let text = "param N = 300; input A[N][N]; output C[N][N]; for i in 0..N, j in 0..N { C[i][j] = 0; } \
        for i in 0..N, j in 0..N { C[N - 1 - i][N - 1 - j] = 2 * A[i][j]; }";
    assert_eq!(moved(text, 8 << 10), 4 * 2 * 300 * 300);
}

#[test]
fn borders_and_a_last_element_do_not_end_a_window() {
    let text = "param N = 60, M = 70; input A[N][4], B[M][4]; temp C[N][M], W[N][M]; output R; \
        for i in 0..N, j in 0..M { C[i][j] = 0; for d in 0..4 { C[i][j] += A[i][d] * B[j][d]; } } \
        for i in 0..N, j in 0..M { if i == 0 && j == 0 { W[i][j] = C[i][j]; } \
        else if i == 0 { W[i][j] = W[i][j - 1] + C[i][j]; } else if j == 0 { W[i][j] = W[i - 1][j] + C[i][j]; } \
        else { W[i][j] = min(W[i - 1][j], W[i][j - 1], W[i - 1][j - 1]) + C[i][j]; } } R = W[N - 1][M - 1];";
    // All of A and two columns of W stay.
    assert_eq!(moved(text, 1700), 4 * (4 * 60 + 4 * 70 + 1));
}

#[test]
fn two_sums_into_one_element_need_not_take_turns() {
    let text = "param C = 8, T = 300; input X[C][T], W[C][C][2]; output A[C][T]; \
        for o in 0..C, t in 0..T { A[o][t] = X[o][t]; for c in 0..C { A[o][t] += W[o][c][0] * X[c][t]; \
        if t >= 1 { A[o][t] += W[o][c][1] * X[c][t - 1]; } } }";
    assert_eq!(moved(text, 1500), 4 * (2 * 8 * 300 + 2 * 8 * 8));
}

#[test]
fn a_factorisation_out_of_place_runs_in_blocks() {
    let text = "param N = 96; input A[N][N]; output L[N][N]; for i in 0..N, j in 0..i + 1 { L[i][j] = A[i][j]; \
        for k in 0..j { L[i][j] -= L[i][k] * L[j][k]; } \
        if j < i { L[i][j] = L[i][j] / L[j][j]; } else { L[i][i] = sqrt(L[i][i] + 400); } }";
    // Blocks of 32 x 32 results, a column and a row of operands beside them.
    let operands = 2 * 96i64.pow(3) / 6 / 32;
    assert!(moved(text, 6000) <= 4 * (96 * 97 + operands) + (1 << 12));
}

#[test]
fn beside_a_block_of_results_lie_a_column_and_a_row_of_operands() {
    let lu = "param N = 128; inout A[N][N]; for i in 0..N { for j in 0..i { for k in 0..j { A[i][j] -= A[i][k] * A[k][j]; } \
        A[i][j] = A[i][j] / A[j][j]; } for j in i..N, k in 0..i { A[i][j] -= A[i][k] * A[k][j]; } }";
    let cholesky = "param N = 128; inout A[N][N]; for i in 0..N { for j in 0..i { \
        for k in 0..j { A[i][j] -= A[i][k] * A[j][k]; } A[i][j] = A[i][j] / A[j][j]; } \
        for k in 0..i { A[i][i] -= A[i][k] * A[i][k]; } A[i][i] = sqrt(A[i][i]); }";
    // The terms come after the block, and what follows the sum after them.
    let product = "param N = 128; input L[N][N]; inout A[N][N]; for i in 0..N, j in 0..N { \
        for k in i + 1..N { A[i][j] += L[k][i] * A[k][j]; } A[i][j] = 3 * A[i][j]; }";
    // Blocks of 32 x 32 in 1250 elements; how many times each loop's values are taken three at a time.
    for (text, results, parts) in [(lu, 128 * 128, 3), (cholesky, 128 * 128 / 2, 6), (product, 128 * 128, 2)] {
        let operands = 2 * 128i64.pow(3) / parts / 32;
        assert!(moved(text, 5000) <= 4 * (2 * results + operands) + (1 << 12), "{text}");
    }
}

#[test]
fn columns_stay_while_those_before_pass_by() {
    // Gram-Schmidt: R has more elements than the columns that are to stay.
    let text = "param M = 20, N = 60; inout A[M][N], R[N][N]; output Q[M][N]; temp s[N]; for k in 0..N { s[k] = 0; \
        for i in 0..M { s[k] += A[i][k] * A[i][k]; } R[k][k] = sqrt(s[k]); for i in 0..M { Q[i][k] = A[i][k] / R[k][k]; } \
        for j in k + 1..N { R[k][j] = 0; for i in 0..M { R[k][j] += Q[i][k] * A[i][j]; } \
        for i in 0..M { A[i][j] = A[i][j] - Q[i][k] * R[k][j]; } } }";
    // Fifteen columns at a time: A both ways and Q once, the triangle of R, and the columns of Q before each fifteen.
    let once = 3 * 20 * 60 + 60 * 61 / 2;
    assert!(moved(text, 1400) <= 4 * (once + (15 + 30 + 45) * 20), "{}", moved(text, 1400));
}

#[test]
fn what_shares_loops_without_need_moves_as_little_as_written_apart() {
    let product = |first: &str, between: &str, last: &str| {
        let text = "param M = 50, N = 60; inout C[M][N]; input A[M][M], B[M][N]; temp t[M][N]; for i in 0..M, j in 0..N { t[i][j] = 0; \
            for k in 0..i { FIRST t[i][j] += B[k][j] * A[i][k]; } BETWEEN C[i][j] = 2 * C[i][j] + B[i][j] * A[i][i] + t[i][j]; } LAST";
        let update = "C[k][j] += B[i][j] * A[i][k];";
        let text = text.replace("FIRST", first).replace("BETWEEN", between).replace("LAST", last);
        moved(&text.replace("UPDATE", update), 1500)
    };
    let apart = product("", "} for i in 0..M, j in 0..N {", "for i in 0..M, j in 0..N, k in 0..i { UPDATE }");
    assert!(product("UPDATE", "", "") <= apart, "{} and {apart}", product("UPDATE", "", ""));
}

#[test]
fn a_factorisation_with_a_scalar_for_its_sums_runs_in_blocks() {
    let text = |first: &str, sum: &str, last: &str| {
        let text = "param N = 64; inout A[N][N]; temp w[1]; for i in 0..N { for j in 0..i { FIRST for k in 0..j { SUM -= A[i][k] * A[k][j]; } \
            A[i][j] = SUM / A[j][j]; } for j in i..N { FIRST for k in 0..i { SUM -= A[i][k] * A[k][j]; } LAST } }";
        text.replace("FIRST", first).replace("SUM", sum).replace("LAST", last)
    };
    let (scalar, in_place) = (text("w[0] = A[i][j];", "w[0]", "A[i][j] = w[0];"), text("", "A[i][j]", ""));
    // Blocks of the sums and of the result: two squares in the room of one, and what passes by, the square root of two as often.
    assert!(
        moved(&scalar, 2000) <= moved(&in_place, 2000) * 7 / 4,
        "{} {}",
        moved(&scalar, 2000),
        moved(&in_place, 2000)
    );
}

#[test]
fn uneven_blocks_move_no_more_than_the_even_ones_of_a_larger_program() {
    let lu = |n: i64| {
        let text = format!(
            "param N = {n}; inout A[N][N]; for i in 0..N, j in 0..N {{ for k in 0..min(i, j) {{ A[i][j] -= A[i][k] * A[k][j]; }} \
             if j < i {{ A[i][j] = A[i][j] / A[j][j]; }} }}"
        );
        moved(&text, 700)
    };
    // Two blocks: what runs in the second one only has a constant where the rest has the iterator over blocks.
    for (uneven, even) in [(19, 20), (21, 22), (23, 24)] {
        assert!(lu(uneven) <= lu(even), "{uneven}: {}, {even}: {}", lu(uneven), lu(even));
    }
}

#[test]
fn strips_of_a_cube_are_written_where_the_last_tile_of_time_is_shorter() {
    let text = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/kernels/heat_3d.loop")).expect("a kernel");
    let heat = |steps: i64| moved(&text.replace("T = 500, N = 120", &format!("T = {steps}, N = 40")), 50_000);
    assert!(heat(97) <= heat(100), "{} and {}", heat(97), heat(100));
}

/// Sweeps through a cube in strips along one direction move 8.0 MB, in two directions 6.4 MB.
#[test]
fn a_cube_is_cut_in_two_directions() {
    let text = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/kernels/heat_3d.loop")).expect("a kernel");
    let bytes = moved(&text.replace("T = 500, N = 120", "T = 4, N = 60"), 20 << 10);
    assert!(bytes < 6_500_000, "{bytes}");
}

#[test]
fn rows_that_come_every_other_iteration_keep_a_window() {
    let text = "param H = 64, W = 96; input i8 X[H][W]; temp f32 B0[H][W], B1[H/2][W/2]; output f16 L1[H/2][W/2], L2[H/4][W/4]; \
        for h in 0..H, w in 0..W { B0[h][w] = 0; for r in 0..3 { if 0 <= h+r-1 < H { B0[h][w] += X[h+r-1][w]; } } } \
        for h in 0..H/2, w in 0..W/2 { L1[h][w] = 0; for s in 0..3 { if 0 <= 2*w+s-1 < W { L1[h][w] += B0[2*h][2*w+s-1]; } } } \
        for h in 0..H/2, w in 0..W/2 { B1[h][w] = 0; for r in 0..3 { if 0 <= h+r-1 < H/2 { B1[h][w] += L1[h+r-1][w]; } } } \
        for h in 0..H/4, w in 0..W/4 { L2[h][w] = 0; for s in 0..3 { if 0 <= 2*w+s-1 < W/2 { L2[h][w] += B1[2*h][2*w+s-1]; } } }";
    for capacity_bytes in [800, 1000, 1200, 1700] {
        assert_eq!(moved(text, capacity_bytes), 64 * 96 + 2 * 32 * 48 + 2 * 16 * 24, "{capacity_bytes} bytes");
    }
}

#[test]
fn of_a_diagonal_only_its_elements_are_held() {
    let text = "param N = 100; inout A[N][N], U[N]; for i in 0..N { A[i][i] = 2 * A[i][i]; } \
        for t in 0..20, i in 0..N { U[i] += A[i][i]; }";
    assert_eq!(moved(text, 900), 4 * (2 * 100 + 2 * 100));
}

#[test]
fn pairs_of_columns_load_their_rows_once() {
    let text = "param N = 500, D = 20; input X[N][D]; output G[D][D]; \
        for a in 0..D, b in 0..D { G[a][b] = 0; for i in 0..N { G[a][b] += X[i][a] * X[i][b]; } }";
    assert_eq!(moved(text, 4000), 4 * (500 * 20 + 20 * 20));
}

#[test]
fn each_step_of_time_keeps_three_rows() {
    let text = "param T = 6, N = 40; input A[N][N]; temp U[T + 1][N][N]; output R[N][N]; \
        for i in 0..N, j in 0..N { U[0][i][j] = A[i][j]; } \
        for t in 0..T, i in 0..N, j in 0..N { if i == 0 || j == 0 || i == N - 1 || j == N - 1 { U[t + 1][i][j] = U[t][i][j]; } \
        else { U[t + 1][i][j] = U[t][i - 1][j] + U[t][i + 1][j] + U[t][i][j - 1] + U[t][i][j + 1]; } } \
        for i in 0..N, j in 0..N { R[i][j] = U[T][i][j]; }";
    // In, out, and between the sweeps and the copies before and after them.
    assert!(moved(text, 4000) <= 4 * 6 * 40 * 40);
}

#[test]
fn a_recurrence_clears_its_sums_itself() {
    let text = "param T = 20, B = 4, N = 20; input X[T][B][N], W[N][N], U[N][N], V[N][N], Z[N][N]; \
        temp G[T + 1][B][N]; output H[T + 1][B][N]; for b in 0..B, n in 0..N { G[0][b][n] = 0; H[0][b][n] = 0; } for t in 0..T { \
        for b in 0..B, n in 0..N { G[t + 1][b][n] = 0; \
        for k in 0..N { G[t + 1][b][n] += W[n][k] * X[t][b][k] + U[n][k] * G[t][b][k]; } } \
        for b in 0..B, n in 0..N { H[t + 1][b][n] = 0; \
        for k in 0..N { H[t + 1][b][n] += V[n][k] * G[t + 1][b][k] + Z[n][k] * H[t][b][k]; } } }";
    // One layer after the other, the weights of one resident: G passes between them.
    let (weights, steps) = (4 * 20 * 20, 20 * 4 * 20);
    assert!(moved(text, 5500) <= 4 * (weights + 4 * steps + 4 * 4 * 20));
}

#[test]
fn tables_of_intervals_are_filled_in_squares() {
    let by_rows = "param N = 200; input W[N][N]; output C[N][N]; for i in 0..N { C[N - 1 - i][N - 1 - i] = 0; \
        for j in N - i..N { C[N - 1 - i][j] = 1000; \
        for k in N - 1 - i..j { C[N - 1 - i][j] min= C[N - 1 - i][k] + C[k + 1][j]; } \
        C[N - 1 - i][j] = C[N - 1 - i][j] + W[N - 1 - i][j]; } }";
    let by_lengths = "param N = 200; input W[N][N]; inout C[N][N]; for d in 1..N, i in 0..N - d { \
        for k in i..i + d { C[i][i + d] min= C[i][k] + C[k + 1][i + d]; } C[i][i + d] += W[i][i + d]; }";
    // Of 200³/6 terms each loads two parts in squares of one entry: 10.7 MB. In those of `b` the parts pass by once for `b` terms.
    assert!(moved(by_rows, 8192) < 700_000);
    assert!(moved(by_lengths, 8192) < 700_000);
    assert!(moved(by_lengths, 2048) < 1_400_000);
    let with_neighbours = "param N = 200; input s[N]; inout T[N][N]; for x in 0..N, j in N - x..N { \
        T[N - 1 - x][j] max= T[N - 1 - x][j - 1]; if x >= 1 { T[N - 1 - x][j] max= T[N - x][j]; \
        T[N - 1 - x][j] max= T[N - x][j - 1] + s[N - 1 - x] * s[j]; } \
        for k in N - x..j { T[N - 1 - x][j] max= T[N - 1 - x][k] + T[k + 1][j]; } }";
    assert!(moved(with_neighbours, 8192) < 900_000);
}

/// Rows of the activations are normalised again for each block of columns: a product of matrices with an input as cheap.
#[test]
fn what_is_read_by_many_tiles_is_computed_again_by_each() {
    let product = "for i in 0..512, j in 0..256 { Y[i][j] = 0; for k in 0..256 { Y[i][j] += Z[i][k] * W[k][j]; } }";
    let plain = moved(&format!("input Z[512][256], W[256][256]; output Y[512][256]; {product}"), 32 << 10);
    let text = format!(
        "input X[512][256], S[256], B[256], W[256][256]; temp Z[512][256]; output Y[512][256]; \
         for i in 0..512, k in 0..256 {{ Z[i][k] = max(X[i][k] * S[k] + B[k], 0); }} {product}"
    );
    let stored = moved(&text, 32 << 10);
    let again = moved_adding(0.1, &text, 32 << 10);
    assert!(stored >= plain + 4 * 512 * 256, "{stored} bytes, {plain} without");
    assert!(again <= plain + plain / 50, "{again} bytes, {plain} without");
}

/// The first convolution by itself; then tiles of 8 × 28 results whose sums, scales and weights by channel leave room for nothing twice.
#[test]
fn a_scale_takes_the_place_of_the_sum_that_it_is_made_of() {
    let text = std::fs::read_to_string("kernels/bottleneck.loop").expect("a kernel");
    let moved = moved_adding(0.25, &text, 64 << 10);
    assert!(moved <= 15_340_544 / 100 * 101, "{moved} bytes");
}

/// Statistics in one pass, then a triangle of blocks of 120 × 120 columns of 1400 rows that are normalised as they are loaded, those of the
/// diagonal once; both triangles are stored.
#[test]
fn the_correlation_of_columns_normalises_as_it_loads() {
    let text = std::fs::read_to_string("kernels/correlation.loop").expect("a kernel");
    let (statistics, results) = (4 * 1400 * 1200, 4 * 1200 * 1200);
    let blocks = 4 * 1400 * (45 * 240 + 10 * 120);
    let moved = moved_adding(0.25, &text, 64 << 10);
    assert!(moved <= (statistics + results + blocks) / 100 * 101, "{moved} bytes");
}

#[test]
fn groups_of_many_statements_are_searched_to_bands_of_two_loops() {
    let text = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/kernels/fsrcnn.loop")).expect("a kernel");
    // Eight convolutions and what is between them, in slabs: nothing but the image, the weights and the result crosses.
    assert_eq!(moved_adding(0.25, &text, 365_183), 35_399_952);
}

/// Products of matrices and what rectifies them, no two of one shape: all that a run of them touches fits, so that a run is planned where it
/// is chosen, and not with all runs that begin or end in it.
#[test]
fn a_long_program_with_room_enough_is_planned_by_few_searches() {
    let nests = 48;
    let width = |n: usize| 16 + n / 2;
    let mut declared = format!("input X0[32][{}];", width(0));
    let mut body = String::new();
    for n in 0..nests {
        let (m, rows) = (n + 1, format!("for i in 0..32, j in 0..{}", width(n + 1)));
        declared += &format!("{} X{m}[32][{}];", if m == nests { "output" } else { "temp" }, width(m));
        body += &match n % 2 {
            0 => format!("{rows} {{ X{m}[i][j] = max(X{n}[i][j], 0); }}"),
            _ => {
                declared += &format!("input W{n}[{}][{}];", width(n), width(m));
                let sum = format!("for k in 0..{} {{ X{m}[i][j] += X{n}[i][k] * W{n}[k][j]; }}", width(n));
                format!("{rows} {{ X{m}[i][j] = 0; {sum} }}")
            }
        };
    }
    let parsed = lang::parse(&(declared + &body)).expect("a program parses");
    let source = lang::resolve(&parsed, &[]).expect("a program that means something").program;
    let scop = poly::extract(&source, &Context::new()).expect("statements");
    let dependences = poly::dependences(&scop, poly::Reductions::Free, u64::MAX).expect("dependences");
    let answers = Answers::default();
    let mut known = Known::new(Bands::new(&scop, &dependences, Solver::default()).expect("bands"), &answers);
    let goal = Goal { capacity_bytes: 1 << 20, effort: 1, skewing: Skewing::None };
    schedule::decide(&mut known, &scop, &goal, &[Fuse::Auto]).expect("a decision");
    let searches = answers.borrow().len();
    assert!((nests..3 * nests).contains(&searches), "{searches} searches");
}
