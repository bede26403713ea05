//! How does the traffic change with the capacity? One program, planned for several scratchpads.
//!
//! Capacities are planned side by side; each thread analyses the program once, because isl's objects stay on their thread. No
//! plan depends on another, so neither the threads nor their number change the outcome.

use std::sync::atomic::{AtomicUsize, Ordering};

use crate::lang::Diagnostic;
use crate::lang::ast::Program;
use crate::optimize::{Analysed, Failure, Options, optimize_analysed};
use crate::report::{Curve, Report};

/// The outcome at one capacity: a report, or the smallest scratchpad that the program can run in.
type Planned = (usize, Result<Report, Failure>);

/// What one thread planned, and what is doubtful in the program.
type Share = Result<(Vec<Planned>, Vec<Diagnostic>), Failure>;

/// A program's traffic over capacities, and what is doubtful in it.
#[derive(Debug)]
pub struct Swept {
    pub curve: Curve,
    pub warnings: Vec<Diagnostic>,
}

/// Plans a program for each capacity; `options.capacity_bytes` is not looked at. `done` hears of each that is planned, from any
/// thread; each thread has `stack_bytes` of stack.
///
/// # Errors
/// What is wrong with the program, or that none of the capacities is enough.
pub fn sweep(
    parsed: &Program,
    overrides: &[(String, i64)],
    options: &Options,
    capacities: &[i64],
    stack_bytes: usize,
    done: &(dyn Fn() + Sync),
) -> Result<Swept, Failure> {
    let next = AtomicUsize::new(0);
    let work = || -> Share {
        let analysed = Analysed::new(parsed, overrides, options)?;
        let mut planned = Vec::new();
        while let (at, Some(&capacity_bytes)) = {
            let at = next.fetch_add(1, Ordering::Relaxed);
            (at, capacities.get(at))
        } {
            let outcome = optimize_analysed(&analysed, &Options { capacity_bytes, ..options.clone() });
            planned.push((at, outcome.map(|optimized| optimized.report)));
            done();
        }
        Ok((planned, analysed.warnings.clone()))
    };
    let workers = std::thread::available_parallelism().map_or(1, usize::from).min(capacities.len());
    let outcomes = std::thread::scope(|scope| {
        let start = |_| std::thread::Builder::new().stack_size(stack_bytes).spawn_scoped(scope, work);
        // A thread that does not start leaves its share to the others; this one always works.
        let handles: Vec<_> = (1..workers).flat_map(start).collect();
        let mut outcomes = vec![work()];
        for handle in handles {
            outcomes.push(handle.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)));
        }
        outcomes
    });
    gather(outcomes, options, capacities)
}

fn gather(outcomes: Vec<Share>, options: &Options, capacities: &[i64]) -> Result<Swept, Failure> {
    let mut planned = Vec::new();
    let mut warnings = Vec::new();
    for outcome in outcomes {
        let (part, said) = outcome?;
        planned.extend(part);
        warnings = said;
    }
    planned.sort_by_key(|(at, _)| *at);
    let mut points = Vec::new();
    let mut refused = None;
    for (at, outcome) in planned {
        match outcome {
            Ok(report) => points.push((capacities[at], Ok(report))),
            Err(Failure::DoesNotFit { smallest_bytes, capacity_bytes, table }) => {
                points.push((capacities[at], Err(smallest_bytes)));
                refused = Some(Failure::DoesNotFit { smallest_bytes, capacity_bytes, table });
            }
            Err(failure) => return Err(failure),
        }
    }
    match (Curve::of(&options.machine, &points), refused) {
        (Some(curve), _) => Ok(Swept { curve, warnings }),
        (None, Some(refused)) => Err(refused),
        (None, None) => Err(Failure::Fault("a sweep over no capacities".into())),
    }
}
