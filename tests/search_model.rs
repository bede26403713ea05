//! Is the search's model of traffic and memory what a run really does? Asked of a simulator that shares no code with it.

#[path = "search/random.rs"]
mod random;
#[path = "search/simulate.rs"]
mod simulate;

use polyfuse::schedule::problem::{Plan, Problem};
use polyfuse::schedule::search::{boxes, evaluate};
use random::{Kind, Stream};

/// Checks plans of random problems; returns how many were legal, and for how many of those that the model is exact for the bytes are equal.
fn compare(seed: u64, problems: usize, kind: Kind) -> (usize, usize) {
    let mut stream = Stream(seed);
    let (mut legal, mut exact) = (0, 0);
    for number in 0..problems {
        let drawn = random::problem(&mut stream, kind);
        for _ in 0..12 {
            let plan = random::plan(&mut stream, &drawn.problem);
            let Some((moved, peak)) = evaluate(&drawn.problem, &plan) else { continue };
            let boxes = boxes(&drawn.problem, &plan).expect("a legal plan has boxes");
            let run = simulate::run(&drawn.problem, drawn.is_nested, &plan, &boxes)
                .unwrap_or_else(|fault| panic!("problem {number}: {fault}\n{:#?}\n{plan:?} {boxes:?}", drawn.problem));
            let context = || format!("problem {number}\n{:?}\n{plan:?} {boxes:?}", drawn.problem);
            // Boxes that are hulls of triangles overlap more than the triangles do.
            let is_close = kind == Kind::Tied && run.moved - moved <= 2 + run.moved / 8;
            assert!(moved >= run.moved || is_close, "moves {} and not {moved}: {}", run.moved, context());
            assert!(peak >= run.peak, "needs {} and not {peak}: {}", run.peak, context());
            legal += 1;
            if kind != Kind::Any && is_exact(&drawn.problem, &plan) {
                assert!(moved == run.moved || kind == Kind::Tied, "moves {} and not {moved}: {}", run.moved, context());
                exact += usize::from(moved == run.moved);
            }
        }
    }
    (legal, exact)
}

/// The model is a bound only, where a written array has values from before that nobody reads later or is passed on by several
/// buffers, and where statements depend on each other both ways.
fn is_exact(problem: &Problem, plan: &Plan) -> bool {
    let arrays = plan.buffers.iter().all(|buffer| {
        let array = &problem.arrays[buffer.array];
        let accesses = problem.statements.iter().flat_map(|s| &s.accesses);
        let is_written = accesses.filter(|access| access.array == buffer.array).any(|access| access.writes);
        let is_alone = plan.buffers.iter().filter(|other| other.array == buffer.array).count() == 1;
        !is_written || array.live_out || (!array.live_in && is_alone)
    });
    let edge = |from, to| problem.edges.iter().any(|edge| edge.from == from && edge.to == to);
    arrays && problem.edges.iter().all(|e| e.from == e.to || !edge(e.to, e.from))
}

#[test]
fn the_model_is_never_below_a_run() {
    let (legal, _) = compare(0x9e37_79b9_7f4a_7c15, 3000, Kind::Any);
    assert!(legal >= 15_000, "{legal}");
}

#[test]
fn plain_programs_move_what_the_model_says() {
    let (legal, exact) = compare(0x2545_f491_4f6c_dd1d, 3000, Kind::Plain);
    assert!(legal >= 15_000 && exact >= 10_000, "{legal} {exact}");
}

#[test]
fn triangles_move_about_what_the_model_says() {
    let (legal, exact) = compare(0x2545_f491_4f6c_dd1d, 3000, Kind::Tied);
    assert!(legal >= 15_000 && exact >= 11_500, "{legal} {exact}");
}
