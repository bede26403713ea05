//! Which elements moved during a run, and how many bytes of scratch were live at once?

use crate::lang::ast::{Program, Role};

/// Sees every element that is read or written. `array` is the place of the declaration, `element` the place in row-major
/// order, `time` the number of statement instances and moved elements before.
pub trait Observer {
    fn read(&mut self, _array: usize, _element: usize, _time: u64) {}
    fn wrote(&mut self, _array: usize, _element: usize, _time: u64) {}
}

impl Observer for () {}

/// Counts the elements of each array that were read and written, by the text's accesses: an element named twice counts
/// twice. For an array in DRAM these are the loads and stores.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Traffic {
    /// Elements read and written, an entry an array in the order declared.
    pub arrays: Vec<(u64, u64)>,
}

impl Traffic {
    pub fn new(program: &Program) -> Traffic {
        Traffic { arrays: vec![(0, 0); program.arrays.len()] }
    }
}

impl Observer for Traffic {
    #[inline]
    fn read(&mut self, array: usize, _: usize, _: u64) {
        self.arrays[array].0 += 1;
    }

    #[inline]
    fn wrote(&mut self, array: usize, _: usize, _: u64) {
        self.arrays[array].1 += 1;
    }
}

/// Finds the periods in which each scratch buffer is live: from a write until the last read of an element so written.
///
/// A statement instance is one point in time: a buffer read there and a buffer written there are live together.
#[derive(Clone, Debug)]
pub struct Footprint {
    buffers: Vec<Option<Buffer>>,
}

/// The time of a write that has not been.
const NEVER: u64 = u64::MAX;

#[derive(Clone, Debug)]
struct Buffer {
    bytes: i64,
    /// When each element was last written, as far as the last one that was.
    written: Vec<u64>,
    /// Disjoint closed periods, ascending. A read ends now, so it can only extend or join the last ones.
    live: Vec<(u64, u64)>,
}

impl Footprint {
    pub fn new(program: &Program) -> Footprint {
        let buffer = |array: &crate::lang::ast::Array| {
            (array.role == Role::Scratch).then(|| Buffer {
                bytes: array.bytes(),
                written: Vec::new(),
                live: Vec::new(),
            })
        };
        Footprint { buffers: program.arrays.iter().map(buffer).collect() }
    }

    /// The largest sum of the bytes of buffers that were live at one time.
    pub fn peak_bytes(&self) -> i64 {
        let mut changes = Vec::new();
        for buffer in self.buffers.iter().flatten() {
            for &(from, to) in &buffer.live {
                // At one time, births (0) come before deaths (1).
                changes.push((from, 0, buffer.bytes));
                changes.push((to, 1, -buffer.bytes));
            }
        }
        changes.sort_unstable();
        let mut now = 0;
        changes.iter().fold(0, |peak, (_, _, change)| {
            now += change;
            now.max(peak)
        })
    }

    /// The periods in which the array declared at place `array` was live, ascending.
    pub fn live(&self, array: usize) -> &[(u64, u64)] {
        self.buffers.get(array).and_then(Option::as_ref).map_or(&[], |buffer| &buffer.live)
    }
}

impl Observer for Footprint {
    fn read(&mut self, array: usize, element: usize, time: u64) {
        let Some(buffer) = &mut self.buffers[array] else { return };
        let mut from = buffer.written.get(element).copied().unwrap_or(NEVER);
        if from == NEVER {
            return;
        }
        while let Some(&(start, end)) = buffer.live.last() {
            if end < from {
                break;
            }
            from = from.min(start);
            buffer.live.pop();
        }
        buffer.live.push((from, time));
    }

    fn wrote(&mut self, array: usize, element: usize, time: u64) {
        if let Some(Buffer { written, .. }) = &mut self.buffers[array] {
            if written.len() <= element {
                written.resize(element + 1, NEVER);
            }
            written[element] = time;
        }
    }
}
