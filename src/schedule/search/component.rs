//! How many elements do boxes share, summed over all positions of the loops that move them?
//!
//! `Σ_x |b1(x) ∩ b2(x) ∩ ..|` is a product over components: loops that meet in an array dim are one component, and only its own
//! loops are walked, position by position at their ends and at one position for all between them. A component without dims counts the positions at which every statement concerned runs. The sums are
//! kept by the shape of the component and the tiles of its loops, because a search asks for the same ones again and again.

use super::region::{Activity, Form, Region, hull};
use super::table::{QuickMap, Table};
use std::hash::Hash;
use std::ops::Range;

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
    fn total(&self, tiles: &[i64]) -> i128 {
        self.total_and_work(tiles).0
    }

    /// The number, and the positions that were looked at for it.
    fn total_and_work(&self, tiles: &[i64]) -> (i128, u64);
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
        let (total, work) = self.shapes[id as usize].total_and_work(tiles);
        self.work += work;
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
    fn total_and_work(&self, tiles: &[i64]) -> (i128, u64) {
        if let Some(total) = self.partition() {
            return (total, 1);
        }
        let mut runs = vec![vec![(0, 0); tiles.len()]; self.regions.len()];
        let all = self.all_positions(tiles);
        let walks = if all <= FEW_POSITIONS { self.one_by_one(tiles) } else { self.walks(tiles) };
        let work = looked_at(&walks);
        match self.regions.len() {
            _ if work <= MOST_POSITIONS => (self.sum_from(0, tiles, &walks, &mut runs), work.unsigned_abs()),
            1 => (i128::from(all) * self.largest(tiles), 1),
            _ => (0, 1),
        }
    }
}

/// To find out which of so few positions are alike costs more than to look at them.
const FEW_POSITIONS: i64 = 24;
/// Positions that are looked at one by one. Beyond, one region counts as its largest at every position, and several count as sharing nothing:
/// both make the traffic of what is loaded look larger, never smaller.
const MOST_POSITIONS: i64 = 1 << 14;

/// The positions of one loop at which the regions may share anything.
struct Walk {
    active: Range<i64>,
    /// Those at which all regions stand to each other as at the one before, somewhere in the array: one speaks for all.
    steady: Range<i64>,
}

/// Positions of all loops that are looked at one by one.
fn looked_at(walks: &[Walk]) -> i64 {
    let of = |walk: &Walk| {
        let steady = length(&walk.steady);
        length(&walk.active) - steady + steady.min(1)
    };
    walks.iter().fold(1i64, |product, walk| product.saturating_mul(of(walk)))
}

fn length(range: &Range<i64>) -> i64 {
    (range.end - range.start).max(0)
}

fn common(a: &Range<i64>, b: &Range<i64>) -> Range<i64> {
    a.start.max(b.start)..a.end.min(b.end)
}

impl Component {
    fn all_positions(&self, tiles: &[i64]) -> i64 {
        (0..tiles.len()).fold(1i64, |product, slot| product.saturating_mul(self.trips(slot, tiles)))
    }

    fn trips(&self, slot: usize, tiles: &[i64]) -> i64 {
        super::frame::ceil_div(self.loop_extents[slot], tiles[slot])
    }

    /// All positions, none of them alike.
    fn one_by_one(&self, tiles: &[i64]) -> Vec<Walk> {
        (0..tiles.len()).map(|slot| Walk { active: 0..self.trips(slot, tiles), steady: 0..0 }).collect()
    }

    fn walks(&self, tiles: &[i64]) -> Vec<Walk> {
        let walk = |slot: usize| {
            let all = 0..self.trips(slot, tiles);
            let active = self.regions.iter().map(|region| region.activity[slot].active(tiles[slot]));
            let active = active.fold(all, |all, own| common(&all, &own));
            let steady = common(&active, &self.steady(slot, tiles).unwrap_or(0..0));
            Walk { active, steady }
        };
        (0..tiles.len()).map(walk).collect()
    }

    /// Positions of a loop between which all regions move by the same distance, none of them cut off by the ends of its iterator or of the
    /// array, whatever the other loops do.
    fn steady(&self, slot: usize, tiles: &[i64]) -> Option<Range<i64>> {
        let steady = self.regions.iter().map(|region| region.activity[slot].whole(tiles[slot]));
        let mut steady = steady.reduce(|a, b| Some(common(&a?, &b?))).flatten()?;
        for (dim, &extent) in self.array_extents.iter().enumerate() {
            let forms =
                || self.regions.iter().flat_map(|region| region.dims[dim].iter().map(move |form| (region, form)));
            let step = |(region, form): (&Region, &Form)| {
                let coefficient: i64 = form.terms.iter().filter(|term| term.0 == slot).map(|term| term.1).sum();
                coefficient * (tiles[slot] / region.activity[slot].rate())
            };
            let Some(speed) = forms().map(step).next() else { continue };
            if !forms().map(step).all(|other| other == speed) {
                return None;
            }
            if speed == 0 {
                continue;
            }
            // How far the outermost boxes stand out of the array at the first and at the last of the positions, if at all.
            let span = |position: i64| {
                let intervals = self.regions.iter().map(|region| {
                    hull(&region.dims[dim], |s| match s == slot {
                        true => region.activity[s].run(tiles[s], position),
                        false => region.activity[s].all(),
                    })
                });
                intervals.reduce(|a, b| (a.0.min(b.0), a.1.max(b.1))).unwrap_or((0, 0))
            };
            if steady.is_empty() {
                return None;
            }
            let (first, last) = (span(steady.start), span(steady.end - 1));
            let before = (-first.0).max(first.1 - extent).max(0);
            let after = (-last.0).max(last.1 - extent).max(0);
            steady.start += super::frame::ceil_div(before, speed.abs());
            steady.end -= super::frame::ceil_div(after, speed.abs());
        }
        Some(steady)
    }

    fn sum_from(&self, slot: usize, tiles: &[i64], walks: &[Walk], runs: &mut [Vec<(i64, i64)>]) -> i128 {
        let Some(Walk { active, steady }) = walks.get(slot) else { return self.shared(runs) };
        let mut sum = 0;
        let mut position = active.start;
        while position < active.end {
            let times = if position == steady.start { length(steady).max(1) } else { 1 };
            let mut is_active = true;
            for (region, runs) in self.regions.iter().zip(runs.iter_mut()) {
                runs[slot] = region.activity[slot].run(tiles[slot], position);
                is_active &= runs[slot].0 < runs[slot].1;
            }
            if is_active {
                sum += i128::from(times) * self.sum_from(slot + 1, tiles, walks, runs);
            }
            position += times;
        }
        sum
    }

    /// An upper bound of the elements in the only region at any position.
    fn largest(&self, tiles: &[i64]) -> i128 {
        let Some(region) = self.regions.first() else { return 0 };
        let first = |slot: usize| region.activity[slot].run(tiles[slot], 0);
        let lengths = self.array_extents.iter().enumerate().map(|(dim, &extent)| {
            let (low, high) = hull(&region.dims[dim], first);
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
                let (l, h) = hull(&region.dims[dim], |slot| runs[slot]);
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
        let (low, high) = form.interval(|_| (0, *count));
        let plain = coefficient.abs() == 1 && form.high - form.low == 1 && low >= 0 && high <= *extent;
        plain.then_some(i128::from(*count))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Numbers below `bound`, the same in every run.
    struct Draw(u64);

    impl Draw {
        fn below(&mut self, bound: i64) -> i64 {
            self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            ((self.0 >> 33) % bound as u64) as i64
        }

        fn region(&mut self, slots: usize, dims: usize) -> Region {
            let dims = (0..dims).map(|dim| (0..1 + self.below(2)).map(|_| self.form(slots, dim)).collect()).collect();
            Region { dims, activity: (0..slots).map(|_| self.activity()).collect() }
        }

        fn activity(&mut self) -> Activity {
            match self.below(8) {
                0 => Activity::Once(self.below(9) - 2),
                _ => Activity::Runs(1 + self.below(2), self.below(7) - 3, 1 + self.below(24)),
            }
        }

        fn form(&mut self, slots: usize, dim: usize) -> Form {
            let low = self.below(6) - 2;
            let mut terms = vec![(dim % slots, [1, 1, 1, 2, -1][self.below(5) as usize])];
            if self.below(3) == 0 && slots > 1 {
                terms.push(((dim + 1) % slots, 1));
                terms.sort_unstable();
            }
            Form { low, high: low + 1 + self.below(4), terms }
        }
    }

    #[test]
    fn one_position_speaks_for_all_that_are_alike() {
        let mut draw = Draw(7);
        let mut saved = 0;
        for _ in 0..20_000 {
            let (slots, dims) = (1 + draw.below(2) as usize, 1 + draw.below(2) as usize);
            let regions = (0..1 + draw.below(3)).map(|_| draw.region(slots, dims)).collect();
            let extents = |draw: &mut Draw, count: usize| (0..count).map(|_| 1 + draw.below(30)).collect();
            let component =
                Component { loop_extents: extents(&mut draw, slots), array_extents: extents(&mut draw, dims), regions };
            let tiles: Vec<i64> = (0..slots).map(|_| 1 + draw.below(6)).collect();
            let all = component.one_by_one(&tiles);
            let walks = component.walks(&tiles);
            let mut runs = vec![vec![(0, 0); slots]; component.regions.len()];
            let sums = [&walks, &all].map(|walks| component.sum_from(0, &tiles, walks, &mut runs));
            assert_eq!(sums[0], sums[1], "{component:?} with tiles {tiles:?}");
            saved += i32::from(walks.iter().any(|walk| length(&walk.steady) > 1));
        }
        assert!(saved > 1000, "only {saved} components had positions that are alike");
    }
}
