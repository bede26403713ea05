//! How many points has a set? Loops over them are written, and counted as those of a program are.

use crate::count;
use crate::emit::{Leaves, Names, Sum, convert};
use crate::isl::Set;
use crate::lang::ast::{Access, Array, Assign, AssignOp, ExprKind, Program, Role, Stmt, Type};

/// The number of points of a set `{ A[a] }`: isl writes the loops that visit each point of a convex piece once, and those
/// are counted. Loops over all pieces at once would need bounds that the loop language does not have.
pub fn points(set: &Set) -> Result<i128, String> {
    let text = |e: crate::isl::IslError| e.to_string();
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
    for piece in set.coalesce().and_then(|set| set.disjoint_pieces()).map_err(text)? {
        let loops = piece.visit().map_err(text)?;
        program.body.extend(convert(&loops, &names, &Points).map_err(text)?);
    }
    count::count(&program).map(|counts| counts.instances).map_err(|e| e.to_string())
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
