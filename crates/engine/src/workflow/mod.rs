//! The workflow machine: one per running workflow instance.
//!
//! `decide` reads the machine and a run of events and returns a [`Step`]; `apply` makes the step true in memory after the
//! store has committed its writes. Nothing else changes a machine. What it refuses to know: fences, row ids before they
//! exist, how a frame looks, what time it is.

mod alerts;
mod backfill;
mod cells;
mod decide;
mod draft;
pub mod effect;
pub mod event;
mod flow;
mod machine;
pub mod node;
mod rows;
mod rules;
mod step;
mod support;
mod var_pool;
mod view;
pub mod write;

use draft::Draft;
pub use effect::{Effect, Timer};
pub use event::{Event, ExecutorEvent, ExecutorEventKind};
pub use machine::{MachineError, WorkflowMachine};
pub use node::{Node, Phase, Stage};
pub use rows::recovered as recovered_row;
pub use rules::Rules;
pub use step::{Counts, Delta, Refusal, Step};
pub use view::{MachineView, TaskView};
pub use write::{TIMEOUT_SETTLED, TaskChange, Write};

/// A node of the execution graph: index into the machine's node table. Stable for the life of the machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodeId(pub u32);

impl NodeId {
    /// Its place in a table of nodes.
    #[must_use]
    pub const fn index(self) -> usize {
        self.0 as usize
    }
}

#[cfg(test)]
pub(crate) mod tests;
