//! How much does a program do and move? Exact counts of a resolved program of either level, without running it.
//!
//! Each statement's instances are the integer points of its loops and conditions (`domain`), counted symbolically
//! (`points`): the cost depends on the shape of the program, not on its extents. Every access, operation and transfer in the
//! text then counts once an instance. Where that takes too long, or there are few, the loops are run without values (`walk`). A count is
//! exact or an error.

mod domain;
mod linear;
mod points;
mod poly;
mod residues;
mod walk;

use std::fmt;

use crate::lang::ast::{Assign, AssignOp, Name, Program, Role, Stmt, Transfer};

use domain::{Case, few};
use points::Counter;

/// Systems of constraints that [`count`] looks at before it gives up.
const BUDGET: u64 = 400_000;

/// Iterations, and statements in them, that are run before sets are counted, and where these are too intricate.
const FEW: u64 = 10_000;
const MANY: u64 = 20_000_000;

/// What a whole program does.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// The arrays in DRAM, in the order declared.
    pub arrays: Vec<ArrayCount>,
    /// Assignments executed.
    pub instances: i128,
    /// One for each `+ - * /` between two operands, call, comparison and select evaluated, and one for each combining of
    /// an `op=`.
    pub operations: i128,
    /// How often a `load` or `store` is reached, whether or not it then moves anything.
    pub transfers: i128,
}

/// The elements of one array that cross between DRAM and the chip.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ArrayCount {
    pub name: Name,
    pub element_bytes: i64,
    pub load_elements: i128,
    pub store_elements: i128,
}

/// Why a program has no exact count.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CountError {
    /// The loops are too intricate for the budget.
    Budget,
    /// A count, or a number on the way to it, does not fit.
    Overflow,
    /// A loop without an end, which no resolved program has.
    Unbounded,
    /// The program is not a resolved one; the text says where.
    Unresolved(String),
}

impl fmt::Display for CountError {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match self {
            CountError::Budget => write!(f, "the loops are too intricate to count exactly within the budget"),
            CountError::Overflow => write!(f, "a count that is too large"),
            CountError::Unbounded => write!(f, "a loop without bounds"),
            CountError::Unresolved(what) => write!(f, "the program is not resolved: {what}"),
        }
    }
}

impl std::error::Error for CountError {}

impl Counts {
    /// Nothing done by a program.
    fn none(program: &Program) -> Counts {
        let arrays = program.arrays.iter().filter(|array| array.role != Role::Scratch);
        let arrays = arrays.map(|array| ArrayCount {
            name: array.name.clone(),
            element_bytes: array.ty.bytes(),
            load_elements: 0,
            store_elements: 0,
        });
        Counts { arrays: arrays.collect(), ..Counts::default() }
    }

    /// Adds loads, if the array is in DRAM.
    fn loads(&mut self, array: &Name, elements: i128) -> Result<(), CountError> {
        match self.arrays.iter_mut().find(|count| count.name == *array) {
            Some(count) => add(&mut count.load_elements, 1, elements),
            None => Ok(()),
        }
    }

    /// Adds stores, if the array is in DRAM.
    fn stores(&mut self, array: &Name, elements: i128) -> Result<(), CountError> {
        match self.arrays.iter_mut().find(|count| count.name == *array) {
            Some(count) => add(&mut count.store_elements, 1, elements),
            None => Ok(()),
        }
    }

    /// Adds runs of an assignment.
    fn assign(&mut self, assign: &Assign, times: i128) -> Result<(), CountError> {
        add(&mut self.instances, 1, times)?;
        add(&mut self.operations, assign.operations().into(), times)?;
        for access in assign.value.reads() {
            self.loads(&access.array, times)?;
        }
        if assign.op != AssignOp::Set {
            self.loads(&assign.target.array, times)?;
        }
        self.stores(&assign.target.array, times)
    }

    /// Bytes loaded and stored, over all arrays; `None` if they do not fit.
    pub fn bytes(&self) -> Option<(i128, i128)> {
        self.arrays.iter().try_fold((0, 0), |(loads, stores): (i128, i128), array| {
            let bytes = |elements: i128| elements.checked_mul(array.element_bytes.into());
            let loads = loads.checked_add(bytes(array.load_elements)?)?;
            Some((loads, stores.checked_add(bytes(array.store_elements)?)?))
        })
    }
}

/// Counts what `program` does.
///
/// # Errors
/// [`CountError::Budget`] where the loops are too intricate, [`CountError::Overflow`] where a count does not fit.
pub fn count(program: &Program) -> Result<Counts, CountError> {
    // Few iterations take less time than the sets that hold them.
    if let Ok(counts) = walk::walk(&program.body, Counts::none(program), FEW) {
        return Ok(counts);
    }
    match count_within(program, BUDGET) {
        Err(CountError::Budget) => walk::walk(&program.body, Counts::none(program), MANY),
        counts => counts,
    }
}

/// As [`count`], looking at no more than `budget` systems of constraints.
///
/// # Errors
/// Those of [`count`].
pub fn count_within(program: &Program, budget: u64) -> Result<Counts, CountError> {
    let mut walk = Walk { counter: Counter::new(budget), counts: Counts::none(program) };
    walk.body(&program.body, &[Case::default()])?;
    Ok(walk.counts)
}

struct Walk {
    counter: Counter,
    counts: Counts,
}

impl Walk {
    /// Counts statements that run at the points of the cases.
    fn body(&mut self, body: &[Stmt], cases: &[Case]) -> Result<(), CountError> {
        if cases.is_empty() {
            return Ok(());
        }
        few(cases)?;
        // The same for all statements of a body, and not needed where there are only loops.
        let mut points = None;
        for stmt in body {
            match stmt {
                Stmt::For(f) if f.body.is_empty() => {}
                Stmt::For(f) => self.body(&f.body, &inside(cases, &f.ranges)?)?,
                Stmt::If(i) => {
                    for (branch, holds) in [(&i.then, true), (&i.orelse, false)] {
                        if !branch.is_empty() {
                            let parts = cases.iter().map(|case| case.clone().assume_condition(&i.condition, holds));
                            self.body(branch, &parts.collect::<Result<Vec<_>, _>>()?.concat())?;
                        }
                    }
                }
                Stmt::Assign(assign) => {
                    let points = self.points_once(&mut points, cases)?;
                    self.counts.assign(assign, points)?;
                }
                Stmt::Transfer(transfer) => {
                    let points = self.points_once(&mut points, cases)?;
                    self.transfer(transfer, points, cases)?;
                }
            }
        }
        Ok(())
    }

    fn points_once(&mut self, known: &mut Option<i128>, cases: &[Case]) -> Result<i128, CountError> {
        match *known {
            Some(points) => Ok(points),
            None => Ok(*known.insert(self.points(cases)?)),
        }
    }

    fn points(&mut self, cases: &[Case]) -> Result<i128, CountError> {
        cases.iter().try_fold(0, |sum: i128, case| {
            sum.checked_add(self.counter.points(&case.system)?).ok_or(CountError::Overflow)
        })
    }

    fn transfer(&mut self, transfer: &Transfer, points: i128, cases: &[Case]) -> Result<(), CountError> {
        add(&mut self.counts.transfers, 1, points)?;
        let elements = self.points(&inside(cases, &transfer.ranges)?)?;
        self.counts.loads(&transfer.source.array, elements)?;
        self.counts.stores(&transfer.target.array, elements)
    }
}

fn add(sum: &mut i128, each: i128, times: i128) -> Result<(), CountError> {
    let product = each.checked_mul(times).ok_or(CountError::Overflow)?;
    *sum = sum.checked_add(product).ok_or(CountError::Overflow)?;
    Ok(())
}

/// The cases inside nested loops.
fn inside(cases: &[Case], ranges: &[crate::lang::ast::Range]) -> Result<Vec<Case>, CountError> {
    let mut cases = cases.to_vec();
    for range in ranges {
        let entered = cases.into_iter().map(|case| case.enter(range));
        cases = entered.collect::<Result<Vec<_>, _>>()?.concat();
    }
    Ok(cases)
}
