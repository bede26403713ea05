//! What is different between two reports?

use super::figures::{grouped, size};
use super::{GroupFigures, Report};

/// The figures that differ, arrays and groups that changed, and remarks that came or went; the total always.
pub fn difference(a: &Report, b: &Report) -> String {
    let mut text = format!("{:<24}{:>18}{:>18}\n", "", title(a), title(b));
    let rows = figures(a).into_iter().zip(figures(b));
    for ((name, before), (_, after)) in rows.filter(|((name, before), (_, after))| before != after || *name == "total")
    {
        text += &row(name, before, after);
    }
    for (name, before, after) in arrays(a, b).into_iter().filter(|(_, before, after)| before != after) {
        text += &row(&format!("  {name}"), before, after);
    }
    text += &lines(
        "groups",
        &a.groups.iter().map(group).collect::<Vec<_>>(),
        &b.groups.iter().map(group).collect::<Vec<_>>(),
    );
    let remarks =
        |report: &Report| report.remarks.iter().map(|r| format!("{} {}", r.code.number(), r.text)).collect::<Vec<_>>();
    text + &lines("remarks", &remarks(a), &remarks(b))
}

/// The growth of the bytes moved from one report to the other, in percent.
pub fn growth_percent(a: &Report, b: &Report) -> f64 {
    percent(a.dram.optimized.bytes(), b.dram.optimized.bytes())
}

/// In floating point, as a report that was read may hold any numbers.
fn percent(before: i64, after: i64) -> f64 {
    if before == after { 0.0 } else { 100.0 * (after as f64 - before as f64) / (before.max(1) as f64) }
}

fn title(report: &Report) -> String {
    format!("{} {}", report.kernel, size(report.machine.scratchpad_bytes))
}

fn figures(report: &Report) -> [(&'static str, i64); 12] {
    let dram = &report.dram;
    [
        ("scratchpad", report.machine.scratchpad_bytes),
        ("loads", dram.optimized.load_bytes),
        ("stores", dram.optimized.store_bytes),
        ("total", dram.optimized.bytes()),
        ("per nest", dram.per_nest.bytes()),
        ("naive", dram.naive.bytes()),
        ("compulsory", dram.compulsory_bytes),
        ("lower bound", dram.lower_bound_bytes),
        ("peak", report.scratchpad.peak_bytes),
        ("operations", report.operations.optimized),
        ("groups", report.groups.len() as i64),
        ("nanoseconds, modelled", report.time.as_ref().map_or(0, |t| (t.seconds * 1e9).round() as i64)),
    ]
}

/// The bytes of each array of either report.
fn arrays(a: &Report, b: &Report) -> Vec<(String, i64, i64)> {
    let of = |report: &Report, name: &str| {
        report.arrays.iter().find(|array| array.name == name).map_or(0, |array| array.traffic.bytes())
    };
    let mut names: Vec<&str> = Vec::new();
    for array in a.arrays.iter().chain(&b.arrays) {
        if !names.contains(&array.name.as_str()) {
            names.push(&array.name);
        }
    }
    names.into_iter().map(|name| (name.to_string(), of(a, name), of(b, name))).collect()
}

fn row(name: &str, before: i64, after: i64) -> String {
    let change = match (before, after) {
        _ if before == after => "same".into(),
        (0, _) => String::new(),
        _ => format!("{:+.2}%", percent(before, after)),
    };
    let line = format!("{name:<24}{:>18}{:>18}{change:>10}", grouped(before), grouped(after));
    format!("{}\n", line.trim_end())
}

fn group(group: &GroupFigures) -> String {
    let tile: Vec<String> = group.tile.iter().map(|(name, tile)| format!("{name} by {tile}")).collect();
    format!("{}: {}", group.statements.join(" "), tile.join(", "))
}

/// The lines of one list that the other does not have.
fn lines(name: &str, a: &[String], b: &[String]) -> String {
    let gone = a.iter().filter(|line| !b.contains(line)).map(|line| format!("- {line}\n"));
    let new = b.iter().filter(|line| !a.contains(line)).map(|line| format!("+ {line}\n"));
    let changed: String = gone.chain(new).collect();
    if changed.is_empty() { changed } else { format!("{name}\n{changed}") }
}
