//! Is the search's model of traffic and memory what a run really does? Asked of a simulator that shares no code with it.

#[path = "search/random.rs"]
mod random;
#[path = "search/simulate.rs"]
mod simulate;

use polyfuse::schedule::search::{boxes, evaluate};
use random::Stream;

/// Checks plans of random problems; returns how many were legal, and in how many the bytes were equal.
fn compare(seed: u64, problems: usize, is_plain: bool) -> (usize, usize) {
    let mut stream = Stream(seed);
    let (mut legal, mut equal) = (0, 0);
    for number in 0..problems {
        let drawn = random::problem(&mut stream, is_plain);
        for _ in 0..12 {
            let plan = random::plan(&mut stream, &drawn.problem);
            let Some((moved, peak)) = evaluate(&drawn.problem, &plan) else { continue };
            let boxes = boxes(&drawn.problem, &plan).expect("a legal plan has boxes");
            let run = simulate::run(&drawn.problem, drawn.is_nested, &plan, &boxes)
                .unwrap_or_else(|fault| panic!("problem {number}: {fault}\n{:#?}\n{plan:?} {boxes:?}", drawn.problem));
            let context = || format!("problem {number}\n{:?}\n{plan:?} {boxes:?}", drawn.problem);
            assert!(moved >= run.moved, "moves {} and not {moved}: {}", run.moved, context());
            assert!(peak >= run.peak, "needs {} and not {peak}: {}", run.peak, context());
            legal += 1;
            equal += usize::from(moved == run.moved);
        }
    }
    (legal, equal)
}

#[test]
fn the_model_is_never_below_a_run() {
    let (legal, equal) = compare(0x9e37_79b9_7f4a_7c15, 3000, false);
    println!("{legal} legal plans, {equal} of equal traffic");
    assert!(legal >= 4000);
}

#[test]
fn plain_programs_move_what_the_model_says() {
    let (legal, equal) = compare(0x2545_f491_4f6c_dd1d, 3000, true);
    println!("{legal} legal plans, {equal} of equal traffic");
    assert!(legal >= 4000);
}
