//! Does a program mean something, and which values do its parameters give it?
//!
//! One walk in source order checks every rule that takes no sets of iterations to check, and builds the same tree with
//! the values in: no parameters, known extents, constants folded, a label on every assignment. Accesses outside of
//! their array and reads of what nothing has written are found later, where the program is sets and relations.

use std::collections::{HashMap, HashSet};

use super::affine::{Position, resolve_affine};
use super::ast::*;
use super::diagnostic::Diagnostic;
use super::doubt::doubts;
use super::mistake::Meaning;
use super::words::is_reserved;

/// A program whose parameters are values, and what is doubtful about it.
#[derive(Clone, Debug, PartialEq)]
pub struct Resolved {
    pub program: Program,
    /// In source order.
    pub warnings: Vec<Diagnostic>,
}

/// Checks a program and puts the values of its parameters in; those of `overrides` go before the declared ones.
///
/// An override of a name that is no parameter has no effect.
///
/// # Errors
/// Every mistake found, in source order.
pub fn resolve(program: &Program, overrides: &[(String, i64)]) -> Result<Resolved, Vec<Diagnostic>> {
    let mut resolver = Resolver::default();
    resolver.declare_params(&program.params, overrides);
    let arrays = resolver.declare_arrays(&program.arrays);
    resolver.declare_labels(&program.body);
    let body = resolver.body(&program.body);
    if resolver.errors.is_empty() {
        let program = Program { params: Vec::new(), arrays, body };
        let warnings = doubts(&program);
        return Ok(Resolved { program, warnings });
    }
    resolver.errors.sort_by_key(|error| error.span.start);
    Err(resolver.errors)
}

/// What a name stands for.
#[derive(Clone, Copy, Debug)]
pub(super) enum Entity {
    Param { value: i64, declared: Span },
    Array { role: Role, rank: usize, declared: Span },
    Iterator,
}

/// The declarations so far and the mistakes found. Every method that builds a part returns none where that part is wrong.
#[derive(Default)]
pub(super) struct Resolver {
    names: HashMap<Name, Entity>,
    labels: HashSet<Name>,
    /// The number of the next label to give.
    next_label: usize,
    errors: Vec<Diagnostic>,
}

/// Declarations.
impl Resolver {
    fn declare(&mut self, name: &Name, entity: Entity, span: Span) {
        if is_reserved(name) {
            self.report(Meaning::Reserved(name.clone()), span);
        }
        if self.names.contains_key(name) {
            self.report(Meaning::Twice(name.clone()), span);
        } else {
            self.names.insert(name.clone(), entity);
        }
    }

    fn declare_params(&mut self, params: &[Param], overrides: &[(String, i64)]) {
        for Param { name, value, span } in params {
            let given = overrides.iter().rev().find(|(given, _)| **given == **name);
            let value = given.map_or(*value, |(_, value)| *value);
            if value < 1 {
                self.report(Meaning::Parameter { name: name.clone(), value }, *span);
            }
            self.declare(name, Entity::Param { value: value.max(1), declared: *span }, *span);
        }
    }

    fn declare_arrays(&mut self, arrays: &[Array]) -> Vec<Array> {
        let mut total: i64 = 0;
        let mut resolved = Vec::new();
        for array in arrays {
            let entity = Entity::Array { role: array.role, rank: array.dims.len(), declared: array.span };
            let known = self.extents(array);
            self.declare(&array.name, entity, array.span);
            let Some(extents) = known else { continue };
            let Some(bytes) = size_in_bytes(&extents, array.ty) else {
                self.report(Meaning::Size(array.name.clone()), array.span);
                continue;
            };
            match total.checked_add(bytes) {
                Some(sum) => total = sum,
                None => self.report(Meaning::TotalSize, array.span),
            }
            let dims =
                array.dims.iter().zip(&extents).map(|(dim, extent)| Affine { kind: AffineKind::Int(*extent), ..*dim });
            resolved.push(Array { dims: dims.collect(), extents: extents.clone(), ..array.clone() });
        }
        resolved
    }

    fn extents(&mut self, array: &Array) -> Option<Vec<i64>> {
        let extents: Vec<Option<i64>> = array.dims.iter().map(|dim| self.extent(array, dim)).collect();
        extents.into_iter().collect()
    }

    fn extent(&mut self, array: &Array, dim: &Affine) -> Option<i64> {
        let AffineKind::Int(value) = resolve_affine(self, dim, Position::Extent)?.kind else { return None };
        if value < 1 {
            self.report(Meaning::Extent { array: array.name.clone(), value }, dim.span);
            return None;
        }
        Some(value)
    }

    /// Notes the labels that the source gives, so that none of them is given again.
    fn declare_labels(&mut self, body: &[Stmt]) {
        for stmt in body {
            match stmt {
                Stmt::For(stmt) => self.declare_labels(&stmt.body),
                Stmt::If(stmt) => {
                    self.declare_labels(&stmt.then);
                    self.declare_labels(&stmt.orelse);
                }
                Stmt::Assign(Assign { label: Some(label), span, .. }) => {
                    if is_reserved(label) {
                        self.report(Meaning::Reserved(label.clone()), *span);
                    }
                    if !self.labels.insert(label.clone()) {
                        self.report(Meaning::LabelTwice(label.clone()), label_span(label, *span));
                    }
                }
                Stmt::Assign(_) | Stmt::Transfer(_) => {}
            }
        }
    }

    fn fresh_label(&mut self) -> Name {
        loop {
            let label: Name = format!("S{}", self.next_label).into();
            self.next_label += 1;
            if !self.labels.contains(&label) {
                return label;
            }
        }
    }

    pub(super) fn report(&mut self, mistake: Meaning, span: Span) {
        self.errors.push(mistake.at(span));
    }

    /// What `name` stands for at `span`.
    pub(super) fn look_up(&mut self, name: &Name, span: Span) -> Option<Entity> {
        let found = self.names.get(name).copied();
        match found {
            None => self.report(Meaning::Unknown(name.clone()), span),
            Some(Entity::Param { declared, .. } | Entity::Array { declared, .. }) if is_before(span, declared) => {
                self.report(Meaning::Early(name.clone()), span);
            }
            Some(_) => {}
        }
        found
    }
}

/// Whether the text at `use_` stands before the one at `declared`; parts that no source text has stand nowhere.
fn is_before(use_: Span, declared: Span) -> bool {
    use_.end != 0 && use_.start < declared.start
}

/// The label alone in an assignment that starts with it.
fn label_span(label: &Name, assign: Span) -> Span {
    let length = u32::try_from(label.len()).unwrap_or(u32::MAX);
    Span { end: assign.start.saturating_add(length).min(assign.end), ..assign }
}

fn size_in_bytes(extents: &[i64], ty: Type) -> Option<i64> {
    extents.iter().try_fold(ty.bytes(), |bytes, extent| bytes.checked_mul(*extent))
}

/// Statements.
impl Resolver {
    fn body(&mut self, body: &[Stmt]) -> Vec<Stmt> {
        body.iter().filter_map(|stmt| self.stmt(stmt)).collect()
    }

    fn stmt(&mut self, stmt: &Stmt) -> Option<Stmt> {
        match stmt {
            Stmt::For(stmt) => self.for_loop(stmt).map(Stmt::For),
            Stmt::If(stmt) => self.if_else(stmt).map(Stmt::If),
            Stmt::Assign(stmt) => self.assign(stmt).map(Stmt::Assign),
            Stmt::Transfer(stmt) => self.transfer(stmt).map(Stmt::Transfer),
        }
    }

    fn for_loop(&mut self, stmt: &For) -> Option<For> {
        let (ranges, opened) = self.open_ranges(&stmt.ranges);
        let body = self.body(&stmt.body);
        self.close_ranges(opened);
        Some(For { ranges: ranges?, body, span: stmt.span })
    }

    /// Resolves ranges and lets their iterators be seen; returns the names to take back afterwards, too.
    fn open_ranges(&mut self, ranges: &[Range]) -> (Option<Vec<Range>>, Vec<Name>) {
        let mut opened = Vec::new();
        let resolved: Vec<Option<Range>> = ranges
            .iter()
            .map(|range| {
                let resolved = self.range(range);
                if self.open_iterator(range) {
                    opened.push(range.iterator.clone());
                }
                resolved
            })
            .collect();
        (resolved.into_iter().collect(), opened)
    }

    fn open_iterator(&mut self, range: &Range) -> bool {
        let name = &range.iterator;
        if is_reserved(name) {
            self.report(Meaning::Reserved(name.clone()), range.span);
        }
        let is_new = !self.names.contains_key(name);
        if is_new {
            self.names.insert(name.clone(), Entity::Iterator);
        } else {
            self.report(Meaning::Shadow(name.clone()), label_span(name, range.span));
        }
        is_new
    }

    fn close_ranges(&mut self, opened: Vec<Name>) {
        for name in opened {
            self.names.remove(&name);
        }
    }

    fn range(&mut self, range: &Range) -> Option<Range> {
        let lo = resolve_affine(self, &range.lo, Position::Bound);
        let hi = resolve_affine(self, &range.hi, Position::Bound);
        if range.step < 1 {
            self.report(Meaning::Step(range.step), range.span);
        }
        Some(Range { iterator: range.iterator.clone(), lo: lo?, hi: hi?, ..*range })
    }

    fn if_else(&mut self, stmt: &If) -> Option<If> {
        let condition = self.condition(&stmt.condition, Resolver::side);
        let (then, orelse) = (self.body(&stmt.then), self.body(&stmt.orelse));
        Some(If { condition: condition?, then, orelse, span: stmt.span })
    }

    fn side(&mut self, side: &Affine) -> Option<Affine> {
        resolve_affine(self, side, Position::Condition)
    }

    fn condition<T>(&mut self, condition: &Condition<T>, side: fn(&mut Self, &T) -> Option<T>) -> Option<Condition<T>> {
        match condition {
            Condition::Chain(first, rest) => {
                let first = side(self, first);
                let rest: Vec<_> = rest.iter().map(|(op, next)| Some((*op, side(self, next)?))).collect();
                Some(Condition::Chain(first?, rest.into_iter().collect::<Option<_>>()?))
            }
            Condition::And(parts) => self.conditions(parts, side).map(Condition::And),
            Condition::Or(parts) => self.conditions(parts, side).map(Condition::Or),
            Condition::Not(inner) => self.condition(inner, side).map(|inner| Condition::Not(Box::new(inner))),
        }
    }

    fn conditions<T>(
        &mut self,
        parts: &[Condition<T>],
        side: fn(&mut Self, &T) -> Option<T>,
    ) -> Option<Vec<Condition<T>>> {
        let parts: Vec<_> = parts.iter().map(|part| self.condition(part, side)).collect();
        parts.into_iter().collect()
    }

    fn assign(&mut self, stmt: &Assign) -> Option<Assign> {
        let label = stmt.label.clone().unwrap_or_else(|| self.fresh_label());
        let target = self.target(&stmt.target);
        let value = self.expr(&stmt.value);
        Some(Assign { label: Some(label), target: target?, value: value?, ..*stmt })
    }

    fn transfer(&mut self, stmt: &Transfer) -> Option<Transfer> {
        let (ranges, opened) = self.open_ranges(&stmt.ranges);
        let target = self.target(&stmt.target);
        let source = self.access(&stmt.source);
        self.close_ranges(opened);
        let (target, source) = (target?, source?);
        let is_load = stmt.direction == Direction::Load;
        if self.is_scratch(&target) != is_load || self.is_scratch(&source) == is_load {
            self.report(Meaning::Direction { load: is_load }, stmt.span);
        }
        Some(Transfer { target, source, ranges: ranges?, ..*stmt })
    }

    fn is_scratch(&self, access: &Access) -> bool {
        matches!(self.names.get(&access.array), Some(Entity::Array { role: Role::Scratch, .. }))
    }

    /// An access that is written.
    fn target(&mut self, access: &Access) -> Option<Access> {
        if let Some(Entity::Array { role: Role::Input, .. }) = self.names.get(&access.array) {
            self.report(Meaning::WriteToInput(access.array.clone()), access.span);
        }
        self.element(access, |name, kind| Meaning::Assigned { name, kind })
    }

    fn access(&mut self, access: &Access) -> Option<Access> {
        self.element(access, |name, kind| Meaning::Elements { name, kind })
    }

    /// An element of an array; `otherwise` is the mistake where the name is that of something else.
    fn element(&mut self, access: &Access, otherwise: fn(Name, &'static str) -> Meaning) -> Option<Access> {
        let entity = self.look_up(&access.array, access.span);
        let indices: Vec<_> = access.indices.iter().map(|i| resolve_affine(self, i, Position::Index)).collect();
        let kind = match entity? {
            Entity::Array { rank, .. } => {
                let found = indices.len();
                if found != rank {
                    let array = access.array.clone();
                    self.report(Meaning::Indices { array, expected: rank, found }, access.span);
                }
                let indices = indices.into_iter().collect::<Option<_>>()?;
                return Some(Access { array: access.array.clone(), indices, span: access.span });
            }
            Entity::Param { .. } => "the parameter",
            Entity::Iterator => "the iterator",
        };
        self.report(otherwise(access.array.clone(), kind), access.span);
        None
    }
}

/// Values.
impl Resolver {
    fn expr(&mut self, expr: &Expr) -> Option<Expr> {
        let kind = match &expr.kind {
            ExprKind::Number(_) | ExprKind::Inf => expr.kind.clone(),
            ExprKind::Name(name) => self.name(name, expr.span)?,
            ExprKind::Access(access) => ExprKind::Access(self.access(access)?),
            ExprKind::Neg(operand) => ExprKind::Neg(Box::new(self.expr(operand)?)),
            ExprKind::Binary(op, left, right) => {
                let (left, right) = (self.expr(left), self.expr(right));
                ExprKind::Binary(*op, Box::new(left?), Box::new(right?))
            }
            ExprKind::Call(call, arguments) => {
                self.arguments(*call, arguments.len(), expr.span);
                let arguments: Vec<_> = arguments.iter().map(|argument| self.expr(argument)).collect();
                ExprKind::Call(*call, arguments.into_iter().collect::<Option<_>>()?)
            }
            ExprKind::Select(condition, then, orelse) => {
                let condition = self.condition(condition, Resolver::expr);
                let (then, orelse) = (self.expr(then), self.expr(orelse));
                ExprKind::Select(Box::new(condition?), Box::new(then?), Box::new(orelse?))
            }
        };
        Some(Expr { kind, span: expr.span })
    }

    fn name(&mut self, name: &Name, span: Span) -> Option<ExprKind> {
        Some(match self.look_up(name, span)? {
            Entity::Param { value, .. } => ExprKind::Number(value as f64),
            Entity::Iterator => ExprKind::Name(name.clone()),
            Entity::Array { .. } => {
                ExprKind::Access(self.access(&Access { array: name.clone(), indices: Vec::new(), span })?)
            }
        })
    }

    fn arguments(&mut self, call: Call, found: usize, span: Span) {
        let (expected, is_right) = match call {
            Call::Max | Call::Min => ("two or more arguments", found >= 2),
            Call::Pow => ("two arguments", found == 2),
            _ => ("one argument", found == 1),
        };
        if !is_right {
            self.report(Meaning::Arguments { call: call.word(), expected, found }, span);
        }
    }
}
