//! How does a program read without its dead instances?

use super::{Liveness, Piece};
use crate::isl::Row;
use crate::lang::ast::{Affine, AffineKind, Comparison, Condition, For, If, Program, Span, Stmt};
use crate::poly::scop::{Dim, Scop, Statement};

impl Liveness {
    /// The program without its dead instances: each piece of a statement's live ones under a condition, in its place. A statement alone in
    /// its nest, whose instances do not wait for each other, has a nest for each piece.
    pub fn of(&self, program: &Program, scop: &Scop) -> Program {
        let mut writer = Writer { liveness: self, scop, seen: 0, only: None };
        let mut body = Vec::new();
        for (nest, stmt) in program.body.iter().enumerate() {
            let first = writer.seen;
            let is_alone = scop.statements.iter().filter(|s| s.nest == nest).count() == 1;
            match self.statements.get(&first) {
                Some(live) if is_alone && live.is_free => {
                    for piece in 0..live.pieces.len() {
                        (writer.seen, writer.only) = (first, Some(piece));
                        body.extend(writer.statement(stmt));
                    }
                    (writer.seen, writer.only) = (first + 1, None);
                }
                _ => body.extend(writer.statement(stmt)),
            }
        }
        Program { body, ..program.clone() }
    }
}

struct Writer<'a> {
    liveness: &'a Liveness,
    scop: &'a Scop,
    /// Assignments so far, as `Scop::statements` counts them.
    seen: usize,
    /// The piece that is written; all where there is none.
    only: Option<usize>,
}

impl Writer<'_> {
    fn body(&mut self, body: &[Stmt]) -> Vec<Stmt> {
        body.iter().flat_map(|stmt| self.statement(stmt)).collect()
    }

    /// What is left of a statement.
    fn statement(&mut self, stmt: &Stmt) -> Vec<Stmt> {
        match stmt {
            Stmt::For(f) => {
                let body = self.body(&f.body);
                if body.is_empty() { Vec::new() } else { vec![Stmt::For(For { body, ..f.clone() })] }
            }
            Stmt::If(branch) => {
                let (then, orelse) = (self.body(&branch.then), self.body(&branch.orelse));
                if then.is_empty() && orelse.is_empty() {
                    return Vec::new();
                }
                vec![Stmt::If(If { then, orelse, ..branch.clone() })]
            }
            Stmt::Assign(_) => {
                let s = self.seen;
                self.seen += 1;
                let Some(live) = self.liveness.statements.get(&s) else { return vec![stmt.clone()] };
                let pieces = live.pieces.iter().enumerate().filter(|(n, _)| self.only.is_none_or(|only| only == *n));
                pieces.map(|(_, piece)| guarded(stmt, piece, &self.scop.statements[s])).collect()
            }
            Stmt::Transfer(_) => vec![stmt.clone()],
        }
    }
}

/// An assignment where the rows of a piece hold.
fn guarded(stmt: &Stmt, piece: &Piece, statement: &Statement) -> Stmt {
    let mut all: Vec<Condition<Affine>> = piece.iter().map(|row| holds(row, &statement.dims)).collect();
    let condition = match all.len() {
        0 => return stmt.clone(),
        1 => all.remove(0),
        _ => Condition::And(all),
    };
    Stmt::If(If { condition, then: vec![stmt.clone()], orelse: Vec::new(), span: Span::default() })
}

fn holds(row: &Row, dims: &[Dim]) -> Condition<Affine> {
    let terms = row.coefficients.iter().zip(dims).filter(|(c, _)| **c != 0);
    let sum = terms.fold(Affine::int(row.constant), |sum, (&c, dim)| {
        let term = AffineKind::Mul(Box::new(Affine::int(c)), Box::new(value(dim))).into();
        AffineKind::Add(Box::new(sum), Box::new(term)).into()
    });
    let comparison = if row.is_equality { Comparison::Eq } else { Comparison::Ge };
    Condition::Chain(sum, vec![(comparison, Affine::int(0))])
}

/// What a dimension counts: values of the iterator, or steps.
fn value(dim: &Dim) -> Affine {
    let iterator = Affine::name(&dim.iterator);
    match &dim.stepped {
        None => iterator,
        Some((start, step)) => {
            let walked = AffineKind::Sub(Box::new(iterator), Box::new(start.clone())).into();
            AffineKind::Div(Box::new(walked), Box::new(Affine::int(*step))).into()
        }
    }
}
