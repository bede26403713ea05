//! Which schedule moves the fewest bytes within a capacity?

use super::bands::{Bands, GroupProblem};
use super::nest::stage_nest;
use super::placement::{Candidate, Resident, choose};
use super::problem::{Plan, Problem};
use super::search::frontier;
use super::source::{source_nest, source_schedule};
use super::subsets;
use super::tree::{BufferSpec, Group, Path, Schedule, Scope, TileLoop, User};
use crate::ilp::Solver;
use crate::isl::Result;
use crate::lang::ast::Role;
use crate::poly::{Linear, Scop};
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

/// A schedule, and what it was expected to move.
pub struct Decision {
    pub schedule: Schedule,
    /// The nests of each group, first and one past the last.
    pub nests: Vec<(usize, usize)>,
    pub expected_bytes: i128,
}

/// Longest run of nests, and most statements, that are planned as one group.
const NESTS: usize = 8;
const STATEMENTS: usize = 14;
/// Most arrays that a group is planned with and without at once.
const RESIDENT: usize = 2;

/// # Errors
/// When isl's budget runs out.
pub fn decide(
    bands: &Bands,
    scop: &Scop,
    capacity_bytes: i64,
    fuse: Fuse,
    effort: u32,
    solver: Solver,
) -> Result<Decision> {
    let nests = nests(scop);
    let mut planner =
        Planner { bands, scop, capacity_bytes, effort, nests: &nests, cache: HashMap::new(), plans: Vec::new() };
    let arrays = if fuse == Fuse::Auto { planner.residents() } else { Vec::new() };
    for first in 0..nests.len() {
        planner.plan(first, first + 1, &arrays)?;
        if matches!(fuse, Fuse::Max | Fuse::Auto) {
            let mut end = first + 2;
            while end <= nests.len() && planner.worth_planning(first, end) {
                planner.plan(first, end, &arrays)?;
                end += 1;
            }
        }
    }
    let mut candidates: Vec<Candidate> = planner.plans.iter().map(|p| p.candidate.clone()).collect();
    if fuse == Fuse::Max {
        // One group less outweighs any traffic.
        let heavy = candidates.iter().map(|c| c.moved_bytes).max().unwrap_or(0) / 64 + 1;
        let weight = heavy.saturating_mul(64);
        candidates.iter_mut().for_each(|c| c.moved_bytes = c.moved_bytes.saturating_add(weight));
    }
    match choose(nests.len(), &candidates, &arrays, capacity_bytes, solver) {
        Some(choice) => {
            let chosen: Vec<&Planned> = choice.candidates.iter().map(|&c| &planner.plans[c]).collect();
            Ok(planner.decision(&chosen, &choice.resident))
        }
        None => Ok(Decision {
            schedule: source_schedule(scop)?,
            nests: (0..nests.len()).map(|n| (n, n + 1)).collect(),
            expected_bytes: i128::MAX,
        }),
    }
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
}

#[derive(Clone)]
enum How {
    Plan(Rc<GroupProblem>, Plan),
    /// In its own loops.
    Own(Group, Vec<BufferSpec>),
    /// In source order, instance by instance.
    Source,
}

struct Planner<'a> {
    bands: &'a Bands<'a>,
    scop: &'a Scop,
    capacity_bytes: i64,
    effort: u32,
    nests: &'a [Vec<usize>],
    cache: HashMap<(Problem, Vec<i64>), Vec<Option<Plan>>>,
    plans: Vec<Planned>,
}

impl Planner<'_> {
    fn statements(&self, first: usize, end: usize) -> Vec<usize> {
        self.nests[first..end].concat()
    }

    fn touched(&self, first: usize, end: usize) -> Vec<usize> {
        let mut arrays: Vec<usize> = self
            .statements(first, end)
            .iter()
            .flat_map(|&s| self.scop.statements[s].accesses.iter().map(|a| a.array))
            .collect();
        arrays.sort_unstable();
        arrays.dedup();
        arrays
    }

    /// Arrays that several nests touch and that fit.
    fn residents(&self) -> Vec<Resident> {
        let mut result = Vec::new();
        for (a, array) in self.scop.arrays.iter().enumerate() {
            let users: Vec<usize> =
                (0..self.nests.len()).filter(|&n| self.touched(n, n + 1).binary_search(&a).is_ok()).collect();
            let (Some(&first), Some(&last)) = (users.first(), users.last()) else { continue };
            if users.len() < 2 || array.bytes() >= self.capacity_bytes {
                continue;
            }
            let once = match array.role {
                Role::Input | Role::Output => array.bytes(),
                Role::Inout => 2 * array.bytes(),
                _ => 0,
            };
            result.push(Resident { array: a, nests: (first, last + 1), bytes: array.bytes(), once_bytes: once });
        }
        result
    }

    /// Whether a run of nests is small enough, and its last nest shares an array with the others.
    fn worth_planning(&self, first: usize, end: usize) -> bool {
        let last = self.touched(end - 1, end);
        end - first <= NESTS
            && self.statements(first, end).len() <= STATEMENTS
            && self.touched(first, end - 1).iter().any(|a| last.binary_search(a).is_ok())
    }

    fn plan(&mut self, first: usize, end: usize, arrays: &[Resident]) -> Result<()> {
        let statements = self.statements(first, end);
        let touched = self.touched(first, end);
        let crossing: Vec<&Resident> = arrays
            .iter()
            .filter(|t| touched.binary_search(&t.array).is_ok() && (t.nests.0 < first || t.nests.1 > end))
            .collect();
        let mut found_alone = false;
        for kept in subsets(crossing.len().min(RESIDENT + 1)) {
            let resident: Vec<usize> = kept.iter().map(|&k| crossing[k].array).collect();
            let room = kept.iter().fold(self.capacity_bytes, |room, &k| room - crossing[k].bytes);
            if room <= 0 || resident.len() > RESIDENT {
                continue;
            }
            let problem = Rc::new(self.bands.problem(&statements, &resident)?);
            for plan in self.frontier(&problem.problem, room, !arrays.is_empty()) {
                found_alone |= resident.is_empty();
                let moves = touched.iter().copied().filter(|a| !resident.contains(a)).collect();
                let candidate = Candidate {
                    nests: (first, end),
                    resident: resident.clone(),
                    moves,
                    peak_bytes: plan.peak_bytes,
                    moved_bytes: plan.moved_bytes,
                };
                self.plans.push(Planned { candidate, how: How::Plan(problem.clone(), plan) });
            }
        }
        let own = if end == first + 1 { stage_nest(self.scop, &statements, self.capacity_bytes)? } else { None };
        if let Some(staged) = own {
            found_alone = true;
            let candidate = Candidate {
                nests: (first, end),
                resident: Vec::new(),
                moves: touched.clone(),
                peak_bytes: staged.peak_bytes,
                moved_bytes: staged.moved_bytes,
            };
            self.plans.push(Planned { candidate, how: How::Own(staged.group, staged.buffers) });
        }
        if !found_alone && end == first + 1 {
            let (_, peak_bytes, moved_bytes) = source_nest(self.scop, &statements)?;
            let candidate =
                Candidate { nests: (first, end), resident: Vec::new(), moves: touched, peak_bytes, moved_bytes };
            self.plans.push(Planned { candidate, how: How::Source });
        }
        Ok(())
    }

    /// Plans for a problem within some room, and for less room, which arrays that stay alive beside it may leave.
    fn frontier(&mut self, problem: &Problem, room: i64, less: bool) -> Vec<Plan> {
        let capacities = if less { vec![room / 4, room / 2, room / 4 * 3, room] } else { vec![room] };
        let key = (problem.clone(), capacities);
        let effort = self.effort;
        let plans = self.cache.entry(key).or_insert_with_key(|(p, c)| frontier(p, c, effort));
        let mut distinct: Vec<Plan> = Vec::new();
        for plan in plans.iter().flatten() {
            if !distinct.contains(plan) {
                distinct.push(plan.clone());
            }
        }
        distinct
    }

    fn decision(&self, chosen: &[&Planned], resident: &[usize]) -> Decision {
        let mut schedule = Schedule { groups: Vec::new(), buffers: Vec::new() };
        for planned in chosen {
            let (first, end) = planned.candidate.nests;
            let (group, buffers) = match &planned.how {
                How::Plan(problem, plan) => self.realise(problem, plan),
                How::Own(group, buffers) => (group.clone(), buffers.clone()),
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
        Decision {
            schedule,
            nests: chosen.iter().map(|p| p.candidate.nests).collect(),
            expected_bytes: chosen.iter().map(|p| i128::from(p.candidate.moved_bytes)).sum(),
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
            let mut positions = vec![0; loops.len() + 1];
            positions[depth] = at;
            paths.push(Path { statement: s, positions, loops });
        }
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
                scope: Scope::Loops { depth: buffer.depth },
            })
            .collect();
        (Group { paths }, buffers)
    }
}

fn accesses_to(scop: &Scop, statement: usize, array: usize) -> Vec<usize> {
    let accesses = &scop.statements[statement].accesses;
    (0..accesses.len()).filter(|&a| accesses[a].array == array).collect()
}
