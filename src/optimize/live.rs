//! What is a program without its dead instances, and how is it told that they are left out?

use super::{Case, Failure, Options, analyse, extract, usable};
use crate::check::liveness;
use crate::count;
use crate::lang::ast::{Program, Role};
use crate::poly::{Liveness, Scop};
use crate::replay;
use crate::report::code::Code;
use crate::report::{self, Remark};
use itertools::Itertools;

/// How the text of a schedule says it.
pub const WRITTEN: &str = "omit dead;";

/// Dead instances that touch less than this part, one over, of what the arrays take that come from before the program or stay after it,
/// are as well run: a program with more statements is the dearer one to schedule.
const PART: i128 = 200;

/// A program without its dead instances.
pub struct Live {
    pub liveness: Liveness,
    /// The dependences are known, found anew: what is left out no longer stands between what is left.
    pub case: Case,
}

impl Live {
    /// `None` where no instance is seen to be dead within the budget.
    pub(super) fn of(case: &Case, options: &Options) -> Result<Option<Live>, Failure> {
        let Case { source, scop, dependences, complete, .. } = case;
        if !complete {
            return Ok(None);
        }
        let found = match scop.ctx.budget(options.budget(scop), || Liveness::find(scop, dependences)) {
            Err(error) if error.is_quota() => None,
            found => found?,
        };
        let Some(liveness) = found else { return Ok(None) };
        let without = liveness.of(source, scop);
        if !is_worth(source, &without) {
            return Ok(None);
        }
        let source = without;
        let Some(scop) = usable(extract(&source, &scop.ctx))? else { return Ok(None) };
        let (dependences, complete) = analyse(&scop, options.reductions(), options.effort)?;
        let without = Case { source, scop, dependences, complete, is_rewritten: false };
        // What each read gets is found twice, of both programs, and must be the same.
        let is_sound = || liveness::difference(case.known(), without.known()).map(|found| found.is_none());
        let is_sound = match case.scop.ctx.budget(options.budget(&without.scop), is_sound) {
            Err(error) if error.is_quota() => false,
            found => found?,
        };
        Ok((complete && is_sound).then_some(Live { liveness, case: without }))
    }

    /// That dead instances of a program are left out, for the report.
    pub(super) fn remark(&self, scop: &Scop, options: &Options) -> Remark {
        let named = |all: bool| {
            let own = self.liveness.statements().filter(move |(_, is_dead)| *is_dead == all);
            own.map(|(s, _)| replay::name(scop, s)).join(", ")
        };
        let (never, partly) = (named(true), named(false));
        let what = match (never.is_empty(), partly.is_empty()) {
            (false, false) => format!("nothing of {never} runs, and {partly} in part"),
            (false, true) => format!("nothing of {never} runs"),
            (true, _) => format!("{partly} runs in part"),
        };
        let first = self.liveness.statements().next();
        let at = first.map_or(0, |(s, _)| scop.statements[s].assign.span.start as usize);
        let code = Code::Dead;
        let at = report::remarks::place(&options.file, &options.text, at);
        let text = format!("{what}: what the rest would write is overwritten or left before anything needs it");
        Remark { kind: code.kind().into(), at, text, code }
    }
}

/// Whether what is left out touches enough.
fn is_worth(source: &Program, without: &Program) -> bool {
    let touched = |program: &Program| {
        let (loads, stores) = count::count(program).ok()?.bytes()?;
        loads.checked_add(stores)
    };
    let outside = source.arrays.iter().filter(|array| array.role != Role::Temp);
    let once = outside.fold(0i128, |sum, array| sum.saturating_add(array.bytes().into()));
    let spared = touched(source).zip(touched(without)).map(|(all, left)| all.saturating_sub(left));
    spared.is_some_and(|spared| spared.saturating_mul(PART) >= once)
}
