//! Real ZooKeeper, MariaDB, masters and workers as child processes on loopback, and what the tests and benches need to drive
//! them. Nothing here runs in production.

#![cfg_attr(test, allow(clippy::unwrap_used))]
#![allow(
    clippy::print_stdout,
    reason = "the binaries of this crate report to a terminal"
)]

pub mod cases;
pub mod harness;
