//! What are some nests of a program as a program of their own?
//!
//! The same statements on the same arrays; what the nests read from before them is an input, and what is needed after them an output.

use std::collections::BTreeSet;

use crate::isl::Result;
use crate::lang::ast::{Program, Role};
use crate::optimize::Analysed;
use crate::poly::number;

/// The nests from `first` to `last`.
///
/// # Errors
/// When isl refuses a relation.
pub fn part(analysed: &Analysed, first: usize, last: usize) -> Result<Program> {
    let scop = &analysed.case.scop;
    let inside = |s: usize| (first..=last).contains(&scop.statements[s].nest);
    let (mut comes_in, mut goes_out) = (BTreeSet::new(), BTreeSet::new());
    for map in analysed.case.dependences.flow.maps()? {
        let sink = map.range()?.unwrap()?;
        let (Some(source), Some(sink), Some(array)) = (map.domain_name(), sink.domain_name(), sink.range_name()) else {
            continue;
        };
        match (inside(number(&source)), inside(number(&sink))) {
            (false, true) => comes_in.insert(number(&array)),
            (true, false) => goes_out.insert(number(&array)),
            _ => false,
        };
    }
    for (outer, found) in
        [(&analysed.case.dependences.live_in, &mut comes_in), (&analysed.case.dependences.live_out, &mut goes_out)]
    {
        for map in outer.maps()? {
            if let (Some(statement), Some(array)) = (map.domain_name(), map.range_name())
                && inside(number(&statement))
            {
                found.insert(number(&array));
            }
        }
    }
    let mut program = Program { body: analysed.case.source.body[first..=last].to_vec(), ..Program::default() };
    for (a, array) in analysed.case.source.arrays.iter().enumerate() {
        let mut users = scop.statements.iter().filter(|s| (first..=last).contains(&s.nest) && s.touches(a)).peekable();
        if users.peek().is_none() {
            continue;
        }
        let is_written = users.any(|s| s.accesses[0].array == a);
        let role = match (is_written, comes_in.contains(&a), goes_out.contains(&a)) {
            (false, ..) => Role::Input,
            (true, true, _) => Role::Inout,
            (true, false, true) => Role::Output,
            (true, false, false) => Role::Temp,
        };
        program.arrays.push(crate::lang::ast::Array { role, ..array.clone() });
    }
    Ok(program)
}
