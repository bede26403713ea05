//! Is a program right? Checks that share no code with what they check.

pub mod compare;
