//! Do two programs compute the same? Run both in exact arithmetic and compare what they leave.
//!
//! The arithmetic is [`Modular`]: a reordered sum is equal, not close, so any difference is a wrong program.

use std::fmt;

use crate::lang::ast::{Array, Program, Role};
use crate::run::{Difference, Fault, Memory, Modular, execute};

/// What a comparison found.
#[derive(Clone, Debug, PartialEq)]
pub enum Verdict {
    Same,
    /// The programs take or give different arrays; the text says which.
    InterfaceDiffers(String),
    /// The first element that differs, in the order of the declarations.
    Differs {
        array: String,
        indices: Vec<i64>,
        a: String,
        b: String,
    },
}

/// A comparison that one of the programs stopped.
#[derive(Clone, Debug, PartialEq)]
pub enum Stopped {
    InA(Fault),
    InB(Fault),
}

impl fmt::Display for Stopped {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match self {
            Stopped::InA(fault) => write!(f, "in the first program: {fault}"),
            Stopped::InB(fault) => write!(f, "in the second program: {fault}"),
        }
    }
}

impl std::error::Error for Stopped {}

/// Runs `a` and `b` on the same inputs and compares every output and inout.
///
/// # Errors
/// The fault of the program that did not run to its end within `max_instances` statement instances.
pub fn compare(a: &Program, b: &Program, seed: u64, max_instances: u64) -> Result<Verdict, Stopped> {
    if let Some(difference) = interface_difference(a, b) {
        return Ok(Verdict::InterfaceDiffers(difference));
    }
    let left: Memory<Modular> = execute(a, seed, max_instances).map_err(Stopped::InA)?;
    let right: Memory<Modular> = execute(b, seed, max_instances).map_err(Stopped::InB)?;
    let results = interface(a).filter(|array| matches!(array.role, Role::Output | Role::Inout));
    for array in results {
        if let Some(Difference { indices, a, b }) = left.first_difference(&right, &array.name) {
            return Ok(Verdict::Differs { array: array.name.to_string(), indices, a, b });
        }
    }
    Ok(Verdict::Same)
}

/// What callers see of a program, in the order declared.
fn interface(program: &Program) -> impl Iterator<Item = &Array> {
    program.arrays.iter().filter(|array| !matches!(array.role, Role::Temp | Role::Scratch))
}

fn interface_difference(a: &Program, b: &Program) -> Option<String> {
    let (mut left, mut right) = (interface(a), interface(b));
    loop {
        match (left.next(), right.next()) {
            (None, None) => return None,
            (Some(a), Some(b)) if declaration(a) == declaration(b) => {}
            (a, b) => {
                let text = |array: Option<&Array>| array.map_or("no further array".into(), declaration);
                return Some(format!("the first has {}, the second {}", text(a), text(b)));
            }
        }
    }
}

/// Role, type, name and extents, as declared.
fn declaration(array: &Array) -> String {
    let role = format!("{:?}", array.role).to_lowercase();
    let ty = format!("{:?}", array.ty).to_lowercase();
    let extents: String = array.extents.iter().map(|extent| format!("[{extent}]")).collect();
    format!("`{role} {ty} {}{extents}`", array.name)
}
