//! When does each transfer and each piece of computing run? Events for trace viewers, in the format of Chrome and Perfetto.

use serde_json::{Value, json};

use super::dma_seconds;
use super::engine::{Engine, Task, accesses};
use super::lanes::{DMA, Event, Lanes};
use super::probe::outside_runs;
use super::walk::{Scope, Steps, body_mentions, bounds, branch};
use crate::count::CountError;
use crate::lang::ast::{Assign, Direction, Name, Program, Role, Stmt, Transfer};
use crate::lang::value::NoValue;
use crate::machine::Rates;

/// Events that a trace holds at most: what viewers show without effort.
const MAX_EVENTS: usize = 20_000;

/// Loops that are looked at one by one, at most.
const STEPS: u64 = 5_000_000;

/// The names of the lanes: the DMA, and the engines in their order.
const LANES: [&str; 4] = ["DMA", "tensor engine", "vector engine", "scalar engine"];

/// Why a trace ends.
enum End {
    /// There are too many events, or loops on the way to them.
    Full,
    Uncountable(CountError),
}

impl From<NoValue> for End {
    fn from(no: NoValue) -> End {
        match no {
            NoValue::Overflow => End::Full,
            NoValue::Unknown(what) => End::Uncountable(CountError::Unresolved(what)),
        }
    }
}

/// The trace of a scheduled program as JSON. It ends before the program does where there are more events than a viewer likes; then
/// `otherData` says so.
///
/// # Errors
/// Where the program is not a resolved one.
pub fn trace(program: &Program, rates: &Rates) -> Result<String, CountError> {
    let lanes = Lanes::new(rates.double_buffering);
    let mut player = Player { program, rates, steps: Steps(STEPS), scope: Vec::new(), lanes };
    let is_whole = match player.body(&program.body) {
        Ok(()) => true,
        Err(End::Full) => false,
        Err(End::Uncountable(error)) => return Err(error),
    };
    let end = player.lanes.end();
    let lane = |(n, name): (usize, &&str)| json!({"name": "thread_name", "ph": "M", "pid": 1, "tid": n, "args": {"name": name}});
    let lanes = LANES.iter().enumerate().map(lane);
    let trace = json!({
        "traceEvents": lanes.chain(player.lanes.events.iter().map(shown)).collect::<Vec<Value>>(),
        "displayTimeUnit": "ns",
        "otherData": {"model": "polyfuse", "double_buffering": rates.double_buffering, "complete": is_whole, "seconds": end},
    });
    Ok(format!("{trace}\n"))
}

/// An event in the format's words; its times are microseconds.
fn shown(event: &Event) -> Value {
    let Event { lane, name, start, seconds, bytes, runs } = event;
    let args = if *lane == DMA { json!({"bytes": bytes, "runs": runs}) } else { json!({}) };
    json!({"name": name, "ph": "X", "pid": 1, "tid": lane, "ts": start * 1e6, "dur": seconds * 1e6, "args": args})
}

struct Player<'a> {
    program: &'a Program,
    rates: &'a Rates,
    steps: Steps,
    scope: Scope,
    lanes: Lanes,
}

impl<'a> Player<'a> {
    fn body(&mut self, body: &'a [Stmt]) -> Result<(), End> {
        for stmt in body {
            if self.lanes.events.len() >= MAX_EVENTS {
                return Err(End::Full);
            }
            match stmt {
                Stmt::Transfer(transfer) => self.transfer(transfer)?,
                Stmt::For(f) if moves(&f.body) => self.iterate(&f.ranges, &f.body)?,
                Stmt::If(i) if moves(&i.then) || moves(&i.orelse) => {
                    let taken = branch(i, &self.scope)?;
                    self.body(taken)?;
                }
                _ => self.compute(stmt)?,
            }
        }
        Ok(())
    }

    fn iterate(&mut self, ranges: &'a [crate::lang::ast::Range], body: &'a [Stmt]) -> Result<(), End> {
        let Some((range, rest)) = ranges.split_first() else { return self.body(body) };
        let (mut at, hi, step) = bounds(range, &self.scope)?;
        while at < hi {
            self.steps.0 = self.steps.0.checked_sub(1).ok_or(End::Full)?;
            self.scope.push((range.iterator.clone(), at));
            let outcome = self.iterate(rest, body);
            self.scope.pop();
            outcome?;
            at = at.saturating_add(step);
        }
        Ok(())
    }

    fn transfer(&mut self, transfer: &Transfer) -> Result<(), End> {
        let mut iterations = |ranges: &[crate::lang::ast::Range]| -> Result<f64, End> {
            let sum = self.steps.sum(ranges, &mut self.scope, &|_| false, &mut |_, _| Ok(vec![1.0]))?;
            Ok(sum.first().copied().unwrap_or(0.0))
        };
        let (elements, runs) = (iterations(&transfer.ranges)?, iterations(&outside_runs(transfer, self.program))?);
        let element_bytes = self.program.array(&transfer.source.array).map_or(0, |a| a.ty.bytes());
        let bytes = elements * element_bytes as f64;
        let seconds = dma_seconds(self.rates, 1.0, runs, bytes);
        let event = |verb: &str, array: &Name| Event {
            lane: DMA,
            name: format!("{verb} {array}"),
            start: 0.0,
            seconds,
            bytes,
            runs,
        };
        let (target, source) = (&transfer.target.array, &transfer.source.array);
        match transfer.direction {
            Direction::Load => self.lanes.load(target, source, event("load", source)),
            Direction::Store => self.lanes.store(source, target, event("store", target)),
        }
        Ok(())
    }

    /// Statements that move nothing, as one piece for each engine that they need.
    fn compute(&mut self, stmt: &'a Stmt) -> Result<(), End> {
        let (program, rates) = (self.program, self.rates);
        let seconds = cost(std::slice::from_ref(stmt), program, rates, &mut self.steps, &mut self.scope)?;
        let mut assigns = Vec::new();
        assignments(stmt, &mut assigns);
        let mut touched: Vec<Name> = Vec::new();
        for assign in &assigns {
            let mut read = vec![&assign.target];
            accesses(&assign.value, &mut read);
            let scratch = read.iter().filter(|a| program.array(&a.array).is_some_and(|a| a.role == Role::Scratch));
            touched.extend(scratch.map(|a| a.array.clone()));
        }
        touched.sort();
        touched.dedup();
        let piece = |(engine, &seconds): (usize, &f64)| {
            let of_engine = assigns.iter().filter(|a| Task::of(a, program).is_ok_and(|t| t.engine as usize == engine));
            let mut names: Vec<&str> = of_engine.map(|a| a.label.as_deref().unwrap_or(&a.target.array)).collect();
            names.dedup();
            Event { lane: 1 + engine, name: names.join(" "), start: 0.0, seconds, bytes: 0.0, runs: 0.0 }
        };
        let pieces = seconds.iter().enumerate().filter(|(_, seconds)| **seconds > 0.0).map(piece).collect();
        self.lanes.compute(&touched, pieces);
        Ok(())
    }
}

/// Whether a body has a transfer.
fn moves(body: &[Stmt]) -> bool {
    body.iter().any(|stmt| match stmt {
        Stmt::Transfer(_) => true,
        Stmt::For(f) => moves(&f.body),
        Stmt::If(i) => moves(&i.then) || moves(&i.orelse),
        Stmt::Assign(_) => false,
    })
}

fn assignments<'a>(stmt: &'a Stmt, found: &mut Vec<&'a Assign>) {
    match stmt {
        Stmt::Assign(assign) => found.push(assign),
        Stmt::For(f) => f.body.iter().for_each(|stmt| assignments(stmt, found)),
        Stmt::If(i) => i.then.iter().chain(&i.orelse).for_each(|stmt| assignments(stmt, found)),
        Stmt::Transfer(_) => {}
    }
}

/// The seconds that a body without transfers takes on each engine.
fn cost(
    body: &[Stmt],
    program: &Program,
    rates: &Rates,
    steps: &mut Steps,
    scope: &mut Scope,
) -> Result<Vec<f64>, NoValue> {
    let mut total = vec![0.0; 3];
    for stmt in body {
        let part = match stmt {
            Stmt::Assign(assign) => {
                let task = Task::of(assign, program).map_err(|e| NoValue::Unknown(e.to_string()))?;
                total[task.engine as usize] += task.seconds(rates);
                continue;
            }
            Stmt::For(f) => {
                let matters = |name: &Name| body_mentions(&f.body, name);
                steps
                    .sum(&f.ranges, scope, &matters, &mut |steps, scope| cost(&f.body, program, rates, steps, scope))?
            }
            Stmt::If(i) => cost(branch(i, scope)?, program, rates, steps, scope)?,
            Stmt::Transfer(_) => continue,
        };
        total.iter_mut().zip(part).for_each(|(sum, part)| *sum += part);
    }
    Ok(total)
}

const _: () = assert!(Engine::Tensor as usize == 0 && Engine::Vector as usize == 1 && Engine::Scalar as usize == 2);
