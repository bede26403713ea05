//! How often is each transfer and each assignment of a program reached, and of how many contiguous runs is a transfer made?
//!
//! Asked of the exact counter: the same loops around writes to scalars, one for each question, whose stores are the answers.

use std::sync::Arc;

use super::engine::Task;
use super::walk::mentions;
use crate::count::CountError;
use crate::lang::ast::{
    Access, Affine, AffineKind, Array, Assign, AssignOp, ExprKind, For, If, Name, Program, Range, Role, Stmt, Transfer,
    Type,
};

/// A program of questions.
pub struct Probe {
    pub program: Program,
    pub transfers: Vec<TransferProbe>,
    pub work: Vec<WorkProbe>,
}

/// The numbers of the scalars that are written at each start, for each run and for each element.
pub struct TransferProbe {
    pub starts: usize,
    pub runs: usize,
    pub elements: usize,
    pub element_bytes: i64,
}

/// The number of the scalar that is written for each instance.
pub struct WorkProbe {
    pub reached: usize,
    pub task: Task,
}

impl Probe {
    /// # Errors
    /// Never for a resolved program.
    pub fn of(program: &Program) -> Result<Probe, CountError> {
        let mut probe = Probe { program: Program::default(), transfers: Vec::new(), work: Vec::new() };
        probe.program.body = probe.body(&program.body, program)?;
        Ok(probe)
    }

    fn body(&mut self, body: &[Stmt], of: &Program) -> Result<Vec<Stmt>, CountError> {
        let mut asked = Vec::new();
        for stmt in body {
            match stmt {
                Stmt::For(f) => asked.push(Stmt::For(For { body: self.body(&f.body, of)?, ..f.clone() })),
                Stmt::If(i) => {
                    let (then, orelse) = (self.body(&i.then, of)?, self.body(&i.orelse, of)?);
                    asked.push(Stmt::If(If { then, orelse, ..i.clone() }));
                }
                Stmt::Assign(assign) => {
                    let (reached, write) = self.question();
                    self.work.push(WorkProbe { reached, task: Task::of(assign, of)? });
                    asked.push(write);
                }
                Stmt::Transfer(transfer) => {
                    let (starts, at_start) = self.question();
                    let (runs, each_run) = self.question();
                    let (elements, each_element) = self.question();
                    let element_bytes = of.array(&transfer.source.array).map_or(0, |a| a.ty.bytes());
                    self.transfers.push(TransferProbe { starts, runs, elements, element_bytes });
                    let all = transfer.ranges.clone();
                    let outside = outside_runs(transfer, of);
                    asked.extend([at_start, around(outside, each_run), around(all, each_element)]);
                }
            }
        }
        Ok(asked)
    }

    /// A new scalar, and a write to it.
    fn question(&mut self) -> (usize, Stmt) {
        let n = self.program.arrays.len();
        let name: Name = Arc::from(format!("q{n}"));
        self.program.arrays.push(Array {
            role: Role::Temp,
            ty: Type::I8,
            name: name.clone(),
            dims: Vec::new(),
            extents: Vec::new(),
            span: Default::default(),
        });
        let target = Access { array: name, indices: Vec::new(), span: Default::default() };
        let value = ExprKind::Number(0.0).into();
        (n, Stmt::Assign(Assign { label: None, target, op: AssignOp::Set, value, span: Default::default() }))
    }
}

fn around(ranges: Vec<Range>, stmt: Stmt) -> Stmt {
    match ranges.is_empty() {
        true => stmt,
        false => Stmt::For(For { ranges, body: vec![stmt], span: Default::default() }),
    }
}

/// The ranges of a transfer that go from one contiguous run in DRAM to another; the others walk along a run.
pub fn outside_runs(transfer: &Transfer, program: &Program) -> Vec<Range> {
    let in_dram = [&transfer.source, &transfer.target].into_iter().find_map(|access| {
        let array = program.array(&access.array).filter(|a| a.role != Role::Scratch)?;
        Some((access, array))
    });
    let Some((access, array)) = in_dram else { return transfer.ranges.clone() };
    let mut along: Vec<&Name> = Vec::new();
    for (index, &extent) in access.indices.iter().zip(&array.extents).rev() {
        // An index that stays the same goes on with the run only where there is no other.
        let Some(range) = transfer.ranges.iter().find(|r| mentions(index, &r.iterator)) else {
            if extent == 1 { continue } else { break }
        };
        let moves_once = access.indices.iter().filter(|i| mentions(i, &range.iterator)).count() == 1;
        if !steps_by_one(index, &range.iterator) || range.step != 1 || !moves_once {
            break;
        }
        along.push(&range.iterator);
        let is_whole = matches!((&range.lo.kind, &range.hi.kind), (AffineKind::Int(0), AffineKind::Int(hi)) if *hi == extent)
            && matches!(index.kind, AffineKind::Name(_));
        if !is_whole {
            break;
        }
    }
    let outside: Vec<Range> = transfer.ranges.iter().filter(|r| !along.contains(&&r.iterator)).cloned().collect();
    let depends = |r: &Range| along.iter().any(|name| mentions(&r.lo, name) || mentions(&r.hi, name));
    if outside.iter().any(depends) { transfer.ranges.clone() } else { outside }
}

/// Whether an index moves by one with an iterator: it is the iterator and something that does not name it.
fn steps_by_one(index: &Affine, iterator: &Name) -> bool {
    match &index.kind {
        AffineKind::Name(name) => name == iterator,
        AffineKind::Add(a, b) => {
            (steps_by_one(a, iterator) && !mentions(b, iterator))
                || (steps_by_one(b, iterator) && !mentions(a, iterator))
        }
        AffineKind::Sub(a, b) => steps_by_one(a, iterator) && !mentions(b, iterator),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The iterators outside the runs of the only transfer of a program.
    fn outside(transfer: &str) -> Vec<String> {
        let text = format!("input A[8][6][4], B[8]; scratch s[8][6][4]; for t in 0..2 {{ {transfer} }}");
        let program = crate::lang::parse(&text).and_then(|p| crate::lang::resolve(&p, &[])).expect("a program").program;
        let Stmt::For(f) = &program.body[0] else { panic!("a loop") };
        let Stmt::Transfer(transfer) = &f.body[0] else { panic!("a transfer") };
        outside_runs(transfer, &program).iter().map(|r| r.iterator.to_string()).collect()
    }

    #[test]
    fn whole_dimensions_join_the_run() {
        let of = |ranges: &str| outside(&format!("load s[i][j][k] = A[i][j][k] for {ranges};"));
        assert_eq!(of("i in 0..8, j in 0..6, k in 0..4"), Vec::<String>::new());
        assert_eq!(of("i in 0..8, j in 1..6, k in 0..4"), ["i"]);
        assert_eq!(of("i in 0..8, j in 0..6, k in 0..3"), ["i", "j"]);
        assert_eq!(of("k in 0..4, j in 0..6, i in 0..8"), Vec::<String>::new());
        assert_eq!(of("i in 0..8, j in 0..6, k in 0..4 step 2"), ["i", "j", "k"]);
    }

    #[test]
    fn a_run_steps_by_one() {
        assert_eq!(outside("load s[i][j][0] = A[i][j][2 * t] for i in 0..8, j in 0..6;"), ["i", "j"]);
        assert_eq!(outside("load s[0][0][i] = A[i][t][i] for i in 0..4;"), ["i"]);
        assert_eq!(outside("load s[i][0][0] = B[7 - i] for i in 0..8;"), ["i"]);
        assert_eq!(outside("load s[i][0][0] = B[i + t] for i in 0..3;"), ["i"; 0]);
    }
}
