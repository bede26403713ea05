//! Is what `src/lib.rs` says to be absent absent? The sources are read as text.
//!
//! Comments do not count, and words count whole: "cheapest" is no `pest`.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// The table of `src/lib.rs`, first the module that uses none of the others; `optimize` drives them all.
const LAYERS: [&str; 14] = [
    "lang", "machine", "isl", "ilp", "poly", "schedule", "replay", "staging", "emit", "count", "timeline", "run",
    "check", "report",
];

/// Uses against the order: the file, the module it uses, and why that is borne.
const AGAINST_THE_ORDER: [(&str, &str, &str); 1] =
    [("report/make.rs", "optimize", "reads the options and the outcome that it reports on")];

/// A file below `src`, its path with `/`.
struct Source {
    path: String,
    text: String,
}

/// A line of code, without comments.
struct Line<'a> {
    path: &'a str,
    number: usize,
    code: &'a str,
}

fn sources() -> Vec<Source> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    gather(&root, &mut files);
    files.sort();
    let source = |file: PathBuf| {
        let inner = file.strip_prefix(&root).expect("a file below src");
        let parts: Vec<_> = inner.iter().map(|part| part.to_string_lossy()).collect();
        Source { path: parts.join("/"), text: std::fs::read_to_string(&file).expect("a source") }
    };
    let sources: Vec<Source> = files.into_iter().map(source).collect();
    assert!(sources.len() > 50 && sources.iter().any(|s| s.path == "schedule/search/mod.rs"));
    sources
}

fn gather(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            gather(&path, files);
        } else if path.extension().is_some_and(|e| e == "rs") && !path.ends_with("tests.rs") {
            // A file of unit tests may read what it needs.
            files.push(path);
        }
    }
}

/// The lines of all files, but those of comments.
fn lines(sources: &[Source]) -> impl Iterator<Item = Line<'_>> {
    sources.iter().flat_map(|Source { path, text }| {
        let code = text.lines().map(|line| line.split("//").next().unwrap_or_default());
        code.enumerate().map(move |(n, code)| Line { path, number: n + 1, code })
    })
}

/// Whether `word` stands in the code with no letter, digit or underscore beside it.
fn has_word(code: &str, word: &str) -> bool {
    let is_part = |c: char| c.is_alphanumeric() || c == '_';
    code.match_indices(word).any(|(at, _)| {
        let (before, after) = (&code[..at], &code[at + word.len()..]);
        !before.ends_with(is_part) && !after.starts_with(is_part)
    })
}

/// Lines with one of the words in files that may not hold them.
fn strays(words: &[&str], may: impl Fn(&str) -> bool) -> Vec<String> {
    let sources = sources();
    let found = |line: &Line| !may(line.path) && words.iter().any(|word| has_word(line.code, word));
    lines(&sources).filter(found).map(|l| format!("src/{}:{}: {}", l.path, l.number, l.code.trim())).collect()
}

/// That the words stand in allowed files alone, and there indeed.
fn only_in(words: &[&str], may: impl Fn(&str) -> bool) {
    assert_eq!(strays(words, &may), Vec::<String>::new(), "{words:?}");
    assert!(!strays(words, |path| !may(path)).is_empty(), "{words:?} stand nowhere: is this test still of use?");
}

/// The modules of this crate that a line of code names: `crate::a`, or each of `crate::{a, b::c}`.
fn modules_named(code: &str) -> Vec<&str> {
    let word = |text: &'_ str| text.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(text.len());
    let mut named = Vec::new();
    for (at, path) in code.match_indices("crate::") {
        let rest = &code[at + path.len()..];
        match rest.strip_prefix('{') {
            Some(list) => {
                let mut depth = 0;
                let top = move |c: char| {
                    depth += i32::from(c == '{') - i32::from(c == '}');
                    depth == 0 && c == ','
                };
                named.extend(list.split(top).map(str::trim).map(|item| &item[..word(item)]).filter(|m| !m.is_empty()));
            }
            None => named.push(&rest[..word(rest)]),
        }
    }
    named
}

/// The module at the top of the crate that a file belongs to.
fn module(path: &str) -> &str {
    path.split('/').next().unwrap_or(path).trim_end_matches(".rs")
}

/// The uses of one module by another, each as `path: module`, without the line, what runs it several times, and the command line.
fn uses() -> Vec<(String, String)> {
    let sources = sources();
    let torn: Vec<_> =
        lines(&sources).filter(|line| line.code.trim_end().ends_with("crate::{")).map(|l| l.path).collect();
    assert!(torn.is_empty(), "a list of modules over several lines, which is not understood here: {torn:?}");
    let outside =
        |path: &str| matches!(module(path), "lib" | "main" | "cli" | "optimize" | "sweep" | "explain" | "threads");
    lines(&sources)
        .filter(|line| !outside(line.path))
        .flat_map(|line| modules_named(line.code).into_iter().map(move |m| (line.path.to_string(), m.to_string())))
        .filter(|(path, used)| module(path) != used)
        .collect()
}

#[test]
fn isl_alone_names_the_isl_binding() {
    only_in(&["isl_rs"], |path| path.starts_with("isl/"));
}

#[test]
fn ilp_alone_names_a_solver() {
    only_in(&["good_lp"], |path| path == "ilp.rs");
}

#[test]
fn the_parser_alone_names_its_generator() {
    only_in(&["pest", "pest_derive"], |path| path == "lang/parse.rs" || path.starts_with("lang/parse/"));
}

#[test]
fn unsafe_code_stands_in_one_file() {
    only_in(&["unsafe"], |path| path == "isl/ast.rs");
}

#[test]
fn the_command_line_alone_reads_files_and_prints() {
    let may = |path: &str| path == "main.rs" || path.starts_with("cli/");
    only_in(&["std::fs", "std::io", "std::env", "std::process"], may);
    let macros = ["print!", "println!", "eprint!", "eprintln!", "dbg!"];
    assert_eq!(strays(&macros, may), Vec::<String>::new());
}

#[test]
fn the_driver_alone_looks_at_a_clock_and_a_watch_alone_waits() {
    only_in(&["Instant", "SystemTime"], |path| path == "optimize.rs");
    only_in(&["std::time"], |path| path == "optimize.rs" || path == "cli/watch.rs");
}

#[test]
fn the_layers_are_those_of_the_table() {
    let text = sources().into_iter().find(|s| s.path == "lib.rs").expect("a root").text;
    let rows = text.lines().filter_map(|line| line.strip_prefix("//! | [`")?.split('`').next());
    assert_eq!(rows.collect::<Vec<_>>(), LAYERS);
    let public = text.lines().filter_map(|line| line.strip_prefix("pub mod ")?.strip_suffix(';'));
    let (mut public, mut layers) = (public.collect::<Vec<_>>(), LAYERS.to_vec());
    public.sort_unstable();
    layers.sort_unstable();
    assert_eq!(public, layers);
}

#[test]
fn a_layer_uses_only_those_above_it() {
    let place = |module: &str| LAYERS.iter().position(|layer| *layer == module).unwrap_or(LAYERS.len());
    let against: BTreeSet<(String, String)> =
        uses().into_iter().filter(|(path, used)| place(module(path)) < place(used)).collect();
    let borne = AGAINST_THE_ORDER.iter().map(|(path, used, _)| (path.to_string(), used.to_string())).collect();
    assert_eq!(against, borne);
}

#[test]
fn the_search_knows_plain_integers_only() {
    let used = uses().into_iter().filter(|(path, _)| path.starts_with("schedule/search/"));
    assert_eq!(used.collect::<Vec<_>>(), []);
}

#[test]
fn counts_and_runs_know_programs_only() {
    let used = uses().into_iter().filter(|(path, used)| matches!(module(path), "count" | "run") && used != "lang");
    assert_eq!(used.collect::<Vec<_>>(), []);
}

#[test]
fn checks_know_the_types_of_a_schedule_and_nothing_else_of_it() {
    let sources = sources();
    let of_checks = lines(&sources).filter(|line| module(line.path) == "check");
    for Line { path, number, code } in of_checks {
        let is_known = !code.contains("crate::schedule") || code.contains("crate::schedule::tree");
        let is_apart = !["crate::staging", "crate::emit", "crate::ilp"].iter().any(|used| code.contains(used));
        assert!(is_known && is_apart, "src/{path}:{number}: {code}");
    }
}

#[test]
fn the_text_of_a_line_is_understood() {
    assert_eq!(modules_named("use crate::lang::ast::{Name, Span};"), ["lang"]);
    assert_eq!(modules_named("use crate::{isl::{Map, Set}, poly};"), ["isl", "poly"]);
    assert_eq!(modules_named("f(crate::poly::number(n), crate::isl::x)"), ["poly", "isl"]);
    assert!(has_word("use pest::Parser;", "pest") && !has_word("cheapest", "pest") && !has_word("pest_x", "pest"));
    assert_eq!((module("ilp.rs"), module("schedule/search/mod.rs")), ("ilp", "schedule"));
}
