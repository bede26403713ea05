//! Does a sweep tell what `opt` tells at each capacity, in every form?

use std::path::Path;
use std::process::Command;

use serde_json::Value;

const SMALL: [&str; 6] = ["-D", "M=96", "-D", "N=64", "-D", "K=80"];

/// Exit status, stdout, stderr, in the repository.
fn polyfuse(arguments: &[&str]) -> (i32, String, String) {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let output = Command::new(env!("CARGO_BIN_EXE_polyfuse")).args(arguments).current_dir(root).output();
    let output = output.expect("polyfuse starts");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (output.status.code().expect("a status"), text(&output.stdout), text(&output.stderr))
}

fn sweep(sizes: &str, form: &str) -> String {
    let arguments = ["sweep", "kernels/gemm.loop", "--scratchpad", sizes, "--emit", form];
    let (status, out, err) = polyfuse(&[&arguments[..], &SMALL].concat());
    assert_eq!((status, err.as_str()), (0, ""), "a pipe sees no progress");
    out
}

fn read(json: &str) -> Value {
    serde_json::from_str(json).expect("JSON")
}

#[test]
fn each_point_is_what_opt_reports_there() {
    let curve = read(&sweep("256..8KiB", "json"));
    assert_eq!((&curve["schema"], &curve["kernel"]), (&"polyfuse-sweep/1".into(), &"gemm".into()));
    let points = curve["points"].as_array().expect("points");
    assert_eq!(points.len(), 11);
    for point in points {
        let size = point["scratchpad_bytes"].to_string();
        let arguments = ["opt", "kernels/gemm.loop", "--scratchpad", &size, "--emit", "json"];
        let report = read(&polyfuse(&[&arguments[..], &SMALL].concat()).1);
        let dram = &report["dram"];
        for key in ["per_nest", "optimized", "lower_bound_bytes"] {
            assert_eq!(point[key], dram[key], "{key} at {size}");
        }
        assert_eq!(point["groups"], report["groups"].as_array().map_or(0, Vec::len), "{size}");
        assert_eq!(point["arena_bytes"], report["scratchpad"]["arena_bytes"], "{size}");
        assert_eq!((&curve["naive"], &curve["compulsory_bytes"]), (&dram["naive"], &dram["compulsory_bytes"]));
    }
}

#[test]
fn the_forms_agree_and_do_not_change() {
    let curve = read(&sweep("8,1KiB..4KiB", "json"));
    let points = curve["points"].as_array().expect("points");
    let total = |p: &Value| Some(p["optimized"]["load_bytes"].as_i64()? + p["optimized"]["store_bytes"].as_i64()?);
    let [csv, table, svg] = ["csv", "text", "svg"].map(|form| {
        let out = sweep("8,1KiB..4KiB", form);
        assert_eq!(out, sweep("8,1KiB..4KiB", form), "{form}");
        out
    });
    let rows: Vec<Vec<&str>> = csv.lines().map(|line| line.split(',').collect()).collect();
    assert_eq!(rows.len(), points.len() + 1);
    assert!(rows.iter().all(|row| row.len() == rows[0].len()), "{csv}");
    for (row, point) in rows[1..].iter().zip(points) {
        assert_eq!(row[0], point["scratchpad_bytes"].to_string());
        assert_eq!(row[3], total(point).map_or(String::new(), |bytes| bytes.to_string()));
    }
    assert!(table.contains("\n         8  does not fit; 12 bytes would do\n"), "{table}");
    assert_eq!(points[0]["smallest_bytes"], 12);
    let plain = table.replace(',', "");
    assert!(points.iter().filter_map(total).all(|bytes| plain.contains(&format!(" {bytes} "))), "{table}");
    assert!(svg.starts_with("<svg ") && svg.ends_with("</svg>\n"), "{svg}");
    assert_eq!(svg.matches("<circle").count(), points.len() - 1);
}

#[test]
fn a_sweep_without_any_schedule_says_what_would_do() {
    let (status, out, err) = polyfuse(&["sweep", "kernels/gemm.loop", "--scratchpad", "1..4"]);
    assert_eq!((status, out.as_str()), (1, ""));
    assert!(err.contains("12 would do"), "{err}");
}

#[test]
fn sizes_that_are_none_are_wrong_usage() {
    for (option, value) in
        [("--scratchpad", "64KB"), ("--scratchpad", "4KiB..1KiB"), ("--steps", "0"), ("--emit", "png")]
    {
        let (status, out, err) = polyfuse(&["sweep", "kernels/gemm.loop", option, value]);
        assert_eq!((status, out.as_str()), (2, ""), "{value}: {err}");
    }
}
