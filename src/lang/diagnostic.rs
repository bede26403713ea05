//! How does a user see what is wrong with a program? The place, the text underlined, the mistake and a way out.
//!
//! A diagnostic is plain data and does no I/O. Its severity alone decides whether polyfuse goes on.

use annotate_snippets::renderer::Renderer;
use annotate_snippets::{AnnotationKind, Group, Level, Snippet};

use super::ast::Span;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    Error,
    Warning,
}

/// One thing that is wrong with, or doubtful in, a source text.
#[derive(Clone, Debug, PartialEq)]
pub struct Diagnostic {
    pub severity: Severity,
    /// What is wrong, without its place.
    pub message: String,
    /// The bytes to underline; an empty span underlines one column.
    pub span: Span,
    /// What to write beside the underlined text; may be empty.
    pub label: String,
    /// What the user can do about it.
    pub help: Option<String>,
}

impl Diagnostic {
    pub fn error(message: impl Into<String>, span: Span) -> Diagnostic {
        Diagnostic { severity: Severity::Error, message: message.into(), span, label: String::new(), help: None }
    }

    pub fn warning(message: impl Into<String>, span: Span) -> Diagnostic {
        Diagnostic { severity: Severity::Warning, ..Diagnostic::error(message, span) }
    }

    /// The same diagnostic with a label beside the underlined text.
    pub fn label(self, label: impl Into<String>) -> Diagnostic {
        Diagnostic { label: label.into(), ..self }
    }

    /// The same diagnostic with a way out.
    pub fn help(self, help: impl Into<String>) -> Diagnostic {
        Diagnostic { help: Some(help.into()), ..self }
    }

    pub fn is_error(&self) -> bool {
        self.severity == Severity::Error
    }

    /// The diagnostic as text of several lines: `file:line:column`, the source line underlined, the label and the help.
    ///
    /// `text` is what the span counts bytes of; `colour` asks for terminal escapes. A span outside `text` is moved into it.
    pub fn render(&self, file: &str, text: &str, colour: bool) -> String {
        let excerpt = Excerpt::of(text, self.span);
        let level = match self.severity {
            Severity::Error => Level::ERROR,
            Severity::Warning => Level::WARNING,
        };
        let underlined = AnnotationKind::Primary.span(excerpt.start..excerpt.end).label(self.label.as_str());
        let snippet = Snippet::source(excerpt.lines).line_start(excerpt.first_line).path(file).annotation(underlined);
        let mut group = Group::with_title(level.primary_title(self.message.as_str())).element(snippet);
        if let Some(help) = &self.help {
            group = group.element(Level::HELP.message(help.as_str()));
        }
        let renderer = if colour { Renderer::styled() } else { Renderer::plain() };
        renderer.render(&[group])
    }
}

/// The lines of a text that a span touches. The renderer sees these alone, so that its cost does not grow with the file.
struct Excerpt<'t> {
    lines: &'t str,
    /// The number of the first of `lines`, from 1.
    first_line: usize,
    /// The span, in bytes of `lines`.
    start: usize,
    end: usize,
}

impl Excerpt<'_> {
    fn of(text: &str, span: Span) -> Excerpt<'_> {
        let start = boundary(text, span.start as usize);
        let end = boundary(text, span.end as usize).max(start);
        let from = text[..start].rfind('\n').map_or(0, |newline| newline + 1);
        let to = text[end..].find('\n').map_or(text.len(), |newline| end + newline);
        Excerpt {
            lines: &text[from..to],
            first_line: 1 + text[..from].bytes().filter(|&b| b == b'\n').count(),
            start: start - from,
            end: end - from,
        }
    }
}

/// The last place at or before byte `at` where a character starts.
fn boundary(text: &str, at: usize) -> usize {
    let mut at = at.min(text.len());
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    at
}
