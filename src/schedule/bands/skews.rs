//! By how much must rows run later from one step of time to the next, so that tiles of several steps are legal?
//!
//! A class of iterators is skewed by the smallest factor for which the ILP finds shifts: then no dependence runs backwards along
//! `rate·i + factor·t + shift`, and inside one step and one row the statements keep their order.

use super::Bands;
use crate::isl::{Map, Result};
use crate::poly::number;
use std::rc::Rc;

/// Statement `s` runs row `rate·i` of time step `t` at `rate·i + factor·t + shift`.
pub struct Skew {
    /// For each statement the iterator over rows and its rate.
    pub attach: Vec<Option<(usize, i64)>>,
    pub factor: i64,
    pub shifts: Vec<i64>,
}

/// Larger skewing factors are not tried. Two sweeps of a stencil in one step of time take twice its radius.
const MOST_SKEW: i64 = 16;

impl Bands<'_> {
    /// The rows along which the statements of one loop over time can be skewed, each with the smallest factor that serves.
    ///
    /// # Errors
    /// When isl's budget runs out.
    pub fn skews(&self, statements: &[usize]) -> Result<Rc<Vec<Skew>>> {
        if let Some(known) = self.skews.borrow().get(statements) {
            return Ok(known.clone());
        }
        let found = Rc::new(self.find_skews(statements)?);
        self.skews.borrow_mut().insert(statements.to_vec(), found.clone());
        Ok(found)
    }

    fn find_skews(&self, statements: &[usize]) -> Result<Vec<Skew>> {
        let loop_of = |&s: &usize| self.scop.statements[s].dims.first().map(|dim| dim.loop_id);
        let Some(Some(time_loop)) = statements.first().map(loop_of) else { return Ok(Vec::new()) };
        if statements.iter().any(|s| loop_of(s) != Some(time_loop)) {
            return Ok(Vec::new());
        }
        let pieces = self.group_pieces(statements);
        let (pieces, carried) =
            self.part(&pieces, |p| Some(self.and_step(self.nothing(p, statements), p, statements, 0, 1)))?;
        if !carried.contains(&true) {
            return Ok(Vec::new());
        }
        let mut skews = Vec::new();
        for class in self.classes(statements).iter().filter(|class| class.members.iter().all(|m| m.1 > 0)) {
            let attach = class.attach(statements.len());
            let shifts = |factor: i64| {
                let mut rows = Vec::new();
                for (piece, carried) in pieces.iter().zip(&carried) {
                    let rest = self.difference(piece, statements, &attach);
                    let rest = rest.unwrap_or_else(|| self.nothing(piece, statements));
                    let distance = piece.relation.minimum(&self.and_step(rest, piece, statements, 0, factor))?;
                    // Inside one step and one row the statements keep their order.
                    let back = i64::from(!carried && piece.from > piece.to);
                    rows.push(distance.map(|distance| distance - back));
                }
                Ok(self.shifts(&pieces, &rows, statements, &attach, false))
            };
            skews.extend(least_factor(shifts)?.map(|(factor, shifts)| Skew { attach, factor, shifts }));
        }
        Ok(skews)
    }

    /// Whether values of an array pass from one iteration of the outermost loop to another.
    ///
    /// # Errors
    /// When isl's budget runs out.
    pub fn flows_on(&self, statements: &[usize], array: usize) -> Result<bool> {
        for &s in statements {
            for &t in statements {
                let (from, to) = (self.tuple(s, "i"), self.tuple(t, "j"));
                let later = || self.scop.ctx.map(&format!("{{ {from} -> {to} : j0 > i0 }}"))?.wrap();
                if let Some(flow) = self.dependences.flow_between(s, t, array)
                    && !flow.intersect_domain(&later()?)?.is_empty()?
                {
                    return Ok(true);
                }
            }
        }
        Ok(false)
    }

    /// Whether the statements read values of an array from before the program.
    ///
    /// # Errors
    /// When isl's budget runs out.
    pub fn reads_from_before(&self, statements: &[usize], array: usize) -> Result<bool> {
        let is_array = |name: String| number(&name) == array;
        let is_own = |name: String| statements.contains(&number(&name));
        let reads = |map: &Map| map.range_name().is_some_and(is_array) && map.domain_name().is_some_and(is_own);
        Ok(self.dependences.live_in.maps()?.iter().any(reads))
    }
}

/// The smallest factor for which there are shifts, and these: where a factor serves, all larger ones do.
fn least_factor(shifts: impl Fn(i64) -> Result<Option<Vec<i64>>>) -> Result<Option<(i64, Vec<i64>)>> {
    let (mut below, mut least) = (0, None);
    let mut factor = 1;
    while factor <= MOST_SKEW && factor > below {
        let found = shifts(factor)?;
        match found {
            Some(found) => least = Some((factor, found)),
            None => below = factor,
        }
        factor = least.as_ref().map_or(2 * factor, |(least, _)| i64::midpoint(below, *least));
    }
    Ok(least)
}
