//! Which plans are worth a search? What is not planned is taken to move the least that it could; what is chosen all the same is planned.

use super::{Planner, Task};
use crate::isl::Result;
use crate::schedule::bands::GroupProblem;
use crate::schedule::known::{Care, Known};
use crate::schedule::placement::{Candidate, Resident, choose};
use crate::schedule::problem::Shared;
use crate::schedule::subsets;
use itertools::Itertools;
use std::rc::Rc;

/// What is not planned yet.
struct Hope {
    /// It moves no fewer bytes, and takes some room.
    candidate: Candidate,
    task: Task,
    /// The problem with nothing resident.
    group: Rc<GroupProblem>,
    /// Bytes that the run, or a part of it, is known to move beyond the least.
    excess: i64,
}

impl Planner<'_> {
    /// Finds the bytes that runs move at least.
    pub(super) fn find_least(&mut self, known: &mut Known, runs: &[(usize, usize)]) -> Result<()> {
        for &(first, end) in runs {
            let ways = known.ways(self.statements(first, end), &[])?;
            self.least.insert((first, end), known.least_bytes(&ways));
        }
        Ok(())
    }

    /// Whether all but the first and all but the last nest of a run move no more than they must: it is likely to move no more either.
    pub(super) fn is_ample(&self, (first, end): (usize, usize)) -> bool {
        let is_least = |run| self.moved_by(run).is_some_and(|moved| self.least.get(&run) == Some(&moved));
        end - first > 1 && is_least((first, end - 1)) && is_least((first + 1, end))
    }

    /// Plans runs that are not planned, and runs with arrays resident around them, as far as the best choice may count on it: what is
    /// chosen is planned and chosen again, until all that is chosen is planned.
    pub(super) fn fulfil(&mut self, known: &mut Known) -> Result<()> {
        let runs = self.least.keys().copied().sorted();
        let moved: Vec<_> = runs.filter_map(|run| Some((run, self.moved_by(run)?))).collect();
        let mut hopes = self.hopes(known, &moved)?;
        hopes.retain(|hope| !self.is_alone(&hope.task) || !self.cheapest.contains_key(&hope.task.nests));
        while !hopes.is_empty() {
            let planned = self.plans.iter().map(|p| &p.candidate);
            let candidates: Vec<Candidate> = planned.chain(hopes.iter().map(|hope| &hope.candidate)).cloned().collect();
            let choice = choose(self.nests.len(), &candidates, &self.arrays, self.goal.capacity_bytes);
            let chosen = choice.iter().flat_map(|choice| &choice.candidates);
            let chosen: Vec<usize> = chosen.filter_map(|c| c.checked_sub(self.plans.len())).collect();
            if chosen.is_empty() {
                break;
            }
            // What cannot be told apart is known as well then.
            let alone = chosen.iter().map(|&n| &hopes[n]).filter(|hope| self.is_alone(&hope.task));
            let problems: Vec<Shared> = alone.map(|hope| hope.group.problem.clone()).collect();
            let mut numbers = 0..;
            let is_next = |hope: &mut Hope| {
                let is_chosen = numbers.next().is_some_and(|n| chosen.contains(&n));
                is_chosen || self.is_alone(&hope.task) && problems.contains(&hope.group.problem)
            };
            let tasks: Vec<Task> = hopes.extract_if(.., is_next).map(|hope| hope.task).collect();
            self.search(known, tasks.clone(), Care::Outline)?;
            for task in tasks.iter().filter(|task| self.is_alone(task)) {
                self.raise(&mut hopes, task.nests);
            }
        }
        Ok(())
    }

    /// Whether a run has all of the room, with nothing resident.
    fn is_alone(&self, task: &Task) -> bool {
        task.room == self.goal.capacity_bytes && task.resident.is_empty()
    }

    /// What a run moves beyond the least, all that hold it do: of its plan inside of theirs is left a plan of the run by itself, when what
    /// passes between it and the others is stored and loaded once.
    fn raise(&self, hopes: &mut [Hope], (first, end): (usize, usize)) {
        let (Some(&moved), Some(least)) = (self.cheapest.get(&(first, end)), self.least.get(&(first, end))) else {
            return;
        };
        let excess = moved.saturating_sub(*least);
        for hope in hopes.iter_mut().filter(|hope| hope.task.nests.0 <= first && end <= hope.task.nests.1) {
            let more = excess.saturating_sub(hope.excess).max(0);
            hope.candidate.moved_bytes = hope.candidate.moved_bytes.saturating_add(more);
            hope.excess = hope.excess.max(excess);
        }
    }

    /// No choice among the runs that were planned moves fewer bytes, in however much room; 0 where the boxes around triangles hold more than
    /// is touched.
    pub(super) fn at_least(&self, known: &mut Known) -> Result<i64> {
        if self.nests.iter().flatten().any(|&s| known.bands.is_triangular(s)) {
            return Ok(0);
        }
        let least: Vec<_> = self.least.iter().map(|(run, least)| (*run, *least)).sorted().collect();
        let candidates: Vec<Candidate> = self.hopes(known, &least)?.into_iter().map(|hope| hope.candidate).collect();
        let least = choose(self.nests.len(), &candidates, &self.arrays, i64::MAX);
        Ok(least.map_or(0, |least| i64::try_from(least.moved_bytes).unwrap_or(0)))
    }

    /// What runs could move at least, alone, with the arrays around them resident, and in less room beside such arrays, by what they move
    /// alone.
    ///
    /// A group can hold an array as long as it runs: with the array resident it saves no more than to move it in or out once, where its
    /// value comes from before or is read after.
    fn hopes(&self, known: &mut Known, alone: &[((usize, usize), i64)]) -> Result<Vec<Hope>> {
        let mut hopes = Vec::new();
        for &((first, end), moved_bytes) in alone {
            let excess = moved_bytes.saturating_sub(self.least.get(&(first, end)).copied().unwrap_or(moved_bytes));
            let touched = self.touched(first, end);
            let is_touched = |t: &&Resident| touched.binary_search(&t.array).is_ok();
            let crosses = |t: &&Resident| is_touched(t) && (t.nests.0 < first || t.nests.1 > end);
            let crossing: Vec<&Resident> = self.arrays.iter().filter(crosses).take(super::CROSSING).collect();
            let group = known.problem(self.statements(first, end), &[])?;
            let passes = |t: &Resident| {
                let own = group.arrays.iter().zip(&group.problem.arrays).filter(|(array, _)| **array == t.array);
                own.map(|(_, array)| i64::from(array.live_in) + i64::from(array.live_out)).max().unwrap_or(0)
            };
            for kept in subsets(crossing.len()) {
                let resident: Vec<usize> = kept.iter().map(|&k| crossing[k].array).collect();
                let bytes = kept.iter().map(|&k| crossing[k].bytes).fold(0, i64::saturating_add);
                let room = self.goal.capacity_bytes.saturating_sub(bytes);
                let saved = kept.iter().map(|&k| crossing[k].bytes.saturating_mul(passes(crossing[k])));
                let moved_bytes = moved_bytes.saturating_sub(saved.fold(0, i64::saturating_add)).max(0);
                let beside = |t: &Resident| t.nests.0 < end && first < t.nests.1 && !resident.contains(&t.array);
                // Less room is what arrays that stay alive beside the group leave.
                let rooms = if self.arrays.iter().any(beside) { vec![room, room / 2] } else { vec![room] };
                let moves: Vec<usize> = touched.iter().copied().filter(|a| !resident.contains(a)).collect();
                for room in rooms.into_iter().filter(|&room| 0 < room) {
                    let (nests, moves) = ((first, end), moves.clone());
                    let task = Task { nests, resident: resident.clone(), room };
                    let resident = resident.clone();
                    let candidate = Candidate { nests, resident, moves, peak_bytes: 0, moved_bytes };
                    hopes.push(Hope { candidate, task, group: group.clone(), excess });
                }
            }
        }
        Ok(hopes)
    }
}
