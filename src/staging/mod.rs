//! What crosses between DRAM and the scratchpad, when, and where does it lie meanwhile?
//!
//! Each decision of the schedule to keep an array (a `BufferSpec`) becomes a buffer with its exact transfers: the elements that
//! are read before the scope writes them, loaded once; the elements whose values are needed after the scope, stored once.
//! The sets come from the dependences and the schedule, so nothing here depends on how the schedule was found.

mod arena;
mod buffer;
mod times;

pub use arena::{Placement, place, tightest};
pub use buffer::{Buffer, Place, Storage, points};
pub use times::{Times, in_tile};

use crate::isl::Result;
use crate::poly::Dependences;

/// The buffers of a schedule and their places.
pub struct Staging {
    pub buffers: Vec<Buffer>,
    pub placement: Placement,
}

/// # Errors
/// When isl's budget runs out.
pub fn stage(times: &Times, dependences: &Dependences) -> Result<Staging> {
    let buffers = times
        .schedule
        .buffers
        .iter()
        .map(|spec| buffer::realise(times, dependences, spec))
        .collect::<Result<Vec<_>>>()?;
    let placement = place(&buffers);
    Ok(Staging { buffers, placement })
}
