//! Which loops of its own should a statement run, and at which depths should its own buffers live?
//!
//! The answer is a frontier: bytes moved against bytes that stay while other statements run and bytes needed only while this one
//! runs. Siblings are independent once the sum of what stays is known.
//!
//! The innermost loop has tile 1: the finest grain never needs more room, and what lives outside it does not move more. Tiles are
//! grown into left-over room at the end.

use super::budget::Budget;
use super::depths::Depths;
use super::frame::{Loop, Path};
use super::legal::{Fate, step};
use super::price::{Client, Pricer};
use crate::schedule::problem::{Access, Index};
use smallvec::SmallVec;

/// One way to run a statement below a band.
#[derive(Clone, Debug)]
pub struct Entry {
    /// Bytes of buffers that outlive one value of the band's loops.
    pub persist: i64,
    /// Bytes of buffers that live only while the statement runs.
    pub local: i64,
    pub bytes: i64,
    pub loops: Vec<Loop>,
    /// The depth of each client's buffer.
    pub depths: Vec<usize>,
}

/// What bounds a search below one band.
pub struct Limits<'a> {
    /// Room for the statement's buffers, and the bytes that it must stay below; by capacity.
    pub rooms: &'a [(i64, i64)],
    /// Tiles of each iterator, largest first.
    pub tiles: &'a [Vec<i64>],
    pub most_loops: usize,
}

/// The search for one statement.
pub struct Private<'s, 'a> {
    pub pricer: &'s mut Pricer<'a>,
    pub budget: &'s mut Budget,
    pub statement: usize,
    pub clients: &'s [&'s Client],
    pub limits: Limits<'s>,
    /// Loops of the band.
    pub band: usize,
    /// For clients of arrays that pass values between buffers: at least this depth.
    pub least_depths: &'s [usize],
    is_irregular: bool,
    frontier: Vec<Entry>,
}

/// One depth that is worth taking at a leaf.
#[derive(Clone, Copy)]
struct Place {
    persist: i64,
    local: i64,
    bytes: i64,
    depth: usize,
}

impl<'s, 'a> Private<'s, 'a> {
    pub fn new(
        pricer: &'s mut Pricer<'a>,
        budget: &'s mut Budget,
        statement: usize,
        clients: &'s [&'s Client],
        least_depths: &'s [usize],
        limits: Limits<'s>,
        band: usize,
    ) -> Self {
        let is_irregular = clients.iter().any(|client| is_irregular(pricer, client));
        Private { pricer, budget, statement, clients, limits, band, least_depths, is_irregular, frontier: Vec::new() }
    }

    /// The frontier over all private loops. `path` holds the band's loops, `open` the statement's own edges that they leave open.
    pub fn frontier(mut self, path: &[Loop], depths: Vec<Depths>, open: &[&[i64]]) -> Vec<Entry> {
        let fates = vec![Fate::Open; open.len()];
        let mut path = path.to_vec();
        self.leaf(&path, &depths);
        self.stage(&path, &depths, open);
        self.extend(&mut path, &depths, open, &fates);
        self.frontier
    }

    /// The way that needs least: point by point in source order, as far as the edges allow tile loops.
    fn stage(&mut self, band: &[Loop], depths: &[Depths], open: &[&[i64]]) {
        let (mut path, mut depths) = (band.to_vec(), depths.to_vec());
        let mut fates = vec![Fate::Open; open.len()];
        for (iterator, _) in self.limits.tiles.iter().enumerate().filter(|(_, tiles)| !tiles.is_empty()) {
            let each = open.iter().zip(&fates);
            let next: Vec<Fate> = each.map(|(distance, &fate)| step(fate, distance[iterator], 1)).collect();
            let is_taken = |l: &Loop| self.pricer.frame.attach(l.id, self.statement).iterator == Some(iterator);
            if next.contains(&Fate::Broken) || band.iter().any(is_taken) {
                continue;
            }
            self.budget.spend(1 + depths.len() as u64 / 4);
            path.push(Loop { id: self.pricer.frame.private_id(iterator), tile: 1 });
            let whole = Path::new(&self.pricer.frame, &path, self.statement);
            let each = depths.iter().zip(self.clients);
            let extended = |(d, client): (&Depths, &&Client)| {
                let floor = self.pricer.floor(client, &whole.loops);
                d.extended(self.pricer, client, &whole, floor)
            };
            depths = each.map(extended).collect();
            fates = next;
        }
        self.leaf(&path, &depths);
    }

    fn extend(&mut self, path: &mut Vec<Loop>, depths: &[Depths], open: &[&[i64]], fates: &[Fate]) {
        if path.len() - self.band >= self.limits.most_loops {
            return;
        }
        let limits = self.limits.tiles;
        for (iterator, tiles) in limits.iter().enumerate() {
            let id = self.pricer.frame.private_id(iterator);
            if path.iter().any(|l| self.pricer.frame.attach(l.id, self.statement).iterator == Some(iterator)) {
                continue;
            }
            let is_last = path.len() - self.band + 1 == self.limits.most_loops;
            for &tile in tiles {
                if tile != 1 && is_last && !self.is_irregular {
                    continue;
                }
                let each = open.iter().zip(fates);
                let fates: Vec<Fate> = each.map(|(distance, &fate)| step(fate, distance[iterator], tile)).collect();
                if fates.contains(&Fate::Broken) {
                    break;
                }
                if !self.budget.spend(1 + depths.len() as u64 + self.pricer.take_steps()) {
                    return;
                }
                path.push(Loop { id, tile });
                let whole = Path::new(&self.pricer.frame, path, self.statement);
                if let Some(next) = self.extended(depths, &whole) {
                    if tile == 1 || self.is_irregular {
                        self.leaf(path, &next);
                    }
                    self.extend(path, &next, open, &fates);
                }
                path.pop();
            }
        }
    }

    /// All depths after one more loop, the last of the path; `None` as soon as neither it nor one that extends it can stay below the limit
    /// of some capacity.
    fn extended(&mut self, depths: &[Depths], path: &Path) -> Option<Vec<Depths>> {
        let floors: SmallVec<[i64; 8]> = self.clients.iter().map(|c| self.pricer.floor(c, &path.loops)).collect();
        let floor = floors.iter().copied().fold(0i64, i64::saturating_add);
        // For each capacity with room enough: room, what must be bettered, and the bytes of the clients so far.
        let fitting = self.limits.rooms.iter().filter(|(room, _)| floor <= *room);
        let mut open: SmallVec<[(i64, i64, i64); 4]> = fitting.map(|&(room, limit)| (room, limit, 0)).collect();
        let mut next = Vec::with_capacity(depths.len());
        for ((depths, client), own) in depths.iter().zip(self.clients).zip(&floors) {
            if open.is_empty() {
                return None;
            }
            let inner = depths.extended(self.pricer, client, path, *own);
            open.retain(|(room, limit, bytes)| {
                *bytes = bytes.saturating_add(inner.bound(client, room.saturating_sub(floor - own)));
                *bytes < *limit
            });
            next.push(inner);
        }
        let is_hopeful = if depths.is_empty() { open.iter().any(|(_, limit, _)| *limit > 0) } else { !open.is_empty() };
        is_hopeful.then_some(next)
    }

    /// Adds the ways to place the buffers along a path.
    fn leaf(&mut self, path: &[Loop], depths: &[Depths]) {
        let each = depths.iter().zip(self.clients).zip(self.least_depths);
        let options: Vec<Vec<Place>> = each.map(|((d, client), &least)| self.places(path, client, d, least)).collect();
        let mut rest = vec![0i64; options.len() + 1];
        for (index, own) in options.iter().enumerate().rev() {
            rest[index] = rest[index + 1].saturating_add(own.iter().map(|place| place.bytes).min().unwrap_or(0));
        }
        if options.iter().all(|own| !own.is_empty()) {
            self.place(path, &options, &rest, &mut Vec::new(), (0, 0, 0));
        }
    }

    /// Depths of one client, without those that another one betters.
    fn places(&self, path: &[Loop], client: &Client, depths: &Depths, least: usize) -> Vec<Place> {
        let mut kept: Vec<Place> = Vec::new();
        let sizes = depths.choices.iter().map(|choice| (choice.size, choice.bytes));
        let row = depths.choices.last().filter(|_| client.is_stream);
        let row = row.map(|leaf| (self.pricer.row_bytes(client, path), leaf.bytes));
        for (depth, (size, bytes)) in sizes.chain(row).enumerate().skip(least) {
            let (persist, local) = if depth < self.band { (size, 0) } else { (0, size) };
            let place = Place { persist, local, bytes, depth };
            let betters = |a: &Place, b: &Place| a.persist <= b.persist && a.total() <= b.total() && a.bytes <= b.bytes;
            if !kept.iter().any(|other| betters(other, &place)) {
                kept.retain(|other| !betters(&place, other));
                kept.push(place);
            }
        }
        kept
    }

    fn place(
        &mut self,
        path: &[Loop],
        options: &[Vec<Place>],
        rest: &[i64],
        depths: &mut Vec<usize>,
        (persist, local, bytes): (i64, i64, i64),
    ) {
        let need = persist.saturating_add(local);
        let bound = bytes.saturating_add(rest[depths.len()]);
        if !self.limits.rooms.iter().any(|&(room, limit)| need <= room && bound < limit) {
            return;
        }
        let is_worse = |e: &Entry| e.persist <= persist && e.persist + e.local <= need && e.bytes <= bound;
        if self.frontier.iter().any(is_worse) {
            return;
        }
        let Some(own) = options.get(depths.len()) else {
            self.frontier.retain(|e| !(persist <= e.persist && need <= e.persist + e.local && bytes <= e.bytes));
            let (loops, depths) = (path[self.band..].to_vec(), depths.clone());
            self.frontier.push(Entry { persist, local, bytes, loops, depths });
            return;
        };
        for choice in own {
            depths.push(choice.depth);
            let sum = (
                persist.saturating_add(choice.persist),
                local.saturating_add(choice.local),
                bytes.saturating_add(choice.bytes),
            );
            self.place(path, options, rest, depths, sum);
            depths.pop();
        }
    }
}

impl Place {
    fn total(&self) -> i64 {
        self.persist.saturating_add(self.local)
    }
}

/// Is there an access for which the finest grain may need more room: an iterator in two dims, or accesses that move differently?
fn is_irregular(pricer: &Pricer, client: &Client) -> bool {
    let problem = pricer.frame.problem;
    client.users.iter().any(|&statement| {
        let own: Vec<_> =
            problem.statements[statement].accesses.iter().filter(|access| access.array == client.array).collect();
        let coefficient = |index: &Index, iterator: usize| match index {
            Index::Linear { coefficients, .. } => coefficients[iterator],
            Index::Range { .. } => 0,
        };
        (0..problem.statements[statement].extents.len()).any(|iterator| {
            let row = |access: &Access| -> Vec<i64> {
                access.index.iter().map(|index| coefficient(index, iterator)).collect()
            };
            own.iter().any(|access| {
                let moves = row(access).iter().filter(|c| **c != 0).count();
                moves > 1 || own.iter().any(|other| row(other) != row(access))
            })
        })
    })
}
