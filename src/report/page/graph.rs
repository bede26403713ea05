//! Who needs whose values? Statements in the order of the program, groups boxed, an arc for each dependence between two statements.

use super::super::Report;
use super::super::plot::escaped;
use super::colour;
use crate::poly::show::Shown;

const ROW: f64 = 24.0;
const LEFT: f64 = 16.0;
const BOX: f64 = 150.0;
/// How far the longest arcs reach.
const REACH: f64 = 420.0;

pub fn graph(report: &Report, dependences: &[Shown]) -> String {
    // A statement of which parts run in several groups stands in the first.
    let mut rows: Vec<(&str, usize)> = Vec::new();
    for (group, figures) in report.groups.iter().enumerate() {
        for label in &figures.statements {
            if !rows.iter().any(|(known, _)| known == label) {
                rows.push((label, group));
            }
        }
    }
    let height = ROW * rows.len() as f64 + 20.0;
    let y = |row: usize| 10.0 + ROW * (row as f64 + 0.5);
    let mut svg = format!(
        "<svg class=\"drawn\" viewBox=\"0 0 720 {height}\" role=\"img\" aria-label=\"Dependences between {} statements in {} groups\">\n",
        rows.len(),
        report.groups.len()
    );
    for group in 0..report.groups.len() {
        let own: Vec<usize> = (0..rows.len()).filter(|&row| rows[row].1 == group).collect();
        let (Some(&first), Some(&last)) = (own.first(), own.last()) else { continue };
        svg += &format!(
            "<g class=\"{}\"><rect data-group=\"{group}\" x=\"{LEFT}\" y=\"{:.1}\" width=\"{BOX}\" height=\"{:.1}\" rx=\"5\"><title>group {group}</title></rect></g>\n",
            colour(group),
            y(first) - ROW / 2.0 + 2.0,
            ROW * (last - first + 1) as f64 - 4.0
        );
    }
    for (row, (label, _)) in rows.iter().enumerate() {
        svg += &format!("<text x=\"{:.1}\" y=\"{:.1}\">{}</text>\n", LEFT + 10.0, y(row) + 4.0, escaped(label));
    }
    let at = |label: &str| rows.iter().position(|(known, _)| *known == label);
    let mut drawn: Vec<(usize, usize, &str)> = Vec::new();
    for edge in dependences.iter().filter(|e| matches!(e.kind, "flow" | "anti" | "output")) {
        if let (Some(from), Some(to)) = (at(&edge.from), at(&edge.to))
            && from != to
            && !drawn.contains(&(from, to, edge.kind))
        {
            drawn.push((from, to, edge.kind));
            svg += &arc(from, to, edge, rows.len(), &y);
        }
    }
    svg + "</svg>\n<figcaption>Arcs: values that are passed on (full), order that must be kept (dashed).</figcaption>\n"
}

fn arc(from: usize, to: usize, edge: &Shown, rows: usize, y: &dyn Fn(usize) -> f64) -> String {
    let start = LEFT + BOX;
    let reach = start + 24.0 + REACH * from.abs_diff(to) as f64 / rows.max(8) as f64;
    let (a, b) = (y(from), y(to));
    format!(
        "<path class=\"arc {}\" d=\"M{start} {a:.1}C{reach:.1} {a:.1} {reach:.1} {b:.1} {start} {b:.1}\"><title>{}: {} to {}</title></path>\n",
        edge.kind,
        edge.kind,
        escaped(&edge.from),
        escaped(&edge.to)
    )
}
