//! How is a nest of sweeps over time staged, when each sweep reads what the last one left?
//!
//! ```text
//! for τ in tiles of T time steps          arrays are loaded and stored once for T sweeps
//!   for v = i + c·t + σ_s                 rows, skewed so that no dependence runs backwards
//!     for t in the tile                   row v - c·t - σ_s of statement s at time t
//! ```
//! Each array keeps a window of rows that slides with `v`: as many as `T` sweeps lie apart. Sizes are those of the windows; traffic is
//! an array's footprint for each tile of time, where its values live on from one step to the next.
//!
//! Source: Wonnacott, "Using time skewing to eliminate idle time due to memory bandwidth and network limitations", IPDPS 2000.
//! Differs: the skewing factor and the shifts come from the dependences; one dimension is skewed, the others stay whole.

use super::bands::{Bands, Skew, trip_count};
use super::nest::Staged;
use super::tree::{BufferSpec, Group, Path, Scope, TileLoop, User};
use crate::isl::Result;
use crate::lang::ast::Role;
use crate::poly::Linear;

/// Iterators beyond this are not skewed, so that sums of a few of them fit.
const FARTHEST: i64 = 1 << 40;

/// The schedule of a nest in skewed tiles of time that moves the fewest bytes within a capacity; `None` where no such tile holds two steps.
///
/// # Errors
/// When isl's budget runs out.
pub fn stage_skewed(bands: &Bands, statements: &[usize], capacity_bytes: i64) -> Result<Option<Staged>> {
    let statements: Vec<usize> = statements.iter().copied().filter(|&s| bands.runs(s)).collect();
    let is_far = |s: &usize| bands.hull(*s).iter().any(|&(least, most)| least < -FARTHEST || most > FARTHEST);
    if statements.iter().any(is_far) {
        return Ok(None);
    }
    let mut best: Option<Staged> = None;
    for skew in bands.skews(&statements)? {
        let nest = Skewed { bands, statements: &statements, skew };
        if let Some(staged) = nest.staged(capacity_bytes)?
            && best.as_ref().is_none_or(|known| staged.moved_bytes < known.moved_bytes)
        {
            best = Some(staged);
        }
    }
    Ok(best)
}

struct Skewed<'a> {
    bands: &'a Bands<'a>,
    statements: &'a [usize],
    skew: Skew,
}

/// How the elements of an array that `T` time steps touch lie along one of its dimensions.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Along {
    /// In a window over rows: its length for one step.
    Rows(i64),
    /// With the time steps: the length for one step, and how much another one adds.
    Time(i64, i64),
    Whole(i64),
}

impl Skewed<'_> {
    fn staged(&self, capacity_bytes: i64) -> Result<Option<Staged>> {
        let steps = trip_count(&self.bands.hull(self.statements[0])[0]);
        let arrays = self.arrays();
        let window = |array: usize, tile: i64| {
            let lengths = self.along(array).into_iter().map(|along| match along {
                Along::Rows(rows) => rows.saturating_add(self.skew.factor.saturating_mul(tile - 1)),
                Along::Time(one, more) => one.saturating_add(more.saturating_mul(tile - 1)),
                Along::Whole(extent) => extent,
            });
            let extents = &self.bands.scop.arrays[array].extents;
            let elements = lengths.zip(extents).fold(1i64, |n, (length, &extent)| n.saturating_mul(length.min(extent)));
            elements.saturating_mul(self.bands.scop.arrays[array].ty.bytes())
        };
        let peak = |tile: i64| arrays.iter().fold(0i64, |sum, &a| sum.saturating_add(window(a, tile)));
        if steps < 2 || peak(2) > capacity_bytes {
            return Ok(None);
        }
        // The windows grow with the tile.
        let (mut fits, mut beyond) = (2, steps + 1);
        while beyond - fits > 1 {
            let middle = fits + (beyond - fits) / 2;
            if peak(middle) <= capacity_bytes { fits = middle } else { beyond = middle }
        }
        let tiles = (steps + fits - 1) / fits;
        let tile = (steps + tiles - 1) / tiles;
        let mut moved = 0i64;
        for &array in &arrays {
            moved = moved.saturating_add(self.moved_bytes(array, tiles)?);
        }
        let group = Group { paths: (0..self.statements.len()).map(|at| self.path(at, tile)).collect() };
        let buffers = arrays.iter().map(|&array| self.buffer(array)).collect();
        Ok(Some(Staged { group, buffers, peak_bytes: peak(tile), moved_bytes: moved }))
    }

    fn arrays(&self) -> Vec<usize> {
        let accesses = self.statements.iter().flat_map(|&s| &self.bands.scop.statements[s].accesses);
        let mut arrays: Vec<usize> = accesses.map(|a| a.array).collect();
        arrays.sort_unstable();
        arrays.dedup();
        arrays
    }

    /// For each dimension of an array.
    fn along(&self, array: usize) -> Vec<Along> {
        let extents = &self.bands.scop.arrays[array].extents;
        let mut along: Vec<Along> = (0..extents.len()).map(|d| self.along_dim(array, d)).collect();
        // A buffer slides along one dimension.
        let mut slides = false;
        for (known, &extent) in along.iter_mut().zip(extents) {
            if matches!(known, Along::Rows(_)) && std::mem::replace(&mut slides, true) {
                *known = Along::Whole(extent);
            }
        }
        along
    }

    fn along_dim(&self, array: usize, d: usize) -> Along {
        let whole = Along::Whole(self.bands.scop.arrays[array].extents[d]);
        let (mut rows, mut times): (Vec<i64>, Vec<(i64, i64)>) = (Vec::new(), Vec::new());
        for (at, &s) in self.statements.iter().enumerate() {
            for access in self.bands.scop.statements[s].accesses.iter().filter(|a| a.array == array) {
                let Some(index) = &access.linear[d] else { return whole };
                let moved: Vec<usize> = (0..index.coefficients.len()).filter(|&k| index.coefficients[k] != 0).collect();
                match (self.skew.attach[at], &moved[..]) {
                    (Some((row, rate)), [k]) if *k == row && index.coefficients[row] == rate => {
                        let origin = self.bands.hull(s)[row].0;
                        rows.push(
                            rate.saturating_mul(origin)
                                .saturating_add(index.constant)
                                .saturating_sub(self.skew.shifts[at]),
                        );
                    }
                    (None, []) => rows.push(index.constant.saturating_sub(self.skew.shifts[at])),
                    (_, [0]) => times.push((index.coefficients[0], index.constant)),
                    _ => return whole,
                }
            }
        }
        let span = |values: &mut dyn Iterator<Item = i64>| {
            let (least, most) = values.fold((i64::MAX, i64::MIN), |(l, m), v| (l.min(v), m.max(v)));
            most.saturating_sub(least).saturating_add(1)
        };
        match (&rows[..], &times[..]) {
            ([_, ..], []) => Along::Rows(span(&mut rows.iter().copied())),
            ([], [(rate, _), ..]) if times.iter().all(|(other, _)| other == rate) => {
                Along::Time(span(&mut times.iter().map(|t| t.1)), rate.saturating_abs())
            }
            _ => whole,
        }
    }

    /// Bytes that an array moves in all tiles of time, but for borders.
    fn moved_bytes(&self, array: usize, tiles: i64) -> Result<i64> {
        let bytes = self.bands.scop.arrays[array].bytes();
        if self.along(array).iter().any(|along| matches!(along, Along::Time(..))) {
            // Each tile has a part of it.
            return Ok(bytes);
        }
        let all = bytes.saturating_mul(tiles);
        let accesses = || {
            let of = |&s: &usize| self.bands.scop.statements[s].accesses.iter();
            self.statements.iter().flat_map(of).filter(|a| a.array == array)
        };
        if !accesses().any(|a| a.writes) {
            return Ok(all);
        }
        if self.bands.flows_on(self.statements, array)? {
            return Ok(all.saturating_mul(2));
        }
        let loads = if self.bands.reads_from_before(self.statements, array)? { all } else { 0 };
        let stores = if self.bands.scop.arrays[array].role == Role::Temp { 0 } else { bytes };
        Ok(loads.saturating_add(stores))
    }

    fn path(&self, at: usize, tile: i64) -> Path {
        let statement = self.statements[at];
        let dims = self.bands.hull(statement);
        let time = Linear::dim(dims.len(), 0);
        let mut row = Linear::constant(dims.len(), self.skew.shifts[at]);
        if let Some((k, rate)) = self.skew.attach[at] {
            row.coefficients[k] = rate;
            row.constant -= rate * dims[k].0;
        }
        row.coefficients[0] += self.skew.factor;
        let loops = vec![
            TileLoop { value: time.clone(), tile },
            TileLoop { value: row, tile: 1 },
            TileLoop { value: time, tile: 1 },
        ];
        Path { statement, positions: vec![0, 0, 0, at], loops }
    }

    fn buffer(&self, array: usize) -> BufferSpec {
        let user = |&statement: &usize| {
            let accesses = &self.bands.scop.statements[statement].accesses;
            let own: Vec<usize> = (0..accesses.len()).filter(|&a| accesses[a].array == array).collect();
            (!own.is_empty()).then_some(User { statement, accesses: own })
        };
        let users = self.statements.iter().filter_map(user).collect();
        BufferSpec { array, users, scope: Scope::Loops { depth: 1 } }
    }
}
