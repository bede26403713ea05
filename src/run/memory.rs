//! What do the arrays hold before and after a run?

use crate::lang::ast::{Array, Name, Program, Role, Type};

use super::arithmetic::Arithmetic;
use super::fault::Fault;
use super::hash;

/// The most elements that the arrays of one run may hold together.
const MOST_ELEMENTS: u128 = 1 << 28;

/// What an element holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    /// Nothing has been written.
    Undefined,
    /// An element of an `output` as it was before the program, or a copy of one: which element, not which value, is known.
    Kept,
    Defined,
}

/// One array: row-major, a scalar is one element.
pub(super) struct Stored<C> {
    pub(super) name: Name,
    pub(super) ty: Type,
    pub(super) extents: Vec<i64>,
    pub(super) cells: Vec<C>,
    pub(super) states: Vec<State>,
}

/// All arrays of a program, in the order declared.
pub struct Memory<A: Arithmetic> {
    pub(super) arrays: Vec<Stored<A::Cell>>,
}

/// The first element in which two memories differ.
#[derive(Clone, Debug, PartialEq)]
pub struct Difference {
    pub indices: Vec<i64>,
    pub a: String,
    pub b: String,
}

impl<A: Arithmetic> Memory<A> {
    /// Inputs and inouts hold values made from name, element and seed; the rest holds nothing.
    pub(super) fn new(program: &Program, seed: u64) -> Result<Memory<A>, Fault> {
        let elements = program.arrays.iter().fold(0, |sum: u128, array| sum.saturating_add(elements(array)));
        if elements > MOST_ELEMENTS {
            return Err(Fault::TooLarge { elements });
        }
        Ok(Memory { arrays: program.arrays.iter().map(|array| Self::stored(array, seed)).collect() })
    }

    fn stored(array: &Array, seed: u64) -> Stored<A::Cell> {
        let count = elements(array) as usize;
        let base = hash::join(hash::mix(seed), hash::text(&array.name));
        let fill = |cell: fn(Type, u64) -> A::Cell| {
            (0..count as u64).map(|index| cell(array.ty, hash::join(base, index))).collect::<Vec<_>>()
        };
        let (state, cells) = match array.role {
            Role::Input | Role::Inout => (State::Defined, fill(A::seeded)),
            Role::Output => (State::Kept, fill(|_, hash| A::mark(hash))),
            Role::Temp | Role::Scratch => (State::Undefined, vec![A::mark(0); count]),
        };
        Stored {
            name: array.name.clone(),
            ty: array.ty,
            extents: array.extents.clone(),
            cells,
            states: vec![state; count],
        }
    }

    fn array(&self, name: &str) -> Option<&Stored<A::Cell>> {
        self.arrays.iter().find(|array| &*array.name == name)
    }

    /// A hash of all elements of the array, the same on every machine; 0 for an unknown name.
    pub fn checksum(&self, name: &str) -> u64 {
        let Some(array) = self.array(name) else { return 0 };
        (0..array.cells.len()).fold(0, |so_far, index| {
            let (state, bits) = array.content::<A>(index);
            hash::join(so_far, bits ^ (state as u64).rotate_right(2))
        })
    }

    /// The first element, in row-major order, in which the array differs between two runs of one seed.
    pub fn first_difference(&self, other: &Self, name: &str) -> Option<Difference> {
        let (a, b) = (self.array(name)?, other.array(name)?);
        let index = (0..a.cells.len().min(b.cells.len())).find(|&i| a.content::<A>(i) != b.content::<A>(i))?;
        Some(Difference { indices: a.indices(index), a: a.show::<A>(index), b: b.show::<A>(index) })
    }

    /// The value of an element as text: a number, `undefined`, or `unwritten` for what an output held before. `None`
    /// outside the array.
    pub fn show(&self, name: &str, indices: &[i64]) -> Option<String> {
        let array = self.array(name)?;
        if indices.len() != array.extents.len() {
            return None;
        }
        let mut offset = 0;
        for (&index, &extent) in indices.iter().zip(&array.extents) {
            if !(0..extent).contains(&index) {
                return None;
            }
            offset = offset * extent + index;
        }
        Some(array.show::<A>(offset as usize))
    }
}

impl<C: Copy> Stored<C> {
    fn content<A: Arithmetic<Cell = C>>(&self, index: usize) -> (State, u64) {
        match self.states[index] {
            State::Undefined => (State::Undefined, 0),
            State::Kept => (State::Kept, A::bits(Type::I32, self.cells[index])),
            State::Defined => (State::Defined, A::bits(self.ty, self.cells[index])),
        }
    }

    fn show<A: Arithmetic<Cell = C>>(&self, index: usize) -> String {
        match self.states[index] {
            State::Undefined => "undefined".into(),
            State::Kept => "unwritten".into(),
            State::Defined => A::show(self.ty, self.cells[index]),
        }
    }

    /// The indices of the element at a place in row-major order.
    pub(super) fn indices(&self, mut place: usize) -> Vec<i64> {
        let mut indices = vec![0; self.extents.len()];
        for (index, &extent) in indices.iter_mut().zip(&self.extents).rev() {
            let extent = extent.max(1) as usize;
            *index = (place % extent) as i64;
            place /= extent;
        }
        indices
    }
}

fn elements(array: &Array) -> u128 {
    array.extents.iter().fold(1, |product: u128, &extent| product.saturating_mul(extent.max(0) as u128))
}
