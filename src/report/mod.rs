//! What did a schedule achieve? The report of `--report` and `--emit json`, schema `polyfuse-report/1`.
//!
//! The order of the fields is the order of the keys. Keys are only ever added within schema 1. Except for `time_ms`, which
//! stands in the `--report` file only, two runs on one input write the same bytes.

mod bounds;
mod budget;
pub mod code;
mod curve;
mod difference;
pub mod figures;
mod make;
mod page;
mod plot;
mod points;
pub mod remarks;

pub use budget::Budget;
pub use curve::{CURVE_SCHEMA, Curve, Outcome, Point};
pub use difference::{difference, growth_percent};
pub use make::{Facts, make, parameters};
pub use page::{Page, page};
pub use plot::plot;

use code::Code;
use indexmap::IndexMap;
use serde::{Deserialize, Serialize};

use crate::timeline;

pub const SCHEMA: &str = "polyfuse-report/1";

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// [`SCHEMA`].
    pub schema: String,
    pub kernel: String,
    pub params: IndexMap<String, i64>,
    pub machine: MachineFigures,
    pub dram: Dram,
    pub arrays: Vec<ArrayTraffic>,
    pub scratchpad: Scratchpad,
    pub operations: Operations,
    pub groups: Vec<GroupFigures>,
    /// A model; `None` where there is none.
    #[serde(default)]
    pub time: Option<timeline::Times>,
    pub remarks: Vec<Remark>,
    pub solver: SolverFigures,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time_ms: Option<Times>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct MachineFigures {
    pub name: String,
    /// The capacity in force, which `--scratchpad` may have set.
    pub scratchpad_bytes: i64,
}

/// What crosses to and from DRAM.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Traffic {
    pub load_bytes: i64,
    pub store_bytes: i64,
}

impl Traffic {
    /// Both directions.
    pub fn bytes(&self) -> i64 {
        self.load_bytes.saturating_add(self.store_bytes)
    }
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Dram {
    /// Every access of the source program goes to DRAM.
    pub naive: Traffic,
    /// Each top-level statement scheduled alone, every array between them through DRAM.
    pub per_nest: Traffic,
    pub optimized: Traffic,
    /// Each element that must cross, once.
    pub compulsory_bytes: i64,
    /// No schedule on this scratchpad moves less.
    pub lower_bound_bytes: i64,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ArrayTraffic {
    pub name: String,
    /// `input`, `output`, `inout` or `temp`.
    pub role: String,
    #[serde(flatten)]
    pub traffic: Traffic,
    pub residence: Residence,
    #[serde(default)]
    pub naive: Traffic,
    #[serde(default)]
    pub per_nest: Traffic,
    /// Its part of `dram.compulsory_bytes`.
    #[serde(default)]
    pub compulsory_bytes: i64,
}

/// Where the elements of an array wait between their uses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Residence {
    Scratchpad,
    Dram,
    Split,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Scratchpad {
    /// The largest sum of live buffers.
    pub peak_bytes: i64,
    /// What holds the buffers at fixed offsets.
    pub arena_bytes: i64,
    /// In the order in which the scheduled program declares them.
    #[serde(default)]
    pub buffers: Vec<BufferFigures>,
    #[serde(default)]
    /// The labels of the statements, or of parts of them, in the order in which they run: what buffers live beside.
    pub steps: Vec<String>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BufferFigures {
    pub name: String,
    /// Whose elements it holds.
    pub array: String,
    pub bytes: i64,
    pub offset: i64,
    /// The first and the last of the steps beside which it lives.
    pub alive: (usize, usize),
}

impl Scratchpad {
    /// The buffers that live beside a step.
    pub fn beside(&self, step: usize) -> impl Iterator<Item = &BufferFigures> {
        self.buffers.iter().filter(move |b| (b.alive.0..=b.alive.1).contains(&step))
    }

    /// Their bytes.
    pub fn bytes_beside(&self, step: usize) -> i64 {
        self.beside(step).fold(0, |sum, b| sum.saturating_add(b.bytes))
    }
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Operations {
    pub source: i64,
    pub optimized: i64,
}

/// Statements that share loops.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct GroupFigures {
    /// Labels.
    pub statements: Vec<String>,
    /// Tile sizes by loop.
    pub tile: IndexMap<String, i64>,
    #[serde(flatten)]
    pub traffic: Traffic,
    pub peak_bytes: i64,
    /// The loops around all of them.
    #[serde(default)]
    pub shared_loops: usize,
}

/// Something that a user may want to know or change.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Remark {
    /// Such as `missed-fusion`.
    pub kind: String,
    /// `file:line:column`
    pub at: String,
    pub text: String,
    #[serde(default)]
    pub code: Code,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SolverFigures {
    pub name: String,
    /// `optimal`, or why not.
    pub status: String,
    /// The relative distance to the proven bound.
    pub gap: f64,
}

/// Wall time by stage, in milliseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Times {
    pub parse: f64,
    pub dependences: f64,
    pub schedule: f64,
    pub stage: f64,
    pub emit: f64,
    pub check: f64,
    pub total: f64,
}

impl Report {
    /// Reads a report that was saved; keys that older reports lack are empty.
    ///
    /// # Errors
    /// What is wrong with it, in a few words.
    pub fn from_json(text: &str) -> Result<Report, String> {
        let value: serde_json::Value = serde_json::from_str(text).map_err(|e| format!("not JSON: {e}"))?;
        match value.get("schema").and_then(|schema| schema.as_str()) {
            Some(SCHEMA) => serde_json::from_value(value).map_err(|e| format!("not a report of polyfuse: {e}")),
            _ => Err(format!("not a report of polyfuse: its `schema` is not {SCHEMA}")),
        }
    }

    /// JSON that is the same for every run on one input: without the times.
    pub fn to_json(&self) -> String {
        json(&Report { time_ms: None, ..self.clone() })
    }

    /// JSON with the times, for the file of `--report`.
    pub fn to_timed_json(&self) -> String {
        json(&Report { time_ms: Some(self.time_ms.unwrap_or_default()), ..self.clone() })
    }
}

/// Indented JSON that ends in a newline.
pub fn json<T: Serialize>(value: &T) -> String {
    // Serialising fails only for maps whose keys are no strings, of which the report has none.
    serde_json::to_string_pretty(value).map(|text| text + "\n").unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report() -> Report {
        Report {
            schema: SCHEMA.into(),
            kernel: "two_mm".into(),
            params: IndexMap::from([("M".to_string(), 256)]),
            machine: MachineFigures { name: "inf2".into(), scratchpad_bytes: 25165824 },
            dram: Dram::default(),
            arrays: vec![ArrayTraffic {
                name: "C".into(),
                role: "temp".into(),
                traffic: Traffic::default(),
                residence: Residence::Scratchpad,
                naive: Traffic::default(),
                per_nest: Traffic::default(),
                compulsory_bytes: 0,
            }],
            scratchpad: Scratchpad {
                buffers: vec![BufferFigures {
                    name: "C_s".into(),
                    array: "C".into(),
                    bytes: 4,
                    offset: 0,
                    alive: (0, 1),
                }],
                steps: vec!["S0".into(), "S1".into()],
                ..Scratchpad::default()
            },
            operations: Operations::default(),
            groups: vec![GroupFigures {
                statements: vec!["S0".into(), "S1".into()],
                tile: IndexMap::from([("i".to_string(), 64)]),
                traffic: Traffic::default(),
                peak_bytes: 0,
                shared_loops: 1,
            }],
            time: Some(timeline::Times::default()),
            remarks: vec![Remark {
                kind: "missed-fusion".into(),
                at: "two_mm.loop:11:1".into(),
                text: "...".into(),
                code: Code::MissedFusion,
            }],
            solver: SolverFigures { name: "microlp".into(), status: "optimal".into(), gap: 0.0 },
            time_ms: Some(Times::default()),
        }
    }

    /// The keys of a JSON text in the order written.
    fn keys(text: &str) -> Vec<&str> {
        text.lines().filter_map(|line| line.trim().strip_prefix('"')?.split_once("\":").map(|(key, _)| key)).collect()
    }

    #[test]
    fn the_keys_stand_in_the_order_of_the_schema() {
        let expected = "schema kernel params M machine name scratchpad_bytes dram naive load_bytes store_bytes per_nest \
             load_bytes store_bytes optimized load_bytes store_bytes compulsory_bytes lower_bound_bytes arrays name role \
             load_bytes store_bytes residence naive load_bytes store_bytes per_nest load_bytes store_bytes compulsory_bytes \
             scratchpad peak_bytes arena_bytes buffers name array bytes offset alive steps operations source optimized groups \
             statements tile i load_bytes store_bytes peak_bytes shared_loops time transfers runs mean_run_bytes \
             dma_seconds tensor_seconds vector_seconds scalar_seconds serial_seconds overlapped_seconds seconds bound_by remarks kind at text code solver name status gap time_ms \
             parse dependences schedule stage emit check total";
        assert_eq!(keys(&report().to_timed_json()).join(" "), expected);
    }

    #[test]
    fn a_report_reads_as_it_was_written() {
        let report = report();
        assert_eq!(Report::from_json(&report.to_timed_json()), Ok(report));
        assert!(
            Report::from_json("{\"schema\": \"polyfuse-sweep/1\"}").is_err_and(|e| e.contains("polyfuse-report/1"))
        );
        assert!(Report::from_json("[").is_err());
    }

    #[test]
    fn the_times_stand_in_the_file_only() {
        assert!(!report().to_json().contains("time_ms"));
        assert!(report().to_timed_json().contains("time_ms"));
    }
}
