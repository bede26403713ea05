//! How does a schedule read? Its loops as a tree, with the buffers behind those of their group.

use super::loops::usual;
use crate::lang::ast::{Affine, AffineKind};
use crate::poly::{Linear, Scop};
use crate::schedule::tree::{BufferSpec, Path, Schedule, Scope};
use itertools::Itertools;

/// Columns that a line of one statement may take.
const WIDTH: usize = 80;

/// The decisions of a schedule. `rewritten` says how the program was rewritten first, a line each; `buffers` in how many loops each buffer
/// serves, and its bytes.
pub fn text(scop: &Scop, schedule: &Schedule, rewritten: &[String], buffers: &[(usize, i64)]) -> String {
    let mut out: String = rewritten.iter().map(|line| format!("{line}\n")).collect();
    if !rewritten.is_empty() {
        out.push('\n');
    }
    let keep = |(spec, &(depth, bytes)): (&BufferSpec, &(usize, i64))| {
        format!("{};  // {bytes} bytes\n", keep(scop, spec, depth))
    };
    let buffers = || schedule.buffers.iter().zip(buffers);
    for (g, group) in schedule.groups.iter().enumerate() {
        let mut paths: Vec<&Path> = group.paths.iter().collect();
        paths.sort_by(|a, b| a.positions.cmp(&b.positions));
        out.push_str("group {\n");
        body(scop, &paths, 0, 1, &mut out);
        let of_group = |spec: &BufferSpec| spec.users.first().and_then(|u| schedule.path(u.statement)).map(|p| p.0);
        let own = buffers().filter(|(spec, _)| spec.scope != Scope::Program && of_group(spec) == Some(g));
        own.for_each(|buffer| out.push_str(&format!("  {}", keep(buffer))));
        out.push_str("}\n");
    }
    buffers().filter(|(spec, _)| spec.scope == Scope::Program).for_each(|buffer| out.push_str(&keep(buffer)));
    out
}

/// The label of a statement, and its part where others have the same.
pub fn name(scop: &Scop, statement: usize) -> String {
    let label = &scop.statements[statement].label;
    let alike: Vec<usize> = (0..scop.statements.len()).filter(|&s| scop.statements[s].label == *label).collect();
    match (&alike[..], alike.iter().position(|&s| s == statement)) {
        ([_, _, ..], Some(n)) => format!("{label}:{}", n + 1),
        _ => label.to_string(),
    }
}

/// What runs below the outer `depth` loops of some paths, which share them.
fn body(scop: &Scop, paths: &[&Path], depth: usize, indent: usize, out: &mut String) {
    let mut rest = paths;
    let space = "  ".repeat(indent);
    while let Some(first) = rest.first() {
        if first.loops.len() <= depth {
            out.push_str(&format!("{space}{};\n", name(scop, first.statement)));
            rest = &rest[1..];
            continue;
        }
        let inside =
            |below: usize| move |path: &&&Path| first.statement == path.statement || first.shared_loops(path) > below;
        let (together, others) = rest.split_at(rest.iter().take_while(inside(depth)).count());
        // Loops with nothing between them stand in one line.
        let mut below = depth;
        while below < first.loops.len() && together.iter().all(|path| inside(below)(&path)) {
            below += 1;
        }
        let head: Vec<String> = (depth..below).map(|q| tile_loop(scop, together, q)).collect();
        let head = format!("{space}tile {} {{", head.join(", "));
        let statement = format!("{};", name(scop, first.statement));
        if together.len() == 1 && head.len() + statement.len() + 3 <= WIDTH {
            out.push_str(&format!("{head} {statement} }}\n"));
        } else {
            out.push_str(&format!("{head}\n"));
            body(scop, together, below, indent + 1, out);
            out.push_str(&format!("{space}}}\n"));
        }
        rest = others;
    }
}

/// A loop that some paths share: its value as a statement with iterators says it, and the others where theirs is not the usual one.
fn tile_loop(scop: &Scop, paths: &[&Path], q: usize) -> String {
    let value = |path: &Path| affine(scop, path.statement, &path.loops[q].value);
    let walks = |path: &&&Path| path.loops[q].value.coefficients.iter().any(|c| *c != 0);
    let said = value(paths.iter().find(walks).unwrap_or(&paths[0]));
    let differs = |path: &&&Path| usual(&scop.statements[path.statement], &said).as_ref() != Some(&path.loops[q].value);
    let exceptions: Vec<String> =
        paths.iter().filter(differs).map(|path| format!("{} at {}", name(scop, path.statement), value(path))).collect();
    let exceptions = if exceptions.is_empty() { String::new() } else { format!(" ({})", exceptions.join(", ")) };
    format!("{said} by {}{exceptions}", paths[0].loops[q].tile)
}

/// A linear form over a statement's iterators.
fn affine(scop: &Scop, statement: usize, value: &Linear) -> Affine {
    let mut sum: Option<Affine> = None;
    let dims = &scop.statements[statement].dims;
    for (dim, &c) in dims.iter().zip(&value.coefficients).filter(|(_, c)| **c != 0) {
        let iterator = Affine::name(&dim.iterator);
        let scaled = |factor: i64| match factor {
            1 => iterator.clone(),
            _ => AffineKind::Mul(Box::new(Affine::int(factor)), Box::new(iterator.clone())).into(),
        };
        sum = Some(match sum {
            None if c == -1 => AffineKind::Neg(Box::new(iterator.clone())).into(),
            None => scaled(c),
            Some(sum) if c < 0 => AffineKind::Sub(Box::new(sum), Box::new(scaled(c.saturating_neg()))).into(),
            Some(sum) => AffineKind::Add(Box::new(sum), Box::new(scaled(c))).into(),
        });
    }
    match (sum, value.constant) {
        (None, constant) => Affine::int(constant),
        (Some(sum), 0) => sum,
        (Some(sum), c) if c < 0 => AffineKind::Sub(Box::new(sum), Box::new(Affine::int(c.saturating_neg()))).into(),
        (Some(sum), c) => AffineKind::Add(Box::new(sum), Box::new(Affine::int(c))).into(),
    }
}

fn keep(scop: &Scop, spec: &BufferSpec, depth: usize) -> String {
    let users: Vec<String> =
        spec.users.iter().map(|user| user_text(scop, spec.array, user.statement, &user.accesses)).collect();
    let scope = match depth {
        0 => String::new(),
        1 => " in 1 loop".into(),
        _ => format!(" in {depth} loops"),
    };
    format!("keep {} for {}{scope}", scop.arrays[spec.array].name, users.join(", "))
}

/// A statement, and its accesses to an array where these are not all.
pub fn user_text(scop: &Scop, array: usize, statement: usize, of_user: &[usize]) -> String {
    let accesses = &scop.statements[statement].accesses;
    let all: Vec<usize> = (0..accesses.len()).filter(|&a| accesses[a].array == array).collect();
    let name = name(scop, statement);
    if of_user == all {
        return name;
    }
    let named = of_user.iter().map(|&a| accesses[a].source.to_string());
    format!("{name} ({})", named.unique().join(", "))
}
