//! Which nests are decided once more, inside one loop that goes around them?

use super::{Fuse, Goal, Planner, nests, thoroughly};
use crate::isl::Result;
use crate::lang::ast::Role;
use crate::schedule::bands::Bands;
use crate::schedule::known::Known;
use crate::schedule::nest::Staged;
use crate::schedule::skew::Skewing;
use crate::schedule::step::Step;

/// Most statements of several nests that are decided once more inside one loop.
const AROUND: usize = 16;
/// Hundredths of the bytes of each element once from which on nests are worth being decided once more.
const WORTH: i64 = 105;
/// Hundredths of the bytes known to be enough up to which a first look at all iterations is worth planning one thoroughly.
const HOPEFUL: i64 = 112;

impl Planner<'_> {
    /// Single nests, and runs of them, inside one loop that goes around all: where what is chosen so far moves more than each element once.
    pub(super) fn plan_around(&mut self, known: &mut Known) -> Result<()> {
        let Some(choice) = self.choose() else { return Ok(()) };
        let moved = |&(first, end): &(usize, usize)| {
            let chosen = choice.candidates.iter().map(|&c| &self.plans[c].candidate);
            let inside = chosen.filter(|c| first < c.nests.1 && c.nests.0 < end);
            inside.fold(0i64, |sum, c| sum.saturating_add(c.moved_bytes))
        };
        let once = |&(first, end): &(usize, usize)| {
            let arrays = self.touched(first, end).into_iter().map(|a| &self.scop.arrays[a]);
            arrays.filter(|a| a.role != Role::Temp).fold(0i64, |sum, a| sum.saturating_add(a.bytes()))
        };
        let mut runs = self.runs(1);
        let mut first = 0;
        while self.fuse == Fuse::Auto && first < self.nests.len() {
            let is_one = |end: &usize| self.statements(first, *end).len() <= AROUND && self.is_connected(first, *end);
            let end = (first + 2..=self.nests.len()).take_while(is_one).last().unwrap_or(first + 1);
            runs.extend((end - first > 1).then_some((first, end)));
            first = end;
        }
        runs.retain(|run| moved(run) / WORTH > once(run) / 100);
        let mut found = Vec::new();
        for (first, end) in runs {
            let least = moved(&(first, end));
            if let Some(staged) = stage_steps(known, &self.statements(first, end), self.goal, least)? {
                found.push(((first, end), staged));
            }
        }
        found.into_iter().for_each(|(run, staged)| self.add_own(run, staged, false));
        Ok(())
    }
}

/// Nests as the loop around what is decided for one iteration of them, where that promises to move about `least` bytes or fewer.
fn stage_steps(known: &mut Known, statements: &[usize], goal: &Goal, least: i64) -> Result<Option<Staged>> {
    let key = (statements.to_vec(), goal.capacity_bytes);
    if let Some(staged) = known.around.get(&key) {
        return Ok(staged.clone());
    }
    let mut staged = None;
    if let Some(step) = Step::new(&known.bands, statements)? {
        let mut inside = known.inside(Bands::new(&step.scop, &step.dependences, known.bands.solver)?);
        let goal = Goal { skewing: Skewing::None, ..*goal };
        let nests = nests(&step.scop);
        let mut planners = [Planner::new(&step.scop, &goal, Fuse::Auto, &nests)];
        planners[0].outline(&mut inside)?;
        let moved = |planner: &Planner| {
            let each = planner.choose().map_or(i128::MAX, |choice| choice.moved_bytes);
            i64::try_from(each.saturating_mul(step.trips.into())).unwrap_or(i64::MAX)
        };
        if moved(&planners[0]) / HOPEFUL <= least / 100 {
            thoroughly(&mut inside, &goal, &mut planners)?;
            let (decided, moved) = (planners[0].decided()?, moved(&planners[0]));
            staged = step.around(known.bands.scop, &decided, moved, goal.capacity_bytes);
        }
    }
    known.around.insert(key, staged.clone());
    Ok(staged)
}
