//! How does a nest read in blocks?

use super::case::{Case, Hoisted, Part};
use super::{Block, Turn};
use crate::isl::Result;
use crate::lang::ast::{Affine, For, Name, Program, Range, Span, Stmt};
use crate::poly::carried::{Names, Origin};
use crate::poly::expand::fresh;
use crate::poly::scop::{Scop, Statement};
use itertools::Itertools;
use std::collections::BTreeMap;

/// The program with some nests in blocks, or the same of another size; `None` where that is not possible.
///
/// # Errors
/// When isl's budget runs out.
pub fn block(program: &Program, scop: &Scop, blocks: &[Block]) -> Result<Option<Program>> {
    Ok(written(program, scop, blocks)?.map(|(program, _)| program))
}

/// How the instances of the program are named in it with some nests in blocks.
///
/// # Errors
/// When isl's budget runs out.
pub fn names_in_blocks(program: &Program, scop: &Scop, blocks: &[Block]) -> Result<Option<Names>> {
    Ok(written(program, scop, blocks)?.map(|(_, origins)| Names::Given(origins)))
}

fn written(program: &Program, scop: &Scop, blocks: &[Block]) -> Result<Option<(Program, Vec<Origin>)>> {
    let mut program = program.clone();
    let own = |s: &Statement| s.dims.iter().map(|dim| Affine::name(&dim.iterator)).collect();
    let mut origins: Vec<Origin> = scop.statements.iter().map(own).enumerate().collect();
    // The last nests first: the numbers of those before them stay the same.
    for block in blocks.iter().sorted_by_key(|block| std::cmp::Reverse(block.nest)) {
        let of = |block: Block| match block.is_of_intervals {
            true => super::interval::written(&block, &program, scop),
            false => block.of(&program, scop),
        };
        let written = block.scaled(scop)?.and_then(of);
        let Some((nest, of_nest)) = written else { return Ok(None) };
        program.body[block.nest] = nest;
        let is_own = |&s: &usize| scop.statements[s].nest == block.nest;
        let first = (0..scop.statements.len()).find(is_own).unwrap_or(0);
        let count = (0..scop.statements.len()).filter(is_own).count();
        origins.splice(first..first + count, of_nest);
    }
    Ok(Some((program, origins)))
}

impl Block {
    /// The nest in blocks, and what its statements were; `None` where its loops are not those of its blocks, begin below zero, or give values.
    fn of(&self, program: &Program, scop: &Scop) -> Option<(Stmt, Vec<Origin>)> {
        let loops = self.loops(scop)?;
        let (mut before, mut extent) = ((0, 0), 0);
        program.body[..self.nest].iter().for_each(|stmt| count(stmt, &mut before));
        for &id in loops.keys() {
            let (least, most) = scop.range(id).ok()??;
            if least < 0 {
                return None;
            }
            extent = extent.max(most.checked_add(1)?);
        }
        if self.dims[..self.cut].iter().flat_map(|dim| dim.values()).any(|turn| turn.iterator().is_none()) {
            return None;
        }
        let mut blocks: Vec<Name> = Vec::new();
        for dim in &self.dims[..self.cut] {
            let (&s, turn) = dim.last_key_value()?;
            let k = turn.iterator()?;
            let name = (2..).map(|n| fresh(program, scop, &scop.statements[s].dims[k].iterator, n));
            blocks.push(name.into_iter().find(|name| !blocks.contains(name))?);
        }
        let count = (extent - 1).div_euclid(self.size) + 1;
        let targets = self.targets(scop, &loops);
        let kinds = self.kinds(program, scop, &loops, before.0);
        // What is not at the terms has no place among them.
        let kinds_apart: Vec<usize> =
            (0..kinds.len()).map(|d| if d < self.cut { kinds[d] } else { kinds.len() + d }).collect();
        let part = |places: &[usize], part: Part, hoists: bool| Case {
            block: self,
            part,
            scop,
            loops: &loops,
            blocks: &blocks,
            targets: &targets,
            kinds: if part == Part::Terms { &kinds } else { &kinds_apart },
            count,
            places: places.to_vec(),
            numbers: before,
            rows: Vec::new(),
            origins: Vec::new(),
            hoisted: hoists.then(Hoisted::default),
        };
        let nest = &program.body[self.nest];
        let (mut body, mut origins) = (Vec::new(), Vec::new());
        for ranks in (0..self.cut).map(|_| 0..self.cut).multi_cartesian_product() {
            // Ranks without gaps, so that each order of the blocks comes once.
            let of_kind =
                |kind: usize| ranks.iter().zip(&kinds).filter(move |(_, own)| **own == kind).map(|(rank, _)| *rank);
            let is_dense =
                |kind: &usize| (0..of_kind(*kind).max().unwrap_or(0)).all(|rank| of_kind(*kind).contains(&rank));
            if !kinds[..self.cut].iter().all(is_dense) {
                continue;
            }
            let places: Vec<usize> = ranks.iter().map(|rank| 2 * rank + 1).collect();
            let apart: Vec<usize> = places.iter().copied().chain([0]).collect();
            let mut parts = Vec::new();
            let has = |turn: Turn| self.dims[self.cut..].iter().any(|dim| dim.values().contains(&turn));
            if has(Turn::First) {
                parts.extend(part(&apart, Part::First, false).written(nest, &mut origins)?);
            }
            for place in self.places(&places, &kinds) {
                let places: Vec<usize> = places.iter().copied().chain(place).collect();
                let hoisted = match place {
                    Some(place) if place % 2 == 0 => part(&places, Part::Terms, true).written(nest, &mut origins),
                    _ => None,
                };
                match hoisted {
                    Some(hoisted) => parts.extend(hoisted),
                    None => parts.extend(part(&places, Part::Terms, false).written(nest, &mut origins)?),
                }
            }
            if has(Turn::Last) {
                parts.extend(part(&apart, Part::Last, false).written(nest, &mut origins)?);
            }
            if !parts.is_empty() {
                body.push(part(&apart, Part::First, false).guarded(parts));
            }
        }
        let range = |iterator: &Name| Range {
            iterator: iterator.clone(),
            lo: Affine::int(0),
            hi: Affine::int(count),
            step: 1,
            span: Span::default(),
        };
        let body = body.into_iter().flatten().collect();
        let nest = Stmt::For(For { ranges: blocks.iter().map(range).collect(), body, span: Span::default() });
        Some((nest, origins))
    }

    /// Where the terms of a sum stand among the blocks of the loops that are cut, in order: before the first, in it, between it and the
    /// next, and so on.
    fn places(&self, places: &[usize], kinds: &[usize]) -> Vec<Option<usize>> {
        let Some(kind) = kinds.get(self.cut) else { return vec![None] };
        let most = places.iter().zip(kinds).filter(|(_, own)| *own == kind).map(|(place, _)| place + 1).max();
        (0..=most.unwrap_or(0)).map(Some).collect()
    }

    /// For each loop that is cut the loop of blocks that all statements below it have for it; `None` where they have none in common.
    fn loops(&self, scop: &Scop) -> Option<BTreeMap<usize, usize>> {
        let mut of_loops: BTreeMap<usize, Vec<Vec<usize>>> = BTreeMap::new();
        for &s in self.dims[0].keys() {
            for (k, dim) in scop.statements[s].dims.iter().enumerate() {
                let own = (0..self.dims.len()).filter(|&d| self.dims[d][&s] == Turn::At(k)).collect();
                of_loops.entry(dim.loop_id).or_default().push(own);
            }
        }
        of_loops.retain(|_, all| all.iter().any(|own| !own.is_empty()));
        let common = |all: Vec<Vec<usize>>| (0..self.dims.len()).find(|d| all.iter().all(|own| own.contains(d)));
        of_loops.into_iter().map(|(id, all)| Some((id, common(all)?))).collect()
    }

    /// Which loops of blocks can meet: those that move the same index of an array, that a statement runs along together, or of which one bounds
    /// the other, directly or through others, have the same number.
    fn kinds(&self, program: &Program, scop: &Scop, loops: &BTreeMap<usize, usize>, before: usize) -> Vec<usize> {
        let mut kinds: Vec<usize> = (0..self.dims.len()).collect();
        let mut meet = |together: &mut dyn Iterator<Item = usize>| {
            let together: Vec<usize> = together.map(|dim| kinds[dim]).collect();
            let least = together.iter().copied().min();
            kinds.iter_mut().filter(|kind| together.contains(kind)).for_each(|kind| *kind = least.unwrap_or(*kind));
        };
        let mut of_index: BTreeMap<(usize, usize), Vec<usize>> = BTreeMap::new();
        for &s in self.dims[0].keys() {
            let statement = &scop.statements[s];
            for k in 0..statement.dims.len() {
                meet(&mut (0..self.dims.len()).filter(|&d| self.dims[d][&s] == Turn::At(k)));
            }
            for access in &statement.accesses {
                for (n, form) in access.linear.iter().enumerate() {
                    let moves = |d: &usize| self.dims[*d][&s].iterator().is_some_and(|k| super::is_moved(form, k));
                    of_index.entry((access.array, n)).or_default().extend((0..self.dims.len()).filter(moves));
                }
            }
        }
        of_index.values().for_each(|together| meet(&mut together.iter().copied()));
        let mut bounds = Bounds { loops, number: before, around: Vec::new(), found: Vec::new() };
        bounds.look(&program.body[self.nest]);
        bounds.found.iter().for_each(|&(a, b)| meet(&mut [a, b].into_iter()));
        kinds
    }

    /// For each index of the arrays that are written the loop of blocks that moves it, in the deepest statement first.
    fn targets(&self, scop: &Scop, loops: &BTreeMap<usize, usize>) -> BTreeMap<(Name, usize), usize> {
        let mut targets = BTreeMap::new();
        let depth = |s: usize| scop.statements[s].dims.len();
        for s in self.dims[0].keys().copied().sorted_by_key(|&s| std::cmp::Reverse(depth(s))) {
            let statement = &scop.statements[s];
            let target = &statement.accesses[0];
            for (n, form) in target.linear.iter().enumerate() {
                let Some(form) = form else { continue };
                let k = form.coefficients.iter().position(|&c| c != 0);
                if let Some(&dim) = k.and_then(|k| loops.get(&statement.dims[k].loop_id)) {
                    targets.entry((scop.arrays[target.array].name.clone(), n)).or_insert(dim);
                }
            }
        }
        targets
    }
}

/// Loops of blocks of which one stands in a bound of the other.
struct Bounds<'a> {
    loops: &'a BTreeMap<usize, usize>,
    /// Loops seen.
    number: usize,
    /// The iterators around that are cut, and their loops of blocks.
    around: Vec<(Name, usize)>,
    found: Vec<(usize, usize)>,
}

impl Bounds<'_> {
    fn look(&mut self, stmt: &Stmt) {
        let Stmt::For(f) = stmt else {
            if let Stmt::If(branch) = stmt {
                branch.then.iter().chain(&branch.orelse).for_each(|stmt| self.look(stmt));
            }
            return;
        };
        let outside = self.around.len();
        for range in &f.ranges {
            self.number += 1;
            let Some(&dim) = self.loops.get(&self.number) else { continue };
            for (name, other) in &self.around {
                let is_other = |found: &Name| found == name;
                if range.lo.has(&is_other) || range.hi.has(&is_other) {
                    self.found.push((dim, *other));
                }
            }
            self.around.push((range.iterator.clone(), dim));
        }
        f.body.iter().for_each(|stmt| self.look(stmt));
        self.around.truncate(outside);
    }
}

/// Counts loops and assignments, as they are numbered.
fn count(stmt: &Stmt, numbers: &mut (usize, usize)) {
    match stmt {
        Stmt::For(f) => {
            numbers.0 += f.ranges.len();
            f.body.iter().for_each(|stmt| count(stmt, numbers));
        }
        Stmt::If(branch) => branch.then.iter().chain(&branch.orelse).for_each(|stmt| count(stmt, numbers)),
        Stmt::Assign(_) => numbers.1 += 1,
        Stmt::Transfer(_) => {}
    }
}
