//! How many elements does a buffer load and store?
//!
//! An element is loaded at most once per instance, if its first access there is a read; it is stored at most once per instance, if it
//! was written there and somebody outside needs it. Both are sums over the positions of the loops around the instance of unions
//! and differences of boxes, counted by inclusion and exclusion over components.
//!
//! A value that only later instances of the same buffer need is loaded there, so such stores are not more than the loads. It is also the face of a box: of a range written in an array dim, all but the part
//! below the first later read that its own instance does not write.

use super::component::{Component, Sums, Tiled};
use super::frame::{Frame, ceil_div};
use super::order::writes_first;
use super::region::{Region, hull, is_dense};
use crate::schedule::problem::{Access, Index};
use std::ops::Range;

/// One signed term of an inclusion and exclusion: `sign · constant · Π components`.
struct Term {
    factor: i128,
    /// The component's id and the positions of its loops in the list of fixed loops.
    components: Vec<(u32, Vec<usize>)>,
}

/// What a buffer moves as a function of the tiles of the loops around its instances.
pub struct Traffic {
    loads: Vec<Term>,
    stores: Vec<Term>,
    /// Nobody but later instances of this buffer reads what it stores: it never stores more than it loads.
    is_private: bool,
    /// If present, a part of what is written needs no store.
    dead: Option<Dead>,
}

struct Dead {
    factor: i128,
    faces: Vec<(u32, usize)>,
}

/// The instances of one buffer: its array, who uses it, and the loops around and (of the band) inside.
pub struct Instances<'a> {
    pub array: usize,
    pub users: &'a [usize],
    /// Loops with several trips around an instance, by ascending id.
    pub fixed: &'a [usize],
    /// Band loops inside an instance, outermost first.
    pub scope: &'a [usize],
}

/// Memory of sums over components and over faces.
#[derive(Default)]
pub struct Memory {
    sums: Sums<Component>,
    faces: Sums<Face>,
}

impl Memory {
    /// What sums have cost since the last call, in steps of a search.
    pub fn take_steps(&mut self) -> u64 {
        (self.sums.take_work() + self.faces.take_work()) / POSITIONS_PER_STEP
    }
}

/// Positions that cost about as much as a step.
const POSITIONS_PER_STEP: u64 = 16;

/// A group of reads that are counted as one box, with the writes that come before all of them.
struct Read {
    region: Region,
    after: Vec<Region>,
}

/// More boxes than this are not subtracted: the count stays an upper bound, and the terms few.
const SUBTRACTED_BOXES: usize = 5;

impl Traffic {
    pub fn new(frame: &Frame, memory: &mut Memory, of: &Instances) -> Traffic {
        let mut builder = Builder { frame, memory, of };
        let reads = builder.reads();
        let writes = builder.writes();
        let array = &frame.problem.arrays[of.array];
        let outside = |flag: fn(&Access) -> bool| {
            let others = (0..frame.problem.statements.len()).filter(|s| !of.users.contains(s));
            others.flat_map(|s| &frame.problem.statements[s].accesses).any(|a| a.array == of.array && flag(a))
        };
        let nothing_before = !array.live_in && !writes.is_empty() && of.fixed.is_empty() && !outside(|a| a.writes);
        let loads = if nothing_before { Vec::new() } else { builder.loads(&reads) };
        let needed = array.live_out || outside(|a| a.reads);
        if !needed && (loads.is_empty() || of.fixed.is_empty()) {
            return Traffic { loads, stores: Vec::new(), is_private: true, dead: None };
        }
        let dead = if needed { None } else { builder.dead(&reads, &writes) };
        Traffic { loads, stores: builder.union(&writes), is_private: !needed, dead }
    }

    /// Elements loaded and stored, for the tiles of the fixed loops.
    pub fn elements(&self, memory: &mut Memory, tiles: &[i64]) -> (i128, i128) {
        let loads = sum(&self.loads, memory, tiles);
        let mut stores = sum(&self.stores, memory, tiles);
        if let Some(dead) = &self.dead {
            let face = |&(id, slot): &(u32, usize)| memory.faces.total(id, &tiles[slot..=slot]);
            stores -= dead.factor * dead.faces.iter().map(face).product::<i128>();
        }
        if self.is_private {
            stores = stores.min(loads);
        }
        (loads.max(0), stores.max(0))
    }
}

fn sum(terms: &[Term], memory: &mut Memory, tiles: &[i64]) -> i128 {
    let mut sum = 0;
    for term in terms {
        let mut product = term.factor;
        for (id, slots) in &term.components {
            product *= memory.sums.total_of(*id, slots, tiles);
        }
        sum += product;
    }
    sum
}

struct Builder<'a, 'b> {
    frame: &'a Frame<'a>,
    memory: &'b mut Memory,
    of: &'a Instances<'a>,
}

impl<'a> Builder<'a, '_> {
    fn accesses(&self, flag: fn(&Access) -> bool) -> Vec<(usize, &'a Access)> {
        let frame = self.frame;
        let users = self.of.users.iter().filter(|s| frame.runs(**s));
        let all = users.flat_map(|&s| frame.problem.statements[s].accesses.iter().map(move |access| (s, access)));
        all.filter(|(_, access)| access.array == self.of.array && flag(access)).collect()
    }

    /// Accesses that differ by constants only are one box.
    fn clusters(&self, flag: fn(&Access) -> bool) -> Vec<(usize, Vec<&'a Access>)> {
        let mut clusters: Vec<(usize, Vec<&Access>)> = Vec::new();
        for (statement, access) in self.accesses(flag) {
            match clusters.iter_mut().find(|(s, members)| *s == statement && is_parallel(members[0], access)) {
                Some((_, members)) => members.push(access),
                None => clusters.push((statement, vec![access])),
            }
        }
        clusters
    }

    fn region(&self, statement: usize, accesses: &[&Access]) -> Region {
        let slopes = &self.frame.problem.statements[statement].slopes;
        Region::new(self.frame, statement, accesses, self.of.fixed, slopes)
    }

    fn reads(&self) -> Vec<Read> {
        let Instances { fixed, scope, .. } = *self.of;
        let writes = self.accesses(|access| access.writes);
        let mut reads = Vec::new();
        for (statement, members) in self.clusters(|access| access.reads) {
            let mut after = Vec::new();
            for &writer in &writes {
                let first = |&read: &&Access| writes_first(self.frame, writer, (statement, read), scope);
                if members.iter().all(first) && is_dense(self.frame, writer.0, writer.1, fixed) {
                    after.push(self.region(writer.0, &[writer.1]));
                }
            }
            reads.push(Read { region: self.region(statement, &members), after });
        }
        reads.sort_by_key(|read| read.after.len());
        reads
    }

    fn writes(&self) -> Vec<Region> {
        let clusters = self.clusters(|access| access.writes);
        clusters.iter().map(|(s, members)| self.region(*s, members)).collect()
    }

    /// `Σ_r |R_r \ (writes before r ∪ reads counted already)|`
    fn loads(&mut self, reads: &[Read]) -> Vec<Term> {
        let mut terms = Vec::new();
        for (position, read) in reads.iter().enumerate() {
            let mut known = read.after.clone();
            let nested = |other: &&Read| other.after.iter().all(|write| read.after.contains(write));
            known.extend(reads[..position].iter().filter(nested).map(|other| other.region.clone()));
            terms.extend(self.difference(&read.region, known));
        }
        terms
    }

    fn union(&mut self, regions: &[Region]) -> Vec<Term> {
        let parts = regions.iter().enumerate();
        parts.flat_map(|(position, region)| self.difference(region, regions[..position].to_vec())).collect()
    }

    /// `|region \ ∪ known|` as terms.
    fn difference(&mut self, region: &Region, known: Vec<Region>) -> Vec<Term> {
        let mut distinct: Vec<Region> = Vec::new();
        for other in known {
            if other == *region {
                return Vec::new();
            }
            if !distinct.contains(&other) && distinct.len() < SUBTRACTED_BOXES {
                distinct.push(other);
            }
        }
        let mut terms = Vec::new();
        for subset in 0..1u32 << distinct.len() {
            let members = distinct.iter().enumerate().filter(|(bit, _)| subset >> bit & 1 == 1).map(|(_, other)| other);
            let regions: Vec<&Region> = std::iter::once(region).chain(members).collect();
            let term = self.shared(&regions, if subset.count_ones() % 2 == 0 { 1 } else { -1 });
            if term.factor != 0 {
                terms.push(term);
            }
        }
        terms
    }

    /// Elements in all the regions, summed over the fixed loops, split into components.
    fn shared(&mut self, regions: &[&Region], sign: i128) -> Term {
        let loops = self.of.fixed.len();
        // Loops and dims by the component that they are in: first the loops, then the dims.
        let mut component: Vec<usize> = (0..loops + self.frame.problem.arrays[self.of.array].extents.len()).collect();
        let mut join = |a: usize, b: usize| {
            let (from, to) = (component[a].max(component[b]), component[a].min(component[b]));
            component.iter_mut().filter(|c| **c == from).for_each(|c| *c = to);
        };
        for region in regions {
            for dim in 0..region.dims.len() {
                region.slots(dim).for_each(|slot| join(loops + dim, slot));
            }
            let homes = |variable: usize| match variable < loops {
                true => vec![variable],
                false => {
                    let moves = |dim: &usize| region.variables(*dim).any(|other| other == variable);
                    (0..region.dims.len()).filter(moves).map(|dim| loops + dim).collect()
                }
            };
            for slope in &region.slopes {
                let tied: Vec<usize> = slope.terms.iter().flat_map(|&(variable, _)| homes(variable)).collect();
                tied.windows(2).for_each(|pair| join(pair[0], pair[1]));
            }
        }
        let mut term = Term { factor: sign, components: Vec::new() };
        for name in 0..component.len() {
            let members = |range: Range<usize>| range.filter(|&n| component[n] == name);
            let slots: Vec<usize> = members(0..loops).collect();
            let dims: Vec<usize> = members(loops..component.len()).map(|n| n - loops).collect();
            if slots.is_empty() && !dims.is_empty() {
                term.factor *= self.component(regions, &[], &dims).total(&[]);
            } else if !slots.is_empty() {
                let id = self.memory.sums.intern(self.component(regions, &slots, &dims));
                term.components.push((id, slots));
            }
        }
        term
    }

    fn component(&self, regions: &[&Region], slots: &[usize], dims: &[usize]) -> Component {
        let extents = &self.frame.problem.arrays[self.of.array].extents;
        let mut restricted: Vec<Region> = Vec::new();
        for region in regions.iter().map(|region| region.restrict(slots, dims)) {
            if !restricted.contains(&region) {
                restricted.push(region);
            }
        }
        Component {
            loop_extents: slots.iter().map(|&slot| self.loop_extent(slot)).collect(),
            array_extents: dims.iter().map(|&d| extents[d]).collect(),
            regions: restricted,
        }
    }

    fn loop_extent(&self, slot: usize) -> i64 {
        self.frame.extent(self.of.fixed[slot], self.of.users[0])
    }

    /// The part of what is written that no later instance reads, where the rule of the faces holds: one box is written, every
    /// loop moves one array dim of its own, and all regions move upwards with it.
    fn dead(&mut self, reads: &[Read], writes: &[Region]) -> Option<Dead> {
        let (write, others) = writes.split_first()?;
        if others.iter().any(|other| other != write) {
            return None;
        }
        let own_dim = |region: &Region, slot: usize| {
            let mut dims = (0..region.dims.len()).filter(|&d| region.slots(d).any(|s| s == slot));
            let dim = dims.next()?;
            let alone = region.dims[dim].iter().all(|form| matches!(form.terms.as_slice(), [(_, 1..)]));
            (alone && dims.next().is_none()).then_some(dim)
        };
        let covered = reads.iter().all(|read| read.after.contains(write));
        let mut faces = Vec::new();
        let mut linked = Vec::new();
        for slot in 0..self.of.fixed.len() {
            let dim = own_dim(write, slot)?;
            if linked.contains(&dim) || reads.iter().any(|read| own_dim(&read.region, slot) != Some(dim)) {
                return None;
            }
            linked.push(dim);
            let mut readers: Vec<Region> = Vec::new();
            for region in reads.iter().map(|read| read.region.restrict(&[slot], &[dim])) {
                if !readers.contains(&region) {
                    readers.push(region);
                }
            }
            let face = Face {
                loop_extent: self.loop_extent(slot),
                array_extent: self.frame.problem.arrays[self.of.array].extents[dim],
                write: write.restrict(&[slot], &[dim]),
                reads: readers,
                covered,
            };
            faces.push((self.memory.faces.intern(face), slot));
        }
        let rest: Vec<usize> = (0..write.dims.len()).filter(|d| !linked.contains(d)).collect();
        let factor = self.component(&[write], &[], &rest).total(&[]);
        Some(Dead { factor, faces })
    }
}

/// Do the accesses differ by constants only?
fn is_parallel(a: &Access, b: &Access) -> bool {
    a.index.iter().zip(&b.index).all(|pair| match pair {
        (Index::Linear { coefficients: x, .. }, Index::Linear { coefficients: y, .. }) => x == y,
        (x, y) => x == y,
    })
}

/// One array dim that one loop moves: what is written and what is read at each position.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Face {
    loop_extent: i64,
    array_extent: i64,
    write: Region,
    reads: Vec<Region>,
    /// What an instance writes and reads, it writes first.
    covered: bool,
}

impl Face {
    fn clipped(&self, region: &Region, tile: i64, position: i64) -> Option<(i64, i64)> {
        let run = region.activity[0].run(tile, position);
        let (low, high) = hull(&region.dims[0], |_| run);
        let (low, high) = (low.max(0), high.min(self.array_extent));
        (run.0 < run.1 && low < high).then_some((low, high))
    }
}

/// What later positions read and write, on the way back from the last one.
struct Later {
    first_read: i64,
    next_write: i64,
}

impl Face {
    /// The length of the range written at a position that lies below every later read its own instance does not write; `None` where it
    /// reaches into what a later position writes.
    fn exclusive(&self, tile: i64, position: i64, later: &mut Later) -> Option<i128> {
        let write = self.clipped(&self.write, tile, position);
        let mut length = 0;
        if let Some((low, high)) = write {
            if high > later.next_write {
                return None;
            }
            later.next_write = low;
            length = i128::from((high.min(later.first_read) - low).max(0));
        }
        let reads = self.reads.iter().filter_map(|read| self.clipped(read, tile, position));
        if let Some((low, high)) = reads.reduce(|a, b| (a.0.min(b.0), a.1.max(b.1))) {
            let inside = self.covered && write.is_some_and(|write| write.0 <= low && high <= write.1);
            if !inside {
                later.first_read = later.first_read.min(low);
            }
        }
        Some(length)
    }
}

/// Positions that are looked at one by one from either end of a long loop; what is between them does as their neighbours.
const ENDS: i64 = 1 << 9;

impl Tiled for Face {
    fn total_and_work(&self, tiles: &[i64]) -> (i128, u64) {
        (self.all_exclusive(tiles), 1)
    }
}

impl Face {
    /// Sum over the positions of what is exclusive to each.
    fn all_exclusive(&self, tiles: &[i64]) -> i128 {
        let tile = tiles[0];
        let count = ceil_div(self.loop_extent, tile);
        let mut later = Later { first_read: i64::MAX, next_write: i64::MAX };
        let mut sum_of = |positions: std::ops::Range<i64>| {
            positions.rev().try_fold(0, |sum, position| Some(sum + self.exclusive(tile, position, &mut later)?))
        };
        if count <= 4 * ENDS {
            return sum_of(0..count).unwrap_or(0);
        }
        let parts = sum_of(count - ENDS..count).zip(sum_of(count - ENDS - 1..count - ENDS));
        let start = sum_of(ENDS..2 * ENDS).and_then(|_| sum_of(0..ENDS));
        let with_middle = |((end, one), start): ((i128, i128), i128)| end + one * i128::from(count - 2 * ENDS) + start;
        parts.zip(start).map_or(0, with_middle)
    }
}
