//! What does each command do? Read, one call of the library, write.

use std::path::Path;

use serde::Serialize;

use super::Stop;
use super::arguments::{
    Arguments, Check, Command, Common, Count, CountEmit, Deps, DepsEmit, Emit, Fuse, Machines, Opt, Planning, Run,
};
use super::input::{self, Source, check_overrides};
use super::output::{self, Result as Written};
use polyfuse::check::compare::{Verdict, compare};
use polyfuse::count::{self, Counts};
use polyfuse::emit::{RUNTIME_HEADER, to_c};
use polyfuse::lang::ast::{Program, Role};
use polyfuse::lang::{Diagnostic, decisions};
use polyfuse::machine::{self, Machine};
use polyfuse::poly::show::{self, Shown};
use polyfuse::report::json;
use polyfuse::run::{self, Fault, Footprint, Place, Typed};
use polyfuse::timeline::trace;
use polyfuse::{Failure, Optimized, Options, schedule};

/// Every run of one program is on the same inputs.
const SEED: u64 = 0;

/// A run that takes longer than anybody waits ends with a message.
const MAX_INSTANCES: u64 = 1 << 42;

pub fn run(arguments: Arguments) -> Result<(), Stop> {
    output::behave(&arguments.manner);
    match arguments.command {
        Command::Opt(opt) => optimize(&opt),
        Command::Sweep(sweep) => super::sweep::run(&sweep),
        Command::Explain(explain) => super::explain::run(&explain),
        Command::Count(count) => count_accesses(&count),
        Command::Run(run) => interpret(&run),
        Command::Check(check) => check_two(&check),
        Command::Diff(diff) => super::diff::run(&diff),
        Command::Deps(deps) => dependences(&deps),
        Command::Machines(machines) => list_machines(&machines),
        Command::Fmt(fmt) => super::fmt::run(&fmt),
        Command::Completions(completions) => super::shell::completions(&completions),
        Command::Man(man) => super::shell::man(&man),
    }
}

/// Writes a command's one result.
pub fn finish(common: &Common, text: String) -> Result<(), Stop> {
    output::write(vec![Written { file: common.output.as_deref(), text }])
}

/// A program of either level with the values of its parameters; says its warnings.
fn load(file: &str, common: &Common) -> Result<(Source, Program), Stop> {
    let source = Source::read(file, common)?;
    let parsed = source.parse()?;
    check_overrides(&common.overrides, &[&parsed])?;
    let program = source.resolve(&parsed, &common.overrides)?;
    let warnings = polyfuse::warnings(&program).map_err(|failure| Stop::from_failure(failure, &source))?;
    output::diagnostics(&source.name, &source.text, &warnings);
    Ok((source, program))
}

fn optimize(opt: &Opt) -> Result<(), Stop> {
    let place = |file: &Option<String>| file.clone().unwrap_or_else(|| "-".into());
    if opt.report.is_some() && place(&opt.report) == place(&opt.common.output) {
        return Err(Stop::Usage("the program and its report cannot go to one file".into()));
    }
    if opt.schedule.is_some() && opt.files.len() != 1 {
        return Err(Stop::Usage("a schedule is that of one program: name one FILE.loop".into()));
    }
    if opt.schedule.as_deref() == Some("-") && opt.files == ["-"] {
        return Err(Stop::Usage("stdin can be the program or its schedule, not both".into()));
    }
    match (&opt.files[..], opt.watch) {
        ([file], true) if file != "-" && opt.schedule.as_deref() != Some("-") => {
            let files: Vec<&str> = std::iter::once(file.as_str()).chain(opt.schedule.as_deref()).collect();
            super::watch::watch(&files, &|| optimize_file(opt, file))
        }
        (_, true) => Err(Stop::Usage("`--watch` watches one file".into())),
        ([], false) if opt.emit == Emit::Rt && opt.report.is_none() => finish(&opt.common, RUNTIME_HEADER.into()),
        ([], false) => Err(Stop::Usage("which program? FILE.loop is missing".into())),
        ([file], false) => optimize_file(opt, file),
        (files, false) => optimize_all(opt, files),
    }
}

fn optimize_file(opt: &Opt, file: &str) -> Result<(), Stop> {
    input::spare(file, opt.report.as_deref())?;
    opt.schedule.as_deref().map_or(Ok(()), |schedule| input::spare(schedule, opt.report.as_deref()))?;
    output::write(scheduled(opt, file, opt.common.output.as_deref(), opt.report.as_deref())?)
}

/// Schedules several programs into a folder: all of them, or none where one cannot be.
fn optimize_all(opt: &Opt, files: &[String]) -> Result<(), Stop> {
    let folder = opt.common.output.as_deref().map(Path::new).filter(|folder| folder.is_dir());
    let (Some(folder), None) = (folder, &opt.report) else {
        return Err(Stop::Usage("several programs go to a folder that `-o` names, and `--report` has one".into()));
    };
    let mut places: Vec<String> = Vec::new();
    for file in files {
        let stem = Path::new(input::name(file)).file_stem().unwrap_or_default();
        let place = folder.join(stem).with_extension(opt.emit.extension()).to_string_lossy().into_owned();
        input::spare(file, Some(&place))?;
        if places.contains(&place) {
            return Err(Stop::Usage(format!("two of the programs would go to {place}")));
        }
        places.push(place);
    }
    let mut results = Vec::new();
    for (file, place) in files.iter().zip(&places) {
        results.extend(scheduled(opt, file, Some(place), None)?);
    }
    output::write(results)
}

/// The results for one program: what to print, and the report where there is a place for it.
fn scheduled<'a>(
    opt: &Opt,
    file: &str,
    place: Option<&'a str>,
    report: Option<&'a str>,
) -> Result<Vec<Written<'a>>, Stop> {
    let machine = input::machine(&opt.common)?;
    let source = Source::read(file, &opt.common)?;
    let parsed = source.parse()?;
    check_overrides(&opt.common.overrides, &[&parsed])?;
    let capacity_bytes = opt.capacity.scratchpad.unwrap_or(machine.scratchpad_bytes);
    let options = options(&opt.planning, &source, machine, capacity_bytes);
    let optimized = match &opt.schedule {
        None => polyfuse::optimize(&parsed, &opt.common.overrides, &options),
        Some(schedule) => {
            let schedule = Source::read(schedule, &opt.common)?;
            let decisions = decisions(&schedule.text).map_err(|diagnostics| schedule.mistakes(diagnostics))?;
            match polyfuse::apply(&parsed, &opt.common.overrides, &options, &decisions) {
                Err(failure @ Failure::Schedule(_)) => return Err(Stop::from_failure(failure, &schedule)),
                applied => applied,
            }
        }
    };
    let optimized = optimized.map_err(|failure| Stop::from_failure(failure, &source))?;
    output::diagnostics(&source.name, &source.text, &optimized.warnings);
    let mut results = vec![Written { file: place, text: printed(opt, &source, &parsed, &options, &optimized)? }];
    results.extend(report.map(|file| Written { file: Some(file), text: optimized.report.to_timed_json() }));
    Ok(results)
}

/// What the library is asked for.
pub fn options(planning: &Planning, source: &Source, machine: Machine, capacity_bytes: i64) -> Options {
    Options {
        kernel: source.kernel.clone(),
        file: source.name.clone(),
        text: source.text.clone(),
        machine,
        capacity_bytes,
        fuse: match planning.fuse {
            Fuse::None => schedule::Fuse::None,
            Fuse::Max => schedule::Fuse::Max,
            Fuse::Auto => schedule::Fuse::Auto,
        },
        recompute: planning.recompute,
        solver: planning.solver,
        effort: planning.effort,
        strict_fp: planning.strict_fp,
    }
}

fn printed(
    opt: &Opt,
    source: &Source,
    parsed: &Program,
    options: &Options,
    optimized: &Optimized,
) -> Result<String, Stop> {
    let fault = |what: String| Stop::Fault { what, details: String::new() };
    Ok(match opt.emit {
        Emit::Loop => optimized.program.to_string(),
        Emit::C => {
            to_c(&optimized.program, &source.kernel, &optimized.placement).map_err(|error| fault(error.to_string()))?
        }
        Emit::Rt => RUNTIME_HEADER.into(),
        Emit::Json => optimized.report.to_json(),
        Emit::Dot => optimized.dot.clone(),
        Emit::Schedule => optimized.schedule.clone(),
        Emit::Html => {
            let is_given = opt.schedule.is_some();
            super::page::html(source, parsed, &opt.common.overrides, options, optimized, is_given)?
        }
        Emit::Trace => {
            let Some(rates) = &options.machine.rates else {
                let name = &options.machine.name;
                return Err(Stop::Refused(format!(
                    "the machine {name} says no `[rates]`: there is no model of its time"
                )));
            };
            trace(&optimized.program, rates).map_err(|error| fault(error.to_string()))?
        }
    })
}

#[derive(Serialize)]
struct CountReport<'a> {
    dram: Bytes,
    arrays: Vec<ArrayBytes<'a>>,
}

#[derive(Serialize)]
struct Bytes {
    load_bytes: i128,
    store_bytes: i128,
}

#[derive(Serialize)]
struct ArrayBytes<'a> {
    name: &'a str,
    role: String,
    #[serde(flatten)]
    bytes: Bytes,
}

fn count_accesses(count: &Count) -> Result<(), Stop> {
    input::machine(&count.common)?;
    let (source, program) = load(&count.file, &count.common)?;
    let counts = count::count(&program).map_err(|e| Stop::Refused(format!("{}: {e}", source.name)))?;
    let report = counted(&program, &counts);
    let report = report.ok_or_else(|| Stop::Refused(format!("{}: the bytes do not fit 127 bits", source.name)))?;
    let text = match count.emit {
        CountEmit::Json => json(&report),
        CountEmit::Text => {
            let line = |name: &str, bytes: &Bytes| format!("{name} {} {}\n", bytes.load_bytes, bytes.store_bytes);
            let arrays: String = report.arrays.iter().map(|a| line(a.name, &a.bytes)).collect();
            arrays + &line("total", &report.dram)
        }
    };
    finish(&count.common, text)
}

fn counted<'a>(program: &Program, counts: &'a Counts) -> Option<CountReport<'a>> {
    let (load_bytes, store_bytes) = counts.bytes()?;
    let arrays = counts.arrays.iter().map(|array| {
        let role = program.array(&array.name).map_or(String::new(), |a| format!("{:?}", a.role).to_lowercase());
        let load_bytes = array.load_elements.checked_mul(array.element_bytes.into())?;
        let store_bytes = array.store_elements.checked_mul(array.element_bytes.into())?;
        Some(ArrayBytes { name: &array.name, role, bytes: Bytes { load_bytes, store_bytes } })
    });
    Some(CountReport { arrays: arrays.collect::<Option<_>>()?, dram: Bytes { load_bytes, store_bytes } })
}

fn interpret(run: &Run) -> Result<(), Stop> {
    input::machine(&run.common)?;
    let (source, program) = load(&run.file, &run.common)?;
    let memory = run::execute::<Typed>(&program, SEED, MAX_INSTANCES).map_err(|fault| stopped(&source, &fault))?;
    let results = program.arrays.iter().filter(|a| matches!(a.role, Role::Output | Role::Inout));
    let text = results.map(|a| format!("{} {:016x}\n", a.name, memory.checksum(&a.name))).collect();
    finish(&run.common, text)
}

/// A run that the program stopped.
fn stopped(source: &Source, fault: &Fault) -> Stop {
    match fault {
        Fault::Undefined { place, .. } | Fault::OutOfBounds { place, .. } => {
            let Place { span, .. } = place;
            source.mistakes(vec![Diagnostic::error(fault.to_string(), *span)])
        }
        _ => Stop::Refused(format!("{}: {fault}", source.name)),
    }
}

fn check_two(check: &Check) -> Result<(), Stop> {
    let machine = input::machine(&check.common)?;
    let capacity = check.capacity.scratchpad.unwrap_or(machine.scratchpad_bytes);
    if check.a == "-" && check.b == "-" {
        return Err(Stop::Usage("stdin can be one of the programs, not both".into()));
    }
    let (a, b) = (Source::read(&check.a, &check.common)?, Source::read(&check.b, &check.common)?);
    let (parsed_a, parsed_b) = (a.parse()?, b.parse()?);
    let overrides = &check.common.overrides;
    check_overrides(overrides, &[&parsed_a, &parsed_b])?;
    let (program_a, program_b) = (a.resolve(&parsed_a, overrides)?, b.resolve(&parsed_b, overrides)?);
    let verdict = compare(&program_a, &program_b, SEED, MAX_INSTANCES).map_err(|stop| match stop {
        polyfuse::check::compare::Stopped::InA(fault) => stopped(&a, &fault),
        polyfuse::check::compare::Stopped::InB(fault) => stopped(&b, &fault),
    })?;
    if let Some(difference) = difference(verdict, &a.name, &b.name) {
        finish(&check.common, difference)?;
        return Err(Stop::Different);
    }
    let needed = needed_bytes(&program_b).map_err(|fault| stopped(&b, &fault))?;
    if needed > capacity {
        let text = format!("{}: the buffers need {needed} bytes; the machine has {capacity}", b.name);
        return Err(Stop::Refused(text));
    }
    finish(&check.common, "same\n".into())
}

fn difference(verdict: Verdict, a: &str, b: &str) -> Option<String> {
    match verdict {
        Verdict::Same => None,
        Verdict::InterfaceDiffers(text) => Some(format!("different: {text}\n")),
        Verdict::Differs { array, indices, a: left, b: right } => {
            let indices: String = indices.iter().map(|i| format!("[{i}]")).collect();
            Some(format!("different: {array}{indices} is {left} in {a}, {right} in {b}\n"))
        }
    }
}

/// What the buffers of a scheduled program take.
fn needed_bytes(program: &Program) -> Result<i64, Fault> {
    if !program.is_scheduled() {
        return Ok(0);
    }
    let mut footprint = Footprint::new(program);
    run::execute_observed::<run::Modular, _>(program, SEED, MAX_INSTANCES, &mut footprint)?;
    Ok(footprint.peak_bytes())
}

#[derive(Serialize)]
struct DependencesReport<'a> {
    kernel: &'a str,
    dependences: &'a [Shown],
}

fn dependences(deps: &Deps) -> Result<(), Stop> {
    input::machine(&deps.common)?;
    let source = Source::read(&deps.file, &deps.common)?;
    let parsed = source.parse()?;
    check_overrides(&deps.common.overrides, &[&parsed])?;
    let (edges, warnings) = polyfuse::dependences(&parsed, &deps.common.overrides)
        .map_err(|failure| Stop::from_failure(failure, &source))?;
    output::diagnostics(&source.name, &source.text, &warnings);
    let text = match deps.emit {
        DepsEmit::Text => {
            edges.iter().map(|e| format!("{} {} -> {}: {}\n", e.kind, e.from, e.to, e.relation)).collect()
        }
        DepsEmit::Json => json(&DependencesReport { kernel: &source.kernel, dependences: &edges }),
        DepsEmit::Dot => show::dot(&source.kernel, &edges),
    };
    finish(&deps.common, text)
}

fn list_machines(machines: &Machines) -> Result<(), Stop> {
    let text = match &machines.name {
        None => machine::names().map(|name| format!("{name}\n")).collect(),
        Some(name) => match machine::toml_of(name) {
            Some(text) => text.to_string(),
            None => {
                let known: Vec<_> = machine::names().collect();
                return Err(Stop::Usage(format!("no machine `{name}`; built in are {}", known.join(", "))));
            }
        },
    };
    output::write(vec![Written { file: machines.output.as_deref(), text }])
}
