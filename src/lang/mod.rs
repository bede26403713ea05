//! The loop language: what a program is, how it is read and printed, and what is wrong with one.

pub mod ast;
