//! Where can an array wait, and about how much must move when all arrays share the room?
//!
//! A greedy answer: each array starts where it moves the fewest bytes; as long as some statement has too little room, the change is made
//! that costs the fewest bytes for the room it frees there. It tells good bands from bad ones before any is looked into.

/// One way to hold an array, for all its users or for one.
#[derive(Clone, Copy, Debug)]
pub struct Holding {
    /// `None`: one buffer for each user.
    pub depth: Option<usize>,
    pub bytes: i64,
    pub size: i64,
    /// Positions in the sequence at which it occupies memory.
    pub first: usize,
    pub last: usize,
}

/// A buffer for each user: what it takes is theirs.
pub const APART: Holding = Holding { depth: None, bytes: 0, size: 0, first: 0, last: 0 };

impl Holding {
    fn size_at(&self, position: usize) -> i64 {
        if (self.first..=self.last).contains(&position) { self.size } else { 0 }
    }

    fn betters(&self, other: &Holding) -> bool {
        self.bytes <= other.bytes && self.size <= other.size && self.first >= other.first && self.last <= other.last
    }
}

/// Those that no other one betters, cheapest first.
pub fn best_ways(all: Vec<Holding>) -> Vec<Holding> {
    let mut kept: Vec<Holding> = Vec::new();
    for holding in all {
        if !kept.iter().any(|other| other.betters(&holding)) {
            kept.retain(|other| !holding.betters(other));
            kept.push(holding);
        }
    }
    kept.sort_by_key(|holding| holding.bytes);
    kept
}

/// An array, or one user of it, with its ways from the cheapest on.
struct Item {
    array: usize,
    ways: Vec<Holding>,
    at: usize,
}

pub struct Relaxed {
    items: Vec<Item>,
    /// Bytes in use at each position of the sequence.
    need: Vec<i64>,
    room: i64,
}

impl Relaxed {
    pub fn new(positions: usize, room: i64) -> Relaxed {
        Relaxed { items: Vec::new(), need: vec![0; positions.max(1)], room }
    }

    pub fn add(&mut self, array: usize, ways: Vec<Holding>) {
        if let Some(first) = ways.first() {
            self.occupy(*first, 1);
            self.items.push(Item { array, ways, at: 0 });
        }
    }

    fn occupy(&mut self, holding: Holding, sign: i64) {
        let need = &mut self.need[holding.first..=holding.last];
        need.iter_mut().for_each(|bytes| *bytes = bytes.saturating_add(sign * holding.size));
    }

    /// Makes room where it lacks most, until an array goes apart or everything fits (`Some(None)`); `None` where nothing more can change.
    /// `price` says what a way moves.
    pub fn step(&mut self, price: impl Fn(usize, Holding) -> i64) -> Option<Option<usize>> {
        loop {
            let fullest = (0..self.need.len()).max_by_key(|&position| (self.need[position], position))?;
            if self.need[fullest] <= self.room {
                return Some(None);
            }
            let mut best: Option<(i128, usize, usize)> = None;
            for (n, item) in self.items.iter().enumerate() {
                let now = item.ways[item.at];
                let (size, bytes) = (now.size_at(fullest), price(item.array, now));
                for (way, next) in item.ways.iter().enumerate().skip(item.at + 1) {
                    let freed = size - next.size_at(fullest);
                    if freed > 0 {
                        let cost = price(item.array, *next).saturating_sub(bytes).max(0);
                        let ratio = (i128::from(cost) << 20) / i128::from(freed);
                        best = best.into_iter().chain([(ratio, n, way)]).min();
                    }
                }
            }
            let (_, n, way) = best?;
            let (now, next) = (self.items[n].ways[self.items[n].at], self.items[n].ways[way]);
            self.items[n].at = way;
            self.occupy(now, -1);
            self.occupy(next, 1);
            if next.depth.is_none() {
                return Some(Some(self.items[n].array));
            }
        }
    }

    /// The way of an array that all users share.
    pub fn chosen(&self, array: usize) -> Option<Holding> {
        self.items.iter().find(|item| item.array == array).map(|item| item.ways[item.at])
    }

    pub fn bytes(&self) -> i64 {
        self.items.iter().map(|item| item.ways[item.at].bytes).fold(0, i64::saturating_add)
    }
}
