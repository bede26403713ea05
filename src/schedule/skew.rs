//! How is a nest of sweeps over time staged, when each sweep reads what the last one left?
//!
//! ```text
//! for τ in tiles of T time steps          arrays are loaded and stored once for T sweeps
//!   for a strip of w = j + c·t + σ_s      where rows are too long: strips meet only the elements along their edges twice
//!     for v = i + c·t + σ_s               rows, skewed so that no dependence runs backwards
//!       for t in the tile                 row v - c·t - σ_s of statement s at time t
//! ```
//! Each array keeps a window of rows that slides with `v`: as many as `T` sweeps lie apart. Sizes are those of the windows; traffic is
//! an array's footprint for each tile of time, where its values live on from one step to the next, and its elements along the edges.
//!
//! Source: Wonnacott, "Using time skewing to eliminate idle time due to memory bandwidth and network limitations", IPDPS 2000.
//! Differs: the skewing factors and the shifts come from the dependences; up to two dimensions besides the rows are cut, the others stay
//! whole.

use super::bands::{Bands, Skew, trip_count};
use super::nest::Staged;
use super::subsets;
use super::tree::{BufferSpec, Group, Path, Scope, TileLoop, User};
use crate::isl::Result;
use crate::lang::ast::Role;
use crate::poly::Linear;
use itertools::Itertools;

/// How loops over time may be skewed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Skewing {
    None,
    /// Rows, the other dimensions whole.
    Rows,
    /// Rows, and at most so many other dimensions in strips.
    Strips(usize),
}

/// Iterators beyond this are not skewed, so that sums of a few of them fit.
const FARTHEST: i64 = 1 << 40;

/// The schedule of a nest in skewed tiles of time that moves the fewest bytes within a capacity; `None` where no such tile holds two steps.
///
/// # Errors
/// When isl's budget runs out.
pub fn stage_skewed(
    bands: &Bands,
    statements: &[usize],
    skewing: Skewing,
    capacity_bytes: i64,
) -> Result<Option<Staged>> {
    let most_cut = match skewing {
        Skewing::None => return Ok(None),
        Skewing::Rows => 0,
        Skewing::Strips(most) => most,
    };
    let statements: Vec<usize> = statements.iter().copied().filter(|&s| bands.runs(s)).collect();
    let is_far = |s: &usize| bands.hull(*s).iter().any(|&(least, most)| least < -FARTHEST || most > FARTHEST);
    if statements.iter().any(is_far) {
        return Ok(None);
    }
    let skews = bands.skews(&statements)?;
    let mut best: Option<(Skewed, Tiles)> = None;
    for (n, rows) in skews.iter().enumerate() {
        let others: Vec<&Skew> = skews.iter().enumerate().filter(|(m, _)| *m != n).map(|(_, skew)| skew).collect();
        for cut in subsets(others.len()).into_iter().filter(|cut| cut.len() <= most_cut) {
            let columns = cut.into_iter().map(|m| others[m]).collect();
            let nest = Skewed::new(bands, &statements, rows, columns)?;
            if let Some(tiles) = nest.tiles(capacity_bytes)
                && best.as_ref().is_none_or(|(_, known)| tiles.moved_bytes < known.moved_bytes)
            {
                best = Some((nest, tiles));
            }
        }
    }
    Ok(best.map(|(nest, tiles)| nest.staged(&tiles)))
}

/// A nest, the loop over rows, and the loops that are cut into strips.
struct Skewed<'a> {
    bands: &'a Bands<'a>,
    statements: &'a [usize],
    rows: &'a Skew,
    columns: Vec<&'a Skew>,
    steps: i64,
    /// The number of values of each loop that is cut.
    widths: Vec<i64>,
    arrays: Vec<Footprint>,
}

/// What the elements of an array that a tile touches look like, and how they cross.
struct Footprint {
    array: usize,
    along: Vec<Along>,
    /// Where time is one of its dimensions: bytes of one step, and steps that are touched at once.
    step: Option<(i64, i64)>,
    /// Bytes of it that one tile of time needs of what is there before, or leaves.
    crossing: i64,
    /// Whether each tile of time loads all of these, and whether it stores all.
    loads: bool,
    stores: bool,
    /// Bytes that cross once for all tiles.
    once: i64,
    is_written: bool,
}

/// How the elements of an array that `T` time steps touch lie along one of its dimensions.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Along {
    /// In a window over rows: its length for one step.
    Rows(i64),
    /// In a strip of that one of the loops that are cut: what it has beyond the strip's width in one step.
    Columns(usize, i64),
    /// With the time steps: the length for one step, and how much another one adds.
    Time(i64, i64),
    Whole(i64),
}

/// Tiles and what comes of them.
struct Tiles {
    /// Steps of time, and the width of a strip of each loop that is cut.
    time: i64,
    strips: Vec<i64>,
    peak_bytes: i64,
    moved_bytes: i64,
}

/// Most loops that are cut.
pub const MOST_CUT: usize = 2;
/// Widths of strips that are tried, in multiples of their drift.
const WIDTHS: [i64; 18] = [1, 2, 3, 4, 5, 6, 7, 8, 10, 12, 14, 16, 20, 24, 28, 32, 48, 64];

impl<'a> Skewed<'a> {
    fn new(
        bands: &'a Bands<'a>,
        statements: &'a [usize],
        rows: &'a Skew,
        columns: Vec<&'a Skew>,
    ) -> Result<Skewed<'a>> {
        let values = |skew: &Skew| {
            let hull = |(&s, attach): (&usize, &Option<(usize, i64)>)| {
                attach.map(|(k, rate)| rate * trip_count(&bands.hull(s)[k]))
            };
            statements.iter().zip(&skew.attach).filter_map(hull).max().unwrap_or(1)
        };
        let steps = trip_count(&bands.hull(statements[0])[0]);
        let widths = columns.iter().copied().map(values).collect();
        let mut nest = Skewed { bands, statements, rows, columns, steps, widths, arrays: Vec::new() };
        for array in nest.touched() {
            let footprint = nest.footprint(array)?;
            nest.arrays.push(footprint);
        }
        Ok(nest)
    }

    /// The tiles that move the fewest bytes, of those that hold two steps.
    ///
    /// A strip is a number of times as wide as it drifts in a tile of time, so that strips of all tiles begin at multiples of one number;
    /// for each such number as many steps of time as fit.
    fn tiles(&self, capacity_bytes: i64) -> Option<Tiles> {
        let several = self.columns.iter().map(|_| WIDTHS).multi_cartesian_product();
        let none = self.columns.is_empty().then(Vec::new);
        let mut best: Option<Tiles> = None;
        for times in several.chain(none) {
            let fits = |time: i64| self.peak(time, &self.strips(&times, time)) <= capacity_bytes;
            let is_cut = self.strips(&times, 2).iter().zip(&self.widths).all(|(strip, width)| strip < width);
            if self.steps < 2 || !is_cut || !fits(2) {
                continue;
            }
            // The windows grow with the steps.
            let (mut known, mut beyond) = (2, self.steps + 1);
            while beyond - known > 1 {
                let middle = known + (beyond - known) / 2;
                if fits(middle) { known = middle } else { beyond = middle }
            }
            let rounds = (self.steps + known - 1) / known;
            let time = (self.steps + rounds - 1) / rounds;
            let strips = self.strips(&times, time);
            let (peak_bytes, moved_bytes) = (self.peak(time, &strips), self.moved(time, &strips));
            if best.as_ref().is_none_or(|known| moved_bytes < known.moved_bytes) {
                best = Some(Tiles { time, strips, peak_bytes, moved_bytes });
            }
        }
        best
    }

    /// Strips so many times as wide as they drift.
    fn strips(&self, times: &[i64], time: i64) -> Vec<i64> {
        let drifts = self.columns.iter().map(|skew| skew.factor.saturating_mul(time));
        times.iter().zip(drifts).map(|(times, drift)| drift.saturating_mul(*times)).collect()
    }

    fn staged(&self, tiles: &Tiles) -> Staged {
        let group = Group { paths: (0..self.statements.len()).map(|at| self.path(at, tiles)).collect() };
        let buffers = self.arrays.iter().map(|footprint| self.buffer(footprint.array)).collect();
        Staged { group, buffers, peak_bytes: tiles.peak_bytes, moved_bytes: tiles.moved_bytes }
    }

    /// Bytes of all windows.
    fn peak(&self, time: i64, strips: &[i64]) -> i64 {
        let window = |footprint: &Footprint| {
            let array = &self.bands.scop.arrays[footprint.array];
            let drift = |skew: &Skew| skew.factor.saturating_mul(time - 1);
            // Rows of each step have a place of their own where time is a dimension of the array; strips keep boxes.
            let keeps_steps = self.columns.is_empty() && footprint.step.is_some();
            let length = |along: &Along| match *along {
                Along::Rows(rows) if keeps_steps => rows,
                Along::Rows(rows) => rows.saturating_add(drift(self.rows)),
                Along::Columns(n, more) => strips[n].saturating_add(more).saturating_add(drift(self.columns[n])),
                Along::Time(one, more) => one.saturating_add(more.saturating_mul(time - 1)),
                Along::Whole(extent) => extent,
            };
            let lengths = footprint.along.iter().map(length).zip(&array.extents);
            lengths.fold(array.ty.bytes(), |bytes, (length, &extent)| bytes.saturating_mul(length.min(extent)))
        };
        self.arrays.iter().map(window).fold(0, i64::saturating_add)
    }

    /// Bytes that cross, but for borders: what each tile of time needs and leaves, and where strips meet the elements beside them twice.
    fn moved(&self, time: i64, strips: &[i64]) -> i64 {
        let rounds = i128::from((self.steps + time - 1) / time);
        let of = |footprint: &Footprint| {
            let array = &self.bands.scop.arrays[footprint.array];
            // Strips cross in boxes, which have all steps of a tile in them.
            let all = match footprint.step {
                Some((bytes, one)) if !self.columns.is_empty() => {
                    i128::from(bytes) * i128::from(time.saturating_add(one - 1))
                }
                _ => i128::from(footprint.crossing),
            };
            let with_faces = footprint.along.iter().zip(&array.extents).fold(all, |bytes, (along, &extent)| {
                let Along::Columns(n, more) = *along else { return bytes };
                let skew = self.columns[n];
                let seams = i128::from((self.widths[n].saturating_add(skew.factor.saturating_mul(time))) / strips[n]);
                let face = i128::from((more + skew.factor * (time - 1)).min(extent));
                bytes.saturating_mul(i128::from(extent) + seams.saturating_mul(face)) / i128::from(extent.max(1))
            });
            let way = |whole: bool| if whole { with_faces } else { with_faces - all };
            let stores = if footprint.is_written { way(footprint.stores) } else { 0 };
            rounds.saturating_mul(way(footprint.loads) + stores).saturating_add(i128::from(footprint.once))
        };
        i64::try_from(self.arrays.iter().map(of).fold(0, i128::saturating_add)).unwrap_or(i64::MAX)
    }

    fn touched(&self) -> Vec<usize> {
        let accesses = self.statements.iter().flat_map(|&s| &self.bands.scop.statements[s].accesses);
        let mut arrays: Vec<usize> = accesses.map(|a| a.array).collect();
        arrays.sort_unstable();
        arrays.dedup();
        arrays
    }

    /// How the elements of an array lie, and what crosses of them for each tile of time.
    fn footprint(&self, array: usize) -> Result<Footprint> {
        let declared = &self.bands.scop.arrays[array];
        let extents = &declared.extents;
        let mut along: Vec<Along> = (0..extents.len()).map(|d| self.along_dim(array, d)).collect();
        // A buffer slides along one dimension.
        let mut slides = false;
        for (known, &extent) in along.iter_mut().zip(extents) {
            if matches!(known, Along::Rows(_)) && std::mem::replace(&mut slides, true) {
                *known = Along::Whole(extent);
            }
        }
        let accesses = self.statements.iter().flat_map(|&s| &self.bands.scop.statements[s].accesses);
        let is_written = accesses.filter(|a| a.array == array).any(|a| a.writes);
        let bytes = declared.bytes();
        // Of an array with a dimension for time each tile has a part, and finds there what the one before has left.
        let steps = along.iter().zip(extents).find_map(|(along, &extent)| match *along {
            Along::Time(one, _) => Some((one, extent)),
            _ => None,
        });
        let step = steps.map(|(one, extent)| (bytes / extent.max(1), one));
        let crossing = step.map_or(bytes, |(bytes, one)| bytes.saturating_mul(one.saturating_sub(1)));
        let (loads, stores, once) = if steps.is_some() && declared.role == Role::Temp {
            (is_written, is_written, 0)
        } else if steps.is_some() {
            (is_written, false, bytes)
        } else if !is_written {
            (true, false, 0)
        } else if self.bands.flows_on(self.statements, array)? {
            (true, true, 0)
        } else {
            let loads = self.bands.reads_from_before(self.statements, array)?;
            (loads, false, if declared.role == Role::Temp { 0 } else { bytes })
        };
        Ok(Footprint { array, along, step, crossing, loads, stores, once, is_written })
    }

    fn along_dim(&self, array: usize, d: usize) -> Along {
        let whole = Along::Whole(self.bands.scop.arrays[array].extents[d]);
        if let Some(rows) = self.reach(self.rows, array, d) {
            return Along::Rows(rows);
        }
        for (n, skew) in self.columns.iter().enumerate() {
            if let Some(columns) = self.reach(skew, array, d) {
                return Along::Columns(n, columns - 1);
            }
        }
        let mut times: Vec<(i64, i64)> = Vec::new();
        for &s in self.statements {
            for access in self.bands.scop.statements[s].accesses.iter().filter(|a| a.array == array) {
                let Some(index) = &access.linear[d] else { return whole };
                match (index.coefficients.first(), index.coefficients.iter().filter(|c| **c != 0).count()) {
                    (Some(&rate), 1) if rate != 0 => times.push((rate, index.constant)),
                    _ => return whole,
                }
            }
        }
        match times[..] {
            [(rate, _), ..] if times.iter().all(|(other, _)| *other == rate) => {
                Along::Time(span(times.iter().map(|t| t.1)), rate.saturating_abs())
            }
            _ => whole,
        }
    }

    /// How many elements along a dimension all statements touch in one iteration of a skewed loop and one step of time; `None` where an
    /// index does not go with the loop.
    fn reach(&self, skew: &Skew, array: usize, d: usize) -> Option<i64> {
        let mut offsets = Vec::new();
        for (at, &s) in self.statements.iter().enumerate() {
            for access in self.bands.scop.statements[s].accesses.iter().filter(|a| a.array == array) {
                let index = access.linear[d].as_ref()?;
                let moved: Vec<usize> = (0..index.coefficients.len()).filter(|&k| index.coefficients[k] != 0).collect();
                let start = match (skew.attach[at], &moved[..]) {
                    (Some((row, rate)), [k]) if *k == row && index.coefficients[row] == rate => {
                        rate.saturating_mul(self.bands.hull(s)[row].0)
                    }
                    (None, []) => 0,
                    _ => return None,
                };
                offsets.push(start.saturating_add(index.constant).saturating_sub(skew.shifts[at]));
            }
        }
        (!offsets.is_empty()).then(|| span(offsets.into_iter()))
    }

    fn path(&self, at: usize, tiles: &Tiles) -> Path {
        let statement = self.statements[at];
        let dims = self.bands.hull(statement);
        let time = Linear::dim(dims.len(), 0);
        let skewed = |skew: &Skew| {
            let mut value = Linear::constant(dims.len(), skew.shifts[at]);
            if let Some((k, rate)) = skew.attach[at] {
                value.coefficients[k] = rate;
                value.constant -= rate * dims[k].0;
            }
            value.coefficients[0] += skew.factor;
            value
        };
        let mut loops = vec![TileLoop { value: time.clone(), tile: tiles.time }];
        let strips = self.columns.iter().zip(&tiles.strips);
        loops.extend(strips.map(|(skew, &tile)| TileLoop { value: skewed(skew), tile }));
        loops.push(TileLoop { value: skewed(self.rows), tile: 1 });
        loops.push(TileLoop { value: time, tile: 1 });
        let mut positions = vec![0; loops.len()];
        positions.push(at);
        Path { statement, positions, loops }
    }

    fn buffer(&self, array: usize) -> BufferSpec {
        let user = |&statement: &usize| {
            let accesses = &self.bands.scop.statements[statement].accesses;
            let own: Vec<usize> = (0..accesses.len()).filter(|&a| accesses[a].array == array).collect();
            (!own.is_empty()).then_some(User { statement, accesses: own })
        };
        let users = self.statements.iter().filter_map(user).collect();
        BufferSpec { array, users, scope: Scope::Loops { depth: 1 + self.columns.len() } }
    }
}

/// From the smallest to the largest value, both included.
fn span(values: impl Iterator<Item = i64>) -> i64 {
    let (least, most) = values.fold((i64::MAX, i64::MIN), |(l, m), v| (l.min(v), m.max(v)));
    most.saturating_sub(least).saturating_add(1)
}
