//! Every decision of an Orca master, as pure functions: no I/O, no clock, no randomness, no threads.
//!
//! What the crate guarantees: the same machine, event and `now` give the same step. What it refuses to know: how a
//! row is stored, how a frame is encoded, and what time it is (time is an argument).

pub mod codes;
pub mod command;
pub mod fence;
pub mod model;
pub mod time;
pub mod workflow;
