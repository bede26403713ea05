//! What does a schedule come to? A program with buffers and what it moves, where the scratchpad and the budgets are enough.

use super::{Case, Clock, Failure, Options};
use crate::count::{self, CountError, Counts};
use crate::emit::{self, Emitted};
use crate::isl::IslError;
use crate::lang::ast::Program;
use crate::report::Budget;
use crate::schedule::tree::Schedule;
use crate::staging::{self, Staging};

/// A schedule as a program.
pub struct Realised {
    pub staging: Staging,
    pub program: Program,
    pub counts: Counts,
    /// For each group the number of the program's top-level statements up to its end.
    pub ends: Vec<usize>,
}

/// Why a schedule is not carried out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// Its buffers cannot be laid out in the scratchpad.
    NoRoom,
    /// It is too intricate.
    Exhausted(Budget),
}

/// Why there is no program.
pub enum Stop {
    Refused(Refusal),
    Failed(Failure),
}

impl Stop {
    fn of(error: IslError, budget: Budget) -> Stop {
        match error.is_quota() {
            true => Stop::Refused(Refusal::Exhausted(budget)),
            false => Stop::Failed(error.into()),
        }
    }
}

impl Case {
    /// Stages a schedule, writes it as a program, and counts what that moves.
    ///
    /// # Errors
    /// Where there is too little room, or a budget runs out.
    pub(super) fn realise(&self, schedule: &Schedule, options: &Options, clock: &mut Clock) -> Result<Realised, Stop> {
        let staging = self.staged(schedule, options, clock)?;
        if staging.placement.arena_bytes > options.capacity_bytes {
            return Err(Stop::Refused(Refusal::NoRoom));
        }
        self.emitted(schedule, staging, options, clock)
    }

    /// The buffers of a schedule, of whatever size.
    ///
    /// # Errors
    /// Where a budget runs out.
    pub(super) fn staged(&self, schedule: &Schedule, options: &Options, clock: &mut Clock) -> Result<Staging, Stop> {
        let times = staging::Times::new(&self.scop, schedule);
        let staging = self.scop.ctx.budget(self.budget(options), || staging::stage(&times, &self.dependences));
        clock.lap(|t| &mut t.stage);
        staging.map_err(|error| Stop::of(error, Budget::Staging))
    }

    /// The program of a schedule with its buffers.
    ///
    /// # Errors
    /// Where a budget runs out.
    pub(super) fn emitted(
        &self,
        schedule: &Schedule,
        staging: Staging,
        options: &Options,
        clock: &mut Clock,
    ) -> Result<Realised, Stop> {
        let times = staging::Times::new(&self.scop, schedule);
        let emitted = self.scop.ctx.budget(self.budget(options), || emit::to_program(&self.source, &times, &staging));
        let Emitted { program, ends } = emitted.map_err(|error| Stop::of(error, Budget::Loops))?;
        let counts = count::count(&program);
        clock.lap(|t| &mut t.emit);
        let counts = counts.map_err(|error| match error {
            // A schedule whose bytes cannot be told is none.
            CountError::Budget => Stop::Refused(Refusal::Exhausted(Budget::Counting)),
            error => Stop::Failed(Failure::Fault(format!("the emitted program: {error}"))),
        })?;
        Ok(Realised { staging, program, counts, ends })
    }
}
