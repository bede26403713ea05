//! What does `--emit html` take beside the schedule? The curve around the capacity, the reasons, and the dependences.

use super::input::Source;
use super::output::Progress;
use super::{STACK_BYTES, Stop};
use polyfuse::lang::ast::Program;
use polyfuse::machine::Machine;
use polyfuse::report::{Page, page};
use polyfuse::{Optimized, Options, Sweep};

/// Doublings and halvings of the capacity on the curve.
const AROUND: u32 = 5;

pub fn html(
    source: &Source,
    parsed: &Program,
    overrides: &[(String, i64)],
    options: &Options,
    optimized: &Optimized,
    is_given: bool,
) -> Result<String, Stop> {
    let stop = |failure| Stop::from_failure(failure, source);
    let capacity = options.capacity_bytes;
    let mut capacities: Vec<i64> = (1..=AROUND).map(|n| capacity >> n).filter(|&c| c > 0).collect();
    capacities.extend((0..=AROUND).filter_map(|n| capacity.checked_mul(1 << n)));
    capacities.sort_unstable();
    // The mark on the curve is the capacity in force.
    let machine = Machine { scratchpad_bytes: capacity, ..options.machine.clone() };
    let options = Options { machine, ..options.clone() };
    let curve = {
        let progress = Progress::new("capacities planned");
        let told = |done, of| progress.draw(done, of);
        let over = Sweep { parsed, overrides, options: &options, stack_bytes: STACK_BYTES, told: &told };
        over.curve(&capacities).map_err(stop)?.curve
    };
    // What is explained is the schedule that is found, not one that is given.
    let remarks = if is_given {
        optimized.report.remarks.clone()
    } else {
        let progress = Progress::new("questions answered");
        let told = |done, of| progress.draw(done, of);
        polyfuse::explain(parsed, overrides, &options, STACK_BYTES, &told).map_err(stop)?.remarks()
    };
    let (dependences, _) = polyfuse::dependences(parsed, overrides).map_err(stop)?;
    let resolved = polyfuse::lang::resolve(parsed, overrides).map_err(|mistakes| source.mistakes(mistakes))?;
    Ok(page(&Page {
        text: &source.text,
        source: &resolved.program,
        program: &optimized.program,
        ends: &optimized.ends,
        report: &optimized.report,
        remarks: &remarks,
        curve: &curve,
        dependences: &dependences,
        rates: options.machine.rates.as_ref(),
    }))
}
