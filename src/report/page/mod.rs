//! How does a schedule look? One page that needs nothing beside it: no network, no other file, and no script to be read.
//!
//! Everything shown is a figure of the report, which the page holds as JSON too.

mod bars;
mod graph;
mod listing;
mod occupancy;
mod roofline;

use super::code::Code;
use super::figures::{grouped, rounded, size};
use super::plot::{escaped, plot};
use super::{Curve, Remark, Report};
use crate::lang::ast::Program;
use crate::machine::Rates;
use crate::poly::show::Shown;

/// What a page is made from.
pub struct Page<'a> {
    /// The source as written, and as resolved.
    pub text: &'a str,
    pub source: &'a Program,
    /// The scheduled program, and for each group the number of its top-level statements up to the group's end.
    pub program: &'a Program,
    pub ends: &'a [usize],
    pub report: &'a Report,
    /// Why nests run together or apart.
    pub remarks: &'a [Remark],
    /// Bytes against capacity, around the capacity in force.
    pub curve: &'a Curve,
    pub dependences: &'a [Shown],
    pub rates: Option<&'a Rates>,
}

/// Colours of groups, of which there may be more than colours: then they come again.
const COLOURS: usize = 6;

/// The class of a group's colour.
fn colour(group: usize) -> String {
    format!("g{}", group % COLOURS)
}

/// A page as HTML.
pub fn page(page: &Page) -> String {
    let report = page.report;
    let title = escaped(&format!("{} on {}", report.kernel, report.machine.name));
    let mut sections = vec![
        ("summary", "Summary", summary(report)),
        ("program", "Source and schedule", listing::listing(page)),
        ("traffic", "Bytes by array", bars::bars(report)),
        (
            "curve",
            "Bytes against capacity",
            figure(&plot(page.curve).replace(" xmlns=\"http://www.w3.org/2000/svg\"", "")),
        ),
        ("scratchpad", "The scratchpad over the steps", figure(&occupancy::occupancy(report))),
    ];
    if let Some(roofline) = roofline::roofline(report, page.rates) {
        sections.push(("roofline", "Roofline", figure(&roofline)));
    }
    sections.push(("dependences", "Dependences", figure(&graph::graph(report, page.dependences))));
    sections.push(("remarks", "Reasons", remarks(page.remarks)));
    let links: String = sections.iter().map(|(id, name, _)| format!("<a href=\"#{id}\">{name}</a>")).collect();
    let body: String = sections
        .iter()
        .map(|(id, name, content)| format!("<section id=\"{id}\"><h2>{name}</h2>\n{content}</section>\n"))
        .collect();
    // A text in the report could end the script element.
    let data = report.to_json().replace("</", "<\\/");
    format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<title>{title}</title>\n\
         <link rel=\"icon\" href=\"data:,\">\n<style>\n{style}</style>\n</head>\n<body>\n\
         <a class=\"skip\" href=\"#summary\">Skip to the figures</a>\n<header><h1>{title}</h1><nav>{links}</nav></header>\n\
         <main>\n{body}</main>\n<script type=\"application/json\" id=\"report\">\n{data}</script>\n\
         <script>\n{script}</script>\n</body>\n</html>\n",
        style = include_str!("page.css"),
        script = include_str!("page.js"),
    )
}

/// A picture that may be wider than a phone.
fn figure(svg: &str) -> String {
    format!("<figure tabindex=\"0\">{svg}</figure>\n")
}

fn summary(report: &Report) -> String {
    let dram = &report.dram;
    let moved = dram.optimized.bytes();
    let mut rows = vec![
        ("moved", "Bytes to and from DRAM", moved),
        ("per-nest", "Nests by themselves", dram.per_nest.bytes()),
        ("naive", "Every access to DRAM", dram.naive.bytes()),
        ("compulsory", "Compulsory", dram.compulsory_bytes),
        ("bound", "Lower bound", dram.lower_bound_bytes),
        ("peak", "Scratchpad at its fullest", report.scratchpad.peak_bytes),
        ("capacity", "Scratchpad", report.machine.scratchpad_bytes),
    ]
    .into_iter()
    .map(|(id, name, bytes)| {
        format!(
            "<tr><th scope=\"row\">{name}</th><td data-figure=\"{id}\" data-bytes=\"{bytes}\">{}</td><td>{}</td></tr>\n",
            grouped(bytes),
            rounded(bytes as f64)
        )
    })
    .collect::<String>();
    if let Some(time) = &report.time {
        rows += &format!(
            "<tr><th scope=\"row\">Time, modelled</th><td>{:.3} ms</td><td>bound by {}</td></tr>\n",
            time.seconds * 1e3,
            escaped(&time.bound_by)
        );
    }
    let params: Vec<String> = report.params.iter().map(|(name, value)| format!("{name} = {value}")).collect();
    let ratio = moved as f64 / dram.lower_bound_bytes.max(1) as f64;
    format!(
        "<p>{}, scratchpad of {}{}. {ratio:.2} times the lower bound, {:.2} times less than nests by themselves.</p>\n\
         <div class=\"wide\"><table>{rows}</table></div>\n",
        escaped(&report.machine.name),
        size(report.machine.scratchpad_bytes),
        if params.is_empty() { String::new() } else { format!("; {}", escaped(&params.join(", "))) },
        dram.per_nest.bytes() as f64 / moved.max(1) as f64
    )
}

/// A text whose words between backquotes are code.
fn worded(text: &str) -> String {
    let word = |(n, part): (usize, &str)| if n % 2 == 1 { format!("<code>{part}</code>") } else { part.into() };
    escaped(text).split('`').enumerate().map(word).collect()
}

fn remarks(remarks: &[Remark]) -> String {
    if remarks.is_empty() {
        return "<p>No two nests share data.</p>\n".into();
    }
    let row = |remark: &Remark| {
        format!(
            "<tr><td><a href=\"#{0}\">{0}</a></td><td>{1}</td><td>{2}</td></tr>\n",
            remark.code.number(),
            escaped(&remark.at),
            worded(&remark.text)
        )
    };
    let rows: String = remarks.iter().map(row).collect();
    let mut codes: Vec<Code> = remarks.iter().map(|r| r.code).collect();
    codes.sort_unstable();
    codes.dedup();
    let meaning = |code: Code| {
        let paragraphs = worded(code.description()).replace("\n\n", "</p><p>");
        format!("<dt id=\"{0}\">{0} {1}</dt><dd><p>{paragraphs}</p></dd>\n", code.number(), code.kind())
    };
    let meanings: String = codes.into_iter().map(meaning).collect();
    format!("<div class=\"wide reasons\"><table>{rows}</table></div>\n<dl>{meanings}</dl>\n")
}
