//! Are static counts those of a run, and exact at any size?

mod build;
mod source;

use build::{int, name, range, scalar, set};
use polyfuse::count::{CountError, Counts, count, count_within};
use polyfuse::lang::ast::*;
use polyfuse::run::{Modular, Traffic, execute_observed};
use source::{resolved, with};

/// A generator of small numbers, the same in every run.
struct Dice(u64);

impl Dice {
    fn below(&mut self, sides: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        (self.0 >> 33) % sides
    }

    fn between(&mut self, low: i64, high: i64) -> i64 {
        low + self.below((high - low + 1) as u64) as i64
    }

    fn chance(&mut self, percent: u64) -> bool {
        self.below(100) < percent
    }
}

/// `a * x + b * y + c` with floors and remainders now and then, over the iterators in scope.
fn affine(dice: &mut Dice, scope: &[String]) -> Affine {
    let constant = int(dice.between(-3, 6));
    if scope.is_empty() || dice.chance(25) {
        return constant;
    }
    let pick = |dice: &mut Dice| name(&scope[dice.below(scope.len() as u64) as usize]);
    let mut form = pick(dice);
    if dice.chance(30) {
        form = AffineKind::Mul(Box::new(int(dice.between(-2, 3))), Box::new(form)).into();
    }
    if dice.chance(40) {
        let kind = if dice.chance(50) { AffineKind::Add } else { AffineKind::Sub };
        form = kind(Box::new(form), Box::new(pick(dice))).into();
    }
    form = AffineKind::Add(Box::new(form), Box::new(constant)).into();
    if dice.chance(20) {
        let kind = if dice.chance(50) { AffineKind::Div } else { AffineKind::Mod };
        form = kind(Box::new(form), Box::new(int(dice.between(2, 4)))).into();
    }
    form
}

fn bound(dice: &mut Dice, scope: &[String]) -> Affine {
    match dice.below(6) {
        0 => AffineKind::Min(vec![affine(dice, scope), affine(dice, scope)]).into(),
        1 => AffineKind::Max(vec![affine(dice, scope), affine(dice, scope)]).into(),
        _ => affine(dice, scope),
    }
}

fn condition(dice: &mut Dice, scope: &[String], depth: u64) -> Condition<Affine> {
    match dice.below(if depth == 0 { 1 } else { 4 }) {
        0 => {
            let comparison = |dice: &mut Dice| {
                use Comparison::{Eq, Ge, Gt, Le, Lt, Ne};
                [Lt, Le, Gt, Ge, Eq, Ne][dice.below(6) as usize]
            };
            let mut rest = vec![(comparison(dice), affine(dice, scope))];
            if dice.chance(25) {
                rest.push((comparison(dice), affine(dice, scope)));
            }
            Condition::Chain(affine(dice, scope), rest)
        }
        1 => Condition::And(vec![condition(dice, scope, depth - 1), condition(dice, scope, depth - 1)]),
        2 => Condition::Or(vec![condition(dice, scope, depth - 1), condition(dice, scope, depth - 1)]),
        _ => Condition::Not(Box::new(condition(dice, scope, depth - 1))),
    }
}

/// A nest of `depth` loops with a condition, each branch of which writes an output of its own.
fn nest(dice: &mut Dice, depth: usize) -> Program {
    let mut scope: Vec<String> = Vec::new();
    let mut ranges = Vec::new();
    for level in 0..depth {
        let iterator = format!("i{level}");
        let lo = bound(dice, &scope);
        // Never far above the lower bound, so that a run ends.
        let near = AffineKind::Min(vec![int(dice.between(2, 9)), bound(dice, &scope)]);
        let hi = if dice.chance(50) { near.into() } else { int(dice.between(1, 9)) };
        let step = if dice.chance(25) { dice.between(2, 4) } else { 1 };
        ranges.push(range(&iterator, lo, hi, step));
        scope.push(iterator);
    }
    let branch = Stmt::If(If {
        condition: condition(dice, &scope, 2),
        then: vec![set("T")],
        orelse: vec![set("E")],
        span: Span::default(),
    });
    let body = vec![Stmt::For(For { ranges, body: vec![set("A"), branch], span: Span::default() })];
    let arrays = ["A", "T", "E"].map(|name| scalar(Role::Output, name)).to_vec();
    Program { params: Vec::new(), arrays, body }
}

#[test]
fn counts_of_random_nests_are_those_of_a_run() {
    let mut dice = Dice(7);
    let (mut counted, mut refused, mut running) = (0, 0, 0);
    for n in 0..1500 {
        let program = nest(&mut dice, 1 + n % 4);
        let mut traffic = Traffic::new(&program);
        execute_observed::<Modular, _>(&program, 0, 1_000_000, &mut traffic).unwrap();
        let run: Vec<i128> = traffic.arrays.iter().map(|moved| moved.1.into()).collect();
        match count_within(&program, 100_000) {
            Ok(counts) => {
                let stores: Vec<i128> = counts.arrays.iter().map(|array| array.store_elements).collect();
                assert_eq!(stores, run, "nest {n}: {program:#?}");
                counted += 1;
                running += u64::from(run[0] > 0 && run[1] > 0);
            }
            Err(CountError::Budget) => refused += 1,
            Err(error) => panic!("nest {n}: {error}"),
        }
    }
    assert!(refused * 100 < counted && running * 5 > counted, "{refused} refused, {running} of {counted} run");
}

/// Static and dynamic counts of one program.
fn assert_counts_are_those_of_a_run(program: &Program, what: &str) -> Counts {
    // Of short programs `count` asks no sets.
    let counts = count_within(program, 400_000).unwrap_or_else(|error| panic!("{what}: {error}"));
    assert_eq!(count(program), Ok(counts.clone()), "{what}");
    let mut traffic = Traffic::new(program);
    execute_observed::<Modular, _>(program, 0, 10_000_000, &mut traffic)
        .unwrap_or_else(|fault| panic!("{what}: {fault}"));
    let in_dram = |(array, _): &(&Array, _)| array.role != Role::Scratch;
    let run: Vec<(i128, i128)> = program
        .arrays
        .iter()
        .zip(&traffic.arrays)
        .filter(in_dram)
        .map(|(_, &(loads, stores))| (loads.into(), stores.into()))
        .collect();
    let counted: Vec<(i128, i128)> =
        counts.arrays.iter().map(|array| (array.load_elements, array.store_elements)).collect();
    assert_eq!(counted, run, "{what}");
    counts
}

#[test]
fn counts_of_every_kernel_are_those_of_a_run_at_small_extents() {
    let mut files: Vec<_> = std::fs::read_dir("kernels").unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    let mut tried = 0;
    for file in files.iter().filter(|file| file.extension().is_some_and(|extension| extension == "loop")) {
        let text = std::fs::read_to_string(file).unwrap();
        let program = polyfuse::lang::parse(&text).unwrap();
        let large = program.params.iter().filter(|param| param.value > 12);
        let small: Vec<(String, i64)> = large.map(|param| (param.name.to_string(), 9 + param.value % 4)).collect();
        // Some kernels tie their parameters to each other and do not shrink.
        let Ok(resolved) = polyfuse::lang::resolve(&program, &small) else { continue };
        assert_counts_are_those_of_a_run(&resolved.program, &file.display().to_string());
        tried += 1;
    }
    assert!(tried > 30, "only {tried} kernels could be made small");
}

/// Instances of the only output of a nest `loops { X = 1; }` with `N` given.
fn instances(loops: &str, n: i64) -> i128 {
    let closing = "}".repeat(loops.matches('{').count());
    let program = with(&format!("param N = 1; output X; {loops} X = 1; {closing}"), &[("N", n)]);
    count(&program).unwrap_or_else(|error| panic!("{loops} with N = {n}: {error}")).instances
}

/// Checks the count against a run for small `N`, and against the closed form for all.
fn assert_counts(loops: &str, closed_form: impl Fn(i128) -> i128) {
    for n in [5, 7, 31, 32, 33, 64, 100] {
        let closing = "}".repeat(loops.matches('{').count());
        let program = with(&format!("param N = 1; output X; {loops} X = 1; {closing}"), &[("N", n)]);
        assert_counts_are_those_of_a_run(&program, loops);
    }
    for n in [5, 32, 100, 1_000, 999_983, 1_000_000_000] {
        assert_eq!(instances(loops, n), closed_form(n.into()), "{loops} with N = {n}");
    }
}

#[test]
fn triangular_nests_count_as_polynomials() {
    assert_counts("for i in 0..N, j in 0..i {", |n| n * (n - 1) / 2);
    assert_counts("for i in 0..N, j in 0..i, k in j..i + 1 {", |n| n * (n - 1) * (n + 4) / 6);
    assert_counts("for k in 0..N, i in k + 1..N, j in k + 1..N {", |n| (n - 1) * n * (2 * n - 1) / 6);
}

#[test]
fn tiles_of_a_triangle_count_as_the_triangle() {
    let triangle = |n: i128| n * (n + 1) / 2;
    assert_counts("for i in 0..N step 32, j in i..min(i + 32, N), k in 0..j + 1 {", triangle);
    assert_counts(
        "for i in 0..N step 32, j in 0..i + 32 step 32, a in i..min(i + 32, N), b in j..min(j + 32, a + 1) {",
        triangle,
    );
    assert_counts("for i in 0..(N + 31) / 32, a in 32 * i..min(32 * i + 32, N), b in 0..a + 1 {", triangle);
}

#[test]
fn skewed_loops_count_as_parallelograms() {
    assert_counts("for t in 0..N, i in t + 1..t + N - 1 {", |n| n * (n - 2));
    assert_counts(
        "for tt in 0..N step 8, ii in tt..tt + N + 7 step 32, t in tt..min(tt + 8, N), \
         i in max(ii, t + 1)..min(ii + 32, t + N - 1) {",
        |n| n * (n - 2),
    );
}

#[test]
fn floors_and_remainders_count_exactly() {
    assert_counts("for i in 0..N, j in i / 2..N {", |n| n * n - (n - 1) * (n - 1) / 4);
    assert_counts("for i in 0..N { if i % 4 == 1 {", |n| (n + 2) / 4);
    assert_counts("for i in 0..N, j in 0..N { if i != j && (i + j) % 2 == 0 {", |n| {
        n / 2 * (n / 2) + (n - n / 2) * (n - n / 2) - n
    });
    assert_counts("for i in 0..N { if 3 * (i / 3) != i && i % 5 < 2 {", |n| {
        let whole = n / 15 * 4;
        whole + (0..n % 15).filter(|i| i % 3 != 0 && i % 5 < 2).count() as i128
    });
}

#[test]
fn alternatives_count_once() {
    assert_counts("for i in 0..N, j in 0..N { if i < j || j < N / 2 || !i < N {", |n| {
        let half = n / 2;
        n * (n - 1) / 2 + half * n - half * (half - 1) / 2
    });
}

#[test]
fn what_comparisons_and_remainders_leave_over_is_counted() {
    const ATOMS: [&str; 12] = [
        "j >= 1",
        "j < i",
        "i + 1 >= j",
        "i > 2",
        "i == 1",
        "j == 1",
        "j <= 3",
        "(i + j) % 2 == 0",
        "i >= 1",
        "(i - j) % 3 == 0",
        "(i + 2 * j) / 4 == 1",
        "j >= i",
    ];
    for set in 1..1 << ATOMS.len() {
        let atoms: Vec<&str> = (0..ATOMS.len()).filter(|n| set >> n & 1 == 1).map(|n| ATOMS[n]).collect();
        let text = format!("output B; for i in 0..7, j in 0..7 {{ if {} {{ B = 1; }} }}", atoms.join(" && "));
        assert_counts_are_those_of_a_run(&resolved(&text), &text);
    }
}

#[test]
fn operations_and_accesses_count_once_an_instance() {
    let program = with(
        "param N = 8; input A[N]; inout X[N];
         for i in 1..N { X[i] += -A[i] * A[i - 1] + exp(max(A[i], 1, 2)); if i > 5 { X[i] = select(0 < A[i] < 1, A[0], X[i]); } }",
        &[("N", 1000)],
    );
    let counts = assert_counts_are_those_of_a_run(&program, "operations");
    // +=, *, +, exp, max; and two comparisons and a select.
    assert_eq!(counts.operations, 999 * 5 + 994 * 3);
    assert_eq!(counts.instances, 999 + 994);
    assert_eq!((counts.arrays[0].load_elements, counts.arrays[1].load_elements), (999 * 3 + 994 * 2, 999 + 994));
    assert_eq!(counts.bytes(), Some((4 * (999 * 4 + 994 * 3), 4 * (999 + 994))));
}

#[test]
fn transfers_count_each_iteration_and_scratch_nothing() {
    let program = with(
        "param N = 20, M = 7; input A[N][M]; output f16 X[N][M]; scratch S[3][M]; scratch f16 R[M];
         load S[i % 3][j] = A[i][j] for i in 0..2, j in 0..M;
         for i in 1..N - 1 {
           load S[(i + 1) % 3][j] = A[i + 1][j] for j in 0..M step 2;
           load S[(i + 1) % 3][j] = A[i + 1][j] for j in 1..M step 2;
           for j in 0..M { R[j] = S[(i - 1) % 3][j] + 2 * S[i % 3][j] + S[(i + 1) % 3][j]; }
           store X[i][j] = R[j] for j in 0..M;
         }",
        &[("N", 300)],
    );
    let counts = assert_counts_are_those_of_a_run(&program, "transfers");
    assert_eq!((counts.arrays.len(), counts.transfers), (2, 1 + 3 * 298));
    assert_eq!((counts.arrays[0].load_elements, counts.arrays[1].store_elements), (300 * 7, 298 * 7));
    assert_eq!(counts.arrays[1].element_bytes, 2);
}

#[test]
fn what_does_not_run_counts_nothing() {
    let program = resolved(
        "output X; for i in 5..5, j in 0..9 { X = 1; } for i in 0..4 { if i > 4 { X = 2; } } for i in 0..9 {}",
    );
    assert_eq!(count(&program).unwrap().instances, 0);
}

#[test]
fn a_count_that_does_not_fit_is_an_error() {
    let program = resolved(
        "output X; for a in 0..1000000000, b in 0..1000000000, c in 0..1000000000, d in 0..1000000000,
        e in 0..1000000000 { X = 1; }",
    );
    assert_eq!(count(&program), Err(CountError::Overflow));
}

#[test]
fn a_budget_that_runs_out_is_an_error() {
    let program = resolved("output X; for i in 0..100, j in 0..i, k in j..i { X = 1; }");
    assert_eq!(count_within(&program, 2), Err(CountError::Budget));
    assert_eq!(count_within(&program, 20).map(|counts| counts.instances), Ok(166650));
}
