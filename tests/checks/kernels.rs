//! What is broken? Small programs, each with a name.

/// A matrix product that does not fit as a whole.
pub const PRODUCT: &str = "
param N = 12;
input  A[N][N], B[N][N];
output C[N][N];
for i in 0..N, j in 0..N {
  C[i][j] = 0;
  for k in 0..N { C[i][j] += A[i][k] * B[k][j]; }
}";

/// A producer whose rows are each read by three iterations of the consumer.
pub const HALO: &str = "
param H = 14, W = 12;
input  X[H][W];
temp   B[H][W - 2];
output Y[H - 2][W - 2];
for i in 0..H, j in 0..W - 2 { B[i][j] = X[i][j] + X[i][j + 1] + X[i][j + 2]; }
for i in 0..H - 2, j in 0..W - 2 { Y[i][j] = B[i][j] + B[i + 1][j] + B[i + 2][j]; }";

/// Each element is made of both neighbours, of which one is of this step and one of the step before.
pub const IN_PLACE: &str = "
param T = 6, N = 20;
inout A[N];
for t in 0..T, i in 1..N - 1 { A[i] = A[i - 1] + 2 * A[i] + A[i + 1]; }";

/// Rows of which two passes are made.
pub const ROWS: &str = "
param M = 6, N = 40;
input  X[M][N];
temp   L[M];
output Y[M][N];
for i in 0..M {
  L[i] = 0;
  for j in 0..N { L[i] += X[i][j]; }
}
for i in 0..M, j in 0..N { Y[i][j] = X[i][j] - L[i]; }";

/// Programs of all kinds.
pub const KERNELS: [(&str, &str); 11] = [
    ("product", PRODUCT),
    ("halo", HALO),
    ("in place", IN_PLACE),
    ("rows", ROWS),
    ("two products", "input A[6][7], B[7][8], D[8][5]; temp C[6][8]; output E[6][5]; for i in 0..6, j in 0..8 { C[i][j] = 0; for k in 0..7 { C[i][j] += A[i][k] * B[k][j]; } }
      for i in 0..6, l in 0..5 { E[i][l] = 0; for j in 0..8 { E[i][l] += C[i][j] * D[j][l]; } }"),
    ("triangle", "input L[9][9]; inout X[9]; for i in 0..9 { for j in 0..i { X[i] -= L[i][j] * X[j]; } X[i] = X[i] / (L[i][i] + 4); }"),
    ("transpose", "input A[12][9]; output B[9][12]; for i in 0..12, j in 0..9 { B[j][i] = A[i][j] + i; }"),
    ("maximum", "input A[8][10]; temp M[8]; output B[8][10]; for i in 0..8 { M[i] = -inf; for j in 0..10 { M[i] max= A[i][j]; } } for i in 0..8, j in 0..10 { B[i][j] = exp(A[i][j] - M[i]); }"),
    ("strides", "input A[40]; output B[20], C[20]; for i in 0..20 { B[i] = A[2 * i] + A[2 * i + 1]; } for i in 0..20 { C[19 - i] = B[i] * B[0]; }"),
    ("guards", "input A[10][10]; output B[10][10]; for i in 0..10, j in 0..10 { if i < j { B[i][j] = A[i][j]; } else { B[i][j] = A[j][i] + A[i][0]; } }"),
    ("sweeps", "inout A[10][6], B[10][6]; for t in 0..3 { for i in 1..9, j in 0..6 { B[i][j] = A[i - 1][j] + A[i + 1][j]; } for i in 1..9, j in 0..6 { A[i][j] = B[i][j] * 2; } }"),
];

/// Loops that give something else when the two outermost change places.
pub const ORDERED: [(&str, &str); 12] = [
    ("three points", IN_PLACE),
    ("antidiagonals", "inout A[10][10]; for i in 1..10, j in 0..9 { A[i][j] = A[i - 1][j + 1] + 1; }"),
    (
        "five points",
        "inout A[8][8]; for t in 0..3, i in 1..7, j in 1..7 { A[i][j] = A[i - 1][j] + A[i + 1][j] + A[i][j - 1] + A[i][j + 1]; }",
    ),
    ("closure", "inout D[7][7]; for k in 0..7, i in 0..7, j in 0..7 { D[i][j] = D[i][j] + D[i][k] * D[k][j]; }"),
    ("knapsack", "inout V[20]; input W[5]; for n in 0..5, w in 3..20 { V[w] = V[w - 3] * W[n] + V[w]; }"),
    ("every other", "inout A[16]; for t in 0..4, i in 0..8 { A[2 * i] = A[2 * i] + A[(2 * i + 2) % 16]; }"),
    ("backwards", "inout A[20]; for t in 0..4, i in 1..19 { A[20 - i] = A[20 - i] * 3 + A[19 - i]; }"),
    ("there and back", "inout A[10], B[10]; for t in 0..3, i in 1..9 { B[i] = A[i - 1] + A[i + 1]; A[i] = B[i] * 2; }"),
    (
        "a corner left out",
        "inout A[9][9]; for i in 1..9, j in 0..8 { if i + j < 12 { A[i][j] = A[i - 1][j + 1] + j; } }",
    ),
    ("in steps", "inout A[30]; for t in 0..4, i in 2..28 step 2 { A[i] = A[i - 2] + A[i + 2]; }"),
    ("running products", "inout A[24]; for t in 0..4, i in 1..min(23, 30) { A[i] += A[i + 1] * A[i - 1]; }"),
    (
        "round the corner",
        "inout A[6][6]; for k in 0..5, i in 0..6, j in 0..6 { A[(i + 1) % 6][j] = A[i][j] + A[(i + 1) % 6][k]; }",
    ),
];

/// A name, a text, and two statements that share a loop, the second of which needs what the first does in the same iteration.
pub type Chain = (&'static str, &'static str, [usize; 2]);

pub const CHAINS: [Chain; 12] = [
    ("product", PRODUCT, [0, 1]),
    ("rows", ROWS, [0, 1]),
    ("two products", KERNELS[4].1, [2, 3]),
    ("triangle", KERNELS[5].1, [0, 1]),
    ("maximum", KERNELS[7].1, [0, 1]),
    ("sweeps", KERNELS[10].1, [0, 1]),
    ("a pair", "input A[12]; output B[12], C[12]; for i in 0..12 { B[i] = A[i]; C[i] = B[i] * 2; }", [0, 1]),
    ("one value", "input A[12]; temp s; output C[12]; for i in 0..12 { s = A[i] * A[i]; C[i] = s; }", [0, 1]),
    (
        "mean",
        "input A[6][8]; output M[6]; for i in 0..6 { M[i] = 0; for j in 0..8 { M[i] += A[i][j]; } M[i] = M[i] / 8; }",
        [1, 2],
    ),
    (
        "layers",
        "input W[6][6]; inout H[5][6]; for t in 1..5 { for i in 0..6 { H[t][i] = 0; for j in 0..6 { H[t][i] += W[i][j] * H[t - 1][j]; } } }",
        [0, 1],
    ),
    (
        "either",
        "input A[12]; temp B[12]; output C[12]; for i in 0..12 { if i < 6 { B[i] = A[i]; } else { B[i] = A[0]; } C[i] = B[i]; }",
        [1, 2],
    ),
    (
        "elimination",
        "inout A[7][7]; for k in 0..6 { for i in k + 1..7 { A[i][k] = A[i][k] / (A[k][k] + 3); } for i in k + 1..7, j in k + 1..7 { A[i][j] -= A[i][k] * A[k][j]; } }",
        [0, 1],
    ),
];
