//! How is a schedule written down for a person to change, and which schedule does such a text mean?
//!
//! [`text`] writes the decisions of a schedule: loops, tiles, order, buffers and their depths, by the names of the program. [`schedule`]
//! reads them back. Whether the schedule is legal and fits is asked afterwards, as of any other.

mod keeps;
mod loops;
mod write;

use crate::lang::Diagnostic;
use crate::lang::ast::Span;
use crate::lang::decisions::{Decisions, Group, Mention};
use crate::poly::{Scop, Statement};
use crate::schedule::tree::Schedule;

pub use keeps::accesses;
pub use write::{name, text, user_text};

/// A schedule, and where the text says what of it.
pub struct Read {
    pub schedule: Schedule,
    /// For each statement of the program where it stands among the loops.
    pub statements: Vec<Option<Span>>,
    /// For each buffer its `keep`.
    pub keeps: Vec<Span>,
}

/// The schedule that decisions mean for a program, rewritten as they say.
///
/// # Errors
/// What does not go with the program.
pub fn schedule(scop: &Scop, decisions: &Decisions) -> Result<Read, Vec<Diagnostic>> {
    let mut reader = Reader {
        scop,
        mistakes: Vec::new(),
        read: Read {
            schedule: Schedule { groups: Vec::new(), buffers: Vec::new() },
            statements: vec![None; scop.statements.len()],
            keeps: Vec::new(),
        },
    };
    decisions.groups.iter().for_each(|group| reader.loops_of(group));
    if reader.mistakes.is_empty() {
        reader.unplaced(decisions.groups.last());
    }
    if reader.mistakes.is_empty() {
        for (g, group) in decisions.groups.iter().enumerate() {
            group.keeps.iter().for_each(|keep| reader.keep(keep, Some(g)));
        }
        decisions.keeps.iter().for_each(|keep| reader.keep(keep, None));
        reader.unkept();
    }
    reader.mistakes.sort_by_key(|mistake| mistake.span.start);
    if reader.mistakes.is_empty() { Ok(reader.read) } else { Err(reader.mistakes) }
}

struct Reader<'a> {
    scop: &'a Scop,
    mistakes: Vec<Diagnostic>,
    read: Read,
}

impl Reader<'_> {
    fn refuse(&mut self, message: String, span: Span, label: &str, help: String) {
        self.mistakes.push(Diagnostic::error(message, span).label(label).help(help));
    }

    /// The statement that is meant; says where there is none.
    fn statement(&mut self, mention: &Mention) -> Option<usize> {
        let found = statement(self.scop, mention);
        found.map_err(|mistake| self.mistakes.push(*mistake)).ok()
    }

    fn of(&self, statement: usize) -> &Statement {
        &self.scop.statements[statement]
    }

    /// Says which statements run nowhere.
    fn unplaced(&mut self, last: Option<&Group>) {
        let runs = |s: &usize| !self.of(*s).domain.is_empty().unwrap_or(false);
        let missing: Vec<String> = (0..self.read.statements.len())
            .filter(|&s| self.read.statements[s].is_none())
            .filter(runs)
            .map(|s| format!("`{}`", name(self.scop, s)))
            .collect();
        if let Some((first, others)) = missing.split_first() {
            let more = if others.is_empty() { String::new() } else { format!(" and {} more", others.len()) };
            let help = format!("let each statement stand in one group: {}", missing.join(", "));
            let end = last.map_or(0, |group| group.span.end);
            let span = Span { start: end.saturating_sub(1), end };
            self.refuse(format!("no group runs {first}{more}"), span, "the last group ends", help);
        }
    }
}

/// The statement that a text means.
///
/// # Errors
/// That there is none, or more than one.
pub fn statement(scop: &Scop, mention: &Mention) -> Result<usize, Box<Diagnostic>> {
    let parts: Vec<usize> = (0..scop.statements.len()).filter(|&s| scop.statements[s].label == mention.label).collect();
    let refuse = |message: String, help: String| Err(Box::new(Diagnostic::error(message, mention.span).help(help)));
    match (&parts[..], mention.part) {
        ([], _) => {
            let known: Vec<String> = (0..scop.statements.len().min(40)).map(|s| name(scop, s)).collect();
            let more = if known.len() < scop.statements.len() { " .." } else { "" };
            let help = format!("its statements are {}{more}: is this a schedule of another program?", known.join(", "));
            refuse(format!("the program has no statement `{}`", mention.label), help)
        }
        ([only], None) => Ok(*only),
        (_, None) => {
            let names: Vec<String> = parts.iter().map(|&s| format!("`{}`", name(scop, s))).collect();
            refuse(
                format!("`{}` is in {} parts", mention.label, parts.len()),
                format!("name one: {}", names.join(", ")),
            )
        }
        (_, Some(part)) => match usize::try_from(part).ok().and_then(|part| parts.get(part.checked_sub(1)?)) {
            Some(&found) => Ok(found),
            None => {
                let help = format!("there are {}, counted from 1; a `split` of a loop makes two of one", parts.len());
                refuse(format!("`{}` has no part {part}", mention.label), help)
            }
        },
    }
}
