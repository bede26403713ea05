//! When can a transfer or a piece of computing start, given what runs before it?
//!
//! Without double buffering one thing runs after the other. With it every buffer exists twice. A load waits for what used the copy that it
//! fills, computing for the loads of what it touches, a store for the computing before it. The DMA takes what is ready first, so the loads
//! of the next iteration run beside this one's computing, before its stores.

use std::collections::{HashMap, VecDeque};

use crate::lang::ast::Name;

/// Something that runs on a lane.
#[derive(Clone, Debug, PartialEq)]
pub struct Event {
    pub lane: usize,
    pub name: String,
    /// In seconds.
    pub start: f64,
    pub seconds: f64,
    pub bytes: f64,
    pub runs: f64,
}

/// The lane of all transfers.
pub const DMA: usize = 0;

pub struct Lanes {
    pub double_buffering: bool,
    pub events: Vec<Event>,
    /// When the DMA and the engines have done all that was given to them.
    dma: f64,
    compute: f64,
    buffers: HashMap<Name, Buffer>,
    /// When what stands in an array in DRAM was stored.
    stored: HashMap<Name, f64>,
    /// Stores that wait for their turn, in the order of the program.
    waiting: VecDeque<Store>,
}

/// A buffer's two copies.
#[derive(Clone, Copy, Default)]
struct Buffer {
    /// The copy in use.
    copy: usize,
    /// When all that uses a copy ends.
    used: [f64; 2],
    /// When the copy in use was filled.
    filled: f64,
    /// Whether the copy in use was touched since it was turned to, and whether it was stored.
    is_used: bool,
    is_stored: bool,
}

struct Store {
    buffer: Name,
    copy: usize,
    array: Name,
    ready: f64,
    event: Event,
}

impl Lanes {
    pub fn new(double_buffering: bool) -> Lanes {
        Lanes {
            double_buffering,
            events: Vec::new(),
            dma: 0.0,
            compute: 0.0,
            buffers: HashMap::new(),
            stored: HashMap::new(),
            waiting: VecDeque::new(),
        }
    }

    /// When all is done, stores included.
    pub fn end(&mut self) -> f64 {
        while self.store_next() {}
        self.dma.max(self.compute)
    }

    /// A transfer from an array into a buffer.
    pub fn load(&mut self, buffer: &Name, array: &Name, event: Event) {
        if !self.double_buffering {
            return self.one_after_the_other(event);
        }
        if self.buffers.entry(buffer.clone()).or_default().is_used {
            self.turn(buffer);
        }
        while self.waiting.iter().any(|store| store.array == *array) {
            self.store_next();
        }
        let copies = self.buffers[buffer];
        let ready = copies.used[copies.copy].max(self.stored.get(array).copied().unwrap_or(0.0));
        while self.waiting.front().is_some_and(|store| store.ready <= ready) {
            self.store_next();
        }
        let end = self.transfer(ready, event);
        self.buffers.entry(buffer.clone()).or_default().filled = end;
    }

    /// A transfer from a buffer to an array.
    pub fn store(&mut self, buffer: &Name, array: &Name, event: Event) {
        if !self.double_buffering {
            return self.one_after_the_other(event);
        }
        let copies = self.buffers.entry(buffer.clone()).or_default();
        (copies.is_used, copies.is_stored) = (true, true);
        let (copy, ready) = (copies.copy, copies.used[copies.copy].max(copies.filled));
        self.waiting.push_back(Store { buffer: buffer.clone(), copy, array: array.clone(), ready, event });
    }

    /// Computing that touches some buffers, on one engine after the other.
    pub fn compute(&mut self, buffers: &[Name], pieces: Vec<Event>) {
        let mut start = self.compute;
        if self.double_buffering {
            for buffer in buffers {
                // What was stored is done with: the next values go to the other copy.
                if self.buffers.entry(buffer.clone()).or_default().is_stored {
                    self.turn(buffer);
                }
                let copies = self.buffers[buffer];
                start = start.max(copies.filled).max(copies.used[copies.copy]);
            }
        } else {
            start = start.max(self.dma);
        }
        for piece in pieces {
            let seconds = piece.seconds;
            self.events.push(Event { start, ..piece });
            start += seconds;
        }
        for buffer in buffers {
            let copies = self.buffers.entry(buffer.clone()).or_default();
            copies.used[copies.copy] = copies.used[copies.copy].max(start);
            copies.is_used = true;
        }
        self.compute = start;
    }

    /// Turns to the other copy of a buffer, once nothing waits to be stored from it.
    fn turn(&mut self, buffer: &Name) {
        let other = 1 - self.buffers[buffer].copy;
        while self.waiting.iter().any(|store| store.buffer == *buffer && store.copy == other) {
            self.store_next();
        }
        let copies = self.buffers.entry(buffer.clone()).or_default();
        *copies = Buffer { copy: other, used: copies.used, ..Buffer::default() };
    }

    /// Runs the store that has waited longest; whether there was one.
    fn store_next(&mut self) -> bool {
        let Some(Store { buffer, copy, array, ready, event }) = self.waiting.pop_front() else { return false };
        let end = self.transfer(ready, event);
        let copies = self.buffers.entry(buffer).or_default();
        copies.used[copy] = copies.used[copy].max(end);
        self.stored.insert(array, end);
        true
    }

    fn one_after_the_other(&mut self, event: Event) {
        self.transfer(self.compute, event);
    }

    /// Runs a transfer when the DMA is free and it is ready; when it ends.
    fn transfer(&mut self, ready: f64, event: Event) -> f64 {
        let start = self.dma.max(ready);
        self.dma = start + event.seconds;
        self.events.push(Event { start, ..event });
        self.dma
    }
}
