//! How does the traffic change with the capacity? One program, planned for several scratchpads.
//!
//! No plan depends on another, so neither the threads nor their number change the outcome.

use crate::lang::Diagnostic;
use crate::lang::ast::Program;
use crate::optimize::{Analysed, Failure, Options, optimize_analysed};
use crate::report::{Curve, Report};
use crate::threads::Work;
use std::sync::atomic::{AtomicUsize, Ordering};

/// A program's traffic over capacities, and what is doubtful in it.
#[derive(Debug)]
pub struct Swept {
    pub curve: Curve,
    pub warnings: Vec<Diagnostic>,
}

/// The outcome at one capacity: a report, or the smallest scratchpad that the program can run in.
pub type Planned = (i64, Result<Report, i64>);

/// A program to be planned for several capacities; `options.capacity_bytes` is not looked at.
pub struct Sweep<'a> {
    pub parsed: &'a Program,
    pub overrides: &'a [(String, i64)],
    pub options: &'a Options,
    /// The stack of each thread.
    pub stack_bytes: usize,
    /// Hears, from any thread, how many capacities are planned of how many.
    pub told: &'a (dyn Fn(usize, usize) + Sync),
}

impl Sweep<'_> {
    /// The curve over capacities.
    ///
    /// # Errors
    /// What is wrong with the program, or that none of the capacities is enough.
    pub fn curve(&self, capacities: &[i64]) -> Result<Swept, Failure> {
        let warnings = Analysed::new(self.parsed, self.overrides, self.options)?.warnings;
        let points = self.plan(capacities)?;
        if let Some(curve) = Curve::of(&self.options.machine, &points) {
            return Ok(Swept { curve, warnings });
        }
        // The largest capacity says best what is missing.
        let capacity_bytes = capacities.iter().copied().max().unwrap_or(0);
        let options = Options { capacity_bytes, ..self.options.clone() };
        let failure = crate::optimize(self.parsed, self.overrides, &options).err();
        Err(failure.unwrap_or(Failure::Fault("a sweep over no capacities".into())))
    }

    /// The outcome for each capacity, in their order.
    ///
    /// # Errors
    /// What is wrong with the program.
    pub fn plan(&self, capacities: &[i64]) -> Result<Vec<Planned>, Failure> {
        let done = AtomicUsize::new(0);
        (self.told)(0, capacities.len());
        let task = |analysed: &Analysed, n: usize| {
            let outcome =
                optimize_analysed(analysed, &Options { capacity_bytes: capacities[n], ..self.options.clone() });
            (self.told)(1 + done.fetch_add(1, Ordering::Relaxed), capacities.len());
            outcome.map(|optimized| optimized.report)
        };
        let start = || Analysed::new(self.parsed, self.overrides, self.options);
        let outcomes = Work { start, task, stack_bytes: self.stack_bytes }.run(capacities.len())?;
        let planned = capacities.iter().zip(outcomes).map(|(&capacity, outcome)| match outcome {
            Ok(report) => Ok((capacity, Ok(report))),
            Err(Failure::DoesNotFit { smallest_bytes, .. }) => Ok((capacity, Err(smallest_bytes))),
            Err(failure) => Err(failure),
        });
        planned.collect()
    }
}
