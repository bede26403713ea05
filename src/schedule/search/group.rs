//! Which band, tiles and shared buffers make the best plan of a group, for each capacity?
//!
//! Bands grow loop by loop. A prefix bounds every band that extends it: buffers at the depths known so far move what they move, and
//! those at deeper ones at least as much as at the prefix. Prefixes that cannot better the best plan of any capacity are cut.

use super::budget::Budget;
use super::depths::Depths;
use super::frame::{Loop, Path};
use super::legal::{Fate, band_keeps, step};
use super::price::{Client, Pricer};
use super::settle::Settle;
use super::tiles::candidates;
use crate::schedule::problem::{BandLoop, Plan};
use std::rc::Rc;

/// Bands have at most this many loops.
const MOST_BAND_LOOPS: usize = 3;

/// No limit to a number of tile sizes or loops.
pub const ALL: usize = usize::MAX;

/// How thoroughly to look.
#[derive(Clone, Copy)]
pub struct Pass {
    /// Tile sizes per band loop, and per private loop.
    pub band_tiles: usize,
    pub private_tiles: usize,
    pub private_loops: usize,
    pub steps: u64,
}

/// The buffers that an array may have.
pub struct ArrayClients {
    pub array: usize,
    /// One for all users, if there are several.
    pub shared: Option<Client>,
    /// One for each user.
    pub own: Vec<Client>,
    pub is_written: bool,
}

/// Depths of all clients of one array below one band.
pub struct ArrayDepths {
    pub shared: Option<Depths>,
    pub own: Vec<Depths>,
    /// Bytes that the array moves at least on all bands that begin like this one, by capacity.
    bounds: Vec<i64>,
}

/// A band that may better some capacity's best plan, or begin one that does.
#[derive(Clone)]
struct Prefix {
    /// The smallest ratio (in 1/1024) of its bound to what it has to better.
    promise: i64,
    band: Vec<Loop>,
    depths: Rc<Vec<ArrayDepths>>,
    fates: Vec<Fate>,
}

/// The dims and tiles to try inside the loops of a band.
type Next<'n> = &'n dyn Fn(&[Loop]) -> Vec<(usize, Vec<i64>)>;

pub struct Group<'a> {
    pub pricer: Pricer<'a>,
    pub arrays: Vec<ArrayClients>,
    pub capacities: Vec<i64>,
    pub best: Vec<Option<Plan>>,
    /// Plans that do not move fewer bytes than this are not looked for.
    pub below: i64,
    pub pass: Pass,
    pub budget: Budget,
    /// Whether the last pass has tried all that it was to try.
    pub is_complete: bool,
    /// Tiles of each dim, and of each statement's iterators, in this pass.
    dim_tiles: Vec<Vec<i64>>,
    pub iterator_tiles: Vec<Vec<Vec<i64>>>,
}

impl<'a> Group<'a> {
    pub fn new(pricer: Pricer<'a>, capacities: &[i64]) -> Self {
        let frame = &pricer.frame;
        let mut arrays = Vec::new();
        for array in 0..frame.problem.arrays.len() {
            let users = frame.users(array);
            if users.is_empty() {
                continue;
            }
            arrays.push(ArrayClients {
                array,
                shared: (users.len() > 1).then(|| Client::new(frame, array, &users)),
                own: users.iter().map(|&user| Client::new(frame, array, &[user])).collect(),
                is_written: frame.is_written(array),
            });
        }
        Group {
            arrays,
            best: vec![None; capacities.len()],
            below: i64::MAX,
            capacities: capacities.to_vec(),
            pass: Pass { band_tiles: 0, private_tiles: 0, private_loops: 0, steps: 0 },
            budget: Budget::new(0),
            is_complete: true,
            dim_tiles: Vec::new(),
            iterator_tiles: Vec::new(),
            pricer,
        }
    }

    /// Bytes that every plan moves at least in the room of the first capacity.
    pub fn least_bytes(&mut self) -> i64 {
        let depths = self.outermost();
        self.bounds(&depths)[0]
    }

    /// Looks for plans without shared loops: the first ones, and those that need least room.
    pub fn stage(&mut self, pass: Pass) {
        self.prepare(pass);
        self.search(&|_| Vec::new());
    }

    /// Searches once over all bands and keeps what is better than before.
    pub fn run(&mut self, pass: Pass) {
        self.prepare(pass);
        let tiles = self.dim_tiles.clone();
        // Where not all sizes are tried, inner loops get fewer: there are many more of them.
        let every = |level: usize| if pass.band_tiles == ALL { 1 } else { 1 + level };
        let fewer = |tiles: &Vec<i64>, level: usize| tiles.iter().copied().step_by(every(level)).collect();
        self.search(&|band| tiles.iter().map(|tiles| fewer(tiles, band.len())).enumerate().collect());
    }

    /// Searches the tiles near those of the best plan of each capacity, in the same order of loops.
    pub fn refine(&mut self, pass: Pass) {
        for index in 0..self.best.len() {
            self.prepare(pass);
            let Some(best) = &self.best[index] else { continue };
            let near = |l: &BandLoop| {
                let tiles = self.dim_tiles[l.dim].iter().copied();
                (l.dim, tiles.filter(|tile| tile / 2 <= l.tile && l.tile <= 2 * tile).collect())
            };
            let loops: Vec<(usize, Vec<i64>)> = best.band.iter().map(near).collect();
            self.search(&|band| loops.get(band.len()).cloned().into_iter().collect());
        }
    }

    fn prepare(&mut self, pass: Pass) {
        let frame = &self.pricer.frame;
        let rate = |dim: usize| frame.problem.dims[dim].attach.iter().map(|attach| attach.rate).max().unwrap_or(1);
        let dims = 0..frame.problem.dims.len();
        self.dim_tiles = dims.map(|dim| candidates(frame.dim_extent(dim), rate(dim), pass.band_tiles)).collect();
        let tiles = |extents: &Vec<i64>| extents.iter().map(|&e| candidates(e, 1, pass.private_tiles)).collect();
        self.iterator_tiles = frame.problem.statements.iter().map(|s| tiles(&s.extents)).collect();
        self.pass = pass;
        self.budget = Budget::new(pass.steps);
        self.is_complete = true;
    }

    /// Searches the bands that `next` spells: the dims and tiles of a loop inside those given.
    fn search(&mut self, next: Next) {
        let mut found = self.bands(next);
        // The most promising first: what they reach cuts the others.
        found.sort_by_key(|f| f.promise);
        // A statement's own loops point by point first; what takes long waits until others have lowered the limits.
        let tiles = self.iterator_tiles.clone();
        let points = |tiles: &Vec<i64>| tiles.last().copied().into_iter().collect();
        self.iterator_tiles = tiles.iter().map(|own| own.iter().map(points).collect()).collect();
        self.round(found.clone(), 64);
        self.iterator_tiles = tiles;
        for share in [64, 8, 1] {
            found = self.round(found, share);
        }
        self.is_complete &= found.is_empty() && self.budget.left() > 0;
    }

    /// Looks for plans with each of the bands; those that need more than a share of the steps are returned.
    fn round(&mut self, bands: Vec<Prefix>, share: u64) -> Vec<Prefix> {
        let steps = self.pass.steps / share;
        bands.into_iter().filter(|found| self.budget.left() > 0 && !self.settle(found, steps)).collect()
    }

    /// Looks for plans with this band, a statement's own loops in at most `steps`; false if that was not enough.
    fn settle(&mut self, found: &Prefix, steps: u64) -> bool {
        !self.is_hopeful(&found.depths) || Settle::new(self, &found.band, &found.depths, steps).run()
    }

    /// Legal bands that may better some capacity's best plan, in at most half of the steps.
    ///
    /// Bands of one loop come first, then those of two, and so on. Each is tried at once with the statements' own loops point by point
    /// in source order: what that reaches cuts most of the longer ones, and says which to begin with.
    fn bands(&mut self, next: Next) -> Vec<Prefix> {
        let half = self.pass.steps / 2;
        let all = std::mem::replace(&mut self.budget, Budget::new(half));
        let depths = Rc::new(self.outermost());
        let fates = vec![Fate::Open; self.pricer.frame.problem.edges.len()];
        let mut level: Vec<Prefix> = self
            .promise(&depths)
            .map(|promise| Prefix { promise, band: Vec::new(), depths, fates })
            .into_iter()
            .collect();
        let mut found = Vec::new();
        let most = if self.pricer.frame.problem.statements.len() < 2 { 0 } else { MOST_BAND_LOOPS };
        for length in 0..=most {
            level.sort_by_key(|prefix| prefix.promise);
            let legal = |p: &&Prefix| band_keeps(self.pricer.frame.problem, &p.band);
            let legal: Vec<Prefix> = level.iter().filter(legal).cloned().collect();
            self.sketch(&legal);
            found.extend(legal);
            if length < most {
                level = self.longer(next, level);
            }
        }
        found.retain(|prefix| self.is_hopeful(&prefix.depths));
        let used = half - self.budget.left();
        self.is_complete &= used < half;
        self.budget = all;
        self.budget.spend(used);
        found
    }

    /// Tries bands with no loops of the statements' own but the points in source order, in at most a quarter of the steps left.
    fn sketch(&mut self, bands: &[Prefix]) {
        let pass = self.pass;
        self.pass.private_loops = 0;
        let kept = self.budget.left() / 4 * 3;
        for band in bands {
            if self.budget.left() <= kept {
                break;
            }
            self.settle(band, self.pass.steps / 64);
        }
        self.pass = pass;
    }

    /// All bands with one loop more, in at most half of the steps left.
    fn longer(&mut self, next: Next, level: Vec<Prefix>) -> Vec<Prefix> {
        let kept = self.budget.left() / 2;
        let problem = self.pricer.frame.problem;
        let mut steps: Vec<(usize, &Prefix, usize, Vec<i64>)> = Vec::new();
        for prefix in &level {
            steps.extend(next(&prefix.band).into_iter().map(|(dim, tiles)| (self.missing(dim), prefix, dim, tiles)));
        }
        // Loops that most statements share come first: the others keep together what only a few of them need.
        steps.sort_by_key(|(missing, ..)| *missing);
        let mut longer = Vec::new();
        for (_, Prefix { band, depths, fates, .. }, dim, tiles) in steps {
            let ids: Vec<usize> = band.iter().map(|l| l.id).chain([dim]).collect();
            if self.promise(depths).is_none() || !self.pricer.is_band(&ids) {
                continue;
            }
            for tile in tiles {
                let each = problem.edges.iter().zip(fates);
                let fates: Vec<Fate> = each.map(|(edge, &fate)| step(fate, edge.dim_distance[dim], tile)).collect();
                if fates.contains(&Fate::Broken) {
                    break;
                }
                if self.budget.left() <= kept {
                    self.is_complete = false;
                    return longer;
                }
                let mut band = band.clone();
                band.push(Loop { id: dim, tile });
                let Some(inner) = self.extended(depths, &band) else { continue };
                let depths = Rc::new(inner);
                if self.is_hopeful(&depths) {
                    let promise = self.estimate(&band, &depths);
                    longer.push(Prefix { promise, band, depths, fates });
                }
            }
        }
        longer
    }

    /// The number of statements that have no iterator in a dim.
    fn missing(&self, dim: usize) -> usize {
        self.pricer.frame.problem.dims[dim].attach.iter().filter(|attach| attach.iterator.is_none()).count()
    }

    fn outermost(&mut self) -> Vec<ArrayDepths> {
        let (floors, _) = self.floors_below(&[]);
        let Group { arrays, pricer, capacities, .. } = self;
        let start = |clients: &ArrayClients| {
            let shared = clients.shared.as_ref().map(|client| Depths::new(pricer, client));
            let own = clients.own.iter().map(|client| Depths::new(pricer, client)).collect();
            ArrayDepths::new(clients, shared, own, &floors, capacities)
        };
        arrays.iter().map(start).collect()
    }

    /// Bytes that the boxes of each statement take at least, and each of the boxes by itself.
    fn floors_below(&self, band: &[Loop]) -> (Vec<i64>, Vec<i64>) {
        let mut floors = vec![0i64; self.pricer.frame.problem.statements.len()];
        let mut own = Vec::new();
        for client in self.arrays.iter().flat_map(|clients| &clients.own) {
            let floor = &mut floors[client.users[0]];
            own.push(self.pricer.floor(client, band));
            *floor = floor.saturating_add(own[own.len() - 1]);
        }
        (floors, own)
    }

    /// All depths after one more loop, the last of the band; `None` as soon as no capacity's best plan can be bettered, or the
    /// budget is spent.
    fn extended(&mut self, depths: &[ArrayDepths], band: &[Loop]) -> Option<Vec<ArrayDepths>> {
        let (floors, own_floors) = self.floors_below(band);
        let mut own_floors = own_floors.into_iter();
        let limits: Vec<i64> = (0..self.capacities.len()).map(|index| self.limit(index)).collect();
        let highest = floors.iter().copied().max().unwrap_or(0);
        let fits: Vec<bool> = self.capacities.iter().map(|&capacity| highest <= capacity).collect();
        let mut bounds = self.bounds(depths);
        let Group { arrays, pricer, capacities, budget, .. } = self;
        let path = Path::new(&pricer.frame, band, 0);
        let mut next = Vec::with_capacity(depths.len());
        let mut priced = 0;
        for (clients, depths) in arrays.iter().zip(depths) {
            let is_open = |index: usize| fits[index] && bounds[index] < limits[index];
            if !(0..limits.len()).any(is_open) {
                budget.spend(priced / 4 + pricer.take_steps());
                return None;
            }
            let shared = clients.shared.as_ref().zip(depths.shared.as_ref());
            let shared = shared.map(|(client, depths)| {
                let floor = pricer.floor(client, band);
                depths.extended(pricer, client, &path, floor)
            });
            let own = clients.own.iter().zip(&depths.own).zip(&mut own_floors);
            let own = own.map(|((client, depths), floor)| depths.extended(pricer, client, &path, floor)).collect();
            let inner = ArrayDepths::new(clients, shared, own, &floors, capacities);
            for (index, bound) in bounds.iter_mut().enumerate() {
                *bound = bound.saturating_add(inner.bounds[index].saturating_sub(depths.bounds[index]));
            }
            next.push(inner);
            priced += clients.own.len() as u64 + u64::from(clients.shared.is_some());
        }
        budget.spend(priced / 4 + pricer.take_steps()).then_some(next)
    }

    /// The smallest ratio of what a first decision is likely to move to what it has to better, in 1/1024.
    fn estimate(&mut self, band: &[Loop], depths: &[ArrayDepths]) -> i64 {
        self.budget.spend(self.arrays.len() as u64 / 4);
        let limits: Vec<i64> = (0..self.capacities.len()).map(|index| self.limit(index)).collect();
        let settle = Settle::new(self, band, depths, 0);
        let ratio = |(index, &limit): (usize, &i64)| {
            (i128::from(settle.estimate(index)) * 1024 / i128::from(limit.max(1))) as i64
        };
        limits.iter().enumerate().map(ratio).min().unwrap_or(0)
    }

    /// Can a band that begins like this better some capacity's best plan?
    fn is_hopeful(&self, depths: &[ArrayDepths]) -> bool {
        self.promise(depths).is_some()
    }

    /// The smallest ratio of bound to limit, in 1/1024, over the capacities whose best plan may be bettered.
    fn promise(&self, depths: &[ArrayDepths]) -> Option<i64> {
        let each = self.bounds(depths).into_iter().enumerate().filter_map(|(index, bound)| {
            let limit = self.limit(index);
            (bound < limit).then(|| (i128::from(bound) * 1024 / i128::from(limit)) as i64)
        });
        each.min()
    }

    /// Bytes that each statement's buffers take at least.
    pub fn floors(&self, depths: &[ArrayDepths]) -> Vec<i64> {
        let mut floors = vec![0i64; self.pricer.frame.problem.statements.len()];
        for (clients, depths) in self.arrays.iter().zip(depths) {
            for (client, depths) in clients.own.iter().zip(&depths.own) {
                let floor = &mut floors[client.users[0]];
                *floor = floor.saturating_add(depths.floor);
            }
        }
        floors
    }

    /// Bytes that all arrays move at least, by capacity; `i64::MAX` where no plan fits.
    pub fn bounds(&self, depths: &[ArrayDepths]) -> Vec<i64> {
        let all = |index| depths.iter().map(|d| d.bounds[index]).fold(0, i64::saturating_add);
        (0..self.capacities.len()).map(all).collect()
    }

    /// Plans for this capacity must move fewer bytes.
    pub fn limit(&self, index: usize) -> i64 {
        self.best[index].as_ref().map_or(self.below, |plan| plan.moved_bytes)
    }
}

impl ArrayDepths {
    fn new(
        clients: &ArrayClients,
        shared: Option<Depths>,
        own: Vec<Depths>,
        floors: &[i64],
        capacities: &[i64],
    ) -> ArrayDepths {
        let mut depths = ArrayDepths { shared, own, bounds: Vec::new() };
        let highest = floors.iter().copied().max().unwrap_or(0);
        let bound = |&capacity: &i64| match highest <= capacity {
            true => clients.bound(&depths, floors, capacity),
            false => i64::MAX,
        };
        depths.bounds = capacities.iter().map(bound).collect();
        depths
    }
}

impl ArrayClients {
    /// Bytes that the array moves at least, beside the least that other arrays need.
    pub fn bound(&self, depths: &ArrayDepths, floors: &[i64], capacity: i64) -> i64 {
        let own = self.own_bound(depths, floors, capacity);
        let Some((client, shared)) = self.shared.as_ref().zip(depths.shared.as_ref()) else { return own };
        let rooms = self.own.iter().zip(&depths.own).map(|(user, own)| room(user, own, floors, capacity));
        shared.bound(client, rooms.min().unwrap_or(capacity)).min(own)
    }

    /// The same if every user has a buffer of its own.
    pub fn own_bound(&self, depths: &ArrayDepths, floors: &[i64], capacity: i64) -> i64 {
        let each = self.own.iter().zip(&depths.own);
        each.map(|(client, depths)| self.user_bound(client, depths, floors, capacity)).fold(0, i64::saturating_add)
    }

    /// The same for one of the users.
    pub fn user_bound(&self, client: &Client, depths: &Depths, floors: &[i64], capacity: i64) -> i64 {
        if self.is_written && self.own.len() > 1 {
            return depths.choices.last().map_or(0, |choice| choice.bytes);
        }
        depths.bound(client, room(client, depths, floors, capacity))
    }
}

/// What the other arrays of the statement leave at most.
fn room(client: &Client, depths: &Depths, floors: &[i64], capacity: i64) -> i64 {
    capacity.saturating_sub(floors[client.users[0]] - depths.floor)
}
