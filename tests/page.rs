//! Does the page of `--emit html` show the report, by itself, in a browser?

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;
use tempfile::TempDir;

fn polyfuse(folder: &Path, arguments: &[&str]) -> Output {
    let output = Command::new(env!("CARGO_BIN_EXE_polyfuse")).args(arguments).current_dir(folder).output();
    let output = output.expect("polyfuse starts");
    assert!(output.status.success() && output.stderr.is_empty(), "{}", String::from_utf8_lossy(&output.stderr));
    output
}

/// The page and the report of a kernel, made small.
fn kernel(name: &str, options: &[&str]) -> (TempDir, String, Value) {
    let folder = tempfile::tempdir().expect("a folder");
    let file = format!("{}/kernels/{name}.loop", env!("CARGO_MANIFEST_DIR"));
    let page = polyfuse(folder.path(), &[&["opt", &file, "--emit", "html"], options].concat());
    let report = polyfuse(folder.path(), &[&["opt", &file, "--emit", "json"], options].concat());
    let text = |output: Output| String::from_utf8(output.stdout).expect("UTF-8");
    (folder, text(page), serde_json::from_str(&text(report)).expect("JSON"))
}

const SMALL: [&str; 10] = ["-D", "NI=24", "-D", "NJ=20", "-D", "NK=16", "-D", "NL=28", "--scratchpad", "512"];

/// The number that stands in the cell with these attributes, as shown and as said.
fn figure(page: &str, attributes: &str) -> i64 {
    let start = page.find(attributes).unwrap_or_else(|| panic!("no {attributes}")) + attributes.len();
    let cell = &page[start..start + page[start..].find("</td>").expect("an end")];
    let said = cell.split("data-bytes=\"").nth(1).and_then(|t| t.split('"').next()).expect("bytes");
    let shown = cell.rsplit('>').next().expect("a text").replace(',', "");
    assert_eq!(said, shown, "{attributes}");
    shown.parse().expect("a number")
}

fn bytes(traffic: &Value) -> i64 {
    traffic["load_bytes"].as_i64().expect("loads") + traffic["store_bytes"].as_i64().expect("stores")
}

#[test]
fn every_number_is_the_reports() {
    let (_folder, page, report) = kernel("two_mm", &SMALL);
    let data = page.split("id=\"report\">").nth(1).and_then(|t| t.split("</script>").next()).expect("the report");
    assert_eq!(serde_json::from_str::<Value>(&data.replace("<\\/", "</")).expect("JSON"), report);
    let dram = &report["dram"];
    for (id, expected) in [
        ("moved", bytes(&dram["optimized"])),
        ("per-nest", bytes(&dram["per_nest"])),
        ("naive", bytes(&dram["naive"])),
        ("compulsory", dram["compulsory_bytes"].as_i64().expect("bytes")),
        ("bound", dram["lower_bound_bytes"].as_i64().expect("bytes")),
        ("peak", report["scratchpad"]["peak_bytes"].as_i64().expect("bytes")),
        ("capacity", 512),
    ] {
        assert_eq!(figure(&page, &format!("data-figure=\"{id}\"")), expected, "{id}");
    }
    for array in report["arrays"].as_array().expect("arrays") {
        let name = array["name"].as_str().expect("a name");
        let kind = |kind: &str| figure(&page, &format!("data-array=\"{name}\" data-kind=\"{kind}\""));
        assert_eq!(kind("optimized"), bytes(array), "{name}");
        assert_eq!((kind("naive"), kind("per nest")), (bytes(&array["naive"]), bytes(&array["per_nest"])), "{name}");
        assert_eq!(kind("compulsory"), array["compulsory_bytes"].as_i64().expect("bytes"), "{name}");
    }
    let buffers = report["scratchpad"]["buffers"].as_array().expect("buffers");
    assert_eq!(page.matches("data-buffer=").count(), buffers.len());
    for remark in report["remarks"].as_array().expect("remarks") {
        assert!(page.contains(remark["at"].as_str().expect("a place")));
    }
}

/// Every pair of nests that share data, with the code and the place that `explain` gives.
#[test]
fn the_reasons_are_those_of_explain() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = format!("{}/kernels/two_mm.loop", env!("CARGO_MANIFEST_DIR"));
    let explained = polyfuse(folder.path(), &[&["explain", &file, "--emit", "json"], &SMALL[..]].concat());
    let explained: Value = serde_json::from_slice(&explained.stdout).expect("JSON");
    let pairs = explained["pairs"].as_array().expect("pairs");
    let (_folder, page, _) = kernel("two_mm", &SMALL);
    let reasons = page.split("<section id=\"remarks\">").nth(1).expect("a section");
    let reasons = reasons.replace("<code>", "`").replace("</code>", "`");
    assert!(!pairs.is_empty());
    for pair in pairs {
        let text = |value: &Value| value.as_str().expect("a text").to_string();
        for shown in [text(&pair["code"]), text(&pair["second"]["at"]), text(&pair["text"])] {
            assert!(reasons.contains(&shown), "{shown}");
        }
    }
}

#[test]
fn the_parts_of_an_array_add_up_to_the_whole() {
    let (_folder, _, report) = kernel("two_mm", &SMALL);
    let arrays = report["arrays"].as_array().expect("arrays");
    let sum = |of: &dyn Fn(&Value) -> i64| arrays.iter().map(of).sum::<i64>();
    let dram = &report["dram"];
    assert_eq!(sum(&bytes), bytes(&dram["optimized"]));
    assert_eq!(sum(&|a| bytes(&a["naive"])), bytes(&dram["naive"]));
    assert_eq!(sum(&|a| bytes(&a["per_nest"])), bytes(&dram["per_nest"]));
    assert_eq!(
        sum(&|a| a["compulsory_bytes"].as_i64().expect("bytes")),
        dram["compulsory_bytes"].as_i64().expect("bytes")
    );
}

#[test]
fn a_page_of_a_hundred_nests_is_small_and_needs_nothing_beside_it() {
    let mut text = String::from("input T0[64][64]; output T100[64][64]; temp T1[64][64]");
    (2..100).for_each(|n| text += &format!(", T{n}[64][64]"));
    text += ";\n";
    for n in 0..100 {
        text += &format!("for i in 0..64, j in 0..64 {{ T{}[i][j] = T{n}[i][j] + {n}; }}\n", n + 1);
    }
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("long.loop"), text).expect("written");
    let output =
        polyfuse(folder.path(), &["opt", "long.loop", "--scratchpad", "2KiB", "--fuse", "none", "--emit", "html"]);
    let page = String::from_utf8(output.stdout).expect("UTF-8");
    assert!(page.len() < 500_000, "{} bytes", page.len());
    for part in ["://", "src=", "@import", "url("] {
        assert!(!page.contains(part), "{part}");
    }
    assert!(page.matches("href=").count() > 5, "links inside the page and the empty icon");
    assert!(page.split("href=\"").skip(1).all(|link| link.starts_with('#') || link.starts_with("data:,")));
}

#[test]
fn what_a_program_says_cannot_become_markup() {
    let folder = tempfile::tempdir().expect("a folder");
    let text = "// </script><script>alert(1)</script> & \"quoted\"\ninput A[8]; output B[8];\nfor i in 0..8 { B[i] = A[i]; }\n";
    let file = "a<b>&.loop";
    std::fs::write(folder.path().join(file), text).expect("written");
    let page = String::from_utf8(polyfuse(folder.path(), &["opt", file, "--emit", "html"]).stdout).expect("UTF-8");
    assert!(!page.contains("<script>alert") && !page.contains("a<b>&amp;"), "{page}");
    assert!(page.contains("&lt;script&gt;alert(1)") && page.contains("a&lt;b&gt;&amp;"));
    assert_eq!(page.matches("</script>").count(), 2);
}

/// A browser that runs without a display, where one is installed.
fn browser() -> Option<PathBuf> {
    let folders: Vec<PathBuf> = std::env::split_paths(&std::env::var_os("PATH")?).collect();
    let names = ["chromium", "chromium-browser", "google-chrome"];
    names.iter().flat_map(|name| folders.iter().map(move |folder| folder.join(name))).find(|path| path.is_file())
}

/// Counts faults from the start, and says at the end what there is to be seen.
const FAULTS: &str = "<script>window.faults = []; addEventListener('error', (e) => faults.push(e.message));</script>";
const CHECK: &str = "<script>addEventListener('load', () => {
  const boxes = [...document.querySelectorAll('svg')].map((svg) => svg.getBoundingClientRect());
  const first = document.querySelector('pre [data-group]');
  first.focus();
  const focused = document.activeElement === first;
  first.dispatchEvent(new KeyboardEvent('keydown', { key: 'Enter', bubbles: true }));
  const faded = document.querySelectorAll('.faded').length;
  first.dispatchEvent(new KeyboardEvent('keydown', { key: 'Escape', bubbles: true }));
  const ids = [...document.querySelectorAll('nav a')].every((a) => document.querySelector(a.getAttribute('href')));
  document.body.dataset.seen = JSON.stringify({ faults: faults.length, pictures: boxes.filter((b) => b.width > 200 && b.height > 40).length,
    focused, faded, left: document.querySelectorAll('.faded').length, ids, wide: document.documentElement.scrollWidth - innerWidth });
});</script>";

#[test]
fn a_browser_shows_every_picture_without_a_fault() {
    let Some(browser) = browser() else {
        eprintln!("skipped: no chromium or google-chrome is installed, so no browser has seen the page");
        return;
    };
    // Apart, so that there are two groups to choose from.
    let (folder, page, _) = kernel("two_mm", &[&SMALL[..], &["--fuse", "none"]].concat());
    let watched =
        page.replacen("<head>", &format!("<head>{FAULTS}"), 1).replacen("</body>", &format!("{CHECK}</body>"), 1);
    let file = folder.path().join("page.html");
    std::fs::write(&file, watched).expect("written");
    for (width, dark) in [(1280, false), (500, true)] {
        let mut command = Command::new(&browser);
        command.args([
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--no-first-run",
            "--disable-background-networking",
        ]);
        command.args([
            "--disable-component-update",
            "--disable-sync",
            "--disable-quic",
            "--enable-logging=stderr",
            "--dump-dom",
        ]);
        command.args(dark.then_some("--force-dark-mode"));
        command.arg(format!("--window-size={width},900"));
        command.arg(format!("--user-data-dir={}", folder.path().join(format!("profile{width}")).display()));
        let output = command.arg(format!("file://{}", file.display())).output().expect("the browser starts");
        let (dom, log) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert!(output.status.success() && !log.contains("CONSOLE"), "{log}");
        let seen = dom.split("data-seen=\"").nth(1).and_then(|t| t.split('"').next()).expect("the check ran");
        let seen: Value = serde_json::from_str(&seen.replace("&quot;", "\"")).expect("JSON");
        assert_eq!((&seen["faults"], &seen["pictures"]), (&0.into(), &4.into()), "{width}: {seen}");
        assert_eq!((&seen["focused"], &seen["ids"], &seen["left"]), (&true.into(), &true.into(), &0.into()), "{seen}");
        assert!(seen["faded"].as_i64() > Some(0) && seen["wide"].as_i64() <= Some(0), "{width}: {seen}");
    }
}
