//! Can every check fail? Right outcomes are broken in one place each, and the check that stands for that place must say so.
//!
//! An outcome is made of the library's public parts, as `optimize` makes it, and passes all checks before it is broken. Where a
//! program is broken, what it moves is counted again, so that only a run that compares results can notice.

use polyfuse::check::compare::{Stopped, Verdict, compare};
use polyfuse::check::{self, LONGEST_RUN, Place, Subject, legality};
use polyfuse::count::{self, Counts};
use polyfuse::ilp::Solver;
use polyfuse::isl::Context;
use polyfuse::lang::ast::{Affine, AffineKind, AssignOp, Direction, Program, Range, Role, Stmt, Transfer, Type};
use polyfuse::poly::{self, Dependences, Scop};
use polyfuse::run::Fault;
use polyfuse::schedule::bands::Bands;
use polyfuse::schedule::tree::Schedule;
use polyfuse::schedule::{self, Fuse, Known, source::source_schedule};
use polyfuse::{emit, lang, staging};

/// A matrix product that does not fit as a whole.
const PRODUCT: &str = "
param N = 12;
input  A[N][N], B[N][N];
output C[N][N];
for i in 0..N, j in 0..N {
  C[i][j] = 0;
  for k in 0..N { C[i][j] += A[i][k] * B[k][j]; }
}";

/// A producer whose rows are each read by three iterations of the consumer.
const HALO: &str = "
param H = 14, W = 12;
input  X[H][W];
temp   B[H][W - 2];
output Y[H - 2][W - 2];
for i in 0..H, j in 0..W - 2 { B[i][j] = X[i][j] + X[i][j + 1] + X[i][j + 2]; }
for i in 0..H - 2, j in 0..W - 2 { Y[i][j] = B[i][j] + B[i + 1][j] + B[i + 2][j]; }";

/// Each element is made of both neighbours, of which one is of this step and one of the step before.
const IN_PLACE: &str = "
param T = 6, N = 20;
inout A[N];
for t in 0..T, i in 1..N - 1 { A[i] = A[i - 1] + 2 * A[i] + A[i + 1]; }";

/// Rows of which two passes are made.
const ROWS: &str = "
param M = 6, N = 40;
input  X[M][N];
temp   L[M];
output Y[M][N];
for i in 0..M {
  L[i] = 0;
  for j in 0..N { L[i] += X[i][j]; }
}
for i in 0..M, j in 0..N { Y[i][j] = X[i][j] - L[i]; }";

const CAPACITY: i64 = 1024;
const KERNELS: [(&str, &str); 11] = [
    ("product", PRODUCT),
    ("halo", HALO),
    ("in place", IN_PLACE),
    ("rows", ROWS),
    ("two products", "input A[6][7], B[7][8], D[8][5]; temp C[6][8]; output E[6][5]; for i in 0..6, j in 0..8 { C[i][j] = 0; for k in 0..7 { C[i][j] += A[i][k] * B[k][j]; } }
      for i in 0..6, l in 0..5 { E[i][l] = 0; for j in 0..8 { E[i][l] += C[i][j] * D[j][l]; } }"),
    ("triangle", "input L[9][9]; inout X[9]; for i in 0..9 { for j in 0..i { X[i] -= L[i][j] * X[j]; } X[i] = X[i] / (L[i][i] + 4); }"),
    ("transpose", "input A[12][9]; output B[9][12]; for i in 0..12, j in 0..9 { B[j][i] = A[i][j] + i; }"),
    ("maximum", "input A[8][10]; temp M[8]; output B[8][10]; for i in 0..8 { M[i] = -inf; for j in 0..10 { M[i] max= A[i][j]; } } for i in 0..8, j in 0..10 { B[i][j] = exp(A[i][j] - M[i]); }"),
    ("strides", "input A[40]; output B[20], C[20]; for i in 0..20 { B[i] = A[2 * i] + A[2 * i + 1]; } for i in 0..20 { C[19 - i] = B[i] * B[0]; }"),
    ("guards", "input A[10][10]; output B[10][10]; for i in 0..10, j in 0..10 { if i < j { B[i][j] = A[i][j]; } else { B[i][j] = A[j][i] + A[i][0]; } }"),
    ("sweeps", "inout A[10][6], B[10][6]; for t in 0..3 { for i in 1..9, j in 0..6 { B[i][j] = A[i - 1][j] + A[i + 1][j]; } for i in 1..9, j in 0..6 { A[i][j] = B[i][j] * 2; } }"),
];

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
    let dependences = poly::dependences(&scop, poly::Reductions::Free).expect("dependences");
    let schedule = match fuse {
        Fuse::Source => source_schedule(&scop).expect("a schedule"),
        _ => {
            let mut known = Known::new(Bands::new(&scop, &dependences, Solver::default()).expect("bands"));
            let goal = schedule::Goal { capacity_bytes, effort: 1, skewing: crate::schedule::Skewing::Strips };
            schedule::decide(&mut known, &scop, &goal, &[fuse]).expect("a decision").remove(0).schedule
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
    assert_eq!(check::all(&outcome.subject()), Ok(()));
    outcome
}

impl Outcome {
    fn subject(&self) -> Subject<'_> {
        Subject {
            source: &self.source,
            dependences: &self.dependences,
            schedule: &self.schedule,
            program: &self.program,
            counts: &self.counts,
            arena_bytes: self.arena_bytes,
            capacity_bytes: self.capacity_bytes,
            places: self.places.clone(),
            smaller: None,
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
fn outcomes() -> Vec<(String, Outcome)> {
    let both = |(name, text): (&str, &str)| {
        [Fuse::Auto, Fuse::Source].map(|fuse| (format!("{name}, {fuse:?}"), right(text, CAPACITY, fuse)))
    };
    KERNELS.into_iter().flat_map(both).collect()
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

#[test]
fn loops_that_may_not_change_places_are_found() {
    let outcome = right(IN_PLACE, CAPACITY, Fuse::Source);
    let mut schedule = outcome.schedule.clone();
    schedule.groups[0].paths[0].loops.swap(0, 1);
    assert!(outcome.with_schedule(&schedule).contains("breaks a dependence from S0 to S0"));
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

#[test]
fn every_store_that_is_dropped_is_missed() {
    for (name, outcome) in outcomes() {
        let broken = edited(&outcome.program, |s| is_transfer(s, Direction::Store).then_some(Edit::Drop));
        assert!(!broken.is_empty(), "{name}: no stores");
        for program in broken {
            outcome.with_program(&program, &format!("{name}, without a store"));
        }
    }
}

#[test]
fn every_load_that_is_dropped_is_missed() {
    for (name, outcome) in outcomes() {
        let broken = edited(&outcome.program, |s| is_transfer(s, Direction::Load).then_some(Edit::Drop));
        assert!(!broken.is_empty(), "{name}: no loads");
        for program in broken {
            outcome.with_program(&program, &format!("{name}, without a load"));
        }
    }
}

#[test]
fn every_assignment_that_is_dropped_is_missed() {
    for (name, outcome) in outcomes() {
        for program in edited(&outcome.program, |s| matches!(s, Stmt::Assign(_)).then_some(Edit::Drop)) {
            outcome.with_program(&program, &format!("{name}, without an assignment"));
        }
    }
}

#[test]
fn every_index_that_is_off_by_one_is_found() {
    let shift = |stmt: &mut Stmt, of_source: bool, dim: usize| {
        let Stmt::Transfer(Transfer { source, target, .. }) = stmt else { return None };
        let index = if of_source { source } else { target }.indices.get_mut(dim)?;
        *index = plus_one(index);
        Some(Edit::Change)
    };
    for (name, outcome) in outcomes() {
        for (of_source, dim) in [(true, 0), (true, 1), (false, 0), (false, 1)] {
            for program in edited(&outcome.program, |stmt| shift(stmt, of_source, dim)) {
                outcome.with_program(&program, &format!("{name}, index {dim} shifted"));
            }
        }
    }
}

#[test]
fn every_buffer_that_is_one_element_too_short_is_found() {
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
            }
        }
    }
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
    for (name, outcome) in outcomes() {
        for n in 0.. {
            let (mut program, mut left) = (outcome.program.clone(), n);
            if !shorten(&mut program.body, &mut left) {
                assert!(n > 0, "{name}: no loops");
                break;
            }
            outcome.with_program(&program, &format!("{name}, range {n} shortened"));
        }
    }
}

#[test]
fn an_operator_that_changed_is_found() {
    let other = |stmt: &mut Stmt| {
        let Stmt::Assign(assign) = stmt else { return None };
        assign.op = if assign.op == AssignOp::Sub { AssignOp::Add } else { AssignOp::Sub };
        Some(Edit::Change)
    };
    for (name, outcome) in outcomes() {
        for program in edited(&outcome.program, other) {
            outcome.with_program(&program, &format!("{name}, with another operator"));
        }
    }
}

#[test]
fn an_arena_above_the_capacity_is_refused() {
    for (name, outcome) in outcomes() {
        let exact = Subject { capacity_bytes: outcome.arena_bytes, ..outcome.subject() };
        assert_eq!(check::all(&exact), Ok(()), "{name}");
        let short = Subject { capacity_bytes: outcome.arena_bytes - 1, ..outcome.subject() };
        assert!(check::all(&short).expect_err(&name).contains("an arena of"));
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
                let said = check::all(&Subject { counts: &counts, ..outcome.subject() }).expect_err(&name);
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
        let said = check::all(&Subject { program: &program, ..outcome.subject() }).expect_err(&name);
        assert!(said.contains("a run moves"), "{name}: {said}");
    }
}

#[test]
fn a_program_too_long_to_be_run_is_judged_by_a_smaller_one() {
    let outcome = right(PRODUCT, CAPACITY, Fuse::Auto);
    let mut long = outcome.counts.clone();
    long.arrays[0].load_elements = LONGEST_RUN + 1;
    let wrong = edited(&outcome.program, |s| is_transfer(s, Direction::Store).then_some(Edit::Drop)).remove(0);
    let ask = |smaller| check::all(&Subject { counts: &long, smaller, ..outcome.subject() });
    assert_eq!(ask(None), Ok(()));
    assert_eq!(ask(Some((outcome.source.clone(), outcome.program.clone()))), Ok(()));
    assert!(ask(Some((outcome.source.clone(), wrong))).is_err());
}

#[test]
fn a_comparison_names_the_first_element_that_differs() {
    let a = resolved("output Y[4]; for i in 0..4 { Y[i] = i; }");
    let b = resolved("output Y[4]; for i in 0..4 { Y[i] = i; } Y[2] = 7;");
    match compare(&a, &b, 1, 1000) {
        Ok(Verdict::Differs { array, indices, .. }) => assert_eq!((array.as_str(), indices), ("Y", vec![2])),
        other => panic!("{other:?}"),
    }
    assert_eq!(compare(&a, &a, 1, 1000), Ok(Verdict::Same));
}

#[test]
fn an_output_that_is_left_unwritten_differs_from_one_that_is_written() {
    let a = resolved("output Y[4]; for i in 0..4 { Y[i] = 0; }");
    let b = resolved("output Y[4]; for i in 0..3 { Y[i] = 0; }");
    assert!(matches!(compare(&a, &b, 1, 1000), Ok(Verdict::Differs { .. })));
}

#[test]
fn other_interfaces_are_told_apart() {
    let right = resolved("input X[4]; output Y[4]; for i in 0..4 { Y[i] = X[i]; }");
    let mut changed = vec![right.clone(), right.clone(), right.clone(), right.clone()];
    changed[0].arrays[0].ty = Type::F64;
    changed[1].arrays[1].role = Role::Inout;
    changed[2].arrays[0].extents[0] = 5;
    changed[3].arrays.swap(0, 1);
    for program in changed {
        assert!(matches!(compare(&right, &program, 1, 1000), Ok(Verdict::InterfaceDiffers(_))), "{program}");
    }
}

#[test]
fn a_comparison_says_which_program_stopped() {
    let right = resolved("output Y[4]; for i in 0..4 { Y[i] = 0; }");
    let undefined = resolved("temp U[4]; output Y[4]; for i in 0..4 { Y[i] = U[i]; }");
    assert!(matches!(compare(&undefined, &right, 1, 1000), Err(Stopped::InA(Fault::Undefined { .. }))));
    assert!(matches!(compare(&right, &undefined, 1, 1000), Err(Stopped::InB(Fault::Undefined { .. }))));
    assert!(matches!(compare(&right, &right, 1, 3), Err(Stopped::InA(Fault::Budget { max_instances: 3 }))));
}

#[test]
fn buffers_that_live_together_and_are_moved_onto_each_other_are_refused() {
    let mut moved = 0;
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
            assert!(check::all(&subject).expect_err(&name).contains("share bytes"), "{name}");
            moved += 1;
        }
    }
    assert!(moved >= KERNELS.len(), "only {moved} buffers live together");
}

#[test]
fn two_live_buffers_at_one_address_are_refused() {
    for (name, outcome) in outcomes() {
        let place = |offset, alive| Place { offset, bytes: 8, alive };
        let ask = |places| check::all(&Subject { places, arena_bytes: 16, capacity_bytes: 16, ..outcome.subject() });
        assert_eq!(ask(vec![place(0, (0, 1)), place(8, (1, 2))]), Ok(()), "{name}");
        assert_eq!(ask(vec![place(0, (0, 1)), place(4, (2, 2))]), Ok(()), "{name}");
        assert!(ask(vec![place(0, (0, 1)), place(4, (1, 2))]).expect_err(&name).contains("share bytes"));
        assert!(ask(vec![place(12, (0, 0))]).expect_err(&name).contains("in an arena of"));
    }
}
