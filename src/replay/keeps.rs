//! Which accesses go through which buffers, as a text says?

use super::{Reader, name};
use crate::lang::Diagnostic;
use crate::lang::ast::Span;
use crate::lang::decisions::{self, Keep};
use crate::poly::Scop;
use crate::schedule::tree::{BufferSpec, Scope, User};

/// The accesses of a statement to an array, all or those named.
///
/// # Errors
/// That it has none, or not those.
pub fn accesses(
    scop: &Scop,
    user: &decisions::User,
    statement: usize,
    array: usize,
) -> Result<Vec<usize>, Box<Diagnostic>> {
    let own = &scop.statements[statement].accesses;
    let label = name(scop, statement);
    let all: Vec<usize> = (0..own.len()).filter(|&a| own[a].array == array).collect();
    if all.is_empty() {
        let message = format!("`{label}` does not touch `{}`", scop.arrays[array].name);
        return Err(Box::new(Diagnostic::error(message, user.statement.span).help("leave it out")));
    }
    let mut accesses = Vec::new();
    for named in &user.accesses {
        let meant: Vec<usize> = all.iter().copied().filter(|&a| own[a].source == *named).collect();
        if meant.is_empty() {
            let known: Vec<String> = all.iter().map(|&a| format!("`{}`", own[a].source)).collect();
            let help = format!("its accesses to this array are {}", known.join(", "));
            let message = format!("`{label}` has no access `{named}`");
            return Err(Box::new(Diagnostic::error(message, named.span).help(help)));
        }
        accesses.extend(meant.into_iter().filter(|a| !accesses.contains(a)).collect::<Vec<_>>());
    }
    Ok(if user.accesses.is_empty() { all } else { accesses })
}

impl Reader<'_> {
    /// Takes a buffer of a group, or of the whole program.
    pub(super) fn keep(&mut self, keep: &Keep, group: Option<usize>) {
        let Some(array) = self.scop.arrays.iter().position(|a| a.name == keep.array) else {
            let help = "`keep` is followed by the name of one of its arrays".into();
            return self.refuse(format!("the program has no array `{}`", keep.array), keep.span, "", help);
        };
        let users: Option<Vec<User>> = keep.users.iter().map(|user| self.user(user, array, group)).collect();
        let Some(users) = users else { return };
        let scope = match (group, keep.depth) {
            (None, None) => Scope::Program,
            (None, Some(_)) => {
                let help = "put it into the group whose loops are meant, or leave the number out".into();
                return self.refuse("a buffer of the whole program is in no loop".into(), keep.span, "", help);
            }
            (Some(_), depth) => {
                let shared = self.read.schedule.shared_loops(&users);
                match usize::try_from(depth.unwrap_or(0)).ok().filter(|depth| *depth <= shared) {
                    Some(depth) => Scope::Loops { depth },
                    None => {
                        let all: Vec<String> = users.iter().map(|u| name(self.scop, u.statement)).collect();
                        let message = match shared {
                            0 => format!("{} share no loop", all.join(", ")),
                            1 => format!("there is 1 loop around {}", all.join(", ")),
                            _ => format!("there are {shared} loops around {}", all.join(", ")),
                        };
                        let help = "at most so many, counted from the outermost; or a `keep` for each statement";
                        return self.refuse(message, keep.span, "in too many loops", help.into());
                    }
                }
            }
        };
        self.read.schedule.buffers.push(BufferSpec { array, users, scope });
        self.read.keeps.push(keep.span);
    }

    /// The accesses of a statement to an array, all or those named.
    fn user(&mut self, user: &decisions::User, array: usize, group: Option<usize>) -> Option<User> {
        let mention = &user.statement;
        let statement = self.statement(mention)?;
        let label = name(self.scop, statement);
        let runs_in = self.read.schedule.path(statement).map(|(g, _)| g);
        if runs_in.is_none() || group.is_some() && runs_in != group {
            let help = "a `keep` in a group is for statements of that group; each group has its own".into();
            self.refuse(format!("`{label}` does not run in this group"), mention.span, "", help);
            return None;
        }
        let scop = self.scop;
        let accesses = match accesses(scop, user, statement, array) {
            Ok(accesses) => accesses,
            Err(mistake) => {
                self.mistakes.push(*mistake);
                return None;
            }
        };
        let is_taken = |spec: &BufferSpec| {
            let shares = |u: &User| u.statement == statement && u.accesses.iter().any(|a| accesses.contains(a));
            spec.users.iter().any(shares)
        };
        if self.read.schedule.buffers.iter().any(is_taken) {
            let message = format!("`{label}` has another buffer for `{}`", scop.arrays[array].name);
            self.refuse(
                message,
                mention.span,
                "",
                "each access goes through one buffer: remove it here or there".into(),
            );
            return None;
        }
        Some(User { statement, accesses })
    }

    /// Says which accesses go through no buffer.
    pub(super) fn unkept(&mut self) {
        if !self.mistakes.is_empty() {
            return;
        }
        let mut missing: Vec<(String, Span, usize, usize)> = Vec::new();
        for (s, place) in self.read.statements.iter().enumerate() {
            let Some(span) = *place else { continue };
            for (a, access) in self.of(s).accesses.iter().enumerate() {
                let holds = |u: &User| u.statement == s && u.accesses.contains(&a);
                if !self.read.schedule.buffers.iter().any(|spec| spec.users.iter().any(holds)) {
                    missing.push((access.source.to_string(), span, access.array, s));
                }
            }
        }
        for (access, span, array, statement) in missing {
            let (array, label) = (self.scop.arrays[array].name.clone(), name(self.scop, statement));
            let message = format!("no `keep` has room for `{access}` of `{label}`");
            let help = format!(
                "statements compute in the scratchpad: name `{label}` in a `keep {array} for ..;` of its group"
            );
            self.refuse(message, span, "", help);
        }
    }
}
