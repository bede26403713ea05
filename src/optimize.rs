//! The line from a program to its schedule, with the checks that stand behind every outcome.

mod best;
mod case;
mod given;
mod live;
mod realise;
mod rewriting;
mod smaller;
mod work;

pub use case::Case;
pub use given::apply;

use crate::check;
use crate::count::Counts;
use crate::emit::Placement;
use crate::ilp::Solver;
use crate::isl::{Context, IslError};
use crate::lang::ast::{Program, Role, Stmt};
use crate::lang::{self, Diagnostic, Severity};
use crate::machine::Machine;
use crate::poly::{self, Dependences, Reductions, Scop};
use crate::replay;
use crate::report::{self, Budget, Remark, Report};
use crate::schedule::{Answers, Decision, Fuse};
use crate::staging::{self, Staging};
use crate::threads::STACK_BYTES;
use best::{AsWritten, Found};
use live::Live;
use rewriting::{Done, Rewriting};
use smaller::{Decided, Whole};
use std::collections::BTreeSet;
use std::sync::mpsc;
use std::time::Instant;
use work::Work;

/// What the user asked for.
#[derive(Clone, Debug)]
pub struct Options {
    /// The kernel's name, from its file's stem.
    pub kernel: String,
    /// The file as the user named it, for messages.
    pub file: String,
    /// The program's text, for places in messages.
    pub text: String,
    pub machine: Machine,
    /// The scratchpad in bytes; the machine's, unless the user set it.
    pub capacity_bytes: i64,
    pub fuse: Fuse,
    /// Operations that recomputing may add, as a part of the program's own.
    pub recompute: f64,
    pub solver: Solver,
    /// Multiplies the operation budgets.
    pub effort: u32,
    /// Keeps the order of every reduction, so that floats stay the same to the bit.
    pub strict_fp: bool,
}

/// A scheduled program and what is said about it.
#[derive(Clone, Debug)]
pub struct Optimized {
    /// Of the scheduled level, resolved but for the labels.
    pub program: Program,
    pub placement: Placement,
    pub report: Report,
    pub warnings: Vec<Diagnostic>,
    /// For each group the number of the program's top-level statements up to its end.
    pub ends: Vec<usize>,
    /// The decisions, as [`apply`] takes them.
    pub schedule: String,
    /// The dependences as a graph for Graphviz.
    pub dot: String,
}

/// Why there is no scheduled program.
#[derive(Clone, Debug)]
pub enum Failure {
    /// The program is at fault.
    Input(Vec<Diagnostic>),
    /// The text of a schedule is at fault, or what it decides is not legal.
    Schedule(Vec<Diagnostic>),
    /// The scratchpad is too small for any schedule.
    DoesNotFit {
        capacity_bytes: i64,
        smallest_bytes: i64,
        /// The buffers at the tightest point, a line each.
        table: String,
    },
    /// polyfuse is at fault.
    Fault(String),
}

impl From<IslError> for Failure {
    fn from(error: IslError) -> Failure {
        Failure::Fault(error.to_string())
    }
}

/// isl operations for each stage of a program, and more for each of its statements, a unit of effort: some times what kernels take, and
/// seconds where a stage is intricate.
const BUDGET: u64 = 2_000_000;
const BUDGET_OF_EACH: u64 = 200_000;

/// isl operations for the instances of a program's statements, and what they touch, and more for each of them.
const INSTANCES: u64 = 2_000_000;
const INSTANCES_OF_EACH: u64 = 50_000;

/// isl operations for a question about the dependences through one array, and more for each statement, a unit of effort.
const DEPENDENCES: u64 = 400_000;
const DEPENDENCES_OF_EACH: u64 = 8_000;

impl Options {
    /// isl operations for a stage.
    fn budget(&self, scop: &Scop) -> u64 {
        BUDGET.saturating_add(BUDGET_OF_EACH * scop.statements.len() as u64).saturating_mul(self.effort.max(1).into())
    }

    fn reductions(&self) -> Reductions {
        if self.strict_fp { Reductions::Ordered } else { Reductions::Free }
    }
}

/// Schedules a program.
///
/// # Errors
/// What is wrong with the program, or the smallest scratchpad that it can run in.
pub fn optimize(parsed: &Program, overrides: &[(String, i64)], options: &Options) -> Result<Optimized, Failure> {
    optimize_analysed(&Analysed::new(parsed, overrides, options)?, options)
}

/// A program with its dependences: what every capacity starts from. It stays on its thread, as isl's objects do.
pub struct Analysed<'a> {
    parsed: &'a Program,
    overrides: &'a [(String, i64)],
    pub case: Case,
    /// The same without its dead instances, where it has some.
    live: Option<Live>,
    pub warnings: Vec<Diagnostic>,
    times: report::Times,
}

impl<'a> Analysed<'a> {
    /// # Errors
    /// What is wrong with the program.
    pub fn new(
        parsed: &'a Program,
        overrides: &'a [(String, i64)],
        options: &Options,
    ) -> Result<Analysed<'a>, Failure> {
        let mut clock = Clock::start(report::Times::default());
        let lang::Resolved { program, mut warnings } = lang::resolve(parsed, overrides).map_err(Failure::Input)?;
        refuse_scheduled(&program)?;
        clock.lap(|t| &mut t.parse);
        let case = Case::new(program, options)?;
        warnings.extend(diagnose(&case.source, &case.scop, &case.dependences, case.complete)?);
        let live = Live::of(&case, options)?;
        clock.lap(|t| &mut t.dependences);
        Ok(Analysed { parsed, overrides, case, live, warnings, times: clock.times })
    }
}

/// Schedules an analysed program.
///
/// # Errors
/// The smallest scratchpad that it can run in.
pub fn optimize_analysed(analysed: &Analysed, options: &Options) -> Result<Optimized, Failure> {
    let Analysed { parsed, overrides, ref case, ref live, times, .. } = *analysed;
    let (tell, told) = mpsc::channel();
    let whole = Whole { parsed, overrides, options, source: &case.source };
    std::thread::scope(|scope| {
        let smaller = std::thread::Builder::new().stack_size(STACK_BYTES);
        let smaller = smaller.spawn_scoped(scope, move || whole.check_when_told(&told));
        let smaller = smaller.map_err(|error| Failure::Fault(error.to_string()))?;
        let mut clock = Clock::start(times);
        let chosen = choose(analysed, options, &mut clock)?;
        if case.complete && check::is_long(&case.source, &chosen.outcome.counts) {
            let rewritings = chosen.rewritten.iter().map(|done| done.by.clone()).collect();
            let liveness = live.as_ref().filter(|_| chosen.omits_dead).map(|live| live.liveness.clone());
            // Where nobody listens any more, what happened comes up below.
            let _ = tell.send(Decided { liveness, rewritings, groups: chosen.outcome.decision.nests.clone() });
        }
        drop(tell);
        let smaller = || smaller.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        finish(analysed, options, chosen, smaller, clock)
    })
}

/// The best that is found for a program, or for what is live of it.
fn choose(analysed: &Analysed, options: &Options, clock: &mut Clock) -> Result<Chosen, Failure> {
    let Analysed { case, live, .. } = analysed;
    let answers = Answers::default();
    let (mut chosen, per_nest) = AsWritten::new(case, options, &answers, clock)?;
    let mut omits_dead = false;
    if let (Some(live), Fuse::Auto) = (live, options.fuse) {
        let without = usable(AsWritten::without_dead(&live.case, options, &answers, clock))?;
        if let Some(without) = without.filter(|without| without.bytes() < chosen.bytes()) {
            chosen = without;
            omits_dead = true;
        }
    }
    let Found { rewritten, case, outcome, exhausted } = chosen.improved(per_nest.operations, options, clock)?;
    Ok(Chosen { omits_dead, rewritten, case, outcome, per_nest, exhausted, is_given: false })
}

/// What becomes of a program, and what it is compared with.
struct Chosen {
    /// Whether it is scheduled without its dead instances.
    omits_dead: bool,
    rewritten: Vec<Done>,
    /// The program that is scheduled, where it was rewritten.
    case: Option<Case>,
    outcome: Outcome,
    per_nest: Counts,
    /// What ran out on the way.
    exhausted: BTreeSet<Budget>,
    /// Whether the schedule was given, not found.
    is_given: bool,
}

/// Checks what was chosen, `smaller` what stands in for it, and makes the report.
fn finish(
    analysed: &Analysed,
    options: &Options,
    chosen: Chosen,
    smaller: impl FnOnce() -> Result<(), Failure>,
    mut clock: Clock,
) -> Result<Optimized, Failure> {
    let Analysed { parsed, overrides, case, live, warnings, .. } = analysed;
    let (source, scop, dependences, complete) = (&case.source, &case.scop, &case.dependences, case.complete);
    let Chosen { omits_dead, rewritten, case: other, outcome, per_nest, mut exhausted, is_given } = chosen;
    let omitting = live.as_ref().filter(|_| omits_dead);
    let scheduled = other.as_ref().unwrap_or(omitting.map_or(case, |live| &live.case));
    let operations = options.budget(scop);
    let subject = check::Subject {
        live: omitting.map(|live| check::Live {
            program: &live.case.source,
            known: live.case.known(),
            source: case.known(),
        }),
        ..outcome.checked(source, scheduled, options.capacity_bytes, operations)
    };
    if check::all(&subject).map_err(Failure::Fault)? == check::Order::Unproven {
        exhausted.insert(Budget::Proof);
    }
    smaller()?;
    if outcome.decision.is_cut_short {
        exhausted.insert(Budget::Search);
    }
    clock.lap(|t| &mut t.check);
    let omitted = omitting.map(|live| live.remark(scop, options));
    let remarks: Vec<Remark> = omitted.into_iter().chain(rewritten.iter().map(|done| done.remark.clone())).collect();
    let dot = match complete {
        true => match scop.ctx.budget(options.budget(scop), || poly::show::edges(scop, dependences)) {
            Err(error) if error.is_quota() => String::new(),
            edges => poly::show::dot(&options.kernel, &edges?),
        },
        false => String::new(),
    };
    let report = report::make(&report::Facts {
        source,
        scop,
        live: live.as_ref().map_or((scop, dependences), |live| (&live.case.scop, &live.case.dependences)),
        rewritten: &remarks,
        exhausted: &exhausted,
        scheduled: &scheduled.scop,
        complete,
        is_given,
        options,
        params: report::parameters(parsed, overrides),
        outcome: &outcome,
        per_nest: &per_nest,
        times: clock.times,
    })
    .map_err(Failure::Fault)?;
    let placement = outcome.placement();
    let buffers: Vec<(usize, i64)> = outcome.staging.buffers.iter().map(|b| (b.scope, b.bytes())).collect();
    let written = rewritten.into_iter().map(|done| done.written);
    let lines: Vec<String> = omits_dead.then(|| live::WRITTEN.into()).into_iter().chain(written).collect();
    let schedule = format!(
        "// {}: {} bytes to and from DRAM with {} bytes of scratchpad\n{}",
        options.kernel,
        report.dram.optimized.bytes(),
        options.capacity_bytes,
        replay::text(&scheduled.scop, &outcome.decision.schedule, &lines, &buffers)
    );
    let Outcome { program, ends, .. } = outcome;
    Ok(Optimized { program, placement, report, warnings: warnings.clone(), ends, schedule, dot })
}

/// Wall time by stage: for the report's eyes only.
#[derive(Clone, Copy)]
struct Clock {
    last: Instant,
    times: report::Times,
}

impl Clock {
    fn start(times: report::Times) -> Clock {
        Clock { last: Instant::now(), times }
    }

    fn lap(&mut self, stage: impl FnOnce(&mut report::Times) -> &mut f64) {
        let now = Instant::now();
        let elapsed = now.duration_since(self.last).as_secs_f64() * 1e3;
        self.last = now;
        self.times.total += elapsed;
        *stage(&mut self.times) += elapsed;
    }
}

/// The dependences of a program, with warnings.
///
/// # Errors
/// What is wrong with the program.
pub fn dependences(
    parsed: &Program,
    overrides: &[(String, i64)],
) -> Result<(Vec<poly::show::Shown>, Vec<Diagnostic>), Failure> {
    let lang::Resolved { program: source, mut warnings } = lang::resolve(parsed, overrides).map_err(Failure::Input)?;
    refuse_scheduled(&source)?;
    let scop = extract(&source, &Context::new())?;
    let (dependences, complete) = analyse(&scop, Reductions::Free, 1)?;
    if !complete {
        return Err(too_intricate(&source, Budget::Dependences));
    }
    warnings.extend(diagnose(&source, &scop, &dependences, true)?);
    Ok((poly::show::edges(&scop, &dependences)?, warnings))
}

/// The warnings that take sets of instances to see, for a resolved program of either level. A scheduled program has none: what it
/// reaches is seen when it runs. Where the dependences are too intricate, reads of what nothing has written are not looked for.
///
/// # Errors
/// Accesses outside their arrays and reads of what nothing has written.
pub fn warnings(program: &Program) -> Result<Vec<Diagnostic>, Failure> {
    if program.is_scheduled() {
        return Ok(Vec::new());
    }
    let scop = match instances(program, &Context::new()) {
        Err(error) if error.is_quota() => return Ok(Vec::new()),
        scop => scop?,
    };
    let (dependences, complete) = analyse(&scop, Reductions::Free, 1)?;
    diagnose(program, &scop, &dependences, complete)
}

/// A result, or what is said of a program that is too intricate for a budget.
fn within<T>(source: &Program, budget: Budget, result: Result<T, IslError>) -> Result<T, Failure> {
    result.map_err(|error| if error.is_quota() { too_intricate(source, budget) } else { error.into() })
}

fn too_intricate(source: &Program, budget: Budget) -> Failure {
    let span = source.body.first().map_or_else(Default::default, |stmt| match stmt {
        Stmt::For(f) => f.span,
        Stmt::If(i) => i.span,
        Stmt::Assign(a) => a.span,
        Stmt::Transfer(t) => t.span,
    });
    Failure::Input(vec![Diagnostic {
        severity: Severity::Error,
        message: format!("this program is too intricate: the budget for its {} ran out", budget.purpose()),
        span,
        label: "from here on".into(),
        help: Some(
            "simpler indices, bounds and conditions need fewer operations; where there is an `--effort`, `--effort 10` allows ten times as many"
                .into(),
        ),
    }])
}

/// What came of a program that polyfuse wrote itself; `None` where it is too intricate or does not fit, which is no fault of the user's.
fn usable<T>(found: Result<T, Failure>) -> Result<Option<T>, Failure> {
    match found {
        Err(Failure::Input(_) | Failure::DoesNotFit { .. }) => Ok(None),
        found => found.map(Some),
    }
}

fn extract(source: &Program, ctx: &Context) -> Result<Scop, Failure> {
    within(source, Budget::Accesses, instances(source, ctx))
}

fn instances(source: &Program, ctx: &Context) -> Result<Scop, IslError> {
    ctx.budget(INSTANCES + INSTANCES_OF_EACH * assignments(&source.body), || poly::extract(source, ctx))
}

fn assignments(body: &[Stmt]) -> u64 {
    let each = body.iter().map(|stmt| match stmt {
        Stmt::For(f) => assignments(&f.body),
        Stmt::If(i) => assignments(&i.then) + assignments(&i.orelse),
        Stmt::Assign(_) | Stmt::Transfer(_) => 1,
    });
    each.sum()
}

fn refuse_scheduled(source: &Program) -> Result<(), Failure> {
    if !source.is_scheduled() {
        return Ok(());
    }
    let span = source.arrays.iter().find(|a| a.role == Role::Scratch).map(|a| a.span).unwrap_or_default();
    Err(Failure::Input(vec![Diagnostic {
        severity: Severity::Error,
        message: "this program is scheduled already".into(),
        span,
        label: "a scratch buffer stands in scheduled programs only".into(),
        help: Some("give `opt` the source program; `count`, `run` and `check` take this one".into()),
    }]))
}

/// The dependences, and whether they are complete: programs that exhaust the budget run in source order.
fn analyse(scop: &Scop, reductions: Reductions, effort: u32) -> Result<(Dependences, bool), Failure> {
    let operations = DEPENDENCES + DEPENDENCES_OF_EACH * scop.statements.len() as u64;
    match poly::dependences(scop, reductions, operations.saturating_mul(effort.max(1).into())) {
        Ok(dependences) => Ok((dependences, true)),
        Err(_) => Ok((Dependences::unknown(scop)?, false)),
    }
}

/// Warnings; errors end the line. Where it takes too long to see which elements nothing has written, accesses outside their arrays
/// are still found.
fn diagnose(
    source: &Program,
    scop: &Scop,
    dependences: &Dependences,
    complete: bool,
) -> Result<Vec<Diagnostic>, Failure> {
    let operations = BUDGET + BUDGET_OF_EACH * scop.statements.len() as u64;
    let all = complete.then(|| scop.ctx.budget(operations, || poly::diagnose(scop, dependences)));
    let found = match all {
        Some(Ok(found)) => found,
        Some(Err(error)) if !error.is_quota() => return Err(error.into()),
        _ => within(source, Budget::Accesses, scop.ctx.budget(operations, || poly::outside(scop)))?,
    };
    if found.iter().any(|d| d.severity == Severity::Error) {
        return Err(Failure::Input(found));
    }
    Ok(found)
}

/// A schedule carried out: the program and what it moves.
pub struct Outcome {
    pub decision: Decision,
    pub staging: Staging,
    pub program: Program,
    pub counts: Counts,
    /// For each group the number of the program's top-level statements up to its end.
    pub ends: Vec<usize>,
}

impl Outcome {
    /// Bytes loaded and stored.
    pub fn bytes(&self) -> i128 {
        self.counts.bytes().map_or(i128::MAX, |(loads, stores)| loads.saturating_add(stores))
    }

    fn places(&self) -> Vec<check::Place> {
        let Staging { buffers, placement } = &self.staging;
        let place = |(b, &offset): (&staging::Buffer, &i64)| check::Place { offset, bytes: b.bytes(), alive: b.alive };
        buffers.iter().zip(&placement.offsets).map(place).collect()
    }

    fn checked<'a>(
        &'a self,
        source: &'a Program,
        scheduled: &'a Case,
        capacity_bytes: i64,
        operations: u64,
    ) -> check::Subject<'a> {
        check::Subject {
            source,
            live: None,
            rewritten: &scheduled.source,
            dependences: &scheduled.dependences,
            schedule: &self.decision.schedule,
            program: &self.program,
            counts: &self.counts,
            arena_bytes: self.staging.placement.arena_bytes,
            capacity_bytes,
            places: self.places(),
            operations,
        }
    }

    fn placement(&self) -> Placement {
        let scratch = self.program.arrays.iter().filter(|a| a.role == Role::Scratch);
        let offsets = scratch.zip(&self.staging.placement.offsets).map(|(a, &at)| (a.name.clone(), at)).collect();
        Placement { offsets, arena_bytes: self.staging.placement.arena_bytes }
    }
}
