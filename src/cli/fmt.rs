//! What does `fmt` do? Lays out programs in place.

use super::arguments::Fmt;
use super::output::{self, Result as Written};
use super::{Stop, fault, input};
use polyfuse::lang::{layout::lay_out, parse};

pub fn run(fmt: &Fmt) -> Result<(), Stop> {
    let mut changed = Vec::new();
    for file in &fmt.files {
        let text = input::read(file, None)?;
        let name = input::name(file);
        fault::remember(name, &text);
        let before = parse(&text).map_err(|diagnostics| Stop::Mistakes {
            file: name.into(),
            text: text.clone(),
            diagnostics,
        })?;
        let laid_out = lay_out(&text);
        if parse(&laid_out).ok().as_ref() != Some(&before) {
            return Err(Stop::Fault { what: format!("{name} would mean something else"), details: laid_out });
        }
        // What comes from stdin goes to stdout, changed or not.
        if laid_out != text || (file == "-" && !fmt.check) {
            changed.push((file, laid_out));
        }
    }
    if fmt.check {
        let text: String = changed.iter().map(|(file, _)| format!("{}\n", input::name(file))).collect();
        output::write(vec![Written { file: None, text }])?;
        return if changed.is_empty() { Ok(()) } else { Err(Stop::Different) };
    }
    output::write(changed.into_iter().map(|(file, text)| Written { file: Some(file), text }).collect())
}
