//! Is the C that polyfuse emits the program? Compiled without warnings, run under a runtime that counts, held against the interpreter.

#[path = "c/runtime.rs"]
mod runtime;

use std::fmt::Write as _;
use std::path::Path;
use std::process::Command;

use polyfuse::emit::{EmitError, Placement, RUNTIME_HEADER, kernel_name, to_c};
use polyfuse::lang::ast::{Program, Role};
use polyfuse::lang::{is_reserved, parse, resolve};
use polyfuse::machine::Machine;
use polyfuse::schedule::Fuse;
use polyfuse::{Options, optimize};
use runtime::{Compiled, DECLARATIONS, Kernel, STRICT};

fn program(source: &str) -> Program {
    let parsed = parse(source).unwrap_or_else(|d| panic!("{}", d[0].render("test", source, false)));
    resolve(&parsed, &[]).unwrap_or_else(|d| panic!("{}", d[0].render("test", source, false))).program
}

/// One buffer after another.
fn placement(program: &Program) -> Placement {
    let mut placement = Placement::default();
    for array in program.arrays.iter().filter(|a| a.role == Role::Scratch) {
        let offset = (placement.arena_bytes + 7) / 8 * 8;
        placement.offsets.insert(array.name.clone(), offset);
        placement.arena_bytes = offset + array.bytes();
    }
    placement
}

fn emitted(source: &str) -> String {
    let program = program(source);
    to_c(&program, "k", &placement(&program)).unwrap_or_else(|e| panic!("{e}"))
}

/// What a tool prints that succeeds.
fn tool(command: &mut Command) -> String {
    runtime::tool(command).unwrap_or_else(|said| panic!("{command:?}\n{said}"))
}

/// Compiles and runs the program's C and compares traffic and results with the interpreter's; how many calls moved the data.
fn agrees(source: &str) -> usize {
    let program = program(source);
    let placement = placement(&program);
    let compiled = Compiled::new(vec![Kernel { program, placement }], &["-O2"]).unwrap_or_else(|e| panic!("{e}"));
    compiled.agrees(0, 1e-6).unwrap_or_else(|difference| panic!("{difference}\n{}", compiled.code(0)))
}

#[test]
fn a_tiled_product_moves_what_the_interpreter_counts() {
    agrees(
        "input A[20][12], B[12][8]; output C[20][8]; scratch a[8][12], b[12][8], c[8][8];
         load b[k][j] = B[k][j] for k in 0..12, j in 0..8;
         for t in 0..3 {
           load a[i - 8 * t][k] = A[i][k] for i in 8 * t..min(8 * t + 8, 20), k in 0..12;
           for i in 8 * t..min(8 * t + 8, 20), j in 0..8 {
             c[i - 8 * t][j] = 0;
             for k in 0..12 { c[i - 8 * t][j] += a[i - 8 * t][k] * b[k][j]; }
           }
           store C[i][j] = c[i - 8 * t][j] for i in 8 * t..min(8 * t + 8, 20), j in 0..8;
         }",
    );
}

/// Every call and operator on one element type.
fn computes(ty: &str) {
    agrees(&format!(
        "input {ty} X[9], Y[9]; inout {ty} Z[12][9]; output {ty} W[9]; scratch {ty} x[9], y[9], z[12][9], w[9];
         load x[i] = X[i] for i in 0..9; load y[i] = Y[i] for i in 0..9; load z[r][i] = Z[r][i] for r in 0..12, i in 0..9;
         for i in 0..9 {{
           z[0][i] += x[i] * y[i] - 0.1;
           z[1][i] -= x[i] / (y[i] * y[i] + 1) * -y[i];
           z[2][i] *= 3 * x[i];
           z[3][i] max= x[i];
           z[4][i] min= x[i] + 0.5;
           z[5][i] = exp(x[i]) + log(abs(y[i]) + 1) + sqrt(abs(x[i])) + rsqrt(y[i] * y[i] + 1);
           z[6][i] = tanh(x[i]) - (sigmoid(y[i]) - erf(x[i])) + floor(3.7 * x[i]) * 1;
           z[7][i] = pow(abs(x[i]) + 1, 1.5) + max(x[i], y[i], 0.25, i - 4) - min(x[i], -y[i]);
           z[8][i] = select(x[i] < y[i] || !(0 <= x[i] <= 100 && i != 3), x[i] + i, -(y[i] - 2.5e3));
           z[9][i] = 1 / (i + 1) + i;
           z[10][i] += i;
           z[11][i] = select(i < 3, 2 * i, inf);
           w[i] = x[i];
         }}
         store Z[r][i] = z[r][i] for r in 0..12, i in 0..9; store W[i] = w[i] for i in 0..9;"
    ));
}

#[test]
fn doubles_compute_as_in_the_interpreter() {
    computes("f64");
}

#[test]
fn floats_compute_as_in_the_interpreter() {
    computes("f32");
}

#[test]
fn half_floats_compute_as_in_the_interpreter() {
    computes("f16");
}

#[test]
fn brain_floats_compute_as_in_the_interpreter() {
    computes("bf16");
}

#[test]
fn words_compute_as_in_the_interpreter() {
    computes("i32");
}

#[test]
fn bytes_compute_as_in_the_interpreter() {
    computes("i8");
}

#[test]
fn operands_of_several_types_meet_as_in_the_interpreter() {
    agrees(
        "input f64 D[6]; input f32 F; input i32 N[6]; input i8 B[6]; input bf16 H[6]; output f64 R[8][6]; output i8 Q[6]; output bf16 P[6];
         output f16 O[6]; scratch f64 d[6], r[8][6]; scratch f; scratch i32 n[6]; scratch i8 b[6], q[6]; scratch bf16 h[6], p[6];
         scratch f16 o[6];
         load d[i] = D[i] for i in 0..6; load f = F; load n[i] = N[i] for i in 0..6; load b[i] = B[i] for i in 0..6;
         load h[i] = H[i] for i in 0..6;
         for i in 0..6 {
           r[0][i] = d[i] * 0.1 + f * 0.1;
           r[1][i] = n[i] * n[i] * b[i] - 7;
           r[2][i] = (n[i] + 2147483647) * (n[i] + 2147483647) * (n[i] + 2147483647);
           r[3][i] = n[i] / 3 + b[i] * 0.5;
           r[4][i] = max(n[i], b[i], 3) + abs(-n[i]) + min(n[i], d[i]);
           r[5][i] = select(n[i] == n[i], b[i], h[i]) + sqrt(b[i] * b[i]);
           r[6][i] = exp(i) + b[i] * i;
           r[7][i] = h[i] + f;
           q[i] = n[i] * 1000;
           p[i] = d[i] / 3;
           o[i] = d[i] / 3 + n[i];
         }
         store R[r0][i] = r[r0][i] for r0 in 0..8, i in 0..6; store Q[i] = q[i] for i in 0..6; store P[i] = p[i] for i in 0..6;
         store O[i] = o[i] for i in 0..6;",
    );
}

#[test]
fn a_ring_is_split_only_along_the_ring() {
    let calls = agrees(
        "input A[3][20][10]; output B[3][16][10]; scratch ring[3][6][10], sum[3][1][10];
         load ring[c][i % 6][j] = A[c][i][j] for c in 0..3, i in 0..4, j in 0..10;
         for t in 0..16 {
           load ring[c][i % 6][j] = A[c][i][j] for c in 0..3, i in t + 4..t + 5, j in 0..10;
           for c in 0..3, j in 0..10 {
             sum[c][0][j] = 0;
             for k in 0..5 { sum[c][0][j] += ring[c][(t + k) % 6][j]; }
           }
           store B[c][t][j] = sum[c][0][j] for c in 0..3, j in 0..10;
         }",
    );
    assert_eq!(calls, 1 + 16 + 16);
}

#[test]
fn a_ring_of_whole_tiles_needs_no_loop() {
    let source = "input A[64]; output B[64]; scratch ring[16];
         for t in 0..8 {
           load ring[i % 16] = A[i] for i in 8 * t..8 * t + 8;
           store B[i] = ring[i % 16] for i in 8 * t..8 * t + 8;
         }";
    assert_eq!(agrees(source), 16);
    assert!(!emitted(source).contains("pf_mod"));
}

#[test]
fn a_triangle_is_loops_around_rows() {
    let calls = agrees(
        "input A[12][12]; output B[12][12]; scratch s[12][12];
         load s[i][j] = A[i][j] for i in 0..12, j in 0..i;
         store B[i][j] = s[i][j] for i in 0..12, j in 0..i;",
    );
    assert_eq!(calls, 24);
}

#[test]
fn reversed_strided_and_repeated_boxes_move_right() {
    let calls = agrees(
        "input A[30], P[2][3][4]; output B[30], Q[4][3], R[5]; scratch s[30], t[4], u[2][3][4];
         load s[29 - i] = A[i] for i in 0..30 step 3;
         store B[2 * i] = s[29 - 3 * i] for i in 0..10;
         load t[i] = A[3] for i in 0..4;
         load u[a][b][c] = P[1 - a][b][c] for a in 0..2, b in 0..3, c in 0..4;
         store Q[c][b] = u[1][b][c] for b in 0..3, c in 0..4;
         store R[2] = t[3];
         store R[i] = s[i] for i in 4..4;",
    );
    assert_eq!(calls, 7);
}

#[test]
fn a_whole_array_is_one_run() {
    let code = emitted(
        "input A[4][5][6]; scratch s[4][5][6]; load s[i][j][k] = A[i][j][k] for i in 0..4, j in 0..5, k in 0..6;",
    );
    assert!(code.contains("pf_load1(s, A, 4, 120, 4, 4);"), "{code}");
}

#[test]
fn ten_ranges_become_a_box_of_eight_dimensions_in_loops() {
    let (mut ranges, mut index, mut extents) = (Vec::new(), String::new(), String::new());
    for d in 0..10 {
        ranges.push(format!("d{d} in 0..2"));
        write!(index, "[2 * d{d}]").unwrap();
        write!(extents, "[4]").unwrap();
    }
    let extents = extents.replace("[4]", "[3]");
    let source = format!(
        "input A{extents}; output B; scratch s{extents}; load s{index} = A{index} for {}; store B = s{};",
        ranges.join(", "),
        "[2]".repeat(10)
    );
    assert_eq!(agrees(&source), 4 + 1);
}

#[test]
fn an_element_that_is_written_twice_keeps_the_last_value() {
    agrees(
        "input A[6][5]; output B[6], C[6]; scratch s[6];
         load s[(i + j) % 6] = A[i][j] for i in 0..6, j in 0..5;
         store B[i] = s[i] for i in 0..6;
         load s[i + j % 3] = A[i][j] for i in 0..4, j in 0..5;
         store C[i] = s[i] for i in 0..6;",
    );
}

#[test]
fn conditions_divisions_and_scalars_compute_as_in_the_interpreter() {
    agrees(
        "input A[20], k; inout i32 n; output B[20]; scratch s[20], t[20], c; scratch i32 m;
         load s[i] = A[i] for i in 0..20; load c = k; load m = n;
         for i in 0..20 {
           if (i - 7) / 2 >= -1 && !(i % 3 == 1) || i == i { t[i] = s[(i - 5) % 20] * c; m += 1; }
           else if i < i - 1 { t[i] = 0; } else { }
         }
         for i in max(0, 3 - 5)..min(20, 30) step 4 { t[i] += (i - 9) / 4; m max= 2; }
         store B[i] = t[i] for i in 0..20; store n = m;",
    );
}

#[test]
fn a_spilled_temp_lives_in_an_aligned_workspace_and_others_take_none() {
    let source = "input A[5]; temp T[5], U[100], V[3]; output B[5]; scratch s[5], v[3];
         load s[i] = A[i] for i in 0..5; store T[i] = s[i] for i in 0..5; load s[i] = T[4 - i] for i in 0..5;
         store V[i] = s[i] for i in 0..3; load v[i] = V[i] for i in 0..3; store B[i] = s[i] for i in 0..5;";
    agrees(source);
    let code = emitted(source);
    assert!(code.contains("kernel_k_workspace_bytes(void) { return 128; }"), "{code}");
    assert!(code.contains("(char *)workspace + 64"), "{code}");
}

#[test]
fn names_that_c_knows_are_changed() {
    agrees(
        "input tan[4], y0[4], index[4], printf[4], stdin[4], logf[4], main[4], workspace[4], unix[4], INT8_MAX[4], _Bool[4];
         output scratch_bytes[4], kernel_k[4], pf_load[4], int64_t[4], double[4]; scratch pf_load1[4], expf[4], float[4], size_t[4];
         load pf_load1[long] = tan[long] for long in 0..4; load expf[register] = stdin[register] for register in 0..4;
         for while in 0..4 { float[while] = tanh(pf_load1[while]) + expf[while] * while; }
         store scratch_bytes[i] = float[i] for i in 0..4; store kernel_k[auto] = float[auto] for auto in 0..4;
         store pf_load[i] = float[i] for i in 0..4; store int64_t[i] = float[i] for i in 0..4; store double[i] = float[i] for i in 0..4;",
    );
}

#[test]
fn names_of_macros_are_changed() {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("polyfuse_rt.h"), RUNTIME_HEADER).expect("written");
    std::fs::write(folder.path().join("k.c"), emitted("output B; scratch s; s = 1; store B = s;")).expect("written");
    let gcc = |arguments: &[&str]| tool(Command::new("gcc").args(arguments).arg("k.c").current_dir(&folder));
    for dialect in [&["-std=c11"][..], &["-std=gnu17", "-D_GNU_SOURCE"]] {
        let macros = gcc(&[dialect, &["-dM", "-E"]].concat());
        let names = macros.lines().filter_map(|line| line.split([' ', '(']).nth(1));
        let names: Vec<&str> = names.filter(|name| !name.starts_with('_') && !is_reserved(name)).collect();
        assert!(names.contains(&"POLYFUSE_RT_H") && names.contains(&"math_errhandling"));
        let mut source = format!("input {}; output B; scratch s;\n", names.join("[4], "));
        names.iter().for_each(|name| writeln!(source, "load s = {name}[i] for i in 0..1;").unwrap());
        let source = source.replacen(';', "[4];", 1) + "store B = s;";
        std::fs::write(folder.path().join("k.c"), emitted(&source)).expect("written");
        gcc(&[dialect, &["-Wall", "-Wextra", "-Werror", "-fsyntax-only"]].concat());
    }
}

#[test]
fn programs_that_use_nothing_compile_without_warnings() {
    agrees("input A[3]; temp T[4]; output B[2]; scratch s[7];");
    agrees("inout A[3]; scratch s[3]; for i in 0..3 { } load s[i] = A[i] for i in 0..3; if 1 < 0 { s[0] = 1; }");
}

#[test]
fn the_stack_does_not_grow_with_the_transfers() {
    let mut source = String::from("input A[40][40][40]; output B[40][40][40]; scratch s[20][20][20];\n");
    for n in 0..300 {
        let (lo, hi) = (n % 7, 10 + n % 9);
        writeln!(source, "load s[i][j][k] = A[i][j][2 * k] for i in {lo}..{hi}, j in {lo}..{hi}, k in 0..7;").unwrap();
        writeln!(source, "store B[i][j][2 * k] = s[i][j][k] for i in {lo}..{hi}, j in 0..{hi}, k in 0..7;").unwrap();
    }
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("polyfuse_rt.h"), DECLARATIONS).expect("written");
    std::fs::write(folder.path().join("k.c"), emitted(&source)).expect("written");
    for level in ["-O0", "-O1", "-O2", "-O3"] {
        tool(Command::new("gcc").args(STRICT).args([level, "-fstack-usage", "-c", "k.c"]).current_dir(&folder));
        let usage = std::fs::read_to_string(folder.path().join("k.su")).expect("stack usage");
        for line in usage.lines() {
            let bytes: u32 = line.split('\t').nth(1).and_then(|n| n.parse().ok()).expect("bytes");
            assert!(bytes < 4096, "{level}: {line}");
        }
    }
}

#[test]
fn the_header_that_ships_copies_boxes_in_c_and_in_cpp() {
    let source = "input A[9][9]; output B[9][9]; scratch s[9][9];
         load s[8 - i][j] = A[i][2 * j] for i in 0..9, j in 0..5;
         store B[i][2 * j] = s[8 - i][j] for i in 0..9, j in 0..5;";
    let main = "#include <stdio.h>
         void kernel_k(const float *, float *, void *, void *);
         int main(void) {
           static float a[81], b[81], s[81];
           for (int i = 0; i < 81; i++) a[i] = (float)i;
           kernel_k(a, b, 0, s);
           for (int i = 0; i < 81; i++) if (b[i] != (i % 9 % 2 ? 0.0f : a[i])) return 1;
           return 0;
         }";
    let folder = tempfile::tempdir().expect("a folder");
    let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).expect("written");
    write("polyfuse_rt.h", RUNTIME_HEADER);
    write("k.c", &emitted(source));
    write("main.c", main);
    write("only.cpp", "#include \"polyfuse_rt.h\"\n#include \"polyfuse_rt.h\"\n");
    tool(Command::new("gcc").args(STRICT).args(["-O2", "k.c", "main.c", "-lm", "-o", "x"]).current_dir(&folder));
    tool(&mut Command::new(folder.path().join("x")));
    tool(Command::new("g++").args(["-Wall", "-Wextra", "-Werror", "-fsyntax-only", "only.cpp"]).current_dir(&folder));
    assert!(Path::new(&folder.path().join("x")).exists());
}

#[test]
fn an_assignment_to_dram_is_refused() {
    let program = program("output B[2]; scratch s[2]; for i in 0..2 { B[i] = 1; }");
    let result = to_c(&program, "k", &placement(&program));
    assert_eq!(result, Err(EmitError::DirectAccess { array: "B".into() }));
}

#[test]
fn a_buffer_without_a_place_or_outside_of_the_arena_is_refused() {
    let program = program("input A[2]; scratch s[2]; load s[i] = A[i] for i in 0..2;");
    let error = Err(EmitError::Misplaced { array: "s".into() });
    assert_eq!(to_c(&program, "k", &Placement::default()), error);
    let small = Placement { offsets: [("s".into(), 0)].into_iter().collect(), arena_bytes: 7 };
    assert_eq!(to_c(&program, "k", &small), error);
}

#[test]
fn the_kernel_is_named_for_the_file() {
    assert_eq!(kernel_name("two_mm"), "kernel_two_mm");
    assert_eq!(kernel_name("a-b.v2 é"), "kernel_a_b_v2__");
}

/// Parameters of every kernel so small that it runs in a moment.
const SMALL: i64 = 9;

/// A kernel at small parameters, scheduled for a small scratchpad; `None` where it has no meaning there.
fn scheduled(text: &str) -> Option<Kernel> {
    let parsed = parse(text).expect("a kernel");
    let small: Vec<(String, i64)> = parsed.params.iter().map(|p| (p.name.to_string(), p.value.min(SMALL))).collect();
    let machine = Machine::named("edge").expect("a machine");
    let options = Options {
        kernel: "k".into(),
        file: "k.loop".into(),
        text: text.into(),
        capacity_bytes: 600,
        machine,
        fuse: Fuse::Auto,
        recompute: 0.0,
        solver: Default::default(),
        effort: 1,
        strict_fp: false,
    };
    let optimized = optimize(&parsed, &small, &options).ok()?;
    let program = resolve(&optimized.program, &[]).expect("a scheduled program").program;
    Some(Kernel { program, placement: optimized.placement })
}

#[test]
fn every_kernel_is_clean_under_sanitizers() {
    let files = std::fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("kernels")).expect("kernels");
    let mut paths: Vec<_> = files.map(|file| file.expect("a file").path()).filter(|path| path.is_file()).collect();
    paths.sort();
    let kernels = paths.iter().map(|path| scheduled(&std::fs::read_to_string(path).expect("a kernel")));
    let kernels: Vec<Kernel> = kernels.flatten().collect();
    let count = kernels.len();
    assert!(count >= 40, "only {count} kernels can be made small");
    let flags = ["-O0", "-g", "-fsanitize=address,undefined", "-fno-sanitize-recover=all"];
    let compiled = Compiled::new(kernels, &flags).unwrap_or_else(|e| panic!("{e}"));
    for n in 0..count {
        // What the C library rounds differently grows in sums.
        compiled.agrees(n, 1e-4).unwrap_or_else(|difference| panic!("{difference}\n{}", compiled.code(n)));
    }
}

/// Small random numbers, the same in every run.
struct Random(u64);

impl Random {
    fn below(&mut self, n: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        (self.0 >> 33) % n
    }

    fn pick<'a>(&mut self, of: &[&'a str]) -> &'a str {
        of[self.below(of.len() as u64) as usize]
    }

    /// An index within 0..12 over `names`.
    fn index(&mut self, names: &[&str]) -> String {
        let mut sum = self.below(25).to_string();
        for _ in 0..1 + self.below(2) {
            let (name, factor) = (self.pick(names), 1 + self.below(6));
            let sign = self.pick(&["+", "+", "-"]);
            let term = match self.below(5) {
                0 => format!("({name} + {factor}) / {}", 1 + self.below(4)),
                1 => format!("({factor} * {name} - 3) % {}", 2 + self.below(7)),
                2 => format!("{factor} * {name}"),
                _ => name.to_string(),
            };
            sum = format!("{sum} {sign} {term}");
        }
        match self.below(4) {
            0 => self.pick(names).to_string(),
            1 => format!("11 - {}", self.pick(names)),
            _ => format!("({sum}) % 12"),
        }
    }

    /// A range within 0..12.
    fn range(&mut self, name: &str, outer: &[&str]) -> String {
        let lo = match self.below(4) {
            0 => format!("min({}, {})", self.pick(outer), self.below(9)),
            1 => format!("max({} - 2, 0)", self.pick(outer)),
            2 => format!("{}", self.below(4)),
            _ => self.pick(outer).to_string(),
        };
        let hi = match self.below(4) {
            0 => format!("min({lo2} + 4, 12)", lo2 = self.pick(outer)),
            1 => format!("{}", 2 + self.below(11)),
            2 => format!("12 - {} / 2", self.pick(outer)),
            _ => self.pick(outer).to_string(),
        };
        format!("{name} in {lo}..{hi} step {}", 1 + self.below(6) / 4)
    }

    fn transfer(&mut self) -> String {
        let names = ["t", "i", "j", "k"];
        let used = 2 + self.below(3) as usize;
        let ranges: Vec<String> = (1..used).map(|n| self.range(names[n], &names[..n])).collect();
        let mut index = || self.index(&names[..used]);
        format!("load s[{}][{}] = A[{}][{}] for {};", index(), index(), index(), index(), ranges.join(", "))
    }
}

#[test]
fn random_transfers_leave_what_the_interpreter_leaves() {
    for seed in 0..6 {
        let mut random = Random(seed);
        let mut source = String::from("input A[12][12]; output B[40][3][12][12]; scratch s[12][12];\n");
        source += "load s[i][j] = A[j][i] for i in 0..12, j in 0..12; for t in 0..3 {\n";
        for n in 0..40 {
            writeln!(source, "  {}", random.transfer()).unwrap();
            writeln!(source, "  store B[{n}][t][i][j] = s[i][j] for i in 0..12, j in 0..12;").unwrap();
        }
        agrees(&(source + "}\n"));
    }
}
