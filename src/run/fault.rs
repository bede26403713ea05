//! What can stop a run?

use std::fmt;

use crate::lang::ast::{Name, Span};

/// The statement instance at which a run stopped.
#[derive(Clone, Debug, PartialEq)]
pub struct Place {
    /// The label of an assignment, or `load S` and `store A` for a transfer.
    pub statement: String,
    /// The iterators around the statement, outermost first, a transfer's own included.
    pub iterators: Vec<(Name, i64)>,
    pub span: Span,
}

/// Why a run stopped.
#[derive(Clone, Debug, PartialEq)]
pub enum Fault {
    /// An assignment reads an element that nothing has written.
    Undefined { array: Name, indices: Vec<i64>, place: Place },
    /// An access outside its array.
    OutOfBounds { array: Name, indices: Vec<i128>, place: Place },
    /// More statement instances, or far more loop iterations, than the run was given.
    Budget { max_instances: u64 },
    /// The arrays together hold more elements than a run can keep.
    TooLarge { elements: u128 },
    /// The program is not a resolved one; the text says where.
    Unresolved(String),
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "{}", self.statement)?;
        for (n, (name, value)) in self.iterators.iter().enumerate() {
            write!(f, "{}{name} = {value}", if n == 0 { " at " } else { ", " })?;
        }
        Ok(())
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match self {
            Fault::Undefined { array, indices, place } => {
                write!(f, "{place} reads {}, which nothing has written", element(array, indices))
            }
            Fault::OutOfBounds { array, indices, place } => {
                write!(f, "{place} reaches {}, outside the array", element(array, indices))
            }
            Fault::Budget { max_instances } => write!(f, "the run takes more than {max_instances} statement instances"),
            Fault::TooLarge { elements } => write!(f, "the arrays hold {elements} elements, too many for a run"),
            Fault::Unresolved(what) => write!(f, "the program is not resolved: {what}"),
        }
    }
}

impl std::error::Error for Fault {}

fn element<T: fmt::Display>(array: &str, indices: &[T]) -> String {
    indices.iter().fold(array.to_string(), |text, index| format!("{text}[{index}]"))
}
