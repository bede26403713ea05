//! Which program stands in for one that is too large to be run? The same at small parameters, rewritten and grouped alike.

use super::{Case, Clock, Failure, Live, Options, Rewriting, Work, diagnose, usable};
use crate::count;
use crate::lang;
use crate::lang::ast::Program;
use crate::poly::Liveness;
use crate::report;

/// Instances of the runs that stand in for a program that is too large to be run.
const SMALL_RUN: i128 = 30_000;

/// The program at parameters so small that it can be run, and scheduled for a scratchpad that is smaller in proportion; `None` when it has no
/// parameters, or no smaller ones are valid.
pub fn shrunk(
    parsed: &Program,
    overrides: &[(String, i64)],
    options: &Options,
    source: &Program,
    liveness: Option<&Liveness>,
    rewritings: &[&Rewriting],
    schedule: impl Fn(&Case, &Options) -> Result<Option<Program>, Failure>,
) -> Result<Option<(Program, Program)>, Failure> {
    let bytes = |program: &Program| program.arrays.iter().fold(1i64, |sum, a| sum.saturating_add(a.bytes()));
    for limit in [24, 16, 12, 9, 6, 4] {
        let Some(small) = smaller_source(parsed, overrides, limit) else { continue };
        let part = options.capacity_bytes as f64 * bytes(&small) as f64 / bytes(source) as f64;
        let options = Options { capacity_bytes: (part as i64).max(256), ..options.clone() };
        let Some(case) = smaller_case(&small, liveness, rewritings, &options) else { continue };
        return Ok(schedule(&case, &options)?.map(|program| (small, program)));
    }
    Ok(None)
}

/// A program scheduled in given groups.
pub fn grouped(case: &Case, options: &Options, groups: &[(usize, usize)]) -> Result<Option<Program>, Failure> {
    let mut work = Work::new(case, options, Clock::start(report::Times::default()))?;
    work.groups = Some(groups);
    let Some(outcomes) = usable(work.best(&[options.fuse]))? else { return Ok(None) };
    Ok(Some(work.outcomes.swap_remove(outcomes[0]).program))
}

/// The program with every parameter at most `limit`, where that is a valid program, and a short one.
fn smaller_source(parsed: &Program, overrides: &[(String, i64)], limit: i64) -> Option<Program> {
    if parsed.params.is_empty() {
        return None;
    }
    let mut smaller = overrides.to_vec();
    for param in &parsed.params {
        let value = overrides.iter().rev().find(|(n, _)| **n == *param.name).map_or(param.value, |(_, v)| *v);
        smaller.push((param.name.to_string(), value.min(limit)));
    }
    let program = lang::resolve(parsed, &smaller).ok()?.program;
    count::count(&program).ok().filter(|counts| counts.instances <= SMALL_RUN)?;
    Some(program)
}

/// A small program rewritten like the large one, without its dead instances where the large one is without them; `None` where it is at fault,
/// or others are dead in it.
fn smaller_case(
    small: &Program,
    liveness: Option<&Liveness>,
    rewritings: &[&Rewriting],
    options: &Options,
) -> Option<Case> {
    let mut case = Case::new(small.clone(), options).ok()?;
    if let Some(liveness) = liveness {
        case = Live::of(&case, options).ok()?.filter(|live| live.liveness.is_like(liveness))?.case;
    }
    for rewriting in rewritings {
        case = case.rewritten(rewriting, options).ok()??;
    }
    if !case.complete {
        return None;
    }
    diagnose(&case.source, &case.scop, &case.dependences, true).ok()?;
    Some(case)
}
