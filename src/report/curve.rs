//! How do bytes against capacity read? As a table, as CSV and as JSON (schema `polyfuse-sweep/1`).

use std::fmt;

use indexmap::IndexMap;
use serde::Serialize;

use super::figures::{grouped, size};
use super::{MachineFigures, Report, Traffic};
use crate::machine::Machine;

pub const CURVE_SCHEMA: &str = "polyfuse-sweep/1";

/// What one program moves on several scratchpads.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Curve {
    /// [`CURVE_SCHEMA`].
    pub schema: &'static str,
    pub kernel: String,
    pub params: IndexMap<String, i64>,
    /// The machine with its own scratchpad.
    pub machine: MachineFigures,
    pub naive: Traffic,
    pub compulsory_bytes: i64,
    /// In the order asked for.
    pub points: Vec<Point>,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Point {
    pub scratchpad_bytes: i64,
    #[serde(flatten)]
    pub outcome: Outcome,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(untagged)]
pub enum Outcome {
    Schedule {
        per_nest: Traffic,
        optimized: Traffic,
        lower_bound_bytes: i64,
        peak_bytes: i64,
        arena_bytes: i64,
        groups: usize,
    },
    /// No schedule fits; this would do.
    DoesNotFit { smallest_bytes: i64 },
}

impl Curve {
    /// The curve through a report, or else the smallest scratchpad that would do, for each capacity; `None` without any report.
    pub fn of(machine: &Machine, points: &[(i64, Result<Report, i64>)]) -> Option<Curve> {
        let any = points.iter().find_map(|(_, outcome)| outcome.as_ref().ok())?;
        let point = |(scratchpad_bytes, outcome): &(i64, Result<Report, i64>)| Point {
            scratchpad_bytes: *scratchpad_bytes,
            outcome: match outcome {
                Ok(report) => Outcome::Schedule {
                    per_nest: report.dram.per_nest,
                    optimized: report.dram.optimized,
                    lower_bound_bytes: report.dram.lower_bound_bytes,
                    peak_bytes: report.scratchpad.peak_bytes,
                    arena_bytes: report.scratchpad.arena_bytes,
                    groups: report.groups.len(),
                },
                Err(smallest_bytes) => Outcome::DoesNotFit { smallest_bytes: *smallest_bytes },
            },
        };
        Some(Curve {
            schema: CURVE_SCHEMA,
            kernel: any.kernel.clone(),
            params: any.params.clone(),
            machine: MachineFigures { name: machine.name.clone(), scratchpad_bytes: machine.scratchpad_bytes },
            naive: any.dram.naive,
            compulsory_bytes: any.dram.compulsory_bytes,
            points: points.iter().map(point).collect(),
        })
    }

    /// A line of names, then one for each capacity; a figure that there is none of is left out.
    pub fn to_csv(&self) -> String {
        let mut text = String::from(
            "scratchpad_bytes,load_bytes,store_bytes,total_bytes,per_nest_bytes,lower_bound_bytes,compulsory_bytes,peak_bytes,\
             arena_bytes,groups,smallest_bytes\n",
        );
        for Point { scratchpad_bytes, outcome } in &self.points {
            let rest = match outcome {
                Outcome::Schedule { per_nest, optimized, lower_bound_bytes, peak_bytes, arena_bytes, groups } => {
                    format!(
                        "{},{},{},{},{lower_bound_bytes},{},{peak_bytes},{arena_bytes},{groups},",
                        optimized.load_bytes,
                        optimized.store_bytes,
                        optimized.bytes(),
                        per_nest.bytes(),
                        self.compulsory_bytes
                    )
                }
                Outcome::DoesNotFit { smallest_bytes } => format!(",,,,,{},,,,{smallest_bytes}", self.compulsory_bytes),
            };
            text += &format!("{scratchpad_bytes},{rest}\n");
        }
        text
    }
}

/// The columns of the table but the last, which may hold a sentence.
const COLUMNS: [(&str, usize); 7] =
    [("scratchpad", 10), ("loads", 17), ("stores", 17), ("total", 17), ("/ bound", 9), ("per nest", 17), ("peak", 13)];

impl fmt::Display for Curve {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let MachineFigures { name, scratchpad_bytes } = &self.machine;
        writeln!(f, "{}: bytes to and from DRAM ({name} has {})", self.kernel, size(*scratchpad_bytes))?;
        writeln!(f, "naive {}, compulsory {}", grouped(self.naive.bytes()), grouped(self.compulsory_bytes))?;
        COLUMNS.iter().try_for_each(|(head, width)| write!(f, "{head:>width$}"))?;
        writeln!(f, "  groups")?;
        for Point { scratchpad_bytes, outcome } in &self.points {
            match outcome {
                Outcome::Schedule { per_nest, optimized, lower_bound_bytes, peak_bytes, groups, .. } => {
                    let cells = [
                        size(*scratchpad_bytes),
                        grouped(optimized.load_bytes),
                        grouped(optimized.store_bytes),
                        grouped(optimized.bytes()),
                        format!("{:.3}", optimized.bytes() as f64 / (*lower_bound_bytes).max(1) as f64),
                        grouped(per_nest.bytes()),
                        grouped(*peak_bytes),
                    ];
                    cells.iter().zip(COLUMNS).try_for_each(|(cell, (_, width))| write!(f, "{cell:>width$}"))?;
                    writeln!(f, "  {groups:>6}")?;
                }
                Outcome::DoesNotFit { smallest_bytes } => {
                    writeln!(f, "{:>10}  does not fit; {smallest_bytes} bytes would do", size(*scratchpad_bytes))?;
                }
            }
        }
        Ok(())
    }
}
