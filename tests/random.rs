//! Does polyfuse do right by programs that nobody thought of?
//!
//! POLYFUSE_RANDOM_COUNT and POLYFUSE_RANDOM_SEED ask for more programs, and others, each tried in more ways.

#[path = "random/generator.rs"]
mod generator;
#[path = "random/judge.rs"]
mod judge;
#[path = "c/runtime.rs"]
mod runtime;
#[path = "random/shrink.rs"]
mod shrink;

use std::sync::atomic::{AtomicU64, Ordering};

use generator::{CALLS, EXACT_CALLS};
use judge::{Breadth, Complaint, Outcome, judge};
use polyfuse::lang::ast::Program;
use polyfuse::lang::{parse, resolve};
use runtime::{Compiled, Kernel};

/// What was asked for, or else what suits a test: how many programs, the first seed, and in how many ways each is tried.
struct Setting {
    count: u64,
    first: u64,
    breadth: Breadth,
}

impl Setting {
    fn of(count: u64) -> Setting {
        let given = |name: &str| {
            let text = std::env::var(name).ok()?;
            Some(text.parse().unwrap_or_else(|_| panic!("{name} is no number: {text}")))
        };
        let asked = given("POLYFUSE_RANDOM_COUNT");
        let breadth = if asked.is_some() { Breadth::Fuses } else { Breadth::One };
        Setting { count: asked.unwrap_or(count), first: given("POLYFUSE_RANDOM_SEED").unwrap_or(1), breadth }
    }

    /// What `work` says of every `step`th seed, on all cores.
    fn each<T: Send>(&self, step: u64, work: impl Fn(u64) -> T + Sync) -> Vec<T> {
        let next = AtomicU64::new(self.first);
        let take = || {
            let mut said = Vec::new();
            loop {
                let seed = next.fetch_add(step, Ordering::Relaxed);
                if seed >= self.first + self.count {
                    return said;
                }
                said.push(work(seed));
            }
        };
        let threads = std::thread::available_parallelism().map_or(1, usize::from);
        std::thread::scope(|scope| {
            let workers: Vec<_> = (0..threads).map(|_| scope.spawn(take)).collect();
            workers.into_iter().flat_map(|worker| worker.join().expect("a worker ends")).collect()
        })
    }
}

fn written(seed: u64, calls: &'static [&'static str]) -> Program {
    let text = generator::program(seed, calls);
    parse(&text).unwrap_or_else(|errors| panic!("seed {seed}: {errors:?}\n{text}"))
}

/// Whether the program of a seed is right or refused; a report where it is wrong.
fn verdict(seed: u64, breadth: Breadth) -> Result<bool, String> {
    let program = written(seed, &CALLS);
    let Complaint { capacity_bytes, fuse, kind, text } = match judge(&program, breadth) {
        Outcome::Right => return Ok(true),
        Outcome::Refused => return Ok(false),
        Outcome::Wrong(complaint) => complaint,
    };
    let wrong = |program: &Program| match judge(program, Breadth::All) {
        Outcome::Wrong(complaint) if complaint.kind == kind => Some(complaint),
        _ => None,
    };
    let small = shrink::shrink(program, 150, |p| wrong(p).is_some());
    let now = wrong(&small).map(|c| format!("at {} bytes, {:?}: {}", c.capacity_bytes, c.fuse, c.text));
    let report =
        format!("seed {seed}: {kind} at {capacity_bytes} bytes, {fuse:?}: {text}\n\nshrunk:\n{small}\n{now:?}\n");
    eprintln!("{report}");
    Err(report)
}

#[test]
fn random_programs_are_right_in_every_scratchpad() {
    let setting = Setting::of(200);
    let verdicts = setting.each(1, |seed| verdict(seed, setting.breadth));
    let accepted = verdicts.iter().filter(|v| matches!(v, Ok(true))).count() as u64;
    let complaints: Vec<String> = verdicts.into_iter().filter_map(Result::err).collect();
    let count = setting.count;
    eprintln!("{accepted} of {count} programs are right, {} wrong", complaints.len());
    assert!(complaints.is_empty(), "{} of {count} programs are wrong; the first: {}", complaints.len(), complaints[0]);
    assert!(accepted * 10 >= count * 8, "only {accepted} of {count} programs are valid");
}

#[test]
fn random_programs_are_made_of_the_whole_language() {
    let texts: Vec<String> = (0..1000).map(|seed| generator::program(seed, &CALLS)).collect();
    let fragments = "f64 f32 f16 bf16 i32 i8 input inout output temp += -= *= max= min= else step / % && || !( == != < <= > >= -inf select( \
         max( min( exp( log( sqrt( rsqrt( tanh( sigmoid( erf( abs( floor( pow( ..min( ..-";
    let rare = |is_meant: &dyn Fn(&str) -> bool| texts.iter().filter(|text| is_meant(text)).count() < 10;
    for fragment in fragments.split_whitespace().chain([" else if ", "..j", " in max(", ": "]) {
        assert!(!rare(&|text| text.contains(fragment)), "{fragment}");
    }
    let programs: Vec<Program> = texts.iter().map(|text| parse(text).expect("a program")).collect();
    for nests in 1..=6 {
        assert!(programs.iter().filter(|p| p.body.len() == nests).count() >= 10, "{nests} nests");
    }
    for rank in 0..=4 {
        assert!(programs.iter().filter(|p| p.arrays.iter().any(|a| a.dims.len() == rank)).count() >= 10, "rank {rank}");
    }
}

/// Programs whose C is compiled together.
const BATCH: u64 = 20;

/// The scheduled program of a seed, unless it is refused.
fn kernel(seed: u64) -> Option<Kernel> {
    let optimized = judge::any(&written(seed, &EXACT_CALLS))?;
    let program = resolve(&optimized.program, &[]).expect("a scheduled program").program;
    Some(Kernel { program, placement: optimized.placement })
}

#[test]
fn random_programs_compute_the_same_in_c() {
    let setting = Setting::of(2 * BATCH);
    let last = setting.first + setting.count;
    let verdicts = setting.each(BATCH, |first| {
        let batch: Vec<(u64, Kernel)> =
            (first..last.min(first + BATCH)).filter_map(|seed| Some((seed, kernel(seed)?))).collect();
        let (seeds, kernels): (Vec<u64>, Vec<Kernel>) = batch.into_iter().unzip();
        let compiled = Compiled::new(kernels, &["-O1"]).unwrap_or_else(|e| panic!("seeds from {first}: {e}"));
        // Both compute the same operations in the same order, so nothing excuses a difference.
        let wrong = |(n, seed): (usize, &u64)| {
            let difference = compiled.agrees(n, 0.0).err()?;
            eprintln!("seed {seed} in C: {difference}");
            Some(format!("seed {seed}: {difference}\n{}", compiled.code(n)))
        };
        (seeds.len() as u64, seeds.iter().enumerate().filter_map(wrong).collect::<Vec<String>>())
    });
    let accepted: u64 = verdicts.iter().map(|v| v.0).sum();
    let complaints: Vec<String> = verdicts.into_iter().flat_map(|v| v.1).collect();
    eprintln!("{accepted} of {} programs ran as C, {} wrongly", setting.count, complaints.len());
    assert!(complaints.is_empty(), "{} programs; the first: {}", complaints.len(), complaints[0]);
    assert!(accepted * 10 >= setting.count * 8, "only {accepted} of {} programs are valid", setting.count);
}
