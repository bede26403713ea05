//! Does more room never cost bytes? Kernels of each kind at 24 capacities, made small.
//!
//! POLYFUSE_CURVES=full asks all kernels at their own shapes, from 1 KiB to 32 MiB: some ten minutes.

use polyfuse::lang::ast::Program;
use polyfuse::machine::Machine;
use polyfuse::schedule::Fuse;
use polyfuse::{Options, Sweep, lang};

/// A product, a convolution, a normalisation, stencils, recurrences, shared inputs, a triangle.
const KINDS: [&str; 8] = ["gemm", "conv1x1", "layernorm", "jacobi_1d", "blur", "gru", "atax", "syrk"];
const STEPS: usize = 24;
/// The largest parameter of a kernel made small.
const SMALL: i64 = 20;

fn options(name: &str, text: &str) -> Options {
    Options {
        kernel: name.into(),
        file: format!("{name}.loop"),
        text: text.into(),
        machine: Machine::named("edge").expect("a machine"),
        capacity_bytes: 0,
        fuse: Fuse::Auto,
        recompute: 0.25,
        solver: Default::default(),
        effort: 1,
        strict_fp: false,
    }
}

/// So many capacities with about the same ratio from each to the next.
fn capacities(least: i64, most: i64) -> Vec<i64> {
    let ratio = (most as f64 / least as f64).powf(1.0 / (STEPS - 1) as f64);
    (0..STEPS).map(|n| (least as f64 * ratio.powi(n as i32)).round() as i64).collect()
}

fn bytes(program: &Program) -> i64 {
    program.arrays.iter().map(|array| array.bytes()).sum()
}

/// Where a kernel moves more than with less room, and at how many capacities it runs.
fn rises(name: &str, text: &str, is_small: bool) -> (Vec<String>, usize) {
    let parsed = lang::parse(text).expect("a program parses");
    let small = parsed.params.iter().filter(|_| is_small).map(|p| (p.name.to_string(), p.value.min(SMALL)));
    let overrides: Vec<(String, i64)> = small.collect();
    let all = bytes(&lang::resolve(&parsed, &overrides).expect("a program that means something").program);
    let capacities = if is_small { capacities(all / 200 + 32, all + all / 4) } else { capacities(1 << 10, 32 << 20) };
    let options = options(name, text);
    let sweep =
        Sweep { parsed: &parsed, overrides: &overrides, options: &options, stack_bytes: 64 << 20, told: &|_, _| {} };
    let planned = sweep.plan(&capacities).unwrap_or_else(|error| panic!("{name}: {error:?}"));
    let moved: Vec<(i64, i64)> = planned
        .into_iter()
        .filter_map(|(capacity, report)| Some((capacity, report.ok()?.dram.optimized.bytes())))
        .collect();
    let mut rises = Vec::new();
    let mut fewest: Option<(i64, i64)> = None;
    for &(capacity, bytes) in &moved {
        match fewest {
            Some((room, before)) if bytes > before => {
                rises.push(format!("{name}: {before} at {room}, {bytes} at {capacity}"))
            }
            _ => fewest = Some((capacity, bytes)),
        }
    }
    (rises, moved.len())
}

#[test]
fn bytes_never_rise_when_capacity_grows() {
    let is_small = std::env::var("POLYFUSE_CURVES").is_err();
    let folder = format!("{}/kernels", env!("CARGO_MANIFEST_DIR"));
    let files = std::fs::read_dir(folder).expect("kernels").map(|entry| entry.expect("an entry").path());
    let mut kernels: Vec<_> = files.filter(|path| path.extension().is_some_and(|e| e == "loop")).collect();
    kernels.sort();
    let mut all = Vec::new();
    for path in kernels {
        let name = path.file_stem().expect("a name").to_string_lossy().into_owned();
        if is_small && !KINDS.contains(&&*name) {
            continue;
        }
        let (rises, points) = rises(&name, &std::fs::read_to_string(&path).expect("a kernel"), is_small);
        assert!(points >= STEPS / 2, "{name}: only {points} of the capacities are enough");
        all.extend(rises);
    }
    assert!(all.is_empty(), "{}", all.join("\n"));
}
