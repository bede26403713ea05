//! Which nests should run in slabs that compute the rows at their edges themselves, and how many rows should a slab have?
//!
//! Nests that pass temps to each other are put on trial as one group in slabs, in plain integers: each statement has an iterator over the
//! slabs, and each slab has elements of its own. The trial that promises the fewest bytes is proposed, where it saves enough, and where the
//! operations that it adds are allowed.

use super::bands::GroupProblem;
use super::decide::{Goal, STATEMENTS};
use super::known::{Care, Known, Question};
use super::problem::{Array, Attach, BandDim, Edge, Index, Plan, Problem, Shared, Statement};
use crate::isl::Result;
use crate::lang::ast::{Program, Role};
use crate::poly::{Overlap, Ranges, Scop, Slabs};
use itertools::Itertools;
use std::collections::BTreeSet;
use std::ops::Range;
use std::rc::Rc;

/// Runs of groups on trial, and sizes of slabs for the best loop of each, at most.
const RUNS: usize = 4;
const SIZES: usize = 6;
/// A run in slabs that moves so many times what it moves without is not worth more trials.
const HOPELESS: i128 = 4;
/// Slabs are worth it where they save this part (one over) of all bytes.
const PART: i128 = 50;

/// The most promising slabs for a program whose groups are carried out by these plans; no nest is in two. They add at most so many
/// operations.
///
/// # Errors
/// When isl's budget runs out.
pub fn propose(
    known: &mut Known,
    program: &Program,
    plans: &[(Rc<GroupProblem>, Plan)],
    goal: &Goal,
    operations: i128,
) -> Result<Vec<Overlap>> {
    let scop = known.bands.scop;
    let least = moved(plans) / PART;
    let mut left = operations;
    let mut chosen: Vec<Overlap> = Vec::new();
    for run in runs(scop, plans, least) {
        let Some(nests) = whole_nests(scop, &plans[run.clone()]) else { continue };
        if chosen.iter().any(|other| nests.start < other.nests.end && other.nests.start < nests.end) {
            continue;
        }
        let statements = plans[run.clone()].iter().flat_map(|(group, _)| group.statements.clone()).sorted().collect();
        let group = known.problem(statements, &[])?;
        let loops = Run { program, scop, group: &group, operations: left }.loops(nests)?;
        let moved = moved(&plans[run]);
        if let Some((trial, plan)) = of_run(known, &group, &loops, moved, goal)
            && moved - i128::from(plan.moved_bytes) > least
        {
            left -= trial.operations;
            chosen.push(trial.overlap.clone());
        }
    }
    Ok(chosen)
}

fn moved(plans: &[(Rc<GroupProblem>, Plan)]) -> i128 {
    plans.iter().map(|(_, plan)| i128::from(plan.moved_bytes)).sum()
}

/// Single groups and neighbours that pass temps to each other, those first that move most beyond once for each element.
fn runs(scop: &Scop, plans: &[(Rc<GroupProblem>, Plan)], least: i128) -> Vec<Range<usize>> {
    let of = |at: usize| plans[at].0.arrays.iter().copied();
    let passes = |at: usize| of(at).any(|a| scop.arrays[a].role == Role::Temp && of(at + 1).contains(&a));
    let mut runs: Vec<Range<usize>> = (0..plans.len()).map(|at| at..at + 1).collect();
    for start in 0..plans.len() {
        let ends = (start + 1..plans.len()).take_while(|end| passes(end - 1));
        runs.extend(ends.map(|end| start..end + 1));
    }
    let excess = |run: &Range<usize>| {
        let arrays = plans[run.clone()].iter().flat_map(|(group, _)| &group.arrays).unique();
        let stay = arrays.map(|&a| &scop.arrays[a]).filter(|array| array.role != Role::Temp);
        moved(&plans[run.clone()]) - stay.map(|array| i128::from(array.bytes())).sum::<i128>()
    };
    let statements = |run: &Range<usize>| plans[run.clone()].iter().map(|(group, _)| group.statements.len()).sum();
    runs.retain(|run| excess(run) > least && (2..=STATEMENTS).contains(&statements(run)));
    runs.sort_by_key(|run| (std::cmp::Reverse(excess(run)), run.len(), run.start));
    runs.truncate(RUNS);
    runs
}

/// The nests of groups, where these hold them whole and nothing is between them.
fn whole_nests(scop: &Scop, plans: &[(Rc<GroupProblem>, Plan)]) -> Option<Range<usize>> {
    let statements: BTreeSet<usize> = plans.iter().flat_map(|(group, _)| group.statements.iter().copied()).collect();
    let nests = scop.statements[*statements.first()?].nest..scop.statements[*statements.last()?].nest + 1;
    let mut inside = (0..scop.statements.len()).filter(|&s| nests.contains(&scop.statements[s].nest));
    inside.all(|s| statements.contains(&s)).then_some(nests)
}

/// The best slabs of a run that moves so many bytes. Where a few sizes all come out far worse, the others are not tried.
fn of_run<'t>(
    known: &mut Known,
    group: &GroupProblem,
    loops: &'t [Vec<Trial>],
    moved: i128,
    goal: &Goal,
) -> Option<(&'t Trial, Plan)> {
    let sparse = loops.iter().flat_map(|sizes| [sizes.len() / 2, sizes.len() - 1].map(|n| &sizes[n])).collect();
    let (trial, plan) = best(known, group, sparse, goal)?;
    if i128::from(plan.moved_bytes) > moved * HOPELESS {
        return None;
    }
    let sizes = loops.iter().find(|sizes| sizes[0].overlap.loop_id == trial.overlap.loop_id)?;
    best(known, group, sizes[sizes.len().saturating_sub(SIZES)..].iter().collect(), goal)
}

/// A group in slabs.
struct Trial {
    overlap: Overlap,
    slabs: Slabs,
    /// What is added.
    operations: i128,
}

/// A group that is put on trial, and how many operations it may add.
struct Run<'a> {
    program: &'a Program,
    scop: &'a Scop,
    group: &'a GroupProblem,
    operations: i128,
}

impl Run<'_> {
    /// For each loop of the last statement that makes what stays the slabs along it, smaller ones as long as they are allowed.
    fn loops(&self, nests: Range<usize>) -> Result<Vec<Vec<Trial>>> {
        let Run { scop, group, .. } = *self;
        let stays = |&&s: &&usize| scop.arrays[scop.statements[s].accesses[0].array].role != Role::Temp;
        let last = group.statements.iter().filter(stays).max().or(group.statements.iter().max());
        let Some(ranges) = Ranges::new(scop, nests.clone())? else { return Ok(Vec::new()) };
        let mut loops = Vec::new();
        for dim in last.map_or(&[][..], |&s| &scop.statements[s].dims) {
            let Some((least, most)) = scop.range(dim.loop_id)? else { continue };
            let overlap = Overlap { nests: nests.clone(), loop_id: dim.loop_id, range: (least, most + 1), rows: 1 };
            loops.push(self.sizes(&overlap, &ranges));
        }
        loops.retain(|sizes| !sizes.is_empty());
        Ok(loops)
    }

    fn sizes(&self, overlap: &Overlap, ranges: &Ranges) -> Vec<Trial> {
        let extent = overlap.range.1 - overlap.range.0;
        let counts = std::iter::successors(Some(2i64), |&slabs| slabs.checked_add(slabs / 4 + 1));
        let mut sizes: Vec<Trial> = Vec::new();
        for rows in counts.take_while(|&slabs| slabs <= extent).map(|slabs| (extent - 1) / slabs + 1).dedup() {
            let overlap = Overlap { rows, ..overlap.clone() };
            let Some(slabs) = ranges.slabs(&overlap) else { break };
            let operations = self.added(&slabs);
            if operations > self.operations || sizes.is_empty() && overlap.of(self.program, self.scop, &slabs).is_none()
            {
                break;
            }
            // What adds nothing needs no slabs: a shared loop does the same.
            if operations > 0 {
                sizes.push(Trial { overlap, slabs, operations });
            }
        }
        sizes
    }

    /// Operations that slabs add, for boxes of iterators.
    fn added(&self, slabs: &Slabs) -> i128 {
        let of = |(at, s): (usize, &usize)| {
            let (k, window) = slabs.statements[s];
            let (extents, first) = (&self.group.problem.statements[at].extents, self.group.origins[at][k]);
            let more = window.values(slabs.count, (first, first + extents[k])) - extents[k];
            let others = extents.iter().enumerate().filter(|(n, _)| *n != k).map(|(_, &extent)| i128::from(extent));
            let each = i128::from(more) * i128::from(self.scop.statements[*s].assign.operations());
            others.fold(each, i128::saturating_mul)
        };
        self.group.statements.iter().enumerate().map(of).fold(0, i128::saturating_add)
    }
}

/// The trial with the plan that moves least; of several the one that adds the fewest operations.
fn best<'t>(known: &mut Known, group: &GroupProblem, trials: Vec<&'t Trial>, goal: &Goal) -> Option<(&'t Trial, Plan)> {
    let problem = |trial: &Trial| Sliced { group, slabs: &trial.slabs }.problem();
    let question = |trial: &'t Trial| ((Shared::new(problem(trial)), vec![goal.capacity_bytes]), trial);
    let questions: Vec<(Question, &Trial)> = trials.into_iter().map(question).collect();
    known.search(questions.iter().map(|(question, _)| question.clone()).collect(), Care::Outline, goal.effort);
    let planned =
        |(question, trial): (Question, &'t Trial)| Some((trial, known.answer(&question)?.plans().first()?.clone()?));
    questions.into_iter().filter_map(planned).min_by_key(|(trial, plan)| (plan.moved_bytes, trial.operations))
}

/// A group's problem with one more iterator in front, over the slabs.
struct Sliced<'a> {
    group: &'a GroupProblem,
    slabs: &'a Slabs,
}

impl Sliced<'_> {
    fn problem(&self) -> Problem {
        let GroupProblem { problem, .. } = self.group;
        let over_slabs = BandDim {
            class: problem.dims.iter().map(|dim| dim.class + 1).max().unwrap_or(0),
            attach: vec![Attach { iterator: Some(0), rate: 1, shift: 0 }; problem.statements.len()],
        };
        Problem {
            statements: (0..problem.statements.len()).map(|at| self.statement(at)).collect(),
            arrays: (0..problem.arrays.len()).map(|number| self.array(number)).collect(),
            dims: std::iter::once(over_slabs).chain(self.dims().map(|n| self.dim(&problem.dims[n]))).collect(),
            edges: problem.edges.iter().map(|edge| self.edge(edge)).collect(),
        }
    }

    /// The loops that walk rows for all statements, or for none.
    fn dims(&self) -> impl Iterator<Item = usize> {
        let dims = &self.group.problem.dims;
        let walks = |(at, attach): (usize, &Attach)| attach.iterator.map(|iterator| iterator == self.rows(at).0);
        (0..dims.len()).filter(move |&n| dims[n].attach.iter().enumerate().filter_map(walks).all_equal())
    }

    /// The index of an array that walks the rows and its first row in slab 0, where each slab has its own.
    fn own(&self, number: usize) -> Option<(usize, i64, i64)> {
        let array = self.group.arrays[number];
        let (dim, window) = *self.slabs.arrays.get(&array)?;
        self.slabs.own.contains(&array).then_some((dim, window.lo, window.len()))
    }

    /// The iterator over the rows of a statement, and how far its first value in slab 0 is from its smallest.
    fn rows(&self, at: usize) -> (usize, i64) {
        let (k, window) = self.slabs.statements[&self.group.statements[at]];
        (k, window.lo - self.group.origins[at][k])
    }

    fn statement(&self, at: usize) -> Statement {
        let mut statement = self.group.problem.statements[at].clone();
        let (k, window) = self.slabs.statements[&self.group.statements[at]];
        let (_, start) = self.rows(at);
        statement.extents[k] = window.len();
        statement.extents.insert(0, self.slabs.count);
        // Three iterators are tied there, the slab among them.
        statement.slopes.clear();
        let iterators = statement.extents.len();
        for access in &mut statement.accesses {
            let own = self.own(access.array);
            for (dim, index) in access.index.iter_mut().enumerate() {
                let Index::Linear { coefficients, constant } = index else { continue };
                *constant += coefficients[k] * start;
                let over_slabs = match own {
                    Some((rows, first, _)) if rows == dim => {
                        *constant -= first;
                        0
                    }
                    _ => coefficients[k] * window.step,
                };
                coefficients.insert(0, over_slabs);
            }
            if own.is_some() {
                let mut coefficients = vec![0; iterators];
                coefficients[0] = 1;
                access.index.insert(0, Index::Linear { coefficients, constant: 0 });
            }
        }
        statement
    }

    fn array(&self, number: usize) -> Array {
        let mut array = self.group.problem.arrays[number].clone();
        if let Some((rows, _, len)) = self.own(number) {
            array.extents[rows] = len;
            array.extents.insert(0, self.slabs.count);
        }
        array
    }

    /// A loop over rows counts from the first row of a slab.
    fn dim(&self, dim: &BandDim) -> BandDim {
        let attach = |(at, known): (usize, &Attach)| {
            let (k, start) = self.rows(at);
            let shift = if known.iterator == Some(k) { known.rate * start } else { 0 };
            Attach { iterator: known.iterator.map(|i| i + 1), rate: known.rate, shift: known.shift + shift }
        };
        let mut attach: Vec<Attach> = dim.attach.iter().enumerate().map(attach).collect();
        let least = attach.iter().map(|a| a.shift).min().unwrap_or(0);
        attach.iter_mut().for_each(|a| a.shift -= least);
        BandDim { class: dim.class, attach }
    }

    /// No slab waits for another.
    fn edge(&self, edge: &Edge) -> Edge {
        let dim_distance = std::iter::once(0).chain(self.dims().map(|n| edge.dim_distance[n])).collect();
        let within = edge.from == edge.to;
        let iterator_distance = within.then_some(0).into_iter().chain(edge.iterator_distance.iter().copied()).collect();
        Edge { dim_distance, iterator_distance, ..edge.clone() }
    }
}
