//! Programs from text.

use polyfuse::lang::ast::Program;
use polyfuse::lang::{parse, resolve};

pub fn resolved(text: &str) -> Program {
    with(text, &[])
}

pub fn with(text: &str, overrides: &[(&str, i64)]) -> Program {
    let overrides: Vec<(String, i64)> = overrides.iter().map(|&(name, value)| (name.to_string(), value)).collect();
    let program = parse(text).unwrap_or_else(|diagnostics| panic!("{diagnostics:#?}"));
    resolve(&program, &overrides).unwrap_or_else(|diagnostics| panic!("{diagnostics:#?}")).program
}
