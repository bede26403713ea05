//! Are the reasons true? Each number that `explain` gives is asked of `opt` again.

use std::path::Path;
use std::process::Command;

use serde_json::Value;
use tempfile::TempDir;

fn polyfuse(folder: &Path, arguments: &[&str]) -> (i32, String, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_polyfuse")).args(arguments).current_dir(folder).output();
    let output = output.expect("polyfuse starts");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (output.status.code().expect("a status"), text(&output.stdout), text(&output.stderr))
}

fn json(folder: &Path, arguments: &[&str]) -> Value {
    let (status, out, err) = polyfuse(folder, arguments);
    assert_eq!(status, 0, "{arguments:?}: {err}");
    serde_json::from_str(&out).expect("JSON")
}

/// A folder with one program.
fn program(text: &str) -> TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("p.loop"), text).expect("written");
    folder
}

/// The reasons for a program, each as its code, and as a whole.
fn reasons(text: &str, scratchpad: &str) -> Vec<(String, Value)> {
    let folder = program(text);
    let found = json(folder.path(), &["explain", "p.loop", "--scratchpad", scratchpad, "--emit", "json"]);
    let pairs = found["pairs"].as_array().expect("pairs").clone();
    pairs.into_iter().map(|reason| (reason["code"].as_str().expect("a code").to_string(), reason)).collect()
}

fn text_of(reason: &Value) -> &str {
    reason["text"].as_str().expect("a text")
}

/// Whether two statements are in one group of a report.
fn are_fused(report: &Value, a: &str, b: &str) -> bool {
    let has = |group: &Value, label: &str| group["statements"].as_array().is_some_and(|s| s.contains(&label.into()));
    report["groups"].as_array().expect("groups").iter().any(|group| has(group, a) && has(group, b))
}

const PRODUCTS: &str = "param N = 48; input A[N][N], B[N][N], D[N][N]; temp C[N][N]; output E[N][N];
for i in 0..N, j in 0..N { C[i][j] = 0; for k in 0..N { C[i][j] += A[i][k] * B[k][j]; } }
for i in 0..N, l in 0..N { E[i][l] = 0; for j in 0..N { E[i][l] += C[i][j] * D[j][l]; } }";

const SHARED_TWICE: &str = "param N = 4096; input X[N]; temp S; output Y[N];
for i in 0..1 { S = 0; }
for i in 0..N { S += X[i]; }
for i in 0..N { Y[i] = X[i] * S; }";

#[test]
fn what_moves_more_as_one_group_does_and_changes_where_it_is_said_to() {
    let found = reasons(PRODUCTS, "500");
    let [(code, reason)] = &found[..] else { panic!("{found:?}") };
    assert_eq!((code.as_str(), &reason["kind"]), ("PF005", &"more-traffic".into()));
    let folder = program(PRODUCTS);
    let report = |options: &[&str]| json(folder.path(), &[&["opt", "p.loop", "--emit", "json"], options].concat());
    let total = |report: &Value, which: &str| {
        let moved = &report["dram"][which];
        moved["load_bytes"].as_i64().expect("loads") + moved["store_bytes"].as_i64().expect("stores")
    };
    let fused = report(&["--scratchpad", "500", "--fuse", "max"]);
    assert!(are_fused(&fused, "S1", "S3"));
    assert!(total(&fused, "optimized") > total(&fused, "per_nest"));
    let plain: String = text_of(reason).chars().filter(|c| *c != ',').collect();
    for bytes in [total(&fused, "optimized"), total(&fused, "per_nest")] {
        assert!(plain.contains(&format!(" {bytes} ")), "{bytes}: {plain}");
    }
    let change = &reason["change"];
    let at = |key: &str| report(&["--scratchpad", &change[key].to_string()]);
    assert_eq!(change["code"], "PF001", "{change}");
    assert!(are_fused(&at("scratchpad_bytes"), "S1", "S3"), "{change}");
    assert!(!are_fused(&at("not_at_bytes"), "S1", "S3"), "{change}");
}

#[test]
fn a_sum_over_all_is_an_obstacle_with_the_instances_that_are_far_apart() {
    let found = reasons(SHARED_TWICE, "1KiB");
    let (code, reason) = found.iter().find(|(_, r)| r["first"]["statements"][0] == "S1").expect("the pair");
    assert_eq!((code.as_str(), &reason["arrays"]), ("PF009", &serde_json::json!(["X", "S"])), "{reason}");
    assert!(text_of(reason).starts_with("S2 at i = 0 needs S1 at i = 4095: "), "{reason}");
    assert!(text_of(reason).ends_with("the first nest must be 4,095 iterations ahead"), "{reason}");
    assert_eq!(reason["second"]["at"], "p.loop:4:17");
}

#[test]
fn what_is_read_reversed_waits_for_all_of_it() {
    let reversed = "input X[99]; temp T[99]; output Y[99];
for i in 0..99 { T[i] = X[i]; } for i in 0..99 { Y[i] = T[98 - i]; }";
    let found = reasons(reversed, "64B");
    assert!(matches!(&found[..], [(code, _)] if code == "PF008"), "{found:?}");
    assert!(text_of(&found[0].1).starts_with("S1 at i = 0 needs S0 at i = 98: "), "{found:?}");
}

#[test]
fn nests_that_run_together_or_share_what_stays_are_said_to() {
    let chain = "input X[64]; temp T[64]; output Y[64];
for i in 0..64 { T[i] = 2 * X[i]; }
for i in 0..64 { Y[i] = T[i] + 1; }";
    let found = reasons(chain, "64");
    assert!(matches!(&found[..], [(code, _)] if code == "PF001"), "{found:?}");
    assert!(text_of(&found[0].1).contains("`T` moves 0 bytes (512 in nests by themselves)"), "{found:?}");
    let kept = reasons(SHARED_TWICE, "64KiB");
    let (code, reason) = kept.iter().find(|(_, r)| r["first"]["statements"][0] == "S1").expect("the pair");
    assert_eq!((code.as_str(), &reason["change"]), ("PF002", &Value::Null), "{reason}");
}

#[test]
fn the_table_of_live_buffers_adds_up_to_the_peak() {
    let folder = program(PRODUCTS);
    let found = json(folder.path(), &["explain", "p.loop", "--scratchpad", "4KiB", "--emit", "json"]);
    let (_, text, _) = polyfuse(folder.path(), &["explain", "p.loop", "--scratchpad", "4KiB"]);
    let table: Vec<&str> =
        text.lines().skip_while(|l| !l.starts_with("The scratchpad at its fullest")).skip(1).collect();
    let bytes =
        |line: &&str| line.split_whitespace().next().expect("a figure").replace(',', "").parse::<i64>().expect("bytes");
    let (total, buffers) = table.split_last().expect("a table");
    assert_eq!(buffers.iter().map(bytes).sum::<i64>(), bytes(total));
    assert_eq!(found["report"]["scratchpad"]["peak_bytes"], bytes(total));
    assert!(total.ends_with("in all, of 4,096"), "{total}");
}

#[test]
fn a_schedule_that_gains_nothing_says_why() {
    let alone = program("input A[8]; output B[8]; for i in 0..8 { B[i] = A[i]; }");
    let (_, text, _) = polyfuse(alone.path(), &["explain", "p.loop"]);
    assert!(text.contains("PF013 nothing changed between nests, because the program is a single nest"), "{text}");
    let apart =
        program("input A[8], C[8]; output B[8], D[8]; for i in 0..8 { B[i] = A[i]; } for i in 0..8 { D[i] = C[i]; }");
    let (_, text, _) = polyfuse(apart.path(), &["explain", "p.loop"]);
    assert!(text.contains("because no two nests touch the same array"), "{text}");
}

#[test]
fn nests_that_are_too_far_apart_for_a_group_are_said_to_be() {
    let mut text = String::from("input X[32]; output Y[32]; temp T0[32]");
    (1..18).for_each(|n| text += &format!(", T{n}[32]"));
    text += "; for i in 0..32 { T0[i] = X[i]; }";
    (1..18).for_each(|n| text += &format!(" for i in 0..32 {{ T{n}[i] = T{}[31 - i]; }}", n - 1));
    text += " for i in 0..32 { Y[i] = T17[i] + X[i]; }";
    let found = reasons(&text, "16B");
    let (code, reason) = found.iter().find(|(_, r)| r["arrays"][0] == "X").expect("the pair");
    assert_eq!(code, "PF011", "{reason}");
    assert!(text_of(reason).contains("19 nests with 19 statements; a group has at most 16 and 28"), "{reason}");
}

#[test]
fn an_explanation_is_the_same_each_time() {
    let folder = program(PRODUCTS);
    for form in ["text", "json"] {
        let once = || polyfuse(folder.path(), &["explain", "p.loop", "--scratchpad", "500", "--emit", form]);
        assert_eq!(once(), once());
    }
}

#[test]
fn every_code_is_listed_and_described() {
    let folder = program("");
    let (status, list, _) = polyfuse(folder.path(), &["explain", "codes"]);
    assert_eq!((status, list.lines().count()), (0, 22));
    for line in list.lines() {
        let (status, text, _) = polyfuse(folder.path(), &["explain", &line[..5]]);
        assert!(status == 0 && text.starts_with(line), "{text}");
    }
    let (status, out, err) = polyfuse(folder.path(), &["explain", "PF099"]);
    assert_eq!((status, out.as_str()), (2, ""));
    assert!(err.contains("PF001 to PF022"), "{err}");
}
