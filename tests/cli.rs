//! Does the command line keep its word? Exit statuses, messages and files, seen from outside.

use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use tempfile::TempDir;

const GOOD: &str = "param N = 4; input A[N]; output B[N]; for i in 0..N { B[i] = 2 * A[i]; }";
const STAGED: &str = "input A[4]; output B[4]; scratch s[4];
load s[i] = A[i] for i in 0..4; for i in 0..4 { s[i] += s[i]; } store B[i] = s[i] for i in 0..4;";
const WRONG: &str = "input A[4]; output B[4]; for i in 0..4 { B[i] = C[i]; D[i] = A[i]; }";

/// A folder with the programs above.
fn folder() -> TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    for (name, text) in [("good.loop", GOOD), ("staged.loop", STAGED), ("wrong.loop", WRONG)] {
        fs::write(folder.path().join(name), text).expect("written");
    }
    folder
}

fn polyfuse(folder: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_polyfuse")).args(arguments).current_dir(folder).output().expect("polyfuse starts")
}

/// Runs in a fresh folder: exit status, stdout, stderr.
fn run(arguments: &[&str]) -> (i32, String, String) {
    let output = polyfuse(folder().path(), arguments);
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (output.status.code().expect("a status"), text(&output.stdout), text(&output.stderr))
}

fn fed(input: &[u8], arguments: &[&str]) -> (i32, String, String) {
    let mut child = Command::new(env!("CARGO_BIN_EXE_polyfuse"))
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("polyfuse starts");
    child.stdin.take().expect("stdin").write_all(input).expect("written");
    let output = child.wait_with_output().expect("polyfuse ends");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (output.status.code().expect("a status"), text(&output.stdout), text(&output.stderr))
}

#[test]
fn help_and_version_are_results() {
    for arguments in [&["--help"][..], &["opt", "--help"], &["--version"]] {
        let (status, out, err) = run(arguments);
        assert_eq!((status, err.as_str()), (0, ""));
        assert!(out.contains("polyfuse"), "{out}");
    }
}

#[test]
fn wrong_usage_is_status_2() {
    for arguments in [
        &[][..],
        &["optimise"],
        &["opt"],
        &["opt", "good.loop", "--emit", "fortran"],
        &["opt", "good.loop", "--fuse", "some"],
        &["opt", "good.loop", "--recompute", "-1"],
        &["opt", "good.loop", "--effort", "0"],
        &["opt", "good.loop", "--solver", "magic"],
        &["opt", "--emit", "c"],
        &["opt", "good.loop", "-o", "x", "--report", "x"],
        &["opt", "good.loop", "--report", "-"],
        &["count", "good.loop", "--scratchpad", "64KB"],
        &["count", "good.loop", "-D", "N"],
        &["count", "good.loop", "-D", "N=0"],
        &["count", "good.loop", "--machine", "inf3"],
        &["check", "-", "-"],
        &["machines", "inf3"],
    ] {
        let (status, out, err) = run(arguments);
        assert_eq!((status, out.as_str()), (2, ""), "{arguments:?}: {err}");
        assert!(!err.is_empty());
    }
}

#[test]
fn a_negative_value_is_refused_for_what_it_is() {
    for (option, value, reason) in [
        ("--scratchpad", "-5", "`-5` is no size"),
        ("--effort", "-1", "-1 is not in 1.."),
        ("--recompute", "-0.5", "`-0.5` is no fraction"),
    ] {
        let (status, _, err) = run(&["opt", "good.loop", option, value]);
        assert_eq!(status, 2);
        assert!(err.contains(reason) && !err.contains("tip:"), "{err}");
    }
}

#[test]
fn an_unknown_parameter_lists_those_that_exist() {
    let (status, _, err) = run(&["count", "good.loop", "-D", "M=3"]);
    assert_eq!(status, 2);
    assert!(err.contains("`M`") && err.contains("parameters are N"), "{err}");
}

#[test]
fn a_missing_or_unreadable_input_is_status_1() {
    for file in ["missing.loop", "."] {
        let (status, out, err) = run(&["count", file]);
        assert_eq!((status, out.as_str()), (1, ""), "{err}");
        assert!(err.contains(&format!("cannot read {file}")), "{err}");
    }
    let (status, _, err) = fed(b"input A[4];\n// \xc3\xbc\xff", &["count", "-"]);
    assert_eq!(status, 1);
    assert!(err.contains("cannot read stdin: line 2, column 5 is not UTF-8 text; save"), "{err}");
}

#[test]
fn every_mistake_is_shown_with_its_place_and_nothing_is_written() {
    for command in ["opt", "count", "run", "deps"] {
        let folder = folder();
        let output = polyfuse(folder.path(), &[command, "wrong.loop", "-o", "out"]);
        let err = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{err}");
        assert!(err.matches("wrong.loop:1:").count() >= 2, "{err}");
        assert!(!err.contains('\u{1b}'));
        assert!(output.stdout.is_empty() && !folder.path().join("out").exists());
    }
}

#[test]
fn a_coefficient_that_is_too_large_is_a_mistake_in_every_command() {
    let text = "output B[1]; for i in 0..1 { B[i*4611686018427387904*2]=1; }";
    for arguments in [&["opt", "-"][..], &["count", "-"], &["run", "-"], &["deps", "-"]] {
        let (status, out, err) = fed(text.as_bytes(), arguments);
        assert_eq!((status, out.as_str()), (1, ""), "{arguments:?}: {err}");
        assert!(err.contains("does not fit 63 bits") && err.contains("stdin:1:32"), "{arguments:?}: {err}");
    }
}

#[test]
fn opt_refuses_a_program_that_is_scheduled_already() {
    let (status, out, err) = run(&["opt", "staged.loop"]);
    assert_eq!((status, out.as_str()), (1, ""));
    assert!(err.contains("scheduled already") && err.contains("staged.loop:1:"), "{err}");
}

#[test]
fn count_prints_a_line_an_array_and_a_total() {
    let (status, out, _) = run(&["count", "good.loop", "-D", "N=8"]);
    assert_eq!((status, out.as_str()), (0, "A 32 0\nB 0 32\ntotal 32 32\n"));
    let (status, out, _) = run(&["count", "staged.loop"]);
    assert_eq!((status, out.as_str()), (0, "A 16 0\nB 0 16\ntotal 16 16\n"));
}

#[test]
fn count_prints_json_in_the_order_of_the_report() {
    let (status, out, _) = run(&["count", "staged.loop", "--emit", "json"]);
    assert_eq!(status, 0);
    let squeezed: String = out.split_whitespace().collect();
    assert_eq!(
        squeezed,
        "{\"dram\":{\"load_bytes\":16,\"store_bytes\":16},\"arrays\":[{\"name\":\"A\",\"role\":\"input\",\"load_bytes\":16,\
         \"store_bytes\":0},{\"name\":\"B\",\"role\":\"output\",\"load_bytes\":0,\"store_bytes\":16}]}"
    );
}

#[test]
fn run_prints_a_checksum_an_output_that_reading_stdin_does_not_change() {
    let (status, out, _) = run(&["run", "good.loop"]);
    assert_eq!(status, 0);
    assert!(out.starts_with("B ") && out.len() == "B 0123456789abcdef\n".len(), "{out}");
    assert_eq!(fed(GOOD.as_bytes(), &["run", "-"]), (0, out.clone(), String::new()));
    assert_eq!(run(&["run", "staged.loop"]).1, out);
}

#[test]
fn accesses_that_the_language_forbids_are_the_same_mistake_in_every_command() {
    for (text, place) in [
        ("input A[4]; output B[4]; for i in 0..4 { B[i] = A[i - 1]; }", "i = 0 reads A[-1]"),
        ("temp T[4]; output B[4]; for i in 0..4 { B[i] = T[i]; }", "i = 0 reads T[0]"),
    ] {
        let seen = ["opt", "count", "run", "deps"].map(|command| fed(text.as_bytes(), &[command, "-"]));
        assert!(seen[0].2.contains(place) && seen[0].2.contains("stdin:1:") && seen[0].2.contains("help:"), "{seen:?}");
        assert!(seen.iter().all(|other| other == &(1, String::new(), seen[0].2.clone())), "{seen:?}");
    }
    let partly = "output B[4]; for i in 1..4 { B[i] = i; }";
    for command in ["opt", "count", "run"] {
        let (status, _, err) = fed(partly.as_bytes(), &[command, "-"]);
        assert!(status == 0 && err.matches("warning: output `B` is written in part").count() == 1, "{command}: {err}");
    }
}

#[test]
fn a_scheduled_program_that_leaves_an_array_shows_where_when_it_runs() {
    let text = "input A[4]; output B[4]; scratch s; for i in 0..4 { load s = A[i + 1]; store B[i] = s; }";
    let (status, out, err) = fed(text.as_bytes(), &["run", "-"]);
    assert_eq!((status, out.as_str()), (1, ""));
    assert!(err.contains("stdin:1:") && err.contains("i = 3"), "{err}");
}

#[test]
fn check_tells_same_from_different() {
    assert_eq!(run(&["check", "good.loop", "staged.loop"]), (0, "same\n".into(), String::new()));
    let folder = folder();
    fs::write(folder.path().join("other.loop"), GOOD.replace("2 *", "3 *")).expect("written");
    let output = polyfuse(folder.path(), &["check", "good.loop", "other.loop"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stdout).starts_with("different: B[0] is "));
    // The difference is the result, and goes where results go.
    let to_file = polyfuse(folder.path(), &["check", "good.loop", "other.loop", "-o", "out"]);
    assert_eq!((to_file.status.code(), to_file.stdout.as_slice()), (Some(1), &b""[..]));
    assert_eq!(fs::read(folder.path().join("out")).expect("read"), output.stdout);
}

#[test]
fn check_refuses_buffers_that_do_not_fit_the_machine() {
    let (status, out, err) = run(&["check", "good.loop", "staged.loop", "--scratchpad", "15"]);
    assert_eq!((status, out.as_str()), (1, ""));
    assert!(err.contains("need 16 bytes") && err.contains("15"), "{err}");
    assert_eq!(run(&["check", "good.loop", "staged.loop", "--scratchpad", "16"]).0, 0);
}

#[test]
fn machines_are_listed_and_printed_and_read_back() {
    let (status, out, _) = run(&["machines"]);
    assert_eq!((status, out.as_str()), (0, "inf2\ntrn1\ntrn2\nedge\n"));
    let folder = folder();
    let output = polyfuse(folder.path(), &["machines", "edge", "-o", "mine.toml"]);
    assert!(output.status.success() && output.stdout.is_empty());
    let output = polyfuse(folder.path(), &["count", "good.loop", "--machine", "mine.toml"]);
    assert!(output.status.success());
    fs::write(folder.path().join("mine.toml"), "name = \"x\"\nscratchpad_bytes = 1\nspeed = 3\n").expect("written");
    let output = polyfuse(folder.path(), &["count", "good.loop", "--machine", "mine.toml"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stderr).contains("speed"));
}

#[test]
fn a_machine_without_rates_has_no_model_of_time() {
    let folder = folder();
    fs::write(folder.path().join("mine.toml"), "name = \"x\"\nscratchpad_bytes = 64\n").expect("written");
    let output = polyfuse(folder.path(), &["opt", "good.loop", "--machine", "mine.toml", "--emit", "trace"]);
    assert_eq!((output.status.code(), output.stdout.as_slice()), (Some(1), &b""[..]));
    assert!(String::from_utf8_lossy(&output.stderr).contains("machine x says no `[rates]`"));
    let output = polyfuse(folder.path(), &["opt", "good.loop", "--machine", "mine.toml", "--emit", "json"]);
    assert!(output.status.success() && String::from_utf8_lossy(&output.stdout).contains("\"time\": null"));
}

#[test]
fn the_runtime_header_needs_no_program() {
    let (status, out, _) = run(&["opt", "--emit", "rt"]);
    assert_eq!(status, 0);
    assert!(out.contains("pf_load") && out.contains("#endif"));
}

#[test]
fn a_result_replaces_a_file_whole_and_leaves_nothing_beside_it() {
    let folder = folder();
    fs::write(folder.path().join("out"), "old").expect("written");
    assert!(polyfuse(folder.path(), &["count", "good.loop", "-o", "out"]).status.success());
    assert_eq!(fs::read_to_string(folder.path().join("out")).expect("read"), "A 16 0\nB 0 16\ntotal 16 16\n");
    let mut names: Vec<_> =
        fs::read_dir(folder.path()).expect("listed").map(|e| e.expect("entry").file_name()).collect();
    names.sort();
    assert_eq!(names, ["good.loop", "out", "staged.loop", "wrong.loop"]);
}

#[cfg(unix)]
#[test]
fn a_new_file_has_the_ordinary_permissions() {
    use std::os::unix::fs::PermissionsExt;
    let folder = folder();
    fs::write(folder.path().join("ordinary"), "").expect("written");
    assert!(polyfuse(folder.path(), &["count", "good.loop", "-o", "out"]).status.success());
    let mode = |name: &str| fs::metadata(folder.path().join(name)).expect("metadata").permissions().mode();
    assert_eq!(mode("out"), mode("ordinary"));
}

#[cfg(unix)]
#[test]
fn devices_and_links_are_written_as_they_are() {
    assert_eq!(run(&["count", "good.loop", "-o", "/dev/null"]), (0, String::new(), String::new()));
    assert_eq!(run(&["count", "good.loop", "-o", "/dev/stdout"]).1, "A 16 0\nB 0 16\ntotal 16 16\n");
    let folder = folder();
    fs::write(folder.path().join("far"), "old").expect("written");
    std::os::unix::fs::symlink("far", folder.path().join("near")).expect("linked");
    assert!(polyfuse(folder.path(), &["machines", "edge", "-o", "near"]).status.success());
    assert!(fs::symlink_metadata(folder.path().join("near")).expect("metadata").is_symlink());
    assert!(fs::read_to_string(folder.path().join("far")).expect("read").contains("edge"));
}

#[test]
fn an_empty_name_is_refused_as_such() {
    for (arguments, verb) in [
        (&["opt", ""][..], "read"),
        (&["count", "good.loop", "-o", ""], "write"),
        (&["opt", "good.loop", "--report", ""], "write"),
    ] {
        let (status, out, err) = run(arguments);
        let expected = format!("error: cannot {verb} a file whose name is empty\n");
        assert_eq!((status, out.as_str(), err), (1, "", expected));
    }
}

#[test]
fn a_result_does_not_replace_what_it_is_made_from() {
    for arguments in [
        &["opt", "good.loop", "-o", "good.loop"][..],
        &["opt", "good.loop", "--report", "./good.loop"],
        &["count", "./good.loop", "-o", "good.loop"],
        &["run", "good.loop", "-o", "./good.loop"],
        &["deps", "good.loop", "-o", "good.loop"],
        &["check", "staged.loop", "good.loop", "-o", "good.loop"],
        &["count", "staged.loop", "--machine", "good.loop", "-o", "good.loop"],
    ] {
        let folder = folder();
        let output = polyfuse(folder.path(), arguments);
        let err = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{arguments:?}: {err}");
        assert!(err.contains("it is the input") && err.contains("name another file"), "{err}");
        assert_eq!(fs::read_to_string(folder.path().join("good.loop")).expect("read"), GOOD);
    }
}

#[test]
fn a_hyphen_is_stdout_for_every_result() {
    let folder = folder();
    for (arguments, part) in [
        (&["count", "good.loop", "-o", "-"][..], "total 16 16\n"),
        (&["machines", "edge", "-o", "-"], "edge"),
        (&["opt", "good.loop", "-o", "out", "--report", "-"], "time_ms"),
    ] {
        let output = polyfuse(folder.path(), arguments);
        assert!(output.status.success() && String::from_utf8_lossy(&output.stdout).contains(part), "{arguments:?}");
    }
    assert!(folder.path().join("out").exists() && !folder.path().join("-").exists());
}

#[test]
fn a_file_that_cannot_be_written_is_status_1() {
    for file in ["no/such/folder/out", "."] {
        let (status, _, err) = run(&["count", "good.loop", "-o", file]);
        assert_eq!(status, 1);
        assert!(err.contains(&format!("cannot write {file}")) && !err.contains(".polyfuse-"), "{err}");
    }
}

#[cfg(unix)]
#[test]
fn a_closed_pipe_ends_quietly() {
    let (reader, writer) = std::io::pipe().expect("a pipe");
    drop(reader);
    let output = Command::new(env!("CARGO_BIN_EXE_polyfuse"))
        .args(["opt", "--emit", "rt"])
        .stdout(writer)
        .stderr(Stdio::piped())
        .output()
        .expect("polyfuse starts");
    assert_eq!((output.status.code(), output.stderr.as_slice()), (Some(0), &b""[..]));
}

#[test]
fn opt_prints_every_form_and_the_scheduled_program_checks() {
    let folder = folder();
    for (form, part) in [
        ("loop", "load "),
        ("c", "void kernel_good("),
        ("rt", "pf_store"),
        ("json", "\"schema\": \"polyfuse-report/1\""),
        ("dot", "digraph"),
        ("schedule", "S0"),
        ("trace", "\"traceEvents\":["),
    ] {
        let output = polyfuse(folder.path(), &["opt", "good.loop", "--emit", form, "-o", form, "--report", "r.json"]);
        assert!(output.status.success() && output.stdout.is_empty(), "{form}");
        let text = fs::read_to_string(folder.path().join(form)).expect("read");
        assert!(text.contains(part) && !text.contains("time_ms"), "{form}: {text}");
        assert!(fs::read_to_string(folder.path().join("r.json")).expect("read").contains("\"time_ms\""));
    }
    assert!(polyfuse(folder.path(), &["check", "good.loop", "loop"]).status.success());
}

#[test]
fn a_schedule_is_applied_or_refused_with_its_place() {
    let folder = folder();
    let path = folder.path();
    assert!(polyfuse(path, &["opt", "good.loop", "--emit", "schedule", "-o", "good.schedule"]).status.success());
    let found = polyfuse(path, &["opt", "good.loop"]);
    let applied = polyfuse(path, &["opt", "good.loop", "--schedule", "good.schedule"]);
    assert_eq!((applied.status.code(), &applied.stdout), (Some(0), &found.stdout));
    fs::write(path.join("bad.schedule"), "group { S1; }").expect("written");
    let refused = polyfuse(path, &["opt", "good.loop", "--schedule", "bad.schedule", "-o", "out.loop"]);
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert_eq!(refused.status.code(), Some(1));
    assert!(said.contains("bad.schedule:1:9") && said.contains("no statement `S1`"), "{said}");
    assert!(!path.join("out.loop").exists());
    for (arguments, status) in [
        (&["opt", "good.loop", "--schedule", "good.schedule", "--fuse", "max"][..], 2),
        (&["opt", "good.loop", "staged.loop", "-o", ".", "--schedule", "good.schedule"], 2),
        (&["opt", "-", "--schedule", "-"], 2),
        (&["opt", "good.loop", "--schedule", "none.schedule"], 1),
        (&["opt", "good.loop", "--schedule", "good.schedule", "--emit", "schedule", "-o", "good.schedule"], 1),
    ] {
        assert_eq!(polyfuse(path, arguments).status.code(), Some(status), "{arguments:?}");
    }
}

#[test]
fn a_scratchpad_that_is_too_small_is_status_1_and_says_what_would_do() {
    let (status, out, err) = run(&["opt", "good.loop", "--scratchpad", "4"]);
    assert_eq!((status, out.as_str()), (1, ""));
    assert!(err.contains("no schedule fits 4 bytes; 8 would do"), "{err}");
}

#[test]
fn deps_prints_text_json_and_dot() {
    assert!(run(&["deps", "good.loop"]).1.starts_with("live-in A -> S0: "));
    let json = run(&["deps", "good.loop", "--emit", "json"]).1;
    assert!(json.starts_with("{\n  \"kernel\": \"good\",\n  \"dependences\": ["), "{json}");
    assert!(run(&["deps", "good.loop", "--emit", "dot"]).1.starts_with("digraph \"good\""));
}

#[test]
fn a_flood_of_warnings_is_cut_off() {
    let names: Vec<String> = (0..300).map(|n| format!("a{n}")).collect();
    let (status, _, err) = fed(format!("inout {}, B; B = 1;", names.join(", ")).as_bytes(), &["count", "-"]);
    assert_eq!((status, err.matches("is never used").count()), (0, 101));
    assert!(err.ends_with("199 more are not shown\n"), "{err}");
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_is_status_1_and_says_so() {
    for arguments in [&["opt", "--emit", "rt", "-o", "/dev/full"][..], &["count", "good.loop", "-o", "/dev/full"]] {
        let (status, out, err) = run(arguments);
        assert_eq!((status, out.as_str()), (1, ""));
        assert!(err.contains("cannot write /dev/full: No space left"), "{err}");
    }
    let full = fs::File::options().write(true).open("/dev/full").expect("a full disk");
    let mut polyfuse = Command::new(env!("CARGO_BIN_EXE_polyfuse"));
    let output = polyfuse.args(["opt", "--emit", "rt"]).stdout(full).output().expect("polyfuse starts");
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stderr).contains("cannot write stdout"));
}

/// Even who may do everything makes no file in a file system that the kernel makes up.
#[cfg(target_os = "linux")]
#[test]
fn a_target_in_which_nobody_may_write_is_status_1() {
    for target in ["/sys/polyfuse.out", "/proc/polyfuse.out"] {
        if !std::path::Path::new(target).parent().is_some_and(std::path::Path::is_dir) {
            eprintln!("skipped: there is no {target} to be refused");
            continue;
        }
        let (status, out, err) = run(&["count", "good.loop", "-o", target]);
        assert_eq!((status, out.as_str()), (1, ""), "{err}");
        assert!(err.contains(&format!("cannot write {target}: ")), "{err}");
    }
}

#[cfg(target_os = "linux")]
#[test]
fn of_two_results_neither_is_written_where_one_cannot_be() {
    for (output, report) in [("out", "/dev/full"), ("out", "no/such/folder/r.json"), ("no/such/folder/out", "r.json")] {
        let folder = folder();
        let before = fs::read_dir(folder.path()).expect("listed").count();
        let output = polyfuse(folder.path(), &["opt", "good.loop", "-o", output, "--report", report]);
        assert_eq!(output.status.code(), Some(1), "{report}");
        assert!(String::from_utf8_lossy(&output.stderr).contains("cannot write "));
        assert_eq!(fs::read_dir(folder.path()).expect("listed").count(), before, "{report}");
    }
}

#[test]
fn what_cannot_be_written_leaves_what_was_there() {
    let folder = folder();
    fs::write(folder.path().join("out"), "as before").expect("written");
    let output = polyfuse(folder.path(), &["opt", "good.loop", "-o", "out", "--scratchpad", "4"]);
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(fs::read_to_string(folder.path().join("out")).expect("read"), "as before");
}

#[test]
fn odd_names_of_files_are_names() {
    let folder = folder();
    for (name, kernel) in
        [("./-", "kernel__("), ("1x.loop", "kernel_1x("), ("\u{e9}.loop", "kernel__("), ("int.loop", "kernel_int(")]
    {
        fs::write(folder.path().join(name), GOOD).expect("written");
        let output = polyfuse(folder.path(), &["opt", name, "--emit", "c"]);
        let code = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success() && code.contains(kernel), "{name}: {code}");
    }
}

/// What a process that is told to stop leaves in its folder.
#[cfg(unix)]
#[test]
fn an_interrupted_run_leaves_no_file() {
    let folder = folder();
    let loops =
        "for a in 0..9, b in a..9, c in b..a + 9, d in c..9 + b, e in d - a..9 + c, f in e..9 + d - b, g in f..f + 9";
    let text =
        format!("inout A[99]; {loops} {{ A[(a + b + c + d + e + f) % 99] += A[(a + 6 * f + 7 * g) % 98 / 2 + 3]; }}");
    fs::write(folder.path().join("slow.loop"), text).expect("written");
    let before = fs::read_dir(folder.path()).expect("listed").count();
    let mut polyfuse = Command::new(env!("CARGO_BIN_EXE_polyfuse"));
    let child = polyfuse.args(["opt", "slow.loop", "-o", "out", "--effort", "100"]).current_dir(folder.path());
    let mut child = child.spawn().expect("polyfuse starts");
    // As Ctrl-C does, which what runs in the background of a shell may not hear.
    let kill = Command::new("kill").args(["-TERM", &child.id().to_string()]).status().expect("kill starts");
    assert!(kill.success() && !child.wait().expect("an end").success());
    assert_eq!(fs::read_dir(folder.path()).expect("listed").count(), before);
}
