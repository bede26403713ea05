//! Which dependences has a program that runs the same instances in another order?
//!
//! Those of the program that it was made of, between the instances under their new names. Finding them anew takes isl many times longer
//! where a nest was cut into many cases. Only pairs of instances that combine their values turn with the order, and tie together the
//! statements that a reduction has become.

use super::dependences::{Dependences, Relations, forwards, instances};
use super::scop::{Dim, Scop, Statement};
use crate::isl::{Result, UnionMap};
use crate::lang::ast::{Affine, Assign, Name};
use itertools::Itertools;
use std::collections::BTreeMap;

/// Which instance of a program is which of a rewritten one.
#[derive(Debug)]
pub enum Names {
    /// The one with the same values of the same iterators.
    Kept,
    /// The same, but that the iterators of some loops, by `Dim::loop_id`, count from the start of a strip, with so many values in each; the
    /// next loop around counts the strips.
    InStrips(BTreeMap<usize, i64>),
    /// For each new statement the one that it was, and its iterators then by those of now.
    Given(Vec<Origin>),
}

/// A statement, and its iterators by others.
pub type Origin = (usize, Vec<Affine>);

impl Dependences {
    /// The dependences of a program that runs each instance of another one once, in an order that keeps what must be kept.
    ///
    /// `None` where it is not seen which instance is which.
    ///
    /// # Errors
    /// When isl's budget runs out.
    pub fn carried(&self, from: &Scop, to: &Scop, names: &Names) -> Result<Option<Dependences>> {
        let Some(of_statements) = new_names(from, to, names)? else { return Ok(None) };
        let (mut names, mut with_element) = (from.ctx.empty_union_map()?, from.ctx.empty_union_map()?);
        for (of_statement, statement) in of_statements.iter().zip(&to.statements) {
            names = names.union(of_statement)?;
            // A statement has dependences through what it touches, not through all arrays.
            with_element = with_element.union(&of_statement.product(&elements(to, statement)?)?)?;
        }
        let pairs = |map: &UnionMap| filled(&map.apply_domain(&names)?.apply_range(&names)?);
        let with_elements = |map: &UnionMap| filled(&map.apply_domain(&names)?.apply_range(&with_element)?);
        let sides = |map: &UnionMap| filled(&map.apply_domain(&names)?);
        let commuting = self.reduction.union(&self.combined)?;
        let commuting = pairs(&instances(&commuting)?)?;
        let (reduction, combined) = turned(to, &commuting)?;
        let live_in = begun(to, &sides(&self.live_in)?, &commuting, &reduction.union(&combined)?)?;
        let tied = instances(&forwards(&combined)?.0)?;
        let joined = |map: &UnionMap| map.union(&tied);
        // What is combined is tied in the order of now.
        let binding = pairs(&self.binding)?;
        let bound = |map: &UnionMap| joined(&pairs(&map.intersect(&self.binding)?)?);
        Ok(Some(Dependences::of(Relations {
            flow: with_elements(&self.flow.subtract(&self.combined)?)?.union(&combined)?,
            reduction,
            combined,
            order: joined(&binding)?.coalesce()?,
            anti: bound(&self.anti)?,
            output: bound(&self.output)?,
            binding,
            live_in,
            live_out: sides(&self.live_out)?,
        })?))
    }
}

/// For each new statement from the instances that it was to those that they have become. `{ S[s] -> T[t] }`
fn new_names(from: &Scop, to: &Scop, known: &Names) -> Result<Option<Vec<UnionMap>>> {
    let mut all = Vec::new();
    for (t, statement) in to.statements.iter().enumerate() {
        let mut names = from.ctx.empty_union_map()?;
        let mut left = statement.domain.clone();
        for (s, source) in from.statements.iter().enumerate() {
            if !is_same(&source.assign, &statement.assign) {
                continue;
            }
            let values = match known {
                Names::Kept => values(source, statement, &BTreeMap::new()),
                // Values count from zero again in each strip, and do not tell two parts of a loop apart that was split before; but strips
                // leave each statement in its place.
                Names::InStrips(_) if s != t => continue,
                Names::InStrips(strips) => values(source, statement, strips),
                Names::Given(origins) => match origins.get(t) {
                    Some((origin, _)) if *origin != s => continue,
                    origin => origin.map(|(_, values)| values.iter().map(|value| numbered(value, statement)).collect()),
                },
            };
            let Some(values) = values else { return Ok(None) };
            let dims: Vec<String> = (0..statement.dims.len()).map(|k| format!("i{k}")).collect();
            let text = format!("{{ S{t}[{}] -> S{s}[{}] }}", dims.join(","), values.join(","));
            let was = from.ctx.map(&text)?.intersect_domain(&left)?.intersect_range(&source.domain)?;
            if !was.is_empty()? {
                left = left.subtract(&was.domain()?)?;
                names = names.union(&was.reverse()?.to_union_map()?)?;
            }
        }
        if !left.is_empty()? {
            return Ok(None);
        }
        all.push(names);
    }
    Ok(Some(all))
}

/// Whether two assignments were one in the text.
fn is_same(a: &Assign, b: &Assign) -> bool {
    // Spans are equal to each other wherever they are.
    a.target.array == b.target.array && (a.span.start, a.span.end) == (b.span.start, b.span.end)
}

/// The iterators of a statement, from those of what it has become.
fn values(source: &Statement, statement: &Statement, strips: &BTreeMap<usize, i64>) -> Option<Vec<String>> {
    let value = |dim: &Dim| {
        let at =
            statement.dims.iter().position(|other| other.iterator == dim.iterator && other.stepped == dim.stepped)?;
        Some(match strips.get(&dim.loop_id) {
            Some(size) => format!("{size}*i{} + i{at}", at.checked_sub(1)?),
            None => format!("i{at}"),
        })
    };
    source.dims.iter().map(value).collect()
}

/// An expression over the iterators of a statement in isl's notation.
fn numbered(value: &Affine, statement: &Statement) -> String {
    let number = |name: &Name| {
        let at = statement.dims.iter().position(|dim| dim.iterator == *name)?;
        Some(Affine::name(&format!("i{at}").into()))
    };
    value.replaced(&number).to_string()
}

/// Each element of the arrays that a statement touches. `{ A[a] -> A[a] }`
fn elements(scop: &Scop, statement: &Statement) -> Result<UnionMap> {
    let of = |n: usize| {
        let dims: Vec<String> = (0..scop.arrays[n].extents.len()).map(|d| format!("a{d}")).collect();
        format!("A{n}[{0}] -> A{n}[{0}]", dims.join(","))
    };
    let arrays = statement.accesses.iter().map(|access| access.array).unique();
    scop.ctx.union_map(&format!("{{ {} }}", arrays.map(of).join("; ")))
}

/// The same pairs without relations that are empty, in few pieces.
fn filled(map: &UnionMap) -> Result<UnionMap> {
    let mut result = map.context().empty_union_map()?;
    for map in map.maps()? {
        if !map.is_empty()? {
            result = result.union(&map.detect_equalities()?.coalesce()?.to_union_map()?)?;
        }
    }
    Ok(result)
}

/// Reads of values from before the program, where those of one element that commute have changed places: the first of them reads it.
fn begun(scop: &Scop, live_in: &UnionMap, commuting: &UnionMap, turned: &UnionMap) -> Result<UnionMap> {
    let mut targets = scop.ctx.empty_union_map()?;
    for statement in scop.statements.iter().filter(|statement| statement.is_reduction()) {
        targets = targets.union(&statement.accesses[0].relation.to_union_map()?)?;
    }
    let either = commuting.union(&commuting.reverse()?)?;
    let own = live_in.intersect(&targets)?.intersect_domain(&either.domain()?)?;
    if own.is_empty()? {
        return Ok(live_in.clone());
    }
    let others = either.apply_range(&own)?.intersect(&targets)?;
    let later = turned.range()?.unwrap()?;
    filled(&live_in.subtract(&own)?.union(&own.union(&others)?.subtract(&later)?)?)
}

/// Pairs of a reduction's instances in the order in which they run now: those of one statement, and those of two, with their elements.
fn turned(scop: &Scop, pairs: &UnionMap) -> Result<(UnionMap, UnionMap)> {
    let none = scop.ctx.empty_union_map()?;
    let (mut own, mut tied) = (none.clone(), none);
    for map in pairs.union(&pairs.reverse()?)?.maps()? {
        let Some((s, t)) = super::pair(&map) else { continue };
        let dates = scop.dates(&if s == t { vec![s] } else { vec![s, t] })?;
        let ordered = map.to_union_map()?.intersect(&dates.lex_lt_union_map(&dates)?)?;
        let target = scop.statements[s].accesses[0].relation.to_union_map()?;
        let with_elements = filled(&ordered.range_product(&target)?)?;
        let side = if s == t { &mut own } else { &mut tied };
        *side = side.union(&with_elements)?;
    }
    Ok((own, tied))
}
