//! The loop language: what a program is, how it is read and printed, and what is wrong with one.

pub mod ast;
mod diagnostic;
mod mistake;
mod parse;
mod print;
mod scan;
mod words;

pub use diagnostic::{Diagnostic, Severity};
pub use parse::parse;
