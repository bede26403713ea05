//! Which figures describe a schedule?

use super::remarks::remarks;
use super::{
    ArrayTraffic, BufferFigures, Dram, GroupFigures, MachineFigures, Operations, Report, Residence, SCHEMA, Scratchpad,
    SolverFigures, Times, Traffic,
};
use crate::count::{self, Counts};
use crate::emit::{Leaves, Names, Sum, convert};
use crate::isl::Set;
use crate::lang::ast::{Access, Array, Assign, AssignOp, ExprKind, Program, Role, Stmt};
use crate::optimize::{Options, Outcome};
use crate::poly::{Dependences, Scop, number};
use crate::timeline;
use indexmap::IndexMap;
use itertools::Itertools;

/// What a report is made from.
pub struct Facts<'a> {
    pub source: &'a Program,
    pub scop: &'a Scop,
    pub dependences: &'a Dependences,
    /// The statements that are scheduled: those of the program, or parts of them.
    pub scheduled: &'a Scop,
    /// Whether they are all known: their budget did not run out.
    pub complete: bool,
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
    let bounds = product_bounds(facts);
    let lower_bound_bytes = bounds.into_iter().fold(compulsory_bytes, i64::max);
    let placement = &facts.outcome.staging.placement;
    let status = if facts.complete { "optimal" } else { "budget" };
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
        solver: SolverFigures { name: facts.options.solver.name().into(), status: status.into(), gap: 0.0 },
        time_ms: Some(facts.times),
    };
    report.remarks = remarks(facts, &report);
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

/// For each array the bytes of elements whose value from before the program is read, and of a result's elements that are written, each
/// once.
fn compulsory(facts: &Facts) -> Result<Vec<i64>, String> {
    let scop = facts.scop;
    let mut bytes = Vec::new();
    for (n, array) in scop.arrays.iter().enumerate() {
        let mut total: i128 = 0;
        let mut add = |set: Option<Set>| -> Result<(), String> {
            if let Some(set) = set {
                let elements = points(&set).map_err(|e| format!("the compulsory bytes of `{}`: {e}", array.name))?;
                total = total.saturating_add(elements.saturating_mul(array.ty.bytes().into()));
            }
            Ok(())
        };
        if matches!(array.role, Role::Input | Role::Inout) {
            add(union(
                facts
                    .dependences
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

/// The number of points of a set `{ A[a] }`: isl writes the loops that visit each point of a convex piece once, and those
/// are counted. Loops over all pieces at once would need bounds that the loop language does not have.
fn points(set: &Set) -> Result<i128, String> {
    let text = |e: crate::isl::IslError| e.to_string();
    let mut program = Program::default();
    program.arrays.push(Array {
        role: Role::Temp,
        ty: crate::lang::ast::Type::I8,
        name: "e".into(),
        dims: Vec::new(),
        extents: Vec::new(),
        span: Default::default(),
    });
    let names = Names::of(&program);
    for piece in set.coalesce().and_then(|set| set.disjoint_pieces()).map_err(text)? {
        let loops = piece.visit().map_err(text)?;
        program.body.extend(convert(&loops, &names, &Points).map_err(text)?);
    }
    count::count(&program).map(|counts| counts.instances).map_err(|e| e.to_string())
}

/// Leaves that do nothing but be counted.
struct Points;

impl Leaves for Points {
    fn argument_name(&self, _: &str, argument: usize) -> String {
        format!("a{argument}")
    }

    fn statement(&self, _: &str, _: &[Sum]) -> Stmt {
        Stmt::Assign(Assign {
            label: None,
            target: Access { array: "e".into(), indices: Vec::new(), span: Default::default() },
            op: AssignOp::Set,
            value: ExprKind::Number(0.0).into(),
            span: Default::default(),
        })
    }
}

/// Bytes that a matrix product of inputs into a result must move: `2MNK/√S - 2S` elements for a scratchpad of `S` elements.
///
/// Source: Smith, Lowery, Langou, van de Geijn, "A tight I/O lower bound for matrix multiplication", 2019 (arXiv 1702.02017).
fn product_bounds(facts: &Facts) -> Vec<i64> {
    facts.scop.statements.iter().filter_map(|s| product_bound(facts, s)).collect()
}

fn product_bound(facts: &Facts, statement: &crate::poly::Statement) -> Option<i64> {
    let [target, left, right] = &statement.accesses[..] else { return None };
    let role = |access: &crate::poly::Access| facts.scop.arrays[access.array].role;
    let ExprKind::Binary(crate::lang::ast::BinaryOp::Mul, ..) = statement.assign.value.kind else { return None };
    if statement.assign.op != AssignOp::Add
        || role(left) != Role::Input
        || role(right) != Role::Input
        || !matches!(role(target), Role::Output | Role::Inout)
    {
        return None;
    }
    let dims = statement.dims.len();
    let uses = |access: &crate::poly::Access| -> Option<Vec<bool>> {
        let mut used = vec![false; dims];
        for index in &access.linear {
            let index = index.as_ref()?;
            let mut moving = (0..dims).filter(|&k| index.coefficients[k] != 0);
            let (Some(k), None) = (moving.next(), moving.next()) else { return None };
            if index.coefficients[k].abs() != 1 || std::mem::replace(&mut used[k], true) {
                return None;
            }
        }
        Some(used)
    };
    let (t, l, r) = (uses(target)?, uses(left)?, uses(right)?);
    // Each iterator stands in exactly two of the three: rows, columns, and the sum.
    if (0..dims).any(|k| u8::from(t[k]) + u8::from(l[k]) + u8::from(r[k]) != 2) {
        return None;
    }
    let mut volume = 1.0f64;
    for k in 0..dims {
        let (lo, hi) = (statement.domain.dim_min(k).ok()??, statement.domain.dim_max(k).ok()??);
        volume *= (hi - lo + 1) as f64;
    }
    let instances = points(&statement.domain).ok()?;
    if instances as f64 != volume {
        return None;
    }
    let bytes = facts.scop.arrays[target.array].ty.bytes().min(facts.scop.arrays[left.array].ty.bytes());
    let bytes = bytes.min(facts.scop.arrays[right.array].ty.bytes());
    let room = facts.options.capacity_bytes as f64 / bytes as f64;
    let elements = 2.0 * volume / room.sqrt() - 2.0 * room;
    (elements > 0.0).then(|| (elements.floor() as i64).saturating_sub(1).saturating_mul(bytes))
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
