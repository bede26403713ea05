//! Where do results and messages go? Stdout, stderr, and files that are written whole or not at all.

use std::fs::{File, Permissions};
use std::io::{ErrorKind, IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use tempfile::NamedTempFile;

use super::Stop;
use super::arguments::{Color, Manner};
use polyfuse::lang::Diagnostic;

/// Mistakes and warnings that are printed of one text; the parser stops at as many and one.
const MOST_SHOWN: usize = 101;

/// What the user asked for; each command sets it once before it says anything.
static QUIET: AtomicBool = AtomicBool::new(false);
static COLOUR: AtomicBool = AtomicBool::new(false);

/// Takes the manner that the command line asks for.
pub fn behave(manner: &Manner) {
    let wanted = std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
    let colour = match manner.color {
        Color::Auto => wanted && std::io::stderr().is_terminal(),
        Color::Always => true,
        Color::Never => false,
    };
    COLOUR.store(colour, Ordering::Relaxed);
    QUIET.store(manner.quiet, Ordering::Relaxed);
}

/// Prints mistakes and warnings; when it is quiet, mistakes alone.
pub fn diagnostics(file: &str, text: &str, diagnostics: &[Diagnostic]) {
    let quiet = QUIET.load(Ordering::Relaxed);
    let said: Vec<&Diagnostic> = diagnostics.iter().filter(|d| d.is_error() || !quiet).collect();
    for diagnostic in said.iter().take(MOST_SHOWN) {
        say(&diagnostic.render(file, text, COLOUR.load(Ordering::Relaxed)));
    }
    if let more @ 1.. = said.len().saturating_sub(MOST_SHOWN) {
        say(&format!("{more} more are not shown"));
    }
}

/// Prints an error that has no place in a text.
pub fn complain(message: &str) {
    say(&format!("error: {}", message.trim_end()));
}

/// A line on stderr. If nobody reads it there is nobody to tell.
pub fn say(message: &str) {
    let _ = writeln!(std::io::stderr(), "{message}");
}

/// How far a long command is, drawn over itself on a terminal; nothing elsewhere.
pub struct Progress {
    what: &'static str,
    is_shown: bool,
}

impl Progress {
    pub fn new(what: &'static str) -> Progress {
        Progress { what, is_shown: std::io::stderr().is_terminal() && !QUIET.load(Ordering::Relaxed) }
    }

    pub fn draw(&self, done: usize, of: usize) {
        if self.is_shown {
            let filled = 30 * done / of.max(1);
            let bar = "#".repeat(filled) + &".".repeat(30usize.saturating_sub(filled));
            let _ = write!(std::io::stderr(), "\r[{bar}] {done} of {of} {}", self.what);
        }
    }
}

impl Drop for Progress {
    /// Clears the line.
    fn drop(&mut self) {
        if self.is_shown {
            let _ = write!(std::io::stderr(), "\r\x1b[K");
        }
    }
}

/// Text for a file, or for stdout where there is none or it is `-`.
pub struct Result<'a> {
    pub file: Option<&'a str>,
    pub text: String,
}

/// Writes all of several results, or none of those that go to ordinary files.
pub fn write(results: Vec<Result>) -> std::result::Result<(), Stop> {
    let mut files = Vec::new();
    let mut streams = Vec::new();
    for result in results {
        let Some(file) = result.file.filter(|file| *file != "-") else {
            streams.push((None, result.text));
            continue;
        };
        if file.is_empty() {
            return Err(Stop::Refused("cannot write a file whose name is empty".into()));
        }
        match Target::of(file).map_err(|e| cannot(file, &e))? {
            Target::Whole(path) => {
                let prepared = prepare(&path, &result.text).map_err(|e| cannot(file, &e))?;
                files.push((file, path, prepared));
            }
            Target::Stream => streams.push((Some(file), result.text)),
        }
    }
    // A device can be full; what is prepared no longer fails for that.
    let streamed = streams.into_iter().try_for_each(|(file, text)| stream(file, &text));
    if let Ok(()) | Err(Stop::Closed) = streamed {
        for (file, path, prepared) in files {
            prepared.persist(path).map_err(|e| cannot(file, &e.error))?;
        }
    }
    streamed
}

fn cannot(file: &str, error: &std::io::Error) -> Stop {
    let reason = match error.kind() {
        std::io::ErrorKind::NotFound => "there is no such folder".to_owned(),
        _ => error.to_string(),
    };
    Stop::Refused(format!("cannot write {file}: {reason}"))
}

enum Target {
    /// An ordinary file, links followed: replaced at once.
    Whole(PathBuf),
    /// A device or a pipe: written as it is.
    Stream,
}

impl Target {
    fn of(file: &str) -> std::io::Result<Target> {
        let path = Path::new(file);
        match std::fs::metadata(path) {
            Ok(meta) if meta.is_dir() => Err(ErrorKind::IsADirectory.into()),
            Ok(meta) if meta.is_file() && !path.starts_with("/dev") && !path.starts_with("/proc") => {
                Ok(Target::Whole(path.canonicalize()?))
            }
            Ok(_) => Ok(Target::Stream),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(Target::Whole(path.to_path_buf())),
            Err(error) => Err(error),
        }
    }
}

/// A file with the text beside the one to be.
fn prepare(path: &Path, text: &str) -> std::io::Result<NamedTempFile> {
    let folder = path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut builder = tempfile::Builder::new();
    builder.prefix(".polyfuse-");
    let permissions = ordinary();
    if let Some(permissions) = permissions {
        builder.permissions(permissions);
    }
    // The error names the file beside, which the user does not know.
    let mut file = builder.tempfile_in(folder).map_err(|e| std::io::Error::from(e.kind()))?;
    file.write_all(text.as_bytes())?;
    if let Ok(existing) = std::fs::metadata(path) {
        file.as_file().set_permissions(existing.permissions())?;
    }
    Ok(file)
}

/// What a new file may be used for, less what the user's mask takes away.
#[cfg(unix)]
fn ordinary() -> Option<Permissions> {
    use std::os::unix::fs::PermissionsExt;
    Some(Permissions::from_mode(0o666))
}

#[cfg(not(unix))]
fn ordinary() -> Option<Permissions> {
    None
}

fn stream(file: Option<&str>, text: &str) -> std::result::Result<(), Stop> {
    let written = match file {
        None => {
            let mut out = std::io::stdout().lock();
            out.write_all(text.as_bytes()).and_then(|()| out.flush())
        }
        Some(path) => File::options().write(true).open(path).and_then(|mut f| f.write_all(text.as_bytes())),
    };
    match written {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Err(Stop::Closed),
        written => written.map_err(|e| cannot(file.unwrap_or("stdout"), &e)),
    }
}
