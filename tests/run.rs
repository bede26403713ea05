use polyfuse::lang::ast::*;
use polyfuse::run::*;
use std::time::Instant;

fn n(s: &str) -> Affine {
    Affine::name(&s.into())
}
fn c(v: i64) -> Affine {
    Affine::int(v)
}
fn acc(a: &str, ix: Vec<Affine>) -> Access {
    Access { array: a.into(), indices: ix, span: Span::default() }
}
fn rd(a: &str, ix: Vec<Affine>) -> Expr {
    ExprKind::Access(acc(a, ix)).into()
}
fn range(i: &str, lo: Affine, hi: Affine) -> Range {
    Range { iterator: i.into(), lo, hi, step: 1, span: Span::default() }
}
fn nest(r: Vec<Range>, body: Vec<Stmt>) -> Stmt {
    Stmt::For(For { ranges: r, body, span: Span::default() })
}
fn asg(t: Access, op: AssignOp, v: Expr) -> Stmt {
    Stmt::Assign(Assign { label: Some("S".into()), target: t, op, value: v, span: Span::default() })
}
fn arr(role: Role, name: &str, e: Vec<i64>) -> Array {
    Array {
        role,
        ty: Type::F32,
        name: name.into(),
        dims: e.iter().map(|&v| c(v)).collect(),
        extents: e,
        span: Span::default(),
    }
}

#[test]
fn speed() {
    let m = 256;
    let p = Program {
        params: vec![],
        arrays: vec![
            arr(Role::Input, "A", vec![m, m]),
            arr(Role::Input, "B", vec![m, m]),
            arr(Role::Output, "C", vec![m, m]),
        ],
        body: vec![nest(
            vec![range("i", c(0), c(m)), range("j", c(0), c(m))],
            vec![
                asg(acc("C", vec![n("i"), n("j")]), AssignOp::Set, ExprKind::Number(0.0).into()),
                nest(
                    vec![range("k", c(0), c(m))],
                    vec![asg(
                        acc("C", vec![n("i"), n("j")]),
                        AssignOp::Add,
                        ExprKind::Binary(
                            BinaryOp::Mul,
                            rd("A", vec![n("i"), n("k")]).into(),
                            rd("B", vec![n("k"), n("j")]).into(),
                        )
                        .into(),
                    )],
                ),
            ],
        )],
    };
    let t = Instant::now();
    let x = execute::<Typed>(&p, 1, u64::MAX).unwrap();
    println!("typed {:?} {:x}", t.elapsed(), x.checksum("C"));
    let t = Instant::now();
    let x = execute::<Modular>(&p, 1, u64::MAX).unwrap();
    println!("modular {:?} {:x}", t.elapsed(), x.checksum("C"));
    let mut o = Traffic::new(&p);
    let t = Instant::now();
    execute_observed::<Typed, _>(&p, 1, u64::MAX, &mut o).unwrap();
    println!("traffic {:?} {:?}", t.elapsed(), o);
}
