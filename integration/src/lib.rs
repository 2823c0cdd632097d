//! Real ZooKeeper, MariaDB, masters and workers as child processes on loopback, and what the tests and benches need to drive
//! them. Nothing here runs in production.

#![allow(
    clippy::print_stdout,
    reason = "the binaries of this crate report to a terminal"
)]

pub mod harness;
