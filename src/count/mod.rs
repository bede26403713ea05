//! How many?
