//! Which band, tiles and shared buffers make the best plan of a group, for each capacity?
//!
//! Bands grow loop by loop. A prefix bounds every band that extends it: buffers at the depths known so far move what they move, and
//! those at deeper ones at least as much as at the prefix. Prefixes that cannot better the best plan of any capacity are cut.

use super::budget::Budget;
use super::depths::Depths;
use super::frame::Loop;
use super::legal::{Fate, band_keeps, step};
use super::price::{Client, Pricer};
use super::settle::Settle;
use super::tiles::candidates;
use crate::schedule::problem::Plan;

/// Bands have at most this many loops.
const MOST_BAND_LOOPS: usize = 3;

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

/// Depths of all clients below one band.
#[derive(Clone)]
pub struct ArrayDepths {
    pub shared: Option<Depths>,
    pub own: Vec<Depths>,
}

pub struct Group<'a> {
    pub pricer: Pricer<'a>,
    pub arrays: Vec<ArrayClients>,
    pub capacities: Vec<i64>,
    pub best: Vec<Option<Plan>>,
    pub pass: Pass,
    pub budget: Budget,
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
            capacities: capacities.to_vec(),
            pass: Pass { band_tiles: 0, private_tiles: 0, private_loops: 0, steps: 0 },
            budget: Budget::new(0),
            dim_tiles: Vec::new(),
            iterator_tiles: Vec::new(),
            pricer,
        }
    }

    /// Searches once over all bands and keeps what is better than before.
    pub fn run(&mut self, pass: Pass) {
        let frame = &self.pricer.frame;
        let rate = |dim: usize| frame.problem.dims[dim].attach.iter().map(|attach| attach.rate).max().unwrap_or(1);
        let dims = 0..frame.problem.dims.len();
        self.dim_tiles = dims.map(|dim| candidates(frame.dim_extent(dim), rate(dim), pass.band_tiles)).collect();
        let tiles = |extents: &Vec<i64>| extents.iter().map(|&e| candidates(e, 1, pass.private_tiles)).collect();
        self.iterator_tiles = frame.problem.statements.iter().map(|s| tiles(&s.extents)).collect();
        self.pass = pass;
        self.budget = Budget::new(pass.steps);
        let depths = self.outermost();
        let fates = vec![Fate::Open; frame_edges(self)];
        self.visit(&mut Vec::new(), &depths, &fates);
    }

    fn outermost(&mut self) -> Vec<ArrayDepths> {
        let Group { arrays, pricer, .. } = self;
        let start = |clients: &ArrayClients| ArrayDepths {
            shared: clients.shared.as_ref().map(|client| Depths::new(pricer, client)),
            own: clients.own.iter().map(|client| Depths::new(pricer, client)).collect(),
        };
        arrays.iter().map(start).collect()
    }

    fn visit(&mut self, band: &mut Vec<Loop>, depths: &[ArrayDepths], fates: &[Fate]) {
        if !self.is_hopeful(depths) {
            return;
        }
        if band_keeps(self.pricer.frame.problem, band) {
            Settle::new(self, band, depths).run();
        }
        let problem = self.pricer.frame.problem;
        if band.len() == MOST_BAND_LOOPS || problem.statements.len() < 2 {
            return;
        }
        for dim in 0..problem.dims.len() {
            let mut ids: Vec<usize> = band.iter().map(|l| l.id).collect();
            ids.push(dim);
            if !self.pricer.is_band(&ids) {
                continue;
            }
            for tile in self.dim_tiles[dim].clone() {
                let each = problem.edges.iter().zip(fates);
                let fates: Vec<Fate> = each.map(|(edge, &fate)| step(fate, edge.dim_distance[dim], tile)).collect();
                if fates.contains(&Fate::Broken) {
                    break;
                }
                if !self.budget.spend(4) {
                    return;
                }
                band.push(Loop { id: dim, tile });
                let next = self.extended(depths, band);
                self.visit(band, &next, &fates);
                band.pop();
            }
        }
    }

    fn extended(&mut self, depths: &[ArrayDepths], band: &[Loop]) -> Vec<ArrayDepths> {
        let Group { arrays, pricer, .. } = self;
        let mut next = Vec::with_capacity(depths.len());
        for (clients, depths) in arrays.iter().zip(depths) {
            let shared = clients.shared.as_ref().zip(depths.shared.as_ref());
            let own = clients.own.iter().zip(&depths.own);
            next.push(ArrayDepths {
                shared: shared.map(|(client, depths)| depths.extended(pricer, client, band)),
                own: own.map(|(client, depths)| depths.extended(pricer, client, band)).collect(),
            });
        }
        next
    }

    /// Can a band that begins like this better some capacity's best plan?
    fn is_hopeful(&self, depths: &[ArrayDepths]) -> bool {
        (0..self.capacities.len()).any(|index| {
            let arrays = self.arrays.iter().zip(depths);
            let bounds = arrays.map(|(clients, depths)| clients.bound(depths, self.capacities[index]));
            bounds.fold(0i64, i64::saturating_add) < self.limit(index)
        })
    }

    /// Plans for this capacity must move fewer bytes.
    pub fn limit(&self, index: usize) -> i64 {
        self.best[index].as_ref().map_or(i64::MAX, |plan| plan.moved_bytes)
    }
}

fn frame_edges(group: &Group) -> usize {
    group.pricer.frame.problem.edges.len()
}

impl ArrayClients {
    /// Bytes that the array moves at least, with this much room.
    pub fn bound(&self, depths: &ArrayDepths, room: i64) -> i64 {
        let own = self.own_bound(depths, room);
        let shared = self.shared.as_ref().zip(depths.shared.as_ref());
        shared.map_or(own, |(client, depths)| depths.bound(client, room).min(own))
    }

    /// The same if every user has a buffer of its own.
    pub fn own_bound(&self, depths: &ArrayDepths, room: i64) -> i64 {
        let each = self.own.iter().zip(&depths.own).map(|(client, depths)| self.user_bound(client, depths, room));
        each.fold(0i64, i64::saturating_add)
    }

    /// The same for one of the users.
    pub fn user_bound(&self, client: &Client, depths: &Depths, room: i64) -> i64 {
        if self.is_written && self.own.len() > 1 {
            return depths.choices.last().map_or(0, |choice| choice.bytes);
        }
        depths.bound(client, room)
    }
}
