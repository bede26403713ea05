//! Which figures describe a schedule?

use super::bounds::product_bounds;
use super::code::Code;
use super::points::points;
use super::remarks::remarks;
use super::{
    ArrayTraffic, Budget, BufferFigures, Dram, GroupFigures, MachineFigures, Operations, Remark, Report, Residence,
    SCHEMA, Scratchpad, SolverFigures, Times, Traffic,
};
use crate::count::{self, Counts};
use crate::isl::Set;
use crate::lang::ast::{Array, Program, Role};
use crate::optimize::{Options, Outcome};
use crate::poly::{Dependences, Scop, number};
use crate::timeline;
use indexmap::IndexMap;
use itertools::Itertools;
use std::collections::BTreeSet;

/// What a report is made from.
pub struct Facts<'a> {
    pub source: &'a Program,
    pub scop: &'a Scop,
    /// The program without what is known to be dead, and its dependences: what any schedule must do.
    pub live: (&'a Scop, &'a Dependences),
    /// What was left out of the program, and how it was rewritten, before it was scheduled.
    pub rewritten: &'a [Remark],
    pub exhausted: &'a BTreeSet<Budget>,
    /// The statements that are scheduled: those of the program, or parts of them.
    pub scheduled: &'a Scop,
    /// Whether they are all known: their budget did not run out.
    pub complete: bool,
    /// Whether the schedule was given, not found.
    pub is_given: bool,
    pub options: &'a Options,
    pub params: IndexMap<String, i64>,
    pub outcome: &'a Outcome,
    pub per_nest: &'a Counts,
    pub times: Times,
}

/// The parameters in force.
pub fn parameters(parsed: &Program, overrides: &[(String, i64)]) -> IndexMap<String, i64> {
    let value = |name: &str, value: i64| overrides.iter().rev().find(|(n, _)| n == name).map_or(value, |(_, v)| *v);
    parsed.params.iter().map(|p| (p.name.to_string(), value(&p.name, p.value))).collect()
}

/// # Errors
/// A figure that cannot be counted, in words.
pub fn make(facts: &Facts) -> Result<Report, String> {
    let naive = count::count(facts.source).map_err(|e| e.to_string())?;
    let counts = &facts.outcome.counts;
    let compulsory = compulsory(facts)?;
    let compulsory_bytes = compulsory.iter().fold(0i64, |sum, bytes| sum.saturating_add(*bytes));
    let products = product_bounds(facts.live.0, facts.options.capacity_bytes)?;
    let lower_bound_bytes = products.into_iter().fold(compulsory_bytes, i64::max);
    let placement = &facts.outcome.staging.placement;
    let mut report = Report {
        schema: SCHEMA.into(),
        kernel: facts.options.kernel.clone(),
        params: facts.params.clone(),
        machine: MachineFigures {
            name: facts.options.machine.name.clone(),
            scratchpad_bytes: facts.options.capacity_bytes,
        },
        dram: Dram {
            naive: traffic(&naive),
            per_nest: traffic(facts.per_nest),
            optimized: traffic(counts),
            compulsory_bytes,
            lower_bound_bytes,
        },
        arrays: arrays(facts, &naive, &compulsory),
        scratchpad: Scratchpad {
            peak_bytes: placement.peak_bytes,
            arena_bytes: placement.arena_bytes,
            buffers: buffers(facts),
            steps: steps(facts),
        },
        operations: Operations { source: small(naive.operations), optimized: small(counts.operations) },
        groups: groups(facts)?,
        time: time(facts),
        remarks: Vec::new(),
        solver: SolverFigures { name: facts.options.solver.name().into(), status: String::new(), gap: 0.0 },
        time_ms: Some(facts.times),
    };
    report.remarks = remarks(facts, &report);
    let has = |codes: &[Code]| report.remarks.iter().any(|r| codes.contains(&r.code));
    let status = match facts.is_given {
        true => "given",
        false if has(&[Code::UnknownDependences, Code::BudgetSpent]) => "budget",
        false if has(&[Code::Untiled]) => "untiled",
        false => "optimal",
    };
    report.solver.status = status.into();
    if matches!(status, "budget" | "untiled") {
        let moved = report.dram.optimized.bytes();
        report.solver.gap = (moved - report.dram.lower_bound_bytes).max(0) as f64 / moved.max(1) as f64;
    }
    Ok(report)
}

fn small(value: i128) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

fn traffic(counts: &Counts) -> Traffic {
    let (loads, stores) = counts.bytes().unwrap_or((i128::MAX, i128::MAX));
    Traffic { load_bytes: small(loads), store_bytes: small(stores) }
}

fn arrays(facts: &Facts, naive: &Counts, compulsory: &[i64]) -> Vec<ArrayTraffic> {
    let figures = |(array, &compulsory_bytes): (&Array, &i64)| {
        let moved = |counts: &Counts| {
            let counted = counts.arrays.iter().find(|c| c.name == array.name);
            let (loads, stores) = counted.map_or((0, 0), |c| (c.load_elements, c.store_elements));
            let bytes = |elements: i128| small(elements.saturating_mul(array.ty.bytes().into()));
            Traffic { load_bytes: bytes(loads), store_bytes: bytes(stores) }
        };
        let traffic = moved(&facts.outcome.counts);
        let residence = match (array.role, traffic.store_bytes) {
            (Role::Temp, 0) => Residence::Scratchpad,
            (Role::Temp, stored) if stored < array.bytes() => Residence::Split,
            _ => Residence::Dram,
        };
        ArrayTraffic {
            name: array.name.to_string(),
            role: format!("{:?}", array.role).to_lowercase(),
            traffic,
            residence,
            naive: moved(naive),
            per_nest: moved(facts.per_nest),
            compulsory_bytes,
        }
    };
    facts.source.arrays.iter().zip(compulsory).map(figures).collect()
}

/// The time of all groups; `None` where the machine says no rates, or loops are too intricate to be counted.
fn time(facts: &Facts) -> Option<timeline::Times> {
    let rates = facts.options.machine.rates.as_ref()?;
    let times: Result<Vec<_>, _> = parts(facts.outcome).map(|part| timeline::times(&part, rates)).collect();
    Some(timeline::Times::in_sequence(&times.ok()?, rates))
}

/// The scheduled program of each group by itself.
fn parts(outcome: &Outcome) -> impl Iterator<Item = Program> {
    let starts = std::iter::once(0).chain(outcome.ends.iter().copied());
    starts.zip(&outcome.ends).map(|(start, &end)| {
        let arrays = outcome.program.arrays.clone();
        Program { arrays, body: outcome.program.body[start..end].to_vec(), ..Program::default() }
    })
}

/// The labels of all that runs, in the order in which it runs.
fn steps(facts: &Facts) -> Vec<String> {
    let paths = facts.outcome.decision.schedule.groups.iter().flat_map(|g| &g.paths);
    paths.map(|p| facts.scheduled.statements[p.statement].label.to_string()).collect()
}

/// The buffers under the names that the scheduled program gives them.
fn buffers(facts: &Facts) -> Vec<BufferFigures> {
    let staging = &facts.outcome.staging;
    let names = facts.outcome.program.arrays.iter().filter(|a| a.role == Role::Scratch).map(|a| &a.name);
    let placed = names.zip(&staging.buffers).zip(&staging.placement.offsets);
    let figures = placed.map(|((name, buffer), &offset)| BufferFigures {
        name: name.to_string(),
        array: facts.scheduled.arrays[buffer.array].name.to_string(),
        bytes: buffer.bytes(),
        offset,
        alive: buffer.alive,
    });
    figures.collect()
}

/// For each array the bytes of elements whose value from before the program is read, but for what is known to be dead, and of a result's
/// elements that are written, each once.
fn compulsory(facts: &Facts) -> Result<Vec<i64>, String> {
    let (scop, dependences) = facts.live;
    let mut bytes = Vec::new();
    for (n, array) in scop.arrays.iter().enumerate() {
        let mut total: i128 = 0;
        let mut add = |set: Option<Set>| -> Result<(), String> {
            if let Some(set) = set {
                let elements = points(&set).map_err(|e| format!("the compulsory bytes of `{}`: {e}", array.name))?;
                // What is not known to be compulsory is not said to be.
                let elements = elements.unwrap_or(0);
                total = total.saturating_add(elements.saturating_mul(array.ty.bytes().into()));
            }
            Ok(())
        };
        if matches!(array.role, Role::Input | Role::Inout) {
            add(union(
                dependences
                    .live_in
                    .maps()
                    .map_err(|e| e.to_string())?
                    .into_iter()
                    .filter(|m| m.range_name().map(|name| number(&name)) == Some(n)),
            )?)?;
        }
        if matches!(array.role, Role::Output | Role::Inout) {
            let writes = scop.statements.iter().flat_map(|s| &s.accesses).filter(|a| a.writes && a.array == n);
            add(union(writes.map(|a| a.relation.clone()))?)?;
        }
        bytes.push(small(total));
    }
    Ok(bytes)
}

fn union(relations: impl Iterator<Item = crate::isl::Map>) -> Result<Option<Set>, String> {
    let mut all: Option<Set> = None;
    for relation in relations {
        let range = relation.range().map_err(|e| e.to_string())?;
        all = Some(match all {
            None => range,
            Some(known) => known.union(&range).map_err(|e| e.to_string())?,
        });
    }
    Ok(all)
}

fn groups(facts: &Facts) -> Result<Vec<GroupFigures>, String> {
    let outcome = facts.outcome;
    let mut figures = Vec::new();
    let mut leaf = 0;
    for (group, part) in outcome.decision.schedule.groups.iter().zip(parts(outcome)) {
        let counts = count::count(&part).map_err(|e| e.to_string())?;
        let mut tile = IndexMap::new();
        for path in &group.paths {
            for tile_loop in &path.loops {
                let dims = &facts.scheduled.statements[path.statement].dims;
                if let Some(k) = (0..dims.len()).rev().find(|&k| tile_loop.value.coefficients[k] != 0) {
                    tile.entry(dims[k].iterator.to_string()).or_insert(tile_loop.tile);
                }
            }
        }
        let leaves = leaf..leaf + group.paths.len();
        leaf = leaves.end;
        let at = |leaf: usize| -> i64 {
            let alive = outcome.staging.buffers.iter().filter(|b| (b.alive.0..=b.alive.1).contains(&leaf));
            alive.map(|b| b.bytes()).sum()
        };
        let labels = group.paths.iter().map(|p| facts.scheduled.statements[p.statement].label.to_string());
        figures.push(GroupFigures {
            statements: labels.unique().collect(),
            tile,
            traffic: traffic(&counts),
            peak_bytes: leaves.map(at).max().unwrap_or(0),
            shared_loops: group.paths.iter().map(|p| p.shared_loops(&group.paths[0])).min().unwrap_or(0),
        });
    }
    Ok(figures)
}
