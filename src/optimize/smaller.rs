//! Which program stands in for one that is too large to be run? The same at small parameters, rewritten and grouped alike.
//!
//! It shares nothing with the large one but what is decided, so a thread of its own looks at it while that is decided and checked.

use super::{Case, Clock, Failure, Live, Options, Rewriting, Work, diagnose, usable};
use crate::check;
use crate::count;
use crate::lang;
use crate::lang::ast::Program;
use crate::poly::Liveness;
use crate::report;
use crate::schedule::{Answers, Care};
use std::sync::mpsc::Receiver;

/// Instances of the runs that stand in for a program that is too large to be run.
const SMALL_RUN: i128 = 30_000;

/// A program that may be too large to be run.
#[derive(Clone, Copy)]
pub struct Whole<'a> {
    pub parsed: &'a Program,
    pub overrides: &'a [(String, i64)],
    pub options: &'a Options,
    /// The program resolved.
    pub source: &'a Program,
}

/// What is decided for a program, and is to be for the one that stands in for it.
pub struct Decided {
    /// Where dead instances are left out.
    pub liveness: Option<Liveness>,
    pub rewritings: Vec<Rewriting>,
    /// The nests of each group, first and one past the last.
    pub groups: Vec<(usize, usize)>,
}

impl Whole<'_> {
    /// Checks the program that stands in for this one as soon as it is told what is decided; without that there is nothing to check. What
    /// is sure to be asked is analysed meanwhile.
    ///
    /// # Errors
    /// As [`Whole::check`].
    pub fn check_when_told(&self, told: &Receiver<Decided>) -> Result<(), Failure> {
        let mut sizes = self.sizes().peekable();
        if count::count(self.source).is_ok_and(|counts| counts.instances > check::LONGEST_RUN) {
            sizes.peek();
        }
        let Ok(Decided { liveness, rewritings, groups }) = told.recv() else { return Ok(()) };
        self.check(sizes, liveness.as_ref(), &rewritings, |case, options| grouped(case, options, &groups))
    }

    /// Whether the program computes the same before and after, at the first of some sizes that allows for the same rewritings, scheduled for a
    /// scratchpad that is smaller in proportion.
    ///
    /// # Errors
    /// Where it does not.
    pub fn check(
        &self,
        mut sizes: impl Iterator<Item = Case>,
        liveness: Option<&Liveness>,
        rewritings: &[Rewriting],
        schedule: impl Fn(&Case, &Options) -> Result<Option<Program>, Failure>,
    ) -> Result<(), Failure> {
        let found = sizes.find_map(|small| {
            let (source, options) = (small.source.clone(), self.smaller_options(&small.source));
            Some((source, rewritten(small, liveness, rewritings, &options)?, options))
        });
        let Some((source, case, options)) = found else { return Ok(()) };
        match schedule(&case, &options)? {
            Some(program) => check::results(&source, &program).map_err(Failure::Fault),
            None => Ok(()),
        }
    }

    /// The program at parameters so small that it can be run, the largest first; none when it has no parameters, or no smaller ones are valid.
    pub fn sizes(&self) -> impl Iterator<Item = Case> {
        let small = |limit| smaller_source(self.parsed, self.overrides, limit);
        [24, 16, 12, 9, 6, 4].into_iter().filter_map(move |limit| Case::new(small(limit)?, self.options).ok())
    }

    fn smaller_options(&self, small: &Program) -> Options {
        let bytes = |program: &Program| program.arrays.iter().fold(1i64, |sum, a| sum.saturating_add(a.bytes()));
        let part = self.options.capacity_bytes as f64 * bytes(small) as f64 / bytes(self.source) as f64;
        Options { capacity_bytes: (part as i64).max(256), ..self.options.clone() }
    }
}

/// A program scheduled in given groups.
fn grouped(case: &Case, options: &Options, groups: &[(usize, usize)]) -> Result<Option<Program>, Failure> {
    let mut work = Work::new(case, options, &Answers::default(), Clock::start(report::Times::default()))?;
    work.groups = Some((groups, Care::Trial));
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
    let counts = count::count(&program).ok()?;
    (counts.instances <= SMALL_RUN && !check::is_large(&program)).then_some(program)
}

/// A small program rewritten like the large one, without its dead instances where the large one is without them; `None` where it is at fault,
/// or others are dead in it.
fn rewritten(mut case: Case, liveness: Option<&Liveness>, rewritings: &[Rewriting], options: &Options) -> Option<Case> {
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
