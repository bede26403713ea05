//! How many elements do boxes share, summed over all positions of the loops that move them?
//!
//! `Σ_x |b1(x) ∩ b2(x) ∩ ..|` is a product over components: loops that meet in an array dim are one component, and only its own
//! loops are enumerated. A component without dims counts the positions at which every statement concerned runs. The sums are
//! kept by the shape of the component and the tiles of its loops, because a search asks for the same ones again and again.

use super::region::{Activity, Region, hull};
use super::table::{QuickMap, Table};
use std::hash::Hash;

/// Regions seen by the loops of one component.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Component {
    /// Values that each loop takes.
    pub loop_extents: Vec<i64>,
    /// Extents of the array in the component's dims.
    pub array_extents: Vec<i64>,
    pub regions: Vec<Region>,
}

/// Something that is a number once its loops have tiles.
pub trait Tiled: Clone + Eq + Hash {
    fn total(&self, tiles: &[i64]) -> i128;

    /// Positions that are looked at for a total.
    fn positions(&self, _tiles: &[i64]) -> u64 {
        1
    }
}

/// Shapes, numbered as they come, and the totals known so far.
pub struct Sums<K> {
    ids: QuickMap<K, u32>,
    shapes: Vec<K>,
    known: Table<i128>,
    /// Positions looked at since they were last asked for.
    work: u64,
}

impl<K> Default for Sums<K> {
    fn default() -> Self {
        Sums { ids: QuickMap::default(), shapes: Vec::new(), known: Table::default(), work: 0 }
    }
}

impl<K: Tiled> Sums<K> {
    pub fn intern(&mut self, shape: K) -> u32 {
        let Sums { ids, shapes, .. } = self;
        *ids.entry(shape).or_insert_with_key(|key| {
            shapes.push(key.clone());
            shapes.len() as u32 - 1
        })
    }

    pub fn total(&mut self, id: u32, tiles: &[i64]) -> i128 {
        if let Some(&total) = self.known.get(id, tiles) {
            return total;
        }
        let total = self.shapes[id as usize].total(tiles);
        self.work += self.shapes[id as usize].positions(tiles);
        self.known.insert(id, tiles, total);
        total
    }

    /// The total for the tiles that stand in some slots of a list.
    pub fn total_of(&mut self, id: u32, slots: &[usize], tiles: &[i64]) -> i128 {
        match *slots {
            [] => self.total(id, &[]),
            [a] => self.total(id, &[tiles[a]]),
            [a, b] => self.total(id, &[tiles[a], tiles[b]]),
            _ => self.total(id, &slots.iter().map(|&slot| tiles[slot]).collect::<Vec<i64>>()),
        }
    }

    /// Positions looked at since the last call: what totals cost beyond a step.
    pub fn take_work(&mut self) -> u64 {
        std::mem::take(&mut self.work)
    }
}

impl Tiled for Component {
    /// Elements in all regions, summed over the positions of the loops.
    fn total(&self, tiles: &[i64]) -> i128 {
        if let Some(total) = self.partition() {
            return total;
        }
        let mut runs = vec![vec![(0, 0); tiles.len()]; self.regions.len()];
        let positions = self.all_positions(tiles);
        match self.regions.len() {
            _ if positions <= most_positions(tiles) => self.sum_from(0, tiles, &mut runs),
            1 => i128::from(positions) * self.largest(tiles),
            _ => 0,
        }
    }

    fn positions(&self, tiles: &[i64]) -> u64 {
        let positions = if self.partition().is_some() { 1 } else { self.all_positions(tiles) };
        if positions <= most_positions(tiles) { positions.unsigned_abs() } else { 1 }
    }
}

/// Positions that are enumerated, of one loop and of several together. Beyond, one region counts as its largest at every position, and
/// several count as sharing nothing: both make the traffic of what is loaded look larger, never smaller.
fn most_positions(tiles: &[i64]) -> i64 {
    if tiles.len() < 2 { 1 << 20 } else { 1 << 14 }
}

impl Component {
    fn all_positions(&self, tiles: &[i64]) -> i64 {
        let trips = |slot: usize| super::frame::ceil_div(self.loop_extents[slot], tiles[slot]);
        (0..tiles.len()).fold(1i64, |product, slot| product.saturating_mul(trips(slot)))
    }

    fn sum_from(&self, slot: usize, tiles: &[i64], runs: &mut [Vec<(i64, i64)>]) -> i128 {
        if slot == tiles.len() {
            return self.shared(runs);
        }
        let mut sum = 0;
        for position in 0..super::frame::ceil_div(self.loop_extents[slot], tiles[slot]) {
            let mut active = true;
            for (region, runs) in self.regions.iter().zip(runs.iter_mut()) {
                runs[slot] = region.activity[slot].run(tiles[slot], position);
                active &= runs[slot].0 < runs[slot].1;
            }
            if active {
                sum += self.sum_from(slot + 1, tiles, runs);
            }
        }
        sum
    }

    /// An upper bound of the elements in the only region at any position.
    fn largest(&self, tiles: &[i64]) -> i128 {
        let Some(region) = self.regions.first() else { return 0 };
        let first: Vec<(i64, i64)> = (0..tiles.len()).map(|slot| region.activity[slot].run(tiles[slot], 0)).collect();
        let lengths = self.array_extents.iter().enumerate().map(|(dim, &extent)| {
            let (low, high) = hull(&region.dims[dim], &first);
            i128::from((high - low).clamp(0, extent))
        });
        lengths.product()
    }

    /// Elements in all regions at one position.
    fn shared(&self, runs: &[Vec<(i64, i64)>]) -> i128 {
        let mut product = 1;
        for (dim, &extent) in self.array_extents.iter().enumerate() {
            let (mut low, mut high) = (0, extent);
            for (region, runs) in self.regions.iter().zip(runs) {
                let (l, h) = hull(&region.dims[dim], runs);
                low = low.max(l);
                high = high.min(h);
            }
            product *= i128::from((high - low).max(0));
        }
        product
    }

    /// The sum where tiles only cut a range into pieces: one loop, whose iterator alone walks one dim inside the array.
    fn partition(&self) -> Option<i128> {
        let ([region], [extent]) = (self.regions.as_slice(), self.array_extents.as_slice()) else { return None };
        let ([forms], [Activity::Runs(_, _, count)]) = (region.dims.as_slice(), region.activity.as_slice()) else {
            return None;
        };
        let [form] = forms.as_slice() else { return None };
        let [(_, coefficient)] = form.terms.as_slice() else { return None };
        let (low, high) = form.interval(&[(0, *count)]);
        let plain = coefficient.abs() == 1 && form.high - form.low == 1 && low >= 0 && high <= *extent;
        plain.then_some(i128::from(*count))
    }
}
