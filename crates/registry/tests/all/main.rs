//! The contract of a registry, and what each implementation adds to it.
#![allow(clippy::unwrap_used, clippy::print_stderr, clippy::print_stdout)]

mod contract;
mod embedded;
mod heartbeat;
mod holder;
mod road;
mod servers;
mod stage;
mod zookeeper;
