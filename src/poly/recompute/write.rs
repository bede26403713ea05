//! How does a program read when temps are computed again where they are read?

use super::{Over, Recompute};
use crate::isl::Result;
use crate::lang::ast::{
    Access, Affine, AffineKind, Array, Assign, ExprKind, For, If, Name, Program, Range, Span, Stmt,
};
use crate::lang::value::value;
use crate::poly::scop::{Scop, Statement, extract};
use crate::poly::strip::sum::Sum;
use crate::poly::strip::{Strip, strip};
use itertools::Itertools;
use std::collections::{BTreeMap, BTreeSet};

/// Elements of an array at most: far from the ends of 64 bits.
const ELEMENTS: i64 = 1 << 48;

/// The program with temps computed again, or the same of another size; `None` where that is not possible.
///
/// # Errors
/// When isl's budget runs out.
pub fn recompute(program: &Program, scop: &Scop, all: &[Recompute]) -> Result<Option<Program>> {
    let Some(strips) = strips(scop, all)? else { return Ok(None) };
    let mut stripped = program.clone();
    if !strips.is_empty() {
        let Some(written) = strip(program, scop, &strips) else { return Ok(None) };
        stripped = written;
    }
    let (taken, before) = (names(&stripped), names(program));
    let blocks = taken.difference(&before).cloned().collect();
    let mut writer = Writer { scop, strips: &strips, taken, blocks, paths: Vec::new(), copies: Vec::new() };
    stripped.body.iter().enumerate().for_each(|(nest, stmt)| writer.collect(stmt, nest, &mut Vec::new()));
    for one in all {
        let Some(copy) = writer.copy(&stripped, one)? else { return Ok(None) };
        writer.copies.push(copy);
    }
    let written = writer.written(stripped);
    // What is made again must have been made.
    let again = extract(&written, &scop.ctx)?;
    for (copy, one) in writer.copies.iter().zip(all) {
        let is_copy = |array: usize| again.arrays[array].name == copy.array.name;
        let Some(made) = again.statements.iter().find(|s| is_copy(s.accesses[0].array)) else { return Ok(None) };
        let elements = made.accesses[0].relation.range()?.project_out(0, one.over.len())?.named("Z")?;
        let known = scop.statements[one.source].accesses[0].relation.range()?.named("Z")?;
        if !elements.is_subset(&known)? {
            return Ok(None);
        }
    }
    Ok(Some(written))
}

/// The loops to be stripped; `None` where a user lacks a loop or does not come later, or a loop were to run in blocks of several sizes.
fn strips(scop: &Scop, all: &[Recompute]) -> Result<Option<Vec<Strip>>> {
    let mut sizes: BTreeMap<usize, i64> = BTreeMap::new();
    for one in all {
        let nest = |s: usize| scop.statements[s].nest;
        if one.users.iter().any(|&(user, _)| nest(user) <= nest(one.source)) {
            return Ok(None);
        }
        for (over, &(user, _)) in one.over.iter().flat_map(|over| one.users.iter().map(move |user| (over, user))) {
            let Some(loop_id) = over.loop_of(&scop.statements[user]) else { return Ok(None) };
            let Some(range) = scop.range(loop_id)? else { return Ok(None) };
            let by = over.scaled(range);
            if *sizes.entry(loop_id).or_insert(by) != by {
                return Ok(None);
            }
        }
    }
    Ok(Some(sizes.into_iter().filter(|(_, by)| *by > 1).map(|(loop_id, by)| Strip { loop_id, by }).collect()))
}

/// All names of arrays, parameters and iterators.
fn names(program: &Program) -> BTreeSet<Name> {
    fn of(stmt: &Stmt, all: &mut BTreeSet<Name>) {
        match stmt {
            Stmt::For(f) => {
                all.extend(f.ranges.iter().map(|range| range.iterator.clone()));
                f.body.iter().for_each(|stmt| of(stmt, all));
            }
            Stmt::If(branch) => branch.then.iter().chain(&branch.orelse).for_each(|stmt| of(stmt, all)),
            Stmt::Assign(_) | Stmt::Transfer(_) => {}
        }
    }
    let arrays = program.arrays.iter().map(|array| array.name.clone());
    let mut all: BTreeSet<Name> = arrays.chain(program.params.iter().map(|param| param.name.clone())).collect();
    program.body.iter().for_each(|stmt| of(stmt, &mut all));
    all
}

/// A statement in the program stripped: its top-level statement, the loops around it, and what it says.
struct Path {
    nest: usize,
    ranges: Vec<Range>,
    assign: Assign,
}

/// What is computed again: its array, the nest that fills it, and what users read instead.
struct Copy {
    array: Array,
    source: usize,
    before: usize,
    fill: Stmt,
    /// By user: its accesses, and the indices in front of theirs.
    users: BTreeMap<usize, (Vec<usize>, Vec<Affine>)>,
}

struct Writer<'a> {
    scop: &'a Scop,
    strips: &'a [Strip],
    taken: BTreeSet<Name>,
    /// The iterators over blocks.
    blocks: BTreeSet<Name>,
    paths: Vec<Path>,
    copies: Vec<Copy>,
}

impl Writer<'_> {
    fn collect(&mut self, stmt: &Stmt, nest: usize, ranges: &mut Vec<Range>) {
        match stmt {
            Stmt::For(f) => {
                let outside = ranges.len();
                ranges.extend(f.ranges.iter().cloned());
                f.body.iter().for_each(|stmt| self.collect(stmt, nest, ranges));
                ranges.truncate(outside);
            }
            Stmt::If(branch) => {
                branch.then.iter().chain(&branch.orelse).for_each(|stmt| self.collect(stmt, nest, ranges));
            }
            Stmt::Assign(assign) => {
                self.paths.push(Path { nest, ranges: ranges.clone(), assign: assign.clone() });
            }
            Stmt::Transfer(_) => {}
        }
    }

    fn fresh(&mut self, like: &Name) -> Name {
        let all = (2..).map(|n| Name::from(format!("{like}{n}")));
        let name = all.into_iter().find(|name| !self.taken.contains(name)).expect("there are more numbers than names");
        self.taken.insert(name.clone());
        name
    }

    /// Where the loop over the blocks stands among those around a user.
    fn over_blocks(&self, over: &Over, user: usize) -> Option<usize> {
        let dims = &self.scop.statements[user].dims;
        let k = dims.iter().position(|dim| dim.iterator == over.iterator)?;
        let is_stripped = |loop_id: usize| self.strips.iter().any(|strip| strip.loop_id == loop_id);
        Some(k + dims[..k].iter().filter(|dim| is_stripped(dim.loop_id)).count())
    }

    fn copy(&mut self, program: &Program, one: &Recompute) -> Result<Option<Copy>> {
        let Some(&(first, _)) = one.users.first() else { return Ok(None) };
        let Some(before) = one.users.iter().map(|(user, _)| self.paths[*user].nest).min() else { return Ok(None) };
        let (Some(over), Some(counts)) = (self.over(one, first), self.counts(one)) else { return Ok(None) };
        let Some((ranges, indices)) = self.elements(one, first, &over)? else { return Ok(None) };
        let mut array = program.arrays[one.array].clone();
        array.name = self.fresh(&array.name);
        for &(least, end) in counts.iter().rev() {
            array.extents.insert(0, end - least);
            array.dims.insert(0, Affine::int(end - least));
        }
        let elements = array.extents.iter().try_fold(1i64, |product, &extent| product.checked_mul(extent));
        if elements.is_none_or(|elements| elements > ELEMENTS) {
            return Ok(None);
        }
        let element = |names: &[Name]| -> Vec<Affine> {
            let each = names.iter().zip(&counts);
            each.map(|(name, (least, _))| Affine::name(name).plus(-least)).collect()
        };
        let mut users = BTreeMap::new();
        for (user, accesses) in &one.users {
            let Some(names) = self.over(one, *user) else { return Ok(None) };
            users.insert(*user, (accesses.clone(), element(&names)));
        }
        let source = &self.scop.statements[one.source];
        let mut assign = self.paths[one.source].assign.clone();
        // Each iterator of the source by the element that it makes.
        let mut values: BTreeMap<Name, Affine> = BTreeMap::new();
        for (linear, index) in source.accesses[0].linear.iter().zip(&indices) {
            let Some(linear) = linear else { return Ok(None) };
            let Some(k) = linear.coefficients.iter().position(|c| *c != 0) else { return Ok(None) };
            values.insert(source.dims[k].iterator.clone(), index.clone().plus(-linear.constant));
        }
        assign.value.each_leaf(&mut |leaf| {
            if let ExprKind::Access(access) = leaf {
                access.indices.iter_mut().for_each(|i| *i = i.replaced(&|name| values.get(name).cloned()));
            }
        });
        let indices = element(&over).into_iter().chain(indices).collect();
        assign.target = Access { array: array.name.clone(), indices, ..assign.target };
        let span = assign.span;
        let fill = Stmt::For(For { ranges, body: vec![Stmt::Assign(assign)], span });
        Ok(Some(Copy { array, source: one.source, before, fill, users }))
    }

    /// The iterators over blocks around a user.
    fn over(&self, one: &Recompute, user: usize) -> Option<Vec<Name>> {
        let name = |over: &Over| Some(self.paths[user].ranges.get(self.over_blocks(over, user)?)?.iterator.clone());
        one.over.iter().map(name).collect()
    }

    /// The smallest number of a block that a loop around a user may have, and one past the largest.
    fn counts(&self, one: &Recompute) -> Option<Vec<(i64, i64)>> {
        let of = |over: &Over, user: usize| {
            let path = &self.paths[user].ranges;
            let at = self.over_blocks(over, user)?;
            let number = |bound, is_least| value(&extreme(bound, is_least, &path[..at], &|_| false)?, &|_| None).ok();
            Some((number(&path[at].lo, true)?, number(&path[at].hi, false)?))
        };
        let all = |over: &Over| {
            let each = one.users.iter().map(|&(user, _)| of(over, user));
            each.reduce(|a, b| a.zip(b).map(|(a, b)| (a.0.min(b.0), a.1.max(b.1))))?
        };
        one.over.iter().map(|over| all(over).filter(|(least, end)| least < end)).collect()
    }

    /// The loops that make the elements that users read, those over blocks among them, and the indices of an element.
    fn elements(&mut self, one: &Recompute, first: usize, over: &[Name]) -> Result<Option<(Vec<Range>, Vec<Affine>)>> {
        if let [(user, accesses)] = &one.users[..]
            && let [access] = accesses[..]
        {
            return Ok(self.walked(*user, access, over));
        }
        let mut ranges = Vec::new();
        // Users in loops of their own, though of one name, may have blocks that the first one lacks.
        let loops = |user: usize| one.over.iter().map(|over| over.loop_of(&self.scop.statements[user])).collect_vec();
        if one.users.iter().all(|(user, _)| loops(*user) == loops(first)) {
            let path = self.paths[first].ranges.clone();
            let Some(blocks) = self.narrowed(&path, &|name| over.contains(name)) else { return Ok(None) };
            ranges = blocks;
        } else if let Some(counts) = self.counts(one) {
            let range = |(name, (lo, hi)): (&Name, (i64, i64))| plain(name.clone(), Affine::int(lo), Affine::int(hi));
            ranges.extend(over.iter().zip(counts).map(range));
        }
        let mut indices = Vec::new();
        for dim in 0..self.scop.arrays[one.array].extents.len() {
            let source = &self.scop.statements[one.source];
            let Some(linear) = &source.accesses[0].linear[dim] else { return Ok(None) };
            let Some(k) = linear.coefficients.iter().position(|c| *c != 0) else { return Ok(None) };
            let like = source.dims[k].iterator.clone();
            let Some((lo, hi)) = self.bounds(one, dim, over)? else { return Ok(None) };
            let name = self.fresh(&like);
            indices.push(Affine::name(&name));
            ranges.push(plain(name, lo, hi));
        }
        Ok(Some((ranges, indices)))
    }

    /// The loops of one access: those around its user that it is read in.
    fn walked(&self, user: usize, access: usize, over: &[Name]) -> Option<(Vec<Range>, Vec<Affine>)> {
        let indices = self.index(user, access)?;
        let is_kept = |name: &Name| over.contains(name) || indices.iter().any(|index| index.has(&|n| n == name));
        Some((self.narrowed(&self.paths[user].ranges, &is_kept)?, indices.to_vec()))
    }

    /// Some of the loops around a statement, each over all values that it has for any of the others; `None` where that cannot be said.
    fn narrowed(&self, path: &[Range], is_kept: &dyn Fn(&Name) -> bool) -> Option<Vec<Range>> {
        let is_block = |name: &Name| self.blocks.contains(name);
        let kept = path.iter().enumerate().filter(|(_, range)| is_kept(&range.iterator));
        let of = |(at, range): (usize, &Range)| {
            // Which blocks there are is said by blocks alone: bounds that round what is inside of them are too intricate.
            let stays = |name: &Name| is_kept(name) && (is_block(name) || !is_block(&range.iterator));
            let bound = |bound, is_least| extreme(bound, is_least, &path[..at], &stays);
            let (lo, hi) = (bound(&range.lo, true)?, bound(&range.hi, false)?);
            (range.step == 1).then(|| plain(range.iterator.clone(), lo, hi))
        };
        kept.map(of).collect()
    }

    /// The smallest index of a dimension that users read, and one past the largest: of each block where all reads agree, else of all.
    fn bounds(&self, one: &Recompute, dim: usize, over: &[Name]) -> Result<Option<(Affine, Affine)>> {
        let (mut all, mut least, mut end) = (None, Vec::new(), Vec::new());
        for (user, accesses) in &one.users {
            for &access in accesses {
                let read = self.scop.statements[*user].accesses[access].relation.range()?;
                let (Some(lo), Some(hi)) = (read.dim_min(dim)?, read.dim_max(dim)?) else { return Ok(None) };
                let (least_of_all, most_of_all) = all.unwrap_or((lo, hi));
                all = Some((lo.min(least_of_all), hi.max(most_of_all)));
                let path = &self.paths[*user];
                let index = self.index(*user, access).map(|indices| &indices[dim]);
                let of = |is_least| extreme(index?, is_least, &path.ranges, &|name| over.contains(name));
                least.push(of(true));
                end.push(of(false).map(|most| most.plus(1)));
            }
        }
        let Some((lo, hi)) = all else { return Ok(None) };
        let is_one_nest = one.users.iter().map(|(user, _)| self.paths[*user].nest).all_equal();
        let of_block = |bounds: &[Option<Affine>], is_least| if is_one_nest { outer(bounds, is_least) } else { None };
        let (lo, hi) = (Affine::int(lo), Affine::int(hi).plus(1));
        Ok(Some((of_block(&least, true).unwrap_or(lo), of_block(&end, false).unwrap_or(simple(&hi)))))
    }

    /// The indices of an access as the program stripped has them.
    fn index(&self, user: usize, access: usize) -> Option<&[Affine]> {
        let reads = self.paths[user].assign.value.reads().into_iter().zip(&self.scop.statements[user].reads);
        reads.into_iter().find(|(_, number)| **number == access).map(|(read, _)| &read.indices[..])
    }

    /// The program with what is computed again before its users, and without what nobody reads then.
    fn written(&self, program: Program) -> Program {
        let mut seen = 0;
        let mut body = Vec::new();
        for (nest, stmt) in program.body.iter().enumerate() {
            body.extend(self.copies.iter().filter(|copy| copy.before == nest).map(|copy| copy.fill.clone()));
            body.extend(self.statement(stmt, &mut seen));
        }
        let arrays = program.arrays.iter().cloned().chain(self.copies.iter().map(|copy| copy.array.clone())).collect();
        Program { arrays, body, ..program }
    }

    /// A statement with its reads of what is computed again; `None` where nothing is left. `seen` counts assignments.
    fn statement(&self, stmt: &Stmt, seen: &mut usize) -> Option<Stmt> {
        let mut of = |body: &[Stmt]| body.iter().filter_map(|stmt| self.statement(stmt, seen)).collect::<Vec<_>>();
        match stmt {
            Stmt::For(f) => {
                let body = of(&f.body);
                (!body.is_empty()).then(|| Stmt::For(For { body, ..f.clone() }))
            }
            Stmt::If(branch) => {
                let (then, orelse) = (of(&branch.then), of(&branch.orelse));
                let is_left = !(then.is_empty() && orelse.is_empty());
                is_left.then(|| Stmt::If(If { then, orelse, ..branch.clone() }))
            }
            Stmt::Assign(assign) => {
                let number = *seen;
                *seen += 1;
                self.is_needed(number).then(|| Stmt::Assign(self.assign(assign, number)))
            }
            Stmt::Transfer(_) => Some(stmt.clone()),
        }
    }

    fn assign(&self, assign: &Assign, number: usize) -> Assign {
        let mut assign = assign.clone();
        let mut reads = self.scop.statements[number].reads.iter();
        assign.value.each_leaf(&mut |leaf| {
            if let ExprKind::Access(access) = leaf
                && let Some(&read) = reads.next()
                && let Some((copy, block)) = self.read_of(number, read)
            {
                access.array = copy.array.name.clone();
                access.indices.splice(0..0, block.iter().cloned());
            }
        });
        assign
    }

    /// What an access of a user reads instead, and the indices of its block.
    fn read_of(&self, user: usize, access: usize) -> Option<(&Copy, &[Affine])> {
        let of = |copy: &Copy| copy.users.get(&user).is_some_and(|(accesses, _)| accesses.contains(&access));
        self.copies.iter().find(|copy| of(copy)).map(|copy| (copy, &copy.users[&user].1[..]))
    }

    /// Whether a statement fills what is read as before.
    fn is_needed(&self, statement: usize) -> bool {
        let array = self.scop.statements[statement].accesses[0].array;
        let is_read = |(s, other): (usize, &Statement)| {
            let mut reads =
                (0..other.accesses.len()).filter(|&a| other.accesses[a].array == array && other.accesses[a].reads);
            reads.any(|a| self.read_of(s, a).is_none())
        };
        !self.copies.iter().any(|copy| copy.source == statement) || self.scop.statements.iter().enumerate().any(is_read)
    }
}

fn plain(iterator: Name, lo: Affine, hi: Affine) -> Range {
    Range { iterator, lo, hi, step: 1, span: Span::default() }
}

/// An expression that is never larger (or smaller) than another one, without the iterators that are not kept.
fn extreme(a: &Affine, is_least: bool, path: &[Range], is_kept: &dyn Fn(&Name) -> bool) -> Option<Affine> {
    let of = |a: &Affine, is_least: bool| extreme(a, is_least, path, is_kept).map(Box::new);
    let all = |parts: &[Affine]| parts.iter().map(|a| extreme(a, is_least, path, is_kept)).collect::<Option<Vec<_>>>();
    let is_positive = |a: &Affine| matches!(a.kind, AffineKind::Int(value) if value >= 0);
    let kind = match &a.kind {
        AffineKind::Int(_) => return Some(a.clone()),
        AffineKind::Name(name) => {
            let around = path.iter().rposition(|range| range.iterator == *name);
            let Some(at) = around.filter(|_| !is_kept(name)) else { return Some(a.clone()) };
            let bound = if is_least { path[at].lo.clone() } else { path[at].hi.clone().plus(-1) };
            return extreme(&bound, is_least, &path[..at], is_kept);
        }
        AffineKind::Neg(a) => AffineKind::Neg(of(a, !is_least)?),
        AffineKind::Add(a, b) => AffineKind::Add(of(a, is_least)?, of(b, is_least)?),
        AffineKind::Sub(a, b) => AffineKind::Sub(of(a, is_least)?, of(b, !is_least)?),
        AffineKind::Mul(a, b) if is_positive(a) => AffineKind::Mul(a.clone(), of(b, is_least)?),
        AffineKind::Mul(a, b) if is_positive(b) => AffineKind::Mul(of(a, is_least)?, b.clone()),
        AffineKind::Div(a, by) => AffineKind::Div(of(a, is_least)?, by.clone()),
        AffineKind::Mul(..) | AffineKind::Mod(..) => return None,
        AffineKind::Min(parts) => AffineKind::Min(all(parts)?),
        AffineKind::Max(parts) => AffineKind::Max(all(parts)?),
    };
    Some(simple(&kind.into()))
}

fn simple(a: &Affine) -> Affine {
    Sum::of(a, &[]).map_or_else(|| a.clone(), |sum| sum.written())
}

/// The smallest (or largest) of some expressions, where they differ by numbers.
fn outer(all: &[Option<Affine>], is_least: bool) -> Option<Affine> {
    let sums = all.iter().map(|a| Sum::of(a.as_ref()?, &[])).collect::<Option<Vec<Sum>>>()?;
    let first = sums.first()?;
    let apart = sums.iter().map(|sum| sum.clone().minus(first)?.as_constant()).collect::<Option<Vec<i64>>>()?;
    let farthest = if is_least { apart.into_iter().min()? } else { apart.into_iter().max()? };
    Some(first.clone().plus(farthest)?.written())
}
