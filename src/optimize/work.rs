//! Which schedules are carried out on the way from a program to its best outcome?

use super::realise::{Realised, Refusal, Stop};
use super::rewriting::{Done, Rewriting};
use super::{Case, Clock, Failure, Options, Outcome, too_intricate, usable, within};
use crate::count::ArrayCount;
use crate::isl::IslError;
use crate::lang::ast::{Array, Role};
use crate::lang::decisions::Parts;
use crate::poly::{self, Block, Overlap, Recompute};
use crate::report::Budget;
use crate::schedule::bands::Bands;
use crate::schedule::split::{self, Split};
use crate::schedule::tree::Schedule;
use crate::schedule::{self, Answers, Care, Decision, Fuse, Goal, Groups, Known, MOST_CUT, Skewing};
use crate::schedule::{overlap, recompute};
use crate::staging;
use crate::timeline;
use itertools::Itertools;
use std::collections::BTreeSet;

/// Schedules of one kind that are too intricate to be carried out, after which no other one is tried.
const INTRICATE: usize = 2;

/// How much larger budgets are for what there is no other way to do.
const PATIENCE: u32 = 4;

/// Sixteenths of the scratchpad for which plans are made, one after the other until one can be carried out: plans are made for sums of sizes,
/// and a layout can need a little more.
const ROOMS: [i64; 7] = [16, 15, 14, 12, 8, 4, 2];

/// Hundredths of the bytes of all arrays but temps, each once, from which on the program is worth rewriting.
const WORTH: i128 = 102;
/// Times that loops are stripped at most: all that need it at once, then what rounds by a smaller number inside of the blocks.
const STRIPS: usize = 2;
/// What nests are taken apart into, one after the other until it moves less.
const PARTS: &[Parts] = &[Parts::Recurrences, Parts::Statements];
/// Loops that are split, one after the other, at most.
const SPLITS: usize = 2;

/// What blocks may take of the scratchpad at first sight, in sixths.
const BLOCKS: [i64; 3] = [6, 3, 2];
/// An array is worth blocks where it moves this part (one over) of all bytes too often.
const PART: i128 = 50;

/// What rewritings may still do.
#[derive(Clone, Copy)]
pub struct Allowance {
    /// How often loops may be stripped.
    pub strips: usize,
    /// Loops that may be split.
    pub splits: usize,
    /// Whether temps may share the memory of what is made of them.
    pub merges: bool,
    /// Whether nests may be cut into blocks.
    pub blocks: bool,
    /// What nests may be taken apart into.
    pub parts: &'static [Parts],
    /// Operations that may be added to those of the program.
    pub operations: i128,
}

impl Allowance {
    /// For a program of so many operations.
    pub fn new(operations: i128, options: &Options) -> Allowance {
        let operations = (operations as f64 * options.recompute).floor() as i128;
        Allowance { strips: STRIPS, splits: SPLITS, merges: true, blocks: true, parts: PARTS, operations }
    }

    /// What is left after a rewriting.
    fn after(self, rewriting: &Rewriting) -> Allowance {
        // What was put into loops together on purpose is not to come apart by statements.
        let together = Allowance { parts: &PARTS[..1], ..self };
        match rewriting {
            Rewriting::Part(_) | Rewriting::Expand(_) => self,
            Rewriting::Merge(_) => Allowance { merges: false, ..self },
            Rewriting::Strip(_) => Allowance { strips: self.strips.saturating_sub(1), ..self },
            Rewriting::Split(_) => Allowance { splits: self.splits.saturating_sub(1), ..together },
            // All nests that are worth it go together.
            Rewriting::Block(_) => Allowance { blocks: false, ..together },
            Rewriting::Overlap(_) | Rewriting::Recompute(_) => Allowance { operations: 0, ..together },
        }
    }
}

/// An outcome of a program that was rewritten.
pub struct Rewritten {
    pub rewritten: Vec<Done>,
    pub case: Case,
    pub outcome: Outcome,
}

/// The way from a program to its outcomes.
pub struct Work<'a> {
    case: &'a Case,
    options: &'a Options,
    pub clock: Clock,
    /// The groups to use, where they are known.
    pub groups: Option<Groups<'a>>,
    /// `None` where the dependences are not known: then the program runs in source order, each instance staged by itself.
    known: Option<Known<'a>>,
    answers: Answers,
    /// All that was carried out, each schedule once.
    pub outcomes: Vec<Outcome>,
    /// What cannot be carried out, so that no schedule is tried twice.
    refused: Vec<(Decision, Refusal)>,
    /// The budgets that ran out.
    pub exhausted: BTreeSet<Budget>,
}

impl<'a> Work<'a> {
    /// With what was found out about groups before.
    pub fn new(case: &'a Case, options: &'a Options, answers: &Answers, clock: Clock) -> Result<Work<'a>, IslError> {
        let mut work = Work {
            case,
            options,
            clock,
            groups: None,
            known: None,
            answers: answers.clone(),
            outcomes: Vec::new(),
            refused: Vec::new(),
            exhausted: BTreeSet::new(),
        };
        if case.complete {
            let bands = || Bands::new(&case.scop, &case.dependences, options.solver);
            let bands = case.scop.ctx.budget(case.budget(options), bands);
            work.known = work.in_budget(bands)?.map(|bands| Known::new(bands, answers));
        }
        Ok(work)
    }

    /// What was found out about groups, unless the budget for it ran out.
    fn in_budget<T>(&mut self, found: Result<T, IslError>) -> Result<Option<T>, IslError> {
        match found {
            Err(error) if error.is_quota() => {
                self.exhausted.insert(Budget::Groups);
                Ok(None)
            }
            found => found.map(Some),
        }
    }

    /// The best schedules of the kinds that are worth it whose buffers can be laid out in the scratchpad, as numbers among the
    /// outcomes: that of the first kind first, and that of the last one last.
    pub fn best(&mut self, kinds: &[Fuse]) -> Result<Vec<usize>, Failure> {
        if self.known.is_some() && schedule::least_bytes(&self.case.scop)? > self.options.capacity_bytes {
            return Err(self.does_not_fit(&Decision::in_source_order(&self.case.scop)?.schedule)?);
        }
        let mut found = Vec::new();
        for (kind, decision) in self.decide(kinds, ROOMS[0], Skewing::Strips(MOST_CUT))? {
            let outcome = self.settle(kind, decision)?;
            found.push(outcome.map_or_else(|| self.in_source_order(), Ok)?);
        }
        if found.is_empty() {
            found.push(self.in_source_order()?);
        }
        Ok(found)
    }

    /// The outcome of a decision, or of one for less room. What skewing moves is an estimate before it is carried out, and strips may be too
    /// intricate to be, so the best plan without it is carried out too.
    fn settle(&mut self, kind: Fuse, decision: Decision) -> Result<Option<usize>, Failure> {
        let is_skewed = decision.is_skewed;
        let carried_out = self.carry_out(decision)?;
        let mut outcome = carried_out.ok();
        if is_skewed {
            let simpler = [Skewing::Strips(MOST_CUT), Skewing::Strips(1), Skewing::Rows];
            let is_intricate = matches!(carried_out, Err(Refusal::Exhausted(_)));
            for skewing in simpler.into_iter().skip(is_intricate.into()) {
                if outcome.is_none() {
                    outcome = self.within(kind, &ROOMS[..4], skewing)?;
                }
            }
            let plain = self.within(kind, &ROOMS, Skewing::None)?;
            return Ok(self.better(outcome.into_iter().chain(plain)));
        }
        if outcome.is_none() {
            outcome = self.within(kind, &ROOMS[1..], Skewing::Strips(MOST_CUT))?;
        }
        Ok(outcome)
    }

    /// The outcome that moves the fewest bytes; of several the one whose transfers have the longest runs, then the first.
    pub fn better(&self, outcomes: impl Iterator<Item = usize>) -> Option<usize> {
        let ties = outcomes.unique().min_set_by_key(|&n| self.outcomes[n].bytes());
        match ties[..] {
            [only] => Some(only),
            _ => ties.into_iter().min_by_key(|&n| timeline::runs(&self.outcomes[n].program).unwrap_or(i128::MAX)),
        }
    }

    /// The outcome for the first of some rooms for which there is one.
    fn within(&mut self, kind: Fuse, rooms: &[i64], skewing: Skewing) -> Result<Option<usize>, Failure> {
        let first = self.refused.len();
        for &sixteenths in rooms {
            let is_intricate = |(_, refusal): &&(Decision, Refusal)| matches!(refusal, Refusal::Exhausted(_));
            if self.refused[first..].iter().filter(is_intricate).count() >= INTRICATE {
                return Ok(None);
            }
            for (_, decision) in self.decide(&[kind], sixteenths, skewing)? {
                if let Ok(outcome) = self.carry_out(decision)? {
                    return Ok(Some(outcome));
                }
            }
        }
        Ok(None)
    }

    /// A schedule of each kind for a part of the scratchpad; none where the dependences are not known.
    fn decide(&mut self, kinds: &[Fuse], sixteenths: i64, skewing: Skewing) -> Result<Vec<(Fuse, Decision)>, Failure> {
        let Options { capacity_bytes, effort, .. } = *self.options;
        let Some(known) = &mut self.known else { return Ok(Vec::new()) };
        let room = capacity_bytes / 16 * sixteenths + capacity_bytes % 16 * sixteenths / 16;
        let goal = Goal { capacity_bytes: room, effort, skewing };
        let scop = &self.case.scop;
        let decisions = scop.ctx.budget(self.case.budget(self.options), || match self.groups {
            Some(groups) => {
                let decide = |&fuse| Ok((fuse, schedule::decide_groups(known, scop, &goal, fuse, groups)?));
                kinds.iter().map(decide).collect()
            }
            None => schedule::decide(known, scop, &goal, kinds),
        });
        self.clock.lap(|t| &mut t.schedule);
        Ok(self.in_budget(decisions)?.unwrap_or_default())
    }

    fn in_source_order(&mut self) -> Result<usize, Failure> {
        let decision = || Decision::in_source_order(&self.case.scop);
        match self.carry_out(decision()?)? {
            Ok(outcome) => Ok(outcome),
            Err(Refusal::NoRoom) => Err(self.does_not_fit(&decision()?.schedule)?),
            Err(Refusal::Exhausted(budget)) => {
                self.patiently(decision()?)?.ok_or_else(|| too_intricate(&self.case.source, budget))
            }
        }
    }

    /// The outcome of a decision under larger budgets: of the last one, without which there is no program.
    fn patiently(&mut self, decision: Decision) -> Result<Option<usize>, Failure> {
        let options = self.patient();
        match self.case.realise(&decision.schedule, &options, &mut self.clock) {
            Ok(Realised { staging, program, counts, ends }) => {
                self.outcomes.push(Outcome { decision, staging, program, counts, ends });
                Ok(Some(self.outcomes.len() - 1))
            }
            Err(Stop::Refused(_)) => Ok(None),
            Err(Stop::Failed(failure)) => Err(failure),
        }
    }

    /// With larger budgets.
    fn patient(&self) -> Options {
        Options { effort: self.options.effort.max(1).saturating_mul(PATIENCE), ..self.options.clone() }
    }

    /// The outcome of a decision, or why there is none.
    fn carry_out(&mut self, decision: Decision) -> Result<Result<usize, Refusal>, Failure> {
        let same = |known: &Decision| known.schedule == decision.schedule && known.nests == decision.nests;
        if let Some(known) = self.outcomes.iter().position(|o| same(&o.decision)) {
            return Ok(Ok(known));
        }
        if let Some((_, refusal)) = self.refused.iter().find(|(known, _)| same(known)) {
            return Ok(Err(*refusal));
        }
        match self.case.realise(&decision.schedule, self.options, &mut self.clock) {
            Ok(Realised { staging, program, counts, ends }) => {
                self.outcomes.push(Outcome { decision, staging, program, counts, ends });
                Ok(Ok(self.outcomes.len() - 1))
            }
            Err(Stop::Refused(refusal)) => {
                if let Refusal::Exhausted(budget) = refusal {
                    self.exhausted.insert(budget);
                }
                self.refused.push((decision, refusal));
                Ok(Err(refusal))
            }
            Err(Stop::Failed(failure)) => Err(failure),
        }
    }

    /// A better outcome of the program rewritten.
    pub fn improve(&mut self, than: usize, allowed: Allowance) -> Result<Option<Rewritten>, Failure> {
        let Case { source, scop, dependences, complete, .. } = self.case;
        let once = source.arrays.iter().filter(|a| a.role != Role::Temp).map(|a| i128::from(a.bytes()));
        let least = once.sum::<i128>().max(self.outcomes[than].decision.least_bytes.into());
        let enough = least * WORTH / 100;
        if !complete || self.outcomes[than].bytes() <= enough {
            return Ok(None);
        }
        let mut found = None;
        let strips = if allowed.strips > 0 { poly::strips(source, scop) } else { Vec::new() };
        if !strips.is_empty() {
            found = self.rewritten(than, Rewriting::Strip(strips), allowed)?;
        }
        if found.is_none() && allowed.merges {
            let merges = scop.ctx.budget(self.case.budget(self.options), || poly::merges(scop, dependences));
            let merges = self.in_budget(merges)?.unwrap_or_default();
            if !merges.is_empty() {
                found = self.rewritten(than, Rewriting::Merge(merges), allowed)?;
            }
        }
        if found.is_none() {
            found = self.parted(than, allowed)?;
        }
        if found.is_none() {
            let expansions =
                scop.ctx.budget(self.case.budget(self.options), || poly::expansions(source, scop, dependences));
            let expansions = self.in_budget(expansions)?.unwrap_or_default();
            if !expansions.is_empty() {
                found = self.rewritten(than, Rewriting::Expand(expansions), allowed)?;
            }
        }
        if allowed.blocks && found.as_ref().is_none_or(|found| found.outcome.bytes() > enough) {
            found = self.in_blocks(than, found, allowed)?;
        }
        if found.is_none() {
            let overlaps = self.overlaps(than, allowed)?;
            if !overlaps.is_empty() {
                found = self.rewritten(than, Rewriting::Overlap(overlaps), allowed)?;
            }
        }
        if found.is_none() {
            found = self.recomputed(than, allowed)?;
        }
        if allowed.splits > 0 {
            let bytes = found.as_ref().map_or(self.outcomes[than].bytes(), |found| found.outcome.bytes());
            // More splits, or what else comes apart then, can save more than the first one promises.
            if let Some(split) = self.promising(than, bytes.saturating_add(bytes / 4))? {
                let split = self.rewritten(than, Rewriting::Split(split), allowed)?;
                found = split.filter(|split| split.outcome.bytes() < bytes).or(found);
            }
        }
        Ok(found)
    }

    /// What is found, or a better outcome with nests in blocks. More than one block may have to stay beside what passes
    /// by: smaller ones are tried until they move more.
    fn in_blocks(
        &mut self,
        than: usize,
        mut found: Option<Rewritten>,
        allowed: Allowance,
    ) -> Result<Option<Rewritten>, Failure> {
        let nests = self.blocks(than)?;
        let (mut tried, mut least): (Vec<Block>, i128) = (Vec::new(), i128::MAX);
        for sixths in BLOCKS {
            let capacity_bytes = self.options.capacity_bytes.saturating_mul(sixths) / 6;
            let blocks: Vec<Block> =
                nests.iter().filter_map(|block| block.sized(&self.case.scop, capacity_bytes)).collect();
            if blocks.is_empty() || blocks == tried {
                continue;
            }
            let cut = self.rewritten(than, Rewriting::Block(blocks.clone()), allowed)?;
            tried = blocks;
            let Some(cut) = cut else { continue };
            if cut.outcome.bytes() >= least {
                break;
            }
            least = cut.outcome.bytes();
            if found.as_ref().is_none_or(|found| least < found.outcome.bytes()) {
                found = Some(cut);
            }
        }
        Ok(found)
    }

    /// A better outcome of the program with nests taken apart.
    fn parted(&mut self, than: usize, allowed: Allowance) -> Result<Option<Rewritten>, Failure> {
        let mut tried = Vec::new();
        for &parts in allowed.parts {
            let Some(by) = self.case.apart(parts, self.options)? else { continue };
            let program = by.of(&self.case.source, &self.case.scop)?;
            if tried.contains(&program) {
                continue;
            }
            tried.push(program);
            let found = self.rewritten(than, by, allowed)?;
            if found.is_some() {
                return Ok(found);
            }
        }
        Ok(None)
    }

    /// The outcome after a rewriting and what improves it further; `None` where nothing gets better.
    fn rewritten(&mut self, than: usize, by: Rewriting, allowed: Allowance) -> Result<Option<Rewritten>, Failure> {
        let case = usable(self.case.rewritten(&by, self.options))?.flatten();
        let Some(case) = case.filter(|case| case.complete) else { return Ok(None) };
        let may_part = matches!(by, Rewriting::Expand(_));
        // What is computed again is meant to run with what reads it, in more loops than such groups mostly share.
        let (runs, patient);
        let mut options = self.options;
        if let Rewriting::Recompute(all) = &by {
            runs = recompute::runs(&self.case.scop, &self.outcomes[than].decision, all, &case.scop);
            patient = self.patient();
            options = &patient;
        } else {
            runs = Vec::new();
        }
        let mut work = Work::new(&case, options, &self.answers, self.clock)?;
        work.groups = (!runs.is_empty()).then_some((&runs[..], Care::Thorough));
        let Some(found) = usable(work.best(&[Fuse::Auto]))? else { return Ok(None) };
        let found = found[0];
        (work.options, work.groups) = (self.options, None);
        let (before, after) = (&self.outcomes[than], &work.outcomes[found]);
        let is_allowed = after.counts.operations.saturating_sub(before.counts.operations) <= allowed.operations;
        let is_better = is_allowed && after.bytes() < before.bytes();
        // Parts that come apart only now, or blocks, can make good what does not pay by itself.
        let further = match is_better {
            true => work.improve(found, allowed.after(&by))?,
            false if may_part => match work.parted(found, allowed.after(&by))? {
                None if allowed.blocks => work.in_blocks(found, None, allowed.after(&by))?,
                parted => parted,
            },
            false => None,
        };
        let least = self.outcomes[than].bytes();
        let further = further.filter(|further| further.outcome.bytes() < least);
        self.clock = work.clock;
        self.exhausted.append(&mut work.exhausted);
        let outcome = work.outcomes.swap_remove(found);
        let done = by.done(&self.case.scop, self.options);
        Ok(match further {
            Some(mut further) => {
                further.rewritten.insert(0, done);
                Some(further)
            }
            None => is_better.then_some(Rewritten { rewritten: vec![done], case, outcome }),
        })
    }

    /// The nests that work on an array in place and move one too often, and their loops that can be cut into blocks.
    fn blocks(&mut self, outcome: usize) -> Result<Vec<Block>, IslError> {
        let Case { source, scop, dependences, .. } = self.case;
        let excess = self.excess(outcome);
        let least = self.outcomes[outcome].bytes() / PART;
        let touched = |nest: usize| {
            let statements = scop.statements.iter().filter(move |s| s.nest == nest);
            statements.flat_map(|s| s.accesses.iter().map(|access| access.array))
        };
        let nests = scop.statements.iter().map(|s| s.nest).dedup();
        let nests: Vec<usize> = nests.filter(|&nest| touched(nest).any(|array| excess[array] > least)).collect();
        let find = || {
            let found = nests.into_iter().map(|nest| Block::find(source, scop, dependences, nest));
            found.collect::<Result<Vec<_>, IslError>>()
        };
        let found = scop.ctx.budget(self.case.budget(self.options), find);
        Ok(self.in_budget(found)?.unwrap_or_default().into_iter().flatten().collect())
    }

    /// For each array the bytes that an outcome moves beyond once for each element.
    fn excess(&self, outcome: usize) -> Vec<i128> {
        let counts = self.outcomes[outcome].counts.arrays.iter().zip(&self.case.scop.arrays);
        let of = |(count, array): (&ArrayCount, &Array)| {
            let moved = count.load_elements.saturating_add(count.store_elements);
            moved.saturating_sub(array.elements().into()).saturating_mul(count.element_bytes.into())
        };
        counts.map(of).collect()
    }

    /// The slabs that promise most for an outcome.
    fn overlaps(&mut self, outcome: usize, allowed: Allowance) -> Result<Vec<Overlap>, IslError> {
        let Options { capacity_bytes, effort, .. } = *self.options;
        let Outcome { decision, .. } = &self.outcomes[outcome];
        let operations = allowed.operations;
        let goal = Goal { capacity_bytes, effort, skewing: Skewing::None };
        let Some(known) = self.known.as_mut().filter(|_| operations > 0) else { return Ok(Vec::new()) };
        let Case { source, scop, .. } = self.case;
        let propose = || overlap::propose(known, source, &decision.plans, &goal, operations);
        let proposed = scop.ctx.budget(self.case.budget(self.options), propose);
        Ok(self.in_budget(proposed)?.unwrap_or_default())
    }

    /// A better outcome of the program with temps computed again where they are read. Some room may have to be left for what they are made
    /// of.
    fn recomputed(&mut self, than: usize, allowed: Allowance) -> Result<Option<Rewritten>, Failure> {
        let Options { capacity_bytes, effort, .. } = *self.options;
        let mut found: Option<Rewritten> = None;
        let mut tried: Vec<Vec<Recompute>> = Vec::new();
        for sixteenths in &ROOMS[..2] {
            let Some(known) = self.known.as_mut().filter(|_| allowed.operations > 0) else { return Ok(None) };
            let goal = Goal { capacity_bytes: capacity_bytes / 16 * sixteenths, effort, skewing: Skewing::None };
            let moved = i64::try_from(self.outcomes[than].bytes()).unwrap_or(i64::MAX);
            let Case { scop, dependences, .. } = self.case;
            let Outcome { decision, .. } = &self.outcomes[than];
            let propose = || recompute::propose(known, dependences, decision, moved, &goal);
            let proposed = scop.ctx.budget(self.case.budget(self.options), propose);
            let proposed = self.in_budget(proposed)?.unwrap_or_default();
            if proposed.is_empty() || tried.contains(&proposed) {
                continue;
            }
            let by = Rewriting::Recompute(proposed.clone());
            tried.push(proposed);
            let Some(better) = self.rewritten(than, by, allowed)? else { continue };
            if found.as_ref().is_none_or(|found| better.outcome.bytes() < found.outcome.bytes()) {
                found = Some(better);
            }
        }
        Ok(found)
    }

    /// The split that promises most for an outcome, and to move fewer bytes than so many.
    fn promising(&mut self, outcome: usize, bytes: i128) -> Result<Option<Split>, IslError> {
        let Options { capacity_bytes, effort, .. } = *self.options;
        let excess = self.excess(outcome);
        let Outcome { decision, .. } = &self.outcomes[outcome];
        let to_save = i64::try_from(self.outcomes[outcome].bytes().saturating_sub(bytes)).unwrap_or(i64::MAX).max(0);
        let goal = Goal { capacity_bytes, effort, skewing: Skewing::None };
        let Some(known) = &mut self.known else { return Ok(None) };
        let scop = &self.case.scop;
        let propose = || split::propose(known, decision, &goal, &excess, to_save);
        let proposed = scop.ctx.budget(self.case.budget(self.options), propose);
        Ok(self.in_budget(proposed)?.flatten())
    }

    fn does_not_fit(&self, source: &Schedule) -> Result<Failure, Failure> {
        let Case { scop, dependences, .. } = self.case;
        let times = staging::Times::new(scop, source);
        let staging = scop.ctx.budget(self.case.budget(self.options), || staging::stage(&times, dependences));
        let staging = within(&self.case.source, Budget::Staging, staging)?;
        let table = staging::tightest(&staging.buffers)
            .iter()
            .map(|b| {
                let statement = &scop.statements[b.users[0].statement];
                format!("  {:>8} bytes  {}  in {}\n", b.bytes(), scop.arrays[b.array].name, statement.label)
            })
            .collect();
        Ok(Failure::DoesNotFit {
            capacity_bytes: self.options.capacity_bytes,
            smallest_bytes: staging.placement.arena_bytes,
            table,
        })
    }
}
