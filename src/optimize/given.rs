//! What comes of a schedule that is given, not found? The same stages and checks, and a reason in the user's words where one refuses it.

use super::realise::{Realised, Stop};
use super::{
    Analysed, Case, Chosen, Clock, Done, Failure, Live, Optimized, Options, Outcome, Rewriting, Whole, Work, finish,
};
use crate::check::{coherence, is_long, legality};
use crate::isl::IslError;
use crate::lang::Diagnostic;
use crate::lang::ast::{Program, Span};
use crate::lang::decisions::{self, Blocks, Decisions, Expanded, Mention, Merged, Recomputed, Slabs, Step};
use crate::poly::{self, Block, Dim, Expansion, Merge, Over, Overlap, Recompute, Strip};
use crate::replay::{self, Read, name};
use crate::report;
use crate::schedule::source::source_schedule;
use crate::schedule::split::{Cut, Split};
use crate::schedule::tree::{Group, Path, Schedule};
use crate::schedule::{Answers, Decision, Fuse};
use crate::staging;
use itertools::Itertools;
use std::collections::BTreeSet;

/// Most values inside a block of a stripped loop.
const LONGEST: i64 = 1 << 20;

/// Schedules a program as decisions say.
///
/// # Errors
/// What is wrong with the program, or why the decisions cannot be applied to it.
pub fn apply(
    parsed: &Program,
    overrides: &[(String, i64)],
    options: &Options,
    decisions: &Decisions,
) -> Result<Optimized, Failure> {
    let analysed = Analysed::new(parsed, overrides, options)?;
    let alone = {
        let options = Options { fuse: Fuse::None, ..options.clone() };
        let mut work = Work::new(&analysed.case, &options, &Answers::default(), Clock::start(analysed.times))?;
        let alone = work.best(&[Fuse::None])?[0];
        work.outcomes.swap_remove(alone).counts
    };
    let live = omitting(&analysed, decisions)?;
    let first = live.map_or(&analysed.case, |live| &live.case);
    let (rewritten, case) = rewrite(first, options, decisions)?;
    let scheduled = case.as_ref().unwrap_or(first);
    let mut clock = Clock::start(analysed.times);
    let outcome = outcome(scheduled, options, decisions, &mut clock)?;
    let whole = Whole { parsed, overrides, options, source: &analysed.case.source };
    let is_long = is_long(&analysed.case.source, &outcome.counts);
    let rewritings: Vec<Rewriting> = rewritten.iter().map(|done| done.by.clone()).collect();
    let liveness = live.map(|live| &live.liveness);
    let schedule = |case: &Case, options: &Options| small(case, options, decisions);
    let smaller = || match is_long {
        true => whole.check(whole.sizes(), liveness, &rewritings, schedule),
        false => Ok(()),
    };
    let (exhausted, omits_dead) = (BTreeSet::new(), live.is_some());
    let chosen = Chosen { omits_dead, rewritten, case, outcome, per_nest: alone, exhausted, is_given: true };
    finish(&analysed, options, chosen, smaller, clock)
}

fn refused(message: String, span: Span, label: &str, help: String) -> Failure {
    Failure::Schedule(vec![Diagnostic::error(message, span).label(label).help(help)])
}

/// What is too much for isl is too much for a schedule: a smaller one will do.
fn too_intricate(error: IslError) -> Failure {
    let message = match error.is_quota() {
        true => "this schedule is too intricate to be reasoned about".into(),
        false => format!("this schedule cannot be reasoned about ({error})"),
    };
    refused(
        message,
        Span::default(),
        "",
        "loops with plain values and smaller numbers are simpler; `--effort` raises the budget".into(),
    )
}

/// The program without its dead instances, where decisions say so.
fn omitting<'a>(analysed: &'a Analysed, decisions: &Decisions) -> Result<Option<&'a Live>, Failure> {
    match (decisions.omits_dead, &analysed.live) {
        (None, _) => Ok(None),
        (Some(_), Some(live)) => Ok(Some(live)),
        (Some(span), None) => {
            let help = "leave it out; `opt` without `--schedule` says what can be done";
            Err(refused("no instance is known to be dead".into(), span, "", help.into()))
        }
    }
}

/// The program rewritten as decisions say, and how.
fn rewrite(first: &Case, options: &Options, decisions: &Decisions) -> Result<(Vec<Done>, Option<Case>), Failure> {
    let (mut rewritten, mut last): (Vec<Done>, Option<Case>) = (Vec::new(), None);
    for decided in &decisions.rewritings {
        let case = last.as_ref().unwrap_or(first);
        let (by, span) = match decided {
            decisions::Rewriting::Part(parts, span) => {
                let parts = if case.complete { case.apart(*parts, options)? } else { None };
                let help = "leave it out; `opt` without `--schedule` says what can be done";
                (parts.ok_or_else(|| refused("no nest has parts".into(), *span, "", help.into()))?, Some(*span))
            }
            decisions::Rewriting::Expand(all) => (expand(case, all)?, all.first().map(|expanded| expanded.span)),
            decisions::Rewriting::Strip(all) => (strip(case, all)?, all.first().map(|strip| strip.span)),
            decisions::Rewriting::Split(cuts) => (split(case, cuts)?, cuts.first().map(|cut| cut.span)),
            decisions::Rewriting::Block(all) => (block(case, all)?, all.first().map(|blocks| blocks.span)),
            decisions::Rewriting::Overlap(all) => (overlap(case, all)?, all.first().map(|slabs| slabs.span)),
            decisions::Rewriting::Merge(all) => (merge(case, all)?, all.first().map(|merged| merged.span)),
            decisions::Rewriting::Recompute(all) => (recompute(case, all)?, all.first().map(|one| one.span)),
        };
        let Some(next) = case.rewritten(&by, options)? else {
            let help = "leave it out, and name its parts no more below".into();
            return Err(refused("this cannot be done to the program".into(), span.unwrap_or_default(), "", help));
        };
        rewritten.push(by.done(&case.scop, options));
        last = Some(next);
    }
    Ok((rewritten, last))
}

fn expand(case: &Case, decided: &[Expanded]) -> Result<Rewriting, Failure> {
    let all = match case.complete {
        true => poly::expansions(&case.source, &case.scop, &case.dependences)?,
        false => Vec::new(),
    };
    let mut chosen: Vec<Expansion> = Vec::new();
    for expanded in decided {
        let expansion = expansion(case, &all, expanded)?;
        if chosen.iter().any(|known| known.statements() == expansion.statements() && known.array() == expansion.array())
        {
            return Err(refused(
                format!("`{}` is expanded twice", expanded.array),
                expanded.span,
                "",
                "remove one".into(),
            ));
        }
        chosen.push(expansion);
    }
    for (expansion, expanded) in chosen.iter().zip(decided).filter(|(e, _)| e.new_name().is_none()) {
        let is_left =
            |e: &&Expansion| e.array() == expansion.array() && !chosen.iter().any(|c| c.new_name() == e.new_name());
        if let Some(left) = all.iter().filter(|e| e.new_name().is_some()).find(is_left) {
            let (array, user) = (left.array(), name(&case.scop, left.statements()[0]));
            let message = format!("`{array}` of `{user}` would lack the elements that `{array}` gets here");
            let help = format!("add `and {array} of {user} as {}`", left.new_name().unwrap_or(array));
            return Err(refused(message, expanded.span, "", help));
        }
    }
    Ok(Rewriting::Expand(chosen))
}

fn expansion(case: &Case, all: &[Expansion], expanded: &Expanded) -> Result<Expansion, Failure> {
    let Expanded { array, of, name, iterators, span } = expanded;
    let scop = &case.scop;
    let user = match of {
        Some(mention) => Some(replay::statement(scop, mention).map_err(|mistake| Failure::Schedule(vec![*mistake]))?),
        None => None,
    };
    let iterator = |id: usize| {
        let mut dims = scop.statements.iter().flat_map(|s| &s.dims);
        dims.find(|dim| dim.loop_id == id).map(|dim| &dim.iterator)
    };
    let is_meant = |e: &&Expansion| {
        let of_user = user.map_or(e.new_name().is_none(), |user| e.statements().contains(&user));
        e.array() == array && of_user && e.new_name() == name.as_ref()
    };
    let found = all.iter().find(is_meant).map(|e| e.over(|id| iterator(id).is_some_and(|i| iterators.contains(i))));
    if let Some(expansion) = found
        && expansion.loops().len() == iterators.len()
        && (name.is_some() || !iterators.is_empty())
    {
        return Ok(expansion);
    }
    let can = all.iter().filter(|e| e.array() == array).map(|e| {
        let own = e.new_name().map(|n| format!(" of {} as {n}", replay::name(scop, e.statements()[0])));
        let over = e.loops().iter().filter_map(|&id| iterator(id)).join(", ");
        let over = if over.is_empty() { over } else { format!(" over {over}") };
        format!("`expand {array}{}{over}`", own.unwrap_or_default())
    });
    let help = match can.collect::<Vec<_>>() {
        can if can.is_empty() => "only a `temp` that is filled anew, by every iteration of a loop around all its uses or later in the program, can be".into(),
        can => format!("at most {}", can.join(" and ")),
    };
    Err(refused(format!("`{array}` cannot be expanded like this"), *span, "", help))
}

fn split(case: &Case, cuts: &[decisions::Cut]) -> Result<Rewriting, Failure> {
    let mut all: Vec<Cut> = Vec::new();
    for decided in cuts {
        let cut = cut(&case.scop, decided)?;
        if all.iter().any(|known| known.loop_id == cut.loop_id) {
            let help = "a second `split` cuts one of the parts of the first".into();
            return Err(refused("a loop is cut in two places at once".into(), decided.span, "", help));
        }
        all.push(cut);
    }
    Ok(Rewriting::Split(Split { cuts: all }))
}

fn no_loop(iterator: &str, of: &Mention, dims: &[Dim]) -> Failure {
    let help = format!("the loops around it are those of {}", dims.iter().map(|dim| &dim.iterator).join(", "));
    refused(format!("no loop of `{iterator}` is around `{}`", of.label), of.span, "", help)
}

fn cut(scop: &poly::Scop, decided: &decisions::Cut) -> Result<Cut, Failure> {
    let decisions::Cut { iterator, of, at, .. } = decided;
    let statement = replay::statement(scop, of).map_err(|mistake| Failure::Schedule(vec![*mistake]))?;
    let dims = &scop.statements[statement].dims;
    let Some(dim) = dims.iter().find(|dim| dim.iterator == *iterator) else {
        return Err(no_loop(iterator, of, dims));
    };
    let range = scop.range(dim.loop_id)?;
    match range {
        Some((least, most)) if least < *at && *at <= most => {
            Ok(Cut { loop_id: dim.loop_id, range: (least, most + 1), at: *at })
        }
        _ => {
            let help = match range.filter(|(least, most)| least < most) {
                Some((least, most)) => format!("the second part starts at {} to {most}", least + 1),
                None => "the loop has no two values".into(),
            };
            Err(refused(format!("`{iterator}` cannot be split at {at}"), of.span, "", help))
        }
    }
}

fn strip(case: &Case, decided: &[decisions::Strip]) -> Result<Rewriting, Failure> {
    let scop = &case.scop;
    let mut all: Vec<Strip> = Vec::new();
    for decisions::Strip { iterator, of, by, span } in decided {
        let statement = replay::statement(scop, of).map_err(|mistake| Failure::Schedule(vec![*mistake]))?;
        let dims = &scop.statements[statement].dims;
        let Some(loop_id) = dims.iter().find(|dim| dim.iterator == *iterator).map(|dim| dim.loop_id) else {
            return Err(no_loop(iterator, of, dims));
        };
        if !(2..=LONGEST).contains(by) {
            let help = format!("2 to {LONGEST} values can be together");
            return Err(refused(format!("`{iterator}` cannot be stripped by {by}"), *span, "", help));
        }
        if all.iter().any(|known| known.loop_id == loop_id) {
            return Err(refused("a loop is stripped twice".into(), *span, "", "remove one".into()));
        }
        let strip = Strip { loop_id, by: *by };
        if poly::strip(&case.source, scop, std::slice::from_ref(&strip)).is_none() {
            let help = "a loop with a `step` cannot, nor one whose iterator stands in a value".into();
            return Err(refused(format!("`{iterator}` cannot be stripped"), *span, "", help));
        }
        all.push(strip);
    }
    Ok(Rewriting::Strip(all))
}

fn block(case: &Case, decided: &[Blocks]) -> Result<Rewriting, Failure> {
    let scop = &case.scop;
    let mut all: Vec<Block> = Vec::new();
    for Blocks { of, size, span } in decided {
        let statement = replay::statement(scop, of).map_err(|mistake| Failure::Schedule(vec![*mistake]))?;
        let nest = scop.statements[statement].nest;
        let found = if case.complete { Block::find(&case.source, scop, &case.dependences, nest)? } else { None };
        let Some(block) = found.map(|block| Block { size: *size, ..block }) else {
            let help = "two loops must be left along which nothing runs backwards, around statements that touch what they write in two ways";
            return Err(refused("this nest cannot run in blocks".into(), *span, "", help.into()));
        };
        if !(1..block.extent).contains(size) {
            let help = format!("with 1 to {} values there are two blocks or more", block.extent - 1);
            return Err(refused(format!("the nest has no two blocks of {size} values"), *span, "", help));
        }
        if all.iter().any(|other| other.nest == nest) {
            return Err(refused("a nest is cut into blocks twice".into(), *span, "", "remove one".into()));
        }
        all.push(block);
    }
    Ok(Rewriting::Block(all))
}

fn overlap(case: &Case, decided: &[Slabs]) -> Result<Rewriting, Failure> {
    let scop = &case.scop;
    let statement = |mention| replay::statement(scop, mention).map_err(|mistake| Failure::Schedule(vec![*mistake]));
    let mut all: Vec<Overlap> = Vec::new();
    for Slabs { first, last, iterator, of, rows, span } in decided {
        let nest = |statement: usize| scop.statements[statement].nest;
        let nests = nest(statement(first)?)..nest(statement(last)?) + 1;
        if nests.is_empty() {
            let message = format!("the nest of `{}` comes before that of `{}`", last.label, first.label);
            return Err(refused(message, *span, "", "name the first one first".into()));
        }
        let dims = &scop.statements[statement(of)?].dims;
        let Some(dim) = dims.iter().find(|dim| dim.iterator == *iterator) else {
            return Err(no_loop(iterator, of, dims));
        };
        let (least, most) = scop.range(dim.loop_id)?.unwrap_or((0, -1));
        let overlap = Overlap { nests, loop_id: dim.loop_id, range: (least, most + 1), rows: *rows };
        if !(1..=most - least).contains(rows) {
            let help = format!("with 1 to {} rows there are two slabs or more", most - least);
            return Err(refused(format!("`{iterator}` has no two slabs of {rows} rows"), *span, "", help));
        }
        let meets = |other: &Overlap| overlap.nests.start < other.nests.end && other.nests.start < overlap.nests.end;
        if all.iter().any(meets) {
            return Err(refused("a nest is in two of these".into(), *span, "", "let each nest be in one".into()));
        }
        let is_possible =
            case.complete && overlap.slabs(scop)?.is_some_and(|slabs| overlap.of(&case.source, scop, &slabs).is_some());
        if !is_possible {
            let message = format!("these nests cannot run in slabs of `{iterator}`");
            let help = "each row must need rows near it alone, in loops from number to number, and only temps of these nests may be computed twice";
            return Err(refused(message, *span, "", help.into()));
        }
        all.push(overlap);
    }
    Ok(Rewriting::Overlap(all))
}

fn merge(case: &Case, decided: &[Merged]) -> Result<Rewriting, Failure> {
    let scop = &case.scop;
    let all = if case.complete { poly::merges(scop, &case.dependences)? } else { Vec::new() };
    let name = |array: usize| &scop.arrays[array].name;
    let mut chosen: Vec<Merge> = Vec::new();
    for Merged { from, into, span } in decided {
        let is_meant = |merge: &&Merge| name(merge.from) == from && name(merge.into) == into;
        let Some(merge) = all.iter().find(is_meant).filter(|merge| !chosen.contains(merge)) else {
            let message = format!("`{from}` cannot share the memory of `{into}`");
            let help = match all.iter().map(|m| format!("`merge {} into {}`", name(m.from), name(m.into))).join(", ") {
                can if can.is_empty() => {
                    "only a temp of which nothing but the same elements of one array is made can".into()
                }
                can => format!("once each: {can}"),
            };
            return Err(refused(message, *span, "", help));
        };
        chosen.push(*merge);
    }
    Ok(Rewriting::Merge(chosen))
}

fn recompute(case: &Case, decided: &[Recomputed]) -> Result<Rewriting, Failure> {
    let scop = &case.scop;
    let mut all: Vec<Recompute> = Vec::new();
    for Recomputed { array, users, over, span } in decided {
        let number = scop.arrays.iter().position(|a| a.name == *array);
        let source = match number {
            Some(number) if case.complete => poly::source(scop, &case.dependences, number)?,
            _ => None,
        };
        let Some((number, source)) = number.zip(source) else {
            let help =
                "only a `temp` can be that one `=` fills, element by element, from what is not changed afterwards";
            return Err(refused(format!("`{array}` cannot be computed again"), *span, "", help.into()));
        };
        let read = |user: &decisions::User| {
            let statement = replay::statement(scop, &user.statement)?;
            Ok((statement, replay::accesses(scop, user, statement, number)?))
        };
        let read = |user| read(user).map_err(|mistake: Box<Diagnostic>| Failure::Schedule(vec![*mistake]));
        let users: Vec<(usize, Vec<usize>)> = users.iter().map(read).collect::<Result<_, _>>()?;
        let mut blocks = Vec::new();
        for (iterator, by) in over {
            let (mut least, mut end) = (i64::MAX, i64::MIN);
            for (user, _) in &users {
                let dims = &scop.statements[*user].dims;
                let Some(dim) = dims.iter().find(|dim| dim.iterator == *iterator) else {
                    let label = name(scop, *user);
                    let message = format!("no loop of `{iterator}` is around `{label}`");
                    let help =
                        format!("the loops around it are those of {}", dims.iter().map(|dim| &dim.iterator).join(", "));
                    return Err(refused(message, *span, "", help));
                };
                let (lo, hi) = scop.range(dim.loop_id)?.unwrap_or((0, 0));
                (least, end) = (least.min(lo), end.max(hi + 1));
            }
            if !(1..=end - least).contains(by) {
                let help = format!("1 to {} values can be together", end - least);
                return Err(refused(format!("`{iterator}` has no blocks of {by} values"), *span, "", help));
            }
            blocks.push(Over { iterator: iterator.clone(), by: *by, range: (least, end) });
        }
        let one = Recompute { array: number, source, users, over: blocks };
        let is_taken = |(user, accesses): &(usize, Vec<usize>)| {
            let taken =
                |(other, known): &(usize, Vec<usize>)| user == other && accesses.iter().any(|a| known.contains(a));
            all.iter().any(|other: &Recompute| other.users.iter().any(taken))
        };
        if one.users.iter().any(is_taken) {
            let message = format!("`{array}` is computed again twice for one access");
            return Err(refused(message, *span, "", "remove one".into()));
        }
        if poly::recompute(&case.source, scop, std::slice::from_ref(&one))?.is_none() {
            let message = format!("`{array}` cannot be computed again in these blocks");
            let help = "its users must stand in later nests, in loops without a `step` whose iterators are no values";
            return Err(refused(message, *span, "", help.into()));
        }
        all.push(one);
    }
    Ok(Rewriting::Recompute(all))
}

/// Carries out what decisions say for a program that is rewritten.
fn outcome(case: &Case, options: &Options, decisions: &Decisions, clock: &mut Clock) -> Result<Outcome, Failure> {
    let read = replay::schedule(&case.scop, decisions).map_err(Failure::Schedule)?;
    let reasoned = case.scop.ctx.budget(options.budget(&case.scop), || illegal(case, &read)).map_err(too_intricate)?;
    if let Some(mistake) = reasoned {
        return Err(Failure::Schedule(vec![mistake]));
    }
    let intricate = |stop: Stop| match stop {
        Stop::Failed(Failure::Fault(what)) => too_intricate(IslError(what)),
        Stop::Failed(failure) => failure,
        Stop::Refused(_) => too_intricate(IslError("Quota".into())),
    };
    let staging = case.staged(&read.schedule, options, clock).map_err(intricate)?;
    if staging.placement.arena_bytes > options.capacity_bytes {
        return Err(does_not_fit(case, options, &read, &staging));
    }
    let realised = case.emitted(&read.schedule, staging, options, clock).map_err(intricate)?;
    let Realised { staging, program, counts, ends } = realised;
    Ok(Outcome { decision: decision(&case.scop, read.schedule), staging, program, counts, ends })
}

fn decision(scop: &poly::Scop, schedule: Schedule) -> Decision {
    let nests = |paths: &[Path]| {
        let all = paths.iter().map(|path| scop.statements[path.statement].nest);
        all.fold((usize::MAX, 0), |(first, end), nest| (first.min(nest), end.max(nest + 1)))
    };
    let nests = schedule.groups.iter().map(|group| nests(&group.paths)).collect();
    Decision::unplanned(schedule, nests)
}

/// The paths of a group, their positions counted from the first at each place.
fn in_order(group: &Group) -> Vec<Path> {
    let position = |path: &Path, level: usize| {
        let beside = group.paths.iter().filter(|other| other.positions.get(..level) == path.positions.get(..level));
        let before = beside.filter_map(|other| other.positions.get(level)).filter(|at| **at < path.positions[level]);
        before.unique().count()
    };
    let of = |path: &Path| Path {
        positions: (0..path.positions.len()).map(|level| position(path, level)).collect(),
        ..path.clone()
    };
    group.paths.iter().map(of).sorted_by_key(|path| path.statement).collect()
}

/// Why a schedule would compute something else, if it would.
fn illegal(case: &Case, read: &Read) -> Result<Option<Diagnostic>, IslError> {
    let scop = &case.scop;
    let place = |statement: usize| read.statements[statement].unwrap_or_default();
    if !case.complete {
        let source = source_schedule(scop)?;
        let known = source.groups.iter().map(in_order).eq(read.schedule.groups.iter().map(in_order));
        let message = "the dependences of this program are too intricate to be known, so no other order than its own can be checked";
        let help = "`--effort` raises their budget; `opt` without `--schedule` keeps the order";
        let start = read.statements.iter().flatten().next().copied().unwrap_or_default();
        return Ok((!known).then(|| Diagnostic::error(message, start).help(help)));
    }
    if let Some(legality::Violation { from, to, witness }) = legality::violation(&case.dependences, &read.schedule)? {
        let (source, sink) = (&scop.statements[from], &scop.statements[to]);
        let (at, then) = witness.split_at(source.dims.len().min(witness.len()));
        let instance = |statement: usize, at: &[i64]| match scop.statements[statement].iterator_values(at) {
            values if values.is_empty() => format!("`{}`", name(scop, statement)),
            values => format!("`{}` at {}", name(scop, statement), values.join(", ")),
        };
        debug_assert_eq!(then.len(), sink.dims.len());
        let message = format!("{} must run after {}, and would run before it", instance(to, then), instance(from, at));
        let help = "let the one that is needed stand first; or let the other one run later in a loop (`(S1 at i + 1)`); or give their loops \
                    tiles of 1, or no loop in common";
        return Ok(Some(Diagnostic::error(message, place(to)).label("runs too early").help(help)));
    }
    let Some(coherence::Stale { array, from, to }) = coherence::stale(scop, &case.dependences, &read.schedule)? else {
        return Ok(None);
    };
    let (maker, needer) = (name(scop, from.0), name(scop, to.0));
    let message = format!(
        "`{needer}` would look for `{}` in DRAM before the buffer of `{maker}` is stored there",
        scop.arrays[array].name
    );
    let help = format!(
        "let one `keep` serve both, or keep the array in more loops, so that `{maker}` is done before `{needer}` starts"
    );
    Ok(Some(Diagnostic::error(message, read.keeps[to.1]).label("filled too early").help(help)))
}

/// The buffers at the tightest point, at the place of the largest.
fn does_not_fit(case: &Case, options: &Options, read: &Read, staging: &staging::Staging) -> Failure {
    let mut tightest = staging::tightest(&staging.buffers);
    tightest.sort_by_key(|buffer| std::cmp::Reverse(buffer.bytes()));
    let line = |b: &&staging::Buffer| {
        let users: Vec<String> = b.users.iter().map(|user| name(&case.scop, user.statement)).collect();
        format!("\n{:>12}  {} for {}", b.bytes(), case.scop.arrays[b.array].name, users.join(", "))
    };
    let table: String = tightest.iter().map(line).collect();
    let largest = tightest.first().and_then(|b| staging.buffers.iter().position(|other| std::ptr::eq(other, *b)));
    let span = largest.map_or(Span::default(), |n| read.keeps[n]);
    let message = format!(
        "the buffers of this schedule need {} bytes, the scratchpad has {}",
        staging.placement.arena_bytes, options.capacity_bytes
    );
    let help = format!("smaller tiles, or buffers in more loops, need less; at the tightest point live{table}");
    refused(message, span, "the largest of them", help)
}

/// The same decisions for a small program, with tiles that cut it; `None` where they cannot be applied to it.
fn small(case: &Case, options: &Options, decisions: &Decisions) -> Result<Option<Program>, Failure> {
    let mut decisions = decisions.clone();
    decisions.groups.iter_mut().for_each(|group| group.body.iter_mut().for_each(shrink));
    let options = Options { capacity_bytes: i64::MAX, ..options.clone() };
    match outcome(case, &options, &decisions, &mut Clock::start(report::Times::default())) {
        Ok(outcome) => Ok(Some(outcome.program)),
        Err(Failure::Schedule(_)) => Ok(None),
        Err(failure) => Err(failure),
    }
}

/// Tiles that cut loops of a few values, where they have more than one.
fn shrink(step: &mut Step) {
    if let Step::Tile(loops, body) = step {
        loops.iter_mut().for_each(|l| l.tile = l.tile.min(3));
        body.iter_mut().for_each(shrink);
    }
}
