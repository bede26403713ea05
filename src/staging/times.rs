//! In which iteration of the schedule's loops does an instance run?

use crate::isl::{Map, Result};
use crate::poly::text::tuple;
use crate::poly::{Linear, Scop};
use crate::schedule::tree::{Path, Schedule, TileLoop};
use std::cell::RefCell;
use std::collections::HashMap;

/// A schedule's loops as relations.
pub struct Times<'a> {
    pub scop: &'a Scop,
    pub schedule: &'a Schedule,
    /// For each statement its group and the number of its path there.
    places: HashMap<usize, (usize, usize)>,
    prefixes: RefCell<HashMap<(usize, usize), Map>>,
}

impl<'a> Times<'a> {
    pub fn new(scop: &'a Scop, schedule: &'a Schedule) -> Times<'a> {
        let mut places = HashMap::new();
        for (g, group) in schedule.groups.iter().enumerate() {
            places.extend(group.paths.iter().enumerate().map(|(p, path)| (path.statement, (g, p))));
        }
        Times { scop, schedule, places, prefixes: RefCell::default() }
    }

    /// The path of a statement; every statement of a schedule has one.
    pub fn path(&self, statement: usize) -> &'a Path {
        let (group, path) = self.places[&statement];
        &self.schedule.groups[group].paths[path]
    }

    pub fn group(&self, statement: usize) -> usize {
        self.places[&statement].0
    }

    /// The iteration of the outer `depth` loops in which each instance runs. `{ S[i] -> P[x] }`
    pub fn prefix(&self, statement: usize, depth: usize) -> Result<Map> {
        if let Some(map) = self.prefixes.borrow().get(&(statement, depth)) {
            return Ok(map.clone());
        }
        let loops = &self.path(statement).loops[..depth];
        let dims = self.scop.statements[statement].dims.len();
        let constraints: Vec<String> = loops.iter().enumerate().map(|(q, l)| in_tile(l, q)).collect();
        let colon = if constraints.is_empty() { "" } else { " : " };
        let text = format!(
            "{{ S{statement}[{}] -> P[{}]{colon}{} }}",
            tuple("i", dims),
            tuple("x", depth),
            constraints.join(" and ")
        );
        let map = self.scop.ctx.map(&text)?;
        self.prefixes.borrow_mut().insert((statement, depth), map.clone());
        Ok(map)
    }
}

/// That an instance runs in iteration `x{q}` of a tile loop.
pub fn in_tile(tile_loop: &TileLoop, q: usize) -> String {
    let value = form(&tile_loop.value);
    match tile_loop.tile {
        1 => format!("x{q} = {value}"),
        tile => format!("{tile}*x{q} <= {value} and {value} < {tile}*x{q} + {tile}"),
    }
}

/// A linear form in isl's notation, over `i0`, `i1` ...
pub fn form(value: &Linear) -> String {
    let mut text = value.constant.to_string();
    for (k, c) in value.coefficients.iter().enumerate().filter(|(_, c)| **c != 0) {
        text.push_str(&format!(" {c:+}*i{k}"));
    }
    text
}
