//! How far apart are the instances of a dependence? Every group that holds both of its statements asks again.

use crate::isl::{Map, Result};
use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;

/// A convex piece of a dependence, with what was asked of it before.
pub struct Relation {
    /// `{ S[i] -> T[j] }`
    pub map: Map,
    minima: RefCell<HashMap<String, Option<i64>>>,
}

impl Relation {
    pub fn new(map: Map) -> Rc<Relation> {
        Rc::new(Relation { map, minima: RefCell::default() })
    }

    /// The smallest value of a form `{ [S[i] -> T[j]] -> [d] }` over all pairs; `None` where there is none.
    ///
    /// # Errors
    /// When isl's budget runs out.
    pub fn minimum(&self, form: &str) -> Result<Option<i64>> {
        if let Some(&known) = self.minima.borrow().get(form) {
            return Ok(known);
        }
        let found = self.map.wrap()?.apply(&self.map.context().map(form)?)?.dim_min(0)?;
        self.minima.borrow_mut().insert(form.to_string(), found);
        Ok(found)
    }
}
