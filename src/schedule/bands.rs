//! Which loops can the statements of a group share, and how far must each be shifted?
//!
//! Iterators that walk the same dimension of an array belong to one class: a loop that the group might share. For each class an
//! affine ILP finds the smallest shifts under which no dependence runs backwards along it; where there are none, it is asked
//! again without the dependences that an outer loop of one value carries. The outcome is the search's problem in plain
//! integers, with the distances that decide which bands are legal.
//!
//! ```text
//! variables  c_s >= 0                  the shift of statement s: it runs iterator i at loop value rate·i + c_s
//! minimise   Σ_s c_s + W·Σ_(s→t) (c_t - c_s)
//! subject to c_t - c_s >= -δ           for each dependence s → t; δ = its smallest rate_t·i_t - rate_s·i_s, from isl
//!            c_t - c_s >= 1 - δ        where t stands before s, and δ >= 1 or a loop that both are in carries it
//! ```
//! The rows suffice because a loop is legal when every dependence has a distance of at least zero along it; the last kind keeps
//! what only the loop can carry. Where no shift is needed none is asked for.
//!
//! Source: Bondhugula, Hartono, Ramanujam, Sadayappan, "A practical automatic polyhedral parallelizer and locality
//! optimizer", PLDI 2008.
//! Differs: hyperplanes are single iterators at a rate, found from the accesses; the ILP finds the shifts.

mod parts;
mod skews;
mod slopes;

pub use skews::Skew;

use super::problem::{Access, Array, Attach, BandDim, Edge, Index, Problem, Shared, Slope, Statement};
use super::relation::Relation;
use crate::ilp::{Model, Solver};
use crate::isl::Result;
use crate::lang::ast::Role;
use crate::poly::{Dependences, Linear, Scop};
use std::cell::RefCell;
use std::collections::{BTreeMap, HashMap};
use std::rc::Rc;

/// A group's problem, and what its numbers stand for.
pub struct GroupProblem {
    pub problem: Shared,
    /// The program's number of each statement of the problem.
    pub statements: Vec<usize>,
    /// The program's number of each array of the problem; an array that one statement reads in different directions counts
    /// once for each.
    pub arrays: Vec<usize>,
    /// For each array of the problem the first that is the same part of an array, walked in another direction.
    pub parts: Vec<usize>,
    /// For each statement of the problem, which of the problem's arrays each of its accesses belongs to.
    pub array_of_access: Vec<Vec<usize>>,
    /// For each statement of the problem, the smallest value of each iterator.
    pub origins: Vec<Vec<i64>>,
}

impl GroupProblem {
    /// The same with one buffer for all directions in which a statement reads a part of an array: rows of `A` with all pairs of their
    /// columns are loaded once, where tiles of `A[i][k]` and of `A[j][k]` are better apart. `None` where there is one direction.
    pub fn together(&self) -> Option<GroupProblem> {
        let kept: Vec<usize> = (0..self.parts.len()).filter(|&n| self.parts[n] == n).collect();
        if kept.len() == self.parts.len() {
            return None;
        }
        let renumbered = |n: &usize| kept.partition_point(|&k| k < self.parts[*n]);
        let mut problem = Problem::clone(&self.problem);
        problem.arrays = kept.iter().map(|&n| self.problem.arrays[n].clone()).collect();
        problem.statements.iter_mut().flat_map(|s| &mut s.accesses).for_each(|a| a.array = renumbered(&a.array));
        Some(GroupProblem {
            problem: Shared::new(problem),
            statements: self.statements.clone(),
            arrays: kept.iter().map(|&n| self.arrays[n]).collect(),
            parts: (0..kept.len()).collect(),
            array_of_access: self.array_of_access.iter().map(|of| of.iter().map(renumbered).collect()).collect(),
            origins: self.origins.clone(),
        })
    }
}

/// The facts about a whole program that every group's problem is made from.
pub struct Bands<'a> {
    pub scop: &'a Scop,
    pub dependences: &'a Dependences,
    pub solver: Solver,
    /// Smallest and largest value of each iterator of each statement; `None`: the statement never runs.
    hulls: Vec<Option<Vec<(i64, i64)>>>,
    /// What ties the iterators of each statement to each other.
    slopes: Vec<Vec<Slope>>,
    /// Convex pieces of the dependences from one statement to another.
    pieces: BTreeMap<(usize, usize), Vec<Rc<Relation>>>,
    /// Answers of the ILP, by the number of statements, the largest shift and the rows.
    shifts: RefCell<HashMap<ShiftProblem, Option<Vec<i64>>>>,
    /// Ways to skew statements, which every kind of fusion asks for in every room.
    skews: RefCell<HashMap<Vec<usize>, Rc<Vec<Skew>>>>,
    /// Where the accesses of each statement go.
    reaches: Vec<Vec<parts::Reach<'a>>>,
    /// Which accesses meet, which all groups ask that hold both.
    meetings: parts::Meetings,
}

type ShiftProblem = (usize, i64, Vec<((usize, usize), i64)>);

impl<'a> Bands<'a> {
    /// # Errors
    /// When isl's budget runs out.
    pub fn new(scop: &'a Scop, dependences: &'a Dependences, solver: Solver) -> Result<Bands<'a>> {
        let (mut hulls, mut slopes) = (Vec::new(), Vec::new());
        for statement in &scop.statements {
            let hull = (0..statement.dims.len())
                .map(|k| Ok(statement.domain.dim_min(k)?.zip(statement.domain.dim_max(k)?)))
                .collect::<Result<Option<Vec<_>>>>()?;
            let hull = if statement.domain.is_empty()? { None } else { hull };
            slopes.push(slopes::slopes(&statement.domain, hull.as_deref().unwrap_or_default())?);
            hulls.push(hull);
        }
        let mut pieces = BTreeMap::new();
        for map in dependences.order.maps()? {
            if let Some(pair) = crate::poly::pair(&map) {
                pieces.insert(pair, map.pieces()?.iter().map(Relation::new).collect::<Result<_>>()?);
            }
        }
        let mut bands = Bands {
            scop,
            dependences,
            solver,
            hulls,
            slopes,
            pieces,
            shifts: RefCell::default(),
            skews: RefCell::default(),
            reaches: Vec::new(),
            meetings: parts::Meetings::default(),
        };
        bands.reaches = (0..scop.statements.len()).map(|s| bands.reach(s)).collect::<Result<_>>()?;
        Ok(bands)
    }

    /// The number of top-level statements that hold any.
    pub fn nests(&self) -> u64 {
        let mut nests: Vec<usize> = self.scop.statements.iter().map(|s| s.nest).collect();
        nests.dedup();
        nests.len() as u64
    }

    /// The smallest value of a loop's dimension in some statements, and one past the largest.
    pub fn range(&self, statements: &[usize], loop_id: usize) -> (i64, i64) {
        let of =
            |s: usize| self.scop.statements[s].dims.iter().zip(self.hull(s)).filter(|(dim, _)| dim.loop_id == loop_id);
        let hulls = || statements.iter().flat_map(|&s| of(s)).map(|(_, hull)| *hull);
        let end = hulls().map(|(_, most)| most.saturating_add(1)).max();
        (hulls().map(|(least, _)| least).min().unwrap_or(0), end.unwrap_or(0))
    }

    /// Whether any instance of a statement runs.
    pub fn runs(&self, statement: usize) -> bool {
        self.hulls[statement].is_some()
    }

    /// Whether some iterators of a statement are tied to each other, as the sides of a triangle are.
    pub fn is_triangular(&self, statement: usize) -> bool {
        !self.slopes[statement].is_empty()
    }

    /// The problem of a group; `resident` arrays lie in the scratchpad already and take no part.
    ///
    /// # Errors
    /// When isl's budget runs out.
    pub fn problem(&self, statements: &[usize], resident: &[usize]) -> Result<GroupProblem> {
        let statements: Vec<usize> = statements.iter().copied().filter(|&s| self.runs(s)).collect();
        let (arrays, array_of_access) = self.arrays(&statements)?;
        let classes = self.classes(&statements);
        let (dims, edges) = self.dims(&statements, &classes)?;
        let mut problem = Problem { statements: Vec::new(), arrays: Vec::new(), dims, edges };
        for &(a, _) in &arrays {
            problem.arrays.push(self.array(a, &statements));
        }
        for (&s, numbers) in statements.iter().zip(&array_of_access) {
            problem.statements.push(self.statement(s, numbers, resident)?);
        }
        let origins = statements.iter().map(|&s| self.hull(s).iter().map(|(lo, _)| *lo).collect()).collect();
        let (arrays, parts): (Vec<usize>, Vec<usize>) = arrays.into_iter().unzip();
        parts::straighten(&mut problem, &parts);
        let problem = Shared::new(problem);
        Ok(GroupProblem { problem, statements, arrays, parts, array_of_access, origins })
    }

    /// The smallest and the largest value of each iterator of a statement.
    pub fn hull(&self, statement: usize) -> &[(i64, i64)] {
        self.hulls[statement].as_deref().unwrap_or_default()
    }

    fn array(&self, a: usize, group: &[usize]) -> Array {
        let array = &self.scop.arrays[a];
        let passes = |in_before: bool, in_after: bool| {
            let is_between = |(s, t): &(usize, usize)| (group.contains(s), group.contains(t)) == (in_before, in_after);
            self.dependences.through(a).any(|pair| is_between(&pair))
        };
        Array {
            extents: array.extents.clone(),
            element_bytes: array.ty.bytes(),
            live_in: matches!(array.role, Role::Input | Role::Inout) || passes(false, true),
            live_out: matches!(array.role, Role::Output | Role::Inout) || passes(true, false),
        }
    }

    fn statement(&self, s: usize, numbers: &[usize], resident: &[usize]) -> Result<Statement> {
        let hull = self.hull(s);
        let mut accesses = Vec::new();
        for (access, &array) in self.scop.statements[s].accesses.iter().zip(numbers) {
            if resident.contains(&access.array) {
                continue;
            }
            let mut index = Vec::new();
            for (d, linear) in access.linear.iter().enumerate() {
                index.push(match linear {
                    Some(linear) => Index::Linear {
                        coefficients: linear.coefficients.clone(),
                        constant: linear
                            .coefficients
                            .iter()
                            .zip(hull)
                            .fold(linear.constant, |sum, (c, (lo, _))| sum + c * lo),
                    },
                    None => {
                        let range = access.relation.range()?;
                        let (lo, hi) = (range.dim_min(d)?.unwrap_or(0), range.dim_max(d)?.unwrap_or(0));
                        Index::Range { lo, hi: hi + 1 }
                    }
                });
            }
            accesses.push(Access { array, reads: access.reads, writes: access.writes, index });
        }
        Ok(Statement { extents: hull.iter().map(trip_count).collect(), accesses, slopes: self.slopes[s].clone() })
    }

    /// Iterators that walk the same dimension of an array, or the same source loop, with their rates.
    fn classes(&self, statements: &[usize]) -> Vec<Class> {
        let mut classes = Classes::of(statements.iter().map(|&s| self.scop.statements[s].dims.len()));
        let pairs = || {
            let n = statements.len();
            (0..n).flat_map(move |a| (a + 1..n).map(move |b| (a, b)))
        };
        for flow in [true, false] {
            for (a, b) in pairs() {
                self.meet_in_arrays(statements, a, b, flow, &mut classes);
            }
            if flow {
                for (a, b) in pairs() {
                    self.meet_in_loops(statements, a, b, &mut classes);
                }
            }
        }
        let mut classes = classes.all;
        classes.retain(|class| class.members.len() > 1 || class.members.len() == 1 && statements.len() == 1);
        classes.sort_by_key(|class| class.members.iter().map(|&(at, k, _)| (k, at)).min());
        classes
    }

    fn meet_in_loops(&self, statements: &[usize], a: usize, b: usize, classes: &mut Classes) {
        let (first, second) = (&self.scop.statements[statements[a]], &self.scop.statements[statements[b]]);
        for (k, (dim, other)) in first.dims.iter().zip(&second.dims).enumerate() {
            if other.loop_id == dim.loop_id {
                classes.unify((a, k, 1), (b, k, 1));
            }
        }
    }

    fn meet_in_arrays(&self, statements: &[usize], a: usize, b: usize, flow: bool, classes: &mut Classes) {
        let (first, second) = (&self.scop.statements[statements[a]], &self.scop.statements[statements[b]]);
        let common = first.dims.iter().zip(&second.dims).take_while(|(x, y)| x.loop_id == y.loop_id).count();
        // Two loops that both are in stay two: a transpose among them is no reason to run one along the other.
        let is_transposed = |k: usize, l: usize| k != l && k < common && l < common;
        for x in &first.accesses {
            for y in second.accesses.iter().filter(|y| y.array == x.array && (x.writes || y.writes) == flow) {
                for (i, j) in x.linear.iter().zip(&y.linear) {
                    let (Some(i), Some(j)) = (i, j) else { continue };
                    let leads = (self.leading(statements[a], i), self.leading(statements[b], j));
                    if let (Some((k, c)), Some((l, d))) = leads
                        && !is_transposed(k, l)
                    {
                        classes.unify((a, k, c), (b, l, d));
                    }
                }
            }
        }
    }

    /// The iterator that carries an index farthest, with its coefficient.
    fn leading(&self, statement: usize, index: &Linear) -> Option<(usize, i64)> {
        let hull = self.hull(statement);
        let reach = |k: usize| index.coefficients[k].saturating_mul(trip_count(&hull[k]) - 1);
        (0..hull.len())
            .filter(|&k| index.coefficients[k] > 0)
            .max_by_key(|&k| (reach(k), std::cmp::Reverse(k)))
            .map(|k| (k, index.coefficients[k]))
    }

    /// The loops that the classes offer, and the distances of all dependences along them.
    fn dims(&self, statements: &[usize], classes: &[Class]) -> Result<(Vec<BandDim>, Vec<Edge>)> {
        let mut pieces = self.group_pieces(statements);
        let mut carried: Option<Vec<bool>> = None;
        let mut found: Vec<Found> = Vec::new();
        for (number, class) in classes.iter().enumerate() {
            let attach = class.attach(statements.len());
            let mut rows = self.distances(&pieces, statements, &attach)?;
            let all = self.shifts(&pieces, &rows, statements, &attach, true);
            let outer = found.iter().position(|found| self.carries(statements, found));
            let easy = all.as_ref().is_some_and(|shifts| shifts.iter().all(|&s| s == 0));
            // A loop whose iterations run one by one carries what would hinder the loops inside it.
            if let (false, None, Some(outer)) = (easy, &carried, outer) {
                let outer = &found[outer];
                let along = |p: &Piece| {
                    let mut form = self.difference(p, statements, &outer.attach)?;
                    form.constant = form.constant.saturating_add(outer.shifts[p.to] - outer.shifts[p.from]);
                    Some(form)
                };
                let (parted, flags) = self.part(&pieces, along)?;
                (pieces, carried) = (parted, Some(flags));
                for known in &mut found {
                    known.distances = self.distances(&pieces, statements, &known.attach)?;
                }
                rows = self.distances(&pieces, statements, &attach)?;
            }
            let free = match &carried {
                Some(carried) if !easy => {
                    let rows: Vec<_> = rows.iter().zip(carried).map(|(d, c)| if *c { None } else { *d }).collect();
                    self.shifts(&pieces, &rows, statements, &attach, true).filter(|shifts| Some(shifts) != all.as_ref())
                }
                _ => None,
            };
            for shifts in [all, free].into_iter().flatten() {
                found.push(Found { class: number, attach: attach.clone(), shifts, distances: rows.clone() });
            }
        }
        let dims = found.iter().map(Found::dim).collect();
        let edges = pieces
            .iter()
            .enumerate()
            .map(|(n, piece)| self.edge(piece, n, &found, statements))
            .collect::<Result<Vec<_>>>()?;
        Ok((dims, merge(edges)))
    }

    fn distances(
        &self,
        pieces: &[Piece],
        statements: &[usize],
        attach: &[Option<(usize, i64)>],
    ) -> Result<Vec<Option<i64>>> {
        pieces.iter().map(|piece| self.distance(piece, statements, attach)).collect()
    }

    fn group_pieces(&self, statements: &[usize]) -> Vec<Piece> {
        let mut result = Vec::new();
        let mut sorted: Vec<(usize, usize)> = statements.iter().copied().enumerate().map(|(at, s)| (s, at)).collect();
        sorted.sort_unstable();
        for &(s, from) in &sorted {
            for (&(_, t), relations) in self.pieces.range((s, 0)..=(s, usize::MAX)) {
                if let Ok(found) = sorted.binary_search_by_key(&t, |&(t, _)| t) {
                    let to = sorted[found].1;
                    result.extend(relations.iter().map(|relation| Piece { from, to, relation: relation.clone() }));
                }
            }
        }
        result
    }

    /// Dependences parted into those inside one iteration of a loop and those that it carries; `along` says how far a pair lies apart
    /// along it.
    fn part(&self, pieces: &[Piece], along: impl Fn(&Piece) -> Option<Linear>) -> Result<(Vec<Piece>, Vec<bool>)> {
        let mut parted = Vec::new();
        let mut carried = Vec::new();
        for piece in pieces {
            let Some(difference) = along(piece) else { continue };
            for (relation, is_carried) in piece.relation.parts(&difference)?.into_iter().zip([false, true]) {
                if let Some(relation) = relation {
                    parted.push(Piece { relation, ..*piece });
                    carried.push(is_carried);
                }
            }
        }
        Ok((parted, carried))
    }

    fn tuple(&self, s: usize, letter: &str) -> String {
        format!("S{s}[{}]", crate::poly::text::tuple(letter, self.scop.statements[s].dims.len()))
    }

    /// `rate·j - rate·i` of a pair along a class, an iterator that is missing counting as 0; `None` where both are.
    fn difference(&self, piece: &Piece, statements: &[usize], attach: &[Option<(usize, i64)>]) -> Option<Linear> {
        let value = |at: usize| {
            let (k, rate) = attach[at]?;
            let origin = self.hull(statements[at]).get(k)?.0;
            Some((k, rate, rate.saturating_mul(origin)))
        };
        let (from, to) = (value(piece.from), value(piece.to));
        from.or(to)?;
        let mut form = self.nothing(piece, statements);
        if let Some((k, rate, origin)) = from {
            form.coefficients[k] = -rate;
            form.constant = form.constant.saturating_add(origin);
        }
        if let Some((k, rate, origin)) = to {
            form.coefficients[self.depth(statements, piece.from) + k] = rate;
            form.constant = form.constant.saturating_sub(origin);
        }
        Some(form)
    }

    /// The form over the instances of a pair that is always 0.
    fn nothing(&self, piece: &Piece, statements: &[usize]) -> Linear {
        Linear::constant(self.depth(statements, piece.from) + self.depth(statements, piece.to), 0)
    }

    /// `factor·(j_k - i_k)` more than a form.
    fn and_step(&self, mut form: Linear, piece: &Piece, statements: &[usize], k: usize, factor: i64) -> Linear {
        form.coefficients[k] -= factor;
        form.coefficients[self.depth(statements, piece.from) + k] += factor;
        form
    }

    fn depth(&self, statements: &[usize], at: usize) -> usize {
        self.scop.statements[statements[at]].dims.len()
    }

    /// The smallest such difference over all pairs.
    fn distance(&self, piece: &Piece, statements: &[usize], attach: &[Option<(usize, i64)>]) -> Result<Option<i64>> {
        piece.relation.distance([attach[piece.from], attach[piece.to]], || {
            match self.difference(piece, statements, attach) {
                None => Ok(Some(0)),
                Some(difference) => piece.relation.minimum(&difference),
            }
        })
    }

    /// The smallest shifts under which no dependence runs backwards; `None`: there are none worth having. `in_sequence`: the statements
    /// stand in a sequence directly inside the loop.
    fn shifts(
        &self,
        pieces: &[Piece],
        rows: &[Option<i64>],
        statements: &[usize],
        attach: &[Option<(usize, i64)>],
        in_sequence: bool,
    ) -> Option<Vec<i64>> {
        let extent = |at: usize| {
            attach[at].map_or(1, |(k, rate)| rate.saturating_mul(trip_count(&self.hull(statements[at])[k])))
        };
        let longest = (0..statements.len()).map(extent).max()?;
        // A shift by the whole loop runs one statement after the other: that is no fusion.
        let limit = (longest - 1).clamp(0, 1 << 20);
        let mut bounds: BTreeMap<(usize, usize), i64> = BTreeMap::new();
        for (piece, row) in pieces.iter().zip(rows) {
            let Some(distance) = row else { continue };
            if piece.from == piece.to {
                if *distance < 0 {
                    return None;
                }
                continue;
            }
            // Against the sequence only a loop can keep the order: a distance that carries the edge must go on to carry it. In a loop that
            // both are in it is that of the values, wherever each of them begins.
            let begins = |at: usize| attach[at].map_or((None, 0), |(k, rate)| self.begins(statements[at], k, rate));
            let (from, to) = (begins(piece.from), begins(piece.to));
            let apart = if from.0 == to.0 { distance.saturating_add(to.1 - from.1) } else { *distance };
            let least = i64::from(in_sequence && piece.from > piece.to && apart.max(*distance) >= 1);
            let bound = bounds.entry((piece.from, piece.to)).or_insert(i64::MIN);
            *bound = (*bound).max(least - distance);
        }
        let zero = vec![0; statements.len()];
        if bounds.values().all(|&bound| bound <= 0) {
            return Some(zero);
        }
        let key = (statements.len(), limit, bounds.into_iter().collect::<Vec<_>>());
        if let Some(known) = self.shifts.borrow().get(&key) {
            return known.clone();
        }
        let bounds = &key.2;
        let mut cost = vec![1i64; statements.len()];
        for &((from, to), _) in bounds {
            cost[to] += 16;
            cost[from] -= 16;
        }
        let mut model = Model::default();
        let variables: Vec<usize> = cost.iter().map(|&c| model.variable(0, limit, c)).collect();
        for &((from, to), bound) in bounds {
            model.at_least(vec![(variables[to], 1), (variables[from], -1)], bound);
        }
        let found = model.solve(self.solver);
        self.shifts.borrow_mut().insert(key, found.clone());
        found
    }

    /// The loop of a statement's iterator, and where it begins in units of the loop's value.
    fn begins(&self, s: usize, k: usize, rate: i64) -> (Option<usize>, i64) {
        (Some(self.scop.statements[s].dims[k].loop_id), self.hull(s)[k].0.saturating_mul(rate))
    }

    /// Whether shifts only undo that statements of one loop begin at different values of it, and every statement takes part: a sequential
    /// loop around the group.
    fn carries(&self, statements: &[usize], found: &Found) -> bool {
        let begin = |(at, attach): (usize, &Option<(usize, i64)>)| {
            let (k, rate) = (*attach)?;
            let (id, begin) = self.begins(statements[at], k, rate);
            Some((id, begin, found.shifts[at]))
        };
        let all: Option<Vec<_>> = found.attach.iter().enumerate().map(begin).collect();
        all.is_some_and(|all| {
            let is_source = |&(id, begin, shift): &(Option<usize>, i64, i64)| {
                id == all[0].0 && begin - shift == all[0].1 - all[0].2
            };
            all.iter().all(|(.., shift)| *shift == 0) || all.iter().all(is_source)
        })
    }

    fn edge(&self, piece: &Piece, n: usize, found: &[Found], statements: &[usize]) -> Result<Edge> {
        let dim_distance = found
            .iter()
            .map(|f| f.distances[n].unwrap_or(i64::MIN / 4).saturating_add(f.shifts[piece.to] - f.shifts[piece.from]))
            .collect();
        let mut iterator_distance = Vec::new();
        if piece.from == piece.to {
            for k in 0..self.hull(statements[piece.from]).len() {
                let step = self.and_step(self.nothing(piece, statements), piece, statements, k, 1);
                let distance = piece.relation.minimum(&step)?;
                iterator_distance.push(distance.unwrap_or(i64::MIN / 4));
            }
        }
        Ok(Edge { from: piece.from, to: piece.to, dim_distance, iterator_distance })
    }
}

/// The number of values of an iterator, as far as 62 bits tell it.
pub fn trip_count(&(least, most): &(i64, i64)) -> i64 {
    most.saturating_sub(least).saturating_add(1).min(1 << 62)
}

/// Iterators `(statement, iterator, rate)` of one loop; at most one of each statement.
struct Class {
    members: Vec<(usize, usize, i64)>,
}

impl Class {
    /// For each statement its iterator and rate.
    fn attach(&self, statements: usize) -> Vec<Option<(usize, i64)>> {
        (0..statements).map(|at| self.members.iter().find(|m| m.0 == at).map(|&(_, k, rate)| (k, rate))).collect()
    }
}

/// Classes while they grow.
struct Classes {
    /// Those that were joined to others have no members.
    all: Vec<Class>,
    /// The class of each statement's iterators.
    of: Vec<Vec<usize>>,
}

impl Classes {
    /// Each iterator of statements with so many of them by itself.
    fn of(iterators: impl Iterator<Item = usize>) -> Classes {
        let mut classes = Classes { all: Vec::new(), of: Vec::new() };
        for (at, iterators) in iterators.enumerate() {
            classes.of.push((classes.all.len()..classes.all.len() + iterators).collect());
            classes.all.extend((0..iterators).map(|k| Class { members: vec![(at, k, 1)] }));
        }
        classes
    }

    /// Joins the classes of two iterators whose indices `c·i` and `d·j` meet, where rates and statements allow it.
    fn unify(&mut self, (a, k, c): (usize, usize, i64), (b, l, d): (usize, usize, i64)) {
        let (first, second) = (self.of[a][k], self.of[b][l]);
        let clash = |x: &Class, y: &Class| x.members.iter().any(|m| y.members.iter().any(|n| m.0 == n.0));
        if first == second || clash(&self.all[first], &self.all[second]) {
            return;
        }
        let rate = |class: &Class, at, k| class.members.iter().find(|m| (m.0, m.1) == (at, k)).map_or(1, |m| m.2);
        // The loop's value is rate·i = scale·c·i: both sides must agree on the scale.
        let (p, q) = (rate(&self.all[first], a, k), rate(&self.all[second], b, l));
        let (left, right) = (p.saturating_mul(d), q.saturating_mul(c));
        let (more_first, more_second) = match (left, right) {
            (x, y) if x == y => (1, 1),
            (x, y) if x > 0 && y > 0 && x % y == 0 => (1, x / y),
            (x, y) if x > 0 && y > 0 && y % x == 0 => (y / x, 1),
            _ => return,
        };
        let moved = std::mem::take(&mut self.all[second].members);
        let kept = &mut self.all[first].members;
        kept.iter_mut().for_each(|m| m.2 = m.2.saturating_mul(more_first));
        for (at, k, rate) in moved {
            self.of[at][k] = first;
            kept.push((at, k, rate.saturating_mul(more_second)));
        }
    }
}

/// Pairs of instances that must keep their order.
struct Piece {
    from: usize,
    to: usize,
    relation: Rc<Relation>,
}

/// A class with shifts, and the distances of all pieces along it before they are shifted.
struct Found {
    class: usize,
    attach: Vec<Option<(usize, i64)>>,
    shifts: Vec<i64>,
    distances: Vec<Option<i64>>,
}

impl Found {
    fn dim(&self) -> BandDim {
        let attach = self
            .attach
            .iter()
            .zip(&self.shifts)
            .map(|(a, &shift)| match a {
                Some((k, rate)) => Attach { iterator: Some(*k), rate: *rate, shift },
                None => Attach { iterator: None, rate: 1, shift },
            })
            .collect();
        BandDim { class: self.class, attach }
    }
}

/// Edges that nobody can tell apart, once.
fn merge(edges: Vec<Edge>) -> Vec<Edge> {
    let mut result: Vec<Edge> = Vec::new();
    for edge in edges {
        if !result.contains(&edge) {
            result.push(edge);
        }
    }
    result
}
