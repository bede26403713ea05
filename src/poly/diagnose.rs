//! Does a program leave its arrays, or read what nothing has written? Each mistake with one iteration that makes it.

use super::dependences::Dependences;
use super::scop::{Access, Scop, Statement, number};
use crate::isl::{Map, Result, Set};
use crate::lang::ast::Role;
use crate::lang::{Diagnostic, Severity};

/// Accesses outside their arrays, then reads of elements that nothing has written; and as warnings outputs that are written
/// in part.
///
/// # Errors
/// When isl's budget runs out.
pub fn diagnose(scop: &Scop, dependences: &Dependences) -> Result<Vec<Diagnostic>> {
    let mut found = outside(scop)?;
    if found.is_empty() {
        found.extend(uninitialised(scop, dependences)?);
        found.extend(partly_written(scop)?);
    }
    Ok(found)
}

/// Accesses outside their arrays.
///
/// # Errors
/// When isl's budget runs out.
pub fn outside(scop: &Scop) -> Result<Vec<Diagnostic>> {
    let mut found = Vec::new();
    for statement in &scop.statements {
        for access in &statement.accesses {
            let bounds = array_box(scop, access.array)?;
            if access.relation.range()?.is_subset(&bounds)? {
                continue;
            }
            let leaving = access.relation.intersect_range(&access.relation.range()?.subtract(&bounds)?)?;
            let Some(witness) = witness(scop, statement, access, &leaving)? else { continue };
            let extents: String = scop.arrays[access.array].extents.iter().map(|e| format!("[{e}]")).collect();
            found.push(Diagnostic {
                severity: Severity::Error,
                message: format!("access outside `{}{extents}`", access.source.array),
                span: access.source.span,
                label: witness,
                help: Some("guard the statement with an `if`, shorten the loop, or enlarge the array".into()),
            });
        }
    }
    Ok(found)
}

fn array_box(scop: &Scop, array: usize) -> Result<Set> {
    let extents = &scop.arrays[array].extents;
    let dims: Vec<String> = (0..extents.len()).map(|d| format!("a{d}")).collect();
    let bounds: Vec<String> = dims.iter().zip(extents).map(|(a, e)| format!("0 <= {a} < {e}")).collect();
    let colon = if bounds.is_empty() { "" } else { " : " };
    scop.ctx.set(&format!("{{ A{array}[{}]{colon}{} }}", dims.join(","), bounds.join(" and ")))
}

/// `i = 0 reads X[-1]`, for the first pair of a relation `{ S[i] -> A[a] }`.
fn witness(scop: &Scop, statement: &Statement, access: &Access, pairs: &Map) -> Result<Option<String>> {
    let Some(point) = pairs.wrap()?.first_point()? else { return Ok(None) };
    let (instance, element) = point.split_at(statement.dims.len());
    let element: String = element.iter().map(|a| format!("[{a}]")).collect();
    let verb = if access.writes { "writes" } else { "reads" };
    let target = format!("{verb} {}{element}", scop.arrays[access.array].name);
    let iterators = statement.iterator_values(instance);
    Ok(Some(if iterators.is_empty() { target } else { format!("{} {target}", iterators.join(", ")) }))
}

fn uninitialised(scop: &Scop, dependences: &Dependences) -> Result<Vec<Diagnostic>> {
    let mut found = Vec::new();
    for (n, statement) in scop.statements.iter().enumerate() {
        for access in statement.accesses.iter().filter(|a| a.reads) {
            let array = &scop.arrays[access.array];
            if !matches!(array.role, Role::Temp | Role::Output) {
                continue;
            }
            for map in dependences.live_in.maps()? {
                if map.domain_name().map(|s| number(&s)) != Some(n)
                    || map.range_name().map(|a| number(&a)) != Some(access.array)
                {
                    continue;
                }
                let early = map.intersect(&access.relation)?;
                let Some(witness) = witness(scop, statement, access, &early)? else { continue };
                let help = if access.writes {
                    format!("set `{}` before the first `op=`, or declare it `inout`", array.name)
                } else {
                    format!("write `{}` before this statement, or declare it `input` or `inout`", array.name)
                };
                found.push(Diagnostic {
                    severity: Severity::Error,
                    message: format!("read of an element of `{}` that nothing has written", array.name),
                    span: access.source.span,
                    label: witness.replace("writes", "reads"),
                    help: Some(help),
                });
            }
        }
    }
    Ok(found)
}

fn partly_written(scop: &Scop) -> Result<Vec<Diagnostic>> {
    let mut found = Vec::new();
    for (n, array) in scop.arrays.iter().enumerate().filter(|(_, a)| a.role == Role::Output) {
        let mut missing = array_box(scop, n)?;
        let mut written = false;
        for access in scop.statements.iter().flat_map(|s| &s.accesses).filter(|a| a.writes && a.array == n) {
            missing = missing.subtract(&access.relation.range()?)?;
            written = true;
        }
        // An output that nothing writes at all is reported where names are resolved.
        if let (true, Some(point)) = (written, missing.first_point()?) {
            let element: String = point.iter().map(|a| format!("[{a}]")).collect();
            found.push(Diagnostic {
                severity: Severity::Warning,
                message: format!("output `{}` is written in part", array.name),
                span: array.span,
                label: format!("{}{element} keeps what it held", array.name),
                help: Some("write the rest too, or declare it `inout` where it is meant to stay".into()),
            });
        }
    }
    Ok(found)
}
