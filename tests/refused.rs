//! What does a user see of each mistake? One file a mistake in `kernels/refused`, and one a doubt in `kernels/doubted`, whose first line
//! says it; the snapshot is the file and what polyfuse says of it.

use std::path::{Path, PathBuf};
use std::process::Command;

const MISTAKES: &str = include_str!("../src/lang/mistake.rs");

fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("kernels").join(name)
}

/// The names of the files in a folder, without their ends.
fn stems(name: &str) -> Vec<String> {
    let files = std::fs::read_dir(folder(name)).expect("a folder").map(|entry| entry.expect("an entry").path());
    let mut stems: Vec<String> = files.map(|path| path.file_stem().expect("a stem").to_string_lossy().into()).collect();
    stems.sort();
    stems
}

/// The variants of an enum of `mistake.rs`, as in names of files.
fn variants(of: &str) -> Vec<String> {
    let (_, rest) = MISTAKES.split_once(&format!("pub enum {of} {{\n")).expect("an enum");
    let (body, _) = rest.split_once("\n}\n").expect("its end");
    let lines =
        body.lines().filter_map(|line| line.strip_prefix("    ")).filter(|line| line.starts_with(char::is_uppercase));
    let name = |line: &str| -> String { line.chars().take_while(|c| c.is_alphanumeric()).collect() };
    let snake = |name: String| -> String {
        let lower = |c: char| if c.is_uppercase() { format!("_{}", c.to_lowercase()) } else { c.to_string() };
        format!("{}{}", of.to_lowercase(), name.chars().map(lower).collect::<String>())
    };
    lines.map(|line| snake(name(line))).collect()
}

/// Runs `opt` on each file of a folder and compares what the user sees with its snapshot.
fn assert_seen(name: &str, status: i32) {
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path(format!("../snapshots/{name}"));
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    let mut changed = Vec::new();
    for stem in stems(name) {
        let file = format!("{stem}.loop");
        let text = String::from_utf8_lossy(&std::fs::read(folder(name).join(&file)).expect("a file")).into_owned();
        assert!(text.trim_start_matches('\u{feff}').starts_with("// "), "{file}: the first line says the mistake");
        let mut polyfuse = Command::new(env!("CARGO_BIN_EXE_polyfuse"));
        let output = polyfuse.args(["opt", &file]).current_dir(folder(name)).output().expect("polyfuse starts");
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!((output.status.code(), output.stdout.is_empty()), (Some(status), status == 1), "{file}: {said}");
        let compare = || settings.bind(|| insta::assert_snapshot!(stem.clone(), format!("{text}\n== said\n{said}")));
        if std::panic::catch_unwind(std::panic::AssertUnwindSafe(compare)).is_err() {
            changed.push(stem);
        }
    }
    assert!(changed.is_empty(), "changed: {changed:?}");
}

#[test]
fn every_mistake_is_refused_as_its_snapshot_shows() {
    assert_seen("refused", 1);
}

#[test]
fn every_doubt_is_said_as_its_snapshot_shows() {
    assert_seen("doubted", 0);
}

#[test]
fn every_mistake_that_a_text_can_show_has_a_file() {
    let (refused, doubted) = (stems("refused"), stems("doubted"));
    let enums = [("Syntax", &refused), ("Meaning", &refused), ("Doubt", &doubted)];
    for (name, files) in enums {
        let variants = variants(name);
        assert!(variants.len() >= 3, "{variants:?}");
        // The parser refuses such a name before; and a file of so many statements is too long.
        let elsewhere = ["meaning_reserved", "syntax_too_many_statements"];
        for variant in variants.iter().filter(|v| !elsewhere.contains(&v.as_str())) {
            assert!(files.contains(variant), "no file shows {variant}");
        }
    }
}
