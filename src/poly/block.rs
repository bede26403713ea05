//! Which loops of a nest can be cut into blocks together, and how does the program then read?
//!
//! A factorisation, or a triangular solve, has statements in fewer loops than its deepest one, and touches one array as a result and as
//! operands. Each statement that lacks a loop takes part at the value of another of its iterators, or before or after all of them; where
//! no dependence runs backwards along any of the loops, blocks of all of them may run one after the other. The loops that move the
//! result are cut. The one over a sum's terms is not: its terms from before a block, from the block itself, and from after it are loops of
//! their own, as are the cases in which the blocks of two loops are the same. Operands then lie in the block of the result or share no
//! element with it. Those that do not pass by in a column and a row, with the loop over the terms outermost, and so do those of what the
//! block computes in itself, where a loop that carries nothing can run innermost: the scratchpad holds one block of the result, with b² + 2b
//! elements in place of 3b².
//!
//! Source: tiling of fully permutable loops as in Wolf and Lam, "A data locality optimizing algorithm", PLDI 1991; the sizes attain
//! the order of the bound of Ballard, Demmel, Holtz and Schwartz, "Minimizing communication in numerical linear algebra", SIMAX 2011.
//! Differs: the cases of equal blocks are statements of their own, and terms stay one loop.

mod case;
mod interval;
mod write;

pub use write::{block, names_in_blocks};

use super::scop::{Access, Scop, number};
use super::{Dependences, Linear};
use crate::isl::{Map, Result, UnionMap};
use crate::lang::ast::Program;
use itertools::Itertools;
use std::collections::BTreeMap;

/// A nest in blocks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Block {
    /// As in `Statement::nest`.
    pub nest: usize,
    /// The loops that are cut, outermost first, and then one that counts a sum's terms, where there is one: its values before, in and after
    /// the blocks of the others are told apart.
    pub dims: Vec<BlockDim>,
    /// Loops that are cut.
    pub cut: usize,
    /// Values of each loop in a block.
    pub size: i64,
    /// One past the largest value of the first loop.
    pub extent: i64,
    /// Whether the nest fills a table of intervals.
    pub is_of_intervals: bool,
}

/// For each statement of the nest when it runs.
pub type BlockDim = BTreeMap<usize, Turn>;

/// When a statement runs among the values of a loop.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Turn {
    /// Before all of them.
    First,
    /// At that of one of its own iterators.
    At(usize),
    /// After all of them.
    Last,
}

impl Turn {
    fn iterator(self) -> Option<usize> {
        match self {
            Turn::At(k) => Some(k),
            Turn::First | Turn::Last => None,
        }
    }
}

/// Fewer values make no block; where operands lie beside blocks as a whole, since the nest has no sum with terms from blocks, tiles of few
/// values do as well.
const LEAST: i64 = 2;
const LEAST_WHOLE: i64 = 64;
/// Most loops that are cut: with each the cases grow many times.
const MOST: usize = 3;
/// Loops that reach farther are not cut.
const FARTHEST: i64 = 1 << 40;
/// Choices of an iterator that are looked at for each loop.
const CHOICES: usize = 10_000;

impl Block {
    /// The loops of a nest that can be cut together, in blocks of one value, and that over a sum's terms; `None` where there are no two of
    /// them, or no array that is written is touched in two ways.
    ///
    /// # Errors
    /// When isl's budget runs out.
    pub fn find(program: &Program, scop: &Scop, dependences: &Dependences, nest: usize) -> Result<Option<Block>> {
        let statements: Vec<usize> = (0..scop.statements.len()).filter(|&s| scop.statements[s].nest == nest).collect();
        let order = Order::within(&dependences.order, &statements)?;
        // Those in most loops choose first: what is left takes part where they run.
        let depth = |s: usize| scop.statements[s].dims.len();
        let by_depth: Vec<usize> = statements.iter().copied().sorted_by_key(|&s| std::cmp::Reverse(depth(s))).collect();
        let target = |s: usize| scop.statements[s].accesses[0].array;
        let deepest = by_depth.iter().copied().filter(|&s| depth(s) == depth(by_depth[0]));
        let mut found: Option<Block> = None;
        // The largest result first; another one where its sum is over what the nest writes, so that operands can be thin.
        for s in
            deepest.sorted_by_key(|&s| std::cmp::Reverse(scop.arrays[target(s)].elements())).unique_by(|&s| target(s))
        {
            let block = Block::around(scop, &order, &by_depth, s)?;
            if found.is_none() || block.as_ref().is_some_and(Block::has_terms) {
                found = block.or(found);
            }
            if found.as_ref().is_some_and(Block::has_terms) {
                break;
            }
        }
        match found {
            Some(block) if block.has_terms() => Ok(Some(block)),
            found => Ok(interval::find(scop, program, dependences, nest)?.or(found)),
        }
    }

    /// The loops that can be cut where the result of one statement is to stay, those in most loops given first.
    fn around(scop: &Scop, order: &[Order], by_depth: &[usize], deepest: usize) -> Result<Option<Block>> {
        let depth = |s: usize| scop.statements[s].dims.len();
        let is_written = |array: usize| by_depth.iter().any(|&t| scop.statements[t].accesses[0].array == array);
        let is_operand = |k: &usize| {
            let mut accesses = scop.statements[deepest].accesses.iter().filter(|access| is_written(access.array));
            accesses.any(|access| access.linear.iter().any(|form| is_moved(form, *k)))
        };
        let (outer, inner): (Vec<usize>, Vec<usize>) =
            (0..depth(deepest)).partition(|&k| !moved(scop, deepest, k).is_empty());
        // The terms of a sum over what the nest only reads stand in no order to the blocks.
        let inner = inner.into_iter().filter(is_operand).collect_vec();
        let (mut dims, mut cut) = (Vec::new(), 0);
        for k in outer.iter().chain(&inner).copied() {
            if dims.len() > cut {
                break;
            }
            let chosen = BTreeMap::from([(deepest, Turn::At(k))]);
            let (known, left) = (BTreeMap::new(), CHOICES);
            let mut search = Search { scop, order, dims: &dims, deepest: (deepest, k), chosen, known, left };
            if search.rest(by_depth)? && is_plain(scop, &search.chosen) {
                dims.push(search.chosen);
                cut += usize::from(outer.contains(&k));
            }
        }
        let Some(loop_id) = dims.first().and_then(|dim| loop_of(scop, dim, deepest)) else { return Ok(None) };
        let extent = scop.range(loop_id)?.map_or(0, |(_, most)| most.saturating_add(1));
        let is_of_use =
            (1..=MOST).contains(&cut) && dims.len() > 1 && extent <= FARTHEST && is_in_two_ways(scop, &dims);
        Ok(is_of_use.then(|| Block {
            nest: scop.statements[deepest].nest,
            dims,
            cut,
            size: 1,
            extent,
            is_of_intervals: false,
        }))
    }

    /// Whether the loop over a sum's terms is told apart at the blocks.
    fn has_terms(&self) -> bool {
        self.dims.len() > self.cut
    }

    /// The same with blocks so large that what a statement touches in one of each loop fits; `None` where blocks would be too small, or
    /// one would do.
    pub fn sized(&self, scop: &Scop, capacity_bytes: i64) -> Option<Block> {
        let fits = |size: i64| self.dims[0].keys().all(|&s| self.bytes(scop, s, size) <= i128::from(capacity_bytes));
        let (mut least, mut most) = (1, self.extent);
        while most - least > 1 {
            let middle = least + (most - least) / 2;
            if fits(middle) { least = middle } else { most = middle }
        }
        let blocks = (self.extent - 1).div_euclid(least) + 1;
        let size = (self.extent - 1).div_euclid(blocks.max(1)) + 1;
        let enough = if self.has_terms() { LEAST } else { LEAST_WHOLE };
        (fits(least) && size >= enough && blocks > 1).then(|| Block { size, ..self.clone() })
    }

    /// The same for a program of another size.
    pub fn scaled(&self, scop: &Scop) -> Result<Option<Block>> {
        let mut loops = self.dims[0].keys().filter_map(|&s| loop_of(scop, &self.dims[0], s));
        let Some(loop_id) = loops.next() else { return Ok(None) };
        Ok(scop.range(loop_id)?.map(|(_, most)| {
            let size = i128::from(self.size) * i128::from(most.saturating_add(1)) / i128::from(self.extent.max(1));
            Block { size: (size as i64).max(1), extent: most.saturating_add(1), ..self.clone() }
        }))
    }

    /// Bytes that a statement needs in one block of each loop that is cut, at one term of its sum.
    fn bytes(&self, scop: &Scop, s: usize, size: i64) -> i128 {
        let iterators = |dims: &[BlockDim]| dims.iter().filter_map(|dim| dim[&s].iterator()).collect();
        let (cut, term): (Vec<usize>, Vec<usize>) =
            (iterators(&self.dims[..self.cut]), iterators(&self.dims[self.cut..]));
        let of = |access: &Access| {
            let array = &scop.arrays[access.array];
            let moves = |k: &usize| access.linear.iter().any(|form| is_moved(form, *k));
            let is_whole = |form: &Option<Linear>| {
                form.as_ref().is_none_or(|form| cut.iter().chain(&term).all(|&k| form.coefficients[k] == 0))
            };
            let whole = access.linear.iter().zip(&array.extents).filter(|(form, _)| is_whole(form));
            let elements: i128 = whole.map(|(_, &extent)| i128::from(extent)).product();
            let sides = cut.iter().filter(|k| moves(k)).unique().count() as u32;
            // What passes by a block does so in rows; beside a block of whole rows those are its own.
            let passing = sides.min(u32::from(self.cut > 1 || elements == 1));
            (sides, passing, elements * i128::from(array.ty.bytes()))
        };
        let accesses = scop.statements[s].accesses.iter().unique_by(|access| (access.array, &access.linear));
        let all: Vec<(u32, u32, i128)> = accesses.map(of).collect();
        // Of a table of intervals the square on the diagonal beside it stays too.
        let copies = if self.is_of_intervals { 2 } else { 1 };
        let stays = all.iter().position_max_by_key(|(sides, _, bytes)| (*sides, *bytes));
        let of = |(n, &(sides, passing, bytes)): (usize, &(u32, u32, i128))| {
            let (sides, copies) = if Some(n) == stays { (sides, copies) } else { (passing, 1) };
            i128::from(size).saturating_pow(sides).saturating_mul(bytes).saturating_mul(copies)
        };
        all.iter().enumerate().map(of).fold(0, i128::saturating_add)
    }
}

/// Whether an array that is written is touched along different loops of blocks.
fn is_in_two_ways(scop: &Scop, dims: &[BlockDim]) -> bool {
    let statements: Vec<usize> = dims[0].keys().copied().collect();
    let along = |s: usize, access: &Access| -> Vec<Vec<usize>> {
        let loops =
            |form| (0..dims.len()).filter(|&d| dims[d][&s].iterator().is_some_and(|k| is_moved(form, k))).collect();
        access.linear.iter().map(loops).collect()
    };
    let of = |s: usize| scop.statements[s].accesses.iter().map(move |access| (access.array, along(s, access)));
    let is_written = |array: usize| statements.iter().any(|&t| scop.statements[t].accesses[0].array == array);
    let ways = statements.iter().flat_map(|&s| of(s)).filter(|(array, _)| is_written(*array)).unique();
    ways.counts_by(|(array, _)| array).into_values().any(|ways| ways > 1)
}

/// Whether none of the loops has a step.
fn is_plain(scop: &Scop, dim: &BlockDim) -> bool {
    dim.iter().all(|(&s, turn)| turn.iterator().is_none_or(|k| scop.statements[s].dims[k].stepped.is_none()))
}

/// The loop of the iterator that says in which block a statement runs.
fn loop_of(scop: &Scop, dim: &BlockDim, s: usize) -> Option<usize> {
    Some(scop.statements[s].dims[dim.get(&s)?.iterator()?].loop_id)
}

/// Instances of one statement that must run before some of another.
struct Order {
    from: usize,
    to: usize,
    map: Map,
}

impl Order {
    /// What must be kept among some statements.
    fn within(pairs: &UnionMap, statements: &[usize]) -> Result<Vec<Order>> {
        let mut found = Vec::new();
        for map in pairs.maps()? {
            let pair = map.domain_name().zip(map.range_name()).map(|(s, t)| (number(&s), number(&t)));
            if let Some((from, to)) = pair
                && statements.contains(&from)
                && statements.contains(&to)
            {
                found.push(Order { from, to, map });
            }
        }
        Ok(found)
    }
}

/// Whether an iterator moves an index, as far as is known.
fn is_moved(index: &Option<Linear>, k: usize) -> bool {
    index.as_ref().is_none_or(|form| form.coefficients[k] != 0)
}

/// The indices of a statement's target that an iterator moves.
fn moved(scop: &Scop, s: usize, k: usize) -> Vec<usize> {
    scop.statements[s].accesses[0].linear.iter().positions(|form| is_moved(form, k)).collect()
}

/// The iterators of all statements along which no dependence runs backwards.
struct Search<'a> {
    scop: &'a Scop,
    order: &'a [Order],
    /// The loops that were found before.
    dims: &'a [BlockDim],
    /// The statement that has all loops, and its iterator.
    deepest: (usize, usize),
    chosen: BlockDim,
    /// For a dependence and an iterator of each statement, whether it does not.
    known: BTreeMap<(usize, Turn, Turn), bool>,
    /// Choices that may still be looked at.
    left: usize,
}

impl Search<'_> {
    /// Chooses for the statements that have none yet.
    fn rest(&mut self, statements: &[usize]) -> Result<bool> {
        if self.left == 0 || !self.is_legal()? {
            return Ok(false);
        }
        self.left -= 1;
        let Some(&s) = statements.iter().find(|s| !self.chosen.contains_key(s)) else { return Ok(true) };
        let loops: Vec<usize> = self.chosen.keys().filter_map(|&t| loop_of(self.scop, &self.chosen, t)).collect();
        let dims = &self.scop.statements[s].dims;
        let (deepest, wanted) = self.deepest;
        let part = moved(self.scop, deepest, wanted);
        // First the loop that others have chosen, then what is not cut yet, what moves the target alike, inner loops.
        let is_alike = |k: usize| {
            let own = moved(self.scop, s, k);
            own.is_empty() == part.is_empty() && part.iter().all(|index| own.contains(index))
        };
        // A sum's terms have one beginning and one end for each block of its target.
        let apart = if part.is_empty() { vec![Turn::First, Turn::Last] } else { Vec::new() };
        let is_cut = |k: usize| self.dims.iter().any(|dim| dim[&s] == Turn::At(k));
        let target = |s: usize| self.scop.statements[s].accesses[0].array;
        let is_same = |k: usize| target(s) == target(deepest) && !part.is_empty() && is_alike(k);
        let rank =
            |k: usize| (!loops.contains(&dims[k].loop_id), !is_same(k), is_cut(k), !is_alike(k), std::cmp::Reverse(k));
        for turn in (0..dims.len()).sorted_by_key(|&k| rank(k)).map(Turn::At).chain(apart) {
            self.chosen.insert(s, turn);
            if self.rest(statements)? {
                return Ok(true);
            }
            self.chosen.remove(&s);
        }
        Ok(false)
    }

    fn is_legal(&mut self) -> Result<bool> {
        for (n, Order { from, to, map }) in self.order.iter().enumerate() {
            let (Some(&a), Some(&b)) = (self.chosen.get(from), self.chosen.get(to)) else { continue };
            let is_legal = match self.known.get(&(n, a, b)) {
                Some(&known) => known,
                None => {
                    let tuple = |s: usize, letter: char| {
                        (0..self.scop.statements[s].dims.len()).map(|k| format!("{letter}{k}")).join(",")
                    };
                    let (source, sink) = (tuple(*from, 's'), tuple(*to, 't'));
                    let value = |letter: char, turn: Turn| match turn {
                        Turn::First => "-1".into(),
                        Turn::At(k) => format!("{letter}{k}"),
                        Turn::Last => FARTHEST.to_string(),
                    };
                    let (a, b) = (value('s', a), value('t', b));
                    let form = format!("{{ [S{from}[{source}] -> S{to}[{sink}]] -> [{b} - ({a})] }}");
                    map.wrap()?.apply(&self.scop.ctx.map(&form)?)?.dim_min(0)?.is_none_or(|least| least >= 0)
                }
            };
            self.known.insert((n, a, b), is_legal);
            if !is_legal {
                return Ok(false);
            }
        }
        Ok(true)
    }
}
