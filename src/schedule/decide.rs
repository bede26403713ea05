//! Which schedule moves the fewest bytes within a capacity?

mod around;
mod hopes;

use super::bands::GroupProblem;
use super::known::{Care, Known, Question};
use super::nest::{Staged, stage_nest};
use super::placement::{Candidate, Choice, Resident, choose};
use super::problem::{Buffer, Plan};
use super::skew::{Skewing, stage_skewed};
use super::source::{source_nest, source_schedule};
use super::tree::{BufferSpec, Group, Path, Schedule, Scope, TileLoop, User};
use crate::isl::Result;
use crate::lang::ast::Role;
use crate::poly::{Linear, Scop};
use itertools::Itertools;
use std::collections::HashMap;
use std::rc::Rc;

/// Which groups are considered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fuse {
    /// No search: source order, each instance staged by itself.
    Source,
    /// Each top-level statement by itself; nothing stays between them.
    None,
    /// As few groups as is legal and fits.
    Max,
    /// Whatever moves the fewest bytes.
    Auto,
}

/// A schedule and its groups.
pub struct Decision {
    pub schedule: Schedule,
    /// The nests of each group, first and one past the last.
    pub nests: Vec<(usize, usize)>,
    /// The plans that were found for groups, in their order; groups that run in loops of their own have none.
    pub plans: Vec<(Rc<GroupProblem>, Plan)>,
    /// The bytes that each group is planned to move; `None` where it is skewed.
    pub planned_bytes: Vec<Option<i64>>,
    /// The bytes that each nest would move by itself, by its first statement.
    pub apart_bytes: HashMap<usize, i64>,
    /// Whether a loop over time is skewed.
    pub is_skewed: bool,
    /// Whether the search for a plan had too few steps to try all.
    pub is_cut_short: bool,
    /// No choice among the groups that were considered moves fewer bytes, in however much room.
    pub least_bytes: i64,
}

impl Decision {
    /// Each top-level statement by itself, instance by instance.
    ///
    /// # Errors
    /// When isl's budget runs out.
    pub fn in_source_order(scop: &Scop) -> Result<Decision> {
        let schedule = source_schedule(scop)?;
        let nests = (0..schedule.groups.len()).map(|n| (n, n + 1)).collect();
        Ok(Decision::unplanned(schedule, nests))
    }

    /// A schedule that no plan stands behind.
    pub fn unplanned(schedule: Schedule, nests: Vec<(usize, usize)>) -> Decision {
        Decision {
            schedule,
            nests,
            plans: Vec::new(),
            planned_bytes: Vec::new(),
            apart_bytes: HashMap::new(),
            is_skewed: false,
            is_cut_short: false,
            least_bytes: 0,
        }
    }
}

/// Longest run of nests, and most statements, that are planned as one group.
pub const NESTS: usize = 16;
pub const STATEMENTS: usize = 28;
/// Most arrays that may be resident, the largest that fit.
const RESIDENTS: usize = 6;
/// Most arrays that a group is planned with and without at once.
const CROSSING: usize = 2;

/// What is decided for, and how hard it is tried.
#[derive(Clone, Copy)]
pub struct Goal {
    pub capacity_bytes: i64,
    /// Multiplies the steps of the searches.
    pub effort: u32,
    pub skewing: Skewing,
}

/// The best schedules found, one for each kind of fusion; none of as few groups as fit where that moves much more than
/// [`Fuse::Auto`], which is asked for too.
///
/// # Errors
/// When isl's budget runs out.
pub fn decide(known: &mut Known, scop: &Scop, goal: &Goal, kinds: &[Fuse]) -> Result<Vec<(Fuse, Decision)>> {
    let nests = nests(scop);
    let mut planners: Vec<Planner> = Vec::new();
    for &fuse in kinds.iter().sorted_by_key(|fuse| **fuse == Fuse::Max) {
        let auto =
            planners.iter().find(|planner| planner.fuse == Fuse::Auto).and_then(|auto| Some((auto, auto.moved()?)));
        if let (Some((auto, moved)), Fuse::Max) = (auto, fuse)
            && moved <= auto.least_bytes
        {
            continue;
        }
        let mut planner = Planner::new(scop, goal, fuse, &nests);
        planner.outline(known)?;
        if auto.is_none_or(|(_, fewest)| planner.moved().is_some_and(|all| hoped(all) < fewest)) {
            planners.push(planner);
        }
    }
    planners.sort_by_key(|planner| kinds.iter().position(|fuse| *fuse == planner.fuse));
    thoroughly(known, goal, &mut planners)?;
    planners.iter().map(|planner| Ok((planner.fuse, planner.decided()?))).collect()
}

/// What a thorough search mostly leaves at least of what a first one says.
fn hoped(bytes: i64) -> i64 {
    bytes / 10 * 7
}

/// Plans what is chosen thoroughly, for all kinds side by side.
fn thoroughly(known: &mut Known, goal: &Goal, planners: &mut [Planner]) -> Result<()> {
    let wanted: Vec<Vec<(usize, Question)>> = planners.iter().map(Planner::wanted).collect();
    let questions = wanted.iter().flatten().map(|(_, question)| question.clone()).collect();
    known.search(questions, Care::Thorough, goal.effort);
    planners.iter_mut().zip(&wanted).for_each(|(planner, wanted)| planner.improve(known, wanted));
    planners.iter_mut().try_for_each(|planner| planner.plan_around(known))
}

/// Runs of nests, the first one and one past the last, and how hard to look for their plans.
pub type Groups<'a> = (&'a [(usize, usize)], Care);

/// A schedule whose groups are given runs of nests.
///
/// # Errors
/// When isl's budget runs out.
pub fn decide_groups(
    known: &mut Known,
    scop: &Scop,
    goal: &Goal,
    fuse: Fuse,
    (runs, care): Groups,
) -> Result<Decision> {
    let nests = nests(scop);
    let mut planner = Planner::new(scop, goal, fuse, &nests);
    planner.plan(known, runs, care)?;
    planner.plan_around(known)?;
    planner.decided()
}

/// The statements of each top-level statement that has any.
fn nests(scop: &Scop) -> Vec<Vec<usize>> {
    let mut nests: Vec<Vec<usize>> = Vec::new();
    let mut last = None;
    for (s, statement) in scop.statements.iter().enumerate() {
        if last != Some(statement.nest) {
            nests.push(Vec::new());
            last = Some(statement.nest);
        }
        nests.last_mut().expect("just made").push(s);
    }
    nests
}

/// A candidate and how to build it.
struct Planned {
    candidate: Candidate,
    how: How,
    is_cut_short: bool,
}

#[derive(Clone)]
enum How {
    Plan(Rc<GroupProblem>, Plan),
    /// In its own loops, or in skewed ones.
    Own {
        staged: Staged,
        is_skewed: bool,
    },
    /// In source order, instance by instance.
    Source,
}

struct Planner<'a> {
    scop: &'a Scop,
    goal: &'a Goal,
    fuse: Fuse,
    nests: &'a [Vec<usize>],
    /// The arrays that each nest touches, in order.
    arrays_of: Vec<Vec<usize>>,
    plans: Vec<Planned>,
    /// The fewest bytes that each run of nests moves with nothing resident.
    cheapest: HashMap<(usize, usize), i64>,
    /// The bytes that each run of nests moves at least, in however much room: what it is taken to move until it is planned.
    least: HashMap<(usize, usize), i64>,
    /// The bytes that all choices among these runs move at least.
    least_bytes: i64,
    /// Arrays that may stay in the scratchpad between groups.
    arrays: Vec<Resident>,
}

/// A group to be planned, with some arrays resident and room for the others.
#[derive(Clone)]
struct Task {
    nests: (usize, usize),
    resident: Vec<usize>,
    room: i64,
}

impl<'a> Planner<'a> {
    fn new(scop: &'a Scop, goal: &'a Goal, fuse: Fuse, nests: &'a [Vec<usize>]) -> Planner<'a> {
        let touched = |nest: &Vec<usize>| {
            let accesses = nest.iter().flat_map(|&s| &scop.statements[s].accesses);
            accesses.map(|access| access.array).sorted_unstable().dedup().collect()
        };
        let arrays_of = nests.iter().map(touched).collect();
        Planner {
            scop,
            goal,
            fuse,
            nests,
            arrays_of,
            plans: Vec::new(),
            cheapest: HashMap::new(),
            least: HashMap::new(),
            least_bytes: 0,
            arrays: Vec::new(),
        }
    }

    /// Plans all runs of nests that its kind of fusion asks for.
    fn outline(&mut self, known: &mut Known) -> Result<()> {
        let longest = self.nests.len().min(NESTS);
        match self.fuse {
            Fuse::None | Fuse::Source => self.plan(known, &self.runs(1), Care::Outline),
            // Two groups are as few as there can be where one was not found.
            Fuse::Max => {
                // Many runs of each length: in a long program the powers of two are enough.
                let every = self.nests.len() <= 2 * NESTS;
                for length in (1..=longest).rev().filter(|length| every || length.is_power_of_two()) {
                    self.plan(known, &self.runs(length), Care::Outline)?;
                    if self.choose().is_some_and(|choice| choice.candidates.len() <= 2) {
                        break;
                    }
                }
                Ok(())
            }
            Fuse::Auto => {
                self.arrays = self.residents();
                for length in 1..=longest {
                    let runs = self.longer(length);
                    self.find_least(known, &runs)?;
                    let tight: Vec<_> = runs.into_iter().filter(|run| !self.is_ample(*run)).collect();
                    self.plan(known, &tight, Care::Outline)?;
                }
                self.fulfil(known)?;
                self.least_bytes = self.at_least(known)?;
                Ok(())
            }
        }
    }

    /// The best choice among all plans; in source order, instance by instance, when none covers the program.
    fn decided(&self) -> Result<Decision> {
        let Some(choice) = self.choose() else {
            return Decision::in_source_order(self.scop);
        };
        let chosen: Vec<&Planned> = choice.candidates.iter().map(|&c| &self.plans[c]).collect();
        Ok(self.decision(&chosen, &choice.resident))
    }

    fn statements(&self, first: usize, end: usize) -> Vec<usize> {
        self.nests[first..end].concat()
    }

    fn touched(&self, first: usize, end: usize) -> Vec<usize> {
        self.arrays_of[first..end].iter().flatten().copied().sorted_unstable().dedup().collect()
    }

    /// The largest arrays that several nests touch and that fit.
    fn residents(&self) -> Vec<Resident> {
        let mut result = Vec::new();
        for (a, array) in self.scop.arrays.iter().enumerate() {
            let users: Vec<usize> =
                (0..self.nests.len()).filter(|&n| self.arrays_of[n].binary_search(&a).is_ok()).collect();
            let (Some(&first), Some(&last)) = (users.first(), users.last()) else { continue };
            if users.len() < 2 || array.bytes() >= self.goal.capacity_bytes {
                continue;
            }
            let once = match array.role {
                Role::Input | Role::Output => array.bytes(),
                Role::Inout => 2 * array.bytes(),
                _ => 0,
            };
            result.push(Resident { array: a, nests: (first, last + 1), bytes: array.bytes(), once_bytes: once });
        }
        result.sort_by_key(|t| (std::cmp::Reverse(t.bytes), t.array));
        result.truncate(RESIDENTS);
        // What is small beside everything else saves little: it is not worth the plans with and without it.
        let all: i64 = self.scop.arrays.iter().fold(0, |sum, a| sum.saturating_add(a.bytes()));
        result.retain(|t| t.bytes.saturating_mul(200) >= all);
        result
    }

    /// Whether a run of nests is small enough, and its last nest shares an array with the others.
    fn is_connected(&self, first: usize, end: usize) -> bool {
        let last = &self.arrays_of[end - 1];
        self.nests[first..end].iter().map(Vec::len).sum::<usize>() <= STATEMENTS
            && self.arrays_of[first..end - 1].iter().flatten().any(|a| last.binary_search(a).is_ok())
    }

    /// All runs of nests of a length that may be one group.
    fn runs(&self, length: usize) -> Vec<(usize, usize)> {
        let all = (length..=self.nests.len()).map(|end| (end - length, end));
        all.filter(|&(first, end)| length == 1 || self.is_connected(first, end)).collect()
    }

    /// Those that are worth planning: fusing all but one of theirs paid, or they are pairs or alone.
    fn longer(&self, length: usize) -> Vec<(usize, usize)> {
        let mut runs = self.runs(length);
        runs.retain(|&(first, end)| {
            length <= 2 || [(first, end - 1), (first + 1, end)].iter().any(|&run| self.pays(run))
        });
        runs
    }

    /// The bytes that a run moves with nothing resident, or is taken to move.
    fn moved_by(&self, run: (usize, usize)) -> Option<i64> {
        self.cheapest.get(&run).or_else(|| self.least.get(&run)).copied()
    }

    /// Whether a run moves less as one group than in the best of its parts.
    fn pays(&self, (first, end): (usize, usize)) -> bool {
        let moved = |run: (usize, usize)| self.moved_by(run).unwrap_or(i64::MAX);
        let together = moved((first, end));
        let parts = (first + 1..end).map(|cut| moved((first, cut)).saturating_add(moved((cut, end))));
        together < parts.min().unwrap_or(i64::MAX)
    }

    /// Plans runs of nests, with nothing resident.
    fn plan(&mut self, known: &mut Known, runs: &[(usize, usize)], care: Care) -> Result<()> {
        let tasks = runs.iter().map(|&nests| Task { nests, resident: Vec::new(), room: self.goal.capacity_bytes });
        self.search(known, tasks.collect(), care)?;
        for &(first, end) in runs.iter().filter(|(first, end)| end - first == 1) {
            self.plan_alone(known, first, end)?;
        }
        Ok(())
    }

    /// Adds the best plan found for each task.
    fn search(&mut self, known: &mut Known, tasks: Vec<Task>, care: Care) -> Result<()> {
        let mut asked = Vec::new();
        for task in tasks {
            let ways = known.ways(self.statements(task.nests.0, task.nests.1), &task.resident)?;
            asked.extend(ways.iter().map(|group| (task.clone(), group.clone())));
        }
        let question = |(task, group): &(Task, Rc<GroupProblem>)| (group.problem.clone(), vec![task.room]);
        known.search(asked.iter().map(question).collect(), care, self.goal.effort);
        for (task, group) in asked {
            let Some(answer) = known.answer(&(group.problem.clone(), vec![task.room])) else { continue };
            if let Some(plan) = answer.plans().first().cloned().flatten() {
                let (peak, moved) = (plan.peak_bytes, plan.moved_bytes);
                self.add(task.nests, &task.resident, peak, moved, How::Plan(group, plan));
            }
        }
        Ok(())
    }

    fn choose(&self) -> Option<Choice> {
        let mut candidates: Vec<Candidate> = self.plans.iter().map(|p| p.candidate.clone()).collect();
        if self.fuse == Fuse::Max {
            // One group less outweighs any traffic.
            let weight = candidates.iter().map(|c| c.moved_bytes).max().unwrap_or(0).saturating_add(1);
            candidates.iter_mut().for_each(|c| c.moved_bytes = c.moved_bytes.saturating_add(weight));
        }
        choose(self.nests.len(), &candidates, &self.arrays, self.goal.capacity_bytes)
    }

    /// Bytes of the best choice by now.
    fn moved(&self) -> Option<i64> {
        let Choice { candidates, resident, .. } = self.choose()?;
        let groups = candidates.iter().map(|&c| self.plans[c].candidate.moved_bytes);
        let once = self.arrays.iter().filter(|t| resident.contains(&t.array)).map(|t| t.once_bytes);
        Some(groups.chain(once).fold(0, i64::saturating_add))
    }

    /// The best plan of each run of nests in loops that they share, with nothing resident.
    fn shared(&self) -> HashMap<(usize, usize), usize> {
        let mut best: HashMap<(usize, usize), usize> = HashMap::new();
        for (n, Planned { candidate, how, .. }) in self.plans.iter().enumerate() {
            if candidate.resident.is_empty() && matches!(how, How::Plan(..)) {
                let known = best.entry(candidate.nests).or_insert(n);
                if candidate.moved_bytes < self.plans[*known].candidate.moved_bytes {
                    *known = n;
                }
            }
        }
        best
    }

    /// The runs of nests that are part of no longer one.
    fn longest(&self) -> Vec<(usize, usize)> {
        let runs = self.plans.iter().map(|planned| planned.candidate.nests);
        let mut longest: Vec<(usize, usize)> = Vec::new();
        for run in runs.sorted_unstable_by_key(|&(first, end)| (first, std::cmp::Reverse(end))) {
            if longest.last().is_none_or(|last| last.1 < run.1) {
                longest.push(run);
            }
        }
        longest
    }

    /// The chosen groups and the longest runs, whose plans are the hardest to find: each with the question for the room that it takes by
    /// now or has to itself.
    fn wanted(&self) -> Vec<(usize, Question)> {
        let Some(choice) = self.choose() else { return Vec::new() };
        let mut wanted = choice.candidates;
        let alone = wanted.iter().all(|&c| self.plans[c].candidate.resident.is_empty());
        let room = |planned: &Planned| if alone { self.goal.capacity_bytes } else { planned.candidate.peak_bytes };
        let shared = self.shared();
        let longest = self.longest().into_iter().filter_map(|run| shared.get(&run).copied());
        let longest: Vec<usize> = longest.filter(|n| !wanted.contains(n) && self.may_win(*n, &wanted)).collect();
        wanted.extend(longest);
        wanted.extend(self.rivals(&wanted, &shared));
        let question = |c: usize| match &self.plans[c].how {
            How::Plan(group, _) => Some((c, (group.problem.clone(), vec![room(&self.plans[c])]))),
            _ => None,
        };
        wanted.into_iter().filter_map(question).collect()
    }

    /// Whether a run may move less than what is chosen for its nests once it is planned thoroughly.
    fn may_win(&self, run: usize, chosen: &[usize]) -> bool {
        let Candidate { nests: (first, end), moved_bytes, .. } = self.plans[run].candidate;
        let instead = chosen.iter().map(|&n| &self.plans[n].candidate).filter(|c| c.nests.0 < end && first < c.nests.1);
        hoped(moved_bytes) < instead.map(|c| c.moved_bytes).fold(0, i64::saturating_add)
    }

    /// The halves of groups that would move little more at first sight: which is better shows when both are planned thoroughly.
    fn rivals(&self, chosen: &[usize], shared: &HashMap<(usize, usize), usize>) -> Vec<usize> {
        let best = |run: (usize, usize)| shared.get(&run).copied();
        let moved = |n: usize| self.plans[n].candidate.moved_bytes;
        let halves = |&n: &usize| {
            let (first, end) = self.plans[n].candidate.nests;
            let pairs = (first + 1..end).filter_map(|cut| Some([best((first, cut))?, best((cut, end))?]));
            let pair = pairs.min_by_key(|&[a, b]| moved(a).saturating_add(moved(b)))?;
            (moved(pair[0]).saturating_add(moved(pair[1])) / 5 <= moved(n) / 4).then_some(pair)
        };
        let found: Vec<usize> = chosen.iter().filter_map(halves).flatten().unique().collect();
        found.into_iter().filter(|n| !chosen.contains(n)).collect()
    }

    /// Takes what a more thorough search has found.
    fn improve(&mut self, known: &Known, wanted: &[(usize, Question)]) {
        for (c, question) in wanted {
            let answer = known.answer(question);
            let found = answer.as_ref().and_then(|answer| answer.plans().first().cloned().flatten());
            self.plans[*c].is_cut_short = answer.is_some_and(|answer| answer.is_cut_short());
            let Planned { candidate, how: How::Plan(_, plan), .. } = &mut self.plans[*c] else { continue };
            if let Some(better) = found.filter(|found| found.moved_bytes < plan.moved_bytes) {
                (candidate.moved_bytes, candidate.peak_bytes) = (better.moved_bytes, better.peak_bytes);
                *plan = better;
            }
        }
    }

    /// A nest in its own loops: what is left where no shared band serves.
    fn plan_alone(&mut self, known: &Known, first: usize, end: usize) -> Result<()> {
        let statements = self.statements(first, end);
        if let Some(staged) = stage_nest(self.scop, &statements, self.goal.capacity_bytes)? {
            self.add_own((first, end), staged, false);
        } else if !self.plans.iter().any(|p| p.candidate.nests == (first, end) && p.candidate.resident.is_empty()) {
            let (_, peak, moved) = source_nest(self.scop, &statements)?;
            self.add((first, end), &[], peak, moved, How::Source);
        }
        let Goal { skewing, capacity_bytes, .. } = *self.goal;
        if let Some(staged) = stage_skewed(&known.bands, &statements, skewing, capacity_bytes)? {
            self.add_own((first, end), staged, true);
        }
        Ok(())
    }

    fn add_own(&mut self, nests: (usize, usize), staged: Staged, is_skewed: bool) {
        let (peak, moved) = (staged.peak_bytes, staged.moved_bytes);
        self.add(nests, &[], peak, moved, How::Own { staged, is_skewed });
    }

    fn add(&mut self, nests: (usize, usize), resident: &[usize], peak_bytes: i64, moved_bytes: i64, how: How) {
        let moves = self.touched(nests.0, nests.1).into_iter().filter(|a| !resident.contains(a)).collect();
        if resident.is_empty() {
            let known = self.cheapest.entry(nests).or_insert(i64::MAX);
            *known = moved_bytes.min(*known);
        }
        let candidate = Candidate { nests, resident: resident.to_vec(), moves, peak_bytes, moved_bytes };
        self.plans.push(Planned { candidate, how, is_cut_short: false });
    }

    fn decision(&self, chosen: &[&Planned], resident: &[usize]) -> Decision {
        let mut schedule = Schedule { groups: Vec::new(), buffers: Vec::new() };
        for planned in chosen {
            let (first, end) = planned.candidate.nests;
            let (group, buffers) = match &planned.how {
                How::Plan(problem, plan) => self.realise(problem, plan),
                How::Own { staged, .. } => (staged.group.clone(), staged.buffers.clone()),
                How::Source => {
                    // The figures were computed from the same call when the candidate was made.
                    let statements = self.statements(first, end);
                    source_nest(self.scop, &statements).map(|(built, _, _)| built).unwrap_or_default()
                }
            };
            schedule.groups.push(group);
            schedule.buffers.extend(buffers);
        }
        for &array in resident {
            schedule.buffers.push(self.program_wide(array, &schedule));
        }
        let plan = |p: &&Planned| match &p.how {
            How::Plan(group, plan) => Some((group.clone(), plan.clone())),
            _ => None,
        };
        let plans = chosen.iter().filter_map(plan).collect();
        let is_skewed = |p: &&Planned| matches!(p.how, How::Own { is_skewed: true, .. });
        let planned_bytes = chosen.iter().map(|p| (!is_skewed(p)).then_some(p.candidate.moved_bytes)).collect();
        let apart = |n: usize| Some((*self.nests[n].first()?, *self.cheapest.get(&(n, n + 1))?));
        let apart_bytes = (0..self.nests.len()).filter_map(apart).collect();
        let is_cut_short = chosen.iter().any(|p| p.is_cut_short);
        let nests = chosen.iter().map(|p| p.candidate.nests).collect();
        Decision {
            schedule,
            nests,
            plans,
            planned_bytes,
            apart_bytes,
            is_skewed: chosen.iter().any(is_skewed),
            is_cut_short,
            least_bytes: self.least_bytes,
        }
    }

    fn program_wide(&self, array: usize, schedule: &Schedule) -> BufferSpec {
        let users = (0..self.scop.statements.len())
            .filter(|&s| schedule.path(s).is_some())
            .filter_map(|s| {
                let accesses: Vec<usize> = accesses_to(self.scop, s, array);
                (!accesses.is_empty()).then_some(User { statement: s, accesses })
            })
            .collect();
        BufferSpec { array, users, scope: Scope::Program }
    }

    /// A plan as a part of the schedule tree.
    fn realise(&self, group: &GroupProblem, plan: &Plan) -> (Group, Vec<BufferSpec>) {
        let depth = plan.band.len();
        let mut paths = Vec::new();
        for (at, &s) in group.statements.iter().enumerate() {
            let dims = self.scop.statements[s].dims.len();
            let shifted = |k: usize, rate: i64, shift: i64| {
                let mut value = Linear::constant(dims, shift - rate * group.origins[at][k]);
                value.coefficients[k] = rate;
                value
            };
            let mut loops = Vec::new();
            for band in &plan.band {
                let attach = group.problem.dims[band.dim].attach[at];
                let value = match attach.iterator {
                    Some(k) => shifted(k, attach.rate, attach.shift),
                    None => Linear::constant(dims, attach.shift),
                };
                loops.push(TileLoop { value, tile: band.tile });
            }
            for private in &plan.private[at] {
                loops.push(TileLoop { value: shifted(private.iterator, 1, 0), tile: private.tile });
            }
            let in_rows = || plan.buffers.iter().filter(|buffer| *buffer.users == [at] && plan.is_in_rows(buffer));
            if in_rows().next().is_some() {
                let is_point = in_rows().any(|buffer| group.problem.statements[at].is_diagonal(buffer.array));
                let points = if is_point { dims } else { dims.saturating_sub(1) };
                loops.extend((0..points).map(|k| TileLoop { value: shifted(k, 1, 0), tile: 1 }));
            }
            let mut positions = vec![0; loops.len() + 1];
            positions[depth] = at;
            paths.push(Path { statement: s, positions, loops });
        }
        let inner = |buffer: &Buffer| match plan.is_in_rows(buffer) {
            true => paths[buffer.users[0]].loops.len(),
            false => buffer.depth,
        };
        let buffers = plan
            .buffers
            .iter()
            .map(|buffer| BufferSpec {
                array: group.arrays[buffer.array],
                users: buffer
                    .users
                    .iter()
                    .map(|&at| User {
                        statement: group.statements[at],
                        accesses: (0..group.array_of_access[at].len())
                            .filter(|&a| group.array_of_access[at][a] == buffer.array)
                            .collect(),
                    })
                    .collect(),
                scope: Scope::Loops { depth: inner(buffer) },
            })
            .collect();
        (Group { paths }, buffers)
    }
}

fn accesses_to(scop: &Scop, statement: usize, array: usize) -> Vec<usize> {
    let accesses = &scop.statements[statement].accesses;
    (0..accesses.len()).filter(|&a| accesses[a].array == array).collect()
}
