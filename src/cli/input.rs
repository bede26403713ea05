//! What does a command work on? Texts read from files or stdin, programs, and the machine.

use std::io::Read;
use std::path::Path;

use super::arguments::Common;
use super::{Stop, fault, output};
use polyfuse::lang::ast::Program;
use polyfuse::lang::{parse, resolve};
use polyfuse::machine::{self, Machine};

/// A program's text and where it is from.
pub struct Source {
    /// As the user named it; `stdin` for `-`.
    pub name: String,
    /// The stem of the file's name.
    pub kernel: String,
    pub text: String,
}

impl Source {
    /// Reads the file named, or stdin for `-`, unless the command's result would replace it.
    pub fn read(file: &str, common: &Common) -> Result<Source, Stop> {
        let text = read(file, common.output.as_deref())?;
        let name = name(file);
        fault::remember(name, &text);
        let kernel = Path::new(name).file_stem().unwrap_or_default().to_string_lossy().into_owned();
        Ok(Source { name: name.to_string(), kernel, text })
    }

    /// The program as written.
    pub fn parse(&self) -> Result<Program, Stop> {
        parse(&self.text).map_err(|diagnostics| self.mistakes(diagnostics))
    }

    /// The program with the values of its parameters; says its warnings.
    pub fn resolve(&self, parsed: &Program, overrides: &[(String, i64)]) -> Result<Program, Stop> {
        let resolved = resolve(parsed, overrides).map_err(|diagnostics| self.mistakes(diagnostics))?;
        output::diagnostics(&self.name, &self.text, &resolved.warnings);
        Ok(resolved.program)
    }

    pub fn mistakes(&self, diagnostics: Vec<polyfuse::lang::Diagnostic>) -> Stop {
        Stop::Mistakes { file: self.name.clone(), text: self.text.clone(), diagnostics }
    }
}

/// How messages call a file.
pub fn name(file: &str) -> &str {
    if file == "-" { "stdin" } else { file }
}

/// The text of a file, or of stdin for `-`, unless the command's result would replace it.
pub fn read(file: &str, output: Option<&str>) -> Result<String, Stop> {
    if file.is_empty() {
        return Err(Stop::Refused("cannot read a file whose name is empty".into()));
    }
    if file != "-" {
        spare(file, output)?;
    }
    let cannot = |why: &dyn std::fmt::Display| Stop::Refused(format!("cannot read {}: {why}", name(file)));
    let bytes = if file == "-" {
        let mut bytes = Vec::new();
        std::io::stdin().read_to_end(&mut bytes).map(|_| bytes)
    } else {
        std::fs::read(file)
    };
    String::from_utf8(bytes.map_err(|e| cannot(&e))?).map_err(|e| {
        let before = String::from_utf8_lossy(&e.as_bytes()[..e.utf8_error().valid_up_to()]);
        let line = 1 + before.matches('\n').count();
        let column = 1 + before.rsplit('\n').next().unwrap_or_default().chars().count();
        cannot(&format!("line {line}, column {column} is not UTF-8 text; save the file as UTF-8"))
    })
}

/// Refuses to write a result over the file that it is made from: a slip would cost the only copy of a program.
pub fn spare(input: &str, output: Option<&str>) -> Result<(), Stop> {
    let file = |name: &str| Path::new(name).canonicalize().ok().filter(|path| path.is_file());
    match output.filter(|output| *output != "-") {
        Some(output) if file(output).is_some() && file(output) == file(input) => {
            Err(Stop::Refused(format!("cannot write {output}: it is the input {input}; name another file")))
        }
        _ => Ok(()),
    }
}

/// Refuses an override that none of the programs has a parameter for.
pub fn check_overrides(overrides: &[(String, i64)], programs: &[&Program]) -> Result<(), Stop> {
    let mut params: Vec<&str> = Vec::new();
    for param in programs.iter().flat_map(|p| &p.params) {
        if !params.contains(&&*param.name) {
            params.push(&param.name);
        }
    }
    let Some((unknown, _)) = overrides.iter().find(|(name, _)| !params.contains(&name.as_str())) else {
        return Ok(());
    };
    let known =
        if params.is_empty() { "it has none".into() } else { format!("its parameters are {}", params.join(", ")) };
    Err(Stop::Usage(format!("the program has no parameter `{unknown}`; {known}")))
}

/// The machine that the command line names.
pub fn machine(common: &Common) -> Result<Machine, Stop> {
    let given = &common.machine;
    match Machine::named(given) {
        Some(machine) => Ok(machine),
        None if given.ends_with(".toml") || Path::new(given).exists() => {
            spare(given, common.output.as_deref())?;
            let text =
                std::fs::read_to_string(given).map_err(|e| Stop::Refused(format!("cannot read {given}: {e}")))?;
            Machine::from_toml(&text).map_err(|e| Stop::Refused(format!("{given}: {e}")))
        }
        None => {
            let known: Vec<_> = machine::names().collect();
            let known = known.join(", ");
            Err(Stop::Usage(format!("no machine `{given}`; built in are {known}, or name a TOML file")))
        }
    }
}
