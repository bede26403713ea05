//! What do expressions read like when something else stands for their names?

use super::ast::{Affine, AffineKind, Condition, Name};

impl Affine {
    /// The expression with others in the place of some names.
    pub fn replaced(&self, by: &dyn Fn(&Name) -> Option<Affine>) -> Affine {
        let of = |a: &Affine| Box::new(a.replaced(by));
        let all = |parts: &[Affine]| parts.iter().map(|a| a.replaced(by)).collect();
        let kind = match &self.kind {
            AffineKind::Int(_) => return self.clone(),
            AffineKind::Name(name) => return by(name).unwrap_or_else(|| self.clone()),
            AffineKind::Neg(a) => AffineKind::Neg(of(a)),
            AffineKind::Add(a, b) => AffineKind::Add(of(a), of(b)),
            AffineKind::Sub(a, b) => AffineKind::Sub(of(a), of(b)),
            AffineKind::Mul(a, b) => AffineKind::Mul(of(a), of(b)),
            AffineKind::Div(a, b) => AffineKind::Div(of(a), of(b)),
            AffineKind::Mod(a, b) => AffineKind::Mod(of(a), of(b)),
            AffineKind::Min(parts) => AffineKind::Min(all(parts)),
            AffineKind::Max(parts) => AffineKind::Max(all(parts)),
        };
        Affine { kind, span: self.span }
    }

    /// Whether a name for which this holds stands in the expression.
    pub fn has(&self, is: &dyn Fn(&Name) -> bool) -> bool {
        match &self.kind {
            AffineKind::Int(_) => false,
            AffineKind::Name(name) => is(name),
            AffineKind::Neg(a) => a.has(is),
            AffineKind::Add(a, b)
            | AffineKind::Sub(a, b)
            | AffineKind::Mul(a, b)
            | AffineKind::Div(a, b)
            | AffineKind::Mod(a, b) => a.has(is) || b.has(is),
            AffineKind::Min(all) | AffineKind::Max(all) => all.iter().any(|a| a.has(is)),
        }
    }

    /// The expression and a constant.
    pub fn plus(self, constant: i64) -> Affine {
        match constant {
            0 => self,
            1.. => AffineKind::Add(Box::new(self), Box::new(Affine::int(constant))).into(),
            _ => AffineKind::Sub(Box::new(self), Box::new(Affine::int(-constant))).into(),
        }
    }
}

impl<T> Condition<T> {
    /// The condition with other sides.
    pub fn map(&self, side: &dyn Fn(&T) -> T) -> Condition<T> {
        let all = |parts: &[Condition<T>]| parts.iter().map(|part| part.map(side)).collect();
        match self {
            Condition::Chain(first, rest) => {
                Condition::Chain(side(first), rest.iter().map(|(comparison, a)| (*comparison, side(a))).collect())
            }
            Condition::And(parts) => Condition::And(all(parts)),
            Condition::Or(parts) => Condition::Or(all(parts)),
            Condition::Not(part) => Condition::Not(Box::new(part.map(side))),
        }
    }
}
