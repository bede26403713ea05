//! How is a nest staged in its own loops, when no shared band serves all its statements?
//!
//! Loops stay as the program wrote them, which is always legal; what is chosen is, for each way in which the nest walks an array,
//! the loop inside which a buffer serves. Walks of one array that meet in an element keep apart in time: their buffers lie
//! inside loops in one iteration of which they share no element, or one instance of a statement. Sizes and traffic are those
//! of box hulls; what is really moved is counted on the emitted program.
//!
//! Source: the choice of a level for each reference as in Baskaran et al., "Automatic data movement and computation mapping
//! for multi-level parallel architectures with explicitly managed memories", PPoPP 2008.
//! Differs: levels are chosen together, under the capacity.

mod levels;

use super::bands::trip_count;
use super::source::source_path;
use super::tree::{BufferSpec, Group, Path, Scope, User};
use crate::isl::{Map, Result};
use crate::poly::{Access, Scop};
use itertools::Itertools;
use levels::Search;
use std::collections::HashMap;

/// A nest in its own loops.
#[derive(Clone)]
pub struct Staged {
    pub group: Group,
    pub buffers: Vec<BufferSpec>,
    pub peak_bytes: i64,
    pub moved_bytes: i64,
}

/// Most choices of a level that are looked at: for each way to merge walks, and for all of them where they are many.
const CHOICES: usize = 20_000;
const ALL_CHOICES: usize = 2_000_000;

/// The best choice of levels within a capacity; `None` when none fits, or when there are too many to look at.
///
/// # Errors
/// When isl's budget runs out.
pub fn stage_nest(scop: &Scop, statements: &[usize], capacity_bytes: i64) -> Result<Option<Staged>> {
    let Some(nest) = Nest::new(scop, statements)? else { return Ok(None) };
    let apart = nest.walks();
    let mut several: Vec<usize> = apart.iter().map(|w| w.array).collect();
    several = several.iter().copied().filter(|a| several.iter().filter(|b| *b == a).count() > 1).collect();
    several.sort_unstable();
    several.dedup();
    let mut best: Option<(i64, i64, Vec<BufferSpec>)> = None;
    let mut known = Known::default();
    let shared = nest.paths.iter().map(|path| path.shared_loops(&nest.paths[0])).min().unwrap_or(0);
    let mergings = mergings(scop, &several, shared);
    let choices = (ALL_CHOICES / mergings.len()).min(CHOICES);
    for merging in mergings {
        let walks = nest.merged(&apart, &merging, &mut known)?;
        let least = nest.least_levels(&walks, &mut known)?;
        let search = Search::new(&nest, &walks, &least, capacity_bytes, &mut known)?;
        // What moves no less than another way to merge is not looked at.
        let fewer_than = best.as_ref().map_or(i64::MAX, |(known, _, _)| *known);
        let Some((moved, peak, levels)) = search.run(fewer_than, choices) else { continue };
        let buffers = walks.iter().zip(&levels).flat_map(|(walk, &level)| nest.buffers(walk, level)).collect();
        best = Some((moved, peak, buffers));
    }
    let group = Group { paths: nest.paths };
    Ok(best.map(|(moved_bytes, peak_bytes, buffers)| Staged { group, buffers, peak_bytes, moved_bytes }))
}

/// Most arrays whose walks are tried together.
const MERGED: usize = 3;

/// Which walks of an array share a buffer.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Merging {
    None,
    All,
    /// Those that index this dimension alike.
    Alike(usize),
    /// Those that share an element inside one iteration of so many loops.
    Meeting(usize),
}

/// All ways to merge the walks of some arrays, the others kept apart; `shared` loops are around all statements.
fn mergings(scop: &Scop, arrays: &[usize], shared: usize) -> Vec<Vec<(usize, Merging)>> {
    let mut all = vec![Vec::new()];
    for &array in arrays.iter().take(MERGED) {
        let rank = scop.arrays[array].extents.len();
        let alike = (0..rank).map(Merging::Alike).chain((1..=shared).map(Merging::Meeting));
        let ways: Vec<Merging> = [Merging::None, Merging::All].into_iter().chain(alike).collect();
        all = all
            .into_iter()
            .flat_map(|known| ways.iter().map(move |&way| [known.clone(), vec![(array, way)]].concat()))
            .collect();
    }
    all
}

/// For each index of an access its coefficients by loop.
type Direction = Vec<Vec<(usize, i64)>>;

/// Some accesses, each `(path, access)`.
type Refs = Vec<(usize, usize)>;

/// What isl has said before.
#[derive(Default)]
struct Known {
    /// For two accesses the outermost level at which they share no element.
    levels: HashMap<[(usize, usize); 2], usize>,
    /// For some accesses, a dimension and a level, how many elements apart they lie at most.
    reaches: HashMap<(Refs, usize, usize), i64>,
    /// What an access touches in one iteration of so many outer loops. `{ P[outer] -> A[a] }`
    footprints: HashMap<((usize, usize), usize), Map>,
}

/// A nest's statements with the hulls of their iterators.
struct Nest<'a> {
    scop: &'a Scop,
    paths: Vec<Path>,
    /// For each path, the first value and the trip count of each loop.
    ranges: Vec<Vec<(i64, i64)>>,
}

/// Accesses of one array that move in the same direction with the same loops.
struct Walk {
    array: usize,
    refs: Refs,
}

impl<'a> Nest<'a> {
    /// `None` when a loop has no bounds.
    fn new(scop: &'a Scop, statements: &[usize]) -> Result<Option<Nest<'a>>> {
        let (mut paths, mut ranges) = (Vec::new(), Vec::new());
        for &s in statements {
            let statement = &scop.statements[s];
            if statement.domain.is_empty()? {
                continue;
            }
            let mut own = Vec::new();
            for k in 0..statement.dims.len() {
                let (Some(lo), Some(hi)) = (statement.domain.dim_min(k)?, statement.domain.dim_max(k)?) else {
                    return Ok(None);
                };
                own.push((lo, trip_count(&(lo, hi))));
            }
            paths.push(source_path(s, statement));
            ranges.push(own);
        }
        Ok(Some(Nest { scop, paths, ranges }))
    }

    fn access(&self, (path, access): (usize, usize)) -> &Access {
        &self.scop.statements[self.paths[path].statement].accesses[access]
    }

    /// The coefficients of an access by loop, so that accesses of different statements compare.
    fn direction(&self, at: (usize, usize)) -> Option<Direction> {
        let dims = &self.scop.statements[self.paths[at.0].statement].dims;
        let by_loop = |coefficients: &[i64]| {
            coefficients.iter().zip(dims).filter(|(c, _)| **c != 0).map(|(c, d)| (d.loop_id, *c)).collect::<Vec<_>>()
        };
        self.access(at).linear.iter().map(|l| l.as_ref().map(|l| by_loop(&l.coefficients))).collect()
    }

    fn walks(&self) -> Vec<Walk> {
        let mut walks: Vec<(Walk, Option<Direction>)> = Vec::new();
        for (p, path) in self.paths.iter().enumerate() {
            for a in 0..self.scop.statements[path.statement].accesses.len() {
                let (array, direction) = (self.access((p, a)).array, self.direction((p, a)));
                match walks.iter_mut().find(|(w, d)| w.array == array && *d == direction) {
                    Some((walk, _)) => walk.refs.push((p, a)),
                    None => walks.push((Walk { array, refs: vec![(p, a)] }, direction)),
                }
            }
        }
        walks.into_iter().map(|(walk, _)| walk).collect()
    }

    /// The walks, with those that share a buffer as one.
    fn merged(&self, walks: &[Walk], merging: &[(usize, Merging)], known: &mut Known) -> Result<Vec<Walk>> {
        let mut result: Vec<Walk> = Vec::new();
        for walk in walks {
            let way = merging.iter().find(|(a, _)| *a == walk.array).map_or(Merging::None, |(_, way)| *way);
            let mut merged = Walk { array: walk.array, refs: walk.refs.clone() };
            let mut others = Vec::new();
            for other in result {
                let together = other.array == walk.array
                    && match way {
                        Merging::None => false,
                        Merging::All => true,
                        Merging::Alike(d) => {
                            let index = |w: &Walk| self.direction(w.refs[0]).map(|direction| direction[d].clone());
                            index(&other).is_some() && index(&other) == index(walk)
                        }
                        Merging::Meeting(level) => self.least_level(&other, walk, known)? > level,
                    };
                if together { merged.refs = [other.refs, merged.refs].concat() } else { others.push(other) }
            }
            others.push(merged);
            result = others;
        }
        Ok(result)
    }

    /// The deepest level that a walk can take: one past the loops around any of its accesses, each instance by itself.
    fn depth(&self, walk: &Walk) -> usize {
        walk.refs.iter().map(|r| self.paths[r.0].loops.len()).max().unwrap_or(0) + 1
    }

    /// The number of loops around two statements; a statement shares everything with itself.
    fn shared(&self, p: usize, q: usize) -> usize {
        if p == q { usize::MAX } else { self.paths[p].shared_loops(&self.paths[q]) }
    }

    /// For each pair of walks of one array, the outermost level at which they share no element; walks that only read share any.
    fn least_levels(&self, walks: &[Walk], known: &mut Known) -> Result<Vec<Vec<usize>>> {
        let mut least = vec![vec![0; walks.len()]; walks.len()];
        for (a, first) in walks.iter().enumerate() {
            for (b, second) in walks.iter().enumerate().skip(a + 1) {
                let writes = |w: &Walk| w.refs.iter().any(|&r| self.access(r).writes);
                if first.array == second.array && (writes(first) || writes(second)) {
                    least[a][b] = self.least_level(first, second, known)?;
                    least[b][a] = least[a][b];
                }
            }
        }
        Ok(least)
    }

    /// The outermost level at which two walks of one array share no element.
    fn least_level(&self, first: &Walk, second: &Walk, known: &mut Known) -> Result<usize> {
        let mut least = 0;
        for (&r, &s) in first.refs.iter().cartesian_product(&second.refs) {
            let level = match known.levels.get(&[r, s]) {
                Some(&level) => level,
                None => self.apart(r, s, known)?,
            };
            known.levels.insert([r, s], level);
            least = least.max(level);
        }
        Ok(least)
    }

    /// The outermost level at which two accesses share no element; past every level where they always do.
    fn apart(&self, r: (usize, usize), s: (usize, usize), known: &mut Known) -> Result<usize> {
        let shared = self.shared(r.0, s.0).min(self.paths[r.0].loops.len());
        for level in 0..=shared {
            if self.footprint(r, level, known)?.intersect(&self.footprint(s, level, known)?)?.is_empty()? {
                return Ok(level);
            }
        }
        // One instance loads, computes and stores: its buffers may hold one element twice. Statements that part below their
        // shared loops do not run at the same time.
        Ok(if r.0 == s.0 { shared } else { shared + 1 })
    }

    fn footprint(&self, at: (usize, usize), level: usize, known: &mut Known) -> Result<Map> {
        if let Some(footprint) = known.footprints.get(&(at, level)) {
            return Ok(footprint.clone());
        }
        let dims = self.paths[at.0].loops.len();
        let relation = self.access(at).relation.reverse()?;
        let footprint = relation.project_out_range(level, dims - level)?.named_range("P")?.reverse()?;
        known.footprints.insert((at, level), footprint.clone());
        Ok(footprint)
    }

    /// The elements of a buffer inside one iteration of its outer `level` loops.
    fn elements(&self, refs: &Refs, level: usize, known: &mut Known) -> Result<i64> {
        let extents = &self.scop.arrays[self.access(refs[0]).array].extents;
        let mut product = 1i64;
        for (d, &extent) in extents.iter().enumerate() {
            let length = match (0..d).find_map(|e| self.told(refs, d, e)) {
                Some(length) => length,
                None => self.reach(refs, d, level, known)?.min(extent),
            };
            product = product.saturating_mul(length);
        }
        Ok(product)
    }

    /// How many elements lie from the first to the last in dimension `d` inside one iteration of the outer `level` loops.
    fn reach(&self, refs: &Refs, d: usize, level: usize, known: &mut Known) -> Result<i64> {
        let extent = self.scop.arrays[self.access(refs[0]).array].extents[d];
        if refs.iter().any(|&at| self.access(at).linear[d].is_none()) {
            return Ok(extent);
        }
        if refs.iter().any(|&at| self.outer(at, d, level) != self.outer(refs[0], d, level)) {
            if level > refs.iter().map(|&(p, _)| self.paths[p].loops.len()).min().unwrap_or(0) {
                return Ok(extent);
            }
            // An outer loop can stand in one index and be a constant in another one, where it has one iteration.
            let key = (refs.clone(), d, level);
            if let Some(&reach) = known.reaches.get(&key) {
                return Ok(reach);
            }
            let mut all = self.footprint(refs[0], level, known)?;
            for &at in &refs[1..] {
                all = all.union(&self.footprint(at, level, known)?)?;
            }
            let rank = all.n_out()?;
            let values = all.project_out_range(d + 1, rank - d - 1)?.project_out_range(0, d)?.named_range("D")?;
            let reach =
                values.reverse()?.apply_range(&values)?.deltas()?.dim_max(0)?.map_or(0, |most| most.saturating_add(1));
            known.reaches.insert(key, reach);
            return Ok(reach);
        }
        let (mut lo, mut hi) = (i64::MAX, i64::MIN);
        for &(p, a) in refs {
            let Some(index) = &self.access((p, a)).linear[d] else { return Ok(extent) };
            let (mut low, mut high) = (index.constant, index.constant);
            for (k, &c) in index.coefficients.iter().enumerate().skip(level) {
                let (first, trips) = self.ranges[p][k];
                let (start, reach) = (c.saturating_mul(first), c.saturating_mul(trips - 1));
                low = low.saturating_add(start).saturating_add(reach.min(0));
                high = high.saturating_add(start).saturating_add(reach.max(0));
            }
            (lo, hi) = (lo.min(low), hi.max(high));
        }
        Ok(hi.saturating_sub(lo).saturating_add(1))
    }

    /// How far apart the elements of dimension `d` lie at one place of dimension `e`, where that tells `d` but for a constant.
    fn told(&self, refs: &Refs, d: usize, e: usize) -> Option<i64> {
        let index = |at: (usize, usize), d: usize| self.access(at).linear[d].as_ref();
        let distance = |&at: &(usize, usize)| index(at, d)?.distance(index(at, e)?);
        let distances = refs.iter().map(distance).collect::<Option<Vec<i64>>>()?;
        let (least, most) = distances.into_iter().minmax().into_option()?;
        most.checked_sub(least)?.checked_add(1)
    }

    /// How the outer loops move an index, by loop.
    fn outer(&self, at: (usize, usize), d: usize, level: usize) -> Option<Vec<(usize, i64)>> {
        let dims = &self.scop.statements[self.paths[at.0].statement].dims;
        let index = self.access(at).linear[d].as_ref()?;
        let loops = index.coefficients.iter().zip(dims).take(level).filter(|(c, _)| **c != 0);
        Some(loops.map(|(c, dim)| (dim.loop_id, *c)).collect())
    }

    fn bytes(&self, refs: &Refs, level: usize, known: &mut Known) -> Result<i64> {
        let array = self.access(refs[0]).array;
        Ok(self.elements(refs, level, known)?.saturating_mul(self.scop.arrays[array].ty.bytes()))
    }

    /// How often a buffer's bytes cross when every iteration of the outer loops loads what is read and stores what is written.
    fn rounds(&self, refs: &Refs, level: usize) -> i64 {
        let (p, _) = refs[0];
        // Outer loops inside which nothing changes do not come here: staging moves them into the scope.
        let rounds = self.ranges[p].iter().take(level).fold(1i64, |n, &(_, t)| n.saturating_mul(t));
        let ways = refs.iter().fold((false, false), |(r, w), &at| {
            let access = self.access(at);
            (r || access.reads, w || access.writes)
        });
        rounds.saturating_mul(i64::from(ways.0) + i64::from(ways.1))
    }

    /// Whether a buffer lives beside a leaf: inside the iteration that it serves, from its first user to its last.
    fn is_alive(&self, refs: &Refs, level: usize, leaf: usize) -> bool {
        let users = refs.iter().map(|r| r.0).filter(|&p| self.shared(p, leaf) >= level);
        let place = |p: usize| self.paths[p].positions.get(level);
        users.map(place).minmax().into_option().is_some_and(|(first, last)| (first..=last).contains(&place(leaf)))
    }

    /// The accesses of a walk in each part of the tree below the level.
    fn parts(&self, walk: &Walk, level: usize) -> Vec<Refs> {
        let mut parts: Vec<Refs> = Vec::new();
        for &at in &walk.refs {
            let meets = |part: &&mut Refs| self.shared(part[0].0, at.0) >= level;
            match parts.iter_mut().find(meets) {
                Some(part) => part.push(at),
                None => parts.push(vec![at]),
            }
        }
        parts
    }

    /// One buffer for each part of the tree below the level.
    fn buffers(&self, walk: &Walk, level: usize) -> Vec<BufferSpec> {
        self.parts(walk, level)
            .into_iter()
            .map(|part| {
                let mut users: Vec<User> = Vec::new();
                for (p, a) in part {
                    let statement = self.paths[p].statement;
                    match users.iter_mut().find(|u| u.statement == statement) {
                        Some(user) => user.accesses.push(a),
                        None => users.push(User { statement, accesses: vec![a] }),
                    }
                }
                BufferSpec { array: walk.array, users, scope: Scope::Loops { depth: level } }
            })
            .collect()
    }
}
