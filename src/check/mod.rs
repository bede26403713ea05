//! Is the outcome right? Asked by code that shares nothing with the optimiser but its types.
//!
//! Questions about every schedule: does it keep all dependences, does its arena fit, do buffers that live together lie apart, does
//! every instance of the program, rewritten as it may be, run once, are those dead that were left out before, is what stays written as often
//! as in the source, does a run move what was counted, and does a run leave what the source program leaves, each element read from a
//! buffer having been put there.

pub mod coherence;
pub mod compare;
pub mod legality;
pub mod liveness;

use crate::count::{self, Counts};
use crate::lang::ast::{Program, Role};
use crate::poly::Dependences;
use crate::run::{Modular, Traffic, execute_observed};
use crate::schedule::tree::Schedule;

/// Statement instances and moved elements of the longest run that is made to check.
pub const LONGEST_RUN: i128 = 1_000_000;

/// Elements of the arrays of the largest program that is run to check it: all are made before a run, whether or not it reads them.
const LARGEST_RUN: i128 = 16 * LONGEST_RUN;

/// A schedule and the program that came of it.
pub struct Subject<'a> {
    pub source: &'a Program,
    /// The source without instances that are said to be dead, where it is scheduled so.
    pub live: Option<Live<'a>>,
    /// The source, without them, as it was rewritten before it was scheduled.
    pub rewritten: &'a Program,
    pub dependences: &'a Dependences,
    pub schedule: &'a Schedule,
    pub program: &'a Program,
    pub counts: &'a Counts,
    pub arena_bytes: i64,
    pub capacity_bytes: i64,
    /// For each buffer its offset, its bytes, and the first and last leaf beside which it lives.
    pub places: Vec<Place>,
    /// isl operations for the proof that all dependences are kept.
    pub operations: u64,
}

/// A program without some instances, and what is known of it and of the source.
#[derive(Clone, Copy)]
pub struct Live<'a> {
    pub program: &'a Program,
    pub known: liveness::Known<'a>,
    pub source: liveness::Known<'a>,
}

/// Whether it was proven that a schedule keeps all dependences; where that was too much for its budget, a run alone stands for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    Proven,
    Unproven,
}

/// Where and when a buffer lies in the scratchpad.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    pub offset: i64,
    pub bytes: i64,
    pub alive: (usize, usize),
}

/// Asks all questions; those about what is computed are left to [`results`] at smaller parameters where the program [is long](is_long).
///
/// # Errors
/// The first answer that is wrong, in words.
pub fn all(subject: &Subject) -> Result<Order, String> {
    let ctx = subject.dependences.order.context();
    let mut order = match ctx.budget(subject.operations, || legality::violation(subject.dependences, subject.schedule))
    {
        Ok(None) => Order::Proven,
        Ok(Some(v)) => {
            return Err(format!("the schedule breaks a dependence from S{} to S{} at {:?}", v.from, v.to, v.witness));
        }
        Err(error) if error.is_quota() => Order::Unproven,
        Err(error) => return Err(error.to_string()),
    };
    if let Some(Live { known, source, .. }) = subject.live {
        match ctx.budget(subject.operations, || liveness::difference(source, known)) {
            Ok(None) => {}
            Ok(Some(what)) => return Err(format!("instances that were left out are not dead: {what}")),
            Err(error) if error.is_quota() => order = Order::Unproven,
            Err(error) => return Err(error.to_string()),
        }
    }
    if subject.arena_bytes > subject.capacity_bytes {
        return Err(format!("an arena of {} bytes in a scratchpad of {}", subject.arena_bytes, subject.capacity_bytes));
    }
    apart(&subject.places, subject.arena_bytes)?;
    instances(subject)?;
    if !is_long(subject.source, subject.counts) {
        traffic(subject.program, subject.counts)?;
        results(subject.source, subject.program)?;
    }
    Ok(order)
}

/// Whether buffers that live together share no byte, and all lie in the arena.
fn apart(places: &[Place], arena_bytes: i64) -> Result<(), String> {
    for (n, a) in places.iter().enumerate() {
        if a.offset < 0 || a.offset.saturating_add(a.bytes) > arena_bytes {
            return Err(format!("a buffer at {a:?} in an arena of {arena_bytes} bytes"));
        }
        let meets = |b: &&Place| {
            let in_time = a.alive.0 <= b.alive.1 && b.alive.0 <= a.alive.1;
            in_time && a.offset < b.offset + b.bytes && b.offset < a.offset + a.bytes
        };
        if let Some(b) = places[n + 1..].iter().find(meets) {
            return Err(format!("two buffers that live together share bytes: {a:?} and {b:?}"));
        }
    }
    Ok(())
}

/// Whether every instance runs once, at any size: a maximum may not miss one that is left out. What stays is written as often as in the
/// source, but for dead instances; temps may be made more than once.
fn instances(subject: &Subject) -> Result<(), String> {
    let Ok(rewritten) = count::count(subject.rewritten) else { return Ok(()) };
    let (wanted, found) = (rewritten.instances, subject.counts.instances);
    if wanted != found {
        return Err(format!("the program runs {wanted} instances of its statements, the scheduled program {found}"));
    }
    let Ok(source) = count::count(subject.live.map_or(subject.source, |live| live.program)) else { return Ok(()) };
    let stay = subject.source.arrays.iter().filter(|array| array.role != Role::Temp);
    for array in stay {
        let writes = |counts: &Counts| counts.arrays.iter().find(|c| c.name == array.name).map(|c| c.store_elements);
        let (wanted, found) = (writes(&source), writes(&rewritten));
        if wanted != found {
            let name = &array.name;
            return Err(format!("the source writes `{name}` {wanted:?} times, the rewritten program {found:?} times"));
        }
    }
    Ok(())
}

/// Whether a program does or holds more than is run to check it.
pub fn is_long(source: &Program, counts: &Counts) -> bool {
    let moved = counts
        .arrays
        .iter()
        .fold(0, |sum: i128, a| sum.saturating_add(a.load_elements).saturating_add(a.store_elements));
    moved.saturating_add(counts.instances) > LONGEST_RUN || is_large(source)
}

/// Whether the arrays of a program hold more elements than are made to check it.
pub fn is_large(source: &Program) -> bool {
    source.arrays.iter().fold(0, |sum: i128, array| sum.saturating_add(array.elements().into())) > LARGEST_RUN
}

/// Whether a run moves what was counted, element for element.
fn traffic(program: &Program, counts: &Counts) -> Result<(), String> {
    let mut seen = Traffic::new(program);
    execute_observed::<Modular, _>(program, 1, u64::MAX, &mut seen).map_err(|fault| fault.to_string())?;
    for (array, (reads, writes)) in program.arrays.iter().zip(&seen.arrays).filter(|(a, _)| a.role != Role::Scratch) {
        let Some(counted) = counts.arrays.iter().find(|c| c.name == array.name) else { continue };
        let run = (i128::from(*reads), i128::from(*writes));
        if run != (counted.load_elements, counted.store_elements) {
            let counted = (counted.load_elements, counted.store_elements);
            return Err(format!("a run moves {run:?} elements of `{}`, the count says {counted:?}", array.name));
        }
    }
    Ok(())
}

/// Whether a run of the scheduled program leaves what the source program leaves.
///
/// # Errors
/// What differs, in words.
pub fn results(source: &Program, program: &Program) -> Result<(), String> {
    match compare::compare(source, program, 1, u64::MAX) {
        Ok(compare::Verdict::Same) => Ok(()),
        Ok(verdict) => Err(format!("the scheduled program computes something else: {verdict:?}")),
        Err(stopped) => Err(stopped.to_string()),
    }
}
