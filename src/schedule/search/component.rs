//! How many elements do boxes share, summed over all positions of the loops that move them?
//!
//! `Σ_x |b1(x) ∩ b2(x) ∩ ..|` is a product over components: loops that meet in an array dim are one component, and only its own
//! loops are walked, position by position at their ends and at one position for all between them. A component without dims counts the positions
//! at which every statement concerned runs. The sums are kept by the shape of the component and the tiles of its loops, because a search asks
//! for the same ones again and again.
//!
//! Where slopes tie loops to each other no two positions are alike. What they add up to changes slowly: one position speaks for those around
//! it. A dim that each region walks with one iterator is walked itself, element by element, because tiles only cut it into pieces: the rows
//! of a triangle count as long as they are, and not as the longest of their tile.

use super::region::{Activity, Form, Region, hull};
use super::table::{QuickMap, Table};
use crate::schedule::problem::Slope;
use itertools::Itertools;
use smallvec::SmallVec;
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
        let all = self.all_positions(tiles);
        let axes = self.axes(tiles, all <= FEW_POSITIONS);
        let work = axes.iter().fold(1i64, |product, axis| product.saturating_mul(axis.looked_at()));
        match self.regions.len() {
            _ if work <= MOST_POSITIONS => {
                (self.sum_from(&axes, tiles, &mut self.all_runs()), work.unsigned_abs().max(1))
            }
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
/// Positions that are looked at of all axes that are tied to each other.
const SAMPLES: i64 = 48;

/// What is walked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Along {
    /// The positions of the loop in this slot.
    Loop(usize),
    /// Those at which the first region is active, if it is at few of them: the iterations of its iterator.
    Iterations(usize),
    /// The elements of this dim.
    Dim(usize),
}

/// The positions of a loop, or of a dim, at which the regions may share anything.
struct Axis {
    along: Along,
    active: Range<i64>,
    /// Those at which all regions stand to each other as at the one before, somewhere in the array: one speaks for all.
    steady: Range<i64>,
    /// Elsewhere one speaks for so many.
    stride: i64,
}

impl Axis {
    fn looked_at(&self) -> i64 {
        let steady = length(&self.steady);
        super::frame::ceil_div(length(&self.active) - steady, self.stride) + steady.min(1)
    }
}

fn length(range: &Range<i64>) -> i64 {
    (range.end - range.start).max(0)
}

fn common(a: &Range<i64>, b: &Range<i64>) -> Range<i64> {
    a.start.max(b.start)..a.end.min(b.end)
}

/// For each region the values of each of its variables.
type Runs = Vec<Vec<(i64, i64)>>;

impl Region {
    /// The iterator that walks an axis.
    fn variable(&self, along: Along) -> usize {
        match along {
            Along::Loop(slot) | Along::Iterations(slot) => slot,
            Along::Dim(dim) => self.dims[dim][0].terms[0].0,
        }
    }
}

impl Component {
    fn all_positions(&self, tiles: &[i64]) -> i64 {
        (0..tiles.len()).fold(1i64, |product, slot| product.saturating_mul(self.trips(slot, tiles)))
    }

    fn trips(&self, slot: usize, tiles: &[i64]) -> i64 {
        super::frame::ceil_div(self.loop_extents[slot], tiles[slot])
    }

    fn all_runs(&self) -> Runs {
        let all = |region: &Region| (0..region.activity.len() + region.free.len()).map(|v| region.all(v)).collect();
        self.regions.iter().map(all).collect()
    }

    /// All that is walked; `one_by_one`: none of the positions of a loop that is tied to no other speaks for others.
    fn axes(&self, tiles: &[i64], one_by_one: bool) -> Vec<Axis> {
        let dims: Vec<usize> = (0..self.array_extents.len()).filter(|&dim| self.is_walked(dim)).collect();
        let by_dim = |slot: usize| dims.iter().any(|&dim| self.regions[0].slots(dim).any(|other| other == slot));
        let is_tied = |slot: usize| self.regions.iter().any(|region| region.ties(slot));
        let along_dim = |dim: usize| {
            let all = |region: &Region| hull(&region.dims[dim], |variable| region.all(variable));
            let ranges = self.regions.iter().map(all);
            let active = ranges.fold(0..self.array_extents[dim], |all, (low, high)| common(&all, &(low..high)));
            Axis { along: Along::Dim(dim), active, steady: 0..0, stride: 1 }
        };
        let along_loop = |slot: usize| {
            let all = 0..self.trips(slot, tiles);
            let active = self.regions.iter().map(|region| region.activity[slot].active(tiles[slot]));
            let active = active.fold(all, |all, own| common(&all, &own));
            if let (true, Activity::Runs(rate, _, extent)) = (is_tied(slot), self.regions[0].activity[slot])
                && rate > tiles[slot]
            {
                return Axis { along: Along::Iterations(slot), active: 0..extent, steady: 0..0, stride: 1 };
            }
            let steady = match is_tied(slot) || one_by_one {
                true => 0..0,
                false => common(&active, &self.steady(slot, tiles).unwrap_or(0..0)),
            };
            Axis { along: Along::Loop(slot), active, steady, stride: 1 }
        };
        let loops = (0..tiles.len()).filter(|&slot| !by_dim(slot));
        let mut axes: Vec<Axis> = dims.iter().map(|&dim| along_dim(dim)).chain(loops.map(along_loop)).collect();
        let tied = |axis: &Axis| !matches!(axis.along, Along::Loop(slot) if !is_tied(slot));
        // Where one that is walked last changes nothing from position to position, to count its positions is enough.
        let even = (0..axes.len()).filter(|&n| tied(&axes[n]) && self.is_even(axes[n].along, &dims));
        if let Some(last) = even.max_by_key(|&n| length(&axes[n].active)) {
            let last = axes.remove(last);
            axes.push(Axis { stride: i64::MAX, ..last });
        }
        let mut tied: Vec<&mut Axis> = axes.iter_mut().filter(|axis| axis.stride == 1 && tied(axis)).collect();
        tied.sort_by_key(|axis| length(&axis.active));
        let (mut left, mut samples) = (tied.len() as u32, SAMPLES);
        for axis in tied {
            let own = (1..=samples).rev().find(|n| n.checked_pow(left).is_some_and(|all| all <= samples)).unwrap_or(1);
            // Odd, so that there is a middle.
            axis.stride = super::frame::ceil_div(length(&axis.active), own).max(1) | 1;
            samples /= super::frame::ceil_div(length(&axis.active), axis.stride).max(1);
            left -= 1;
        }
        axes
    }

    /// Whether all positions of an axis are alike to what is not walked.
    fn is_even(&self, along: Along, dims: &[usize]) -> bool {
        self.regions.iter().all(|region| {
            let variable = region.variable(along);
            let stands = |dim: &usize| !dims.contains(dim);
            let still: Vec<usize> =
                (0..region.dims.len()).filter(stands).flat_map(|dim| region.variables(dim)).collect();
            let ties = |slope: &Slope| slope.terms.iter().any(|term| term.0 == variable);
            let follows = |slope: &Slope| slope.terms.iter().any(|(other, _)| still.contains(other));
            !still.contains(&variable) && !region.slopes.iter().any(|slope| ties(slope) && follows(slope))
        })
    }

    /// Whether each region walks the dim with one iterator that slopes tie to others, and that walks no other dim; where it is that of a loop,
    /// all at the same position.
    fn is_walked(&self, dim: usize) -> bool {
        let is_tied = |region: &Region| region.variables(dim).any(|variable| region.ties(variable));
        let loop_value = |region: &Region| {
            let [Form { low, high, terms }] = region.dims[dim].as_slice() else { return None };
            let [(variable, coefficient @ (1 | -1))] = *terms.as_slice() else { return None };
            let elsewhere = |other: usize| other != dim && region.variables(other).any(|v| v == variable);
            if high - low != 1 || (0..region.dims.len()).any(elsewhere) {
                return None;
            }
            match region.activity.get(variable) {
                None => Some(None),
                Some(Activity::Runs(rate, shift, _)) => {
                    Some(Some((variable, rate * coefficient, shift - rate * coefficient * low)))
                }
                Some(Activity::Once(_)) => None,
            }
        };
        self.regions.iter().any(is_tied)
            && self.regions.iter().map(loop_value).all_equal_value().is_ok_and(|value| value.is_some())
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
                        false => region.all(s),
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

    fn sum_from(&self, axes: &[Axis], tiles: &[i64], runs: &mut Runs) -> i128 {
        let Some((axis, inner)) = axes.split_first() else { return self.shared(runs) };
        let active = self.narrowed(axis, tiles, runs);
        let mut sum = 0;
        let mut position = active.start;
        while position < active.end {
            let is_steady = position == axis.steady.start && !axis.steady.is_empty();
            let times = if is_steady { length(&axis.steady) } else { axis.stride.min(active.end - position) };
            // What changes slowly is in the middle what it is on average.
            let middle = if is_steady { position } else { position + (times - 1) / 2 };
            if self.enter(axis.along, tiles, middle, runs) {
                sum += i128::from(times) * self.sum_from(inner, tiles, runs);
            }
            self.leave(axis.along, runs);
            position += times;
        }
        sum
    }

    /// The positions of an axis at which slopes let all regions be active, where the others stand.
    fn narrowed(&self, axis: &Axis, tiles: &[i64], runs: &Runs) -> Range<i64> {
        let mut active = axis.active.clone();
        for (region, runs) in self.regions.iter().zip(runs) {
            let variable = region.variable(axis.along);
            if !region.ties(variable) {
                continue;
            }
            let (low, high) = region.narrowed(variable, runs[variable], runs);
            if low >= high {
                return 0..0;
            }
            let own = match axis.along {
                Along::Iterations(_) => return common(&active, &(low..high)),
                Along::Loop(slot) => region.activity[slot].positions(tiles[slot], (low, high)),
                Along::Dim(dim) => {
                    let (low, high) = region.dims[dim][0].interval(|_| (low, high));
                    low..high
                }
            };
            active = common(&active, &own);
        }
        active
    }

    /// Puts all regions at a position of an axis; whether they are active there.
    fn enter(&self, along: Along, tiles: &[i64], position: i64, runs: &mut Runs) -> bool {
        let position = match along {
            Along::Iterations(slot) => {
                let activity = self.regions[0].activity[slot];
                activity.positions(tiles[slot], (position, position + 1)).start
            }
            Along::Loop(_) | Along::Dim(_) => position,
        };
        self.regions.iter().zip(runs).all(|(region, runs)| {
            let variable = region.variable(along);
            let run = match along {
                Along::Loop(slot) | Along::Iterations(slot) => region.activity[slot].run(tiles[slot], position),
                Along::Dim(dim) => {
                    let Form { low, terms, .. } = &region.dims[dim][0];
                    let value = terms[0].1 * (position - low);
                    (value, value + 1)
                }
            };
            runs[variable] = region.narrowed(variable, run, runs);
            runs[variable].0 < runs[variable].1
        })
    }

    fn leave(&self, along: Along, runs: &mut Runs) {
        for (region, runs) in self.regions.iter().zip(runs) {
            let variable = region.variable(along);
            runs[variable] = region.all(variable);
        }
    }

    /// An upper bound of the elements in the only region at any position.
    fn largest(&self, tiles: &[i64]) -> i128 {
        let Some(region) = self.regions.first() else { return 0 };
        let longest = |variable: usize| match region.activity.get(variable) {
            Some(&Activity::Runs(rate, _, extent)) => (0, super::frame::ceil_div(tiles[variable], rate).min(extent)),
            _ => region.all(variable),
        };
        let lengths = self.array_extents.iter().enumerate().map(|(dim, &extent)| {
            let (low, high) = hull(&region.dims[dim], longest);
            i128::from((high - low).clamp(0, extent))
        });
        lengths.product()
    }

    /// Elements in all regions at one position.
    fn shared(&self, runs: &Runs) -> i128 {
        let mut lengths: SmallVec<[(i64, i64); 4]> = self.array_extents.iter().map(|&extent| (0, extent)).collect();
        for (region, runs) in self.regions.iter().zip(runs) {
            let slots = region.activity.len();
            let variable = |v: usize| if v < slots { runs[v] } else { region.narrowed(v, runs[v], runs) };
            if (slots..runs.len()).any(|v| variable(v).0 >= variable(v).1) {
                return 0;
            }
            for (length, forms) in lengths.iter_mut().zip(&region.dims) {
                let (low, high) = hull(forms, variable);
                *length = (length.0.max(low), length.1.min(high));
            }
        }
        lengths.iter().map(|(low, high)| i128::from((high - low).max(0))).product()
    }

    /// The sum where tiles only cut a range into pieces: one loop, whose iterator alone walks one dim inside the array.
    fn partition(&self) -> Option<i128> {
        let ([region], [extent]) = (self.regions.as_slice(), self.array_extents.as_slice()) else { return None };
        let ([forms], [Activity::Runs(_, _, count)], []) =
            (region.dims.as_slice(), region.activity.as_slice(), region.free.as_slice())
        else {
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
            let activity = (0..slots).map(|_| self.activity()).collect();
            Region { dims, activity, free: Vec::new(), slopes: Vec::new() }
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
            let axes = [false, true].map(|one_by_one| component.axes(&tiles, one_by_one));
            let sums = axes.each_ref().map(|axes| component.sum_from(axes, &tiles, &mut component.all_runs()));
            assert_eq!(sums[0], sums[1], "{component:?} with tiles {tiles:?}");
            saved += i32::from(axes[0].iter().any(|axis| length(&axis.steady) > 1));
        }
        assert!(saved > 1000, "only {saved} components had positions that are alike");
    }

    /// A triangle or a band: two loops or iterators over a dim each, one or both of them fixed.
    fn tied(draw: &mut Draw) -> (Component, Vec<i64>) {
        let (slots, extent) = (1 + draw.below(2) as usize, 200 + draw.below(400));
        let width = 1 + draw.below(extent);
        let slope = |c: i64, constant: i64| Slope { terms: [(0, c), (1, -c)], constant };
        let slopes = [slope(1, 0), slope(-1, width)];
        let form = |variable| Form { low: 0, high: 1, terms: vec![(variable, 1)] };
        let dims = [vec![vec![form(0)], vec![form(1)]], vec![vec![form(0)]], vec![vec![form(1)]], vec![]];
        let dims = dims[draw.below(4) as usize].clone();
        let region = Region {
            activity: vec![Activity::Runs(1, 0, extent); slots],
            free: vec![extent; 2 - slots],
            slopes: slopes[..1 + draw.below(2) as usize].to_vec(),
            dims,
        };
        let tiles = (0..slots).map(|_| 1 + draw.below(extent / 2)).collect();
        let array_extents = vec![extent; region.dims.len()];
        (Component { loop_extents: vec![extent; slots], array_extents, regions: vec![region] }, tiles)
    }

    #[test]
    fn few_positions_speak_for_all_of_a_triangle() {
        let mut draw = Draw(11);
        let mut saved = 0;
        for _ in 0..300 {
            let (component, tiles) = tied(&mut draw);
            let axes = component.axes(&tiles, false);
            let each = component.axes(&tiles, false).into_iter().map(|axis| Axis { stride: 1, ..axis }).collect_vec();
            let [some, all] = [&axes, &each].map(|axes| component.sum_from(axes, &tiles, &mut component.all_runs()));
            assert!((some - all).abs() * 50 <= all, "{some} of {all}: {component:?} with tiles {tiles:?}");
            let looked_at = |axes: &[Axis]| axes.iter().map(Axis::looked_at).product::<i64>();
            assert!(looked_at(&axes) <= SAMPLES, "{component:?} with tiles {tiles:?}");
            saved += i32::from(looked_at(&axes) < looked_at(&each));
        }
        assert!(saved > 150, "only {saved} had positions that speak for others");
    }
}
