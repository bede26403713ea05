//! Given a band with tiles, which arrays share a buffer, at which depths, and what does each statement do on its own?
//!
//! Arrays with several users are decided one by one, under bounds; then each statement takes an entry of its frontier. Given the sum
//! of what the statements keep while others run, they are independent.

use super::budget::Budget;
use super::depths::{Choice, Depths};
use super::frame::Loop;
use super::group::{ArrayDepths, Group};
use super::holding::{APART, Holding, Relaxed, best_ways};
use super::legal::open_edges;
use super::price::Client;
use super::private::{Entry, Limits, Private};
use super::table::QuickMap;
use crate::schedule::problem::{BandLoop, Buffer, Plan, PrivateLoop};
use std::rc::Rc;

pub struct Settle<'g, 'a> {
    group: &'g mut Group<'a>,
    band: &'g [Loop],
    depths: &'g [ArrayDepths],
    /// Indices of arrays with several users, and their ways.
    shared: Vec<usize>,
    holdings: Vec<Vec<Holding>>,
    /// By statement and mask of the arrays that it has to itself.
    frontiers: QuickMap<(usize, u64), Rc<Vec<Entry>>>,
    /// For each frontier, and for all decisions; `is_complete` until one needs more.
    steps: u64,
    decisions: Budget,
    is_complete: bool,
    /// Bytes that each statement's buffers take at least.
    floors: Vec<i64>,
    /// Bounds of all arrays together, by capacity.
    bounds: Vec<i64>,
}

/// What is decided so far.
#[derive(Clone)]
struct Decision {
    chosen: Vec<Holding>,
    bytes: i64,
    /// Bytes in use at each position of the sequence.
    live: Vec<i64>,
}

impl Decision {
    fn take(&mut self, holding: Holding) {
        self.chosen.push(holding);
        self.bytes = self.bytes.saturating_add(holding.bytes);
        let live = &mut self.live[holding.first..=holding.last];
        live.iter_mut().for_each(|bytes| *bytes = bytes.saturating_add(holding.size));
    }
}

impl<'g, 'a> Settle<'g, 'a> {
    pub fn new(group: &'g mut Group<'a>, band: &'g [Loop], depths: &'g [ArrayDepths], steps: u64) -> Self {
        let shared: Vec<usize> = (0..group.arrays.len()).filter(|&a| group.arrays[a].shared.is_some()).collect();
        let floors = group.floors(depths);
        let bounds = group.bounds(depths);
        let mut settle = Settle {
            group,
            band,
            depths,
            shared,
            holdings: Vec::new(),
            frontiers: QuickMap::default(),
            bounds,
            floors,
            steps,
            decisions: Budget::new(steps),
            is_complete: true,
        };
        // The first way through all decisions is always gone.
        settle.decisions = Budget::new(steps.max(4 * settle.shared.len() as u64));
        settle.holdings = settle.shared.iter().map(|&array| settle.holdings_of(array)).collect();
        settle
    }

    /// True if all was tried, false if some statement's loops needed more steps.
    pub fn run(mut self) -> bool {
        let statements = self.group.pricer.frame.problem.statements.len();
        let nothing = Decision { chosen: Vec::new(), bytes: 0, live: vec![0; statements.max(1)] };
        if self.group.best.contains(&None) {
            // All buffers apart needs least room: whatever fits at all is found first.
            self.combine(&Decision { chosen: vec![APART; self.shared.len()], ..nothing.clone() });
        }
        for index in 0..self.group.capacities.len() {
            self.relax(&nothing, index);
        }
        self.decide(nothing);
        self.is_complete
    }

    /// Bytes that a first decision for one capacity is likely to move; `i64::MAX` where none fits.
    pub fn estimate(&self, index: usize) -> i64 {
        let capacity = self.group.capacities[index];
        self.relaxed(capacity, capacity).map_or(i64::MAX, |(_, bytes)| bytes)
    }

    /// Tries a first decision for one capacity, with less room for the buffers known by now as long as the statements' own loops need more
    /// than they seemed to.
    fn relax(&mut self, nothing: &Decision, index: usize) {
        let capacity = self.group.capacities[index];
        for room in [capacity, capacity / 8 * 7, capacity / 4 * 3, capacity / 2] {
            let Some((holdings, _)) = self.relaxed(capacity, room) else { return };
            let mut decision = nothing.clone();
            holdings.into_iter().for_each(|holding| decision.take(holding));
            if !self.is_hopeful(&decision) || !self.group.budget.spend(1 + self.group.pricer.take_steps()) {
                return;
            }
            let before = self.group.limit(index);
            self.combine(&decision);
            if self.group.limit(index) < before {
                return;
            }
        }
    }

    /// A holding for each array with several users, and the bytes that all arrays then move at least.
    fn relaxed(&self, capacity: i64, room: i64) -> Option<(Vec<Holding>, i64)> {
        let statements = self.group.pricer.frame.problem.statements.len();
        let mut relaxed = Relaxed::new(statements, room);
        for (array, clients) in self.group.arrays.iter().enumerate() {
            match self.shared.iter().position(|&s| s == array) {
                Some(k) => relaxed.add(array, self.holdings[k].clone()),
                None => (0..clients.own.len()).for_each(|client| relaxed.add(array, self.ways(array, client))),
            }
        }
        // Apart, an array needs its users' floors and moves what bounds them.
        let apart = |array: usize, holding: Holding| match holding.depth {
            Some(_) => holding.bytes,
            None => self.group.arrays[array].own_bound(&self.depths[array], &self.floors, capacity),
        };
        while let Some(array) = relaxed.step(apart)? {
            let clients = self.group.arrays[array].own.len();
            (0..clients).for_each(|client| relaxed.add(array, self.ways(array, client)));
        }
        let shared = self.shared.iter().enumerate();
        let chosen = shared.map(|(k, &array)| relaxed.chosen(array).unwrap_or(self.holdings[k][0])).collect();
        Some((chosen, relaxed.bytes()))
    }

    /// The ways to hold an array for one user: at the depths of the band, or somewhere in the user's own loops.
    fn ways(&self, array: usize, client: usize) -> Vec<Holding> {
        let clients = &self.group.arrays[array];
        let depths = &self.depths[array].own[client];
        let user = clients.own[client].users[0];
        let all = (0, self.group.pricer.frame.problem.statements.len() - 1);
        let mut ways = Vec::new();
        for (depth, choice) in depths.choices.iter().enumerate() {
            let inside = depth == self.band.len();
            let (first, last) = if inside { (user, user) } else { all };
            // Between users values go through DRAM.
            if inside || !clients.is_written || clients.own.len() == 1 {
                ways.push(Holding { depth: Some(depth), bytes: choice.bytes, size: choice.size, first, last });
            }
            if inside {
                ways.push(Holding { depth: Some(depth), bytes: choice.bytes, size: depths.floor, first, last });
            }
        }
        best_ways(ways)
    }

    /// The ways to hold an array, cheapest first, without those that another one betters.
    fn holdings_of(&self, array: usize) -> Vec<Holding> {
        let statements = self.group.pricer.frame.problem.statements.len();
        let users = self.group.arrays[array].shared.as_ref().map_or(&[][..], |client| &client.users);
        let choices = self.depths[array].shared.as_ref().map_or(&[][..], |depths| &depths.choices);
        let holding = |(depth, choice): (usize, &Choice)| {
            let whole = depth < self.band.len();
            let (first, last) = if whole { (0, statements - 1) } else { (users[0], users[users.len() - 1]) };
            Holding { depth: Some(depth), bytes: choice.bytes, size: choice.size, first, last }
        };
        let mut kept = best_ways(choices.iter().enumerate().map(holding).collect());
        kept.push(APART);
        kept
    }

    fn decide(&mut self, decision: Decision) {
        if !self.is_hopeful(&decision) {
            return;
        }
        let Some(holdings) = self.holdings.get(decision.chosen.len()).cloned() else {
            return self.combine(&decision);
        };
        for holding in holdings {
            let steps = 1 + self.group.pricer.take_steps();
            if !self.group.budget.spend(steps) || !self.decisions.spend(steps) {
                self.is_complete = false;
                return;
            }
            let mut next = decision.clone();
            next.take(holding);
            self.decide(next);
        }
    }

    /// Can this decision still better the best plan of some capacity?
    fn is_hopeful(&self, decision: &Decision) -> bool {
        let peak = decision.live.iter().copied().max().unwrap_or(0);
        (0..self.group.capacities.len()).any(|index| {
            let capacity = self.group.capacities[index];
            let limit = self.group.limit(index);
            peak <= capacity && decision.bytes < limit && self.rest_bound(decision, capacity) < limit - decision.bytes
        })
    }

    /// Bytes of all that is not decided yet.
    fn rest_bound(&self, decision: &Decision, capacity: i64) -> i64 {
        let mut sum = 0i64;
        for (array, clients) in self.group.arrays.iter().enumerate() {
            let decided = self.shared.iter().position(|&s| s == array).and_then(|k| decision.chosen.get(k));
            let depths = &self.depths[array];
            let bound = match decided {
                Some(Holding { depth: Some(_), .. }) => 0,
                Some(Holding { depth: None, .. }) => clients.own_bound(depths, &self.floors, capacity),
                None => clients.bound(depths, &self.floors, capacity),
            };
            sum = sum.saturating_add(bound);
        }
        sum
    }

    /// Arrays that a statement has to itself, as indices with the index of its client.
    fn own_arrays(&self, decision: &Decision, statement: usize) -> Vec<(usize, usize)> {
        let mut own = Vec::new();
        for (array, clients) in self.group.arrays.iter().enumerate() {
            let decided = self.shared.iter().position(|&s| s == array).map(|k| decision.chosen[k].depth);
            if matches!(decided, None | Some(None)) {
                let client = clients.own.iter().position(|client| client.users == [statement]);
                own.extend(client.map(|client| (array, client)));
            }
        }
        own
    }

    fn frontier(&mut self, statement: usize, own: &[(usize, usize)]) -> Rc<Vec<Entry>> {
        let mask = own.iter().fold(0u64, |mask, (array, _)| mask | 1 << (array & 63));
        if let Some(known) = self.frontiers.get(&(statement, mask)) {
            return known.clone();
        }
        let depths: Vec<Depths> = own.iter().map(|&(array, client)| self.depths[array].own[client].clone()).collect();
        let mut rooms = Vec::new();
        let own_floors = depths.iter().map(|d| d.floor).fold(0, i64::saturating_add);
        let others = self.floors[statement] - own_floors;
        for (index, &capacity) in self.group.capacities.iter().enumerate() {
            let bounds = own.iter().map(|&(array, client)| {
                let clients = &self.group.arrays[array];
                clients.user_bound(&clients.own[client], &self.depths[array].own[client], &self.floors, capacity)
            });
            let spare = self.group.limit(index).saturating_sub(self.bounds[index]);
            rooms.push((capacity - others, bounds.fold(spare.max(0), i64::saturating_add)));
        }
        let Group { arrays, pricer, budget, pass, iterator_tiles, .. } = &mut *self.group;
        let clients: Vec<&Client> = own.iter().map(|&(array, client)| &arrays[array].own[client]).collect();
        let between = |&(array, _): &(usize, usize)| arrays[array].is_written && arrays[array].own.len() > 1;
        let least: Vec<usize> = own.iter().map(|o| if between(o) { self.band.len() } else { 0 }).collect();
        let open = open_edges(pricer.frame.problem, self.band, statement);
        let limits = Limits { rooms: &rooms, tiles: &iterator_tiles[statement], most_loops: pass.private_loops };
        let allowance = self.steps.min(budget.left());
        let mut own_budget = Budget::new(allowance);
        let search = Private::new(pricer, &mut own_budget, statement, &clients, &least, limits, self.band.len());
        let frontier = Rc::new(search.frontier(self.band, depths, &open));
        budget.spend(allowance - own_budget.left());
        self.is_complete &= own_budget.left() > 0;
        self.frontiers.insert((statement, mask), frontier.clone());
        frontier
    }

    fn combine(&mut self, decision: &Decision) {
        let statements = self.group.pricer.frame.problem.statements.len();
        let owned: Vec<_> = (0..statements).map(|statement| self.own_arrays(decision, statement)).collect();
        let mut frontiers = Vec::new();
        for (statement, own) in owned.iter().enumerate() {
            let frontier = self.frontier(statement, own);
            if frontier.is_empty() {
                return;
            }
            frontiers.push(frontier);
        }
        for index in 0..self.group.capacities.len() {
            let capacity = self.group.capacities[index];
            let limit = self.group.limit(index).saturating_sub(decision.bytes);
            // No choice among entries takes more than a part of what other decisions may need.
            let allowance = (self.decisions.left() / 4).min(self.group.budget.left());
            let mut budget = Budget::new(allowance);
            let mut pick =
                Pick { frontiers: &frontiers, live: &decision.live, capacity, limit, budget: &mut budget, best: None };
            pick.greedy();
            pick.levels(&mut Vec::new(), 0, 0);
            let best = pick.best;
            let used = allowance - budget.left();
            self.decisions.spend(used);
            self.group.budget.spend(used);
            self.is_complete &= budget.left() > 0;
            if let Some(entries) = best {
                let plan = self.plan(decision, &owned, &frontiers, &entries);
                self.group.offer(index, plan);
            }
        }
    }

    fn plan(
        &self,
        decision: &Decision,
        owned: &[Vec<(usize, usize)>],
        frontiers: &[Rc<Vec<Entry>>],
        entries: &[usize],
    ) -> Plan {
        let frame = &self.group.pricer.frame;
        let dims = frame.problem.dims.len();
        let mut plan = Plan {
            band: self.band.iter().map(|l| BandLoop { dim: l.id, tile: l.tile }).collect(),
            private: Vec::new(),
            buffers: Vec::new(),
            peak_bytes: 0,
            moved_bytes: decision.bytes,
        };
        for (&array, holding) in self.shared.iter().zip(&decision.chosen) {
            let clients = &self.group.arrays[array];
            if let (Some(depth), Some(client)) = (holding.depth, &clients.shared) {
                plan.buffers.push(Buffer { array: clients.array, users: client.users.clone(), depth });
            }
        }
        let chosen: Vec<&Entry> = entries.iter().zip(frontiers).map(|(&entry, frontier)| &frontier[entry]).collect();
        let persist: i64 = chosen.iter().map(|entry| entry.persist).sum();
        for (statement, entry) in chosen.iter().enumerate() {
            let loops = entry.loops.iter().map(|l| PrivateLoop { iterator: l.id - dims, tile: l.tile });
            plan.private.push(loops.collect());
            plan.moved_bytes += entry.bytes;
            plan.peak_bytes = plan.peak_bytes.max(decision.live[statement] + persist + entry.local);
            for (&(array, _), &depth) in owned[statement].iter().zip(&entry.depths) {
                let array = self.group.arrays[array].array;
                plan.buffers.push(Buffer { array, users: vec![statement], depth });
            }
        }
        plan.buffers.sort_by(|a, b| (a.array, &a.users).cmp(&(b.array, &b.users)));
        plan
    }
}

impl Group<'_> {
    /// Keeps a plan if it moves fewer bytes than the best so far.
    fn offer(&mut self, index: usize, plan: Plan) {
        if plan.moved_bytes < self.limit(index) && plan.peak_bytes <= self.capacities[index] {
            self.best[index] = Some(plan);
        }
    }
}

/// The choice of one entry per statement for one capacity.
struct Pick<'p> {
    frontiers: &'p [Rc<Vec<Entry>>],
    live: &'p [i64],
    capacity: i64,
    /// Bytes to stay below.
    limit: i64,
    budget: &'p mut Budget,
    best: Option<Vec<usize>>,
}

impl Pick<'_> {
    /// From what moves the most at each statement, which mostly keeps the least, takes what saves the most for its size, as long as
    /// it fits.
    fn greedy(&mut self) {
        let own: Vec<Vec<(i64, i64)>> = self.frontiers.iter().map(|frontier| levels(frontier)).collect();
        let mut at: Vec<usize> = own.iter().map(|levels| levels.len() - 1).collect();
        let keep = |at: &[usize]| -> Vec<i64> { own.iter().zip(at).map(|(levels, &n)| levels[n].0).collect() };
        self.entries(&keep(&at));
        loop {
            let mut steps: Vec<(i128, usize, usize)> = Vec::new();
            for (statement, levels) in own.iter().enumerate() {
                let (size, bytes) = levels[at[statement]];
                let saving = |n: usize| {
                    let (more, less) = (i128::from(levels[n].0 - size), i128::from(bytes - levels[n].1));
                    (less > 0).then(|| ((less << 20) / more.max(1), statement, n))
                };
                steps.extend((0..at[statement]).filter_map(saving));
            }
            steps.sort_by_key(|&(ratio, statement, n)| (std::cmp::Reverse(ratio), statement, n));
            let taken = steps.into_iter().find(|&(_, statement, n)| {
                let mut next = at.clone();
                next[statement] = n;
                self.budget.spend(1) && self.entries(&keep(&next))
            });
            let Some((_, statement, n)) = taken else { return };
            at[statement] = n;
        }
    }

    /// Fixes what each statement keeps, one after the other; `bytes` bounds what they move.
    fn levels(&mut self, kept: &mut Vec<i64>, persist: i64, bytes: i64) {
        let statement = kept.len();
        let rest: i64 = self.frontiers[statement..].iter().map(|f| cheapest(f)).fold(0, i64::saturating_add);
        if bytes.saturating_add(rest) >= self.limit || persist > self.capacity {
            return;
        }
        let Some(frontier) = self.frontiers.get(statement) else {
            self.entries(kept);
            return;
        };
        for (level, least) in levels(frontier) {
            if !self.budget.spend(1) {
                return;
            }
            kept.push(level);
            self.levels(kept, persist.saturating_add(level), bytes.saturating_add(least));
            kept.pop();
        }
    }

    /// Takes each statement's cheapest entry that fits; whether there is one for each.
    fn entries(&mut self, kept: &[i64]) -> bool {
        let persist = kept.iter().copied().fold(0, i64::saturating_add);
        let mut entries = Vec::new();
        let mut bytes = 0i64;
        for (statement, (frontier, &level)) in self.frontiers.iter().zip(kept).enumerate() {
            let room = self.capacity.saturating_sub(self.live[statement]).saturating_sub(persist);
            let fitting = frontier.iter().enumerate().filter(|(_, e)| e.persist == level && e.local <= room);
            let Some((entry, cheapest)) = fitting.min_by_key(|(_, entry)| entry.bytes) else { return false };
            bytes = bytes.saturating_add(cheapest.bytes);
            entries.push(entry);
        }
        if bytes < self.limit {
            self.limit = bytes;
            self.best = Some(entries);
        }
        true
    }
}

/// What a statement may keep, each with the least bytes that it then moves: the fewest bytes first.
fn levels(frontier: &[Entry]) -> Vec<(i64, i64)> {
    let mut all: Vec<(i64, i64)> = frontier.iter().map(|entry| (entry.persist, entry.bytes)).collect();
    all.sort_unstable();
    let mut kept: Vec<(i64, i64)> = Vec::new();
    for (persist, bytes) in all {
        // Sorted, so the first of a level moves the least. What keeps more and moves more stays: it needs less room while it runs.
        if kept.last().is_none_or(|last| last.0 != persist) {
            kept.push((persist, bytes));
        }
    }
    kept.sort_by_key(|&(persist, bytes)| (bytes, persist));
    kept
}

fn cheapest(frontier: &[Entry]) -> i64 {
    frontier.iter().map(|entry| entry.bytes).min().unwrap_or(0)
}
