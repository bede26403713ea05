//! Does the interpreter compute what the language says, and name what it cannot?

mod source;

use polyfuse::check::compare::{Stopped, Verdict, compare};
use polyfuse::lang::ast::Program;
use polyfuse::run::{Fault, Footprint, Memory, Modular, Traffic, Typed, execute, execute_observed};
use source::{resolved, with};

const PLENTY: u64 = 10_000_000;

fn run(text: &str) -> Memory<Typed> {
    execute(&resolved(text), 1, PLENTY).unwrap_or_else(|fault| panic!("{fault}"))
}

fn fault(text: &str) -> Fault {
    match execute::<Typed>(&resolved(text), 1, 1000) {
        Err(fault) => fault,
        Ok(_) => panic!("no fault in {text}"),
    }
}

/// The value that `expression`, beside `before`, leaves in a scalar of type `ty`.
fn value(ty: &str, before: &str, expression: &str) -> String {
    run(&format!("output {ty} X; temp f32 F; temp f64 D; temp i32 I; temp i8 B; {before} X = {expression};"))
        .show("X", &[])
        .unwrap()
}

/// What `op` with `operand` makes of `start` in a scalar of type `ty`.
fn reduced(ty: &str, start: &str, op: &str, operand: &str) -> String {
    run(&format!("output {ty} X; X = {start}; X {op} {operand};")).show("X", &[]).unwrap()
}

#[test]
fn f32_operands_round_to_f32_after_every_operation() {
    assert_eq!(value("f64", "F = 16777216;", "F + 1"), "16777216");
    assert_eq!(value("f64", "D = 16777216;", "D + 1"), "16777217");
    assert_eq!(value("f64", "D = 1; F = 16777216;", "F + D"), "16777217");
}

#[test]
fn a_constant_subexpression_computes_in_f64() {
    assert_eq!(value("f64", "", "16777216 + 1"), "16777217");
    assert_eq!(value("f64", "F = 1;", "F * (16777216 + 1)"), "16777216");
    assert_eq!(value("f64", "", "1 / 2"), "0.5");
}

#[test]
fn f16_rounds_ties_to_even_and_overflows_to_infinity() {
    assert_eq!(value("f16", "", "2049"), "2048");
    assert_eq!(value("f16", "", "2051"), "2052");
    assert_eq!(value("f16", "", "65519"), "65504");
    assert_eq!(value("f16", "", "-65520"), "-inf");
    assert_eq!(value("f16", "", "0.1"), "0.099975586");
    assert_eq!(value("f16", "", "3e-8"), "0.000000059604645");
    assert_eq!(value("f16", "", "2.9e-8"), "0");
}

#[test]
fn bf16_keeps_eight_bits_and_the_range_of_f32() {
    assert_eq!(value("bf16", "", "257"), "256");
    assert_eq!(value("bf16", "", "259"), "260");
    assert_eq!(value("bf16", "", "1e38"), "99692100000000000000000000000000000000");
    assert_eq!(value("bf16", "", "3.4e38"), "inf");
}

#[test]
fn a_value_rounds_once_into_a_narrow_type() {
    // By way of f32 this would be a tie, and round to 1.
    assert_eq!(value("f16", "D = 1.000488281250001;", "D"), "1.0009766");
}

#[test]
fn an_assignment_to_an_integer_rounds_to_even_and_saturates() {
    for (expression, expected) in
        [("200", "127"), ("-200", "-128"), ("2.5", "2"), ("3.5", "4"), ("-2.5", "-2"), ("inf", "127"), ("inf-inf", "0")]
    {
        assert_eq!(value("i8", "", expression), expected, "{expression}");
    }
    assert_eq!(value("i32", "", "3e10"), "2147483647");
}

#[test]
fn a_reduction_into_an_integer_rounds_its_operand_and_wraps() {
    assert_eq!(reduced("i8", "127", "+=", "1"), "-128");
    assert_eq!(reduced("i8", "-128", "-=", "1"), "127");
    assert_eq!(reduced("i8", "127", "+=", "300"), "-2");
    assert_eq!(reduced("i8", "16", "*=", "17"), "16");
    assert_eq!(reduced("i32", "2147483647", "+=", "1"), "-2147483648");
    assert_eq!(reduced("i8", "1", "+=", "1.5"), "3");
}

#[test]
fn integers_among_themselves_are_exact() {
    assert_eq!(value("i32", "I = 100000;", "I * I * I * I - I * I * I * I + 7"), "7");
    assert_eq!(value("f64", "I = 16777217;", "I + 0"), "16777217");
    assert_eq!(value("f64", "I = 16777217;", "I + 0.5"), "16777216");
    assert_eq!(value("f64", "B = -128;", "abs(B)"), "128");
    assert_eq!(value("f32", "I = 7; B = 2;", "I / B"), "3.5");
}

#[test]
fn max_and_min_with_a_nan_give_the_other_operand() {
    assert_eq!(value("f32", "F = inf-inf;", "max(F, 3)"), "3");
    assert_eq!(value("f32", "F = inf-inf;", "min(3, F)"), "3");
    assert_eq!(value("f32", "F = inf-inf;", "max(F, F)"), "NaN");
    assert_eq!(value("f32", "F = inf-inf;", "select(F == F, 1, 2)"), "2");
    assert_eq!(reduced("f32", "inf-inf", "max=", "2"), "2");
    assert_eq!(reduced("i8", "5", "max=", "inf-inf"), "5");
}

#[test]
fn every_reduction_combines_with_its_own_operator() {
    for (op, expected) in [("+=", "7"), ("-=", "3"), ("*=", "10"), ("max=", "5"), ("min=", "2")] {
        assert_eq!(reduced("f32", "5", op, "2"), expected, "{op}");
    }
}

#[test]
fn functions_compute_in_the_type_of_their_operands() {
    assert_eq!(value("f64", "F = 2;", "sqrt(F)"), "1.4142135381698608");
    assert_eq!(value("f64", "D = 2;", "sqrt(D)"), "1.4142135623730951");
    assert_eq!(value("f64", "I = 2;", "sqrt(I)"), "1.4142135381698608");
    assert_eq!(value("f64", "", "pow(2, 10) + floor(-0.5) + rsqrt(4) + sigmoid(0)"), "1024");
}

#[test]
fn guards_choose_their_branch_and_a_select_compares_values() {
    let memory = run("output X[6];
        for i in 0..6 { if i % 2 == 1 && !i == 3 || i < 1 { X[i] = 1; } else if i / 2 == 1 { X[i] = 2; } else { X[i] = 3; } }");
    let values: Vec<_> = (0..6).map(|i| memory.show("X", &[i]).unwrap()).collect();
    assert_eq!(values, ["1", "1", "2", "2", "3", "1"]);
    assert_eq!(value("f32", "F = 0.5;", "select(0 < F < 1 && !(F == 2), 10, 20)"), "10");
}

#[test]
fn a_checksum_is_the_same_on_every_machine() {
    let memory = run("input A[64], f64 B[64]; output X[64], f16 Y[64], f64 Z[64];
        for i in 0..64 { X[i] = exp(A[i]) * tanh(A[i]) + erf(A[i]); Y[i] = sigmoid(A[i]); Z[i] = pow(abs(B[i]), A[i]) + log(abs(B[i])); }"
        .replace(", f64 B", "; input f64 B").replace(", f16 Y", "; output f16 Y").replace(", f64 Z", "; output f64 Z").as_str());
    let sums = ["X", "Y", "Z"].map(|name| format!("{:016x}", memory.checksum(name)));
    assert_eq!(sums, ["0dd9d29dbbe9f42b", "fe680c4e8d650c21", "4dc21ece45903e38"]);
}

#[test]
fn inputs_depend_on_seed_name_and_element() {
    let program = resolved("input A[2], B[2]; output X; X = A[0] + B[1];");
    let show = |seed, name, i| execute::<Typed>(&program, seed, 9).unwrap().show(name, &[i]).unwrap();
    assert_eq!(show(1, "A", 0), show(1, "A", 0));
    assert_ne!(show(1, "A", 0), show(2, "A", 0));
    assert_ne!(show(1, "A", 0), show(1, "A", 1));
    assert_ne!(show(1, "A", 0), show(1, "B", 0));
}

const ROWS: &str = "param N = 20, M = 7; input A[N][M]; output X[N][M];
    for i in 1..N - 1, j in 0..M { X[i][j] = A[i - 1][j] + 2 * A[i][j] + A[i + 1][j]; }";

/// The same through a window of three rows.
const ROLLING: &str = "param N = 20, M = 7; input A[N][M]; output X[N][M]; scratch S[3][M], R[M];
    load S[i % 3][j] = A[i][j] for i in 0..2, j in 0..M;
    for i in 1..N - 1 {
      load S[(i + 1) % 3][j] = A[i + 1][j] for j in 0..M;
      for j in 0..M { R[j] = S[(i - 1) % 3][j] + 2 * S[i % 3][j] + S[(i + 1) % 3][j]; }
      store X[i][j] = R[j] for j in 0..M;
    }";

#[test]
fn a_rolling_buffer_computes_what_the_source_computes() {
    assert_eq!(compare(&resolved(ROWS), &resolved(ROLLING), 3, PLENTY), Ok(Verdict::Same));
}

#[test]
fn a_rolling_buffer_too_short_is_a_different_program() {
    let short = ROLLING.replace("% 3", "% 2");
    let verdict = compare(&resolved(ROWS), &resolved(&short), 3, PLENTY).unwrap();
    assert!(
        matches!(verdict, Verdict::Differs { ref array, ref indices, .. } if array == "X" && *indices == [1, 0]),
        "{verdict:?}"
    );
}

#[test]
fn a_store_left_out_is_a_different_program() {
    let less = ROLLING.replace("for i in 1..N - 1 {", "for i in 1..N - 2 {");
    let verdict = compare(&resolved(ROWS), &resolved(&less), 3, PLENTY).unwrap();
    let Verdict::Differs { indices, b, .. } = verdict else { panic!("{verdict:?}") };
    assert_eq!((indices, b.as_str()), (vec![18, 0], "unwritten"));
}

#[test]
fn a_buffer_of_another_type_rounds_as_an_assignment_does() {
    let memory = run("output X; scratch i8 S; temp T; T = 2.5; load S = T; store X = S;");
    assert_eq!(memory.show("X", &[]).as_deref(), Some("2"));
}

fn same(a: &str, b: &str) -> Verdict {
    compare(&resolved(a), &resolved(b), 5, PLENTY).unwrap_or_else(|stopped| panic!("{stopped}"))
}

#[test]
fn a_reordered_reduction_is_the_same_program() {
    for op in ["+=", "-=", "*=", "max=", "min="] {
        let up = format!("param N = 50; input A[N]; output X; X = 1; for i in 0..N {{ X {op} A[i]; }}");
        let down = up.replace("A[i]", "A[N - 1 - i]");
        assert_eq!(same(&up, &down), Verdict::Same, "{op}");
        assert!(
            matches!(same(&up, &up.replace("0..N {", "0..N - 1 {")), Verdict::Differs { .. }) || op.len() == 4,
            "{op}"
        );
    }
}

#[test]
fn another_formula_is_a_different_program() {
    let source = "input A[4], B[4]; output X[4]; for i in 0..4 { X[i] = exp(A[i]) / B[i]; }";
    for wrong in
        ["exp(B[i]) / A[i]", "log(A[i]) / B[i]", "exp(A[i]) * B[i]", "exp(A[i]) / B[3 - i]", "exp(A[i]) / B[i] + i"]
    {
        let verdict = same(source, &source.replace("exp(A[i]) / B[i]", wrong));
        assert!(matches!(verdict, Verdict::Differs { .. }), "{wrong}: {verdict:?}");
    }
}

#[test]
fn another_interface_is_named() {
    let source = "input A[4]; temp T; output X; T = A[0]; X = T;";
    assert_eq!(same(source, "input A[4]; output X; X = A[0];"), Verdict::Same);
    for (other, text) in [
        ("input A[5]; output X; X = A[0];", "the first has `input f32 A[4]`, the second `input f32 A[5]`"),
        ("input A[4]; output f64 X; X = A[0];", "the first has `output f32 X`, the second `output f64 X`"),
        ("input A[4]; output X, Y; X = A[0];", "the first has no further array, the second `output f32 Y`"),
    ] {
        assert_eq!(same(source, other), Verdict::InterfaceDiffers(text.into()));
    }
}

#[test]
fn a_read_of_what_nothing_wrote_is_a_fault_with_its_instance() {
    let fault = fault("output X[4]; temp T[4]; T[0] = 1; for i in 0..3 { L: X[i] = T[i]; }");
    assert_eq!(fault.to_string(), "L at i = 1 reads T[1], which nothing has written");
}

#[test]
fn an_output_cannot_be_read_before_it_is_written() {
    assert!(matches!(fault("output X; X += 1;"), Fault::Undefined { .. }));
}

#[test]
fn a_load_copies_what_is_undefined_and_its_use_is_the_fault() {
    let copy = "temp T[2]; output X[2]; scratch S[2]; load S[i] = T[i] for i in 0..2;";
    assert!(execute::<Typed>(&resolved(copy), 1, 100).is_ok());
    assert!(matches!(fault(&format!("{copy} X[0] = S[1];")), Fault::Undefined { array, .. } if &*array == "S"));
    let memory = run(&format!("{copy} store X[i] = S[i] for i in 0..2;"));
    assert_eq!(memory.show("X", &[1]).as_deref(), Some("undefined"));
}

#[test]
fn an_access_outside_its_array_is_a_fault_with_its_instance() {
    let out = fault("input A[4]; output X[4]; scratch S[4]; for i in 0..4 { load S[i] = A[i + j] for j in 0..2; }");
    assert_eq!(out.to_string(), "load S at i = 3, j = 1 reaches A[4], outside the array");
    let out = fault("input A[4]; output X[4]; for i in 0..4 { X[i] = select(i > 0, A[i - 1], 0); }");
    assert_eq!(out.to_string(), "S0 at i = 0 reaches A[-1], outside the array");
}

#[test]
fn a_run_ends_with_its_budget() {
    let program = resolved("output X; for i in 0..1000000000000 { X = i; }");
    assert_eq!(execute::<Typed>(&program, 1, 1000).err(), Some(Fault::Budget { max_instances: 1000 }));
    let idle = resolved("output X; for i in 0..1000000000000 { if i < 0 { X = i; } }");
    assert_eq!(execute::<Typed>(&idle, 1, 1000).err(), Some(Fault::Budget { max_instances: 1000 }));
}

#[test]
fn arrays_that_no_machine_holds_are_refused() {
    assert!(matches!(fault("input A[100000][100000]; output X; X = A[0][0];"), Fault::TooLarge { .. }));
}

#[test]
fn the_program_that_faults_is_named() {
    let (good, bad) = ("output X; X = 1;", "output X; temp T; X = T;");
    assert!(matches!(compare(&resolved(good), &resolved(bad), 1, 9), Err(Stopped::InB(Fault::Undefined { .. }))));
}

fn moved(program: &Program) -> Vec<(u64, u64)> {
    let mut traffic = Traffic::new(program);
    execute_observed::<Modular, _>(program, 1, PLENTY, &mut traffic).unwrap();
    traffic.arrays
}

#[test]
fn every_access_in_the_text_counts_once_an_instance() {
    assert_eq!(
        moved(&resolved("input A[4]; inout X; X += A[0] * A[0] + select(A[1] > A[2], A[3], X);")),
        [(5, 0), (2, 1)]
    );
    assert_eq!(moved(&with(ROLLING, &[("N", 10), ("M", 2)])), [(20, 0), (0, 16), (48, 20), (16, 16)]);
}

fn footprint(text: &str) -> (Vec<Vec<(u64, u64)>>, i64) {
    let program = resolved(text);
    let mut footprint = Footprint::new(&program);
    execute_observed::<Modular, _>(&program, 1, PLENTY, &mut footprint).unwrap();
    ((0..program.arrays.len()).map(|array| footprint.live(array).to_vec()).collect(), footprint.peak_bytes())
}

#[test]
fn a_buffer_is_live_from_a_write_to_the_last_read_of_it() {
    // Times:       0            1            2           3           4
    let text = "output X; scratch S[10]; scratch f64 R;
        S[0] = 1; S[1] = 2; X = S[0]; R = 4; X = R;";
    assert_eq!(footprint(text), (vec![vec![], vec![(0, 2)], vec![(3, 4)]], 40));
    let overlapping = text.replace("X = R;", "X = R + S[1];");
    assert_eq!(footprint(&overlapping), (vec![vec![], vec![(0, 4)], vec![(3, 4)]], 48));
    let rewritten = text.replace("X = R;", "S[1] = R; X = S[1];");
    assert_eq!(footprint(&rewritten), (vec![vec![], vec![(0, 2), (4, 5)], vec![(3, 4)]], 48));
}
