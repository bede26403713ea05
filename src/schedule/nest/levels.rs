//! Inside which loop does the buffer of each walk serve, so that the fewest bytes cross?

use super::{Known, Nest, Walk};
use crate::isl::Result;
use itertools::Itertools;

/// One level of a walk.
struct Level {
    level: usize,
    moved: i64,
    /// Bytes of its buffers beside each leaf.
    beside: Vec<i64>,
}

/// The levels of all walks, chosen together under the capacity.
pub(super) struct Search<'a> {
    /// The levels of each walk, from the outermost.
    levels: Vec<Vec<Level>>,
    /// What the walks from each on move at least.
    rest: Vec<i64>,
    /// What they take beside each leaf at least.
    room: Vec<Vec<i64>>,
    least: &'a [Vec<usize>],
    capacity_bytes: i64,
    /// Choices that may still be looked at.
    left: usize,
    /// Bytes moved by the best choice that is known.
    fewer_than: i64,
    /// The peak and the levels of the best choice.
    best: Option<(i64, Vec<usize>)>,
}

impl<'a> Search<'a> {
    pub(super) fn new(
        nest: &Nest,
        walks: &[Walk],
        least: &'a [Vec<usize>],
        capacity_bytes: i64,
        known: &mut Known,
    ) -> Result<Search<'a>> {
        let mut levels: Vec<Vec<Level>> = Vec::new();
        for (w, walk) in walks.iter().enumerate() {
            let mut own: Vec<Level> = Vec::new();
            for level in 0..=nest.depth(walk) {
                let (mut moved, mut beside) = (0i64, vec![0i64; nest.paths.len()]);
                for refs in nest.parts(walk, level) {
                    let bytes = nest.bytes(&refs, level, known)?;
                    moved = moved.saturating_add(bytes.saturating_mul(nest.rounds(&refs, level)));
                    let of_leaves = beside.iter_mut().enumerate();
                    of_leaves
                        .filter(|(leaf, _)| nest.is_alive(&refs, level, *leaf))
                        .for_each(|(_, room)| *room = bytes);
                }
                // Deeper is of use where it takes less room, or parts a walk from another one.
                let is_of_use = |last: &Level| last.beside != beside || least[w].contains(&level);
                if own.last().is_none_or(is_of_use) {
                    own.push(Level { level, moved, beside });
                }
            }
            levels.push(own);
        }
        let mut room = vec![vec![0; nest.paths.len()]; levels.len() + 1];
        for (n, of_walk) in levels.iter().enumerate().rev() {
            let least = |leaf: usize| of_walk.iter().map(|level| level.beside[leaf]).min().unwrap_or(0);
            room[n] = room[n + 1].iter().enumerate().map(|(leaf, room)| least(leaf).saturating_add(*room)).collect();
        }
        let mut rest = vec![0; levels.len() + 1];
        for (n, of_walk) in levels.iter().enumerate().rev() {
            rest[n] = of_walk.iter().map(|level| level.moved).min().unwrap_or(0).saturating_add(rest[n + 1]);
        }
        Ok(Search { levels, rest, room, least, capacity_bytes, left: 0, fewer_than: 0, best: None })
    }

    /// The fewest bytes moved, the peak and the level of each walk; `None` where nothing that is looked at fits and moves fewer than given.
    pub(super) fn run(mut self, fewer_than: i64, choices: usize) -> Option<(i64, i64, Vec<usize>)> {
        (self.fewer_than, self.left) = (fewer_than, choices);
        self.choose_alike();
        self.choose(&mut Vec::new(), 0, &vec![0; self.room[0].len()]);
        let moved = self.fewer_than;
        self.best.map(|(peak, levels)| (moved, peak, levels))
    }

    /// Takes the same level for all walks, or the deepest that is less: a good choice where there are too many to look at.
    fn choose_alike(&mut self) {
        for most in self.levels.iter().flatten().map(|level| level.level).sorted().dedup().collect_vec() {
            let of_walk = |levels: &Vec<Level>| levels.iter().rposition(|level| level.level <= most);
            let Some(places) = self.levels.iter().map(of_walk).collect::<Option<Vec<usize>>>() else { continue };
            let chosen = || self.levels.iter().zip(&places).map(|(levels, &at)| &levels[at]);
            let levels: Vec<usize> = chosen().map(|level| level.level).collect();
            let is_apart = |m: usize, n: usize| self.least[n][m] <= levels[n].min(levels[m]);
            let leaves = self.room[0].len();
            let used = |leaf: usize| chosen().map(|level| level.beside[leaf]).fold(0, i64::saturating_add);
            let peak = (0..leaves).map(used).max().unwrap_or(0);
            let moved = chosen().map(|level| level.moved).fold(0, i64::saturating_add);
            let fits =
                peak <= self.capacity_bytes && (0..levels.len()).array_combinations().all(|[m, n]| is_apart(m, n));
            if fits && moved < self.fewer_than {
                self.fewer_than = moved;
                self.best = Some((peak, levels));
            }
        }
    }

    /// Chooses the levels of the walks after those chosen, which move `moved` and take `used` beside each leaf.
    fn choose(&mut self, chosen: &mut Vec<usize>, moved: i64, used: &[i64]) {
        let n = chosen.len();
        let peak = used.iter().copied().max().unwrap_or(0);
        let at_least = moved.saturating_add(self.rest[n]);
        let fits = used.iter().zip(&self.room[n]).all(|(used, room)| used.saturating_add(*room) <= self.capacity_bytes);
        if !fits || at_least >= self.fewer_than {
            return;
        }
        if n == self.levels.len() {
            self.fewer_than = moved;
            self.best = Some((peak, chosen.clone()));
            return;
        }
        for at in 0..self.levels[n].len() {
            let Level { level, moved: more, beside } = &self.levels[n][at];
            if self.left == 0 || !(0..n).all(|m| self.least[n][m] <= (*level).min(chosen[m])) {
                continue;
            }
            self.left -= 1;
            let used: Vec<i64> = used.iter().zip(beside).map(|(a, b)| a.saturating_add(*b)).collect();
            let moved = moved.saturating_add(*more);
            chosen.push(*level);
            self.choose(chosen, moved, &used);
            chosen.pop();
        }
    }
}
