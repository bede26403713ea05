//! How is a schedule with its staging written down? As a program of the scheduled level.

mod loops;
mod names;
mod program;
mod sum;

pub use program::emit;
