//! In which order do all instances run? A schedule tree, written as the path of each statement from the root to its leaf.
//!
//! Groups run one after another. Inside a group a path alternates positions in a sequence with tile loops:
//! `position, loop, position, loop, .., position`; statements share a loop where their paths agree up to it. Below its last
//! loop a statement runs the instances of one tile in source order.
//!
//! Source: Verdoolaege, Guelton, Grosser, Cohen, "Schedule trees", IMPACT 2014.
//! Differs: loops of one value are tile loops of tile 1, so a path has one kind of loop.

use crate::poly::Linear;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Schedule {
    pub groups: Vec<Group>,
    pub buffers: Vec<BufferSpec>,
}

/// Statements that run together; groups share no loop.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Group {
    pub paths: Vec<Path>,
}

/// Where a statement stands in its group's tree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Path {
    pub statement: usize,
    /// One longer than `loops`: the position before each loop, and of the leaf.
    pub positions: Vec<usize>,
    /// Outermost first.
    pub loops: Vec<TileLoop>,
}

/// The instances whose `value` lies in `tile·x .. tile·(x + 1)` run in iteration `x`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TileLoop {
    /// Over the statement's dimensions.
    pub value: Linear,
    pub tile: i64,
}

/// A decision to keep an array in the scratchpad for its users, inside one iteration of some loops around them all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BufferSpec {
    pub array: usize,
    pub users: Vec<User>,
    pub scope: Scope,
}

/// Accesses of a statement, by their numbers there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct User {
    pub statement: usize,
    pub accesses: Vec<usize>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// From the first use to the last in the whole program.
    Program,
    /// Inside one iteration of the outer `depth` loops of a group.
    Loops { depth: usize },
}

impl Schedule {
    /// The group and the path of a statement.
    pub fn path(&self, statement: usize) -> Option<(usize, &Path)> {
        let of_group =
            |(g, group): (usize, &'_ Group)| group.paths.iter().position(|p| p.statement == statement).map(|p| (g, p));
        let (g, p) = self.groups.iter().enumerate().find_map(of_group)?;
        Some((g, &self.groups[g].paths[p]))
    }

    /// Whether no loop of a group runs in tiles and each instance stages what it touches by itself.
    pub fn is_untiled(&self, group: &Group) -> bool {
        let depth = |statement: usize| group.paths.iter().find(|p| p.statement == statement).map(|p| p.loops.len());
        let is_within = |buffer: &BufferSpec| {
            let of_group = buffer.users.iter().find_map(|user| depth(user.statement));
            of_group.is_none_or(|loops| buffer.scope == Scope::Loops { depth: loops })
        };
        group.paths.iter().any(|p| !p.loops.is_empty())
            && group.paths.iter().flat_map(|p| &p.loops).all(|l| l.tile == 1)
            && self.buffers.iter().all(is_within)
    }

    /// How many loops some statements share, which may be one.
    pub fn shared_loops(&self, users: &[User]) -> usize {
        let paths: Vec<(usize, &Path)> = users.iter().filter_map(|user| self.path(user.statement)).collect();
        let Some(&(group, first)) = paths.first() else { return 0 };
        let shared = |&(g, path): &(usize, &Path)| match (g == group, path.statement == first.statement) {
            (false, _) => 0,
            (_, true) => path.loops.len(),
            _ => first.shared_loops(path),
        };
        paths.iter().map(shared).min().unwrap_or(0)
    }
}

impl Path {
    /// How many loops two statements of a group share.
    pub fn shared_loops(&self, other: &Path) -> usize {
        let mut depth = 0;
        while depth < self.loops.len()
            && depth < other.loops.len()
            && self.positions[depth] == other.positions[depth]
            && self.loops[depth].tile == other.loops[depth].tile
        {
            depth += 1;
        }
        depth
    }
}
