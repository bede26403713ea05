//! Is the model of time consistent? What the report says in all, the trace shows piece by piece.

use std::path::Path;

use polyfuse::machine::{Machine, Rates};
use polyfuse::timeline::{Times, times, trace};
use polyfuse::{Options, lang, optimize};
use serde_json::Value;

fn rates(machine: &str) -> Rates {
    Machine::named(machine).and_then(|m| m.rates).expect("a machine with rates")
}

/// A scheduled program, resolved.
fn staged(text: &str) -> lang::ast::Program {
    lang::parse(text).and_then(|p| lang::resolve(&p, &[])).expect("a program").program
}

/// A kernel scheduled for a machine: its program and its time.
fn scheduled(kernel: &str, machine: &str, capacity_bytes: i64) -> (lang::ast::Program, Times) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("kernels/{kernel}.loop"));
    let text = std::fs::read_to_string(path).expect("a kernel");
    let parsed = lang::parse(&text).expect("a program");
    let options = Options {
        kernel: kernel.into(),
        file: kernel.into(),
        text,
        machine: Machine::named(machine).expect("a machine"),
        capacity_bytes,
        fuse: polyfuse::schedule::Fuse::Auto,
        recompute: 0.25,
        solver: Default::default(),
        effort: 1,
        strict_fp: false,
    };
    let optimized = optimize(&parsed, &[], &options).expect("a schedule");
    (optimized.program, optimized.report.time.expect("a time"))
}

struct Event {
    lane: i64,
    start: f64,
    seconds: f64,
}

/// The events of a trace, and its other data.
fn read(trace: &str) -> (Vec<Event>, Value) {
    let trace: Value = serde_json::from_str(trace).expect("JSON");
    let events = trace["traceEvents"].as_array().expect("events").iter().filter(|e| e["ph"] == "X").map(|e| Event {
        lane: e["tid"].as_i64().expect("a lane"),
        start: e["ts"].as_f64().expect("a start") * 1e-6,
        seconds: e["dur"].as_f64().expect("a duration") * 1e-6,
    });
    (events.collect(), trace["otherData"].clone())
}

fn is_close(a: f64, b: f64) -> bool {
    (a - b).abs() <= 1e-6 * a.abs().max(b.abs())
}

#[test]
fn a_trace_adds_up_to_the_report() {
    for (kernel, machine, capacity) in
        [("softmax", "edge", 524288), ("attention", "inf2", 1 << 20), ("blur", "edge", 65536), ("syrk", "edge", 524288)]
    {
        let (program, whole) = scheduled(kernel, machine, capacity);
        let (events, other) = read(&trace(&program, &rates(machine)).expect("a trace"));
        assert_eq!(other["complete"], true, "{kernel}");
        let lanes = [whole.dma_seconds, whole.tensor_seconds, whole.vector_seconds, whole.scalar_seconds];
        for (lane, seconds) in lanes.into_iter().enumerate() {
            let shown: f64 = events.iter().filter(|e| e.lane == lane as i64).map(|e| e.seconds).sum();
            // Runs at the edges of a transfer are shorter; the report takes their mean.
            let tolerance = if lane == 0 { 0.02 } else { 1e-6 };
            assert!((shown - seconds).abs() <= tolerance * seconds, "{kernel} lane {lane}: {shown} {seconds}");
        }
        assert!(is_close(whole.serial_seconds, lanes.iter().sum()), "{kernel}");
        let end = other["seconds"].as_f64().expect("an end");
        assert!(
            end <= 1.02 * whole.serial_seconds && end >= 0.98 * whole.overlapped_seconds.min(whole.seconds),
            "{kernel}"
        );
    }
}

#[test]
fn no_lane_does_two_things_at_once_and_one_buffer_makes_them_wait() {
    let (program, whole) = scheduled("softmax", "edge", 65536);
    let end = |double_buffering: bool| {
        let (mut events, other) =
            read(&trace(&program, &Rates { double_buffering, ..rates("edge") }).expect("a trace"));
        events.sort_by(|a, b| a.start.total_cmp(&b.start));
        for lanes in [&[0][..], &[1, 2, 3], &[0, 1, 2, 3]].iter().take(if double_buffering { 2 } else { 3 }) {
            let own: Vec<&Event> = events.iter().filter(|e| lanes.contains(&e.lane)).collect();
            let overlap = own.windows(2).find(|w| w[1].start < w[0].start + w[0].seconds - 1e-12);
            assert!(overlap.is_none(), "lanes {lanes:?} at {:?}", overlap.map(|w| w[1].start));
        }
        other["seconds"].as_f64().expect("an end")
    };
    let (serial, overlapped) = (end(false), end(true));
    assert!(is_close(serial, whole.serial_seconds), "{serial} {}", whole.serial_seconds);
    assert!(overlapped < 0.9 * serial && overlapped >= whole.overlapped_seconds * 0.999, "{overlapped} {serial}");
}

#[test]
fn the_time_of_a_small_program_is_that_of_its_parts() {
    let program = staged(
        "input A[8][16], B[8][16]; output C[8][16]; scratch a[8][16], c[8][16];
load a[i][j] = A[i][j] for i in 0..8, j in 0..16;
for i in 0..8, j in 0..16 { c[i][j] = exp(a[i][j]) + 1; }
store C[i][j] = c[i][j] for i in 0..8, j in 0..8;",
    );
    let rates = rates("edge");
    let found = times(&program, &rates).expect("a time");
    assert_eq!((found.transfers, found.runs), (2, 1 + 8));
    assert!(is_close(found.mean_run_bytes, (512.0 + 256.0) / 9.0));
    // 512 bytes in one run, and 8 runs of 32 bytes that take as long as 64 each, at 8 GB/s; two starts of 500 ns.
    assert!(is_close(found.dma_seconds, 1000e-9 + (512.0 + 512.0) / 8e9), "{found:?}");
    assert!(is_close(found.scalar_seconds, 128.0 * 2.0 / 8e9) && found.vector_seconds == 0.0, "{found:?}");
    assert!(is_close(found.seconds, found.dma_seconds + found.scalar_seconds) && found.bound_by == "dma");
    let doubled = times(&program, &Rates { double_buffering: true, ..rates }).expect("a time");
    assert!(is_close(doubled.seconds, doubled.dma_seconds.max(doubled.scalar_seconds)));
}

#[test]
fn short_operands_and_sums_of_products_have_rates_of_their_own() {
    let seconds = |ty: &str, op: &str| {
        let text = format!(
            "input {ty} A[64]; input {ty} B[64]; output C; scratch {ty} a[64]; scratch {ty} b[64]; scratch c;
for i in 0..64 {{ c {op} a[i] * b[i]; }}"
        );
        let found = times(&staged(&text), &rates("edge")).expect("a time");
        (found.tensor_seconds, found.vector_seconds)
    };
    assert!(is_close(seconds("f32", "+=").0, 128.0 / 500e9));
    assert!(is_close(seconds("f16", "+=").0, 128.0 / 1000e9));
    assert!(is_close(seconds("f32", "max=").1, 128.0 / 32e9) && seconds("f32", "max=").0 == 0.0);
}

#[test]
fn a_trace_that_is_too_long_says_so() {
    let program = staged(
        "input A[100000]; output B[100000]; scratch s;
for i in 0..100000 { load s = A[i]; store B[i] = s; }",
    );
    let (events, other) = read(&trace(&program, &rates("edge")).expect("a trace"));
    assert!((20_000..20_010).contains(&events.len()) && other["complete"] == false, "{} {other}", events.len());
}
