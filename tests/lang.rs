//! Is the loop language read, printed and checked as its users were told?

use polyfuse::lang::ast::*;
use polyfuse::lang::{Diagnostic, parse, resolve};

const TWO_PRODUCTS: &str = "\
param M = 256, N = 256, K = 256, L = 256;

input  A[M][K], B[K][N], D[N][L];
temp   C[M][N];
output E[M][L];

for i in 0..M, j in 0..N {
  C[i][j] = 0;
  for k in 0..K { C[i][j] += A[i][k] * B[k][j]; }
}
for i in 0..M, l in 0..L {
  E[i][l] = 0;
  for j in 0..N { E[i][l] += C[i][j] * D[j][l]; }
}
";

const SCHEDULED: &str = "\
input   A[64][64];
output  f64 B[64][64];
scratch S[66][64];
scratch f64 R[4][8];

for t in 0..16 {
  load S[(4 * t + i) % 66][j] = A[4 * t + i][j] for i in 0..4, j in 0..min(64, 4 * t + 8) step 2;
  load S[0][0] = A[0][0];
  if t > 0 {
    for i in max(0, 4 * t - 1)..4 * t + 4 { S0: R[i - 4 * t][0] = 2 * S[i % 66][0]; }
  } else if t == 0 {
    R[0][0] = 0;
    R[1][0] = 0;
  } else {
    store B[i][0] = R[i][0] for i in 0..4;
  }
  store B[4 * t + i][j] = R[i][j] for i in 0..4, j in 0..8;
}
";

/// A small generator of numbers that are the same on every machine (xorshift).
struct Random(u64);

impl Random {
    fn new(seed: u64) -> Random {
        Random(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15))
    }

    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % limit as u64) as usize
    }
}

#[track_caller]
fn read(text: &str) -> Program {
    parse(text).unwrap_or_else(|errors| panic!("{}", rendered(&errors, text)))
}

fn rendered(diagnostics: &[Diagnostic], text: &str) -> String {
    diagnostics.iter().map(|d| d.render("x.loop", text, false) + "\n\n").collect()
}

/// What the user sees of a text with mistakes, be they of syntax or of meaning.
#[track_caller]
fn complaints(text: &str) -> String {
    let errors = match parse(text) {
        Err(errors) => errors,
        Ok(program) => resolve(&program, &[]).expect_err("the text has a mistake"),
    };
    assert!(errors.iter().all(|e| e.is_error() && e.help.as_ref().is_some_and(|help| !help.is_empty())));
    rendered(&errors, text)
}

/// Asserts that the user sees all of `parts`.
#[track_caller]
fn complains(text: &str, parts: &[&str]) {
    let seen = complaints(text);
    for part in parts {
        assert!(seen.contains(part), "{part:?} is not in\n{seen}");
    }
}

/// Asserts that a text is printed as it stands.
#[track_caller]
fn prints_as_written(text: &str) {
    assert_eq!(read(text).to_string(), text);
}

/// Asserts that `text` reads back after printing, and how it prints.
#[track_caller]
fn prints(text: &str, expected: &str) {
    let program = read(text);
    assert_eq!(program.to_string(), expected);
    assert_eq!(read(expected), program);
}

/// A program with one assignment of `value` to a scalar.
fn value(value: &str) -> String {
    format!("input  A[4][4];\noutput y;\ntemp   x;\n\ny = {value};\n")
}

#[test]
fn the_example_of_the_language_prints_as_written() {
    prints_as_written(TWO_PRODUCTS);
}

#[test]
fn a_scheduled_program_prints_as_written() {
    prints_as_written(SCHEDULED);
    assert!(read(SCHEDULED).is_scheduled());
    assert!(!read(TWO_PRODUCTS).is_scheduled());
}

#[test]
fn values_keep_the_parentheses_that_their_tree_needs() {
    for text in [
        "x + x - x",
        "x - (x - x)",
        "x - (x + x)",
        "x * x / x",
        "x / (x / x)",
        "x / (x * x)",
        "(x + x) * x",
        "x + x * x",
        "-x * x",
        "-(x * x)",
        "-(x + x) - -x",
        "--x",
        "-1 - -2",
        "exp(-x) + log(x) + sqrt(x) + rsqrt(x) + tanh(x) + sigmoid(x) + erf(x) + abs(x) + floor(x)",
        "pow(x, 2) + max(x, 1, 2) - min(x, 1)",
        "max(x, -inf)",
        "A[0][1] * A[(1 + 2) * 3 % 4][-1 + 1]",
        "select(x < 1, x, 0)",
        "select(x < 1 <= x != 2 && (x > 1 || x >= 2) && !x == 3, x + 1, select(!(x < 1 && x > 0), 1, 2))",
        "select(x < 1 || x > 2 && x < 3, 1, 2)",
        "select((x < 1 && x > 2) && x < 3, 1, 2)",
        "select((x < 1 || x > 2) || !!x < 3, 1, 2)",
        "select((x + 1) * 2 < x, 1, 2)",
    ] {
        prints_as_written(&value(text));
    }
}

#[test]
fn numbers_print_the_shortest_text_that_reads_back() {
    for (text, expected) in [
        ("3", "3"),
        ("3.0", "3"),
        ("0.10", "0.1"),
        ("1e-5", "1e-5"),
        ("0.00001", "1e-5"),
        ("2.5e3", "2500"),
        ("1E30", "1e30"),
        ("1.5e+300", "1.5e300"),
        ("0", "0"),
        ("0.3333333333333333", "0.3333333333333333"),
        ("inf", "inf"),
        ("inf /* none */ + 1", "inf + 1"),
    ] {
        prints(&value(text), &value(expected));
    }
}

#[test]
fn integer_expressions_keep_the_parentheses_that_their_tree_needs() {
    for text in [
        "i - (i - 1)",
        "(i - 1) - i",
        "i / 2 * 2 % 3",
        "i / (4 / 2)",
        "2 * (i + 1)",
        "-i + 3",
        "-(i + 1) % 4",
        "2 * i + 3 - i % 2",
    ] {
        let expected = text.replace("(i - 1) - i", "i - 1 - i");
        prints(
            &format!("output A[4];\nfor i in 0..4 {{ A[{text}] = i; }}"),
            &format!("output A[4];\n\nfor i in 0..4 {{ A[{expected}] = i; }}\n"),
        );
    }
}

#[test]
fn conditions_keep_the_parentheses_that_their_tree_needs() {
    for text in [
        "0 <= i + 1 < 3",
        "!i == 1",
        "!!i == 1",
        "!(i == 1 && i < 3)",
        "i == 1 || i < 2 && i != 3",
        "(i == 1 || i < 2) && i > 3",
        "(i == 1 && i < 2) && i >= 3",
        "(i == 1 || i < 2) || i >= 3",
        "(i + 1) * 2 < 3",
    ] {
        prints_as_written(&format!("output A[4];\n\nfor i in 0..4 {{\n  if {text} {{ A[i] = 1; }}\n}}\n"));
    }
}

#[test]
fn not_takes_a_whole_comparison() {
    let program = read("output A; if !1 == 2 { A = 1; }");
    let Stmt::If(stmt) = &program.body[0] else { panic!("an if") };
    let equal = Condition::Chain(Affine::int(1), vec![(Comparison::Eq, Affine::int(2))]);
    assert_eq!(stmt.condition, Condition::Not(Box::new(equal)));
    assert_eq!(read("output A; if !(1 == 2) { A = 1; }"), program);
}

#[test]
fn parentheses_start_conditions_and_sides_alike() {
    let text = "output A; if ((1 + 1)) * 2 < 3 && (((1 < 2)) || (2 < (3))) { A = 1; }";
    prints(text, "output A;\n\nif (1 + 1) * 2 < 3 && (1 < 2 || 2 < 3) { A = 1; }\n");
}

#[test]
fn a_range_needs_no_blanks_around_its_points() {
    let program = read("param N = 4; output A[N]; for i in 1..N, j in -1..-i+3 step 2 { A[i] = j; }");
    let Stmt::For(stmt) = &program.body[0] else { panic!("a loop") };
    assert_eq!((&stmt.ranges[0].lo, &stmt.ranges[0].hi), (&Affine::int(1), &Affine::name(&"N".into())));
    assert_eq!(stmt.ranges[1].step, 2);
    assert_eq!(read(&program.to_string()), program);
}

#[test]
fn a_minus_before_a_number_is_a_sign() {
    let program = read(&value("-1"));
    let Stmt::Assign(stmt) = &program.body[0] else { panic!("an assignment") };
    assert_eq!(stmt.value.kind, ExprKind::Neg(Box::new(ExprKind::Number(1.0).into())));
}

#[test]
fn a_bare_name_is_an_access_where_it_is_an_array() {
    let program = read("temp x; output y; for i in 0..4 { y += x + i; }");
    let Stmt::For(stmt) = &program.body[0] else { panic!("a loop") };
    let Stmt::Assign(stmt) = &stmt.body[0] else { panic!("an assignment") };
    let ExprKind::Binary(BinaryOp::Add, left, right) = &stmt.value.kind else { panic!("a sum") };
    assert!(matches!(&left.kind, ExprKind::Access(access) if &*access.array == "x"));
    assert!(matches!(&right.kind, ExprKind::Name(name) if &**name == "i"));
}

#[test]
fn all_roles_types_and_operators_are_read_and_printed() {
    prints_as_written(
        "\
input   f64 A[2], B;
input   C;
output  f16 D;
inout   bf16 E;
temp    i32 F;
scratch i8 G[3];

L1: D = A[0];
D += B;
D -= C;
D *= 2;
D max= 3;
max_: D min= 4;
",
    );
    assert_eq!(read("input f32 A;"), read("input A;"));
}

#[test]
fn long_declarations_and_bodies_are_broken_into_lines() {
    let names: Vec<String> = (0..30).map(|n| format!("array_{n}[4]")).collect();
    let body = format!("y = {};", ["array_0[0]"; 7].join(" + "));
    let text = format!("input {}; output y; for i in 0..4 {{ {body} }}", names.join(", "));
    let printed = read(&text).to_string();
    assert!(printed.lines().all(|line| line.len() <= 100), "{printed}");
    assert!(printed.contains(&format!("{{\n  {body}\n}}\n")), "{printed}");
    assert_eq!(read(&printed), read(&text));
}

#[test]
fn empty_bodies_and_the_empty_text_are_programs() {
    assert_eq!(read(""), Program::default());
    assert_eq!(read(" // nothing \r\n/* at all */"), Program::default());
    assert_eq!(Program::default().to_string(), "");
    prints("for i in 0..4{}if 1<2{}else{}", "for i in 0..4 {}\nif 1 < 2 {}\n");
}

#[test]
fn windows_line_ends_and_missing_last_line_ends_are_read() {
    let windows = TWO_PRODUCTS.replace('\n', "\r\n");
    assert_eq!(read(windows.trim_end()), read(TWO_PRODUCTS));
    complains(&windows.replace("C[i][j] = 0;", "C[i][j] = ;"), &["x.loop:8:13"]);
}

#[test]
fn parts_of_a_program_print_themselves() {
    let program = read(SCHEDULED);
    assert_eq!(program.arrays[1].to_string(), "output f64 B[64][64];");
    assert_eq!(read(TWO_PRODUCTS).params[0].to_string(), "param M = 256;");
    let Stmt::For(stmt) = &program.body[0] else { panic!("a loop") };
    assert_eq!(stmt.ranges[0].to_string(), "t in 0..16");
    assert_eq!(stmt.body[1].to_string(), "load S[0][0] = A[0][0];");
}

#[test]
fn random_programs_read_back_as_printed() {
    for seed in 1..400 {
        let program = random_program(&mut Random::new(seed));
        let text = program.to_string();
        let again = parse(&text).unwrap_or_else(|errors| panic!("seed {seed}\n{text}\n{}", rendered(&errors, &text)));
        assert!(again == program, "seed {seed}\n{text}\n{again}");
    }
}

fn random_program(random: &mut Random) -> Program {
    let mut program = read("param N = 4; input f16 A[N][N]; output x; scratch S[N]; temp i32 T[N]; temp y;");
    program.body = random_body(random, 3);
    program
}

fn random_body(random: &mut Random, depth: usize) -> Vec<Stmt> {
    (0..random.below(4)).map(|_| random_stmt(random, depth)).collect()
}

fn random_stmt(random: &mut Random, depth: usize) -> Stmt {
    let span = Span::default();
    match random.below(if depth == 0 { 2 } else { 4 }) {
        0 => {
            const OPS: [AssignOp; 6] =
                [AssignOp::Set, AssignOp::Add, AssignOp::Sub, AssignOp::Mul, AssignOp::Max, AssignOp::Min];
            let label = (random.below(3) == 0).then(|| "L".into());
            let (target, op) = (random_access(random), OPS[random.below(6)]);
            Stmt::Assign(Assign { label, target, op, value: random_expr(random, 4), span })
        }
        1 => {
            let direction = if random.below(2) == 0 { Direction::Load } else { Direction::Store };
            let (target, source) = (random_access(random), random_access(random));
            let ranges = (0..random.below(3)).map(|_| random_range(random)).collect();
            Stmt::Transfer(Transfer { direction, target, source, ranges, span })
        }
        2 => {
            let ranges = (0..=random.below(2)).map(|_| random_range(random)).collect();
            Stmt::For(For { ranges, body: random_body(random, depth - 1), span })
        }
        _ => {
            let condition = random_condition(random, 3, random_affine);
            let (then, orelse) = (random_body(random, depth - 1), random_body(random, depth - 1));
            Stmt::If(If { condition, then, orelse, span })
        }
    }
}

fn random_range(random: &mut Random) -> Range {
    let (lo, hi) = (random_affine(random, 2), random_affine(random, 2));
    Range { iterator: "i".into(), lo, hi, step: 1 + random.below(2) as i64, span: Span::default() }
}

fn random_access(random: &mut Random) -> Access {
    match random.below(3) {
        0 => Access { array: "x".into(), indices: vec![], span: Span::default() },
        indices => {
            let indices = (0..indices).map(|_| random_affine(random, 2)).collect();
            Access { array: "A".into(), indices, span: Span::default() }
        }
    }
}

fn random_affine(random: &mut Random, depth: usize) -> Affine {
    use AffineKind::*;
    if depth == 0 {
        return if random.below(2) == 0 { Affine::name(&"i".into()) } else { Affine::int(random.below(9) as i64) };
    }
    let one = |random: &mut Random| Box::new(random_affine(random, depth - 1));
    match random.below(9) {
        0 => Neg(one(random)).into(),
        1 => Add(one(random), one(random)).into(),
        2 => Sub(one(random), one(random)).into(),
        3 => Mul(one(random), one(random)).into(),
        4 => Div(one(random), one(random)).into(),
        5 => Mod(one(random), one(random)).into(),
        6 => Min(vec![*one(random), *one(random)]).into(),
        7 => Max(vec![*one(random), *one(random), *one(random)]).into(),
        _ => *one(random),
    }
}

fn random_expr(random: &mut Random, depth: usize) -> Expr {
    const OPS: [BinaryOp; 4] = [BinaryOp::Add, BinaryOp::Sub, BinaryOp::Mul, BinaryOp::Div];
    let one = |random: &mut Random| Box::new(random_expr(random, depth - 1));
    match random.below(if depth == 0 { 4 } else { 9 }) {
        0 => ExprKind::Number(random.below(1000) as f64 * 10f64.powi(random.below(40) as i32 - 20)).into(),
        1 => ExprKind::Inf.into(),
        2 => ExprKind::Name("i".into()).into(),
        3 => ExprKind::Access(random_access(random)).into(),
        4 => ExprKind::Neg(one(random)).into(),
        5 => ExprKind::Call(Call::Max, vec![*one(random), *one(random)]).into(),
        6 => {
            let condition = random_condition(random, 2, random_expr);
            ExprKind::Select(Box::new(condition), one(random), one(random)).into()
        }
        _ => ExprKind::Binary(OPS[random.below(4)], one(random), one(random)).into(),
    }
}

fn random_condition<T>(random: &mut Random, depth: usize, side: fn(&mut Random, usize) -> T) -> Condition<T> {
    const COMPARISONS: [Comparison; 6] =
        [Comparison::Lt, Comparison::Le, Comparison::Gt, Comparison::Ge, Comparison::Eq, Comparison::Ne];
    let some =
        |random: &mut Random| (0..2 + random.below(2)).map(|_| random_condition(random, depth - 1, side)).collect();
    match random.below(if depth == 0 { 1 } else { 4 }) {
        0 => {
            let first = side(random, 1);
            let rest = (0..=random.below(2)).map(|_| (COMPARISONS[random.below(6)], side(random, 1))).collect();
            Condition::Chain(first, rest)
        }
        1 => Condition::And(some(random)),
        2 => Condition::Or(some(random)),
        _ => Condition::Not(Box::new(random_condition(random, depth - 1, side))),
    }
}

/// The resolved program, printed.
#[track_caller]
fn resolved(text: &str, overrides: &[(String, i64)]) -> String {
    match resolve(&read(text), overrides) {
        Ok(resolved) => resolved.program.to_string(),
        Err(errors) => panic!("{}", rendered(&errors, text)),
    }
}

#[test]
fn parameters_become_their_values_and_constants_are_folded() {
    let text = "\
param N = 10, K = 3;
output A[N][2 * (K + 1)];
for i in 0..N - 1, j in max(0, 1 - K)..min(N, i + K - 2, 7 / 2) step 2 {
  if (N - 11) / 2 < i < N % 4 { A[(i + 1) % K][-(-1) * j] = N * i; }
}
";
    let expected = "\
output A[10][8];

for i in 0..9, j in 0..min(10, i + 3 - 2, 3) step 2 {
  if -1 < i < 2 { S0: A[(i + 1) % 3][1 * j] = 10 * i; }
}
";
    assert_eq!(resolved(text, &[]), expected);
    let more = resolved(text, &[("N".into(), 12), ("unknown".into(), 1)]);
    assert!(more.contains("A[12][8]") && more.contains("0..11") && more.contains("0 < i < 0"), "{more}");
}

#[test]
fn division_rounds_down_and_the_remainder_is_not_negative() {
    let text = "param N = 7; output A[20]; A[0 - N / -(-2) + 10] = 1; A[-N / 2 + 10] = 1; A[-N % 4] = 1;";
    let expected = "output A[20];\n\nS0: A[7] = 1;\nS1: A[6] = 1;\nS2: A[1] = 1;\n";
    assert_eq!(resolved(text, &[]), expected);
}

#[test]
fn resolved_arrays_know_their_extents() {
    let program = resolve(&read("param N = 3; output f16 A[N][N + 1]; temp x; A[0][0] = x;"), &[]).unwrap().program;
    assert!(program.params.is_empty());
    assert_eq!(program.arrays[0].extents, [3, 4]);
    assert_eq!((program.arrays[0].elements(), program.arrays[0].bytes()), (12, 24));
    assert_eq!((program.arrays[1].extents.len(), program.arrays[1].bytes()), (0, 4));
    assert_eq!(resolve(&program, &[]).unwrap().program, program);
}

#[test]
fn printing_reading_and_resolving_a_resolved_program_changes_nothing() {
    for text in [TWO_PRODUCTS, SCHEDULED, "output A[9]; for i in -1..2 { A[i + 1] = -i; A[i - -1 * 1] += 2 - i; }"] {
        let program = resolve(&read(text), &[]).unwrap().program;
        let printed = program.to_string();
        assert_eq!(resolve(&read(&printed), &[]).unwrap().program, program, "{printed}");
    }
}

#[test]
fn assignments_without_a_label_are_numbered_around_the_labels() {
    let text = "output x; x = 1; S1: x = 2; x = 3; init: x = 4; if 1 < 2 { x = 5; }";
    let expected = "output x;\n\nS0: x = 1;\nS1: x = 2;\nS2: x = 3;\ninit: x = 4;\nif 1 < 2 { S3: x = 5; }\n";
    assert_eq!(resolved(text, &[]), expected);
}

#[test]
fn warnings_name_what_is_never_used_written_or_run() {
    let text = "input A[4], B[4];\noutput C[4], D[4];\nfor i in 3..1 { C[i] = A[i] + D[i]; }\n";
    let warnings = resolve(&read(text), &[]).unwrap().warnings;
    assert!(warnings.iter().all(|warning| !warning.is_error()));
    let seen = rendered(&warnings, text);
    for part in [
        "warning: the array `B` is never used\n --> x.loop:1:13",
        "warning: the output `D` is never written\n --> x.loop:2:14",
        "warning: this loop never runs: 3..1 is empty\n --> x.loop:3:5",
    ] {
        assert!(seen.contains(part), "{part:?} is not in\n{seen}");
    }
    assert_eq!(warnings.len(), 3);
}

#[test]
fn a_scheduled_program_may_declare_arrays_that_only_its_source_uses() {
    let text = "input A; temp T; output B; scratch s; load s = A; store B = s;";
    assert_eq!(resolve(&read(text), &[]).unwrap().warnings, []);
    let text = text.replace("store B = s;", "");
    let seen = rendered(&resolve(&read(&text), &[]).unwrap().warnings, &text);
    assert!(seen.contains("`B` is never written") && !seen.contains("`T`"), "{seen}");
}

#[test]
fn a_diagnostic_shows_place_text_label_and_cure() {
    let expected = "\
error: the input `A` is written
 --> x.loop:2:17
  |
2 | for i in 0..4 { A[i] = 1; }
  |                 ^^^^ an input is read only
  |
  = help: declare it `inout`, or write a `temp`

";
    let text = "input A[4];\nfor i in 0..4 { A[i] = 1; }\n";
    assert_eq!(complaints(text), expected);
    let errors = resolve(&read(text), &[]).unwrap_err();
    assert!(errors[0].render("x.loop", text, true).contains("\u{1b}["));
    assert!(errors[0].render("x.loop", "", false).contains("x.loop:1:1"));
}

#[test]
fn texts_that_are_no_programs_are_explained() {
    for (text, parts) in [
        ("param N = 4;\ntemp \u{fc}x;", ["2:6", "unknown character `\u{fc}`", "ASCII"]),
        ("temp x; // \u{fc}\nx = \0;", ["2:5", "unknown character `\\0`", "ASCII"]),
        ("temp x;\nif 1 < 2 & 2 < 3 { x = 1; }", ["2:10", "`&`", "write `&&`"]),
        ("temp x;\nx = 1 < 2 ? 3 : 4;", ["2:11", "`?`", "`select(c, a, b)`"]),
        ("\u{feff}temp x;", ["1:1", "`\\u{feff}`", "byte order mark"]),
        ("temp x;\nx /= 2;", ["2:3", "found `/=`", "with `+=`, `-=`, `*=`, `max=` or `min=`"]),
        ("temp x;\nx = 1.;", ["2:6", "both sides of its point", "`1.0`"]),
        ("temp x;\nx = 2x;", ["2:5", "`2x` is neither", "its `*`"]),
        ("temp x;\nx = 1; /* end", ["2:8", "does not end", "`*/`"]),
        ("temp x;\nx = 1\nx = 2;", ["2:5", "a `;` is missing", "end the statement"]),
        ("temp x;\nfor i in 0..4 { x = 1 }", ["2:21", "a `;` is missing", "end the statement"]),
        ("temp x;\nx = 1 2;", ["2:7", "found `2`", "end it with `;`"]),
        ("temp x;\nx + 1;", ["2:3", "found `+`", "an assignment is written"]),
        ("temp x;\nx = ;", ["2:5", "expected a value, found `;`", "write a number"]),
        ("temp x;\nx max = 1;", ["2:3", "found `max`", "an assignment is written"]),
        ("temp x;\nx = (1 + 2;", ["2:11", "`)`", "close the parenthesis"]),
        ("temp x[4];\nx[1, 2] = 0;", ["2:4", "`]`, found `,`", "close the index"]),
        ("for i in 0.5..4 {}", ["1:10", "a fraction in an index", "iterators, parameters and integers"]),
        ("for i 0..4 {}", ["1:7", "expected `in`", "`i in 0..N`"]),
        ("for i in 0..4 x = 1;", ["1:15", "`{`", "braces"]),
        ("temp x;\nx = 1;;", ["2:7", "without a statement", "remove the `;`"]),
        ("temp x;\nfor i in 0..4 { x = 1;", ["2:15", "does not end", "close it with `}`"]),
        ("temp x;\nx = 1; }", ["2:8", "closes nothing", "remove it"]),
        ("else { }", ["1:1", "`else` without", "if condition"]),
        ("for i in 0..4 { temp x; }", ["1:17", "`temp` inside a body", "outside"]),
        ("param N 4;", ["1:9", "expected `=`", "param N = 4;"]),
        ("input double A[4], B;", ["1:7", "`double` is no type", "f64 f32 f16 bf16 i32 i8"]),
        ("temp\nx y;", ["2:1", "`x` is no type", "a `,`"]),
        ("temp x\ny;", ["1:6", "a `;` is missing", "end the statement"]),
        ("input f32;", ["1:10", "expected a name", "input f16 A[N][M];"]),
        ("param step = 4;", ["1:7", "`step` is a reserved word", "another name"]),
        ("temp x;\nexp: x = 4;", ["2:1", "`exp` is a reserved word", "another name"]),
        ("temp x;\nx = 1 + for;", ["2:9", "`for` is a reserved word", "another name"]),
        ("param N = 2.5;", ["1:11", "value is an integer", "positive integer"]),
        ("for i in 0..4 step i {}", ["1:20", "a step is an integer", "`step 4`"]),
        ("for i in 0..9223372036854775808 {}", ["1:13", "is too large", "63 bits"]),
        ("temp x;\nx = 1e999;", ["2:5", "is too large", "f64"]),
        ("temp x[4];\nx[x[0]] = 1;", ["2:3", "an array element in an index", "select"]),
        ("temp x[4];\nif x[0] > 1 {}", ["2:4", "not affine", "select"]),
        ("temp x[4];\nx[exp(1)] = 1;", ["2:3", "a call in an index", "iterators"]),
        ("temp x[4];\nx[inf] = 1;", ["2:3", "`inf` in an index", "iterators"]),
        ("temp x;\nx = x % 2;", ["2:7", "`%` in a value", "floor"]),
        ("temp x;\nx = 1 + (x < 2);", ["2:9", "a condition where a value", "select"]),
        ("temp x[2];\nx[1 < 2] = 1;", ["2:3", "a condition where a value", "select"]),
        ("temp x;\nif 1 + 2 {}", ["2:4", "a value where a condition", "compare"]),
        ("temp x;\nx = select(x, 1, 2);", ["2:12", "a value where a condition", "compare"]),
        ("temp x;\nx = select(x < 1, 2);", ["2:5", "takes 3 arguments, found 2", "condition, then, else"]),
        ("temp x;\nx = sin(x);", ["2:5", "unknown call `sin`", "tanh"]),
    ] {
        complains(text, &[&format!("x.loop:{}\n", parts[0]), parts[1], parts[2]]);
    }
}

#[test]
fn programs_that_contradict_themselves_are_explained() {
    for (text, parts) in [
        ("temp x;\nx = y;", ["2:5", "unknown name `y`", "spelling"]),
        ("temp x;\ny[0] = x;", ["2:1", "unknown name `y`", "spelling"]),
        ("temp A[i];", ["1:8", "unknown name `i`", "spelling"]),
        ("temp x;\nx = y;\ntemp y;", ["2:5", "`y` is used before its declaration", "move"]),
        ("temp A[N];\nparam N = 4;", ["1:8", "`N` is used before", "move"]),
        ("temp x;\ninput x;", ["2:7", "`x` is declared twice", "name space"]),
        ("param N = 1;\ntemp N;", ["2:6", "`N` is declared twice", "name space"]),
        ("for i in 0..2, i in 0..2 {}", ["1:16", "the iterator `i` hides", "rename"]),
        ("temp x;\nfor x in 0..2 {}", ["2:5", "the iterator `x` hides", "rename"]),
        ("for i in 0..i {}", ["1:13", "unknown name `i`", "spelling"]),
        ("temp x;\nL: x = 1;\nL: x = 2;", ["3:1", "the label `L` is used twice", "rename"]),
        ("param N = 0;", ["1:7", "the parameter `N` is 0", "-D NAME=VALUE"]),
        ("param N = -3;", ["1:7", "the parameter `N` is -3", "1 or more"]),
        ("param N = 2;\ntemp A[N - 2];", ["2:8", "an extent of `A` is 0", "1 or more"]),
        ("temp x;\ntemp A[x];", ["2:8", "`x` in the extent", "integers and parameters"]),
        ("temp A[4611686018427387904];", ["1:6", "the size of `A` does not fit", "smaller"]),
        ("temp i8 A[4611686018427387904], B[4611686018427387904];", ["1:33", "together do not fit", "smaller"]),
        ("temp A[9223372036854775807 + 1];", ["1:8", "does not fit 63 bits", "smaller"]),
        ("temp A[4];\nA[-9223372036854775807 - 1] = 1;", ["2:3", "does not fit 63 bits", "smaller"]),
        (
            "temp x[1]; for i in 0..1 {\nx[i * 4611686018427387904 * 2] = 1; }",
            ["2:3", "does not fit 63 bits", "smaller"],
        ),
        (
            "for i in 0..1, j in 0..4611686018427387904 * i - -4611686018427387904 * i {}",
            ["1:24", "63 bits", "smaller"],
        ),
        ("for i in 0..1 { if 2 * (i + 9223372036854775807) > 0 {} }", ["1:20", "63 bits", "smaller"]),
        ("temp x, y[2];\ny[x] = 1;", ["2:3", "the array `x` in an index", "select"]),
        ("param N = 1; temp x;\nN = x;", ["2:1", "the parameter `N` is assigned", "declared as"]),
        ("temp x; for i in 0..2 {\ni = x; }", ["2:1", "the iterator `i` is assigned", "declared as"]),
        ("param N = 1; temp x;\nx = N[0];", ["2:5", "the parameter `N` is not an array", "remove"]),
        ("temp x[2][2];\nx[0] = 1;", ["2:1", "2 dimensions and is given 1 index\n", "`x[..][..]`"]),
        ("temp x, y;\ny = x[0];", ["2:5", "0 dimensions and is given 1 index\n", "write `x`"]),
        ("temp x;\nx = exp();", ["2:5", "`exp` takes one argument, found 0", "one argument"]),
        ("temp x;\nx = pow(x);", ["2:5", "`pow` takes two arguments, found 1", "two arguments"]),
        ("temp x;\nx = max(x);", ["2:5", "two or more arguments, found 1", "two or more"]),
        ("for i in 0..min(3) {}", ["1:13", "two or more arguments, found 1", "two or more"]),
        ("temp x[4]; for i in 0..2 {\nx[i * i] = 1; }", ["2:3", "two varying factors", "one factor"]),
        ("temp x[4]; for i in 0..2 {\nx[i / 0] = 1; }", ["2:7", "right side of `/`", "1 or more"]),
        ("temp x[4]; for i in 0..2 {\nx[3 % i] = 1; }", ["2:7", "right side of `%`", "1 or more"]),
        ("for i in 0..min(1, 2) + 1 {}", ["1:13", "`min` outside of a bound", "min(a + 1, b + 1)"]),
        ("temp x[4];\nx[max(0, 1)] = 1;", ["2:3", "`max` in an index", "select(i > 3, A[i], A[3])"]),
        ("temp x[4];\nx[min(0, 1) + 1] = 1;", ["2:3", "`min` in an index", "if i < 3 {"]),
        ("if min(0, 1) < 1 {}", ["1:4", "`min` outside of a bound", "`&&`"]),
        ("for i in 0..4 step 0 {}", ["1:5", "a step of 0", "1 or more"]),
        ("for i in 0..4 step -2 {}", ["1:5", "a step of -2", "to run backwards"]),
        ("input A;\nA += 1;", ["2:1", "the input `A` is written", "`inout`"]),
        ("input A; scratch S;\nstore A = S;", ["2:7", "the input `A` is written", "`inout`"]),
        ("temp A; scratch S;\nload A = S;", ["2:1", "a `load` that does not", "SCRATCH[..] = DRAM[..]"]),
        ("temp A; scratch S;\nstore S = A;", ["2:1", "a `store` that does not", "DRAM[..] = SCRATCH[..]"]),
    ] {
        complains(text, &[&format!("x.loop:{}\n", parts[0]), parts[1], parts[2]]);
    }
}

#[test]
fn coefficients_of_63_bits_are_read() {
    resolved(
        "output x[1]; for i in 0..1 { x[i * 9223372036854775807] = 1; x[9223372036854775807 * i / 2 % 2] = 1; }",
        &[],
    );
}

#[test]
fn the_errors_of_all_statements_are_reported_in_one_run() {
    let text = "\
param N = 4
input A[N];
output B[N;
for i 0..N { B[i] = ; }
for i in 0..N { B[i] = A[i] }
if 1 < 2 { B[0] = (1; } else { B[0] = 2 3; }
B[0] = 1;
";
    let seen = complaints(text);
    let places: Vec<&str> = seen.lines().filter_map(|line| line.trim().strip_prefix("--> x.loop:")).collect();
    assert_eq!(places, ["1:11", "3:11", "4:7", "4:21", "5:27", "6:21", "6:41"], "{seen}");
}

#[test]
fn no_more_than_a_hundred_errors_are_shown() {
    let errors = parse(&"x = ;\n".repeat(1000)).unwrap_err();
    assert_eq!(errors.len(), 101);
    assert_eq!(errors[100].message, "there are more errors");
}

/// A program whose nesting is `depth` of one kind.
fn nested(kind: &str, depth: usize) -> String {
    let (open, close) = match kind {
        "for" => {
            ((0..depth).map(|n| format!("for i_{n} in 0..1 {{")).collect(), "x = 1;".to_string() + &"}".repeat(depth))
        }
        "if" => ("if 1 < 2 {".repeat(depth), "x = 1;".to_string() + &"}".repeat(depth)),
        "else if" => ("if 1 < 2 {} else ".repeat(depth - 1), "if 1 < 2 { x = 1; }".to_string()),
        "value" => (format!("x = {}", "(".repeat(depth)), format!("1{};", ")".repeat(depth))),
        "call" => (format!("x = {}", "exp(".repeat(depth)), format!("1{};", ")".repeat(depth))),
        "minus" => (format!("x = {}", "-".repeat(depth)), "1;".to_string()),
        "not" => (format!("if {}", "!".repeat(depth)), "1 < 2 {}".to_string()),
        "condition" => (format!("if {}", "(".repeat(depth)), format!("1 < 2{} {{}}", ")".repeat(depth))),
        "side" => (format!("if {}", "(".repeat(depth)), format!("1{} < 2 {{}}", ")".repeat(depth))),
        "index" => (format!("A[{}", "(".repeat(depth)), format!("1{}] = 1;", ")".repeat(depth))),
        "select" => {
            let open = "select((1 + 1) * 2 < 3 && (1 < 2), 1, ".repeat(depth - 1);
            (format!("x = {open}"), format!("select(1 < 2, 1, 2){};", ")".repeat(depth - 1)))
        }
        _ => panic!("no such kind"),
    };
    format!("output x; temp A[4]; {open}{close}")
}

#[test]
fn nesting_of_64_is_read_and_nesting_of_65_is_explained() {
    let kinds = ["for", "if", "else if", "value", "call", "minus", "not", "condition", "side", "index", "select"];
    for kind in kinds {
        // The inner parentheses of the conditions are one more.
        let most = if kind == "select" { 63 } else { 64 };
        let program = read(&nested(kind, most));
        assert_eq!(read(&program.to_string()), program, "{kind}");
        assert!(resolve(&program, &[]).is_ok(), "{kind}");
        complains(&nested(kind, 66), &["nesting deeper than 64", "give one `for` several ranges"]);
        complains(&nested(kind, 100_000), &["nesting deeper than 64"]);
    }
    let mixed = |minuses: usize| {
        let signs = "-".repeat(minuses);
        format!("output x; {}x = (({signs}1));{}", "if 1 < 2 {".repeat(20), "}".repeat(20))
    };
    read(&mixed(42));
    complains(&mixed(43), &["nesting deeper than 64"]);
}

#[test]
fn signs_and_parentheses_side_by_side_do_not_nest() {
    let sum = vec!["-(-x) * (-1)"; 200].join(" + ");
    read(&format!("output x; x = {sum};"));
    read(&format!("output x; if {} {{ x = 1; }}", vec!["!(1 < 2)"; 300].join(" && ")));
}

#[test]
fn an_expression_too_long_to_walk_is_explained() {
    let long = |terms: usize| format!("output x; x = {};", vec!["1"; terms].join(" + "));
    let program = read(&long(501));
    assert_eq!(read(&program.to_string()), program);
    assert!(resolve(&program, &[]).is_ok());
    complains(&long(502), &["more than 500 operators", "in a `temp` first"]);
    let nested = format!("output x; x = {}1{};", "(".repeat(60), format!("{})", " + 1".repeat(9)).repeat(60));
    complains(&nested, &["more than 500 operators"]);
    complains(&long(500_000), &["more than 500 operators"]);
}

#[test]
fn broken_text_of_any_length_is_refused_without_panic() {
    for piece in
        ["(", "[", "{", "}", ";", "if (", "if !", "for i in ", "x y ", "\0", "\u{fc}", "1 < ", "- ", "A[", "select("]
    {
        for count in [1, 64, 5000] {
            let text = piece.repeat(count);
            let errors = parse(&text).expect_err("no program");
            errors.iter().for_each(|error| assert!(error.render("x.loop", &text, false).contains("x.loop:")));
        }
    }
}

#[test]
fn more_statements_than_any_program_has_are_refused_once() {
    let text = "temp x;".to_string() + &"x = 1;".repeat(100_002);
    let errors = parse(&text).expect_err("too many");
    assert_eq!(errors.len(), 1);
    assert_eq!(errors[0].message, "more than 100000 statements");
}
