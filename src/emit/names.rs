//! What are buffers and loops called? After the arrays and the iterators that they serve, and never twice.

use crate::lang::ast::{Name, Program};
use std::collections::HashSet;

/// The names in use.
pub struct Names {
    taken: HashSet<Name>,
}

impl Names {
    pub fn of(program: &Program) -> Names {
        Names { taken: program.arrays.iter().map(|a| a.name.clone()).collect() }
    }

    /// A name for a declaration: as wished, or with a number behind it.
    pub fn declare(&mut self, wish: &str) -> Name {
        let name = self.free(wish, &[]);
        self.taken.insert(name.clone());
        name
    }

    /// A name for a loop inside loops that are called `around`.
    pub fn iterator(&self, wish: &str, around: &[Name]) -> Name {
        self.free(wish, around)
    }

    fn free(&self, wish: &str, around: &[Name]) -> Name {
        let used = |name: &Name| self.taken.contains(name) || around.contains(name) || crate::lang::is_reserved(name);
        let mut name: Name = wish.into();
        let mut number = 1;
        while used(&name) {
            number += 1;
            name = format!("{wish}{number}").into();
        }
        name
    }
}
