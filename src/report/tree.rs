//! How does a schedule tree read?

use crate::poly::{Linear, Scop};
use crate::schedule::tree::{Path, Schedule, Scope, TileLoop};

/// A schedule as indented text: groups, loops, statements; then the buffers.
pub fn tree(scop: &Scop, schedule: &Schedule) -> String {
    let mut out = String::new();
    for (g, group) in schedule.groups.iter().enumerate() {
        out.push_str(&format!("group {g}\n"));
        let mut paths: Vec<&Path> = group.paths.iter().collect();
        paths.sort_by(|a, b| a.positions.cmp(&b.positions));
        let mut last: Option<&Path> = None;
        for path in paths {
            let shared = last.map_or(0, |last| last.shared_loops(path));
            for q in shared..path.loops.len() {
                // A statement without the loop's iterator runs at one value of it: another one says what the loop walks.
                let walks = |p: &&Path| p.loops.get(q).is_some_and(|l| l.value.coefficients.iter().any(|c| *c != 0));
                let shares = |p: &&Path| p.statement == path.statement || p.shared_loops(path) > q;
                let named = group.paths.iter().filter(shares).find(walks).unwrap_or(path);
                out.push_str(&format!("{}{}\n", "  ".repeat(q + 1), loop_text(scop, named, &named.loops[q])));
            }
            let label = &scop.statements[path.statement].label;
            out.push_str(&format!("{}{label}\n", "  ".repeat(path.loops.len() + 1)));
            last = Some(path);
        }
    }
    for spec in &schedule.buffers {
        let users: Vec<&str> = spec.users.iter().map(|u| &*scop.statements[u.statement].label).collect();
        let scope = match spec.scope {
            Scope::Program => "the whole program".to_string(),
            Scope::Loops { depth: 0 } => "its group".to_string(),
            Scope::Loops { depth } => format!("{depth} loops"),
        };
        out.push_str(&format!("buffer {} for {} in {scope}\n", scop.arrays[spec.array].name, users.join(", ")));
    }
    out
}

fn loop_text(scop: &Scop, path: &Path, tile_loop: &TileLoop) -> String {
    let dims = &scop.statements[path.statement].dims;
    let Linear { coefficients, constant } = &tile_loop.value;
    let mut value = String::new();
    for (dim, c) in dims.iter().zip(coefficients).filter(|(_, c)| **c != 0) {
        let factor = if *c == 1 { String::new() } else { format!("{c}*") };
        let plus = if value.is_empty() { "" } else { " + " };
        value.push_str(&format!("{plus}{factor}{}", dim.iterator));
    }
    match (value.is_empty(), *constant) {
        (true, c) => value = c.to_string(),
        (false, 0) => {}
        (false, c) => value.push_str(&format!(" {} {}", if c > 0 { '+' } else { '-' }, c.abs())),
    }
    format!("loop {value} by {}", tile_loop.tile)
}
