//! Does `diff` show what is different between two reports?

use std::path::Path;
use std::process::Command;

fn polyfuse(folder: &Path, arguments: &[&str]) -> (i32, String, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_polyfuse")).args(arguments).current_dir(folder).output();
    let output = output.expect("polyfuse starts");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (output.status.code().expect("a status"), text(&output.stdout), text(&output.stderr))
}

const CHAIN: &str = "input X[64][64]; temp T[64][64]; output Y[64][64];
for i in 0..64, j in 0..64 { T[i][j] = 2 * X[i][j]; }
for i in 0..64, j in 0..64 { Y[i][j] = T[i][j] + 1; }";

/// A folder with the reports of a program that is fused and of one that is not.
fn reports() -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("p.loop"), CHAIN).expect("written");
    for (name, fuse) in [("apart.json", "none"), ("fused.json", "auto")] {
        let arguments = ["opt", "p.loop", "--fuse", fuse, "--scratchpad", "1KiB", "-o", "out", "--report", name];
        assert_eq!(polyfuse(folder.path(), &arguments).0, 0);
    }
    folder
}

#[test]
fn figures_arrays_groups_and_remarks_that_differ_are_shown() {
    let folder = reports();
    let (status, out, err) = polyfuse(folder.path(), &["diff", "apart.json", "fused.json"]);
    assert_eq!((status, err.as_str()), (0, ""));
    let row = |name: &str| out.lines().find(|l| l.starts_with(name)).map(|l| l.split_whitespace().collect::<Vec<_>>());
    assert_eq!(row("total"), Some(vec!["total", "65,536", "32,768", "-50.00%"]), "{out}");
    assert_eq!(row("  T"), Some(vec!["T", "32,768", "0", "-100.00%"]), "{out}");
    assert_eq!((row("compulsory"), row("  X")), (None, None), "what is the same is not shown: {out}");
    assert!(out.contains("\n- S0: ") && out.contains("\n+ S0 S1: "), "{out}");
    assert!(out.contains("\n- PF003 ") && out.contains("\n+ PF001 "), "{out}");
}

#[test]
fn two_runs_differ_in_nothing() {
    let folder = reports();
    let (status, out, _) = polyfuse(folder.path(), &["diff", "fused.json", "fused.json"]);
    assert_eq!((status, out.lines().count()), (0, 2), "{out}");
    assert!(out.trim_end().ends_with("same"), "{out}");
}

#[test]
fn growth_over_a_threshold_is_status_1() {
    let folder = reports();
    let diff = |a: &str, b: &str, threshold: &str| polyfuse(folder.path(), &["diff", a, b, "--threshold", threshold]).0;
    assert_eq!(diff("fused.json", "apart.json", "99.9"), 1);
    assert_eq!(diff("fused.json", "apart.json", "100"), 0);
    assert_eq!(diff("apart.json", "fused.json", "0"), 0);
}

#[test]
fn what_is_no_report_is_refused() {
    let folder = reports();
    let (status, out, err) = polyfuse(folder.path(), &["diff", "fused.json", "p.loop"]);
    assert_eq!((status, out.as_str()), (1, ""));
    assert!(err.contains("p.loop: not JSON"), "{err}");
    assert_eq!(polyfuse(folder.path(), &["diff", "-", "-"]).0, 2);
    let report = std::fs::read_to_string(folder.path().join("fused.json")).expect("read");
    let far = report.replace("\"load_bytes\": 16384", &format!("\"load_bytes\": {}", i64::MIN));
    std::fs::write(folder.path().join("far.json"), far).expect("written");
    assert_eq!(polyfuse(folder.path(), &["diff", "far.json", "fused.json"]).0, 0);
}
