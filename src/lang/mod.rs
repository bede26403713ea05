//! The loop language: what a program is, how it is read and printed, and what is wrong with one.
//!
//! [`parse`] reads a text, [`resolve`] gives its names a meaning, and every part of [`ast`] prints itself. The grammar of
//! both levels stands in the folder `grammar`.

mod affine;
pub mod ast;
pub mod decisions;
mod diagnostic;
mod doubt;
pub mod layout;
mod mistake;
mod once;
mod parse;
mod print;
mod replace;
mod resolve;
mod scan;
pub mod value;
mod words;

pub use diagnostic::{Diagnostic, Severity};
pub use parse::{decisions, parse};
pub use resolve::{Resolved, resolve};
pub use words::is_reserved;
