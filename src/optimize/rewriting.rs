//! How can a program be written so that there may be better schedules, what does it read like then, and how is that told?

use super::{Case, Options};
use crate::isl::IslError;
use crate::lang::ast::Program;
use crate::lang::decisions::Parts;
use crate::poly::{self, Block, Dependences, Expansion, Merge, Names, Overlap, Recompute, Scop, Strip, Waits};
use crate::replay;
use crate::report::code::Code;
use crate::report::{self, Remark};
use crate::schedule::split::{Cut, Split};
use itertools::Itertools;

/// A way to write the same program so that there may be better schedules.
#[derive(Clone)]
pub enum Rewriting {
    /// Loops whose iterators stand in indices that round run as two, over blocks of values and inside them.
    Strip(Vec<Strip>),
    /// The diagonals of mirrored triangles by themselves, and parts of nests that need not run together in loops of their own.
    Part(Waits),
    Expand(Vec<Expansion>),
    Split(Split),
    /// The loops of nests cut into blocks, with the cases of equal blocks told apart.
    Block(Vec<Block>),
    /// Nests that run in slabs, each of which computes the rows at its edges itself.
    Overlap(Vec<Overlap>),
    /// Temps that are computed again where they are read.
    Recompute(Vec<Recompute>),
    /// Temps that share the memory of what is made of them.
    Merge(Vec<Merge>),
}

impl Rewriting {
    /// The program rewritten: the one that it was found for, or the same of another size. `None` where that is not possible.
    pub fn of(&self, source: &Program, scop: &Scop) -> Result<Option<Program>, IslError> {
        Ok(match self {
            Rewriting::Strip(strips) => poly::strip(source, scop, strips),
            Rewriting::Part(waits) => {
                let peeled = poly::peel(source);
                poly::part(peeled.as_ref().unwrap_or(source), waits).or(peeled)
            }
            Rewriting::Expand(expansions) => poly::expand(source, scop, expansions)?,
            Rewriting::Split(split) => split.of(source, scop)?,
            Rewriting::Block(blocks) => poly::block(source, scop, blocks)?,
            Rewriting::Overlap(overlaps) => poly::overlap(source, scop, overlaps)?,
            Rewriting::Recompute(all) => poly::recompute(source, scop, all)?,
            Rewriting::Merge(merges) => Some(poly::merge(source, merges)),
        })
    }

    /// The dependences of the program rewritten; `None` where its instances are not those of the program, each once.
    pub fn carried(&self, from: &Case, to: &Scop) -> Result<Option<Dependences>, IslError> {
        let Case { source, scop, dependences, .. } = from;
        match self {
            Rewriting::Strip(strips) => dependences.carried(scop, to, &poly::in_strips(strips)),
            Rewriting::Part(_) | Rewriting::Split(_) => dependences.carried(scop, to, &Names::Kept),
            Rewriting::Block(blocks) => match poly::names_in_blocks(source, scop, blocks)? {
                Some(names) => dependences.carried(scop, to, &names),
                None => Ok(None),
            },
            Rewriting::Expand(_) | Rewriting::Overlap(_) | Rewriting::Recompute(_) | Rewriting::Merge(_) => Ok(None),
        }
    }

    /// What was done, for the report.
    pub fn remark(&self, scop: &Scop, options: &Options) -> Remark {
        let of_loop = |id: usize| {
            let statements = scop.statements.iter();
            let mut found =
                statements.flat_map(|s| s.dims.iter().map(move |dim| (s, dim))).filter(|(_, dim)| dim.loop_id == id);
            found.next().map_or(("".into(), 0), |(s, dim)| (dim.iterator.clone(), s.assign.span.start as usize))
        };
        let (code, at, text) = match self {
            Rewriting::Strip(strips) => {
                let of = |strip: &Strip| format!("`{}` runs in blocks of {}", of_loop(strip.loop_id).0, strip.by);
                let text = format!(
                    "{}, so that indices that round are sums of iterators",
                    strips.iter().map(of).unique().join("; ")
                );
                (Code::Stripped, strips.first().map_or(0, |strip| of_loop(strip.loop_id).1), text)
            }
            Rewriting::Part(_) => {
                let text = "parts of nests that need not run together have loops of their own".into();
                (Code::Split, 0, text)
            }
            Rewriting::Expand(expansions) => {
                let of = |e: &Expansion| {
                    let loops: Vec<String> = e.loops().iter().map(|&id| format!("`{}`", of_loop(id).0)).collect();
                    let elements = if loops.is_empty() {
                        "is an array of its own".into()
                    } else {
                        format!("has an element for each {}", loops.join(", "))
                    };
                    match e.new_name() {
                        Some(name) => format!("`{}` of later statements, `{name}`, {elements}", e.array()),
                        None => format!("`{}` {elements}", e.array()),
                    }
                };
                let all: Vec<String> = expansions.iter().map(of).collect();
                let start = scop.arrays.iter().find(|a| expansions.iter().any(|e| e.array() == &a.name));
                (Code::Expanded, start.map_or(0, |a| a.span.start as usize), all.join("; "))
            }
            Rewriting::Split(split) => {
                let parts = |cut: &Cut| {
                    let (first, end) = cut.range;
                    let (before, after, all) = (cut.at - first, end - cut.at, end - first);
                    format!("`{}` runs in two parts, {before} and {after} of its {all} values", of_loop(cut.loop_id).0)
                };
                let parts: Vec<String> = split.cuts.iter().map(parts).unique().collect();
                let text = format!("{}, so that a part of what is walked stays in the scratchpad", parts.join("; "));
                let start = split.cuts.first().map_or(0, |cut| of_loop(cut.loop_id).1);
                (Code::Split, start, text)
            }
            Rewriting::Block(blocks) => {
                let of = |block: &Block| {
                    let loops = match block.cut {
                        1 => "a loop of a nest runs".into(),
                        cut => format!("{cut} loops of a nest run"),
                    };
                    format!("{loops} in blocks of {} values", block.size)
                };
                let text = format!(
                    "{}, so that results stay in the scratchpad while operands pass by",
                    blocks.iter().map(of).join("; ")
                );
                let start = blocks.first().and_then(|block| block.dims[0].keys().next());
                (Code::Blocked, start.map_or(0, |&s| scop.statements[s].assign.span.start as usize), text)
            }
            Rewriting::Overlap(overlaps) => {
                let of = |overlap: &Overlap| {
                    let iterator = of_loop(overlap.loop_id).0;
                    format!("{} nests run in slabs of {} values of `{iterator}`", overlap.nests.len(), overlap.rows)
                };
                let slabs: Vec<String> = overlaps.iter().map(of).collect();
                let text =
                    format!("{}, and each slab computes what it needs of its neighbours itself", slabs.join("; "));
                let start = overlaps.first().map_or(0, |overlap| of_loop(overlap.loop_id).1);
                (Code::Recomputed, start, text)
            }
            Rewriting::Merge(merges) => {
                let of = |merge: &Merge| {
                    let (from, into) = (&scop.arrays[merge.from].name, &scop.arrays[merge.into].name);
                    format!("`{into}` takes the place of `{from}`")
                };
                let text = format!("{}, element by element", merges.iter().map(of).join("; "));
                let start = merges.first().map_or(0, |merge| scop.arrays[merge.from].span.start as usize);
                (Code::Merged, start, text)
            }
            Rewriting::Recompute(all) => {
                let arrays: Vec<String> =
                    all.iter().map(|one| format!("`{}`", scop.arrays[one.array].name)).unique().collect();
                let text =
                    format!("{} is computed again by each tile that reads it, and not stored", arrays.join(" and "));
                let start = all.first().map_or(0, |one| scop.statements[one.source].assign.span.start as usize);
                (Code::Recomputed, start, text)
            }
        };
        Remark { kind: code.kind().into(), at: report::remarks::place(&options.file, &options.text, at), text, code }
    }

    /// As the text of a schedule says it.
    pub fn written(&self, scop: &Scop) -> String {
        let of_loop = |id: usize| {
            let dims = (0..scop.statements.len()).flat_map(|s| scop.statements[s].dims.iter().map(move |dim| (s, dim)));
            let mut own = dims.filter(|(_, dim)| dim.loop_id == id);
            own.next().map(|(s, dim)| (replay::name(scop, s), dim.iterator.clone())).unwrap_or_default()
        };
        match self {
            Rewriting::Strip(strips) => {
                let of = |strip: &Strip| {
                    let (statement, iterator) = of_loop(strip.loop_id);
                    format!("{iterator} of {statement} by {}", strip.by)
                };
                format!("strip {};", strips.iter().map(of).join(", "))
            }
            Rewriting::Part(waits) => match waits.parts {
                Parts::Recurrences => "part nests;".into(),
                Parts::Statements => "part statements;".into(),
            },
            Rewriting::Expand(expansions) => {
                let of = |e: &Expansion| {
                    let own =
                        e.new_name().map(|name| format!(" of {} as {name}", replay::name(scop, e.statements()[0])));
                    let over = e.loops().iter().map(|&id| of_loop(id).1).join(", ");
                    let over = if over.is_empty() { over } else { format!(" over {over}") };
                    format!("{}{}{over}", e.array(), own.unwrap_or_default())
                };
                format!("expand {};", expansions.iter().map(of).join(" and "))
            }
            Rewriting::Split(split) => {
                let cut = |cut: &Cut| {
                    let (statement, iterator) = of_loop(cut.loop_id);
                    format!("{iterator} of {statement} at {}", cut.at)
                };
                format!("split {};", split.cuts.iter().map(cut).join(", "))
            }
            Rewriting::Block(blocks) => {
                let of = |block: &Block| {
                    let first = block.dims[0].keys().next().map(|&s| replay::name(scop, s)).unwrap_or_default();
                    format!("{first} by {}", block.size)
                };
                format!("block {};", blocks.iter().map(of).join(", "))
            }
            Rewriting::Overlap(overlaps) => {
                let slabs = |overlap: &Overlap| {
                    let of = |s: Option<usize>| s.map(|s| replay::name(scop, s)).unwrap_or_default();
                    let mut inside = overlap.statements(scop);
                    let (first, last) = (of(inside.next()), of(inside.next_back()));
                    let (statement, iterator) = of_loop(overlap.loop_id);
                    format!("{first} to {last} along {iterator} of {statement} by {}", overlap.rows)
                };
                format!("overlap {};", overlaps.iter().map(slabs).join(", "))
            }
            Rewriting::Merge(merges) => {
                let name = |array: usize| &scop.arrays[array].name;
                let of = |merge: &Merge| format!("{} into {}", name(merge.from), name(merge.into));
                format!("merge {};", merges.iter().map(of).join(" and "))
            }
            Rewriting::Recompute(all) => {
                let of = |one: &Recompute| {
                    let user = |(s, accesses): &(usize, Vec<usize>)| replay::user_text(scop, one.array, *s, accesses);
                    let users = one.users.iter().map(user).join(", ");
                    let over = one.over.iter().map(|over| format!("{} by {}", over.iterator, over.by)).join(", ");
                    let over = if over.is_empty() { over } else { format!(" over {over}") };
                    format!("{} for {users}{over}", scop.arrays[one.array].name)
                };
                format!("recompute {};", all.iter().map(of).join(" and "))
            }
        }
    }

    /// That it is done to a program.
    pub fn done(self, scop: &Scop, options: &Options) -> Done {
        Done { remark: self.remark(scop, options), written: self.written(scop), by: self }
    }
}

/// A rewriting, what is said about it, and how it is written in the text of a schedule.
pub struct Done {
    pub by: Rewriting,
    pub remark: Remark,
    pub written: String,
}
