//! Does the text of a schedule, applied, give the schedule that it was written from, and do changed texts give other ones that are right,
//! or a refusal?
//!
//! POLYFUSE_REPLAY names the scratchpads, as in 8KiB,64KiB, in which all kernels are tried at their own shapes.
//! POLYFUSE_RANDOM_COUNT and POLYFUSE_RANDOM_SEED ask for more random programs, and others.

#[path = "random/generator.rs"]
#[allow(dead_code, reason = "programs with any call serve")]
mod generator;

use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};

use generator::Dice;
use polyfuse::check::compare::{Verdict, compare};
use polyfuse::count::count;
use polyfuse::lang::ast::Program;
use polyfuse::lang::{decisions, parse, resolve};
use polyfuse::machine::{Machine, parse_size};
use polyfuse::schedule::Fuse;
use polyfuse::{Failure, Optimized, Options, apply, optimize};

/// A program, the shape and the scratchpad in which it is scheduled.
struct Case {
    parsed: Program,
    overrides: Vec<(String, i64)>,
    options: Options,
}

impl Case {
    fn new(text: &str, overrides: &[(&str, i64)], capacity_bytes: i64) -> Case {
        let options = Options {
            kernel: "replayed".into(),
            file: "replayed.loop".into(),
            text: text.into(),
            machine: Machine::named("edge").expect("a machine built in"),
            capacity_bytes,
            fuse: Fuse::Auto,
            recompute: 0.25,
            solver: Default::default(),
            effort: 1,
            strict_fp: false,
        };
        let overrides = overrides.iter().map(|&(name, value)| (name.to_string(), value)).collect();
        Case { parsed: parse(text).expect("a program"), overrides, options }
    }

    fn kernel(name: &str, overrides: &[(&str, i64)], capacity_bytes: i64) -> Case {
        let path = format!("{}/kernels/{name}.loop", env!("CARGO_MANIFEST_DIR"));
        Case::new(&std::fs::read_to_string(path).expect("a kernel"), overrides, capacity_bytes)
    }

    fn found(&self) -> Result<Optimized, Failure> {
        optimize(&self.parsed, &self.overrides, &self.options)
    }

    fn applied(&self, text: &str) -> Result<Optimized, Failure> {
        let decisions = decisions(text).map_err(Failure::Schedule)?;
        apply(&self.parsed, &self.overrides, &self.options, &decisions)
    }

    fn source(&self) -> Program {
        resolve(&self.parsed, &self.overrides).expect("a program that means something").program
    }

    /// That the text of the schedule found gives it again; the text.
    fn assert_replayed(&self, what: &str) -> String {
        let found = self.found().unwrap_or_else(|e| panic!("{what}: {e:?}"));
        let applied = self.applied(&found.schedule).unwrap_or_else(|e| panic!("{what}: {e:?}\n{}", found.schedule));
        assert_eq!(applied.schedule, found.schedule, "{what}");
        assert_eq!(applied.program.to_string(), found.program.to_string(), "{what}");
        assert_eq!(applied.placement.arena_bytes, found.placement.arena_bytes, "{what}");
        assert_eq!((applied.report.dram, applied.report.arrays), (found.report.dram, found.report.arrays), "{what}");
        found.schedule
    }
}

/// The words of what is wrong with a schedule.
fn refusal(failure: &Failure) -> String {
    let Failure::Schedule(mistakes) = failure else { panic!("{failure:?}") };
    assert!(!mistakes.is_empty() && mistakes.iter().all(|m| m.help.as_ref().is_some_and(|help| !help.is_empty())));
    mistakes.iter().map(|m| m.render("s", "", false)).collect()
}

/// A kernel, its shape, a scratchpad, and a word of the schedule: what is tried by it.
type Small = (&'static str, &'static [(&'static str, i64)], i64, &'static str);

const TWO_MM: Small = ("two_mm", &[("NI", 12), ("NJ", 14), ("NK", 10), ("NL", 16)], 900, "tile l by 4 {");
const SMALL: [Small; 17] = [
    TWO_MM,
    ("gemm", &[("M", 24), ("N", 20), ("K", 16)], 300, " in 2 loops"),
    ("gemm", &[("M", 256), ("N", 256), ("K", 256)], 1 << 18, "split "),
    ("doitgen", &[("R", 10), ("Q", 12), ("P", 32)], 4096, "expand S over r, q;"),
    ("jacobi_2d", &[("T", 8), ("N", 20)], 700, "(S2 at 2 * t + i)"),
    ("heat_3d", &[("T", 3), ("N", 28)], 16_000, "2 * t + k - 1 by "),
    ("fdtd_2d", &[("T", 8), ("NX", 30), ("NY", 20)], 12_000, "t by 1 {"),
    ("blur", &[("H", 24), ("W", 20)], 2_000, "keep"),
    ("softmax", &[("M", 16), ("N", 24)], 300, "group"),
    ("recurrence", &[("T", 4), ("N", 6)], 300, "tile t by 1"),
    ("cholesky", &[("N", 14)], 300, "block S1 by 5;"),
    ("symm", &[("M", 10), ("N", 12)], 300, "part statements;"),
    ("correlation", &[("M", 64), ("N", 64)], 2_000, "recompute Z for S10 (Z[k][i]) over j by 16 and "),
    ("floyd_warshall", &[("N", 14)], 300, "S1:1 (D[k][j])"),
    ("jacobi_2d", &[("T", 8), ("N", 20)], 2_000, "}\nkeep A for"),
    ("atax", &[("M", 40), ("N", 30)], 2_000, "group"),
    ("inverted_residual", &[("C", 8), ("M", 24), ("H", 32), ("W", 32)], 8 << 10, "overlap S0 to S8 along "),
];

#[test]
fn the_text_of_a_schedule_gives_it_again() {
    for (name, overrides, capacity, word) in SMALL {
        let text = Case::kernel(name, overrides, capacity).assert_replayed(&format!("{name} in {capacity} bytes"));
        assert!(text.contains(word), "{name} in {capacity} bytes does not try `{word}`:\n{text}");
    }
}

/// A stencil of which the copy before is needed at the border alone.
const BORDER: &str = "param T = 4, N = 500; inout A[N]; temp B[N]; for i in 0..N { B[i] = A[i]; } for t in 0..T { \
    for i in 1..N - 1 { B[i] = A[i - 1] + A[i + 1]; } for i in 1..N - 1 { A[i] = B[i - 1] + B[i + 1]; } }";

#[test]
fn dead_instances_are_omitted_where_the_text_says_so() {
    let border = Case::new(BORDER, &[], 300);
    let text = border.assert_replayed("a border");
    assert!(text.contains("\nomit dead;\n") && text.contains("S0:2;"), "{text}");
    let remarks = border.found().expect("a schedule").report.remarks;
    assert!(remarks.iter().any(|remark| remark.code.number() == "PF021" && remark.text.starts_with("S0 runs in part")));
    let said = refusal(&border.applied(&text.replace("omit dead;", "")).err().expect("a mistake"));
    assert!(said.contains("`S0` has no part"), "{said}");
    let full = Case::new("input A[9]; output B[9]; for i in 0..9 { B[i] = A[i]; }", &[], 300);
    let text = full.assert_replayed("a copy");
    let said = refusal(&full.applied(&format!("omit dead;\n{text}")).err().expect("a mistake"));
    assert!(said.contains("no instance is known to be dead"), "{said}");
}

#[test]
fn all_kernels_are_replayed_in_the_scratchpads_asked_for() {
    let Ok(sizes) = std::env::var("POLYFUSE_REPLAY") else { return };
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("kernels");
    let files = std::fs::read_dir(folder).expect("kernels").map(|entry| entry.expect("an entry").path());
    let mut names: Vec<String> = files
        .filter(|path| path.extension().is_some_and(|e| e == "loop"))
        .map(|path| path.file_stem().expect("a stem").to_string_lossy().into())
        .collect();
    names.sort();
    for name in names {
        for size in sizes.split(',') {
            let case = Case::kernel(&name, &[], parse_size(size).expect("a size"));
            match case.found() {
                Err(Failure::DoesNotFit { .. }) => eprintln!("{name} does not fit {size}"),
                _ => drop(case.assert_replayed(&format!("{name} in {size}"))),
            }
        }
    }
}

#[test]
fn a_temp_of_two_uses_is_two_arrays_again() {
    let text = "input A[40][30], B[40][30]; temp T[30]; output C[40][30], D[40][30]; \
        for i in 0..40 { for j in 0..30 { T[j] = A[i][j]; } for j in 0..30 { C[i][j] = T[29 - j]; } } \
        for i in 0..40 { for j in 0..30 { T[j] = B[i][j]; } for j in 0..30 { D[i][j] = T[29 - j] + A[i][29 - j]; } }";
    let case = Case::new(text, &[], 600);
    let found = case.assert_replayed("two uses");
    let expand = "expand T over i and T of S2 as T2 over i;";
    assert!(found.contains(expand), "{found}");
    for (changed, words) in [
        ("expand T over i;", "of `S2` would lack the elements"),
        ("expand T over i and T of S2 as T3 over i;", "cannot be expanded like this"),
        ("expand T over i and T of S2 as T2 over i, j;", "cannot be expanded like this"),
        ("expand T over i and T over i;", "expanded twice"),
        ("", "no array `T2`"),
    ] {
        let failure = case.applied(&found.replace(expand, changed)).expect_err("a refusal");
        assert!(refusal(&failure).contains(words), "{changed}: {}", refusal(&failure));
    }
}

#[test]
fn nests_that_run_in_slabs_do_so_again() {
    let text = "input X[60][40]; temp T[60][40]; output Y[58][40]; for i in 0..60, j in 0..40 { T[i][j] = 2 * X[i][j]; } \
        for i in 0..58, j in 0..40 { Y[i][j] = T[i][j] + T[i + 2][j]; }";
    let case = Case::new(text, &[], 600);
    let group = "group { tile i2 by 1, j by 8, i by 1 (S1 at i + 2) { S0; S1; } keep X for S0 in 3 loops; keep T for S0, S1 in 2 loops; \
        keep Y for S1 in 3 loops; }";
    let applied = case.applied(&format!("overlap S0 to S1 along i of S1 by 10; {group}")).expect("a schedule");
    let (report, added) = (&applied.report, 2 * 5 * 40);
    assert_eq!(report.operations.optimized, report.operations.source + added);
    assert_eq!(report.dram.optimized.bytes(), 4 * 40 * (60 + 2 * 5 + 58));
    for (overlap, words) in [
        ("overlap S0 to S1 along i of S1 by 58;", "no two slabs of 58"),
        ("overlap S0 to S1 along k of S1 by 2;", "no loop of `k`"),
        ("overlap S0 to S2 along i of S1 by 2;", "no statement `S2`"),
        ("overlap S1 to S0 along i of S1 by 2;", "comes before"),
        ("overlap S0 to S0 along i of S1 by 2;", "cannot run in slabs"),
        ("overlap S0 to S1 along i of S1 by 10, S1 to S1 along i of S1 by 2;", "in two"),
        ("overlap S0 to S1 along i of S1;", "expected `by`"),
        ("overlap S0 along i of S1 by 2;", "expected `to`"),
    ] {
        let failure = case.applied(&format!("{overlap} {group}")).expect_err("a refusal");
        assert!(refusal(&failure).contains(words), "{overlap}: {}", refusal(&failure));
    }
}

#[test]
fn temps_that_are_merged_are_so_again() {
    let text = "input X[24][16], W[16][20], P[20][8]; temp U[24][20], V[24][20]; output Y[24][8]; \
        for i in 0..24, j in 0..20 { U[i][j] = 0; for k in 0..16 { U[i][j] += X[i][k] * W[k][j]; } } \
        for i in 0..24, j in 0..20 { V[i][j] = max(0, U[i][j]); } \
        for i in 0..24, j in 0..8 { Y[i][j] = 0; for k in 0..20 { Y[i][j] += V[i][k] * P[k][j]; } }";
    // Rows of the sum, with both factors.
    let case = Case::new(text, &[], 4 * (16 * 20 + 20 * 8 + 20 + 16 + 8));
    let group = "group { tile i by 1 { S0; S1; S2; S3; S4; } keep X for S1 in 1 loop; keep W for S1; keep P for S4; \
        keep V for S0, S1, S2, S4 in 1 loop; keep Y for S3, S4 in 1 loop; }";
    let applied = case.applied(&format!("merge U into V; {group}")).expect("a schedule");
    assert_eq!(applied.report.dram.optimized.bytes(), 4 * (24 * 16 + 16 * 20 + 20 * 8 + 24 * 8));
    assert!(applied.report.remarks.iter().any(|remark| remark.code.number() == "PF022"));
    for (merge, words) in [
        ("merge V into U;", "`V` cannot share the memory of `U`"),
        ("merge U into Y;", "`merge U into V`"),
        ("merge U into V and U into V;", "cannot share"),
        ("merge U;", "expected `into`"),
    ] {
        let failure = case.applied(&format!("{merge} {group}")).expect_err("a refusal");
        assert!(refusal(&failure).contains(words), "{merge}: {}", refusal(&failure));
    }
}

#[test]
fn temps_that_are_computed_again_are_so_again() {
    let text = "input X[24][16], S[16], W[16][20]; temp Z[24][16]; output Y[24][20]; \
        for i in 0..24, k in 0..16 { Z[i][k] = max(X[i][k] * S[k], 0); } \
        for i in 0..24, j in 0..20 { Y[i][j] = 0; for k in 0..16 { Y[i][j] += Z[i][k] * W[k][j]; } }";
    let case = Case::new(text, &[], 2_200);
    let group = "group { tile j2 by 1, i by 8 { S0; S1; S2; } keep X for S0 in 2 loops; keep S for S0; keep Z2 for S0, S2 in 2 loops; \
        keep W for S2 in 1 loop; keep Y for S1, S2 in 2 loops; }";
    let applied = case.applied(&format!("recompute Z for S2 over j by 10; {group}")).expect("a schedule");
    let report = &applied.report;
    assert_eq!(report.operations.optimized, report.operations.source + 2 * 24 * 16);
    assert_eq!(report.dram.optimized.bytes(), 4 * (2 * 24 * 16 + 16 + 16 * 20 + 24 * 20));
    for (recompute, words) in [
        ("recompute Z for S2 over j by 21;", "no blocks of 21"),
        ("recompute Z for S2 over m by 2;", "no loop of `m`"),
        ("recompute Z for S1 over j by 2;", "does not touch `Z`"),
        ("recompute Z for S2 (Z[k][i]) over j by 2;", "no access `Z[k][i]`"),
        ("recompute X for S2 over j by 2;", "`X` cannot be computed again"),
        ("recompute Q for S2 over j by 2;", "`Q` cannot be computed again"),
        ("recompute Z for S2 over j by 10 and Z for S2 over j by 10;", "twice"),
        ("recompute Z for S0 over i by 2;", "cannot be computed again in these blocks"),
        ("recompute Z over j by 2;", "expected `for`"),
        ("recompute Z for S2 over j;", "expected `by`"),
    ] {
        let failure = case.applied(&format!("{recompute} {group}")).expect_err("a refusal");
        assert!(refusal(&failure).contains(words), "{recompute}: {}", refusal(&failure));
    }
}

#[test]
fn loops_that_are_stripped_are_so_again() {
    let text = "param N = 40; input A[N][N], E[20][20]; temp V[N][N]; output U[N][N]; for i in 0..N, j in 0..N \
        { V[i][j] = A[i][j] * E[i / 2][j / 2]; } for i in 0..N, j in 0..N { U[i][j] = V[i][j] + E[i / 2][j / 2]; }";
    let case = Case::new(text, &[], 900);
    let found = case.assert_replayed("halves");
    let strip = "strip i of S0 by 2, j of S0 by 2, i of S1 by 2, j of S1 by 2;";
    assert!(found.contains(strip), "{found}");
    for (changed, words) in [
        ("strip i of S0 by 1, i of S1 by 2;", "cannot be stripped by 1"),
        ("strip i of S0 by 2, i of S0 by 2;", "stripped twice"),
        ("strip k of S0 by 2;", "no loop of `k`"),
        ("strip i of S0 at 2;", "expected `by`"),
        ("strip i by 2;", "expected `of`"),
    ] {
        let failure = case.applied(&found.replace(strip, changed)).expect_err("a refusal");
        assert!(refusal(&failure).contains(words), "{changed}: {}", refusal(&failure));
    }
    let value = text.replace("A[i][j] *", "A[i][j] * i *");
    let failure = Case::new(&value, &[], 900).applied(&found).expect_err("a refusal");
    assert!(refusal(&failure).contains("`i` cannot be stripped"), "{}", refusal(&failure));
}

/// Changes of the schedule of two products in 900 bytes: the bytes that the result moves, or what is said against it.
const CHANGES: [(&str, &str, Result<i64, &str>); 20] = [
    ("", "", Ok(3472)),
    ("tile l by 4", "tile l by 2", Ok(3472)),
    ("tile l by 4 {", "tile l by 4 (S0 at 0, S1 at 0 + 0) {", Ok(3472)),
    ("    S0;\n    tile k by 2 { S1; }\n", "    tile k by 2 { S0; S1; }\n", Ok(3472)),
    ("group {", "split l of S3 at 6; group {", Err("`S2` is in 2 parts")),
    ("group {", "split k of S1 at 99; group {", Err("cannot be split at 99")),
    ("group {", "expand P over i; group {", Err("cannot be expanded like this")),
    ("keep P for S0, S1, S3", "keep P for S0, S1; keep P for S3", Err("in DRAM before the buffer of `S0`")),
    ("    S0;\n", "", Err("no group runs `S0`")),
    ("    S0;\n", "    S0; S0;\n", Err("runs twice")),
    ("    S0;\n", "    S9;\n", Err("no statement `S9`")),
    ("    S0;\n", "    S0:2;\n", Err("no part 2")),
    ("tile j by 2", "tile q by 2", Err("the value `q`")),
    ("tile k by 2", "tile k by 0", Err("no tile has 0 values")),
    ("tile k by 2", "tile k by 9000000000000000000", Err("no tile has")),
    ("tile l by 4 {", "tile l by 4 (S3 at j % 2) {", Err("no value for `S3`")),
    ("keep A for S1", "keep A for S1, S3", Err("does not touch `A`")),
    ("keep A for S1", "keep Q for S1", Err("no array `Q`")),
    ("tile k by 2", "tile k by 10", Err("bytes, the scratchpad has 900")),
    (
        "    S2;\n    tile j by 2 { S3; }\n",
        "    tile j by 2 { S3; }\n    S2;\n",
        Err("`S3` at i = 0, l = 0, j = 0 must run after `S2`"),
    ),
];

#[test]
fn a_changed_schedule_counts_or_is_refused() {
    let (name, overrides, capacity, _) = TWO_MM;
    let case = Case::kernel(name, overrides, capacity);
    let found = case.found().expect("a schedule");
    let source = case.source();
    for (from, to, expected) in CHANGES {
        assert!(found.schedule.contains(from), "`{from}` is not in\n{}", found.schedule);
        let text = found.schedule.replacen(from, to, 1);
        match (case.applied(&text), expected) {
            (Ok(applied), Ok(bytes)) => {
                let counts = count(&applied.program).expect("bytes").bytes().expect("bytes");
                assert_eq!((counts.0 + counts.1, applied.report.dram.optimized.bytes()), (bytes.into(), bytes), "{to}");
                assert_eq!(compare(&source, &applied.program, 5, u64::MAX), Ok(Verdict::Same), "{text}");
                assert_eq!(applied.report.solver.status, "given");
            }
            (Err(failure), Err(words)) => {
                let said = refusal(&failure);
                assert!(said.contains(words), "`{to}` instead of `{from}`: {said}");
            }
            (outcome, _) => panic!("`{to}` instead of `{from}`: {:?}\n{text}", outcome.map(|o| o.schedule)),
        }
    }
}

/// A text with a number, the order of two lines or a line changed, once or several times.
fn edited(dice: &mut Dice, text: &str) -> String {
    let mut lines: Vec<String> = text.lines().map(|line| line.split("//").next().unwrap_or_default().into()).collect();
    for _ in 0..dice.between(1, 4) {
        let (n, m) = (dice.below(lines.len()), dice.below(lines.len()));
        match dice.below(10) {
            0..5 => {
                let numbers =
                    |line: &str| line.split(' ').filter(|w| w.trim_end_matches(';').parse::<i64>().is_ok()).count();
                let Some(line) = lines.iter_mut().filter(|line| numbers(line) > 0).nth(n % 3) else { continue };
                let (chosen, number) =
                    (dice.below(numbers(line)), dice.pick(&["0", "1", "2", "3", "5", "16", "1000000000000"]));
                let mut seen = 0;
                let words = line.split(' ').map(|word| {
                    let digits = word.trim_end_matches(';');
                    seen += usize::from(digits.parse::<i64>().is_ok());
                    let is_chosen = digits.parse::<i64>().is_ok() && seen == chosen + 1;
                    if is_chosen { word.replace(digits, number) } else { word.into() }
                });
                *line = words.collect::<Vec<String>>().join(" ");
            }
            5..7 => lines.swap(n, m),
            7 => {
                let line = lines.remove(n);
                lines.insert(m.min(lines.len()), line);
            }
            8 => lines[n] = dice.pick(&["}\ngroup {", "tile i by 2 {", "}", ""]).into(),
            _ => {
                lines[n] =
                    lines[n].split(" in ").next().unwrap_or_default().to_string() + dice.pick(&["", ";", " in 1 loop;"])
            }
        }
    }
    lines.join("\n")
}

/// That changed schedules of a random program compute what it computes, or are refused; how many were not.
fn try_changes(seed: u64) -> usize {
    let text = generator::program(seed, &generator::CALLS);
    let mut dice = Dice::new(seed);
    let case = Case::new(&text, &[], dice.between(100, 1500));
    let Ok(found) = case.found() else { return 0 };
    case.assert_replayed(&format!("seed {seed}"));
    let mut applied = 0;
    for _ in 0..8 {
        let changed = edited(&mut dice, &found.schedule);
        match case.applied(&changed) {
            Ok(outcome) => {
                let verdict = compare(&case.source(), &outcome.program, seed, u64::MAX);
                assert_eq!(verdict, Ok(Verdict::Same), "seed {seed}:\n{text}\n{changed}");
                applied += 1;
            }
            Err(Failure::Schedule(mistakes)) => assert!(!mistakes.is_empty()),
            Err(failure) => panic!("seed {seed}: {failure:?}\n{text}\n{changed}"),
        }
    }
    applied
}

/// Of several nests, and of whose dependences nothing is known.
#[test]
fn the_source_order_is_replayed_without_dependences() {
    for seed in [75_000_010, 75_000_039] {
        try_changes(seed);
    }
}

#[test]
fn schedules_of_random_programs_are_replayed_and_their_changes_are_right_or_refused() {
    let setting = |name: &str, otherwise: u64| {
        let given = std::env::var(name).ok();
        given.map_or(otherwise, |text| text.parse().unwrap_or_else(|_| panic!("{name} is no number: {text}")))
    };
    let (count, first) = (setting("POLYFUSE_RANDOM_COUNT", 25), setting("POLYFUSE_RANDOM_SEED", 1));
    let next = AtomicU64::new(first);
    let work = || {
        let mut applied = 0;
        loop {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if seed >= first + count {
                return applied;
            }
            applied += try_changes(seed);
        }
    };
    let applied: usize = std::thread::scope(|scope| {
        let workers: Vec<_> = (0..2)
            .map(|_| std::thread::Builder::new().stack_size(256 << 20).spawn_scoped(scope, work).expect("a thread"))
            .collect();
        workers.into_iter().map(|worker| worker.join().expect("all right")).sum()
    });
    eprintln!("{applied} changed schedules applied");
    assert!(applied as u64 > count, "{applied} changed schedules of {count} programs applied: the others say nothing");
}
