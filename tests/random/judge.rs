//! Is what polyfuse makes of a program right, in every scratchpad? Asked from outside, with nothing but runs and counts.

use std::collections::{BTreeMap, BTreeSet};
use std::panic::{AssertUnwindSafe, catch_unwind};

use polyfuse::check::compare::{Verdict, compare};
use polyfuse::count::{CountError, count, count_within};
use polyfuse::lang::ast::{Access, Assign, Condition, Expr, ExprKind, Program, Role, Stmt};
use polyfuse::lang::{parse, resolve};
use polyfuse::machine::Machine;
use polyfuse::run::{Footprint, Modular, Observer, Traffic, execute_observed};
use polyfuse::schedule::Fuse;
use polyfuse::{Analysed, Failure, Optimized, Options, optimize_analysed};

/// What became of a program.
#[derive(Clone, Debug)]
pub enum Outcome {
    Right,
    /// polyfuse says that the program is at fault.
    Refused,
    Wrong(Complaint),
}

/// What is wrong, and with which settings.
#[derive(Clone, Debug)]
pub struct Complaint {
    pub capacity_bytes: i64,
    pub fuse: Fuse,
    /// A few words that stay the same while a program is made smaller.
    pub kind: &'static str,
    pub text: String,
}

/// In how many ways a program is tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Breadth {
    /// With one kind of fusion in one scratchpad.
    One,
    /// With every kind in one scratchpad.
    Fuses,
    /// With every kind in every scratchpad.
    All,
}

const FUSES: [Fuse; 3] = [Fuse::None, Fuse::Max, Fuse::Auto];

/// Tries a program in its smallest scratchpad and in larger ones.
pub fn judge(program: &Program, breadth: Breadth) -> Outcome {
    let analysed = match analysed(program) {
        Err(Stop::Failed(Failure::Input(_))) => return Outcome::Refused,
        Err(stop) => return Outcome::Wrong(stop.complaint(1, Fuse::None)),
        Ok(analysed) => analysed,
    };
    let smallest = match attempt(&analysed, 1, Fuse::None) {
        Err(Stop::Failed(Failure::DoesNotFit { smallest_bytes, .. })) => smallest_bytes,
        Ok(_) => 1,
        Err(stop) => return Outcome::Wrong(stop.complaint(1, Fuse::None)),
    };
    let text = program.to_string();
    let source = match parse(&text).and_then(|parsed| resolve(&parsed, &[])) {
        Ok(resolved) => resolved.program,
        Err(errors) => return wrong(smallest, Fuse::None, "print", format!("{errors:?}\n{text}")),
    };
    let widest = match widest_instance(&source) {
        Ok(bytes) => bytes.max(1),
        Err(error) => return wrong(smallest, Fuse::None, "source", error),
    };
    let named = widest_statement(&source, &source.body);
    if smallest < widest || smallest > named.max(1) {
        let text = format!("needs {smallest} bytes; an instance touches {widest}, a statement names {named}");
        return wrong(smallest, Fuse::None, "smallest", text);
    }
    let (all, draw) = (capacities(smallest), draw(program));
    let each = |capacities: &[i64], fuses: &[Fuse]| -> Vec<(i64, Fuse)> {
        capacities.iter().flat_map(|&capacity| fuses.iter().map(move |&fuse| (capacity, fuse))).collect()
    };
    let one = &all[draw % 5..][..1];
    let trials = match breadth {
        Breadth::One => each(one, &FUSES[draw / 5 % 3..][..1]),
        Breadth::Fuses => each(one, &FUSES),
        Breadth::All => each(&all, &FUSES),
    };
    for (capacity_bytes, fuse) in trials {
        let optimized = match attempt(&analysed, capacity_bytes, fuse) {
            Ok(optimized) => optimized,
            Err(stop) => return Outcome::Wrong(stop.complaint(capacity_bytes, fuse)),
        };
        if let Err((kind, text)) = examine(&source, &optimized, capacity_bytes, fuse) {
            return wrong(capacity_bytes, fuse, kind, text);
        }
    }
    Outcome::Right
}

fn capacities(smallest: i64) -> [i64; 5] {
    [smallest, smallest + 1, 2 * smallest, 4 * smallest, 64 << 10]
}

/// Any number that stays while the program does.
fn draw(program: &Program) -> usize {
    let text = program.to_string();
    text.bytes().fold(text.len(), |sum, byte| sum.wrapping_mul(31).wrapping_add(byte.into()))
}

/// What polyfuse makes of a program with some kind of fusion in some scratchpad; `None` where it refuses the program.
pub fn any(program: &Program) -> Option<Optimized> {
    let analysed = analysed(program).ok()?;
    let smallest = match attempt(&analysed, 1, Fuse::None) {
        Err(Stop::Failed(Failure::DoesNotFit { smallest_bytes, .. })) => smallest_bytes,
        Err(_) => return None,
        Ok(optimized) => return Some(optimized),
    };
    let draw = draw(program);
    attempt(&analysed, capacities(smallest)[draw % 5], FUSES[draw / 5 % 3]).ok()
}

fn wrong(capacity_bytes: i64, fuse: Fuse, kind: &'static str, text: String) -> Outcome {
    Outcome::Wrong(Complaint { capacity_bytes, fuse, kind, text })
}

enum Stop {
    Failed(Failure),
    Panicked(String),
}

impl Stop {
    fn complaint(self, capacity_bytes: i64, fuse: Fuse) -> Complaint {
        let (kind, text) = match self {
            Stop::Panicked(text) => ("panic", text),
            Stop::Failed(Failure::Fault(text)) => ("fault", text),
            Stop::Failed(failure) => ("failure", format!("{failure:?}")),
        };
        Complaint { capacity_bytes, fuse, kind, text }
    }
}

fn options(capacity_bytes: i64, fuse: Fuse) -> Options {
    Options {
        kernel: "random".into(),
        file: "random.loop".into(),
        text: String::new(),
        machine: Machine::named("edge").expect("a machine built in"),
        capacity_bytes,
        fuse,
        recompute: 1.0,
        solver: Default::default(),
        effort: 1,
        strict_fp: false,
    }
}

/// What polyfuse knows of a program before it is told of a scratchpad.
fn analysed(program: &Program) -> Result<Analysed<'_>, Stop> {
    caught(|| Analysed::new(program, &[], &options(1, Fuse::None)))
}

/// What polyfuse makes of a program.
fn attempt(analysed: &Analysed, capacity_bytes: i64, fuse: Fuse) -> Result<Optimized, Stop> {
    caught(|| optimize_analysed(analysed, &options(capacity_bytes, fuse)))
}

fn caught<T>(work: impl FnOnce() -> Result<T, Failure>) -> Result<T, Stop> {
    let panicked = |cause: Box<dyn std::any::Any + Send>| {
        let text = cause.downcast_ref::<String>().cloned();
        Stop::Panicked(text.or_else(|| cause.downcast_ref::<&str>().map(|s| s.to_string())).unwrap_or_default())
    };
    catch_unwind(AssertUnwindSafe(work)).map_err(panicked)?.map_err(Stop::Failed)
}

type Finding = (&'static str, String);

/// What is wrong with a scheduled program, or its report.
fn examine(source: &Program, optimized: &Optimized, capacity_bytes: i64, fuse: Fuse) -> Result<(), Finding> {
    let text = optimized.program.to_string();
    let parsed = parse(&text).map_err(|errors| ("print", format!("{errors:?}\n{text}")))?;
    if parsed.to_string() != text {
        return Err(("print", format!("reads back as\n{parsed}\ninstead of\n{text}")));
    }
    let program = resolve(&parsed, &[]).map_err(|errors| ("print", format!("{errors:?}\n{text}")))?.program;
    if without_labels(&program) != without_labels(&optimized.program) {
        return Err(("print", format!("means\n{program}\ninstead of\n{text}")));
    }
    match compare(source, &program, 3, 10_000_000) {
        Ok(Verdict::Same) => {}
        Ok(verdict) => return Err(("result", format!("{verdict:?}\n{text}"))),
        Err(stopped) => return Err(("result", format!("{stopped}\n{text}"))),
    }
    let mut seen = (Traffic::new(&program), Footprint::new(&program));
    execute_observed::<Modular, _>(&program, 5, 10_000_000, &mut Both(&mut seen))
        .map_err(|fault| ("result", format!("{fault}\n{text}")))?;
    let counts = count(&program).map_err(|error| ("count", format!("{error}\n{text}")))?;
    // Of short programs `count` asks no sets; here they are asked.
    match count_within(&program, 400_000) {
        Err(CountError::Budget) => {}
        counted if counted == Ok(counts.clone()) => {}
        counted => return Err(("count", format!("{counted:?} by sets, not {counts:?}\n{text}"))),
    }
    let moved = program.arrays.iter().zip(&seen.0.arrays).filter(|(array, _)| array.role != Role::Scratch);
    for (array, &(loads, stores)) in moved {
        let counted = counts.arrays.iter().find(|c| c.name == array.name);
        let counted = counted.map(|c| (c.load_elements, c.store_elements));
        if counted != Some((loads.into(), stores.into())) {
            return Err(("count", format!("`{}` moves {loads} and {stores}, not {counted:?}\n{text}", array.name)));
        }
    }
    placed_apart(&program, optimized, &seen.1, capacity_bytes).map_err(|what| ("arena", format!("{what}\n{text}")))?;
    let (loads, stores) = counts.bytes().ok_or(("count", text.clone()))?;
    let dram = &optimized.report.dram;
    let reported = (dram.optimized.load_bytes.into(), dram.optimized.store_bytes.into());
    if reported != (loads, stores) {
        return Err(("report", format!("says {reported:?}, {:?} move\n{text}", (loads, stores))));
    }
    if i128::from(dram.lower_bound_bytes.max(dram.compulsory_bytes)) > loads + stores {
        return Err(("report", format!("says {dram:?}, {} move\n{text}", loads + stores)));
    }
    let apart = i128::from(dram.per_nest.load_bytes) + i128::from(dram.per_nest.store_bytes);
    if fuse == Fuse::None && apart != loads + stores || fuse == Fuse::Auto && apart < loads + stores {
        return Err(("report", format!("{} bytes move, {apart} nest by nest\n{text}", loads + stores)));
    }
    Ok(())
}

struct Both<'a>(&'a mut (Traffic, Footprint));

impl Observer for Both<'_> {
    fn read(&mut self, array: usize, element: usize, time: u64) {
        self.0.0.read(array, element, time);
        self.0.1.read(array, element, time);
    }

    fn wrote(&mut self, array: usize, element: usize, time: u64) {
        self.0.0.wrote(array, element, time);
        self.0.1.wrote(array, element, time);
    }
}

/// Buffers lie inside the arena, aligned, and those that are live together do not overlap.
fn placed_apart(program: &Program, optimized: &Optimized, seen: &Footprint, capacity_bytes: i64) -> Result<(), String> {
    let arena = optimized.placement.arena_bytes;
    if arena > capacity_bytes || seen.peak_bytes() > arena {
        return Err(format!("an arena of {arena} bytes for {} in {capacity_bytes}", seen.peak_bytes()));
    }
    let mut placed: Vec<(usize, i64, i64)> = Vec::new();
    for (n, array) in program.arrays.iter().enumerate().filter(|(_, a)| a.role == Role::Scratch) {
        let Some(&from) = optimized.placement.offsets.get(&array.name) else {
            return Err(format!("`{}` has no place", array.name));
        };
        let to = from + array.bytes();
        if from < 0 || to > arena || from % array.ty.bytes() != 0 {
            return Err(format!("`{}` lies at {from}..{to} of {arena}", array.name));
        }
        for &(other, start, end) in &placed {
            let together = seen.live(n).iter().any(|x| seen.live(other).iter().any(|y| x.0 <= y.1 && y.0 <= x.1));
            if together && from < end && start < to {
                return Err(format!("`{}` and `{}` overlap", array.name, program.arrays[other].name));
            }
        }
        placed.push((n, from, to));
    }
    Ok(())
}

fn without_labels(program: &Program) -> Program {
    fn strip(body: &mut [Stmt]) {
        for stmt in body {
            match stmt {
                Stmt::For(f) => strip(&mut f.body),
                Stmt::If(i) => {
                    strip(&mut i.then);
                    strip(&mut i.orelse);
                }
                Stmt::Assign(assign) => assign.label = None,
                Stmt::Transfer(_) => {}
            }
        }
    }
    let mut program = program.clone();
    strip(&mut program.body);
    program
}

/// The bytes of the distinct elements that one instance touches, at most.
fn widest_instance(source: &Program) -> Result<i64, String> {
    let mut seen = Instances(BTreeMap::new());
    execute_observed::<Modular, _>(source, 1, 10_000_000, &mut seen).map_err(|fault| fault.to_string())?;
    let bytes = |elements: &BTreeSet<(usize, usize)>| elements.iter().map(|(a, _)| source.arrays[*a].ty.bytes()).sum();
    Ok(seen.0.values().map(bytes).max().unwrap_or(0))
}

/// The bytes of the accesses that one statement names, at most, each that is written alike once. Only where some of them
/// meet in every instance can a statement do with less.
fn widest_statement(source: &Program, body: &[Stmt]) -> i64 {
    let bytes = |assign: &Assign| {
        let mut named = vec![&assign.target];
        accesses(&assign.value, &mut named);
        let distinct = named.iter().enumerate().filter(|(n, access)| !named[..*n].contains(access));
        distinct.map(|(_, access)| source.array(&access.array).map_or(0, |array| array.ty.bytes())).sum()
    };
    let widest = body.iter().map(|stmt| match stmt {
        Stmt::For(f) => widest_statement(source, &f.body),
        Stmt::If(i) => widest_statement(source, &i.then).max(widest_statement(source, &i.orelse)),
        Stmt::Assign(assign) => bytes(assign),
        Stmt::Transfer(_) => 0,
    });
    widest.max().unwrap_or(0)
}

fn accesses<'a>(expr: &'a Expr, found: &mut Vec<&'a Access>) {
    match &expr.kind {
        ExprKind::Access(access) => found.push(access),
        ExprKind::Number(_) | ExprKind::Inf | ExprKind::Name(_) => {}
        ExprKind::Neg(a) => accesses(a, found),
        ExprKind::Binary(_, a, b) => [a, b].into_iter().for_each(|part| accesses(part, found)),
        ExprKind::Call(_, parts) => parts.iter().for_each(|part| accesses(part, found)),
        ExprKind::Select(condition, a, b) => {
            compared(condition, found);
            [a, b].into_iter().for_each(|part| accesses(part, found));
        }
    }
}

fn compared<'a>(condition: &'a Condition<Expr>, found: &mut Vec<&'a Access>) {
    match condition {
        Condition::Chain(first, rest) => {
            accesses(first, found);
            rest.iter().for_each(|(_, part)| accesses(part, found));
        }
        Condition::And(parts) | Condition::Or(parts) => parts.iter().for_each(|part| compared(part, found)),
        Condition::Not(inner) => compared(inner, found),
    }
}

/// The elements that each instance touches.
struct Instances(BTreeMap<u64, BTreeSet<(usize, usize)>>);

impl Observer for Instances {
    fn read(&mut self, array: usize, element: usize, time: u64) {
        self.0.entry(time).or_default().insert((array, element));
    }

    fn wrote(&mut self, array: usize, element: usize, time: u64) {
        self.0.entry(time).or_default().insert((array, element));
    }
}
