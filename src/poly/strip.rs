//! Which loops stand in indices that round, and how does the program read when each runs as two?
//!
//! Where `i` becomes `2 * i2 + i`, over pairs of values and over the two values of a pair, `E[i / 2]` becomes `E[i2]` and `K[i % 2]` becomes
//! `K[i]`: plain sums of iterators, whose tiles have footprints and which other nests can run along with. The instances and their order stay
//! the same.
//!
//! Source: strip-mining as in Loveman, "Program improvement by source-to-source transformation", JACM 24(1), 1977.
//! Differs: blocks begin at multiples of their size, so that quotients and remainders are whole.

pub(super) mod sum;

use super::carried::Names;
use super::expand::fresh;
use super::scop::Scop;
use crate::lang::ast::{Access, Affine, AffineKind, Assign, ExprKind, For, If, Name, Program, Range, Stmt};
use std::collections::{BTreeMap, BTreeSet};
use sum::{Row, Sum};

/// A loop that runs as two.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Strip {
    /// As `Dim::loop_id`.
    pub loop_id: usize,
    /// Values of the inner loop.
    pub by: i64,
}

/// Most values of an inner loop: with more, what a rounded index keeps back is as large as a tile.
const MOST: i64 = 16;

/// The loops of a program to be stripped so that fewer of its indices round.
pub fn strips(program: &Program, scop: &Scop) -> Vec<Strip> {
    let mut search = Search::default();
    program.body.iter().for_each(|stmt| search.statement(stmt));
    search.found.retain(|loop_id, _| !search.refused.contains(loop_id));
    // What holds for all indices may be too much for the plainest of them.
    let kinds: [fn(&BTreeSet<i64>) -> i64; 2] = [common, |all| all.first().copied().unwrap_or(1)];
    let of = |by: fn(&BTreeSet<i64>) -> i64| -> Vec<Strip> {
        search.found.iter().map(|(&loop_id, all)| Strip { loop_id, by: by(all) }).collect()
    };
    let left = |strips: &Vec<Strip>| strip(program, scop, strips).map(|written| rounded(&written.body));
    let ways = kinds.into_iter().map(of).filter_map(|strips| Some((left(&strips)?, strips)));
    let least = ways.min_by_key(|(left, _)| *left).filter(|(left, _)| *left < rounded(&program.body));
    least.map(|(_, strips)| strips).unwrap_or_default()
}

/// The least common multiple of numbers from the largest down, as far as it stays small.
fn common(all: &BTreeSet<i64>) -> i64 {
    all.iter().rev().fold(1, |known, by| {
        let both = known / gcd(known, *by) * by;
        if both <= MOST { both } else { known }
    })
}

/// The program with some loops stripped; `None` where one of them has a step, or an iterator that is a value.
pub fn strip(program: &Program, scop: &Scop, strips: &[Strip]) -> Option<Program> {
    let by = strips.iter().map(|strip| (strip.loop_id, strip.by)).collect();
    let mut writer = Writer { program, scop, by, names: BTreeMap::new(), seen: 0, rows: Vec::new() };
    let body = writer.body(&program.body)?;
    Some(Program { body, ..program.clone() })
}

/// How the instances of the program are named in it stripped.
pub fn in_strips(strips: &[Strip]) -> Names {
    Names::InStrips(strips.iter().map(|strip| (strip.loop_id, strip.by)).collect())
}

/// The indices that round.
fn rounded(body: &[Stmt]) -> usize {
    let of = |access: &Access| access.indices.iter().filter(|index| rounds(index)).count();
    let each = |stmt: &Stmt| match stmt {
        Stmt::For(f) => rounded(&f.body),
        Stmt::If(branch) => rounded(&branch.then) + rounded(&branch.orelse),
        Stmt::Assign(assign) => of(&assign.target) + assign.value.reads().into_iter().map(of).sum::<usize>(),
        Stmt::Transfer(_) => 0,
    };
    body.iter().map(each).sum()
}

fn rounds(a: &Affine) -> bool {
    match &a.kind {
        AffineKind::Int(_) | AffineKind::Name(_) => false,
        AffineKind::Neg(a) => rounds(a),
        AffineKind::Add(a, b) | AffineKind::Sub(a, b) | AffineKind::Mul(a, b) => rounds(a) || rounds(b),
        AffineKind::Div(..) | AffineKind::Mod(..) => true,
        AffineKind::Min(all) | AffineKind::Max(all) => all.iter().any(rounds),
    }
}

/// The loops whose iterators are rounded.
#[derive(Default)]
struct Search {
    /// Loops seen.
    seen: usize,
    /// The loops around, by their iterators.
    around: Vec<(Name, usize)>,
    /// After how many values of its iterator an index below a loop rounds alike again: for all that round.
    found: BTreeMap<usize, BTreeSet<i64>>,
    /// Loops that cannot be stripped.
    refused: BTreeSet<usize>,
}

impl Search {
    fn statement(&mut self, stmt: &Stmt) {
        match stmt {
            Stmt::For(f) => {
                let outside = self.around.len();
                for range in &f.ranges {
                    self.seen += 1;
                    self.around.push((range.iterator.clone(), self.seen));
                    if range.step != 1 {
                        self.refused.insert(self.seen);
                    }
                }
                f.body.iter().for_each(|stmt| self.statement(stmt));
                self.around.truncate(outside);
            }
            Stmt::If(branch) => branch.then.iter().chain(&branch.orelse).for_each(|stmt| self.statement(stmt)),
            Stmt::Assign(assign) => {
                for access in std::iter::once(&assign.target).chain(assign.value.reads()) {
                    access.indices.iter().for_each(|index| self.index(index, 1));
                }
                for name in values(assign) {
                    self.refused.extend(self.around.iter().find(|(n, _)| *n == name).map(|(_, id)| *id));
                }
            }
            Stmt::Transfer(_) => {}
        }
    }

    /// An expression that matters modulo a number.
    fn index(&mut self, a: &Affine, modulus: i64) {
        match &a.kind {
            AffineKind::Int(_) => {}
            AffineKind::Name(name) => {
                let Some(&(_, id)) = self.around.iter().find(|(n, _)| n == name) else { return };
                if (2..=MOST).contains(&modulus) {
                    self.found.entry(id).or_default().insert(modulus);
                }
            }
            AffineKind::Neg(a) => self.index(a, modulus),
            AffineKind::Add(a, b) | AffineKind::Sub(a, b) => {
                self.index(a, modulus);
                self.index(b, modulus);
            }
            AffineKind::Mul(a, b) => match (&a.kind, &b.kind) {
                (AffineKind::Int(c), _) => self.index(b, modulus / gcd(modulus, *c)),
                (_, AffineKind::Int(c)) => self.index(a, modulus / gcd(modulus, *c)),
                _ => {}
            },
            AffineKind::Div(a, by) => {
                if let AffineKind::Int(by @ 1..=MOST) = by.kind {
                    self.index(a, (by * modulus).min(MOST + 1));
                }
            }
            AffineKind::Mod(a, by) => {
                if let AffineKind::Int(by @ 1..=MOST) = by.kind {
                    self.index(a, by);
                }
            }
            AffineKind::Min(all) | AffineKind::Max(all) => all.iter().for_each(|a| self.index(a, modulus)),
        }
    }
}

/// The iterators that are values in an assignment.
fn values(assign: &Assign) -> Vec<Name> {
    let mut names = Vec::new();
    assign.value.clone().each_leaf(&mut |leaf| {
        if let ExprKind::Name(name) = leaf {
            names.push(name.clone());
        }
    });
    names
}

fn gcd(a: i64, b: i64) -> i64 {
    if b == 0 { a.saturating_abs().max(1) } else { gcd(b, a % b) }
}

/// A program on the way to its stripped loops.
struct Writer<'a> {
    program: &'a Program,
    scop: &'a Scop,
    /// Values of the inner loop of each loop that is stripped.
    by: BTreeMap<usize, i64>,
    /// For each iterator that of its blocks.
    names: BTreeMap<Name, Name>,
    /// Loops seen.
    seen: usize,
    /// The stripped loops around.
    rows: Vec<Row>,
}

impl Writer<'_> {
    fn body(&mut self, body: &[Stmt]) -> Option<Vec<Stmt>> {
        body.iter().map(|stmt| self.statement(stmt)).collect()
    }

    fn statement(&mut self, stmt: &Stmt) -> Option<Stmt> {
        Some(match stmt {
            Stmt::For(f) => {
                let (outside, mut ranges) = (self.rows.len(), Vec::new());
                for range in &f.ranges {
                    self.seen += 1;
                    match self.by.get(&self.seen) {
                        Some(&by) => ranges.extend(self.stripped(range, by)?),
                        None => {
                            let (lo, hi) = (self.affine(&range.lo), self.affine(&range.hi));
                            ranges.push(Range { lo, hi, ..range.clone() });
                        }
                    }
                }
                let body = self.body(&f.body)?;
                self.rows.truncate(outside);
                Stmt::For(For { ranges, body, span: f.span })
            }
            Stmt::If(branch) => {
                let condition = branch.condition.map(&|a| self.affine(a));
                let (then, orelse) = (self.body(&branch.then)?, self.body(&branch.orelse)?);
                Stmt::If(If { condition, then, orelse, span: branch.span })
            }
            Stmt::Assign(assign) => {
                if values(assign).iter().any(|name| self.rows.iter().any(|row| row.inner == *name)) {
                    return None;
                }
                let mut assign = assign.clone();
                self.access(&mut assign.target);
                assign.value.each_leaf(&mut |leaf| {
                    if let ExprKind::Access(access) = leaf {
                        self.access(access);
                    }
                });
                Stmt::Assign(assign)
            }
            Stmt::Transfer(_) => return None,
        })
    }

    fn access(&self, access: &mut Access) {
        access.indices.iter_mut().for_each(|index| *index = self.affine(index));
    }

    /// The loop over blocks and the one inside them.
    fn stripped(&mut self, range: &Range, by: i64) -> Option<[Range; 2]> {
        if range.step != 1 || by < 2 {
            return None;
        }
        let inner = range.iterator.clone();
        let outer = self.name(&inner);
        let row = Row { inner: inner.clone(), outer: outer.clone(), by };
        let start = Sum::of(&Affine::name(&outer), &[])?.times(by)?;
        let block = |bound: &Affine, add: i64| -> Option<Affine> {
            mapped(bound, &|a| Some(Sum::of(a, &self.rows)?.plus(add)?.over(by, &self.rows)?.written()))
        };
        // Counted from the start of the block.
        let value = |bound: &Affine, least: i64| -> Option<Affine> {
            let is_whole = |a: &Affine| Some(Sum::of(a, &self.rows)?.is_multiple(by));
            if parts(bound).into_iter().map(is_whole).collect::<Option<Vec<_>>>()?.into_iter().all(|whole| whole) {
                return Some(Affine::int(least));
            }
            mapped(bound, &|a| Some(Sum::of(a, &self.rows)?.minus(&start)?.written()))
        };
        let (lo, hi) = (block(&range.lo, 0)?, block(&range.hi, by - 1)?);
        let blocks = Range { iterator: outer, lo, hi, ..range.clone() };
        let within = |bound: Affine, own: i64, kind: fn(Vec<Affine>) -> AffineKind| match bound.kind {
            AffineKind::Int(value) if value == own => bound,
            _ => Affine::from(kind(vec![Affine::int(own), bound])),
        };
        let lo = within(value(&range.lo, 0)?, 0, AffineKind::Max);
        let hi = within(value(&range.hi, by)?, by, AffineKind::Min);
        let values = Range { iterator: inner, lo, hi, ..range.clone() };
        self.rows.push(row);
        Some([blocks, values])
    }

    /// The name of the iterator over blocks: the same for all loops of an iterator.
    fn name(&mut self, iterator: &Name) -> Name {
        if let Some(name) = self.names.get(iterator) {
            return name.clone();
        }
        let mut all = (2..).map(|n| fresh(self.program, self.scop, iterator, n));
        let name = all.find(|name| self.names.values().all(|other| other != name)).unwrap_or_else(|| iterator.clone());
        self.names.insert(iterator.clone(), name.clone());
        name
    }

    /// An expression in which iterators count from the starts of their blocks.
    fn affine(&self, a: &Affine) -> Affine {
        let is_stripped = |name: &Name| self.rows.iter().any(|row| row.inner == *name);
        if !a.has(&is_stripped) {
            return a.clone();
        }
        let simple = mapped(a, &|a| Some(Sum::of(a, &self.rows)?.written()));
        simple.unwrap_or_else(|| a.replaced(&|name| Some(self.rows.iter().find(|row| row.inner == *name)?.value())))
    }
}

/// A bound with other expressions to choose from; rounding down and adding keep their order.
fn mapped(bound: &Affine, by: &dyn Fn(&Affine) -> Option<Affine>) -> Option<Affine> {
    let all = |parts: &[Affine]| parts.iter().map(|a| mapped(a, by)).collect::<Option<Vec<_>>>();
    Some(match &bound.kind {
        AffineKind::Min(parts) => AffineKind::Min(all(parts)?).into(),
        AffineKind::Max(parts) => AffineKind::Max(all(parts)?).into(),
        _ => by(bound)?,
    })
}

/// The expressions that a bound chooses from.
fn parts(bound: &Affine) -> Vec<&Affine> {
    match &bound.kind {
        AffineKind::Min(all) | AffineKind::Max(all) => all.iter().flat_map(parts).collect(),
        _ => vec![bound],
    }
}
