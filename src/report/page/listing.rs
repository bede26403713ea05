//! Where did each nest go? The source beside the schedule, a colour for each group.

use super::super::plot::escaped;
use super::{Page, colour};
use crate::lang::ast::{Program, Role, Stmt};

/// Both programs; what belongs to one group has one colour.
pub fn listing(page: &Page) -> String {
    format!(
        "<div class=\"panes\">\n<div><h3>Source</h3><pre tabindex=\"0\">{}</pre></div>\n<div><h3>Schedule</h3><pre tabindex=\"0\">{}</pre></div>\n</div>\n",
        source(page),
        schedule(page)
    )
}

/// Lines from the start of a nest to the start of the next one bear the colour of its group.
fn source(page: &Page) -> String {
    let starts: Vec<usize> = page.source.body.iter().map(start).collect();
    let mut html = String::new();
    let mut end = starts.first().copied().unwrap_or(page.text.len());
    html += &escaped(page.text.get(..end).unwrap_or_default());
    for (n, stmt) in page.source.body.iter().enumerate() {
        let begin = end;
        end = starts.get(n + 1).copied().unwrap_or(page.text.len());
        html += &marked(group(page, stmt), page.text.get(begin..end).unwrap_or_default());
    }
    html
}

fn schedule(page: &Page) -> String {
    let arrays = Program { arrays: page.program.arrays.clone(), ..Program::default() };
    let buffers = arrays.arrays.iter().filter(|a| a.role == Role::Scratch).count();
    let mut html = escaped(&arrays.to_string()) + if buffers > 0 { "\n" } else { "" };
    let mut begin = 0;
    for (group, &end) in page.ends.iter().enumerate() {
        let body = page.program.body.get(begin..end).unwrap_or_default().to_vec();
        html += &marked(Some(group), &Program { body, ..Program::default() }.to_string());
        begin = end;
    }
    html
}

fn marked(group: Option<usize>, text: &str) -> String {
    match group {
        None => escaped(text),
        Some(group) => format!(
            "<span class=\"group {}\" data-group=\"{group}\" title=\"group {group}\">{}</span>",
            colour(group),
            escaped(text)
        ),
    }
}

/// The group that holds a nest's first statement.
fn group(page: &Page, nest: &Stmt) -> Option<usize> {
    let label = first_label(nest)?;
    page.report.groups.iter().position(|g| g.statements.contains(&label))
}

fn first_label(stmt: &Stmt) -> Option<String> {
    match stmt {
        Stmt::For(f) => f.body.iter().find_map(first_label),
        Stmt::If(i) => i.then.iter().chain(&i.orelse).find_map(first_label),
        Stmt::Assign(assign) => assign.label.as_ref().map(|label| label.to_string()),
        Stmt::Transfer(_) => None,
    }
}

fn start(stmt: &Stmt) -> usize {
    let span = match stmt {
        Stmt::For(f) => f.span,
        Stmt::If(i) => i.span,
        Stmt::Assign(assign) => assign.span,
        Stmt::Transfer(transfer) => transfer.span,
    };
    span.start as usize
}
