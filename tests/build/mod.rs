//! Programs without text: the few builders that generated tests need.

use polyfuse::lang::ast::*;

pub fn name(text: &str) -> Affine {
    Affine::name(&text.into())
}

pub fn int(value: i64) -> Affine {
    Affine::int(value)
}

pub fn range(iterator: &str, lo: Affine, hi: Affine, step: i64) -> Range {
    Range { iterator: iterator.into(), lo, hi, step, span: Span::default() }
}

pub fn scalar(role: Role, name: &str) -> Array {
    Array { role, ty: Type::F32, name: name.into(), dims: Vec::new(), extents: Vec::new(), span: Span::default() }
}

/// `target = 1;`
pub fn set(target: &str) -> Stmt {
    let target = Access { array: target.into(), indices: Vec::new(), span: Span::default() };
    Stmt::Assign(Assign {
        label: Some("S".into()),
        target,
        op: AssignOp::Set,
        value: ExprKind::Number(1.0).into(),
        span: Span::default(),
    })
}
