//! What does `sweep` do? Plans a program for several capacities and writes the curve.

use super::arguments::{self, SweepEmit};
use super::commands::{finish, options};
use super::input::{self, Source, check_overrides};
use super::{STACK_BYTES, Stop, output};
use polyfuse::Sweep;
use polyfuse::report::{json, plot};

pub fn run(sweep: &arguments::Sweep) -> Result<(), Stop> {
    let machine = input::machine(&sweep.common)?;
    let capacities = sweep.scratchpad.capacities(sweep.steps).map_err(Stop::Usage)?;
    let source = Source::read(&sweep.file, &sweep.common)?;
    let parsed = source.parse()?;
    let overrides = &sweep.common.overrides;
    check_overrides(overrides, &[&parsed])?;
    let options = options(&sweep.planning, &source, machine, 0);
    let progress = output::Progress::new("capacities planned");
    let told = |done, of| progress.draw(done, of);
    let over = Sweep { parsed: &parsed, overrides, options: &options, stack_bytes: STACK_BYTES, told: &told };
    let swept = over.curve(&capacities);
    drop(progress);
    let swept = swept.map_err(|failure| Stop::from_failure(failure, &source))?;
    output::diagnostics(&source.name, &source.text, &swept.warnings);
    let text = match sweep.emit {
        SweepEmit::Text => swept.curve.to_string(),
        SweepEmit::Csv => swept.curve.to_csv(),
        SweepEmit::Json => json(&swept.curve),
        SweepEmit::Svg => plot(&swept.curve),
    };
    finish(&sweep.common, text)
}
