//! What leaves polyfuse? A schedule with its staging as a program of the scheduled level, and that program as C.
//!
//! [`to_program`] alone knows of schedules. [`to_c`] reads a resolved program of the scheduled level and the places of its
//! buffers, and translates both one to one.

mod c;
mod loops;
mod names;
mod plain;
mod program;
mod residue;
mod rows;
mod scan;
mod sum;

use std::fmt;

use indexmap::IndexMap;

use crate::lang::ast::Name;

pub use c::{kernel_name, to_c};
pub use loops::{Leaves, convert};
pub use names::Names;
pub use program::{Emitted, to_program};
pub use sum::Sum;

/// The runtime header as it ships, `polyfuse_rt.h`: plain copies. A user replaces it by the machine's own DMA.
pub const RUNTIME_HEADER: &str = include_str!("polyfuse_rt.h");

/// Where each scratch buffer stands in the arena.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Placement {
    /// The byte offset of every scratch array, by name.
    pub offsets: IndexMap<Name, i64>,
    /// The bytes that hold all of them.
    pub arena_bytes: i64,
}

/// Why a program cannot be emitted as C. None of these happens to a program that polyfuse scheduled itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EmitError {
    /// An array or iterator that is not declared, or declared without a value for its extents: not a resolved program.
    Unresolved { name: Name },
    /// An assignment touches an array outside the scratchpad.
    DirectAccess { array: Name },
    /// A transfer that is not between DRAM and a scratch buffer of the same type.
    Mismatch { target: Name, source: Name },
    /// A scratch buffer without a place, or with one that is misaligned or outside the arena.
    Misplaced { array: Name },
    /// An index, a bound or a condition that does not fit 63 bits.
    TooLarge,
    /// A product of two iterators, or a divisor that is no positive constant.
    NotAffine,
    /// Integer arithmetic whose exact result does not fit 127 bits.
    TooWide,
}

impl fmt::Display for EmitError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            EmitError::Unresolved { name } => write!(f, "`{name}` has no value: the program is not resolved"),
            EmitError::DirectAccess { array } => {
                write!(f, "an assignment touches `{array}` in DRAM; in a scheduled program only `load` and `store` do")
            }
            EmitError::Mismatch { target, source } => {
                write!(
                    f,
                    "a transfer between `{target}` and `{source}`: one must be a scratch buffer, of the same type"
                )
            }
            EmitError::Misplaced { array } => write!(f, "the scratch buffer `{array}` has no valid place in the arena"),
            EmitError::TooLarge => write!(f, "an index, a bound or a condition does not fit 63 bits"),
            EmitError::NotAffine => write!(f, "an index, a bound or a condition is not affine"),
            EmitError::TooWide => write!(f, "an exact integer result does not fit 127 bits"),
        }
    }
}

impl std::error::Error for EmitError {}
