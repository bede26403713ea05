//! What does emitted C do? Many kernels are compiled at once, beside a runtime that counts, and each is run on the inputs of the
//! interpreter and held against what that moves and leaves.

use std::fmt::Write as _;
use std::process::Command;

use polyfuse::emit::{Placement, to_c};
use polyfuse::lang::ast::{Array, Program, Role, Type};
use polyfuse::run::{Memory, Traffic, Typed, execute_observed};
use tempfile::TempDir;

/// A scheduled program, resolved, and where its buffers lie.
pub struct Kernel {
    pub program: Program,
    pub placement: Placement,
}

/// Kernels in one executable.
pub struct Compiled {
    folder: TempDir,
    kernels: Vec<Kernel>,
}

/// The steps of the longest run of a kernel.
const PLENTY: u64 = 1 << 24;

/// What is asked of a compiler for every kernel.
pub const STRICT: [&str; 4] = ["-std=c11", "-Wall", "-Wextra", "-Werror"];

/// All that a kernel may expect of its header.
pub const DECLARATIONS: &str = "#pragma once
#include <stddef.h>
#include <stdint.h>
void pf_load(void *, const void *, size_t, int, const size_t *, const ptrdiff_t *, const ptrdiff_t *);
void pf_store(void *, const void *, size_t, int, const size_t *, const ptrdiff_t *, const ptrdiff_t *);
";

const COUNTING: &str = r#"#include "polyfuse_rt.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
typedef struct { const char *name; char *at; size_t bytes; long loads, stores; } block;
static block blocks[64];
static int known;
static int calls;
static void add(const char *name, void *at, size_t bytes) { blocks[known++] = (block){name, at, bytes, 0, 0}; }
static char *arena;
static size_t arena_bytes;
static void copy(int store, char *chip, char *dram, size_t bytes, int ndim, const size_t *extent, const ptrdiff_t *cs,
                 const ptrdiff_t *ds) {
  for (size_t k = 0; k < extent[0]; k++, chip += cs[0], dram += ds[0]) {
    if (ndim > 1) { copy(store, chip, dram, bytes, ndim - 1, extent + 1, cs + 1, ds + 1); continue; }
    block *b = 0;
    for (int n = 0; n < known; n++) if (dram >= blocks[n].at && dram + bytes <= blocks[n].at + blocks[n].bytes) b = &blocks[n];
    if (!b) { puts("a transfer leaves its array"); exit(1); }
    if (chip < arena || chip + bytes > arena + arena_bytes) { puts("a transfer leaves the arena"); exit(1); }
    if (store) memcpy(dram, chip, bytes), b->stores++; else memcpy(chip, dram, bytes), b->loads++;
  }
}
static void whole(int store, char *chip, char *dram, size_t bytes, int ndim, const size_t *extent, const ptrdiff_t *cs, const ptrdiff_t *ds) {
  if (ndim < 1 || ndim > 8) { puts("a box of no or too many dimensions"); exit(1); }
  copy(store, chip, dram, bytes, ndim, extent, cs, ds);
  calls++;
}
void pf_load(void *s, const void *d, size_t b, int n, const size_t *e, const ptrdiff_t *cs, const ptrdiff_t *ds) { whole(0, s, (char *)d, b, n, e, cs, ds); }
void pf_store(void *d, const void *s, size_t b, int n, const size_t *e, const ptrdiff_t *ds, const ptrdiff_t *cs) { whole(1, (char *)s, d, b, n, e, cs, ds); }
"#;

impl Compiled {
    /// Compiles kernels, each as its own file, with `flags` beside [`STRICT`].
    ///
    /// # Errors
    /// What the emitter or the compiler says.
    pub fn new(kernels: Vec<Kernel>, flags: &[&str]) -> Result<Compiled, String> {
        let folder = tempfile::tempdir().expect("a folder");
        let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).expect("written");
        write("polyfuse_rt.h", DECLARATIONS);
        let mut drivers = COUNTING.to_string();
        let mut choice = String::new();
        for (n, kernel) in kernels.iter().enumerate() {
            let code = to_c(&kernel.program, &format!("k{n}"), &kernel.placement).map_err(|e| e.to_string())?;
            write(&format!("k{n}.c"), &code);
            drivers += &driver(n, &kernel.program, &inputs(&kernel.program));
            writeln!(choice, "  case {n}: trial_{n}(); break;").unwrap();
        }
        writeln!(drivers, "int main(int argc, char **argv) {{\n  switch (atoi(argv[argc - 1])) {{\n{choice}  }}\n}}")
            .unwrap();
        write("drivers.c", &drivers);
        let files = |end: &str| (0..kernels.len()).map(|n| format!("k{n}.{end}")).collect::<Vec<_>>();
        let gcc = || {
            let mut gcc = Command::new("gcc");
            gcc.args(flags).current_dir(&folder);
            gcc
        };
        tool(gcc().args(STRICT).arg("-c").args(files("c")))?;
        tool(gcc().args(["-std=gnu11", "-w", "drivers.c"]).args(files("o")).args(["-lm", "-o", "x"]))?;
        Ok(Compiled { folder, kernels })
    }

    /// Runs the kernel numbered `n`; how many calls moved its data.
    ///
    /// # Errors
    /// The first difference from the interpreter in what is moved, or in a value by more than `tolerance` of it.
    pub fn agrees(&self, n: usize, tolerance: f64) -> Result<usize, String> {
        let Kernel { program, .. } = &self.kernels[n];
        let mut traffic = Traffic::new(program);
        let memory = execute_observed::<Typed, _>(program, 1, PLENTY, &mut traffic).map_err(|f| f.to_string())?;
        let output = tool(Command::new(self.folder.path().join("x")).arg(n.to_string()))?;
        let mut lines = output.lines();
        let mut moved = |name: &str, loads: u64, stores: u64| match lines.next() {
            Some(line) if line == format!("{name} {loads} {stores}") => Ok(()),
            line => Err(format!("{line:?}, should be {name} {loads} {stores}")),
        };
        for (array, &(loads, stores)) in program.arrays.iter().zip(&traffic.arrays).filter(|(a, _)| is_parameter(a)) {
            moved(&array.name, loads, stores)?;
        }
        let spilled = program.arrays.iter().zip(&traffic.arrays).filter(|(a, _)| a.role == Role::Temp);
        let (loads, stores) = spilled.fold((0, 0), |sum, (_, t)| (sum.0 + t.0, sum.1 + t.1));
        moved("workspace", loads, stores)?;
        let calls = lines.next().and_then(|l| l.strip_prefix("calls ")?.parse().ok()).ok_or("no number of calls")?;
        for array in program.arrays.iter().filter(|a| is_parameter(a)) {
            for i in indices(array) {
                let found: f64 = lines.next().and_then(|l| l.strip_prefix("= ")?.parse().ok()).ok_or("no value")?;
                let Some(expected) = value(&memory, array, &i) else { continue };
                let same = found == expected || found.is_nan() && expected.is_nan();
                let close = !array.ty.is_integer() && (found - expected).abs() <= tolerance * expected.abs();
                if !same && !close {
                    return Err(format!("{}{i:?} is {found}, should be {expected}", array.name));
                }
            }
        }
        Ok(calls)
    }

    /// The C of the kernel numbered `n`.
    pub fn code(&self, n: usize) -> String {
        std::fs::read_to_string(self.folder.path().join(format!("k{n}.c"))).expect("what was written")
    }
}

/// What a tool prints.
///
/// # Errors
/// Both streams of one that fails.
pub fn tool(command: &mut Command) -> Result<String, String> {
    let output = command.output().expect("the tool starts");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    match output.status.success() {
        true => Ok(text(&output.stdout)),
        false => Err(format!("{}: {}{}", output.status, text(&output.stdout), text(&output.stderr))),
    }
}

fn c_type(ty: Type) -> &'static str {
    match ty {
        Type::F64 => "double",
        Type::F32 => "float",
        Type::F16 => "_Float16",
        Type::Bf16 => "uint16_t",
        Type::I32 => "int32_t",
        Type::I8 => "int8_t",
    }
}

fn is_parameter(array: &Array) -> bool {
    !matches!(array.role, Role::Temp | Role::Scratch)
}

/// All indices of an array, in row-major order.
fn indices(array: &Array) -> Vec<Vec<i64>> {
    array.extents.iter().fold(vec![Vec::new()], |so_far, &extent| {
        so_far.iter().flat_map(|i| (0..extent).map(move |k| [i.as_slice(), &[k]].concat())).collect()
    })
}

fn value(memory: &Memory<Typed>, array: &Array, indices: &[i64]) -> Option<f64> {
    let text = memory.show(&array.name, indices)?;
    match array.ty {
        Type::F64 | Type::I32 => text.parse().ok(),
        // The shortest text that an f32 reads back from.
        _ => text.parse::<f32>().ok().map(f64::from),
    }
}

/// What the arrays hold before a run.
fn inputs(program: &Program) -> Memory<Typed> {
    let none = Program { body: Vec::new(), ..program.clone() };
    execute_observed::<Typed, ()>(&none, 1, 1, &mut ()).expect("nothing to run")
}

/// Arrays with the interpreter's inputs, one call of a kernel, and everything printed.
fn driver(kernel: usize, program: &Program, inputs: &Memory<Typed>) -> String {
    let (mut before, mut after) = (String::new(), String::new());
    let (mut prototype, mut arguments) = (Vec::new(), Vec::new());
    for (n, array) in program.arrays.iter().filter(|a| is_parameter(a)).enumerate() {
        let ty = c_type(array.ty);
        let constant = if array.role == Role::Input { "const " } else { "" };
        prototype.push(format!("{constant}{ty} *"));
        arguments.push(format!("d{n}"));
        let values = indices(array).into_iter().map(|i| {
            let value = value(inputs, array, &i).filter(|_| array.role != Role::Output).unwrap_or(77.0);
            match array.ty {
                Type::Bf16 => ((value as f32).to_bits() >> 16).to_string(),
                _ => format!("({ty}){value:?}"),
            }
        });
        let values = values.collect::<Vec<_>>().join(", ");
        writeln!(before, "  static {ty} d{n}[] = {{{values}}};\n  add(\"{}\", d{n}, sizeof d{n});", array.name)
            .unwrap();
        let element = match array.ty {
            Type::Bf16 => {
                format!("({{ uint32_t u = (uint32_t)d{n}[i] << 16; float f; memcpy(&f, &u, 4); (double)f; }})")
            }
            _ => format!("(double)d{n}[i]"),
        };
        writeln!(after, "  for (size_t i = 0; i < sizeof d{n} / sizeof *d{n}; i++) printf(\"= %.17g\\n\", {element});")
            .unwrap();
    }
    prototype.push("void *, void *".into());
    arguments.push("workspace, arena".into());
    let (prototype, arguments) = (prototype.join(", "), arguments.join(", "));
    format!(
        "void kernel_k{kernel}({prototype});
size_t kernel_k{kernel}_scratch_bytes(void);
size_t kernel_k{kernel}_workspace_bytes(void);
static void trial_{kernel}(void) {{
  arena_bytes = kernel_k{kernel}_scratch_bytes();
  size_t more = kernel_k{kernel}_workspace_bytes();
  arena = aligned_alloc(64, arena_bytes / 64 * 64 + 64);
  char *workspace = aligned_alloc(64, more / 64 * 64 + 64);
  memset(arena, 0xff, arena_bytes / 64 * 64 + 64);
{before}  add(\"workspace\", workspace, more);
  kernel_k{kernel}({arguments});
  for (int n = 0; n < known; n++) printf(\"%s %ld %ld\\n\", blocks[n].name, blocks[n].loads, blocks[n].stores);
  printf(\"calls %d\\n\", calls);
{after}  free(arena);
  free(workspace);
}}
"
    )
}
