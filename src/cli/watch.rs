//! What does `opt --watch` do? Schedules a program again whenever its file changes, until it is interrupted.

use std::time::Duration;

use super::{Stop, input, report};

/// How often the file is looked at.
const PAUSE: Duration = Duration::from_millis(200);

/// Runs `once` now and after each change of the file's text. Mistakes are said and do not end it.
pub fn watch(file: &str, once: &dyn Fn() -> Result<(), Stop>) -> Result<(), Stop> {
    let mut seen: Option<String> = None;
    loop {
        // An editor may take the file away for a moment.
        if let Ok(text) = input::read(file, None)
            && seen.as_ref() != Some(&text)
        {
            seen = Some(text);
            match once() {
                Ok(()) => {}
                Err(stop @ (Stop::Refused(_) | Stop::Mistakes { .. })) => {
                    report(&stop);
                }
                Err(stop) => return Err(stop),
            }
        }
        if seen.is_none() {
            input::read(file, None)?;
        }
        std::thread::sleep(PAUSE);
    }
}
