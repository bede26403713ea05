//! Which temps should be computed again where they are read, and in blocks of which loops?
//!
//! The nests that read such a temp are planned by themselves, as if it were an input: each buffer that is filled more than once is one that
//! can be computed more than once instead. That saves the temp's way to DRAM, and the plan says the blocks. What it really moves is seen when
//! the program goes the whole way.

use super::bands::GroupProblem;
use super::decide::{Decision, Goal, STATEMENTS};
use super::known::{Care, Known};
use super::problem::{Buffer, Plan};
use super::tree::Group;
use crate::isl::Result;
use crate::lang::ast::Name;
use crate::poly::{Access, Dependences, Over, Recompute, Scop, source};
use itertools::Itertools;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

/// A temp is worth it where storing it makes up this part (one over) of all bytes.
const PART: i64 = 50;

/// The temps to be computed again where a schedule then promises to move less.
///
/// # Errors
/// When isl's budget runs out.
pub fn propose(
    known: &mut Known,
    dependences: &Dependences,
    decision: &Decision,
    moved_bytes: i64,
    goal: &Goal,
) -> Result<Vec<Recompute>> {
    let scop = known.bands.scop;
    let mut found: Vec<Recompute> = Vec::new();
    for (array, declared) in scop.arrays.iter().enumerate() {
        if declared.bytes() < moved_bytes / PART {
            continue;
        }
        let Some(source) = source(scop, dependences, array)? else { continue };
        let one = Temp { scop, array, source, decision };
        if let Some((copies, saved)) = one.copies(known, goal)?
            && saved > moved_bytes / PART
            && copies.iter().all(|copy| found.iter().all(|other| !meets(scop, copy, other)))
        {
            found.extend(copies);
        }
    }
    Ok(found)
}

/// With blocks whose sizes are multiples of the smallest one, of which a loop has a whole number as far as possible; together they take
/// about as much room. Where blocks of several sizes meet in one array, which elements they share is hard to say. In a triangle all have one
/// size: then the least of what they need is outside of it.
fn alike(mut copies: Vec<Recompute>, is_triangle: bool) -> Vec<Recompute> {
    let all: Vec<&Over> = copies.iter().flat_map(|copy| &copy.over).unique_by(|over| &over.iterator).collect();
    let Some(smallest) = all.iter().filter(|over| over.by > 1).min_by_key(|over| over.by) else { return copies };
    let times = |over: &Over| if over.by > 1 && !is_triangle { (over.by + smallest.by / 2) / smallest.by } else { 1 };
    let cut = all.iter().filter(|over| over.by > 1);
    // The largest size with which the blocks have no more values together.
    let all_of = |of: &dyn Fn(&Over) -> i64| cut.clone().fold(1i128, |all, over| all.saturating_mul(of(over).into()));
    let values = all_of(&|over| over.by);
    let (mut size, mut too_large) = (1, all.iter().map(|over| over.by).max().unwrap_or(1) + 1);
    while size + 1 < too_large {
        let middle = size + (too_large - size) / 2;
        let fits = all_of(&|over| times(over).saturating_mul(middle)) <= values;
        *(if fits { &mut size } else { &mut too_large }) = middle;
    }
    let extent = smallest.range.1 - smallest.range.0;
    let blocks = (extent - 1) / size + 1;
    let size = (extent - 1) / blocks + 1;
    let sizes: BTreeMap<Name, i64> =
        all.iter().map(|over| (over.iterator.clone(), if over.by > 1 { times(over) * size } else { 1 })).collect();
    copies.iter_mut().flat_map(|copy| &mut copy.over).for_each(|over| over.by = sizes[&over.iterator]);
    copies
}

/// The groups of a program in which temps are computed again: those of before, but nests that read such temps run with what computes these,
/// and with nothing else.
pub fn runs(scop: &Scop, decision: &Decision, all: &[Recompute], to: &Scop) -> Vec<(usize, usize)> {
    let nest = |s: usize| scop.statements[s].nest;
    let reading: BTreeSet<usize> = all.iter().flat_map(|one| &one.users).map(|(user, _)| nest(*user)).collect();
    let of = |s: usize| {
        let runs = |group: &Group| group.paths.iter().any(|path| path.statement == s);
        (decision.schedule.groups.iter().position(runs), reading.contains(&nest(s)))
    };
    // The group of each nest; what is computed again, into arrays behind the others, goes with the nest after it.
    let mut before = 0..scop.statements.len();
    let mut groups = Vec::new();
    for (_, statements) in &to.statements.iter().chunk_by(|s| s.nest) {
        let mut group = None;
        for statement in statements.filter(|s| s.accesses[0].array < scop.arrays.len()) {
            let known = before.find(|&s| scop.statements[s].label == statement.label);
            group = group.or(known.map(of));
        }
        groups.push(group);
    }
    for n in (1..groups.len()).rev() {
        groups[n - 1] = groups[n - 1].or(groups[n]);
    }
    let mut start = 0;
    let runs = groups.chunk_by(|a, b| a == b).map(|run| {
        start += run.len();
        (start - run.len(), start)
    });
    runs.collect()
}

/// Whether two temps are read in one nest: its loops would run in the blocks of both.
fn meets(scop: &Scop, a: &Recompute, b: &Recompute) -> bool {
    let nests =
        |one: &Recompute| one.users.iter().map(|(user, _)| scop.statements[*user].nest).collect::<BTreeSet<_>>();
    a.array != b.array && !nests(a).is_disjoint(&nests(b))
}

/// A temp that can be computed again.
struct Temp<'a> {
    scop: &'a Scop,
    array: usize,
    source: usize,
    decision: &'a Decision,
}

impl Temp<'_> {
    /// What is computed again for all that reads the temp, and the bytes that saves at first sight; `None` where nothing is loaded twice.
    fn copies(&self, known: &mut Known, goal: &Goal) -> Result<Option<(Vec<Recompute>, i64)>> {
        let Temp { scop, array, source, decision } = *self;
        let nest = |s: usize| scop.statements[s].nest;
        let reads = |s: &usize| scop.statements[*s].accesses.iter().any(|access| access.array == array && access.reads);
        let users: BTreeSet<usize> = (0..scop.statements.len()).filter(reads).map(nest).collect();
        let rank = scop.arrays[array].extents.len();
        let walks_all = |access: &&Access| access.reads && access.source.indices.len() >= rank;
        let made_of = scop.statements[source].accesses.iter().filter(walks_all).count();
        if users.is_empty() || users.iter().any(|&user| user <= nest(source)) || made_of > 1 {
            return Ok(None);
        }
        let (mut copies, mut saved) = (Vec::new(), 0i64);
        for (group, planned) in decision.schedule.groups.iter().zip(&decision.planned_bytes) {
            let of_group: BTreeSet<usize> = group.paths.iter().map(|path| nest(path.statement)).collect();
            let reading: Vec<usize> = of_group.intersection(&users).copied().collect();
            let fills = of_group.contains(&nest(source));
            if reading.is_empty() && !fills {
                continue;
            }
            let Some(planned) = *planned else { return Ok(None) };
            // What is left of the group runs by itself, at most.
            let apart = |n: &usize| {
                let first = (0..scop.statements.len()).find(|&s| nest(s) == *n)?;
                let is_all = (0..scop.statements.len()).all(|s| nest(s) != *n || s == source);
                if is_all { Some(0) } else { decision.apart_bytes.get(&first).copied() }
            };
            let mut after = match reading.is_empty() {
                true => planned,
                false => {
                    let others = of_group.iter().filter(|n| !reading.contains(n));
                    others.map(apart).try_fold(0i64, |sum, bytes| Some(sum.saturating_add(bytes?))).unwrap_or(planned)
                }
            };
            if fills {
                after = after.saturating_sub(scop.arrays[array].bytes()).max(0);
            }
            if !reading.is_empty() {
                let Some((of_users, bytes)) = self.planned(known, &reading, goal)? else { return Ok(None) };
                copies.extend(of_users);
                after = after.saturating_add(bytes);
            }
            saved = saved.saturating_add(planned.saturating_sub(after));
        }
        Ok(copies.iter().any(|copy: &Recompute| !copy.over.is_empty()).then_some((copies, saved)))
    }

    /// What nests that read the temp have computed again when they are one group, and what they move.
    fn planned(&self, known: &mut Known, nests: &[usize], goal: &Goal) -> Result<Option<(Vec<Recompute>, i64)>> {
        let in_nests = |s: &usize| nests.contains(&self.scop.statements[*s].nest);
        let statements: Vec<usize> = (0..self.scop.statements.len()).filter(in_nests).collect();
        if statements.len() > STATEMENTS {
            return Ok(None);
        }
        let ways = known.ways(statements, &[])?;
        let room = vec![goal.capacity_bytes];
        let questions: Vec<_> = ways.iter().map(|way| (way.problem.clone(), room.clone())).collect();
        known.search(questions.clone(), Care::Thorough, goal.effort);
        let plan = |(way, question)| Some((way, known.answer(question)?.plans().first()?.clone()?));
        let plans: Vec<(&Rc<GroupProblem>, Plan)> = ways.iter().zip(&questions).filter_map(plan).collect();
        let Some((group, plan)) = plans.into_iter().min_by_key(|(_, plan)| plan.moved_bytes) else { return Ok(None) };
        let of_temp = plan.buffers.iter().filter(|buffer| group.arrays[buffer.array] == self.array);
        let copies: Option<Vec<Vec<Recompute>>> = of_temp.map(|buffer| self.copy(group, &plan, buffer)).collect();
        let Some(copies) = copies.map(|copies| copies.concat()) else { return Ok(None) };
        let is_triangle = self.is_triangle(group, &copies);
        Ok(Some((alike(copies, is_triangle), plan.moved_bytes)))
    }

    /// Whether two loops that run in blocks bound each other.
    fn is_triangle(&self, group: &GroupProblem, copies: &[Recompute]) -> bool {
        let is_cut = |user: usize, k: usize| {
            let iterator = &self.scop.statements[user].dims[k].iterator;
            copies.iter().flat_map(|copy| &copy.over).any(|over| over.iterator == *iterator)
        };
        let mut all = group.problem.statements.iter().zip(&group.statements);
        all.any(|(s, &user)| s.slopes.iter().any(|slope| slope.terms.iter().all(|&(k, _)| is_cut(user, k))))
    }

    /// What takes the place of a buffer: the loops outside of it along which it is filled with what it had before run in blocks.
    fn copy(&self, group: &GroupProblem, plan: &Plan, buffer: &Buffer) -> Option<Vec<Recompute>> {
        let accesses = |at: usize| {
            let of = &group.array_of_access[at];
            (0..of.len()).filter(|&a| of[a] == buffer.array).collect::<Vec<_>>()
        };
        let users: Vec<(usize, Vec<usize>)> =
            buffer.users.iter().map(|&at| (group.statements[at], accesses(at))).collect();
        let first = buffer.users[0];
        let shared = plan.band.len().min(buffer.depth);
        let mut over: Vec<Over> = Vec::new();
        for band in &plan.band[..shared] {
            let dim = &group.problem.dims[band.dim];
            // Who has no such loop runs once beside it.
            if buffer.users.iter().all(|&at| dim.attach[at].iterator.is_none()) {
                continue;
            }
            let walked = |&at: &usize| Some((at, dim.attach[at].iterator?));
            let walks: Vec<(usize, usize)> = buffer.users.iter().map(walked).collect::<Option<_>>()?;
            if walks.iter().all(|&(at, k)| self.is_new(group.statements[at], &accesses(at), k)) {
                continue;
            }
            // Blocks begin at multiples of their size, for all users alike.
            let start = |&(at, k): &(usize, usize)| {
                let attach = dim.attach[at];
                (attach.rate == 1).then_some((attach.shift - group.origins[at][k]).rem_euclid(band.tile))
            };
            let starts: Vec<i64> = walks.iter().map(start).collect::<Option<_>>()?;
            if !starts.iter().all_equal() {
                return None;
            }
            let mut names = walks.iter().map(|&(at, k)| &self.scop.statements[group.statements[at]].dims[k].iterator);
            over.push(self.over(group, first, walks[0].1, band.tile, names.all_equal_value().ok()?.clone()));
        }
        let own = buffer.depth.saturating_sub(plan.band.len()).min(plan.private[first].len());
        for private in &plan.private[first][..own] {
            if !self.is_new(group.statements[first], &accesses(first), private.iterator) {
                let name = &self.scop.statements[group.statements[first]].dims[private.iterator].iterator;
                over.push(self.over(group, first, private.iterator, private.tile, name.clone()));
            }
        }
        over.retain(|over| over.by < over.range.1 - over.range.0);
        Some(self.apart(&Recompute { array: self.array, source: self.source, users, over }))
    }

    /// One for each direction, where neither of two needs all blocks of the other.
    fn apart(&self, one: &Recompute) -> Vec<Recompute> {
        let loop_of = |user: usize, over: &Over| {
            self.scop.statements[user].dims.iter().position(|dim| dim.iterator == over.iterator)
        };
        let mut ways: Vec<Recompute> = Vec::new();
        for (user, accesses) in &one.users {
            for &access in accesses {
                let is_over = |over: &&Over| loop_of(*user, over).is_some_and(|k| !self.is_new(*user, &[access], k));
                let over: Vec<Over> = one.over.iter().filter(is_over).cloned().collect();
                match ways.iter_mut().find(|way| way.over == over) {
                    Some(way) => match way.users.iter_mut().find(|(known, _)| known == user) {
                        Some((_, known)) => known.push(access),
                        None => way.users.push((*user, vec![access])),
                    },
                    None => ways.push(Recompute { users: vec![(*user, vec![access])], over, ..one.clone() }),
                }
            }
        }
        let is_within = |a: &Recompute, b: &Recompute| a.over.iter().all(|over| b.over.contains(over));
        let nested = ways.iter().array_combinations().all(|[a, b]| is_within(a, b) || is_within(b, a));
        if nested { vec![one.clone()] } else { ways }
    }

    fn over(&self, group: &GroupProblem, at: usize, k: usize, by: i64, iterator: Name) -> Over {
        let first = group.origins[at][k];
        Over { iterator, by, range: (first, first + group.problem.statements[at].extents[k]) }
    }

    /// Whether each iteration of a loop reads elements that no other one does.
    fn is_new(&self, user: usize, accesses: &[usize], k: usize) -> bool {
        let walks = |&access: &usize| {
            let linear = &self.scop.statements[user].accesses[access].linear;
            linear.iter().flatten().any(|index| index.coefficients[k] != 0)
        };
        accesses.iter().all(walks)
    }
}
