//! What is a group to the search once loops of it are split? Plain integers again: each statement below such a loop counts as two.

use super::Split;
use crate::schedule::bands::GroupProblem;
use crate::schedule::problem::{Attach, BandDim, Edge, Index, Problem, Statement};
use itertools::Itertools;

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
pub struct Divided<'a> {
    problem: &'a Problem,
    parts: Vec<Part>,
    /// For each array the number that it has in second parts.
    second: Vec<usize>,
}

impl<'a> Divided<'a> {
    pub fn new(loops: &[Vec<usize>], group: &'a GroupProblem, split: &Split) -> Divided<'a> {
        let problem = &group.problem;
        let halves = |at: usize| {
            let cut_at =
                |(k, id): (usize, &usize)| split.cuts.iter().find(|cut| cut.loop_id == *id).map(|cut| (k, cut));
            let (iterator, cut) = loops[at].iter().enumerate().find_map(cut_at)?;
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

    pub fn problem(&self) -> Problem {
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
        for slope in &mut statement.slopes {
            let moved = slope.terms.iter().filter(|term| term.0 == iterator).map(|term| term.1.saturating_mul(start));
            slope.constant = moved.fold(slope.constant, i64::saturating_add);
        }
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
