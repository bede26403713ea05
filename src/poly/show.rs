//! How are dependences shown to people and to other programs? As a list of edges between labelled statements.

use super::dependences::{Dependences, pair};
use super::scop::{Scop, number};
use crate::isl::{Map, Result, UnionMap};
use serde::Serialize;

/// All dependences of one kind from one statement to another, or from or to the outside.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Shown {
    /// `flow`, `anti`, `output`, `reduction`, `live-in` or `live-out`.
    pub kind: &'static str,
    /// A statement's label; for `live-in` the array.
    pub from: String,
    /// A statement's label; for `live-out` the array.
    pub to: String,
    /// The pairs of instances, in isl's notation.
    pub relation: String,
}

/// The dependences of a program, by kind and then in source order.
///
/// # Errors
/// When isl's budget runs out.
pub fn edges(scop: &Scop, dependences: &Dependences) -> Result<Vec<Shown>> {
    let mut shown = Vec::new();
    let flow = super::dependences::instances(&dependences.flow)?;
    let reduction = super::dependences::instances(&dependences.reduction)?;
    let kinds =
        [("flow", &flow), ("anti", &dependences.anti), ("output", &dependences.output), ("reduction", &reduction)];
    for (kind, relation) in kinds {
        shown.extend(between_statements(scop, kind, relation)?);
    }
    for (kind, relation) in [("live-in", &dependences.live_in), ("live-out", &dependences.live_out)] {
        shown.extend(with_arrays(scop, kind, relation)?);
    }
    Ok(shown)
}

fn between_statements(scop: &Scop, kind: &'static str, relation: &UnionMap) -> Result<Vec<Shown>> {
    let mut maps: Vec<((usize, usize), Map)> =
        relation.maps()?.into_iter().filter_map(|m| Some((pair(&m)?, m))).collect();
    maps.sort_by_key(|(pair, _)| *pair);
    maps.into_iter()
        .map(|((s, t), map)| {
            let ((from, i), (to, j)) = (statement(scop, s), statement(scop, t));
            let j: Vec<String> = j.iter().map(|name| format!("{name}'")).collect();
            let map = map.coalesce()?.with_names((&from, &i), (&to, &j))?;
            Ok(Shown { kind, from, to, relation: map.to_string() })
        })
        .collect()
}

fn with_arrays(scop: &Scop, kind: &'static str, relation: &UnionMap) -> Result<Vec<Shown>> {
    let key = |m: &Map| Some((number(&m.domain_name()?), number(&m.range_name()?)));
    let mut maps: Vec<((usize, usize), Map)> =
        relation.maps()?.into_iter().filter_map(|m| Some((key(&m)?, m))).collect();
    maps.sort_by_key(|(key, _)| *key);
    maps.into_iter()
        .map(|((s, a), map)| {
            let (label, dims) = statement(scop, s);
            let array = scop.arrays[a].name.to_string();
            let indices: Vec<String> = (0..scop.arrays[a].extents.len()).map(|d| format!("a{d}")).collect();
            let map = map.coalesce()?.with_names((&label, &dims), (&array, &indices))?;
            let (from, to) = if kind == "live-in" { (array, label) } else { (label, array) };
            Ok(Shown { kind, from, to, relation: map.to_string() })
        })
        .collect()
}

fn statement(scop: &Scop, s: usize) -> (String, Vec<String>) {
    let statement = &scop.statements[s];
    let name = |d: &super::scop::Dim| match d.stepped {
        None => d.iterator.to_string(),
        Some((_, step)) => format!("{}_{step}", d.iterator),
    };
    (statement.label.to_string(), statement.dims.iter().map(name).collect())
}

/// One edge a line: kind, statements, pairs.
pub fn text(edges: &[Shown]) -> String {
    edges.iter().map(|e| format!("{:<9} {} -> {}: {}\n", e.kind, e.from, e.to, e.relation)).collect()
}

/// A graph for Graphviz.
pub fn dot(name: &str, edges: &[Shown]) -> String {
    let quoted = |text: &str| format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""));
    let mut out = format!("digraph {} {{\n  node [shape=box];\n", quoted(name));
    for edge in edges {
        let style = match edge.kind {
            "flow" => "solid",
            "reduction" => "bold",
            "live-in" | "live-out" => "dotted",
            _ => "dashed",
        };
        if edge.kind == "live-in" {
            out.push_str(&format!("  {} [shape=ellipse];\n", quoted(&edge.from)));
        }
        if edge.kind == "live-out" {
            out.push_str(&format!("  {} [shape=ellipse];\n", quoted(&edge.to)));
        }
        let ends = format!("{} -> {}", quoted(&edge.from), quoted(&edge.to));
        out.push_str(&format!("  {ends} [label={}, style={style}];\n", quoted(edge.kind)));
    }
    out.push_str("}\n");
    out
}
