//! What does `explain` do? Says why nests run together or apart, or what a code means.

use super::arguments::{Explain, ExplainEmit};
use super::commands::{finish, options};
use super::input::{self, Source, check_overrides};
use super::{STACK_BYTES, Stop, output};
use polyfuse::report::code::{CODES, Code};
use polyfuse::report::json;

pub fn run(explain: &Explain) -> Result<(), Stop> {
    if let Some(text) = description(&explain.what)? {
        return finish(&explain.common, text);
    }
    let machine = input::machine(&explain.common)?;
    let source = Source::read(&explain.what, &explain.common)?;
    let parsed = source.parse()?;
    let overrides = &explain.common.overrides;
    check_overrides(overrides, &[&parsed])?;
    let capacity_bytes = explain.capacity.scratchpad.unwrap_or(machine.scratchpad_bytes);
    let options = options(&explain.planning, &source, machine, capacity_bytes);
    let progress = output::Progress::new("questions answered");
    let told = |done, of| progress.draw(done, of);
    let explanation = polyfuse::explain(&parsed, overrides, &options, STACK_BYTES, &told);
    drop(progress);
    let explanation = explanation.map_err(|failure| Stop::from_failure(failure, &source))?;
    output::diagnostics(&source.name, &source.text, &explanation.warnings);
    let text = match explain.emit {
        ExplainEmit::Text => explanation.to_string(),
        ExplainEmit::Json => json(&explanation),
    };
    finish(&explain.common, text)
}

/// The description of a code, or of all for `codes`; `None` for what is no code.
fn description(what: &str) -> Result<Option<String>, Stop> {
    if what == "codes" {
        return Ok(Some(CODES.map(|code| format!("{} {}\n", code.number(), code.kind())).concat()));
    }
    if let Some(code) = Code::from_number(what) {
        return Ok(Some(format!("{} {}\n\n{}\n", code.number(), code.kind(), code.description())));
    }
    let digits = what.get(2..).unwrap_or_default();
    let is_code = what.get(..2).is_some_and(|p| p.eq_ignore_ascii_case("PF")) && digits.parse::<u32>().is_ok();
    if is_code && !std::path::Path::new(what).exists() {
        let last = CODES[CODES.len() - 1].number();
        return Err(Stop::Usage(format!("no code `{what}`; there are {} to {last}", CODES[0].number())));
    }
    Ok(None)
}
