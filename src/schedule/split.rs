//! Which loop should run as two, so that a part of an array that does not fit stays in the scratchpad?
//!
//! Where an array of about the scratchpad's size crosses again and again, the loops that walk it are cut in two on trial: one part of the
//! array then can wait while the other passes by. How much of it the scratchpad holds bounds what that can save, and says where the trials
//! begin; they are made on a group's problem in plain integers. What a cut really moves is seen when the program that is cut goes the whole
//! way.
//!
//! Source: index-set splitting as in Griebl, Feautrier and Lengauer, "Index set splitting", IJPP 28(6), 2000.
//! Differs: it serves capacity, not parallelism.

mod divided;
mod walk;

use super::bands::{Bands, GroupProblem};
use super::decide::{Decision, Goal};
use super::known::{Care, Known, side_by_side};
use super::search::better;
use super::tree::Group;
use crate::isl::Result;
use crate::lang::ast::Program;
use crate::poly::{self, Scop};
use divided::Divided;
use itertools::Itertools;
use std::ops::Range;
use walk::{Walk, walks_of};

/// Loops that walk the same elements, and where to cut each of them; at least one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Split {
    pub cuts: Vec<Cut>,
}

/// A loop and where to cut it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cut {
    /// As in `poly::Dim`.
    pub loop_id: usize,
    /// The smallest value of the dimension, and one past the largest.
    pub range: (i64, i64),
    /// The first value of the second part.
    pub at: i64,
}

impl Split {
    /// The program split, or the same of another size split in proportion; `None` where a loop has no values or cannot be cut.
    ///
    /// # Errors
    /// When isl's budget runs out.
    pub fn of(&self, source: &Program, scop: &Scop) -> Result<Option<Program>> {
        let mut program = source.clone();
        let mut cuts = self.cuts.clone();
        // A loop that is cut moves the numbers of those behind it.
        cuts.sort_by_key(|cut| std::cmp::Reverse(cut.loop_id));
        for cut in cuts {
            let Some(at) = cut.scaled(scop)? else { return Ok(None) };
            let Some(cut) = poly::split(&program, cut.loop_id, at) else { return Ok(None) };
            program = cut;
        }
        Ok(Some(program))
    }
}

impl Cut {
    /// Where the same loop is cut in a program of another size, in proportion.
    fn scaled(&self, scop: &Scop) -> Result<Option<i64>> {
        let (first, end) = self.range;
        Ok(scop.range(self.loop_id)?.map(|(least, most)| {
            let part = i128::from(self.at - first) * i128::from(most - least + 1) / i128::from(end - first);
            (least + part as i64).clamp(least, most)
        }))
    }
}

/// Runs of groups on trial, and walks on trial for one of them, at most.
const RUNS: usize = 3;
const WALKS: usize = 4;
/// Most statements of a run on trial: what more statements come to is not seen in the steps of a trial.
const STATEMENTS: usize = 28;
/// An array is worth trials, and a trial is worth carrying out, where it could save this part (one over) of all bytes.
const PART: i128 = 50;
/// Cuts are moved by less as long as that could save this part (one over) of all bytes.
const PRECISION: i128 = 200;

/// The most promising split of a program that is scheduled like this, where one promises to save more than `to_save` bytes. `excess` says for
/// each array of the program how many bytes it moves beyond once for each element. Groups that share such an array are on trial as one too:
/// what does not pay as a whole may pay in parts.
///
/// # Errors
/// When isl's budget runs out.
pub fn propose(
    known: &mut Known,
    decision: &Decision,
    goal: &Goal,
    excess: &[i128],
    to_save: i64,
) -> Result<Option<Split>> {
    let all: i128 = groups(decision).iter().map(|group| i128::from(group.moved_bytes)).sum();
    let worth = Worth { excess, least: all / PART, to_save };
    let mut found: Option<(i64, Split)> = None;
    for run in runs(&known.bands, decision, &worth) {
        let group = known.problem(run.statements, &[])?;
        if let Some((split, moved)) = of_group(known, &group, run.moved_bytes, goal, &worth) {
            let saved = run.moved_bytes.saturating_sub(moved);
            if i128::from(saved) > worth.least && found.as_ref().is_none_or(|(most, _)| saved > *most) {
                found = Some((saved, split));
            }
        }
    }
    Ok(found.map(|(_, split)| split))
}

/// What is worth a trial.
struct Worth<'a> {
    /// For each array of the program.
    excess: &'a [i128],
    /// Bytes to be saved, in all and beyond those that are saved otherwise.
    least: i128,
    to_save: i64,
}

/// Statements that may run as a group, and what they move: what is left of the bytes of all when the others have moved theirs.
struct Run {
    statements: Vec<usize>,
    moved_bytes: i64,
}

impl Run {
    fn touches(&self, bands: &Bands, array: usize) -> bool {
        let accesses = self.statements.iter().flat_map(|&s| &bands.scop.statements[s].accesses);
        accesses.into_iter().any(|access| access.array == array)
    }
}

/// The groups of a decision but skewed ones.
fn groups(decision: &Decision) -> Vec<Run> {
    let planned = |(group, moved_bytes): (&Group, &Option<i64>)| {
        let statements = group.paths.iter().map(|path| path.statement).collect();
        moved_bytes.map(|moved_bytes| Run { statements, moved_bytes })
    };
    decision.schedule.groups.iter().zip(&decision.planned_bytes).filter_map(planned).collect()
}

/// Single groups, their nests, and groups from the first to the last that touch an array that moves too often: where most could be saved.
fn runs(bands: &Bands, decision: &Decision, worth: &Worth) -> Vec<Run> {
    let groups = groups(decision);
    let together = |run: Range<usize>| Run {
        statements: groups[run.clone()].iter().flat_map(|group| group.statements.clone()).collect(),
        moved_bytes: groups[run].iter().fold(0, |sum, group| sum.saturating_add(group.moved_bytes)),
    };
    let crosses = (0..worth.excess.len()).filter(|&a| worth.excess[a] > worth.least).filter_map(|a| {
        let touches = |at: &usize| groups[*at].touches(bands, a);
        Some((0..groups.len()).find(touches)?..(0..groups.len()).rfind(touches)? + 1)
    });
    let ranges = (0..groups.len()).map(|at| at..at + 1).chain(crosses).unique();
    let mut runs: Vec<Run> =
        ranges.map(together).chain(groups.iter().flat_map(|group| nests(bands, decision, group))).collect();
    let could_save = |run: &Run| {
        let touched = (0..worth.excess.len()).filter(|&a| run.touches(bands, a));
        touched.map(|a| worth.excess[a].max(0)).sum::<i128>().min(run.moved_bytes.into())
    };
    runs.retain(|run| could_save(run) > worth.least && run.statements.len() <= STATEMENTS);
    runs.sort_by_key(|run| std::cmp::Reverse(could_save(run)));
    runs.truncate(RUNS);
    runs
}

/// The nests of a group, should they run apart, where that was planned.
fn nests(bands: &Bands, decision: &Decision, group: &Run) -> Vec<Run> {
    let chunks = group.statements.iter().copied().chunk_by(|&s| bands.scop.statements[s].nest);
    let apart = |statements: Vec<usize>| Some((*decision.apart_bytes.get(&statements[0])?, statements));
    let nests: Option<Vec<_>> = chunks.into_iter().map(|(_, statements)| apart(statements.collect())).collect();
    let nests = nests.filter(|nests| nests.len() > 1).unwrap_or_default();
    let all = nests.iter().fold(0, |sum: i64, (bytes, _)| sum.saturating_add(*bytes));
    let left = |bytes: i64| group.moved_bytes.saturating_sub(all.saturating_sub(bytes));
    nests.into_iter().map(|(bytes, statements)| Run { statements, moved_bytes: left(bytes) }).collect()
}

/// The split of a group that promises the fewest bytes, and these.
fn of_group(known: &Known, group: &GroupProblem, moved_bytes: i64, goal: &Goal, worth: &Worth) -> Option<(Split, i64)> {
    let Worth { excess, least, to_save } = *worth;
    let mut walks: Vec<Walk> = Vec::new();
    for &array in group.arrays.iter().unique().filter(|&&a| excess[a] > least) {
        for walk in walks_of(&known.bands, group, array) {
            let is_worth = walk.saves(excess[array], goal.capacity_bytes) > least.max(to_save.into());
            if is_worth && !walks.iter().any(|known| known.is_same(&walk)) {
                walks.push(walk);
            }
        }
    }
    walks.sort_by_key(|walk| std::cmp::Reverse(walk.saves(excess[walk.array], goal.capacity_bytes)));
    walks.truncate(WALKS);
    let starts = |walk| Walk::fitting(walk, goal.capacity_bytes).unique().map(move |most| (walk, most));
    let starts: Vec<(&Walk, i64)> = walks.iter().flat_map(starts).collect();
    let loops = |&s: &usize| known.bands.scop.statements[s].dims.iter().map(|dim| dim.loop_id).collect();
    let loops: Vec<Vec<usize>> = group.statements.iter().map(loops).collect();
    let steps = known.steps(Care::Trial, goal.effort);
    let trials = Trials { group, loops: &loops, capacity_bytes: goal.capacity_bytes, steps };
    let found = side_by_side(&starts, |&(walk, most)| {
        trials.best_of(walk, most, excess[walk.array], moved_bytes.saturating_sub(to_save))
    });
    found.into_iter().flatten().min_by_key(|(_, moved_bytes)| *moved_bytes)
}

/// What trials of splits of a group have in common; plain data, so that they can be made side by side.
struct Trials<'a> {
    group: &'a GroupProblem,
    /// The loops around each statement of the group.
    loops: &'a [Vec<usize>],
    capacity_bytes: i64,
    steps: u64,
}

impl Trials<'_> {
    /// The split after which so many of a walk's last values stay that the fewest bytes are moved, and these: fewer than by the whole. Of at
    /// most `most` values some quarters stay first, then more or fewer by ever smaller steps.
    fn best_of(&self, walk: &Walk, most: i64, excess: i128, whole_bytes: i64) -> Option<(Split, i64)> {
        let split = |stays: i64| walk.cut(walk.end() - stays);
        let (mut stays, mut moved_bytes) = (0, whole_bytes);
        let attempt = |next: i64, stays: &mut i64, moved_bytes: &mut i64| {
            let found = if 0 < next && next <= most { self.moved(&split(next), *moved_bytes) } else { None };
            found.inspect(|&fewer| (*stays, *moved_bytes) = (next, fewer)).is_some()
        };
        let mut step = most.midpoint(3) / 2;
        for quarters in [3, 2, 1] {
            attempt(step * quarters, &mut stays, &mut moved_bytes);
        }
        if stays == 0 {
            return None;
        }
        let each = excess / i128::from(walk.extent());
        while step > 1 && i128::from(step) * each > i128::from(moved_bytes) / PRECISION {
            step /= 2;
            let at = stays;
            let _ =
                attempt(at + step, &mut stays, &mut moved_bytes) || attempt(at - step, &mut stays, &mut moved_bytes);
        }
        Some((split(stays), moved_bytes))
    }

    /// What the best plan moves that is found for the group split: fewer bytes than `below`.
    fn moved(&self, split: &Split, below: i64) -> Option<i64> {
        let problem = Divided::new(self.loops, self.group, split).problem();
        better(&problem, self.capacity_bytes, below, self.steps).map(|plan| plan.moved_bytes)
    }
}
