//! What is the best that is found for a program: of the kinds of fusion asked for, and of the program rewritten?

use super::work::{Allowance, Rewritten, Work};
use super::{Case, Clock, Done, Failure, Options, Outcome};
use crate::count::Counts;
use crate::report::Budget;
use crate::schedule::{Answers, Fuse};
use std::collections::BTreeSet;

/// The best that is found for a program.
pub struct Found {
    pub rewritten: Vec<Done>,
    /// The program rewritten, where it was.
    pub case: Option<Case>,
    pub outcome: Outcome,
    /// What ran out on the way.
    pub exhausted: BTreeSet<Budget>,
}

/// The best schedule of a program as it is written.
pub struct AsWritten<'a> {
    work: Work<'a>,
    best: usize,
}

impl<'a> AsWritten<'a> {
    /// With what nests by themselves move.
    ///
    /// # Errors
    /// The smallest scratchpad that the program can run in.
    pub fn new(
        case: &'a Case,
        options: &'a Options,
        answers: &Answers,
        clock: &mut Clock,
    ) -> Result<(AsWritten<'a>, Counts), Failure> {
        // `auto` is the best of what placement picks and of the two extremes, by the bytes that are counted in the end.
        let kinds: &[Fuse] = match options.fuse {
            Fuse::None | Fuse::Source => &[Fuse::None],
            Fuse::Max => &[Fuse::None, Fuse::Max],
            Fuse::Auto => &[Fuse::None, Fuse::Max, Fuse::Auto],
        };
        let (mut written, found) = AsWritten::of(case, options, answers, kinds, clock)?;
        let alone = found[0];
        if options.fuse == Fuse::Auto {
            written.best = written.work.better(found.into_iter().rev()).unwrap_or(alone);
        }
        let per_nest = written.work.outcomes[alone].counts.clone();
        Ok((written, per_nest))
    }

    /// Of a program without its dead instances: what placement picks.
    ///
    /// # Errors
    /// As [`AsWritten::new`].
    pub fn without_dead(
        case: &'a Case,
        options: &'a Options,
        answers: &Answers,
        clock: &mut Clock,
    ) -> Result<AsWritten<'a>, Failure> {
        Ok(AsWritten::of(case, options, answers, &[Fuse::Auto], clock)?.0)
    }

    /// The last of some kinds, and the outcomes of all.
    fn of(
        case: &'a Case,
        options: &'a Options,
        answers: &Answers,
        kinds: &[Fuse],
        clock: &mut Clock,
    ) -> Result<(AsWritten<'a>, Vec<usize>), Failure> {
        let mut work = Work::new(case, options, answers, *clock)?;
        let found = work.best(kinds)?;
        work.clock.lap(|t| &mut t.schedule);
        *clock = work.clock;
        Ok((AsWritten { work, best: found[found.len() - 1] }, found))
    }

    /// Bytes that it moves.
    pub fn bytes(&self) -> i128 {
        self.work.outcomes[self.best].bytes()
    }

    /// The best that is found for the program as it is written, and rewritten; it may add to so many operations.
    ///
    /// # Errors
    /// What ends in a fault.
    pub fn improved(self, operations: i128, options: &Options, clock: &mut Clock) -> Result<Found, Failure> {
        let AsWritten { mut work, best } = self;
        work.clock = *clock;
        let rewritten = match options.fuse {
            Fuse::Auto => work.improve(best, Allowance::new(operations, options))?,
            _ => None,
        };
        work.clock.lap(|t| &mut t.schedule);
        *clock = work.clock;
        let exhausted = work.exhausted;
        Ok(match rewritten {
            Some(Rewritten { rewritten, case, outcome }) => Found { rewritten, case: Some(case), outcome, exhausted },
            None => {
                let outcome = work.outcomes.swap_remove(best);
                Found { rewritten: Vec::new(), case: None, outcome, exhausted }
            }
        })
    }
}
