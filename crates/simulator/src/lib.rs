//! Many masters and workers on virtual time, with faults by seed.
//!
//! The decisions are the real ones: the workflow machine, command planning, slots, dispatch queue and balancing, back-off, failover, the lease, the
//! executors of the worker. Around them stand a virtual registry, database and network, and shells that mirror the actors. What the crate guarantees:
//! the same seed gives the same run. What it refuses to know: real time, threads inside a run, the order of hash maps.

#![cfg_attr(test, allow(clippy::unwrap_used))]

pub mod chance;
pub mod checks;
pub mod clock;
mod faults;
pub mod features;
pub mod happening;
pub mod limits;
pub mod master;
pub mod network;
pub mod registry;
pub mod scenario;
pub mod store;
pub mod tally;
mod trace;
pub mod worker;
mod world;

pub use world::{Outcome, World, run};
