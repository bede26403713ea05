//! How large is a buffer, once the loops inside its instance stream through it?
//!
//! One box serves all users. Walking the loops inside an instance from the outermost: a loop that moves the box without overlap
//! cuts it to one tile; a loop that moves it along one array dim with overlap makes that dim a ring as long as the window, and the
//! other dims stay whole; a loop that does not move it, or moves it in several ways, leaves all of it in place. Users that run at one
//! position of the loop only do not move the box: they must lie in it there.
//!
//! Differs from a live set: an overlap in two dims would need a line buffer and a window; here the inner dim stays whole, because
//! a ring in one dim is what a plain box can be.

use super::component::{Sums, Tiled};
use super::frame::{Frame, ceil_div, unclipped_run};
use super::region::{Activity, Form, Region, hull};
use crate::schedule::problem::{Access, Index};

/// How a loop moves the box of a buffer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Motion {
    /// Not at all, or not all users and accesses in the same way.
    Irregular,
    /// Upwards or downwards along these array dims (a bit mask).
    Along(u64),
}

/// The dims of a mask, ascending.
pub fn members(mask: u64) -> impl Iterator<Item = usize> {
    (0..64).filter(move |dim| mask >> dim & 1 == 1)
}

/// The loops that move some access of `users` to `array`, as a mask.
pub fn moving(frame: &Frame, array: usize, users: &[usize]) -> u64 {
    let mut mask = 0;
    for (statement, access) in accesses(frame, array, users) {
        let walks = |iterator: usize| {
            let coefficient = |index: &Index| match index {
                Index::Linear { coefficients, .. } => coefficients[iterator],
                Index::Range { .. } => 0,
            };
            access.index.iter().any(|index| coefficient(index) != 0)
        };
        let loops = frame.problem.dims.len() + frame.problem.statements[statement].extents.len();
        let moves = |id: &usize| frame.attach(*id, statement).iterator.is_some_and(walks);
        mask |= (0..loops).filter(moves).fold(0, |mask, id| mask | 1 << id);
    }
    mask
}

/// How `id` moves the accesses of `users` to `array`; those that run at one of its positions do not count.
pub fn motion(frame: &Frame, array: usize, users: &[usize], id: usize) -> Motion {
    let mut steps: Option<Vec<(i64, i64)>> = None;
    for (statement, access) in accesses(frame, array, users) {
        let attach = frame.attach(id, statement);
        let Some(iterator) = attach.iterator.filter(|&i| frame.problem.statements[statement].extents[i] > 1) else {
            continue;
        };
        let step = |index: &Index| match index {
            Index::Linear { coefficients, .. } => (coefficients[iterator], attach.rate),
            Index::Range { .. } => (0, attach.rate),
        };
        let own: Vec<(i64, i64)> = access.index.iter().map(step).collect();
        let same = |known: &Vec<(i64, i64)>| known.iter().zip(&own).all(|(a, b)| a.0 * b.1 == b.0 * a.1);
        if !same(steps.get_or_insert_with(|| own.clone())) {
            return Motion::Irregular;
        }
    }
    let steps = steps.unwrap_or_default();
    let moved = steps.iter().enumerate().filter(|(_, step)| step.0 != 0).fold(0, |mask, (dim, _)| mask | 1 << dim);
    if moved == 0 { Motion::Irregular } else { Motion::Along(moved) }
}

fn accesses<'a>(frame: &Frame<'a>, array: usize, users: &[usize]) -> Vec<(usize, &'a Access)> {
    let problem = frame.problem;
    let users = users.iter().filter(|s| frame.runs(**s));
    let all = users.flat_map(|&s| problem.statements[s].accesses.iter().map(move |access| (s, access)));
    all.filter(|(_, access)| access.array == array).collect()
}

/// The box of a buffer while some loops are fixed, as a function of their tiles.
pub struct Window {
    /// For each array dim its length.
    pub lengths: Vec<Asked>,
    /// For each array dim that the last fixed loop of the walk moves.
    pub slides: Vec<Option<Slide>>,
}

/// The id of a question, and the positions of its loops in the list of fixed loops.
pub type Asked = (u32, Vec<usize>);

/// An array dim along which a loop moves the box.
pub struct Slide {
    /// The length of the window that ignores first and last values.
    pub ring: Asked,
    /// Do consecutive boxes overlap?
    pub overlap: Asked,
}

/// Memory of lengths.
#[derive(Default)]
pub struct Memory {
    lengths: Sums<Length>,
}

/// What is asked of one array dim.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Question {
    /// The longest hull, clipped to the array.
    Length,
    /// The longest hull if iterators had no ends; `UNBOUNDED` when users move apart, or one that runs once lies outside.
    Ring,
    /// 1 if hulls at consecutive positions of the loop in this slot can meet, iterators having no ends.
    Overlap(usize),
}

/// One array dim, with the fixed loops that move it. Loops that do not are left out: all users are then taken to
/// be active at once.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Length {
    question: Question,
    loop_extents: Vec<i64>,
    array_extent: i64,
    regions: Vec<Region>,
}

const UNBOUNDED: i64 = i64::MAX;

impl Window {
    /// `last`: the slot of the loop that was fixed last in the walk.
    pub fn new(
        frame: &Frame,
        memory: &mut Memory,
        array: usize,
        users: &[usize],
        fixed: &[usize],
        last: Option<usize>,
    ) -> Window {
        let regions: Vec<Region> = accesses(frame, array, users)
            .into_iter()
            .map(|(statement, access)| Region::new(frame, statement, &[access], fixed, &[]))
            .collect();
        let mut window = Window { lengths: Vec::new(), slides: Vec::new() };
        for (dim, &array_extent) in frame.problem.arrays[array].extents.iter().enumerate() {
            let moves = |slot: &usize| regions.iter().any(|region| region.slots(dim).any(|s| s == *slot));
            let slots: Vec<usize> = (0..fixed.len()).filter(moves).collect();
            let mut own: Vec<Region> = Vec::new();
            for region in regions.iter().map(|region| region.restrict(&slots, &[dim])) {
                if !own.contains(&region) {
                    own.push(region);
                }
            }
            let loop_extents: Vec<i64> = slots.iter().map(|&slot| frame.extent(fixed[slot], users[0])).collect();
            let mut ask = |question| {
                let (loop_extents, regions) = (loop_extents.clone(), own.clone());
                (memory.lengths.intern(Length { question, loop_extents, array_extent, regions }), slots.clone())
            };
            window.lengths.push(ask(Question::Length));
            let position = last.and_then(|last| slots.iter().position(|&slot| slot == last));
            let slide = position.map(|at| Slide { ring: ask(Question::Ring), overlap: ask(Question::Overlap(at)) });
            window.slides.push(slide);
        }
        window
    }
}

impl Memory {
    pub fn value(&mut self, (id, slots): &Asked, tiles: &[i64]) -> i64 {
        i64::try_from(self.lengths.total_of(*id, slots, tiles)).unwrap_or(i64::MAX)
    }
}

/// Positions that are looked at one by one; beyond that the bound from the unclipped window stands.
const ENUMERATED_POSITIONS: i64 = 1 << 14;

impl Tiled for Length {
    fn total_and_work(&self, tiles: &[i64]) -> (i128, u64) {
        let answer = match self.question {
            Question::Length => self.length(tiles),
            Question::Ring => self.ring(tiles),
            Question::Overlap(slot) => i64::from(self.overlap(slot, tiles)),
        };
        (answer.into(), 1)
    }
}

impl Length {
    /// The longest clipped hull over all positions.
    fn length(&self, tiles: &[i64]) -> i64 {
        let trips: Vec<i64> = self.loop_extents.iter().zip(tiles).map(|(&e, &t)| ceil_div(e, t)).collect();
        let bound = self.ring(tiles).min(self.array_extent.max(0));
        let count = trips.iter().try_fold(1i64, |product, &trip| product.checked_mul(trip)).unwrap_or(i64::MAX);
        let probe: Vec<i64> = trips.iter().map(|trip| trip / 2).collect();
        if count > 4 && self.clipped(tiles, &probe) >= bound {
            return bound;
        }
        if count > ENUMERATED_POSITIONS {
            return bound;
        }
        let mut longest = 0;
        let mut positions = vec![0; trips.len()];
        for _ in 0..count {
            longest = longest.max(self.clipped(tiles, &positions));
            if longest >= bound {
                break;
            }
            advance(&mut positions, &trips);
        }
        longest
    }

    /// The length of the hull of the users that are active at the positions.
    fn clipped(&self, tiles: &[i64], positions: &[i64]) -> i64 {
        let mut span: Option<(i64, i64)> = None;
        for region in &self.regions {
            let run = |slot: usize| region.activity[slot].run(tiles[slot], positions[slot]);
            let is_empty = |(start, end): (i64, i64)| start >= end;
            if (0..region.activity.len()).any(|slot| is_empty(run(slot))) {
                continue;
            }
            let (low, high) = hull(&region.dims[0], run);
            let (low, high) = (low.max(0), high.min(self.array_extent));
            if low < high {
                span = Some(span.map_or((low, high), |s| (s.0.min(low), s.1.max(high))));
            }
        }
        span.map_or(0, |span| span.1 - span.0)
    }

    /// The longest unclipped hull.
    fn ring(&self, tiles: &[i64]) -> i64 {
        let Some(periods) = self.periods(tiles) else { return UNBOUNDED };
        let mut positions = vec![0; periods.len()];
        let mut longest = 0;
        for _ in 0..periods.iter().product::<i64>() {
            let (low, high) = self.unclipped(tiles, &positions);
            longest = longest.max(high - low);
            advance(&mut positions, &periods);
        }
        longest
    }

    /// Can the unclipped hulls at two consecutive positions of the loop meet?
    fn overlap(&self, slot: usize, tiles: &[i64]) -> bool {
        let Some(periods) = self.periods(tiles) else { return true };
        let mut positions = vec![0; periods.len()];
        for _ in 0..periods.iter().product::<i64>() {
            let here = self.unclipped(tiles, &positions);
            let mut next = positions.clone();
            next[slot] += 1;
            let there = self.unclipped(tiles, &next);
            if here.0 < there.1 && there.0 < here.1 {
                return true;
            }
            advance(&mut positions, &periods);
        }
        false
    }

    /// The hull of the regions that the loops move.
    fn unclipped(&self, tiles: &[i64], positions: &[i64]) -> (i64, i64) {
        let run = |region: &Region, slot: usize| match region.activity[slot] {
            Activity::Runs(rate, shift, extent) => {
                let (lo, hi) = unclipped_run((rate, shift, extent), tiles[slot], positions[slot]);
                // A tile narrower than the rate can be empty; it is then taken to touch one iteration.
                (lo, hi.max(lo + 1))
            }
            Activity::Once(_) => (0, 1),
        };
        let moved = self.regions.iter().filter(|region| !region.runs_once());
        let intervals = moved.map(|region| hull(&region.dims[0], |slot| run(region, slot)));
        intervals.reduce(|a, b| (a.0.min(b.0), a.1.max(b.1))).unwrap_or((0, 0))
    }

    /// Whether each region that runs at one position only lies in the hull of the others there.
    fn holds_those_that_run_once(&self, tiles: &[i64]) -> bool {
        self.regions.iter().filter(|region| region.runs_once()).all(|region| {
            let position = |(activity, &tile): (&Activity, &i64)| activity.active(tile).start;
            let positions: Vec<i64> = region.activity.iter().zip(tiles).map(position).collect();
            let (low, high) = hull(&region.dims[0], |_| (0, 1));
            let around = self.unclipped(tiles, &positions);
            around.0 <= low && high <= around.1
        })
    }

    /// For each loop the number of positions after which the hull repeats, moved; `None` when its parts move apart.
    fn periods(&self, tiles: &[i64]) -> Option<Vec<i64>> {
        if !self.holds_those_that_run_once(tiles) {
            return None;
        }
        let mut periods = Vec::new();
        for slot in 0..self.loop_extents.len() {
            let mut step: Option<(i64, i64)> = None;
            let mut period: i64 = 1;
            for region in self.regions.iter().filter(|region| !region.runs_once()) {
                let Activity::Runs(rate, ..) = region.activity[slot] else { return None };
                for form in &region.dims[0] {
                    let own = (coefficient(form, slot), rate);
                    let first = *step.get_or_insert(own);
                    if first.0 * own.1 != own.0 * first.1 {
                        return None;
                    }
                }
                period = lcm(period, rate);
            }
            periods.push(period);
        }
        let all = periods.iter().try_fold(1i64, |product, &p| product.checked_mul(p));
        all.is_some_and(|all| all <= ENUMERATED_POSITIONS).then_some(periods)
    }
}

fn coefficient(form: &Form, slot: usize) -> i64 {
    form.terms.iter().find(|term| term.0 == slot).map_or(0, |term| term.1)
}

/// The next vector of positions; the first loop turns fastest.
fn advance(positions: &mut [i64], trips: &[i64]) {
    for (position, &trip) in positions.iter_mut().zip(trips) {
        *position += 1;
        if *position < trip {
            return;
        }
        *position = 0;
    }
}

fn lcm(a: i64, b: i64) -> i64 {
    let (mut x, mut y) = (a, b);
    while y != 0 {
        (x, y) = (y, x % y);
    }
    (a / x).saturating_mul(b)
}
