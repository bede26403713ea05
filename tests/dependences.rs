//! Do dependences hold the pairs that are found by looking at each access of each instance?

use polyfuse::isl::{Context, UnionMap};
use polyfuse::poly::{Dependences, Reductions, dependences, extract};
use polyfuse::{lang, lang::ast::Program};
use std::collections::BTreeMap;

/// The budget of a program of few statements.
const OPERATIONS: u64 = 104_000;

/// A statement instance: what it is called, the elements that it reads, and the one that it writes.
struct Instance {
    name: String,
    reads: Vec<String>,
    write: String,
}

/// Pairs in isl's notation.
#[derive(Default)]
struct Pairs {
    flow: Vec<String>,
    anti: Vec<String>,
    output: Vec<String>,
    live_in: Vec<String>,
    live_out: Vec<String>,
}

/// The pairs of instances that run one after the other, of arrays that live on after the program.
fn enumerated(instances: &[Instance]) -> Pairs {
    let mut pairs = Pairs::default();
    // For each element the last write, and the reads since then.
    let mut last: BTreeMap<&str, &str> = BTreeMap::new();
    let mut reads: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for Instance { name, reads: elements, write } in instances {
        for element in elements {
            match last.get(element.as_str()) {
                Some(source) => pairs.flow.push(format!("{source} -> [{name} -> {element}]")),
                None => pairs.live_in.push(format!("{name} -> {element}")),
            }
        }
        let before = reads.remove(write.as_str()).unwrap_or_default();
        pairs.anti.extend(before.iter().map(|reader| format!("{reader} -> {name}")));
        for element in elements.iter().filter(|element| *element != write) {
            reads.entry(element).or_default().push(name);
        }
        if let Some(source) = last.insert(write, name) {
            pairs.output.push(format!("{source} -> {name}"));
        }
    }
    pairs.live_out = last.iter().map(|(element, name)| format!("{name} -> {element}")).collect();
    pairs
}

/// Asserts that a program has the dependences of its instances, which are given in the order in which they run.
fn assert_found(text: &str, instances: &[Instance]) {
    let parsed = lang::parse(text).expect("a program parses");
    let program: Program = lang::resolve(&parsed, &[]).expect("a program").program;
    let ctx = Context::new();
    let scop = extract(&program, &ctx).expect("a scop");
    let found: Dependences = dependences(&scop, Reductions::Free, OPERATIONS).expect("dependences within the budget");
    let pairs = enumerated(instances);
    let same = |kind: &str, found: &UnionMap, pairs: &[String]| {
        let pairs = ctx.union_map(&format!("{{ {} }}", pairs.join("; "))).expect("pairs");
        assert!(found.is_equal(&pairs).expect("an answer"), "{kind} of {text}");
    };
    same("flow", &found.flow, &pairs.flow);
    same("output", &found.output, &pairs.output);
    // What an instance reads and then writes itself may count as read before the next write or not: that pair is one of outputs.
    let before_writes = found.anti.union(&found.output).expect("pairs");
    same("anti", &before_writes, &[pairs.anti, pairs.output].concat());
    same("live-in", &found.live_in, &pairs.live_in);
    same("live-out", &found.live_out, &pairs.live_out);
}

/// A wave equation: each of two fields in turn from itself and a star of the other, so far out in each of so many dimensions.
fn wave(rank: usize, radius: i64, n: i64) -> (String, Vec<Instance>) {
    let names = ["i", "j", "k"];
    let star: Vec<Vec<i64>> = (0..rank)
        .flat_map(|d| {
            (-radius..=radius).filter(|o| *o != 0).map(move |o| (0..rank).map(|e| if e == d { o } else { 0 }).collect())
        })
        .collect();
    let index = |offset: &[i64]| -> String { (0..rank).map(|d| format!("[{} + {}]", names[d], offset[d])).collect() };
    let loops: Vec<String> = names[..rank].iter().map(|name| format!("{name} in {radius}..{}", n - radius)).collect();
    let here = index(&vec![0; rank]);
    let nest = |this: &str, other: &str| {
        let terms: Vec<String> = star.iter().map(|offset| format!("{other}{}", index(offset))).collect();
        format!(
            "for {} {{ {this}{here} = {other}{here} - {this}{here} + 0.1 * ({}); }}",
            loops.join(", "),
            terms.join(" + ")
        )
    };
    let extents = format!("[{n}]").repeat(rank);
    let text = format!("inout A{extents}, B{extents}; for t in 0..2 {{ {} {} }}", nest("A", "B"), nest("B", "A"));
    let mut points: Vec<Vec<i64>> = vec![Vec::new()];
    for _ in 0..rank {
        points = points.iter().flat_map(|p| (radius..n - radius).map(|x| [p.as_slice(), &[x]].concat())).collect();
    }
    let tuple = |point: &[i64]| point.iter().map(i64::to_string).collect::<Vec<_>>().join(", ");
    let element = |array: usize, point: &[i64], offset: &[i64]| {
        let at: Vec<i64> = point.iter().zip(offset).map(|(p, o)| p + o).collect();
        format!("A{array}[{}]", tuple(&at))
    };
    let mut instances = Vec::new();
    for t in 0..2 {
        for statement in 0..2 {
            for point in &points {
                let (own, none) = (element(statement, point, &vec![0; rank]), vec![vec![0; rank]]);
                let others = star.iter().chain(&none).map(|offset| element(1 - statement, point, offset));
                let reads = others.chain([own.clone()]).collect();
                instances.push(Instance { name: format!("S{statement}[{t}, {}]", tuple(point)), reads, write: own });
            }
        }
    }
    (text, instances)
}

#[test]
fn stars_far_out_have_the_dependences_of_each_of_their_reads() {
    for (rank, radius, n) in [(1, 1, 7), (1, 4, 13), (2, 2, 8), (3, 1, 5), (3, 3, 9), (3, 4, 11)] {
        let (text, instances) = wave(rank, radius, n);
        assert_found(&text, &instances);
    }
}

/// Reads of one array that meet each other's elements, at offsets and not.
#[test]
fn reads_that_meet_have_the_dependences_of_each() {
    let text = "inout A0[12]; for t in 0..3, i in 2..10 { A0[i] = A0[i - 2] + A0[i + 1] + A0[11 - i] + A0[i]; }";
    let element = |i: i64| format!("A0[{i}]");
    let instance = |t: i64, i: i64| Instance {
        name: format!("S0[{t}, {i}]"),
        reads: [i - 2, i + 1, 11 - i, i].map(element).to_vec(),
        write: element(i),
    };
    let instances: Vec<Instance> =
        (0..3).flat_map(|t| (2..10).map(move |i| (t, i))).map(|(t, i)| instance(t, i)).collect();
    assert_found(text, &instances);
}

/// One statement writes at every iteration, one at the last before the read: isl by itself names the first.
#[test]
fn the_last_write_is_found_among_iterations_that_conditions_fix() {
    let text = "inout A0[1], A1[1];
                for i in 0..6 { if i == 5 { A1[0] = A0[0]; } A0[0] = i; if i == 4 { A0[0] = 7; } }";
    let instance = |statement: usize, i: i64, reads: &[&str], write: &str| Instance {
        name: format!("S{statement}[{i}]"),
        reads: reads.iter().map(|element| element.to_string()).collect(),
        write: write.into(),
    };
    let mut instances = Vec::new();
    for i in 0..6 {
        if i == 5 {
            instances.push(instance(0, i, &["A0[0]"], "A1[0]"));
        }
        instances.push(instance(1, i, &[], "A0[0]"));
        if i == 4 {
            instances.push(instance(2, i, &[], "A0[0]"));
        }
    }
    assert_found(text, &instances);
}
