//! What is known of a program before it is scheduled, whether it is the user's or was rewritten?

use super::{Failure, Options, Rewriting, analyse, extract, usable};
use crate::check::liveness::Known;
use crate::isl::Context;
use crate::lang::ast::Program;
use crate::lang::decisions::Parts;
use crate::poly::{self, Dependences, Scop};

/// How many times as many operations a program may take that polyfuse wrote itself: it has more statements, in more loops.
const REWRITTEN: u32 = 10;

/// A resolved program and what is known of its instances.
pub struct Case {
    pub source: Program,
    pub scop: Scop,
    pub dependences: Dependences,
    /// Whether the dependences are known.
    pub complete: bool,
    /// Whether polyfuse wrote it.
    pub is_rewritten: bool,
}

impl Case {
    pub(super) fn new(source: Program, options: &Options) -> Result<Case, Failure> {
        let scop = extract(&source, &Context::new())?;
        let (dependences, complete) = analyse(&scop, options.reductions(), options.effort)?;
        Ok(Case { source, scop, dependences, complete, is_rewritten: false })
    }

    /// isl operations for a stage.
    pub(super) fn budget(&self, options: &Options) -> u64 {
        options.budget(&self.scop).saturating_mul(if self.is_rewritten { REWRITTEN.into() } else { 1 })
    }

    /// For the check of what is left out of it.
    pub(super) fn known(&self) -> Known<'_> {
        Known { scop: &self.scop, dependences: &self.dependences }
    }

    /// Of the program rewritten; `None` where that is not possible.
    pub(super) fn rewritten(&self, by: &Rewriting, options: &Options) -> Result<Option<Case>, Failure> {
        let Some(source) = by.of(&self.source, &self.scop)? else { return Ok(None) };
        let scop = extract(&source, &self.scop.ctx)?;
        let effort = options.effort.saturating_mul(REWRITTEN);
        if self.complete {
            let budget = Options { effort, ..options.clone() }.budget(&scop);
            let carried = self.scop.ctx.budget(budget, || by.carried(self, &scop));
            if let Some(dependences) = usable(carried.map_err(Failure::from))?.flatten() {
                return Ok(Some(Case { source, scop, dependences, complete: true, is_rewritten: true }));
            }
        }
        let (dependences, complete) = analyse(&scop, options.reductions(), effort)?;
        Ok(Some(Case { source, scop, dependences, complete, is_rewritten: true }))
    }

    /// How to take apart what a nest does without need.
    pub(super) fn apart(&self, parts: Parts, options: &Options) -> Result<Option<Rewriting>, Failure> {
        let Case { source, dependences, .. } = self;
        let Some(peeled) = poly::peel(source) else {
            let waits = poly::waits(dependences, parts)?;
            return Ok(poly::part(source, &waits).map(|_| Rewriting::Part(waits)));
        };
        Ok(match usable(Case::new(peeled, options))? {
            Some(case) if case.complete => Some(Rewriting::Part(poly::waits(&case.dependences, parts)?)),
            _ => None,
        })
    }
}
