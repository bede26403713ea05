//! How does a nest read in blocks?

use super::Block;
use crate::isl::Result;
use crate::lang::ast::{
    Access, Affine, AffineKind, Assign, Comparison, Condition, ExprKind, For, If, Name, Program, Range, Span, Stmt,
};
use crate::poly::carried::{Blocks, InBlocks};
use crate::poly::expand::fresh;
use crate::poly::scop::Scop;
use itertools::Itertools;
use std::cmp::Ordering;
use std::collections::BTreeMap;

/// The program with some nests in blocks, or the same of another size; `None` where that is not possible.
///
/// # Errors
/// When isl's budget runs out.
pub fn block(program: &Program, scop: &Scop, blocks: &[Block]) -> Result<Option<Program>> {
    let mut program = program.clone();
    // The last nests first: the numbers of those before them stay the same.
    for block in blocks.iter().sorted_by_key(|block| std::cmp::Reverse(block.nest)) {
        let written = block.scaled(scop)?.and_then(|block| block.of(&program, scop));
        let Some(written) = written else { return Ok(None) };
        program = written;
    }
    Ok(Some(program))
}

/// The loops of a program that are cut by some blocks, or by the same of its size; `None` where that is not possible.
///
/// # Errors
/// When isl's budget runs out.
pub fn in_blocks(scop: &Scop, blocks: &[Block]) -> Result<Option<InBlocks>> {
    let mut all = InBlocks::new();
    for block in blocks {
        let Some(block) = block.scaled(scop)? else { return Ok(None) };
        let Some(loops) = block.loops(scop) else { return Ok(None) };
        all.extend(loops.into_iter().map(|(id, dim)| (id, (Blocks::Outermost(dim), block.size))));
    }
    Ok(Some(all))
}

impl Block {
    /// The program with the nest in blocks; `None` where its loops are not those of its blocks, begin below zero, or give values.
    pub fn of(&self, program: &Program, scop: &Scop) -> Option<Program> {
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
        let mut blocks: Vec<Name> = Vec::new();
        for dim in &self.dims {
            let (&s, k) = dim.iter().rfind(|(_, k)| k.is_some())?;
            let k = (*k)?;
            let name = (2..).map(|n| fresh(program, scop, &scop.statements[s].dims[k].iterator, n));
            blocks.push(name.into_iter().find(|name| !blocks.contains(name))?);
        }
        let count = (extent - 1).div_euclid(self.size) + 1;
        let targets = self.targets(scop, &loops);
        let kinds = self.kinds(program, scop, &loops, before.0);
        let tail = (0..self.dims.len()).rev().take_while(|&d| self.starts(d)).count();
        let outer = self.dims.len() - tail;
        // What runs before the first block of a loop runs before those of all loops from there on.
        let is_before = |s: &usize, d: usize| self.dims[d][s].is_none();
        let is_whole = |s: &usize| {
            (0..outer).all(|d| !is_before(s, d)) && (outer..self.dims.len()).map(|d| is_before(s, d)).all_equal()
        };
        if !self.dims[0].keys().all(is_whole) {
            return None;
        }
        // How blocks of some loops can follow each other, and the nest there.
        let cases = |dims: usize, starts: bool| -> Option<Vec<Stmt>> {
            // What starts the rest is in no block of it.
            let kinds: Vec<usize> =
                (0..self.dims.len()).map(|d| if d < dims { kinds[d] } else { kinds.len() + d }).collect();
            let mut cases = Vec::new();
            for ranks in (0..dims).map(|_| 0..self.dims.len()).multi_cartesian_product() {
                // Ranks without gaps, so that each order of the blocks comes once.
                let of_kind =
                    |kind: usize| ranks.iter().zip(&kinds).filter(move |(_, own)| **own == kind).map(|(rank, _)| *rank);
                let is_dense =
                    |kind: &usize| (0..of_kind(*kind).max().unwrap_or(0)).all(|rank| of_kind(*kind).contains(&rank));
                if !kinds.iter().all(is_dense) {
                    continue;
                }
                let ranks = ranks.iter().copied().chain((dims..self.dims.len()).map(|_| 0)).collect();
                let mut case = Case {
                    block: self,
                    starts,
                    scop,
                    loops: &loops,
                    blocks: &blocks,
                    targets: &targets,
                    kinds: &kinds,
                    count,
                    ranks,
                    numbers: before,
                    rows: Vec::new(),
                };
                if let Some(stmt) = case.statement(&program.body[self.nest])? {
                    cases.push(case.guarded(stmt));
                }
            }
            Some(cases)
        };
        let range = |iterator: &Name| Range {
            iterator: iterator.clone(),
            lo: Affine::int(0),
            hi: Affine::int(count),
            step: 1,
            span: Span::default(),
        };
        let nest = |blocks: &[Name], body: Vec<Stmt>| {
            Stmt::For(For { ranges: blocks.iter().map(range).collect(), body, span: Span::default() })
        };
        let all = cases(self.dims.len(), false)?;
        let nest = match tail {
            0 => nest(&blocks, all),
            _ => {
                let mut body = cases(outer, true)?;
                body.push(nest(&blocks[outer..], all));
                nest(&blocks[..outer], body)
            }
        };
        let mut body = program.body.clone();
        body[self.nest] = nest;
        Some(Program { body, ..program.clone() })
    }

    /// Whether some statement runs before the first block of a loop.
    fn starts(&self, d: usize) -> bool {
        self.dims[d].values().any(|k| k.is_none())
    }

    /// For each loop that is cut the loop of blocks that all statements below it have for it; `None` where they have none in common.
    fn loops(&self, scop: &Scop) -> Option<BTreeMap<usize, usize>> {
        let mut of_loops: BTreeMap<usize, Vec<Vec<usize>>> = BTreeMap::new();
        for &s in self.dims[0].keys() {
            for (k, dim) in scop.statements[s].dims.iter().enumerate() {
                let own = (0..self.dims.len()).filter(|&d| self.dims[d][&s] == Some(k)).collect();
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
                meet(&mut (0..self.dims.len()).filter(|&d| self.dims[d][&s] == Some(k)));
            }
            for access in &statement.accesses {
                for (n, form) in access.linear.iter().enumerate() {
                    let moves = |d: &usize| self.dims[*d][&s].is_some_and(|k| super::is_moved(form, k));
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

/// The nest where the blocks of its loops follow each other in one way.
struct Case<'a> {
    block: &'a Block,
    /// Whether what runs before the first block of some loop is written, or the rest.
    starts: bool,
    scop: &'a Scop,
    /// For each loop of the nest that is cut the loop of blocks.
    loops: &'a BTreeMap<usize, usize>,
    /// The iterators over blocks.
    blocks: &'a [Name],
    targets: &'a BTreeMap<(Name, usize), usize>,
    /// Which loops of blocks can meet.
    kinds: &'a [usize],
    /// Blocks of each loop.
    count: i64,
    /// For each loop of blocks its place in the order of those that can meet: the smaller one is at an earlier block, the same at the same.
    ranks: Vec<usize>,
    /// Loops and assignments seen.
    numbers: (usize, usize),
    /// The iterators around that count from the start of a block, and its loop of blocks.
    rows: Vec<(Name, usize)>,
}

/// What a bound of a loop comes to.
enum Bound {
    /// It never hinders.
    Open,
    /// Nothing runs.
    Empty,
    At(Affine),
}

impl Case<'_> {
    /// A statement where these blocks follow each other; `None` inside where nothing of it runs.
    fn statement(&mut self, stmt: &Stmt) -> Option<Option<Stmt>> {
        Some(match stmt {
            Stmt::For(f) => self.nest(f)?.map(Stmt::For),
            Stmt::If(branch) => {
                let condition = branch.condition.map(&|a| self.affine(a, None));
                let (then, orelse) = (self.body(&branch.then)?, self.body(&branch.orelse)?);
                let is_empty = then.is_empty() && orelse.is_empty();
                (!is_empty).then_some(Stmt::If(If { condition, then, orelse, span: branch.span }))
            }
            Stmt::Assign(assign) => self.assign(assign)?.map(Stmt::Assign),
            Stmt::Transfer(_) => return None,
        })
    }

    fn body(&mut self, body: &[Stmt]) -> Option<Vec<Stmt>> {
        let all: Vec<Option<Stmt>> = body.iter().map(|stmt| self.statement(stmt)).collect::<Option<_>>()?;
        Some(all.into_iter().flatten().collect())
    }

    fn nest(&mut self, f: &For) -> Option<Option<For>> {
        let (outside, mut ranges, mut is_empty) = (self.rows.len(), Vec::new(), false);
        for range in &f.ranges {
            self.numbers.0 += 1;
            let Some(&dim) = self.loops.get(&self.numbers.0) else {
                let (lo, hi) = (self.affine(&range.lo, None), self.affine(&range.hi, None));
                ranges.push(Range { lo, hi, ..range.clone() });
                continue;
            };
            let (mut los, mut his) = (vec![Affine::int(0)], vec![Affine::int(self.block.size)]);
            let has_choice = |a: &Affine| matches!(a.kind, AffineKind::Min(_) | AffineKind::Max(_));
            if range.step != 1 || parts(&range.lo).chain(parts(&range.hi)).any(has_choice) {
                return None;
            }
            for (bound, is_start) in parts(&range.lo).map(|lo| (lo, true)).chain(parts(&range.hi).map(|hi| (hi, false)))
            {
                match self.bound(bound, is_start, dim) {
                    Bound::Open => {}
                    Bound::Empty => is_empty = true,
                    Bound::At(at) if is_start => los.push(at),
                    Bound::At(at) => his.push(at),
                }
            }
            let of = |mut all: Vec<Affine>, kind: fn(Vec<Affine>) -> AffineKind| match all.len() {
                1 => all.remove(0),
                _ => kind(all).into(),
            };
            ranges.push(Range { lo: of(los, AffineKind::Max), hi: of(his, AffineKind::Min), ..range.clone() });
            self.rows.push((range.iterator.clone(), dim));
        }
        let body = self.body(&f.body)?;
        self.rows.truncate(outside);
        is_empty |= body.is_empty();
        Some((!is_empty).then_some(For { ranges, body, span: f.span }))
    }

    /// A bound of the iterator of a loop, counted from the start of its block.
    fn bound(&self, bound: &Affine, is_start: bool, dim: usize) -> Bound {
        let last = self.block.size * self.count;
        if let AffineKind::Int(value) = bound.kind {
            // A block before that of another loop is a whole one.
            let is_before = |other: usize| self.order(dim, other) == Some(Ordering::Less);
            let is_whole = (0..self.ranks.len()).any(is_before) && value > last - self.block.size;
            return match is_start {
                true if value <= 0 => Bound::Open,
                false if value >= last || is_whole => Bound::Open,
                _ => Bound::At(self.in_block(self.affine(bound, None), dim)),
            };
        }
        let Some((other, offset)) = self.row(bound) else {
            return Bound::At(self.in_block(self.affine(bound, None), dim));
        };
        let name = Affine::name(&self.rows[other].0);
        // A later block has only larger values, an earlier one only smaller ones.
        match (self.order(dim, self.rows[other].1), is_start) {
            (Some(Ordering::Equal), _) => Bound::At(name.plus(offset)),
            (Some(Ordering::Less), false) if offset >= 0 => Bound::Open,
            (Some(Ordering::Greater), false) if offset <= 1 => Bound::Empty,
            (Some(Ordering::Greater), true) if offset <= 1 => Bound::Open,
            (Some(Ordering::Less), true) if offset >= 0 => Bound::Empty,
            _ => Bound::At(self.in_block(self.affine(bound, None), dim)),
        }
    }

    /// An iterator around that counts from the start of a block, and what is added to it.
    fn row(&self, a: &Affine) -> Option<(usize, i64)> {
        let (name, offset) = match &a.kind {
            AffineKind::Name(name) => (name, 0),
            AffineKind::Add(x, y) => match (&x.kind, &y.kind) {
                (AffineKind::Name(name), AffineKind::Int(c)) | (AffineKind::Int(c), AffineKind::Name(name)) => {
                    (name, *c)
                }
                _ => return None,
            },
            AffineKind::Sub(x, y) => match (&x.kind, &y.kind) {
                (AffineKind::Name(name), AffineKind::Int(c)) => (name, -c),
                _ => return None,
            },
            _ => return None,
        };
        Some((self.rows.iter().position(|(row, _)| row == name)?, offset))
    }

    /// An assignment; `None` inside where it runs at no such blocks.
    fn assign(&mut self, assign: &Assign) -> Option<Option<Assign>> {
        let s = self.numbers.1;
        self.numbers.1 += 1;
        let (mut runs, mut starts) = (true, false);
        for (d, dim) in self.block.dims.iter().enumerate() {
            let Some(k) = *dim.get(&s)? else {
                starts = true;
                continue;
            };
            let id = self.scop.statements[s].dims[k].loop_id;
            runs &= self.order(self.loops[&id], d) == Some(Ordering::Equal);
        }
        let mut assign = assign.clone();
        self.access(&mut assign.target);
        let mut is_value = false;
        assign.value.each_leaf(&mut |leaf| match leaf {
            ExprKind::Access(access) => self.access(access),
            ExprKind::Name(name) => is_value |= self.rows.iter().any(|(row, _)| row == name),
            _ => {}
        });
        if is_value {
            return None;
        }
        Some((runs && starts == self.starts).then_some(assign))
    }

    fn access(&self, access: &mut Access) {
        for (n, index) in access.indices.iter_mut().enumerate() {
            let wanted = self.targets.get(&(access.array.clone(), n)).copied();
            *index = self.affine(index, wanted);
        }
    }

    /// The first value of the block of a loop; said by the loop that is wanted, where its block is the same.
    fn start(&self, dim: usize, wanted: Option<usize>) -> Affine {
        let same = |d: &usize| self.order(*d, dim) == Some(Ordering::Equal);
        let first = (0..self.ranks.len()).find(same).unwrap_or(dim);
        let said = wanted.filter(same).unwrap_or(first);
        let (size, block) = (Affine::int(self.block.size), Affine::name(&self.blocks[said]));
        AffineKind::Mul(Box::new(size), Box::new(block)).into()
    }

    fn in_block(&self, a: Affine, dim: usize) -> Affine {
        AffineKind::Sub(Box::new(a), Box::new(self.start(dim, None))).into()
    }

    /// An expression in which iterators count from the starts of their blocks.
    fn affine(&self, a: &Affine, wanted: Option<usize>) -> Affine {
        a.replaced(&|name| {
            let (_, dim) = self.rows.iter().find(|(row, _)| row == name)?;
            Some(AffineKind::Add(Box::new(self.start(*dim, wanted)), Box::new(Affine::name(name))).into())
        })
    }

    /// How the block of one loop stands to that of another; `None` where that does not matter.
    fn order(&self, a: usize, b: usize) -> Option<Ordering> {
        (self.kinds[a] == self.kinds[b]).then(|| self.ranks[a].cmp(&self.ranks[b]))
    }

    /// What runs where the blocks follow each other like this.
    fn guarded(&self, stmt: Stmt) -> Stmt {
        let place = (0..self.ranks.len()).sorted_by_key(|&d| (self.kinds[d], self.ranks[d]));
        let neighbours = place.tuple_windows().filter_map(|(a, b)| {
            let comparison = if self.order(a, b)? == Ordering::Equal { Comparison::Eq } else { Comparison::Lt };
            let chain = vec![(comparison, Affine::name(&self.blocks[b]))];
            Some(Condition::Chain(Affine::name(&self.blocks[a]), chain))
        });
        let mut all: Vec<Condition<Affine>> = neighbours.collect();
        let condition = match all.len() {
            0 => return stmt,
            1 => all.remove(0),
            _ => Condition::And(all),
        };
        Stmt::If(If { condition, then: vec![stmt], orelse: Vec::new(), span: Span::default() })
    }
}

/// The expressions of which a bound is the largest or the smallest.
fn parts(bound: &Affine) -> impl Iterator<Item = &Affine> {
    match &bound.kind {
        AffineKind::Min(all) | AffineKind::Max(all) => all.iter(),
        _ => std::slice::from_ref(bound).iter(),
    }
}
