//! Which loops run the same where no expression chooses between values?
//!
//! isl writes `c ? a : b`, `min` and `max` wherever a value is due; the loop language has `min` and `max` as whole bounds alone.
//! A value that chooses is taken apart into its cases, each with the conditions under which it holds: a comparison becomes the
//! disjunction of its cases, and a loop runs from the smallest to the largest value that its bound can take, with the
//! disjunction as a guard inside.

use crate::isl::{Expr, Node, Op};

/// A value and the conditions, all of them, under which an expression has it.
struct Case {
    conditions: Vec<Expr>,
    value: Expr,
}

/// A node with the same instances in the same order, whose expressions choose at the top of a bound alone, by `min` and `max`.
pub fn plain(node: &Node) -> Node {
    match node {
        Node::Block(parts) => Node::Block(parts.iter().map(plain).collect()),
        Node::User { name, arguments } => {
            let user = |arguments| Node::User { name: name.clone(), arguments };
            let mut alternatives: Vec<Node> = product(arguments)
                .into_iter()
                .map(|(conditions, arguments)| guarded(conditions, user(arguments)))
                .collect();
            if alternatives.len() == 1 { alternatives.remove(0) } else { Node::Block(alternatives) }
        }
        Node::If { condition, then, orelse } => Node::If {
            condition: plain_condition(condition),
            then: Box::new(plain(then)),
            orelse: orelse.as_ref().map(|node| Box::new(plain(node))),
        },
        Node::For { iterator, init, degenerate: true, body, .. } => {
            let body = Box::new(plain(body));
            let mut values = cases(init);
            if values.len() == 1 {
                let (init, condition) = (values.remove(0).value, Expr::Int(1));
                return Node::For { iterator: iterator.clone(), init, condition, step: 1, degenerate: true, body };
            }
            let (init, last) = (extreme(Op::Min, &values), extreme(Op::Max, &values));
            let met = any(values, |value| binary(Op::Eq, Expr::Name(iterator.clone()), value));
            let condition = binary(Op::Le, Expr::Name(iterator.clone()), last);
            let body = Box::new(guarded(vec![met], *body));
            Node::For { iterator: iterator.clone(), init, condition, step: 1, degenerate: false, body }
        }
        Node::For { iterator, init, condition, step, body, .. } => plain_loop(iterator, init, condition, *step, body),
    }
}

fn plain_loop(iterator: &str, init: &Expr, condition: &Expr, step: i64, body: &Node) -> Node {
    let it = || Expr::Name(iterator.into());
    let (mut init, mut condition, mut step) = (init.clone(), condition.clone(), step);
    let mut guards = Vec::new();
    if !is_bound(&init) {
        let values = cases(&init);
        init = extreme(Op::Min, &values);
        guards.push(any(values, |value| {
            let after = binary(Op::Ge, it(), value.clone());
            let distance = binary(Op::Mod, binary(Op::Sub, it(), value), Expr::Int(step));
            let on_step = (step > 1).then(|| binary(Op::Eq, distance, Expr::Int(0)));
            all([after].into_iter().chain(on_step).collect())
        }));
        step = 1;
    }
    if let Expr::Op(op @ (Op::Le | Op::Lt), sides) = &condition
        && !is_bound(&sides[1])
    {
        let (op, values) = (*op, cases(&sides[1]));
        condition = binary(op, it(), extreme(Op::Max, &values));
        guards.push(any(values, |value| binary(op, it(), value)));
    }
    let body = Box::new(guarded(guards, plain(body)));
    Node::For { iterator: iterator.into(), init, condition, step, degenerate: false, body }
}

/// Whether an expression chooses by `min` and `max` at its top, if at all.
fn is_bound(e: &Expr) -> bool {
    match e {
        Expr::Op(Op::Min | Op::Max, parts) => parts.iter().all(is_bound),
        e => !chooses(e),
    }
}

fn chooses(e: &Expr) -> bool {
    match e {
        Expr::Int(_) | Expr::Name(_) => false,
        Expr::Op(Op::Min | Op::Max | Op::Select, _) => true,
        Expr::Op(_, parts) => parts.iter().any(chooses),
    }
}

/// The values that an expression can take; exactly one case holds at a time.
fn cases(e: &Expr) -> Vec<Case> {
    match e {
        e if !chooses(e) => vec![Case { conditions: Vec::new(), value: e.clone() }],
        Expr::Op(Op::Select, parts) => {
            let condition = plain_condition(&parts[0]);
            let sides = [(condition.clone(), &parts[1]), (negated(&condition), &parts[2])];
            sides.into_iter().flat_map(|(condition, side)| under(condition, cases(side))).collect()
        }
        Expr::Op(op @ (Op::Min | Op::Max), parts) => {
            let chosen = |(conditions, parts): (Vec<Expr>, Vec<Expr>)| {
                let pick = |k: usize| {
                    let mut conditions = conditions.clone();
                    conditions.extend((0..parts.len()).filter(|&other| other != k).map(|other| {
                        // Of equal values the first is taken.
                        let comparison = match (op, other < k) {
                            (Op::Min, true) => Op::Lt,
                            (Op::Min, false) => Op::Le,
                            (_, true) => Op::Gt,
                            (_, false) => Op::Ge,
                        };
                        binary(comparison, parts[k].clone(), parts[other].clone())
                    }));
                    Case { conditions, value: parts[k].clone() }
                };
                (0..parts.len()).map(pick).collect::<Vec<_>>()
            };
            product(parts).into_iter().flat_map(chosen).collect()
        }
        Expr::Op(op, parts) => {
            let joined = |(conditions, parts): (Vec<Expr>, Vec<Expr>)| Case { conditions, value: Expr::Op(*op, parts) };
            product(parts).into_iter().map(joined).collect()
        }
        e => vec![Case { conditions: Vec::new(), value: e.clone() }],
    }
}

fn under(condition: Expr, mut cases: Vec<Case>) -> Vec<Case> {
    cases.iter_mut().for_each(|case| case.conditions.insert(0, condition.clone()));
    cases
}

/// All combinations of the cases of some expressions.
fn product(parts: &[Expr]) -> Vec<(Vec<Expr>, Vec<Expr>)> {
    parts.iter().fold(vec![(Vec::new(), Vec::new())], |known, part| {
        let extended = |(conditions, values): &(Vec<Expr>, Vec<Expr>)| {
            let more = |case: Case| {
                ([conditions.clone(), case.conditions].concat(), [values.clone(), vec![case.value]].concat())
            };
            cases(part).into_iter().map(more).collect::<Vec<_>>()
        };
        known.iter().flat_map(extended).collect()
    })
}

fn plain_condition(e: &Expr) -> Expr {
    match e {
        Expr::Op(op @ (Op::And | Op::Or), parts) => Expr::Op(*op, parts.iter().map(plain_condition).collect()),
        Expr::Op(op, sides) if chooses(e) => {
            let alternatives = product(sides).into_iter().map(|(mut conditions, sides)| {
                conditions.push(Expr::Op(*op, sides));
                all(conditions)
            });
            Expr::Op(Op::Or, alternatives.collect())
        }
        e => e.clone(),
    }
}

/// That a plain condition does not hold.
fn negated(e: &Expr) -> Expr {
    let flipped = |op, sides: &[Expr]| Expr::Op(op, sides.to_vec());
    match e {
        Expr::Int(truth) => Expr::Int(i64::from(*truth == 0)),
        Expr::Op(Op::And, parts) => Expr::Op(Op::Or, parts.iter().map(negated).collect()),
        Expr::Op(Op::Or, parts) => Expr::Op(Op::And, parts.iter().map(negated).collect()),
        Expr::Op(Op::Le, sides) => flipped(Op::Gt, sides),
        Expr::Op(Op::Lt, sides) => flipped(Op::Ge, sides),
        Expr::Op(Op::Ge, sides) => flipped(Op::Lt, sides),
        Expr::Op(Op::Gt, sides) => flipped(Op::Le, sides),
        Expr::Op(Op::Eq, sides) => Expr::Op(Op::Or, vec![flipped(Op::Lt, sides), flipped(Op::Gt, sides)]),
        // isl compares or joins comparisons: nothing else is a condition.
        e => binary(Op::Eq, e.clone(), Expr::Int(0)),
    }
}

fn binary(op: Op, a: Expr, b: Expr) -> Expr {
    Expr::Op(op, vec![a, b])
}

fn extreme(op: Op, cases: &[Case]) -> Expr {
    let mut values: Vec<Expr> = Vec::new();
    for case in cases {
        if !values.contains(&case.value) {
            values.push(case.value.clone());
        }
    }
    if values.len() == 1 { values.remove(0) } else { Expr::Op(op, values) }
}

/// That the case which holds has a value of which something is true.
fn any(cases: Vec<Case>, truth: impl Fn(Expr) -> Expr) -> Expr {
    let alternatives = cases.into_iter().map(|case| {
        let mut conditions = case.conditions;
        conditions.push(truth(case.value));
        all(conditions)
    });
    Expr::Op(Op::Or, alternatives.collect())
}

fn all(mut conditions: Vec<Expr>) -> Expr {
    if conditions.len() == 1 { conditions.remove(0) } else { Expr::Op(Op::And, conditions) }
}

fn guarded(conditions: Vec<Expr>, node: Node) -> Node {
    if conditions.is_empty() {
        return node;
    }
    Node::If { condition: all(conditions), then: Box::new(node), orelse: None }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(name: &str) -> Expr {
        Expr::Name(name.into())
    }

    #[test]
    fn a_value_that_is_chosen_becomes_cases() {
        let choice = Expr::Op(
            Op::Select,
            vec![binary(Op::Eq, name("a"), Expr::Int(0)), Expr::Int(3), binary(Op::Max, name("a"), name("b"))],
        );
        let found = cases(&binary(Op::Add, choice, Expr::Int(1)));
        let values: Vec<&Expr> = found.iter().map(|case| &case.value).collect();
        let plus_one = |e| binary(Op::Add, e, Expr::Int(1));
        assert_eq!(values, [&plus_one(Expr::Int(3)), &plus_one(name("a")), &plus_one(name("b"))]);
        assert_eq!(found[1].conditions.len(), 2);
    }

    #[test]
    fn a_bound_that_is_a_minimum_stays() {
        let condition = binary(Op::Le, name("i"), binary(Op::Min, name("a"), Expr::Int(7)));
        let user = Node::User { name: "S0".into(), arguments: vec![name("i")] };
        let node = Node::For {
            iterator: "i".into(),
            init: Expr::Int(0),
            condition,
            step: 2,
            degenerate: false,
            body: Box::new(user),
        };
        assert_eq!(plain(&node), node);
    }

    #[test]
    fn a_loop_that_runs_once_at_a_maximum_looks_for_it() {
        let user = Node::User { name: "S0".into(), arguments: vec![name("i")] };
        let node = Node::For {
            iterator: "i".into(),
            init: binary(Op::Max, name("a"), name("b")),
            condition: Expr::Int(1),
            step: 1,
            degenerate: true,
            body: Box::new(user),
        };
        let Node::For { init, degenerate, body, .. } = plain(&node) else { panic!("no loop") };
        assert_eq!((init, degenerate), (binary(Op::Min, name("a"), name("b")), false));
        assert!(matches!(*body, Node::If { .. }));
    }
}
