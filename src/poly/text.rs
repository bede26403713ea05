//! How do affine expressions and conditions read in isl's notation?

use crate::lang::ast::{Affine, AffineKind, Comparison, Condition, Name};

/// What stands for each iterator, in isl's notation.
pub type Iterators<'a> = dyn Fn(&Name) -> String + 'a;

pub fn affine(a: &Affine, iterators: &Iterators) -> String {
    let of = |a: &Affine| affine(a, iterators);
    let list = |name: &str, args: &[Affine]| match args.split_last() {
        Some((last, [])) => of(last),
        Some((last, rest)) => rest.iter().rev().fold(of(last), |inner, a| format!("{name}({}, {inner})", of(a))),
        None => "0".into(),
    };
    match &a.kind {
        AffineKind::Int(value) if *value >= 0 => value.to_string(),
        AffineKind::Int(value) => format!("({value})"),
        AffineKind::Name(name) => iterators(name),
        AffineKind::Neg(a) => format!("(-{})", of(a)),
        AffineKind::Add(a, b) => format!("({} + {})", of(a), of(b)),
        AffineKind::Sub(a, b) => format!("({} - {})", of(a), of(b)),
        // isl reads a factor only as a bare number in front.
        AffineKind::Mul(a, b) => match (&a.kind, &b.kind) {
            (AffineKind::Int(factor), _) => format!("({factor}*({}))", of(b)),
            (_, AffineKind::Int(factor)) => format!("({factor}*({}))", of(a)),
            _ => format!("({} * {})", of(a), of(b)),
        },
        AffineKind::Div(a, b) => format!("floor(({})/{})", of(a), of(b)),
        AffineKind::Mod(a, b) => format!("(({}) mod {})", of(a), of(b)),
        AffineKind::Min(args) => list("min", args),
        AffineKind::Max(args) => list("max", args),
    }
}

pub fn condition(c: &Condition<Affine>, iterators: &Iterators) -> String {
    let join = |parts: &[Condition<Affine>], word: &str| {
        let parts: Vec<String> = parts.iter().map(|c| condition(c, iterators)).collect();
        format!("({})", parts.join(word))
    };
    match c {
        Condition::Chain(first, rest) => {
            let mut left = affine(first, iterators);
            let mut parts = Vec::new();
            for (comparison, right) in rest {
                let right = affine(right, iterators);
                parts.push(format!("{left} {} {right}", symbol(*comparison)));
                left = right;
            }
            format!("({})", parts.join(" and "))
        }
        Condition::And(parts) => join(parts, " and "),
        Condition::Or(parts) => join(parts, " or "),
        Condition::Not(inner) => format!("(not {})", condition(inner, iterators)),
    }
}

fn symbol(comparison: Comparison) -> &'static str {
    match comparison {
        Comparison::Lt => "<",
        Comparison::Le => "<=",
        Comparison::Gt => ">",
        Comparison::Ge => ">=",
        Comparison::Eq => "=",
        Comparison::Ne => "!=",
    }
}

/// `i0,i1,i2`
pub fn tuple(letter: &str, n: usize) -> String {
    (0..n).map(|k| format!("{letter}{k}")).collect::<Vec<_>>().join(",")
}
