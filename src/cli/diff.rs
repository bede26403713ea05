//! What does `diff` do? Compares two saved reports.

use super::arguments::Diff;
use super::{Stop, input, output};
use polyfuse::report::{Report, difference, growth_percent};

pub fn run(diff: &Diff) -> Result<(), Stop> {
    if diff.a == "-" && diff.b == "-" {
        return Err(Stop::Usage("stdin can be one of the reports, not both".into()));
    }
    let read = |file: &str| -> Result<Report, Stop> {
        let text = input::read(file, diff.output.as_deref())?;
        Report::from_json(&text).map_err(|why| Stop::Refused(format!("{}: {why}", input::name(file))))
    };
    let (a, b) = (read(&diff.a)?, read(&diff.b)?);
    let text = difference(&a, &b);
    output::write(vec![output::Result { file: diff.output.as_deref(), text }])?;
    match diff.threshold {
        Some(percent) if growth_percent(&a, &b) > percent => Err(Stop::Different),
        _ => Ok(()),
    }
}
