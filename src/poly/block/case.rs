//! How does a nest read where the blocks of its loops follow each other in one way?

use super::{Block, Turn};
use crate::lang::ast::{
    Access, Affine, AffineKind, Assign, Comparison, Condition, ExprKind, For, If, Name, Range, Span, Stmt,
};
use crate::poly::carried::Origin;
use crate::poly::linear::Linear;
use crate::poly::scop::{self, Dim, Scop};
use itertools::Itertools;
use std::cmp::Ordering;
use std::collections::BTreeMap;

/// What of a nest runs when.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Part {
    First,
    Terms,
    Last,
}

/// The nest at one order of the blocks.
pub struct Case<'a> {
    pub block: &'a Block,
    /// Whether what runs before all terms of a sum is written, or after them, or the rest.
    pub part: Part,
    pub scop: &'a Scop,
    /// For each loop of the nest that is in `Block::dims` its place there.
    pub loops: &'a BTreeMap<usize, usize>,
    /// The iterators over blocks.
    pub blocks: &'a [Name],
    /// For each index of an array that is written the loop that moves it.
    pub targets: &'a BTreeMap<(Name, usize), usize>,
    /// Which loops can meet.
    pub kinds: &'a [usize],
    /// Blocks of each loop.
    pub count: i64,
    /// For each loop its place in the order of those that can meet: the smaller one is at an earlier block, the same at the same. Those of
    /// loops that are cut are odd.
    pub places: Vec<usize>,
    /// Loops and assignments seen.
    pub numbers: (usize, usize),
    /// The iterators around that count values of a loop, from the start of a block where it is cut or its values are those of one.
    pub rows: Vec<(Name, usize)>,
    /// What the statements were that are written, in their order.
    pub origins: Vec<Origin>,
    /// What becomes of the loop over a sum's terms when it is taken out of the nest.
    pub hoisted: Option<Hoisted>,
}

/// The loops over a sum's terms that are taken out of a nest, which is possible when they are one.
#[derive(Default)]
pub struct Hoisted {
    ranges: Vec<Range>,
    /// The iterators that stay.
    others: Vec<Name>,
    /// Whether something runs in no such loop, or in two.
    fails: bool,
}

/// What a bound of a loop comes to.
enum Bound {
    /// It never hinders.
    Open,
    /// Nothing runs.
    Empty,
    /// Nowhere beyond the values that the block leaves.
    Within(Affine),
    At(Affine),
}

impl Case<'_> {
    /// The nest, and what its statements were. Where the loop over a sum's terms is to be hoisted it is outermost, which keeps the order of what
    /// depends on each other as loops that are cut do; `None` where there is no such loop, or there are several.
    pub fn written(mut self, nest: &Stmt, origins: &mut Vec<Origin>) -> Option<Vec<Stmt>> {
        let mut body = self.statement(nest)?;
        if let (Some(Hoisted { ranges, others, fails }), false) = (self.hoisted, body.is_empty()) {
            let range = ranges.first()?;
            let is_inside = |name: &Name| others.contains(name);
            let is_free = !is_inside(&range.iterator) && !range.lo.has(&is_inside) && !range.hi.has(&is_inside);
            if fails || !is_free || !ranges.iter().all_equal() {
                return None;
            }
            body = vec![around(range.clone(), body)];
        }
        origins.append(&mut self.origins);
        Some(body)
    }

    /// A statement where these blocks follow each other: nothing where nothing of it runs; `None` where that cannot be said.
    fn statement(&mut self, stmt: &Stmt) -> Option<Vec<Stmt>> {
        match stmt {
            Stmt::For(f) => self.nest(f),
            Stmt::If(branch) => {
                let condition = branch.condition.map(&|a| self.affine(a, None));
                let (then, orelse) = (self.body(&branch.then)?, self.body(&branch.orelse)?);
                let is_empty = then.is_empty() && orelse.is_empty();
                let branch = Stmt::If(If { condition, then, orelse, span: branch.span });
                Some(if is_empty { Vec::new() } else { vec![branch] })
            }
            Stmt::Assign(assign) => Some(self.assign(assign)?.map(Stmt::Assign).into_iter().collect()),
            Stmt::Transfer(_) => None,
        }
    }

    fn body(&mut self, body: &[Stmt]) -> Option<Vec<Stmt>> {
        body.iter().map(|stmt| self.statement(stmt)).collect::<Option<Vec<_>>>().map(|all| all.concat())
    }

    fn nest(&mut self, f: &For) -> Option<Vec<Stmt>> {
        let (outside, before) = (self.rows.len(), self.origins.len());
        let (mut ranges, mut is_empty) = (Vec::new(), false);
        for range in &f.ranges {
            self.numbers.0 += 1;
            let Some(&dim) = self.loops.get(&self.numbers.0) else {
                let (lo, hi) = (self.affine(&range.lo, None), self.affine(&range.hi, None));
                ranges.push((Range { lo, hi, ..range.clone() }, None));
                continue;
            };
            let has_choice = |a: &Affine| matches!(a.kind, AffineKind::Min(_) | AffineKind::Max(_));
            if range.step != 1 || parts(&range.lo).chain(parts(&range.hi)).any(has_choice) {
                return None;
            }
            let (first, end) = self.values(dim);
            let (mut los, mut his) = (vec![first.clone()], vec![end.clone()]);
            for (bound, is_start) in parts(&range.lo).map(|lo| (lo, true)).chain(parts(&range.hi).map(|hi| (hi, false)))
            {
                match self.bound(bound, is_start, dim) {
                    Bound::Open => {}
                    Bound::Empty => is_empty = true,
                    Bound::Within(at) if is_start => {
                        los.retain(|lo| *lo != first);
                        los.push(at);
                    }
                    Bound::Within(at) => {
                        his.retain(|hi| *hi != end);
                        his.push(at);
                    }
                    Bound::At(at) if is_start => los.push(at),
                    Bound::At(at) => his.push(at),
                }
            }
            let of = |mut all: Vec<Affine>, kind: fn(Vec<Affine>) -> AffineKind| match all.len() {
                1 => all.remove(0),
                _ => kind(all).into(),
            };
            let cut = Range { lo: of(los, AffineKind::Max), hi: of(his, AffineKind::Min), ..range.clone() };
            ranges.push((cut, Some(dim)));
            self.rows.push((range.iterator.clone(), dim));
        }
        let mut body = self.body(&f.body)?;
        self.rows.truncate(outside);
        if self.hoisted.is_some() {
            body = joined(body);
        }
        if is_empty || body.is_empty() {
            self.origins.truncate(before);
            return Some(Vec::new());
        }
        for (range, dim) in ranges.into_iter().rev() {
            if let Some(hoisted) = &mut self.hoisted {
                if dim.is_some_and(|dim| dim >= self.block.cut) {
                    hoisted.ranges.push(range);
                    continue;
                }
                hoisted.others.push(range.iterator.clone());
            }
            // Operands of what is innermost take least room.
            body = match dim {
                Some(dim) if self.is_parallel(dim) => sunk(&range, body),
                _ => vec![around(range, body)],
            };
        }
        Some(body)
    }

    /// The values of a loop's iterator here, first and one past the last.
    fn values(&self, dim: usize) -> (Affine, Affine) {
        let size = Affine::int(self.block.size);
        if self.home(dim).is_some() {
            return (Affine::int(0), size);
        }
        let start = |d: usize| self.start(d, None);
        let next = |d: usize| AffineKind::Add(Box::new(start(d)), Box::new(size)).into();
        let those = |ordering| (0..self.block.cut).filter(move |&d| self.order(d, dim) == Some(ordering));
        let before = those(Ordering::Less).max_by_key(|&d| self.places[d]);
        let after = those(Ordering::Greater).min_by_key(|&d| self.places[d]);
        (before.map_or(Affine::int(0), next), after.map_or(Affine::int(self.block.size * self.count), start))
    }

    /// The loop from the start of whose block an iterator counts.
    fn home(&self, dim: usize) -> Option<usize> {
        (0..self.block.cut).find(|&d| d == dim || self.order(d, dim) == Some(Ordering::Equal))
    }

    /// A bound of the iterator of a loop, counted from the start of its block.
    fn bound(&self, bound: &Affine, is_start: bool, dim: usize) -> Bound {
        let last = self.block.size * self.count;
        if let AffineKind::Int(value) = bound.kind {
            // A block before that of another loop is a whole one.
            let is_before = |other: usize| self.order(dim, other) == Some(Ordering::Less);
            let is_whole = (0..self.block.cut).any(is_before) && value > last - self.block.size;
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
            (Some(Ordering::Equal), _) if self.home(dim).is_some() => match is_start {
                true if offset >= 0 => Bound::Within(name.plus(offset)),
                false if offset <= 0 => Bound::Within(name.plus(offset)),
                _ => Bound::At(name.plus(offset)),
            },
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
        if !self.runs(s) {
            return Some(None);
        }
        let value = |dim: &Dim| self.affine(&Affine::name(&dim.iterator), None);
        self.origins.push((s, self.scop.statements[s].dims.iter().map(value).collect()));
        if let Some(hoisted) = &mut self.hoisted {
            let terms = self.rows.iter().filter(|(_, dim)| *dim >= self.block.cut).count();
            hoisted.fails |= terms != 1;
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
        Some(Some(assign))
    }

    /// Whether a statement runs at these blocks.
    fn runs(&self, s: usize) -> bool {
        self.block.dims.iter().enumerate().all(|(d, dim)| match dim[&s] {
            Turn::First => self.part == Part::First,
            Turn::Last => self.part == Part::Last,
            Turn::At(_) if d >= self.block.cut && self.part != Part::Terms => false,
            Turn::At(k) => {
                let own = self.loops[&self.scop.statements[s].dims[k].loop_id];
                self.order(own, d) == Some(Ordering::Equal)
            }
        })
    }

    /// Whether what runs here at one value of a loop that is cut touches nothing that is written at another.
    fn is_parallel(&self, dim: usize) -> bool {
        let running = || self.block.dims[0].keys().copied().filter(|&s| self.runs(s));
        let accesses = |s: usize| self.scop.statements[s].accesses.iter().map(move |access| (s, access));
        // For an index that one iterator moves: the loop, and the index but for which iterator that is.
        let moved = |s: usize, form: &Option<Linear>| {
            let form = form.as_ref()?;
            let k = form.coefficients.iter().positions(|&c| c != 0).exactly_one().ok()?;
            let dim = *self.loops.get(&self.scop.statements[s].dims[k].loop_id)?;
            Some((dim, form.coefficients[k], form.constant))
        };
        let is_apart = |(s, a): (usize, &scop::Access), (t, b): (usize, &scop::Access)| {
            a.linear.iter().zip(&b.linear).any(|(x, y)| match (moved(s, x), moved(t, y)) {
                (Some((d, a, i)), Some((e, b, j))) if (a, i) == (b, j) => {
                    (d, e) == (dim, dim) || self.order(d, e).is_some_and(Ordering::is_ne)
                }
                _ => false,
            })
        };
        let mut pairs = running().cartesian_product(running().flat_map(accesses).collect_vec());
        // Without a sum whose terms come from blocks no operand is to pass by.
        self.block.has_terms()
            && dim < self.block.cut
            && pairs.all(|(s, (t, other))| {
                let target = &self.scop.statements[s].accesses[0];
                target.array != other.array || is_apart((s, target), (t, other))
            })
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
        let said = wanted.filter(|d| *d < self.block.cut && same(d)).or((0..self.block.cut).find(same)).unwrap_or(dim);
        let (size, block) = (Affine::int(self.block.size), Affine::name(&self.blocks[said]));
        AffineKind::Mul(Box::new(size), Box::new(block)).into()
    }

    fn in_block(&self, a: Affine, dim: usize) -> Affine {
        if self.home(dim).is_none() {
            return a;
        }
        AffineKind::Sub(Box::new(a), Box::new(self.start(dim, None))).into()
    }

    /// An expression in which iterators count from the starts of their blocks.
    fn affine(&self, a: &Affine, wanted: Option<usize>) -> Affine {
        a.replaced(&|name| {
            let (_, dim) = self.rows.iter().find(|(row, dim)| row == name && self.home(*dim).is_some())?;
            Some(AffineKind::Add(Box::new(self.start(*dim, wanted)), Box::new(Affine::name(name))).into())
        })
    }

    /// How the block of one loop stands to that of another; `None` where that does not matter.
    fn order(&self, a: usize, b: usize) -> Option<Ordering> {
        (self.kinds[a] == self.kinds[b]).then(|| self.places[a].cmp(&self.places[b]))
    }

    /// What runs where the blocks follow each other like this.
    pub fn guarded(&self, body: Vec<Stmt>) -> Vec<Stmt> {
        let place = (0..self.block.cut).sorted_by_key(|&d| (self.kinds[d], self.places[d]));
        let neighbours = place.tuple_windows().filter_map(|(a, b)| {
            let comparison = if self.order(a, b)? == Ordering::Equal { Comparison::Eq } else { Comparison::Lt };
            let chain = vec![(comparison, Affine::name(&self.blocks[b]))];
            Some(Condition::Chain(Affine::name(&self.blocks[a]), chain))
        });
        let mut all: Vec<Condition<Affine>> = neighbours.collect();
        let condition = match all.len() {
            0 => return body,
            1 => all.remove(0),
            _ => Condition::And(all),
        };
        vec![Stmt::If(If { condition, then: body, orelse: Vec::new(), span: Span::default() })]
    }
}

/// A loop around statements.
fn around(range: Range, body: Vec<Stmt>) -> Stmt {
    Stmt::For(For { ranges: vec![range], body, span: Span::default() })
}

/// Loops one after the other of which each begins where the one before ends, in one.
fn joined(body: Vec<Stmt>) -> Vec<Stmt> {
    let mut result: Vec<Stmt> = Vec::new();
    for stmt in body {
        match (result.last_mut(), stmt) {
            (Some(Stmt::For(f)), Stmt::For(g)) if follows(f, &g) => {
                let range = &mut f.ranges[0];
                let is_before = vec![(Comparison::Lt, range.hi.clone())];
                let condition = Condition::Chain(Affine::name(&range.iterator), is_before);
                range.hi = g.ranges[0].hi.clone();
                let then = std::mem::take(&mut f.body);
                f.body = vec![Stmt::If(If { condition, then, orelse: g.body, span: Span::default() })];
            }
            (_, stmt) => result.push(stmt),
        }
    }
    result
}

fn follows(f: &For, g: &For) -> bool {
    match (&f.ranges[..], &g.ranges[..]) {
        ([a], [b]) => a.iterator == b.iterator && a.hi == b.lo,
        _ => false,
    }
}

/// A loop that carries nothing, inside the loops of its body that do not depend on it.
fn sunk(range: &Range, body: Vec<Stmt>) -> Vec<Stmt> {
    let is_own = |name: &Name| *name == range.iterator;
    let is_free = |r: &Range| !is_own(&r.iterator) && !r.lo.has(&is_own) && !r.hi.has(&is_own);
    let (mut result, mut left) = (Vec::new(), Vec::new());
    for stmt in body {
        match stmt {
            Stmt::For(f) if f.ranges.iter().all(is_free) => {
                if !left.is_empty() {
                    result.push(around(range.clone(), std::mem::take(&mut left)));
                }
                result.push(Stmt::For(For { body: sunk(range, f.body), ..f }));
            }
            stmt => left.push(stmt),
        }
    }
    if !left.is_empty() {
        result.push(around(range.clone(), left));
    }
    result
}

/// The expressions of which a bound is the largest or the smallest.
pub fn parts(bound: &Affine) -> impl Iterator<Item = &Affine> {
    match &bound.kind {
        AffineKind::Min(all) | AffineKind::Max(all) => all.iter(),
        _ => std::slice::from_ref(bound).iter(),
    }
}
