//! At which depths can a buffer live, along a path of loops that is still growing?
//!
//! Going one loop further adds one depth and narrows the boxes of those above. What a deeper instance moves is never less than what
//! its outer one moves, so the depths known so far bound all plans that extend the path.

use super::frame::Path;
use super::price::{Client, Extent, Pricer};

/// One depth of one client's buffer.
#[derive(Clone)]
pub struct Choice {
    pub bytes: i64,
    extent: Extent,
    /// Bytes that the buffer takes if no loop is added.
    pub size: i64,
    /// Bytes that it takes at least, whatever is added.
    pub least: i64,
}

/// All depths of one client along a path, by depth.
#[derive(Clone)]
pub struct Depths {
    pub choices: Vec<Choice>,
    /// Bytes that the buffer takes at least, at whatever depth and on whatever path that extends this one.
    pub floor: i64,
}

impl Depths {
    /// The client outside all loops.
    pub fn new(pricer: &mut Pricer, client: &Client) -> Self {
        let mut depths = Depths { choices: Vec::new(), floor: pricer.floor(client, &[]) };
        depths.push(pricer, client, &Path::default());
        depths
    }

    /// The same after one more loop, the last of the path; `floor` is the pricer's there.
    pub fn extended(&self, pricer: &mut Pricer, client: &Client, path: &Path, floor: i64) -> Self {
        let mut next = Depths { choices: Vec::with_capacity(self.choices.len() + 1), floor };
        for (depth, choice) in self.choices.iter().enumerate() {
            let mut choice = choice.clone();
            if client.is_cyclic {
                let around = Path::new(&pricer.frame, &path.loops[..depth], client.users[0]);
                choice.bytes = pricer.bytes(client, &around, &path.loops[depth..]);
            }
            if choice.extent.open {
                pricer.narrow(client, path, &mut choice.extent);
                choice.measure(pricer, client);
            }
            next.choices.push(choice);
        }
        next.push(pricer, client, path);
        next
    }

    fn push(&mut self, pricer: &mut Pricer, client: &Client, path: &Path) {
        let extent = pricer.start(client, path);
        let mut choice = Choice { bytes: pricer.bytes(client, path, &[]), extent, size: 0, least: 0 };
        choice.measure(pricer, client);
        self.choices.push(choice);
    }

    /// Bytes that the buffer moves at least within `room`, on this path and all that extend it.
    pub fn bound(&self, client: &Client, room: i64) -> i64 {
        if self.floor > room {
            return i64::MAX;
        }
        if client.is_cyclic {
            return 0;
        }
        let fitting = self.choices.iter().filter(|choice| choice.least <= room).map(|choice| choice.bytes);
        let deeper = self.choices.last().map_or(0, |choice| choice.bytes);
        fitting.min().unwrap_or(deeper).min(deeper)
    }
}

impl Choice {
    fn measure(&mut self, pricer: &Pricer, client: &Client) {
        self.size = pricer.box_bytes(client, &self.extent);
        self.least = if self.extent.open { pricer.element_bytes(client).min(self.size) } else { self.size };
    }
}
