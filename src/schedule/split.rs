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
use crate::poly::Scop;

/// A loop and where to cut it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Split {
    /// As in `poly::Dim`.
    pub loop_id: usize,
    /// The smallest value of the dimension, and one past the largest.
    pub range: (i64, i64),
    /// The first value of the second part.
    pub at: i64,
}

impl Split {
    /// Where the same loop is cut in a program of another size, in proportion; `None` where it has no values.
    ///
    /// # Errors
    /// When isl's budget runs out.
    pub fn scaled(&self, scop: &Scop) -> Result<Option<i64>> {
        let (first, end) = self.range;
        Ok(scop.range(self.loop_id)?.map(|(least, most)| {
            let part = i128::from(self.at - first) * i128::from(most - least + 1) / i128::from(end - first);
            (least + part as i64).clamp(least, most)
        }))
    }
}

/// Loops on trial for one group, at most.
const LOOPS: usize = 4;
/// An array is worth trials, and a trial is worth carrying out, where it could save this part (one over) of all bytes.
const PART: i128 = 50;

/// The most promising split for a group that is carried out by a plan. `excess` says for each array of the program how many bytes it
/// moves beyond once for each element.
pub fn propose(known: &mut Known, group: &GroupProblem, plan: &Plan, goal: &Goal, excess: &[i128]) -> Option<Split> {
    let scop = known.bands.scop;
    let least = i128::from(plan.moved_bytes) / PART;
    let is_near = |a: usize| scop.arrays[a].bytes() / 2 <= goal.capacity_bytes && excess[a] > least;
    let mut near: Vec<usize> = group.arrays.iter().copied().filter(|&a| is_near(a)).collect();
    near.sort_by_key(|&a| (std::cmp::Reverse(excess[a]), a));
    let mut loops: Vec<usize> = Vec::new();
    for id in near.iter().flat_map(|&a| walkers(&known.bands, group, a)) {
        if loops.len() < LOOPS && !loops.contains(&id) {
            loops.push(id);
        }
    }
    let trials = loops.iter().flat_map(|&id| halvings(id, known.bands.range(&group.statements, id))).collect();
    let (split, first) = best(known, group, trials, goal)?;
    // What is left of the scratchpad takes more of what waits.
    let trips = split.at - split.range.0;
    let spare = (goal.capacity_bytes - first.peak_bytes).saturating_mul(trips) / first.peak_bytes.max(1);
    let grown = (0..=4).map(|quarters| Split { at: split.at + spare / 4 * quarters, ..split });
    let (split, best) = best(known, group, grown.filter(|s| s.at < s.range.1).collect(), goal)?;
    (i128::from(best.moved_bytes) < i128::from(plan.moved_bytes) - least).then_some(split)
}

/// The loops that walk an array.
fn walkers(bands: &Bands, group: &GroupProblem, array: usize) -> Vec<usize> {
    let mut loops = Vec::new();
    for &s in &group.statements {
        let statement = &bands.scop.statements[s];
        let forms = statement.accesses.iter().filter(|a| a.array == array).flat_map(|a| a.linear.iter().flatten());
        for form in forms {
            let moving = (0..statement.dims.len()).filter(|&k| form.coefficients[k] != 0);
            loops.extend(moving.map(|k| statement.dims[k].loop_id));
        }
    }
    loops
}

/// Cuts that leave about a half, a quarter and so on to the second part, and a little more: the first part, which stays, wants room beside
/// it.
fn halvings(loop_id: usize, range: (i64, i64)) -> impl Iterator<Item = Split> {
    let extent = range.1.saturating_sub(range.0);
    let rests = (1..62).map(move |times| (extent >> times, extent >> (times + 6))).take_while(|(rest, _)| *rest > 0);
    rests.map(move |(rest, more)| Split { loop_id, range, at: range.1 - rest - more })
}

/// The split whose problem has the plan that moves least.
fn best(known: &mut Known, group: &GroupProblem, trials: Vec<Split>, goal: &Goal) -> Option<(Split, Plan)> {
    let question = |split| (split, (Divided::new(&known.bands, group, &split).problem(), vec![goal.capacity_bytes]));
    let questions: Vec<(Split, Question)> = trials.into_iter().map(question).collect();
    known.search(questions.iter().map(|(_, question)| question.clone()).collect(), Care::Trial, goal.effort);
    let planned = |(split, question): (Split, Question)| {
        let plan = known.plans(&question).first()?.clone()?;
        Some((split, plan))
    };
    questions.into_iter().filter_map(planned).min_by_key(|(_, plan)| plan.moved_bytes)
}

/// A statement of a group, or a part of it.
#[derive(Clone, Copy)]
struct Part {
    statement: usize,
    /// How far its loop is from the statement's first value of it, and how many values it has; `None`: the statement is not cut.
    cut: Option<Cut>,
}

#[derive(Clone, Copy)]
struct Cut {
    iterator: usize,
    start: i64,
    extent: i64,
    is_second: bool,
}

/// A group in which every statement below a loop is in two parts, the first parts of all before the second ones.
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
            let iterator = dims.iter().position(|dim| dim.loop_id == split.loop_id)?;
            let extent = problem.statements[at].extents[iterator];
            let middle = (split.at - group.origins[at][iterator]).clamp(0, extent);
            let part = |start, end, is_second| Cut { iterator, start, extent: end - start, is_second };
            Some([part(0, middle, false), part(middle, extent, true)])
        };
        let cuts: Vec<Option<[Cut; 2]>> = (0..problem.statements.len()).map(halves).collect();
        let begin = cuts.iter().position(Option::is_some).unwrap_or(0);
        let whole = |at| Part { statement: at, cut: None };
        let part = |half: usize| {
            let all = cuts.iter().enumerate();
            all.filter_map(move |(at, cut)| cut.map(|cut| Part { statement: at, cut: Some(cut[half]) }))
        };
        let after = (begin..cuts.len()).filter(|&at| cuts[at].is_none());
        let all = (0..begin).map(whole).chain(part(0)).chain(part(1)).chain(after.map(whole));
        let parts: Vec<Part> = all.filter(|part| part.cut.is_none_or(|cut| cut.extent > 0)).collect();
        let mut next = problem.arrays.len();
        let mut number = |array: usize| {
            let own = falls_apart(problem, array, &cuts);
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
        let Some(Cut { iterator, start, extent, is_second }) = part.cut else { return statement };
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
            let start = part.cut.filter(|cut| known.iterator == Some(cut.iterator)).map_or(0, |cut| cut.start);
            Attach { shift: known.shift.saturating_add(known.rate.saturating_mul(start)), ..known }
        };
        BandDim { class: dim.class, attach: self.parts.iter().map(attach).collect() }
    }

    /// The edge between all parts of its statements, but back from a second part to a first: a loop outside of the one that is cut
    /// carries that.
    fn edges(&self, edge: &Edge) -> Vec<Edge> {
        let parts = |statement| self.parts.iter().enumerate().filter(move |(_, part)| part.statement == statement);
        let half = |part: &Part| part.cut.map(|cut| cut.is_second);
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

/// Whether the two parts of the statements meet in no element of an array that is written: one of its indices is the same walk along the
/// loop that is cut in all accesses to it.
fn falls_apart(problem: &Problem, array: usize, cuts: &[Option<[Cut; 2]>]) -> bool {
    let accesses = || {
        let of = |(at, cut): (usize, _)| problem.statements[at].accesses.iter().map(move |access| (cut, access));
        cuts.iter().enumerate().flat_map(of).filter(|(_, access)| access.array == array)
    };
    let walk = |cut: &Option<[Cut; 2]>, index: &Index| match (cut, index) {
        (Some([cut, _]), Index::Linear { coefficients, constant }) => {
            let alone = coefficients.iter().enumerate().all(|(k, &c)| (c != 0) == (k == cut.iterator));
            alone.then_some((coefficients[cut.iterator], *constant))
        }
        _ => None,
    };
    let is_walk = |dim: usize| {
        let mut walks = accesses().map(|(cut, access)| walk(cut, &access.index[dim]));
        walks.next().flatten().is_some_and(|first| walks.all(|other| other == Some(first)))
    };
    accesses().any(|(_, access)| access.writes) && (0..problem.arrays[array].extents.len()).any(is_walk)
}
