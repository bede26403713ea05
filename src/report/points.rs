//! How many points has a set? Loops over them are written, and counted as those of a program are.

use crate::count;
use crate::emit::{Leaves, Names, Sum, convert};
use crate::isl::{IslError, Set};
use crate::lang::ast::{Access, Array, Assign, AssignOp, ExprKind, Program, Role, Stmt, Type};

/// The number of points of a set `{ A[a] }`: isl writes the loops that visit each point of a convex piece once, and those
/// are counted. Loops over all pieces at once would need bounds that the loop language does not have.
///
/// `None` where isl's budget runs out.
pub fn points(set: &Set) -> Result<Option<i128>, String> {
    match set.context().budget(BUDGET, || loops(set)) {
        Err(error) if error.is_quota() => Ok(None),
        program => {
            let program = program.map_err(|error| error.to_string())?;
            count::count(&program).map(|counts| Some(counts.instances)).map_err(|e| e.to_string())
        }
    }
}

/// isl operations for one set.
const BUDGET: u64 = 60_000;

fn loops(set: &Set) -> Result<Program, IslError> {
    let mut program = Program::default();
    program.arrays.push(Array {
        role: Role::Temp,
        ty: Type::I8,
        name: "e".into(),
        dims: Vec::new(),
        extents: Vec::new(),
        span: Default::default(),
    });
    let names = Names::of(&program);
    for piece in set.coalesce()?.disjoint_pieces()? {
        program.body.extend(convert(&piece.visit()?, &names, &Points)?);
    }
    Ok(program)
}

/// Leaves that do nothing but be counted.
struct Points;

impl Leaves for Points {
    fn argument_name(&self, _: &str, argument: usize) -> String {
        format!("a{argument}")
    }

    fn statement(&self, _: &str, _: &[Sum]) -> Stmt {
        Stmt::Assign(Assign {
            label: None,
            target: Access { array: "e".into(), indices: Vec::new(), span: Default::default() },
            op: AssignOp::Set,
            value: ExprKind::Number(0.0).into(),
            span: Default::default(),
        })
    }
}
