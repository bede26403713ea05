//! What does a program compute? An interpreter of both levels of the language.
//!
//! A resolved program is compiled once to slots, linear forms and a flat list of operations (`compile`), and then
//! executed (`machine`) over one of two arithmetics: [`Typed`], the language's own values, or [`Modular`], integers
//! modulo a prime, in which two programs that differ in the order of a sum leave *equal* memories, not close ones.
//! An observer sees every element that moves: [`Traffic`] counts them, [`Footprint`] finds the peak of the live buffers.
//! The loops stay as written: nothing here knows of schedules.

mod affine;
mod arithmetic;
mod code;
mod compile;
mod fault;
mod hash;
mod machine;
mod memory;
mod modular;
mod observe;
mod typed;

pub use arithmetic::{Arithmetic, Kind};
pub use fault::{Fault, Place};
pub use memory::{Difference, Memory};
pub use modular::Modular;
pub use observe::{Footprint, Observer, Traffic};
pub use typed::Typed;

use crate::lang::ast::Program;

/// Runs `program` on inputs made from `seed` and returns the memory that it leaves.
///
/// `max_instances` bounds the assignment instances and moved elements together.
///
/// # Errors
/// The first [`Fault`] met: an undefined read, an access outside its array, or a budget that ran out.
pub fn execute<A: Arithmetic>(program: &Program, seed: u64, max_instances: u64) -> Result<Memory<A>, Fault> {
    execute_observed::<A, ()>(program, seed, max_instances, &mut ())
}

/// As [`execute`], and shows `observer` every element read and written.
///
/// # Errors
/// Those of [`execute`].
pub fn execute_observed<A: Arithmetic, O: Observer>(
    program: &Program,
    seed: u64,
    max_instances: u64,
    observer: &mut O,
) -> Result<Memory<A>, Fault> {
    let code = compile::compile::<A>(program)?;
    let memory = Memory::new(program, seed)?;
    machine::Machine::new(memory, &code, observer, max_instances).run(&code)
}
