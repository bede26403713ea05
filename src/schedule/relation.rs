//! How far apart are the instances of a dependence? Every group that holds both of its statements asks again.

use crate::isl::{Map, Result, Row, Set};
use crate::poly::Linear;
use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;

/// A convex piece of a dependence, with what was asked of it before. Forms are over the dimensions of the source and then those of the
/// sink.
pub struct Relation {
    /// `{ [S[i] -> T[j]] }`
    pairs: Set,
    minima: RefCell<HashMap<Linear, Option<i64>>>,
    distances: RefCell<Vec<(Along, Option<i64>)>>,
    parts: RefCell<HashMap<Linear, Parts>>,
}

/// Iterators of source and sink with the rates at which they run along a loop; `None` where there is none.
pub type Along = [Option<(usize, i64)>; 2];

/// The pairs where a form is 0, and those where it is positive; `None` where there are none.
pub type Parts = [Option<Rc<Relation>>; 2];

impl Relation {
    /// # Errors
    /// When isl's budget runs out.
    pub fn new(map: &Map) -> Result<Rc<Relation>> {
        Ok(Relation::of(map.wrap()?))
    }

    fn of(pairs: Set) -> Rc<Relation> {
        Rc::new(Relation {
            pairs,
            minima: RefCell::default(),
            distances: RefCell::default(),
            parts: RefCell::default(),
        })
    }

    /// The smallest value of a form over all pairs; `None` where there is none.
    ///
    /// # Errors
    /// When isl's budget runs out.
    pub fn minimum(&self, form: &Linear) -> Result<Option<i64>> {
        if let Some(&known) = self.minima.borrow().get(form) {
            return Ok(known);
        }
        let found = self.pairs.minimum(&form.coefficients, form.constant)?;
        self.minima.borrow_mut().insert(form.clone(), found);
        Ok(found)
    }

    /// The smallest distance along a loop, as `find` computes it once.
    ///
    /// # Errors
    /// When isl's budget runs out.
    pub fn distance(&self, along: Along, find: impl FnOnce() -> Result<Option<i64>>) -> Result<Option<i64>> {
        let known = self.distances.borrow().iter().find(|(known, _)| *known == along).map(|(_, distance)| *distance);
        if let Some(known) = known {
            return Ok(known);
        }
        let found = find()?;
        self.distances.borrow_mut().push((along, found));
        Ok(found)
    }

    /// The relation parted by a form.
    ///
    /// # Errors
    /// When isl's budget runs out.
    pub fn parts(&self, form: &Linear) -> Result<Parts> {
        if let Some(known) = self.parts.borrow().get(form) {
            return Ok(known.clone());
        }
        let part = |is_equality: bool, constant: i64| {
            let pairs =
                self.pairs.restricted(&Row { is_equality, coefficients: form.coefficients.clone(), constant })?;
            Ok(if pairs.is_empty()? { None } else { Some(Relation::of(pairs)) })
        };
        let parts = [part(true, form.constant)?, part(false, form.constant.saturating_sub(1))?];
        self.parts.borrow_mut().insert(form.clone(), parts.clone());
        Ok(parts)
    }
}
