//! polyfuse: fuses, tiles and stages affine loop nests so that few bytes cross to DRAM.
//!
//! # The line
//!
//! ```text
//! text ─parse→ Program ─resolve→ Program ─extract→ Scop ─dependences→ Dependences
//!                                                   └──── decide ◄───────┘
//!                                                           │
//!                                                        Schedule ─stage→ Staging ─to_program→ Program ─print→ text
//!                                                                                                ├─count→ Counts
//!                                                                                                └─to_c→ C
//! ```
//!
//! [`optimize`] is this line. What polyfuse prints is the language that it reads, plus `scratch`, `load` and `store`: one tree
//! ([`lang::ast`]), one printer and one interpreter serve both ends, so "is it right?" is *run both and compare*, and "is it
//! better?" is *count both*.
//!
//! A program of which instances are dead is also decided without them ([`poly::Liveness`]), and the better outcome counts; that they are dead is
//! proven once more from the dependences of both programs ([`check::liveness`]).
//!
//! A program that moves more than its arrays hold is rewritten and goes down the line again, and the better outcome counts: loops
//! whose iterators stand in indices that round run over blocks of values and inside them ([`poly::strip`]), diagonals and
//! unrelated parts of a nest run in loops of their own ([`poly::peel`], [`poly::part`]), temps that are filled anew get an element for each
//! use and iteration ([`poly::expand`]), factorisations in place and triangular solves run in blocks ([`poly::block`]), and loops are
//! split where a part of an array can stay that does not fit as a whole ([`schedule::split`] finds them, [`poly::split`] does it). Nests run in
//! slabs of rows that compute their edges twice, where that saves bytes ([`schedule::overlap`] finds them, [`poly::overlap`] does it). Where a rewritten program runs the same instances, it has the
//! dependences of the program that it was made of, under new names.
//!
//! Nests inside one loop, over batches or time steps or rows, are decided twice: as one band, and each iteration like a program of its own,
//! down the same line from groups to buffers.
//!
//! [`apply`] is the line with the decisions of a text ([`replay`]) in the place of `decide`. They are asked whether they are legal and fit, and are
//! refused in the user's words.
//!
//! # The layers
//!
//! The modules stand in the order in which data meets them; each uses only those above it.
//!
//! | module | answers |
//! |---|---|
//! | [`lang`] | What does a text say, and what is wrong with it? |
//! | [`machine`] | How large is the scratchpad? |
//! | [`isl`] | Sets and relations of integer points; the only place that knows isl, and all unsafe code |
//! | [`ilp`] | The best integers under linear rows; the only place that knows a solver |
//! | [`poly`] | Which instances run, what do they touch, which depends on which? |
//! | [`schedule`] | Which loops run together, in which tiles, and where does each array wait? |
//! | [`replay`] | How is a schedule written down for a person, and read back? |
//! | [`staging`] | What crosses between DRAM and the scratchpad, when, and where does it lie? |
//! | [`emit`] | How is all that written as a program, and as C? |
//! | [`count`] | How much does a program do and move? |
//! | [`timeline`] | How long does a program take? A model |
//! | [`run`] | What does a program compute? |
//! | [`check`] | Is the outcome right? Shares nothing with `schedule` but the types of a schedule |
//! | [`report`] | What is said about it? |
//!
//! Beside the line stands what runs it several times: [`Sweep`] over capacities, [`explain`] over what was not chosen.
//!
//! What is absent on purpose: nothing but `isl` names the isl binding and nothing but `ilp` a solver; nothing in `schedule::search`
//! knows sets or programs, only plain integers; `count`, `run` and `check` do not know how a schedule was found; no result
//! depends on a clock, a hash order or the load of the machine.
//!
//! # Glossary
//!
//! - *statement instance*: one execution of an assignment, named by its iterators (Feautrier 1991).
//! - *iteration domain*: the set of a statement's instances.
//! - *access relation*: from instances to the elements that they touch.
//! - *dependence*: from an instance to a later one that touches the same element: flow (write, read), anti (read, write),
//!   output (write, write); *value-based* when no write lies between.
//! - *reduction*: the instances of one `op=` on one element; any order gives the same value (Doerfert et al. 2015).
//! - *recurrence*: statements of a loop that wait for themselves in earlier iterations (Kennedy and Allen 1987).
//! - *live-in*, *live-out*: values from before the program, values that stay at its end.
//! - *dead*: an instance whose value is neither live-out nor read by an instance that is not dead.
//! - *nest*: a top-level statement of the program.
//! - *group*: nests that run together.
//! - *band*: loops that all statements of a group share, each of which may be tiled (Bondhugula et al. 2008).
//! - *shift*: a constant by which a statement runs later along a loop than another.
//! - *time skewing*: rows run later by a constant for each step of time, so that tiles of several steps are legal (Wonnacott 2000).
//! - *strip*: a block of a dimension that drifts with time as skewed rows do.
//! - *overlapped tiling*: tiles that compute what they need of their neighbours themselves (Krishnamoorthy et al. 2007); *slabs* are such
//!   tiles of rows.
//! - *index-set splitting*: one loop as two, one after the other (Griebl, Feautrier and Lengauer 2000).
//! - *strip-mining*: one loop as two, over blocks of values and over the values in a block (Loveman 1977).
//! - *expansion*: an element of a temp for each iteration that fills it (Feautrier 1988).
//! - *tile loop*: a loop over blocks of values; *point loop*: a loop inside a block (Wolf and Lam 1991).
//! - *schedule tree*: the order of all instances as nested loops and sequences (Verdoolaege et al. 2014).
//! - *scratchpad*: on-chip memory that software fills and empties; *buffer*: an array in it.
//! - *scope*: the loops in one iteration of which a buffer serves; *footprint*: the elements touched there.
//! - *box hull*: the smallest box around a footprint, which a buffer holds.
//! - *ring*: a buffer that keeps a sliding window, its indices modulo its size.
//! - *resident*: on chip from its first use to its last, across groups; *spill*: to DRAM between two uses.
//! - *peak*: the largest sum of live buffers; *arena*: what holds all buffers at fixed offsets.
//! - *run*: bytes of a transfer that lie in DRAM without a gap.
//! - *compulsory bytes*: what any schedule moves: inputs read once, outputs written once.

pub mod check;
pub mod count;
pub mod emit;
mod explain;
pub mod ilp;
pub mod isl;
pub mod lang;
pub mod machine;
mod optimize;
pub mod poly;
pub mod replay;
pub mod report;
pub mod run;
pub mod schedule;
pub mod staging;
mod sweep;
mod threads;
pub mod timeline;

pub use explain::{Explanation, explain};
pub use optimize::{Analysed, Failure, Optimized, Options, apply, dependences, optimize, optimize_analysed, warnings};
pub use sweep::{Sweep, Swept};
pub use threads::STACK_BYTES;
