//! Every decision of an Orca master, as pure functions: no I/O, no clock, no randomness, no threads.
//!
//! What the crate guarantees: the same machine, event and `now` give the same step. What it refuses to know: how a
//! row is stored, how a frame is encoded, and what time it is (time is an argument).

#![cfg_attr(test, allow(clippy::unwrap_used))]

pub mod backoff;
pub mod balancing;
pub mod codes;
pub mod command;
pub mod command_param;
pub mod context;
pub mod coordinator;
pub mod cron;
pub mod dispatch_queue;
pub mod failover;
pub mod fence;
pub mod graph;
pub mod invariants;
pub mod limits;
pub mod logic;
pub mod model;
pub mod orphan;
pub mod params;
pub mod schedule;
pub mod slots;
pub mod stray_report;
pub mod time;
pub mod worker_groups;
pub mod workflow;
pub mod zone;
