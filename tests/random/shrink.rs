//! Which smaller program still shows a fault? Greedy: the first change that keeps it is kept.

use polyfuse::lang::ast::*;

/// The smallest program found that `fails`, in at most `attempts` tries.
pub fn shrink(program: Program, mut attempts: usize, fails: impl Fn(&Program) -> bool) -> Program {
    let mut best = program;
    let mut site = 0;
    let mut since = 0;
    while attempts > 0 {
        let mut changed = best.clone();
        let mut editor = Editor { left: site, done: false };
        editor.program(&mut changed);
        if !editor.done {
            if since == 0 {
                break;
            }
            (site, since) = (0, 0);
            continue;
        }
        attempts -= 1;
        if changed != best && fails(&changed) {
            best = changed;
            since += 1;
        } else {
            site += 1;
        }
    }
    best
}

/// Makes one change: the one numbered `left` in a walk over the program.
struct Editor {
    left: usize,
    done: bool,
}

impl Editor {
    /// Whether the change to make is this one.
    fn here(&mut self) -> bool {
        let here = !self.done && self.left == 0;
        self.done |= here;
        self.left = self.left.saturating_sub(1);
        here
    }

    fn program(&mut self, program: &mut Program) {
        self.body(&mut program.body);
        for n in 0..program.arrays.len() {
            if self.here() {
                program.arrays.remove(n);
                return;
            }
        }
        for array in &mut program.arrays {
            if array.ty != Type::F32 && self.here() {
                array.ty = Type::F32;
            }
            array.dims.iter_mut().for_each(|dim| self.affine(dim));
        }
        for n in 0..program.params.len() {
            if self.here() {
                let Param { name, value, .. } = program.params.remove(n);
                substitute_body(&mut program.body, &name, &Affine::int(value));
                for dim in program.arrays.iter_mut().flat_map(|a| &mut a.dims) {
                    substitute(dim, &name, &Affine::int(value));
                }
                return;
            }
        }
    }

    fn body(&mut self, body: &mut Vec<Stmt>) {
        let mut n = 0;
        while n < body.len() && !self.done {
            if self.here() {
                body.remove(n);
                return;
            }
            if let Some(replaced) = self.opened(&body[n]) {
                body.splice(n..=n, replaced);
                return;
            }
            match &mut body[n] {
                Stmt::For(f) => {
                    self.body(&mut f.body);
                    for range in &mut f.ranges {
                        self.affine(&mut range.lo);
                        self.affine(&mut range.hi);
                        if range.step > 1 && self.here() {
                            range.step = 1;
                        }
                    }
                }
                Stmt::If(i) => {
                    self.body(&mut i.then);
                    self.body(&mut i.orelse);
                    self.condition(&mut i.condition);
                }
                Stmt::Assign(assign) => {
                    assign.target.indices.iter_mut().for_each(|index| self.affine(index));
                    self.expr(&mut assign.value);
                }
                Stmt::Transfer(_) => {}
            }
            n += 1;
        }
    }

    /// A branch in place of an `if`, or a loop without one of its ranges.
    fn opened(&mut self, stmt: &Stmt) -> Option<Vec<Stmt>> {
        match stmt {
            Stmt::If(i) if self.here() => Some(i.then.clone()),
            Stmt::If(i) if self.here() => Some(i.orelse.clone()),
            Stmt::For(f) => {
                let n = (0..f.ranges.len()).find(|_| self.here())?;
                let mut rest = f.clone();
                let Range { iterator, lo, .. } = rest.ranges.remove(n);
                for range in &mut rest.ranges {
                    substitute(&mut range.lo, &iterator, &lo);
                    substitute(&mut range.hi, &iterator, &lo);
                }
                substitute_body(&mut rest.body, &iterator, &lo);
                Some(if rest.ranges.is_empty() { rest.body } else { vec![Stmt::For(rest)] })
            }
            _ => None,
        }
    }

    fn affine(&mut self, affine: &mut Affine) {
        match &mut affine.kind {
            AffineKind::Int(value) => {
                if *value > 1 && self.here() {
                    *value /= 2;
                } else if *value > 0 && self.here() {
                    *value -= 1;
                }
            }
            AffineKind::Name(_) => {}
            AffineKind::Neg(a) => {
                if self.here() {
                    *affine = (**a).clone();
                    return;
                }
                self.affine(a);
            }
            AffineKind::Add(a, b)
            | AffineKind::Sub(a, b)
            | AffineKind::Mul(a, b)
            | AffineKind::Div(a, b)
            | AffineKind::Mod(a, b) => {
                if self.here() {
                    *affine = (**a).clone();
                    return;
                }
                if self.here() {
                    *affine = (**b).clone();
                    return;
                }
                self.affine(a);
                self.affine(b);
            }
            AffineKind::Min(parts) | AffineKind::Max(parts) => {
                for part in parts.iter() {
                    if self.here() {
                        *affine = part.clone();
                        return;
                    }
                }
                parts.iter_mut().for_each(|part| self.affine(part));
            }
        }
    }

    fn condition(&mut self, condition: &mut Condition<Affine>) {
        match condition {
            Condition::Chain(first, rest) => {
                if rest.len() > 1 && self.here() {
                    rest.pop();
                }
                self.affine(first);
                rest.iter_mut().for_each(|(_, part)| self.affine(part));
            }
            Condition::And(parts) | Condition::Or(parts) => {
                for part in parts.iter() {
                    if self.here() {
                        *condition = part.clone();
                        return;
                    }
                }
                parts.iter_mut().for_each(|part| self.condition(part));
            }
            Condition::Not(inner) => {
                if self.here() {
                    *condition = (**inner).clone();
                    return;
                }
                self.condition(inner);
            }
        }
    }

    fn expr(&mut self, expr: &mut Expr) {
        let leaf = matches!(expr.kind, ExprKind::Number(_) | ExprKind::Inf);
        if !leaf && self.here() {
            *expr = ExprKind::Number(1.0).into();
            return;
        }
        for part in parts(expr) {
            if self.here() {
                *expr = part;
                return;
            }
        }
        match &mut expr.kind {
            ExprKind::Access(access) => access.indices.iter_mut().for_each(|index| self.affine(index)),
            ExprKind::Neg(a) => self.expr(a),
            ExprKind::Binary(_, a, b) => {
                self.expr(a);
                self.expr(b);
            }
            ExprKind::Call(_, args) => args.iter_mut().for_each(|a| self.expr(a)),
            ExprKind::Select(_, a, b) => {
                self.expr(a);
                self.expr(b);
            }
            ExprKind::Number(_) | ExprKind::Inf | ExprKind::Name(_) => {}
        }
    }
}

/// The operands of an expression.
fn parts(expr: &Expr) -> Vec<Expr> {
    match &expr.kind {
        ExprKind::Neg(a) => vec![(**a).clone()],
        ExprKind::Binary(_, a, b) => vec![(**a).clone(), (**b).clone()],
        ExprKind::Call(_, args) => args.clone(),
        ExprKind::Select(condition, a, b) => {
            let mut all = vec![(**a).clone(), (**b).clone()];
            compared(condition, &mut all);
            all
        }
        _ => Vec::new(),
    }
}

/// The values that a condition compares.
fn compared(condition: &Condition<Expr>, found: &mut Vec<Expr>) {
    match condition {
        Condition::Chain(first, rest) => {
            found.push(first.clone());
            found.extend(rest.iter().map(|(_, part)| part.clone()));
        }
        Condition::And(parts) | Condition::Or(parts) => parts.iter().for_each(|part| compared(part, found)),
        Condition::Not(inner) => compared(inner, found),
    }
}

fn substitute(affine: &mut Affine, name: &Name, value: &Affine) {
    match &mut affine.kind {
        AffineKind::Name(known) if known == name => *affine = value.clone(),
        AffineKind::Int(_) | AffineKind::Name(_) => {}
        AffineKind::Neg(a) => substitute(a, name, value),
        AffineKind::Add(a, b)
        | AffineKind::Sub(a, b)
        | AffineKind::Mul(a, b)
        | AffineKind::Div(a, b)
        | AffineKind::Mod(a, b) => {
            substitute(a, name, value);
            substitute(b, name, value);
        }
        AffineKind::Min(parts) | AffineKind::Max(parts) => {
            parts.iter_mut().for_each(|part| substitute(part, name, value));
        }
    }
}

fn substitute_body(body: &mut [Stmt], name: &Name, value: &Affine) {
    for stmt in body {
        match stmt {
            Stmt::For(f) => {
                for range in &mut f.ranges {
                    substitute(&mut range.lo, name, value);
                    substitute(&mut range.hi, name, value);
                }
                substitute_body(&mut f.body, name, value);
            }
            Stmt::If(i) => {
                each_side(&mut i.condition, &mut |side| substitute(side, name, value));
                substitute_body(&mut i.then, name, value);
                substitute_body(&mut i.orelse, name, value);
            }
            Stmt::Assign(assign) => {
                assign.target.indices.iter_mut().for_each(|index| substitute(index, name, value));
                substitute_expr(&mut assign.value, name, value);
            }
            Stmt::Transfer(_) => {}
        }
    }
}

/// Changes every side of every comparison.
fn each_side<T>(condition: &mut Condition<T>, change: &mut impl FnMut(&mut T)) {
    match condition {
        Condition::Chain(first, rest) => {
            change(first);
            rest.iter_mut().for_each(|(_, part)| change(part));
        }
        Condition::And(parts) | Condition::Or(parts) => {
            parts.iter_mut().for_each(|part| each_side(part, change));
        }
        Condition::Not(inner) => each_side(inner, change),
    }
}

/// In the indices of an expression; as a value the name becomes 1.
fn substitute_expr(expr: &mut Expr, name: &Name, value: &Affine) {
    match &mut expr.kind {
        ExprKind::Name(known) if known == name => *expr = ExprKind::Number(1.0).into(),
        ExprKind::Access(access) => access.indices.iter_mut().for_each(|index| substitute(index, name, value)),
        ExprKind::Neg(a) => substitute_expr(a, name, value),
        ExprKind::Binary(_, a, b) => {
            substitute_expr(a, name, value);
            substitute_expr(b, name, value);
        }
        ExprKind::Call(_, args) => args.iter_mut().for_each(|a| substitute_expr(a, name, value)),
        ExprKind::Select(condition, a, b) => {
            each_side(condition, &mut |side| substitute_expr(side, name, value));
            substitute_expr(a, name, value);
            substitute_expr(b, name, value);
        }
        ExprKind::Number(_) | ExprKind::Inf | ExprKind::Name(_) => {}
    }
}
