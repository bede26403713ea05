//! Which instances does a program run, in which order, and what do they touch?

use super::{Linear, text};
use crate::isl::{Context, Map, Result, Row, Set, UnionMap};
use crate::lang::ast::{self, Affine, AffineKind, Assign, AssignOp, Condition, Name, Stmt};
use itertools::Itertools;
use std::collections::HashMap;

/// A source-level program as a static control part.
pub struct Scop {
    pub ctx: Context,
    /// The arrays as declared; array `n` is named `A{n}` in relations.
    pub arrays: Vec<ast::Array>,
    /// In source order; statement `n` is named `S{n}`.
    pub statements: Vec<Statement>,
}

pub struct Statement {
    pub label: Name,
    /// The number of the top-level statement that it belongs to.
    pub nest: usize,
    pub assign: Assign,
    /// The enclosing loops, outermost first.
    pub dims: Vec<Dim>,
    /// `{ S[i] }`
    pub domain: Set,
    /// Positions in the bodies around it: before each loop, and in the innermost body. One longer than `dims`.
    pub positions: Vec<usize>,
    /// The target first, then the reads in the order of the text, each index function once.
    pub accesses: Vec<Access>,
    /// The number in `accesses` of each read of `assign.value`, in the order of the text.
    pub reads: Vec<usize>,
}

/// A loop around a statement.
pub struct Dim {
    pub iterator: Name,
    /// A number that the statements below the same `for` have in common.
    pub loop_id: usize,
    /// Where the loop has a step and starts at an affine value: the dimension counts steps, and the iterator is
    /// `start + step·dimension`.
    pub stepped: Option<(Affine, i64)>,
    /// The dimension where all instances have the same.
    pub fixed: Option<i64>,
}

pub struct Access {
    pub array: usize,
    pub reads: bool,
    pub writes: bool,
    /// `{ S[i] -> A[a] }`, the domain included.
    pub relation: Map,
    /// One for each dimension of the array; `None` where the index rounds. A dimension that others fix at every instance stands in none.
    pub linear: Vec<Option<Linear>>,
    pub source: ast::Access,
}

impl Statement {
    pub fn touches(&self, array: usize) -> bool {
        self.accesses.iter().any(|access| access.array == array)
    }

    /// Whether `op=` combines values so that its instances may run in any order.
    pub fn is_reduction(&self) -> bool {
        self.assign.op != AssignOp::Set
    }

    /// Whether two reductions of one array combine values so that their instances may run in any order.
    pub fn commutes_with(&self, other: &Statement) -> bool {
        let kind = |statement: &Statement| match statement.assign.op {
            AssignOp::Sub => AssignOp::Add,
            op => op,
        };
        self.is_reduction() && kind(self) == kind(other)
    }
}

/// The name of statement `n` in relations.
pub fn statement_name(n: usize) -> String {
    format!("S{n}")
}

/// The number in a name such as `S12` or `A3`.
pub fn number(name: &str) -> usize {
    name.get(1..).and_then(|digits| digits.parse().ok()).unwrap_or(usize::MAX)
}

/// The instances and accesses of a resolved source-level program.
///
/// # Errors
/// Where isl refuses a set: numbers that it cannot hold, or the budget around the call.
pub fn extract(program: &ast::Program, ctx: &Context) -> Result<Scop> {
    let index = program.arrays.iter().enumerate().map(|(n, a)| (a.name.clone(), n)).collect();
    let mut walk =
        Walk { ctx, index, frames: Vec::new(), guards: Vec::new(), loops: 0, nest: 0, statements: Vec::new() };
    let mut positions = vec![0];
    for (nest, stmt) in program.body.iter().enumerate() {
        walk.nest = nest;
        walk.body(std::slice::from_ref(stmt), &mut positions)?;
    }
    let statements = walk.statements;
    Ok(Scop { ctx: ctx.clone(), arrays: program.arrays.clone(), statements })
}

impl Scop {
    /// The smallest and the largest value of a loop's dimension; `None` where it has no instances.
    ///
    /// # Errors
    /// When isl's budget runs out.
    pub fn range(&self, loop_id: usize) -> Result<Option<(i64, i64)>> {
        let mut range: Option<(i64, i64)> = None;
        for statement in &self.statements {
            let Some(k) = statement.dims.iter().position(|dim| dim.loop_id == loop_id) else { continue };
            if let (Some(least), Some(most)) = (statement.domain.dim_min(k)?, statement.domain.dim_max(k)?) {
                let (lo, hi) = range.unwrap_or((least, most));
                range = Some((lo.min(least), hi.max(most)));
            }
        }
        Ok(range)
    }

    /// The source order of some statements, dates of one length. `{ S[i] -> [d] }`
    ///
    /// Positions and iterators in turn, but for positions that are the same in all of them: isl's work grows with the length.
    ///
    /// # Errors
    /// When isl refuses a number.
    pub fn dates(&self, statements: &[usize]) -> Result<UnionMap> {
        self.dates_from("", statements)
    }

    /// The same for isl's flow, with a parameter `p` in it where isl would name wrong sources without.
    ///
    /// isl takes a dimension for a position in a body where two statements have different constants in it. An iterator that conditions
    /// fix is none: other statements run at its other values, and the sources of one level are no longer before those of the next.
    /// `p + 4` is no constant.
    ///
    /// # Errors
    /// When isl refuses a number.
    pub fn dates_for_flow(&self, statements: &[usize]) -> Result<UnionMap> {
        let fixed = |level: usize| {
            let dims = statements.iter().filter_map(move |&s| self.statements[s].dims.get(level));
            dims.filter_map(|dim| dim.fixed)
        };
        let depth = statements.iter().map(|&s| self.statements[s].dims.len()).max().unwrap_or(0);
        let confuses = (0..depth).any(|level| !fixed(level).all_equal());
        self.dates_from(if confuses { "p + " } else { "" }, statements)
    }

    /// The dates with a start added to all iterators.
    fn dates_from(&self, start: &str, statements: &[usize]) -> Result<UnionMap> {
        let of = |&s: &usize| &self.statements[s];
        let depth = statements.iter().map(|s| of(s).dims.len()).max().unwrap_or(0);
        let position = |s: &usize, level: usize| of(s).positions.get(level).copied().unwrap_or(0);
        let tells = |level| statements.iter().any(|s| position(s, level) != position(&statements[0], level));
        let telling: Vec<bool> = (0..=depth).map(|level| level == 0 || tells(level)).collect();
        let part = |s: &usize| {
            let dims: Vec<String> = (0..of(s).dims.len()).map(|k| format!("i{k}")).collect();
            let mut date = Vec::new();
            for (level, &tells) in telling.iter().enumerate() {
                if tells {
                    date.push(position(s, level).to_string());
                }
                if level < depth {
                    date.push(format!("{start}{}", dims.get(level).map_or("0", |dim| dim)));
                }
            }
            format!("S{s}[{}] -> [{}]", dims.join(","), date.join(","))
        };
        let parts: Vec<String> = statements.iter().map(part).collect();
        let parameters = if start.is_empty() { "" } else { "[p] -> " };
        self.ctx.union_map(&format!("{parameters}{{ {} }}", parts.join("; ")))
    }
}

/// A loop on the way down: how its iterator and its constraints read.
struct Frame {
    range: ast::Range,
    loop_id: usize,
    /// The iterator's value in isl's notation.
    value: String,
    stepped: bool,
    constraints: String,
}

struct Walk<'a> {
    ctx: &'a Context,
    index: HashMap<Name, usize>,
    frames: Vec<Frame>,
    guards: Vec<String>,
    loops: usize,
    nest: usize,
    statements: Vec<Statement>,
}

impl Walk<'_> {
    fn body(&mut self, body: &[Stmt], positions: &mut Vec<usize>) -> Result<()> {
        for stmt in body {
            match stmt {
                Stmt::For(f) => {
                    let depth = self.frames.len();
                    for range in &f.ranges {
                        self.push(range);
                        positions.push(0);
                    }
                    self.body(&f.body, positions)?;
                    self.frames.truncate(depth);
                    positions.truncate(depth + 1);
                    positions[depth] += 1;
                }
                Stmt::If(branch) => {
                    let condition = self.condition(&branch.condition);
                    for (text, body) in
                        [(condition.clone(), &branch.then), (format!("(not {condition})"), &branch.orelse)]
                    {
                        self.guards.push(text);
                        self.body(body, positions)?;
                        self.guards.pop();
                    }
                }
                Stmt::Assign(assign) => {
                    let statement = self.statement(assign, positions)?;
                    self.statements.push(statement);
                    *positions.last_mut().expect("a position for each depth") += 1;
                }
                // Scheduled programs do not come here: `optimize` refuses them.
                Stmt::Transfer(_) => {}
            }
        }
        Ok(())
    }

    fn push(&mut self, range: &ast::Range) {
        let dim = format!("i{}", self.frames.len());
        let (lo, hi) = (self.affine(&range.lo), self.affine(&range.hi));
        let plain_start = !matches!(range.lo.kind, AffineKind::Min(_) | AffineKind::Max(_));
        let stepped = range.step > 1 && plain_start;
        let step = range.step;
        let (value, constraints) = if stepped {
            let value = format!("({lo} + {step} * {dim})");
            (value.clone(), format!("{dim} >= 0 and {value} < {hi}"))
        } else if step > 1 {
            (dim.clone(), format!("{lo} <= {dim} and {dim} < {hi} and ({dim} - {lo}) mod {step} = 0"))
        } else {
            (dim.clone(), format!("{lo} <= {dim} and {dim} < {hi}"))
        };
        self.loops += 1;
        self.frames.push(Frame { range: range.clone(), loop_id: self.loops, value, stepped, constraints });
    }

    fn value(&self, name: &Name) -> String {
        self.frames.iter().find(|f| f.range.iterator == *name).map_or("0".into(), |f| f.value.clone())
    }

    fn affine(&self, a: &Affine) -> String {
        text::affine(a, &|name| self.value(name))
    }

    fn condition(&self, c: &Condition<Affine>) -> String {
        text::condition(c, &|name| self.value(name))
    }

    fn linear(&self, a: &Affine) -> Option<Linear> {
        let n = self.frames.len();
        Linear::of(a, n, &|name| {
            let k = self.frames.iter().position(|f| f.range.iterator == *name)?;
            let frame = &self.frames[k];
            if !frame.stepped {
                return Some(Linear::dim(n, k));
            }
            let mut start = self.linear(&frame.range.lo)?;
            start.coefficients[k] = start.coefficients[k].checked_add(frame.range.step)?;
            Some(start)
        })
    }

    fn statement(&self, assign: &Assign, positions: &[usize]) -> Result<Statement> {
        let name = statement_name(self.statements.len());
        let dims: Vec<String> = (0..self.frames.len()).map(|k| format!("i{k}")).collect();
        let tuple = format!("{name}[{}]", dims.join(","));
        let mut constraints: Vec<&str> = self.frames.iter().map(|f| f.constraints.as_str()).collect();
        constraints.extend(self.guards.iter().map(String::as_str));
        let colon = if constraints.is_empty() { "" } else { " : " };
        let domain = self.ctx.set(&format!("{{ {tuple}{colon}{} }}", constraints.join(" and ")))?.coalesce()?;
        let (mut accesses, reads) = self.accesses(assign, &tuple, &domain)?;
        let fixed = fixed(&domain)?;
        for form in accesses.iter_mut().flat_map(|access| &mut access.linear) {
            *form = form.take().and_then(|form| substituted(form, &fixed));
        }
        let label = assign.label.clone().unwrap_or_else(|| name.as_str().into());
        let dim = |(k, f): (usize, &Frame)| Dim {
            iterator: f.range.iterator.clone(),
            loop_id: f.loop_id,
            stepped: f.stepped.then(|| (f.range.lo.clone(), f.range.step)),
            fixed: substituted(Linear::dim(self.frames.len(), k), &fixed).and_then(|value| value.as_constant()),
        };
        let dims = self.frames.iter().enumerate().map(dim).collect();
        let (assign, positions) = (assign.clone(), positions.to_vec());
        Ok(Statement { label, nest: self.nest, assign, dims, domain, positions, accesses, reads })
    }

    fn accesses(&self, assign: &Assign, tuple: &str, domain: &Set) -> Result<(Vec<Access>, Vec<usize>)> {
        let updates = assign.op != AssignOp::Set;
        let mut accesses = vec![self.access(&assign.target, tuple, domain, updates, true)?];
        let mut reads = Vec::new();
        for source in assign.value.reads() {
            let access = self.access(source, tuple, domain, true, false)?;
            let same = |known: &Access| Ok(known.array == access.array && known.relation.is_equal(&access.relation)?);
            let mut number = accesses.len();
            for (n, known) in accesses.iter().enumerate().skip(1) {
                if same(known)? {
                    number = n;
                    break;
                }
            }
            reads.push(number);
            if number == accesses.len() {
                accesses.push(access);
            }
        }
        Ok((accesses, reads))
    }

    fn access(&self, source: &ast::Access, tuple: &str, domain: &Set, reads: bool, writes: bool) -> Result<Access> {
        let array = self.index.get(&source.array).copied().unwrap_or(0);
        let index: Vec<String> = source.indices.iter().map(|a| self.affine(a)).collect();
        let relation =
            self.ctx.map(&format!("{{ {tuple} -> A{array}[{}] }}", index.join(",")))?.intersect_domain(domain)?;
        let linear = source.indices.iter().map(|a| self.linear(a)).collect();
        Ok(Access { array, reads, writes, relation, linear, source: source.clone() })
    }
}

/// The dimensions that outer ones fix at every instance, with their values: the loops of one iteration.
fn fixed(domain: &Set) -> Result<Vec<(usize, Linear)>> {
    let dims = domain.n_dim()?;
    let value = |Row { is_equality, mut coefficients, constant }: Row| {
        let k = coefficients.iter().rposition(|&c| c != 0).filter(|&k| is_equality && k < dims)?;
        let sign = std::mem::take(&mut coefficients[k]);
        coefficients.truncate(dims);
        let value = Linear::constant(dims, 0).combine(&Linear { coefficients, constant }, -sign)?;
        (sign.abs() == 1).then_some((k, value))
    };
    let mut fixed: Vec<(usize, Linear)> = domain.hull()?.into_iter().filter_map(value).collect();
    fixed.sort_by_key(|(k, _)| *k);
    fixed.dedup_by_key(|(k, _)| *k);
    Ok(fixed)
}

/// The form with the dimensions that others fix at their values.
fn substituted(form: Linear, fixed: &[(usize, Linear)]) -> Option<Linear> {
    fixed.iter().try_rfold(form, |form, (k, value)| form.with(*k, value))
}

impl Statement {
    /// `i = 3`, `j = 4` ..: what the iterators of an instance are.
    pub fn iterator_values(&self, instance: &[i64]) -> Vec<String> {
        let mut values: Vec<(Name, i64)> = Vec::new();
        for (dim, &at) in self.dims.iter().zip(instance) {
            let value = match &dim.stepped {
                None => at,
                Some((start, step)) => evaluate(start, &values).saturating_add(step.saturating_mul(at)),
            };
            values.push((dim.iterator.clone(), value));
        }
        values.iter().map(|(name, value)| format!("{name} = {value}")).collect()
    }
}

/// The value of a plain affine expression, for messages.
fn evaluate(a: &Affine, values: &[(Name, i64)]) -> i64 {
    let of = |a: &Affine| evaluate(a, values);
    match &a.kind {
        AffineKind::Int(value) => *value,
        AffineKind::Name(name) => values.iter().find(|(n, _)| n == name).map_or(0, |(_, v)| *v),
        AffineKind::Neg(a) => of(a).saturating_neg(),
        AffineKind::Add(a, b) => of(a).saturating_add(of(b)),
        AffineKind::Sub(a, b) => of(a).saturating_sub(of(b)),
        AffineKind::Mul(a, b) => of(a).saturating_mul(of(b)),
        AffineKind::Div(a, b) => of(a).div_euclid(of(b).max(1)),
        AffineKind::Mod(a, b) => of(a).rem_euclid(of(b).max(1)),
        AffineKind::Min(args) => args.iter().map(of).min().unwrap_or(0),
        AffineKind::Max(args) => args.iter().map(of).max().unwrap_or(0),
    }
}
