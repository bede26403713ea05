//! Where does each buffer lie in the scratchpad? Buffers that live at the same time lie apart.
//!
//! First fit by falling size: with lifetimes that are intervals of leaves this stays close to the peak, and the answer depends
//! on the buffers alone.
//!
//! Source: Gergov, "Algorithms for compile-time memory optimization", SODA 1999, for the problem (dynamic storage allocation).

use super::buffer::Buffer;

/// Byte offsets, one for each buffer, and what they add up to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Placement {
    pub offsets: Vec<i64>,
    pub arena_bytes: i64,
    /// The largest sum of the bytes of buffers that live together.
    pub peak_bytes: i64,
}

/// Which of two buffers comes first.
type Order<'a> = &'a dyn Fn(&usize, &usize) -> std::cmp::Ordering;

/// Lays out buffers.
pub fn place(buffers: &[Buffer]) -> Placement {
    let items: Vec<Item> =
        buffers.iter().map(|b| Item { bytes: b.bytes(), align: b.element_bytes, alive: b.alive }).collect();
    let peak_bytes = peak(&items);
    let by_size = |a: &usize, b: &usize| items[*b].bytes.cmp(&items[*a].bytes);
    let by_align = |a: &usize, b: &usize| items[*b].align.cmp(&items[*a].align);
    let by_start = |a: &usize, b: &usize| items[*a].alive.0.cmp(&items[*b].alive.0);
    let orders: [Order; 3] =
        [&|a, b| by_size(a, b).then(by_align(a, b)), &|a, b| by_align(a, b).then(by_size(a, b)), &|a, b| {
            by_start(a, b).then(by_align(a, b)).then(by_size(a, b))
        }];
    let mut best: Option<Placement> = None;
    for order in orders {
        let mut sequence: Vec<usize> = (0..items.len()).collect();
        sequence.sort_by(order);
        let (offsets, arena_bytes) = first_fit(&items, &sequence);
        if best.as_ref().is_none_or(|b| arena_bytes < b.arena_bytes) {
            best = Some(Placement { offsets, arena_bytes, peak_bytes });
        }
    }
    best.unwrap_or_default()
}

/// The buffers that live at the leaf where they need the most room.
pub fn tightest(buffers: &[Buffer]) -> Vec<&Buffer> {
    let at = |leaf: usize| buffers.iter().filter(move |b| (b.alive.0..=b.alive.1).contains(&leaf));
    let bytes = |leaf: usize| at(leaf).fold(0i64, |sum, b| sum.saturating_add(b.bytes()));
    let leaf = buffers.iter().map(|b| b.alive.0).max_by_key(|&leaf| (bytes(leaf), std::cmp::Reverse(leaf)));
    leaf.map(|leaf| at(leaf).collect()).unwrap_or_default()
}

struct Item {
    bytes: i64,
    align: i64,
    alive: (usize, usize),
}

impl Item {
    fn meets(&self, other: &Item) -> bool {
        self.alive.0 <= other.alive.1 && other.alive.0 <= self.alive.1
    }
}

fn peak(items: &[Item]) -> i64 {
    let at = |leaf: usize| -> i64 {
        let alive = items.iter().filter(|i| (i.alive.0..=i.alive.1).contains(&leaf));
        alive.fold(0, |sum: i64, i| sum.saturating_add(i.bytes))
    };
    items.iter().map(|i| at(i.alive.0)).max().unwrap_or(0)
}

fn first_fit(items: &[Item], sequence: &[usize]) -> (Vec<i64>, i64) {
    let mut offsets = vec![0i64; items.len()];
    let mut end = 0;
    for (n, &item) in sequence.iter().enumerate() {
        let mut taken: Vec<(i64, i64)> = sequence[..n]
            .iter()
            .filter(|&&other| items[other].meets(&items[item]))
            .map(|&other| (offsets[other], offsets[other].saturating_add(items[other].bytes)))
            .collect();
        taken.sort_unstable();
        let align = |at: i64| at.saturating_add(items[item].align - 1) / items[item].align * items[item].align;
        let mut at = 0i64;
        for (from, to) in taken {
            if at.saturating_add(items[item].bytes) <= from {
                break;
            }
            at = align(at.max(to));
        }
        offsets[item] = at;
        end = end.max(at.saturating_add(items[item].bytes));
    }
    (offsets, end)
}
