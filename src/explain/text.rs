//! How is an explanation read?

use std::fmt;

use super::{Change, Explanation, Nest, Reason};
use crate::report::Remark;
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
        for Remark { code, kind, at, text } in self.of_program() {
            writeln!(f, "\n{} {kind}: {text} ({at})", code.number())?;
        }
        for reason in &self.pairs {
            write!(f, "\n{reason}")?;
        }
        self.tightest(f)
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Reason { code, kind, first, second, arrays, text, .. } = self;
        writeln!(f, "{} {kind}: {first} and {second} share {}", code.number(), arrays.join(", "))?;
        writeln!(f, "  {text}")?;
        self.change().map_or(Ok(()), |change| writeln!(f, "  {change}"))
    }
}

impl fmt::Display for Nest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.statements.join(" "), self.at)
    }
}

impl Reason {
    /// What a larger scratchpad changes, in words.
    fn change(&self) -> Option<String> {
        let Change { scratchpad_bytes, not_at_bytes, code } = self.change.as_ref()?;
        let what = if *code == Code::Fused { "they share loops" } else { "what they share stays on chip" };
        Some(format!("with a scratchpad of {} {what}, with {} not yet", size(*scratchpad_bytes), size(*not_at_bytes)))
    }
}

impl Explanation {
    /// The remarks of the report that are about no pair.
    fn of_program(&self) -> impl Iterator<Item = &Remark> {
        let pairs = [Code::Fused, Code::KeptOnChip, Code::MissedFusion];
        self.report.remarks.iter().filter(move |remark| !pairs.contains(&remark.code))
    }

    /// All that there is to say, in remarks.
    pub fn remarks(&self) -> Vec<Remark> {
        let unchanged = self.unchanged.iter().map(|text| {
            let code = Code::NothingChanged;
            Remark { kind: code.kind().into(), at: String::new(), text: text.clone(), code }
        });
        let pairs = self.pairs.iter().map(|reason| {
            let Reason { code, kind, first, second, arrays, text, .. } = reason;
            let change = reason.change().map_or(String::new(), |change| format!("; {change}"));
            let [first, other] = [first, second].map(|nest| nest.statements.join(" "));
            let text = format!("{first} and {other}, sharing {}: {text}{change}", arrays.join(", "));
            Remark { kind: (*kind).into(), at: second.at.clone(), text, code: *code }
        });
        unchanged.chain(self.of_program().cloned()).chain(pairs).collect()
    }

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
