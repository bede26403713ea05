//! Does a loop nest keep the dependences?
//!
//! The rule stands at `Edge`: no loop goes backwards until a loop with tile 1 carries the edge, and what no loop carries is kept by
//! the sequence or, within a statement, by the source order of its points.

use super::frame::Loop;
use crate::schedule::problem::{Edge, Problem};

/// How far a prefix of loops has come with an edge.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// Some loop runs it forwards only, point by point: whatever is inside is free.
    Carried,
    /// No loop carries it, none goes backwards.
    Open,
    Broken,
}

/// The fate after one more loop.
pub fn step(fate: Fate, distance: i64, tile: i64) -> Fate {
    match fate {
        Fate::Open if distance < 0 => Fate::Broken,
        Fate::Open if distance >= 1 && tile == 1 => Fate::Carried,
        other => other,
    }
}

fn fate(edge: &Edge, band: &[Loop]) -> Fate {
    band.iter().fold(Fate::Open, |fate, l| step(fate, edge.dim_distance[l.id], l.tile))
}

/// Does the band, followed by the sequence, keep all edges between different statements, and can those within one still be kept?
pub fn band_keeps(problem: &Problem, band: &[Loop]) -> bool {
    problem.edges.iter().all(|edge| match fate(edge, band) {
        Fate::Carried => true,
        Fate::Open => edge.from <= edge.to,
        Fate::Broken => false,
    })
}

/// Edges of a statement on itself that the band leaves open: their distances along its iterators.
pub fn open_edges<'a>(problem: &'a Problem, band: &[Loop], statement: usize) -> Vec<&'a [i64]> {
    let own = problem.edges.iter().filter(|edge| edge.from == statement && edge.to == statement);
    own.filter(|edge| fate(edge, band) == Fate::Open).map(|edge| edge.iterator_distance.as_slice()).collect()
}

/// Do the private loops, outermost first as `(iterator, tile)`, keep the open edges of their statement?
pub fn private_keeps(open: &[&[i64]], loops: &[(usize, i64)]) -> bool {
    open.iter().all(|distance| {
        let end = loops.iter().fold(Fate::Open, |fate, &(iterator, tile)| step(fate, distance[iterator], tile));
        end != Fate::Broken
    })
}
