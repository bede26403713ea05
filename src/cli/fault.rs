//! What happens when polyfuse itself is wrong? The user is told so and gets a file that shows the fault again.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::Mutex;

use super::{Stop, output};

/// The texts read so far, with their names.
static INPUTS: Mutex<Vec<(String, String)>> = Mutex::new(Vec::new());

/// Where the last panic was.
static PLACE: Mutex<String> = Mutex::new(String::new());

/// Keeps a text for the case that a fault shows later.
pub fn remember(name: &str, text: &str) {
    if let Ok(mut inputs) = INPUTS.lock() {
        inputs.push((name.to_string(), text.to_string()));
    }
}

/// Runs `work` on a stack of its own; a panic in it becomes a fault.
pub fn guarded(stack_bytes: usize, work: impl FnOnce() -> Result<(), Stop> + Send) -> Result<(), Stop> {
    std::panic::set_hook(Box::new(|info| {
        if let Ok(mut place) = PLACE.lock() {
            *place = info.location().map(|l| format!("at {l}")).unwrap_or_default();
        }
    }));
    let work = || {
        catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|panic| {
            let details = PLACE.lock().map(|place| place.clone()).unwrap_or_default();
            Err(Stop::Fault { what: message(&*panic), details })
        })
    };
    std::thread::scope(|scope| {
        let thread = std::thread::Builder::new().stack_size(stack_bytes).spawn_scoped(scope, work);
        let refused = |why: String| Err(Stop::Refused(format!("cannot start: {why}")));
        thread.map_or_else(|e| refused(e.to_string()), |t| t.join().unwrap_or_else(|p| refused(message(&*p))))
    })
}

fn message(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|s| s.to_string());
    text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_else(|| "a panic without a message".into())
}

/// Tells the user of a fault and writes the reproducer.
pub fn report(what: &str, details: &str) {
    output::say(&format!("error: a fault of polyfuse itself: {what}"));
    if !details.is_empty() {
        output::say(details.trim_end());
    }
    match write(&reproducer(what, details)) {
        Some(path) => output::say(&format!(
            "The program and the command line are in {}. Please report the fault and attach that file.",
            path.display()
        )),
        None => output::say("Please report the fault with the program and the command line."),
    }
}

/// The texts and the command line. With one text the file is a program that shows the fault.
fn reproducer(what: &str, details: &str) -> String {
    let command: Vec<String> = std::env::args_os().map(|a| a.to_string_lossy().into_owned()).collect();
    let mut text = format!("// polyfuse {}\n", env!("CARGO_PKG_VERSION"));
    for (key, value) in [("fault", what), ("details", details), ("command", &format!("{command:?}"))] {
        for line in value.lines() {
            text += &format!("// {key}: {line}\n");
        }
    }
    let inputs = INPUTS.lock().map(|inputs| inputs.clone()).unwrap_or_default();
    for (name, input) in inputs {
        text += &format!("// {}:\n{input}", name.replace('\n', " "));
        if !input.ends_with('\n') {
            text += "\n";
        }
    }
    text
}

/// Writes the reproducer in the current folder, else where temporary files go.
fn write(text: &str) -> Option<PathBuf> {
    let name = format!("polyfuse-fault-{:016x}.loop", hash(text));
    let folders = [PathBuf::new(), std::env::temp_dir()];
    folders.into_iter().map(|folder| folder.join(&name)).find(|path| std::fs::write(path, text).is_ok())
}

/// FNV-1a: one fault, one name.
fn hash(text: &str) -> u64 {
    text.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_becomes_a_fault_with_its_message_and_place() {
        let outcome = guarded(1 << 20, || panic!("{}", "out of ideas"));
        let Err(Stop::Fault { what, details }) = outcome else { panic!("no fault") };
        assert_eq!(what, "out of ideas");
        assert!(details.contains("fault.rs"), "{details}");
    }

    #[test]
    fn the_reproducer_is_a_program_below_comments() {
        remember("x.loop", "input A[4];");
        let text = reproducer("wrong\nin two lines", "at a.rs:1:1");
        assert!(
            text.contains("// fault: wrong\n// fault: in two lines\n// details: at a.rs:1:1\n// command: ["),
            "{text}"
        );
        assert!(text.ends_with("// x.loop:\ninput A[4];\n"), "{text}");
    }
}
