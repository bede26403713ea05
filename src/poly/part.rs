//! How does a program read when parts of a nest that need not run together have loops of their own?
//!
//! Parts that do not wait for each other share nothing but what they read. What comes before or after a recurrence need not run with it
//! either: in one loop with it, it would run at the recurrence's pace, one iteration after the other, and what it reads again would pass by
//! each time. Where that is not enough, each statement is a part, but for those that wait for each other: what remains together by no need
//! bars the bands of either. The instances and their order in each part stay the same.
//!
//! Source: loop distribution as in Kennedy and Allen, "Automatic translation of Fortran programs to vector form", TOPLAS 9(4), 1987.
//! Differs: first only recurrences are taken out, what is left stays together.

use super::Dependences;
use super::scop::number;
use crate::isl::{Map, Result};
use crate::lang::ast::{For, Program, Stmt};
use crate::lang::decisions::Parts;
use std::collections::{BTreeMap, BTreeSet};

/// Pairs of statements, as in `Scop::statements`, of which the second waits for the first.
type Pairs = BTreeSet<(usize, usize)>;

/// Which statements wait for which, and what becomes a part.
#[derive(Clone)]
pub struct Waits {
    pairs: Pairs,
    pub parts: Parts,
}

/// The pairs of a program. What a recurrence sums to is written where the sum begins, and not before: apart from it, it would cross to DRAM.
/// Where each statement is a part, that goes for all sums.
///
/// # Errors
/// When isl's budget runs out.
pub fn waits(dependences: &Dependences, parts: Parts) -> Result<Waits> {
    let pair = |map: &Map| Some((number(&map.domain_name()?), number(&map.range_name()?)));
    let mut pairs: Pairs = dependences.order.maps()?.iter().filter_map(pair).collect();
    let recurs = |sum: usize| reached(&pairs, sum).contains(&sum);
    let starts = dependences.starts().filter(|&(_, sum)| parts == Parts::Statements || recurs(sum));
    let starts: Vec<(usize, usize)> = starts.collect();
    pairs.extend(starts.into_iter().map(|(start, sum)| (sum, start)));
    Ok(Waits { pairs, parts })
}

/// The statements that wait for one, directly or through others.
fn reached(waits: &Pairs, from: usize) -> BTreeSet<usize> {
    let (mut reached, mut open) = (BTreeSet::new(), vec![from]);
    while let Some(s) = open.pop() {
        open.extend(waits.range((s, 0)..(s + 1, 0)).map(|(_, b)| *b).filter(|b| reached.insert(*b)));
    }
    reached
}

/// The program with loops of their own for the parts of a loop's body that wait for no other part of it, and for recurrences; `None` where
/// there is no such loop.
pub fn part(program: &Program, waits: &Waits) -> Option<Program> {
    let (mut seen, mut is_changed) = (0, false);
    let mut body = Vec::new();
    for stmt in &program.body {
        let stages = stages(stmt, seen, waits);
        let mut parting = Parting { waits, stages, seen, is_changed };
        body.extend(parting.parts(stmt).into_iter().map(|part| part.stmt));
        (seen, is_changed) = (parting.seen, parting.is_changed);
    }
    is_changed.then(|| Program { body, ..program.clone() })
}

/// When each assignment of a nest can run, the first of which has the number `first`: at twice the number of recurrences before it, and one
/// later where it is part of one; or one later than what it waits for. All at once where a condition keeps some together that could not, or
/// innermost loops have all of one, whose bands nothing else bars.
fn stages(nest: &Stmt, first: usize, waits: &Waits) -> BTreeMap<usize, usize> {
    let all = first..first + assignments(nest);
    let own: Pairs = waits.pairs.iter().copied().filter(|(a, b)| all.contains(a) && all.contains(b)).collect();
    let after: BTreeMap<usize, BTreeSet<usize>> = all.clone().map(|s| (s, reached(&own, s))).collect();
    let recurs = |s: usize| after[&s].contains(&s);
    let mut stages: BTreeMap<usize, usize> = all.clone().map(|s| (s, usize::from(recurs(s)))).collect();
    let mut is_settled = false;
    while !is_settled {
        is_settled = true;
        for &(a, b) in &own {
            let is_same = a == b || after[&b].contains(&a);
            let least = match waits.parts {
                Parts::Statements => stages[&a] + usize::from(!is_same),
                Parts::Recurrences => {
                    let least = stages[&a] + usize::from(recurs(a) && !is_same);
                    least + usize::from(recurs(b) && least.is_multiple_of(2))
                }
            };
            if stages[&b] < least {
                stages.insert(b, least);
                is_settled = false;
            }
        }
    }
    let mut seen = first;
    let mut innermost = BTreeSet::new();
    let can_part = keeps(nest, &mut seen, &stages, &mut innermost);
    match can_part && (waits.parts == Parts::Recurrences || innermost.len() > 1) {
        true => stages,
        false => all.map(|s| (s, 0)).collect(),
    }
}

/// Whether assignments under one condition have one stage; `seen` counts assignments as `Scop::statements` does, and `innermost` gathers the
/// stages of what innermost loops run.
fn keeps(stmt: &Stmt, seen: &mut usize, stages: &BTreeMap<usize, usize>, innermost: &mut BTreeSet<usize>) -> bool {
    match stmt {
        Stmt::For(f) => {
            if !f.body.iter().any(has_loop) {
                innermost.extend((*seen..*seen + assignments(stmt)).map(|s| stages[&s]));
            }
            f.body.iter().all(|stmt| keeps(stmt, seen, stages, innermost))
        }
        _ => {
            let first = *seen;
            *seen += assignments(stmt);
            (first..*seen).all(|s| stages[&s] == stages[&first])
        }
    }
}

/// A nest on the way to its parts.
struct Parting<'a> {
    waits: &'a Waits,
    stages: BTreeMap<usize, usize>,
    /// Assignments so far, as `Scop::statements` counts them.
    seen: usize,
    is_changed: bool,
}

/// Statements that run together, and the numbers of their assignments, which are of one stage.
struct Part {
    stmt: Stmt,
    numbers: Vec<usize>,
}

/// Statements of a loop's body that stay together, each with its place in the body.
struct Together {
    stmts: Vec<(usize, Stmt)>,
    numbers: Vec<usize>,
}

impl Parting<'_> {
    /// A statement's parts, in an order in which they can run.
    fn parts(&mut self, stmt: &Stmt) -> Vec<Part> {
        let Stmt::For(f) = stmt else {
            let first = self.seen;
            self.seen += assignments(stmt);
            return vec![Part { stmt: stmt.clone(), numbers: (first..self.seen).collect() }];
        };
        let mut all: Vec<Together> = Vec::new();
        for (place, part) in
            f.body.iter().flat_map(|child| self.parts(child)).collect::<Vec<_>>().into_iter().enumerate()
        {
            let (met, apart): (Vec<_>, Vec<_>) =
                all.into_iter().partition(|other| self.meet(&part.numbers, &other.numbers));
            let mut together = Together { stmts: vec![(place, part.stmt)], numbers: part.numbers };
            for other in met {
                together.stmts.extend(other.stmts);
                together.numbers.extend(other.numbers);
            }
            all = apart;
            all.push(together);
        }
        all.iter_mut().for_each(|together| together.stmts.sort_by_key(|(place, _)| *place));
        all.sort_by_key(|together| (self.stage(&together.numbers), together.stmts[0].0));
        self.is_changed |= all.len() > 1;
        let whole = |Together { stmts, numbers }| {
            let body = stmts.into_iter().map(|(_, stmt)| stmt).collect();
            Part { stmt: Stmt::For(For { body, ..f.clone() }), numbers }
        };
        all.into_iter().map(whole).collect()
    }

    fn stage(&self, numbers: &[usize]) -> usize {
        numbers.first().map_or(0, |first| self.stages[first])
    }

    /// Whether two parts of one stage wait for each other.
    fn meet(&self, own: &[usize], other: &[usize]) -> bool {
        let mut pairs = own.iter().flat_map(|&a| other.iter().map(move |&b| (a, b)));
        self.stage(own) == self.stage(other)
            && pairs.any(|(a, b)| self.waits.pairs.contains(&(a, b)) || self.waits.pairs.contains(&(b, a)))
    }
}

fn has_loop(stmt: &Stmt) -> bool {
    match stmt {
        Stmt::For(_) => true,
        Stmt::If(branch) => branch.then.iter().chain(&branch.orelse).any(has_loop),
        Stmt::Assign(_) | Stmt::Transfer(_) => false,
    }
}

fn assignments(stmt: &Stmt) -> usize {
    match stmt {
        Stmt::For(f) => f.body.iter().map(assignments).sum(),
        Stmt::If(branch) => branch.then.iter().chain(&branch.orelse).map(assignments).sum(),
        Stmt::Assign(_) => 1,
        Stmt::Transfer(_) => 0,
    }
}
