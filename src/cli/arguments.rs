//! Which words does the command line know?

use clap::{Args, Parser, Subcommand, ValueEnum};

use super::sizes::Sizes;
use polyfuse::ilp::Solver;
use polyfuse::machine::{self, parse_size};

/// Fuses, tiles and stages affine loop nests so that few bytes cross to DRAM.
#[derive(Parser)]
#[command(name = "polyfuse", version, after_help = EXAMPLES)]
pub struct Arguments {
    #[command(flatten)]
    pub manner: Manner,
    #[command(subcommand)]
    pub command: Command,
}

const EXAMPLES: &str = "Examples:
  polyfuse opt kernels/two_mm.loop
  polyfuse explain kernels/two_mm.loop --scratchpad 64KiB
  polyfuse sweep kernels/mlp.loop --scratchpad 64KiB..1MiB --steps 1";

const OPT_EXAMPLES: &str = "Examples:
  polyfuse opt kernels/gemm.loop --scratchpad 512KiB -D M=2048
  polyfuse opt kernels/gemm.loop --emit c -o gemm.c --report gemm.json
  polyfuse opt kernels/softmax.loop --scratchpad 64KiB --emit html -o softmax.html
  polyfuse opt kernels/gemm.loop kernels/mlp.loop --emit json -o .
  polyfuse opt kernels/softmax.loop --scratchpad 64KiB --emit schedule -o softmax.schedule
  polyfuse opt kernels/softmax.loop --scratchpad 64KiB --schedule softmax.schedule";

const SWEEP_EXAMPLES: &str = "Examples:
  polyfuse sweep kernels/softmax.loop
  polyfuse sweep kernels/softmax.loop --scratchpad 8KiB,64KiB..256KiB --emit csv
  polyfuse sweep kernels/softmax.loop --emit svg -o softmax.svg";

const EXPLAIN_EXAMPLES: &str = "Examples:
  polyfuse explain kernels/softmax.loop --scratchpad 64KiB
  polyfuse explain PF005
  polyfuse explain codes";

/// How polyfuse behaves in a shell.
#[derive(Args)]
pub struct Manner {
    /// When messages have colours
    #[arg(long, global = true, value_enum, default_value_t, value_name = "WHEN")]
    pub color: Color,
    /// Say errors only: no warnings, no progress
    #[arg(short, long, global = true)]
    pub quiet: bool,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Color {
    /// On a terminal, unless NO_COLOR is set
    #[default]
    Auto,
    Always,
    Never,
}

#[derive(Subcommand)]
pub enum Command {
    /// Schedule: fuse, tile, stage; print the scheduled program
    #[command(after_help = OPT_EXAMPLES)]
    Opt(Opt),
    /// Schedule for several scratchpads; print bytes against capacity
    #[command(after_help = SWEEP_EXAMPLES)]
    Sweep(Sweep),
    /// Say why nests run together or apart, and what would change it
    #[command(after_help = EXPLAIN_EXAMPLES)]
    Explain(Explain),
    /// Count a program's DRAM accesses, exactly
    Count(Count),
    /// Interpret a program on seeded inputs; print a checksum for each output
    Run(Run),
    /// Whether two programs have the same interface and results, and the second fits the machine
    Check(Check),
    /// Compare two reports
    Diff(Diff),
    /// Print a program's dependences
    Deps(Deps),
    /// List the machines built in, or print the file of one
    Machines(Machines),
    /// Lay out programs in place: indentation and spaces, comments kept
    Fmt(Fmt),
    /// Print a script that completes polyfuse's words in a shell
    Completions(Completions),
    /// Print the manual page of polyfuse or of one of its commands, for `man -l -`
    Man(Man),
}

/// What means the same in every command.
// Numbers take a hyphen, here and below, so that what is wrong with a negative one is said by its own parser.
#[derive(Args)]
pub struct Common {
    /// A machine built in, or a TOML file
    #[arg(long, value_name = "NAME|FILE.toml", default_value = machine::DEFAULT)]
    pub machine: String,
    /// Override a parameter; may be repeated
    #[arg(short = 'D', value_name = "NAME=VALUE", value_parser = parse_override)]
    pub overrides: Vec<(String, i64)>,
    /// Write there instead of stdout, whole or not at all; `-` is stdout
    #[arg(short = 'o', value_name = "FILE")]
    pub output: Option<String>,
}

/// Where one scratchpad is meant.
#[derive(Args)]
pub struct Capacity {
    /// The capacity instead of the machine's: bytes, or 64KiB, 24MiB ..
    #[arg(long, value_name = "SIZE", value_parser = parse_size, allow_hyphen_values = true)]
    pub scratchpad: Option<i64>,
}

/// How a program is scheduled.
#[derive(Args)]
pub struct Planning {
    /// How much to fuse
    #[arg(long, value_enum, default_value_t, value_name = "HOW")]
    pub fuse: Fuse,
    /// Operations that recomputing may add, as a part of the program's own
    #[arg(long, value_name = "FRACTION", default_value = "0.25")]
    #[arg(value_parser = parse_fraction, allow_hyphen_values = true)]
    pub recompute: f64,
    /// Who solves the integer programs: microlp, or highs where built in
    #[arg(long, value_name = "NAME", default_value = "microlp", value_parser = parse_solver)]
    pub solver: Solver,
    /// Multiplies the operation budgets
    #[arg(long, value_name = "N", default_value_t = 1)]
    #[arg(value_parser = clap::value_parser!(u32).range(1..), allow_hyphen_values = true)]
    pub effort: u32,
    /// Keep every reduction's order, so that floats are the source program's to the bit
    #[arg(long)]
    pub strict_fp: bool,
}

#[derive(Args)]
pub struct Opt {
    /// The program; `-` reads stdin. Several go to a folder that `-o` names
    #[arg(value_name = "FILE.loop", required_unless_present = "emit")]
    pub files: Vec<String>,
    #[command(flatten)]
    pub common: Common,
    #[command(flatten)]
    pub capacity: Capacity,
    /// What to print
    #[arg(long, value_enum, default_value_t, value_name = "FORM")]
    pub emit: Emit,
    /// Write the report there
    #[arg(long, value_name = "FILE.json")]
    pub report: Option<String>,
    /// Decide nothing: apply the decisions in this file, which `--emit schedule` wrote; `-` reads stdin
    #[arg(long, value_name = "FILE.schedule", conflicts_with = "fuse")]
    pub schedule: Option<String>,
    /// Go on, and schedule again whenever the file, or that of `--schedule`, changes
    #[arg(long)]
    pub watch: bool,
    #[command(flatten)]
    pub planning: Planning,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Emit {
    #[default]
    Loop,
    C,
    /// The C runtime header
    Rt,
    /// The report
    Json,
    /// The dependences, for Graphviz
    Dot,
    /// The decisions, for `--schedule`
    Schedule,
    /// A page with everything on it
    Html,
    /// A model of the time, for Perfetto and chrome://tracing
    Trace,
}

impl Emit {
    /// How the name of a file of this form ends.
    pub fn extension(self) -> &'static str {
        match self {
            Emit::Loop => "loop",
            Emit::C => "c",
            Emit::Rt => "h",
            Emit::Json | Emit::Trace => "json",
            Emit::Dot => "dot",
            Emit::Schedule => "schedule",
            Emit::Html => "html",
        }
    }
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Fuse {
    /// Each top-level statement by itself
    None,
    /// As much as is legal
    Max,
    /// What moves the fewest bytes
    #[default]
    Auto,
}

#[derive(Args)]
pub struct Sweep {
    /// The program; `-` reads stdin
    #[arg(value_name = "FILE.loop")]
    pub file: String,
    #[command(flatten)]
    pub common: Common,
    /// The capacities: sizes and ranges, with commas between them, as in 8KiB,16KiB..32MiB
    #[arg(long, value_name = "SIZES", default_value = "16KiB..32MiB")]
    #[arg(value_parser = super::sizes::parse_sizes, allow_hyphen_values = true)]
    pub scratchpad: Sizes,
    /// Capacities in each doubling of a range
    #[arg(long, value_name = "N", default_value_t = 2)]
    #[arg(value_parser = clap::value_parser!(u8).range(1..=16), allow_hyphen_values = true)]
    pub steps: u8,
    /// What to print
    #[arg(long, value_enum, default_value_t, value_name = "FORM")]
    pub emit: SweepEmit,
    #[command(flatten)]
    pub planning: Planning,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum SweepEmit {
    /// A table
    #[default]
    Text,
    Csv,
    Json,
    /// A picture of the curve
    Svg,
}

#[derive(Args)]
pub struct Explain {
    /// The program; `-` reads stdin; or a code of a reason, as in PF004; or `codes` for their list
    #[arg(value_name = "FILE.loop|CODE")]
    pub what: String,
    #[command(flatten)]
    pub common: Common,
    #[command(flatten)]
    pub capacity: Capacity,
    /// What to print
    #[arg(long, value_enum, default_value_t, value_name = "FORM")]
    pub emit: ExplainEmit,
    #[command(flatten)]
    pub planning: Planning,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum ExplainEmit {
    #[default]
    Text,
    Json,
}

#[derive(Args)]
pub struct Count {
    /// The program, of either level; `-` reads stdin
    #[arg(value_name = "FILE.loop")]
    pub file: String,
    #[command(flatten)]
    pub common: Common,
    #[command(flatten)]
    pub capacity: Capacity,
    /// What to print
    #[arg(long, value_enum, default_value_t, value_name = "FORM")]
    pub emit: CountEmit,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum CountEmit {
    #[default]
    Text,
    Json,
}

#[derive(Args)]
pub struct Run {
    /// The program, of either level; `-` reads stdin
    #[arg(value_name = "FILE.loop")]
    pub file: String,
    #[command(flatten)]
    pub common: Common,
    #[command(flatten)]
    pub capacity: Capacity,
}

#[derive(Args)]
pub struct Check {
    /// A program of either level; `-` reads stdin
    #[arg(value_name = "A.loop")]
    pub a: String,
    /// Another, whose buffers must fit the machine
    #[arg(value_name = "B.loop")]
    pub b: String,
    #[command(flatten)]
    pub common: Common,
    #[command(flatten)]
    pub capacity: Capacity,
}

#[derive(Args)]
pub struct Diff {
    /// A report that `--report` or `--emit json` wrote; `-` reads stdin
    #[arg(value_name = "A.json")]
    pub a: String,
    /// Another
    #[arg(value_name = "B.json")]
    pub b: String,
    /// Leave with status 1 when the second moves more bytes than the first by more than so many percent
    #[arg(long, value_name = "PERCENT", value_parser = parse_fraction, allow_hyphen_values = true)]
    pub threshold: Option<f64>,
    /// Write there instead of stdout, whole or not at all; `-` is stdout
    #[arg(short = 'o', value_name = "FILE")]
    pub output: Option<String>,
}

#[derive(Args)]
pub struct Deps {
    /// The program; `-` reads stdin
    #[arg(value_name = "FILE.loop")]
    pub file: String,
    #[command(flatten)]
    pub common: Common,
    #[command(flatten)]
    pub capacity: Capacity,
    /// What to print
    #[arg(long, value_enum, default_value_t, value_name = "FORM")]
    pub emit: DepsEmit,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum DepsEmit {
    #[default]
    Text,
    Json,
    Dot,
}

#[derive(Args)]
pub struct Machines {
    /// The machine whose file to print
    #[arg(value_name = "NAME")]
    pub name: Option<String>,
    /// Write there instead of stdout, whole or not at all; `-` is stdout
    #[arg(short = 'o', value_name = "FILE")]
    pub output: Option<String>,
}

#[derive(Args)]
pub struct Fmt {
    /// The programs, written in place where they change; `-` lays out stdin to stdout
    #[arg(value_name = "FILE.loop", required = true)]
    pub files: Vec<String>,
    /// Change nothing; list what would change, and leave with status 1 if anything would
    #[arg(long)]
    pub check: bool,
}

#[derive(Args)]
pub struct Completions {
    #[arg(value_enum)]
    pub shell: clap_complete::Shell,
}

#[derive(Args)]
pub struct Man {
    /// The command whose page to print
    #[arg(value_name = "COMMAND")]
    pub command: Option<String>,
}

fn parse_override(text: &str) -> Result<(String, i64), String> {
    let (name, value) = text.split_once('=').ok_or("expected NAME=VALUE, as in N=1024")?;
    let value = value.trim();
    match value.parse::<i64>() {
        Ok(number) if number > 0 => Ok((name.trim().to_string(), number)),
        _ => Err(format!("a parameter is a positive integer of at most 63 bits, not `{value}`")),
    }
}

fn parse_fraction(text: &str) -> Result<f64, String> {
    let fraction = text.parse::<f64>().ok().filter(|f| f.is_finite() && *f >= 0.0);
    fraction.ok_or_else(|| format!("`{text}` is no fraction: a number that is not negative, as in 0.25"))
}

fn parse_solver(text: &str) -> Result<Solver, String> {
    match text {
        "microlp" => Ok(Solver::Microlp),
        #[cfg(feature = "highs")]
        "highs" => Ok(Solver::Highs),
        #[cfg(not(feature = "highs"))]
        "highs" => Err("this polyfuse was built without highs (`cargo build --features highs`)".into()),
        _ => Err("the solvers are microlp and highs".into()),
    }
}
