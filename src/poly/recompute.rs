//! Which temps can be computed again where they are read, and how does the program then read?
//!
//! A temp that one statement fills, element by element, from what stays as it is need not pass through DRAM: each tile that would load a part
//! of it computes that part from what it was made of. The loops along which a part would be loaded again run in blocks, and each block has
//! elements of its own; what is tiled and kept afterwards is decided as for any other program.
//!
//! ```text
//! for k, i: Z[k][i] = f(X[k][i]);             for j2, k, i: Z2[j2][k][i] = f(X[k][i]);
//! for i, j, k: C[i][j] += Z[k][i] * W[k][j];  for i, j2, j, k: C[i][8 * j2 + j] += Z2[j2][k][i] * W[k][8 * j2 + j];
//! ```
//!
//! Source: rematerialisation as in Briggs, Cooper and Torczon, "Rematerialization", PLDI 1992, for arrays.

mod write;

pub use write::recompute;

use super::Dependences;
use super::scop::{Scop, Statement, statement_name};
use crate::isl::{Map, Result};
use crate::lang::ast::{AssignOp, ExprKind, Name, Role};
use itertools::Itertools;

/// Reads of a temp that get elements of their own, computed in each block of some loops around them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recompute {
    pub array: usize,
    /// The statement that fills the array.
    pub source: usize,
    /// Statements that read it, and which of their accesses these are.
    pub users: Vec<(usize, Vec<usize>)>,
    pub over: Vec<Over>,
}

/// Blocks of a loop that is around each user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Over {
    pub iterator: Name,
    /// Values of a block.
    pub by: i64,
    /// The smallest value, and one past the largest.
    pub range: (i64, i64),
}

impl Over {
    /// The number of the loop around a statement, as in `Dim::loop_id`.
    fn loop_of(&self, statement: &Statement) -> Option<usize> {
        statement.dims.iter().find(|dim| dim.iterator == self.iterator).map(|dim| dim.loop_id)
    }

    /// Values of a block of the same program of another size: as many blocks, or fewer.
    fn scaled(&self, (least, most): (i64, i64)) -> i64 {
        let (first, end) = self.range;
        let by = i128::from(self.by) * i128::from(most - least + 1) / i128::from((end - first).max(1));
        (by as i64).max(1)
    }
}

/// The statement that fills a temp, where its elements can be computed again: each is made once, of values that stay the same, and all that
/// is read of the temp is made there.
///
/// # Errors
/// When isl's budget runs out.
pub fn source(scop: &Scop, dependences: &Dependences, array: usize) -> Result<Option<usize>> {
    let writes = |s: &usize| scop.statements[*s].accesses.iter().any(|access| access.array == array && access.writes);
    let Ok(source) = (0..scop.statements.len()).filter(writes).exactly_one() else { return Ok(None) };
    if scop.arrays[array].role != Role::Temp || !is_elementwise(&scop.statements[source]) {
        return Ok(None);
    }
    let is_of_source = |map: &Map| map.domain_name() == Some(statement_name(source));
    let is_of_array = |map: &Map| map.range_name() == Some(format!("A{array}"));
    let stays = !dependences.anti.maps()?.iter().any(is_of_source);
    Ok((stays && !dependences.live_in.maps()?.iter().any(is_of_array)).then_some(source))
}

/// Whether a statement makes an element for each of its instances, and of other arrays.
pub(super) fn is_elementwise(statement: &Statement) -> bool {
    let target = &statement.accesses[0];
    let plain = |index: &Option<super::Linear>| {
        let index = index.as_ref()?;
        let (k, _) = index.coefficients.iter().enumerate().filter(|(_, c)| **c != 0).exactly_one().ok()?;
        (index.coefficients[k] == 1).then_some(k)
    };
    let walked: Option<Vec<usize>> = target.linear.iter().map(plain).collect();
    let Some(walked) = walked else { return false };
    let mut is_value = false;
    statement.assign.value.clone().each_leaf(&mut |leaf| {
        is_value |= matches!(leaf, ExprKind::Name(name) if statement.dims.iter().any(|dim| dim.iterator == *name));
    });
    statement.assign.op == AssignOp::Set
        && !is_value
        && !statement.accesses[1..].iter().any(|access| access.array == target.array)
        && statement.dims.iter().all(|dim| dim.stepped.is_none())
        && walked.iter().all_unique()
        && walked.len() == statement.dims.len()
}
