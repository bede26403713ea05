//! Is the outcome right? Asked by code that shares nothing with the optimiser but its types.

pub mod legality;

pub mod compare;
