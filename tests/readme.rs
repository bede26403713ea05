//! Does the README show what polyfuse prints?
//!
//! In its blocks of `console` each line after `$` is a command, and the lines up to the next one are its output. INSTA_UPDATE=always writes
//! the outputs of today there, as it does with snapshots.

use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

/// What a command prints: a program of the repository, or several with a pipe between them.
fn output(command: &str) -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut text = String::new();
    for part in command.split(" | ") {
        let words: Vec<&str> = part.split_whitespace().collect();
        let program = if words[0] == "scripts/polyfuse" { env!("CARGO_BIN_EXE_polyfuse") } else { words[0] };
        let mut child = Command::new(program)
            .args(&words[1..])
            .current_dir(root)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap_or_else(|e| panic!("{part}: {e}"));
        // What does not read its input closes it.
        let _ = child.stdin.take().expect("stdin").write_all(text.as_bytes());
        let output = child.wait_with_output().expect("an end");
        assert!(output.status.success(), "{part}");
        text = String::from_utf8(output.stdout).expect("UTF-8");
    }
    text
}

/// The README with the outputs of today, and how many there are.
fn renewed(readme: &str) -> (String, usize) {
    let (mut text, mut commands, mut in_block) = (String::new(), 0, false);
    for line in readme.lines() {
        let is_fence = line.starts_with("```");
        if in_block && !is_fence && !line.starts_with("$ ") {
            continue;
        }
        text += line;
        text.push('\n');
        if is_fence {
            in_block = line == "```console";
        } else if let Some(command) = line.strip_prefix("$ ").filter(|_| in_block) {
            text += output(command).trim_end();
            text.push('\n');
            commands += 1;
        }
    }
    (text, commands)
}

#[test]
fn every_output_in_the_readme_is_what_polyfuse_prints() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md");
    let readme = std::fs::read_to_string(&file).expect("a README");
    let (text, commands) = renewed(&readme);
    assert!(commands >= 6, "{commands}");
    if std::env::var_os("INSTA_UPDATE").is_some_and(|value| value == "always") {
        std::fs::write(&file, &text).expect("written");
        return;
    }
    let differs = readme.lines().zip(text.lines()).find(|(shown, printed)| shown != printed);
    assert!(readme == text, "the README is stale, INSTA_UPDATE=always renews it; the first line: {differs:?}");
}
