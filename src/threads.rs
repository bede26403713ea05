//! How is work spread over the cores? Tasks that do not depend on each other, side by side, answers in the order of the tasks.

use std::sync::atomic::{AtomicUsize, Ordering};

/// Programs nest to any depth that memory allows; a thread of its own has the stack for it.
pub const STACK_BYTES: usize = 256 << 20;

/// What one thread does: what it makes for itself and keeps, as isl's objects stay on their thread, and its tasks.
pub struct Work<I, T> {
    pub start: I,
    pub task: T,
    pub stack_bytes: usize,
}

impl<I, T> Work<I, T> {
    /// The answers to the tasks `0..count`.
    ///
    /// # Errors
    /// Where a thread cannot start its work.
    pub fn run<S, A: Send, E: Send>(&self, count: usize) -> Result<Vec<A>, E>
    where
        I: Fn() -> Result<S, E> + Sync,
        T: Fn(&S, usize) -> A + Sync,
    {
        let next = AtomicUsize::new(0);
        let work = || -> Result<Vec<(usize, A)>, E> {
            let state = (self.start)()?;
            let mine = || Some(next.fetch_add(1, Ordering::Relaxed)).filter(|&n| n < count);
            Ok(std::iter::from_fn(mine).map(|n| (n, (self.task)(&state, n))).collect())
        };
        let workers = std::thread::available_parallelism().map_or(1, usize::from).min(count);
        let shares = std::thread::scope(|scope| {
            let start = |_| std::thread::Builder::new().stack_size(self.stack_bytes).spawn_scoped(scope, work);
            // A thread that does not start leaves its share to the others; this one always works.
            let handles: Vec<_> = (1..workers).flat_map(start).collect();
            let mut shares = vec![work()];
            for handle in handles {
                shares.push(handle.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)));
            }
            shares
        });
        let mut answers = Vec::new();
        for share in shares {
            answers.extend(share?);
        }
        answers.sort_by_key(|(n, _)| *n);
        Ok(answers.into_iter().map(|(_, answer)| answer).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_come_in_the_order_of_the_tasks() {
        let work = Work { start: || Ok::<_, ()>(7), task: |seven: &i64, n| seven * n as i64, stack_bytes: 1 << 16 };
        assert_eq!(work.run(100), Ok((0..100).map(|n| 7 * n).collect()));
        assert_eq!(work.run(0), Ok(vec![]));
    }

    #[test]
    fn a_start_that_fails_is_the_answer() {
        let work = Work { start: || Err::<(), _>("no"), task: |(): &(), n| n, stack_bytes: 1 << 16 };
        assert_eq!(work.run(3), Err("no"));
    }
}
