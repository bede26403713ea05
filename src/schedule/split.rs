//! Which loop should run as two, so that a part of an array that does not fit stays in the scratchpad?
//!
//! Where an array of about the scratchpad's size crosses again and again, the loops that walk it are cut in two on trial: one part of the
//! array then can wait while the other passes by. The trials are made on a group's problem in plain integers, from halves on towards
//! ever smaller rests; the cut that promises the fewest bytes fills what is left of the scratchpad. What it really moves is seen when the
//! program that is cut goes the whole way.
//!
//! Source: index-set splitting as in Griebl, Feautrier and Lengauer, "Index set splitting", IJPP 28(6), 2000.
//! Differs: it serves capacity, not parallelism.

use super::bands::{Bands, GroupProblem};
use super::decide::Goal;
use super::known::{Care, Known, Question};
use super::problem::{Attach, BandDim, Edge, Index, Plan, Problem, Statement};
use crate::isl::Result;
use crate::lang::ast::Program;
use crate::poly::{self, Scop};
use itertools::Itertools;
use std::ops::Range;
use std::rc::Rc;

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
const STATEMENTS: usize = 12;
/// How often the parts of each walk are halved at first; only the best walk is halved as often as it goes.
const SPARSE: [u32; 3] = [1, 3, 5];
/// An array is worth trials, and a trial is worth carrying out, where it could save this part (one over) of all bytes.
const PART: i128 = 50;

/// The most promising split of a program whose groups are carried out by these plans. `excess` says for each array of the program how many
/// bytes it moves beyond once for each element. Groups that share such an array are on trial as one too: what does not pay as a whole may
/// pay in parts.
///
/// # Errors
/// When isl's budget runs out.
pub fn propose(
    known: &mut Known,
    plans: &[(Rc<GroupProblem>, Plan)],
    goal: &Goal,
    excess: &[i128],
) -> Result<Option<Split>> {
    let moved =
        |run: Range<usize>| plans[run].iter().fold(0, |sum: i64, (_, plan)| sum.saturating_add(plan.moved_bytes));
    let least = i128::from(moved(0..plans.len())) / PART;
    let mut found: Option<(i64, Split)> = None;
    for run in runs(plans, excess, least) {
        let moved_bytes = moved(run.clone());
        let statements: Vec<usize> = plans[run].iter().flat_map(|(group, _)| group.statements.clone()).collect();
        let group = known.problem(statements, &[])?;
        if let Some((split, moved)) = of_group(known, &group, moved_bytes, goal, excess, least) {
            let saved = moved_bytes.saturating_sub(moved);
            if i128::from(saved) > least && found.as_ref().is_none_or(|(most, _)| saved > *most) {
                found = Some((saved, split));
            }
        }
    }
    Ok(found.map(|(_, split)| split))
}

/// Single groups, and those from the first to the last that touch an array that moves too often: where most could be saved.
fn runs(plans: &[(Rc<GroupProblem>, Plan)], excess: &[i128], least: i128) -> Vec<Range<usize>> {
    let mut runs: Vec<Range<usize>> = (0..plans.len()).map(|at| at..at + 1).collect();
    for a in (0..excess.len()).filter(|&a| excess[a] > least) {
        let touches = |at: &usize| plans[*at].0.arrays.contains(&a);
        let first = (0..plans.len()).find(touches);
        let last = (0..plans.len()).rfind(touches);
        let run = first.unwrap_or(0)..last.map_or(0, |last| last + 1);
        if run.len() > 1 && !runs.contains(&run) {
            runs.push(run);
        }
    }
    let worth = |run: &Range<usize>| {
        let arrays = plans[run.clone()].iter().flat_map(|(group, _)| group.arrays.iter().copied()).unique();
        let moved: i128 = plans[run.clone()].iter().map(|(_, plan)| i128::from(plan.moved_bytes)).sum();
        moved.min(arrays.map(|a| excess[a].max(0)).sum())
    };
    let statements = |run: &Range<usize>| plans[run.clone()].iter().map(|(g, _)| g.statements.len()).sum::<usize>();
    runs.retain(|run| worth(run) > least && statements(run) <= STATEMENTS);
    runs.sort_by_key(|run| (std::cmp::Reverse(worth(run)), run.len(), run.start));
    runs.truncate(RUNS);
    runs
}

/// The split of a group that promises the fewest bytes, and these.
fn of_group(
    known: &mut Known,
    group: &GroupProblem,
    moved_bytes: i64,
    goal: &Goal,
    excess: &[i128],
    least: i128,
) -> Option<(Split, i64)> {
    let mut near: Vec<usize> = group.arrays.iter().copied().filter(|&a| excess[a] > least).collect();
    near.sort_by_key(|&a| (std::cmp::Reverse(excess[a]), a));
    let mut walks: Vec<Walk> = Vec::new();
    for walk in near.iter().flat_map(|&a| walks_of(&known.bands, group, a)) {
        if walks.len() < WALKS && !walks.contains(&walk) {
            walks.push(walk);
        }
    }
    // A walk whose parts do not even come near what the whole moves is not worth more trials.
    let sparse = walks.iter().flat_map(|walk| SPARSE.iter().flat_map(|&n| walk.halved(n)).map(move |at| (walk, at)));
    let ((walk, _), first) = best(known, group, sparse.collect(), goal)?;
    if first.moved_bytes / 2 > moved_bytes {
        return None;
    }
    let dense = (1..62).flat_map(|n| walk.halved(n)).map(|at| (walk, at)).collect();
    let ((walk, at), first) = best(known, group, dense, goal)?;
    // What is left of the scratchpad takes more of what waits.
    let (start, end) = walk.0[0].range;
    let mut best_yet = (at, first);
    for _ in 0..2 {
        let (at, plan) = &best_yet;
        let spare = (goal.capacity_bytes - plan.peak_bytes).saturating_mul(at - start) / plan.peak_bytes.max(1);
        let grown = (0..=4).map(|quarters| at + spare / 4 * quarters).filter(|at| *at < end);
        let ((_, at), plan) = best(known, group, grown.map(|at| (walk, at)).collect(), goal)?;
        best_yet = (at, plan);
    }
    Some((walk.cut(best_yet.0), best_yet.1.moved_bytes))
}

/// Loops that walk one dimension of an array together.
#[derive(Clone, PartialEq, Eq)]
struct Walk(Vec<Step>);

/// A loop of a walk: at the value `v` of its dimension it is at `scale * v + offset`.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Step {
    loop_id: usize,
    range: (i64, i64),
    scale: i64,
    offset: i64,
}

impl Walk {
    /// Where to cut the first loop to leave about one of two to the power `n` parts of it to either part. The second part has a little more
    /// then, and the first a little less: it is the one that stays, and wants room beside it.
    fn halved(&self, n: u32) -> Vec<i64> {
        let (first, end) = self.0[0].range;
        let extent = end.saturating_sub(first);
        let (rest, more) = (extent >> n, (extent >> n) >> 6);
        if rest > 0 { vec![end - rest - more, first + rest - more] } else { Vec::new() }
    }

    /// All loops cut where the first is at a value.
    fn cut(&self, at: i64) -> Split {
        let first = self.0[0];
        let place = first.scale.saturating_mul(at).saturating_add(first.offset);
        let cut = |step: &Step| {
            let at = -(-(place.saturating_sub(step.offset))).div_euclid(step.scale);
            Cut { loop_id: step.loop_id, range: step.range, at }
        };
        Split { cuts: self.0.iter().map(cut).filter(|cut| cut.range.0 < cut.at && cut.at < cut.range.1).collect() }
    }
}

/// The walks along the dimensions of an array; loops walk by themselves where one of them is inside another.
fn walks_of(bands: &Bands, group: &GroupProblem, array: usize) -> Vec<Walk> {
    let mut walks = Vec::new();
    for dim in 0..bands.scop.arrays[array].extents.len() {
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
        match are_nested {
            true => walks.extend(distinct.into_iter().map(|step| Walk(vec![step]))),
            false if distinct.is_empty() => {}
            false => walks.push(Walk(distinct)),
        }
    }
    walks
}

/// The split whose problem has the plan that moves least.
fn best<'w>(
    known: &mut Known,
    group: &GroupProblem,
    trials: Vec<(&'w Walk, i64)>,
    goal: &Goal,
) -> Option<((&'w Walk, i64), Plan)> {
    let question = |(walk, at): (&'w Walk, i64)| {
        let problem = Divided::new(&known.bands, group, &walk.cut(at)).problem();
        ((walk, at), (problem, vec![goal.capacity_bytes]))
    };
    let questions: Vec<((&Walk, i64), Question)> = trials.into_iter().map(question).collect();
    known.search(questions.iter().map(|(_, question)| question.clone()).collect(), Care::Trial, goal.effort);
    let planned = |(trial, question): (_, Question)| Some((trial, known.plans(&question).first()?.clone()?));
    questions.into_iter().filter_map(planned).min_by_key(|(_, plan)| plan.moved_bytes)
}

/// A statement of a group, or a part of it.
#[derive(Clone, Copy)]
struct Part {
    statement: usize,
    /// How far its loop is from the statement's first value of it, and how many values it has; `None`: the statement is not cut.
    half: Option<Half>,
}

#[derive(Clone, Copy)]
struct Half {
    iterator: usize,
    start: i64,
    extent: i64,
    is_second: bool,
}

/// A group in which every statement below a loop that is cut is in two parts; below one loop the first parts of all come before the second
/// ones.
struct Divided<'a> {
    problem: &'a Problem,
    parts: Vec<Part>,
    /// For each array the number that it has in second parts.
    second: Vec<usize>,
}

impl<'a> Divided<'a> {
    fn new(bands: &Bands, group: &'a GroupProblem, split: &Split) -> Divided<'a> {
        let problem = &group.problem;
        let halves = |at: usize| {
            let dims = &bands.scop.statements[group.statements[at]].dims;
            let cut_at = |k: usize| split.cuts.iter().find(|cut| cut.loop_id == dims[k].loop_id).map(|cut| (k, cut));
            let (iterator, cut) = (0..dims.len()).find_map(cut_at)?;
            let extent = problem.statements[at].extents[iterator];
            let middle = (cut.at - group.origins[at][iterator]).clamp(0, extent);
            let half = |start, end, is_second| Half { iterator, start, extent: end - start, is_second };
            Some((cut.loop_id, [half(0, middle, false), half(middle, extent, true)]))
        };
        let cuts: Vec<Option<(usize, [Half; 2])>> = (0..problem.statements.len()).map(halves).collect();
        let mut parts = Vec::new();
        for (below, run) in &(0..cuts.len()).chunk_by(|&at| cuts[at].map(|(loop_id, _)| loop_id)) {
            let run: Vec<usize> = run.collect();
            if below.is_none() {
                parts.extend(run.iter().map(|&statement| Part { statement, half: None }));
                continue;
            }
            for second in 0..2 {
                let part = |&statement: &usize| Some(Part { statement, half: Some(cuts[statement]?.1[second]) });
                parts.extend(run.iter().filter_map(part));
            }
        }
        parts.retain(|part| part.half.is_none_or(|half| half.extent > 0));
        let halves: Vec<Option<[Half; 2]>> = cuts.into_iter().map(|cut| cut.map(|(_, halves)| halves)).collect();
        let mut next = problem.arrays.len();
        let mut number = |array: usize| {
            let own = falls_apart(problem, array, &halves);
            next += usize::from(own);
            if own { next - 1 } else { array }
        };
        let second = (0..problem.arrays.len()).map(&mut number).collect();
        Divided { problem, parts, second }
    }

    fn problem(&self) -> Problem {
        let of_parts = self.second.iter().enumerate().filter(|(array, second)| array != *second);
        let copies = of_parts.map(|(array, _)| &self.problem.arrays[array]);
        Problem {
            statements: self.parts.iter().map(|part| self.statement(part)).collect(),
            arrays: self.problem.arrays.iter().chain(copies).cloned().collect(),
            dims: self.problem.dims.iter().map(|dim| self.dim(dim)).collect(),
            edges: self.problem.edges.iter().flat_map(|edge| self.edges(edge)).collect(),
        }
    }

    fn statement(&self, part: &Part) -> Statement {
        let mut statement = self.problem.statements[part.statement].clone();
        let Some(Half { iterator, start, extent, is_second }) = part.half else { return statement };
        statement.extents[iterator] = extent;
        for access in &mut statement.accesses {
            if is_second {
                access.array = self.second[access.array];
            }
            for index in &mut access.index {
                if let Index::Linear { coefficients, constant } = index {
                    *constant = constant.saturating_add(coefficients[iterator].saturating_mul(start));
                }
            }
        }
        statement
    }

    fn dim(&self, dim: &BandDim) -> BandDim {
        let attach = |part: &Part| {
            let known = dim.attach[part.statement];
            let start = part.half.filter(|half| known.iterator == Some(half.iterator)).map_or(0, |half| half.start);
            Attach { shift: known.shift.saturating_add(known.rate.saturating_mul(start)), ..known }
        };
        BandDim { class: dim.class, attach: self.parts.iter().map(attach).collect() }
    }

    /// The edge between all parts of its statements, but back from a second part to a first: a loop outside of the one that is cut
    /// carries that.
    fn edges(&self, edge: &Edge) -> Vec<Edge> {
        let parts = |statement| self.parts.iter().enumerate().filter(move |(_, part)| part.statement == statement);
        let half = |part: &Part| part.half.map(|half| half.is_second);
        let mut edges = Vec::new();
        for (from, first) in parts(edge.from) {
            for (to, _) in parts(edge.to).filter(|(_, last)| (half(first), half(last)) != (Some(true), Some(false))) {
                let iterator_distance = if from == to { edge.iterator_distance.clone() } else { Vec::new() };
                edges.push(Edge { from, to, dim_distance: edge.dim_distance.clone(), iterator_distance });
            }
        }
        edges
    }
}

/// Whether the two parts of the statements meet in no element of an array: in one of its indices all accesses walk along a loop that is
/// cut, and pass from part to part at the same place.
fn falls_apart(problem: &Problem, array: usize, halves: &[Option<[Half; 2]>]) -> bool {
    let accesses = || {
        let of = |(at, halves): (usize, _)| problem.statements[at].accesses.iter().map(move |access| (halves, access));
        halves.iter().enumerate().flat_map(of).filter(|(_, access)| access.array == array)
    };
    let place = |halves: &Option<[Half; 2]>, index: &Index| match (halves, index) {
        (Some([_, second]), Index::Linear { coefficients, constant }) => {
            let alone = coefficients.iter().enumerate().all(|(k, &c)| (c > 0) == (k == second.iterator) && c >= 0);
            alone.then(|| coefficients[second.iterator].saturating_mul(second.start).saturating_add(*constant))
        }
        _ => None,
    };
    let is_walk = |dim: usize| {
        let mut places = accesses().map(|(halves, access)| place(halves, &access.index[dim]));
        places.next().flatten().is_some_and(|first| places.all(|other| other == Some(first)))
    };
    (0..problem.arrays[array].extents.len()).any(is_walk)
}
