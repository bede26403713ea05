//! What does a user type, and what comes back? Arguments, files, printing and the exit status stand here and nowhere else.
//!
//! Exit status: 0 done; 1 the input is at fault, missing or unreadable; 2 wrong usage; 3 a fault of polyfuse itself. Results go
//! to stdout, everything else to stderr.

mod arguments;
mod commands;
mod diff;
mod explain;
mod fault;
mod fmt;
mod input;
mod output;
mod page;
mod shell;
mod sizes;
mod sweep;
mod watch;

use std::process::ExitCode;

use clap::Parser;

use arguments::Arguments;
use polyfuse::lang::Diagnostic;
use polyfuse::{Failure, STACK_BYTES};

/// Why a command ends without a result.
pub enum Stop {
    /// Status 1 with this message: missing or unreadable files, results that differ.
    Refused(String),
    /// Status 1, and all has been said: the programs differ.
    Different,
    /// Status 1: mistakes in a text.
    Mistakes { file: String, text: String, diagnostics: Vec<Diagnostic> },
    /// Status 2.
    Usage(String),
    /// Status 3: what went wrong, and what else is known.
    Fault { what: String, details: String },
    /// The reader of stdout has gone. Nothing to say.
    Closed,
}

impl Stop {
    /// What stopped polyfuse on the program in `file`, or on the schedule there.
    fn from_failure(failure: Failure, file: &input::Source) -> Stop {
        match failure {
            Failure::Input(diagnostics) | Failure::Schedule(diagnostics) => {
                Stop::Mistakes { file: file.name.clone(), text: file.text.clone(), diagnostics }
            }
            Failure::DoesNotFit { capacity_bytes, smallest_bytes, table } => Stop::Refused(format!(
                "{}: no schedule fits {capacity_bytes} bytes; {smallest_bytes} would do\n{table}",
                file.name
            )),
            Failure::Fault(what) => Stop::Fault { what, details: String::new() },
        }
    }
}

pub fn main() -> ExitCode {
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        // Help and version are results; the rest is wrong usage.
        Err(error) => {
            let _ = error.print();
            return ExitCode::from(if error.use_stderr() { 2 } else { 0 });
        }
    };
    let outcome = fault::guarded(STACK_BYTES, move || commands::run(arguments));
    ExitCode::from(outcome.map_or_else(|stop| report(&stop), |()| 0))
}

/// Says why a command stopped, and gives its exit status.
fn report(stop: &Stop) -> u8 {
    match stop {
        Stop::Refused(message) => {
            output::complain(message);
            1
        }
        Stop::Different => 1,
        Stop::Mistakes { file, text, diagnostics } => {
            output::diagnostics(file, text, diagnostics);
            1
        }
        Stop::Usage(message) => {
            output::complain(&format!("{message}\n\nFor more information, try '--help'."));
            2
        }
        Stop::Fault { what, details } => {
            fault::report(what, details);
            3
        }
        Stop::Closed => 0,
    }
}
