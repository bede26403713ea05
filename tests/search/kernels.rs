//! Problems written by hand: a builder that reads like loop nests, and the kernels whose best traffic is known.

use polyfuse::schedule::problem::{Access, Array, Attach, BandDim, Edge, Index, Problem, Statement};

/// What an access does.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    Read,
    Write,
    Update,
}
pub use Mode::{Read, Update, Write};

/// An index: pairs of iterator and coefficient, and a constant.
pub type Form<'a> = (&'a [(usize, i64)], i64);

/// Collects a problem; nests run one after the other in the source.
pub struct Builder {
    pub problem: Problem,
}

impl Builder {
    pub fn new() -> Self {
        Builder { problem: Problem { statements: vec![], arrays: vec![], dims: vec![], edges: vec![] } }
    }

    pub fn array(&mut self, extents: &[i64], live_in: bool, live_out: bool) -> usize {
        self.problem.arrays.push(Array { extents: extents.to_vec(), element_bytes: 4, live_in, live_out });
        self.problem.arrays.len() - 1
    }

    pub fn input(&mut self, extents: &[i64]) -> usize {
        self.array(extents, true, false)
    }

    pub fn output(&mut self, extents: &[i64]) -> usize {
        self.array(extents, false, true)
    }

    pub fn temp(&mut self, extents: &[i64]) -> usize {
        self.array(extents, false, false)
    }

    pub fn statement(&mut self, extents: &[i64], accesses: &[(usize, Mode, &[Form])]) -> usize {
        let access = |&(array, mode, forms): &(usize, Mode, &[Form])| Access {
            array,
            reads: mode != Write,
            writes: mode != Read,
            index: forms.iter().map(|&(terms, constant)| linear(extents.len(), terms, constant)).collect(),
        };
        let accesses = accesses.iter().map(access).collect();
        self.problem.statements.push(Statement { extents: extents.to_vec(), accesses, slopes: vec![] });
        self.problem.statements.len() - 1
    }

    /// A loop to share: for each statement its iterator (or none), the rate and the shift.
    pub fn dim(&mut self, attach: &[(Option<usize>, i64, i64)]) {
        let class = self.problem.dims.len();
        let attach = attach.iter().map(|&(iterator, rate, shift)| Attach { iterator, rate, shift }).collect();
        self.problem.dims.push(BandDim { class, attach });
    }

    /// A loop to share without shifts.
    pub fn plain_dim(&mut self, iterators: &[Option<usize>]) {
        self.dim(&iterators.iter().map(|&iterator| (iterator, 1, 0)).collect::<Vec<_>>());
    }

    /// Adds the edges of nests that run one after the other and closes the problem.
    pub fn sequential(mut self) -> Problem {
        for from in 0..self.problem.statements.len() {
            for to in from + 1..self.problem.statements.len() {
                if let Some(dim_distance) = distances(&self.problem, from, to) {
                    self.problem.edges.push(Edge { from, to, dim_distance, iterator_distance: vec![] });
                }
            }
        }
        self.problem
    }
}

fn linear(iterators: usize, terms: &[(usize, i64)], constant: i64) -> Index {
    let mut coefficients = vec![0; iterators];
    terms.iter().for_each(|&(iterator, coefficient)| coefficients[iterator] += coefficient);
    Index::Linear { coefficients, constant }
}

/// Smallest distances along the dims over all pairs of accesses, one of them a write, to one array.
fn distances(problem: &Problem, from: usize, to: usize) -> Option<Vec<i64>> {
    let (source, target) = (&problem.statements[from], &problem.statements[to]);
    let mut least: Option<Vec<i64>> = None;
    for a in &source.accesses {
        for b in target.accesses.iter().filter(|b| b.array == a.array && (a.writes || b.writes)) {
            let own = problem.dims.iter().map(|dim| {
                let first = span(problem, from, a, &dim.attach[from]);
                let second = span(problem, to, b, &dim.attach[to]);
                match (first, second) {
                    (Some((d, slope, _, high)), Some((e, other, low, _))) if d == e && slope == other => low - high,
                    _ => whole(problem, to, &dim.attach[to]).0 - whole(problem, from, &dim.attach[from]).1,
                }
            });
            let own: Vec<i64> = own.collect();
            let known = least.get_or_insert_with(|| own.clone());
            known.iter_mut().zip(own).for_each(|(known, own)| *known = (*known).min(own));
        }
    }
    least
}

/// First and last value of the loop at which the statement runs.
fn whole(problem: &Problem, statement: usize, attach: &Attach) -> (i64, i64) {
    let last = attach.iterator.map_or(0, |i| attach.rate * (problem.statements[statement].extents[i] - 1));
    (attach.shift, attach.shift + last)
}

/// The array dim that tells the loop's value, the slope (times a common multiple) and the smallest and largest offset.
fn span(
    problem: &Problem,
    statement: usize,
    access: &Access,
    attach: &Attach,
) -> Option<(usize, (i64, i64), i64, i64)> {
    let iterator = attach.iterator?;
    let extents = &problem.statements[statement].extents;
    access.index.iter().enumerate().find_map(|(dim, index)| {
        let Index::Linear { coefficients, constant } = index else { return None };
        let own = coefficients[iterator];
        if own <= 0 {
            return None;
        }
        let others = coefficients.iter().zip(extents).enumerate().filter(|(i, _)| *i != iterator);
        let (mut low, mut high) = (*constant, *constant);
        for (_, (&c, &extent)) in others {
            low += (c * (extent - 1)).min(0);
            high += (c * (extent - 1)).max(0);
        }
        // i = (element − others)/own; value = rate·i + shift.
        let ends = [-high * attach.rate, -low * attach.rate].map(|end| end.div_euclid(own));
        let divisor = gcd(attach.rate, own);
        let slope = (attach.rate / divisor, own / divisor);
        Some((dim, slope, ends[0] + attach.shift, ends[1] + attach.shift + i64::from(low * attach.rate % own != 0)))
    })
}

fn gcd(a: i64, b: i64) -> i64 {
    if b == 0 { a } else { gcd(b, a % b) }
}

macro_rules! index {
    ($($iterator:expr),*) => { &[$((&[($iterator, 1)][..], 0)),*][..] };
}
pub(crate) use index;

/// `C = A·B`: initialisation and update.
pub fn gemm(m: i64, n: i64, k: i64) -> Problem {
    let mut b = Builder::new();
    let (x, y, c) = (b.input(&[m, k]), b.input(&[k, n]), b.output(&[m, n]));
    b.statement(&[m, n], &[(c, Write, index![0, 1])]);
    b.statement(&[m, n, k], &[(c, Update, index![0, 1]), (x, Read, index![0, 2]), (y, Read, index![2, 1])]);
    b.plain_dim(&[Some(0), Some(0)]);
    b.plain_dim(&[Some(1), Some(1)]);
    b.plain_dim(&[None, Some(2)]);
    b.sequential()
}

/// `E = (A·B)·C`.
pub fn gemm_gemm(m: i64, k: i64, n: i64, p: i64) -> Problem {
    let mut b = Builder::new();
    let (x, y, w) = (b.input(&[m, k]), b.input(&[k, n]), b.input(&[n, p]));
    let (t, e) = (b.temp(&[m, n]), b.output(&[m, p]));
    b.statement(&[m, n], &[(t, Write, index![0, 1])]);
    b.statement(&[m, n, k], &[(t, Update, index![0, 1]), (x, Read, index![0, 2]), (y, Read, index![2, 1])]);
    b.statement(&[m, p], &[(e, Write, index![0, 1])]);
    b.statement(&[m, p, n], &[(e, Update, index![0, 1]), (t, Read, index![0, 2]), (w, Read, index![2, 1])]);
    b.plain_dim(&[Some(0); 4]);
    b.plain_dim(&[Some(1), Some(1), None, Some(2)]);
    b.plain_dim(&[Some(1), Some(1), Some(1), Some(1)]);
    b.sequential()
}

/// `tmp = alpha·A·B; D = tmp·C + beta·D`.
pub fn two_mm(ni: i64, nj: i64, nk: i64, nl: i64) -> Problem {
    let mut b = Builder::new();
    let (x, y, w) = (b.input(&[ni, nk]), b.input(&[nk, nj]), b.input(&[nj, nl]));
    let (t, d) = (b.temp(&[ni, nj]), b.array(&[ni, nl], true, true));
    b.statement(&[ni, nj], &[(t, Write, index![0, 1])]);
    b.statement(&[ni, nj, nk], &[(t, Update, index![0, 1]), (x, Read, index![0, 2]), (y, Read, index![2, 1])]);
    b.statement(&[ni, nl], &[(d, Update, index![0, 1])]);
    b.statement(&[ni, nl, nj], &[(d, Update, index![0, 1]), (t, Read, index![0, 2]), (w, Read, index![2, 1])]);
    b.plain_dim(&[Some(0); 4]);
    b.plain_dim(&[Some(1), Some(1), None, Some(2)]);
    b.plain_dim(&[None, None, Some(1), Some(1)]);
    b.sequential()
}

/// One convolution with padding 1: `O[o][h][w] += X[c][h+r-1][w+s-1]·W[o][c][r][s]`.
pub fn conv(o: i64, c: i64, side: i64) -> Problem {
    let mut b = Builder::new();
    let (x, w, y) = (b.input(&[c, side, side]), b.input(&[o, c, 3, 3]), b.output(&[o, side, side]));
    b.statement(&[o, side, side], &[(y, Write, index![0, 1, 2])]);
    convolve(&mut b, [o, side, side, c], y, x, w);
    b.plain_dim(&[Some(0); 2]);
    b.plain_dim(&[Some(1); 2]);
    b.plain_dim(&[Some(2); 2]);
    b.sequential()
}

fn convolve(b: &mut Builder, [o, h, w, c]: [i64; 4], y: usize, x: usize, weight: usize) {
    let window: &[Form] = &[(&[(3, 1)], 0), (&[(1, 1), (4, 1)], -1), (&[(2, 1), (5, 1)], -1)];
    b.statement(
        &[o, h, w, c, 3, 3],
        &[(y, Update, index![0, 1, 2]), (x, Read, window), (weight, Read, index![0, 3, 4, 5])],
    );
}

/// Convolution, relu, convolution; the second runs one row behind.
pub fn conv_relu_conv(channels: i64, side: i64) -> Problem {
    let mut b = Builder::new();
    let shape = [channels, side, side];
    let (x, w1, w2) = (b.input(&shape), b.input(&[channels, channels, 3, 3]), b.input(&[channels, channels, 3, 3]));
    let (t, u, y) = (b.temp(&shape), b.temp(&shape), b.output(&shape));
    b.statement(&shape, &[(t, Write, index![0, 1, 2])]);
    convolve(&mut b, [channels, side, side, channels], t, x, w1);
    b.statement(&shape, &[(u, Write, index![0, 1, 2]), (t, Read, index![0, 1, 2])]);
    b.statement(&shape, &[(y, Write, index![0, 1, 2])]);
    convolve(&mut b, [channels, side, side, channels], y, u, w2);
    for iterator in [1, 2] {
        let near = (Some(iterator), 1, 0);
        let far = (Some(iterator), 1, 1);
        b.dim(&[near, near, near, far, far]);
    }
    b.sequential()
}

/// Largest of a row, sum of exponentials, division: three passes over `X`.
pub fn softmax(rows: i64, columns: i64) -> Problem {
    let mut b = Builder::new();
    let (x, y) = (b.input(&[rows, columns]), b.output(&[rows, columns]));
    softmax_of(&mut b, rows, columns, x, y);
    b.plain_dim(&[Some(0); 5]);
    b.plain_dim(&[None, Some(1), None, Some(1), Some(1)]);
    b.sequential()
}

fn softmax_of(b: &mut Builder, rows: i64, columns: i64, x: usize, y: usize) {
    let (largest, sum) = (b.temp(&[rows]), b.temp(&[rows]));
    b.statement(&[rows], &[(largest, Write, index![0])]);
    b.statement(&[rows, columns], &[(largest, Update, index![0]), (x, Read, index![0, 1])]);
    b.statement(&[rows], &[(sum, Write, index![0])]);
    b.statement(&[rows, columns], &[(sum, Update, index![0]), (x, Read, index![0, 1]), (largest, Read, index![0])]);
    b.statement(
        &[rows, columns],
        &[(y, Write, index![0, 1]), (x, Read, index![0, 1]), (largest, Read, index![0]), (sum, Read, index![0])],
    );
}

/// `softmax(A·B)` by rows.
pub fn matmul_softmax(m: i64, k: i64, n: i64) -> Problem {
    let mut b = Builder::new();
    let (x, w, t, y) = (b.input(&[m, k]), b.input(&[k, n]), b.temp(&[m, n]), b.output(&[m, n]));
    b.statement(&[m, n], &[(t, Write, index![0, 1])]);
    b.statement(&[m, n, k], &[(t, Update, index![0, 1]), (x, Read, index![0, 2]), (w, Read, index![2, 1])]);
    softmax_of(&mut b, m, n, t, y);
    b.plain_dim(&[Some(0); 7]);
    b.sequential()
}

/// `softmax(Q·Kᵀ)·V` for each head.
pub fn attention(heads: i64, n: i64, d: i64) -> Problem {
    let mut b = Builder::new();
    let (q, k, v) = (b.input(&[heads, n, d]), b.input(&[heads, n, d]), b.input(&[heads, n, d]));
    let (s, p, o) = (b.temp(&[heads, n, n]), b.temp(&[heads, n, n]), b.output(&[heads, n, d]));
    let (largest, sum) = (b.temp(&[heads, n]), b.temp(&[heads, n]));
    b.statement(&[heads, n, n], &[(s, Write, index![0, 1, 2])]);
    b.statement(
        &[heads, n, n, d],
        &[(s, Update, index![0, 1, 2]), (q, Read, index![0, 1, 3]), (k, Read, index![0, 2, 3])],
    );
    b.statement(&[heads, n], &[(largest, Write, index![0, 1])]);
    b.statement(&[heads, n, n], &[(largest, Update, index![0, 1]), (s, Read, index![0, 1, 2])]);
    b.statement(&[heads, n], &[(sum, Write, index![0, 1])]);
    b.statement(
        &[heads, n, n],
        &[
            (p, Write, index![0, 1, 2]),
            (sum, Update, index![0, 1]),
            (s, Read, index![0, 1, 2]),
            (largest, Read, index![0, 1]),
        ],
    );
    b.statement(&[heads, n, d], &[(o, Write, index![0, 1, 2])]);
    b.statement(
        &[heads, n, d, n],
        &[
            (o, Update, index![0, 1, 2]),
            (p, Read, index![0, 1, 3]),
            (v, Read, index![0, 3, 2]),
            (sum, Read, index![0, 1]),
        ],
    );
    b.plain_dim(&[Some(0); 8]);
    b.plain_dim(&[Some(1); 8]);
    b.sequential()
}

/// `gelu(X·W1 + b1)·W2 + b2`, gelu and biases in place; with `parts`, only these two of its nests: (first gemm to gelu), (second gemm and bias).
pub fn mlp(m: i64, k: i64, n: i64, parts: (bool, bool)) -> Problem {
    let mut b = Builder::new();
    let (x, w1, b1) = (b.input(&[m, k]), b.input(&[k, n]), b.input(&[n]));
    let (w2, b2) = (b.input(&[n, k]), b.input(&[k]));
    let h = b.array(&[m, n], !parts.0, !parts.1);
    let y = b.output(&[m, k]);
    let mut dims = [Vec::new(), Vec::new(), Vec::new()];
    let mut attach = |own: [Option<usize>; 3]| dims.iter_mut().zip(own).for_each(|(dim, own)| dim.push(own));
    if parts.0 {
        b.statement(&[m, n], &[(h, Write, index![0, 1])]);
        attach([Some(0), Some(1), None]);
        b.statement(&[m, n, k], &[(h, Update, index![0, 1]), (x, Read, index![0, 2]), (w1, Read, index![2, 1])]);
        attach([Some(0), Some(1), None]);
        b.statement(&[m, n], &[(h, Update, index![0, 1]), (b1, Read, index![1])]);
        attach([Some(0), Some(1), None]);
    }
    if parts.1 {
        b.statement(&[m, k], &[(y, Write, index![0, 1])]);
        attach([Some(0), None, Some(1)]);
        b.statement(&[m, k, n], &[(y, Update, index![0, 1]), (h, Read, index![0, 2]), (w2, Read, index![2, 1])]);
        attach([Some(0), Some(2), Some(1)]);
        b.statement(&[m, k], &[(y, Update, index![0, 1]), (b2, Read, index![1])]);
        attach([Some(0), None, Some(1)]);
    }
    if parts.0 && parts.1 {
        // The bias ends what the loop over n accumulates: it runs at that loop's last value.
        let mut last: Vec<_> = dims[1].iter().map(|&i| (i, 1, 0)).collect();
        last[5].2 = n - 1;
        b.plain_dim(&dims[0].clone());
        b.dim(&last);
        b.plain_dim(&dims[2].clone());
    } else {
        b.plain_dim(&dims[0].clone());
        b.plain_dim(&dims[if parts.0 { 1 } else { 2 }].clone());
    }
    b.sequential()
}

/// `y = Aᵀ·(A·x)`.
pub fn atax(m: i64, n: i64) -> Problem {
    let mut b = Builder::new();
    let (a, x, t, y) = (b.input(&[m, n]), b.input(&[n]), b.temp(&[m]), b.output(&[n]));
    b.statement(&[n], &[(y, Write, index![0])]);
    b.statement(&[m], &[(t, Write, index![0])]);
    b.statement(&[m, n], &[(t, Update, index![0]), (a, Read, index![0, 1]), (x, Read, index![1])]);
    b.statement(&[m, n], &[(y, Update, index![1]), (a, Read, index![0, 1]), (t, Read, index![0])]);
    b.plain_dim(&[None, Some(0), Some(0), Some(0)]);
    b.sequential()
}

/// `steps` steps of a state `H[t+1] = f(W·H[t], U·X[t])` with eight gates.
pub fn recurrence(steps: i64, n: i64) -> Problem {
    let mut b = Builder::new();
    let (w, u) = (b.input(&[8, n, n]), b.input(&[8, n, n]));
    let (x, h, g) = (b.input(&[steps, n]), b.array(&[steps + 1, n], true, true), b.temp(&[8, n]));
    let row: &[Form] = &[(&[(0, 1)], 0), (&[(3, 1)], 0)];
    let next: &[Form] = &[(&[(0, 1)], 1), (&[(2, 1)], 0)];
    b.statement(&[steps, 8, n], &[(g, Write, index![1, 2])]);
    b.statement(
        &[steps, 8, n, n],
        &[
            (g, Update, index![1, 2]),
            (w, Read, index![1, 2, 3]),
            (h, Read, row),
            (u, Read, index![1, 2, 3]),
            (x, Read, index![0, 3]),
        ],
    );
    b.statement(&[steps, 8, n], &[(g, Read, index![1, 2]), (h, Write, next)]);
    b.plain_dim(&[Some(0); 3]);
    let mut problem = b.problem;
    let mut edge = |from: usize, to: usize, distance: i64| {
        let iterator_distance = match (from == to, from) {
            (false, _) => vec![],
            (true, 1) => vec![distance, 0, 0, 0],
            (true, _) => vec![distance, 0, 0],
        };
        problem.edges.push(Edge { from, to, dim_distance: vec![distance], iterator_distance });
    };
    edge(0, 1, 0);
    edge(1, 2, 0);
    edge(0, 2, 0);
    edge(2, 1, 1);
    edge(1, 0, 1);
    edge(2, 0, 1);
    (0..3).for_each(|statement| edge(statement, statement, 1));
    problem
}
