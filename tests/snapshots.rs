//! What does polyfuse decide for each kernel? A reviewer reads one file: source, schedule, staging, code and counts.
//!
//! Every kernel is scheduled for the machine `edge` (512 KiB), whose scratchpad is small enough that decisions matter.

use polyfuse::lang::ast::{Program, Role};
use polyfuse::machine::Machine;
use polyfuse::report::{Report, Traffic};
use polyfuse::schedule::Fuse;
use polyfuse::{Optimized, Options, lang, optimize};
use std::panic::AssertUnwindSafe;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};

fn kernels() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("kernels");
    let mut files: Vec<PathBuf> = std::fs::read_dir(folder)
        .expect("the folder of kernels")
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| path.extension().is_some_and(|e| e == "loop"))
        .collect();
    files.sort();
    files
}

fn schedule(path: &Path) -> (String, Optimized) {
    let text = std::fs::read_to_string(path).expect("a kernel");
    let parsed = lang::parse(&text).expect("a kernel parses");
    let machine = Machine::named("edge").expect("a machine");
    let options = Options {
        kernel: path.file_stem().expect("a stem").to_string_lossy().into(),
        file: path.file_name().expect("a name").to_string_lossy().into(),
        text: text.clone(),
        capacity_bytes: machine.scratchpad_bytes,
        machine,
        fuse: Fuse::Auto,
        recompute: 0.25,
        solver: Default::default(),
        effort: 1,
        strict_fp: false,
    };
    let optimized = optimize(&parsed, &[], &options).unwrap_or_else(|e| panic!("{}: {e:?}", path.display()));
    (text, optimized)
}

fn snapshot(text: &str, optimized: &Optimized) -> String {
    let report = &optimized.report;
    let total = |t: &Traffic| t.load_bytes + t.store_bytes;
    let dram = &report.dram;
    let scratch: String = optimized
        .program
        .arrays
        .iter()
        .filter(|a| a.role == Role::Scratch)
        .map(|a| {
            format!(
                "{:>9} bytes at {:>8}  {}{:?}\n",
                a.bytes(),
                optimized.placement.offsets[&a.name],
                a.name,
                a.extents
            )
        })
        .collect();
    let body = Program { arrays: Vec::new(), ..optimized.program.clone() };
    format!(
        "== source\n{}\n\n== schedule\n{}\n== staging\n{scratch}peak {} bytes, arena {} bytes, capacity {} bytes\n\n== code\n{}\n\
         == counts\nnaive      {:>16}\nper nest   {:>16}\noptimised  {:>16}\ncompulsory {:>16}\nbound      {:>16}\n",
        text.trim_end(),
        optimized.schedule,
        report.scratchpad.peak_bytes,
        report.scratchpad.arena_bytes,
        report.machine.scratchpad_bytes,
        body.to_string().trim_start(),
        total(&dram.naive),
        total(&dram.per_nest),
        total(&dram.optimized),
        dram.compulsory_bytes,
        dram.lower_bound_bytes,
    )
}

/// All kernels scheduled, two at a time, in the order of their names.
fn schedule_all() -> Vec<(String, Optimized)> {
    let files = kernels();
    let next = AtomicUsize::new(0);
    let work = || {
        let mut done = Vec::new();
        loop {
            let at = next.fetch_add(1, Ordering::Relaxed);
            let Some(path) = files.get(at) else { return done };
            done.push((at, schedule(path)));
        }
    };
    let mut all = std::thread::scope(|scope| {
        let other = scope.spawn(work);
        let mut all = work();
        all.extend(other.join().expect("kernels that are scheduled"));
        all
    });
    all.sort_by_key(|(at, _)| *at);
    all.into_iter().map(|(_, scheduled)| scheduled).collect()
}

#[test]
fn every_kernel_is_scheduled_as_its_snapshot_shows() {
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path("../snapshots");
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    let scheduled = schedule_all();
    assert!(scheduled.len() >= 24, "only {} kernels", scheduled.len());
    let mut changed = Vec::new();
    for (text, optimized) in &scheduled {
        let Report { kernel, dram, .. } = &optimized.report;
        let total = |t: &Traffic| t.load_bytes + t.store_bytes;
        assert!(
            total(&dram.optimized) <= total(&dram.per_nest),
            "{kernel}: fusing moves more than leaving nests apart"
        );
        assert!(dram.lower_bound_bytes <= total(&dram.optimized), "{kernel}: less is moved than the lower bound");
        let shown = snapshot(text, optimized);
        // All kernels are compared before the test fails, so that one run shows every change.
        let compare = AssertUnwindSafe(|| settings.bind(|| insta::assert_snapshot!(kernel.clone(), shown)));
        if std::panic::catch_unwind(compare).is_err() {
            changed.push(kernel.clone());
        }
    }
    assert!(changed.is_empty(), "changed: {changed:?}");
}
