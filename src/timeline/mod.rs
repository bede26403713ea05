//! How long does a scheduled program take on a machine? A model from the machine's rates, not a measurement.
//!
//! A transfer takes the time to start it and then its bytes at the DMA's bandwidth, where a contiguous run in DRAM that is shorter than a full
//! one takes as long as a full one. An assignment takes its operations on the engine that it is for. One transfer runs at a time and one
//! engine computes at a time; with double buffering transfers and computing overlap. Conflicts between banks, the cost of instructions
//! and what lies between chips are no part of the model.

mod engine;
mod lanes;
mod probe;
mod trace;
mod walk;

pub use engine::Engine;
pub use trace::trace;

use serde::{Deserialize, Serialize};

use crate::count::{CountError, count};
use crate::lang::ast::Program;
use crate::machine::Rates;
use probe::Probe;

/// The time of a program or of a part of it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Times {
    /// How often a `load` or a `store` is reached.
    pub transfers: i64,
    /// Contiguous runs in DRAM that they are made of.
    pub runs: i64,
    pub mean_run_bytes: f64,
    pub dma_seconds: f64,
    pub tensor_seconds: f64,
    pub vector_seconds: f64,
    pub scalar_seconds: f64,
    /// With nothing side by side.
    pub serial_seconds: f64,
    /// With transfers beside computing in each group, for which every buffer must exist twice.
    pub overlapped_seconds: f64,
    /// One of the two, as the machine works.
    pub seconds: f64,
    /// `dma` or `compute`: which takes longer.
    pub bound_by: String,
}

impl Times {
    pub fn compute_seconds(&self) -> f64 {
        self.tensor_seconds + self.vector_seconds + self.scalar_seconds
    }

    /// The time of parts that run one after the other.
    pub fn in_sequence(parts: &[Times], rates: &Rates) -> Times {
        let mut all = Times::default();
        let mut bytes = 0.0;
        for part in parts {
            all.transfers = all.transfers.saturating_add(part.transfers);
            all.runs = all.runs.saturating_add(part.runs);
            bytes += part.mean_run_bytes * part.runs as f64;
            all.dma_seconds += part.dma_seconds;
            all.tensor_seconds += part.tensor_seconds;
            all.vector_seconds += part.vector_seconds;
            all.scalar_seconds += part.scalar_seconds;
            all.overlapped_seconds += part.overlapped_seconds;
        }
        all.mean_run_bytes = bytes / all.runs.max(1) as f64;
        all.serial_seconds = all.dma_seconds + all.compute_seconds();
        all.seconds = if rates.double_buffering { all.overlapped_seconds } else { all.serial_seconds };
        all.bound_by = if all.dma_seconds > all.compute_seconds() { "dma" } else { "compute" }.into();
        all
    }
}

/// The time that transfers take.
fn dma_seconds(rates: &Rates, starts: f64, runs: f64, bytes: f64) -> f64 {
    let moved = bytes.max(runs * rates.dma_full_run_bytes as f64);
    starts * rates.dma_start_ns as f64 * 1e-9 + moved / rates.dma_bytes_per_second as f64
}

/// The contiguous runs in DRAM that the transfers of a scheduled program are made of. Of two programs that move as many bytes, the one with
/// fewer has the longer runs.
///
/// # Errors
/// Where the program's loops cannot be counted.
pub fn runs(program: &Program) -> Result<i128, CountError> {
    let probe = Probe::of(program)?;
    let counted = count(&probe.program)?.arrays;
    Ok(probe.transfers.iter().fold(0, |sum, transfer| counted[transfer.runs].store_elements.saturating_add(sum)))
}

/// The time of a scheduled program that runs as one piece.
///
/// # Errors
/// Where the program's loops cannot be counted.
pub fn times(program: &Program, rates: &Rates) -> Result<Times, CountError> {
    let probe = Probe::of(program)?;
    let counted = count(&probe.program)?.arrays;
    let reached = |n: usize| counted[n].store_elements as f64;
    let mut found = Times::default();
    let mut bytes_in_all = 0.0;
    for transfer in &probe.transfers {
        let (starts, runs) = (reached(transfer.starts), reached(transfer.runs));
        let bytes = reached(transfer.elements) * transfer.element_bytes as f64;
        bytes_in_all += bytes;
        found.transfers = found.transfers.saturating_add(starts as i64);
        found.runs = found.runs.saturating_add(runs as i64);
        found.dma_seconds += dma_seconds(rates, starts, runs, bytes);
    }
    for work in &probe.work {
        let seconds = reached(work.reached) * work.task.seconds(rates);
        match work.task.engine {
            Engine::Tensor => found.tensor_seconds += seconds,
            Engine::Vector => found.vector_seconds += seconds,
            Engine::Scalar => found.scalar_seconds += seconds,
        }
    }
    found.mean_run_bytes = bytes_in_all / found.runs.max(1) as f64;
    found.overlapped_seconds = found.dma_seconds.max(found.compute_seconds());
    Ok(Times::in_sequence(&[found], rates))
}
