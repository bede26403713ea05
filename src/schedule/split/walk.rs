//! Which loops walk a dimension of an array together, and how many of their values can stay in the scratchpad?

use super::{Cut, Split};
use crate::lang::ast::Array;
use crate::schedule::bands::{Bands, GroupProblem};
use itertools::Itertools;

/// Loops that walk one dimension of an array together.
pub struct Walk {
    pub array: usize,
    steps: Vec<Step>,
    /// Bytes for one value of the first loop, with none, the outermost, the innermost or all of the other dimensions of the array.
    slices: Vec<i64>,
}

/// A loop of a walk: at the value `v` of its dimension it is at `scale * v + offset`.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Step {
    loop_id: usize,
    range: (i64, i64),
    scale: i64,
    offset: i64,
}

impl Walk {
    /// Whether the same loops walk, whatever they walk along.
    pub fn is_same(&self, other: &Walk) -> bool {
        self.steps == other.steps
    }

    /// One past the last value of the first loop.
    pub fn end(&self) -> i64 {
        self.steps[0].range.1
    }

    /// The number of values of the first loop.
    pub fn extent(&self) -> i64 {
        let (first, end) = self.steps[0].range;
        end.saturating_sub(first).max(1)
    }

    /// How many values of the first loop the scratchpad can hold, of all dimensions or some; what fits by far needs no splitting.
    pub fn fitting(&self, capacity_bytes: i64) -> impl Iterator<Item = i64> {
        let extent = self.extent();
        let fitting = self.slices.iter().map(move |slice| capacity_bytes / slice);
        fitting.filter(move |&fitting| fitting / 4 < extent).map(move |fitting| fitting.min(extent - 1))
    }

    /// More than the bytes that can be saved where a part stays, of so many that could be if the whole did.
    pub fn saves(&self, excess: i128, capacity_bytes: i64) -> i128 {
        let extent = self.extent();
        let part = |fitting: i64| excess * i128::from(fitting) / i128::from(extent);
        self.fitting(capacity_bytes).map(part).max().unwrap_or(0)
    }

    /// All loops cut where the first is at a value.
    pub fn cut(&self, at: i64) -> Split {
        let first = self.steps[0];
        let place = first.scale.saturating_mul(at).saturating_add(first.offset);
        let cut = |step: &Step| {
            let at = -(-(place.saturating_sub(step.offset))).div_euclid(step.scale);
            Cut { loop_id: step.loop_id, range: step.range, at }
        };
        Split { cuts: self.steps.iter().map(cut).filter(|cut| cut.range.0 < cut.at && cut.at < cut.range.1).collect() }
    }
}

/// The walks along the dimensions of an array; loops walk by themselves where one of them is inside another.
pub fn walks_of(bands: &Bands, group: &GroupProblem, array: usize) -> Vec<Walk> {
    let mut walks = Vec::new();
    let Array { extents, ty, .. } = &bands.scop.arrays[array];
    for dim in 0..extents.len() {
        let mut steps: Vec<Step> = Vec::new();
        let mut are_nested = false;
        for &s in &group.statements {
            let statement = &bands.scop.statements[s];
            let mut found: Vec<Step> = Vec::new();
            for access in statement.accesses.iter().filter(|a| a.array == array) {
                let Some(form) = &access.linear[dim] else { continue };
                for k in (0..statement.dims.len()).filter(|&k| form.coefficients[k] > 0) {
                    let loop_id = statement.dims[k].loop_id;
                    if found.iter().all(|step| step.loop_id != loop_id) {
                        let range = bands.range(&group.statements, loop_id);
                        found.push(Step { loop_id, range, scale: form.coefficients[k], offset: form.constant });
                    }
                }
            }
            are_nested |= found.len() > 1;
            steps.extend(found);
        }
        let mut distinct: Vec<Step> = Vec::new();
        for step in steps {
            if distinct.iter().all(|known| known.loop_id != step.loop_id) {
                distinct.push(step);
            }
        }
        let others = || (0..extents.len()).filter(|&other| other != dim);
        let bytes = |bytes: &mut i64, other: usize| {
            *bytes = bytes.saturating_mul(extents[other]);
            Some(*bytes)
        };
        let (outer, inner) = (others().scan(ty.bytes(), bytes), others().rev().scan(ty.bytes(), bytes));
        let slices: Vec<i64> = std::iter::once(ty.bytes()).chain(outer).chain(inner).unique().collect();
        let walk = |steps: Vec<Step>| {
            let slice = |bytes: &i64| bytes.saturating_mul(steps[0].scale).max(1);
            Walk { array, slices: slices.iter().map(slice).collect(), steps }
        };
        match are_nested {
            true => walks.extend(distinct.into_iter().map(|step| walk(vec![step]))),
            false if distinct.is_empty() => {}
            false => walks.push(walk(distinct)),
        }
    }
    walks
}
