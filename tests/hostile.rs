//! Which texts break polyfuse? Those of kernels, of scheduled programs, of schedules and of machines, torn apart and put together wrongly.
//!
//! POLYFUSE_RANDOM_COUNT and POLYFUSE_RANDOM_SEED ask for more texts, and others.

#[path = "random/generator.rs"]
#[allow(dead_code, reason = "only its numbers are needed")]
mod generator;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};

use generator::Dice;
use polyfuse::check::compare::compare;
use polyfuse::count::count_within;
use polyfuse::emit::{Placement, to_c};
use polyfuse::lang::ast::{Program, Role};
use polyfuse::lang::{Diagnostic, decisions, parse, resolve};
use polyfuse::machine::{self, Machine, parse_size};
use polyfuse::run::{Typed, execute};
use polyfuse::schedule::Fuse;
use polyfuse::{Failure, Options, apply, optimize, warnings};

/// What a text is mutated with beside pieces of other texts.
const PIECES: &str = "( ) [ ] { } ; : , = += -= max= < <= == != .. - ! && || % / * min( max( select( exp( for if else step in load store \
     scratch input output inout temp param f16 i8 0 1 2 63 64 1e9 0.5 1. inf 4294967296 9223372036854775807 -9223372036854775808 \
     group tile by keep expand over split of at loops S0 S1:2 99999999999999999999 \u{fc} \u{feff} \0 \t \r \" // /* */ i j N A i*4611686018427387904";

/// A number from the environment.
fn setting(name: &str, otherwise: u64) -> u64 {
    let given = std::env::var(name).ok();
    given.map_or(otherwise, |text| text.parse().unwrap_or_else(|_| panic!("{name} is no number: {text}")))
}

fn files(folder: &str) -> Vec<String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
    let mut paths: Vec<_> = std::fs::read_dir(folder).expect("a folder").map(|e| e.expect("an entry").path()).collect();
    paths.sort();
    let loops = paths.iter().filter(|path| path.extension().is_some_and(|end| end == "loop"));
    loops.map(|path| String::from_utf8_lossy(&std::fs::read(path).expect("a file")).into_owned()).collect()
}

/// A scheduled program, as it is printed.
fn scheduled(text: &str, capacity_bytes: i64) -> Option<String> {
    Some(attempt(&parse(text).ok()?, capacity_bytes).ok()?.program.to_string())
}

fn attempt(program: &Program, capacity_bytes: i64) -> Result<polyfuse::Optimized, Failure> {
    optimize(program, &[], &options(capacity_bytes))
}

fn options(capacity_bytes: i64) -> Options {
    Options {
        kernel: "hostile".into(),
        file: "hostile.loop".into(),
        text: String::new(),
        machine: Machine::named("edge").expect("a machine built in"),
        capacity_bytes,
        fuse: Fuse::Auto,
        recompute: 0.25,
        solver: Default::default(),
        effort: 1,
        strict_fp: false,
    }
}

/// A text with some of its parts gone, doubled, replaced, or from another text.
fn mutated(dice: &mut Dice, texts: &[String]) -> String {
    let pieces: Vec<&str> = PIECES.split(' ').collect();
    let mut bytes = texts[dice.below(texts.len())].clone().into_bytes();
    for _ in 0..1 + dice.below(4) {
        let at = dice.below(bytes.len() + 1);
        let reach = [1, 3, 8, 40, 400][dice.below(5)];
        let end = (at + dice.below(reach)).min(bytes.len());
        let put: Vec<u8> = match dice.below(8) {
            0 => Vec::new(),
            1 => bytes[at..end].repeat(2 + dice.below(3)),
            2 => (0..dice.below(6)).map(|_| dice.below(256) as u8).collect(),
            3 => {
                let other = texts[dice.below(texts.len())].as_bytes();
                let from = dice.below(other.len() + 1);
                other[from..(from + dice.below(60)).min(other.len())].to_vec()
            }
            _ => pieces[dice.below(pieces.len())].into(),
        };
        bytes.splice(at..end, put);
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Runs `survives` on mutations of texts, on all cores; each that does not survive is printed.
fn assert_survived(count: u64, texts: &[String], survives: impl Fn(&str) + Sync) {
    let (count, first) = (setting("POLYFUSE_RANDOM_COUNT", count), setting("POLYFUSE_RANDOM_SEED", 1));
    let (next, broken) = (AtomicU64::new(first), AtomicU64::new(0));
    let work = || {
        loop {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if seed >= first + count {
                return;
            }
            let text = mutated(&mut Dice::new(seed), texts);
            if catch_unwind(AssertUnwindSafe(|| survives(&text))).is_err() {
                eprintln!("seed {seed}:\n{text}\n");
                broken.fetch_add(1, Ordering::Relaxed);
            }
        }
    };
    std::thread::scope(|scope| {
        for _ in 0..std::thread::available_parallelism().map_or(1, usize::from) {
            // A thread has the stack of the command's.
            std::thread::Builder::new().stack_size(256 << 20).spawn_scoped(scope, work).expect("a thread");
        }
    });
    eprintln!("{count} texts tried");
    assert_eq!(broken.into_inner(), 0, "texts that break polyfuse");
}

/// What reads back as it was printed, or a refusal with a place and a cure.
fn read(text: &str) -> Option<Program> {
    let diagnostics = match parse(text) {
        Err(errors) => errors,
        Ok(program) => {
            let printed = program.to_string();
            assert!(parse(&printed).is_ok_and(|again| again == program), "{printed}");
            match resolve(&program, &[]) {
                Ok(resolved) => return Some(resolved.program),
                Err(errors) => errors,
            }
        }
    };
    refused(text, &diagnostics);
    None
}

/// That mistakes have a place and a cure.
fn refused(text: &str, mistakes: &[Diagnostic]) {
    assert!(!mistakes.is_empty());
    for each in mistakes.iter().take(3) {
        assert!(each.help.as_ref().is_some_and(|help| !help.is_empty()), "{}", each.message);
        assert!(each.render("x.loop", text, false).contains("x.loop:"));
    }
}

#[test]
fn texts_of_programs_are_read_or_refused() {
    let mut texts = [files("kernels"), files("kernels/refused"), files("kernels/doubted")].concat();
    texts.extend((0..20).map(|seed| generator::program(seed, &generator::CALLS)));
    texts.retain(|text| text.len() < 700);
    assert_survived(20_000, &texts, |text| drop(read(text)));
}

#[test]
fn scheduled_programs_are_counted_run_compared_and_emitted_or_refused() {
    let sources = (0..12).map(|seed| generator::program(seed, &generator::CALLS));
    let texts: Vec<String> = sources.filter_map(|text| scheduled(&text, 600)).collect();
    assert!(texts.len() > 5);
    assert_survived(2_000, &texts, |text| {
        let Some(program) = read(text) else { return };
        let small = program.arrays.iter().fold(0i64, |sum, array| sum.saturating_add(array.bytes())) < 1 << 20;
        let _ = count_within(&program, 2_000);
        if small {
            let _ = execute::<Typed>(&program, 1, 10_000);
            let _ = compare(&program, &program, 1, 10_000);
        }
        let scratch = program.arrays.iter().filter(|array| array.role == Role::Scratch);
        let offsets = scratch.map(|array| (array.name.clone(), 0)).collect();
        let _ = to_c(&program, "k", &Placement { offsets, arena_bytes: i64::MAX });
    });
}

#[test]
fn source_programs_are_scheduled_or_refused() {
    let texts: Vec<String> = (100..160).map(|seed| generator::program(seed, &generator::CALLS)).collect();
    assert_survived(60, &texts, |text| {
        let Some(program) = read(text) else { return };
        let _ = warnings(&program);
        if let Err(Failure::Fault(what)) = attempt(&program, 700) {
            panic!("{what}");
        }
    });
}

/// A program that is expanded, split and fused, and the texts of its schedules.
#[test]
fn schedules_are_applied_or_refused() {
    let text = "input A[12][9], B[9][8]; temp T[8], Q[12]; output C[12][8]; inout D[20]; \
        for i in 0..12 { for j in 0..8 { T[j] = 0; for k in 0..9 { T[j] += A[i][k] * B[k][j]; } } \
        for j in 0..8 { C[i][j] = T[7 - j]; } } \
        for t in 0..6, i in 1..19 { relax: D[i] = D[i - 1] + 0.5 * D[i + 1]; } \
        for i in 0..12 { Q[i] = C[i][0]; } for i in 0..12 { D[i] += Q[11 - i]; }";
    let program = parse(text).expect("a program");
    let found = |capacity: i64| attempt(&program, capacity).ok().map(|found| found.schedule);
    let mut texts: Vec<String> = [60, 150, 300, 500, 800, 1200].into_iter().filter_map(found).collect();
    assert!(texts.len() == 6 && texts.iter().any(|text| text.contains("expand ")), "{texts:?}");
    texts.extend(texts.clone().iter().map(|text| format!("split k of S1 at 4;\n{}", text.replace("S1", "S1:2"))));
    assert_survived(300, &texts, |text| match decisions(text) {
        Err(mistakes) => refused(text, &mistakes),
        Ok(decisions) => match apply(&program, &[], &options(800), &decisions) {
            Ok(_) => {}
            Err(Failure::Schedule(mistakes)) => refused(text, &mistakes),
            Err(failure) => panic!("{failure:?}"),
        },
    });
}

#[test]
fn machine_files_are_read_or_refused() {
    let texts: Vec<String> =
        machine::names().map(|name| machine::toml_of(name).expect("a machine").to_string()).collect();
    assert_survived(5_000, &texts, |text| {
        match Machine::from_toml(text) {
            Ok(machine) => assert!(machine.scratchpad_bytes > 0 && !machine.name.is_empty()),
            Err(error) => assert!(!error.to_string().is_empty()),
        }
        for line in text.lines() {
            assert!(parse_size(line).is_ok_and(|bytes| bytes > 0) || parse_size(line).is_err());
        }
    });
}

/// What becomes of a program of which too much is asked: a schedule that passes all checks, and what its remarks say of budgets.
fn spent(text: &str) -> Vec<String> {
    let program = parse(text).unwrap_or_else(|errors| panic!("{errors:?}"));
    let optimized = attempt(&program, 4096).unwrap_or_else(|failure| panic!("{failure:?}"));
    let report = optimized.report;
    let of_budgets =
        report.remarks.iter().filter(|r| ["unknown-dependences", "budget-spent"].contains(&r.kind.as_str()));
    let texts: Vec<String> = of_budgets.map(|r| r.text.clone()).collect();
    assert_eq!(report.solver.status, if texts.is_empty() { "optimal" } else { "budget" });
    assert!(texts.iter().all(|text| text.contains("`--effort`")), "{texts:?}");
    texts
}

/// Pieces of text with a number in each, one after another.
fn joined(range: std::ops::Range<usize>, between: &str, piece: impl Fn(usize) -> String) -> String {
    range.map(piece).collect::<Vec<_>>().join(between)
}

#[test]
fn eight_loops_in_each_other_are_scheduled() {
    let all = |piece: &dyn Fn(usize) -> String| joined(0..8, "", piece);
    let loops = joined(0..8, ", ", |k| format!("i{k} in 1..4"));
    let (extents, at) = (all(&|_| "[4]".into()), all(&|k| format!("[i{k}]")));
    let (before, turned) = (all(&|k| format!("[i{k} - 1]")), all(&|k| format!("[i{}]", 7 - k)));
    let said = spent(&format!("inout A{extents}, B{extents}; for {loops} {{ A{at} = A{before} + B{turned}; }}"));
    assert!(
        said.iter().any(|text| text.contains("tiles and orders of loops") && text.contains("bytes more")),
        "{said:?}"
    );
}

#[test]
fn seven_loops_that_must_be_skewed_are_scheduled() {
    let at = |moved: usize, by: &str| joined(0..6, "", |k| format!("[i{k}{}]", if k == moved { by } else { "" }));
    let loops = joined(0..6, ", ", |k| format!("i{k} in 1..4"));
    let around = [" - 1", " + 1"].map(|by| joined(0..6, " + ", |k| format!("A{}", at(k, by)))).join(" + ");
    let extents = "[5]".repeat(6);
    spent(&format!("inout A{extents}; for t in 0..6, {loops} {{ A{} = {around}; }}", at(6, "")));
}

#[test]
fn sixty_statements_that_all_depend_on_each_other_are_scheduled() {
    let arrays = joined(0..60, ", ", |k| format!("A{k}[40]"));
    let read = |k: usize| joined(0..60, " + ", |j| format!("A{j}[i{}]", if j >= k { " - 1" } else { "" }));
    let body = joined(0..60, " ", |k| format!("A{k}[i] = {};", read(k)));
    spent(&format!("inout {arrays}; for i in 1..40 {{ {body} }}"));
}

#[test]
fn sixty_statements_that_all_reach_into_one_array_are_scheduled() {
    let body = joined(0..60, " ", |k| format!("A[i + {k}] = A[i + {}] + A[i + {}];", 60 - k, 119 - k));
    spent(&format!("inout A[200]; for t in 0..5, i in 0..80 {{ {body} }}"));
}

#[test]
fn remainders_of_everything_run_in_source_order() {
    let said = spent(
        "param N = 60; inout A[N][N];
         for i in 0..N, j in 0..N { A[(i * 7 + j) % N][(j * 5 + i) % N] = A[(i * 3 + j / 2) % N][(j * 11 + i / 3) % N] + A[(i + j) % N][(i / 7 + j % 13) % N]; }
         for i in 0..N, j in 0..N { A[i][j] += A[(i * 9 + 4 * j) % N][(j / 5 + i % 11) % N]; }",
    );
    assert!(said.iter().any(|text| text.contains("dependences are too intricate")), "{said:?}");
}

#[test]
fn sums_of_seven_iterators_are_indices() {
    let (loops, sum) = (joined(0..7, ", ", |k| format!("i{k} in 0..4")), joined(0..7, " + ", |k| format!("i{k}")));
    let (extents, at) = ("[4]".repeat(7), joined(0..7, "", |k| format!("[i{k}]")));
    spent(&format!(
        "input W{extents}; output A[28]; for i in 0..28 {{ A[i] = 0; }} for {loops} {{ A[{sum}] += W{at}; }}"
    ));
}

#[test]
fn quotients_of_quotients_pass_from_nest_to_nest() {
    let nest = |k: usize| {
        let (before, d, m, n) = (k - 1, k + 1, k + 2, k + 3);
        format!("for i in 0..64 {{ T{k}[i] = T{before}[i / {d} * {d} % 64] + T{before}[i * {m} / {n} % 64]; }}")
    };
    let arrays = joined(0..10, ", ", |k| format!("T{k}[64]"));
    let nests = joined(1..10, " ", nest);
    spent(&format!(
        "input X[64]; temp {arrays}; output Y[64]; for i in 0..64 {{ T0[i] = X[i]; }} {nests} for i in 0..64 {{ Y[i] = T9[i]; }}"
    ));
}

#[test]
fn a_chain_of_three_hundred_nests_is_scheduled() {
    let nests = joined(1..300, " ", |k| format!("for i in 0..16 {{ T{k}[i] = T{}[i] + 1; }}", k - 1));
    let arrays = joined(0..300, ", ", |k| format!("T{k}[16]"));
    let said = spent(&format!(
        "input X[16]; temp {arrays}; output Y[16]; for i in 0..16 {{ T0[i] = X[i]; }} {nests} for i in 0..16 {{ Y[i] = T299[i]; }}"
    ));
    assert_eq!(said, Vec::<String>::new());
}

#[test]
fn arrays_too_large_to_be_made_are_scheduled() {
    let text = "inout T[1000000000000][2];
for j in 1..2, k in 0..j { T[0][j] min= T[0][k] + T[k + 1][j]; }";
    assert!(scheduled(text, 1 << 16).is_some());
}

/// Each `!=` makes two pieces of every piece before it.
#[test]
fn conditions_that_fall_to_pieces_are_refused_with_the_reason() {
    let sum = |k: usize| joined(0..6, " + ", |i| format!("{} * i{i}", 1 + (k * 7 + i * i * 3) % 9));
    let condition = joined(0..24, " && ", |k| format!("{} != {}", sum(k), 20 + 7 * k));
    let loops = joined(0..6, ", ", |k| format!("i{k} in 0..8"));
    let text = format!("inout A[8][8]; for {loops} {{ if {condition} {{ A[i0][i1] += A[i2][i3] * i4 + i5; }} }}");
    match attempt(&parse(&text).expect("a program"), 4096) {
        Err(Failure::Input(said)) => {
            assert!(said[0].message.contains("too intricate: the budget for its "), "{said:?}")
        }
        other => panic!("{other:?}"),
    }
}
