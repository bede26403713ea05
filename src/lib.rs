//! polyfuse: fuses, tiles and stages affine loop nests so that few bytes cross to DRAM.

pub mod check;
pub mod count;
pub mod emit;
pub mod lang;
pub mod machine;
pub mod report;
pub mod run;
pub mod schedule;

use emit::Placement;
use lang::Diagnostic;
use lang::ast::Program;
use machine::Machine;
use report::Report;

/// How much to fuse.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Fuse {
    /// Each top-level statement by itself; nothing stays on the chip between them.
    None,
    /// As much as is legal.
    Max,
    /// What moves the fewest bytes.
    #[default]
    Auto,
}

/// Who solves the integer programs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Solver {
    #[default]
    Microlp,
    /// Where built in.
    Highs,
}

/// What a schedule is asked to be.
#[derive(Clone, Debug, PartialEq)]
pub struct Options {
    /// The stem of the file's name.
    pub kernel: String,
    /// The file's name, for places in remarks.
    pub file: String,
    pub machine: Machine,
    /// What the buffers may take together: the machine's, or less or more.
    pub capacity_bytes: i64,
    pub fuse: Fuse,
    /// Operations that recomputing may add, as a part of the program's own; at least 0.
    pub recompute: f64,
    pub solver: Solver,
    /// Multiplies the operation budgets; at least 1.
    pub effort: u32,
}

/// A scheduled program and what is known of it.
#[derive(Clone, Debug)]
pub struct Optimized {
    /// Of the scheduled level, resolved.
    pub program: Program,
    pub placement: Placement,
    pub report: Report,
    pub warnings: Vec<Diagnostic>,
    /// The groups and what flows between them, for Graphviz.
    pub dot: String,
}

/// Why there is no schedule.
#[derive(Clone, Debug, PartialEq)]
pub enum Failure {
    /// The program is at fault.
    Input(Vec<Diagnostic>),
    /// No schedule stays within the scratchpad. `table`: what needs how much, ready to print.
    DoesNotFit { smallest_bytes: i64, table: String },
    /// polyfuse is at fault. `reproducer`: what else is known, ready to print; may be empty.
    Fault { what: String, reproducer: String },
}

/// Schedules a program as parsed, with the parameters of `overrides` before its own.
///
/// # Errors
/// Mistakes in the program, a scratchpad that is too small, or a fault of polyfuse.
pub fn optimize(parsed: &Program, overrides: &[(String, i64)], _options: &Options) -> Result<Optimized, Failure> {
    lang::resolve(parsed, overrides).map_err(Failure::Input)?;
    if let Some(span) = scheduled_at(parsed) {
        let mistake =
            Diagnostic::error("the program is scheduled already", span).label("only scheduled programs have this");
        return Err(Failure::Input(vec![mistake.help("give `opt` the program that this one was made from")]));
    }
    Err(Failure::Fault { what: "scheduling is not built yet".into(), reproducer: String::new() })
}

/// The first thing in a program that only the scheduled level has.
fn scheduled_at(program: &Program) -> Option<lang::ast::Span> {
    use lang::ast::Stmt;
    fn transfer(body: &[Stmt]) -> Option<lang::ast::Span> {
        body.iter().find_map(|stmt| match stmt {
            Stmt::Transfer(t) => Some(t.span),
            Stmt::For(f) => transfer(&f.body),
            Stmt::If(i) => transfer(&i.then).or_else(|| transfer(&i.orelse)),
            Stmt::Assign(_) => None,
        })
    }
    let scratch = program.arrays.iter().find(|a| a.role == lang::ast::Role::Scratch);
    scratch.map(|a| a.span).or_else(|| transfer(&program.body))
}
