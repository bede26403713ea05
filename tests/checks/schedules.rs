//! Does the check of legality see a schedule that runs things in a wrong order?

use super::kernels::{CHAINS, HALO, IN_PLACE, KERNELS, ORDERED, PRODUCT, ROWS};
use super::{CAPACITY, assert_enough, right};
use polyfuse::check::compare::{Verdict, compare};
use polyfuse::check::legality;
use polyfuse::lang::ast::{Program, Stmt};
use polyfuse::schedule::Fuse;
use polyfuse::schedule::tree::Schedule;
use std::collections::BTreeSet;

/// Swaps the positions of two statements where their paths part.
fn swap_positions(schedule: &mut Schedule, group: usize, a: usize, b: usize) {
    let paths = &mut schedule.groups[group].paths;
    let at = (0..).find(|&p| paths[a].positions[p] != paths[b].positions[p]).expect("paths that part");
    let (of_a, of_b) = (paths[a].positions[at], paths[b].positions[at]);
    paths[a].positions[at] = of_b;
    paths[b].positions[at] = of_a;
}

#[test]
fn groups_that_change_places_are_found() {
    for text in [HALO, ROWS] {
        let outcome = right(text, CAPACITY, Fuse::None);
        let mut schedule = outcome.schedule.clone();
        schedule.groups.swap(0, 1);
        let violation = legality::violation(&outcome.dependences, &schedule).expect("an answer").expect("a violation");
        assert_eq!(outcome.scop.statements[violation.to].nest, 1);
        assert!(outcome.with_schedule(&schedule).contains("breaks a dependence"));
    }
}

#[test]
fn positions_in_a_sequence_that_change_places_are_found() {
    for (fuse, text) in [(Fuse::Auto, PRODUCT), (Fuse::Source, PRODUCT), (Fuse::Source, ROWS), (Fuse::Max, HALO)] {
        let outcome = right(text, CAPACITY, fuse);
        let mut schedule = outcome.schedule.clone();
        swap_positions(&mut schedule, 0, 0, 1);
        let violation = legality::violation(&outcome.dependences, &schedule).expect("an answer").expect("a violation");
        assert_eq!((violation.from, violation.to), (0, 1));
        assert!(outcome.with_schedule(&schedule).contains("breaks a dependence from S0 to S1"));
    }
}

#[test]
fn a_consumer_that_does_not_wait_for_its_halo_is_found() {
    let outcome = right(HALO, 256, Fuse::Max);
    assert_eq!(outcome.schedule.groups.len(), 1, "fused");
    let mut schedule = outcome.schedule.clone();
    // The consumer reads two rows further, so a tile earlier is too early whatever the tile.
    let consumer = schedule.groups[0].paths.iter_mut().find(|p| p.statement == 1).expect("a consumer");
    let first = &mut consumer.loops[0];
    first.value.constant -= first.tile.max(2);
    assert!(outcome.with_schedule(&schedule).contains("breaks a dependence from S0 to S1"));
}

#[test]
fn a_reversed_loop_is_found() {
    let outcome = right(IN_PLACE, CAPACITY, Fuse::Source);
    for depth in 0..2 {
        let mut schedule = outcome.schedule.clone();
        let value = &mut schedule.groups[0].paths[0].loops[depth].value;
        value.coefficients.iter_mut().for_each(|c| *c = -*c);
        assert!(outcome.with_schedule(&schedule).contains("breaks a dependence from S0 to S0"));
    }
}

/// What leaves when the two outermost loops of a program change places.
fn swapped(source: &Program) -> Program {
    let mut program = source.clone();
    let Some(Stmt::For(outer)) = program.body.first_mut() else { panic!("no loop") };
    outer.ranges.swap(0, 1);
    program
}

#[test]
fn loops_that_may_not_change_places_are_found() {
    let mut found = BTreeSet::new();
    for (name, text) in ORDERED {
        let outcome = right(text, CAPACITY, Fuse::Source);
        let verdict = compare(&outcome.source, &swapped(&outcome.source), 1, u64::MAX);
        assert!(matches!(verdict, Ok(Verdict::Differs { .. })), "{name}: {verdict:?}");
        let mut schedule = outcome.schedule.clone();
        schedule.groups[0].paths.iter_mut().for_each(|path| path.loops.swap(0, 1));
        let said = outcome.with_schedule(&schedule);
        assert!(said.contains("breaks a dependence"), "{name}: {said}");
        found.insert(name);
    }
    assert_enough(&found);
}

#[test]
fn loops_that_may_change_places_are_let_through() {
    for text in [PRODUCT, KERNELS[6].1] {
        let outcome = right(text, CAPACITY, Fuse::Source);
        let mut schedule = outcome.schedule.clone();
        schedule.groups[0].paths.iter_mut().for_each(|path| path.loops.swap(0, 1));
        assert_eq!(legality::violation(&outcome.dependences, &schedule), Ok(None));
    }
}

/// One of two statements that share a loop runs an iteration sooner or later than it did.
#[test]
fn statements_that_are_shifted_against_each_other_are_found() {
    let mut found = BTreeSet::new();
    for (name, text, [first, second]) in CHAINS {
        let outcome = right(text, CAPACITY, Fuse::Source);
        for (statement, shift) in [(first, 1), (second, -1)] {
            let mut schedule = outcome.schedule.clone();
            let mut paths = schedule.groups.iter_mut().flat_map(|group| &mut group.paths);
            let path = paths.find(|path| path.statement == statement).expect("a statement that runs");
            path.loops[0].value.constant += shift;
            let violation = legality::violation(&outcome.dependences, &schedule).expect("an answer");
            let touched = violation.is_some_and(|v| [v.from, v.to].contains(&statement));
            assert!(touched, "{name}, S{statement} by {shift}");
            assert!(outcome.with_schedule(&schedule).contains("breaks a dependence"));
        }
        found.insert(name);
    }
    assert_enough(&found);
}

#[test]
fn statements_that_are_shifted_together_are_let_through() {
    for (name, text, _) in CHAINS {
        let outcome = right(text, CAPACITY, Fuse::Source);
        let mut schedule = outcome.schedule.clone();
        let paths = schedule.groups.iter_mut().flat_map(|group| &mut group.paths);
        paths.for_each(|path| path.loops[0].value.constant += 1);
        assert_eq!(legality::violation(&outcome.dependences, &schedule), Ok(None), "{name}");
    }
}

#[test]
fn tiles_that_tear_a_recurrence_apart_are_found() {
    let outcome = right(IN_PLACE, CAPACITY, Fuse::Source);
    let mut schedule = outcome.schedule.clone();
    // All steps of eight elements at a time: the last of them needs its right neighbour of each step.
    let loops = &mut schedule.groups[0].paths[0].loops;
    loops.swap(0, 1);
    loops.iter_mut().for_each(|l| l.tile = 8);
    assert!(outcome.with_schedule(&schedule).contains("breaks a dependence from S0 to S0"));
}

#[test]
fn the_pair_that_a_violation_names_runs_backwards() {
    let outcome = right(IN_PLACE, CAPACITY, Fuse::Source);
    let mut schedule = outcome.schedule.clone();
    schedule.groups[0].paths[0].loops.swap(0, 1);
    let violation = legality::violation(&outcome.dependences, &schedule).expect("an answer").expect("a violation");
    let (before, after) = violation.witness.split_at(2);
    assert!(before < after, "in the source {before:?} runs before {after:?}");
    assert!((before[1], before[0]) > (after[1], after[0]), "with the loops swapped it does not");
}
