use super::*;
use crate::isl::Context;
use crate::schedule::{self, Answers, Fuse, Goal, Known, bands::Bands};
use crate::staging::{self, Times};
use crate::{lang, poly};
use std::collections::HashMap;

/// A visit: the leaf and the point.
type Visit = (String, Vec<i64>);

/// What the loops of a node visit, in order.
fn run(node: &Node, values: &mut HashMap<String, i64>, visits: &mut Vec<Visit>) {
    match node {
        Node::Block(parts) => parts.iter().for_each(|part| run(part, values, visits)),
        Node::User { name, arguments } => {
            visits.push((name.clone(), arguments.iter().map(|e| value(e, values)).collect()));
        }
        Node::If { condition, then, orelse } => match (value(condition, values) != 0, orelse) {
            (true, _) => run(then, values, visits),
            (false, Some(node)) => run(node, values, visits),
            (false, None) => {}
        },
        Node::For { iterator, init, condition, step, degenerate, body } => {
            values.insert(iterator.clone(), value(init, values));
            while *degenerate || value(condition, values) != 0 {
                run(body, values, visits);
                if *degenerate {
                    break;
                }
                values.entry(iterator.clone()).and_modify(|v| *v += step);
            }
        }
    }
}

fn value(e: &Expr, values: &HashMap<String, i64>) -> i64 {
    let Expr::Op(op, args) = e else {
        return match e {
            Expr::Int(value) => *value,
            Expr::Name(name) => values[name],
            Expr::Op(..) => unreachable!("matched above"),
        };
    };
    let args: Vec<i64> = args.iter().map(|e| value(e, values)).collect();
    match op {
        Op::And => args.iter().all(|&a| a != 0).into(),
        Op::Or => args.iter().any(|&a| a != 0).into(),
        Op::Max => args.iter().copied().max().unwrap(),
        Op::Min => args.iter().copied().min().unwrap(),
        Op::Minus => -args[0],
        Op::Add => args[0] + args[1],
        Op::Sub => args[0] - args[1],
        Op::Mul => args[0] * args[1],
        Op::Div | Op::FloorDiv => args[0].div_euclid(args[1]),
        Op::Mod | Op::ZeroMod => args[0].rem_euclid(args[1]),
        Op::Select => args[if args[0] != 0 { 1 } else { 2 }],
        Op::Eq => (args[0] == args[1]).into(),
        Op::Le => (args[0] <= args[1]).into(),
        Op::Lt => (args[0] < args[1]).into(),
        Op::Ge => (args[0] >= args[1]).into(),
        Op::Gt => (args[0] > args[1]).into(),
    }
}

fn visits(node: &Node) -> Vec<Visit> {
    let mut visits = Vec::new();
    run(node, &mut HashMap::new(), &mut visits);
    visits
}

/// The ordered part of the date of a visit.
fn date(leaves: &[Leaf], (name, point): &Visit) -> Vec<i64> {
    let leaf = leaves.iter().find(|leaf| leaf.name == *name).unwrap();
    let entry = |date: &Date| match date {
        Date::Position(at) => *at,
        Date::Dim(k) => point[*k],
    };
    leaf.date[..leaf.ordered].iter().map(entry).collect()
}

/// Compares with isl's loops; says whether there were loops to compare.
fn agrees(leaves: &[Leaf], what: &str) -> bool {
    let Some(node) = direct(leaves).unwrap() else { return false };
    compare(leaves, &node, visits(&by_isl(leaves).unwrap()), what);
    true
}

/// All points of the leaves, found without loops.
fn points(leaves: &[Leaf]) -> Vec<Visit> {
    leaves.iter().flat_map(|leaf| members(&leaf.set).into_iter().map(|point| (leaf.name.clone(), point))).collect()
}

/// The points of a set: of each in a box around it, whether a piece holds it.
fn members(set: &Set) -> Vec<Vec<i64>> {
    let (dims, pieces) = (set.n_dim().unwrap(), set.pieces().unwrap());
    if set.is_empty().unwrap() {
        return Vec::new();
    }
    (0..dims)
        .fold(vec![Vec::new()], |points: Vec<Vec<i64>>, k| {
            let range = set.dim_min(k).unwrap().unwrap()..=set.dim_max(k).unwrap().unwrap();
            points.iter().flat_map(|point| range.clone().map(|v| [point.as_slice(), &[v]].concat())).collect()
        })
        .into_iter()
        .filter(|point| pieces.iter().any(|rows| holds(rows, point.clone())))
        .collect()
}

/// Whether a point, with the quotients that it gives, satisfies the rows of a piece.
fn holds(rows: &[Row], mut point: Vec<i64>) -> bool {
    let columns = rows.iter().map(|row| row.coefficients.len()).max().unwrap_or(0);
    let value =
        |row: &Row, point: &[i64]| row.constant + row.coefficients.iter().zip(point).map(|(c, v)| c * v).sum::<i64>();
    // The last rows say, two for each, what the quotients are; the first of the two has the divisor with a minus.
    for q in point.len()..columns {
        let row = &rows[rows.len() - 2 * (columns - q)];
        assert!(row.coefficients[q] < 0 && row.coefficients[q + 1..].iter().all(|c| *c == 0));
        point.push(value(row, &point).div_euclid(-row.coefficients[q]));
    }
    rows.iter().map(|row| (row.is_equality, value(row, &point))).all(|(is_equality, v)| v == 0 || v > 0 && !is_equality)
}

/// Asserts that the loops of a node visit some points, in the order of the dates.
fn compare(leaves: &[Leaf], node: &Node, mut expected: Vec<Visit>, what: &str) {
    let mut own = visits(node);
    let dates: Vec<Vec<i64>> = own.iter().map(|visit| date(leaves, visit)).collect();
    assert!(dates.is_sorted(), "{what}: not in the order of the dates: {leaves:?}\n{node:?}");
    own.sort();
    expected.sort();
    assert_eq!(own, expected, "{what}: other points: {leaves:?}\n{node:?}");
}

/// Numbers that follow from a seed (Knuth's MMIX generator).
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, n: i64) -> i64 {
        self.0 = self.0.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        ((self.0 >> 33) % n as u64) as i64
    }

    /// A few bounds of each dimension, tiles among them, and a few rows across dimensions.
    fn set(&mut self, ctx: &Context, name: &str, dims: usize) -> Set {
        let tuple = crate::poly::text::tuple("i", dims);
        let piece = |n: &mut Numbers| {
            let mut rows = Vec::new();
            for k in 0..dims {
                let low = n.below(5) - 2;
                rows.push(format!("{low} <= i{k} <= {}", low + n.below(8)));
                let other = n.below(dims as i64) as usize;
                let (factor, tile) = (n.below(5) - 2, 2 + n.below(3));
                match n.below(7) {
                    0 if other != k => rows.push(format!("i{k} = {factor}*i{other} + {}", n.below(3))),
                    1 | 2 if other < k => rows.push(format!("{tile}*i{other} <= i{k} < {tile}*i{other} + {tile}")),
                    3 => rows.push(format!("i{k} + {factor}*i{other} <= {}", n.below(6))),
                    4 => rows.push(format!("i{k} >= {factor}*i{other}")),
                    5 if other < k => {
                        let last = format!("i{k} mod {tile} >= {}", tile - 1);
                        rows.push(format!("{tile}*i{other} <= i{k} < {tile}*i{other} + {tile} and {last}"));
                    }
                    6 if n.below(6) == 0 => rows.push(format!("i{k} mod {tile} >= 1")),
                    _ => {}
                }
            }
            format!("{name}[{tuple}] : {}", rows.join(" and "))
        };
        let mut pieces = vec![piece(self)];
        if self.below(3) == 0 {
            pieces.push(piece(self));
        }
        ctx.set(&format!("{{ {} }}", pieces.join("; "))).unwrap()
    }

    /// A few bounds of each dimension, and most of them in strides.
    fn strided_set(&mut self, ctx: &Context, name: &str, dims: usize) -> Set {
        let tuple = crate::poly::text::tuple("i", dims);
        let piece = |n: &mut Numbers| {
            let mut rows = Vec::new();
            for k in 0..dims {
                let low = n.below(12) - 8;
                rows.push(format!("{low} <= i{k} <= {}", low + n.below(14)));
                let other = n.below(dims as i64) as usize;
                let (factor, sign) = (2 + n.below(3), 1 - 2 * n.below(2));
                let (more, rest) = (n.below(7) - 3, n.below(5) - 2);
                match n.below(9) {
                    0 => rows.push(format!("{sign}*i{k} mod {factor} = {}", n.below(factor))),
                    1 | 2 if other != k => rows.push(format!("{}*i{k} = {more}*i{other} + {rest}", sign * factor)),
                    3 if other < k => rows.push(format!("{}*i{k} = i{other} + {rest}", sign * factor)),
                    4 => rows.push(format!("exists (q: {factor}*q = i{k} + {more}*i{other} + {rest})")),
                    5 => rows.push(format!("exists (q: {factor}*q = {sign}*i{other} + {rest} and i{k} <= {more} + q)")),
                    6 if other != k => rows.push(format!("{}*i{k} <= {more}*i{other} + {rest}", sign * factor)),
                    7 if other < k => rows.push(format!("(i{k} + i{other}) mod {factor} = 0 and i{k} >= i{other}")),
                    _ => {}
                }
            }
            format!("{name}[{tuple}] : {}", rows.join(" and "))
        };
        let mut pieces = vec![piece(self)];
        if self.below(4) == 0 {
            pieces.push(piece(self));
        }
        ctx.set(&format!("{{ {} }}", pieces.join("; "))).unwrap()
    }

    /// Leaves in a tree: below a shared loop, a position and then loops of their own.
    fn leaves(&mut self, ctx: &Context, set: fn(&mut Numbers, &Context, &str, usize) -> Set) -> Vec<Leaf> {
        let shared = self.below(3) as usize;
        let leaf = |(n, position): (usize, i64), numbers: &mut Numbers| {
            let dims = shared + 1 + numbers.below(2) as usize;
            let name = format!("S{n}");
            let mut date: Vec<Date> = (0..shared).flat_map(|k| [Date::Position(7), Date::Dim(k)]).collect();
            date.push(Date::Position(position));
            let ordered = date.len() + if numbers.below(2) == 0 { dims - shared } else { 0 };
            date.extend((shared..dims).map(Date::Dim));
            if numbers.below(2) == 0 && dims == shared + 2 {
                date.swap(2 * shared + 1, 2 * shared + 2);
            }
            Leaf { set: set(numbers, ctx, &name, dims), name, date, ordered }
        };
        (0..1 + self.below(3)).map(|n| leaf((n as usize, 10 - n), self)).collect()
    }
}

/// For random leaves, in how many cases loops of our own visit points; it asserts that they are the right ones.
type Sets = fn(&mut Numbers, &Context, &str, usize) -> Set;
type Loops = fn(&[Leaf]) -> Result<Option<Node>>;

fn right_visits(cases: usize, seed: u64, set: Sets, loops: Loops) -> usize {
    let ctx = Context::new();
    let mut numbers = Numbers(seed);
    let mut visited = 0;
    for case in 0..cases {
        let leaves = numbers.leaves(&ctx, set);
        let Some(node) = loops(&leaves).unwrap() else { continue };
        let points = points(&leaves);
        visited += usize::from(!points.is_empty());
        compare(&leaves, &node, points, &format!("seed {seed}, case {case}"));
    }
    visited
}

#[test]
fn all_points_of_random_sets_are_visited_in_order() {
    let visited = right_visits(400, 2026, Numbers::set, direct);
    assert!(visited > 200, "only {visited} sets have loops of our own");
}

#[test]
fn all_points_of_random_strides_are_visited_in_order() {
    let visited = right_visits(600, 1999, Numbers::strided_set, direct);
    assert!(visited > 400, "only {visited} sets have loops of our own");
}

#[test]
fn all_points_are_visited_in_order_by_loops_over_boxes() {
    let visited =
        right_visits(200, 4, Numbers::set, boxed::boxed) + right_visits(200, 5, Numbers::strided_set, boxed::boxed);
    assert!(visited > 200, "only {visited} sets have loops over boxes");
}

#[test]
fn kernels_are_visited_as_isl_visits_them() {
    for kernel in ["blur", "conv3x3", "conv7x7_stride2", "jacobi_2d", "lu", "matmul_softmax", "unsharp"] {
        let path = format!("{}/kernels/{kernel}.loop", env!("CARGO_MANIFEST_DIR"));
        let parsed = lang::parse(&std::fs::read_to_string(path).unwrap()).unwrap();
        let smaller: Vec<(String, i64)> = parsed.params.iter().map(|p| (p.name.to_string(), p.value.min(12))).collect();
        let source = lang::resolve(&parsed, &smaller).unwrap().program;
        let scop = poly::extract(&source, &Context::new()).unwrap();
        let dependences = poly::dependences(&scop, poly::Reductions::Free, u64::MAX).unwrap();
        let solver = Default::default();
        let mut known = Known::new(Bands::new(&scop, &dependences, solver).unwrap(), &Answers::default());
        for fuse in [Fuse::None, Fuse::Auto] {
            let goal = Goal { capacity_bytes: 2048, effort: 1, skewing: schedule::Skewing::Strips(schedule::MOST_CUT) };
            let (_, decision) = schedule::decide(&mut known, &scop, &goal, &[fuse]).unwrap().remove(0);
            let times = Times::new(&scop, &decision.schedule);
            let staging = staging::stage(&times, &dependences).unwrap();
            for (g, leaves) in super::super::program::leaves(&source, &times, &staging).unwrap().iter().enumerate() {
                agrees(leaves, &format!("{kernel}, group {g}"));
            }
        }
    }
}

fn leaf(ctx: &Context, name: &str, date: &[Date], ordered: usize, set: &str) -> Leaf {
    Leaf { name: name.into(), date: date.to_vec(), ordered, set: ctx.set(set).unwrap() }
}

/// The loops of a node as a text of one line.
fn show(node: &Node) -> String {
    fn say(e: &Expr) -> String {
        let infix = |op: &str, args: &[Expr]| args.iter().map(say).collect::<Vec<_>>().join(op);
        match e {
            Expr::Int(value) => value.to_string(),
            Expr::Name(name) => name.clone(),
            Expr::Op(Op::Add, args) => infix(" + ", args),
            Expr::Op(Op::Mul, args) => infix("*", args),
            Expr::Op(Op::Le, args) => infix(" <= ", args),
            Expr::Op(Op::Ge, args) => infix(" >= ", args),
            Expr::Op(Op::Eq, args) => infix(" == ", args),
            Expr::Op(op, args) => format!("{op:?}({})", infix(", ", args)),
        }
    }
    match node {
        Node::Block(parts) => parts.iter().map(show).collect::<Vec<_>>().join("; "),
        Node::User { name, arguments } => {
            format!("{name}[{}]", arguments.iter().map(say).collect::<Vec<_>>().join(", "))
        }
        Node::If { condition, then, .. } => format!("if {} {{ {} }}", say(condition), show(then)),
        Node::For { iterator, init, degenerate: true, body, .. } => {
            format!("let {iterator} = {} {{ {} }}", say(init), show(body))
        }
        Node::For { init, condition, step, body, .. } => {
            let step = if *step == 1 { String::new() } else { format!(" step {step}") };
            format!("for {} | {}{step} {{ {} }}", say(init), say(condition), show(body))
        }
    }
}

use Date::{Dim, Position};

#[test]
fn a_tile_that_divides_evenly_needs_no_minimum() {
    let ctx = Context::new();
    let set = "{ S[x, i] : 0 <= i < 56 and 14x <= i < 14x + 14 }";
    let node = scan(&[leaf(&ctx, "S", &[Dim(0), Dim(1)], 2, set)]).unwrap();
    assert_eq!(show(&node), "for 0 | c0 <= 3 { for 14*c0 | c1 <= 14*c0 + 13 { S[c0, c1] } }");
}

#[test]
fn a_tile_that_divides_unevenly_ends_at_a_minimum() {
    let ctx = Context::new();
    let set = "{ S[x, i] : 0 <= i < 50 and 14x <= i < 14x + 14 }";
    let node = scan(&[leaf(&ctx, "S", &[Dim(0), Dim(1)], 2, set)]).unwrap();
    assert_eq!(show(&node), "for 0 | c0 <= 3 { for 14*c0 | c1 <= Min(49, 14*c0 + 13) { S[c0, c1] } }");
}

#[test]
fn leaves_share_a_loop_and_guard_what_is_their_own() {
    let ctx = Context::new();
    let leaves = [
        leaf(&ctx, "S", &[Dim(0), Position(2), Dim(1)], 3, "{ S[x, i] : 0 <= x < 8 and 0 <= i < 4 }"),
        leaf(&ctx, "T", &[Dim(0), Position(1), Dim(1)], 3, "{ T[x, i] : x = 3 and 0 <= i < 4 }"),
        leaf(&ctx, "U", &[Dim(0), Position(0), Dim(1)], 3, "{ U[x, i] : x = 3 and i = x + 1 }"),
    ];
    let expected = "for 0 | c0 <= 7 { if c0 == 3 { let c1 = 4 { U[3, 4] }; for 0 | c1 <= 3 { T[3, c1] } }; \
                    for 0 | c1 <= 3 { S[c0, c1] } }";
    assert_eq!(show(&scan(&leaves).unwrap()), expected);
}

#[test]
fn pieces_of_a_transfer_run_one_after_another() {
    let ctx = Context::new();
    let set = "{ L[x, a] : x = 0 and 0 <= a <= 6; L[x, a] : 0 < x < 9 and 6x < a <= 6x + 6 }";
    let node = scan(&[leaf(&ctx, "L", &[Dim(0), Position(0), Dim(1)], 2, set)]).unwrap();
    let text = show(&node);
    assert!(text.starts_with("for 0 | c0 <= 8 { if c0 "), "{text}");
    assert!(text.contains("for 0 | c1 <= 6 { L[0, c1] }"), "{text}");
    assert!(text.contains("if c0 >= 1 { for 6*c0 + 1 | c1 <= 6*c0 + 6 { L[c0, c1] } }"), "{text}");
}

#[test]
fn what_the_first_iteration_alone_runs_first_stands_before_the_loop() {
    let ctx = Context::new();
    let leaves = [
        leaf(&ctx, "S", &[Dim(0), Position(0)], 2, "{ S[x] : x = 0 }"),
        leaf(&ctx, "T", &[Dim(0), Position(1)], 2, "{ T[x] : 0 <= x < 8 }"),
        leaf(&ctx, "U", &[Dim(0), Position(2)], 2, "{ U[x] : x = 7 }"),
    ];
    let expected = "let c0 = 0 { S[0] }; for 0 | c0 <= 7 { T[c0] }; let c0 = 7 { U[7] }";
    assert_eq!(show(&scan(&leaves).unwrap()), expected);
}

#[test]
fn a_loop_that_may_be_empty_needs_no_guard() {
    let ctx = Context::new();
    let leaves = [
        leaf(&ctx, "S", &[Dim(0), Position(0), Dim(1)], 3, "{ S[x, i] : 0 <= x < 8 and 0 <= i < x }"),
        leaf(&ctx, "T", &[Dim(0), Position(1)], 2, "{ T[x] : 0 <= x < 8 }"),
    ];
    let expected = "for 0 | c0 <= 7 { for 0 | c1 <= c0 + -1 { S[c0, c1] }; T[c0] }";
    assert_eq!(show(&scan(&leaves).unwrap()), expected);
}

#[test]
fn a_quotient_that_is_a_loop_is_no_quotient() {
    let ctx = Context::new();
    let set = "{ T[x, i] : 0 <= i < 1975 and 79x <= i < 79x + 79 and i mod 79 >= 77 }";
    let leaves = [leaf(&ctx, "T", &[Dim(0), Dim(1)], 2, set)];
    let node = direct(&leaves).unwrap().expect("rows suffice");
    assert_eq!(show(&node), "for 0 | c0 <= 24 { for 79*c0 + 77 | c1 <= 79*c0 + 78 { T[c0, c1] } }");
}

#[test]
fn a_stride_is_a_step() {
    let ctx = Context::new();
    let leaves = [leaf(&ctx, "S", &[Dim(0)], 1, "{ S[i] : -4 <= i < 20 and i mod 3 = 1 }")];
    assert_eq!(show(&direct(&leaves).unwrap().unwrap()), "for -4 + 2 | c0 <= 19 step 3 { S[c0] }");
    let set = "{ S[x, i] : 0 <= x < 4 and x <= i < 20 and (i - 2 x) mod 5 = 0 }";
    let leaves = [leaf(&ctx, "S", &[Dim(0), Dim(1)], 2, set)];
    let expected = "for 0 | c0 <= 3 { for c0 + Mod(c0, 5) | c1 <= 19 step 5 { S[c0, c1] } }";
    assert_eq!(show(&direct(&leaves).unwrap().unwrap()), expected);
    compare(&leaves, &direct(&leaves).unwrap().unwrap(), points(&leaves), "a step from a remainder");
}

#[test]
fn a_multiple_of_a_loop_is_one_value_under_a_guard() {
    let ctx = Context::new();
    let date = |position| [Dim(0), Position(position), Dim(1)];
    let leaves = [
        leaf(&ctx, "S", &date(0), 3, "{ S[x, i] : 0 <= x < 8 and 0 <= i < 3 }"),
        leaf(&ctx, "T", &date(1), 3, "{ T[x, i] : 0 < x < 8 and 2i = x - 1 }"),
        leaf(&ctx, "U", &date(2), 3, "{ U[x, i] : 0 <= x < 8 and -3i = x + 1 }"),
    ];
    let expected = "for 0 | c0 <= 7 { for 0 | c1 <= 2 { S[c0, c1] }; \
                    if Mod(c0, 2) == 1 { let c1 = FloorDiv(c0 + -1, 2) { T[c0, c1] } }; \
                    if Mod(c0, 3) == 2 { let c1 = FloorDiv(-1*c0 + -1, 3) { U[c0, c1] } } }";
    assert_eq!(show(&direct(&leaves).unwrap().unwrap()), expected);
    compare(&leaves, &direct(&leaves).unwrap().unwrap(), points(&leaves), "two multiples");
}

#[test]
fn leaves_with_other_remainders_share_a_loop() {
    let ctx = Context::new();
    let date = |position| [Dim(0), Position(position)];
    let leaves = [
        leaf(&ctx, "S", &date(0), 2, "{ S[i] : -9 <= i <= 9 and i mod 4 = 1 }"),
        leaf(&ctx, "T", &date(1), 2, "{ T[i] : -9 <= i <= 9 and i mod 4 = 3 }"),
    ];
    let expected = "for -9 | c0 <= 9 { if Mod(c0, 4) == 1 { S[c0] }; if Mod(c0, 4) == 3 { T[c0] } }";
    assert_eq!(show(&direct(&leaves).unwrap().unwrap()), expected);
    compare(&leaves, &direct(&leaves).unwrap().unwrap(), points(&leaves), "two remainders");
}

#[test]
fn a_quotient_between_bounds_is_left_to_isl() {
    let ctx = Context::new();
    let set = "{ S[x, i] : 0 <= x < 4 and 0 <= i < 20 and 7x <= 2*floor(i/2) + 1 <= 7x + 6 }";
    let leaves = [leaf(&ctx, "S", &[Dim(0), Dim(1)], 2, set)];
    assert!(direct(&leaves).unwrap().is_none());
    compare(&leaves, &scan(&leaves).unwrap(), points(&leaves), "a quotient");
    compare(&leaves, &boxed::boxed(&leaves).unwrap().unwrap(), points(&leaves), "a quotient in a box");
}

#[test]
fn no_points_need_no_loops() {
    let ctx = Context::new();
    let leaves = [leaf(&ctx, "S", &[Dim(0)], 1, "{ S[i] : 0 <= i < 20 and 2i = 7 }")];
    assert_eq!(scan(&leaves).unwrap(), Node::Block(Vec::new()));
}

#[test]
fn points_with_an_order_that_are_not_convex_are_guarded_inside_their_hull() {
    let ctx = Context::new();
    let edges = "{ S[i0, i1] : 0 <= i0 < 9 and 0 <= i1 < 9 and (i0 = 0 or i1 = 8) }";
    let date = [Date::Position(0), Date::Dim(0), Date::Dim(1)];
    let leaves = [leaf(&ctx, "S", &date, 3, edges)];
    assert!(agrees(&leaves, "edges"));
    let node = direct(&leaves).unwrap().unwrap();
    let Node::For { body, .. } = &node else { panic!("a loop: {node:?}") };
    let Node::For { body, .. } = body.as_ref() else { panic!("a loop inside: {node:?}") };
    assert!(matches!(body.as_ref(), Node::If { condition: Expr::Op(Op::Or, _), .. }), "{node:?}");
}

#[test]
fn isl_writes_only_the_part_of_a_sequence_that_needs_it() {
    let ctx = Context::new();
    let plain = leaf(&ctx, "S", &[Date::Position(0), Date::Dim(0)], 2, "{ S[i0] : 0 <= i0 < 9 }");
    let quotient = "{ T[i0, i1] : 0 <= i0 < 2 and 0 <= i1 < 9 and 5i0 <= 2*floor(i1/2) + 1 <= 5i0 + 4 }";
    let rounded = leaf(&ctx, "T", &[Date::Position(1), Date::Dim(0), Date::Dim(1)], 3, quotient);
    let leaves = [plain.clone(), rounded];
    assert!(direct(&leaves).unwrap().is_none());
    let Node::Block(parts) = scan(&leaves).unwrap() else { panic!("two parts") };
    assert_eq!(parts.len(), 2);
    assert_eq!(parts[0], direct(&[plain]).unwrap().unwrap());
    assert_eq!(visits(&parts[1]).len(), 9);
}

#[test]
fn a_loop_begins_early_enough_for_all_leaves() {
    let ctx = Context::new();
    let date = |position| [Dim(0), Dim(1), Position(position)];
    // U begins before S, which begins before T, but U does not begin before T.
    let leaves = [
        leaf(&ctx, "S", &date(0), 3, "{ S[x, i] : -5 <= x <= 0 and 2 <= i <= 7 }"),
        leaf(&ctx, "T", &date(1), 3, "{ T[x, i] : 0 < x <= 9 and 3 <= i <= 7 }"),
        leaf(&ctx, "U", &date(2), 3, "{ U[x, i] : -5 <= x <= 4 and x <= i <= 7 and i >= -2 }"),
    ];
    assert!(agrees(&leaves, "three lower bounds"));
}
