//! The workflow machine: one per running workflow instance.
//!
//! `decide` reads the machine and an event and returns a [`Step`]; `apply` makes the step true in memory after the
//! store has committed its writes. Nothing else changes a machine.

pub mod effect;
pub mod event;
pub mod write;

pub use effect::{Effect, Timer};
pub use event::{Event, ExecutorEvent, ExecutorEventKind};
pub use write::{TaskChange, Write};

/// A node of the execution graph: index into the machine's node table. Stable for the life of the machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodeId(pub u32);
