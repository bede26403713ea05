//! A map from a shape's id and a few tile sizes to a number, quick to ask.
//!
//! Nothing iterates over it, so the order of its hashes reaches no result.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

/// Multiply and rotate: the keys are small integers that nobody chose to collide.
#[derive(Default)]
pub struct Mixer(u64);

impl Hasher for Mixer {
    fn finish(&self) -> u64 {
        self.0 ^ (self.0 >> 29)
    }

    fn write(&mut self, bytes: &[u8]) {
        bytes.iter().for_each(|&byte| self.write_u64(u64::from(byte)));
    }

    fn write_u64(&mut self, value: u64) {
        self.0 = (self.0.rotate_left(5) ^ value).wrapping_mul(0x517c_c1b7_2722_0a95);
    }

    fn write_i64(&mut self, value: i64) {
        self.write_u64(value as u64);
    }

    fn write_u32(&mut self, value: u32) {
        self.write_u64(u64::from(value));
    }

    fn write_usize(&mut self, value: usize) {
        self.write_u64(value as u64);
    }
}

pub type QuickMap<K, V> = HashMap<K, V, BuildHasherDefault<Mixer>>;

/// Keys of up to three tiles are stored flat.
pub struct Table<V> {
    flat: QuickMap<(u32, i64, i64, i64), V>,
    long: QuickMap<(u32, Vec<i64>), V>,
}

impl<V> Default for Table<V> {
    fn default() -> Self {
        Table { flat: QuickMap::default(), long: QuickMap::default() }
    }
}

impl<V> Table<V> {
    pub fn get(&self, id: u32, tiles: &[i64]) -> Option<&V> {
        match flat(tiles) {
            Some([a, b, c]) => self.flat.get(&(id, a, b, c)),
            None => self.long.get(&(id, tiles.to_vec())),
        }
    }

    pub fn insert(&mut self, id: u32, tiles: &[i64], value: V) {
        match flat(tiles) {
            Some([a, b, c]) => self.flat.insert((id, a, b, c), value),
            None => self.long.insert((id, tiles.to_vec()), value),
        };
    }
}

fn flat(tiles: &[i64]) -> Option<[i64; 3]> {
    let mut key = [0; 3];
    key.get_mut(..tiles.len())?.copy_from_slice(tiles);
    Some(key)
}
