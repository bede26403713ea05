//! What does `opt --watch` do? Schedules a program again whenever a file of its changes, until it is interrupted.

use std::time::Duration;

use super::{Stop, input, report};

/// How often the files are looked at.
const PAUSE: Duration = Duration::from_millis(200);

/// Runs `once` now and after each change of a file's text. Mistakes are said and do not end it.
pub fn watch(files: &[&str], once: &dyn Fn() -> Result<(), Stop>) -> Result<(), Stop> {
    let read = || files.iter().map(|file| input::read(file, None)).collect::<Result<Vec<String>, Stop>>();
    let mut seen: Option<Vec<String>> = None;
    loop {
        // An editor may take the file away for a moment.
        if let Ok(texts) = read()
            && seen.as_ref() != Some(&texts)
        {
            seen = Some(texts);
            match once() {
                Ok(()) => {}
                Err(stop @ (Stop::Refused(_) | Stop::Mistakes { .. })) => {
                    report(&stop);
                }
                Err(stop) => return Err(stop),
            }
        }
        if seen.is_none() {
            read()?;
        }
        std::thread::sleep(PAUSE);
    }
}
