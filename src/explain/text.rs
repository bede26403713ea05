//! How is an explanation read?

use std::fmt;

use super::{Change, Explanation, Nest, Reason};
use crate::report::code::Code;
use crate::report::figures::{grouped, size};

impl fmt::Display for Explanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let report = &self.report;
        let moved = report.dram.optimized.bytes();
        writeln!(
            f,
            "{} with {} of scratchpad: {} bytes to and from DRAM, {} in nests by themselves, lower bound {}",
            report.kernel,
            size(report.machine.scratchpad_bytes),
            grouped(moved),
            grouped(report.dram.per_nest.bytes()),
            grouped(report.dram.lower_bound_bytes)
        )?;
        if let Some(unchanged) = &self.unchanged {
            writeln!(f, "\n{} {unchanged}", Code::NothingChanged.number())?;
        }
        for reason in &self.pairs {
            write!(f, "\n{reason}")?;
        }
        self.tightest(f)
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Reason { code, kind, first, second, arrays, text, change } = self;
        writeln!(f, "{} {kind}: {first} and {second} share {}", code.number(), arrays.join(", "))?;
        writeln!(f, "  {text}")?;
        let Some(Change { scratchpad_bytes, not_at_bytes, code }) = change else { return Ok(()) };
        let what = if *code == Code::Fused { "they share loops" } else { "what they share stays on chip" };
        writeln!(f, "  with a scratchpad of {} {what}, with {} not yet", size(*scratchpad_bytes), size(*not_at_bytes))
    }
}

impl fmt::Display for Nest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.statements.join(" "), self.at)
    }
}

impl Explanation {
    /// The buffers that live where the scratchpad is fullest.
    fn tightest(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scratchpad = &self.report.scratchpad;
        let steps = &scratchpad.steps;
        let fullest = (0..steps.len()).rev().max_by_key(|&step| scratchpad.bytes_beside(step));
        let Some(step) = fullest else { return Ok(()) };
        let capacity = self.report.machine.scratchpad_bytes;
        writeln!(f, "\nThe scratchpad at its fullest, beside {}:", steps[step])?;
        for buffer in scratchpad.beside(step) {
            writeln!(f, "{:>17}  {}", grouped(buffer.bytes), buffer.name)?;
        }
        let total = scratchpad.bytes_beside(step);
        writeln!(f, "{:>17}  in all, of {}", grouped(total), grouped(capacity))
    }
}
