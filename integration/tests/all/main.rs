//! One binary for all tests of this crate.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]
#![allow(clippy::print_stdout, reason = "figures of a run belong into its output")]

mod again;
mod cases;
mod coordinator;
mod dependent;
mod failover;
mod frozen;
mod held;
mod left_behind;
mod logic;
mod named_tests;
mod orphans;
mod path;
mod rehydration;
mod schedules;
mod silence;
mod slow_worker;
mod stop;
mod sub_workflow;
mod support;
mod tidy;
mod timeline;
mod trouble;
