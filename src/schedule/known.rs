//! What was asked of the bands and of the search before, and what they said.
//!
//! Repeated blocks of a network, all kinds of fusion and all windows of a program ask the same questions again and again.

use super::bands::{Bands, GroupProblem};
use super::nest::Staged;
use super::problem::{Plan, Problem, Shared};
use super::search::{Found, frontier, least_bytes, outline};
use crate::isl::Result;
use indexmap::IndexSet;
use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// A group's problem in plain integers, and capacities in bytes.
pub type Question = (Shared, Vec<i64>);

/// How hard to look for plans.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Care {
    /// Enough to see whether a group may be worth more, or to have any good plan.
    Trial,
    /// Enough to choose among groups.
    Outline,
    /// For the groups that are chosen.
    Thorough,
}

impl Care {
    /// Steps that are shared out among the nests of a program, and the least and most that one search gets: what is asked beside a
    /// question changes nothing in its answer, but that it may come from another way to write the program, with more steps.
    fn steps(self) -> (u64, u64, u64) {
        match self {
            Care::Trial => (1_500, 500, 1_500),
            Care::Outline => (18_000, 2_000, 6_000),
            Care::Thorough => (50_000, 2_500, 16_000),
        }
    }

    /// What a search needs to look at bands of several loops at all: each step along a band prices the buffers of all statements.
    fn least_steps(self, problem: &Problem) -> u64 {
        let each = match self {
            Care::Trial => 0,
            Care::Outline => 200,
            Care::Thorough => 250,
        };
        each * problem.statements.len() as u64
    }

    fn search(self, problem: &Problem, capacities: &[i64], steps: u64) -> Found {
        match self {
            Care::Trial | Care::Outline => outline(problem, capacities, steps),
            Care::Thorough => frontier(problem, capacities, steps),
        }
    }
}

/// What a search came to, and how hard it looked.
pub struct Answer {
    care: Care,
    /// Nests among which the steps were shared out.
    nests: u64,
    found: Found,
}

impl Answer {
    /// The plan for each capacity.
    pub fn plans(&self) -> &[Option<Plan>] {
        &self.found.plans
    }

    /// Whether it was searched thoroughly, and steps were missing.
    pub fn is_cut_short(&self) -> bool {
        self.care == Care::Thorough && !self.found.is_complete
    }

    /// Whether a search with so much care in a program of so many nests would find no more.
    fn is_enough(&self, care: Care, nests: u64) -> bool {
        self.care >= care && (self.nests <= nests || self.found.is_complete)
    }
}

/// The problem of a group with the directions in which it walks an array apart, and together where there are several.
#[derive(Clone)]
pub struct Ways {
    together: Option<Rc<GroupProblem>>,
    apart: Rc<GroupProblem>,
}

impl Ways {
    /// Where both are as good, the first is taken.
    pub fn iter(&self) -> impl Iterator<Item = &Rc<GroupProblem>> {
        self.together.iter().chain([&self.apart])
    }
}

/// Answers in plain integers: they hold for a program and all ways to write it.
pub type Answers = Rc<RefCell<HashMap<Question, Rc<Answer>>>>;

/// Questions and answers about the groups of one program.
pub struct Known<'a> {
    pub bands: Bands<'a>,
    nests: u64,
    problems: HashMap<(Vec<usize>, Vec<usize>), Ways>,
    /// Bytes that problems move at least, in however much room.
    least: HashMap<Shared, i64>,
    answers: Answers,
    /// Nests as the loop around one iteration, by their statements and the capacity.
    pub around: HashMap<(Vec<usize>, i64), Option<Staged>>,
}

impl<'a> Known<'a> {
    pub fn new(bands: Bands<'a>, answers: &Answers) -> Known<'a> {
        let nests = bands.nests();
        let (problems, least, around) = (HashMap::new(), HashMap::new(), HashMap::new());
        Known { bands, nests, problems, least, answers: answers.clone(), around }
    }

    /// What is asked of one iteration of some nests of this program: its searches get no more steps than the program's.
    pub fn inside<'b>(&self, bands: Bands<'b>) -> Known<'b> {
        let known = Known::new(bands, &self.answers);
        Known { nests: known.nests.max(self.nests), ..known }
    }

    /// The problem of a group of statements; `resident` arrays take no part in it.
    ///
    /// # Errors
    /// When isl's budget runs out.
    pub fn problem(&mut self, statements: Vec<usize>, resident: &[usize]) -> Result<Rc<GroupProblem>> {
        Ok(self.ways(statements, resident)?.apart)
    }

    /// All ways to put it.
    ///
    /// # Errors
    /// As for [`Known::problem`].
    pub fn ways(&mut self, statements: Vec<usize>, resident: &[usize]) -> Result<Ways> {
        let key = (statements, resident.to_vec());
        if let Some(known) = self.problems.get(&key) {
            return Ok(known.clone());
        }
        let apart = self.bands.problem(&key.0, resident)?;
        let ways = Ways { together: apart.together().map(Rc::new), apart: Rc::new(apart) };
        self.problems.insert(key, ways.clone());
        Ok(ways)
    }

    /// Bytes that a group moves at least, in however much room.
    pub fn least_bytes(&mut self, ways: &Ways) -> i64 {
        let of = |group: &Rc<GroupProblem>| {
            *self.least.entry(group.problem.clone()).or_insert_with(|| least_bytes(&group.problem))
        };
        ways.iter().map(of).min().unwrap_or(0)
    }

    /// What was found for a question that was searched.
    pub fn answer(&self, question: &Question) -> Option<Rc<Answer>> {
        self.answers.borrow().get(question).cloned()
    }

    /// Searches all that has not been searched with as much care, side by side. Steps are counted, so the order of the answers
    /// does not matter. `effort` multiplies the steps.
    pub fn search(&mut self, questions: Vec<Question>, care: Care, effort: u32) {
        let mut fresh: IndexSet<Question> = IndexSet::new();
        for question in questions {
            let is_known = self.answer(&question).is_some_and(|known| known.is_enough(care, self.nests));
            if !is_known {
                fresh.insert(question);
            }
        }
        let mut fresh: Vec<Question> = fresh.into_iter().collect();
        // What takes longest first, so that no worker is left with it in the end.
        fresh.sort_by_key(|(problem, _)| std::cmp::Reverse(problem.statements.len()));
        let steps = self.steps(care, effort);
        let found = side_by_side(&fresh, |(problem, capacities)| {
            care.search(problem, capacities, steps.max(care.least_steps(problem) * u64::from(effort.max(1))))
        });
        for (question, found) in fresh.into_iter().zip(found) {
            self.answers.borrow_mut().insert(question, Rc::new(Answer { care, nests: self.nests, found }));
        }
    }

    /// Steps for each search.
    pub fn steps(&self, care: Care, effort: u32) -> u64 {
        let (together, least, most) = care.steps();
        (together / self.nests.max(1)).clamp(least, most) * u64::from(effort.max(1))
    }
}

/// The answer to each question, in their order. What work a question takes is counted, so the order in which they are asked does not matter.
pub fn side_by_side<Q: Sync, A: Send>(questions: &[Q], answer: impl Fn(&Q) -> A + Sync) -> Vec<A> {
    let workers = std::thread::available_parallelism().map_or(1, usize::from).min(questions.len()).min(8);
    let next = AtomicUsize::new(0);
    let mut answers: Vec<(usize, A)> = std::thread::scope(|scope| {
        let work = || {
            let mut answers = Vec::new();
            while let (at, Some(question)) = {
                let at = next.fetch_add(1, Ordering::Relaxed);
                (at, questions.get(at))
            } {
                answers.push((at, answer(question)));
            }
            answers
        };
        let handles: Vec<_> = (1..workers).map(|_| scope.spawn(work)).collect();
        let mut answers = work();
        answers.extend(
            handles.into_iter().flat_map(|h| h.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))),
        );
        answers
    });
    answers.sort_by_key(|(at, _)| *at);
    answers.into_iter().map(|(_, answer)| answer).collect()
}
