//! Does polyfuse do right by programs that nobody thought of?
//!
//! POLYFUSE_RANDOM_COUNT and POLYFUSE_RANDOM_SEED ask for more programs, and others, each tried in more scratchpads.

#[path = "random/generator.rs"]
mod generator;
#[path = "random/judge.rs"]
mod judge;
#[path = "random/shrink.rs"]
mod shrink;

use std::sync::atomic::{AtomicU64, Ordering};

use judge::{Complaint, Outcome, judge};
use polyfuse::lang::parse;

/// A number from the environment.
fn setting(name: &str, otherwise: u64) -> u64 {
    let given = std::env::var(name).ok();
    given.map_or(otherwise, |text| text.parse().unwrap_or_else(|_| panic!("{name} is no number: {text}")))
}

/// What became of the program of a seed: a report where it is wrong.
fn verdict(seed: u64, thorough: bool) -> Result<bool, String> {
    let text = generator::program(seed);
    let program = parse(&text).unwrap_or_else(|errors| panic!("seed {seed}: {errors:?}\n{text}"));
    let Complaint { capacity_bytes, fuse, kind, text } = match judge(&program, thorough) {
        Outcome::Right => return Ok(true),
        Outcome::Refused => return Ok(false),
        Outcome::Wrong(complaint) => complaint,
    };
    let same = |p: &_| matches!(judge(p, thorough), Outcome::Wrong(complaint) if complaint.kind == kind);
    let small = shrink::shrink(program, 150, same);
    let now = match judge(&small, thorough) {
        Outcome::Wrong(c) => format!("at {} bytes, {:?}: {}", c.capacity_bytes, c.fuse, c.text),
        _ => String::new(),
    };
    Err(format!("seed {seed}: {kind} at {capacity_bytes} bytes, {fuse:?}: {text}\n\nshrunk:\n{small}\n{now}\n"))
}

#[test]
fn random_programs_are_right_in_every_scratchpad() {
    let (count, first) = (setting("POLYFUSE_RANDOM_COUNT", 200), setting("POLYFUSE_RANDOM_SEED", 1));
    let thorough = count != 200;
    let next = AtomicU64::new(first);
    let work = || {
        let (mut accepted, mut complaints) = (0, Vec::new());
        loop {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if seed >= first + count {
                return (accepted, complaints);
            }
            match verdict(seed, thorough) {
                Ok(right) => accepted += u64::from(right),
                Err(complaint) => {
                    eprintln!("{complaint}");
                    complaints.push(complaint);
                }
            }
        }
    };
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let (accepted, complaints) = std::thread::scope(|scope| {
        let workers: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
        let results = workers.into_iter().map(|worker| worker.join().expect("a worker ends"));
        results.fold((0, Vec::new()), |(accepted, mut all), (more, complaints)| {
            (accepted + more, {
                all.extend(complaints);
                all
            })
        })
    });
    eprintln!("{accepted} of {count} programs are right, {} wrong", complaints.len());
    assert!(complaints.is_empty(), "{} of {count} programs are wrong; the first: {}", complaints.len(), complaints[0]);
    assert!(accepted * 10 >= count * 8, "only {accepted} of {count} programs are valid");
}
