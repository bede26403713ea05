//! Can every check fail? Right outcomes are broken in one place each, and the check that stands for that place must say so.
//!
//! An outcome is made of the library's public parts, as `optimize` makes it, and passes all checks before it is broken. Where a
//! program is broken, what it moves is counted again, so that only a run that compares results can notice.

#[path = "checks/comparison.rs"]
mod comparison;
#[path = "checks/kernels.rs"]
mod kernels;
#[path = "checks/schedules.rs"]
mod schedules;

use kernels::{KERNELS, PRODUCT};
use polyfuse::check::{self, LONGEST_RUN, Order, Place, Subject};
use polyfuse::count::{self, Counts};
use polyfuse::ilp::Solver;
use polyfuse::isl::Context;
use polyfuse::lang::ast::{Affine, AffineKind, AssignOp, Direction, Program, Range, Role, Stmt, Transfer};
use polyfuse::poly::{self, Dependences, Scop};
use polyfuse::schedule::bands::Bands;
use polyfuse::schedule::tree::Schedule;
use polyfuse::schedule::{self, Answers, Fuse, Known, source::source_schedule};
use polyfuse::{emit, lang, staging};
use std::collections::BTreeSet;

const CAPACITY: i64 = 1024;

/// All that a check can ask about.
struct Outcome {
    source: Program,
    scop: Scop,
    dependences: Dependences,
    schedule: Schedule,
    program: Program,
    counts: Counts,
    arena_bytes: i64,
    capacity_bytes: i64,
    places: Vec<Place>,
}

fn resolved(text: &str) -> Program {
    lang::resolve(&lang::parse(text).expect("a program"), &[]).expect("a program that means something").program
}

/// The outcome for a program, which passes all checks.
fn right(text: &str, capacity_bytes: i64, fuse: Fuse) -> Outcome {
    let source = resolved(text);
    let scop = poly::extract(&source, &Context::new()).expect("statements");
    let dependences = poly::dependences(&scop, poly::Reductions::Free, u64::MAX).expect("dependences");
    let schedule = match fuse {
        Fuse::Source => source_schedule(&scop).expect("a schedule"),
        _ => {
            let mut known =
                Known::new(Bands::new(&scop, &dependences, Solver::default()).expect("bands"), &Answers::default());
            let goal =
                schedule::Goal { capacity_bytes, effort: 1, skewing: schedule::Skewing::Strips(schedule::MOST_CUT) };
            schedule::decide(&mut known, &scop, &goal, &[fuse]).expect("a decision").remove(0).1.schedule
        }
    };
    let times = staging::Times::new(&scop, &schedule);
    let staging = staging::stage(&times, &dependences).expect("a staging");
    let program = emit::to_program(&source, &times, &staging).expect("a scheduled program").program;
    let counts = count::count(&program).expect("counts");
    let arena_bytes = staging.placement.arena_bytes;
    let placed = staging.buffers.iter().zip(&staging.placement.offsets);
    let places = placed.map(|(b, &offset)| Place { offset, bytes: b.bytes(), alive: b.alive }).collect();
    let outcome = Outcome { source, scop, dependences, schedule, program, counts, arena_bytes, capacity_bytes, places };
    assert_eq!(check::all(&outcome.subject()), Ok(Order::Proven));
    outcome
}

impl Outcome {
    fn subject(&self) -> Subject<'_> {
        Subject {
            source: &self.source,
            live: None,
            rewritten: &self.source,
            dependences: &self.dependences,
            schedule: &self.schedule,
            program: &self.program,
            counts: &self.counts,
            arena_bytes: self.arena_bytes,
            capacity_bytes: self.capacity_bytes,
            places: self.places.clone(),
            operations: u64::MAX,
        }
    }

    /// What the checks say about another schedule.
    fn with_schedule(&self, schedule: &Schedule) -> String {
        check::all(&Subject { schedule, ..self.subject() }).expect_err("a wrong schedule")
    }

    /// What the checks say about another program, were it counted rightly.
    fn with_program(&self, program: &Program, what: &str) -> String {
        let counts = count::count(program).unwrap_or_else(|_| self.counts.clone());
        let said = check::all(&Subject { program, counts: &counts, ..self.subject() });
        let said = said.err().unwrap_or_else(|| panic!("{what}: no check fails on\n{program}"));
        assert!(!said.contains("a run moves"), "{what}: the counts are right, but {said}");
        said
    }
}

/// Each kernel's outcome, once with the search's schedule and once in source order.
fn outcomes() -> Vec<(&'static str, Outcome)> {
    let both =
        |(name, text): (&'static str, &str)| [Fuse::Auto, Fuse::Source].map(|fuse| (name, right(text, CAPACITY, fuse)));
    KERNELS.into_iter().flat_map(both).collect()
}

/// That a kind of break was made, and found, on enough kernels.
fn assert_enough(found: &BTreeSet<&str>) {
    assert!(found.len() >= 10, "found on {found:?} alone");
}

/// Whether a run of the scheduled program has found that it is wrong.
fn is_by_a_run(said: &str) -> bool {
    ["computes something else", "which nothing has written", "outside the array"].iter().any(|part| said.contains(part))
}

/// Whether the count of instances has found that some do not run.
fn is_by_instances(said: &str) -> bool {
    said.contains("instances of its statements")
}

/// What becomes of a statement.
enum Edit {
    Change,
    Drop,
}

/// Edits the `n`th assignment or transfer for which `change` has an answer; false if there are fewer.
fn edit(body: &mut Vec<Stmt>, n: &mut usize, change: &mut dyn FnMut(&mut Stmt) -> Option<Edit>) -> bool {
    let mut at = 0;
    while at < body.len() {
        let done = match &mut body[at] {
            Stmt::For(f) => edit(&mut f.body, n, change),
            Stmt::If(i) => edit(&mut i.then, n, change) || edit(&mut i.orelse, n, change),
            leaf => {
                let mut trial = leaf.clone();
                match change(&mut trial) {
                    None => false,
                    Some(_) if *n > 0 => {
                        *n -= 1;
                        false
                    }
                    Some(Edit::Change) => {
                        *leaf = trial;
                        true
                    }
                    Some(Edit::Drop) => {
                        body.remove(at);
                        true
                    }
                }
            }
        };
        if done {
            return true;
        }
        at += 1;
    }
    false
}

/// The program edited at each place where `change` has an answer, one place at a time.
fn edited(program: &Program, change: impl Fn(&mut Stmt) -> Option<Edit>) -> Vec<Program> {
    let one = |n: usize| {
        let (mut changed, mut left) = (program.clone(), n);
        edit(&mut changed.body, &mut left, &mut |stmt| change(stmt)).then_some(changed)
    };
    (0..).map_while(one).collect()
}

fn is_transfer(stmt: &Stmt, direction: Direction) -> bool {
    matches!(stmt, Stmt::Transfer(t) if t.direction == direction)
}

fn plus_one(affine: &Affine) -> Affine {
    AffineKind::Add(Box::new(affine.clone()), Box::new(Affine::int(1))).into()
}

#[test]
fn every_store_that_is_dropped_is_missed() {
    let mut found = BTreeSet::new();
    for (name, outcome) in outcomes() {
        for program in edited(&outcome.program, |s| is_transfer(s, Direction::Store).then_some(Edit::Drop)) {
            let said = outcome.with_program(&program, &format!("{name}, without a store"));
            assert!(is_by_a_run(&said), "{name}: {said}");
            found.insert(name);
        }
    }
    assert_enough(&found);
}

#[test]
fn every_load_that_is_dropped_is_missed() {
    let mut found = BTreeSet::new();
    for (name, outcome) in outcomes() {
        for program in edited(&outcome.program, |s| is_transfer(s, Direction::Load).then_some(Edit::Drop)) {
            let said = outcome.with_program(&program, &format!("{name}, without a load"));
            assert!(is_by_a_run(&said), "{name}: {said}");
            found.insert(name);
        }
    }
    assert_enough(&found);
}

#[test]
fn every_assignment_that_is_dropped_is_missed() {
    let mut found = BTreeSet::new();
    for (name, outcome) in outcomes() {
        for program in edited(&outcome.program, |s| matches!(s, Stmt::Assign(_)).then_some(Edit::Drop)) {
            let said = outcome.with_program(&program, &format!("{name}, without an assignment"));
            assert!(is_by_instances(&said), "{name}: {said}");
            found.insert(name);
        }
    }
    assert_enough(&found);
}

#[test]
fn every_index_that_is_off_by_one_is_found() {
    let shift = |stmt: &mut Stmt, of_source: bool, dim: usize| {
        let Stmt::Transfer(Transfer { source, target, .. }) = stmt else { return None };
        let index = if of_source { source } else { target }.indices.get_mut(dim)?;
        *index = plus_one(index);
        Some(Edit::Change)
    };
    let mut found = BTreeSet::new();
    for (name, outcome) in outcomes() {
        for (of_source, dim) in [(true, 0), (true, 1), (false, 0), (false, 1)] {
            for program in edited(&outcome.program, |stmt| shift(stmt, of_source, dim)) {
                let said = outcome.with_program(&program, &format!("{name}, index {dim} shifted"));
                assert!(is_by_a_run(&said), "{name}: {said}");
                found.insert(name);
            }
        }
    }
    assert_enough(&found);
}

#[test]
fn every_buffer_that_is_one_element_too_short_is_found() {
    let mut found = BTreeSet::new();
    for (name, outcome) in outcomes() {
        let scratch = |a: &usize| outcome.program.arrays[*a].role == Role::Scratch;
        for at in (0..outcome.program.arrays.len()).filter(scratch) {
            for dim in 0..outcome.program.arrays[at].extents.len() {
                let mut program = outcome.program.clone();
                let array = &mut program.arrays[at];
                array.extents[dim] -= 1;
                array.dims[dim] = Affine::int(array.extents[dim]);
                let what = format!("{name}, {}[{dim}] shortened", array.name);
                let said = outcome.with_program(&program, &what);
                assert!(said.contains("outside the array"), "{what}: {said}");
                found.insert(name);
            }
        }
    }
    assert_enough(&found);
}

/// Takes the last iteration from the `n`th range of a body; false if there are fewer.
fn shorten(body: &mut [Stmt], n: &mut usize) -> bool {
    body.iter_mut().any(|stmt| match stmt {
        Stmt::For(f) => f.ranges.iter_mut().any(|range| shorten_range(range, n)) || shorten(&mut f.body, n),
        Stmt::If(i) => shorten(&mut i.then, n) || shorten(&mut i.orelse, n),
        Stmt::Transfer(t) => t.ranges.iter_mut().any(|range| shorten_range(range, n)),
        Stmt::Assign(_) => false,
    })
}

fn shorten_range(range: &mut Range, n: &mut usize) -> bool {
    let less = |bound: &Affine| AffineKind::Sub(Box::new(bound.clone()), Box::new(Affine::int(range.step))).into();
    let here = *n == 0;
    *n = n.saturating_sub(1);
    if here {
        range.hi = match &range.hi.kind {
            AffineKind::Min(parts) => AffineKind::Min(parts.iter().map(less).collect()).into(),
            _ => less(&range.hi),
        };
    }
    here
}

#[test]
fn every_bound_that_is_one_too_low_is_found() {
    let mut found = BTreeSet::new();
    for (name, outcome) in outcomes() {
        for n in 0.. {
            let (mut program, mut left) = (outcome.program.clone(), n);
            if !shorten(&mut program.body, &mut left) {
                break;
            }
            let said = outcome.with_program(&program, &format!("{name}, range {n} shortened"));
            assert!(is_by_a_run(&said) || is_by_instances(&said), "{name}: {said}");
            found.insert(name);
        }
    }
    assert_enough(&found);
}

#[test]
fn an_operator_that_changed_is_found() {
    let other = |stmt: &mut Stmt| {
        let Stmt::Assign(assign) = stmt else { return None };
        assign.op = if assign.op == AssignOp::Sub { AssignOp::Add } else { AssignOp::Sub };
        Some(Edit::Change)
    };
    let mut found = BTreeSet::new();
    for (name, outcome) in outcomes() {
        for program in edited(&outcome.program, other) {
            let said = outcome.with_program(&program, &format!("{name}, with another operator"));
            assert!(is_by_a_run(&said), "{name}: {said}");
            found.insert(name);
        }
    }
    assert_enough(&found);
}

#[test]
fn an_arena_above_the_capacity_is_refused() {
    for (name, outcome) in outcomes() {
        let exact = Subject { capacity_bytes: outcome.arena_bytes, ..outcome.subject() };
        assert_eq!(check::all(&exact), Ok(Order::Proven), "{name}");
        let short = Subject { capacity_bytes: outcome.arena_bytes - 1, ..outcome.subject() };
        assert!(check::all(&short).expect_err(name).contains("an arena of"));
    }
}

#[test]
fn a_count_that_is_one_element_off_is_found() {
    for (name, outcome) in outcomes() {
        for at in 0..outcome.counts.arrays.len() {
            for (loads, stores) in [(1, 0), (0, 1), (-1, 0)] {
                let mut counts = outcome.counts.clone();
                counts.arrays[at].load_elements += loads;
                counts.arrays[at].store_elements += stores;
                let said = check::all(&Subject { counts: &counts, ..outcome.subject() }).expect_err(name);
                assert!(said.contains("a run moves"), "{name}: {said}");
            }
        }
    }
}

#[test]
fn a_transfer_too_many_is_found_by_its_count() {
    for (name, outcome) in outcomes() {
        let mut program = outcome.program.clone();
        let first = |body: &[Stmt]| body.iter().position(|s| is_transfer(s, Direction::Load));
        fn twice(body: &mut Vec<Stmt>, first: &dyn Fn(&[Stmt]) -> Option<usize>) -> bool {
            if let Some(at) = first(body) {
                body.insert(at, body[at].clone());
                return true;
            }
            body.iter_mut().any(|stmt| match stmt {
                Stmt::For(f) => twice(&mut f.body, first),
                Stmt::If(i) => twice(&mut i.then, first) || twice(&mut i.orelse, first),
                _ => false,
            })
        }
        assert!(twice(&mut program.body, &first), "{name}: no load");
        let said = check::all(&Subject { program: &program, ..outcome.subject() }).expect_err(name);
        assert!(said.contains("a run moves"), "{name}: {said}");
    }
}

#[test]
fn a_program_too_long_to_be_run_is_judged_by_a_smaller_one() {
    let outcome = right(PRODUCT, CAPACITY, Fuse::Auto);
    let mut long = outcome.counts.clone();
    long.arrays[0].load_elements = LONGEST_RUN + 1;
    let wrong = edited(&outcome.program, |s| is_transfer(s, Direction::Store).then_some(Edit::Drop)).remove(0);
    assert_eq!(check::all(&Subject { counts: &long, program: &wrong, ..outcome.subject() }), Ok(Order::Proven));
    assert_eq!(check::results(&outcome.source, &outcome.program), Ok(()));
    assert!(check::results(&outcome.source, &wrong).is_err());
}

#[test]
fn buffers_that_live_together_and_are_moved_onto_each_other_are_refused() {
    let mut found = BTreeSet::new();
    for (name, outcome) in outcomes() {
        let Place { offset, alive, .. } = outcome.places[0];
        for n in 1..outcome.places.len() {
            let mut places = outcome.places.clone();
            if places[n].alive.0 > alive.1 || alive.0 > places[n].alive.1 {
                continue;
            }
            places[n].offset = offset;
            let subject =
                Subject { places, arena_bytes: 2 * CAPACITY, capacity_bytes: 2 * CAPACITY, ..outcome.subject() };
            assert!(check::all(&subject).expect_err(name).contains("share bytes"), "{name}");
            found.insert(name);
        }
    }
    assert_enough(&found);
}

#[test]
fn two_live_buffers_at_one_address_are_refused() {
    for (name, outcome) in outcomes() {
        let place = |offset, alive| Place { offset, bytes: 8, alive };
        let ask = |places| check::all(&Subject { places, arena_bytes: 16, capacity_bytes: 16, ..outcome.subject() });
        assert_eq!(ask(vec![place(0, (0, 1)), place(8, (1, 2))]), Ok(Order::Proven), "{name}");
        assert_eq!(ask(vec![place(0, (0, 1)), place(4, (2, 2))]), Ok(Order::Proven), "{name}");
        assert!(ask(vec![place(0, (0, 1)), place(4, (1, 2))]).expect_err(name).contains("share bytes"));
        assert!(ask(vec![place(12, (0, 0))]).expect_err(name).contains("in an arena of"));
    }
}
