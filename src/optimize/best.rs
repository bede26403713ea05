//! What is the best that is found for a program: of the kinds of fusion asked for, and of the program rewritten?

use super::work::{Allowance, Rewritten, Work};
use super::{Case, Clock, Done, Failure, Options, Outcome};
use crate::count::Counts;
use crate::report::Budget;
use crate::schedule::Fuse;
use std::collections::BTreeSet;

/// The best that is found for a program.
pub struct Found {
    pub rewritten: Vec<Done>,
    /// The program rewritten, where it was.
    pub case: Option<Case>,
    pub outcome: Outcome,
    /// What nests by themselves move.
    pub per_nest: Counts,
    /// What ran out on the way.
    pub exhausted: BTreeSet<Budget>,
}

/// Schedules a program, and the same rewritten.
///
/// # Errors
/// The smallest scratchpad that it can run in.
pub fn best(case: &Case, options: &Options, clock: &mut Clock) -> Result<Found, Failure> {
    let mut work = Work::new(case, options, *clock)?;
    // `auto` is the best of what placement picks and of the two extremes, by the bytes that are counted in the end.
    let kinds: &[Fuse] = match options.fuse {
        Fuse::None | Fuse::Source => &[Fuse::None],
        Fuse::Max => &[Fuse::None, Fuse::Max],
        Fuse::Auto => &[Fuse::None, Fuse::Max, Fuse::Auto],
    };
    let found = work.best(kinds)?;
    let alone = found[0];
    let best = match options.fuse {
        Fuse::Auto => work.better(found.into_iter().rev()).unwrap_or(alone),
        _ => found[found.len() - 1],
    };
    let per_nest = work.outcomes[alone].counts.clone();
    let rewritten = match options.fuse {
        Fuse::Auto => work.improve(best, Allowance::new(per_nest.operations, options))?,
        _ => None,
    };
    work.clock.lap(|t| &mut t.schedule);
    *clock = work.clock;
    let exhausted = work.exhausted;
    Ok(match rewritten {
        Some(Rewritten { rewritten, case, outcome }) => {
            Found { rewritten, case: Some(case), outcome, per_nest, exhausted }
        }
        None => {
            let outcome = work.outcomes.swap_remove(best);
            Found { rewritten: Vec::new(), case: None, outcome, per_nest, exhausted }
        }
    })
}
