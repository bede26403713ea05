//! Why do nests that share data run together or apart, and what would change it?
//!
//! Nothing is guessed from how the schedule was found. Each pair of nests is planned again as a program of its own, as one group and
//! apart, within the capacity and within more; the whole program is planned for larger capacities; dependences are asked for the
//! instances that stand in the way. Every number is one of those outcomes.

mod obstacle;
mod part;
mod text;

use serde::Serialize;
use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::sync::atomic::{AtomicUsize, Ordering};

use obstacle::{no_loop, obstacle};

use crate::lang::Diagnostic;
use crate::lang::ast::Program;
use crate::optimize::{Analysed, Failure, Options, optimize, optimize_analysed};
use crate::poly::{Sharing, sharing};
use crate::report::Report;
use crate::report::code::Code;
use crate::report::figures::grouped;
use crate::report::remarks::{labels, place, standing};
use crate::schedule::bands::Bands;
use crate::schedule::{Fuse, NESTS, STATEMENTS};
use crate::sweep::Sweep;
use crate::threads::Work;

/// Why a program's schedule is as it is. As JSON: schema `polyfuse-explain/1`.
#[derive(Debug, Serialize)]
pub struct Explanation {
    pub schema: &'static str,
    pub report: Report,
    /// One for each pair of nests that share data.
    pub pairs: Vec<Reason>,
    /// Why the schedule moves no byte less than each nest by itself, where that is so.
    pub unchanged: Option<String>,
    #[serde(skip)]
    pub warnings: Vec<Diagnostic>,
}

/// Why two nests run together or apart.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Reason {
    pub code: Code,
    pub kind: &'static str,
    pub first: Nest,
    pub second: Nest,
    /// What they share.
    pub arrays: Vec<String>,
    pub text: String,
    /// What a larger scratchpad changes.
    pub change: Option<Change>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Nest {
    pub statements: Vec<String>,
    /// `file:line:column` of its first statement.
    pub at: String,
}

/// At this capacity the whole program's schedule treats the pair so; at the one before it does not yet.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Change {
    pub scratchpad_bytes: i64,
    pub not_at_bytes: i64,
    /// `Fused` or `KeptOnChip`.
    pub code: Code,
}

/// Explains a program's schedule. Each thread has `stack_bytes` of stack; `told` hears, from any thread, how many steps are done of how many.
///
/// # Errors
/// As [`optimize`].
pub fn explain(
    parsed: &Program,
    overrides: &[(String, i64)],
    options: &Options,
    stack_bytes: usize,
    told: &(dyn Fn(usize, usize) + Sync),
) -> Result<Explanation, Failure> {
    let analysed = Analysed::new(parsed, overrides, options)?;
    let report = optimize_analysed(&analysed, options)?.report;
    let standing = |report: &Report, pair: &Sharing| standing(&analysed.case.scop, pair, report);
    let pairs: Vec<(Sharing, Code)> = sharing(&analysed.case.scop)
        .into_iter()
        .filter_map(|pair| standing(&report, &pair).map(|code| (pair, code)))
        .collect();
    let apart: Vec<usize> = (0..pairs.len()).filter(|&n| pairs[n].1 == Code::MissedFusion).collect();
    let larger = if apart.is_empty() || !analysed.case.complete { Vec::new() } else { larger(&analysed, options) };
    let (steps, done) = (pairs.len() + larger.len(), AtomicUsize::new(0));
    told(0, steps);
    let start = || Analysed::new(parsed, overrides, options);
    let task = |analysed: &Analysed, n: usize| {
        let (pair, code) = &pairs[n];
        let reason = Pair { analysed, options, report: &report, pair }.reason(*code);
        told(1 + done.fetch_add(1, Ordering::Relaxed), steps);
        reason
    };
    let reasons = Work { start, task, stack_bytes }.run(pairs.len())?;
    let mut reasons = reasons.into_iter().collect::<Result<Vec<Reason>, Failure>>()?;
    if !larger.is_empty() {
        let over = Sweep { parsed, overrides, options, stack_bytes, told: &|done, _| told(pairs.len() + done, steps) };
        let mut growth = Growth::plan(&over, &larger, &analysed)?;
        for n in apart {
            reasons[n].change = growth.change(&|report| standing(report, &pairs[n].0))?;
        }
    }
    let unchanged = unchanged(&report, &reasons, &analysed);
    let schema = "polyfuse-explain/1";
    let report = Report { time_ms: None, ..report };
    Ok(Explanation { schema, report, pairs: reasons, unchanged, warnings: analysed.warnings })
}

/// Why nothing was gained over nests by themselves.
fn unchanged(report: &Report, reasons: &[Reason], analysed: &Analysed) -> Option<String> {
    let moved = report.dram.optimized.bytes();
    if moved < report.dram.per_nest.bytes() {
        return None;
    }
    let because = if !analysed.case.complete {
        "the dependences are not known, so it runs in source order"
    } else if analysed.case.scop.statements.iter().all(|s| s.nest == analysed.case.scop.statements[0].nest) {
        "the program is a single nest"
    } else if reasons.is_empty() {
        "no two nests touch the same array"
    } else if moved <= report.dram.lower_bound_bytes {
        "each nest by itself already moves as little as any schedule can"
    } else {
        "no pair of nests that share data gains by running together, for the reasons below"
    };
    Some(format!("nothing changed between nests, because {because}"))
}

/// A pair of nests to be explained.
struct Pair<'a> {
    analysed: &'a Analysed<'a>,
    options: &'a Options,
    report: &'a Report,
    pair: &'a Sharing,
}

/// How many bytes one group takes and how many it moves.
struct Forced {
    together: Option<i64>,
    apart: i64,
}

impl Pair<'_> {
    fn reason(&self, standing: Code) -> Result<Reason, Failure> {
        let (code, text) = match standing {
            Code::Fused => (Code::Fused, self.crossing("share loops;")),
            Code::KeptOnChip => (Code::KeptOnChip, self.crossing("share no loop, but no byte moves that need not:")),
            _ => self.why_apart()?,
        };
        let (first, second) = self.pair.nests;
        Ok(Reason {
            code,
            kind: code.kind(),
            first: self.nest(first),
            second: self.nest(second),
            arrays: self.pair.arrays.iter().map(|&a| self.report.arrays[a].name.clone()).collect(),
            text,
            change: None,
        })
    }

    /// The group that a nest is in.
    fn group(&self, nest: usize) -> Option<usize> {
        let own = labels(&self.analysed.case.scop, nest);
        self.report.groups.iter().position(|g| g.statements.iter().any(|s| own.contains(&s.as_str())))
    }

    fn nest(&self, nest: usize) -> Nest {
        let scop = &self.analysed.case.scop;
        let start = scop.statements.iter().find(|s| s.nest == nest).map_or(0, |s| s.assign.span.start as usize);
        let statements = labels(scop, nest).into_iter().map(String::from).collect();
        Nest { statements, at: place(&self.options.file, &self.options.text, start) }
    }

    /// What the shared arrays move in the chosen schedule.
    fn crossing(&self, how: &str) -> String {
        let arrays = self.pair.arrays.iter().map(|&a| {
            let array = &self.report.arrays[a];
            format!(
                "`{}` moves {} bytes ({} in nests by themselves)",
                array.name,
                grouped(array.traffic.bytes()),
                grouped(array.per_nest.bytes())
            )
        });
        format!("{how} {}", arrays.collect::<Vec<_>>().join(", "))
    }

    fn why_apart(&self) -> Result<(Code, String), Failure> {
        if !self.analysed.case.complete {
            return Ok((Code::UnknownDependences, "the dependences were too intricate for the budget".into()));
        }
        let (first, second) = self.pair.nests;
        let all = &self.analysed.case.scop.statements;
        let statements: Vec<usize> = (0..all.len()).filter(|&s| (first..=second).contains(&all[s].nest)).collect();
        if second - first >= NESTS || statements.len() > STATEMENTS {
            let (nests, statements) = (second - first + 1, statements.len());
            let text = format!("from one to the other are {nests} nests with {statements} statements");
            return Ok((Code::TooLong, format!("{text}; a group has at most {NESTS} and {STATEMENTS}")));
        }
        let bands = Bands::new(&self.analysed.case.scop, &self.analysed.case.dependences, self.options.solver)?;
        if bands.problem(&statements, &[])?.problem.dims.is_empty() {
            return Ok(no_loop(self.analysed, self.pair)?);
        }
        self.with_shared_loops(first, second)
    }

    /// The reason where the nests could share a loop.
    fn with_shared_loops(&self, first: usize, second: usize) -> Result<(Code, String), Failure> {
        let obstacle = obstacle(self.analysed, self.pair)?;
        if self.group(first) == self.group(second) {
            let text = "they run one after the other in one group; no loop around both was found to move less";
            return Ok(obstacle.unwrap_or((Code::MoreTraffic, text.into())));
        }
        let part = part::part(self.analysed, first, second)?;
        let capacity_bytes = self.options.capacity_bytes;
        if let Some(Forced { together: Some(together), apart }) = self.forced(&part, capacity_bytes)? {
            return Ok(self.weighed(together, apart));
        }
        let all = part.arrays.iter().fold(1i64, |sum, a| sum.saturating_add(a.bytes())).saturating_mul(4);
        let mut fits = |capacity: i64| -> Result<bool, Failure> {
            Ok(self.forced(&part, capacity)?.is_some_and(|forced| forced.together.is_some()))
        };
        if all <= capacity_bytes || !fits(all)? {
            return Ok(no_loop(self.analysed, self.pair)?);
        }
        let (not_at, at) = threshold(capacity_bytes, all, &mut fits)?;
        let [not_at, at, there] = [not_at, at, capacity_bytes].map(grouped);
        Ok((
            Code::DoesNotFit,
            format!("as one group they need more than {not_at} bytes; {at} are enough, {there} are there"),
        ))
    }

    /// The reason where one group is legal and fits.
    fn weighed(&self, together: i64, apart: i64) -> (Code, String) {
        let figures =
            format!("by themselves they move {} bytes apart and {} as one group", grouped(apart), grouped(together));
        match together.cmp(&apart) {
            std::cmp::Ordering::Greater => (Code::MoreTraffic, figures),
            std::cmp::Ordering::Equal => (Code::NoGain, figures),
            std::cmp::Ordering::Less => {
                let with = |nest: usize| {
                    let own = labels(&self.analysed.case.scop, nest);
                    let group = self.group(nest).map(|g| &self.report.groups[g].statements);
                    let others = group.into_iter().flatten().filter(|s| !own.contains(&s.as_str()));
                    let others = others.cloned().collect::<Vec<_>>().join(" ");
                    let own = own.join(" ");
                    if others.is_empty() { format!("{own} alone") } else { format!("{own} with {others}") }
                };
                let (first, second) = self.pair.nests;
                let groups = format!("{}, {}", with(first), with(second));
                (
                    Code::BetterElsewhere,
                    format!(
                        "{figures}; no choice of groups with both in one was found to move less in all than this: {groups}"
                    ),
                )
            }
        }
    }

    /// A part of the program with as few groups as is legal within a capacity; `None` where nothing fits.
    fn forced(&self, part: &Program, capacity_bytes: i64) -> Result<Option<Forced>, Failure> {
        let options = Options { capacity_bytes, fuse: Fuse::Max, ..self.options.clone() };
        match optimize(part, &[], &options) {
            Ok(optimized) => {
                let Report { dram, groups, .. } = optimized.report;
                let together = (groups.len() == 1).then(|| dram.optimized.bytes());
                Ok(Some(Forced { together, apart: dram.per_nest.bytes() }))
            }
            Err(Failure::DoesNotFit { .. }) => Ok(None),
            Err(failure) => Err(failure),
        }
    }
}

/// Steps of the search for a capacity: the answer is within a sixteenth.
const REFINEMENTS: usize = 4;

/// Two capacities close to each other, where something does not hold at the first and does at the second: as it does not at `lo` and does
/// at `hi`.
fn threshold(lo: i64, hi: i64, holds: &mut dyn FnMut(i64) -> Result<bool, Failure>) -> Result<(i64, i64), Failure> {
    let (mut lo, mut hi) = (lo, hi);
    while hi / 2 > lo {
        // From below: a small capacity is planned sooner.
        let doubled = lo.saturating_mul(2);
        if holds(doubled)? {
            hi = doubled;
            break;
        }
        lo = doubled;
    }
    for _ in 0..REFINEMENTS {
        let middle = lo + (hi - lo) / 2;
        if middle == lo {
            break;
        }
        *(if holds(middle)? { &mut hi } else { &mut lo }) = middle;
    }
    Ok((lo, hi))
}

/// The whole program's outcomes at capacities from the given one to where everything fits.
struct Growth<'a> {
    analysed: &'a Analysed<'a>,
    options: &'a Options,
    /// `None` where nothing was found to fit.
    planned: BTreeMap<i64, Option<Report>>,
}

/// Capacities that double, from the given one to where everything fits.
fn larger(analysed: &Analysed, options: &Options) -> Vec<i64> {
    let all = analysed.case.source.arrays.iter().fold(1i64, |sum, a| sum.saturating_add(a.bytes())).saturating_mul(2);
    let doubled = |c: &i64| c.checked_mul(2).filter(|_| *c < all);
    std::iter::successors(Some(options.capacity_bytes), doubled).collect()
}

impl<'a> Growth<'a> {
    fn plan(over: &Sweep<'a>, capacities: &[i64], analysed: &'a Analysed<'a>) -> Result<Growth<'a>, Failure> {
        let planned = over.plan(capacities)?.into_iter().map(|(c, outcome)| (c, outcome.ok())).collect();
        Ok(Growth { analysed, options: over.options, planned })
    }

    /// The smallest of the capacities at which a pair no longer is apart, and closer ones around it.
    fn change(&mut self, standing: &dyn Fn(&Report) -> Option<Code>) -> Result<Option<Change>, Failure> {
        let better =
            |report: &Option<Report>| report.as_ref().and_then(standing).filter(|code| *code != Code::MissedFusion);
        let first = self.planned.iter().find_map(|(&c, report)| better(report).map(|_| c));
        let Some(hi) = first else { return Ok(None) };
        let lo = self.planned.range(..hi).next_back().map_or(self.options.capacity_bytes, |(&c, _)| c);
        let (not_at_bytes, scratchpad_bytes) = threshold(lo, hi, &mut |c| Ok(better(self.at(c)?).is_some()))?;
        let code = better(self.at(scratchpad_bytes)?).unwrap_or(Code::Fused);
        Ok(Some(Change { scratchpad_bytes, not_at_bytes, code }))
    }

    fn at(&mut self, capacity_bytes: i64) -> Result<&Option<Report>, Failure> {
        let Growth { analysed, options, planned } = self;
        match planned.entry(capacity_bytes) {
            Entry::Occupied(known) => Ok(known.into_mut()),
            Entry::Vacant(unknown) => {
                let outcome = optimize_analysed(analysed, &Options { capacity_bytes, ..options.clone() });
                match outcome {
                    Err(Failure::DoesNotFit { .. }) => Ok(unknown.insert(None)),
                    outcome => Ok(unknown.insert(Some(outcome?.report))),
                }
            }
        }
    }
}
