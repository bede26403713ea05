//! Are static counts those of a run, and exact at any size?

mod build;

use build::{int, name, range, scalar, set};
use polyfuse::count::{CountError, count, count_within};
use polyfuse::lang::ast::*;
use polyfuse::run::{Modular, Traffic, execute_observed};

/// A generator of small numbers, the same in every run.
struct Dice(u64);

impl Dice {
    fn below(&mut self, sides: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        (self.0 >> 33) % sides
    }

    fn between(&mut self, low: i64, high: i64) -> i64 {
        low + self.below((high - low + 1) as u64) as i64
    }

    fn chance(&mut self, percent: u64) -> bool {
        self.below(100) < percent
    }
}

/// `a * x + b * y + c` with floors and remainders now and then, over the iterators in scope.
fn affine(dice: &mut Dice, scope: &[String]) -> Affine {
    let constant = int(dice.between(-3, 6));
    if scope.is_empty() || dice.chance(25) {
        return constant;
    }
    let pick = |dice: &mut Dice| name(&scope[dice.below(scope.len() as u64) as usize]);
    let mut form = pick(dice);
    if dice.chance(30) {
        form = AffineKind::Mul(Box::new(int(dice.between(-2, 3))), Box::new(form)).into();
    }
    if dice.chance(40) {
        let kind = if dice.chance(50) { AffineKind::Add } else { AffineKind::Sub };
        form = kind(Box::new(form), Box::new(pick(dice))).into();
    }
    form = AffineKind::Add(Box::new(form), Box::new(constant)).into();
    if dice.chance(20) {
        let kind = if dice.chance(50) { AffineKind::Div } else { AffineKind::Mod };
        form = kind(Box::new(form), Box::new(int(dice.between(2, 4)))).into();
    }
    form
}

fn bound(dice: &mut Dice, scope: &[String]) -> Affine {
    match dice.below(6) {
        0 => AffineKind::Min(vec![affine(dice, scope), affine(dice, scope)]).into(),
        1 => AffineKind::Max(vec![affine(dice, scope), affine(dice, scope)]).into(),
        _ => affine(dice, scope),
    }
}

fn condition(dice: &mut Dice, scope: &[String], depth: u64) -> Condition<Affine> {
    match dice.below(if depth == 0 { 1 } else { 4 }) {
        0 => {
            let comparison = |dice: &mut Dice| {
                use Comparison::{Eq, Ge, Gt, Le, Lt, Ne};
                [Lt, Le, Gt, Ge, Eq, Ne][dice.below(6) as usize]
            };
            let mut rest = vec![(comparison(dice), affine(dice, scope))];
            if dice.chance(25) {
                rest.push((comparison(dice), affine(dice, scope)));
            }
            Condition::Chain(affine(dice, scope), rest)
        }
        1 => Condition::And(vec![condition(dice, scope, depth - 1), condition(dice, scope, depth - 1)]),
        2 => Condition::Or(vec![condition(dice, scope, depth - 1), condition(dice, scope, depth - 1)]),
        _ => Condition::Not(Box::new(condition(dice, scope, depth - 1))),
    }
}

/// A nest of `depth` loops with a condition, each branch of which writes an output of its own.
fn nest(dice: &mut Dice, depth: usize) -> Program {
    let mut scope: Vec<String> = Vec::new();
    let mut ranges = Vec::new();
    for level in 0..depth {
        let iterator = format!("i{level}");
        let lo = bound(dice, &scope);
        let hi = AffineKind::Min(vec![
            int(dice.between(2, 9)),
            AffineKind::Add(Box::new(bound(dice, &scope)), Box::new(int(dice.between(0, 5)))).into(),
        ]);
        let hi = if let AffineKind::Min(parts) = &hi
            && let AffineKind::Add(b, _) = &parts[1].kind
            && matches!(b.kind, AffineKind::Min(_) | AffineKind::Max(_))
        {
            AffineKind::Min(vec![parts[0].clone(), (**b).clone()])
        } else {
            hi
        };
        let step = if dice.chance(25) { dice.between(2, 4) } else { 1 };
        ranges.push(range(&iterator, lo, hi.into(), step));
        scope.push(iterator);
    }
    let branch = Stmt::If(If {
        condition: condition(dice, &scope, 2),
        then: vec![set("T")],
        orelse: vec![set("E")],
        span: Span::default(),
    });
    let body = vec![Stmt::For(For { ranges, body: vec![set("A"), branch], span: Span::default() })];
    let arrays = ["A", "T", "E"].map(|name| scalar(Role::Output, name)).to_vec();
    Program { params: Vec::new(), arrays, body }
}

#[test]
fn counts_of_random_nests_are_those_of_a_run() {
    let mut dice = Dice(7);
    let (mut counted, mut refused) = (0, 0);
    for n in 0..1500 {
        let program = nest(&mut dice, 1 + n % 4);
        let mut traffic = Traffic::new(&program);
        execute_observed::<Modular, _>(&program, 0, 1_000_000, &mut traffic).unwrap();
        let run: Vec<i128> = traffic.arrays.iter().map(|moved| moved.1.into()).collect();
        let t = std::time::Instant::now();
        match count_within(&program, 100_000) {
            Ok(counts) => {
                let stores: Vec<i128> = counts.arrays.iter().map(|array| array.store_elements).collect();
                assert_eq!(stores, run, "nest {n}: {program:#?}");
                counted += 1;
            }
            Err(CountError::Budget) => refused += 1,
            Err(error) => panic!("nest {n}: {error}"),
        }
        if t.elapsed().as_millis() > 200 {
            println!("{n} {:?}", t.elapsed());
        }
    }
    println!("{counted} {refused}");
    assert!(refused * 100 < counted, "{refused} of {counted} refused");
}
