//! Which loops run which statements at which values, as a text says?

use super::{Read, Reader};
use crate::lang::ast::{Affine, AffineKind, Name};
use crate::lang::decisions::{Group, Step, TileLoop};
use crate::poly::{Linear, Statement};
use crate::schedule::tree::{self, Path};

/// Most loops around a statement.
const MOST_LOOPS: usize = 16;
/// Larger tiles and shifts are larger than any program, and their products would not fit.
const LARGEST: i64 = 1 << 40;
/// How fast a loop's value may move with an iterator, or with several.
const FASTEST: i64 = 1 << 10;

/// The value at which a statement runs in a loop where nothing else is said: that of the expression if it has the iterators, else 0.
pub fn usual(statement: &Statement, said: &Affine) -> Option<Linear> {
    let dims = &statement.dims;
    let has = |name: &Name| dims.iter().any(|dim| dim.iterator == *name);
    if !names(said).into_iter().all(has) {
        return Some(Linear::constant(dims.len(), 0));
    }
    linear(statement, said)
}

fn linear(statement: &Statement, value: &Affine) -> Option<Linear> {
    let dims = &statement.dims;
    let iterator = |name: &Name| Some(Linear::dim(dims.len(), dims.iter().position(|dim| dim.iterator == *name)?));
    Linear::of(value, dims.len(), &iterator)
}

/// The iterators that an expression names.
fn names(value: &Affine) -> Vec<&Name> {
    match &value.kind {
        AffineKind::Int(_) => Vec::new(),
        AffineKind::Name(name) => vec![name],
        AffineKind::Neg(a) => names(a),
        AffineKind::Add(a, b) | AffineKind::Sub(a, b) | AffineKind::Mul(a, b) => [names(a), names(b)].concat(),
        AffineKind::Div(a, b) | AffineKind::Mod(a, b) => [names(a), names(b)].concat(),
        AffineKind::Min(args) | AffineKind::Max(args) => args.iter().flat_map(names).collect(),
    }
}

/// A loop around the steps that are being read, and the position before it.
struct Around<'t> {
    position: usize,
    tile_loop: &'t TileLoop,
}

impl Reader<'_> {
    /// Takes the loops of a group.
    pub(super) fn loops_of(&mut self, group: &Group) {
        let mut paths = Vec::new();
        self.steps(&group.body, &mut Vec::new(), &mut paths);
        self.read.schedule.groups.push(tree::Group { paths });
    }

    fn steps<'t>(&mut self, body: &'t [Step], around: &mut Vec<Around<'t>>, paths: &mut Vec<Path>) {
        for (position, step) in body.iter().enumerate() {
            match step {
                Step::Statement(mention) => {
                    let Some(statement) = self.statement(mention) else { continue };
                    let Read { statements, .. } = &mut self.read;
                    if statements[statement].replace(mention.span).is_some() {
                        let message = format!("`{}` runs twice", mention.label);
                        self.refuse(message, mention.span, "again here", "remove one of the two".into());
                        continue;
                    }
                    paths.extend(self.path(statement, around, position));
                }
                Step::Tile(loops, inner) => {
                    let (depth, before) = (around.len(), paths.len());
                    if depth + loops.len() > MOST_LOOPS {
                        let span = loops[0].span;
                        let message = format!("more than {MOST_LOOPS} loops around a statement");
                        self.refuse(message, span, "too many from here on", "remove loops that tile nothing".into());
                        continue;
                    }
                    let position = |n| if n == 0 { position } else { 0 };
                    around
                        .extend(loops.iter().enumerate().map(|(n, l)| Around { position: position(n), tile_loop: l }));
                    self.steps(inner, around, paths);
                    around.truncate(depth);
                    loops.iter().for_each(|tile_loop| self.tile_loop(tile_loop, &paths[before..]));
                }
            }
        }
    }

    fn path(&mut self, statement: usize, around: &[Around], position: usize) -> Option<Path> {
        let mut loops = Vec::new();
        for Around { tile_loop, .. } in around {
            let TileLoop { value: said, tile, exceptions, .. } = tile_loop;
            let exception = exceptions.iter().find(|(m, _)| super::statement(self.scop, m) == Ok(statement));
            let (value, asked) = match exception {
                Some((_, value)) => (linear(self.of(statement), value), value),
                None => (usual(self.of(statement), said), said),
            };
            let is_small = |v: &Linear| {
                let speed = v.coefficients.iter().fold(0i64, |sum, c| sum.saturating_add(c.saturating_abs()));
                speed <= FASTEST && v.constant.saturating_abs() <= LARGEST
            };
            let Some(value) = value.filter(is_small) else {
                let iterators: Vec<&str> = self.of(statement).dims.iter().map(|dim| &*dim.iterator).collect();
                let known = match iterators.is_empty() {
                    true => "no iterators".into(),
                    false => format!("the iterators {}", iterators.join(", ")),
                };
                let message = format!("`{asked}` is no value for `{}`", super::name(self.scop, statement));
                let help = format!(
                    "a sum of iterators times small numbers, and a number, as in `2 * i + j - 1`; it has {known}"
                );
                self.refuse(message, tile_loop.span, "in this loop", help);
                return None;
            };
            loops.push(tree::TileLoop { value, tile: *tile });
        }
        let positions = around.iter().map(|a| a.position).chain([position]).collect();
        Some(Path { statement, positions, loops })
    }

    /// Says what is wrong with a loop around some statements.
    fn tile_loop(&mut self, tile_loop: &TileLoop, below: &[Path]) {
        let TileLoop { value, tile, exceptions, span } = tile_loop;
        if !(1..=LARGEST).contains(tile) {
            let help = "a tile is a number of values, from 1 on; one larger than the loop holds all of it".into();
            self.refuse(format!("no tile has {tile} values"), *span, "", help);
        }
        let named = names(value);
        let has_all =
            |path: &Path| named.iter().all(|n| self.of(path.statement).dims.iter().any(|d| d.iterator == **n));
        if !named.is_empty() && !below.is_empty() && !below.iter().any(has_all) {
            let help = "a loop is named after an iterator of a statement in it".into();
            self.refuse(format!("no statement in this loop has the value `{value}`"), *span, "", help);
        }
        for (mention, _) in exceptions {
            let Some(statement) = self.statement(mention) else { continue };
            if !below.iter().any(|path| path.statement == statement) {
                let help = "an exception is for a statement in the loop".into();
                self.refuse(format!("`{}` does not run in this loop", mention.label), mention.span, "", help);
            }
        }
    }
}
