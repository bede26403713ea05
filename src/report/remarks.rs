//! Which nests that share data run together, and which do not?

use super::code::Code;
use super::make::Facts;
use super::{ArrayTraffic, Budget, GroupFigures, Remark, Report};
use crate::poly::{Scop, Sharing, sharing};
use crate::schedule::tree::Group;

/// A remark for each pair of nests that share data and run, after those on dependences that are not known, on how
/// the program was rewritten and on nests without tiles.
pub fn remarks(facts: &Facts, report: &Report) -> Vec<Remark> {
    let scop = facts.scop;
    let remark = |pair: Sharing| {
        let code = standing(scop, &pair, report)?;
        let [first, second] = [pair.nests.0, pair.nests.1].map(|nest| labels(scop, nest).join(" "));
        let shared: Vec<&ArrayTraffic> = pair.arrays.iter().map(|&a| &report.arrays[a]).collect();
        let bytes = shared.iter().fold(0i64, |sum, a| sum.saturating_add(a.traffic.bytes()));
        let names = shared.iter().map(|a| format!("`{}`", a.name)).collect::<Vec<_>>().join(", ");
        let text = match code {
            Code::Fused => format!("{first} and {second} share loops; {names} crosses DRAM with {bytes} bytes"),
            Code::KeptOnChip => {
                format!(
                    "{first} and {second} share no loop; {names} crosses DRAM with {bytes} bytes, no more than it must"
                )
            }
            _ if facts.is_given => {
                format!(
                    "{first} and {second} share no loop: {names} crosses DRAM with {bytes} bytes, more than it must"
                )
            }
            _ => format!(
                "{first} and {second} share no loop: {names} crosses DRAM with {bytes} bytes, and nothing within {} bytes was found to \
                 move less",
                facts.options.capacity_bytes
            ),
        };
        let at = place(&facts.options.file, &facts.options.text, start(scop, &pair));
        Some(Remark { kind: code.kind().into(), at, text, code })
    };
    let unknown = (!facts.complete).then(|| Remark {
        kind: Code::UnknownDependences.kind().into(),
        at: place(&facts.options.file, &facts.options.text, 0),
        text: "the dependences are too intricate for their budget: statements run in source order, each staged by itself, and may move as \
               much as the source; `--effort` raises the budget"
            .into(),
        code: Code::UnknownDependences,
    });
    let spent = facts.exhausted.iter().filter_map(|&budget| spent(facts, report, budget));
    let rewritten = facts.rewritten.iter().cloned();
    let untiled = untiled(facts, report);
    let pairs = sharing(scop).into_iter().filter_map(remark);
    unknown.into_iter().chain(spent).chain(rewritten).chain(untiled).chain(pairs).collect()
}

/// The nests that run instance by instance because nothing better was found, where that may cost bytes.
fn untiled(facts: &Facts, report: &Report) -> Vec<Remark> {
    let above = report.dram.optimized.bytes() > report.dram.lower_bound_bytes;
    if facts.is_given || !facts.complete || !above {
        return Vec::new();
    }
    let schedule = &facts.outcome.decision.schedule;
    let groups = schedule.groups.iter().zip(&report.groups).filter(|(group, _)| schedule.is_untiled(group));
    let remark = |(group, figures): (&Group, &GroupFigures)| {
        let span = &facts.scheduled.statements[group.paths[0].statement].assign.span;
        Remark {
            kind: Code::Untiled.kind().into(),
            at: place(&facts.options.file, &facts.options.text, span.start as usize),
            text: format!(
                "{} runs instance by instance and moves {} bytes: no tiles of it were found that fit in {} bytes",
                figures.statements.join(" "),
                figures.traffic.bytes(),
                facts.options.capacity_bytes
            ),
            code: Code::Untiled,
        }
    };
    groups.map(remark).collect()
}

/// That a budget ran out and what that may have cost; `None` where it has cost nothing.
fn spent(facts: &Facts, report: &Report, budget: Budget) -> Option<Remark> {
    let above = report.dram.optimized.bytes().saturating_sub(report.dram.lower_bound_bytes);
    if above <= 0 && budget != Budget::Proof {
        return None;
    }
    let text = format!(
        "the budget for the {} ran out: {}. At most {above} bytes more are moved than any schedule must; `--effort` raises the budget",
        budget.purpose(),
        budget.consequence()
    );
    let at = place(&facts.options.file, &facts.options.text, 0);
    Some(Remark { kind: Code::BudgetSpent.kind().into(), at, text, code: Code::BudgetSpent })
}

/// How a schedule treats a pair: `Fused`, `KeptOnChip` or `MissedFusion`; `None` where one of them never runs.
pub fn standing(scop: &Scop, pair: &Sharing, report: &Report) -> Option<Code> {
    let group = |nest: usize| {
        let labels = labels(scop, nest);
        report.groups.iter().position(|g| g.statements.iter().any(|s| labels.contains(&s.as_str())))
    };
    let (first, second) = (group(pair.nests.0)?, group(pair.nests.1)?);
    let is_kept = |&a: &usize| report.arrays[a].traffic.bytes() <= report.arrays[a].compulsory_bytes;
    Some(if first == second && report.groups[first].shared_loops > 0 {
        Code::Fused
    } else if pair.arrays.iter().all(is_kept) {
        Code::KeptOnChip
    } else {
        Code::MissedFusion
    })
}

/// The labels of a nest's statements.
pub fn labels(scop: &Scop, nest: usize) -> Vec<&str> {
    scop.statements.iter().filter(|s| s.nest == nest).map(|s| &*s.label).collect()
}

/// Where the second nest of a pair first touches what they share.
fn start(scop: &Scop, pair: &Sharing) -> usize {
    let touches = |s: &&crate::poly::Statement| s.nest == pair.nests.1 && pair.arrays.iter().any(|&a| s.touches(a));
    scop.statements.iter().find(touches).map_or(0, |s| s.assign.span.start as usize)
}

/// `file:line:column`
pub fn place(file: &str, text: &str, at: usize) -> String {
    let before = text.get(..at.min(text.len())).unwrap_or_default();
    let line = before.matches('\n').count() + 1;
    let column = before.rsplit('\n').next().map_or(0, |l| l.chars().count()) + 1;
    format!("{file}:{line}:{column}")
}
