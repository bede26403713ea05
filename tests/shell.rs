//! Is polyfuse at home in a shell? Examples that run, quiet and colours, several files, layout, completions, manual pages.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Output, Stdio};

use tempfile::TempDir;

const PROGRAM: &str = "input A[4], C[4]; output B[4];\nfor i in 0..4 { B[i] = A[i]; }\n";

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn run(folder: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_polyfuse")).args(arguments).current_dir(folder).output().expect("polyfuse starts")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn folder(files: &[(&str, &str)]) -> TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    files.iter().for_each(|(name, text)| fs::write(folder.path().join(name), text).expect("written"));
    folder
}

#[cfg(unix)]
#[test]
fn every_example_of_the_help_runs() {
    let folder = folder(&[]);
    std::os::unix::fs::symlink(root().join("kernels"), folder.path().join("kernels")).expect("linked");
    let mut examples = 0;
    for command in [&["--help"][..], &["opt", "--help"], &["sweep", "--help"], &["explain", "--help"]] {
        let help = text(&run(folder.path(), command).stdout);
        for line in help.lines().filter_map(|line| line.strip_prefix("  polyfuse ")) {
            let mut arguments: Vec<&str> = line.split(' ').collect();
            // Small shapes take no time, and every example is one of a kernel with parameters or of a code.
            let small = ["M=64", "N=48", "K=32"].iter().filter(|_| line.contains("gemm.loop") && !line.contains("mlp"));
            small.for_each(|value| arguments.extend(["-D", value]));
            let output = run(folder.path(), &arguments);
            assert!(output.status.success(), "{line}: {}", text(&output.stderr));
            examples += 1;
        }
    }
    assert!(examples >= 12, "{examples}");
    for file in ["gemm.c", "gemm.json", "softmax.html", "softmax.svg", "mlp.json"] {
        assert!(folder.path().join(file).is_file(), "{file}");
    }
}

#[test]
fn quiet_says_no_warnings_and_still_says_errors() {
    let folder = folder(&[("p.loop", PROGRAM), ("wrong.loop", "output B[4]; B[5] = 1;")]);
    let loud = run(folder.path(), &["opt", "p.loop"]);
    let quiet = run(folder.path(), &["--quiet", "opt", "p.loop"]);
    assert!(text(&loud.stderr).contains("warning") && quiet.stderr.is_empty());
    assert_eq!(loud.stdout, quiet.stdout);
    let wrong = run(folder.path(), &["opt", "wrong.loop", "-q"]);
    assert!(wrong.status.code() == Some(1) && text(&wrong.stderr).contains("error"));
}

#[test]
fn colours_come_when_they_are_asked_for() {
    let folder = folder(&[("p.loop", PROGRAM)]);
    let said = |arguments: &[&str]| text(&run(folder.path(), &[&["opt", "p.loop"], arguments].concat()).stderr);
    assert!(said(&["--color", "always"]).contains('\u{1b}'));
    assert!(!said(&[]).contains('\u{1b}') && !said(&["--color", "never"]).contains('\u{1b}'));
}

#[test]
fn several_programs_go_to_a_folder_all_or_none() {
    let folder = folder(&[("a.loop", PROGRAM), ("b.loop", PROGRAM), ("wrong.loop", "output B[4]; B[5] = 1;")]);
    fs::create_dir(folder.path().join("out")).expect("made");
    let listed = || fs::read_dir(folder.path().join("out")).expect("listed").count();
    assert_eq!(run(folder.path(), &["opt", "a.loop", "wrong.loop", "-o", "out"]).status.code(), Some(1));
    assert_eq!(listed(), 0);
    assert!(run(folder.path(), &["opt", "a.loop", "b.loop", "--emit", "c", "-o", "out"]).status.success());
    assert!(fs::read_to_string(folder.path().join("out/b.c")).expect("read").contains("kernel_b"));
    assert_eq!(listed(), 2);
    for arguments in [
        &["opt", "a.loop", "b.loop"][..],
        &["opt", "a.loop", "b.loop", "-o", "x"],
        &["opt", "a.loop", "a.loop", "-o", "out"],
    ] {
        assert_eq!(run(folder.path(), arguments).status.code(), Some(2), "{arguments:?}");
    }
    assert_eq!(
        run(folder.path(), &["opt", "a.loop", "b.loop", "-o", "."]).status.code(),
        Some(1),
        "over their sources"
    );
}

#[test]
fn programs_are_laid_out_in_place() {
    let untidy = "input A[4];\noutput B[4];\n\n\n\nfor i in 0..4 {\n// why\n      B[i] = A[i];   \n}";
    let tidy = "input A[4];\noutput B[4];\n\nfor i in 0..4 {\n  // why\n  B[i] = A[i];\n}\n";
    let folder = folder(&[("p.loop", untidy), ("tidy.loop", tidy), ("wrong.loop", "for {")]);
    let read = || fs::read_to_string(folder.path().join("p.loop")).expect("read");
    let check = run(folder.path(), &["fmt", "--check", "p.loop", "tidy.loop"]);
    assert_eq!((check.status.code(), text(&check.stdout), read().as_str()), (Some(1), "p.loop\n".into(), untidy));
    assert_eq!(run(folder.path(), &["fmt", "p.loop", "wrong.loop"]).status.code(), Some(1));
    assert_eq!(read(), untidy, "a mistake in one leaves all as they are");
    assert!(run(folder.path(), &["fmt", "p.loop", "tidy.loop"]).status.success());
    assert_eq!(read(), tidy);
    assert!(run(folder.path(), &["fmt", "--check", "p.loop"]).status.success());
}

#[test]
fn the_kernels_are_laid_out() {
    let kernels = fs::read_dir(root().join("kernels")).expect("kernels").map(|e| e.expect("an entry").path());
    let kernels: Vec<String> =
        kernels.filter(|p| p.extension().is_some_and(|e| e == "loop")).map(|p| p.display().to_string()).collect();
    assert!(kernels.len() > 50);
    let arguments: Vec<&str> = ["fmt", "--check"].into_iter().chain(kernels.iter().map(String::as_str)).collect();
    let output = run(root(), &arguments);
    assert!(output.status.success(), "{}{}", text(&output.stdout), text(&output.stderr));
}

#[test]
fn completions_and_manual_pages_know_the_commands() {
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let script = text(&run(root(), &["completions", shell]).stdout);
        assert!(["sweep", "explain", "scratchpad"].iter().all(|word| script.contains(word)), "{shell}");
    }
    let page = text(&run(root(), &["man"]).stdout);
    assert!(page.starts_with(".ie") && page.contains(".TH polyfuse 1") && page.contains("sweep"), "{page}");
    let page = text(&run(root(), &["man", "opt"]).stdout);
    assert!(page.contains("scratchpad") && page.contains("polyfuse opt kernels/gemm.loop"), "{page}");
    assert_eq!(run(root(), &["man", "optimise"]).status.code(), Some(2));
}

#[test]
fn the_highlighting_grammar_knows_every_word() {
    let text = fs::read_to_string(root().join("grammar/polyfuse.tmLanguage.json")).expect("a grammar");
    let grammar: serde_json::Value = serde_json::from_str(&text).expect("JSON");
    let patterns: String = grammar["patterns"].as_array().expect("patterns").iter().map(|p| p.to_string()).collect();
    let words: Vec<&str> = patterns.split(|c: char| !c.is_ascii_alphanumeric()).collect();
    let spelled = fs::read_to_string(root().join("src/lang/words.rs")).expect("the words");
    let table = spelled.split("/// Whether a word").next().expect("the tables");
    let known: Vec<&str> =
        table.split('"').skip(1).step_by(2).filter(|w| w.chars().all(char::is_alphanumeric)).collect();
    assert!(known.len() >= 33, "{known:?}");
    let rules = fs::read_to_string(root().join("grammar/schedule.pest")).expect("the grammar of schedules");
    let keywords = rules.lines().filter(|line| line.starts_with("kw_")).filter_map(|line| line.split('"').nth(1));
    let known: Vec<&str> = known.into_iter().chain(keywords).collect();
    assert!(known.contains(&"tile") && known.contains(&"loops"), "{known:?}");
    let missing: Vec<_> = known
        .iter()
        .filter(|word| !words.iter().any(|w| w.trim_start_matches('b') == word.trim_start_matches('b')))
        .collect();
    assert!(missing.is_empty(), "{missing:?}");
}

#[test]
fn a_watched_program_is_scheduled_again_when_it_changes() {
    let folder = folder(&[("p.loop", PROGRAM)]);
    let mut child = Command::new(env!("CARGO_BIN_EXE_polyfuse"))
        .args(["opt", "p.loop", "--watch"])
        .current_dir(folder.path())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("polyfuse starts");
    let mut lines = BufReader::new(child.stdout.take().expect("stdout")).lines().map_while(Result::ok);
    let first = lines.find(|line| line.contains("B_s"));
    fs::write(folder.path().join("p.loop"), "this is no program").expect("written");
    fs::write(folder.path().join("p.loop"), PROGRAM.replace("B[i] = A[i]", "B[i] = 7 * A[i]")).expect("written");
    let second = lines.find(|line| line.contains("7 *"));
    child.kill().expect("ended");
    child.wait().expect("ended");
    assert!(first.is_some() && second.is_some());
    assert_eq!(run(folder.path(), &["opt", "--watch", "-"]).status.code(), Some(2));
}
