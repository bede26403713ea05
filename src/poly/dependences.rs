//! Which instance must run after which, and which value does each read get?
//!
//! Instances of one `op=` on one element may run in any order, so its writes are definite for nobody's reads but are all
//! seen by the next reader (isl's may-sources), and pairs of one `op=` with itself through its target are told apart.
//! That keeps every other edge complete: the initialisation precedes all instances of a reduction, a reader follows all.
//! Two statements that add to one element run in the order of the text where they meet, but the second need not wait for
//! the first again from one iteration to the next: all of one may run before all of the other.
//!
//! Source: Feautrier, "Dataflow analysis of array and scalar references", IJPP 20(1), 1991; reductions as in Doerfert,
//! Streit, Hack, Benaissa, "Polly's polyhedral scheduling in the presence of reductions", IMPACT 2015.

use super::alike::Alike;
use super::scop::{Access, Scop, number};
use crate::isl::{Context, Flow, IslError, Map, Result, UnionMap};
use itertools::Itertools;
use std::collections::BTreeMap;

/// In which order the instances of one `op=` on one element may run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reductions {
    /// In any: the value differs by rounding at most.
    Free,
    /// In the source's, so that every bit of the value stays.
    Ordered,
}

/// All relations go from the earlier instance to the later one.
pub struct Dependences {
    /// From a write to the reads of its value, with the element. `{ S[s] -> [T[t] -> A[a]] }`
    pub flow: UnionMap,
    /// From one instance of a reduction to another on the same element, in source order. `{ S[s] -> [S[t] -> A[a]] }`
    pub reduction: UnionMap,
    /// Those pairs of `flow` that two statements combine by `op=` of one kind. `{ S[s] -> [T[t] -> A[a]] }`
    pub combined: UnionMap,
    /// What any order of execution must keep: anti, output and flow, of what is combined that from a statement to later ones of the text.
    /// `{ S[s] -> T[t] }`
    pub order: UnionMap,
    /// Those pairs of `order` that must be kept too where statements that combine values may change places. `{ S[s] -> T[t] }`
    pub binding: UnionMap,
    /// From a read to the next write. `{ S[s] -> T[t] }`
    pub anti: UnionMap,
    /// From a write to the next write. `{ S[s] -> T[t] }`
    pub output: UnionMap,
    /// Reads of values from before the program. `{ S[s] -> A[a] }`
    pub live_in: UnionMap,
    /// Writes whose value may stand at the end in an `output` or `inout`. `{ S[s] -> A[a] }`
    pub live_out: UnionMap,
    by_statement: ByStatement,
}

/// The same relations, found by statements and array.
struct ByStatement {
    /// `{ [S[s] -> T[t]] -> A[a] }`
    flow: BTreeMap<(usize, usize, usize), Map>,
    /// By arrays, the pairs of statements in `flow`.
    through: BTreeMap<usize, Vec<(usize, usize)>>,
    /// `{ [S[s] -> S[t]] -> A[a] }`
    reduction: BTreeMap<(usize, usize), Map>,
    /// `{ [S[s] -> T[t]] -> A[a] }`
    free: BTreeMap<(usize, usize, usize), Map>,
    /// `{ S[s] -> A[a] }`
    live_out: BTreeMap<(usize, usize), Map>,
}

impl ByStatement {
    fn of(flow: &UnionMap, reduction: &UnionMap, combined: &UnionMap, live_out: &UnionMap) -> Result<ByStatement> {
        let triple = |map: &Map| -> Result<Option<(usize, usize, usize)>> {
            let sink = map.range()?.unwrap()?;
            let names = (map.domain_name(), sink.domain_name(), sink.range_name());
            Ok(match names {
                (Some(s), Some(t), Some(a)) => Some((number(&s), number(&t), number(&a))),
                _ => None,
            })
        };
        let mut found = ByStatement {
            flow: BTreeMap::new(),
            through: BTreeMap::new(),
            reduction: BTreeMap::new(),
            free: BTreeMap::new(),
            live_out: BTreeMap::new(),
        };
        let free = forwards(combined)?.1;
        for (from, to) in [(flow, &mut found.flow), (&free, &mut found.free)] {
            for map in from.maps()? {
                if let Some(key) = triple(&map)? {
                    to.insert(key, map.uncurry()?.coalesce()?);
                }
            }
        }
        for &(source, sink, array) in found.flow.keys() {
            found.through.entry(array).or_default().push((source, sink));
        }
        for map in reduction.maps()? {
            if let Some((s, _, a)) = triple(&map)? {
                found.reduction.insert((s, a), map.uncurry()?.coalesce()?);
            }
        }
        for map in live_out.maps()? {
            if let (Some(s), Some(a)) = (map.domain_name(), map.range_name()) {
                found.live_out.insert((number(&s), number(&a)), map);
            }
        }
        Ok(found)
    }
}

impl Dependences {
    /// What is assumed when nothing is known: every write is needed and every read comes from outside. Right for programs
    /// that run in source order, each instance staged by itself.
    ///
    /// # Errors
    /// When isl refuses a relation.
    pub fn unknown(scop: &Scop) -> Result<Dependences> {
        let sides = Sides::of(scop, None, Reductions::Free)?;
        let live_in = sides.reads.iter().try_fold(sides.reduction_writes.clone(), |all, reads| all.union(reads))?;
        let live_out = sides.writes.union(&sides.reduction_writes)?;
        Dependences::of(Relations { live_in, live_out, ..Relations::none(&scop.ctx)? })
    }

    pub(super) fn of(relations: Relations) -> Result<Dependences> {
        let Relations { flow, reduction, combined, order, binding, anti, output, live_in, live_out } = relations;
        let by_statement = ByStatement::of(&flow, &reduction, &combined, &live_out)?;
        Ok(Dependences { flow, reduction, combined, order, binding, anti, output, live_in, live_out, by_statement })
    }

    /// Values of an array that one statement makes and another reads. `{ [S[s] -> T[t]] -> A[a] }`
    pub fn flow_between(&self, source: usize, sink: usize, array: usize) -> Option<&Map> {
        self.by_statement.flow.get(&(source, sink, array))
    }

    /// The statements that read values of a statement, and the values. `{ [S[s] -> T[t]] -> A[a] }`
    pub fn readers(&self, source: usize) -> impl Iterator<Item = (usize, &Map)> {
        let all = self.by_statement.flow.range((source, 0, 0)..(source.saturating_add(1), 0, 0));
        all.map(|(&(_, sink, _), map)| (sink, map))
    }

    /// What must be kept, `{ S[s] -> T[t] }`, and which values pass, `{ S[s] -> [T[t] -> A[a]] }`: enough to decide, not to stage.
    ///
    /// # Errors
    /// When isl's budget runs out.
    pub fn of_pairs(ctx: &Context, order: &[Map], flow: &[Map]) -> Result<Dependences> {
        let all = |maps: &[Map]| {
            let none = ctx.empty_union_map()?;
            maps.iter().try_fold(none, |all, map| all.union(&map.to_union_map()?))
        };
        Dependences::of(Relations {
            order: all(order)?,
            binding: all(order)?,
            flow: all(flow)?,
            ..Relations::none(ctx)?
        })
    }

    /// The pairs of statements of which one makes values of an array that the other reads.
    pub fn through(&self, array: usize) -> impl Iterator<Item = (usize, usize)> {
        self.by_statement.through.get(&array).into_iter().flatten().copied()
    }

    /// The statements that write what reductions combine with, each with the first reduction in the text that does.
    pub fn starts(&self) -> impl Iterator<Item = (usize, usize)> {
        let reduces = |s: usize, array: usize| self.by_statement.reduction.contains_key(&(s, array));
        let pairs = self.by_statement.flow.keys().filter(move |&&(s, t, a)| s < t && !reduces(s, a) && reduces(t, a));
        pairs.map(|&(s, t, _)| (s, t)).dedup_by(|a, b| a.0 == b.0)
    }

    /// Pairs of a reduction's instances on one element, in source order. `{ [S[s] -> S[t]] -> A[a] }`
    pub fn reduction_of(&self, statement: usize, array: usize) -> Option<&Map> {
        self.by_statement.reduction.get(&(statement, array))
    }

    /// Those values that pass from one `op=` to another where either may run first. `{ [S[s] -> T[t]] -> A[a] }`
    pub fn free_between(&self, source: usize, sink: usize, array: usize) -> Option<&Map> {
        self.by_statement.free.get(&(source, sink, array))
    }

    /// A statement's writes that may stand at the end. `{ S[s] -> A[a] }`
    pub fn live_out_of(&self, statement: usize, array: usize) -> Option<&Map> {
        self.by_statement.live_out.get(&(statement, array))
    }
}

/// Each question to isl may take so many operations: what it takes grows with an array's accesses, not with the program.
///
/// # Errors
/// When isl's budget runs out.
pub fn dependences(scop: &Scop, reductions: Reductions, operations: u64) -> Result<Dependences> {
    let mut all = Relations::none(&scop.ctx)?;
    let mut alike = Alike::default();
    let is_touched = |array: &usize| scop.statements.iter().any(|s| s.touches(*array));
    for array in (0..scop.arrays.len()).filter(is_touched) {
        let find = || of_array(scop, array, reductions, operations);
        all = all.union(&scop.ctx.budget(operations, || alike.through(scop, array, reductions, find))?)?;
    }
    let order = match scop.ctx.budget(operations, || all.order.coalesce()) {
        Err(error) if error.is_quota() => all.order,
        coalesced => coalesced?,
    };
    Dependences::of(Relations { order, ..all })
}

/// What passes through one array, or several: as in [`Dependences`].
#[derive(Clone)]
pub(super) struct Relations {
    pub flow: UnionMap,
    pub reduction: UnionMap,
    pub combined: UnionMap,
    pub order: UnionMap,
    pub binding: UnionMap,
    pub anti: UnionMap,
    pub output: UnionMap,
    pub live_in: UnionMap,
    pub live_out: UnionMap,
}

impl Relations {
    /// Those without pairs.
    fn none(ctx: &Context) -> Result<Relations> {
        let none = ctx.empty_union_map()?;
        Ok(Relations {
            flow: none.clone(),
            reduction: none.clone(),
            combined: none.clone(),
            order: none.clone(),
            binding: none.clone(),
            anti: none.clone(),
            output: none.clone(),
            live_in: none.clone(),
            live_out: none,
        })
    }

    fn union(&self, other: &Relations) -> Result<Relations> {
        Ok(Relations {
            flow: self.flow.union(&other.flow)?,
            reduction: self.reduction.union(&other.reduction)?,
            combined: self.combined.union(&other.combined)?,
            order: self.order.union(&other.order)?,
            binding: self.binding.union(&other.binding)?,
            anti: self.anti.union(&other.anti)?,
            output: self.output.union(&other.output)?,
            live_in: self.live_in.union(&other.live_in)?,
            live_out: self.live_out.union(&other.live_out)?,
        })
    }
}

pub(super) fn of_array(scop: &Scop, array: usize, reductions: Reductions, operations: u64) -> Result<Relations> {
    let flow = |sink: &UnionMap, must: &UnionMap, may: &UnionMap, dates: &UnionMap| {
        scop.ctx.budget(operations, || flow(sink, must, may, dates))
    };
    let sides = Sides::of(scop, Some(array), reductions)?;
    let users: Vec<usize> = (0..scop.statements.len()).filter(|&s| scop.statements[s].touches(array)).collect();
    let dates = &scop.dates_for_flow(&users)?;
    // Each read waits for its own writes, whatever else is read, and isl's work grows faster than with the number of reads.
    let mut plain = Flow { pairs: scop.ctx.empty_union_map()?, no_source: scop.ctx.empty_union_map()? };
    for reads in &sides.reads {
        let Flow { pairs, no_source } = flow(reads, &sides.writes, &sides.reduction_writes, dates)?;
        plain = Flow { pairs: plain.pairs.union(&pairs)?, no_source: plain.no_source.union(&no_source)? };
    }
    // An `op=` reads what it writes: its flow, output and anti dependences are the same pairs.
    let updates = flow(&sides.reduction_writes, &sides.writes, &sides.reduction_writes, dates)?;
    let (others, reduction) = split(&updates.pairs, |s, t| s != t)?;
    let (combined, fixed) = split(&others, |s, t| scop.statements[s].commutes_with(&scop.statements[t]))?;
    // What the value of an `op=` reads of its target's array waits for all before.
    let combined = combined.subtract(&plain.pairs)?;
    let tied = forwards(&combined)?.0;
    let overwritten = flow(&sides.writes, &sides.writes, &sides.reduction_writes, dates)?.pairs;
    let all_writes = sides.writes.union(&sides.reduction_writes)?;
    let mut anti = scop.ctx.empty_union_map()?;
    for reads in &sides.reads {
        let found = scop.ctx.budget(operations, || self::anti(&all_writes, reads, &sides.writes, dates))?;
        anti = anti.union(&found)?;
    }
    let live_in = plain.no_source.union(&updates.no_source)?;
    let live_out = scop.ctx.budget(operations, || live_out(scop, array, &sides, dates))?;
    // Flow, output, anti, and all of them, with what two updates of an element hand on.
    let with = |updates: &UnionMap| -> Result<[UnionMap; 4]> {
        let (flow, output) = (plain.pairs.union(updates)?, overwritten.union(updates)?);
        let anti = instances(&from_updates(scop, &output)?.union(&anti)?)?;
        let output = instances(&output)?;
        let all = instances(&flow)?.union(&output)?.union(&anti)?;
        Ok([flow, output, anti, all])
    };
    let [kept, output, anti, order] = with(&fixed.union(&tied)?)?;
    let binding = if tied.is_empty()? { order.clone() } else { with(&fixed)?[3].clone() };
    let flow = kept.union(&combined)?;
    Ok(Relations { flow, reduction, combined, order, binding, anti, output, live_in, live_out })
}

/// For each instance of `sink` the last of `must` before it and all of `may` between the two.
///
/// # Errors
/// When isl's budget runs out, and when it names no write before a read that one precedes: among quotients it can lose writes.
fn flow(sink: &UnionMap, must: &UnionMap, may: &UnionMap, dates: &UnionMap) -> Result<Flow> {
    let found = crate::isl::flow(sink, must, may, dates)?;
    if !must.has_quotients()? && !sink.has_quotients()? {
        return Ok(found);
    }
    let unnamed = sink.subtract(&found.pairs.range()?.unwrap()?)?.union(&found.no_source)?;
    let writers = must.apply_range(&unnamed.reverse()?)?;
    match writers.intersect(&dates.lex_lt_union_map(dates)?)?.is_empty()? {
        true => Ok(found),
        false => Err(IslError("the last write before a read is lost".into())),
    }
}

/// Pairs whose source is an `op=`, which reads before it writes.
fn from_updates(scop: &Scop, pairs: &UnionMap) -> Result<UnionMap> {
    let mut result = pairs.context().empty_union_map()?;
    for map in pairs.maps()? {
        let source = map.domain_name().and_then(|name| scop.statements.get(number(&name)));
        if source.is_some_and(|s| s.is_reduction()) {
            result = result.union(&map.to_union_map()?)?;
        }
    }
    Ok(result)
}

/// The accesses of a program, by what they do. `{ S[i] -> A[a] }`
struct Sides {
    /// Reads but those of an `op=` of its target: of each statement the first, the second ..
    reads: Vec<UnionMap>,
    /// Definite writes: by `=`.
    writes: UnionMap,
    reduction_writes: UnionMap,
}

impl Sides {
    /// Those to one array, or to all.
    fn of(scop: &Scop, array: Option<usize>, reductions: Reductions) -> Result<Sides> {
        let empty = scop.ctx.empty_union_map()?;
        let mut sides = Sides { reads: Vec::new(), writes: empty.clone(), reduction_writes: empty.clone() };
        let wanted = |access: &&Access| array.is_none_or(|array| access.array == array);
        for statement in &scop.statements {
            let mut reads = 0;
            for access in statement.accesses.iter().filter(wanted) {
                // isl loses last writes where it has not seen which points there are.
                let relation = access.relation.coalesce()?.detect_equalities()?.to_union_map()?;
                let updates = access.reads && access.writes && reductions == Reductions::Free;
                if updates {
                    sides.reduction_writes = sides.reduction_writes.union(&relation)?;
                    continue;
                }
                if access.reads {
                    if reads == sides.reads.len() {
                        sides.reads.push(empty.clone());
                    }
                    sides.reads[reads] = sides.reads[reads].union(&relation)?;
                    reads += 1;
                }
                if access.writes {
                    sides.writes = sides.writes.union(&relation)?;
                }
            }
        }
        Ok(sides)
    }
}

/// From each read to the writes of its element up to the next definite one. `{ S[s] -> [T[t] -> A[a]] }`
///
/// The reads stand in the question as instances of their own, so that the answer tells them from the writes that end them.
fn anti(sink: &UnionMap, reads: &UnionMap, writes: &UnionMap, dates: &UnionMap) -> Result<UnionMap> {
    let readers = renamed(reads, 'R')?;
    let dates = dates.union(&renamed(dates, 'R')?)?;
    let pairs = flow(sink, writes, &readers, &dates)?.pairs;
    let mut result = sink.context().empty_union_map()?;
    for map in pairs.maps()? {
        if map.domain_name().is_some_and(|name| name.starts_with('R')) {
            result = result.union(&map.to_union_map()?)?;
        }
    }
    renamed(&result, 'S')
}

/// The same relations with the first letter of their domains' names changed.
fn renamed(map: &UnionMap, letter: char) -> Result<UnionMap> {
    let mut result = map.context().empty_union_map()?;
    for map in map.maps()? {
        let name = map.domain_name().unwrap_or_default();
        let name = format!("{letter}{}", name.get(1..).unwrap_or_default());
        result = result.union(&map.named_domain(&name)?.to_union_map()?)?;
    }
    Ok(result)
}

/// Pairs of statements (by number, from the earlier instance to the later) that pass a test, and the others.
fn split(pairs: &UnionMap, test: impl Fn(usize, usize) -> bool) -> Result<(UnionMap, UnionMap)> {
    let mut passed = pairs.context().empty_union_map()?;
    let mut others = passed.clone();
    for map in pairs.maps()? {
        let statements = map.domain_name().zip(sink_name(&map)?);
        let passes = statements.is_some_and(|(s, t)| test(number(&s), number(&t)));
        let side = if passes { &mut passed } else { &mut others };
        *side = side.union(&map.to_union_map()?)?;
    }
    Ok((passed, others))
}

/// Pairs whose source stands before the sink in the text, and the others.
pub(super) fn forwards(pairs: &UnionMap) -> Result<(UnionMap, UnionMap)> {
    split(pairs, |s, t| s < t)
}

/// The name of `T` in `{ S[s] -> [T[t] -> A[a]] }`.
fn sink_name(map: &Map) -> Result<Option<String>> {
    Ok(map.range()?.unwrap()?.domain_name())
}

/// `{ S[s] -> [T[t] -> A[a]] }` without the element.
pub fn instances(pairs: &UnionMap) -> Result<UnionMap> {
    let mut result = pairs.context().empty_union_map()?;
    for map in pairs.maps()? {
        let sink = map.range()?.unwrap()?.domain_map()?;
        result = result.union(&map.apply_range(&sink)?.to_union_map()?)?;
    }
    Ok(result)
}

/// Writes to an array that a reader of everything at the end of the program would see.
fn live_out(scop: &Scop, array: usize, sides: &Sides, dates: &UnionMap) -> Result<UnionMap> {
    use crate::lang::ast::Role;
    let mut result = scop.ctx.empty_union_map()?;
    if !matches!(scop.arrays[array].role, Role::Output | Role::Inout) {
        return Ok(result);
    }
    let extents = &scop.arrays[array].extents;
    let dims: Vec<String> = (0..extents.len()).map(|d| format!("a{d}")).collect();
    let bounds: Vec<String> = dims.iter().zip(extents).map(|(a, e)| format!("0 <= {a} < {e}")).collect();
    let colon = if bounds.is_empty() { "" } else { " : " };
    let end = format!("{{ End[] -> A{array}[{}]{colon}{} }}", dims.join(","), bounds.join(" and "));
    let end = scop.ctx.union_map(&end)?;
    let depth = dates.maps()?.first().map_or(Ok(1), |m| m.n_out())?;
    let last = scop.statements.iter().map(|s| s.positions[0] + 1).max().unwrap_or(0);
    let mut date = vec!["0".to_string(); depth];
    date[0] = last.to_string();
    let dates = dates.union(&scop.ctx.union_map(&format!("{{ End[] -> [{}] }}", date.join(",")))?)?;
    let pairs = flow(&end, &sides.writes, &sides.reduction_writes, &dates)?.pairs;
    for map in pairs.maps()? {
        let element = map.range()?.unwrap()?.range_map()?;
        result = result.union(&map.apply_range(&element)?.to_union_map()?)?;
    }
    result.coalesce()
}

/// The statements of a pair in `{ S[s] -> T[t] }`.
pub fn pair(map: &Map) -> Option<(usize, usize)> {
    Some((number(&map.domain_name()?), number(&map.range_name()?)))
}
