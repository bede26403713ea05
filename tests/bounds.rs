//! Do results keep to what no schedule can undercut, and does more room never cost bytes?

use polyfuse::machine::Machine;
use polyfuse::report::Report;
use polyfuse::schedule::Fuse;
use polyfuse::{Failure, Options, lang, optimize};

fn kernels() -> Vec<(String, String)> {
    let folder = format!("{}/kernels", env!("CARGO_MANIFEST_DIR"));
    let files = std::fs::read_dir(folder).expect("kernels").map(|entry| entry.expect("an entry").path());
    let mut kernels: Vec<(String, String)> = files
        .filter(|path| path.extension().is_some_and(|e| e == "loop"))
        .map(|path| {
            let name = path.file_stem().expect("a name").to_string_lossy().into_owned();
            (name, std::fs::read_to_string(path).expect("a kernel"))
        })
        .collect();
    kernels.sort();
    kernels
}

/// The report on a program with every parameter at most `limit`; `None` where nothing fits.
fn report(name: &str, text: &str, limit: i64, capacity_bytes: i64) -> Option<Report> {
    let parsed = lang::parse(text).expect("a program parses");
    let options = Options {
        kernel: name.into(),
        file: format!("{name}.loop"),
        text: text.into(),
        machine: Machine::named("edge").expect("a machine"),
        capacity_bytes,
        fuse: Fuse::Auto,
        recompute: 0.25,
        solver: Default::default(),
        effort: 1,
        strict_fp: false,
    };
    let smaller: Vec<(String, i64)> = parsed.params.iter().map(|p| (p.name.to_string(), p.value.min(limit))).collect();
    match optimize(&parsed, &smaller, &options) {
        Ok(optimized) => Some(optimized.report),
        Err(Failure::DoesNotFit { .. }) => None,
        Err(error) => panic!("{name} at {capacity_bytes}: {error:?}"),
    }
}

fn bytes(report: &Report) -> i64 {
    report.dram.optimized.load_bytes + report.dram.optimized.store_bytes
}

#[test]
fn no_result_is_below_its_bound() {
    let mut above_compulsory = 0;
    for (name, text) in kernels() {
        for capacity in [700, 8192] {
            let Some(report) = report(&name, &text, 32, capacity) else { continue };
            let bound = report.dram.lower_bound_bytes;
            assert!(bytes(&report) >= bound, "{name} at {capacity}: {} below {bound}", bytes(&report));
            assert!(bound >= report.dram.compulsory_bytes, "{name} at {capacity}");
            above_compulsory += usize::from(bound > report.dram.compulsory_bytes);
        }
    }
    assert!(above_compulsory > 2, "{above_compulsory}: the bounds of products say something");
}

/// `2·MACs/√(Re·S) - 2S` elements, where 12·14·14 outputs each take 8·3·3 products; a stride of 2 leaves `Re = 2·2` of the filter's 3·3.
#[test]
fn a_convolution_has_the_bound_of_its_window() {
    let bound = |stride: i64| {
        let text = format!(
            "param N = {}; input X[8][N][N], F[12][8][3][3]; output Y[12][14][14]; for o in 0..12, h in 0..14, w in 0..14 {{ Y[o][h][w] = 0; \
             for c in 0..8, r in 0..3, s in 0..3 {{ Y[o][h][w] += F[o][c][r][s] * X[c][{stride} * h + r][{stride} * w + s]; }} }}",
            13 * stride + 3
        );
        report("conv", &text, 99, 256).expect("a schedule").dram.lower_bound_bytes
    };
    let expected = |reuse: f64| {
        let macs = (12 * 14 * 14 * 8 * 9) as f64;
        4 * ((2.0 * macs / (reuse * 64.0).sqrt() - 128.0).floor() as i64 - 1)
    };
    assert_eq!([bound(1), bound(2)], [expected(9.0), expected(4.0)]);
}
